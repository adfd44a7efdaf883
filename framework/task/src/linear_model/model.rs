//! Weights, and their part of a program.

use ndarray::{Array1, Array2};

use hexperiment_program::{ProgramBuilder, ProgramError, Public, ValueId};

/// A trained model: a row's score is `weights · row + intercept`.
#[derive(Clone, Debug, PartialEq)]
pub struct LinearModel {
    /// One for each feature, in the unit of the standardised table.
    pub weights: Array1<f64>,
    /// The constant.
    pub intercept: f64,
}

impl LinearModel {
    /// The scores of a table's rows, in the clear.
    pub fn scores(&self, table: &Array2<f64>) -> Array1<f64> {
        table.dot(&self.weights) + self.intercept
    }

    /// The score of encrypted columns, one for each weight, less `cut`.
    ///
    /// # Errors
    /// No column or no weight, columns of different lengths or that `builder` does not have,
    /// numbers of the model that are not finite, or a score that may be beyond 1e15.
    pub fn state(
        &self,
        builder: &mut ProgramBuilder,
        columns: Vec<ValueId>,
        cut: f64,
    ) -> Result<ValueId, ProgramError> {
        let weights = self.weights.iter().map(|w| Public::Scalar(*w));
        let terms = columns.into_iter().zip(weights).collect();
        builder.weighted_sum(terms, self.intercept - cut)
    }

    /// The absolute error that each feature may carry if the score's is to stay below
    /// `precision`: errors of the features reach the score weighted, and have half the budget.
    pub fn input_precision(&self, precision: f64) -> f64 {
        let total: f64 = self.weights.iter().map(|w| w.abs()).sum();
        0.5 * precision / total.max(1e-12)
    }
}
