//! Logistic regression, inference: the model is trained in clear on the training part; the test
//! samples are encrypted, scored by the server and decrypted by the client.

mod train;

use hexperiment_core::dataset::encode::EncodedTable;
use hexperiment_core::dataset::transform;
use hexperiment_core::inventory;
use hexperiment_core::metrics;
use hexperiment_core::options::{OptionSpec, Options};
use hexperiment_core::program::{InputId, Output, OutputId, Program, ProgramBuilder, Public};
use hexperiment_core::registry::TaskPlugin;
use hexperiment_core::session::Session;
use hexperiment_core::task::{
    Outcome, PrepareRequest, Prepared, Quality, Task, TaskError, TaskManifest,
};
use ndarray::Array1;

pub use train::{Model, Training};

inventory::submit! { TaskPlugin(&LogisticRegression) }

/// The task.
pub struct LogisticRegression;

impl Task for LogisticRegression {
    fn manifest(&self) -> TaskManifest {
        TaskManifest {
            name: "logistic-regression",
            doc: "Scores encrypted samples by a logistic regression that was trained in clear on \
                  the training part (linfa-logistic). The vector axis is the samples: each \
                  feature is one vector, the model is public to the server.",
            options: vec![
                OptionSpec::choice(
                    "mode",
                    &["inference"],
                    "inference",
                    "Scoring; training under encryption is not there yet.",
                ),
                OptionSpec::choice(
                    "output",
                    &["logit", "probability", "class"],
                    "logit",
                    "What is computed under encryption: the linear score, its sigmoid, or the decision (0 or 1).",
                ),
                OptionSpec::integer(
                    "features",
                    0..=100_000,
                    0,
                    "Use so many features, best by ANOVA F on the training part; 0 for all.",
                ),
                OptionSpec::number(
                    "alpha",
                    0.0..=1e6,
                    1.0,
                    "L2 penalty: alpha / 2 times the squared norm of the weights, beside the sum of log losses.",
                ),
                OptionSpec::choice(
                    "class_weight",
                    &["none", "balanced"],
                    "none",
                    "`balanced` weights each class by n / (2 n_class).",
                ),
                OptionSpec::integer(
                    "max_iterations",
                    1..=100_000,
                    500,
                    "Iterations of the trainer.",
                ),
                OptionSpec::number(
                    "threshold",
                    0.001..=0.999,
                    0.5,
                    "Probability above which a sample is called positive.",
                ),
                OptionSpec::number(
                    "range_margin",
                    0.0..=100.0,
                    0.25,
                    "The declared range of a feature: the training part's, widened by this share of its width at either end.",
                ),
                OptionSpec::number(
                    "precision",
                    1e-12..=1.0,
                    5e-7,
                    "Absolute error wanted on the output.",
                ),
            ],
        }
    }

