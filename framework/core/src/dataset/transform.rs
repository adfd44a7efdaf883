//! What is fitted on the training part and applied to both: imputation, standardisation,
//! feature ranking.

use ndarray::{Array1, Array2, ArrayView1, ArrayView2, Axis};

/// Shifts each column by its mean and divides by its standard deviation.
#[derive(Clone, Debug, PartialEq)]
pub struct Standardizer {
    /// The columns' means.
    pub means: Array1<f64>,
    /// The columns' standard deviations (population); 1 for a constant column, whose values
    /// then all become 0.
    pub scales: Array1<f64>,
}

impl Standardizer {
    /// Fits means and deviations; the table has at least one row.
    pub fn fit(table: &Array2<f64>) -> Self {
        let means = table
            .mean_axis(Axis(0))
            .unwrap_or_else(|| Array1::zeros(table.ncols()));
        let scales = table.std_axis(Axis(0), 0.0);
        // Rounding leaves a constant column a deviation of some units in the last place.
        let scales = ndarray::Zip::from(&scales).and(&means).map_collect(|s, m| {
            if *s <= 1e-12 * (1.0 + m.abs()) {
                1.0
            } else {
                *s
            }
        });
        Self { means, scales }
    }

    /// Applies what was fitted to a table of the same columns.
    pub fn apply(&self, table: &Array2<f64>) -> Array2<f64> {
        (table - &self.means) / &self.scales
    }
}

/// The median of the numbers that are not NaN; `None` if there are none.
pub fn median(values: ArrayView1<'_, f64>) -> Option<f64> {
    let mut known: Vec<f64> = values.iter().copied().filter(|x| !x.is_nan()).collect();
    if known.is_empty() {
        return None;
    }
    known.sort_by(f64::total_cmp);
    let middle = known.len() / 2;
    Some(if known.len() % 2 == 1 {
        known[middle]
    } else {
        0.5 * (known[middle - 1] + known[middle])
    })
}

/// Columns by falling F statistic of a one-way analysis of variance between the two classes
/// (the square of the two-sample t statistic). A column that separates perfectly comes first,
/// a constant one last; ties go by column.
pub fn rank_by_f(features: ArrayView2<'_, f64>, classes: ArrayView1<'_, f64>) -> Vec<usize> {
    rank(features, |column| {
        let mut groups = [(0.0, 0.0, 0.0); 2]; // count, sum, sum of squares
        let centre = column.mean().unwrap_or(0.0);
        for (x, class) in column.iter().zip(classes) {
            let group = &mut groups[usize::from(*class > 0.5)];
            let x = x - centre;
            group.0 += 1.0;
            group.1 += x;
            group.2 += x * x;
        }
        let total: f64 = groups.iter().map(|g| g.0).sum();
        let between: f64 = groups
            .iter()
            .filter(|g| g.0 > 0.0)
            .map(|g| g.1 * g.1 / g.0)
            .sum();
        let within = groups.iter().map(|g| g.2).sum::<f64>() - between;
        if between <= 0.0 {
            return 0.0;
        }
        if within <= 1e-12 * between {
            return f64::INFINITY;
        }
        between / (within / (total - 2.0).max(1.0))
    })
}

/// Columns by falling magnitude of Pearson's correlation with the target; ties go by column.
pub fn rank_by_correlation(
    features: ArrayView2<'_, f64>,
    target: ArrayView1<'_, f64>,
) -> Vec<usize> {
    let centre = target.mean().unwrap_or(0.0);
    rank(features, |column| {
        let mean = column.mean().unwrap_or(0.0);
        let (mut xy, mut xx, mut yy) = (0.0, 0.0, 0.0);
        for (x, y) in column.iter().zip(target) {
            let (x, y) = (x - mean, y - centre);
            xy += x * y;
            xx += x * x;
            yy += y * y;
        }
        if xx == 0.0 || yy == 0.0 {
            0.0
        } else {
            (xy / (xx * yy).sqrt()).abs()
        }
    })
}

fn rank(features: ArrayView2<'_, f64>, score: impl Fn(ArrayView1<'_, f64>) -> f64) -> Vec<usize> {
    let scores: Vec<f64> = features.columns().into_iter().map(score).collect();
    let mut order: Vec<usize> = (0..scores.len()).collect();
    order.sort_by(|a, b| scores[*b].total_cmp(&scores[*a]));
    order
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::array;

    #[test]
    fn standardised_columns_have_mean_0_and_deviation_1() {
        let table = array![[1.0, 5.0], [3.0, 5.0], [5.0, 5.0]];
        let s = Standardizer::fit(&table);
        let z = s.apply(&table);
        assert!((z[[0, 0]] + 1.224_744_87).abs() < 1e-8);
        assert_eq!(z.column(1).to_vec(), vec![0.0; 3]);
    }

    #[test]
    fn medians_skip_what_is_missing() {
        assert_eq!(median(array![3.0, f64::NAN, 1.0].view()), Some(2.0));
        assert_eq!(median(array![3.0, 9.0, 1.0].view()), Some(3.0));
        assert_eq!(median(array![f64::NAN].view()), None);
    }

    #[test]
    fn rankings_put_the_telling_column_first() {
        let x = array![
            [0.0, 1.0, 7.0],
            [1.0, 1.1, 7.0],
            [0.2, 3.0, 7.0],
            [0.9, 3.2, 7.0]
        ];
        let y = array![0.0, 0.0, 1.0, 1.0];
        assert_eq!(rank_by_f(x.view(), y.view()), [1, 0, 2]);
        assert_eq!(rank_by_correlation(x.view(), y.view()), [1, 0, 2]);
    }
}
