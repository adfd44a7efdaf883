//! What is fitted on the training part and applied to both: imputation, standardisation,
//! feature ranking.

use ndarray::{Array1, Array2, ArrayView1, ArrayView2, Axis};

use super::split::is_quantity;

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
        let mut means = table
            .mean_axis(Axis(0))
            .unwrap_or_else(|| Array1::zeros(table.ncols()));
        let mut scales = table.std_axis(Axis(0), 0.0);
        for (place, column) in table.columns().into_iter().enumerate() {
            // Squares, or the sum, are beyond double precision.
            if !(means[place].is_finite() && scales[place].is_finite()) {
                let largest = column.fold(0.0_f64, |m, x| m.max(x.abs()));
                let shares = column.mapv(|x| x / largest);
                means[place] = shares.mean().unwrap_or(0.0) * largest;
                scales[place] = shares.std(0.0) * largest;
            }
        }
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
        let mut table = table.clone();
        for (place, mut column) in table.columns_mut().into_iter().enumerate() {
            let (mean, scale) = (self.means[place], self.scales[place]);
            column.mapv_inplace(|x| {
                let z = (x - mean) / scale;
                // A difference may be beyond double precision where the quotients are not.
                if z.is_finite() {
                    z
                } else {
                    x / scale - mean / scale
                }
            });
        }
        table
    }
}

/// The value furthest out, where it leaves next to nothing of its column: where but for a hundredth
/// at either end, or one value, all others lie within a hundredth of a standard deviation of each
/// other, though they differ. `None` where there is no such value.
pub fn squeezing_outlier(values: ArrayView1<'_, f64>) -> Option<f64> {
    const NOTHING: f64 = 0.01;
    let mut known: Vec<f64> = values.iter().copied().filter(|x| !x.is_nan()).collect();
    known.sort_by(f64::total_cmp);
    let cut = (known.len() / 100).max(1);
    let [low, .., high] = known.get(cut..known.len().checked_sub(cut)?)? else {
        return None;
    };
    let (first, last) = (*known.first()?, *known.last()?);
    let outlier = if last / 2.0 - high / 2.0 > low / 2.0 - first / 2.0 {
        last
    } else {
        first
    };
    // As shares of the largest, whose squares are no more than 1.
    let largest = first.abs().max(last.abs());
    let deviation = known
        .iter()
        .map(|x| x / largest)
        .collect::<Array1<f64>>()
        .std(0.0);
    let width = high / largest - low / largest;
    (high > low && width < NOTHING * deviation).then_some(outlier)
}

/// Where a column's numbers lie, and how far apart.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Spread {
    /// Their mean.
    pub mean: f64,
    /// Their standard deviation (population).
    pub deviation: f64,
}

impl Spread {
    /// Of the numbers that are not NaN; `None` if there are none, or if they are too large for the
    /// deviation to be a number.
    pub fn of(values: ArrayView1<'_, f64>) -> Option<Self> {
        let known = || values.iter().copied().filter(|x| !x.is_nan());
        let count = known().count() as f64;
        let mean = known().sum::<f64>() / count;
        let deviation = (known().map(|x| (x - mean).powi(2)).sum::<f64>() / count).sqrt();
        deviation.is_finite().then_some(Self { mean, deviation })
    }

    /// Whether they are one and the same, but for rounding: it leaves a deviation of some units in
    /// the last place.
    pub fn is_constant(&self) -> bool {
        self.deviation <= 1e-12 * self.mean.abs()
    }
}

/// The median; `None` of nothing.
pub fn median(values: impl IntoIterator<Item = f64>) -> Option<f64> {
    let mut values: Vec<f64> = values.into_iter().collect();
    let n = values.len();
    if n == 0 {
        return None;
    }
    let (below, above, _) = values.select_nth_unstable_by(n / 2, f64::total_cmp);
    let above = *above;
    // Of an even number of values there are two in the middle.
    let below = below.iter().copied().max_by(f64::total_cmp);
    Some(match below {
        Some(below) if n.is_multiple_of(2) => 0.5 * (below + above),
        _ => above,
    })
}

/// The median of the numbers that are not NaN; `None` if there are none.
pub fn median_of_known(values: ArrayView1<'_, f64>) -> Option<f64> {
    median(values.iter().copied().filter(|x| !x.is_nan()))
}

