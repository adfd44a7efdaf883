//! Logistic regression, inference: the model is trained in clear on the training part; the test
//! samples are encrypted, scored by the server and decrypted by the client.

mod decision;
mod inference;

use hexperiment_core::inventory;
use hexperiment_core::linear_model::Settings;
use hexperiment_core::metrics;
use hexperiment_core::options::{OptionKind, OptionSpec};
use hexperiment_core::registry::TaskPlugin;
use hexperiment_core::task::{PrepareRequest, Prepared, Task, TaskError, TaskManifest};

inventory::submit! { TaskPlugin(&LogisticRegression) }

/// The task.
pub struct LogisticRegression;

impl Task for LogisticRegression {
    fn manifest(&self) -> TaskManifest {
        let mut options = vec![
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
            OptionSpec::number(
                "alpha",
                0.0..=1e6,
                1.0,
                "L2 penalty: alpha / 2 times the squared norm of the weights, on standardised \
                 features, beside the sum of log losses; the intercept is free. 0 for no penalty.",
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
        options.extend(Settings::specs(
            "Use so many features, best by ANOVA F on the training part; 0 for all.",
        ));
        options.push(OptionSpec::number(
            "precision",
            1e-12..=1.0,
            5e-7,
            "Absolute error wanted on the logit or probability; of a class, on the logit that is compared.",
        ));
        TaskManifest {
            name: "logistic-regression",
            doc: "Scores encrypted samples by a logistic regression that was trained in clear on \
                  the training part (linfa-logistic). The vector axis is the samples: each \
                  feature is one vector, the model is public to the server.",
            options,
            metrics: metrics::BINARY.to_vec(),
        }
    }

    fn prepare(&self, request: PrepareRequest<'_>) -> Result<Box<dyn Prepared>, TaskError> {
        Ok(Box::new(inference::Inference::new(request)?))
    }
}
