//! What sections must satisfy besides the kinds of their options.

use std::collections::HashSet;
use std::time::Duration;

use toml::de::{DeTable, DeValue};

use super::parse::{Checker, Given};
use hexperiment_data::manifest;
use hexperiment_diagnostics::{printable, units};
use hexperiment_scheme::options::OptionValue;

/// What [`sections::run`] says, as a duration.
const DEFAULT_TIME_LIMIT: Duration = Duration::from_mins(10);

/// Characters of an experiment's name: that of a run's folder holds it, and the time; file systems
/// take 255 bytes.
const LONGEST_NAME: usize = 100;

/// Bytes of the least `memory_limit`: in 16 MiB not even the program's own code and
/// the stack of one thread have room.
const LEAST_MEMORY: u64 = 32 << 20;

pub(super) fn check_name(checker: &mut Checker<'_>, about: &Given) {
    if let Some((OptionValue::Text(name), offset)) = about.get("name") {
        let fits = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        if name.is_empty() || !name.chars().all(fits) || name.len() > LONGEST_NAME {
            let found = printable::quoted(name);
            let length = name.chars().count();
            let message = format!(
                "`name`: found {found} of {length} characters, expected small letters, digits and \
                 hyphens, {LONGEST_NAME} at most"
            );
            checker.complain(
                *offset,
                message,
                Some("runs are filed under it, as in \"chd-logistic\"".into()),
            );
        }
    }
    for key in ["question", "caveats"] {
        if let Some((OptionValue::Text(text), offset)) = about.get(key)
            && text.trim().is_empty()
        {
            let found = printable::quoted(text);
            let message = format!("`{key}` in [experiment]: found {found}, expected a sentence");
            let help = "a table is read by people who did not plan it: tell them";
            checker.complain(*offset, message, Some(help.into()));
        }
    }
}

pub(super) fn check_dataset(checker: &mut Checker<'_>, dataset: &Given, root: &DeTable<'_>) {
    let section = root.get("dataset");
    // Whether they are there at all: a value that is wrong was complained of already.
    if let Some(DeValue::Table(table)) = section.map(toml::Spanned::get_ref) {
        let offset = section.map_or(0, |section| section.span().start);
        let at = |key: &str| table.get_key_value(key).map(|(key, _)| key.span().start);
        match (at("use"), at("path")) {
            (Some(_), Some(path)) => checker.complain(path, BOTH.into(), Some(KEEP_ONE.into())),
            (None, None) => {
                let known = manifest::names(checker.manifests().as_deref());
                let known = printable::list(known.iter().map(String::as_str), 40);
                let help = format!("write `use = \"…\"` with one of: {known}");
                let message = "[dataset] names no data: neither `use` nor `path`";
                checker.complain(offset, message.into(), Some(help));
            }
            _ => {}
        }
    }
    let list = |key: &str| match dataset.get(key) {
        Some((OptionValue::List(items), at)) => (items.as_slice(), *at),
        _ => (&[][..], 0),
    };
    for (one, other) in [
        ("labels", "drop_columns"),
        ("one_hot", "drop_columns"),
        ("one_hot", "labels"),
    ] {
        let ((columns, at), (others, _)) = (list(one), list(other));
        let others: HashSet<String> = others.iter().map(OptionValue::to_string).collect();
        let both = columns
            .iter()
            .find(|column| others.contains(&column.to_string()));
        if let Some(column) = both.map(OptionValue::brief) {
            let message =
                format!("[dataset] has {column} in both `{one}` and `{other}`, which contradict");
            checker.complain(at, message, Some("keep it in one of them".into()));
        }
    }
    for (key, (value, at)) in dataset {
        check_dataset_value(checker, key, value, *at);
    }
}

pub(super) const BOTH: &str = "[dataset] has both `use` and `path`, which contradict each other";
pub(super) const KEEP_ONE: &str =
    "keep `use` for a data set with a manifest, or `path` for a file of your own";

