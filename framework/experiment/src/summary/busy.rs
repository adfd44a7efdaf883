//! Whether a row's times are those of a quiet machine.
//!
//! A machine that others use spoils times and leaves no other trace. Three things tell:
//!
//! - what others took of the processors: time in which these had something to do and the cell's
//!   threads did not run. That is also what a virtual machine was not given;
//! - in records of older versions, which do not have it, threads that are ready to run and wait for a
//!   processor, which Linux counts for each thread. Both parties' threads together may be more than
//!   there are processors and wait for one another, so that it says less;
//! - wall time far above CPU time, which threads cannot explain: more threads only lower it;
//! - where none of these is counted, the load average. Where one is, a high load does not matter as
//!   long as nobody computes: the build before a run leaves one behind for minutes.

use crate::measure::median;
use crate::record::Repetition;
use hexperiment_task::ledger::Time;

/// What others take of the processors, beyond which times suffer.
const SHARE_OF_OTHERS: f64 = 0.1;
/// The standard deviation of a difference of two counts of hundredths of a second, in nanoseconds:
/// 10 ms over the square root of 6.
const COUNTING_NS: f64 = 4.1e6;
/// What others must have taken beyond an error of counting, in its standard deviations.
const BEYOND_COUNTING: f64 = 3.0;
/// The capacity from which a cell's repetitions are judged alone, in nanoseconds; those of less are
/// judged with all others of the run on the same machine, between which they were.
const ENOUGH_NS: f64 = 1e9;
/// Waiting less than this share of the time is what any machine has.
const SHARE_WAITED: f64 = 0.1;
/// Waiting less than this in one repetition, in milliseconds, is waking up.
const LEAST_WAITED_MS: f64 = 0.2;
/// Wall time over CPU time, beyond which something else than computing takes the time.
const WALL_PER_CPU: f64 = 1.5;
/// Wall time beyond CPU time that matters, in milliseconds: threads take some to wake up.
const LEAST_BEYOND_MS: f64 = 0.5;
/// The load average over the processors that it keeps busy; a run has helpers besides its threads.
const LOAD_PER_PROCESSOR: f64 = 1.25;

/// Why times are not those of a quiet machine.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Busy {
    /// Others computed on this share of the processors.
    Shared {
        /// Of what the processors could do while the cell's repetitions ran.
        share: f64,
    },
    /// Threads waited for a processor this share of their time, in the median.
    Waited {
        /// Of the time in which they had something to do.
        share: f64,
    },
    /// Encryption, evaluation and decryption took longer than threads account for, in the median.
    Stalled {
        /// Wall time over CPU time.
        wall_per_cpu: f64,
    },
    /// More wanted to run than there are processors.
    Loaded {
        /// The highest load average of the last minute.
        average: f64,
    },
}

impl Busy {
    /// Of the repetitions of a cell with so many threads, on so many processors, among those of the run that its machine
    /// did.
    pub(super) fn of(
        repetitions: &[&Repetition],
        of_run: Occupied,
        threads: usize,
        processors: usize,
    ) -> Option<Self> {
        let alone = Occupied::of(repetitions.iter().copied());
        let counted = alone.capacity_ns > 0.0;
        let occupied = if alone.capacity_ns < ENOUGH_NS {
            of_run
        } else {
            alone
        };
        let shared = || {
            let share = occupied.share_of_others()?;
            (counted && share >= SHARE_OF_OTHERS).then_some(Self::Shared { share })
        };
        let waited = || waited(repetitions).filter(|_| threads <= processors && !counted);
        let stalled = || stalled(repetitions);
        let loaded = || {
            let at_work = threads.max(processors) as f64;
            let average = highest_load(repetitions)?;
            // Also where repetitions are too short for the system's account.
            let counts = |r: &&Repetition| r.load.is_some_and(|load| load.schedule.is_some());
            let counted = counted || repetitions.iter().any(counts) && threads <= processors;
            (!counted && average > LOAD_PER_PROCESSOR * at_work).then_some(Self::Loaded { average })
        };
        shared().or_else(waited).or_else(stalled).or_else(loaded)
    }
}

