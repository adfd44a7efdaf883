//! The series that a run is about: values hidden, standardised, gaps found.

use hexperiment_data::Dataset;
use hexperiment_data::transform::{Spread, median_of_known};
use hexperiment_task::TaskError;
use ndarray::{Array2, ArrayView1};

use crate::gaps::{Fill, Gap, find, hide, whole_series};

/// A valid value that was hidden to be found again.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Hidden {
    pub(crate) row: usize,
    pub(crate) column: usize,
    /// True value, in standard deviations of the column's remaining values.
    pub(crate) truth: f64,
}

/// Series side by side, one in each column; rows are points in time.
#[derive(Clone, Debug)]
pub(crate) struct Series {
    /// The columns' names.
    pub(crate) names: Vec<String>,
    /// Values in standard deviations from the column's mean; 0 where missing or hidden.
    pub(crate) table: Array2<f64>,
    /// Gaps by column and row, those of hidden values included.
    pub(crate) gaps: Vec<Gap>,
    /// Hidden values by column and row.
    pub(crate) hidden: Vec<Hidden>,
    /// Values that were missing from the start.
    pub(crate) missing: usize,
    /// Each column's median, in standard deviations from its mean.
    pub(crate) medians: Vec<f64>,
    /// Whether a column's remaining values are one and the same.
    pub(crate) constant: Vec<bool>,
}

impl Series {
    /// All rows of `data` in their order, a share of the valid values hidden by `seed`.
    ///
    /// Fails where another policy would fill gaps first or leave out rows, where there is one row
    /// only, where a column has no valid value or none that can be standardised, and where nothing
    /// is missing.
    pub(crate) fn new(data: &Dataset, hidden_share: f64, seed: u64) -> Result<Self, TaskError> {
        whole_series(data)?;
        if data.features.nrows() < 2 {
            return Err(TaskError::data(
                "found a series of a single row, expected two or more: nothing is next to it in \
                 time",
                "use more rows; is there a `limit` under [dataset]?",
            ));
        }
        let mut table = data.features.clone();
        let missing = table.iter().filter(|x| x.is_nan()).count();
        let hidden = hide(&mut table, hidden_share, seed);
        let gaps = find(table.view(), &data.columns)?;
        if gaps.is_empty() {
            return Err(TaskError::data(
                format!(
                    "none of the {} values is missing, expected a gap to fill",
                    table.len()
                ),
                "hide some: `hidden_share = 0.05` under [task], with enough rows; or say what \
                 stands for a missing value: `missing_marker` under [dataset]",
            ));
        }
        let columns = table.columns().into_iter().zip(&data.columns);
        let scales = columns.map(|(column, name)| Scale::fit(column, name));
        let scales = scales.collect::<Result<Vec<Scale>, _>>()?;
        let truths = hidden.into_iter().map(|(row, column, x)| Hidden {
            row,
            column,
            truth: scales[column].apply(x),
        });
        let hidden = truths.collect();
        for (mut column, scale) in table.columns_mut().into_iter().zip(&scales) {
            column.mapv_inplace(|x| scale.apply(x));
        }
        let medians = table
            .columns()
            .into_iter()
            .map(|c| median_of_known(c).unwrap_or(0.0));
        let medians = medians.collect();
        table.mapv_inplace(|x| if x.is_nan() { 0.0 } else { x });
        Ok(Self {
            names: data.columns.clone(),
            table,
            gaps,
            hidden,
            missing,
            medians,
            constant: scales.iter().map(|s| s.constant).collect(),
        })
    }

    /// What fills each missing cell, by column and row.
    pub(crate) fn fills(&self) -> impl Iterator<Item = Fill> {
        self.gaps.iter().flat_map(Gap::fills)
    }

    /// Values that are there, each of which can be taken once.
    pub(crate) fn observed(&self) -> Observed {
        let mut left = Array2::from_elem(self.table.dim(), true);
        for gap in &self.gaps {
            for row in gap.rows.clone() {
                left[[row, gap.column]] = false;
            }
        }
        Observed { left, taken: 0 }
    }

    /// A power of two that no magnitude exceeds: a bound that tells the server little.
    pub(crate) fn bound(&self) -> f64 {
        let most = self.table.iter().fold(1.0_f64, |m, x| m.max(x.abs()));
        most.log2().ceil().exp2()
    }
}

/// Counts the values of a series that are sent, each once however often a layout repeats it.
pub(crate) struct Observed {
    left: Array2<bool>,
    /// How many were taken.
    pub(crate) taken: usize,
}

