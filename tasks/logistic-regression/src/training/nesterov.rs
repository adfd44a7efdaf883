//! Training that never stops to decrypt: Nesterov's accelerated gradient descent on encrypted rows,
//! labels and weights (Kim, Song, Kim, Lee, Cheon, *Logistic regression model training based on the
//! approximate homomorphic encryption*, BMC Medical Genomics 11:83, 2018, algorithm 2).
//!
//! Weights stand in every row of the vectors, so that an inner product goes round all columns. Behind the
//! rows of each column is a gap of zeros ([`Flat::with_gaps`]), by which a sum over rows stands at every row:
//! neither sum is masked, which would take a level of each iteration. What sums leave in the gaps meets zeros
//! of the rows, and the masks of what does not pass through the polynomial.
//!
//! Rows and weights are sent and kept in units ([`unit`]) in which their product is the inner product as a
//! share of the sigmoid's range: neither the division by the number of rows nor by that range takes a
//! level. Learning rate, momentum and the polynomial's leading coefficient are in the rows, which have levels to
//! spare. The first iteration, from weights of 0, is a sum of rows.

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
    /// What rows are multiplied by before they are encrypted.
    pub(crate) unit: f64,
    /// The largest magnitude in a row.
    pub(crate) largest: f64,
    /// The most that a row counts; 1 where all count alike.
    pub(crate) most: f64,
    /// Of a weight.
    pub(crate) precision: f64,
}

/// The levels of one iteration after the first: the inner product, the polynomial.
pub(crate) fn levels_each(sigmoid: &OddSigmoid) -> u32 {
    1 + sigmoid.levels()
}

/// The levels of all iterations.
pub(crate) fn levels(schedule: &Schedule, sigmoid: &OddSigmoid) -> u32 {
    let after_the_first = schedule.iterations.saturating_sub(1);
    u32::try_from(after_the_first)
        .unwrap_or(u32::MAX)
        .saturating_mul(levels_each(sigmoid))
}

/// What an inner product of rows and weights, in units of one over the number of rows, is multiplied by
/// to be a share of the sigmoid's range.
fn share(sigmoid: &OddSigmoid, total: f64) -> f64 {
    1.0 / (total * sigmoid.bound())
}

/// The unit of the rows: the sum of rows in that unit is the first weights in theirs.
pub(crate) fn unit(schedule: &Schedule, sigmoid: &OddSigmoid, total: f64) -> f64 {
    (0.5 * schedule.rate * share(sigmoid, total)).sqrt()
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
        let largest = self.unit * self.largest;
        let rows = (0..vectors).map(|k| column(format!("rows {k}"), largest));
        let counted = (0..vectors)
            .filter(|_| self.counted())
            .map(|k| column(format!("counted rows {k}"), self.most * largest));
        Input {
            name: "rows".into(),
            owner: Party::Client(0),
            length: self.flat.length(),
            columns: rows.chain(counted).collect(),
            precision: 1e-6 * self.unit,
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
        builder.assume(sum, Interval::symmetric(self.unit * self.mass()))?;
        let half = 0.5 * self.schedule.rate;
        // In which the product with a row is a share of the sigmoid's range; that of the sum, too.
        let weights_unit = half / self.unit;
        // After the first iteration v and w are the same: there is no momentum yet.
        let mut v = Weights {
            value: sum,
            factor: weights_unit,
        };
        let mut w = v;
        for t in 1..self.schedule.iterations {
            let last = t + 1 == self.schedule.iterations;
            let eta = if last { 0.0 } else { Schedule::momentum(t) };
            let factor = if last { 1.0 } else { weights_unit };
            let gain = -self.schedule.rate * (1.0 - eta);
            let mut parts = Vec::with_capacity(rows.len());
            for (row, counted) in rows.iter().zip(counted) {
                let inner = self.inner(builder, *row, v)?;
                let gain = gain / (self.unit * factor);
                parts.push(self.sigmoid.times(builder, inner, *counted, gain)?);
            }
            let part = self.flat.sum_vectors(builder, parts)?;
            let part = self.flat.sum_rows(builder, part)?;
            let most = gain.abs() * self.sigmoid.largest() * self.mass();
            builder.assume(part, Interval::symmetric(most / factor))?;
            let known = self.linear(builder, (v, w, sum), eta, factor)?;
            let next = Weights {
                value: builder.add(part, known)?,
                factor,
            };
            // Derived ranges grow by a factor with each iteration, where weights converge. In the gaps stands
            // the part that was added last, alone.
            let most = most.max(LARGEST_WEIGHT * self.total);
            builder.assume(next.value, Interval::symmetric(most / factor))?;
            if !last {
                // w' from v' = (1 - eta) w' + eta w; a level below, which the next iteration has.
                let terms = vec![
                    (next.value, self.masked(1.0 / (1.0 - eta))),
                    (
                        w.value,
                        self.masked(-eta * w.factor / (factor * (1.0 - eta))),
                    ),
                ];
                w = Weights {
                    value: builder.weighted_sum(terms, 0.0)?,
                    factor,
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

    /// A factor of all columns at every row, and 0 in the gaps, where otherwise each iteration would add to
    /// what nobody reads.
    fn masked(&self, factor: f64) -> Public {
        self.flat.repeat(&vec![factor; self.columns]).into()
    }

    /// What the sum of a column's magnitudes, counted, is at most. A standardised column has a sum
    /// of squares of `n`, the number of rows, at most. Where the rarer class counts `m`, it has
    /// `n / 2m` rows and the other one counts `m / (2m - 1)`: the squares of what rows count sum up
    /// to `n m^2 / (2m - 1)`. Then by Cauchy and Schwarz. In a gap `k` rows of a column and the other `n - k` of
    /// the next one are summed: at most `sqrt(k / n) + sqrt(1 - k / n)` times as much.
    fn mass(&self) -> f64 {
        let column = self.total * self.most / (2.0 * self.most - 1.0).sqrt();
        std::f64::consts::SQRT_2 * column * (1.0 + 1e-9)
    }

    /// The inner product of each row and the weights, as a share of the sigmoid's range, at every
    /// column; 0 in the gaps.
    fn inner(
        &self,
        builder: &mut ProgramBuilder,
        row: ValueId,
        v: Weights,
    ) -> Result<ValueId, ProgramError> {
        let product = builder.mul(row, v.value)?;
        let inner = self.flat.sum_columns(builder, product)?;
        builder.assume(inner, Interval::symmetric(1.0))?;
        Ok(inner)
    }

    /// The part of `v'` that does not wait for the polynomial:
    /// `(1 - eta) (shrinking v + rate / 2 sum) + eta w`, one sum of each value, divided by `factor`.
    fn linear(
        &self,
        builder: &mut ProgramBuilder,
        (v, w, sum): (Weights, Weights, ValueId),
        eta: f64,
        factor: f64,
    ) -> Result<ValueId, ProgramError> {
        let shrinking = self.schedule.shrinking(self.columns);
        let shrinking = shrinking * ((1.0 - eta) * v.factor / factor);
        let half = 0.5 * self.schedule.rate / self.unit;
        let given = [
            (v.value, self.flat.repeat(&shrinking.to_vec()).into()),
            (w.value, self.masked(eta * w.factor / factor)),
            (sum, self.masked((1.0 - eta) * half / factor)),
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
