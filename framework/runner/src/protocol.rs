//! What a run and the process of a cell say to each other: lines of JSON on standard input and
//! output.

use std::path::PathBuf;

use hexperiment_core::experiment::CellPlan;
use hexperiment_core::record::{Repetition, Setup};
use serde::{Deserialize, Serialize};

/// From the run to the cell.
#[derive(Debug, Serialize, Deserialize)]
#[serde(tag = "do", rename_all = "kebab-case")]
pub(crate) enum ToCell {
    /// Prepare, compile, make keys; the first message.
    Prepare {
        /// The cell.
        plan: Box<CellPlan>,
        /// Address space that the process may use, in bytes.
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
