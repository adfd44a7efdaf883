//! Training under encryption: least squares from encrypted rows and targets.
//!
//! `gram`: the server sums products of columns, the client decrypts these moments and solves the
//! normal equations. `gradient`: the server goes on from the moments by gradient descent, one level
//! for each iteration, and only weights are decrypted.

mod gradient;
mod report;

use hexperiment_core::dataset::transform;
use hexperiment_core::linear_model::training::{
    Flat, Moments, Order, most_that_fit, solve_positive,
};
use hexperiment_core::linear_model::{Features, Settings};
use hexperiment_core::options::{OptionSpec, Options};
use hexperiment_core::program::{
    Column, Input, Interval, Output, Party, Program, ProgramBuilder, ProgramError, ValueId,
};
use hexperiment_core::session::Session;
use hexperiment_core::task::{Artefact, Outcome, PrepareRequest, Prepared, Quality, TaskError};
use ndarray::{Array1, Array2, Axis, s};

use crate::train;
use gradient::Descent;
use report::Results;

pub(crate) use report::MORE_METRICS;

/// The options of training only.
pub(crate) fn specs() -> Vec<OptionSpec> {
    vec![
        OptionSpec::choice(
            "method",
            &["gram", "gradient"],
            "gram",
            "Training. `gram`: the client decrypts the moments of its rows and solves. `gradient`: \
             gradient descent from the encrypted moments, nothing decrypted until the end.",
        ),
        OptionSpec::integer(
            "iterations",
            1..=1000,
            6,
            "Training: iterations of `gradient`.",
        ),
        OptionSpec::number(
            "learning_rate",
            1e-6..=100.0,
            0.5,
            "Training: steps of `gradient`, times the mean gradient on standardised features. Below \
             2 divided by the largest eigenvalue of the features' correlations.",
        ),
        OptionSpec::integer(
            "vector_length",
            8..=1 << 20,
            1 << 14,
            "Training: elements of a vector at most, a power of two; more rows take more vectors. A \
             CKKS ciphertext holds 16384 at most.",
        ),
        OptionSpec::integer(
            "parties",
            0..=1000,
            0,
            "Training by `gram`: so many parties hold the rows, and send encrypted moments of their \
             own, which the server adds; 0 for a client who sends encrypted rows.",
        ),
        OptionSpec::number(
            "weight_precision",
            1e-12..=0.1,
            1e-5,
            "Training: absolute error wanted on a weight, all standardised.",
        ),
    ]
}

/// What the server does.
#[derive(Clone, Debug)]
enum Method {
    /// Multiplies and sums.
    Gram(Flat),
    /// Adds the moments of so many parties.
    Parties(usize),
    /// Descends.
    Gradient(Descent),
}

/// What the program depends on; all of it is public.
#[derive(Clone, Debug)]
struct Statement {
    method: Method,
    /// Columns of the design: features, intercept, target.
    columns: usize,
    /// The largest magnitude in it.
    largest: f64,
    precision: f64,
}

/// What a column's sum of squares is at most: of standardised columns 1.
const NORM: f64 = 1.0 + 1e-9;

/// Training on encrypted rows.
pub(crate) struct Training {
    statement: Statement,
    program: Program,
    design: Array2<f64>,
    results: Results,
}

impl Training {
    pub(crate) fn new(request: PrepareRequest<'_>) -> Result<Self, TaskError> {
        let options = request.options;
        let partition = request.data.partition()?;
        let settings = Settings::read(options)?;
        let Features { table, mut notes } =
            Features::prepare(&partition, settings, transform::rank_by_correlation)?;
        let targets = &partition.train.target;
        let fitted = train::fit(&table.train, targets, &table.columns)?;
        let (mean, deviation) = (targets.mean().unwrap_or(0.0), fitted.deviation);
        let design = design(&table.train, &targets.mapv(|y| (y - mean) / deviation));
        let statement = Statement {
            method: Method::read(options, design.dim(), &mut notes)?,
            columns: design.ncols(),
            largest: 1.01 * design.iter().fold(0.0_f64, |m, x| m.max(x.abs())),
            precision: options.number("weight_precision")?,
        };
        let weights = fitted.model.weights.iter().map(|w| w / deviation);
        let intercept = (fitted.model.intercept - mean) / deviation;
        let results = Results {
            clear: statement.in_clear(&design)?,
            least_squares: weights.chain([intercept]).collect(),
            clip: settings.encoding.clip,
            truth: partition.test.target.to_vec(),
            mean,
            deviation,
            table,
            notes,
        };
        Ok(Self {
            program: statement.program()?,
            statement,
            design,
            results,
        })
    }
}

