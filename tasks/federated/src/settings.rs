//! The options: described, read and checked against each other.

use hexperiment_scheme::options::{OptionKind, OptionSpec, OptionValue, Options};
use hexperiment_task::TaskError;
use hexperiment_task::linear_model;
use strum::{EnumString, IntoStaticStr, VariantNames};

use crate::local::{Local, Method};
use crate::privacy::{Hidden, Privacy, Unit};

/// How a client trains.
#[derive(Clone, Copy, PartialEq, Eq, EnumString, IntoStaticStr, VariantNames)]
#[strum(serialize_all = "kebab-case")]
enum Training {
    Gradient,
    Newton,
}

/// What a client counts in the average.
#[derive(Clone, Copy, PartialEq, Eq, EnumString, IntoStaticStr, VariantNames)]
#[strum(serialize_all = "kebab-case")]
enum Weighting {
    /// As many samples as it has.
    Samples,
    /// As much as any other.
    Equal,
}

/// Who knows how many samples a client has.
#[derive(Clone, Copy, PartialEq, Eq, EnumString, IntoStaticStr, VariantNames)]
#[strum(serialize_all = "kebab-case")]
enum Counts {
    /// Everybody.
    Public,
    /// The client alone.
    Encrypted,
}

/// How a federation is set up.
#[derive(Clone, Debug)]
pub(crate) struct FederationSettings {
    pub(crate) clients: usize,
    pub(crate) rounds: usize,
    pub(crate) local: Local,
    /// Concentration of the Dirichlet distribution by which each class is split among the clients;
    /// `None` for an even split.
    pub(crate) dirichlet: Option<f64>,
    pub(crate) dropout: f64,
    /// Fewer updates than this in a round are not aggregated.
    pub(crate) least: usize,
    /// Whether a client counts by its samples.
    pub(crate) by_samples: bool,
    pub(crate) encrypted_counts: bool,
    /// The longest update, or with privacy of records the longest gradient of one record.
    pub(crate) clip_norm: f64,
    pub(crate) privacy: Option<Privacy>,
    pub(crate) precision: f64,
}

fn contradiction(what: &str, way_out: &str) -> TaskError {
    TaskError::Options(format!("{what}; {way_out}"))
}

impl FederationSettings {
    pub(crate) fn read(options: &Options) -> Result<Self, TaskError> {
        let number = |name: &str| match options.get(name) {
            Some(OptionValue::Number(x)) => Some(*x),
            _ => None,
        };
        let count = |name: &str| options.integer(name).map(|n| n as usize);
        let (clients, rounds) = (count("clients")?, count("rounds")?);
        let dropout = options.number("dropout")?;
        let least = match count("min_clients")? {
            0 if dropout == 0.0 => clients,
            0 => clients.div_ceil(2).max(2),
            least => least,
        };
        if !(2..=clients).contains(&least) {
            return Err(contradiction(
                &format!("`min_clients = {least}`, expected 2 to {clients}, the number of clients"),
                "an aggregate of one update is that update",
            ));
        }
        let privacy = Privacy::read(options, rounds)?;
        let method = match options.choice("local")? {
            Training::Newton => Method::Newton,
            Training::Gradient => Method::Gradient {
                rate: options.number("learning_rate")?,
                batch: count("batch")?,
            },
        };
        let default_clip = match privacy.map(|p| p.unit) {
            None => 10.0,
            Some(Unit::Client) => 0.25,
            Some(Unit::Record) => 2.0,
        };
        let settings = Self {
            clients,
            rounds,
            local: Local {
                method,
                epochs: count("local_epochs")?,
                alpha: options.number("alpha")?,
                positive_weight: options.number("positive_weight")?,
            },
            dirichlet: number("dirichlet"),
            dropout,
            least,
            by_samples: options.choice::<Weighting>("weighting")? == Weighting::Samples,
            encrypted_counts: options.choice::<Counts>("sample_counts")? == Counts::Encrypted,
            clip_norm: number("clip_norm").unwrap_or(default_clip),
            privacy,
            precision: options.number("precision")?,
        };
        settings.check()?;
        Ok(settings)
    }

    /// Whether records are clipped one by one.
    pub(crate) fn by_record(&self) -> bool {
        self.privacy.is_some_and(|p| p.unit == Unit::Record)
    }

    fn check(&self) -> Result<(), TaskError> {
        if self.encrypted_counts && !self.by_samples {
            return Err(contradiction(
                "`sample_counts = \"encrypted\"`, but `weighting = \"equal\"` uses no counts",
                "leave one of them out",
            ));
        }
        let Some(privacy) = self.privacy else {
            return Ok(());
        };
        if self.encrypted_counts {
            return Err(contradiction(
                "`sample_counts = \"encrypted\"` releases their sum without noise",
                "with `privacy`, the counts are public",
            ));
        }
        if privacy.colluders >= self.least {
            return Err(contradiction(
                &format!(
                    "`colluders = {}` of at least {} clients in a round leaves nobody's noise",
                    privacy.colluders, self.least
                ),
                "lower it, or raise `min_clients`",
            ));
        }
        let one_step = matches!(self.local.method, Method::Gradient { batch: 0, .. })
            && self.local.epochs == 1
            && self.by_samples;
        if self.by_record() && !one_step {
            return Err(contradiction(
                "`privacy = \"record\"` bounds what one record adds to one gradient of all rows",
                "it needs `local = \"gradient\"`, `local_epochs = 1`, `batch = 0` and `weighting = \
                 \"samples\"`",
            ));
        }
        Ok(())
    }
}

