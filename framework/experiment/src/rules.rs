//! What sections must satisfy besides the kinds of their options.

use std::collections::BTreeMap;

use toml::de::{DeTable, DeValue};

use super::parse::{Checker, Given, describe, in_order, options};
use super::sections::{self, Keys, Link};
use hexperiment_data::manifest;
use hexperiment_diagnostics::printable;
use hexperiment_scheme::options::{OptionValue, Options};

/// Characters of a link's name: tables have a column for each.
const LONGEST_LINK: usize = 40;

pub(super) const BOTH: &str = "[dataset] has both `use` and `path`, which contradict each other";
pub(super) const KEEP_ONE: &str =
    "keep `use` for a data set with a manifest, or `path` for a file of your own";

/// Complains of values of a section, each where it is given.
pub(super) fn check_section(checker: &mut Checker<'_>, section: &str, given: &Given) {
    let problems = sections::problems(section, &options(&[], given));
    complain_of(checker, section, given, problems);
}

fn complain_of(
    checker: &mut Checker<'_>,
    section: &str,
    given: &Given,
    problems: Vec<sections::Problem>,
) {
    for problem in problems {
        // What is missing, or of the wrong kind, was complained of already.
        let Some((_, at)) = given.get(problem.key) else {
            continue;
        };
        let message = if problem.of_section {
            problem.words
        } else {
            format!("`{}` in [{section}]: {}", problem.key, problem.words)
        };
        checker.complain(*at, message, Some(problem.help));
    }
}

/// The links of `[links]` by name, each with its values; complains of what is wrong with one.
pub(super) fn check_links(
    checker: &mut Checker<'_>,
    root: &DeTable<'_>,
) -> BTreeMap<String, Options> {
    let mut links = BTreeMap::new();
    let Some((table, _)) = checker.table(root, "links") else {
        return links;
    };
    checker.few(|checker| {
        for (key, value) in in_order(table) {
            let (place, name) = (key.span().start, key.get_ref().as_ref());
            let shown = printable::cut(name, LONGEST_LINK);
            if name.trim().is_empty()
                || name.chars().count() > LONGEST_LINK
                || !printable::is_plain(name)
            {
                let message = format!(
                    "[links]: found the name {}, expected 1 to {LONGEST_LINK} characters on one line",
                    printable::quoted(name)
                );
                let help = "tables call the link so, as in [links.office]";
                checker.complain(place, message, Some(help.into()));
                continue;
            }
            let DeValue::Table(keys) = value.get_ref() else {
                let found = describe(value.get_ref());
                let message = format!("`{shown}` in [links]: found {found}, expected a table");
                let help = format!(
                    "write a section [links.{shown}] with `up`, `down`, `latency` and `source`"
                );
                checker.complain(place, message, Some(help));
                continue;
            };
            let section = format!("links.{shown}");
            let given = checker.section(&format!("[{section}]"), keys, place, &sections::link());
            let options = options(&sections::link(), &given);
            let mut keys = Keys::of(&options);
            Link::read(&mut keys, name);
            complain_of(checker, &section, &given, keys.problems());
            links.insert(name.to_owned(), options);
        }
    });
    links
}

/// Complains of a value of `key` in `[matrix]`, unless its section, whose other values are `base`, is
/// wrong without it.
pub(super) fn check_point(
    checker: &mut Checker<'_>,
    key: &str,
    (value, at): (&OptionValue, usize),
    base: &Options,
) {
    let Some((section, option)) = key.split_once('.') else {
        return;
    };
    let before = sections::problems(section, base);
    let mut varied = base.clone();
    varied.set(option, value.clone());
    for problem in sections::problems(section, &varied) {
        if !before.contains(&problem) {
            let message = format!("\"{key}\" in [matrix]: {}", problem.words);
            checker.complain(at, message, Some(problem.help));
        }
    }
    if key == "dataset.use" {
        check_manifest(checker, value, at, "\"dataset.use\" in [matrix]: ");
    }
}

/// Complains if there is no data set of this name; the message begins with `named`.
fn check_manifest(checker: &mut Checker<'_>, value: &OptionValue, at: usize, named: &str) {
    let OptionValue::Text(name) = value else {
        return;
    };
    if let Err(complaint) = manifest::find(name, checker.manifests().as_deref()) {
        // A manifest that exists but is broken has its own file.
        if complaint.file.extension().is_some_and(|e| e == "toml") {
            checker.note(at, complaint);
        } else {
            checker.complain(at, format!("{named}{}", complaint.message), complaint.help);
        }
    }
}

/// Complains unless the section names data, once, that are there.
pub(super) fn check_source(checker: &mut Checker<'_>, dataset: &Given, root: &DeTable<'_>) {
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
    if let Some((name, at)) = dataset.get("use") {
        check_manifest(checker, name, *at, "");
    }
}
