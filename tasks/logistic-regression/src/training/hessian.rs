//! One Newton step with a fixed bound of the Hessian, `X'X / 4` (Böhning and Lindsay, *Monotonicity
//! of quadratic-approximation algorithms*, Annals of the Institute of Statistical Mathematics 1988;
//! under encryption Bonte and Vercauteren, *Privacy-preserving logistic regression training*, BMC
//! Medical Genomics 11:86, 2018; in SEAL Ogilvie, Player and Rowell, *Improved privacy-preserving
//! training using fixed-Hessian minimisation*, WAHC 2020).
//!
//! The server sums products of encrypted columns, or the moments that parties send; the key owner
//! decrypts the moments and solves. From weights of 0 the sigmoid is 1/2 for every row, and needs
//! no polynomial. For a further step the client sends the weights, encrypted, and the server
//! computes the gradient there, as in `refresh`. It has one program for both, and computes in the
//! first round the moments only, then the gradient only.

use hexperiment_program::{
    Column, Input, InputId, Interval, Output, OutputId, Party, Program, ProgramBuilder,
    ProgramError,
};
use hexperiment_task::linear_model::training::{Flat, Moments, solve_positive};
use hexperiment_task::session::Session;
use hexperiment_task::{InputTable, TaskError};
use ndarray::{Array1, Array2, Axis, s};

use super::descent::{SignedRows, penalised};
use super::{nesterov, refresh};

/// Who multiplies.
#[derive(Clone, Debug)]
pub(crate) enum Moment {
    /// The server, encrypted rows of at most this magnitude.
    Server { flat: Flat, largest: f64 },
    /// Each of so many parties, its own rows in the clear; the server adds.
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
    /// All steps; those after the first have a gradient.
    pub(crate) steps: usize,
    pub(crate) gradient: Option<nesterov::Statement>,
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

/// Solves `(X'X / 4 + penalty) w = gradient`, from the moments of [`design`].
pub(crate) fn solve(
    moments: &Array2<f64>,
    penalty: f64,
    gradient: Array1<f64>,
) -> Result<Array1<f64>, TaskError> {
    let n = moments.nrows() - 1;
    let mut hessian = moments.slice(s![..n, ..n]).mapv(|x| 0.25 * x);
    for j in 0..n - 1 {
        hessian[[j, j]] += penalty;
    }
    solve_positive(hessian, gradient).ok_or_else(|| {
        TaskError::data(
            "the decrypted moments are not positive definite: features repeat each other, or noise \
             drowns the smallest of their variances",
            "leave a column out, or set `alpha` above 0 under [task]",
        )
    })
}

/// The first step: from weights of 0 the gradient is `X'(y - 1/2)`, which is among the moments.
pub(crate) fn first(moments: &Array2<f64>, penalty: f64) -> Result<Array1<f64>, TaskError> {
    let n = moments.nrows() - 1;
    solve(moments, penalty, moments.slice(s![..n, n]).to_owned())
}

impl Statement {
    /// The program.
    pub(crate) fn program(&self) -> Result<Program, ProgramError> {
        let mut builder = ProgramBuilder::new("moments of encrypted rows");
        let values = match &self.moment {
            Moment::Server { flat, largest } => {
                let columns = (0..flat.vectors()).map(|k| Column {
                    name: format!("design {k}"),
                    range: Interval::symmetric(*largest),
                });
                let (_, vectors) = builder.input(Input {
                    name: "design".into(),
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
        if let Some(gradient) = &self.gradient {
            refresh::state(gradient, &mut builder)?;
        }
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

    /// The tables of the inputs. All of a design but its column of 1 is data.
    pub(crate) fn inputs(&self, design: &Array2<f64>) -> Vec<InputTable> {
        match &self.moment {
            Moment::Server { flat, .. } => {
                let payload = design.nrows() * (design.ncols() - 1);
                vec![InputTable::new(flat.flatten(design.view()), payload)]
            }
            Moment::Parties(parties) => {
                let share = design.nrows().div_ceil(*parties);
                let part = |k: usize| {
                    let rows = design.nrows();
                    let part =
                        design.slice(s![(k * share).min(rows)..((k + 1) * share).min(rows), ..]);
                    let moments = Array1::from(Moments::pack(&part.t().dot(&part)));
                    InputTable::from(moments.insert_axis(Axis(1)))
                };
                (0..*parties).map(part).collect()
            }
        }
    }

    fn moments(&self, found: &Array2<f64>) -> Array2<f64> {
        match &self.moment {
            Moment::Server { flat, .. } => Moments::read(flat, found, self.columns),
            Moment::Parties(_) => Moments::unpack(found.column(0), self.columns),
        }
    }

    /// The weights of one step, as a column, from what was decrypted.
    pub(crate) fn read(&self, found: &Array2<f64>) -> Result<Array2<f64>, TaskError> {
        Ok(first(&self.moments(found), self.penalty)?.insert_axis(Axis(1)))
    }

    /// Takes all steps: the weights after each, as columns. `rows` are what the gradient needs.
    pub(crate) fn run(
        &self,
        gradient: &nesterov::Statement,
        design: &Array2<f64>,
        mut rows: InputTable,
        session: &mut Session<'_>,
    ) -> Result<Array2<f64>, TaskError> {
        // The same data as in the design.
        rows.payload = 0;
        let mut sealed = Vec::new();
        for table in self.inputs(design).iter().chain([&rows]) {
            sealed.push(table.encrypt(session, InputId::from_index(sealed.len()))?);
        }
        let [of_moments, of_gradient] = [0, 1].map(OutputId::from_index);
        let mut moments = None;
        let mut w = Array1::zeros(gradient.columns);
        let mut path = Array2::zeros((gradient.columns, self.steps));
        for step in 0..self.steps {
            refresh::check_weights(&w, step)?;
            let id = InputId::from_index(sealed.len());
            let weights = refresh::sent(gradient, &w).encrypt(session, id)?;
            let inputs: Vec<_> = sealed.iter().chain([&weights]).collect();
            w = match &moments {
                None => {
                    let results = session.server().evaluate_only(&inputs, &[of_moments])?;
                    let found = session.client().decrypt(of_moments, &results[0])?;
                    let found = self.moments(&found);
                    let w = first(&found, self.penalty)?;
                    moments = Some(found);
                    w
                }
                Some(moments) => {
                    let results = session.server().evaluate_only(&inputs, &[of_gradient])?;
                    let found = refresh::decrypt(gradient, session, of_gradient, &results[0])?;
                    let uphill = penalised(&found, &w, self.penalty);
                    &w + &solve(moments, self.penalty, uphill)?
                }
            };
            path.column_mut(step).assign(&w);
        }
        Ok(path)
    }
}
