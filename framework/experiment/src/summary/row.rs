//! One row for each cell: medians over its repetitions, and what else a table shows.

use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::seeds::{self, MetricIntervals};
use super::{Busy, Phase, Records, busy};
use crate::measure::{Estimate, Spread};
use crate::record::{Cell, Clock, Repetition, Run, Setup, Status};
use hexperiment_scheme::options::OptionValue;
use hexperiment_scheme::security::{Encryption, Origin, Protection};
use hexperiment_task::ledger::{Clipping, Errors, Metric, OutputErrors, Precision, Time, Traffic};

/// The level below which every table marks a row, whatever was demanded.
const USUAL_BITS: u32 = 128;

/// One cell of a run, or those that differ by their seeds only.
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
    /// The seed of its split, of its balancing and of the order of cells; the first of several.
    pub seed: u64,
    /// Its parameters and keys, if it came so far: those of its latest process.
    pub setup: Option<Setup>,
    /// What is done once in each process, if it came so far.
    pub start_up: Option<StartUp>,
    /// What its repetitions say, if there is one; of a row that is not `ok`, those before its
    /// end.
    pub measured: Option<Measured>,
    /// Why its times are not those of a quiet machine, if they are not.
    pub busy: Option<Busy>,
}

/// What is done once in each process.
#[derive(Clone, Debug)]
pub struct StartUp {
    /// Lowering and choice of parameters.
    pub compile: Phase,
    /// Key generation: the client's.
    pub keygen: Phase,
    /// The crossing of the evaluation keys; of no process in records of versions in which none crossed.
    pub key_transfer: Phase,
    /// What the server does before the first query; of no process in records of versions that counted it
    /// elsewhere.
    pub prepare: Phase,
}

impl StartUp {
    /// Of the processes of a cell; `None` of none.
    fn of(setups: &[&Setup]) -> Option<Self> {
        let known = |of: fn(&Setup) -> Option<Time>| {
            Phase::of_times(setups.iter().filter_map(|setup| of(setup)))
        };
        (!setups.is_empty()).then(|| Self {
            compile: known(|s| Some(s.compile)),
            keygen: known(|s| Some(s.keygen)),
            key_transfer: known(|s| s.key_transfer),
            prepare: known(|s| s.prepare),
        })
    }
}

/// What the repetitions of a cell say. Times are for the whole batch.
#[derive(Clone, Debug)]
pub struct Measured {
    /// Repetitions, of all seeds.
    pub repetitions: usize,
    /// Seeds that were measured.
    pub seeds: usize,
    /// Samples that each repetition encrypted; the median of the seeds (the lower one of two).
    pub samples: usize,
    /// The round of each repetition, counted on from seed to seed, in the order of the times of all phases.
    pub rounds: Vec<u32>,
    /// The number of the process of each, counted on from seed to seed, in the same order.
    pub processes: Vec<u32>,
    /// All metrics of one repetition: the one whose first metric is the median (the lower one
    /// of two). So counts stay counts, and metrics belong together. Of several seeds, the mean of each
    /// metric over them.
    pub metrics: Vec<Metric>,
    /// Of several seeds, the intervals of these means, by the metrics' names.
    pub intervals: BTreeMap<String, MetricIntervals>,
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

    /// Processes that the repetitions ran in.
    pub fn process_count(&self) -> usize {
        let all: BTreeSet<&u32> = self.processes.iter().collect();
        all.len()
    }

    /// How the evaluation's time scatters between processes and within them; `None` of one process.
    pub fn spread(&self, clock: Clock) -> Option<Spread> {
        Spread::of(self.evaluate.values(clock), &self.processes)
    }

    /// Uploaded bytes over those of the same data in the clear, as doubles, without padding; `None`
    /// if no data were sent.
    pub fn expansion(&self) -> Option<f64> {
        let clear = 8 * self.traffic.clear_values;
        (clear > 0).then(|| self.traffic.upload_bytes as f64 / clear as f64)
    }

