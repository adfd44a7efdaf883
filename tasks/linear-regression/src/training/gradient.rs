//! Gradient descent in the space of moments: `w' = w + rate (X'y - X'X w)`, where `X'X` and `X'y`
//! are encrypted, and so is `w`.
//!
//! The matrix is there by diagonals, as the products of columns turned against each other leave it,
//! and a product with a vector is a sum over diagonals, each times the vector turned (Halevi and
//! Shoup, *Algorithms in HElib*, CRYPTO 2014, section 4.3): one level. The learning rate is in the
//! masks that cut the diagonals out.
//!
//! From weights of 0, `t` steps are `(I + A + … + A^(t-1)) b`, where `A = I - rate X'X` and `b = rate X'y`: of few
//! columns, powers of `A` are squared, and steps doubled, so that they take as many levels as their number has bits.
//! A product of two such matrices takes as many rotations as half of their places, so that many columns go step by
//! step.

use std::collections::BTreeMap;

use hexperiment_program::{Interval, ProgramBuilder, ProgramError, ValueId};
use hexperiment_task::TaskError;
use hexperiment_task::linear_model::training::{Flat, Moments};
use ndarray::{Array1, Array2, s};

/// The diagonals of a matrix that are not 0, by their turn.
type Matrix = Vec<(usize, ValueId)>;

/// The most that a standardised weight is assumed to be.
const LARGEST_WEIGHT: f64 = 8.0;

/// The most that an entry of a power of `A` is assumed to be: with no eigenvalue beyond 1 each is at most 1.
const LARGEST_ENTRY: f64 = 2.0;

/// Columns, with padding, of which powers are squared: beyond that the products take longer than the levels that
/// they save.
const SQUARED: usize = 16;

/// The public numbers of a descent.
#[derive(Clone, Debug)]
pub(super) struct Descent {
    pub(super) flat: Flat,
    /// Weights, the intercept included; the target's column follows theirs.
    pub(super) weights: usize,
    pub(super) iterations: usize,
    pub(super) rate: f64,
}

impl Descent {
    /// Whether steps are doubled, of a design of so many columns.
    pub(super) fn doubles(columns: usize) -> bool {
        columns.next_power_of_two() <= SQUARED
    }

    /// The levels of so many steps, of a design of so many columns: one for the moments, one for their masks.
    pub(super) fn levels(columns: usize, iterations: usize) -> u32 {
        let steps = if Self::doubles(columns) {
            iterations.next_power_of_two().ilog2() as usize
        } else {
            iterations.saturating_sub(1)
        };
        u32::try_from(2 + steps).unwrap_or(u32::MAX)
    }

    /// The weights after all iterations, each at the first row of its column, and 0 elsewhere.
    pub(super) fn state(
        &self,
        builder: &mut ProgramBuilder,
        moments: &Moments,
    ) -> Result<ValueId, ProgramError> {
        let width = self.flat.width();
        let turns = (0..width)
            .map(|turn| moments.turn(builder, turn))
            .collect::<Result<Vec<_>, _>>()?;
        // One place of each diagonal, the one that pairs a column with the target.
        let terms = (0..self.weights)
            .map(|column| {
                let mut mask = vec![0.0; self.weights];
                mask[column] = self.rate;
                (turns[self.weights - column], self.flat.at_first_row(&mask))
            })
            .collect();
        let first = builder.weighted_sum(terms, 0.0)?;
        builder.assume(first, Interval::symmetric(LARGEST_WEIGHT))?;
        if self.iterations == 1 {
            return Ok(first);
        }
        if Self::doubles(width) {
            self.doubled(builder, &turns, first)
        } else {
            self.step_by_step(builder, &turns, first)
        }
    }

    /// The diagonals of a matrix times each place's factor, by their turn; 0 beyond the weights.
    fn diagonals(
        &self,
        builder: &mut ProgramBuilder,
        turns: &[ValueId],
        factor: f64,
    ) -> Result<Matrix, ProgramError> {
        let width = self.flat.width();
        let mut diagonals = Vec::new();
        for (turn, value) in turns.iter().enumerate() {
            let among = |column: usize| (column + turn) % width < self.weights;
            let mask: Vec<f64> = (0..self.weights)
                .map(|column| if among(column) { factor } else { 0.0 })
                .collect();
            if mask.iter().any(|m| *m != 0.0) {
                let masked = builder.scale(*value, self.flat.at_first_row(&mask))?;
                diagonals.push((turn, masked));
            }
        }
        Ok(diagonals)
    }

    /// A matrix times a vector.
    fn times(
        &self,
        builder: &mut ProgramBuilder,
        matrix: &Matrix,
        vector: ValueId,
    ) -> Result<ValueId, ProgramError> {
        let mut products = Vec::with_capacity(matrix.len());
        for (turn, diagonal) in matrix {
            let turned = self.flat.turn_columns(builder, vector, *turn as i64)?;
            products.push(builder.mul(*diagonal, turned)?);
        }
        self.flat.sum_vectors(builder, products)
    }

