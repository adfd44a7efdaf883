//! Multinomial logistic regression: three weighted sums.

use hexperiment_program::{ProgramBuilder, ValueId};
use hexperiment_task::TaskError;
use hexperiment_task::encode::EncodedTable;
use hexperiment_task::linear_model::LinearModel;
use linfa::prelude::*;
use linfa_logistic::MultiLogisticRegression;
use ndarray::{Array1, Array2, Array3};

use crate::level::{LEVELS, Scores, softmax};
use crate::smote::Rows;

/// Training has converged where no entry of the loss's gradient, per row, is above this.
const CONVERGED: f64 = 1e-4;

/// A score for each level; what counts are their differences.
#[derive(Clone, Debug)]
pub(crate) struct Multinomial {
    levels: [LinearModel; 3],
    /// Note on its training for the report.
    pub(crate) note: Option<String>,
}

fn failed(message: String) -> TaskError {
    TaskError::Model {
        model: "multinomial logistic regression",
        message,
    }
}

impl Multinomial {
    /// Trains on standardised rows of all three levels by `linfa-logistic` (L-BFGS): the sum of
    /// log losses plus `alpha / 2` times the squared norm of the weights.
    pub(crate) fn train(rows: &Rows, alpha: f64, iterations: u64) -> Result<Self, TaskError> {
        let targets = Array1::from(rows.classes.clone());
        let data = DatasetBase::new(rows.features.clone(), targets);
        let fitted = MultiLogisticRegression::default()
            .alpha(alpha)
            .max_iterations(iterations)
            .gradient_tolerance(1e-5)
            .fit(&data)
            .map_err(|e| failed(e.to_string()))?;
        if fitted.classes() != [0, 1, 2] {
            return Err(failed(format!(
                "found the levels {:?}, expected 0, 1 and 2",
                fitted.classes()
            )));
        }
        let level = |c: usize| LinearModel {
            weights: fitted.params().column(c).to_owned(),
            intercept: fitted.intercept()[c],
        };
        let mut model = Self {
            levels: [level(0), level(1), level(2)],
            note: None,
        };
        if !model
            .levels
            .iter()
            .all(|m| m.intercept.is_finite() && m.weights.iter().all(|w| w.is_finite()))
        {
            return Err(failed("the weights are not finite; raise `alpha`".into()));
        }
        let gradient = model.gradient(rows, alpha);
        model.note = (gradient > CONVERGED).then(|| {
            format!(
                "training has not converged within `max_iterations = {iterations}`: the gradient is \
                 {gradient:.1e} per row, {CONVERGED:.0e} was wanted; all schemes evaluate the same \
                 unfinished model"
            )
        });
        Ok(model)
    }

    /// The largest entry of the gradient of the penalised loss, per row.
    fn gradient(&self, rows: &Rows, alpha: f64) -> f64 {
        let shares: Vec<Scores> = self
            .logits(&rows.features)
            .into_iter()
            .map(softmax)
            .collect();
        let mut largest: f64 = 0.0;
        for (level, model) in self.levels.iter().enumerate() {
            let residuals = shares.iter().zip(&rows.classes);
            let residuals: Array1<f64> = residuals
                .map(|(s, class)| s[level] - f64::from(u8::from(*class == level)))
                .collect();
            let by_weight = rows.features.t().dot(&residuals) + &model.weights * alpha;
            let entries = by_weight.iter().copied().chain([residuals.sum()]);
            largest = entries.fold(largest, |m, g| m.max(g.abs()));
        }
        largest / rows.classes.len() as f64
    }

    /// The scores of a table's rows.
    pub(crate) fn logits(&self, table: &Array2<f64>) -> Vec<Scores> {
        let by_level = self.levels.each_ref().map(|m| m.scores(table));
        let row = |i: usize| [0, 1, 2].map(|level: usize| by_level[level][i]);
        (0..table.nrows()).map(row).collect()
    }

    /// What each feature adds to each level's score: rows x levels x features.
    pub(crate) fn contributions(&self, table: &Array2<f64>) -> Array3<f64> {
        let shape = (table.nrows(), LEVELS.len(), table.ncols());
        Array3::from_shape_fn(shape, |(row, level, feature)| {
            self.levels[level].weights[feature] * table[[row, feature]]
        })
    }

    /// States the three scores of the encrypted table, to be right within `precision`.
    pub(crate) fn state(
        &self,
        builder: &mut ProgramBuilder,
        table: &EncodedTable,
        precision: f64,
    ) -> Result<[ValueId; 3], TaskError> {
        let finest = self.levels.iter().map(|m| m.input_precision(precision));
        let input = table.input("devices", finest.fold(f64::INFINITY, f64::min));
        let (_, columns) = builder.input(input)?;
        let [low, medium, high] = &self.levels;
        Ok([
            low.state(builder, columns.clone(), 0.0)?,
            medium.state(builder, columns.clone(), 0.0)?,
            high.state(builder, columns, 0.0)?,
        ])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Three clouds around the corners of a triangle.
    fn clouds() -> Rows {
        let n = 120;
        let noise = |i: usize, j: usize| ((i * 7919 + j * 104_729) % 997) as f64 / 997.0 - 0.5;
        let features = Array2::from_shape_fn((n, 2), |(i, j)| {
            let corner = [[-1.0, 0.0], [1.0, 0.0], [0.0, 1.5]][i % 3];
            corner[j] + 1.8 * noise(i, j)
        });
        Rows {
            features,
            classes: (0..n).map(|i| i % 3).collect(),
        }
    }

    #[test]
    fn training_reaches_the_optimum_and_says_where_not() {
        let rows = clouds();
        let model = Multinomial::train(&rows, 1.0, 500).unwrap();
        assert_eq!(model.note, None);
        let right = model.logits(&rows.features).into_iter().zip(&rows.classes);
        let right = right
            .filter(|(s, c)| crate::level::decide(*s) == **c)
            .count();
        assert!(right > 100, "{right}");
        let unfinished = Multinomial::train(&rows, 1.0, 1).unwrap();
        let note = unfinished.note.unwrap();
        assert!(note.contains("max_iterations = 1"), "{note}");
    }

    #[test]
    fn contributions_add_up_to_the_score() {
        let rows = clouds();
        let model = Multinomial::train(&rows, 1.0, 500).unwrap();
        let logits = model.logits(&rows.features);
        let parts = model.contributions(&rows.features);
        for (level, logit) in logits[7].iter().enumerate() {
            let sum = parts.slice(ndarray::s![7, level, ..]).sum();
            let expect = logit - model.levels[level].intercept;
            assert!((sum - expect).abs() < 1e-9);
        }
    }
}
