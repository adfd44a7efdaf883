//! The options of the task.

use hexperiment_scheme::options::{OptionKind, OptionSpec, OptionValue};
use hexperiment_task::choices::Side;
use hexperiment_task::linear_model::LinearModelSettings;
use strum::{EnumString, IntoStaticStr, VariantNames};

use crate::forest::Thresholds;

/// What is trained.
#[derive(Clone, Copy, PartialEq, Eq, EnumString, IntoStaticStr, VariantNames)]
#[strum(serialize_all = "kebab-case")]
pub(crate) enum Model {
    Multinomial,
    Forest,
}

/// What is done about rare levels.
#[derive(Clone, Copy, PartialEq, Eq, EnumString, IntoStaticStr, VariantNames)]
#[strum(serialize_all = "kebab-case")]
pub(crate) enum Oversampling {
    Smote,
    None,
}

/// How a leaf votes.
#[derive(Clone, Copy, PartialEq, Eq, EnumString, IntoStaticStr, VariantNames)]
#[strum(serialize_all = "kebab-case")]
pub(crate) enum LeafVotes {
    /// For its most frequent level.
    Hard,
    /// For all, as its rows are split.
    Shares,
}

/// All options.
pub(crate) fn all() -> Vec<OptionSpec> {
    [columns(), model(), forest(), lists()].concat()
}

fn texts(names: &[&str]) -> OptionValue {
    let texts = names.iter().map(|n| OptionValue::Text((*n).into()));
    OptionValue::List(texts.collect())
}

fn columns() -> Vec<OptionSpec> {
    let mut options = vec![
        OptionSpec::new("identifier", OptionKind::Text, "The column of text that names devices; rows are numbered where there is none.")
            .default(OptionValue::Text("device".into())),
        OptionSpec::new("dates", OptionKind::TextList, "Columns of text that hold dates (2026-01-31); they become days before `reference_date`. What is missing here or in `categories` is handled by `missing` under [dataset].")
            .default(texts(&["calibrated", "maintained"])),
        OptionSpec::new("categories", OptionKind::TextList, "Columns of text that hold versions or names; they become ranks among those of the training part, versions by their numbers; others lie half-way between their neighbours.")
            .default(texts(&["firmware"])),
        OptionSpec::new("reference_date", OptionKind::Text, "The day that dates are counted back from, as 2026-01-31; no date may be later.")
            .default(OptionValue::Text("2026-01-01".into())),
        OptionSpec::integer("scored", 0..=1_000_000, 0, "Encrypt and score only so many devices of the test part, the first; 0 for all. Training does not change."),
    ];
    options.extend(LinearModelSettings::specs(
        "Use so many features, best by ANOVA F on the training part; 0 for all.",
    ));
    options
}

fn model() -> Vec<OptionSpec> {
    vec![
        OptionSpec::choice(
            "model",
            Model::Multinomial,
            "`multinomial`: logistic regression with a score for each level (linfa-logistic). \
             `forest`: a random forest, its features quantised at quantiles of the training part.",
        ),
        OptionSpec::choice(
            "argmax",
            Side::Client,
            "Who finds the level with the highest score: the client, which then sees all three \
             scores, or the server under encryption, where the scheme compares.",
        ),
        OptionSpec::choice(
            "oversample",
            Oversampling::Smote,
            "`smote` oversamples the rarer levels of the training part by synthetic devices, on \
             standardised features; days and ranks of categories are numbers to it, and may come out \
             between two.",
        ),
        OptionSpec::integer(
            "neighbours",
            1..=100,
            5,
            "SMOTE: a synthetic device lies between a real one and one of so many nearest.",
        ),
        OptionSpec::number(
            "alpha",
            0.0..=1e6,
            1.0,
            "Multinomial: L2 penalty, alpha / 2 times the squared norm of the weights, on \
             standardised features.",
        ),
        OptionSpec::integer(
            "max_iterations",
            1..=100_000,
            500,
            "Multinomial: iterations of the trainer.",
        ),
        OptionSpec::number(
            "precision",
            1e-12..=1.0,
            1e-4,
            "Multinomial: absolute error wanted on a logit.",
        ),
    ]
}

fn forest() -> Vec<OptionSpec> {
    vec![
        OptionSpec::integer("trees", 1..=100, 10, "Forest: number of trees."),
        OptionSpec::integer(
            "depth",
            1..=8,
            4,
            "Forest: tests on the longest path of a tree.",
        ),
        OptionSpec::integer(
            "bits",
            1..=8,
            4,
            "Forest: a feature is quantised to one of 2^bits bins.",
        ),
        OptionSpec::integer(
            "candidates",
            0..=1000,
            0,
            "Forest: features that each split chooses from; 0 for the square root of all, rounded up.",
        ),
        OptionSpec::integer(
            "least_rows",
            1..=1000,
            3,
            "Forest: training rows that either child of a split needs.",
        ),
        OptionSpec::choice(
            "votes",
            LeafVotes::Hard,
            "Forest: `hard`: a leaf has one vote, for its most frequent level. `shares`: eight, \
             split as its training rows are.",
        ),
        OptionSpec::choice(
            "thresholds",
            Thresholds::Server,
            "Forest: `server`: the client encrypts features, the server compares. `client`: the \
             client is told the thresholds and encrypts the results of the tests, so that only \
             conjunctions remain.",
        ),
        OptionSpec::integer(
            "pack",
            1..=100_000,
            1,
            "Forest: so many tests are compared at once, in one vector that is so many times as \
             long as there are devices, and padded to a power of two; the results are shifted apart. Saves comparisons where a \
             ciphertext holds a whole vector, costs time where it holds one number.",
        ),
    ]
}

fn lists() -> Vec<OptionSpec> {
    vec![
        OptionSpec::number(
            "whitelist_below",
            0.0..=1.0,
            0.1,
            "Devices of level Low whose score is at most this are in `whitelist.csv`.",
        ),
        OptionSpec::number(
            "blacklist_above",
            0.0..=1.0,
            0.75,
            "Devices of level High whose score is at least this are in `blacklist.csv`.",
        ),
        OptionSpec::integer(
            "contributions",
            0..=1000,
            3,
            "Features shown for each device, those that contribute most to its level; computed in \
             the clear by the client, which here has trained the model. Of `multinomial` what they add \
             to the level's logit; of a forest by how much their tests change the share of training \
             rows of the level along the path to a leaf, which hard votes round to all or nothing.",
        ),
    ]
}
