//! What the repetitions of a row say: medians, the worst errors, what was clipped.

use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};

use super::part::Part;
use super::seeds::{self, MetricIntervals};
use super::{BesideLibrary, Phase, RemotePhases, busy};
use crate::measure::{Estimate, Spread};
use crate::record::{Clock, Repetition, Setup};
use hexperiment_task::ledger::{Clipping, Errors, Metric, OutputErrors, Precision, Time, Traffic};

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
    pub(super) fn of(setups: &[&Setup]) -> Option<Self> {
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
    /// Phases of evaluations by a far server; `None` where it was a process of the same machine.
    pub remote: Option<RemotePhases>,
    /// The same work as calls of the library alone; `None` where `bench` did not time them.
    pub library: Option<BesideLibrary>,
    /// What the task has to say, each once.
    pub notes: Vec<String>,
}

impl Measured {
    /// Encryption, evaluation and decryption of one sample, in milliseconds of a clock; `None` where the
    /// records tell of no sample.
    pub fn total_ms_per_sample(&self, clock: Clock) -> Option<f64> {
        let samples = self.samples as f64;
        (samples > 0.0).then(|| self.total.median(clock) / samples)
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
    pub(super) fn of(parts: &[Part<'_>]) -> Option<Self> {
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
            errors: Errors {
                clipping: clipping(parts),
                ..worst(repetitions)
            },
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
            remote: RemotePhases::of(repetitions),
            library: BesideLibrary::of(repetitions),
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

/// The largest errors but for clipping, and the least precision; NaN is the worst.
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
        clipping: None,
        precision_bits: -worse(|e| -e.precision_bits),
        outputs: outputs(repetitions),
        precision: repetitions
            .iter()
            .filter_map(|r| r.errors.precision.clone())
            .reduce(Precision::further),
        violation: repetitions.iter().find_map(|r| r.errors.violation.clone()),
    }
}

/// What was clipped, in the repetition in which it matters most; of several seeds, the values of all of them,
/// and the rest of the one in which it matters most. `None` where nobody looked.
fn clipping(parts: &[Part<'_>]) -> Option<Clipping> {
    let worse = |a: Clipping, b: Clipping| {
        if a.error.is_nan() || a.error >= b.error {
            a
        } else {
            b
        }
    };
    let of_part = |part: &Part<'_>| {
        let each = part.repetitions.iter().filter_map(|r| r.errors.clipping);
        each.reduce(worse)
    };
    let of_seeds = parts.iter().filter_map(of_part);
    of_seeds.reduce(|a, b| Clipping {
        values: a.values.saturating_add(b.values),
        ..worse(a, b)
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
