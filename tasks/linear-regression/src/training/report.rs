//! How well encrypted training went.

use std::fmt::Write as _;

use hexperiment_task::clipping::{Moved, largest_difference};
use hexperiment_task::encode::EncodedTable;
use hexperiment_task::ledger::{Metric, Quality};
use hexperiment_task::linear_model::{LinearModel, SavedModel};
use hexperiment_task::metrics;
use hexperiment_task::{Artefact, TaskError};
use ndarray::{Array1, s};

/// What is measured beside what every regression's is.
pub(crate) const MORE_METRICS: [&str; 4] = [
    "coefficient_error",
    "weight_error",
    "least_squares_r2",
    "training_rows",
];

/// The curve in the records has about so many points; `curve.csv` has all.
const POINTS: usize = 20;

/// What encrypted training is measured by.
pub(super) struct Results {
    pub(super) table: EncodedTable,
    pub(super) clip: f64,
    /// The test part's targets.
    pub(super) truth: Vec<f64>,
    /// Of the training targets.
    pub(super) mean: f64,
    pub(super) deviation: f64,
    /// Least squares in the clear, standardised, the intercept last.
    pub(super) least_squares: Array1<f64>,
    /// After each step of the same algorithm in the clear.
    pub(super) clear: Vec<Array1<f64>>,
    /// After the last step in the clear on rows as they were before any value was clipped; `None`
    /// where none was.
    pub(super) unclipped: Option<Array1<f64>>,
    pub(super) notes: Vec<String>,
}

impl Results {
    /// Standardised weights as a model that predicts in the target's unit.
    fn model(&self, weights: &Array1<f64>) -> LinearModel {
        let last = weights.len() - 1;
        LinearModel {
            weights: weights.slice(s![..last]).mapv(|w| w * self.deviation),
            intercept: self.mean + self.deviation * weights[last],
        }
    }

    fn predictions(&self, weights: &Array1<f64>) -> Vec<f64> {
        self.model(weights).scores(&self.table.test).to_vec()
    }

    /// What was clipped of the training rows, and how far that moves a weight in the clear.
    pub(super) fn clipping(&self) -> (Moved, f64) {
        let unclipped = self.unclipped.iter();
        let errors = unclipped.map(|weights| largest_difference(weights, &self.last()));
        (self.table.moved_in_train(), errors.fold(0.0, f64::max))
    }

    /// Predictions of the model trained on rows as they were, for samples as they were; `None` where
    /// nothing was clipped.
    fn unclipped(&self) -> Option<Vec<f64>> {
        let [_, test] = self.table.unclipped()?;
        let weights = self.unclipped.clone().unwrap_or_else(|| self.last());
        Some(self.model(&weights).scores(test).to_vec())
    }

    fn r2(&self, weights: &Array1<f64>) -> f64 {
        let predicted = self.predictions(weights);
        let measures = metrics::regression(&predicted, &predicted, &self.truth);
        let r2 = measures.iter().find(|m| m.name == "r2");
        r2.map_or(f64::NAN, |m| m.value)
    }

    /// The largest difference to least squares in the clear, as a share of its largest weight.
    fn coefficient_error(&self, weights: &Array1<f64>) -> f64 {
        let most = |x: &Array1<f64>| x.iter().fold(0.0_f64, |m, x| m.max(x.abs()));
        most(&(weights - &self.least_squares)) / most(&self.least_squares).max(1e-12)
    }

    fn last(&self) -> Array1<f64> {
        self.clear.last().cloned().unwrap_or_default()
    }

    pub(super) fn score(&self, weights: &Array1<f64>) -> Quality {
        let plain = self.predictions(&self.last());
        let measure = |predicted: &[f64]| metrics::regression(predicted, &plain, &self.truth);
        let mut metrics = measure(&self.predictions(weights));
        if let Some(unclipped) = self.unclipped() {
            Metric::beside_unclipped(&mut metrics, &measure(&unclipped));
        }
        let off = weights - &self.last();
        let weight_error = off.iter().fold(0.0_f64, |m, x| m.max(x.abs()));
        let more = [
            (
                self.coefficient_error(weights),
                Some(self.coefficient_error(&self.last())),
            ),
            (weight_error, Some(0.0)),
            (self.r2(&self.least_squares), None),
            (self.table.train.nrows() as f64, None),
        ];
        for (name, (value, plaintext)) in MORE_METRICS.iter().zip(more) {
            // Without variance in the truth there is no R2.
            if value.is_finite() {
                metrics.push(Metric::new(*name, value, plaintext));
            }
        }
        let points = self.clear.len().saturating_sub(1);
        let step = points.div_ceil(POINTS).max(1);
        // The last one is decrypted, and the headline.
        for (t, clear) in self.clear.iter().enumerate().take(points).step_by(step) {
            let value = self.r2(clear);
            if value.is_finite() {
                metrics.push(Metric::new(
                    format!("oracle_r2_iteration_{}", t + 1),
                    value,
                    None,
                ));
            }
        }
        Quality {
            samples: self.truth.len(),
            metrics,
            notes: self.notes.clone(),
        }
    }

    /// `curve.csv` and `model.json`.
    pub(super) fn artefacts(&self, weights: &Array1<f64>) -> Result<Vec<Artefact>, TaskError> {
        let saved = SavedModel::new(&self.model(weights), &self.table, self.clip, 0.0);
        Ok(vec![
            Artefact {
                name: "curve.csv".into(),
                bytes: self.curve(weights).into_bytes(),
            },
            Artefact {
                name: "model.json".into(),
                bytes: saved.to_json()?,
            },
        ])
    }

    /// The learning curve on the test rows. Only the last weights are decrypted; the others are the
    /// oracle's, for nobody sees them in a run that stays encrypted.
    fn curve(&self, weights: &Array1<f64>) -> String {
        let mut text = String::from("iteration,oracle_r2,oracle_coefficient_error,decrypted_r2\n");
        for (t, clear) in self.clear.iter().enumerate() {
            let decrypted = if t + 1 == self.clear.len() {
                format!("{:.6}", self.r2(weights))
            } else {
                String::new()
            };
            // Writing to a string does not fail.
            let _ = writeln!(
                text,
                "{},{:.6},{:.3e},{decrypted}",
                t + 1,
                self.r2(clear),
                self.coefficient_error(clear)
            );
        }
        text
    }
}
