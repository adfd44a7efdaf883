//! Tables flattened into vectors.

use ndarray::{Array2, ArrayView2};

use crate::TaskError;
use hexperiment_program::{ProgramBuilder, ProgramError, Public, ValueId};

/// How a table lies in one or more vectors of a power of two, both its axes padded with zeros to
/// a power of two (as Kim, Song, Kim, Lee, Cheon, *Logistic regression model training based on the
/// approximate homomorphic encryption*, BMC Medical Genomics 11:83, 2018, section "Database
/// encoding", have it, but column by column).
///
/// Neighbours are those of one column: element `(row, column)` lies at `row + column * step`. A sum over
/// columns goes round the whole vector, so that every column of it holds the result. A sum over rows does
/// not: by [`Flat::new`] only the first row holds it. By [`Flat::with_gaps`] a gap of at least as many zeros
/// follows the rows of each column, and every row can hold the sum, without a mask and its level.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Flat {
    /// Rows and columns of the table.
    shape: (usize, usize),
    /// Columns of a vector, with padding.
    width: usize,
    /// Rows of a vector, with padding.
    height: usize,
    /// Elements from one column of a row to the next.
    column_step: usize,
    /// How rows are summed: their product is the height.
    row_steps: Steps,
}

/// Steps of a sum of neighbours, each of so many as the last one left: those of three are two rotations that do not
/// wait for each other, those of two one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Steps {
    threes: u32,
    twos: u32,
}

impl Steps {
    /// The elements that are summed.
    fn count(self) -> usize {
        3_usize.pow(self.threes) << self.twos
    }

    /// Of `least` to `most` elements, a power of two: those of which the fewest wait for each other, and of
    /// these the fewest rotations.
    fn shortest(least: usize, most: usize) -> Self {
        let powers = 0..=most.ilog2();
        let all = powers
            .clone()
            .flat_map(|threes| powers.clone().map(move |twos| Self { threes, twos }));
        // Three to a power of twenty is beyond any vector.
        let fits = all.filter(|s| s.threes < 20 && (least..=most).contains(&s.count()));
        let shortest = fits.min_by_key(|s| (s.threes + s.twos, 2 * s.threes + s.twos));
        shortest.unwrap_or_else(|| Self::halves(most))
    }

    /// Of so many elements, a power of two, by steps of two.
    fn halves(count: usize) -> Self {
        let twos = count.ilog2();
        Self { threes: 0, twos }
    }

    /// The elements of each step.
    fn radices(self) -> impl Iterator<Item = usize> {
        let threes = std::iter::repeat_n(3, self.threes as usize);
        threes.chain(std::iter::repeat_n(2, self.twos as usize))
    }
}

impl Flat {
    /// For a table of `rows` x `columns`, in vectors of `longest` elements at most, which is a
    /// power of two. Fails if not even two rows fit.
    ///
    /// # Errors
    /// `TaskError::Options`: a row, padded to a power of two, does not fit twice into `longest`.
    pub fn new(rows: usize, columns: usize, longest: usize) -> Result<Self, TaskError> {
        Self::of((rows, columns), longest, false)
    }

    /// The same with a gap behind each column, which takes as much room again: sums over rows stand at
    /// every row, and what stands in the gaps then is that of two columns' parts, and nobody's. Rows need not
    /// fill half a column's room, and are summed in the fewest steps that wait for each other.
    ///
    /// # Errors
    /// `TaskError::Options`: a row, padded to a power of two, does not fit four times into `longest`.
    pub fn with_gaps(rows: usize, columns: usize, longest: usize) -> Result<Self, TaskError> {
        Self::of((rows, columns), longest, true)
    }

