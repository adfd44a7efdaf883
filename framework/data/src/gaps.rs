//! Gaps of series, and what fills them: rows are points in time, in the data's order.

use std::ops::Range;

use ndarray::{Array2, ArrayView2};
use rand::SeedableRng as _;
use rand::seq::SliceRandom as _;
use rand_chacha::ChaCha20Rng;

use super::{Dataset, MissingPolicy};
use crate::DataError;

/// A run of missing values in one column.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Gap {
    /// Which column.
    pub column: usize,
    /// The rows that are missing.
    pub rows: Range<usize>,
    /// The value before it is there, unless the gap is at the series' beginning.
    pub has_before: bool,
    /// The value after it is there, unless the gap is at the series' end.
    pub has_after: bool,
}

impl Gap {
    /// The first row that it reads or fills.
    pub fn start(&self) -> usize {
        self.rows.start - usize::from(self.has_before)
    }

    /// The last row that it reads or fills.
    pub fn last(&self) -> usize {
        self.rows.end - 1 + usize::from(self.has_after)
    }

    /// What fills each of its cells, in order.
    pub fn fills(&self) -> impl Iterator<Item = Fill> {
        let (before, after) = (self.rows.start.wrapping_sub(1), self.rows.end);
        let (column, has_before, has_after) = (self.column, self.has_before, self.has_after);
        self.rows.clone().map(move |row| {
            let sources = match (has_before, has_after) {
                (true, true) => vec![
                    Source::new(before, after - row),
                    Source::new(after, row - before),
                ],
                (true, false) => vec![Source::new(before, 1)],
                // A gap without any neighbour is refused by `find`.
                (false, _) => vec![Source::new(after, 1)],
            };
            Fill {
                row,
                column,
                sources,
            }
        })
    }
}

/// A valid value that a gap is filled from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Source {
    /// Its row.
    pub row: usize,
    /// A whole weight: the distance to the *other* neighbour.
    pub weight: u32,
}

impl Source {
    fn new(row: usize, weight: usize) -> Self {
        Self {
            row,
            weight: weight as u32,
        }
    }
}

/// How one missing cell is filled: by the sum of its sources times their weights, over the sum of
/// the weights.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fill {
    /// The cell's row.
    pub row: usize,
    /// The cell's column.
    pub column: usize,
    /// Its nearest valid neighbours, the earlier one first: two, or one at an edge.
    pub sources: Vec<Source>,
}

impl Fill {
    /// What the weighted sum is to be divided by: one more than the gap's length, 1 at an edge.
    pub fn divisor(&self) -> f64 {
        f64::from(self.sources.iter().map(|s| s.weight).sum::<u32>())
    }

    /// The interpolated value, in the clear.
    pub fn value(&self, table: ArrayView2<'_, f64>) -> f64 {
        let term = |s: &Source| f64::from(s.weight) * table[[s.row, self.column]];
        self.sources.iter().map(term).sum::<f64>() / self.divisor()
    }
}

/// Fails unless all rows are used and their gaps are left to the task.
///
/// # Errors
/// Rows that are in neither part, or gaps under another policy than [`MissingPolicy::Keep`].
pub fn whole_series(data: &Dataset) -> Result<(), DataError> {
    let rows = data.features.nrows();
    if data.train.len() + data.test.len() != rows {
        return Err(DataError::new(
            "rows are left out, but a series needs all of its own to know what is next to what",
            "take `balance` and `missing_target` out of [dataset], and say `missing = \"keep\"` there",
        ));
    }
    let gaps = data.features.iter().any(|x| x.is_nan());
    match data.missing {
        MissingPolicy::Keep => Ok(()),
        _ if !gaps => Ok(()),
        _ => Err(DataError::new(
            "the data set's gaps are to be filled or dropped in the clear, but filling them is the \
             task's",
            "say `missing = \"keep\"` under [dataset]",
        )),
    }
}

/// Hides a share of the valid values by the seed, rounded, but never the last of a column. Yields
/// row, column and value, by column and row.
pub fn hide(table: &mut Array2<f64>, share: f64, seed: u64) -> Vec<(usize, usize, f64)> {
    let valid = table.indexed_iter().filter(|(_, x)| !x.is_nan());
    let mut places: Vec<(usize, usize)> = valid.map(|(at, _)| at).collect();
    let wanted = (places.len() as f64 * share).round() as usize;
    places.shuffle(&mut ChaCha20Rng::seed_from_u64(seed));
    let mut left: Vec<usize> = table
        .columns()
        .into_iter()
        .map(|c| c.iter().filter(|x| !x.is_nan()).count())
        .collect();
    let mut hidden = Vec::with_capacity(wanted);
    for (row, column) in places {
        if hidden.len() == wanted {
            break;
        }
        if left[column] > 1 {
            left[column] -= 1;
            let value = std::mem::replace(&mut table[[row, column]], f64::NAN);
            hidden.push((row, column, value));
        }
    }
    hidden.sort_unstable_by_key(|(row, column, _)| (*column, *row));
    hidden
}

