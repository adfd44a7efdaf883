//! How well gaps were filled: beside interpolation in the clear, and beside the truth where it is
//! known.
//!
//! All errors are in standard deviations of the sensor's valid values. The median is what a gap
//! would otherwise be filled with; interpolation must be better to be worth anything.

use hexperiment_task::ledger::{Metric, Quality};

use crate::series::Series;

/// The names of all that is measured.
pub(crate) const METRICS: [&str; 10] = [
    "nrmse",
    "mae",
    "median_nrmse",
    "median_mae",
    "sensors_beaten",
    "sensors_compared",
    "max_error",
    "mean_error",
    "missing",
    "hidden",
];

/// A hidden value whose truth can be expressed in standard deviations.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Known {
    /// Place of the fill among all.
    fill: usize,
    column: usize,
    truth: f64,
}

/// What results are measured by.
#[derive(Clone, Debug)]
pub(crate) struct Measure {
    /// The interpolated values in the clear.
    clear: Vec<f64>,
    known: Vec<Known>,
    medians: Vec<f64>,
    missing: usize,
    hidden: usize,
    notes: Vec<String>,
}

impl Measure {
    pub(crate) fn new(series: &Series) -> Self {
        let mut clear = Vec::new();
        let mut known = Vec::new();
        let mut hidden = series.hidden.iter().peekable();
        for (index, fill) in series.fills().enumerate() {
            clear.push(fill.value(series.table.view()));
            let at = |h: &&crate::series::Hidden| (h.row, h.column) == (fill.row, fill.column);
            if let Some(h) = hidden.next_if(at).filter(|h| !series.constant[h.column]) {
                known.push(Known {
                    fill: index,
                    column: h.column,
                    truth: h.truth,
                });
            }
        }
        let mut notes = Vec::new();
        let left_out = series.hidden.len() - known.len();
        if left_out > 0 {
            notes.push(format!(
                "{left_out} hidden values are of sensors that are constant otherwise: they have no \
                 standard deviation and are in no measure against the truth"
            ));
        }
        Self {
            clear,
            known,
            medians: series.medians.clone(),
            missing: series.missing,
            hidden: series.hidden.len(),
            notes,
        }
    }

    /// Values filled.
    pub(crate) fn count(&self) -> usize {
        self.clear.len()
    }

    /// Measures `filled`: one value for each fill, in order.
    pub(crate) fn score(&self, filled: &[f64]) -> Quality {
        let mut metrics = Vec::new();
        let mut notes = self.notes.clone();
        let metric =
            |name: &str, value: f64, plaintext: Option<f64>| Metric::new(name, value, plaintext);
        if !self.known.is_empty() {
            let (ours, clear) = (self.errors(filled), self.errors(&self.clear));
            let median: Vec<f64> = self
                .known
                .iter()
                .map(|k| self.medians[k.column] - k.truth)
                .collect();
            let (beaten, compared) = self.beaten(&ours, &median);
            let (beaten_in_clear, _) = self.beaten(&clear, &median);
            let both = |name, f: fn(&[f64]) -> f64| metric(name, f(&ours), Some(f(&clear)));
            metrics.extend([
                both("nrmse", root_mean_square),
                both("mae", mean_magnitude),
                metric("median_nrmse", root_mean_square(&median), None),
                metric("median_mae", mean_magnitude(&median), None),
                metric(
                    "sensors_beaten",
                    beaten as f64,
                    Some(beaten_in_clear as f64),
                ),
                metric("sensors_compared", compared as f64, None),
            ]);
            notes.push(format!(
                "on the hidden values ({}), interpolation has a smaller squared error than the \
                 sensor's median on {beaten} of {compared} sensors",
                self.known.len()
            ));
        }
        let against: Vec<f64> = filled.iter().zip(&self.clear).map(|(a, b)| a - b).collect();
        metrics.extend([
            metric("max_error", greatest_magnitude(&against), Some(0.0)),
            metric("mean_error", mean_magnitude(&against), Some(0.0)),
            metric("missing", self.missing as f64, None),
            metric("hidden", self.hidden as f64, None),
        ]);
        Quality {
            samples: filled.len(),
            metrics,
            notes,
        }
    }

    fn errors(&self, filled: &[f64]) -> Vec<f64> {
        let error = |k: &Known| filled[k.fill] - k.truth;
        self.known.iter().map(error).collect()
    }

    /// On how many columns `errors` have a lower sum of squares than `others`, and of how many.
    fn beaten(&self, errors: &[f64], others: &[f64]) -> (usize, usize) {
        let mut sums = vec![None; self.medians.len()];
        for (known, (a, b)) in self.known.iter().zip(errors.iter().zip(others)) {
            let (ours, theirs) = sums[known.column].get_or_insert((0.0, 0.0));
            *ours += a * a;
            *theirs += b * b;
        }
        let compared: Vec<(f64, f64)> = sums.into_iter().flatten().collect();
        let beaten = compared.iter().filter(|(a, b)| a < b).count();
        (beaten, compared.len())
    }
}

/// Of errors that are standardised, this is the normalised root mean square error.
fn root_mean_square(errors: &[f64]) -> f64 {
    (errors.iter().map(|e| e * e).sum::<f64>() / errors.len() as f64).sqrt()
}

fn mean_magnitude(errors: &[f64]) -> f64 {
    errors.iter().map(|e| e.abs()).sum::<f64>() / errors.len() as f64
}

/// NaN counts as the greatest.
fn greatest_magnitude(errors: &[f64]) -> f64 {
    let magnitudes = errors.iter().map(|e| e.abs());
    magnitudes.max_by(f64::total_cmp).unwrap_or(0.0)
}
