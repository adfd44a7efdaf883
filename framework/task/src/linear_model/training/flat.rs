//! Tables flattened into vectors.

use ndarray::{Array2, ArrayView2};

use crate::TaskError;
use hexperiment_program::{ProgramBuilder, ProgramError, Public, ValueId};

/// Which elements of a flattened table are neighbours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// Those of one row: element `(row, column)` lies at `row * width + column`. A sum over rows
    /// goes round the whole vector, so that every row of it holds the result.
    Rows,
    /// Those of one column: `column * rows + row`. A sum over columns goes round, and columns can
    /// be moved round cyclically.
    Columns,
}

/// How a table lies in one or more vectors of a power of two, both its axes padded with zeros to
/// a power of two (Kim, Song, Kim, Lee, Cheon, *Logistic regression model training based on the
/// approximate homomorphic encryption*, BMC Medical Genomics 11:83, 2018, section "Database
/// encoding").
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Flat {
    order: Order,
    /// Rows and columns of the table.
    shape: (usize, usize),
    /// Columns of a vector, with padding.
    width: usize,
    /// Rows of a vector, with padding.
    height: usize,
    few_steps: bool,
}

impl Flat {
    /// For a table of `rows` x `columns`, in vectors of `longest` elements at most, which is a
    /// power of two. Fails if not even one row fits.
    ///
    /// # Errors
    /// `TaskError::Options`: a row, padded to a power of two, does not fit twice into `longest`.
    pub fn new(
        order: Order,
        rows: usize,
        columns: usize,
        longest: usize,
    ) -> Result<Self, TaskError> {
        let width = columns.next_power_of_two().max(2);
        if 2 * width > longest {
            return Err(TaskError::Options(format!(
                "a row of {columns} columns, padded to {width}, does not fit twice into vectors of \
                 {longest} elements; choose fewer `features` or a larger `vector_length`"
            )));
        }
        let height = rows.next_power_of_two().clamp(2, longest / width);
        Ok(Self {
            order,
            shape: (rows, columns),
            width,
            height,
            few_steps: false,
        })
    }

    /// The same with sums in steps of 1, 4, 16 in place of 1, 2, 4, 8, 16: about half as many
    /// different shifts, each of which costs a scheme a key, and half as many shifts more. Keys of a
    /// deep circuit take hundreds of megabytes.
    #[must_use]
    pub fn with_few_steps(self) -> Self {
        Self {
            few_steps: true,
            ..self
        }
    }

    /// Elements of a vector.
    pub fn length(&self) -> usize {
        self.width * self.height
    }

    /// Columns, with padding.
    pub fn width(&self) -> usize {
        self.width
    }

    /// Vectors that the table takes.
    pub fn vectors(&self) -> usize {
        self.shape.0.div_ceil(self.height)
    }

