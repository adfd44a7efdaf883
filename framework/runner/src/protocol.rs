//! What a run and the process of a cell say to each other: lines of JSON on standard input and
//! output.

use std::path::PathBuf;

use hexperiment_experiment::CellPlan;
use hexperiment_experiment::record::{Repetition, Setup};
use serde::{Deserialize, Serialize};

use crate::calibration::Fill;

/// What is asked of a cell that is not run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum View {
    /// Whether it can be run.
    Check,
    /// Its programs and parameters.
    Explain,
    /// What it takes; rows are repeated where `limit` asks for more than there are.
    Plan,
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
        /// Where what crosses is recorded, if it is.
        traffic: Option<PathBuf>,
        /// Whether the library's own calls are timed beside each repetition.
        beside_library: bool,
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
    Estimate(Estimate),
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

/// How a cell's cost is estimated.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Estimate {
    /// The table of what operations take; none, and each is timed.
    pub(crate) table: Option<PathBuf>,
    /// What to do about operations that it does not have.
    pub(crate) fill: Fill,
}

/// What a cell takes when it is run, if the machine has nothing else to do: wall time in nanoseconds,
/// the lower quartile, the median and the upper quartile of what its operations take; and bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Takes {
    /// Reading the data, preparing the task, compiling: as they just took.
    pub(crate) before_ns: u64,
    pub(crate) keygen_ns: [u64; 3],
    pub(crate) prepare_ns: [u64; 3],
    /// Phases of each repetition.
    pub(crate) encrypt_ns: [u64; 3],
    pub(crate) transfer_ns: [u64; 3],
    pub(crate) evaluate_ns: [u64; 3],
    pub(crate) decrypt_ns: [u64; 3],
    /// What each repetition does besides, which no phase counts: the oracle, metrics.
    pub(crate) beside_ns: u64,
    /// Bytes to the server in each repetition, exactly; `None` where the scheme does not say.
    pub(crate) upload_bytes: Option<u64>,
    /// Bytes from the server in each repetition.
    pub(crate) download_bytes: Option<u64>,
    /// Bytes of the evaluation keys.
    pub(crate) key_bytes: Option<u64>,
    /// Bytes that both parties together hold at most.
    pub(crate) memory_bytes: Option<u64>,
    /// Operations that were timed for it, as the table did not have them.
    pub(crate) measured: u32,
    /// Whether the server sees what it computes on, or has the key to it.
    pub(crate) is_open: bool,
    /// Whether its phases are those of repetitions that were run for it.
    pub(crate) is_rehearsed: bool,
}

impl Takes {
    /// Until it is ready for its first repetition.
    pub(crate) fn set_up_ns(&self) -> u64 {
        let [_, keygen, _] = self.keygen_ns;
        let [_, prepare, _] = self.prepare_ns;
        self.before_ns
            .saturating_add(keygen)
            .saturating_add(prepare)
    }

    /// Encryption, transfer, evaluation and decryption of one repetition.
    pub(crate) fn phases_ns(&self) -> [u64; 3] {
        std::array::from_fn(|i| {
            self.encrypt_ns[i]
                .saturating_add(self.transfer_ns[i])
                .saturating_add(self.evaluate_ns[i])
                .saturating_add(self.decrypt_ns[i])
        })
    }

    /// What tables call end to end: encryption, evaluation and decryption.
    pub(crate) fn end_to_end_ns(&self) -> u64 {
        let [_, encrypt, _] = self.encrypt_ns;
        let [_, evaluate, _] = self.evaluate_ns;
        let [_, decrypt, _] = self.decrypt_ns;
        encrypt.saturating_add(evaluate).saturating_add(decrypt)
    }

    /// One repetition.
    pub(crate) fn repetition_ns(&self) -> u64 {
        let [_, phases, _] = self.phases_ns();
        phases.saturating_add(self.beside_ns)
    }
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
        takes: Option<Box<Takes>>,
        /// Why the table of what was measured could not be kept.
        unwritten: Option<String>,
        /// Outputs that approximation makes useless.
        warnings: Vec<String>,
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
