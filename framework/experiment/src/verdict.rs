//! Rows held against what the experiment expects.

use crate::Expectation;
use crate::record::Status;
use crate::summary::Row;
use hexperiment_task::ledger::Metric;

/// How one expectation fared.
#[derive(Clone, Debug, PartialEq)]
pub struct Verdict {
    /// Whether it holds, for every row that it is about; never for none.
    pub passed: bool,
    /// The expectation.
    pub expectation: Expectation,
    /// What was found in each row that it is about.
    pub findings: Vec<Finding>,
}

/// What was found in one row, or about all of them.
#[derive(Clone, Debug, PartialEq)]
pub struct Finding {
    /// The row's label; empty where the finding is about no row.
    pub label: String,
    /// The value, or why there is none.
    pub found: String,
    /// Whether it is as expected.
    pub passed: bool,
}

impl Verdict {
    /// What was expected: `auc_loss <= 0.005`, `status = refused`.
    pub fn expected(&self) -> String {
        let Expectation {
            key,
            min,
            max,
            status,
            ..
        } = &self.expectation;
        let bounds = match (min.map(short), max.map(short)) {
            (Some(min), Some(max)) if min == max => format!("{key} = {min}"),
            (Some(min), Some(max)) => format!("{min} <= {key} <= {max}"),
            (Some(min), None) => format!("{key} >= {min}"),
            (None, Some(max)) => format!("{key} <= {max}"),
            (None, None) => status.map_or(key.clone(), |s| format!("{key} = {s}")),
        };
        match &self.expectation.label {
            Some(label) => format!("{label}: {bounds}"),
            None => bounds,
        }
    }

    /// What was found, the unexpected first.
    pub fn found(&self) -> String {
        let (good, bad): (Vec<_>, Vec<_>) = self.findings.iter().partition(|f| f.passed);
        // Neighbours of whom the same was found share it.
        let mut groups: Vec<(Vec<&str>, &str)> = Vec::new();
        for finding in bad.into_iter().chain(good) {
            match groups.last_mut() {
                Some((labels, found)) if *found == finding.found => labels.push(&finding.label),
                _ => groups.push((vec![&finding.label], &finding.found)),
            }
        }
        let word = |(labels, found): (Vec<&str>, &str)| match labels.join(", ").as_str() {
            "" => found.to_owned(),
            labels => format!("{labels}: {found}"),
        };
        groups.into_iter().map(word).collect::<Vec<_>>().join("; ")
    }
}

/// Holds rows against expectations, in order.
///
/// - An expectation with a label is about the rows of that scheme, or the row of the cell that is
///   called so, one without about all; of those with the same key, the one about the fewest rows counts.
/// - `status` is compared as it is.
/// - Bounds hold for rows that are `ok`. A row that is not fails them, with two exceptions:
///   expectations without a label pass over rows that were refused, and over rows that ended as
///   a `status` expectation of their own says. A label whose `status` is expected, and is so,
///   has its bounds compared with what there is.
/// - An expectation about no row, or about a quantity that a row does not have, fails.
pub fn evaluate(rows: &[Row], expectations: &[Expectation]) -> Vec<Verdict> {
    expectations
        .iter()
        .map(|expectation| {
            let mut findings: Vec<Finding> = rows
                .iter()
                .filter(|row| concerns(expectation, row, expectations))
                .filter_map(|row| examine(expectation, row, expectations))
                .collect();
            if findings.is_empty() {
                findings.push(Finding {
                    label: String::new(),
                    found: nothing(expectation, rows),
                    passed: false,
                });
            }
            Verdict {
                passed: findings.iter().all(|f| f.passed),
                expectation: expectation.clone(),
                findings,
            }
        })
        .collect()
}

fn concerns(expectation: &Expectation, row: &Row, all: &[Expectation]) -> bool {
    match own(row, &expectation.key, all) {
        Some(own) => own.label == expectation.label,
        None => expectation.label.is_none(),
    }
}

/// The expectation about `key` that names this row: its cell rather than its label.
fn own<'a>(row: &Row, key: &str, all: &'a [Expectation]) -> Option<&'a Expectation> {
    let named = || all.iter().filter(|e| e.key == key && e.names(&row.cell));
    let of_cell = named().find(|e| e.label.as_ref() == Some(&row.cell.id));
    of_cell.or_else(|| named().next())
}

fn nothing(expectation: &Expectation, rows: &[Row]) -> String {
    match &expectation.label {
        Some(label) if !rows.iter().any(|r| expectation.names(&r.cell)) => {
            format!("no row is labelled `{label}`")
        }
        _ => "there is no row to hold it against".into(),
    }
}