/// Features, 1 and the target, each row divided by the square root of their number, so that its
/// moments are means.
fn design(features: &Array2<f64>, target: &Array1<f64>) -> Array2<f64> {
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
    fn read(
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
        let gradient = options.text("method")? == "gradient";
        if parties > 0 && gradient {
            return Err(TaskError::Options(format!(
                "`parties = {parties}` send moments, which only `method = \"gram\"` solves"
            )));
        }
        if parties > 0 {
            notes.push(format!(
                "{parties} parties hold the rows and compute their moments in clear; the server \
                 only adds them, and the key owner solves; all know the means and deviations of \
                 features and target"
            ));
            return Ok(Self::Parties(parties));
        }
        let flat = Flat::new(Order::Columns, rows, columns, longest)?;
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
            iterations: options.integer("iterations")? as usize,
            rate: options.number("learning_rate")?,
        }))
    }
}

impl Statement {
    fn program(&self) -> Result<Program, ProgramError> {
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

    /// The weights after each step of the same algorithm in clear.
    fn in_clear(&self, design: &Array2<f64>) -> Result<Vec<Array1<f64>>, TaskError> {
        let moments = design.t().dot(design);
        match &self.method {
            Method::Gradient(descent) => descent.in_clear(&moments),
            _ => Ok(vec![solve(&moments)?]),
        }
    }

    /// What the clients send.
    fn tables(&self, design: &Array2<f64>) -> Vec<Array2<f64>> {
        match &self.method {
            Method::Gram(flat) | Method::Gradient(Descent { flat, .. }) => {
                vec![flat.flatten(design.view())]
            }
            Method::Parties(parties) => {
                let rows = design.nrows();
                let share = rows.div_ceil(*parties);
                let part = |k: usize| {
                    let (from, to) = ((k * share).min(rows), ((k + 1) * share).min(rows));
                    let part = design.slice(s![from..to, ..]);
                    Array1::from(Moments::pack(&part.t().dot(&part))).insert_axis(Axis(1))
                };
                (0..*parties).map(part).collect()
            }
        }
    }

    /// The weights from what was decrypted.
    fn read(&self, found: &Array2<f64>) -> Result<Array1<f64>, TaskError> {
        match &self.method {
            Method::Gram(flat) => solve(&Moments::read(flat, found, self.columns)),
            Method::Parties(_) => solve(&Moments::unpack(found.column(0), self.columns)),
            Method::Gradient(descent) => Ok(descent.read(found)),
        }
    }
}

impl Prepared for Training {
    fn program(&self) -> &Program {
        &self.program
    }

    fn samples(&self) -> usize {
        self.design.nrows()
    }

    fn run(&self, session: &mut Session<'_>) -> Result<Outcome, TaskError> {
        let outcome = Outcome::of_one_round(session, &self.statement.tables(&self.design))?;
        let weights = self.statement.read(&outcome.outputs[0])?;
        Ok(Outcome {
            outputs: vec![weights.insert_axis(Axis(1))],
        })
    }

    fn score(&self, outcome: &Outcome) -> Result<Quality, TaskError> {
        Ok(self.results.score(&outcome.outputs[0].column(0).to_owned()))
    }

    fn server_sees(&self) -> Option<String> {
        Some(match &self.statement.method {
            Method::Gram(_) => "how many rows there are".into(),
            Method::Gradient(_) => {
                "how many rows there are, and the learning rate; neither rows, targets nor weights"
                    .into()
            }
            Method::Parties(n) => {
                format!("that {n} parties take part; the key owner sees the sum of their moments")
            }
        })
    }

    fn client_computes(&self) -> Vec<String> {
        match &self.statement.method {
            Method::Gram(_) => vec!["solving the normal equations".into()],
            Method::Gradient(_) => vec![],
            Method::Parties(_) => vec![
                "each party's moments".into(),
                "solving the normal equations".into(),
            ],
        }
    }

    fn fitting(&self, fits: &mut dyn FnMut(&Program) -> bool) -> Option<String> {
        let Method::Gradient(descent) = &self.statement.method else {
            return None;
        };
        let mut fits = |iterations| {
            let smaller = Statement {
                method: Method::Gradient(Descent {
                    iterations,
                    ..descent.clone()
                }),
                ..self.statement.clone()
            };
            smaller.program().is_ok_and(|program| fits(&program))
        };
        let most = most_that_fit(descent.iterations, &mut fits)?;
        Some(format!(
            "an iteration takes a level: `iterations = {most}` fits, {} were asked for",
            descent.iterations
        ))
    }

    fn artefacts(&self, outcome: &Outcome) -> Result<Vec<Artefact>, TaskError> {
        self.results
            .artefacts(&outcome.outputs[0].column(0).to_owned())
    }
}