    /// Of the cells of a row, of which those count that have repetitions.
    fn of(parts: &[Part<'_>]) -> Option<Self> {
        let repetitions: Vec<&Repetition> = parts
            .iter()
            .flat_map(|part| part.repetitions.iter().copied())
            .collect();
        let mut samples: Vec<usize> = parts.iter().filter_map(Part::samples).collect();
        samples.sort_unstable();
        let samples = *samples.get(samples.len().saturating_sub(1) / 2)?;
        let repetitions = repetitions.as_slice();
        let evaluate = Phase::of(repetitions, |r| r.evaluate);
        let placed = |of: fn(&Part<'_>, &Repetition) -> u32| -> Vec<u32> {
            let of_part = |part| move |r: &&Repetition| of(part, r);
            let all = parts
                .iter()
                .flat_map(|part| part.repetitions.iter().map(of_part(part)));
            all.collect()
        };
        let processes = placed(|part, r| part.first_process.saturating_add(r.process));
        let total = |r: &Repetition| {
            let mut time = r.encrypt;
            time += r.evaluate;
            time += r.decrypt;
            time
        };
        let typical: Vec<&[Metric]> = parts
            .iter()
            .filter_map(|part| Some(typical(&part.repetitions)?.quality.metrics.as_slice()))
            .collect();
        let (metrics, intervals) = match typical.as_slice() {
            [only] => (only.to_vec(), BTreeMap::new()),
            of_seeds => seeds::means(of_seeds),
        };
        Some(Self {
            repetitions: repetitions.len(),
            seeds: typical.len(),
            samples,
            rounds: placed(|part, r| part.first_round.saturating_add(r.index)),
            metrics,
            intervals,
            errors: worst(repetitions),
            encrypt: Phase::of(repetitions, |r| r.encrypt),
            evaluate_ms: Estimate::of(&evaluate.wall_ms, &processes),
            evaluate_cpu_ms: Estimate::of(&evaluate.cpu_ms, &processes),
            evaluate,
            processes,
            decrypt: Phase::of(repetitions, |r| r.decrypt),
            transfer: Phase::of(repetitions, |r| r.transfer),
            total: Phase::of(repetitions, total),
            traffic: traffic(repetitions),
            client_peak_rss_bytes: most(repetitions, |r| r.client_peak_rss_bytes),
            server_peak_rss_bytes: most(repetitions, |r| r.server_peak_rss_bytes),
            peak_rss_bytes: most(repetitions, |r| r.peak_rss_bytes),
            load_average: busy::highest_load(repetitions),
            share_waited: busy::share_waited(repetitions),
            notes: notes(parts),
        })
    }
}

/// What the task says of the repetitions, each once; of several seeds, what it says of all of them, and
/// what else it says of the first.
fn notes(parts: &[Part<'_>]) -> Vec<String> {
    let of = |part: &Part<'_>| {
        let mut notes: Vec<String> = Vec::new();
        for note in part.repetitions.iter().flat_map(|r| &r.quality.notes) {
            if !notes.contains(note) {
                notes.push(note.clone());
            }
        }
        notes
    };
    let measured = parts.iter().filter(|part| !part.repetitions.is_empty());
    let all: Vec<(&Part<'_>, Vec<String>)> = measured.map(|part| (part, of(part))).collect();
    let Some(((first, notes), others)) = all.split_first() else {
        return vec![];
    };
    let told = notes.iter().map(|note| {
        let shared = others.iter().all(|(_, notes)| notes.contains(note));
        match first.cell.seed.filter(|_| !shared) {
            Some(seed) => format!("at seed {seed}: {note}"),
            None => note.clone(),
        }
    });
    told.collect()
}

/// The largest of what the repetitions know.
fn most(repetitions: &[&Repetition], of: impl Fn(&Repetition) -> Option<u64>) -> Option<u64> {
    repetitions.iter().filter_map(|r| of(r)).max()
}

/// The repetition whose headline is the median; none of none.
fn typical<'a>(repetitions: &[&'a Repetition]) -> Option<&'a Repetition> {
    let headline = |r: &Repetition| r.quality.metrics.first().map_or(f64::NAN, |m| m.value);
    let mut sorted = repetitions.to_vec();
    sorted.sort_by(|a, b| headline(a).total_cmp(&headline(b)));
    sorted.get(sorted.len().saturating_sub(1) / 2).copied()
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
        clipping: clipping(repetitions),
        precision_bits: -worse(|e| -e.precision_bits),
        outputs: outputs(repetitions),
        precision: repetitions
            .iter()
            .filter_map(|r| r.errors.precision.clone())
            .reduce(Precision::further),
        violation: repetitions.iter().find_map(|r| r.errors.violation.clone()),
    }
}

/// What was clipped, in the repetition in which it matters most; `None` where nobody looked.
fn clipping(repetitions: &[&Repetition]) -> Option<Clipping> {
    let each = repetitions.iter().filter_map(|r| r.errors.clipping);
    each.reduce(|a, b| {
        let more = |a: f64, b: f64| a.is_nan() || a >= b;
        if more(a.error, b.error) { a } else { b }
    })
}

/// The worst parts of each output.
fn outputs(repetitions: &[&Repetition]) -> Vec<OutputErrors> {
    let mut all: Vec<OutputErrors> = Vec::new();
    for found in repetitions.iter().flat_map(|r| &r.errors.outputs) {
        match all.iter_mut().find(|o| o.output == found.output) {
            Some(known) => *known = known.clone().worse(found),
            None => all.push(found.clone()),
        }
    }
    all
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

/// One row for each cell, or for all cells that differ by their seeds only, in the run's order.
pub fn rows(records: &Records) -> Vec<Row> {
    let mut places: HashMap<&str, usize> = HashMap::new();
    let mut groups: Vec<Vec<&Cell>> = Vec::new();
    for cell in &records.run.cells {
        let place = *places.entry(cell.row()).or_insert(groups.len());
        match groups.get_mut(place) {
            Some(group) => group.push(cell),
            None => groups.push(vec![cell]),
        }
    }
    groups.iter().map(|cells| row(records, cells)).collect()
}

/// A cell of a row, and how it ended.
struct Part<'a> {
    cell: &'a Cell,
    /// What its rounds and processes are counted from in the row.
    first_round: u32,
    first_process: u32,
    repetitions: Vec<&'a Repetition>,
    /// By process.
    setups: Vec<&'a Setup>,
    status: Status,
    reason: String,
}

