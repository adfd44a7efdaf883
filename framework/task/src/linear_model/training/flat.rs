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
/// not: by [`Flat::new`] only the first row holds it. By [`Flat::with_gaps`] a gap of as many zeros
/// follows the rows of each column, and every row can hold the sum, without a mask and its level.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Flat {
    /// Rows and columns of the table.
    shape: (usize, usize),
    /// Columns of a vector, with padding.
    width: usize,
    /// Rows of a vector, with padding.
    height: usize,
    gaps: bool,
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
    /// every row, and what stands in the gaps then is that of two columns' parts, and nobody's.
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
        Ok(Self {
            shape,
            width,
            height: rows.next_power_of_two().clamp(2, longest / each),
            gaps,
        })
    }

    /// Elements of a vector.
    pub fn length(&self) -> usize {
        self.width * self.column_step()
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
        row % self.height + column * self.column_step()
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
        fold(builder, value, self.column_step(), self.width)
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
        if self.gaps {
            // The rows once more behind themselves: as many elements from any row on are all rows.
            let again = builder.shift(value, -(self.height as i64))?;
            twice = builder.add(value, again)?;
        }
        fold(builder, twice, 1, self.height)
    }

    /// Elements from one column of a row to the next.
    fn column_step(&self) -> usize {
        if self.gaps {
            2 * self.height
        } else {
            self.height
        }
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
        builder.shift(value, by * self.column_step() as i64)
    }
}

/// Rotate and add: `count`, a power of two, elements that lie `step` apart.
fn fold(
    builder: &mut ProgramBuilder,
    value: ValueId,
    step: usize,
    count: usize,
) -> Result<ValueId, ProgramError> {
    let mut sum = value;
    let mut done = 1;
    while done < count {
        let shifted = builder.shift(sum, (done * step) as i64)?;
        sum = builder.add(sum, shifted)?;
        done *= 2;
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
            // Two vectors of four rows.
            let flat = if gaps {
                Flat::with_gaps(5, 3, 32).unwrap()
            } else {
                Flat::new(5, 3, 16).unwrap()
            };
            assert_eq!((flat.width(), flat.height(), flat.vectors()), (4, 4, 2));
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
            for (row, want) in table.sum_axis(Axis(1)).iter().take(4).enumerate() {
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
            let columns = vector.chunks(2 * flat.height());
            let gaps: Vec<f64> = columns.flat_map(|c| c[flat.height()..].to_vec()).collect();
            gaps
        };
        let (_, sums) = run(flat, |builder, values| flat.sum_columns(builder, values[0]));
        assert!(gap(&sums).iter().all(|x| *x == 0.0));
        let numbers = flat.repeat(&[1.0, 2.0, 3.0]);
        assert!(gap(&numbers).iter().all(|x| *x == 0.0));
        assert_eq!(numbers.iter().sum::<f64>(), 4.0 * 6.0);
        let (table, sums) = run(flat, |builder, values| flat.sum_rows(builder, values[0]));
        // The first place of the first gap: all rows of column 0 that were put there again.
        assert_eq!(sums[flat.height()], table.slice(ndarray::s![..4, 0]).sum());
        // The next one: but the first of these, and the first of column 1.
        let mixed = table.slice(ndarray::s![1..4, 0]).sum() + table[[0, 1]];
        assert_eq!(sums[flat.height() + 1], mixed);
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