    fn of(shape: (usize, usize), longest: usize, gaps: bool) -> Result<Self, TaskError> {
        let (rows, columns) = shape;
        let width = columns.next_power_of_two().max(2);
        let (each, times) = if gaps {
            (2 * width, "four times")
        } else {
            (width, "twice")
        };
        if 2 * each > longest {
            return Err(TaskError::Options(format!(
                "a row of {columns} columns, padded to {width}, does not fit {times} into vectors of \
                 {longest} elements; choose fewer `features` or a larger `vector_length`"
            )));
        }
        let most = rows.next_power_of_two().clamp(2, longest / each);
        let (column_step, row_steps) = if gaps {
            // As many vectors as if all room were taken, alike filled.
            let least = rows.div_ceil(rows.div_ceil(most).max(1)).max(2);
            (2 * most, Steps::shortest(least, most))
        } else {
            (most, Steps::halves(most))
        };
        Ok(Self {
            shape,
            width,
            height: row_steps.count(),
            column_step,
            row_steps,
        })
    }

    /// Elements of a vector.
    pub fn length(&self) -> usize {
        self.width * self.column_step
    }

    /// Columns, with padding.
    pub fn width(&self) -> usize {
        self.width
    }

    /// Rows of a vector, with padding.
    pub fn height(&self) -> usize {
        self.height
    }

    /// Vectors that the table takes.
    pub fn vectors(&self) -> usize {
        self.shape.0.div_ceil(self.height)
    }

    /// The place of an element in its vector.
    pub fn place(&self, row: usize, column: usize) -> usize {
        row % self.height + column * self.column_step
    }

    /// The vectors of a table, as columns; places beyond the table are 0. A table of fewer rows
    /// than were announced is padded.
    pub fn flatten(&self, table: ArrayView2<'_, f64>) -> Array2<f64> {
        let mut vectors = Array2::zeros((self.length(), self.vectors()));
        for ((row, column), x) in table.indexed_iter() {
            vectors[[self.place(row, column), row / self.height]] = *x;
        }
        vectors
    }

    /// One number for each column, at every row; 0 elsewhere.
    pub fn repeat(&self, numbers: &[f64]) -> Vec<f64> {
        let mut vector = vec![0.0; self.length()];
        for row in 0..self.height {
            for (column, x) in numbers.iter().enumerate() {
                vector[self.place(row, column)] = *x;
            }
        }
        vector
    }

    /// Public factors: `numbers` at the first row of each column, 0 elsewhere.
    pub fn at_first_row(&self, numbers: &[f64]) -> Public {
        let mut vector = vec![0.0; self.length()];
        for (column, x) in numbers.iter().enumerate() {
            vector[self.place(0, column)] = *x;
        }
        vector.into()
    }

    /// Sums over columns, at every column.
    ///
    /// # Errors
    /// A value that `builder` does not have, or sums that may be beyond 1e15.
    pub fn sum_columns(
        &self,
        builder: &mut ProgramBuilder,
        value: ValueId,
    ) -> Result<ValueId, ProgramError> {
        fold(builder, value, self.column_step, Steps::halves(self.width))
    }

    /// Sums over rows: at the first row of each column; with gaps, which must hold 0, at every row. Elsewhere
    /// stands the sum of some rows of a column and others of the next one.
    ///
    /// # Errors
    /// A value that `builder` does not have, or sums that may be beyond 1e15.
    pub fn sum_rows(
        &self,
        builder: &mut ProgramBuilder,
        value: ValueId,
    ) -> Result<ValueId, ProgramError> {
        let mut twice = value;
        if self.column_step > self.height {
            // The rows once more behind themselves: as many elements from any row on are all rows.
            let again = builder.shift(value, -(self.height as i64))?;
            twice = builder.add(value, again)?;
        }
        fold(builder, twice, 1, self.row_steps)
    }

    /// The sum of a table's vectors, element by element.
    ///
    /// # Errors
    /// Values of different lengths, one that `builder` does not have, or a sum that may be beyond
    /// 1e15.
    pub fn sum_vectors(
        &self,
        builder: &mut ProgramBuilder,
        values: Vec<ValueId>,
    ) -> Result<ValueId, ProgramError> {
        let mut values = values.into_iter();
        let Some(mut sum) = values.next() else {
            return builder.constant(vec![0.0; self.length()]);
        };
        for value in values {
            sum = builder.add(sum, value)?;
        }
        Ok(sum)
    }