/// What an option of `[dataset]` must satisfy besides its kind, there and in `[matrix]`.
pub(super) fn check_dataset_value(
    checker: &mut Checker<'_>,
    key: &str,
    value: &OptionValue,
    at: usize,
) {
    match (key, value) {
        ("use", OptionValue::Text(name)) => {
            if let Err(complaint) = manifest::find(name, checker.manifests().as_deref()) {
                // A manifest that exists but is broken has its own file.
                if complaint.file.extension().is_some_and(|e| e == "toml") {
                    checker.note(at, complaint);
                } else {
                    checker.complain(at, complaint.message, complaint.help);
                }
            }
        }
        ("path", OptionValue::Text(path)) if path.is_empty() => {
            let message =
                "`path` in [dataset]: found \"\", expected the path of a file or a folder";
            let help = "it is taken from the folder of the experiment file, as in \"my.csv\"";
            checker.complain(at, message.into(), Some(help.into()));
        }
        ("delimiter", OptionValue::Text(text)) => {
            let mut characters = text.chars();
            let one = characters.next().filter(|_| characters.next().is_none());
            // A quote or the end of a line has another meaning in such a file, and numbers are of
            // digits, points and signs.
            let no_other_meaning = |c: char| {
                let numeric = c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '+');
                c.is_ascii() && !numeric && !matches!(c, '"' | '\n' | '\r' | '\0')
            };
            if !one.is_some_and(no_other_meaning) {
                let found = printable::quoted(text);
                let message = format!(
                    "`delimiter` in [dataset]: found {found}, expected one ASCII character that is no \
                     part of a number"
                );
                let help = r#"write it as ";", "\t" or "|""#;
                checker.complain(at, message, Some(help.into()));
            }
        }
        ("labels" | "drop_columns" | "one_hot", OptionValue::List(columns)) => {
            let mut seen = HashSet::new();
            let mut names = columns.iter();
            if let Some(twice) = names.find(|name| !seen.insert(name.to_string())) {
                let found = twice.brief();
                let message =
                    format!("`{key}` in [dataset]: found {found} twice, expected each column once");
                checker.complain(at, message, Some("leave one of them out".into()));
            }
        }
        ("test_fraction", OptionValue::Number(x)) if *x <= 0.0 || *x >= 1.0 => {
            let message = format!(
                "`test_fraction` in [dataset]: found {x}, expected more than 0 and less than 1"
            );
            checker.complain(at, message, Some("both parts need rows".into()));
        }
        _ => {}
    }
}

pub(super) fn check_run(checker: &mut Checker<'_>, run: &Given) -> (Duration, Option<u64>) {
    let insecure = matches!(run.get("insecure"), Some((OptionValue::Flag(true), _)));
    if let Some((OptionValue::Integer(bits), at)) = run.get("security_bits")
        && *bits < 128
        && !insecure
    {
        checker.complain(
            *at,
            format!("`security_bits` in [run]: found {bits}, expected 128 to 256"),
            Some(
                "less than 128 bits is below what published tables (Homomorphic Encryption Standard \
                 2018, NIST SP 800-57) recommend; to compare weak parameters all the same, add \
                 `insecure = true`: every table will carry the mark"
                    .into(),
            ),
        );
    }
    let mut time_limit = DEFAULT_TIME_LIMIT;
    if let Some((OptionValue::Text(text), at)) = run.get("time_limit") {
        match units::duration(text) {
            Some(limit) => time_limit = limit,
            None => checker.complain(
                *at,
                format!(
                    "`time_limit` in [run]: found {}, expected a time of more than 0",
                    printable::quoted(text)
                ),
                Some("write it as \"90s\", \"5m\" or \"1h\"".into()),
            ),
        }
    }
    let mut memory_limit = None;
    if let Some((OptionValue::Text(text), at)) = run.get("memory_limit") {
        memory_limit = units::bytes(text).filter(|bytes| *bytes >= LEAST_MEMORY);
        if memory_limit.is_none() {
            let found = printable::quoted(text);
            let least = LEAST_MEMORY >> 20;
            let message = format!(
                "`memory_limit` in [run]: found {found}, expected a size of {least}MiB or more"
            );
            let help = "write it as \"512MiB\" or \"8GiB\"; units are B, kB, MB, GB, KiB, MiB, GiB; \
                        it is what the process of a cell may allocate";
            checker.complain(*at, message, Some(help.into()));
        }
    }
    (time_limit, memory_limit)
}
