//! What the parser of TOML complains of.
//!
//! It stands here, and not with the other complaints, because schemes compile those: they need no TOML.

use std::path::Path;

use toml::de::{DeTable, Error};

use hexperiment_diagnostics::{Complaint, line_of, printable};

/// A complaint about `text`, the contents of `file`: with the place, and what is found there where
/// the parser's words do not say it.
pub fn complaint(file: &Path, text: &str, error: &Error) -> Complaint {
    let message = error.message();
    let Some(span) = error.span() else {
        let complaint = Complaint::new(file, message);
        return match line_without_span(text) {
            Some(line) => complaint.at_line(line),
            None => complaint,
        };
    };
    let found = text.get(span.clone()).unwrap_or_default();
    let found = found.lines().next().unwrap_or_default().trim();
    let message = if found.is_empty() || message.contains(&format!("`{found}`")) {
        message.to_owned()
    } else {
        format!("{message}: found `{}`", printable::cut(found, 40))
    };
    Complaint::new(file, message).at_line(line_of(text, span.start))
}

/// The first line up to which a text has an error of which the parser does not say where it is: a
/// key of too many parts. What a cut makes wrong besides has a place.
fn line_without_span(text: &str) -> Option<usize> {
    let ends: Vec<usize> = text
        .split_inclusive('\n')
        .scan(0, |end, line| {
            *end += line.len();
            Some(*end)
        })
        .collect();
    let fails = |end: &usize| {
        let (_, errors) = DeTable::parse_recoverable(&text[..*end]);
        errors.iter().any(|e| e.span().is_none())
    };
    let line = ends.partition_point(|end| !fails(end)) + 1;
    (line <= ends.len()).then_some(line)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, line: usize, message: &str) {
        let error = DeTable::parse(text).unwrap_err();
        let complaint = complaint(Path::new("x.toml"), text, &error);
        assert_eq!(complaint.message, message);
        assert_eq!(complaint.line, Some(line));
    }

    #[test]
    fn places_and_keys_are_told() {
        check("a = 1\nb = 2\na = 3\n", 3, "duplicate key: found `a`");
        check("[x]\n[y]\n[x]\n", 3, "duplicate key: found `x`");
        check("a = { b = 1, b = 2 }", 1, "duplicate key: found `b`");
        let deep = "a.".repeat(200) + "b";
        let text = format!("x = [\n1,\n2]\n[{deep}]\n[y]\nz = [\n1]\n");
        check(&text, 4, "recursion limit");
        check(&format!("{deep} = 1"), 1, "recursion limit");
        let nested = format!("\n\na = {}", "[".repeat(200));
        let message = "cannot recurse further; max recursion depth met: found `[`";
        check(&nested, 3, message);
    }
}
