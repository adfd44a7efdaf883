//! Linear regression, inference: ordinary least squares in clear on the training part; the test
//! samples are encrypted, predicted by the server and decrypted by the client.

mod train;

use hexperiment_core::dataset::transform;
use hexperiment_core::inventory;
use hexperiment_core::linear_model::{Features, OneRound, Settings};
use hexperiment_core::metrics;
use hexperiment_core::options::OptionSpec;
use hexperiment_core::program::{Output, Program, ProgramBuilder};
use hexperiment_core::registry::TaskPlugin;
use hexperiment_core::session::Session;
use hexperiment_core::task::{
    Outcome, PrepareRequest, Prepared, Quality, Task, TaskError, TaskManifest,
};

inventory::submit! { TaskPlugin(&LinearRegression) }

/// The task.
pub struct LinearRegression;

impl Task for LinearRegression {
    fn manifest(&self) -> TaskManifest {
        let mut options = vec![OptionSpec::choice(
            "mode",
            &["inference"],
            "inference",
            "Prediction; training under encryption is not there yet.",
        )];
        options.extend(Settings::specs(
            "Use so many features, best by correlation on the training part; 0 for all.",
        ));
        options.push(OptionSpec::number(
            "precision",
            1e-12..=1.0,
            1e-6,
            "Error wanted on predictions, in standard deviations of the target.",
        ));
        TaskManifest {
            name: "linear-regression",
            doc: "Predicts encrypted samples by ordinary least squares, without a penalty, fitted \
                  in clear on the training part (linfa-linear). The vector axis is the samples; \
                  the model is public to the server; predictions are in the target's unit.",
            options,
            metrics: metrics::REGRESSION.to_vec(),
        }
    }

    fn prepare(&self, request: PrepareRequest<'_>) -> Result<Box<dyn Prepared>, TaskError> {
        let options = request.options;
        let partition = request.data.partition()?;
        let settings = Settings::read(options)?;
        let Features { table, mut notes } =
            Features::prepare(&partition, settings, transform::rank_by_correlation)?;
        let fitted = train::fit(&table.train, &partition.train.target, &table.columns)?;
        let truth = partition.test.target.to_vec();
        if truth.iter().all(|y| *y == truth[0]) {
            notes.push(format!(
                "every target of the test part is {}: R2 is undefined and left out",
                truth[0]
            ));
        }

        let precision = options.number("precision")? * fitted.deviation;
        let mut builder = ProgramBuilder::new("linear regression");
        let input = table.input("samples", fitted.model.input_precision(precision));
        let (_, columns) = builder.input(input)?;
        let prediction = fitted.model.state(&mut builder, columns, 0.0)?;
        let target = request.data.target.as_ref();
        builder.output(Output {
            name: target.map_or("prediction", |t| t.name.as_str()).into(),
            values: vec![prediction],
            precision,
        })?;
        Ok(Box::new(Inference {
            plain: fitted.model.scores(&table.test).to_vec(),
            truth,
            notes,
            protocol: OneRound {
                program: builder.finish()?,
                table,
            },
        }))
    }
}

struct Inference {
    protocol: OneRound,
    /// The plaintext model's predictions.
    plain: Vec<f64>,
    truth: Vec<f64>,
    notes: Vec<String>,
}

impl Prepared for Inference {
    fn program(&self) -> &Program {
        &self.protocol.program
    }

    fn samples(&self) -> usize {
        self.truth.len()
    }

    fn run(&self, session: &mut Session<'_>) -> Result<Outcome, TaskError> {
        self.protocol.run(session)
    }

    fn score(&self, outcome: &Outcome) -> Result<Quality, TaskError> {
        let predicted = outcome.outputs[0].column(0).to_vec();
        Ok(Quality {
            samples: self.truth.len(),
            metrics: metrics::regression(&predicted, &self.plain, &self.truth),
            notes: self.notes.clone(),
        })
    }
}
