//! Pairs of neighbours as vectors: an element for each missing value.
//!
//! The client gathers the two neighbours of each missing value; the server takes their weighted
//! mean. Values with equal weights share a vector, so that a weight is one number for all of it:
//! that needs no level, and leaves additive schemes their packing. The server learns how many
//! values there are of each pair of weights, but not where they are.

use std::collections::BTreeMap;

use hexperiment_task::{InputTable, TaskError};
use ndarray::Array2;

use crate::gaps::Fill;
use crate::layout::{Draft, FillProgram, FillSettings, Place};
use crate::series::Series;

/// The earlier neighbour's weight and the later one's, without a common factor.
type Weights = (u32, u32);

/// A value at an edge has its one neighbour on both sides.
fn weights(fill: &Fill) -> Weights {
    let [before, after] = match fill.sources[..] {
        [before, after] => [before.weight, after.weight],
        _ => [1, 1],
    };
    let common = greatest_common_divisor(before, after);
    (before / common, after / common)
}

fn greatest_common_divisor(a: u32, b: u32) -> u32 {
    if b == 0 {
        a
    } else {
        greatest_common_divisor(b, a % b)
    }
}

/// Lays series out, the vectors with the smallest weights first.
pub(crate) fn lay_out(series: &Series, settings: FillSettings) -> Result<FillProgram, TaskError> {
    let mut groups: BTreeMap<Weights, Vec<(usize, [f64; 2])>> = BTreeMap::new();
    let mut count = 0;
    for (index, fill) in series.fills().enumerate() {
        let value = |source: Option<&crate::gaps::Source>| {
            source.map_or(0.0, |s| series.table[[s.row, fill.column]])
        };
        let pair = [value(fill.sources.first()), value(fill.sources.last())];
        groups
            .entry(weights(&fill))
            .or_default()
            .push((index, pair));
        count += 1;
    }
    let mut draft = Draft::new(series.bound(), settings);
    let fills: Vec<Fill> = series.fills().collect();
    let mut observed = series.observed();
    let mut places = vec![None; count];
    let note = format!(
        "{count} pairs of neighbours, in {} groups of equal weights; the client gathers them",
        groups.len()
    );
    for (output, ((before, after), members)) in groups.into_iter().enumerate() {
        let length = members.len();
        let table = Array2::from_shape_fn((length, 2), |(i, j)| members[i].1[j]);
        let before_these = observed.taken;
        for fill in members.iter().map(|(index, _)| &fills[*index]) {
            for source in &fill.sources {
                observed.take(source.row, fill.column);
            }
        }
        let table = InputTable::new(table, observed.taken - before_these);
        let sum = f64::from(before + after);
        let name = format!("{before} : {after}");
        let names = ["before", "after"].map(|side| format!("{side}, {name}"));
        let values = draft.input(name.clone(), names.into(), table)?;
        let [first, second] = [before, after].map(|w| draft.weight(w, sum).into());
        let terms = vec![(values[0], first), (values[1], second)];
        let mean = draft.builder.weighted_sum(terms, 0.0)?;
        draft.output(format!("filled {name}"), vec![mean], length, sum)?;
        for (row, (index, _)) in members.into_iter().enumerate() {
            places[index] = Some(Place {
                output,
                row,
                column: 0,
                divisor: draft.divisor(sum),
            });
        }
    }
    // Each fill is in one group.
    draft.finish(places.into_iter().flatten().collect(), note)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gaps::{Gap, find};

    #[test]
    fn weights_have_no_common_factor() {
        let x = f64::NAN;
        let values = [x, 1.0, x, 2.0, x, x, x, 3.0, x, x, 4.0];
        let table = Array2::from_shape_vec((values.len(), 1), values.into()).unwrap();
        let gaps = find(table.view(), &["a".into()]).unwrap();
        let pairs: Vec<Weights> = gaps
            .iter()
            .flat_map(Gap::fills)
            .map(|f| weights(&f))
            .collect();
        let expect = [(1, 1), (1, 1), (3, 1), (1, 1), (1, 3), (2, 1), (1, 2)];
        assert_eq!(pairs, expect);
    }
}
