//! Gradient descent in the space of moments: `w' = w + rate (X'y - X'X w)`, where `X'X` and `X'y`
//! are encrypted, and so is `w`.
//!
//! The matrix is there by diagonals, as the products of columns turned against each other leave it,
//! and a product with a vector is a sum over diagonals, each times the vector turned (Halevi and
//! Shoup, *Algorithms in HElib*, CRYPTO 2014, section 4.3): one level. The learning rate is in the
//! masks that cut the diagonals out.

use hexperiment_program::{Interval, ProgramBuilder, ProgramError, ValueId};
use hexperiment_task::TaskError;
use hexperiment_task::linear_model::training::{Flat, Moments};
use ndarray::{Array1, Array2, s};

/// The most that a standardised weight is assumed to be.
const LARGEST_WEIGHT: f64 = 8.0;

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
        let mut diagonals = Vec::new();
        for (turn, value) in turns.iter().enumerate() {
            let among = |column: usize| (column + turn) % width < self.weights;
            let mask: Vec<f64> = (0..self.weights)
                .map(|column| if among(column) { self.rate } else { 0.0 })
                .collect();
            if mask.iter().any(|m| *m != 0.0) {
                let masked = builder.scale(*value, self.flat.at_first_row(&mask))?;
                diagonals.push((turn, masked));
            }
        }
        let mut w = first;
        for _ in 1..self.iterations {
            let mut products = Vec::with_capacity(diagonals.len());
            for (turn, diagonal) in &diagonals {
                let turned = self.flat.turn_columns(builder, w, *turn as i64)?;
                products.push(builder.mul(*diagonal, turned)?);
            }
            let product = self.flat.sum_vectors(builder, products)?;
            let sum = builder.add(w, first)?;
            w = builder.sub(sum, product)?;
            builder.assume(w, Interval::symmetric(LARGEST_WEIGHT))?;
        }
        Ok(w)
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
        Ok(path)
    }
}
