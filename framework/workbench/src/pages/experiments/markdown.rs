//! Tables in Markdown, as the reports write them, as HTML: headings, lists, tables, paragraphs and bold words.

use maud::{Markup, html};

/// What a line is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Heading,
    Item,
    Row,
    Words,
}

fn kind(line: &str) -> Kind {
    if line.starts_with('#') {
        Kind::Heading
    } else if line.starts_with("- ") {
        Kind::Item
    } else if line.starts_with('|') {
        Kind::Row
    } else {
        Kind::Words
    }
}

/// The page's part.
pub(super) fn html(text: &str) -> Markup {
    let lines: Vec<&str> = text
        .lines()
        .filter(|line| !line.trim().is_empty())
        .collect();
    let blocks = lines.chunk_by(|a, b| kind(a) == kind(b) && kind(a) != Kind::Heading);
    html! {
        @for block in blocks {
            @match kind(block[0]) {
                Kind::Heading => h2 { (words(block[0].trim_start_matches('#').trim())) },
                Kind::Item => ul { @for line in block { li { (words(line.trim_start_matches("- "))) } } },
                Kind::Row => (table(block)),
                Kind::Words => @for line in block { p { (words(line)) } },
            }
        }
    }
}

/// Words, of which those between two stars are bold.
fn words(text: &str) -> Markup {
    html! {
        @for (place, part) in text.split("**").enumerate() {
            @if place % 2 == 1 { strong { (part) } } @else { (part) }
        }
    }
}

/// Text without the backslashes before what Markdown would take for marks.
fn plain(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut rest = text.chars();
    while let Some(c) = rest.next() {
        match c {
            '\\' => plain.extend(rest.next()),
            c => plain.push(c),
        }
    }
    plain
}

fn table(lines: &[&str]) -> Markup {
    let cells = |line: &str| -> Vec<String> {
        let inner = line.trim().trim_start_matches('|').trim_end_matches('|');
        // A bar within a cell is escaped.
        let whole = inner.replace("\\|", "\u{1}");
        whole
            .split('|')
            .map(|cell| plain(cell.trim()).replace('\u{1}', "|"))
            .collect()
    };
    let numbers: Vec<bool> = lines
        .get(1)
        .map(|line| cells(line).iter().map(|c| c.ends_with(':')).collect())
        .unwrap_or_default();
    let class = |place: usize| {
        numbers
            .get(place)
            .copied()
            .unwrap_or(false)
            .then_some("number")
    };
    html! {
        div.scroll tabindex="0" role="region" aria-label="Cells of both runs" {
            table {
                thead { tr { @for (place, cell) in lines.first().map(|l| cells(l)).unwrap_or_default().iter().enumerate() { th scope="col" class=[class(place)] { (words(cell)) } } } }
                tbody {
                    @for line in lines.iter().skip(2) {
                        tr { @for (place, cell) in cells(line).iter().enumerate() { td class=[class(place)] { (words(cell)) } } }
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_reports_write_becomes_html() {
        let text =
            "# a\n\nwords\n\n- **not** <b>\n\n| cell | ms |\n| --- | ---: |\n| x \\| y | 1 |\n";
        let expect = "<h2>a</h2><p>words</p><ul><li><strong>not</strong> &lt;b&gt;</li></ul>";
        let found = html(text).into_string();
        assert!(found.starts_with(expect), "{found}");
        assert!(
            found.contains("<th scope=\"col\" class=\"number\">ms</th>"),
            "{found}"
        );
        assert!(
            found.contains("<td>x | y</td><td class=\"number\">1</td>"),
            "{found}"
        );
    }
}
