//! What an experiment expects: the part that makes it a test.

use std::collections::HashSet;

use serde::{Deserialize, Serialize};
use toml::de::{DeTable, DeValue};

use super::parse::{Checker, describe, in_order};
use crate::record::{Cell, Status};
use crate::summary::{COLUMNS, Kind};
use hexperiment_diagnostics::printable;
use hexperiment_diagnostics::suggest;
use hexperiment_scheme::options::OptionValue;

/// One expectation.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Expectation {
    /// The rows it is about: those with this label, or the one of the cell that is called so; all
    /// where it is `None`.
    pub label: Option<String>,
    /// A column of `summary.csv`, a metric, a metric with `_loss` (plaintext's value minus this
    /// one) or with `_change` (their distance); or `status`.
    pub key: String,
    /// At least this.
    pub min: Option<f64>,
    /// At most this.
    pub max: Option<f64>,
    /// This status.
    pub status: Option<Status>,
}

impl Expectation {
    /// Whether it names the cell: by its label, or as its row is called.
    pub fn names(&self, cell: &Cell) -> bool {
        let label = self.label.as_ref();
        label.is_some_and(|label| *label == cell.label || label == cell.row())
    }
}

/// What an expectation can be about.
pub(super) struct Subjects<'a> {
    /// Labels of schemes.
    pub(super) labels: &'a [String],
    /// Names of cells.
    pub(super) cells: &'a [String],
    /// Whether these are all; not where something is wrong with the matrix.
    pub(super) all_cells: bool,
    /// Metrics of the task, if it says.
    pub(super) metrics: &'a [&'static str],
}

impl Subjects<'_> {
    fn names(&self) -> impl Iterator<Item = &str> + Clone {
        self.labels.iter().chain(self.cells).map(String::as_str)
    }

    /// Whether a name may be that of a cell which something wrong with the matrix hides.
    fn may_be_hidden(&self, name: &str) -> bool {
        let behind = |label: &String| name.strip_prefix(label.as_str());
        let mut points = self.labels.iter().filter_map(behind);
        !self.all_cells && points.any(|point| point.starts_with('/'))
    }

    /// What is said of a name that is none.
    fn help(&self, hint: &str) -> String {
        let labels = printable::list(self.labels.iter().map(String::as_str), 20);
        // Without a matrix, cells are called by their labels.
        let cell = self.cells.iter().find(|cell| !self.labels.contains(cell));
        let cell = cell.map(|cell| {
            let cell = toml::Value::from(cell.as_str());
            format!("; or one cell, as in [expect.{cell}]")
        });
        format!("{hint}labels: {labels}{}", cell.unwrap_or_default())
    }
}

/// Reads `[expect]` and its tables by label.
pub(super) fn expectations(
    checker: &mut Checker<'_>,
    table: &DeTable<'_>,
    subjects: &Subjects<'_>,
) -> Vec<Expectation> {
    let metrics = subjects.metrics;
    let known: HashSet<&str> = subjects.names().collect();
    let mut all = Vec::new();
    checker.few(|checker| {
        for (key, value) in in_order(table) {
            let (offset, name) = (key.span().start, key.get_ref().as_ref());
            let shown = printable::cut(name, 60);
            match value.get_ref() {
                DeValue::Table(inner) if inner.is_empty() => {
                    let message = format!("expectation `{shown}`: found {{}}, expected bounds");
                    checker.complain(offset, message, Some(BOUNDS.into()));
                }
                DeValue::Table(inner) if known.contains(name) || subjects.may_be_hidden(name) => {
                    for (key, value) in in_order(inner) {
                        let place = value.span().start;
                        let label = Some(name.to_owned());
                        all.extend(expectation(
                            checker,
                            label,
                            key.get_ref(),
                            value.get_ref(),
                            (place, metrics),
                        ));
                    }
                }
                DeValue::Table(inner) if !is_bound(inner) => {
                    if let Some(found) = no_bound(name, inner, metrics) {
                        unknown_bound(checker, offset, name, &found);
                    } else {
                        let hint = checker.hint(name, subjects.names(), ['`'; 2]);
                        let message = format!("[expect] names no scheme's label: `{shown}`");
                        checker.complain(offset, message, Some(subjects.help(&hint)));
                    }
                }
                bound => {
                    let place = (value.span().start, metrics);
                    all.extend(expectation(checker, None, name, bound, place));
                }
            }
        }
    });
    all
}

