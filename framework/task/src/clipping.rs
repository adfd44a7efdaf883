//! Values that are moved into ranges before they are encrypted: counted here, for every task alike.

use std::collections::BTreeSet;

use ndarray::{Array2, ArrayView2};

/// How many values were moved, of which columns, how far.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Moved {
    /// Number of values.
    pub values: u64,
    /// Names of the columns that they are of.
    pub columns: BTreeSet<String>,
    /// The largest distance.
    pub largest: f64,
}

impl Moved {
    /// What differs between two tables of these columns: as it was, and as it is.
    pub fn between<N: AsRef<str>>(
        names: &[N],
        before: ArrayView2<'_, f64>,
        after: ArrayView2<'_, f64>,
    ) -> Self {
        let mut moved = Self::default();
        let columns = before.columns().into_iter().zip(after.columns());
        for (name, (before, after)) in names.iter().zip(columns) {
            for (before, after) in before.iter().zip(after) {
                moved.count(name.as_ref(), *before, *after);
            }
        }
        moved
    }

    /// Counts a value of a column if it was moved. Gaps, which are NaN, are no values.
    pub fn count(&mut self, column: &str, before: f64, after: f64) {
        let distance = (before - after).abs();
        if distance.is_nan() || distance == 0.0 {
            return;
        }
        self.values += 1;
        self.largest = self.largest.max(distance);
        if !self.columns.contains(column) {
            self.columns.insert(column.to_owned());
        }
    }

    /// Adds what was moved elsewhere; columns of one name are one.
    pub fn add(&mut self, other: &Self) {
        self.values += other.values;
        self.columns.extend(other.columns.iter().cloned());
        self.largest = self.largest.max(other.largest);
    }

    /// Whether nothing was.
    pub fn is_none(&self) -> bool {
        self.values == 0
    }
}

/// A table as it was before values were moved into ranges.
#[derive(Clone, Debug)]
pub struct Unclipped {
    /// Its numbers.
    pub(crate) table: Array2<f64>,
    /// What was moved of the data in it.
    pub(crate) moved: Moved,
}

/// How far numbers of a model that was trained are from those of another one: the largest difference.
/// Infinite where one of them is no number, as where the training diverges.
pub fn largest_difference<'a>(
    ours: impl IntoIterator<Item = &'a f64>,
    others: impl IntoIterator<Item = &'a f64>,
) -> f64 {
    let differences = ours.into_iter().zip(others).map(|(a, b)| (a - b).abs());
    differences.fold(0.0, |most: f64, d| {
        most.max(if d.is_nan() { f64::INFINITY } else { d })
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::array;

    #[test]
    fn what_diverges_is_infinitely_far() {
        assert_eq!(largest_difference(&[1.0, -2.0], &[1.5, 1.0]), 3.0);
        assert_eq!(
            largest_difference(&[1.0, f64::NAN], &[1.0, 0.0]),
            f64::INFINITY
        );
        assert_eq!(largest_difference(&[], &[]), 0.0);
    }

    #[test]
    fn what_was_moved_is_counted_by_column() {
        let before = array![[1.0, 9.0, f64::NAN], [-7.0, 6.0, 2.0]];
        let after = array![[1.0, 5.0, f64::NAN], [-7.0, 5.0, 2.0]];
        let names = ["a", "b", "c"];
        let mut moved = Moved::between(&names, before.view(), after.view());
        assert_eq!((moved.values, moved.largest), (2, 4.0));
        assert_eq!(moved.columns, BTreeSet::from(["b".to_owned()]));
        let far = array![[f64::INFINITY, 0.0, 0.0]];
        let near = array![[5.0, 0.0, 1.0]];
        moved.add(&Moved::between(&names, far.view(), near.view()));
        assert_eq!(moved.values, 4);
        assert_eq!((moved.columns.len(), moved.largest), (3, f64::INFINITY));
        let none = Moved::between(&names, before.view(), before.view());
        assert!(none.is_none() && none == Moved::default());
    }
}
