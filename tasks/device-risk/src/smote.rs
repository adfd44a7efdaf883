//! Smaller classes oversampled by synthetic rows: SMOTE (Chawla, Bowyer, Hall, Kegelmeyer,
//! *SMOTE: Synthetic Minority Over-sampling Technique*, JAIR 16, 2002).

use hexperiment_task::TaskError;
use ndarray::{Array2, ArrayView1, Axis};
use rand::seq::SliceRandom;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha20Rng;

use crate::level::LEVELS;

/// Rows, and the class of each.
#[derive(Clone, Debug)]
pub(crate) struct Rows {
    pub(crate) features: Array2<f64>,
    pub(crate) classes: Vec<usize>,
}

impl Rows {
    /// The rows of one class, by place.
    pub(crate) fn of_class(&self, class: usize) -> Vec<usize> {
        let all = self.classes.iter().enumerate();
        all.filter(|(_, c)| **c == class).map(|(i, _)| i).collect()
    }

    /// As many rows of each class as of the largest: each new one lies between a row of its class
    /// and one of that row's `neighbours` nearest of the class, at a random place of the segment.
    /// Rows take turns, in an order shuffled by the seed. Features are expected in units that make
    /// distances meaningful, as standard deviations do.
    ///
    /// Fails where a class that lacks rows has fewer than two to lie between.
    pub(crate) fn balanced(&self, neighbours: usize, seed: u64) -> Result<Self, TaskError> {
        let mut random = ChaCha20Rng::seed_from_u64(seed);
        let by_class: Vec<Vec<usize>> = (0..LEVELS.len()).map(|c| self.of_class(c)).collect();
        let most = by_class.iter().map(Vec::len).max().unwrap_or(0);
        let mut all = self.clone();
        for (class, mut rows) in by_class.into_iter().enumerate() {
            let lacking = most - rows.len();
            if lacking == 0 {
                continue;
            }
            if rows.len() < 2 {
                return Err(TaskError::data(
                    format!(
                        "the training part has {} device of level {}; synthetic ones lie between two",
                        rows.len(),
                        LEVELS[class]
                    ),
                    "take more devices, or write `oversample = \"none\"` under [task]",
                ));
            }
            rows.shuffle(&mut random);
            let near: Vec<Vec<usize>> = rows
                .iter()
                .map(|row| self.nearest(*row, &rows, neighbours))
                .collect();
            for turn in 0..lacking {
                let (row, near) = (rows[turn % rows.len()], &near[turn % rows.len()]);
                let other = near[random.random_range(0..near.len())];
                let share: f64 = random.random();
                let (from, to) = (self.features.row(row), self.features.row(other));
                let between = &from + &((&to - &from) * share);
                // The lengths agree: both are rows of the table.
                let pushed = all.features.push_row(between.view());
                pushed.map_err(|e| TaskError::Model {
                    model: "SMOTE",
                    message: e.to_string(),
                })?;
                all.classes.push(class);
            }
        }
        Ok(all)
    }

    /// The nearest of `rows` to `row`, itself left out; of equally near ones the first.
    fn nearest(&self, row: usize, rows: &[usize], neighbours: usize) -> Vec<usize> {
        let here = self.features.row(row);
        let distance = |other: &usize| -> f64 {
            let there: ArrayView1<'_, f64> = self.features.index_axis(Axis(0), *other);
            here.iter().zip(there).map(|(a, b)| (a - b).powi(2)).sum()
        };
        let mut others: Vec<(f64, usize)> = rows
            .iter()
            .filter(|other| **other != row)
            .map(|other| (distance(other), *other))
            .collect();
        let order = |a: &(f64, usize), b: &(f64, usize)| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1));
        let count = neighbours.clamp(1, others.len());
        others.select_nth_unstable_by(count - 1, order);
        others.truncate(count);
        others.sort_by(order);
        // Into a list of its own: that of all others would stay as long as it.
        others.iter().map(|(_, other)| *other).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::array;

    fn rows() -> Rows {
        // Class 0 has six rows, class 1 three on a line, class 2 two.
        Rows {
            features: array![
                [9.0, 9.0],
                [9.0, 8.0],
                [8.0, 9.0],
                [9.0, 7.0],
                [7.0, 9.0],
                [6.0, 9.0],
                [0.0, 0.0],
                [1.0, 1.0],
                [10.0, 10.0],
                [-1.0, 5.0],
                [-3.0, 5.0]
            ],
            classes: vec![0, 0, 0, 0, 0, 0, 1, 1, 1, 2, 2],
        }
    }

    #[test]
    fn classes_are_equal_and_new_rows_lie_between_neighbours() {
        let rows = rows();
        let all = rows.balanced(1, 7).unwrap();
        for class in 0..3 {
            assert_eq!(all.of_class(class).len(), 6);
        }
        assert_eq!(all.features.slice(ndarray::s![..11, ..]), rows.features);
        for row in 11..18 {
            let (x, y) = (all.features[[row, 0]], all.features[[row, 1]]);
            if all.classes[row] == 1 {
                // The nearest of (0, 0) is (1, 1) and the other way round; of (10, 10) it is (1, 1).
                assert!((x - y).abs() < 1e-12 && (0.0..=10.0).contains(&x));
            } else {
                assert!(y == 5.0 && (-3.0..=-1.0).contains(&x));
            }
        }
        assert_eq!(all.features, rows.balanced(1, 7).unwrap().features);
        assert_ne!(all.features, rows.balanced(1, 8).unwrap().features);
    }

    #[test]
    fn one_row_has_no_neighbour() {
        let mut rows = rows();
        rows.classes[10] = 0;
        let error = rows.balanced(5, 7).unwrap_err().to_string();
        assert!(error.contains("1 device of level High"), "{error}");
        assert!(error.contains("oversample"), "{error}");
    }
}
