//! Steps of time as vectors: an element for each sensor and segment.
//!
//! The series are cut into segments that lie beside each other in the vectors, so that the
//! neighbours of a value in time are the same element of *other* vectors: a filled step is a
//! weighted sum of steps around it with public weights for each element, of depth 1, without a
//! rotation. A segment goes on into the next one as far as any gap that begins in it needs, so
//! that every gap has both its neighbours within one segment.

use std::collections::BTreeMap;

use hexperiment_program::Public;
use hexperiment_task::{InputTable, TaskError, vector_length};
use ndarray::Array2;

use crate::gaps::Gap;
use crate::layout::{Draft, FillProgram, FillSettings, Place};
use crate::series::Series;

/// The segments of a table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Segments {
    /// Number of them.
    pub(crate) count: usize,
    /// Rows from the beginning of one to that of the next.
    pub(crate) stride: usize,
    /// Rows of each; the last ones are the first ones of the next segment.
    pub(crate) rows: usize,
}

impl Segments {
    /// Of `wanted` segments at most, 0 for as many as fill the usual length.
    pub(crate) fn new(table: &Array2<f64>, gaps: &[Gap], wanted: usize) -> Self {
        let (rows, sensors) = table.dim();
        let longest = gaps.iter().map(|gap| gap.last() - gap.start()).max();
        let longest = longest.unwrap_or(0);
        let plain = Self::plain(rows, sensors, wanted, vector_length::ONE_PRODUCT, longest);
        Self {
            rows: (plain.stride + longest).min(rows),
            ..plain
        }
    }

    /// Segments that do not overlap yet; without a number wanted, as many as fill vectors of
    /// `usual` length and are not shorter than the `overlap`.
    pub(crate) fn plain(
        rows: usize,
        sensors: usize,
        wanted: usize,
        usual: usize,
        overlap: usize,
    ) -> Self {
        let wanted = match wanted {
            0 => (usual / sensors.max(1)).min(rows / overlap.max(1)),
            wanted => wanted,
        };
        let stride = rows.div_ceil(wanted.clamp(1, rows));
        Self {
            // Rounding up may leave nothing to the last ones.
            count: rows.div_ceil(stride),
            stride,
            rows: stride,
        }
    }

    /// The segment that a gap is filled in.
    fn of(self, gap: &Gap) -> usize {
        gap.start() / self.stride
    }

    /// The element of the vectors for a sensor and a segment.
    fn element(self, sensor: usize, segment: usize) -> usize {
        sensor * self.count + segment
    }

    fn table(self, series: &Series, step: usize) -> Vec<f64> {
        let (rows, sensors) = series.table.dim();
        let cell = |sensor, segment| {
            let row: usize = segment * self.stride + step;
            if row < rows {
                series.table[[row, sensor]]
            } else {
                0.0
            }
        };
        (0..sensors)
            .flat_map(|sensor| (0..self.count).map(move |segment| cell(sensor, segment)))
            .collect()
    }
}

/// Weights of one step's values in another step's result, for each element.
type Weights = BTreeMap<usize, Vec<f64>>;

