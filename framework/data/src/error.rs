//! What is wrong with data in memory.

use hexperiment_diagnostics::printable::line;

/// Data that do not fit what they are asked for.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}\n  help: {}", line(.problem), line(.help))]
pub struct DataError {
    /// The options of an experiment to blame, as `dataset.limit`; empty if none is.
    pub options: &'static [&'static str],
    /// What was found, and what was expected.
    pub problem: String,
    /// What the user can do about it.
    pub help: String,
}

impl DataError {
    /// Data that do not fit, and what can be done.
    pub fn new(problem: impl Into<String>, help: impl Into<String>) -> Self {
        Self::value(&[], problem, help)
    }

    /// The value of one of some options, such as `dataset.limit`, cannot be used.
    pub fn value(
        options: &'static [&'static str],
        problem: impl Into<String>,
        help: impl Into<String>,
    ) -> Self {
        Self {
            options,
            problem: problem.into(),
            help: help.into(),
        }
    }
}
