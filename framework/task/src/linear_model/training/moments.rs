//! The moments of an encrypted table.

use ndarray::{Array2, ArrayView1};

use super::flat::Flat;
use hexperiment_program::{Interval, ProgramBuilder, ProgramError, ValueId};

/// The sums over rows of all products of two columns, of a table: for each
/// turn `k` one vector, which holds at column `j` the sum of column `j` times column `j + k`, round
/// the padded width. By symmetry half the turns tell all.
#[derive(Clone, Debug)]
pub struct Moments {
    flat: Flat,
    /// By turn, from 0 to half the width.
    pub turns: Vec<ValueId>,
}

impl Moments {
    /// Of the vectors of a table whose columns have sums of squares of at most `norm`. One level,
    /// a product for each turn and vector.
    ///
    /// # Errors
    /// Vectors that `builder` does not have or that differ in length, sums that may be beyond 1e15,
    /// or a `norm` that is not finite or contradicts the derived ranges.
    pub fn state(
        builder: &mut ProgramBuilder,
        flat: Flat,
        vectors: &[ValueId],
        norm: f64,
    ) -> Result<Self, ProgramError> {
        let turns = (0..=flat.width() / 2)
            .map(|turn| {
                let products = vectors
                    .iter()
                    .map(|vector| {
                        let turned = flat.turn_columns(builder, *vector, turn as i64)?;
                        builder.mul(*vector, turned)
                    })
                    .collect::<Result<Vec<_>, _>>()?;
                let product = flat.sum_vectors(builder, products)?;
                let sum = flat.sum_rows(builder, product)?;
                // Cauchy and Schwarz; a window across two columns is in two of their pairs.
                builder.assume(sum, Interval::symmetric(2.0 * norm))?;
                Ok(sum)
            })
            .collect::<Result<_, ProgramError>>()?;
        Ok(Self { flat, turns })
    }

    /// The symmetric matrix of the first `columns` columns, from the decrypted vectors.
    pub fn read(flat: &Flat, vectors: &Array2<f64>, columns: usize) -> Array2<f64> {
        let width = flat.width();
        let at = |turn: usize, column: usize| vectors.column(turn)[flat.place(0, column)];
        Array2::from_shape_fn((columns, columns), |(i, j)| {
            let (low, high) = (i.min(j), i.max(j));
            let turn = high - low;
            if turn <= width / 2 {
                at(turn, low)
            } else {
                at(width - turn, high)
            }
        })
    }

    /// The vector for any turn, by symmetry: at column `j` the product of `j` and `j + turn`.
    ///
    /// # Errors
    /// `ProgramError::NoSuchValue` where `builder` is not the one in which the moments were stated,
    /// and has fewer values.
    pub fn turn(&self, builder: &mut ProgramBuilder, turn: usize) -> Result<ValueId, ProgramError> {
        let width = self.flat.width();
        if turn <= width / 2 {
            return Ok(self.turns[turn]);
        }
        let back = width - turn;
        self.flat
            .turn_columns(builder, self.turns[back], -(back as i64))
    }

    /// The part of a symmetric matrix that its owner sends: the diagonal and what is above it, row
    /// by row.
    pub fn pack(matrix: &Array2<f64>) -> Vec<f64> {
        let n = matrix.nrows();
        (0..n)
            .flat_map(|i| (i..n).map(move |j| (i, j)))
            .map(|(i, j)| matrix[[i, j]])
            .collect()
    }

    /// The matrix of `columns` columns that was packed.
    pub fn unpack(packed: ArrayView1<'_, f64>, columns: usize) -> Array2<f64> {
        let at = |i: usize, j: usize| i * columns - i * (i + 1) / 2 + j;
        Array2::from_shape_fn((columns, columns), |(i, j)| packed[at(i.min(j), i.max(j))])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use hexperiment_program::{Column, Input, Output, Party};

    #[track_caller]
    fn check(rows: usize, columns: usize, longest: usize) {
        let table = Array2::from_shape_fn((rows, columns), |(i, j)| {
            ((i * 31 + j * 17) % 23) as f64 / 23.0 - 0.4
        });
        let flat = Flat::new(rows, columns, longest).unwrap();
        let mut builder = ProgramBuilder::new("moments");
        let input = Input {
            name: "x".into(),
            owner: Party::Client(0),
            length: flat.length(),
            columns: (0..flat.vectors())
                .map(|i| Column {
                    name: i.to_string(),
                    range: Interval::symmetric(1.0),
                })
                .collect(),
            precision: 1e-6,
        };
        let (_, values) = builder.input(input).unwrap();
        let moments = Moments::state(&mut builder, flat, &values, rows as f64).unwrap();
        let mut turns = moments.turns.clone();
        for turn in 0..flat.width() {
            turns.push(moments.turn(&mut builder, turn).unwrap());
        }
        let output = Output {
            name: "y".into(),
            values: turns,
            precision: 1e-3,
        };
        builder.output(output).unwrap();
        let program = builder.finish().unwrap();
        let out = program.interpret(&[flat.flatten(table.view())]).unwrap();
        let want = table.t().dot(&table);
        let got = Moments::read(&flat, &out[0], columns);
        assert!((&got - &want).iter().all(|d| d.abs() < 1e-9), "{got}");
        assert_eq!(
            Moments::unpack(Moments::pack(&got)[..].into(), columns),
            got
        );
        for turn in 0..flat.width() {
            for j in 0..columns {
                let k = (j + turn) % flat.width();
                let found = out[0][[flat.place(0, j), moments.turns.len() + turn]];
                let want = if k < columns { want[[j, k]] } else { 0.0 };
                assert!((found - want).abs() < 1e-9, "turn {turn}, column {j}");
            }
        }
    }

    #[test]
    fn all_products_are_there() {
        check(7, 3, 64);
        check(20, 5, 64);
        check(9, 8, 128);
        check(3, 2, 8);
    }
}
