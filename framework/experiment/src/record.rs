//! What a run writes down: one line of JSON for each repetition.
//!
//! The file `records.jsonl` starts with a [`Line::Run`], then holds a [`Line::Setup`] for each
//! time a cell's process starts, a [`Line::Repetition`] for each repetition and a
//! [`Line::Stopped`] for each cell that was refused, failed, crashed or ran out of time. A run
//! that is resumed with more repetitions than before says so by a [`Line::Extended`]. Each line is
//! synced before the next step begins. A shard of some cells of a plan (`docs/shards.md`) is such a file, too: its run
//! says which cells, and its last line is a [`Line::Finished`].

mod limits;
mod machine;
mod nodes;
mod shared;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use strum::{EnumString, IntoStaticStr, VariantNames};

use hexperiment_task::ledger::{Errors, Quality, Time, Traffic};

pub use machine::{Build, Load, Processors, Provenance, Schedule};
pub use nodes::{Environment, Merged, MergedShard, Reference, ShardOf, Superseded};
pub use shared::Shared;

use hexperiment_scheme::options::OptionValue;
use hexperiment_scheme::{KeySizes, Parameters};

/// The version of this format; a reader refuses others.
pub const SCHEMA: u32 = 1;

/// What the times of two rows may differ by and still tie, where an experiment says nothing: 6 %.
///
/// It is the least whole percentage at which two equal rows tie in 95 of 100 runs of 20 repetitions,
/// with the noise of times in records of a quiet machine; `measure/simulation.rs` holds it.
pub const TIE_MARGIN: f64 = 0.06;

/// One line of `records.jsonl`.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum Line {
    /// The run as a whole; the first line.
    Run(Box<Run>),
    /// A cell is ready: compiled, keys made, the server prepared.
    Setup(Box<Setup>),
    /// The run goes on with more repetitions than it was begun with.
    Extended(Extended),
    /// One repetition.
    Repetition(Box<Repetition>),
    /// A cell that will yield no more.
    Stopped(Stopped),
    /// All cells of a shard came to their ends.
    Finished(Finished),
}

/// The run as a whole.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Run {
    /// [`SCHEMA`]
    pub schema: u32,
    /// The experiment's name.
    pub experiment: String,
    /// Its question.
    pub question: String,
    /// What is unfair about the comparison.
    pub caveats: String,
    /// When it began, in UTC (RFC 3339).
    pub started: String,
    /// The experiment, every default filled in.
    pub resolved: serde_json::Value,
    /// SHA-256 of the resolved experiment but for its repetitions, of the data, the cells and
    /// their libraries; a run resumes only its own.
    pub fingerprint: String,
    /// Settings of the command line that are part of the experiment, as they were given.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub set: Vec<String>,
    /// What the lines of kind `extended` say, in order; the first line has none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub extended: Vec<Extended>,
    /// The cells, in order.
    pub cells: Vec<Cell>,
    /// The machine and the code; of a run that was put together from shards, the first machine.
    pub provenance: Provenance,
    /// Which cells of which plan these are, where they are not a run of their own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shard: Option<ShardOf>,
    /// What it was put together from, if it was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub merged: Option<Box<Merged>>,
}

impl Run {
    /// A setting of the section `[run]`, with its default.
    pub fn setting(&self, key: &str) -> &serde_json::Value {
        &self.resolved["run"][key]
    }

    /// Measured repetitions of each cell; `None` if the run does not say.
    pub fn repetitions(&self) -> Option<u32> {
        u32::try_from(self.setting("repetitions").as_u64()?).ok()
    }

    /// Pairs of a client's and a server's process that share the repetitions of each cell; one in
    /// records of versions that had no more.
    pub fn processes(&self) -> u32 {
        let processes = self.setting("processes").as_u64();
        processes.and_then(|n| u32::try_from(n).ok()).unwrap_or(1)
    }

    /// The clock by which rows are ranked.
    pub fn rank_by(&self) -> Clock {
        Clock::deserialize(self.setting("rank_by")).unwrap_or_default()
    }

    /// What two rows may differ by and still tie; records of earlier versions do not say.
    pub fn tie_margin(&self) -> f64 {
        let margin = self.setting("tie_margin").as_f64();
        margin.unwrap_or(TIE_MARGIN)
    }
}

/// The clocks of a [`Time`].
#[derive(
    Clone,
    Copy,
    Debug,
    Default,
    PartialEq,
    Eq,
    Serialize,
    Deserialize,
    EnumString,
    IntoStaticStr,
    VariantNames,
)]
#[serde(rename_all = "kebab-case")]
#[strum(serialize_all = "kebab-case")]
pub enum Clock {
    /// What passes on the wall.
    #[default]
    Wall,
    /// What processors spend, those of all threads together.
    Cpu,
}