/// What a row says to an expectation about it; `None` if the row is passed over.
fn examine(expectation: &Expectation, row: &Row, all: &[Expectation]) -> Option<Finding> {
    let finding = |found: String, passed| {
        Some(Finding {
            label: row.name().to_owned(),
            found,
            passed,
        })
    };
    if let Some(wanted) = expectation.status {
        let found = row.status.to_string();
        return finding(found, row.status == wanted);
    }
    if row.status != Status::Ok {
        let foreseen = own(row, "status", all).and_then(|e| e.status) == Some(row.status);
        match &expectation.label {
            None if foreseen || row.status == Status::Refused => return None,
            Some(_) if foreseen => {}
            _ => return finding(row.status.to_string(), false),
        }
    }
    match quantity(row, &expectation.key) {
        Ok(value) => {
            // NaN is within no bounds.
            let above = expectation.min.is_none_or(|min| value >= min);
            let below = expectation.max.is_none_or(|max| value <= max);
            finding(short(value), above && below)
        }
        Err(why) => finding(why, false),
    }
}

/// The number that a key means in a row, or why there is none.
fn quantity(row: &Row, key: &str) -> Result<f64, String> {
    if let Some(field) = row.column(key) {
        return match field.number() {
            Some(value) => Ok(value),
            None if field == crate::summary::Field::Empty => Err(format!("has no {key}")),
            None => Err(format!("`{key}` is no number: \"{field}\"")),
        };
    }
    if let Some(metric) = row.metric(key) {
        return Ok(metric.value);
    }
    let beside = |suffix: &str| key.strip_suffix(suffix).and_then(|name| row.metric(name));
    let (metric, sign) = match (beside("_loss"), beside("_change")) {
        (Some(metric), _) if lower_is_better(&metric.name) => (metric, -1.0),
        (Some(metric), _) => (metric, 1.0),
        (None, Some(metric)) => (metric, 0.0),
        (None, None) => return Err(unknown(row, key)),
    };
    let Metric {
        name,
        value,
        plaintext,
        ..
    } = metric;
    let plain = plaintext.ok_or_else(|| format!("`{name}` has no value in the clear"))?;
    let difference = plain - value;
    Ok(if sign == 0.0 {
        difference.abs()
    } else {
        sign * difference
    })
}

fn unknown(row: &Row, key: &str) -> String {
    let Some(measured) = &row.measured else {
        return format!("{}, without any result", row.status);
    };
    let names: Vec<&str> = measured.metrics.iter().map(|m| m.name.as_str()).collect();
    format!(
        "there is no `{key}`: it is no column of summary.csv, and no metric ({}), also with \
         `_loss` or `_change`",
        names.join(", ")
    )
}

/// Whether less of a metric is better: errors and mistakes, among scores and shares.
pub fn lower_is_better(metric: &str) -> bool {
    let whole = [
        "mae",
        "mse",
        "nrmse",
        "rmse",
        "mape",
        "largest_residual",
        "fp",
        "fn",
        "brier",
        "inverted",
    ];
    // Of a column or a part, as `median_nrmse`.
    let of = metric.strip_prefix("median_").unwrap_or(metric);
    whole.contains(&of)
        || ["error", "loss"].iter().any(|end| metric.ends_with(end))
        || metric.starts_with("false_")
        || is_confusion(metric)
}

/// Whether it counts samples of one class that were taken for another: `confusion_0_2`.
fn is_confusion(metric: &str) -> bool {
    let classes = metric.strip_prefix("confusion_");
    let classes = classes.and_then(|rest| rest.split_once('_'));
    classes.is_some_and(|(is, taken_for)| is != taken_for)
}

/// A number in at most six significant digits.
fn short(value: f64) -> String {
    let magnitude = value.abs();
    if value.fract() == 0.0 && magnitude < 1e15 || !value.is_finite() {
        return format!("{value}");
    }
    let trimmed = |digits: &str| {
        digits
            .trim_end_matches('0')
            .trim_end_matches('.')
            .to_owned()
    };
    if !(1e-4..1e6).contains(&magnitude) {
        let text = format!("{value:.5e}");
        let (digits, exponent) = text.split_once('e').unwrap_or((&text, "0"));
        return format!("{}e{exponent}", trimmed(digits));
    }
    let decimals = (5.0 - magnitude.log10().floor()).max(0.0) as usize;
    let text = format!("{value:.decimals$}");
    if decimals == 0 { text } else { trimmed(&text) }
}
