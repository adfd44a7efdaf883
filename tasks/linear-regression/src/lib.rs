//! Linear regression, inference: ordinary least squares in clear on the training part; the test
//! samples are encrypted, predicted by the server and decrypted by the client.

use hexperiment_core::dataset::Partition;
use hexperiment_core::dataset::encode::EncodedTable;
use hexperiment_core::dataset::transform;
use hexperiment_core::inventory;
use hexperiment_core::metrics;
use hexperiment_core::options::OptionSpec;
use hexperiment_core::program::{InputId, Output, OutputId, Program, ProgramBuilder, Public};
use hexperiment_core::registry::TaskPlugin;
use hexperiment_core::session::Session;
use hexperiment_core::task::{
    Outcome, PrepareRequest, Prepared, Quality, Task, TaskError, TaskManifest,
};
use linfa::prelude::*;
use ndarray::Array1;

inventory::submit! { TaskPlugin(&LinearRegression) }

/// The task.
pub struct LinearRegression;

impl Task for LinearRegression {
    fn manifest(&self) -> TaskManifest {
        TaskManifest {
            name: "linear-regression",
            doc: "Predicts encrypted samples by ordinary least squares, fitted in clear on the \
                  training part (linfa-linear). The vector axis is the samples; the model is \
                  public to the server; predictions are in the target's unit.",
            options: vec![
                OptionSpec::choice(
                    "mode",
                    &["inference"],
                    "inference",
                    "Prediction; training under encryption is not there yet.",
                ),
                OptionSpec::integer(
                    "features",
                    0..=100_000,
                    0,
                    "Use so many features, best by correlation on the training part; 0 for all.",
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
                    1e-6,
                    "Error wanted on predictions, in standard deviations of the target.",
                ),
            ],
        }
    }

    fn prepare(&self, request: PrepareRequest<'_>) -> Result<Box<dyn Prepared>, TaskError> {
        let options = request.options;
        let partition = request.data.partition()?;
        let wanted = options.integer("features")? as usize;
        let chosen = choose(&partition, wanted)?;
        let (weights, intercept, mut table) =
            fit(&partition, chosen, options.number("range_margin")?)?;
        let deviation = partition.train.target.std(0.0).max(f64::MIN_POSITIVE);
        let precision = options.number("precision")? * deviation;
        // Errors of the inputs reach the prediction weighted; half the budget is theirs.
        let total: f64 = weights.iter().map(|w| w.abs()).sum();
        table.input.precision = 0.5 * precision / total.max(f64::MIN_POSITIVE);
        let mut builder = ProgramBuilder::new("linear regression");
        let (_, columns) = builder.input(table.input.clone())?;
        let terms = columns
            .into_iter()
            .zip(&weights)
            .map(|(v, w)| (v, Public::Scalar(*w)))
            .collect();
        let prediction = builder.weighted_sum(terms, intercept)?;
        let name = request
            .data
            .target
            .as_ref()
            .map_or("prediction", |t| t.name.as_str());
        builder.output(Output {
            name: name.into(),
            values: vec![prediction],
            precision,
        })?;
        let plain = table.test.dot(&weights) + intercept;
        Ok(Box::new(Inference {
            program: builder.finish()?,
            plain: plain.to_vec(),
            truth: partition.test.target.to_vec(),
            table,
        }))
    }
}

fn choose(partition: &Partition, wanted: usize) -> Result<Vec<usize>, TaskError> {
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
    let mut best = transform::rank_by_correlation(train.features.view(), train.target.view());
    best.truncate(wanted);
    best.sort_unstable();
    Ok(best)
}

/// Weights on standardised features, the intercept, and the encoded table.
fn fit(
    partition: &Partition,
    chosen: Vec<usize>,
    margin: f64,
) -> Result<(Array1<f64>, f64, EncodedTable), TaskError> {
    let failed = |message: String| TaskError::Model {
        model: "linear regression",
        message,
    };
    let table = EncodedTable::new(partition, chosen, margin, 1.0);
    let target = &partition.train.target;
    if table.train.nrows() <= table.train.ncols() {
        return Err(TaskError::data(
            format!(
                "{} training rows for {} features",
                table.train.nrows(),
                table.train.ncols()
            ),
            "least squares needs more rows than features: set `features`, or use more rows",
        ));
    }
    // The library takes the target as it is; centred and scaled it is better conditioned.
    let (mean, deviation) = (target.mean().unwrap_or(0.0), target.std(0.0));
    if deviation == 0.0 {
        return Err(TaskError::data(
            format!("every target of the training part is {mean}"),
            "choose a target that varies",
        ));
    }
    let data = linfa::Dataset::new(table.train.clone(), target.mapv(|y| (y - mean) / deviation));
    let model = linfa_linear::LinearRegression::new()
        .fit(&data)
        .map_err(|e| failed(format!("{e}; a column may be constant or a sum of others")))?;
    if model.params().iter().any(|w| !w.is_finite()) {
        return Err(failed(
            "the features are collinear; drop one with `drop_columns`".into(),
        ));
    }
    Ok((
        model.params() * deviation,
        mean + deviation * model.intercept(),
        table,
    ))
}

struct Inference {
    program: Program,
    table: EncodedTable,
    plain: Vec<f64>,
    truth: Vec<f64>,
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
        let predicted = outcome.outputs[0].column(0).to_vec();
        Ok(Quality {
            samples: self.truth.len(),
            metrics: metrics::regression(&predicted, &self.plain, &self.truth),
            notes: self.table.note().into_iter().collect(),
        })
    }
}