    /// Columns moved round by `by` to the left, among [`Flat::width`].
    ///
    /// # Errors
    /// A value that `builder` does not have.
    pub fn turn_columns(
        &self,
        builder: &mut ProgramBuilder,
        value: ValueId,
        by: i64,
    ) -> Result<ValueId, ProgramError> {
        if by == 0 {
            return Ok(value);
        }
        builder.shift(value, by * self.column_step as i64)
    }
}

/// Rotates and adds: elements that lie `step` apart.
fn fold(
    builder: &mut ProgramBuilder,
    value: ValueId,
    step: usize,
    steps: Steps,
) -> Result<ValueId, ProgramError> {
    let mut sum = value;
    let mut done = 1;
    for radix in steps.radices() {
        let before = sum;
        for k in 1..radix {
            let shifted = builder.shift(before, (k * done * step) as i64)?;
            sum = builder.add(sum, shifted)?;
        }
        done *= radix;
    }
    Ok(sum)
}

#[cfg(test)]
mod tests {
    use super::*;
    use hexperiment_program::{Column, Input, Interval, Output, Party};
    use ndarray::{Array2, Axis};

    /// Runs `state` on a table of 5 x 3 in vectors of 16; yields its vector.
    fn run(
        flat: Flat,
        state: impl Fn(&mut ProgramBuilder, Vec<ValueId>) -> Result<ValueId, ProgramError>,
    ) -> (Array2<f64>, Vec<f64>) {
        let table = Array2::from_shape_fn((5, 3), |(i, j)| (i * 3 + j) as f64 + 1.0);
        let mut builder = ProgramBuilder::new("flat");
        let input = Input {
            name: "x".into(),
            owner: Party::Client(0),
            length: flat.length(),
            columns: (0..flat.vectors())
                .map(|i| Column {
                    name: i.to_string(),
                    range: Interval::symmetric(20.0),
                })
                .collect(),
            precision: 1e-6,
        };
        let (_, values) = builder.input(input).unwrap();
        let value = state(&mut builder, values).unwrap();
        let output = Output {
            name: "y".into(),
            values: vec![value],
            precision: 1e-3,
        };
        builder.output(output).unwrap();
        let program = builder.finish().unwrap();
        let out = program.interpret(&[flat.flatten(table.view())]).unwrap();
        (table, out[0].column(0).to_vec())
    }

    #[test]
    fn sums_along_either_axis() {
        for gaps in [false, true] {
            // Two vectors, of four rows or of three.
            let flat = if gaps {
                Flat::with_gaps(5, 3, 32).unwrap()
            } else {
                Flat::new(5, 3, 16).unwrap()
            };
            let height = if gaps { 3 } else { 4 };
            assert_eq!(
                (flat.width(), flat.height(), flat.vectors()),
                (4, height, 2)
            );
            let (table, sums) = run(flat, |builder, values| {
                let sum = flat.sum_vectors(builder, values)?;
                flat.sum_rows(builder, sum)
            });
            for (column, want) in table.sum_axis(Axis(0)).iter().enumerate() {
                let rows = if gaps { flat.height() } else { 1 };
                for row in 0..rows {
                    assert_eq!(sums[flat.place(row, column)], *want, "{gaps}");
                }
            }
            let (table, sums) = run(flat, |builder, values| flat.sum_columns(builder, values[0]));
            for (row, want) in table
                .sum_axis(Axis(1))
                .iter()
                .take(flat.height())
                .enumerate()
            {
                for column in 0..4 {
                    assert_eq!(sums[flat.place(row, column)], *want, "{gaps}");
                }
            }
        }
    }

