//! Linear regression. Inference: ordinary least squares in the clear on the training part, or a model
//! that is loaded; the test samples are encrypted, predicted by the server and decrypted by the
//! client. Training: the training part is encrypted, and the model is what is decrypted.

mod train;
mod training;

use std::fmt::Write as _;
use std::path::Path;

use hexperiment_data::{Partition, transform};
use hexperiment_program::{Input, Output, Program, ProgramBuilder};
use hexperiment_scheme::options::{OptionKind, OptionSpec, OptionValue};
use hexperiment_task::choices::Mode;
use hexperiment_task::encode::EncodedTable;
use hexperiment_task::inventory;
use hexperiment_task::ledger::{Metric, Quality};
use hexperiment_task::linear_model::{
    Answer, Features, LinearModelSettings, QueryModel, Rounds, SavedModel,
};
use hexperiment_task::metrics;
use hexperiment_task::registry::TaskPlugin;
use hexperiment_task::session::Session;
use hexperiment_task::{
    Artefact, Outcome, PrepareRequest, Prepared, Task, TaskError, TaskManifest, vector_length,
};

use ndarray::Array2;
use train::Fitted;

inventory::submit! { TaskPlugin(&LinearRegression) }

/// The task.
pub struct LinearRegression;

impl Task for LinearRegression {
    fn manifest(&self) -> TaskManifest {
        let mut options = vec![OptionSpec::choice(
            "mode",
            Mode::Inference,
            "What is encrypted: samples to predict, or rows to train on.",
        )];
        options.extend(LinearModelSettings::specs(
            "Use so many features, best by correlation on the training part; 0 for all.",
        ));
        options.push(OptionSpec::new(
            "model",
            OptionKind::Text,
            "Inference: the path of a `model.json` that an earlier run left; nothing is trained.",
        ));
        options.extend(training::specs());
        options.push(OptionSpec::number(
            "precision",
            1e-12..=1.0,
            1e-6,
            "Inference: error wanted on predictions, in standard deviations of the target.",
        ));
        let mut metrics = metrics::REGRESSION.to_vec();
        metrics.extend(training::MORE_METRICS);
        TaskManifest {
            name: "linear-regression",
            doc: "Inference: predicts encrypted samples by ordinary least squares, without a \
                  penalty, fitted in the clear on the training part (linfa-linear); each feature is one \
                  vector, the model is public to the server. Training: least squares from encrypted \
                  rows and targets; predicts in the clear; leaves `model.json` and `curve.csv`. \
                  Predictions are in the target's unit.",
            options,
            metrics,
        }
    }

    fn prepare(&self, request: PrepareRequest<'_>) -> Result<Box<dyn Prepared>, TaskError> {
        let options = request.options;
        if options.choice::<Mode>("mode")? == Mode::Training {
            return Ok(Box::new(training::Training::new(request)?));
        }
        let partition = request.data.partition()?;
        let settings = LinearModelSettings::read(options)?;
        let (table, fitted, saved, mut notes) = match options.get("model") {
            Some(OptionValue::Text(path)) => load(Path::new(path), &partition, settings)?,
            _ => fit(&partition, settings)?,
        };
        let truth = partition.test.target.to_vec();
        notes.extend(metrics::few_rows(truth.len()));
        if truth.iter().all(|y| *y == truth[0]) {
            notes.push(format!(
                "every target of the test part is {}: R2 is undefined and left out",
                truth[0]
            ));
        }

        let precision = options.number("precision")? * fitted.deviation;
        let mut builder = ProgramBuilder::new("linear regression");
        let input = Input {
            length: vector_length::of_a_round(table.test.nrows()),
            ..table.input("samples", fitted.model.input_precision(precision))
        };
        let (_, columns) = builder.input(input)?;
        let prediction = fitted.model.state(&mut builder, columns, 0.0)?;
        let target = request.data.target.as_ref();
        let target = target.map_or("prediction", |t| t.name.as_str());
        builder.output(Output {
            name: target.into(),
            values: vec![prediction],
            precision,
        })?;
        let in_clear = |samples: &Array2<f64>| fitted.model.scores(samples).to_vec();
        Ok(Box::new(Inference {
            plain: in_clear(&table.encrypted),
            unclipped: table.unclipped_test.as_ref().map(in_clear),
            truth,
            notes,
            query: QueryModel {
                precision,
                ..QueryModel::new(target, Answer::Score, saved)
            },
            protocol: Rounds {
                program: builder.finish()?,
                samples: table.to_encrypt(),
            },
        }))
    }
}

type Ready = (EncodedTable, Fitted, SavedModel, Vec<String>);

/// Fits in the clear.
fn fit(partition: &Partition, settings: LinearModelSettings) -> Result<Ready, TaskError> {
    let Features { table, notes } =
        Features::prepare(partition, settings, transform::rank_by_correlation)?;
    let fitted = train::fit(&table.train, &partition.train.target, &table.columns)?;
    let saved = SavedModel::new(&fitted.model, &table, settings.encoding.clip, 0.0);
    Ok((table, fitted, saved, notes))
}

/// Takes a model that an earlier run left; its columns and its clip hold.
fn load(
    path: &Path,
    partition: &Partition,
    settings: LinearModelSettings,
) -> Result<Ready, TaskError> {
    let (saved, table) = SavedModel::load_for(path, partition, settings)?;
    let notes = table.notes.clone();
    let deviation = partition.train.target.std(0.0);
    let fitted = Fitted {
        model: saved.model(),
        // Only a precision depends on it.
        deviation: if deviation > 0.0 { deviation } else { 1.0 },
    };
    Ok((table, fitted, saved, notes))
}

struct Inference {
    protocol: Rounds,
    /// The plaintext model's predictions.
    plain: Vec<f64>,
    /// Those of samples as they were before values were moved; `None` where none was.
    unclipped: Option<Vec<f64>>,
    truth: Vec<f64>,
    notes: Vec<String>,
    query: QueryModel,
}

impl Prepared for Inference {
    fn program(&self) -> &Program {
        &self.protocol.program
    }

    fn query_model(&self) -> Option<QueryModel> {
        Some(self.query.clone())
    }

    fn samples(&self) -> usize {
        self.truth.len()
    }

    fn evaluations(&self) -> u64 {
        self.protocol.count()
    }

    fn run(&self, session: &mut Session<'_>) -> Result<Outcome, TaskError> {
        self.protocol.run(session)
    }

    fn score(&self, outcome: &Outcome) -> Result<Quality, TaskError> {
        let predicted = outcome.outputs[0].column(0).to_vec();
        let measure = |scores: &[f64]| metrics::regression(scores, &self.plain, &self.truth);
        let mut measures = measure(&predicted);
        if let Some(unclipped) = &self.unclipped {
            Metric::beside_unclipped(&mut measures, &measure(unclipped));
        }
        Ok(Quality {
            samples: self.truth.len(),
            metrics: measures,
            notes: self.notes.clone(),
        })
    }

    /// `predictions.csv`: of each sample the target, the decrypted prediction, and that of the
    /// plaintext model.
    fn artefacts(&self, outcome: &Outcome) -> Result<Vec<Artefact>, TaskError> {
        let mut text = String::from("truth,prediction,prediction_in_clear\n");
        let predicted = outcome.outputs[0].column(0);
        for ((truth, value), clear) in self.truth.iter().zip(predicted).zip(&self.plain) {
            // Writing to a string does not fail.
            let _ = writeln!(text, "{truth},{value},{clear}");
        }
        Ok(vec![Artefact {
            name: "predictions.csv".into(),
            bytes: text.into_bytes(),
        }])
    }
}