    /// Each step from the one before: a level each.
    fn step_by_step(
        &self,
        builder: &mut ProgramBuilder,
        turns: &[ValueId],
        first: ValueId,
    ) -> Result<ValueId, ProgramError> {
        let matrix = self.diagonals(builder, turns, self.rate)?;
        let mut w = first;
        for _ in 1..self.iterations {
            let product = self.times(builder, &matrix, w)?;
            let sum = builder.add(w, first)?;
            w = builder.sub(sum, product)?;
            builder.assume(w, Interval::symmetric(LARGEST_WEIGHT))?;
        }
        Ok(w)
    }

    /// Steps by doubling: `2k` of them are `k` and `A^k` times `k`. Where their number is no power of two, the rest
    /// comes first, so that it takes no more levels.
    fn doubled(
        &self,
        builder: &mut ProgramBuilder,
        turns: &[ValueId],
        first: ValueId,
    ) -> Result<ValueId, ProgramError> {
        let mut power = self.diagonals(builder, turns, -self.rate)?;
        // The first one is the diagonal itself.
        if let Some((0, diagonal)) = power.first_mut() {
            let ones = vec![1.0; self.weights];
            *diagonal = builder.offset(*diagonal, self.flat.at_first_row(&ones))?;
        }
        // As many steps as a power of two, and those of the lower bits.
        let (mut all, mut rest) = (first, None);
        let mut left = self.iterations;
        loop {
            if left % 2 == 1 {
                rest = Some(match rest {
                    None => all,
                    Some(rest) => self.after(builder, &power, all, rest)?,
                });
            }
            left /= 2;
            if left == 0 {
                return Ok(rest.unwrap_or(all));
            }
            all = self.after(builder, &power, all, all)?;
            if left > 1 || rest.is_some() {
                power = self.squared(builder, &power)?;
            }
        }
    }

    /// `w + A^k v`: as many steps as `v` took, and then the `k` that `w` took.
    fn after(
        &self,
        builder: &mut ProgramBuilder,
        power: &Matrix,
        w: ValueId,
        v: ValueId,
    ) -> Result<ValueId, ProgramError> {
        let product = self.times(builder, power, v)?;
        let sum = builder.add(w, product)?;
        builder.assume(sum, Interval::symmetric(LARGEST_WEIGHT))?;
        Ok(sum)
    }

    /// The square of a symmetric matrix: a sum of products of diagonals, of which one is turned. Half of its
    /// diagonals are the others, turned.
    fn squared(
        &self,
        builder: &mut ProgramBuilder,
        matrix: &Matrix,
    ) -> Result<Matrix, ProgramError> {
        let width = self.flat.width();
        let with = |turn: usize| matrix.iter().find(|(t, _)| *t == turn).map(|(_, v)| *v);
        let mut turned = BTreeMap::new();
        let mut square = Vec::with_capacity(matrix.len());
        for turn in 0..=width / 2 {
            if with(turn).is_none() {
                continue;
            }
            let mut products = Vec::with_capacity(matrix.len());
            for (left, diagonal) in matrix {
                let right = (width + turn - left) % width;
                let Some(other) = with(right) else {
                    continue;
                };
                let place = (right, *left);
                let other = if let Some(known) = turned.get(&place) {
                    *known
                } else {
                    let value = self.flat.turn_columns(builder, other, *left as i64)?;
                    turned.insert(place, value);
                    value
                };
                products.push(builder.mul(*diagonal, other)?);
            }
            let sum = self.flat.sum_vectors(builder, products)?;
            builder.assume(sum, Interval::symmetric(LARGEST_ENTRY))?;
            square.push((turn, sum));
        }
        for turn in width / 2 + 1..width {
            let back = width - turn;
            let mirrored = square.iter().find(|(t, _)| *t == back).map(|(_, v)| *v);
            if let Some(value) = mirrored.filter(|_| with(turn).is_some()) {
                let value = self.flat.turn_columns(builder, value, -(back as i64))?;
                square.push((turn, value));
            }
        }
        Ok(square)
    }

    /// The decrypted weights.
    pub(super) fn read(&self, found: &Array2<f64>) -> Array1<f64> {
        (0..self.weights)
            .map(|column| found[[self.flat.place(0, column), 0]])
            .collect()
    }