    fn prepare(&self, request: PrepareRequest<'_>) -> Result<Box<dyn Prepared>, TaskError> {
        Ok(Box::new(Inference::new(request)?))
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Wanted {
    Logit,
    Probability,
    Class,
}

/// A trained model, the encrypted samples' declaration and the program between them.
struct Inference {
    program: Program,
    table: EncodedTable,
    truth: Array1<f64>,
    /// The plaintext model's output, of the kind wanted.
    plain: Vec<f64>,
    /// What outputs are compared with for a decision.
    cut: f64,
    notes: Vec<String>,
}

fn sigmoid(x: f64) -> f64 {
    1.0 / (1.0 + (-x).exp())
}

impl Inference {
    fn new(request: PrepareRequest<'_>) -> Result<Self, TaskError> {
        let options = request.options;
        let partition = request.data.partition()?;
        check_binary(&partition.train.target, "training")?;
        let chosen = choose(options, &partition)?;
        let precision = options.number("precision")?;
        let margin = options.number("range_margin")?;
        let mut table = EncodedTable::new(&partition, chosen, margin, precision);
        let training = Training {
            alpha: options.number("alpha")?,
            balanced: options.text("class_weight")? == "balanced",
            max_iterations: options.integer("max_iterations")? as u64,
        };
        let model = training.fit(&table.train, &partition.train.target)?;
        let wanted = match options.text("output")? {
            "class" => Wanted::Class,
            "probability" => Wanted::Probability,
            _ => Wanted::Logit,
        };
        // Errors of the inputs reach the score weighted; half the budget is theirs.
        let total: f64 = model.weights.iter().map(|w| w.abs()).sum();
        table.input.precision = 0.5 * precision / total.max(1e-12);
        let threshold = options.number("threshold")?;
        let logit_cut = (threshold / (1.0 - threshold)).ln();
        let program = state(&table, &model, wanted, logit_cut, precision)?;
        let scores = table.test.dot(&model.weights) + model.intercept;
        let (plain, cut) = match wanted {
            Wanted::Logit => (scores, logit_cut),
            Wanted::Probability => (scores.mapv(sigmoid), threshold),
            Wanted::Class => (scores.mapv(|s| f64::from(u8::from(s > logit_cut))), 0.5),
        };
        let mut notes: Vec<String> = table.note().into_iter().collect();
        notes.extend(model.note);
        Ok(Self {
            program,
            truth: partition.test.target,
            plain: plain.to_vec(),
            cut,
            table,
            notes,
        })
    }
}

fn check_binary(target: &Array1<f64>, part: &str) -> Result<(), TaskError> {
    let mut values: Vec<f64> = target.to_vec();
    values.sort_by(f64::total_cmp);
    values.dedup();
    if values.iter().any(|v| *v != 0.0 && *v != 1.0) {
        let shown: Vec<String> = values.iter().take(6).map(ToString::to_string).collect();
        return Err(TaskError::data(
            format!(
                "the target has the values {}, …; expected 0 and 1",
                shown.join(", ")
            ),
            "choose a binary target, or a manifest with `target_above`",
        ));
    }
    if values.len() < 2 {
        return Err(TaskError::data(
            format!(
                "the {part} part has one class only: every target is {}",
                values[0]
            ),
            "use more rows, or `split = \"stratified\"`",
        ));
    }
    Ok(())
}

fn choose(
    options: &Options,
    partition: &hexperiment_core::dataset::Partition,
) -> Result<Vec<usize>, TaskError> {
    let wanted = options.integer("features")? as usize;
    let all = partition.columns.len();
    if wanted > all {
        return Err(TaskError::Options(format!(
            "`features = {wanted}`, but the data have {all}; take at most that many, or 0 for all"
        )));
    }
    if wanted == 0 {
        return Ok((0..all).collect());
    }
    let train = &partition.train;
    let mut best = transform::rank_by_f(train.features.view(), train.target.view());
    best.truncate(wanted);
    best.sort_unstable();
    Ok(best)
}

/// The program: a weighted sum, and what follows it.
fn state(
    table: &EncodedTable,
    model: &Model,
    wanted: Wanted,
    logit_cut: f64,
    precision: f64,
) -> Result<Program, TaskError> {
    let mut builder = ProgramBuilder::new("logistic regression");
    let (_, columns) = builder.input(table.input.clone())?;
    let terms = columns
        .into_iter()
        .zip(&model.weights)
        .map(|(v, w)| (v, Public::Scalar(*w)))
        .collect();
    let bias = match wanted {
        Wanted::Class => model.intercept - logit_cut,
        _ => model.intercept,
    };
    let score = builder.weighted_sum(terms, bias)?;
    let (name, value) = match wanted {
        Wanted::Logit => ("logit", score),
        Wanted::Probability => ("probability", builder.sigmoid(score)?),
        Wanted::Class => ("class", builder.step(score)?),
    };
    builder.output(Output {
        name: name.into(),
        values: vec![value],
        precision,
    })?;
    Ok(builder.finish()?)
}

impl Prepared for Inference {
    fn program(&self) -> &Program {
        &self.program
    }

    fn samples(&self) -> usize {
        self.truth.len()
    }

    fn run(&self, session: &mut Session<'_>) -> Result<Outcome, TaskError> {
        let sealed = session
            .client()
            .encrypt(InputId::from_index(0), self.table.clipped.view())?;
        let scores = session.server().evaluate(&[&sealed])?;
        let output = session
            .client()
            .decrypt(OutputId::from_index(0), &scores[0])?;
        Ok(Outcome {
            outputs: vec![output],
        })
    }

    fn score(&self, outcome: &Outcome) -> Result<Quality, TaskError> {
        let scores = outcome.outputs[0].column(0).to_vec();
        let truth = self.truth.to_vec();
        Ok(Quality {
            samples: truth.len(),
            metrics: metrics::binary(&scores, &self.plain, &truth, self.cut),
            notes: self.notes.clone(),
        })
    }
}
