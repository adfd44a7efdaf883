//! What an experiment expects: the part that makes it a test.

use serde::{Deserialize, Serialize};
use toml::de::{DeTable, DeValue};

use super::parse::{Checker, describe};
use crate::options::{OptionValue, suggest};
use crate::record::Status;
use crate::summary::COLUMNS;

/// One expectation.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Expectation {
    /// The rows it is about: those with this label; all where it is `None`.
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

/// Reads `[expect]` and its tables by label.
pub(super) fn expectations(
    checker: &mut Checker<'_>,
    table: &DeTable<'_>,
    labels: &[String],
    metrics: &[&'static str],
) -> Vec<Expectation> {
    let mut all = Vec::new();
    for (key, value) in table {
        let (offset, name) = (key.span().start, key.get_ref().as_ref());
        match value.get_ref() {
            DeValue::Table(inner) if inner.is_empty() => {
                let message = format!("expectation `{name}`: found {{}}, expected bounds");
                checker.complain(offset, message, Some(BOUNDS.into()));
            }
            DeValue::Table(inner) if !is_bound(inner) => {
                // A slip in `{ mx = 0.005 }` is not a table of a label.
                let slip = inner.iter().find_map(|(key, value)| {
                    let bound = suggest(key.get_ref(), ["min", "max"])?;
                    let number = matches!(value.get_ref(), DeValue::Float(_) | DeValue::Integer(_));
                    number.then(|| (key.get_ref().clone(), bound))
                });
                if let (Some((found, bound)), false) = (slip, labels.iter().any(|l| l == name)) {
                    let message = format!("expectation `{name}`: unknown bound `{found}`");
                    checker.complain(
                        offset,
                        message,
                        Some(format!("did you mean `{bound}`? {BOUNDS}")),
                    );
                } else if labels.iter().any(|l| l == name) {
                    for (key, value) in inner {
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
                } else {
                    let hint = suggest(name, labels.iter().map(String::as_str))
                        .map(|s| format!("did you mean `{s}`? "))
                        .unwrap_or_default();
                    let help = format!("{hint}labels: {}", labels.join(", "));
                    checker.complain(
                        offset,
                        format!("[expect] names no scheme's label: `{name}`"),
                        Some(help),
                    );
                }
            }
            bound => {
                let place = (value.span().start, metrics);
                all.extend(expectation(checker, None, name, bound, place));
            }
        }
    }
    all
}

const BOUNDS: &str = "write `auc_loss = { max = 0.005 }`, `security_bits = { min = 128 }` or \
                      `status = \"refused\"`";

/// The columns of `summary.csv` that hold words.
const WORDS: [&str; 10] = [
    "experiment",
    "scheme",
    "label",
    "task",
    "dataset",
    "status",
    "reason",
    "metric",
    "server_sees",
    "protection",
];

/// The columns of `summary.csv` that hold numbers.
fn numbers() -> impl Iterator<Item = &'static str> {
    COLUMNS.into_iter().filter(|c| !WORDS.contains(c))
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
                let known = metrics.iter().copied().chain(numbers());
                let hint = suggest(key, known)
                    .map(|s| format!("did you mean `{s}`? "))
                    .unwrap_or_default();
                let message = format!("[expect] names no column of numbers and no metric: `{key}`");
                let help = format!(
                    "{hint}metrics: {}, also with `_loss` or `_change`; columns: {}",
                    metrics.join(", "),
                    numbers().collect::<Vec<_>>().join(", ")
                );
                checker.complain(offset, message, Some(help));
                return None;
            }
            for (bound, number) in table {
                let place = number.span().start;
                let found = super::parse::option_value(number.get_ref());
                let x = match &found {
                    Ok(OptionValue::Number(x)) if x.is_finite() => *x,
                    Ok(OptionValue::Integer(x)) => *x as f64,
                    other => {
                        let found = match other {
                            Ok(value) => format!("found {value}"),
                            Err(problem) => problem.clone(),
                        };
                        let message = format!("expectation `{key}`: {found}, expected a number");
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
                let message = format!("expectation `{key}`: min = {min} is more than max = {max}");
                checker.complain(offset, message, Some("no value is between them".into()));
                return None;
            }
            Some(expectation)
        }
        DeValue::String(text) if key == "status" => {
            let status = [
                Status::Ok,
                Status::Refused,
                Status::Failed,
                Status::Timeout,
                Status::Crashed,
            ]
            .into_iter()
            .find(|s| s.to_string() == text.as_ref());
            if status.is_none() {
                checker.complain(
                    offset,
                    format!("`status`: found \"{text}\", expected ok, refused, failed, timeout or crashed"),
                    Some(help.into()),
                );
            }
            expectation.status = status;
            expectation.status.map(|_| expectation)
        }
        other => {
            let found = describe(other);
            checker.complain(
                offset,
                if key == "status" {
                    format!(
                        "`status`: found {found}, expected ok, refused, failed, timeout or crashed"
                    )
                } else {
                    format!("expectation `{key}`: found {found}, expected bounds")
                },
                Some(help.into()),
            );
            None
        }
    }
}
