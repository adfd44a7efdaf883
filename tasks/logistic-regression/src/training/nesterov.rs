//! Training that never stops to decrypt: Nesterov's accelerated gradient descent on encrypted rows,
//! labels and weights (Kim, Song, Kim, Lee, Cheon, *Logistic regression model training based on the
//! approximate homomorphic encryption*, BMC Medical Genomics 11:83, 2018, algorithm 2).
//!
//! Weights stand in every row of the vectors, in units of one over the number of rows, so that the
//! sum over rows needs no division: it is in the mask of the next inner product, with the range
//! of the sigmoid. Learning rate, momentum and the polynomial's leading coefficient are in the
//! rows, which have levels to spare. The first iteration, from weights of 0, is a sum of rows.

use hexperiment_program::{
    Column, Input, Interval, Output, Party, Program, ProgramBuilder, ProgramError, Public, ValueId,
};
use hexperiment_task::linear_model::training::{Flat, OddSigmoid};

use super::descent::{LARGEST_WEIGHT, Schedule};

/// What the program depends on; all of it is public.
#[derive(Clone, Debug)]
pub(crate) struct Statement {
    pub(crate) flat: Flat,
    /// Columns of a row, the intercept included.
    pub(crate) columns: usize,
    pub(crate) schedule: Schedule,
    pub(crate) sigmoid: OddSigmoid,
    /// Rows, by which sums are divided.
    pub(crate) total: f64,
    /// The largest magnitude in a row.
    pub(crate) largest: f64,
    /// The most that a row counts; 1 where all count alike.
    pub(crate) most: f64,
    /// Of a weight.
    pub(crate) precision: f64,
}

/// The levels of one iteration after the first: the inner product, its mask, the polynomial.
pub(crate) fn levels_each(sigmoid: &OddSigmoid) -> u32 {
    2 + sigmoid.levels()
}

/// Encrypted weights: `factor * value`, in units of one over the number of rows.
#[derive(Clone, Copy)]
struct Weights {
    value: ValueId,
    factor: f64,
}

impl Statement {
    /// Whether rows count differently, and are sent a second time with what they count.
    pub(crate) fn counted(&self) -> bool {
        self.most != 1.0
    }

    /// What the client sends: rows, and where they count differently the counted rows.
    pub(crate) fn input(&self) -> Input {
        let column = |name: String, largest: f64| Column {
            name,
            range: Interval::symmetric(largest),
        };
        let vectors = self.flat.vectors();
        let rows = (0..vectors).map(|k| column(format!("rows {k}"), self.largest));
        let counted = (0..vectors)
            .filter(|_| self.counted())
            .map(|k| column(format!("counted rows {k}"), self.most * self.largest));
        Input {
            name: "rows".into(),
            owner: Party::Client(0),
            length: self.flat.length(),
            columns: rows.chain(counted).collect(),
            precision: 1e-6,
        }
    }

    /// The program; its output holds the weights times the number of rows, in every row.
    pub(crate) fn program(&self) -> Result<Program, ProgramError> {
        let mut builder = ProgramBuilder::new("logistic regression by Nesterov's method");
        let (_, inputs) = builder.input(self.input())?;
        let value = self.weights(&mut builder, &inputs)?;
        builder.output(Output {
            name: "weights".into(),
            values: vec![value],
            precision: self.precision * self.total,
        })?;
        builder.finish()
    }