    /// The place of an element in its vector.
    pub fn place(&self, row: usize, column: usize) -> usize {
        row % self.height * self.row_step() + column * self.column_step()
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

    /// One number for each column, at every row.
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

    /// Public factors: `factor` at the first column of each row, 0 elsewhere.
    pub fn at_first_column(&self, factor: f64) -> Public {
        let mut vector = vec![0.0; self.length()];
        for row in 0..self.height {
            vector[self.place(row, 0)] = factor;
        }
        vector.into()
    }

    /// Sums over columns: by [`Order::Rows`] at the first column of each row, and at the others
    /// what belongs to two rows; by [`Order::Columns`] everywhere.
    ///
    /// # Errors
    /// A value that `builder` does not have, or sums that may be beyond 1e15.
    pub fn sum_columns(
        &self,
        builder: &mut ProgramBuilder,
        value: ValueId,
    ) -> Result<ValueId, ProgramError> {
        self.fold(builder, value, self.column_step() as i64, self.width)
    }

    /// Sums over rows: by [`Order::Rows`] everywhere, by [`Order::Columns`] at the first row, as
    /// [`Flat::sum_columns`] is the other way round.
    ///
    /// # Errors
    /// A value that `builder` does not have, or sums that may be beyond 1e15.
    pub fn sum_rows(
        &self,
        builder: &mut ProgramBuilder,
        value: ValueId,
    ) -> Result<ValueId, ProgramError> {
        self.fold(builder, value, self.row_step() as i64, self.height)
    }

    /// What stands at the first column of each row, and 0 at the others, at every column.
    ///
    /// # Errors
    /// A value that `builder` does not have, or sums that may be beyond 1e15.
    pub fn spread_columns(
        &self,
        builder: &mut ProgramBuilder,
        value: ValueId,
    ) -> Result<ValueId, ProgramError> {
        self.fold(builder, value, -(self.column_step() as i64), self.width)
    }

    /// What stands at the first row of each column, and 0 at the others, at every row.
    ///
    /// # Errors
    /// A value that `builder` does not have, or sums that may be beyond 1e15.
    pub fn spread_rows(
        &self,
        builder: &mut ProgramBuilder,
        value: ValueId,
    ) -> Result<ValueId, ProgramError> {
        self.fold(builder, value, -(self.row_step() as i64), self.height)
    }

    /// Elements from one column of a row to the next.
    fn column_step(&self) -> usize {
        match self.order {
            Order::Rows => 1,
            Order::Columns => self.height,
        }
    }

    /// Elements from one row of a column to the next.
    fn row_step(&self) -> usize {
        match self.order {
            Order::Rows => self.width,
            Order::Columns => 1,
        }
    }

    /// Rotate and add: `count`, a power of two, elements that lie `step` apart.
    fn fold(
        &self,
        builder: &mut ProgramBuilder,
        value: ValueId,
        mut step: i64,
        mut count: usize,
    ) -> Result<ValueId, ProgramError> {
        let mut sum = value;
        while count > 1 {
            let shifted = builder.shift(sum, step)?;
            sum = builder.add(sum, shifted)?;
            if self.few_steps && count >= 4 {
                let once = builder.shift(sum, step)?;
                let twice = builder.shift(once, step)?;
                sum = builder.add(sum, twice)?;
                (step, count) = (4 * step, count / 4);
            } else {
                (step, count) = (2 * step, count / 2);
            }
        }
        Ok(sum)
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

    /// Columns moved round by `by` to the left, among [`Flat::width`]; of [`Order::Columns`] only.
    ///
    /// # Errors
    /// A value that `builder` does not have.
    pub fn turn_columns(
        &self,
        builder: &mut ProgramBuilder,
        value: ValueId,
        by: i64,
    ) -> Result<ValueId, ProgramError> {
        debug_assert!(self.order == Order::Columns);
        if by == 0 {
            return Ok(value);
        }
        builder.shift(value, by * self.column_step() as i64)
    }
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
        let flats = [Order::Rows, Order::Columns].map(|o| Flat::new(o, 5, 3, 16).unwrap());
        for flat in flats.into_iter().flat_map(|f| [f, f.with_few_steps()]) {
            let order = (flat.order, flat.few_steps);
            assert_eq!((flat.width(), flat.length(), flat.vectors()), (4, 16, 2));
            let (table, sums) = run(flat, |builder, values| {
                let sum = flat.sum_vectors(builder, values)?;
                flat.sum_rows(builder, sum)
            });
            for (column, want) in table.sum_axis(Axis(0)).iter().enumerate() {
                assert_eq!(sums[flat.place(0, column)], *want, "{order:?}");
            }
            let (table, sums) = run(flat, |builder, values| flat.sum_columns(builder, values[0]));
            for (row, want) in table.sum_axis(Axis(1)).iter().take(4).enumerate() {
                assert_eq!(sums[flat.place(row, 0)], *want, "{order:?}");
            }
            // Masked and spread, each column holds the row's sum.
            let (table, spread) = run(flat, |builder, values| {
                let sum = flat.sum_columns(builder, values[0])?;
                let first = builder.scale(sum, flat.at_first_column(0.5))?;
                flat.spread_columns(builder, first)
            });
            for (row, want) in table.sum_axis(Axis(1)).iter().take(4).enumerate() {
                for column in 0..4 {
                    assert_eq!(spread[flat.place(row, column)], 0.5 * want, "{order:?}");
                }
            }
            let (table, spread) = run(flat, |builder, values| {
                let first = builder.scale(values[0], flat.at_first_row(&[1.0; 3]))?;
                flat.spread_rows(builder, first)
            });
            let want = flat.repeat(&table.row(0).to_vec());
            assert_eq!(spread, want, "{order:?}");
        }
    }

    #[test]
    fn columns_turn_round() {
        let flat = Flat::new(Order::Columns, 5, 3, 32).unwrap();
        let (table, turned) = run(flat, |builder, v| flat.turn_columns(builder, v[0], 1));
        assert_eq!(turned[flat.place(2, 0)], table[[2, 1]]);
        assert_eq!(turned[flat.place(2, 2)], 0.0);
        assert_eq!(turned[flat.place(2, 3)], table[[2, 0]]);
    }

    #[test]
    fn rows_that_are_too_wide_are_refused() {
        let error = Flat::new(Order::Rows, 5, 9, 16).unwrap_err().to_string();
        assert!(
            error.contains("a row of 9 columns, padded to 16"),
            "{error}"
        );
    }
}