/// Columns by falling F statistic; ties go by column.
///
/// For a target of classes, however many, that of a one-way analysis of variance (for two the
/// square of the two-sample t statistic): a column that separates perfectly comes first, a
/// constant one last. For a target that is a quantity (more than two values, and more than a
/// tenth as many as rows) that of the regression on one column, `r^2 / (1 - r^2) * (n - 2)`.
pub fn rank_by_f(features: ArrayView2<'_, f64>, target: ArrayView1<'_, f64>) -> Vec<usize> {
    let mut classes: Vec<f64> = target.iter().map(|x| x + 0.0).collect(); // -0 is 0
    classes.sort_by(f64::total_cmp);
    classes.dedup();
    if is_quantity(classes.len(), target.len()) {
        return rank(features, |column| {
            let r2 = correlation(column, target).powi(2);
            ratio(r2, 1.0 - r2) * (target.len() as f64 - 2.0)
        });
    }
    let class_of: Vec<usize> = target
        .iter()
        .map(|y| classes.partition_point(|class| class < y))
        .collect();
    rank(features, |column| {
        let mut groups = vec![(0.0, 0.0, 0.0); classes.len()]; // count, sum, sum of squares
        let centre = column.mean().unwrap_or(0.0);
        for (x, class) in column.iter().zip(&class_of) {
            let group = &mut groups[*class];
            let x = x - centre;
            group.0 += 1.0;
            group.1 += x;
            group.2 += x * x;
        }
        let between: f64 = groups.iter().map(|g| g.1 * g.1 / g.0).sum();
        let within = groups.iter().map(|g| g.2).sum::<f64>() - between;
        let (n, k) = (target.len() as f64, classes.len() as f64);
        ratio(between, within) * ((n - k).max(1.0) / (k - 1.0).max(1.0))
    })
}

/// `explained / rest`: 0 where nothing is explained, infinite where all is, but for rounding.
fn ratio(explained: f64, rest: f64) -> f64 {
    if explained <= 0.0 {
        0.0
    } else if rest <= 1e-12 * explained {
        f64::INFINITY
    } else {
        explained / rest
    }
}

/// Columns by falling magnitude of Pearson's correlation with the target; ties go by column.
pub fn rank_by_correlation(
    features: ArrayView2<'_, f64>,
    target: ArrayView1<'_, f64>,
) -> Vec<usize> {
    rank(features, |column| correlation(column, target).abs())
}

/// Pearson's correlation; 0 where one of the two is constant.
fn correlation(x: ArrayView1<'_, f64>, y: ArrayView1<'_, f64>) -> f64 {
    let (x_mean, y_mean) = (x.mean().unwrap_or(0.0), y.mean().unwrap_or(0.0));
    let (mut xy, mut xx, mut yy) = (0.0, 0.0, 0.0);
    for (x, y) in x.iter().zip(y) {
        let (x, y) = (x - x_mean, y - y_mean);
        xy += x * y;
        xx += x * x;
        yy += y * y;
    }
    if xx == 0.0 || yy == 0.0 {
        0.0
    } else {
        xy / (xx * yy).sqrt()
    }
}

