//! What is recorded of the machine and the code, and of how busy the machine was.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// The machine and the code that a run was made with.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Provenance {
    /// Version of this project.
    pub version: String,
    /// How the program was built.
    #[serde(default)]
    pub build: Build,
    /// The processor.
    pub cpu: String,
    /// The processor's extensions that libraries make use of, as `avx512f`.
    #[serde(default)]
    pub cpu_features: Vec<String>,
    /// The operating system's kernel and its release; empty where it does not say.
    #[serde(default)]
    pub kernel: String,
    /// Load averages of 1, 5 and 15 minutes before the first cell; `None` where there are none.
    #[serde(default)]
    pub load: Option<[f64; 3]>,
    /// Logical processors.
    pub cores: usize,
    /// Memory, in bytes.
    pub memory_bytes: u64,
    /// Threads that a cell may use.
    pub threads: usize,
    /// Compiler, features, library versions by name.
    pub versions: BTreeMap<String, String>,
    /// The data: source, licence, SHA-256; of the first cell.
    pub data: hexperiment_data::Provenance,
    /// The other data of a run over several data sets.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub further_data: Vec<hexperiment_data::Provenance>,
}

/// How the program was built: of which commit, by which compiler.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Build {
    /// Git commit, in hexadecimal; empty if it was not built in a checkout.
    pub commit: String,
    /// Whether files that are compiled differed from the commit.
    pub dirty: bool,
    /// The compiler, as it names itself.
    pub rustc: String,
    /// The target triple.
    pub target: String,
    /// Profile and level of optimisation, as `release, opt-level 3`.
    pub profile: String,
    /// Flags for the compiler beyond cargo's own.
    pub flags: Vec<String>,
    /// Optional features of the program that are on.
    pub features: Vec<String>,
}

impl Build {
    /// The commit in short, with `-dirty` if files differed from it; empty if there is none.
    pub fn revision(&self) -> String {
        let short: String = self.commit.chars().take(12).collect();
        if self.dirty && !short.is_empty() {
            short + "-dirty"
        } else {
            short
        }
    }
}

/// How busy the machine was during a repetition. What a system does not count is `None`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Load {
    /// Load average of the last minute, as the repetition began.
    pub start: Option<f64>,
    /// Load average of the last minute, as it ended.
    pub end: Option<f64>,
    /// Time in which the cell's threads ran and waited for a processor.
    pub schedule: Option<Schedule>,
    /// What all processors did meanwhile; in records of older versions there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub processors: Option<Processors>,
}

/// What the processors of the machine did during a repetition, for whomever they worked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Processors {
    /// Time that passed, multiplied by the number of processors, in nanoseconds.
    pub capacity_ns: u64,
    /// Time in which a processor had nothing to do, all together, in nanoseconds; the system
    /// counts it in hundredths of a second.
    pub idle_ns: u64,
}

/// What the threads of a process did while they had something to do.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Schedule {
    /// Time on a processor, all threads together, in nanoseconds.
    pub ran_ns: u64,
    /// Time ready to run, but without a processor, all threads together, in nanoseconds.
    pub waited_ns: u64,
}

impl Schedule {
    /// The waiting over all the time in which threads had something to do; `None` if they had
    /// nothing.
    pub fn share_waited(&self) -> Option<f64> {
        let all = self.ran_ns as f64 + self.waited_ns as f64;
        (all > 0.0).then(|| self.waited_ns as f64 / all)
    }
}
