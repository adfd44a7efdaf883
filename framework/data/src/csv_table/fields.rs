//! What single fields of a file say: numbers, missing values, classes.

use std::collections::BTreeSet;
use std::path::Path;

use super::faults::SHOWN;
use hexperiment_diagnostics::Complaint;
use hexperiment_diagnostics::printable::quoted;

/// The largest number of a table, in magnitude. No measurement has a larger one, but programs write
/// their own largest where a value is missing; and of four such the product is still a number, as
/// statistics want it.
const LARGEST: f64 = 1e75;

/// A target of classes: 1 where it is `positive`, else 0, NaN where it is missing.
pub(crate) struct Classes<'a> {
    positive: &'a str,
    values: Vec<f64>,
    /// Some of the other classes, for complaints.
    others: BTreeSet<String>,
}

impl<'a> Classes<'a> {
    pub(crate) fn new(positive: &'a str) -> Self {
        Self {
            positive,
            values: vec![],
            others: BTreeSet::new(),
        }
    }

    pub(crate) fn push(&mut self, field: &str, marker: Option<&str>) {
        self.values.push(if is_missing(field, marker) {
            f64::NAN
        } else if same(field, self.positive) {
            1.0
        } else {
            if self.others.len() < SHOWN {
                self.others.insert(quoted(field));
            }
            0.0
        });
    }

    /// The values, of which one at least must be positive.
    pub(crate) fn values(self, file: &Path, name: &str) -> Result<Vec<f64>, Complaint> {
        if self.values.contains(&1.0) {
            return Ok(self.values);
        }
        let others: Vec<String> = self.others.into_iter().collect();
        let problem = format!(
            "column `{name}`: no row is {}, which `positive` names; found {}",
            quoted(self.positive),
            others.join(", ")
        );
        Err(Complaint::new(file, problem)
            .about("positive")
            .help("name one of the values that are there"))
    }
}

/// Whether two fields are the same text or the same number.
fn same(a: &str, b: &str) -> bool {
    a == b || b.parse::<f64>().is_ok_and(|b| a.parse() == Ok(b))
}

/// Whether a field stands for a missing value.
pub(super) fn is_missing(field: &str, marker: Option<&str>) -> bool {
    field.is_empty() || field == "NA" || marker.is_some_and(|m| same(field, m))
}

/// A number, NaN where the field marks a missing one; else what is expected.
pub(super) fn number(field: &str, marker: Option<&str>) -> Result<f64, &'static str> {
    if is_missing(field, marker) {
        return Ok(f64::NAN);
    }
    match field.parse::<f64>() {
        Ok(x) if x.abs() <= LARGEST => Ok(x),
        Ok(x) if x.is_finite() => Err("a number of at most 1e75 in magnitude"),
        Ok(_) => Err("a finite number"),
        Err(_) => Err("a number such as 3 or 2.5"),
    }
}