fn rank(features: ArrayView2<'_, f64>, score: impl Fn(ArrayView1<'_, f64>) -> f64) -> Vec<usize> {
    // A score that is no number, as of values whose squares are beyond double precision, tells
    // nothing.
    let score = |column| match score(column) {
        x if x.is_nan() => f64::NEG_INFINITY,
        x => x,
    };
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
    fn spreads_are_of_what_is_there() {
        #[track_caller]
        fn check(values: &[f64], expect: Option<(f64, f64, bool)>) {
            let spread = Spread::of(ArrayView1::from(values));
            assert_eq!(
                spread.map(|s| (s.mean, s.deviation, s.is_constant())),
                expect
            );
        }
        check(&[1.0, f64::NAN, 3.0], Some((2.0, 1.0, false)));
        check(&[0.0, 0.0], Some((0.0, 0.0, true)));
        check(&[7.5, 7.5, 7.5], Some((7.5, 0.0, true)));
        // Small numbers are no constants.
        check(&[-1e-15, 1e-15], Some((0.0, 1e-15, false)));
        check(&[f64::NAN], None);
        check(&[], None);
        check(&[1e200, -1e200], None);
        // Rounding is no deviation.
        let constant = Spread::of(ArrayView1::from(&[7.1; 3])).unwrap();
        assert!(constant.deviation > 0.0 && constant.is_constant());
    }

    #[test]
    fn standardised_columns_have_mean_0_and_deviation_1() {
        let table = array![[1.0, 5.0], [3.0, 5.0], [5.0, 5.0]];
        let s = Standardizer::fit(&table);
        let z = s.apply(&table);
        assert!((z[[0, 0]] + 1.224_744_87).abs() < 1e-8);
        assert_eq!(z.column(1).to_vec(), vec![0.0; 3]);
    }

    #[test]
    fn large_numbers_are_standardised_too() {
        for scale in [1e160, 1e307] {
            let table = array![[1.0], [3.0], [5.0], [-17.0]] * scale;
            let z = Standardizer::fit(&table).apply(&table);
            let small = array![[1.0], [3.0], [5.0], [-17.0]];
            let want = Standardizer::fit(&small).apply(&small);
            assert!(
                (&z - &want).iter().all(|d| d.abs() < 1e-9),
                "{scale:e}: {z}"
            );
        }
    }

    #[test]
    fn what_squeezes_a_column_is_told_from_what_is_rare() {
        #[track_caller]
        fn check(values: &[f64], expect: Option<f64>) {
            assert_eq!(squeezing_outlier(ArrayView1::from(values)), expect);
        }
        check(&[1.0, 2.0, 3.0, 1e308], Some(1e308));
        check(&[1.0, 2.0, f64::NAN, 3.0, -1e308, 4.0], Some(-1e308));
        check(&[1.0, 2.0, 3.0, f64::MAX, f64::MIN], Some(f64::MIN));
        check(&[1.0, 2.0, 3.0, 1e6], Some(1e6));
        check(&[1.0, 2.0, 3.0, 9.0], None);
        // A bit that is rare, and what has no spread at all.
        let rare: Vec<f64> = (0..1000).map(|i| f64::from(u8::from(i == 7))).collect();
        check(&rare, None);
        check(&[5.0; 9], None);
        check(&[1.0, 1e308], None);
        check(&[f64::NAN; 3], None);
        check(&[], None);
    }

    #[test]
    fn columns_too_large_to_rank_come_last() {
        let x = array![[1e308, 0.0], [-1e308, 1.0], [1e308, 0.2], [1.0, 0.9]];
        let y = array![0.0, 1.0, 0.0, 1.0];
        assert_eq!(rank_by_f(x.view(), y.view()), [1, 0]);
        assert_eq!(rank_by_correlation(x.view(), y.view()), [1, 0]);
    }

    #[test]
    fn medians_skip_what_is_missing() {
        assert_eq!(
            median_of_known(array![3.0, f64::NAN, 1.0].view()),
            Some(2.0)
        );
        assert_eq!(median_of_known(array![3.0, 9.0, 1.0].view()), Some(3.0));
        assert_eq!(median_of_known(array![f64::NAN].view()), None);
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

    /// Three classes of any names, and a quantity that the second column is linear in.
    #[test]
    fn f_is_for_classes_and_for_quantities() {
        let rows = 36;
        let class = |i: usize| [-2.0, 0.0, 7.0][i % 3];
        let noise = |i: usize, j: usize| ((i * 37 + j * 11) % 17) as f64;
        let x = Array2::from_shape_fn((rows, 3), |(i, j)| match j {
            0 => noise(i, 0),
            // The middle class alone is apart: the correlation with the class is small.
            1 => 9.0 * f64::from(u8::from(i % 3 == 1)) + 0.1 * noise(i, 1),
            _ => 4.0,
        });
        let y = Array1::from_shape_fn(rows, class);
        assert_eq!(rank_by_f(x.view(), y.view()), [1, 0, 2]);
        let quantity = Array1::from_shape_fn(rows, |i| i as f64);
        let x = Array2::from_shape_fn((rows, 3), |(i, j)| match j {
            0 => noise(i, 0),
            1 => -3.0 * i as f64 + noise(i, 1),
            _ => 4.0,
        });
        assert_eq!(rank_by_f(x.view(), quantity.view()), [1, 0, 2]);
    }

    /// F of three groups by hand: means 2, 3, 7, grand mean 4; between 42 / 2, within 6 / 6.
    #[test]
    fn ratios_by_hand() {
        assert_eq!(ratio(42.0, 6.0) * (6.0 / 2.0), 21.0);
        assert_eq!(ratio(0.0, 0.0), 0.0);
        assert_eq!(ratio(1.0, 0.0), f64::INFINITY);
        let x = array![1.0, 2.0, 3.0];
        assert!((correlation(x.view(), array![3.0, 2.0, 1.0].view()) + 1.0).abs() < 1e-15);
        assert_eq!(correlation(x.view(), array![5.0, 5.0, 5.0].view()), 0.0);
    }
}
