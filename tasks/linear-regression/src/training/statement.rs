//! What the server is asked to compute, and the same in the clear.

use hexperiment_program::{
    Column, Input, Interval, Output, Party, Program, ProgramBuilder, ProgramError, ValueId,
};
use hexperiment_scheme::options::Options;
use hexperiment_task::linear_model::training::{Flat, Moments, solve_positive};
use hexperiment_task::{InputTable, TaskError, vector_length};
use ndarray::{Array1, Array2, Axis, s};
use strum::{EnumString, IntoStaticStr, VariantNames};

use super::gradient::Descent;

/// Who solves the normal equations.
#[derive(Clone, Copy, PartialEq, Eq, EnumString, IntoStaticStr, VariantNames)]
#[strum(serialize_all = "kebab-case")]
pub(super) enum Solver {
    /// The client, from decrypted moments.
    Gram,
    /// The server, by gradient descent.
    Gradient,
}

/// What the server does.
#[derive(Clone, Debug)]
pub(super) enum Method {
    /// Multiplies and sums.
    Gram(Flat),
    /// Adds the moments of so many parties.
    Parties(usize),
    /// Gradient descent.
    Gradient(Descent),
}

/// What the program depends on; all of it is public.
#[derive(Clone, Debug)]
pub(super) struct Statement {
    pub(super) method: Method,
    /// Columns of the design: features, intercept, target.
    pub(super) columns: usize,
    /// The largest magnitude in it.
    pub(super) largest: f64,
    pub(super) precision: f64,
}

/// What a column's sum of squares is at most: of standardised columns 1.
const NORM: f64 = 1.0 + 1e-9;

/// Features, 1 and the target, each row divided by the square root of their number, so that its
/// moments are means.
pub(super) fn design(features: &Array2<f64>, target: &Array1<f64>) -> Array2<f64> {
    let (rows, width) = features.dim();
    Array2::from_shape_fn((rows, width + 2), |(i, j)| {
        let x = match j {
            j if j < width => features[[i, j]],
            j if j == width => 1.0,
            _ => target[i],
        };
        x / (rows as f64).sqrt()
    })
}

/// Solves the normal equations from the moments of a design.
fn solve(moments: &Array2<f64>) -> Result<Array1<f64>, TaskError> {
    let n = moments.nrows() - 1;
    let gram = moments.slice(s![..n, ..n]).to_owned();
    solve_positive(gram, moments.slice(s![..n, n]).to_owned()).ok_or_else(|| {
        TaskError::data(
            "the decrypted moments are not positive definite: features nearly repeat each other, \
             and noise drowns the smallest of their variances",
            "leave a column out, or lower `weight_precision` under [task]",
        )
    })
}

impl Method {
    pub(super) fn read(
        options: &Options,
        (rows, columns): (usize, usize),
        notes: &mut Vec<String>,
    ) -> Result<Self, TaskError> {
        let longest = options.integer("vector_length")? as usize;
        if !longest.is_power_of_two() {
            return Err(TaskError::Options(format!(
                "`vector_length = {longest}`: expected a power of two, such as {}",
                longest.next_power_of_two()
            )));
        }
        let parties = options.integer("parties")? as usize;
        let gradient = options.choice::<Solver>("method")? == Solver::Gradient;
        if parties > 0 && gradient {
            return Err(TaskError::Options(format!(
                "`parties = {parties}` send moments, which only `method = \"gram\"` solves"
            )));
        }
        if parties > 0 {
            notes.push(format!(
                "{parties} parties hold the rows and compute their moments in the clear; the server \
                 only adds them, and the key owner solves; all know the means and deviations of \
                 features and target"
            ));
            return Ok(Self::Parties(parties));
        }
        let iterations = options.integer("iterations")? as usize;
        // Step by step, levels take the larger ring whatever the vectors are.
        let ring = if gradient && Descent::doubles(columns) {
            vector_length::of_levels(Descent::levels(columns, iterations))
        } else {
            longest
        };
        let flat = Flat::new(rows, columns, longest.min(ring))?;
        notes.push(format!(
            "{rows} rows of {columns} columns in {} vectors of {}",
            flat.vectors(),
            flat.length()
        ));
        if !gradient {
            return Ok(Self::Gram(flat));
        }
        Ok(Self::Gradient(Descent {
            flat,
            weights: columns - 1,
            iterations,
            rate: options.number("learning_rate")?,
        }))
    }
}