/// The gaps of a table (rows are points in time; NaN where a value is missing), by column and
/// row. Fails where a column has no valid value; `names` are the columns'.
///
/// # Errors
/// Names all such columns.
pub fn find(table: ArrayView2<'_, f64>, names: &[String]) -> Result<Vec<Gap>, DataError> {
    let mut gaps = Vec::new();
    let mut empty = Vec::new();
    for (column, values) in table.columns().into_iter().enumerate() {
        let missing: Vec<bool> = values.iter().map(|x| x.is_nan()).collect();
        if missing.iter().all(|m| *m) {
            empty.push(column);
            continue;
        }
        let mut row = 0;
        for run in missing.chunk_by(|a, b| a == b) {
            let rows = row..row + run.len();
            row = rows.end;
            if run[0] {
                gaps.push(Gap {
                    column,
                    has_before: rows.start > 0,
                    has_after: rows.end < missing.len(),
                    rows,
                });
            }
        }
    }
    if let Some(first) = empty.first() {
        let name = &names[*first];
        let others = match empty.len() {
            1 => String::new(),
            n => format!("; so it is in {} more", n - 1),
        };
        let listed: Vec<String> = empty.iter().map(|c| format!("\"{}\"", names[*c])).collect();
        return Err(DataError::new(
            format!(
                "column `{name}`: found no valid value in its {} rows, expected at least one to \
                 interpolate from{others}",
                table.nrows()
            ),
            format!(
                "leave it out, `drop_columns = [{}]` under [dataset], or use more rows",
                listed.join(", ")
            ),
        ));
    }
    Ok(gaps)
}

#[cfg(test)]
mod tests {
    use super::*;

    const X: f64 = f64::NAN;

    fn column(values: &[f64]) -> Array2<f64> {
        Array2::from_shape_vec((values.len(), 1), values.to_vec()).unwrap()
    }

    #[track_caller]
    fn check(values: &[f64], expect: &[f64]) {
        let mut table = column(values);
        let gaps = find(table.view(), &["a".into()]).unwrap();
        let fills: Vec<Fill> = gaps.iter().flat_map(Gap::fills).collect();
        assert_eq!(fills.len(), values.iter().filter(|x| x.is_nan()).count());
        let filled: Vec<f64> = fills.iter().map(|f| f.value(table.view())).collect();
        for (fill, value) in fills.iter().zip(filled) {
            table[[fill.row, 0]] = value;
        }
        assert_eq!(table.column(0).to_vec(), expect);
        for gap in &gaps {
            for source in gap.fills().flat_map(|f| f.sources) {
                assert!((gap.start()..=gap.last()).contains(&source.row), "{gap:?}");
            }
        }
    }

    #[test]
    fn gaps_of_any_length_are_filled_from_their_nearest_neighbours() {
        check(&[1.0, 2.0], &[1.0, 2.0]);
        check(&[1.0, X, 3.0], &[1.0, 2.0, 3.0]);
        check(&[0.0, X, X, X, 8.0], &[0.0, 2.0, 4.0, 6.0, 8.0]);
        check(&[0.0, X, 4.0, X, X, 1.0], &[0.0, 2.0, 4.0, 3.0, 2.0, 1.0]);
        check(&[X, X, 5.0, X, 7.0], &[5.0, 5.0, 5.0, 6.0, 7.0]);
        check(&[5.0, X, X], &[5.0, 5.0, 5.0]);
        check(&[X, 5.0, X], &[5.0, 5.0, 5.0]);
        check(&[5.0], &[5.0]);
    }

    #[test]
    fn a_column_without_a_value_is_named() {
        let names = ["a", "b", "c"].map(String::from);
        let table = ndarray::array![[1.0, X, X], [X, X, X]];
        let error = find(table.view(), &names).unwrap_err().to_string();
        for part in ["column `b`", "its 2 rows", "1 more", "[\"b\", \"c\"]"] {
            assert!(error.contains(part), "{error:?} lacks {part:?}");
        }
        let row = ndarray::array![[1.0, 2.0, X]];
        let error = find(row.view(), &names).unwrap_err().to_string();
        assert!(error.contains("column `c`"), "{error}");
    }
}
