//! One row for each cell: medians over its repetitions, and what else a table shows.

use std::cmp::Ordering;

use super::Records;
use crate::measure::{Estimate, median};
use crate::options::OptionValue;
use crate::record::{Cell, Errors, Repetition, Run, Setup, Status, Time, Traffic};
use crate::security::Protection;
use crate::task::Metric;

/// The columns of `summary.csv`, in order.
pub const COLUMNS: [&str; 33] = [
    "experiment",
    "scheme",
    "label",
    "task",
    "dataset",
    "status",
    "reason",
    "samples",
    "metric",
    "value",
    "plaintext_value",
    "max_abs_error",
    "approximation_error",
    "noise_error",
    "precision_bits",
    "compile_ms",
    "keygen_ms",
    "encrypt_ms",
    "evaluate_ms",
    "decrypt_ms",
    "evaluate_ms_low",
    "evaluate_ms_high",
    "total_ms_per_sample",
    "ciphertext_bytes",
    "result_bytes",
    "key_bytes",
    "expansion",
    "rounds",
    "server_sees",
    "protection",
    "security_bits",
    "peak_rss_bytes",
    "threads",
];

/// The level below which every table marks a row, whatever was demanded.
const USUAL_BITS: u32 = 128;

/// What stands in one column of one row.
#[derive(Clone, Debug, PartialEq)]
pub enum Field {
    /// Words.
    Text(String),
    /// A whole number.
    Count(u64),
    /// A number.
    Number(f64),
    /// The column does not apply.
    Empty,
}

impl Field {
    /// The number, if it is one.
    pub fn number(&self) -> Option<f64> {
        match self {
            Self::Count(n) => Some(*n as f64),
            Self::Number(x) => Some(*x),
            Self::Text(_) | Self::Empty => None,
        }
    }
}

impl std::fmt::Display for Field {
    /// Shortest digits that read back as the same number; nothing where nothing applies.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Text(text) => f.write_str(text),
            Self::Count(n) => write!(f, "{n}"),
            Self::Number(x) => write!(f, "{x:?}"),
            Self::Empty => Ok(()),
        }
    }
}

/// One cell of a run.
#[derive(Clone, Debug)]
pub struct Row {
    /// The experiment's name.
    pub experiment: String,
    /// The cell.
    pub cell: Cell,
    /// How it ended.
    pub status: Status,
    /// Why it did not end well; empty if it did.
    pub reason: String,
    /// The bits of security that were demanded of it.
    pub demanded_bits: u32,
    /// Threads that it had.
    pub threads: usize,
    /// Its parameters and keys, if it came so far.
    pub setup: Option<Setup>,
    /// What its repetitions say, if there is one; of a row that is not `ok`, those before its
    /// end.
    pub measured: Option<Measured>,
}

/// What the repetitions of a cell say. Times are for the whole batch, in milliseconds.
#[derive(Clone, Debug)]
pub struct Measured {
    /// Repetitions.
    pub repetitions: usize,
    /// Samples of the batch.
    pub samples: usize,
    /// All metrics of one repetition: the one whose first metric is the median (the lower one
    /// of two). So counts stay counts, and metrics belong together.
    pub metrics: Vec<Metric>,
    /// The worst of each error over the repetitions; a violation if there was one.
    pub errors: Errors,
    /// Median of the encryption.
    pub encrypt_ms: f64,
    /// Median of the evaluation, with its 95 % interval.
    pub evaluate_ms: Estimate,
    /// Median of the decryption.
    pub decrypt_ms: f64,
    /// Median of writing and reading what crossed between the parties.
    pub transfer_ms: f64,
    /// Median of the processor time of the evaluation, of all threads.
    pub evaluate_cpu_ms: f64,
    /// The evaluation of every repetition.
    pub evaluations_ms: Vec<f64>,
    /// Encryption, evaluation and decryption of every repetition together.
    pub totals_ms: Vec<f64>,
    /// What crossed, in the median of each number over the repetitions.
    pub traffic: Traffic,
    /// Peak resident set of the cell's process, in bytes.
    pub peak_rss_bytes: u64,
    /// What the task has to say, each once.
    pub notes: Vec<String>,
}

impl Measured {
    /// Encryption, evaluation and decryption of one sample, in milliseconds.
    pub fn total_ms_per_sample(&self) -> f64 {
        (self.encrypt_ms + self.evaluate_ms.median + self.decrypt_ms) / self.samples as f64
    }

    /// Uploaded bytes over those of the same numbers in clear, as doubles; `None` if none were
    /// sent.
    pub fn expansion(&self) -> Option<f64> {
        let clear = 8 * self.traffic.clear_values;
        (clear > 0).then(|| self.traffic.upload_bytes as f64 / clear as f64)
    }

