//! One row for each cell: medians over its repetitions, and what else a table shows.

use std::cmp::Ordering;

use super::{Busy, Phase, Records, busy};
use crate::measure::Estimate;
use crate::record::{Cell, Clock, Repetition, Run, Setup, Status};
use hexperiment_scheme::options::OptionValue;
use hexperiment_scheme::security::{Encryption, Origin, Protection};
use hexperiment_task::ledger::Metric;
use hexperiment_task::ledger::{Errors, Precision, Traffic};

/// The level below which every table marks a row, whatever was demanded.
const USUAL_BITS: u32 = 128;

/// One cell of a run.
#[derive(Clone, Debug)]
pub struct Row {
    /// The experiment's name.
    pub experiment: String,
    /// When the run began, in UTC (RFC 3339).
    pub started: String,
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
    /// The seed of its split, of its balancing and of the order of cells.
    pub seed: u64,
    /// Its parameters and keys, if it came so far.
    pub setup: Option<Setup>,
    /// What its repetitions say, if there is one; of a row that is not `ok`, those before its
    /// end.
    pub measured: Option<Measured>,
    /// Why its times are not those of a quiet machine, if they are not.
    pub busy: Option<Busy>,
}

/// What the repetitions of a cell say. Times are for the whole batch.
#[derive(Clone, Debug)]
pub struct Measured {
    /// Repetitions.
    pub repetitions: usize,
    /// Samples that each repetition encrypted.
    pub samples: usize,
    /// The round of each repetition, in the order of the times of all phases.
    pub rounds: Vec<u32>,
    /// All metrics of one repetition: the one whose first metric is the median (the lower one
    /// of two). So counts stay counts, and metrics belong together.
    pub metrics: Vec<Metric>,
    /// The worst of each error over the repetitions; a violation if there was one.
    pub errors: Errors,
    /// Encryption.
    pub encrypt: Phase,
    /// Evaluation.
    pub evaluate: Phase,
    /// Median wall time of the evaluation in milliseconds, with its 95 % interval.
    pub evaluate_ms: Estimate,
    /// Median CPU time of the evaluation in milliseconds, with its 95 % interval.
    pub evaluate_cpu_ms: Estimate,
    /// Decryption.
    pub decrypt: Phase,
    /// Writing, crossing and reading of what the parties sent each other.
    pub transfer: Phase,
    /// Encryption, evaluation and decryption together.
    pub total: Phase,
    /// What crossed, in the median of each number over the repetitions.
    pub traffic: Traffic,
    /// Peak resident set of the client's process, in bytes; `None` in records of versions in which
    /// both parties were one process.
    pub client_peak_rss_bytes: Option<u64>,
    /// Peak resident set of the server's process, in bytes; `None` in such records, and where the
    /// server does not say.
    pub server_peak_rss_bytes: Option<u64>,
    /// Peak resident set of both parties in one process, in bytes, in such records.
    pub peak_rss_bytes: Option<u64>,
    /// The highest load average before and after the repetitions; `None` where there is none.
    pub load_average: Option<f64>,
    /// The share of its time that the cell's threads waited for a processor, in the median of the
    /// repetitions; `None` where the system does not count it.
    pub share_waited: Option<f64>,
    /// What the task has to say, each once.
    pub notes: Vec<String>,
}

impl Measured {
    /// Encryption, evaluation and decryption of one sample, in milliseconds of a clock.
    pub fn total_ms_per_sample(&self, clock: Clock) -> f64 {
        self.total.median(clock) / self.samples as f64
    }

    /// Median of the evaluation with its 95 % interval, in milliseconds of a clock.
    pub fn evaluation(&self, clock: Clock) -> Estimate {
        match clock {
            Clock::Wall => self.evaluate_ms,
            Clock::Cpu => self.evaluate_cpu_ms,
        }
    }

    /// Uploaded bytes over those of the same data in the clear, as doubles, without padding; `None`
    /// if no data were sent.
    pub fn expansion(&self) -> Option<f64> {
        let clear = 8 * self.traffic.clear_values;
        (clear > 0).then(|| self.traffic.upload_bytes as f64 / clear as f64)
    }

