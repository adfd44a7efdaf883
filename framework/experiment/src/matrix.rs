//! The section `[matrix]`.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use toml::de::{DeArray, DeTable, DeValue};

use super::parse::{Checker, describe, in_order};
use super::rules::check_point;
use super::{PluginChoice, sections};
use hexperiment_diagnostics::printable;
use hexperiment_scheme::options::{OptionSpec, OptionValue, Options};
use hexperiment_scheme::registry;

/// Each cell is a process, and holds its plan in memory; more are a mistake.
pub(super) const MOST_CELLS: usize = 10_000;

/// A key of the matrix, its place in the file, and its values with theirs.
pub(super) struct Varied {
    pub(super) key: String,
    pub(super) place: usize,
    pub(super) values: Vec<(OptionValue, usize)>,
}

impl Varied {
    /// Without the places.
    pub(super) fn values(&self) -> (String, Vec<OptionValue>) {
        let values = self.values.iter().map(|(value, _)| value.clone());
        (self.key.clone(), values.collect())
    }
}

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
    let varied = |s: &OptionSpec| {
        matches!(
            s.name,
            "security_bits" | "encryption" | "threads" | "optimise" | "seed"
        )
    };
    offer("run", sections::run().into_iter().filter(varied).collect());
    if let Some(Ok(task)) = task.map(|t| hexperiment_task::registry::task(&t.name)) {
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

/// Whether the matrix makes no more cells than a run takes. Before anything else of it is looked at:
/// lists may be of any length.
fn has_bounds(
    checker: &mut Checker<'_>,
    table: &DeTable<'_>,
    schemes: usize,
    offset: usize,
) -> bool {
    let length = |value: &DeValue<'_>| match value {
        DeValue::Array(values) => values.len().max(1),
        _ => 1,
    };
    let lengths = table.values().map(|value| length(value.get_ref()));
    let cells = lengths.fold(schemes.max(1), usize::saturating_mul);
    if cells > MOST_CELLS {
        let message = format!("[matrix]: found {cells} cells, expected at most {MOST_CELLS}");
        let help = "take fewer values, or make several experiments of it";
        checker.complain(offset, message, Some(help.into()));
    }
    cells <= MOST_CELLS
}

/// The keys in order of the file; `sections` are those that no plugin declares, by name.
pub(super) fn check_matrix(
    checker: &mut Checker<'_>,
    root: &DeTable<'_>,
    task: Option<&PluginChoice>,
    schemes: &[PluginChoice],
    sections: &BTreeMap<&str, Options>,
) -> Vec<Varied> {
    let Some((table, offset)) = checker.table(root, "matrix") else {
        return vec![];
    };
    if !has_bounds(checker, table, schemes.len(), offset) {
        return vec![];
    }
    // Schemes may declare an option of one name with different ranges: all must agree.
    let offered = offered(task, schemes);
    let mut specs: HashMap<&str, Vec<&OptionSpec>> = HashMap::new();
    for (name, spec) in &offered {
        specs.entry(name).or_default().push(spec);
    }
    let mut matrix = Vec::new();
    checker.few(|checker| {
        for (key, value) in in_order(table) {
            let (place, key) = (key.span().start, key.get_ref().as_ref());
            let Some(specs) = specs.get(key) else {
                let names = offered.iter().map(|(name, _)| name.as_str());
                let hint = checker.hint(key, names, ['"'; 2]);
                let help = format!(
                    "{hint}keys are \"task.…\", \"scheme.…\", \"dataset.…\" with an option of theirs, \
                     or \"run.security_bits\", \"run.encryption\", \"run.threads\", \"run.optimise\", \"run.seed\"; quote them"
                );
                let key = printable::cut(key, 60);
                let message = format!("unknown key \"{key}\" in [matrix]");
                checker.complain(place, message, Some(help));
                continue;
            };
            let values = match value.get_ref() {
                DeValue::Array(values) if !values.is_empty() => values,
                other => {
                    let found = describe(other);
                    let message =
                        format!("\"{key}\" in [matrix]: found {found}, expected a list of values");
                    let help = format!("write `\"{key}\" = [a, b]`; {}", specs[0].doc);
                    checker.complain(place, message, Some(help));
                    continue;
                }
            };
            let before = checker.count();
            let base = key.split_once('.').and_then(|(name, _)| sections.get(name));
            let values = checker.few(|checker| check_values(checker, key, values, specs, base));
            if checker.count() > before {
                continue;
            }
            matrix.push(Varied {
                key: key.to_owned(),
                place,
                values,
            });
        }
    });
    matrix
}

/// The values of a key, each with its place; `specs` are of all who have this option, `base` the
/// values of its section, if that is none of a plugin.
fn check_values(
    checker: &mut Checker<'_>,
    key: &str,
    values: &DeArray<'_>,
    specs: &[&OptionSpec],
    base: Option<&Options>,
) -> Vec<(OptionValue, usize)> {
    let named = format!("\"{key}\" in [matrix]");
    let mut list = Vec::new();
    let mut seen = BTreeSet::new();
    for value in values {
        let Some((checked, at)) = checker.value(&named, specs[0], value) else {
            continue;
        };
        if let Some(problem) = specs[1..]
            .iter()
            .find_map(|other| other.check(checked.clone()).err())
        {
            let message = format!("{named}: {problem}");
            let help = "a scheme of this file takes less; give it a file of its own";
            checker.complain(at, message, Some(help.into()));
        }
        if !seen.insert(checked.to_string()) {
            let found = checked.brief();
            let message = format!("{named}: found {found} twice");
            let help = "each value makes a cell: name it once";
            checker.complain(at, message, Some(help.into()));
        }
        if let Some(base) = base {
            check_point(checker, key, (&checked, at), base);
        }
        list.push((checked, at));
    }
    list
}