    /// All iterations.
    fn weights(
        &self,
        builder: &mut ProgramBuilder,
        inputs: &[ValueId],
    ) -> Result<ValueId, ProgramError> {
        let (rows, rest) = inputs.split_at(self.flat.vectors());
        let counted = if self.counted() { rest } else { rows };
        let sum = self.flat.sum_vectors(builder, counted.to_vec())?;
        let sum = self.flat.sum_rows(builder, sum)?;
        builder.assume(sum, Interval::symmetric(self.mass()))?;
        let half = 0.5 * self.schedule.rate;
        // After the first iteration v and w are the same: there is no momentum yet.
        let mut v = Weights {
            value: sum,
            factor: half,
        };
        let mut w = v;
        for t in 1..self.schedule.iterations {
            let last = t + 1 == self.schedule.iterations;
            let eta = if last { 0.0 } else { Schedule::momentum(t) };
            let gain = -self.schedule.rate * (1.0 - eta);
            let mut parts = Vec::with_capacity(rows.len());
            for (row, counted) in rows.iter().zip(counted) {
                let inner = self.inner(builder, *row, v)?;
                parts.push(self.sigmoid.times(builder, inner, *counted, gain)?);
            }
            let part = self.flat.sum_vectors(builder, parts)?;
            let part = self.flat.sum_rows(builder, part)?;
            let bound = gain.abs() * self.sigmoid.largest() * self.mass();
            builder.assume(part, Interval::symmetric(bound))?;
            let known = self.linear(builder, v, w, sum, eta)?;
            let next = Weights {
                value: builder.add(part, known)?,
                factor: 1.0,
            };
            // Derived ranges grow by a factor with each iteration, where weights converge.
            let bound = Interval::symmetric(LARGEST_WEIGHT * self.total);
            builder.assume(next.value, bound)?;
            if !last {
                // w' from v' = (1 - eta) w' + eta w; a level below, which the next iteration has.
                let terms = vec![
                    (next.value, Public::Scalar(1.0 / (1.0 - eta))),
                    (w.value, Public::Scalar(-eta * w.factor / (1.0 - eta))),
                ];
                w = Weights {
                    value: builder.weighted_sum(terms, 0.0)?,
                    factor: 1.0,
                };
            }
            v = next;
        }
        if v.factor == 1.0 {
            Ok(v.value)
        } else {
            builder.scale(v.value, v.factor)
        }
    }

    /// What the sum of a column's magnitudes, counted, is at most. A standardised column has a sum
    /// of squares of `n`, the number of rows, at most. Where the rarer class counts `m`, it has
    /// `n / 2m` rows and the other one counts `m / (2m - 1)`: the squares of what rows count sum up
    /// to `n m^2 / (2m - 1)`. Then by Cauchy and Schwarz.
    fn mass(&self) -> f64 {
        self.total * self.most / (2.0 * self.most - 1.0).sqrt() * (1.0 + 1e-9)
    }

    /// The inner product of each row and the weights, as a share of the sigmoid's range, at every
    /// column.
    fn inner(
        &self,
        builder: &mut ProgramBuilder,
        row: ValueId,
        v: Weights,
    ) -> Result<ValueId, ProgramError> {
        let product = builder.mul(row, v.value)?;
        let sum = self.flat.sum_columns(builder, product)?;
        let unit = v.factor / (self.total * self.sigmoid.bound());
        let first = builder.scale(sum, self.flat.at_first_column(unit))?;
        builder.assume(first, Interval::symmetric(1.0))?;
        let inner = self.flat.spread_columns(builder, first)?;
        builder.assume(inner, Interval::symmetric(1.0))?;
        Ok(inner)
    }

    /// The part of `v'` that does not wait for the polynomial:
    /// `(1 - eta) (shrinking v + rate / 2 sum) + eta w`, one sum of each value.
    fn linear(
        &self,
        builder: &mut ProgramBuilder,
        v: Weights,
        w: Weights,
        sum: ValueId,
        eta: f64,
    ) -> Result<ValueId, ProgramError> {
        let shrinking = self.schedule.shrinking(self.columns).to_vec();
        let shrinking: Public = if self.schedule.penalty == 0.0 {
            1.0.into()
        } else {
            self.flat.repeat(&shrinking).into()
        };
        let given = [
            (v.value, shrinking.map(|x| x * (1.0 - eta) * v.factor)),
            (w.value, Public::Scalar(eta * w.factor)),
            (sum, Public::Scalar((1.0 - eta) * 0.5 * self.schedule.rate)),
        ];
        let mut terms: Vec<(ValueId, Public)> = Vec::new();
        for (value, by) in given {
            match terms.iter_mut().find(|(v, _)| *v == value) {
                Some((_, sum)) => *sum = sum.zip(&by, |a, b| a + b),
                None => terms.push((value, by)),
            }
        }
        builder.weighted_sum(terms, 0.0)
    }
}
