//! What sections must satisfy besides the kinds of their options.

use std::time::Duration;

use super::parse::{Checker, Given};
use super::units;
use crate::dataset::manifest;
use crate::options::OptionValue;

/// What [`sections::run`] says, as a duration.
const DEFAULT_TIME_LIMIT: Duration = Duration::from_mins(10);

pub(super) fn check_name(checker: &mut Checker<'_>, about: &Given) {
    if let Some((OptionValue::Text(name), offset)) = about.get("name") {
        let fits = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        if name.is_empty() || !name.chars().all(fits) {
            let message =
                format!("`name`: found \"{name}\", expected small letters, digits and hyphens");
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
            let message = format!("`{key}` in [experiment]: found {text:?}, expected a sentence");
            let help = "a table is read by people who did not plan it: tell them";
            checker.complain(*offset, message, Some(help.into()));
        }
    }
}

pub(super) fn check_dataset(checker: &mut Checker<'_>, dataset: &Given, section: Option<usize>) {
    let offset = |key: &str| dataset.get(key).map(|(_, at)| *at);
    match (offset("use"), offset("path"), section) {
        (Some(_), Some(path), _) => checker.complain(path, BOTH.into(), Some(KEEP_ONE.into())),
        (None, None, Some(section)) => {
            let known = manifest::names(checker.manifests().as_deref()).join(", ");
            let help = format!("write `use = \"…\"` with one of: {known}");
            let message = "[dataset] names no data: neither `use` nor `path`";
            checker.complain(section, message.into(), Some(help));
        }
        _ => {}
    }
    let list = |key: &str| match dataset.get(key) {
        Some((OptionValue::List(items), at)) => (items.as_slice(), *at),
        _ => (&[][..], 0),
    };
    let ((labels, at), (drop, _)) = (list("labels"), list("drop_columns"));
    if let Some(column) = labels.iter().find(|column| drop.contains(column)) {
        let message =
            format!("[dataset] has {column} in both `labels` and `drop_columns`, which contradict");
        checker.complain(at, message, Some("keep it in one of them".into()));
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
                    checker.complaints.push(complaint);
                } else {
                    checker.complain(at, complaint.message, complaint.help);
                }
            }
        }
        ("delimiter", OptionValue::Text(text)) => {
            let mut characters = text.chars();
            let one = characters.next().filter(|_| characters.next().is_none());
            // A quote or the end of a line has another meaning in such a file.
            if !one.is_some_and(|c| c.is_ascii() && !matches!(c, '"' | '\n' | '\r')) {
                let message = format!(
                    "`delimiter` in [dataset]: found {text:?}, expected one ASCII character"
                );
                let help = r#"write it as ";", "\t" or "|""#;
                checker.complain(at, message, Some(help.into()));
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
                format!("`time_limit` in [run]: found \"{text}\", expected a time of more than 0"),
                Some("write it as \"90s\", \"5m\" or \"1h\"".into()),
            ),
        }
    }
    let mut memory_limit = None;
    if let Some((OptionValue::Text(text), at)) = run.get("memory_limit") {
        memory_limit = units::bytes(text);
        if memory_limit.is_none() {
            checker.complain(
                *at,
                format!("`memory_limit` in [run]: found \"{text}\", expected a size"),
                Some(
                    "write it as \"512MiB\" or \"8GiB\"; units are B, kB, MB, GB, KiB, MiB, GiB"
                        .into(),
                ),
            );
        }
    }
    (time_limit, memory_limit)
}
