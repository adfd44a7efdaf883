//! Features as small whole numbers: which of a few bins, of about equally many training rows
//! each, a value lies in. Skewed features lose less this way than in bins of equal width; that
//! splits at quantiles cost a tree little is known from histogram-based boosting (Chen and
//! Guestrin, *XGBoost*, 2016; Ke et al., *LightGBM*, 2017).

use ndarray::{Array2, ArrayView1};

/// The borders of each feature's bins, rising. Training rows lie on both sides of each.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Grid {
    borders: Vec<Vec<f64>>,
}

impl Grid {
    /// At most `bins` bins to a feature, by what the training rows show.
    pub(crate) fn fit(train: &Array2<f64>, bins: usize) -> Self {
        let columns = train.columns().into_iter();
        Self {
            borders: columns.map(|column| borders(column, bins)).collect(),
        }
    }

    /// So fine that a border lies between any two values of the training rows: what a forest in
    /// double precision sees.
    pub(crate) fn finest(train: &Array2<f64>) -> Self {
        Self::fit(train, usize::MAX)
    }

    /// The highest number that a feature can have.
    pub(crate) fn highest(&self, feature: usize) -> u32 {
        self.borders[feature].len() as u32
    }

    /// The most that any feature can have.
    pub(crate) fn highest_of_all(&self) -> u32 {
        self.borders.iter().map(Vec::len).max().unwrap_or(0) as u32
    }

    /// The bins of each row's values: how many borders lie below the value.
    pub(crate) fn apply(&self, table: &Array2<f64>) -> Vec<Vec<u32>> {
        let place = |(borders, x): (&Vec<f64>, &f64)| borders.partition_point(|b| b < x) as u32;
        let rows = table.rows().into_iter();
        rows.map(|row| self.borders.iter().zip(row).map(place).collect())
            .collect()
    }
}

fn borders(column: ArrayView1<'_, f64>, bins: usize) -> Vec<f64> {
    let mut sorted = column.to_vec();
    sorted.sort_by(f64::total_cmp);
    let mut distinct = sorted.clone();
    distinct.dedup();
    let between = |upper: usize| f64::midpoint(distinct[upper - 1], distinct[upper]);
    if distinct.len() <= bins {
        return (1..distinct.len()).map(between).collect();
    }
    let n = sorted.len();
    let mut borders: Vec<f64> = (1..bins)
        .map(|i| {
            // Below the value at the quantile; above it where that is the lowest of all, so that
            // a value that most rows have, as counts have 0, is told from the others.
            let value = sorted[i * n / bins];
            between(distinct.partition_point(|x| *x < value).max(1))
        })
        .collect();
    borders.dedup();
    borders
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::Array2;

    #[track_caller]
    fn check(values: &[f64], bins: usize, borders: &[f64]) {
        let table = Array2::from_shape_vec((values.len(), 1), values.to_vec()).unwrap();
        let grid = Grid::fit(&table, bins);
        assert_eq!(grid.borders, [borders]);
        assert_eq!(grid.highest(0) as usize, borders.len());
        let below = grid.apply(&Array2::from_elem((1, 1), f64::MIN));
        assert_eq!(below, [[0]]);
        let above = grid.apply(&Array2::from_elem((1, 1), f64::MAX));
        assert_eq!(above[0][0], grid.highest(0));
    }

    #[test]
    fn borders_lie_between_values() {
        check(&[1.0, 3.0, 3.0, 7.0], 16, &[2.0, 5.0]);
        check(&[4.0, 4.0], 16, &[]);
        let many: Vec<f64> = (0..100).map(f64::from).collect();
        check(&many, 4, &[24.5, 49.5, 74.5]);
        // Most are 0: the quantiles that fall there make one border, above it.
        let skewed: Vec<f64> = (0..100).map(|i| f64::from((i - 80).max(0))).collect();
        let grid = borders(ndarray::Array1::from(skewed).view(), 10);
        assert_eq!(grid, [0.5, 9.5]);
    }

    #[test]
    fn bins_are_about_equally_full() {
        let values = Array2::from_shape_fn((1000, 1), |(i, _)| (i as f64 / 100.0).exp());
        let grid = Grid::fit(&values, 16);
        let mut counts = [0; 16];
        for row in grid.apply(&values) {
            counts[row[0] as usize] += 1;
        }
        assert!(counts.iter().all(|n| (62..=63).contains(n)), "{counts:?}");
    }
}