/// The first key that is none of a bound in a table that is meant for bounds: one about a quantity,
/// or one of numbers. The table of a label holds tables, a status, or is about quantities itself.
fn no_bound(name: &str, table: &DeTable<'_>, metrics: &[&str]) -> Option<String> {
    let quantity = |key: &str| !metrics.is_empty() && is_quantity(key, metrics);
    let entries = in_order(table);
    let mut keys = entries.iter().map(|(key, _)| key.get_ref().as_ref());
    let found = keys.find(|key| !matches!(*key, "min" | "max"))?;
    let all = |is: fn(&DeValue<'_>) -> bool| entries.iter().all(|(_, v)| is(v.get_ref()));
    let for_bounds = if quantity(name) {
        all(|value| !value.is_table())
    } else {
        all(|value| value.is_integer() || value.is_float()) && !quantity(found)
    };
    for_bounds.then(|| found.to_owned())
}

fn unknown_bound(checker: &mut Checker<'_>, offset: usize, key: &str, found: &str) {
    let hint = suggest(found, ["min", "max"])
        .or_else(|| ["min", "max"].into_iter().find(|b| found.starts_with(b)))
        .map(|bound| format!("did you mean `{bound}`? "))
        .unwrap_or_default();
    let message = format!(
        "expectation `{}`: found the bound `{}`, expected `min`, `max` or both",
        printable::cut(key, 60),
        printable::cut(found, 60)
    );
    checker.complain(offset, message, Some(format!("{hint}{BOUNDS}")));
}

const BOUNDS: &str = "write `auc_loss = { max = 0.005 }`, `security_bits = { min = 128 }` or \
                      `status = \"refused\"`";

const STATUSES: &str = "ok, refused, failed, timeout or crashed";

/// The columns of `summary.csv` that hold numbers.
fn numbers() -> impl Iterator<Item = &'static str> {
    let numbers = COLUMNS.iter().filter(|c| c.kind == Kind::Numbers);
    numbers.map(|c| c.name)
}

/// Whether a row can have such a number; any may be a metric where a task does not say.
fn is_quantity(key: &str, metrics: &[&str]) -> bool {
    let name = key
        .strip_suffix("_loss")
        .or_else(|| key.strip_suffix("_change"))
        .unwrap_or(key);
    metrics.is_empty()
        || metrics.contains(&name)
        || metrics.contains(&key)
        || numbers().any(|column| column == key)
}

fn is_bound(table: &DeTable<'_>) -> bool {
    !table.is_empty()
        && table
            .keys()
            .all(|k| matches!(k.get_ref().as_ref(), "min" | "max"))
}

fn expectation(
    checker: &mut Checker<'_>,
    label: Option<String>,
    key: &str,
    value: &DeValue<'_>,
    (offset, metrics): (usize, &[&'static str]),
) -> Option<Expectation> {
    let mut expectation = Expectation {
        label,
        key: key.to_owned(),
        min: None,
        max: None,
        status: None,
    };
    let help = BOUNDS;
    match value {
        DeValue::Table(table) if is_bound(table) && key != "status" => {
            if !is_quantity(key, metrics) {
                let hint = checker.hint(key, metrics.iter().copied().chain(numbers()), ['`'; 2]);
                let key = printable::cut(key, 60);
                let message = format!("[expect] names no column of numbers and no metric: `{key}`");
                let help = format!(
                    "{hint}metrics: {}, also with `_loss` or `_change`; columns: {}",
                    metrics.join(", "),
                    numbers().collect::<Vec<_>>().join(", ")
                );
                checker.complain(offset, message, Some(help));
                return None;
            }
            let shown = printable::cut(key, 60);
            for (bound, number) in table {
                let place = number.span().start;
                let found = super::parse::option_value(number.get_ref());
                let x = match &found {
                    Ok(OptionValue::Number(x)) if x.is_finite() => *x,
                    Ok(OptionValue::Integer(x)) => *x as f64,
                    other => {
                        let found = match other {
                            Ok(value) => format!("found {}", value.brief()),
                            Err(problem) => problem.clone(),
                        };
                        let message = format!("expectation `{shown}`: {found}, expected a number");
                        checker.complain(place, message, Some(help.into()));
                        return None;
                    }
                };
                if bound.get_ref() == "min" {
                    expectation.min = Some(x);
                } else {
                    expectation.max = Some(x);
                }
            }
            if let (Some(min), Some(max)) = (expectation.min, expectation.max)
                && min > max
            {
                let message =
                    format!("expectation `{shown}`: min = {min} is more than max = {max}");
                checker.complain(offset, message, Some("no value is between them".into()));
                return None;
            }
            Some(expectation)
        }
        DeValue::String(text) if key == "status" => {
            // What is missing is nothing that an experiment expects.
            let mut expected = Status::ALL.into_iter().filter(|s| *s != Status::Missing);
            let status = expected.find(|s| s.to_string() == text.as_ref());
            if status.is_none() {
                let found = printable::quoted(text);
                let message = format!("`status`: found {found}, expected {STATUSES}");
                checker.complain(offset, message, Some(help.into()));
            }
            expectation.status = status;
            expectation.status.map(|_| expectation)
        }
        other => {
            if let (DeValue::Table(table), false) = (other, key == "status") {
                let mut keys = in_order(table).into_iter().map(|(key, _)| key.get_ref());
                if let Some(found) = keys.find(|key| !matches!(key.as_ref(), "min" | "max")) {
                    unknown_bound(checker, offset, key, found);
                    return None;
                }
            }
            let found = describe(other);
            let message = if key == "status" {
                format!("`status`: found {found}, expected {STATUSES}")
            } else {
                let key = printable::cut(key, 60);
                format!("expectation `{key}`: found {found}, expected bounds")
            };
            checker.complain(offset, message, Some(help.into()));
            None
        }
    }
}
