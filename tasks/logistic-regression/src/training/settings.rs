//! What training can be told.

use hexperiment_scheme::options::{OptionSpec, Options};
use hexperiment_task::choices::ClassWeight;
use hexperiment_task::linear_model;
use hexperiment_task::{TaskError, vector_length};
use strum::{EnumString, IntoStaticStr, VariantNames};

use crate::decision::Rule;

/// How the weights are found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, EnumString, IntoStaticStr, VariantNames)]
#[strum(serialize_all = "kebab-case")]
pub(crate) enum Method {
    /// All iterations under encryption.
    Nesterov,
    /// Moments under encryption; the key owner solves.
    FixedHessian,
    /// Gradients under encryption; the key owner steps.
    Refresh,
}

/// The degree of the polynomial in the sigmoid's place.
#[derive(Clone, Copy, EnumString, IntoStaticStr, VariantNames)]
enum Degree {
    #[strum(serialize = "3")]
    Three = 3,
    #[strum(serialize = "5")]
    Five = 5,
    #[strum(serialize = "7")]
    Seven = 7,
}

/// The options, read and checked.
#[derive(Clone, Debug)]
pub(crate) struct TrainingSettings {
    pub(crate) method: Method,
    pub(crate) iterations: usize,
    pub(crate) learning_rate: f64,
    pub(crate) degree: usize,
    /// 0 to derive it.
    pub(crate) sigmoid_range: f64,
    pub(crate) vector_length: usize,
    pub(crate) parties: usize,
    pub(crate) steps: usize,
    pub(crate) folds: usize,
    pub(crate) weight_precision: f64,
    pub(crate) alpha: f64,
    pub(crate) balanced: bool,
    pub(crate) max_iterations: u64,
    pub(crate) rule: Rule,
    pub(crate) features: linear_model::LinearModelSettings,
}

/// The options of training only.
pub(crate) fn specs() -> Vec<OptionSpec> {
    vec![
        OptionSpec::choice(
            "method",
            Method::Nesterov,
            "Training. `nesterov`: accelerated gradient descent, nothing decrypted until the end. \
             `fixed-hessian`: one Newton step with a bound of the Hessian, from moments that are \
             summed under encryption and decrypted. `refresh`: the key owner decrypts the gradient \
             in every epoch.",
        ),
        OptionSpec::integer(
            "iterations",
            1..=1000,
            4,
            "Training: iterations of `nesterov`, epochs of `refresh`.",
        ),
        OptionSpec::number(
            "learning_rate",
            1e-6..=100.0,
            1.0,
            "Training: steps, times the mean gradient on standardised features. Below 8 divided by \
             the largest eigenvalue of the features' correlations.",
        ),
        OptionSpec::choice(
            "degree",
            Degree::Three,
            "Training: degree of the polynomial in the sigmoid's place, by least squares. 3 takes a \
             level less than 5 and 7.",
        ),
        OptionSpec::zero_or_number(
            "sigmoid_range",
            0.5..=1000.0,
            0.0,
            "Training: the polynomial is fitted on so far either side of 0, and no inner product \
             may leave it; 0 to derive it from a rehearsal in the clear.",
        ),
        vector_length::option(),
        OptionSpec::integer(
            "parties",
            0..=1000,
            0,
            "Training by `fixed-hessian`: so many parties hold the rows, and send encrypted moments \
             of their own, which the server adds; 0 for a client who sends encrypted rows, of which \
             the server computes the moments.",
        ),
        OptionSpec::integer(
            "steps",
            1..=20,
            1,
            "Training by `fixed-hessian`: Newton steps. Each after the first takes a round, in which \
             the key owner decrypts a gradient.",
        ),
        OptionSpec::integer(
            "folds",
            0..=100,
            0,
            "Training: in place of the data's split so many folds, classes in equal shares, each \
             scored by a model that was trained on the others; 0 for the split.",
        ),
        OptionSpec::number(
            "weight_precision",
            1e-9..=0.1,
            1e-4,
            "Training: absolute error wanted on a weight.",
        ),
    ]
}

impl TrainingSettings {
    pub(crate) fn read(options: &Options) -> Result<Self, TaskError> {
        let settings = Self {
            method: options.choice("method")?,
            iterations: options.integer("iterations")? as usize,
            learning_rate: options.number("learning_rate")?,
            degree: options.choice::<Degree>("degree")? as usize,
            sigmoid_range: options.number("sigmoid_range")?,
            vector_length: options.integer("vector_length")? as usize,
            parties: options.integer("parties")? as usize,
            steps: options.integer("steps")? as usize,
            folds: options.integer("folds")? as usize,
            weight_precision: options.number("weight_precision")?,
            alpha: options.number("alpha")?,
            balanced: options.choice::<ClassWeight>("class_weight")? == ClassWeight::Balanced,
            max_iterations: options.integer("max_iterations")? as u64,
            rule: Rule::read(options)?,
            features: linear_model::LinearModelSettings::read(options)?,
        };
        settings.check()?;
        Ok(settings)
    }

    fn check(&self) -> Result<(), TaskError> {
        let bad = |problem: String| Err(TaskError::Options(problem));
        if !self.vector_length.is_power_of_two() {
            return bad(format!(
                "`vector_length = {}`: expected a power of two, such as {}",
                self.vector_length,
                self.vector_length.next_power_of_two()
            ));
        }
        if self.folds == 1 {
            return bad("`folds = 1` leaves nothing to train on; expected 0, or 2 or more".into());
        }
        if self.parties > 0 && self.method != Method::FixedHessian {
            return bad(format!(
                "`parties = {}` send moments, which only `method = \"fixed-hessian\"` makes \
                 something of",
                self.parties
            ));
        }
        if self.steps > 1 && (self.parties > 0 || self.method != Method::FixedHessian) {
            return bad(format!(
                "`steps = {}`: only `method = \"fixed-hessian\"` takes steps, and parties that send \
                 moments only, `parties = {}`, only one",
                self.steps, self.parties
            ));
        }
        Ok(())
    }
}