impl Statement {
    pub(super) fn program(&self) -> Result<Program, ProgramError> {
        let mut builder = ProgramBuilder::new("least squares of encrypted rows");
        let (name, values) = match &self.method {
            Method::Gram(flat) => {
                let vectors = self.rows(&mut builder, flat)?;
                (
                    "moments",
                    Moments::state(&mut builder, *flat, &vectors, NORM)?.turns,
                )
            }
            Method::Gradient(descent) => {
                let vectors = self.rows(&mut builder, &descent.flat)?;
                let moments = Moments::state(&mut builder, descent.flat, &vectors, NORM)?;
                ("weights", vec![descent.state(&mut builder, &moments)?])
            }
            Method::Parties(parties) => ("moments", vec![self.sum(&mut builder, *parties)?]),
        };
        builder.output(Output {
            name: name.into(),
            values,
            precision: self.precision,
        })?;
        builder.finish()
    }

    fn rows(
        &self,
        builder: &mut ProgramBuilder,
        flat: &Flat,
    ) -> Result<Vec<ValueId>, ProgramError> {
        let columns = (0..flat.vectors()).map(|k| Column {
            name: format!("rows {k}"),
            range: Interval::symmetric(self.largest),
        });
        let (_, vectors) = builder.input(Input {
            name: "rows".into(),
            owner: Party::Client(0),
            length: flat.length(),
            columns: columns.collect(),
            precision: 1e-9,
        })?;
        Ok(vectors)
    }

    /// The sum of all parties' moments.
    fn sum(&self, builder: &mut ProgramBuilder, parties: usize) -> Result<ValueId, ProgramError> {
        let mut values = Vec::with_capacity(parties);
        for party in 0..parties {
            let (_, vector) = builder.input(Input {
                name: format!("moments of party {party}"),
                owner: Party::Client(party as u32),
                length: self.columns * (self.columns + 1) / 2,
                columns: vec![Column {
                    name: "moments".into(),
                    range: Interval::symmetric(NORM),
                }],
                precision: 0.1 * self.precision,
            })?;
            values.push(vector[0]);
        }
        let mut sum = values[0];
        for value in &values[1..] {
            sum = builder.add(sum, *value)?;
        }
        Ok(sum)
    }

    /// The weights after each step of the same algorithm in the clear.
    pub(super) fn in_clear(&self, design: &Array2<f64>) -> Result<Vec<Array1<f64>>, TaskError> {
        let moments = design.t().dot(design);
        match &self.method {
            Method::Gradient(descent) => descent.in_clear(&moments),
            _ => Ok(vec![solve(&moments)?]),
        }
    }

    /// What the clients send. All of a design but its column of 1 is data.
    pub(super) fn tables(&self, design: &Array2<f64>) -> Vec<InputTable> {
        match &self.method {
            Method::Gram(flat) | Method::Gradient(Descent { flat, .. }) => {
                let payload = design.nrows() * (design.ncols() - 1);
                vec![InputTable::new(flat.flatten(design.view()), payload)]
            }
            Method::Parties(parties) => {
                let rows = design.nrows();
                let share = rows.div_ceil(*parties);
                let part = |k: usize| {
                    let (from, to) = ((k * share).min(rows), ((k + 1) * share).min(rows));
                    let part = design.slice(s![from..to, ..]);
                    let moments = Array1::from(Moments::pack(&part.t().dot(&part)));
                    InputTable::from(moments.insert_axis(Axis(1)))
                };
                (0..*parties).map(part).collect()
            }
        }
    }

    /// The weights from what was decrypted.
    pub(super) fn read(&self, found: &Array2<f64>) -> Result<Array1<f64>, TaskError> {
        match &self.method {
            Method::Gram(flat) => solve(&Moments::read(flat, found, self.columns)),
            Method::Parties(_) => solve(&Moments::unpack(found.column(0), self.columns)),
            Method::Gradient(descent) => Ok(descent.read(found)),
        }
    }
}