impl std::fmt::Display for Clock {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Wall => "wall time",
            Self::Cpu => "CPU time",
        })
    }
}

/// A run that goes on with more repetitions than before.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Extended {
    /// When, in UTC (RFC 3339).
    pub at: String,
    /// Repetitions of each cell from now on.
    pub repetitions: u32,
    /// Settings of that command line, as they were given.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub set: Vec<String>,
}

/// The end of a shard.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finished {
    /// When, in UTC (RFC 3339), to the microsecond.
    pub at: String,
}

/// One combination of scheme, task, data set and matrix point.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Cell {
    /// A name unique within the run, good for `--only`.
    pub id: String,
    /// The scheme's name.
    pub scheme: String,
    /// How tables call it.
    pub label: String,
    /// The task's name.
    pub task: String,
    /// The data set's name.
    pub dataset: String,
    /// The matrix point: key and value.
    pub point: BTreeMap<String, OptionValue>,
    /// Its seed, where a row has cells of several seeds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seed: Option<u64>,
}

impl Cell {
    /// What a cell of a row is called that has this seed among others.
    pub(crate) fn of_seed(row: &str, seed: u64) -> String {
        format!("{row}{}", seed_suffix(seed))
    }

    /// The name of its row: the cell's own, but for its seed among others.
    pub fn row(&self) -> &str {
        let row = self
            .seed
            .and_then(|seed| self.id.strip_suffix(&seed_suffix(seed)));
        row.unwrap_or(&self.id)
    }
}

fn seed_suffix(seed: u64) -> String {
    format!("/seed={seed}")
}

/// A cell is ready.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Setup {
    /// The cell's id.
    pub cell: String,
    /// The number of the process, counted from 0: each has keys of its own.
    #[serde(default, skip_serializing_if = "is_first")]
    pub process: u32,
    /// Samples that a repetition encrypts; 0 in records from before this was written down.
    #[serde(default)]
    pub samples: u64,
    /// Lowering and choice of parameters.
    pub compile: Time,
    /// Key generation: the client's.
    pub keygen: Time,
    /// The crossing of the evaluation keys; `None` in records of versions in which none crossed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key_transfer: Option<Time>,
    /// What the server does once, before the first query: expands keys, encodes weights; `None` in
    /// records of versions that counted it as key generation, or as evaluation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prepare: Option<Time>,
    /// The parameters.
    pub parameters: Parameters,
    /// The bound of log2 of a run's failure probability that was demanded; `None` in records of versions
    /// that demanded none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure_demanded: Option<i32>,
    /// The exact sizes of the keys that crossed.
    pub keys: KeySizes,
    /// What the client computes after decryption, if anything.
    pub client_computes: Vec<String>,
    /// What lowering did, in words.
    pub lowering: Vec<String>,
    /// The machine, as the process was started; `None` in records of versions that did not look.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub environment: Option<Environment>,
}

/// One repetition of a cell. While it is read, `Q` is nothing: how well it went is read apart, as of most cells every
/// repetition says the same.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Repetition<Q = Shared<Quality>> {
    /// The cell's id.
    pub cell: String,
    /// Counted from 0; warm-up is not recorded.
    pub index: u32,
    /// The number of the process that it ran in, as [`Setup::process`].
    #[serde(default, skip_serializing_if = "is_first")]
    pub process: u32,
    /// All encryptions.
    pub encrypt: Time,
    /// All evaluations.
    pub evaluate: Time,
    /// All decryptions, with what is left to the client.
    pub decrypt: Time,
    /// Writing, crossing and reading of what the parties send each other; of versions in which both
    /// were one process, without the crossing.
    pub transfer: Time,
    /// What crossed.
    pub traffic: Traffic,
    /// The error, split.
    pub errors: Errors,
    /// How well it went: as many others of the cell.
    pub quality: Q,
    /// Peak resident set of the cell's process so far, in bytes: of versions in which both parties
    /// were one process.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub peak_rss_bytes: Option<u64>,
    /// Peak resident set of the client's process since it began to make keys, in bytes: with the
    /// data, and what is computed in the clear to compare with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_peak_rss_bytes: Option<u64>,
    /// Peak resident set of the server's process so far, in bytes, as it says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub server_peak_rss_bytes: Option<u64>,
    /// How busy the machine was; `None` in records of versions that did not look.
    #[serde(default)]
    pub load: Option<Load>,
    /// What the phases took of evaluations by a far server; `None` where it was a process of this
    /// machine.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub remote: Option<Remote>,
    /// What the same work takes as calls of the scheme's library alone, timed after the repetition by
    /// `bench`; `None` where it was not asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub library: Option<Library>,
}