    fn of(repetitions: &[&Repetition], seed: u64) -> Option<Self> {
        let first = *repetitions.first()?;
        let times = |f: &dyn Fn(&Repetition) -> u64| -> Vec<f64> {
            repetitions.iter().map(|r| f(r) as f64 / 1e6).collect()
        };
        let wall = |f: fn(&Repetition) -> Time| times(&|r| f(r).wall_ns);
        let (encryptions, decryptions) = (wall(|r| r.encrypt), wall(|r| r.decrypt));
        let evaluations = wall(|r| r.evaluate);
        let totals = |r: &Repetition| r.encrypt.wall_ns + r.evaluate.wall_ns + r.decrypt.wall_ns;
        let mut notes = Vec::new();
        for note in repetitions.iter().flat_map(|r| &r.quality.notes) {
            if !notes.contains(note) {
                notes.push(note.clone());
            }
        }
        Some(Self {
            repetitions: repetitions.len(),
            samples: first.quality.samples,
            metrics: typical(repetitions).quality.metrics.clone(),
            errors: worst(repetitions),
            encrypt_ms: median(&encryptions),
            evaluate_ms: Estimate::of(&evaluations, seed),
            decrypt_ms: median(&decryptions),
            transfer_ms: median(&wall(|r| r.transfer)),
            evaluate_cpu_ms: median(&times(&|r| r.evaluate.cpu_ns)),
            totals_ms: times(&totals),
            evaluations_ms: evaluations,
            traffic: traffic(repetitions),
            peak_rss_bytes: repetitions
                .iter()
                .map(|r| r.peak_rss_bytes)
                .max()
                .unwrap_or(0),
            notes,
        })
    }
}

/// The repetition whose headline is the median; never of an empty list.
fn typical<'a>(repetitions: &[&'a Repetition]) -> &'a Repetition {
    let headline = |r: &Repetition| r.quality.metrics.first().map_or(f64::NAN, |m| m.value);
    let mut sorted = repetitions.to_vec();
    sorted.sort_by(|a, b| headline(a).total_cmp(&headline(b)));
    sorted[(sorted.len() - 1) / 2]
}

/// The largest errors and the least precision; NaN is the worst.
fn worst(repetitions: &[&Repetition]) -> Errors {
    let worse = |f: fn(&Errors) -> f64| {
        let order = |a: &f64, b: &f64| match (a.is_nan(), b.is_nan()) {
            (true, true) => Ordering::Equal,
            (true, false) => Ordering::Greater,
            (false, true) => Ordering::Less,
            (false, false) => a.total_cmp(b),
        };
        let values = repetitions.iter().map(|r| f(&r.errors));
        values.max_by(order).unwrap_or(f64::NAN)
    };
    Errors {
        max_abs: worse(|e| e.max_abs),
        approximation: worse(|e| e.approximation),
        noise: worse(|e| e.noise),
        precision_bits: -worse(|e| -e.precision_bits),
        violation: repetitions.iter().find_map(|r| r.errors.violation.clone()),
    }
}

fn traffic(repetitions: &[&Repetition]) -> Traffic {
    let middle = |f: fn(&Traffic) -> u64| {
        let mut values: Vec<u64> = repetitions.iter().map(|r| f(&r.traffic)).collect();
        values.sort_unstable();
        values[(values.len() - 1) / 2]
    };
    Traffic {
        upload_bytes: middle(|t| t.upload_bytes),
        download_bytes: middle(|t| t.download_bytes),
        upload_ciphertexts: middle(|t| t.upload_ciphertexts),
        download_ciphertexts: middle(|t| t.download_ciphertexts),
        rounds: middle(|t| t.rounds.into()) as u32,
        decrypted_midway: middle(|t| t.decrypted_midway.into()) as u32,
        clear_values: middle(|t| t.clear_values),
    }
}

/// One row for each cell, in the run's order.
pub fn rows(records: &Records) -> Vec<Row> {
    let run = &records.run;
    run.cells.iter().map(|cell| row(records, cell)).collect()
}

fn row(records: &Records, cell: &Cell) -> Row {
    let run = &records.run;
    let setting = |key: &str| setting(run, cell, key);
    let repetitions: Vec<&Repetition> = records
        .repetitions
        .iter()
        .filter(|r| r.cell == cell.id)
        .collect();
    let stopped = records.stopped.iter().find(|s| s.cell == cell.id);
    let wanted = setting("repetitions").unwrap_or(1).max(1) as usize;
    let (status, reason) = match stopped {
        Some(stopped) => (stopped.status, stopped.reason.clone()),
        None if repetitions.len() >= wanted => (Status::Ok, String::new()),
        None => (
            Status::Failed,
            format!(
                "the run was interrupted: {} of {wanted} repetitions are there; `--resume` goes on",
                repetitions.len()
            ),
        ),
    };
    Row {
        experiment: run.experiment.clone(),
        cell: cell.clone(),
        status,
        reason,
        demanded_bits: setting("security_bits").unwrap_or(USUAL_BITS.into()) as u32,
        threads: setting("threads").map_or(run.provenance.threads, |n| n as usize),
        setup: records.setups.get(&cell.id).cloned(),
        measured: Measured::of(&repetitions, setting("seed").unwrap_or(0)),
    }
}