impl<'a> Part<'a> {
    /// The cell with this place in its row.
    fn of(records: &'a Records, cell: &'a Cell, place: u32) -> Self {
        let run = &records.run;
        let repetitions: Vec<&Repetition> = records
            .repetitions
            .iter()
            .filter(|r| r.cell == cell.id)
            .collect();
        let setups = records.setups.get(&cell.id);
        let stopped = records.stopped.iter().find(|s| s.cell == cell.id);
        // A run that is killed after a wrong result is recorded does not record the cell's end.
        let wrong = repetitions.iter().find_map(|r| r.errors.violation.as_ref());
        let wanted = run.repetitions().unwrap_or(1).max(1);
        let (status, reason) = match (stopped, wrong) {
            (Some(stopped), _) => (stopped.status, stopped.reason.clone()),
            (None, Some(violation)) => (Status::Failed, violation.to_string()),
            (None, None) if repetitions.len() >= wanted as usize => (Status::Ok, String::new()),
            (None, None) => (
                Status::Failed,
                format!(
                    "the run was interrupted: {} of {wanted} repetitions are there; `--resume` goes on",
                    repetitions.len()
                ),
            ),
        };
        Self {
            cell,
            first_round: place.saturating_mul(wanted),
            first_process: place.saturating_mul(run.processes()),
            repetitions,
            setups: setups.map_or(vec![], |of| of.values().collect()),
            status,
            reason,
        }
    }

    /// Samples that each repetition encrypted; `None` without repetitions. Older records know the
    /// samples only that were scored.
    fn samples(&self) -> Option<usize> {
        let scored = self.repetitions.first()?.quality.samples;
        let stated = self.setups.last().map_or(0, |s| s.samples as usize);
        Some(if stated > 0 { stated } else { scored })
    }
}

/// How a row ended, and why: as its cell did, or as the first of its cells that did not end well. One
/// that was refused tells less than one that failed.
fn end(parts: &[Part<'_>]) -> (Status, String) {
    let not_ok = |part: &&Part<'_>| part.status != Status::Ok;
    let failed = parts
        .iter()
        .filter(not_ok)
        .find(|p| p.status != Status::Refused);
    let Some(worst) = failed.or_else(|| parts.iter().find(not_ok)) else {
        return (Status::Ok, String::new());
    };
    let same = |part: &Part<'_>| (part.status, &part.reason) == (worst.status, &worst.reason);
    let reason = match worst.cell.seed {
        Some(seed) if !parts.iter().all(same) => {
            let well = parts.iter().filter(|p| p.status == Status::Ok).count();
            format!(
                "at seed {seed}: {} ({well} of {} seeds are ok)",
                worst.reason,
                parts.len()
            )
        }
        _ => worst.reason.clone(),
    };
    (worst.status, reason)
}

fn row(records: &Records, cells: &[&Cell]) -> Row {
    let run = &records.run;
    let parts: Vec<Part<'_>> = (0..)
        .zip(cells)
        .map(|(place, cell)| Part::of(records, cell, place))
        .collect();
    // Every row has a cell.
    let cell = Cell {
        id: cells[0].row().to_owned(),
        seed: None,
        ..cells[0].clone()
    };
    let setting = |key: &str| setting(run, &cell, key);
    let (status, reason) = end(&parts);
    let threads = setting("threads").map_or(run.provenance.threads, |n| n as usize);
    let seed = cells[0].seed.or_else(|| setting("seed")).unwrap_or(0);
    let demanded =
        setting("security_bits").map_or(USUAL_BITS, |n| n.try_into().unwrap_or(u32::MAX));
    let setups: Vec<&Setup> = parts
        .iter()
        .flat_map(|p| p.setups.iter().copied())
        .collect();
    // The weakest, where data of another seed ask for other parameters.
    let latest = parts.iter().filter_map(|part| part.setups.last());
    let setup = latest.min_by_key(|setup| setup.parameters.security.bits());
    let repetitions: Vec<&Repetition> = parts
        .iter()
        .flat_map(|p| p.repetitions.iter().copied())
        .collect();
    Row {
        experiment: run.experiment.clone(),
        started: run.started.clone(),
        status,
        reason,
        demanded_bits: demanded,
        threads,
        seed,
        setup: setup.map(|setup| (*setup).clone()),
        start_up: StartUp::of(&setups),
        measured: Measured::of(&parts),
        busy: Busy::of(
            &repetitions,
            &records.repetitions,
            threads,
            run.provenance.cores,
        ),
        cell,
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

    /// The intervals of a metric's means over seeds; none of one seed.
    pub fn intervals(&self, name: &str) -> MetricIntervals {
        let of = |m: &Measured| m.intervals.get(name).copied();
        self.measured.as_ref().and_then(of).unwrap_or_default()
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
