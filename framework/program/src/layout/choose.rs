//! What layouts cost, and the choice among them.

use serde::{Deserialize, Serialize};
use strum::{EnumString, IntoStaticStr, VariantNames};

/// What a layout is chosen for.
#[derive(
    Clone,
    Copy,
    Debug,
    Default,
    PartialEq,
    Eq,
    Hash,
    Serialize,
    Deserialize,
    EnumString,
    IntoStaticStr,
    VariantNames,
)]
#[serde(rename_all = "kebab-case")]
#[strum(serialize_all = "kebab-case")]
pub enum Objective {
    /// The least time from encryption to decryption.
    #[default]
    Latency,
    /// The least processor time of a query, all threads together.
    Throughput,
    /// The fewest bytes of a query to the server.
    Upload,
    /// The least memory.
    Memory,
}

impl Objective {
    /// Whether it is what is meant where nothing is said.
    pub fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

impl std::fmt::Display for Objective {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.into())
    }
}

/// What one query takes under a layout, as the scheme counts it: every input encrypted and sent, every
/// output evaluated, fetched and decrypted once.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Expense {
    /// Wall time on the threads that there are, in nanoseconds.
    pub latency_ns: u64,
    /// Processor time, in nanoseconds.
    pub processor_ns: u64,
    /// Bytes to the server.
    pub upload_bytes: u64,
    /// Bytes from the server.
    pub download_bytes: u64,
    /// Bytes of the evaluation keys.
    pub key_bytes: u64,
    /// Bytes that both parties hold at most.
    pub memory_bytes: u64,
}

impl Expense {
    /// The time that is to be least, of an objective that is one.
    fn time(&self, objective: Objective) -> Option<u64> {
        match objective {
            Objective::Latency => Some(self.latency_ns),
            Objective::Throughput => Some(self.processor_ns),
            Objective::Upload | Objective::Memory => None,
        }
    }

    /// What is to be least among layouts that are as fast, or by an objective that is no time; before what decides where
    /// that is equal.
    fn by(&self, objective: Objective) -> [u64; 3] {
        let bytes = self.upload_bytes.saturating_add(self.download_bytes);
        match objective {
            Objective::Latency => [bytes, self.processor_ns, self.latency_ns],
            Objective::Throughput => [bytes, self.latency_ns, self.processor_ns],
            Objective::Upload => [self.upload_bytes, self.download_bytes, self.latency_ns],
            Objective::Memory => [self.memory_bytes, self.latency_ns, self.upload_bytes],
        }
    }
}

/// A layout that was thought of.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Candidate {
    /// What it is, in words.
    pub layout: String,
    /// What it costs; `None` where the scheme has no parameters for it, or none that keep its precision.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expense: Option<Expense>,
    /// Whether it was chosen.
    pub chosen: bool,
}

impl std::fmt::Display for Candidate {
    /// A line for people; times are of the scheme's table.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mark = if self.chosen { "*" } else { " " };
        write!(f, "{mark} {}: ", self.layout)?;
        let Some(e) = &self.expense else {
            return f.write_str("no parameters hold it as precisely");
        };
        let milliseconds = |ns: u64| ns as f64 / 1e6;
        let kibibytes = |bytes: u64| bytes.div_ceil(1 << 10);
        write!(
            f,
            "{:.2} ms, {:.2} ms of processors, {} KiB up, {} KiB down, keys {} KiB, memory {} MiB",
            milliseconds(e.latency_ns),
            milliseconds(e.processor_ns),
            kibibytes(e.upload_bytes),
            kibibytes(e.download_bytes),
            kibibytes(e.key_bytes),
            e.memory_bytes.div_ceil(1 << 20),
        )
    }
}

/// Layouts are as fast as the fastest whose times are longer by no more than one part in so many: times of a table say
/// no more of another machine.
const AS_FAST: u64 = 20;

/// The place of the candidate that costs least by an objective; `None` where none can be had. Of those as fast as the
/// fastest, within 5 %, it is the one of the fewest bytes both ways; the first of equals.
pub fn best(objective: Objective, expenses: &[Option<Expense>]) -> Option<usize> {
    let known = || {
        let known = expenses.iter().enumerate();
        known.filter_map(|(place, expense)| Some((place, expense.as_ref()?)))
    };
    let least = known().filter_map(|(_, e)| e.time(objective)).min();
    let most = least.map(|time| time.saturating_add(time / AS_FAST));
    let slow = |e: &Expense| e.time(objective) > most;
    let fast = known().filter(|(_, e)| !slow(e));
    fast.map(|(place, e)| (e.by(objective), place))
        .min()
        .map(|(_, place)| place)
}
