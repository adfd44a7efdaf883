//! What a run and the process of a cell say to each other: lines of JSON on standard input and
//! output.

use std::path::PathBuf;

use hexperiment_experiment::CellPlan;
use hexperiment_experiment::record::{Repetition, Setup};
use serde::{Deserialize, Serialize};

/// What is asked of a cell that is not run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum View {
    /// Whether it can be run.
    Check,
    /// Its programs and parameters.
    Explain,
}

/// From the run to the cell.
#[derive(Debug, Serialize, Deserialize)]
#[serde(tag = "do", rename_all = "kebab-case")]
pub(crate) enum ToCell {
    /// Prepare, compile, make keys; the first message.
    Prepare {
        /// The cell.
        plan: Box<CellPlan>,
        /// Memory that the process may allocate, in bytes.
        memory_limit: Option<u64>,
        /// Where the task's files go; made where there are any.
        artefacts: PathBuf,
    },
    /// Run once; `index` is the repetition's number, warm-up counted from 0 too.
    Repeat {
        /// Its number.
        index: u32,
        /// Whether the task's files are kept of this one.
        keep: bool,
    },
    /// Prepare and compile, then tell in words; more cells may follow, and estimates.
    Examine(Box<Examine>),
    /// Tell what the cell takes that was examined last.
    Estimate,
}

/// A cell to be told of in words.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Examine {
    /// The cell.
    pub(crate) plan: CellPlan,
    /// Memory that its process may allocate when it is run, in bytes.
    pub(crate) memory_limit: Option<u64>,
    /// What to tell.
    pub(crate) view: View,
}

/// What a cell takes when it is run, about: wall time, if the machine has nothing else to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Takes {
    /// Nanoseconds until it is ready for its first repetition.
    pub(crate) set_up_ns: u64,
    /// Nanoseconds of each repetition.
    pub(crate) repetition_ns: u64,
}

/// From the cell to the run.
#[derive(Debug, Serialize, Deserialize)]
#[serde(tag = "is", rename_all = "kebab-case")]
pub(crate) enum FromCell {
    /// Ready for repetitions.
    Ready {
        /// How it got there.
        setup: Box<Setup>,
    },
    /// One repetition is done.
    Done {
        /// What it measured.
        repetition: Box<Repetition>,
    },
    /// What was asked of a cell that is not run.
    Examined {
        /// In words, for a person.
        words: String,
    },
    /// What the cell takes that was examined last.
    Estimated {
        /// It; `None` where its scheme does not say.
        takes: Option<Takes>,
    },
    /// It has waited for its server for a while, or does so no more.
    Waits {
        /// Whether it waits.
        for_server: bool,
    },
    /// The server's process has died, or answers nonsense.
    Crashed {
        /// How.
        reason: String,
    },
    /// The scheme cannot.
    Refused {
        /// Why.
        reason: String,
    },
    /// Something is wrong.
    Failed {
        /// What.
        reason: String,
    },
}

impl FromCell {
    /// The answer; or a failure, if its numbers cannot have been measured: what is recorded must be
    /// what [`read_records`](hexperiment_experiment::summary::read_records) takes.
    pub(crate) fn within_limits(self) -> Self {
        let checked = match &self {
            Self::Ready { setup } => setup.check_limits(),
            Self::Done { repetition } => repetition.check_limits(),
            Self::Examined { .. }
            | Self::Estimated { .. }
            | Self::Waits { .. }
            | Self::Crashed { .. }
            | Self::Refused { .. }
            | Self::Failed { .. } => Ok(()),
        };
        match checked {
            Ok(()) => self,
            Err(problem) => Self::Failed {
                reason: format!("the cell reports what cannot have been measured: {problem}"),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn impossible_numbers_fail_the_cell() {
        let text = |clear_values: u64| {
            let time = r#"{"wall_ns":1,"cpu_ns":1}"#;
            format!(
                r#"{{"is":"done","repetition":{{"cell":"a","index":0,"encrypt":{time},
                "evaluate":{time},"decrypt":{time},"transfer":{time},"traffic":{{
                "upload_bytes":1,"download_bytes":1,"upload_ciphertexts":1,
                "download_ciphertexts":1,"rounds":1,"decrypted_midway":0,
                "clear_values":{clear_values}}},"errors":{{"max_abs":0,"approximation":0,
                "noise":0,"precision_bits":53,"violation":null}},"quality":{{"samples":1,
                "metrics":[],"notes":[]}},"client_peak_rss_bytes":1,"server_peak_rss_bytes":1}}}}"#
            )
        };
        let answer = |n| {
            serde_json::from_str::<FromCell>(&text(n))
                .unwrap()
                .within_limits()
        };
        assert!(matches!(answer(1), FromCell::Done { .. }));
        match answer(u64::MAX) {
            FromCell::Failed { reason } => {
                assert!(reason.contains("in `traffic.clear_values`"), "{reason}");
            }
            other => panic!("{other:?}"),
        }
    }
}
