//! The cells of a run: set up one after the other, repetitions in turn.

use std::collections::BTreeMap;

use hexperiment_experiment::measure;
use hexperiment_experiment::record::{Line, Status, Stopped};
use hexperiment_experiment::summary::RecordWriter;
use hexperiment_experiment::{CellPlan, Experiment};

use super::place::Done;
use super::progress::Progress;
use crate::explain::level;
use crate::folder::RunFolder;
use crate::process::{CellProcess, End};
use crate::protocol::{FromCell, ToCell};

/// The cells of one run, and where it stands.
pub(super) struct Runner<'a> {
    experiment: &'a Experiment,
    folder: &'a RunFolder,
    writer: RecordWriter,
    /// Processes that are ready for repetitions, by their cells' numbers.
    alive: BTreeMap<usize, CellProcess>,
    done: Done,
    progress: Progress,
}

impl<'a> Runner<'a> {
    /// A run of which nothing is done but what `done` says.
    pub(super) fn new(
        experiment: &'a Experiment,
        folder: &'a RunFolder,
        writer: RecordWriter,
        done: Done,
        progress: Progress,
    ) -> Self {
        Self {
            experiment,
            folder,
            writer,
            alive: BTreeMap::new(),
            done,
            progress,
        }
    }

    /// Does the rest.
    pub(super) fn run(mut self, plans: &[CellPlan]) -> Result<(), String> {
        let (warmup, repetitions) = (
            self.experiment.run().warmup,
            self.experiment.run().repetitions,
        );
        let rounds = u64::from(warmup + repetitions);
        self.progress.begin(plans.len() as u64 * (1 + rounds));
        // One after the other, so that no cell's set-up is timed beside another's work.
        for (index, plan) in plans.iter().enumerate() {
            if self.has_all(plan) {
                self.progress.step(1 + rounds);
                continue;
            }
            let doing = format!("{}: read data, compile, make keys", plan.cell.id);
            self.progress.doing(&doing);
            if !self.prepare(index, plan)? {
                self.progress.step(rounds);
            }
            self.progress.step(1);
        }
        let orders = measure::schedule(
            plans.len(),
            warmup + repetitions,
            self.experiment.run().seed,
        );
        for (round, order) in (0..).zip(orders) {
            for index in order {
                let Some(plan) = self.alive.contains_key(&index).then(|| &plans[index]) else {
                    continue;
                };
                let repetition: Option<u32> = u32::checked_sub(round, warmup);
                let known = |r| self.done.repetitions.contains(&(plan.cell.id.clone(), r));
                if !repetition.is_some_and(known) {
                    self.progress.doing(&match repetition {
                        Some(r) => format!("{}: {} of {repetitions}", plan.cell.id, r + 1),
                        None => format!("{}: warm-up", plan.cell.id),
                    });
                    self.repeat(index, plan, round, repetition)?;
                }
                self.progress.step(1);
            }
        }
        Ok(())
    }

    fn has_all(&self, plan: &CellPlan) -> bool {
        let id = &plan.cell.id;
        let has = |r| self.done.repetitions.contains(&(id.clone(), r));
        self.done.stopped.contains(id) || (0..self.experiment.run().repetitions).all(has)
    }

    /// Starts a cell; whether it is ready.
    fn prepare(&mut self, index: usize, plan: &CellPlan) -> Result<bool, String> {
        let log = self
            .folder
            .log(index, &plan.cell.id)
            .map_err(|e| format!("{}: no log can be made: {e}", self.folder.path().display()))?;
        let limit = self.experiment.run().time_limit;
        let mut process = CellProcess::start(&plan.cell.scheme, limit, Some(&log))
            .map_err(|e| format!("cannot start the process of `{}`: {e}", plan.cell.id))?;
        let message = ToCell::Prepare {
            plan: Box::new(plan.clone()),
            memory_limit: self.experiment.run().memory_limit,
            artefacts: self.folder.artefacts(index, &plan.cell.id),
        };
        match process.ask(&message) {
            Ok(FromCell::Ready { setup }) => {
                let millis = |t: hexperiment_task::ledger::Time| t.wall_ns as f64 / 1e6;
                self.progress.line(&format!(
                    "  {}: ready (compile {:.0} ms, keys {:.0} ms, server {:.0} ms, {})",
                    plan.cell.id,
                    millis(setup.compile),
                    millis(setup.keygen),
                    millis(setup.prepare.unwrap_or_default()),
                    level(&setup.parameters.security)
                ));
                self.append(&Line::Setup(setup))?;
                self.alive.insert(index, process);
                Ok(true)
            }
            answer => {
                self.stop(index, plan, answer)?;
                Ok(false)
            }
        }
    }

    fn repeat(
        &mut self,
        index: usize,
        plan: &CellPlan,
        round: u32,
        repetition: Option<u32>,
    ) -> Result<(), String> {
        let Some(process) = self.alive.get_mut(&index) else {
            return Ok(());
        };
        let number = repetition.unwrap_or(round);
        let keep = repetition.is_some_and(|r| r + 1 == self.experiment.run().repetitions);
        let ask = ToCell::Repeat {
            index: number,
            keep,
        };
        match process.ask(&ask) {
            Ok(FromCell::Done { repetition: done }) => {
                if repetition.is_none() && done.errors.violation.is_none() {
                    return Ok(());
                }
                let violation = done.errors.violation.clone();
                if repetition.is_some() {
                    self.append(&Line::Repetition(done))?;
                }
                if let Some(violation) = violation {
                    let reason = violation.to_string();
                    self.stop(index, plan, Ok(FromCell::Failed { reason }))?;
                }
                Ok(())
            }
            answer => self.stop(index, plan, answer),
        }
    }

    /// Records that a cell yields no more.
    fn stop(
        &mut self,
        index: usize,
        plan: &CellPlan,
        answer: Result<FromCell, End>,
    ) -> Result<(), String> {
        self.alive.remove(&index);
        let (status, reason) = match answer {
            Ok(FromCell::Refused { reason }) => (Status::Refused, reason),
            Ok(FromCell::Failed { reason }) => (Status::Failed, reason),
            Ok(FromCell::Crashed { reason }) => (Status::Crashed, reason),
            Ok(_) => (Status::Crashed, "the process answered out of turn".into()),
            Err(end) => (end.status, end.reason),
        };
        self.progress
            .line(&format!("  {}: {status}: {reason}", plan.cell.id));
        self.append(&Line::Stopped(Stopped {
            cell: plan.cell.id.clone(),
            status,
            reason,
        }))
    }

    fn append(&mut self, line: &Line) -> Result<(), String> {
        self.writer.append(line).map_err(|e| e.to_string())
    }
}
