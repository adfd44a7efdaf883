//! What repetitions take beside the same work as calls of the scheme's library alone.

use std::collections::BTreeMap;

use crate::measure::{Estimate, median};
use crate::record::{Library, Repetition};
use hexperiment_task::ledger::Time;

/// A phase beside the library's calls, in milliseconds of processor time.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PhaseBeside {
    /// Median of the phase.
    pub phase_ms: f64,
    /// Median of the library's calls.
    pub library_ms: f64,
    /// Over the repetitions, the phase's time as a multiple of the library's.
    pub ratio: Estimate,
}

impl PhaseBeside {
    /// Of pairs of both times, in nanoseconds, each measured in the process of this number; `None` of none, and
    /// where the library has nothing to do.
    fn of(pairs: &[(u64, u64)], processes: &[u32]) -> Option<Self> {
        if pairs.is_empty() || pairs.iter().any(|(_, library)| *library == 0) {
            return None;
        }
        let over = |of: fn(&(u64, u64)) -> f64| median(&pairs.iter().map(of).collect::<Vec<_>>());
        let ratio = |(phase, library): &(u64, u64)| *phase as f64 / *library as f64;
        let ratios: Vec<f64> = pairs.iter().map(ratio).collect();
        Some(Self {
            phase_ms: over(|(phase, _)| *phase as f64 / 1e6),
            library_ms: over(|(_, library)| *library as f64 / 1e6),
            ratio: Estimate::of(&ratios, processes),
        })
    }
}

/// What the repetitions of a row take beside the library's calls.
#[derive(Clone, Debug, PartialEq)]
pub struct BesideLibrary {
    /// Encryption.
    pub encrypt: Option<PhaseBeside>,
    /// Evaluation; `None` where it was not counted.
    pub evaluate: Option<PhaseBeside>,
    /// Decryption.
    pub decrypt: Option<PhaseBeside>,
    /// Each operation by itself: the median over the repetitions, in nanoseconds of processor time, by name.
    pub operations: BTreeMap<String, f64>,
}

impl BesideLibrary {
    /// Of the repetitions beside which the library was timed; `None` of none.
    pub(super) fn of(repetitions: &[&Repetition]) -> Option<Self> {
        let timed: Vec<(&Repetition, &Library)> = repetitions
            .iter()
            .filter_map(|r| Some((*r, r.library.as_ref()?)))
            .collect();
        if timed.is_empty() {
            return None;
        }
        let processes: Vec<u32> = timed.iter().map(|(r, _)| r.process).collect();
        let phase = |ours: fn(&Repetition) -> Time, library: fn(&Library) -> Option<u64>| {
            let pairs: Option<Vec<(u64, u64)>> = timed
                .iter()
                .map(|(r, l)| Some((ours(r).cpu_ns, library(l)?)))
                .collect();
            PhaseBeside::of(&pairs?, &processes)
        };
        let mut operations: BTreeMap<String, Vec<f64>> = BTreeMap::new();
        for (name, ns) in timed.iter().flat_map(|(_, library)| &library.operations) {
            operations.entry(name.clone()).or_default().push(*ns as f64);
        }
        Some(Self {
            encrypt: phase(|r| r.encrypt, |l| Some(l.encrypt_ns)),
            evaluate: phase(|r| r.evaluate, |l| l.evaluate_ns),
            decrypt: phase(|r| r.decrypt, |l| Some(l.decrypt_ns)),
            operations: operations
                .into_iter()
                .map(|(name, times)| (name, median(&times)))
                .collect(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ratios_are_of_repetitions_each() {
        // Of 3, 1 and 2: not the ratio of the medians, 20 / 12.
        let beside = PhaseBeside::of(&[(30, 10), (12, 12), (40, 20)], &[0; 3]).unwrap();
        assert!((beside.ratio.median - 2.0).abs() < 1e-12, "{beside:?}");
        assert_eq!(beside.ratio.interval, None);
        assert!((beside.phase_ms - 30e-6).abs() < 1e-12, "{beside:?}");
        assert!((beside.library_ms - 12e-6).abs() < 1e-12, "{beside:?}");
        // Of six, all of them.
        let pairs: Vec<(u64, u64)> = (10..16).map(|phase| (phase, 10)).collect();
        let interval = PhaseBeside::of(&pairs, &[0; 6])
            .unwrap()
            .ratio
            .interval
            .unwrap();
        assert_eq!((interval.low, interval.high), (1.0, 1.5));
    }

    #[test]
    fn a_library_that_does_nothing_has_no_ratio() {
        assert_eq!(PhaseBeside::of(&[], &[]), None);
        assert_eq!(PhaseBeside::of(&[(30, 10), (30, 0)], &[0; 2]), None);
    }
}
