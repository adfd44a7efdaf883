//! What is answered about cells, in their order: about many by more than one process.

use std::collections::HashMap;
use std::num::NonZero;
use std::sync::mpsc::{Receiver, sync_channel};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use hexperiment_experiment::record::Cell;
use hexperiment_experiment::{CellPlan, Experiment};

use super::examiner::Examiner;
use crate::process::End;
use crate::protocol::{Estimate, FromCell, Takes, View};

/// How long cells are examined with an estimate of their time; those beyond are examined without.
const ESTIMATING: Duration = Duration::from_mins(1);

/// The same where there are [`MANY`] cells or more, which are to be checked in seconds; `plan` tells what they cost.
const ESTIMATING_MANY: Duration = Duration::from_secs(1);

/// Cells that are many.
pub(super) const MANY: usize = 1000;

/// Time for the estimate of one cell: a key of unusual size takes longer to make.
const ESTIMATING_ONE: Duration = Duration::from_secs(20);

/// Processes that are asked about many cells: each has the data in memory.
const PROCESSES: usize = 2;

/// Cells that follow each other and are asked of one process: those of one task, which is prepared once, do.
const BLOCK: usize = 40;

/// What was answered about a cell.
pub(super) struct Answer {
    /// What the process said of it, or how that ended.
    pub(super) said: Result<FromCell, End>,
    /// What it takes; `None` where that is not known.
    pub(super) takes: Option<Takes>,
    /// Outputs that approximation makes useless.
    pub(super) warnings: Vec<String>,
}

/// What a cell takes, and what is to be said of its outputs.
type Estimated = (Option<Takes>, Vec<String>);

/// Estimates by the names of rows: of cells that differ by their seeds alone they are the same.
#[derive(Default)]
struct Estimates(Mutex<HashMap<String, Estimated>>);

impl Estimates {
    /// That of a cell, which `find` finds for the first of its row. One at a time: what is timed beside another takes longer.
    fn of(&self, cell: &Cell, find: impl FnOnce() -> Estimated) -> Estimated {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let of_row = known.entry(cell.row().to_owned()).or_insert_with(find);
        of_row.clone()
    }
}

/// What cells are asked.
pub(super) struct Answers<'a> {
    experiment: &'a Experiment,
    view: View,
    /// How it is found what they take, where that is asked.
    estimate: Option<&'a Estimate>,
    began: Instant,
    estimates: Estimates,
}

impl<'a> Answers<'a> {
    pub(super) fn new(
        experiment: &'a Experiment,
        view: View,
        estimate: Option<&'a Estimate>,
    ) -> Self {
        Self {
            experiment,
            view,
            estimate,
            began: Instant::now(),
            estimates: Estimates::default(),
        }
    }

    /// Calls `take` with each cell in turn, and what was answered about it.
    ///
    /// # Errors
    /// What `take` says, which is not called any more then.
    pub(super) fn each(
        &self,
        plans: &[CellPlan],
        mut take: impl FnMut(&CellPlan, Answer) -> Result<(), String>,
    ) -> Result<(), String> {
        let is_many = plans.len() >= MANY;
        let time = if is_many { ESTIMATING_MANY } else { ESTIMATING };
        let processors = thread::available_parallelism().map_or(1, NonZero::get);
        let processes = if is_many {
            processors.min(PROCESSES)
        } else {
            1
        };
        if processes == 1 {
            let mut examiner = Examiner::new(self.experiment, self.view);
            let mut each = plans.iter();
            return each.try_for_each(|plan| take(plan, self.of(&mut examiner, plan, time)));
        }
        thread::scope(|scope| {
            let begin = |first: usize| -> Receiver<Answer> {
                // What it finds out ahead of the other.
                let (tell, told) = sync_channel(2 * BLOCK);
                let blocks = plans.chunks(BLOCK).skip(first).step_by(processes);
                scope.spawn(move || {
                    let mut examiner = Examiner::new(self.experiment, self.view);
                    for plan in blocks.flatten() {
                        // Nobody wants to hear more once `take` has failed.
                        if tell.send(self.of(&mut examiner, plan, time)).is_err() {
                            return;
                        }
                    }
                });
                told
            };
            let asked: Vec<Receiver<Answer>> = (0..processes).map(begin).collect();
            for (block, told) in plans.chunks(BLOCK).zip(asked.iter().cycle()) {
                for plan in block {
                    let answer = told.recv().map_err(|_| {
                        format!("{}: nobody answers about it any more", plan.cell.id)
                    })?;
                    take(plan, answer)?;
                }
            }
            Ok(())
        })
    }

    /// What is answered about a cell; `time` is left for all estimates, since the first was asked.
    fn of(&self, examiner: &mut Examiner, plan: &CellPlan, time: Duration) -> Answer {
        let answer = examiner.ask(plan);
        let (takes, warnings) = match (self.estimate, &answer) {
            (Some(how), Ok(FromCell::Examined { .. })) => self.estimates.of(&plan.cell, || {
                let left = time.saturating_sub(self.began.elapsed());
                let takes = examiner.estimate(how, left.min(ESTIMATING_ONE));
                (takes, std::mem::take(&mut examiner.warnings))
            }),
            _ => (None, vec![]),
        };
        Answer {
            said: answer,
            takes,
            warnings,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    #[test]
    fn seeds_of_a_row_share_its_estimate() {
        let cell = |row: &str, seed: Option<u64>| Cell {
            id: match seed {
                Some(seed) => format!("{row}/seed={seed}"),
                None => row.to_owned(),
            },
            scheme: "paillier".into(),
            label: "paillier".into(),
            task: "logistic-regression".into(),
            dataset: "wine-quality".into(),
            point: BTreeMap::new(),
            seed,
        };
        let estimates = Estimates::default();
        let mut found = vec![];
        for (row, seed) in [("a", 1), ("b", 1), ("a", 2), ("b", 2), ("a", 3)] {
            let cell = cell(row, Some(seed));
            let (_, words) = estimates.of(&cell, || {
                found.push(cell.id.clone());
                (None, vec![format!("of {row}")])
            });
            assert_eq!(words, [format!("of {row}")]);
        }
        // Also where nothing could be found out: it is not tried again.
        assert_eq!(found, ["a/seed=1", "b/seed=1"]);
        // Without seeds each cell is a row.
        for row in ["c", "d"] {
            estimates.of(&cell(row, None), || {
                found.push(row.to_owned());
                (None, vec![])
            });
        }
        assert_eq!(found.len(), 4);
    }
}