/// What processors did during some repetitions.
#[derive(Clone, Copy, Default)]
pub(super) struct Occupied {
    /// Repetitions of which it is known.
    count: usize,
    /// What they could do, in nanoseconds.
    capacity_ns: f64,
    /// What others than the cell's threads took of it; less than 0 by errors of counting.
    others_ns: f64,
}

impl Occupied {
    pub(super) fn of<'a>(repetitions: impl Iterator<Item = &'a Repetition>) -> Self {
        let mut all = Self::default();
        for repetition in repetitions {
            let Some((load, processors)) = repetition.load.and_then(|l| Some((l, l.processors?)))
            else {
                continue;
            };
            // Threads that ended meanwhile are in the time of phases only, the work between them in
            // that of the threads.
            let phases = [
                repetition.encrypt,
                repetition.transfer,
                repetition.evaluate,
                repetition.decrypt,
            ];
            let phases: u64 = phases.iter().map(|time| time.cpu_ns).sum();
            let own = phases.max(load.schedule.map_or(0, |schedule| schedule.ran_ns));
            all.count += 1;
            all.capacity_ns += processors.capacity_ns as f64;
            all.others_ns += processors.capacity_ns as f64 - processors.idle_ns as f64 - own as f64;
        }
        all
    }

    /// Together with others.
    pub(super) fn and(self, other: Self) -> Self {
        Self {
            count: self.count + other.count,
            capacity_ns: self.capacity_ns + other.capacity_ns,
            others_ns: self.others_ns + other.others_ns,
        }
    }

    /// The share of others, if it is more than an error of counting.
    fn share_of_others(&self) -> Option<f64> {
        let error = BEYOND_COUNTING * COUNTING_NS * (self.count as f64).sqrt();
        (self.others_ns > error).then(|| self.others_ns / self.capacity_ns)
    }
}

fn waited(repetitions: &[&Repetition]) -> Option<Busy> {
    let share = share_waited(repetitions)?;
    let times = repetitions.iter().filter_map(|r| r.load?.schedule);
    let times: Vec<f64> = times.map(|s| s.waited_ns as f64 / 1e6).collect();
    (share >= SHARE_WAITED && median(&times) >= LEAST_WAITED_MS).then_some(Busy::Waited { share })
}

fn stalled(repetitions: &[&Repetition]) -> Option<Busy> {
    let phases = |r: &Repetition, of: fn(Time) -> u64| {
        let all = [r.encrypt, r.evaluate, r.decrypt].map(of);
        all.iter().sum::<u64>() as f64 / 1e6
    };
    let times = repetitions
        .iter()
        .map(|r| (phases(r, |t| t.wall_ns), phases(r, |t| t.cpu_ns)))
        // Where CPU time is not counted there is nothing to compare with.
        .filter(|(_, cpu)| *cpu > 0.0);
    let (beyond, ratios): (Vec<f64>, Vec<f64>) =
        times.map(|(wall, cpu)| (wall - cpu, wall / cpu)).unzip();
    let wall_per_cpu = median(&ratios);
    (wall_per_cpu >= WALL_PER_CPU && median(&beyond) >= LEAST_BEYOND_MS)
        .then_some(Busy::Stalled { wall_per_cpu })
}

/// The median share of waiting; `None` where it is not counted.
pub(super) fn share_waited(repetitions: &[&Repetition]) -> Option<f64> {
    let shares: Vec<f64> = repetitions
        .iter()
        .filter_map(|r| r.load?.schedule?.share_waited())
        .collect();
    (!shares.is_empty()).then(|| median(&shares))
}

/// The highest load average; `None` where there is none.
pub(super) fn highest_load(repetitions: &[&Repetition]) -> Option<f64> {
    let loads = repetitions.iter().filter_map(|r| r.load);
    let averages = loads.flat_map(|load| [load.start, load.end]).flatten();
    averages.reduce(f64::max)
}