/// What the task can be told.
#[expect(clippy::too_many_lines, reason = "a table, in one place")]
pub(crate) fn specs() -> Vec<OptionSpec> {
    let optional =
        |name, min: f64, max: f64, doc| OptionSpec::new(name, OptionKind::Number { min, max }, doc);
    let mut specs = vec![
        OptionSpec::integer(
            "clients",
            2..=1000,
            10,
            "Number of clients that the training rows are split among.",
        ),
        OptionSpec::integer("rounds", 1..=1000, 20, "Rounds of federated averaging."),
        OptionSpec::choice(
            "local",
            Training::Gradient,
            "How a client trains, from the common model: gradient steps, or Newton's method on its \
             own rows.",
        ),
        OptionSpec::integer(
            "local_epochs",
            1..=1000,
            5,
            "Passes over its rows, or Newton steps, that a client makes in a round.",
        ),
        OptionSpec::integer(
            "batch",
            0..=1_000_000,
            0,
            "Rows of a gradient step, shuffled anew by the seed in each pass; 0 for all.",
        ),
        OptionSpec::number(
            "learning_rate",
            1e-6..=1000.0,
            0.5,
            "The length of a gradient step, on the mean loss.",
        ),
        OptionSpec::number(
            "alpha",
            0.0..=1e6,
            1.0,
            "L2 penalty: alpha / 2 times the squared norm of the weights, beside the sum of the log \
             losses of all clients' rows; each takes its share. The intercept is free.",
        ),
        OptionSpec::number(
            "positive_weight",
            1e-3..=1000.0,
            1.0,
            "What a positive sample counts, a public number; a negative one counts 1. For two classes \
             only.",
        ),
        optional(
            "dirichlet",
            1e-3,
            1e6,
            "Rows of each class are split in shares drawn from a symmetric Dirichlet distribution \
             with this parameter: the smaller, the more do clients differ. Left out, the split is \
             even and random.",
        ),
        OptionSpec::number(
            "dropout",
            0.0..=0.99,
            0.0,
            "The chance that a client uploads nothing in a round, by the seed.",
        ),
        OptionSpec::integer(
            "min_clients",
            0..=1000,
            0,
            "With fewer updates than this the server drops the round and the model stays. 0: all of \
             them without dropouts, else half of them. At least 2. With `privacy`, so many add up the \
             noise, less the colluders.",
        ),
        OptionSpec::choice(
            "weighting",
            Weighting::Samples,
            "What a client counts in the average.",
        ),
        OptionSpec::choice(
            "sample_counts",
            Counts::Public,
            "Whether the server is told how many samples each client has, or adds them up under \
             encryption beside the update. Their total is public. The key owner sees the sum of each \
             round: who is told who dropped out learns single counts from the differences.",
        ),
    ];
    specs.extend([
        OptionSpec::choice(
            "privacy",
            Hidden::None,
            "Differential privacy of the aggregates: whose data they hide, in one run. Each \
             repetition and each row of the table releases anew and spends as much again.",
        ),
        optional(
            "noise_multiplier",
            0.01,
            1e6,
            "Standard deviation of the noise on an aggregate, in units of what one client or record \
             can add at most.",
        ),
        optional(
            "epsilon",
            1e-3,
            1e4,
            "In place of `noise_multiplier`: what all rounds of a run together may spend.",
        ),
        OptionSpec::number(
            "delta",
            1e-12..=0.1,
            1e-5,
            "The delta of differential privacy.",
        ),
        OptionSpec::integer(
            "colluders",
            0..=998,
            1,
            "Clients that may pool their noise and all they see: the others add more. 1 holds against \
             every single client, who knows its own noise and sees each model; 0 only against who is \
             no client.",
        ),
        optional(
            "clip_norm",
            1e-6,
            1e4,
            "An update whose norm is larger is clipped to this: 10 if left out, for the public range only; 0.25 \
             with privacy of clients. With privacy of records, the gradient of one record before \
             `positive_weight`: 2 if left out.",
        ),
        OptionSpec::new(
            "model",
            OptionKind::TextList,
            "Paths of `model.json`, or of one `model-<class>.json` for each class in order, that an \
             earlier run left: where the first round begins.",
        ),
        OptionSpec::number(
            "precision",
            1e-12..=0.1,
            1e-6,
            "Absolute error wanted on each parameter's weighted sum when all take part.",
        ),
    ]);
    let shared = linear_model::LinearModelSettings::specs(
        "Use so many features, best by ANOVA F on the training part; 0 for all.",
    );
    specs.extend(shared.into_iter().filter(|s| s.name != "range_margin"));
    specs
}
