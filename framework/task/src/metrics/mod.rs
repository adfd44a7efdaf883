//! Measures of quality.
//!
//! Each is computed twice, of what the encrypted run yielded and of what the same model yields in
//! clear; one that is undefined for the data at hand is left out rather than invented.

mod binary;
mod few;
mod multiclass;
mod regression;

pub use binary::{
    AUC_FOLD_MEAN, BINARY, Confusion, alarm_threshold, auc, auc_fold_mean, average_precision,
    binary,
};
pub use few::{few_of_a_class, few_rows};
pub use multiclass::{ConfusionMatrix, multiclass};
pub use regression::{REGRESSION, regression};

use crate::ledger::Metric;

/// Names of metrics that are shares; one of a part of the samples has more behind it, as `recall_low`.
const SHARES: [&str; 13] = [
    "auc",
    "auprc",
    "balanced_accuracy",
    "accuracy",
    "recall",
    "precision",
    "specificity",
    "f1",
    "macro_f1",
    "alarm_rate",
    "agreement",
    "unquantised_macro_f1",
    "unquantised_balanced_accuracy",
];

/// Whether a metric of this name lies from 0 to 1.
pub fn is_share(name: &str) -> bool {
    let is = |share: &&str| {
        let rest = name.strip_prefix(*share);
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('_'))
    };
    // Iterations to a share are none.
    !name.contains("_to_") && SHARES.iter().any(is)
}

/// `a / b`, 0 where `b` is.
fn ratio(a: f64, b: f64) -> f64 {
    if b == 0.0 { 0.0 } else { a / b }
}

/// A metric, unless its value is no number; the plaintext value likewise.
fn metric(name: &str, value: f64, plaintext: f64) -> Option<Metric> {
    let plaintext = plaintext.is_finite().then_some(plaintext);
    value
        .is_finite()
        .then(|| Metric::new(name, value, plaintext))
}
