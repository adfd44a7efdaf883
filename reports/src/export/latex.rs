//! A table in LaTeX: `booktabs`, and nothing else that is not in every distribution.

use std::fmt::Write as _;

use hexperiment_diagnostics::printable;

use super::table;
use crate::Shown;
use crate::grid::Column;

/// Columns for which a page of text has no room; the tables in Markdown and CSV have them.
const SPARED: [&str; 3] = [
    "95 % interval (ms)",
    "Client memory (MiB)",
    "Server memory (MiB)",
];

/// The table of a run as a `table` with its caption and label; a document that takes it up uses the
/// package `booktabs`, and the class's own `tabular`.
pub fn latex_table(shown: &Shown<'_>) -> String {
    let mut columns = table::columns(shown.rows);
    columns.retain(|column| !SPARED.contains(&column.head.as_str()));
    let form: String = columns
        .iter()
        .map(|c| if c.is_number { 'r' } else { 'l' })
        .collect();
    let mut text = String::from("% \\usepackage{booktabs}\n\\begin{table}\n  \\centering\n");
    // Writing to a string cannot fail, here and below.
    let _ = writeln!(text, "  \\caption{{{}}}", escaped(&table::caption(shown)));
    let _ = writeln!(
        text,
        "  \\label{{tab:{}}}",
        label(&shown.records.run.experiment)
    );
    let _ = writeln!(
        text,
        "  \\footnotesize\\setlength{{\\tabcolsep}}{{3pt}}\n  \\makebox[\\linewidth]{{\n  \\begin{{tabular}}{{@{{}}{form}@{{}}}}\n    \\toprule"
    );
    // The box is as wide as the text: a table that is wider stands out on both sides alike. Units stand below
    // names, so that heads are no wider than figures.
    let heads = || columns.iter().map(|column| split_head(&column.head));
    line(&mut text, heads().map(|(name, _)| escaped(name)));
    if heads().any(|(_, unit)| !unit.is_empty()) {
        line(&mut text, heads().map(|(_, unit)| escaped(unit)));
    }
    text.push_str("    \\midrule\n");
    let rows = columns
        .iter()
        .map(|column| column.cells.len())
        .max()
        .unwrap_or(0);
    for row in 0..rows {
        line(&mut text, columns.iter().map(|column| cell(column, row)));
    }
    text.push_str("    \\bottomrule\n  \\end{tabular}\n  }\n\\end{table}\n");
    text
}

/// The name of a column, and its unit in brackets.
fn split_head(head: &str) -> (&str, &str) {
    match head.rfind(" (") {
        Some(place) => (&head[..place], &head[place + 1..]),
        None => (head, ""),
    }
}

fn line(text: &mut String, cells: impl Iterator<Item = String>) {
    let cells: Vec<String> = cells.collect();
    let _ = writeln!(text, "    {} \\\\", cells.join(" & "));
}

fn cell(column: &Column, row: usize) -> String {
    match column.cells.get(row).map(String::as_str) {
        None | Some("") if column.is_number => "--".into(),
        None => String::new(),
        Some(text) if column.is_number => number(text),
        Some(text) => escaped(text),
    }
}

/// Numbers as mathematics, so that a minus is one, and powers of ten as such; other words as they are.
fn number(text: &str) -> String {
    if text.parse::<f64>().is_err() {
        let parts: Vec<&str> = text.split(" to ").collect();
        return match parts.as_slice() {
            [low, high] if low.parse::<f64>().is_ok() && high.parse::<f64>().is_ok() => {
                format!("{}--{}", number(low), number(high))
            }
            _ => escaped(text),
        };
    }
    match text.split_once('e') {
        Some((mantissa, exponent)) => format!("${mantissa}\\times10^{{{exponent}}}$"),
        None if text.starts_with('-') => format!("${text}$"),
        None => text.to_owned(),
    }
}

/// Text that LaTeX sets as it is, on one line.
fn escaped(text: &str) -> String {
    let words: Vec<&str> = text.split_whitespace().collect();
    let mut out = String::new();
    for c in printable::line(&words.join(" ")).chars() {
        match c {
            '&' | '%' | '$' | '#' | '_' | '{' | '}' => out.extend(['\\', c]),
            '\\' => out.push_str("\\textbackslash{}"),
            '~' => out.push_str("\\textasciitilde{}"),
            '^' => out.push_str("\\textasciicircum{}"),
            '<' => out.push_str("\\textless{}"),
            '>' => out.push_str("\\textgreater{}"),
            '|' => out.push_str("\\textbar{}"),
            '"' => out.push_str("''"),
            // Behind the end of a line these would be its options.
            '[' | '*' => out.extend(['{', c, '}']),
            c => out.push(c),
        }
    }
    out
}

/// A name that `\ref` takes.
fn label(name: &str) -> String {
    let kept = |c: char| if c.is_ascii_alphanumeric() { c } else { '-' };
    name.chars().map(kept).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_set_as_it_is() {
        assert_eq!(
            escaped("50 % of a_b & {c} #1 $x"),
            "50 \\% of a\\_b \\& \\{c\\} \\#1 \\$x"
        );
        assert_eq!(
            escaped("a\\b ~^<|>"),
            "a\\textbackslash{}b \\textasciitilde{}\\textasciicircum{}\\textless{}\\textbar{}\\textgreater{}"
        );
        assert_eq!(escaped("two\nlines"), "two lines");
        assert_eq!(escaped("[a] *b"), "{[}a] {*}b");
    }

    #[test]
    fn numbers_are_mathematics() {
        assert_eq!(number("1.0e-6"), "$1.0\\times10^{-6}$");
        assert_eq!(number("-3.5"), "$-3.5$");
        assert_eq!(number("12.0"), "12.0");
        assert_eq!(number("1.20 to 1.35"), "1.20--1.35");
        assert_eq!(number("transport only"), "transport only");
        assert_eq!(number("80 (insecure)"), "80 (insecure)");
    }
}
