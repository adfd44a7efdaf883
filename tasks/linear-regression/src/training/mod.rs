//! Training under encryption: least squares from encrypted rows and targets.
//!
//! `gram`: the server sums products of columns, the client decrypts these moments and solves the
//! normal equations. `gradient`: the server goes on from the moments by gradient descent, one level
//! for each iteration, and only weights are decrypted.

mod gradient;
mod report;
mod statement;

use hexperiment_data::transform;
use hexperiment_program::Program;
use hexperiment_scheme::options::OptionSpec;
use hexperiment_task::ledger::Quality;
use hexperiment_task::linear_model::training::{most_that_fit, scored_in_the_clear};
use hexperiment_task::linear_model::{Features, LinearModelSettings};
use hexperiment_task::metrics;
use hexperiment_task::session::Session;
use hexperiment_task::{Artefact, Outcome, PrepareRequest, Prepared, TaskError, vector_length};
use ndarray::{Array1, Array2, Axis};

use crate::train;
use gradient::Descent;
use report::Results;
use statement::{Method, Solver, Statement, design};

pub(crate) use report::MORE_METRICS;

/// The options of training only.
pub(crate) fn specs() -> Vec<OptionSpec> {
    vec![
        OptionSpec::choice(
            "method",
            Solver::Gram,
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
        vector_length::option(),
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
        let settings = LinearModelSettings::read(options)?;
        let Features { table, mut notes } =
            Features::prepare(&partition, settings, transform::rank_by_correlation)?;
        let targets = &partition.train.target;
        let fitted = train::fit(&table.train, targets, &table.columns)?;
        let (mean, deviation) = (targets.mean().unwrap_or(0.0), fitted.deviation);
        let targets = targets.mapv(|y| (y - mean) / deviation);
        let design_of = |rows: &Array2<f64>| design(rows, &targets);
        let design = design_of(&table.train);
        let statement = Statement {
            method: Method::read(options, design.dim(), &mut notes)?,
            columns: design.ncols(),
            largest: 1.01 * design.iter().fold(0.0_f64, |m, x| m.max(x.abs())),
            precision: options.number("weight_precision")?,
        };
        let truth = partition.test.target.to_vec();
        notes.push(scored_in_the_clear(design.nrows(), truth.len()));
        notes.extend(metrics::few_rows(truth.len()));
        let weights = fitted.model.weights.iter().map(|w| w / deviation);
        let intercept = (fitted.model.intercept - mean) / deviation;
        let clear = statement.in_clear(&design)?;
        // Where it diverges on these rows, no weight is a number.
        let in_clear = |rows: &Array2<f64>| match statement.in_clear(&design_of(rows)) {
            Ok(path) => path.into_iter().next_back().unwrap_or_default(),
            Err(_) => Array1::from_elem(design.ncols() - 1, f64::NAN),
        };
        let results = Results {
            unclipped: table.unclipped_train.as_ref().map(in_clear),
            clear,
            least_squares: weights.chain([intercept]).collect(),
            clip: settings.encoding.clip,
            truth,
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

impl Prepared for Training {
    fn program(&self) -> &Program {
        &self.program
    }

    fn samples(&self) -> usize {
        self.design.nrows()
    }

    fn run(&self, session: &mut Session<'_>) -> Result<Outcome, TaskError> {
        let outcome = Outcome::of_one_round(session, &self.statement.tables(&self.design))?;
        let (moved, error) = self.results.clipping();
        session.clipped(&moved, error);
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
            Method::Gram(_) => "how many rows there are, the largest magnitude in them".into(),
            Method::Gradient(_) => "how many rows there are, the largest magnitude in them, the \
                                    learning rate; neither rows, targets nor weights"
                .into(),
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
        let takes = if Descent::doubles(descent.flat.width()) {
            "twice the iterations take a level more"
        } else {
            "an iteration takes a level"
        };
        Some(format!(
            "{takes}: `iterations = {most}` fits, {} were asked for",
            descent.iterations
        ))
    }

    fn artefacts(&self, outcome: &Outcome) -> Result<Vec<Artefact>, TaskError> {
        self.results
            .artefacts(&outcome.outputs[0].column(0).to_owned())
    }
}
