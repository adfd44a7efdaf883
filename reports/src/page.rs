//! Markdown in the making.

use std::fmt::Write as _;

use hexperiment_diagnostics::printable;

use crate::grid::Column;

/// A page that grows.
pub(crate) struct Page(String);

impl Page {
    /// A page with a title and what it is about.
    pub(crate) fn new(title: &str, about: &str) -> Self {
        Self(format!("# {}\n\n{}\n\n", outside(title), outside(about)))
    }

    /// A part of a page.
    pub(crate) fn empty() -> Self {
        Self(String::new())
    }

    pub(crate) fn heading(&mut self, text: &str) {
        // Writing to a string cannot fail, here and below.
        let _ = write!(self.0, "## {text}\n\n");
    }

    pub(crate) fn subheading(&mut self, text: &str) {
        let _ = write!(self.0, "### {}\n\n", escaped(text));
    }

    pub(crate) fn paragraph(&mut self, text: &str) {
        let _ = write!(self.0, "{}\n\n", prose(text));
    }

    pub(crate) fn list(&mut self, items: impl Iterator<Item = String>) {
        for item in items {
            let _ = writeln!(self.0, "- {}", flat(&item));
        }
        self.0.push('\n');
    }

    /// What is said of whom, as a list.
    pub(crate) fn pairs(&mut self, items: Vec<(String, String)>) {
        self.list(items.into_iter().map(|(label, what)| match label.as_str() {
            "" => escaped(&what),
            label => format!("**{}**: {}", escaped(label), escaped(&what)),
        }));
    }

    /// A table. Lines within a cell stay lines.
    pub(crate) fn table(&mut self, columns: &[Column]) {
        let head = columns.iter().map(|c| escaped(&c.head));
        let rule = columns
            .iter()
            .map(|c| if c.is_number { "---:" } else { "---" }.to_owned());
        self.line(head);
        self.line(rule);
        let rows = columns.iter().map(|c| c.cells.len()).max().unwrap_or(0);
        for row in 0..rows {
            let cell = |c: &Column| c.cells.get(row).map_or(String::new(), |t| escaped_lines(t));
            self.line(columns.iter().map(cell));
        }
        self.0.push('\n');
    }

    fn line(&mut self, cells: impl Iterator<Item = String>) {
        let cells: Vec<String> = cells.collect();
        let _ = writeln!(self.0, "| {} |", cells.join(" | "));
    }

    /// The text, with one newline at its end.
    pub(crate) fn finish(mut self) -> String {
        self.0.truncate(self.0.trim_end().len());
        self.0.push('\n');
        self.0
    }
}

/// Text of several lines as one, with escapes for what a terminal would obey that shows the page.
pub(crate) fn flat(text: &str) -> String {
    let words: Vec<&str> = text.split_whitespace().collect();
    printable::line(&words.join(" ")).into_owned()
}

/// Text that may hold Markdown, and no HTML.
fn prose(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut before = ' ';
    for c in flat(text).chars() {
        match c {
            // A backslash of ours would be escaped by one that stands there.
            '<' if before == '\\' => out.push_str("&lt;"),
            '<' => out.push_str("\\<"),
            c => out.push(c),
        }
        before = c;
    }
    out
}

/// Prose from outside: it shows no picture, which would be fetched from wherever it names, and leads nowhere.
fn outside(text: &str) -> String {
    prose(text).replace("](", "]\\(")
}

/// Text that Markdown takes as it is, also in a table.
pub(crate) fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in flat(text).chars() {
        if matches!(c, '|' | '[' | ']' | '*' | '_' | '`' | '<' | '\\') {
            out.push('\\');
        }
        out.push(c);
    }
    out
}

/// Likewise, line by line.
fn escaped_lines(text: &str) -> String {
    text.lines().map(escaped).collect::<Vec<_>>().join("<br>")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a record says is read, and neither fetched nor run.
    #[test]
    fn texts_from_outside_hold_no_html() {
        for (text, expect) in [
            ("a < b", "a \\< b"),
            (
                "<img src=x onerror=alert(1)>",
                "\\<img src=x onerror=alert(1)>",
            ),
            ("\\<script>", "\\&lt;script>"),
            ("\\\\<script>", "\\\\&lt;script>"),
            ("`code` and *words*", "`code` and *words*"),
        ] {
            assert_eq!(prose(text), expect);
        }
        let page = Page::new("![x](https://a/x)", "[y](javascript:z) \\<b>").finish();
        assert_eq!(
            page,
            "# ![x]\\(https://a/x)\n\n[y]\\(javascript:z) \\&lt;b>\n"
        );
        assert_eq!(escaped("\\<b>|[x](y)"), "\\\\\\<b>\\|\\[x\\](y)");
    }
}
