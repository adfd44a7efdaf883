//! CSV files that a spreadsheet opens without obeying them.
//!
//! A field that begins with `=`, `+`, `-`, `@`, a tab or a carriage return is a formula to a spreadsheet. Names
//! and timestamps come from files of others: what is no number gets an apostrophe before it then.

use hexperiment_data::export::field;

/// A field, in quotes where it must be.
pub(crate) fn safe_field(text: &str) -> String {
    let starts = text.starts_with(['=', '+', '-', '@', '\t', '\r', '\n']);
    let is_number = text.parse::<f64>().is_ok_and(f64::is_finite);
    if starts && !is_number {
        return field(&format!("'{text}"));
    }
    field(text)
}

/// A line of fields, with its end.
pub(crate) fn line<'a>(fields: impl IntoIterator<Item = &'a str>) -> String {
    let safe: Vec<String> = fields.into_iter().map(safe_field).collect();
    safe.join(",") + "\n"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formulas_are_texts_and_numbers_remain_numbers() {
        for (text, expect) in [
            ("=1+1", "'=1+1"),
            ("+49 30", "'+49 30"),
            ("-2.5", "-2.5"),
            ("-2.5e-7", "-2.5e-7"),
            ("-inf", "'-inf"),
            ("@SUM(A1)", "'@SUM(A1)"),
            ("\t=1", "'\t=1"),
            ("-cmd|'/c calc'!A1", "'-cmd|'/c calc'!A1"),
            (
                "=HYPERLINK(\"http://x\",\"y\")",
                "\"'=HYPERLINK(\"\"http://x\"\",\"\"y\"\")\"",
            ),
            ("19/07/2008 11:55", "19/07/2008 11:55"),
            ("a,b", "\"a,b\""),
        ] {
            assert_eq!(safe_field(text), expect);
        }
        assert_eq!(line(["a", "=b", "-1"]), "a,'=b,-1\n");
    }
}
