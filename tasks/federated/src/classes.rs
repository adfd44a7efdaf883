//! Classes, and scores that tell them.

use hexperiment_task::TaskError;
use hexperiment_task::ledger::Metric;
use hexperiment_task::linear_model::check_binary;
use hexperiment_task::metrics;
use ndarray::{Array1, Array2};

/// More classes than this are taken for a quantity.
const MOST: usize = 50;

/// The classes of a target.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Classes {
    /// 0 and 1: one score.
    Two,
    /// These values, rising: one multinomial model with a score for each.
    Many(Vec<f64>),
}

impl Classes {
    /// Of a training target. Two must be 0 and 1, more must be whole numbers; the test target of
    /// two must have both.
    pub(crate) fn of(train: &Array1<f64>, test: &Array1<f64>) -> Result<Self, TaskError> {
        let mut values = train.to_vec();
        values.sort_by(f64::total_cmp);
        values.dedup();
        let whole = values.iter().all(|v| v.fract() == 0.0);
        if (3..=MOST).contains(&values.len()) && whole {
            return Ok(Self::Many(values));
        }
        check_binary(train, "training")?;
        check_binary(test, "test")?;
        Ok(Self::Two)
    }

    /// How many scores tell them.
    pub(crate) fn scores(&self) -> usize {
        match self {
            Self::Two => 1,
            Self::Many(values) => values.len(),
        }
    }

    /// The place of each value's class; of a value that is none, the number of classes.
    pub(crate) fn places(&self, target: &Array1<f64>) -> Vec<usize> {
        let place = |y: &f64| match self {
            Self::Two => usize::from(*y > 0.5),
            Self::Many(values) => values.iter().position(|v| v == y).unwrap_or(values.len()),
        };
        target.iter().map(place).collect()
    }

    /// Rows x scores: 1 where a row is what the score tells.
    pub(crate) fn labels(&self, target: &Array1<f64>) -> Array2<f64> {
        let places = self.places(target);
        Array2::from_shape_fn((places.len(), self.scores()), |(row, score)| match self {
            Self::Two => places[row] as f64,
            Self::Many(_) => f64::from(u8::from(places[row] == score)),
        })
    }

    /// The class of each row: the one with the highest score.
    fn said(scores: &Array2<f64>) -> Vec<usize> {
        let highest = |row: ndarray::ArrayView1<'_, f64>| {
            let places = (0..row.len()).rev();
            places
                .max_by(|a, b| row[*a].total_cmp(&row[*b]))
                .unwrap_or(0)
        };
        scores.rows().into_iter().map(highest).collect()
    }

    /// All measures of scores, beside those of the model in the clear; the first is the headline.
    pub(crate) fn measures(
        &self,
        scores: &Array2<f64>,
        clear: &Array2<f64>,
        truth: &Array1<f64>,
    ) -> Vec<Metric> {
        match self {
            Self::Two => {
                let column = |s: &Array2<f64>| s.column(0).to_vec();
                metrics::binary(&column(scores), &column(clear), &truth.to_vec(), 0.0)
            }
            Self::Many(values) => {
                let (said, plain) = (Self::said(scores), Self::said(clear));
                metrics::multiclass(&said, &plain, &self.places(truth), values.len())
            }
        }
    }

    /// The first of the measures alone.
    pub(crate) fn headline(&self, scores: &Array2<f64>, truth: &Array1<f64>) -> f64 {
        let first = self.measures(scores, scores, truth).into_iter().next();
        first.map_or(f64::NAN, |m| m.value)
    }

    /// The headline's name.
    pub(crate) fn headline_name(&self) -> &'static str {
        match self {
            Self::Two => "auc",
            Self::Many(_) => "balanced_accuracy",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::array;

    #[test]
    fn two_or_many() {
        let two = array![0.0, 1.0, 1.0];
        assert_eq!(Classes::of(&two, &two).unwrap(), Classes::Two);
        let many = Classes::of(&array![2.0, 0.0, 5.0], &array![0.0]).unwrap();
        assert_eq!(many, Classes::Many(vec![0.0, 2.0, 5.0]));
        assert_eq!(many.places(&array![5.0, 1.0, 0.0]), [2, 3, 0]);
        assert_eq!(many.labels(&array![2.0]), array![[0.0, 1.0, 0.0]]);
        for bad in [array![0.0, 2.0], array![0.0, 0.5, 1.0], array![1.0, 1.0]] {
            assert!(Classes::of(&bad, &bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn the_highest_score_decides() {
        assert_eq!(
            Classes::said(&array![[0.1, 0.7, 0.3], [2.0, 2.0, 1.0]]),
            [1, 0]
        );
        let many = Classes::Many(vec![0.0, 1.0, 2.0]);
        let scores = array![[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]];
        assert_eq!(many.headline(&scores, &array![0.0, 1.0, 2.0]), 1.0);
        assert_eq!(many.headline_name(), "balanced_accuracy");
    }
}
