//! The section `[matrix]`.

use toml::de::{DeTable, DeValue};

use super::parse::{Checker, describe};
use super::rules::check_dataset_value;
use super::{PluginChoice, sections};
use crate::options::{OptionSpec, OptionValue, suggest};
use crate::registry;

/// Each cell is a process, and holds its plan in memory; more are a slip of the pen.
const MOST_CELLS: usize = 10_000;

/// What a matrix may vary, by its key; an option that several schemes have stands there for each.
fn offered(task: Option<&PluginChoice>, schemes: &[PluginChoice]) -> Vec<(String, OptionSpec)> {
    let mut specs: Vec<(String, OptionSpec)> = Vec::new();
    let mut offer = |section: &str, list: Vec<OptionSpec>| {
        specs.extend(
            list.into_iter()
                .map(|s| (format!("{section}.{}", s.name), s)),
        );
    };
    offer("dataset", sections::dataset());
    let varied = |s: &OptionSpec| matches!(s.name, "security_bits" | "threads" | "seed");
    offer("run", sections::run().into_iter().filter(varied).collect());
    if let Some(Ok(task)) = task.map(|t| registry::task(&t.name)) {
        offer("task", task.manifest().options);
    }
    for scheme in schemes
        .iter()
        .filter_map(|s| registry::scheme(&s.name).ok())
    {
        offer("scheme", scheme.manifest().options);
    }
    specs
}

/// The keys in order of the file, each with its place and its values.
pub(super) fn check_matrix(
    checker: &mut Checker<'_>,
    root: &DeTable<'_>,
    task: Option<&PluginChoice>,
    schemes: &[PluginChoice],
    insecure: bool,
) -> Vec<(usize, String, Vec<OptionValue>)> {
    let Some((table, offset)) = checker.table(root, "matrix") else {
        return vec![];
    };
    let specs = offered(task, schemes);
    let mut matrix: Vec<(usize, String, Vec<OptionValue>)> = Vec::new();
    for (key, value) in table {
        let (place, key) = (key.span().start, key.get_ref().as_ref());
        // Schemes may declare an option of one name with different ranges: all must agree.
        let same: Vec<&OptionSpec> = specs
            .iter()
            .filter(|(name, _)| name == key)
            .map(|(_, spec)| spec)
            .collect();
        let Some((spec, others)) = same.split_first() else {
            let hint = suggest(key, specs.iter().map(|(n, _)| n.as_str()))
                .map(|s| format!("did you mean \"{s}\"? "))
                .unwrap_or_default();
            let help = format!(
                "{hint}keys are \"task.…\", \"scheme.…\", \"dataset.…\" with an option of theirs, or \
                 \"run.security_bits\", \"run.threads\", \"run.seed\"; quote them"
            );
            checker.complain(
                place,
                format!("unknown key \"{key}\" in [matrix]"),
                Some(help),
            );
            continue;
        };
        let values = match value.get_ref() {
            DeValue::Array(values) if !values.is_empty() => values,
            other => {
                let found = describe(other);
                let message =
                    format!("\"{key}\" in [matrix]: found {found}, expected a list of values");
                let help = format!("write `\"{key}\" = [a, b]`; {}", spec.doc);
                checker.complain(place, message, Some(help));
                continue;
            }
        };
        let before = checker.complaints.len();
        let mut list: Vec<OptionValue> = Vec::new();
        for value in values {
            let Some((checked, at)) = checker.value("[matrix]", spec, value) else {
                continue;
            };
            if let Some(problem) = others
                .iter()
                .find_map(|other| other.kind.check(checked.clone()).err())
            {
                let message = format!("\"{key}\" in [matrix]: {problem}");
                let help = "a scheme of this file takes less; give it a file of its own";
                checker.complain(at, message, Some(help.into()));
            }
            if list.contains(&checked) {
                let message = format!("\"{key}\" in [matrix]: found {checked} twice");
                checker.complain(
                    at,
                    message,
                    Some("each value makes a cell: name it once".into()),
                );
            }
            if let Some(option) = key.strip_prefix("dataset.") {
                check_dataset_value(checker, option, &checked, at);
            }
            list.push(checked);
        }
        if checker.complaints.len() == before {
            let weak = |v: &OptionValue| matches!(v, OptionValue::Integer(bits) if *bits < 128);
            // A matrix over the level cannot get past the check of [run].
            if key == "run.security_bits" && !insecure && list.iter().any(weak) {
                let help = "add `insecure = true` to [run]: every table will carry the mark";
                let message = format!("\"{key}\" in [matrix]: less than 128 bits");
                checker.complain(place, message, Some(help.into()));
            }
            matrix.push((place, key.to_owned(), list));
        }
    }
    matrix.sort_by_key(|(place, ..)| *place);
    let cells = matrix
        .iter()
        .map(|(_, _, list)| list.len())
        .fold(schemes.len(), usize::saturating_mul);
    if cells > MOST_CELLS {
        let message = format!("[matrix]: found {cells} cells, expected at most {MOST_CELLS}");
        let help = "take fewer values, or make several experiments of it";
        checker.complain(offset, message, Some(help.into()));
    }
    matrix
}