/// A whole number of the section `[run]`, as this cell has it.
fn setting(run: &Run, cell: &Cell, key: &str) -> Option<u64> {
    match cell.point.get(&format!("run.{key}")) {
        Some(OptionValue::Integer(n)) => u64::try_from(*n).ok(),
        _ => run.resolved["run"][key].as_u64(),
    }
}

impl Row {
    /// How tables call it: the cell's name, which tells its matrix point too.
    pub fn name(&self) -> &str {
        &self.cell.id
    }

    /// How it is protected, if it came so far.
    pub fn protection(&self) -> Option<Protection> {
        self.setup
            .as_ref()
            .map(|s| s.parameters.security.protection)
    }

    /// Its security in bits, if it came so far.
    pub fn security_bits(&self) -> Option<u32> {
        self.setup.as_ref().map(|s| s.parameters.security.bits)
    }

    /// Whether it claims protection, but less than was demanded or than is usual (128 bits).
    pub fn insecure(&self) -> bool {
        let wanted = self.demanded_bits.max(USUAL_BITS);
        let weak = self.security_bits().is_some_and(|bits| bits < wanted);
        weak && self.protection() != Some(Protection::None)
    }

    /// The task's headline.
    pub fn headline(&self) -> Option<&Metric> {
        self.measured.as_ref()?.metrics.first()
    }

    /// A metric.
    pub fn metric(&self, name: &str) -> Option<&Metric> {
        self.measured
            .as_ref()?
            .metrics
            .iter()
            .find(|m| m.name == name)
    }

    /// What stands in a column of [`COLUMNS`]; `None` for other names.
    pub fn column(&self, name: &str) -> Option<Field> {
        let text = |t: &str| Field::Text(t.to_owned());
        let setup = |f: &dyn Fn(&Setup) -> Field| self.setup.as_ref().map_or(Field::Empty, f);
        let measured =
            |f: &dyn Fn(&Measured) -> Field| self.measured.as_ref().map_or(Field::Empty, f);
        let number = |f: fn(&Measured) -> f64| measured(&|m| Field::Number(f(m)));
        let count = |f: fn(&Measured) -> u64| measured(&|m| Field::Count(f(m)));
        let headline = |f: fn(&Metric) -> Field| self.headline().map_or(Field::Empty, f);
        let millis = |t: Time| Field::Number(t.wall_ns as f64 / 1e6);
        Some(match name {
            "experiment" => text(&self.experiment),
            "scheme" => text(&self.cell.scheme),
            "label" => text(self.name()),
            "task" => text(&self.cell.task),
            "dataset" => text(&self.cell.dataset),
            "status" => Field::Text(self.status.to_string()),
            "reason" => text(&self.reason),
            "samples" => count(|m| m.samples as u64),
            "metric" => headline(|m| Field::Text(m.name.clone())),
            "value" => headline(|m| Field::Number(m.value)),
            "plaintext_value" => headline(|m| m.plaintext.map_or(Field::Empty, Field::Number)),
            "max_abs_error" => number(|m| m.errors.max_abs),
            "approximation_error" => number(|m| m.errors.approximation),
            "noise_error" => number(|m| m.errors.noise),
            "precision_bits" => number(|m| m.errors.precision_bits),
            "compile_ms" => setup(&|s| millis(s.compile)),
            "keygen_ms" => setup(&|s| millis(s.keygen)),
            "encrypt_ms" => number(|m| m.encrypt_ms),
            "evaluate_ms" => number(|m| m.evaluate_ms.median),
            "decrypt_ms" => number(|m| m.decrypt_ms),
            "evaluate_ms_low" => number(|m| m.evaluate_ms.low),
            "evaluate_ms_high" => number(|m| m.evaluate_ms.high),
            "total_ms_per_sample" => number(Measured::total_ms_per_sample),
            "ciphertext_bytes" => count(|m| m.traffic.upload_bytes),
            "result_bytes" => count(|m| m.traffic.download_bytes),
            "key_bytes" => setup(&|s| Field::Count(s.keys.total())),
            "expansion" => measured(&|m| m.expansion().map_or(Field::Empty, Field::Number)),
            "rounds" => count(|m| m.traffic.rounds.into()),
            "server_sees" => setup(&|s| text(&s.parameters.server_sees)),
            "protection" => self
                .protection()
                .map_or(Field::Empty, |p| Field::Text(p.to_string())),
            "security_bits" => setup(&|s| Field::Count(s.parameters.security.bits.into())),
            "peak_rss_bytes" => count(|m| m.peak_rss_bytes),
            "threads" => Field::Count(self.threads as u64),
            _ => return None,
        })
    }
}
