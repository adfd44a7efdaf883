//! The times of a phase, by both clocks.

use crate::measure::median;
use crate::record::{Clock, Repetition};
use hexperiment_task::ledger::Time;

/// What a phase took, in milliseconds: in every repetition, for the whole batch; or, of what is done
/// once, in every process.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Phase {
    /// Wall time.
    pub wall_ms: Vec<f64>,
    /// CPU time of all threads.
    pub cpu_ms: Vec<f64>,
}

impl Phase {
    pub(super) fn of(repetitions: &[&Repetition], time: impl Fn(&Repetition) -> Time) -> Self {
        Self::of_times(repetitions.iter().map(|r| time(r)))
    }

    pub(super) fn of_times(times: impl Iterator<Item = Time>) -> Self {
        let (wall_ms, cpu_ms) = times
            .map(|t| (t.wall_ns as f64 / 1e6, t.cpu_ns as f64 / 1e6))
            .unzip();
        Self { wall_ms, cpu_ms }
    }

    /// The time of every repetition or process.
    pub fn values(&self, clock: Clock) -> &[f64] {
        match clock {
            Clock::Wall => &self.wall_ms,
            Clock::Cpu => &self.cpu_ms,
        }
    }

    /// The median over the repetitions or processes.
    pub fn median(&self, clock: Clock) -> f64 {
        median(self.values(clock))
    }
}