/// Lays series out; only steps that are read are encrypted, and only those with a gap are sent
/// back.
pub(crate) fn lay_out(
    series: &Series,
    settings: FillSettings,
    wanted: usize,
) -> Result<FillProgram, TaskError> {
    let segments = Segments::new(&series.table, &series.gaps, wanted);
    let length = series.table.ncols() * segments.count;
    let mut draft = Draft::new(series.bound(), settings);

    let mut results: BTreeMap<usize, Weights> = BTreeMap::new();
    let mut cells = Vec::new();
    let mut least = f64::INFINITY;
    for gap in &series.gaps {
        let segment = segments.of(gap);
        let first = segment * segments.stride;
        let element = segments.element(gap.column, segment);
        for fill in gap.fills() {
            let weights = results.entry(fill.row - first).or_default();
            for source in &fill.sources {
                let of_step = weights
                    .entry(source.row - first)
                    .or_insert_with(|| vec![0.0; length]);
                of_step[element] = draft.weight(source.weight, fill.divisor());
            }
            least = least.min(fill.divisor());
            cells.push((fill.row - first, element, draft.divisor(fill.divisor())));
        }
    }

    let mut read: Vec<usize> = results.values().flat_map(|w| w.keys().copied()).collect();
    read.sort_unstable();
    read.dedup();
    let mut table = Array2::zeros((length, read.len()));
    for (mut column, step) in table.columns_mut().into_iter().zip(&read) {
        column.assign(&ndarray::Array1::from(segments.table(series, *step)));
    }
    let mut observed = series.observed();
    for (step, segment) in read
        .iter()
        .flat_map(|step| (0..segments.count).map(move |segment| (step, segment)))
    {
        for sensor in 0..series.table.ncols() {
            observed.take(segment * segments.stride + step, sensor);
        }
    }
    let names = read.iter().map(|step| format!("step {step}")).collect();
    let table = InputTable::new(table, observed.taken);
    let values = draft.input("series".into(), names, table)?;
    let value_of: BTreeMap<usize, _> = read.iter().copied().zip(values).collect();

    let mut sums = Vec::with_capacity(results.len());
    let mut column_of = BTreeMap::new();
    for (step, weights) in results {
        let terms = weights
            .into_iter()
            .map(|(from, weights)| (value_of[&from], Public::from(weights)));
        column_of.insert(step, sums.len());
        sums.push(draft.builder.weighted_sum(terms.collect(), 0.0)?);
    }
    let steps = sums.len();
    draft.output("filled".into(), sums, length, least)?;
    let places = cells.into_iter().map(|(step, row, divisor)| Place {
        output: 0,
        row,
        column: column_of[&step],
        divisor,
    });
    let note = format!(
        "{} sensors x {} segments are {length} elements of a vector; a segment begins every {} rows \
         and has {}: {} steps are encrypted and {steps} come back",
        series.table.ncols(),
        segments.count,
        segments.stride,
        segments.rows,
        read.len(),
    );
    let places = places.collect();
    draft.finish(places, note)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Interpolation;
    use crate::gaps::find;
    use hexperiment_task::Task as _;
    use ndarray::ArrayView2;

    #[track_caller]
    fn check(rows: usize, missing: &[usize], wanted: usize, expect: (usize, usize, usize)) {
        let mut table = Array2::ones((rows, 2));
        for row in missing {
            table[[*row, 1]] = f64::NAN;
        }
        let gaps = find(ArrayView2::from(&table), &["a".into(), "b".into()]).unwrap();
        let segments = Segments::new(&table, &gaps, wanted);
        assert_eq!((segments.count, segments.stride, segments.rows), expect);
        assert!(segments.count * segments.stride >= rows);
        for gap in &gaps {
            let first = segments.of(gap) * segments.stride;
            assert!(gap.start() >= first && gap.last() < first + segments.rows);
        }
    }

    #[test]
    fn segments_overlap_by_the_longest_gap() {
        check(100, &[50], 1, (1, 100, 100));
        check(100, &[50], 4, (4, 25, 27));
        check(100, &[24], 4, (4, 25, 27));
        check(100, &[23, 24, 25], 4, (4, 25, 29));
        // At the edges there is one neighbour only.
        check(100, &[0], 4, (4, 25, 26));
        check(100, &[98, 99], 4, (4, 25, 27));
        // Longer than a segment.
        check(10, &[1, 2, 3, 4, 5, 6, 7], 5, (5, 2, 10));
        check(10, &[5], 100, (10, 1, 3));
        // Five of 2 hold all nine, so that a sixth would be empty.
        check(9, &[5], 6, (5, 2, 4));
        // Vectors of the usual length would have segments shorter than what they share.
        check(2000, &[5], 0, (1000, 2, 4));
        check(1567, &[1, 2], 22, (22, 72, 75));
        check(1, &[], 0, (1, 1, 1));
    }

    /// The option's description names the lengths that are taken.
    #[test]
    fn usual_lengths_are_the_described_ones() {
        let options = Interpolation.manifest().options;
        let segments = options.iter().find(|o| o.name == "segments").unwrap();
        for length in [vector_length::ONE_PRODUCT, vector_length::FEW_PRODUCTS] {
            assert!(segments.doc.contains(&length.to_string()), "{length}");
        }
    }
}
