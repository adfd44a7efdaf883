//! Which cells of a plan a scheduler is given together: those that need the same, as many as one array
//! of jobs may have.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// MiB that the process takes which starts a cell's client and server, and the code of all three.
const BESIDE: u64 = 512;

/// Time that a job needs beyond its cells' own: the data are read, and the task is prepared in the clear.
const MARGIN: Duration = Duration::from_mins(2);

/// What a job asks the scheduler for; jobs that ask for the same are a class.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(super) struct Needs {
    pub(super) threads: usize,
    /// Memory of all processes of a job, in MiB; `None` for no limit.
    pub(super) memory_mib: Option<u64>,
    /// Time of a job in minutes, as schedulers count it; `None` for no limit.
    pub(super) minutes: Option<u64>,
}

/// What the plan says of a cell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Limits {
    pub(super) threads: usize,
    /// Memory of each of its two processes, client and server, in bytes.
    pub(super) memory_bytes: Option<u64>,
    /// Time of all its processes, one after the other.
    pub(super) time: Option<Duration>,
}

/// What the user asks for in place of what follows from the plan.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Given {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) memory_mib: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) minutes: Option<u64>,
}

impl Needs {
    /// Of a job with one cell, and with the reference cell before it where the plan has one.
    pub(super) fn of(cell: Limits, reference: Option<Limits>, given: Given) -> Self {
        let cells = || [Some(cell), reference].into_iter().flatten();
        let memory: Option<Vec<u64>> = cells().map(|c| c.memory_bytes).collect();
        // They run one after the other.
        let memory_mib = memory.and_then(|of_each| of_each.into_iter().max());
        let time: Option<Vec<Duration>> = cells().map(|c| c.time).collect();
        let time = time.map(|of_each| {
            of_each
                .into_iter()
                .fold(Duration::ZERO, Duration::saturating_add)
        });
        Self {
            threads: cells().map(|c| c.threads).max().unwrap_or(1),
            memory_mib: given.memory_mib.or_else(|| {
                memory_mib.map(|bytes| bytes.saturating_mul(2).div_ceil(1 << 20) + BESIDE)
            }),
            minutes: given.minutes.or_else(|| time.map(with_margin)),
        }
    }

    /// Seconds before the end of its time at which a job is told that it ends.
    pub(super) fn warned_before(self) -> Option<u64> {
        self.minutes
            .map(|minutes| minutes.saturating_mul(60 / 4).min(60))
    }
}

/// A quarter more, of at least two minutes, in whole minutes.
fn with_margin(time: Duration) -> u64 {
    time.saturating_add(MARGIN.max(time / 4))
        .as_secs()
        .div_ceil(60)
}

/// Cells of one class, by their numbers in the plan.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Array {
    pub(super) needs: Needs,
    pub(super) cells: Vec<usize>,
}

/// The arrays of some cells: one for each class, in parts of at most `largest` cells.
pub(super) fn arrays(
    cells: impl IntoIterator<Item = (usize, Needs)>,
    largest: usize,
) -> Vec<Array> {
    let mut classes: BTreeMap<Needs, Vec<usize>> = BTreeMap::new();
    for (index, needs) in cells {
        classes.entry(needs).or_default().push(index);
    }
    let parts = classes.into_iter().flat_map(|(needs, cells)| {
        let parts = cells.chunks(largest.max(1)).map(<[usize]>::to_vec);
        parts
            .map(move |cells| Array { needs, cells })
            .collect::<Vec<_>>()
    });
    parts.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const CELL: Limits = Limits {
        threads: 2,
        memory_bytes: Some(1 << 30),
        time: Some(Duration::from_mins(10)),
    };

    #[track_caller]
    fn check(
        cell: Limits,
        reference: Option<Limits>,
        given: Given,
        expect: (usize, Option<u64>, Option<u64>),
    ) {
        let needs = Needs::of(cell, reference, given);
        assert_eq!((needs.threads, needs.memory_mib, needs.minutes), expect);
    }

    #[test]
    fn a_job_asks_for_what_its_cell_may_take() {
        let none = Given::default();
        check(CELL, None, none, (2, Some(2048 + 512), Some(13)));
        let short = Limits {
            time: Some(Duration::from_secs(5)),
            ..CELL
        };
        check(short, None, none, (2, Some(2560), Some(3)));
        let unlimited = Limits {
            memory_bytes: None,
            time: None,
            ..CELL
        };
        check(unlimited, None, none, (2, None, None));
        // The reference cell runs before it, in the same job.
        let reference = Limits {
            threads: 4,
            memory_bytes: Some(2 << 30),
            time: Some(Duration::from_mins(6)),
        };
        check(CELL, Some(reference), none, (4, Some(4096 + 512), Some(20)));
        check(CELL, Some(unlimited), none, (2, None, None));
        let given = Given {
            memory_mib: Some(100),
            minutes: Some(1),
        };
        check(CELL, Some(reference), given, (4, Some(100), Some(1)));
    }

    #[test]
    fn a_job_is_told_of_its_end_in_time() {
        let told = |minutes| {
            Needs {
                threads: 1,
                memory_mib: None,
                minutes,
            }
            .warned_before()
        };
        assert_eq!(told(Some(1)), Some(15));
        assert_eq!(told(Some(4)), Some(60));
        assert_eq!(told(Some(600)), Some(60));
        assert_eq!(told(None), None);
    }

    #[test]
    fn an_array_for_each_class_in_parts() {
        let small = Needs {
            threads: 1,
            memory_mib: Some(512),
            minutes: Some(3),
        };
        let large = Needs {
            threads: 8,
            ..small
        };
        let cells = (0..7).map(|k| (k, if k == 3 { large } else { small }));
        let found = arrays(cells, 4);
        let expect = [
            (small, vec![0, 1, 2, 4]),
            (small, vec![5, 6]),
            (large, vec![3]),
        ];
        let expect: Vec<Array> = expect
            .into_iter()
            .map(|(needs, cells)| Array { needs, cells })
            .collect();
        assert_eq!(found, expect);
        assert!(arrays([], 4).is_empty());
        // Ten thousand cells, as many arrays as it takes.
        let many = arrays((0..10_000).map(|k| (k, small)), 1001);
        assert_eq!(
            many.iter().map(|a| a.cells.len()).collect::<Vec<_>>(),
            [vec![1001; 9], vec![991]].concat()
        );
    }
}
