//! Logistic regression. Inference: the model is trained in the clear on the training part, or loaded;
//! the test samples are encrypted, scored by the server and decrypted by the client. Training: the
//! training part is encrypted, and the model is what is decrypted.

mod decision;
mod inference;
mod training;

use hexperiment_scheme::options::{OptionKind, OptionSpec};
use hexperiment_task::choices::{ClassWeight, Mode};
use hexperiment_task::inventory;
use hexperiment_task::linear_model::LinearModelSettings;
use hexperiment_task::metrics;
use hexperiment_task::registry::TaskPlugin;
use hexperiment_task::{PrepareRequest, Prepared, Task, TaskError, TaskManifest};

inventory::submit! { TaskPlugin(&LogisticRegression) }

/// The task.
pub struct LogisticRegression;

impl Task for LogisticRegression {
    fn manifest(&self) -> TaskManifest {
        let mut options = vec![
            OptionSpec::choice(
                "mode",
                Mode::Inference,
                "What is encrypted: samples to score, or rows to train on.",
            ),
            OptionSpec::choice(
                "output",
                inference::Wanted::Logit,
                "Inference: what is computed under encryption: the linear score, its sigmoid, or the decision (0 or 1).",
            ),
            OptionSpec::number(
                "alpha",
                0.0..=1e6,
                1.0,
                "L2 penalty: alpha / 2 times the squared norm of the weights, on standardised \
                 features, beside the sum of log losses; the intercept is free. 0 for no penalty.",
            ),
            OptionSpec::choice(
                "class_weight",
                ClassWeight::None,
                "`balanced` weights each class by n / (2 n_class).",
            ),
            OptionSpec::integer(
                "max_iterations",
                1..=100_000,
                500,
                "Iterations of the trainer in the clear: of the model, or of the one that training under \
                 encryption is compared with.",
            ),
            OptionSpec::new(
                "model",
                OptionKind::Text,
                "Inference: the path of a `model.json` that an earlier run left; nothing is trained.",
            ),
            OptionSpec::new(
                "threshold",
                OptionKind::Number {
                    min: 0.001,
                    max: 0.999,
                },
                "Probability above which a sample is called positive; 0.5 unless this or `alarm_rate` is given.",
            ),
            OptionSpec::new(
                "alarm_rate",
                OptionKind::Number {
                    min: 0.001,
                    max: 0.999,
                },
                "In place of `threshold`: the share of the training rows to be called positive, which sets the threshold.",
            ),
        ];
        options.extend(LinearModelSettings::specs(
            "Use so many features, best by ANOVA F on the training part; 0 for all.",
        ));
        options.extend(training::specs());
        options.push(OptionSpec::number(
            "precision",
            1e-12..=1.0,
            5e-7,
            "Inference: absolute error wanted on the logit or probability; of a class, on the logit that is compared.",
        ));
        let mut metrics = metrics::BINARY.to_vec();
        metrics.push(metrics::AUC_FOLD_MEAN);
        metrics.extend(training::MORE_METRICS);
        TaskManifest {
            name: "logistic-regression",
            doc: "Inference: scores encrypted samples by a logistic regression that was trained in \
                  clear on the training part (linfa-logistic); each feature is one vector, the \
                  model is public to the server. Training: finds the weights from encrypted rows \
                  and labels; scores in the clear; leaves `model.json` and `curve.csv`.",
            options,
            metrics,
        }
    }

    fn prepare(&self, request: PrepareRequest<'_>) -> Result<Box<dyn Prepared>, TaskError> {
        Ok(match request.options.choice("mode")? {
            Mode::Inference => Box::new(inference::Inference::new(request)?),
            Mode::Training => Box::new(training::Training::new(request)?),
        })
    }
}