    fn of(repetitions: &[&Repetition], setup: Option<&Setup>) -> Option<Self> {
        let first = *repetitions.first()?;
        // Older records know the samples only that were scored.
        let samples = setup.map_or(0, |s| s.samples as usize);
        let evaluate = Phase::of(repetitions, |r| r.evaluate);
        let total = |r: &Repetition| {
            let mut time = r.encrypt;
            time += r.evaluate;
            time += r.decrypt;
            time
        };
        let mut notes = Vec::new();
        for note in repetitions.iter().flat_map(|r| &r.quality.notes) {
            if !notes.contains(note) {
                notes.push(note.clone());
            }
        }
        Some(Self {
            repetitions: repetitions.len(),
            samples: if samples > 0 {
                samples
            } else {
                first.quality.samples
            },
            rounds: repetitions.iter().map(|r| r.index).collect(),
            metrics: typical(repetitions).quality.metrics.clone(),
            errors: worst(repetitions),
            encrypt: Phase::of(repetitions, |r| r.encrypt),
            evaluate_ms: Estimate::of(&evaluate.wall_ms),
            evaluate_cpu_ms: Estimate::of(&evaluate.cpu_ms),
            evaluate,
            decrypt: Phase::of(repetitions, |r| r.decrypt),
            transfer: Phase::of(repetitions, |r| r.transfer),
            total: Phase::of(repetitions, total),
            traffic: traffic(repetitions),
            client_peak_rss_bytes: most(repetitions, |r| r.client_peak_rss_bytes),
            server_peak_rss_bytes: most(repetitions, |r| r.server_peak_rss_bytes),
            peak_rss_bytes: most(repetitions, |r| r.peak_rss_bytes),
            load_average: busy::highest_load(repetitions),
            share_waited: busy::share_waited(repetitions),
            notes,
        })
    }
}

/// The largest of what the repetitions know.
fn most(repetitions: &[&Repetition], of: impl Fn(&Repetition) -> Option<u64>) -> Option<u64> {
    repetitions.iter().filter_map(|r| of(r)).max()
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
        precision: repetitions
            .iter()
            .filter_map(|r| r.errors.precision.clone())
            .reduce(Precision::further),
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
    // A run that is killed after a wrong result is recorded does not record the cell's end.
    let wrong = repetitions.iter().find_map(|r| r.errors.violation.as_ref());
    let wanted = setting("repetitions").unwrap_or(1).max(1) as usize;
    let (status, reason) = match (stopped, wrong) {
        (Some(stopped), _) => (stopped.status, stopped.reason.clone()),
        (None, Some(violation)) => (Status::Failed, violation.to_string()),
        (None, None) if repetitions.len() >= wanted => (Status::Ok, String::new()),
        (None, None) => (
            Status::Failed,
            format!(
                "the run was interrupted: {} of {wanted} repetitions are there; `--resume` goes on",
                repetitions.len()
            ),
        ),
    };
    let threads = setting("threads").map_or(run.provenance.threads, |n| n as usize);
    let seed = setting("seed").unwrap_or(0);
    let demanded =
        setting("security_bits").map_or(USUAL_BITS, |n| n.try_into().unwrap_or(u32::MAX));
    Row {
        experiment: run.experiment.clone(),
        started: run.started.clone(),
        cell: cell.clone(),
        status,
        reason,
        demanded_bits: demanded,
        threads,
        seed,
        setup: records.setups.get(&cell.id).cloned(),
        measured: Measured::of(&repetitions, records.setups.get(&cell.id)),
        busy: Busy::of(&repetitions, threads, run.provenance.cores),
    }
}

/// A whole number of the section `[run]`, as this cell has it.
fn setting(run: &Run, cell: &Cell, key: &str) -> Option<u64> {
    match cell.point.get(&format!("run.{key}")) {
        Some(OptionValue::Integer(n)) => u64::try_from(*n).ok(),
        _ => run.setting(key).as_u64(),
    }
}

impl Row {
    /// What words call it: the cell's id, which tells its matrix point too.
    pub fn name(&self) -> &str {
        &self.cell.id
    }

    /// How it is protected, if it came so far.
    pub fn protection(&self) -> Option<Protection> {
        self.setup
            .as_ref()
            .map(|s| s.parameters.security.protection())
    }

    /// Whose key encrypts its inputs, where one does and that is known.
    pub fn encryption(&self) -> Option<Encryption> {
        self.setup.as_ref().and_then(|s| s.parameters.encryption)
    }

    /// Its security in bits, if it came so far.
    pub fn security_bits(&self) -> Option<u32> {
        self.setup.as_ref().map(|s| s.parameters.security.bits())
    }

    /// Whether it claims protection, but less than was demanded or than is usual (128 bits).
    pub fn insecure(&self) -> bool {
        let wanted = self.demanded_bits.max(USUAL_BITS);
        let weak = self.security_bits().is_some_and(|bits| bits < wanted);
        weak && self.protection() != Some(Protection::None)
    }

    /// Whether its level of security is the word of a plugin from outside, at which nobody here has
    /// looked.
    pub fn level_is_stated(&self) -> bool {
        let setup = self.setup.as_ref();
        setup.is_some_and(|s| s.parameters.security.origin() == Origin::Reported)
    }

    /// The precision that its results miss; `None` where they are as near as the task wants, or
    /// nobody looked.
    pub fn imprecise(&self) -> Option<&Precision> {
        let precision = self.measured.as_ref()?.errors.precision.as_ref()?;
        (!precision.is_met()).then_some(precision)
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
}