    /// The weights after each iteration, from the moments in the clear.
    pub(super) fn in_clear(&self, moments: &Array2<f64>) -> Result<Vec<Array1<f64>>, TaskError> {
        let n = self.weights;
        let (gram, right) = (moments.slice(s![..n, ..n]), moments.slice(s![..n, n]));
        let mut w = Array1::<f64>::zeros(n);
        let mut path = Vec::with_capacity(self.iterations);
        for t in 0..self.iterations {
            w = &w + &((&right - &gram.dot(&w)) * self.rate);
            if let Some(large) = w.iter().find(|w| w.is_nan() || w.abs() > LARGEST_WEIGHT) {
                return Err(TaskError::Options(format!(
                    "after {} iterations in the clear a standardised weight is {large:.1}, expected at \
                     most {LARGEST_WEIGHT}: the descent diverges; lower `learning_rate`, now {}",
                    t + 1,
                    self.rate
                )));
            }
            path.push(w.clone());
        }
        self.check_powers(Array2::eye(n) - &(&gram * self.rate))?;
        Ok(path)
    }

    /// Holds the powers of `A` that are encrypted to what is assumed of them.
    fn check_powers(&self, mut power: Array2<f64>) -> Result<(), TaskError> {
        let mut steps = 1;
        while Self::doubles(self.flat.width()) && 2 * steps < self.iterations {
            power = power.dot(&power);
            steps *= 2;
            if let Some(large) = power.iter().find(|x| x.is_nan() || x.abs() > LARGEST_ENTRY) {
                return Err(TaskError::Options(format!(
                    "{steps} steps multiply a weight's distance by {large:.1}, expected at most \
                     {LARGEST_ENTRY}: the descent diverges; lower `learning_rate`, now {}",
                    self.rate
                )));
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use hexperiment_program::{Column, Input, OpKind, Output, Party};
    use ndarray::Axis;

    use super::*;

    /// Weights of the program beside those in the clear, and products one after the other.
    #[track_caller]
    fn check(columns: usize, iterations: usize) -> usize {
        let table = Array2::from_shape_fn((12, columns), |(i, j)| {
            (((i * 31 + j * 17 + i * j) % 23) as f64 / 23.0 - 0.45) / 12_f64.sqrt()
        });
        let flat = Flat::new(12, columns, 1 << 10).unwrap();
        let descent = Descent {
            flat,
            weights: columns - 1,
            iterations,
            rate: 0.7,
        };
        let mut builder = ProgramBuilder::new("descent");
        let input = Input {
            name: "x".into(),
            owner: Party::Client(0),
            length: flat.length(),
            columns: vec![Column {
                name: "rows".into(),
                range: Interval::symmetric(1.0),
            }],
            precision: 1e-9,
        };
        let (_, rows) = builder.input(input).unwrap();
        let moments = Moments::state(&mut builder, flat, &rows, 1.0).unwrap();
        let weights = descent.state(&mut builder, &moments).unwrap();
        let (name, values, precision) = ("w".into(), vec![weights], 1e-6);
        builder
            .output(Output {
                name,
                values,
                precision,
            })
            .unwrap();
        let program = builder.finish().unwrap();
        let out = program.interpret(&[flat.flatten(table.view())]).unwrap();
        let clear = descent.in_clear(&table.t().dot(&table)).unwrap();
        let (found, want) = (descent.read(&out[0]), &clear[iterations - 1]);
        assert!(
            (&found - want).iter().all(|d| d.abs() < 1e-9),
            "{found} {want}"
        );
        // Nothing stands beside the weights.
        let beside = out[0].sum_axis(Axis(0))[0] - found.sum();
        assert!(beside.abs() < 1e-9, "{beside}");
        let mut depths = vec![0_usize; program.values().len()];
        for (id, value) in program.iter() {
            let op = value.op();
            let before = op.operands().iter().map(|v| depths[v.index()]).max();
            depths[id.index()] = before.unwrap_or(0)
                + usize::from(matches!(
                    op.kind(),
                    OpKind::Mul | OpKind::Scale | OpKind::WeightedSum
                ));
        }
        let depth = depths.into_iter().max().unwrap_or(0);
        assert_eq!(Descent::levels(columns, iterations), depth as u32);
        depth
    }

    #[test]
    fn steps_are_doubled() {
        // Moments, masks, and as many as the bits of one less.
        let wanted = [2, 3, 4, 4, 5, 5, 5, 5, 6];
        for (iterations, levels) in (1..).zip(wanted) {
            assert_eq!(check(4, iterations), levels, "{iterations}");
            assert_eq!(check(6, iterations), levels, "{iterations}");
        }
        assert_eq!(check(16, 8), 5);
        assert_eq!(check(2, 8), 5);
    }

    #[test]
    fn of_many_columns_each_step_takes_a_level() {
        assert_eq!(check(17, 4), 5);
    }

    #[test]
    fn powers_beyond_what_is_assumed_are_told() {
        let descent = Descent {
            flat: Flat::new(8, 3, 64).unwrap(),
            weights: 2,
            iterations: 8,
            rate: 1.0,
        };
        assert!(descent.check_powers(Array2::eye(2)).is_ok());
        let error = descent.check_powers(Array2::eye(2) * 1.3).unwrap_err();
        assert!(
            error.to_string().contains("lower `learning_rate`, now 1"),
            "{error}"
        );
    }
}