    /// What stands in a gap is no more than the rows of one column and those of the next.
    #[test]
    fn gaps_are_zero_until_rows_are_summed() {
        let flat = Flat::with_gaps(5, 3, 32).unwrap();
        let gap = |vector: &[f64]| {
            let columns = vector.chunks(flat.place(0, 1));
            let gaps: Vec<f64> = columns.flat_map(|c| c[flat.height()..].to_vec()).collect();
            gaps
        };
        let (_, sums) = run(flat, |builder, values| flat.sum_columns(builder, values[0]));
        assert!(gap(&sums).iter().all(|x| *x == 0.0));
        let numbers = flat.repeat(&[1.0, 2.0, 3.0]);
        assert!(gap(&numbers).iter().all(|x| *x == 0.0));
        assert_eq!(numbers.iter().sum::<f64>(), 3.0 * 6.0);
        let (table, sums) = run(flat, |builder, values| flat.sum_rows(builder, values[0]));
        // The first place of the first gap: all rows of column 0 that were put there again.
        assert_eq!(sums[flat.height()], table.slice(ndarray::s![..3, 0]).sum());
        // The last one: no row of column 0, the first ones of column 1.
        let next = table.slice(ndarray::s![..2, 1]).sum();
        assert_eq!(sums[flat.place(0, 1) - 1], next);
    }

    /// Sums of 195 rows take five rotations one after the other, in place of eight.
    #[test]
    fn rows_are_summed_in_the_fewest_steps_that_wait_for_each_other() {
        let steps = |least, most| {
            let steps = Steps::shortest(least, most);
            assert!((least..=most).contains(&steps.count()), "{least} to {most}");
            (steps.threes, steps.twos)
        };
        assert_eq!(steps(195, 256), (5, 0));
        assert_eq!(steps(244, 256), (0, 8));
        assert_eq!(steps(2, 2), (0, 1));
        assert_eq!(steps(100, 128), (3, 2));
        for least in 1..=64 {
            steps(least, 64);
        }
        // As many vectors as of 256 rows each.
        let flat = Flat::with_gaps(780, 10, 1 << 13).unwrap();
        assert_eq!(
            (flat.vectors(), flat.height(), flat.length()),
            (4, 243, 1 << 13)
        );
        // Any number of rows is summed at every row, also where the last vector is not full.
        for rows in [1, 2, 5, 11, 13, 23, 32] {
            let flat = Flat::with_gaps(rows, 3, 128).unwrap();
            let table = Array2::from_shape_fn((rows, 3), |(i, j)| (i * 5 + j) as f64);
            let mut builder = ProgramBuilder::new("flat");
            let input = Input {
                name: "x".into(),
                owner: Party::Client(0),
                length: flat.length(),
                columns: (0..flat.vectors())
                    .map(|i| Column {
                        name: i.to_string(),
                        range: Interval::symmetric(200.0),
                    })
                    .collect(),
                precision: 1e-6,
            };
            let (_, values) = builder.input(input).unwrap();
            let sum = flat.sum_vectors(&mut builder, values).unwrap();
            let sum = flat.sum_rows(&mut builder, sum).unwrap();
            let (name, values, precision) = ("y".into(), vec![sum], 1e-3);
            builder
                .output(Output {
                    name,
                    values,
                    precision,
                })
                .unwrap();
            let program = builder.finish().unwrap();
            let out = program.interpret(&[flat.flatten(table.view())]).unwrap();
            for (column, want) in table.sum_axis(Axis(0)).iter().enumerate() {
                for row in 0..flat.height() {
                    assert_eq!(out[0][[flat.place(row, column), 0]], *want, "{rows} rows");
                }
            }
        }
    }

    #[test]
    fn columns_turn_round() {
        let flat = Flat::new(5, 3, 32).unwrap();
        let (table, turned) = run(flat, |builder, v| flat.turn_columns(builder, v[0], 1));
        assert_eq!(turned[flat.place(2, 0)], table[[2, 1]]);
        assert_eq!(turned[flat.place(2, 2)], 0.0);
        assert_eq!(turned[flat.place(2, 3)], table[[2, 0]]);
    }

    #[test]
    fn rows_that_are_too_wide_are_refused() {
        let error = Flat::new(5, 9, 16).unwrap_err().to_string();
        assert!(
            error.contains("a row of 9 columns, padded to 16, does not fit twice"),
            "{error}"
        );
        let error = Flat::with_gaps(5, 9, 32).unwrap_err().to_string();
        assert!(error.contains("does not fit four times"), "{error}");
    }
}
