//! Several weighted sums of each row at once: a product of a matrix with a vector, by its diagonals.
//!
//! With the columns of a row side by side, sum `p` of the row, which is to stand at place `p`, takes column `p + d`
//! from `d` places further on. So for each distance `d` the weights that meet there are one diagonal of the matrix
//! of weights: the vector is moved by `d`, multiplied with the diagonal, and all are added (Halevi and Shoup,
//! *Algorithms in HElib*, CRYPTO 2014, section 4.3). Distances are `d = g + b`, with few baby steps `b` and few giant
//! steps `g`: the vector is moved by each `b` once, and the sum of what is multiplied with the diagonals of one `g` is
//! moved by `g` afterwards; so `d` distances take about `2 sqrt(d)` rotations, and no rotation waits for more than one
//! other.
//!
//! Weights are 0 where a row has no sum, and no sum reads beyond its row.

use std::collections::{BTreeMap, BTreeSet};

use super::making::{Making, none};
use crate::layout::affine::Affine;
use crate::{Op, ProgramError, Public, ValueId};

/// The sums, each at its place of a row, without what is added to them; 0 at other places.
pub(super) fn summed(making: &mut Making<'_>, sums: &[&Affine]) -> Result<ValueId, ProgramError> {
    let mut weights: BTreeMap<(usize, i64), BTreeMap<usize, f64>> = BTreeMap::new();
    for (place, sum) in sums.iter().enumerate() {
        for ((input, column), factor) in &sum.factors {
            let distance = *column as i64 - place as i64;
            let diagonal = weights.entry((*input, distance)).or_default();
            diagonal.insert(place, *factor);
        }
    }
    let steps = Steps::fewest(weights.keys().copied());
    let stride = making.stride as i64;
    let mut giants: BTreeMap<i64, Vec<(ValueId, Public)>> = BTreeMap::new();
    for ((input, distance), diagonal) in &weights {
        let (giant, baby) = steps.of(*distance);
        let columns = (0..making.columns_of(*input)).collect();
        let vector = making.vector(*input, columns);
        let moved = match making.moved.get(&(vector, baby)) {
            Some(known) => *known,
            None => making.shifted(vector, baby)?,
        };
        making.moved.insert((vector, baby), moved);
        // Where the product stands before the giant step.
        let mut row = vec![0.0; making.stride];
        for (place, factor) in diagonal {
            row[(*place as i64 + giant).rem_euclid(stride) as usize] = *factor;
        }
        let of_giant = giants.entry(giant).or_default();
        of_giant.push((moved, row.repeat(making.rows).into()));
    }
    let mut sum: Option<ValueId> = None;
    for (giant, terms) in giants {
        let bias = Public::Scalar(0.0);
        let part = making.push(Op::WeightedSum { terms, bias })?;
        let part = making.shifted(part, giant)?;
        sum = Some(match sum {
            Some(before) => making.push(Op::Add(before, part))?,
            None => part,
        });
    }
    sum.ok_or_else(|| none("a sum has no term"))
}

/// Distances as giant steps and baby steps: `d = giant * size + baby`, with `first <= baby < first + size`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Steps {
    first: i64,
    size: i64,
}

impl Steps {
    /// The giant step, in places, and the baby step of a distance.
    fn of(self, distance: i64) -> (i64, i64) {
        let giant = (distance - self.first).div_euclid(self.size) * self.size;
        (giant, distance - giant)
    }

    /// The steps of the fewest rotations of vectors, of these distances of each input's vector, with about as many baby
    /// steps as giant steps; of those the fewest of vectors as they came, which have most levels.
    fn fewest(distances: impl Iterator<Item = (usize, i64)>) -> Self {
        let all: Vec<(usize, i64)> = distances.collect();
        let each = || all.iter().map(|(_, distance)| *distance);
        let low = each().min().unwrap_or(0).min(0);
        let most = each().collect::<BTreeSet<_>>().len().isqrt() as i64;
        let every = (1..=2 * most + 1).flat_map(|size| {
            let firsts = low.max(1 - size)..=0;
            firsts.map(move |first| Self { first, size })
        });
        let rotations = |steps: &Self| {
            let moved = |place: i64| place != 0;
            let babies: BTreeSet<_> = all.iter().map(|(i, d)| (*i, steps.of(*d).1)).collect();
            let giants: BTreeSet<i64> = each().map(|d| steps.of(d).0).collect();
            let babies = babies.into_iter().filter(|(_, b)| moved(*b)).count();
            let giants = giants.into_iter().filter(|g| moved(*g)).count();
            (babies + giants, babies)
        };
        let none = Self { first: 0, size: 1 };
        every.min_by_key(rotations).unwrap_or(none)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rotations(distances: std::ops::Range<i64>) -> (usize, usize) {
        let steps = Steps::fewest(distances.clone().map(|d| (0, d)));
        let all: Vec<_> = distances.clone().map(|d| steps.of(d)).collect();
        for (d, (giant, baby)) in distances.zip(&all) {
            assert_eq!(giant + baby, d);
        }
        let distinct = |of: fn(&(i64, i64)) -> i64| {
            let steps: BTreeSet<i64> = all.iter().map(of).filter(|step| *step != 0).collect();
            steps.len()
        };
        (distinct(|s| s.1), distinct(|s| s.0))
    }

    #[test]
    fn steps_are_about_two_roots_of_the_distances() {
        assert_eq!(rotations(0..1), (0, 0));
        assert_eq!(rotations(0..4), (1, 1));
        assert_eq!(rotations(0..16), (3, 3));
        // Three sums of 19 columns: eight rotations in place of three times five.
        assert_eq!(rotations(-2..19), (2, 6));
        assert_eq!(rotations(-63..64), (9, 12));
    }
}
