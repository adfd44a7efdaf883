//! One Newton step with a fixed bound of the Hessian, `X'X / 4` (Böhning and Lindsay, *Monotonicity
//! of quadratic-approximation algorithms*, Annals of the Institute of Statistical Mathematics 1988;
//! under encryption Bonte and Vercauteren, *Privacy-preserving logistic regression training*, BMC
//! Medical Genomics 11:86, 2018; in SEAL Ogilvie, Player and Rowell, *Improved privacy-preserving
//! training using fixed-Hessian minimisation*, WAHC 2020).
//!
//! The server sums products of encrypted columns, or the moments that parties send; the key owner
//! decrypts the moments and solves. From weights of 0 the sigmoid is 1/2 for every row, and needs
//! no polynomial.

use hexperiment_core::linear_model::training::{Flat, Moments, Order, solve_positive};
use hexperiment_core::program::{
    Column, Input, Interval, Output, Party, Program, ProgramBuilder, ProgramError,
};
use hexperiment_core::session::Session;
use hexperiment_core::task::{Outcome, TaskError};
use ndarray::{Array1, Array2, Axis, s};

use super::descent::SignedRows;

/// The order of the server's moments.
pub(crate) const ORDER: Order = Order::Columns;

/// Who multiplies.
#[derive(Clone, Debug)]
pub(crate) enum Moment {
    /// The server, encrypted rows of at most this magnitude.
    Server { flat: Flat, largest: f64 },
    /// Each of so many parties, its own rows in clear; the server adds.
    Parties(usize),
}

/// What the program depends on.
#[derive(Clone, Debug)]
pub(crate) struct Statement {
    pub(crate) moment: Moment,
    /// Features, intercept and label.
    pub(crate) columns: usize,
    /// What the sum of squares of a column is at most.
    pub(crate) norm: f64,
    /// Of the penalty on weights, per row.
    pub(crate) penalty: f64,
    pub(crate) precision: f64,
}

/// The rows whose moments are wanted: features, 1 and label less one half, each row by the square
/// root of what it counts among all.
pub(crate) fn design(rows: &SignedRows, labels: &Array1<f64>) -> Array2<f64> {
    let columns = rows.rows.ncols() + 1;
    Array2::from_shape_fn((rows.rows.nrows(), columns), |(i, j)| {
        let sign = 2.0 * labels[i] - 1.0;
        let x = if j + 1 < columns {
            sign * rows.rows[[i, j]]
        } else {
            0.5 * sign
        };
        x * (rows.counts[i] / rows.total).sqrt()
    })
}

/// Solves `(X'X / 4 + penalty) w = X'(y - 1/2)` from the moments of [`design`].
pub(crate) fn solve(moments: &Array2<f64>, penalty: f64) -> Result<Array1<f64>, TaskError> {
    let n = moments.nrows() - 1;
    let mut hessian = moments.slice(s![..n, ..n]).mapv(|x| 0.25 * x);
    for j in 0..n - 1 {
        hessian[[j, j]] += penalty;
    }
    let gradient = moments.slice(s![..n, n]).to_owned();
    solve_positive(hessian, gradient).ok_or_else(|| {
        TaskError::data(
            "the decrypted moments are not positive definite: features repeat each other, or noise \
             drowns the smallest of their variances",
            "leave a column out, or set `alpha` above 0 under [task]",
        )
    })
}

impl Statement {
    /// The program.
    pub(crate) fn program(&self) -> Result<Program, ProgramError> {
        let mut builder = ProgramBuilder::new("moments of encrypted rows");
        let values = match &self.moment {
            Moment::Server { flat, largest } => {
                let columns = (0..flat.vectors()).map(|k| Column {
                    name: format!("rows {k}"),
                    range: Interval::symmetric(*largest),
                });
                let (_, vectors) = builder.input(Input {
                    name: "rows".into(),
                    owner: Party::Client(0),
                    length: flat.length(),
                    columns: columns.collect(),
                    precision: 1e-9,
                })?;
                Moments::state(&mut builder, *flat, &vectors, self.norm)?.turns
            }
            Moment::Parties(parties) => {
                let mut sum = None;
                for party in 0..*parties {
                    let (_, vector) = builder.input(self.of_party(party as u32))?;
                    sum = Some(match sum {
                        None => vector[0],
                        Some(sum) => builder.add(sum, vector[0])?,
                    });
                }
                sum.into_iter().collect()
            }
        };
        builder.output(Output {
            name: "moments".into(),
            values,
            precision: self.precision,
        })?;
        builder.finish()
    }

    fn of_party(&self, party: u32) -> Input {
        Input {
            name: format!("moments of party {party}"),
            owner: Party::Client(party),
            length: self.columns * (self.columns + 1) / 2,
            columns: vec![Column {
                name: "moments".into(),
                range: Interval::symmetric(self.norm),
            }],
            precision: 0.1 * self.precision,
        }
    }

    /// The tables of the inputs.
    pub(crate) fn inputs(&self, design: &Array2<f64>) -> Vec<Array2<f64>> {
        match &self.moment {
            Moment::Server { flat, .. } => vec![flat.flatten(design.view())],
            Moment::Parties(parties) => {
                let share = design.nrows().div_ceil(*parties);
                let part = |k: usize| {
                    let rows = design.nrows();
                    let part =
                        design.slice(s![(k * share).min(rows)..((k + 1) * share).min(rows), ..]);
                    Array1::from(Moments::pack(&part.t().dot(&part))).insert_axis(Axis(1))
                };
                (0..*parties).map(part).collect()
            }
        }
    }

    /// Runs one round and solves: the weights, as a column.
    pub(crate) fn run(
        &self,
        design: &Array2<f64>,
        session: &mut Session<'_>,
    ) -> Result<Array2<f64>, TaskError> {
        let outcome = Outcome::of_one_round(session, &self.inputs(design))?;
        let found = &outcome.outputs[0];
        let moments = match &self.moment {
            Moment::Server { flat, .. } => Moments::read(flat, found, self.columns),
            Moment::Parties(_) => Moments::unpack(found.column(0), self.columns),
        };
        Ok(solve(&moments, self.penalty)?.insert_axis(Axis(1)))
    }
}