impl Repetition<()> {
    /// The repetition that went so.
    pub(crate) fn with(self, quality: Shared<Quality>) -> Repetition {
        Repetition {
            cell: self.cell,
            index: self.index,
            process: self.process,
            encrypt: self.encrypt,
            evaluate: self.evaluate,
            decrypt: self.decrypt,
            transfer: self.transfer,
            traffic: self.traffic,
            errors: self.errors,
            quality,
            peak_rss_bytes: self.peak_rss_bytes,
            client_peak_rss_bytes: self.client_peak_rss_bytes,
            server_peak_rss_bytes: self.server_peak_rss_bytes,
            load: self.load,
            remote: self.remote,
            library: self.library,
        }
    }
}

/// What a repetition's work takes as calls of the scheme's library alone, in nanoseconds of processor time
/// of one thread: each operation timed by itself, times how often the circuit has it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Library {
    /// Encryption, encoding included.
    pub encrypt_ns: u64,
    /// Evaluation; `None` where the protocol evaluates some outputs and not all, which are not counted apart.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub evaluate_ns: Option<u64>,
    /// Decryption, decoding included.
    pub decrypt_ns: u64,
    /// Each operation by itself, by its name and parameters.
    pub operations: BTreeMap<String, u64>,
}

/// What the phases of evaluations by a far server took, in nanoseconds of wall time, each by one of two
/// clocks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Remote {
    /// Client's clock: ciphertexts sent, until the service had them on its disk.
    pub upload_ns: u64,
    /// Service's clock: the same, from the first byte.
    pub upload_server_ns: u64,
    /// Client's clock: from asking for evaluations to hearing that they were done.
    pub job_ns: u64,
    /// Service's clock: of that, waiting for other jobs.
    pub queue_ns: u64,
    /// Service's clock: of that, reading keys and ciphertexts.
    pub load_ns: u64,
    /// Service's clock: of that, evaluating.
    pub compute_ns: u64,
    /// Service's clock: of that, writing results.
    pub store_ns: u64,
    /// Client's clock: results fetched.
    pub download_ns: u64,
}

/// Whether it is the first process, which is not written down: of most cells it is the only one.
#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde passes a reference"
)]
fn is_first(process: &u32) -> bool {
    *process == 0
}

/// Where a cell stands. Records tell how one ended ([`Stopped`]); rows, and `status` of a plan, tell of all.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Status {
    /// All repetitions are there.
    Ok,
    /// The scheme cannot, and says why.
    Refused,
    /// An error, or a result outside its tolerance.
    Failed,
    /// The time limit was reached.
    Timeout,
    /// The process died.
    Crashed,
    /// Repetitions lack, and no record says why: it never ran, or was cut off. No record has this.
    Missing,
}

impl Status {
    /// All of them, in the order in which they are told.
    pub const ALL: [Self; 6] = [
        Self::Ok,
        Self::Refused,
        Self::Failed,
        Self::Timeout,
        Self::Crashed,
        Self::Missing,
    ];
}

impl std::fmt::Display for Status {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Ok => "ok",
            Self::Refused => "refused",
            Self::Failed => "failed",
            Self::Timeout => "timeout",
            Self::Crashed => "crashed",
            Self::Missing => "missing",
        })
    }
}

/// A cell that yields no more.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Stopped {
    /// The cell's id.
    pub cell: String,
    /// How it ended; never `ok`, and never `missing`.
    pub status: Status,
    /// Why.
    pub reason: String,
    /// The signal by which a scheduler ended it, as `SIGTERM`, if one did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signal: Option<String>,
    /// The machine, as the process was started.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub environment: Option<Environment>,
}

/// Characters of a file's name made from a cell's, at most four bytes each: file systems take 255 bytes.
const LONGEST: usize = 50;

/// A cell's name as that of its files in the run's folder, different from those of the run's other
/// cells; `index` is the cell's in the run.
pub fn file_name(index: usize, cell: &str) -> String {
    let name: String = cell
        .chars()
        .map(|c| {
            if c.is_alphanumeric() || "-_=.".contains(c) {
                c
            } else {
                '_'
            }
        })
        .collect();
    // A file system has a longest name, `..` is another folder, and other cells may be called nearly so.
    let same = !name.is_empty()
        && !name.starts_with('.')
        && name.chars().count() <= LONGEST
        && cell
            .chars()
            .zip(name.chars())
            .all(|(a, b)| a == b || a == '/');
    let name: String = name.chars().take(LONGEST).collect();
    if same {
        name
    } else {
        format!("{name}-{index}")
    }
}
