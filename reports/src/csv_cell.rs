//! A text as a field of CSV that other programs open.

use hexperiment_diagnostics::printable;

/// What a spreadsheet takes for the beginning of a formula.
const FORMULA: [char; 4] = ['=', '+', '-', '@'];

/// The text without what a terminal would obey, but with its lines; one that a spreadsheet would compute stands
/// behind an apostrophe, as spreadsheets themselves write text. A number is none.
pub(crate) fn safe(text: &str) -> String {
    let shown = printable::lines(text);
    if shown.starts_with(FORMULA) && shown.parse::<f64>().is_err() {
        format!("'{shown}")
    } else {
        shown.into_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formulas_are_text() {
        for (text, expected) in [
            (
                "=HYPERLINK(\"http://example.org\")",
                "'=HYPERLINK(\"http://example.org\")",
            ),
            ("@SUM(A1)", "'@SUM(A1)"),
            ("+1+1", "'+1+1"),
            ("-cmd", "'-cmd"),
            ("-3.5", "-3.5"),
            ("-1e-9", "-1e-9"),
            ("+2", "+2"),
            ("paillier", "paillier"),
            ("a=b", "a=b"),
            ("", ""),
            ("two\nlines\u{1b}", "two\nlines\\u{1b}"),
        ] {
            assert_eq!(safe(text), expected);
        }
    }
}