impl Observed {
    /// Takes a value, if it is there and was not taken before.
    pub(crate) fn take(&mut self, row: usize, column: usize) {
        if let Some(left) = self.left.get_mut([row, column]) {
            self.taken += usize::from(std::mem::replace(left, false));
        }
    }
}

/// How a column's values become standard deviations from its mean. Fails where they are too large
/// for one.
struct Scale {
    mean: f64,
    deviation: f64,
    constant: bool,
}

impl Scale {
    fn fit(column: ArrayView1<'_, f64>, name: &str) -> Result<Self, TaskError> {
        let spread = Spread::of(column).ok_or_else(|| {
            TaskError::data(
                format!(
                    "column `{name}`: found values whose squares are beyond double precision, \
                     expected magnitudes below 1e150"
                ),
                format!(
                    "leave it out, `drop_columns = [\"{name}\"]` under [dataset], or say which of \
                     them stands for a missing value: `missing_marker` there"
                ),
            )
        })?;
        let constant = spread.is_constant();
        Ok(Self {
            mean: spread.mean,
            deviation: if constant { 1.0 } else { spread.deviation },
            constant,
        })
    }

    fn apply(&self, x: f64) -> f64 {
        (x - self.mean) / self.deviation
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use hexperiment_data::MissingPolicy;
    use hexperiment_task::testkit::series as data;
    use ndarray::array;

    const X: f64 = f64::NAN;

    #[test]
    fn values_are_standardised_by_those_that_are_there() {
        let series = Series::new(
            &data(array![[1.0, 7.1], [X, 7.1], [5.0, X], [3.0, 7.1]]),
            0.0,
            1,
        )
        .unwrap();
        let deviation = (8.0_f64 / 3.0).sqrt();
        let column = series.table.column(0).to_vec();
        let expect = [-2.0 / deviation, 0.0, 2.0 / deviation, 0.0];
        for (got, want) in column.iter().zip(expect) {
            assert!((got - want).abs() < 1e-15, "{got} {want}");
        }
        assert_eq!(series.constant, [false, true]);
        assert!(series.table.column(1).iter().all(|x| x.abs() < 1e-12));
        assert_eq!((series.missing, series.fills().count()), (2, 2));
        assert_eq!(series.bound(), 2.0);
        assert!(series.medians[0].abs() < 1e-15);
    }

    #[test]
    fn a_share_is_hidden_by_the_seed_but_never_a_whole_column() {
        let table = Array2::from_shape_fn((50, 4), |(i, j)| (i * (j + 1)) as f64);
        let hide_all = |share, seed| {
            let mut hidden = table.clone();
            let places = hide(&mut hidden, share, seed);
            assert_eq!(hidden.iter().filter(|x| x.is_nan()).count(), places.len());
            for (row, column, value) in &places {
                assert_eq!(*value, table[[*row, *column]]);
                assert!(hidden[[*row, *column]].is_nan());
            }
            assert!(find(hidden.view(), &["", "", "", ""].map(String::from)).is_ok());
            places
        };
        assert_eq!(hide_all(0.1, 1).len(), 20);
        assert_eq!(hide_all(0.1, 1), hide_all(0.1, 1));
        assert_ne!(hide_all(0.1, 1), hide_all(0.1, 2));
        assert_eq!(hide_all(1.0, 1).len(), 196);
        assert!(hide_all(0.0, 1).is_empty());
    }

    #[track_caller]
    fn refused(data: &Dataset, share: f64, expect: &str) {
        let error = Series::new(data, share, 1).unwrap_err().to_string();
        assert!(error.contains(expect), "{error:?} lacks {expect:?}");
    }

    #[test]
    fn what_cannot_be_interpolated_is_explained() {
        refused(&data(array![[1.0], [2.0]]), 0.0, "none of the 2 values");
        refused(&data(array![[1.0, 2.0]]), 0.5, "a single row");
        refused(&data(array![[1.0, X]]), 0.5, "a single row");
        refused(&data(array![[1.0, X], [2.0, X]]), 0.5, "column `s1`");
        refused(
            &data(array![[1.0, 1e200], [X, -1e200]]),
            0.0,
            "column `s1`: found values whose squares",
        );
        let mut median = data(array![[1.0], [X], [2.0]]);
        median.missing = MissingPolicy::Median;
        refused(&median, 0.0, "missing = \"keep\"");
        median.test.clear();
        median.train.pop();
        refused(&median, 0.0, "rows are left out");
        let mut whole = data(array![[1.0], [1.5], [2.0], [4.0]]);
        whole.missing = MissingPolicy::Refuse;
        assert_eq!(Series::new(&whole, 0.25, 1).unwrap().hidden.len(), 1);
    }
}
