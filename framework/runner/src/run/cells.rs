//! The cells of a run: set up one after the other, repetitions in turn.

use std::collections::BTreeMap;

use hexperiment_experiment::measure;
use hexperiment_experiment::record::{Environment, Line, Status, Stopped};
use hexperiment_experiment::summary::RecordWriter;
use hexperiment_experiment::{CellPlan, Experiment};

use super::place::{Besides, Done};
use super::progress::Progress;
use crate::explain::level;
use crate::folder::RunFolder;
use crate::interrupt::{self, Ending};
use crate::process::{CellProcess, End};
use crate::protocol::{FromCell, ToCell};

/// The cells of one run, and where it stands.
pub(crate) struct Runner<'a> {
    experiment: &'a Experiment,
    folder: &'a RunFolder,
    writer: RecordWriter,
    /// Processes that are ready for repetitions, by their cells' numbers.
    alive: BTreeMap<usize, CellProcess>,
    /// The machine as the process of each cell was started, by the cells' numbers.
    environments: BTreeMap<usize, Environment>,
    done: Done,
    progress: Progress,
    besides: Besides,
}

impl<'a> Runner<'a> {
    /// A run of which nothing is done but what `done` says.
    pub(crate) fn new(
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
            environments: BTreeMap::new(),
            done,
            progress,
            besides: Besides::default(),
        }
    }

    /// The same, with what is written down besides.
    pub(crate) fn with(self, besides: Besides) -> Self {
        Self { besides, ..self }
    }

    /// Does the rest.
    pub(crate) fn run(mut self, plans: &[CellPlan]) -> Result<(), String> {
        let run = self.experiment.run();
        let rounds =
            u64::from(run.processes) * u64::from(1 + run.warmup) + u64::from(run.repetitions);
        self.progress.begin(plans.len() as u64 * rounds);
        let mut begin = 0;
        // One seed after the other, so that memory is as with one.
        for plans in plans.chunk_by(|a, b| a.cell.seed == b.cell.seed) {
            let seed = plans[0].cell.seed.unwrap_or(run.seed);
            let orders = measure::schedule(plans.len(), run.warmup + run.repetitions, seed);
            for process in 0..run.processes {
                self.run_process((begin, plans), process, &orders)?;
                // What the next processes take, these have given back.
                self.alive.clear();
            }
            begin += plans.len();
        }
        match interrupt::came() {
            Some(signal) => self.end_all(plans, signal),
            None => Ok(()),
        }
    }

    /// Records that a scheduler has ended the cells that lack repetitions.
    fn end_all(&mut self, plans: &[CellPlan], signal: Ending) -> Result<(), String> {
        let processes = self.experiment.run().processes;
        for (index, plan) in plans.iter().enumerate() {
            let has_all = (0..processes).all(|process| self.has_repeated(plan, process));
            if !has_all && !self.done.stopped.contains(&plan.cell.id) {
                self.stop((index, plan, 0), Err(End::of(signal)))?;
            }
        }
        Ok(())
    }

    /// The repetitions of one process of each of some cells, the first of which has the number `begin`
    /// in the run; `orders` are those of warm-up, then those of all
    /// repetitions.
    fn run_process(
        &mut self,
        (begin, plans): (usize, &[CellPlan]),
        process: u32,
        orders: &[Vec<usize>],
    ) -> Result<(), String> {
        let (warmup, repetitions) = (
            self.experiment.run().warmup,
            self.experiment.run().repetitions,
        );
        let rounds = u64::from(warmup) + self.own_repetitions(process).count() as u64;
        // One after the other, so that no cell's set-up is timed beside another's work.
        for (index, plan) in (begin..).zip(plans) {
            if interrupt::came().is_some() {
                return Ok(());
            }
            if self.has_all(plan, process) {
                self.progress.step(1 + rounds);
                continue;
            }
            let which = self.which(process);
            let doing = format!("{}: {which}read data, compile, make keys", plan.cell.id);
            self.progress.doing(&doing);
            let is_ready = self.prepare(index, plan, process)?;
            if !is_ready || self.has_repeated(plan, process) {
                // Of the latter nothing but the set-up was missing.
                self.alive.remove(&index);
                self.progress.step(rounds);
            }
            self.progress.step(1);
        }
        let own = self.own_repetitions(process).map(|r| (warmup + r, Some(r)));
        let all: Vec<(u32, Option<u32>)> = (0..warmup).map(|w| (w, None)).chain(own).collect();
        for (round, repetition) in all {
            for place in &orders[round as usize] {
                let (index, plan) = (begin + place, &plans[*place]);
                if interrupt::came().is_some() {
                    return Ok(());
                }
                if !self.alive.contains_key(&index) {
                    continue;
                }
                let known = |r| self.done.repetitions.contains(&(plan.cell.id.clone(), r));
                if !repetition.is_some_and(known) {
                    self.progress.doing(&match repetition {
                        Some(r) => format!("{}: {} of {repetitions}", plan.cell.id, r + 1),
                        None => format!("{}: warm-up", plan.cell.id),
                    });
                    let number = repetition.unwrap_or(round);
                    self.repeat((index, plan, process), number, repetition.is_some())?;
                }
                self.progress.step(1);
            }
        }
        Ok(())
    }

    /// The repetitions of a process: processes take turns, so that those of a run that is extended
    /// remain where they were.
    fn own_repetitions(&self, process: u32) -> impl Iterator<Item = u32> + use<> {
        let run = self.experiment.run();
        (process..run.repetitions).step_by(run.processes as usize)
    }

    /// Which of a cell's processes is meant, with what separates it from the words behind it; nothing
    /// of the only one.
    fn which(&self, process: u32) -> String {
        match self.experiment.run().processes {
            1 => String::new(),
            all => format!("process {} of {all}: ", process + 1),
        }
    }

    fn has_all(&self, plan: &CellPlan, process: u32) -> bool {
        let id = &plan.cell.id;
        let is_set_up = self.done.set_ups.contains(&(id.clone(), process));
        self.done.stopped.contains(id) || (is_set_up && self.has_repeated(plan, process))
    }

    fn has_repeated(&self, plan: &CellPlan, process: u32) -> bool {
        let has = |r| self.done.repetitions.contains(&(plan.cell.id.clone(), r));
        self.own_repetitions(process).all(has)
    }

    /// Starts a cell; whether it is ready.
    fn prepare(&mut self, index: usize, plan: &CellPlan, number: u32) -> Result<bool, String> {
        let log = self
            .folder
            .log(index, &plan.cell.id, number)
            .map_err(|e| format!("{}: no log can be made: {e}", self.folder.path().display()))?;
        let limit = self.experiment.run().time_limit;
        self.environments.insert(index, measure::environment());
        let mut process = CellProcess::start(&plan.cell.scheme, limit, Some(&log))
            .map_err(|e| format!("cannot start the process of `{}`: {e}", plan.cell.id))?;
        let message = ToCell::Prepare {
            plan: Box::new(plan.clone()),
            memory_limit: self.experiment.run().memory_limit,
            artefacts: self.folder.artefacts(index, &plan.cell.id),
            traffic: (self.besides.traffic && number == 0)
                .then(|| self.folder.traffic(index, &plan.cell.id)),
            beside_library: self.besides.library,
        };
        match process.ask(&message) {
            Ok(FromCell::Ready { mut setup }) => {
                setup.process = number;
                setup.environment = self.environments.get(&index).cloned();
                let millis = |t: hexperiment_task::ledger::Time| t.wall_ns as f64 / 1e6;
                self.progress.line(&format!(
                    "  {}: {}ready (compile {:.0} ms, keys {:.0} ms, server {:.0} ms, {})",
                    plan.cell.id,
                    self.which(number),
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
                self.stop((index, plan, number), answer)?;
                Ok(false)
            }
        }
    }

    /// Has a cell repeat; `number` is that of the repetition, or of the warm-up.
    fn repeat(
        &mut self,
        cell: (usize, &CellPlan, u32),
        number: u32,
        is_measured: bool,
    ) -> Result<(), String> {
        let (index, _, process_number) = cell;
        let Some(process) = self.alive.get_mut(&index) else {
            return Ok(());
        };
        let keep = is_measured && number + 1 == self.experiment.run().repetitions;
        let ask = ToCell::Repeat {
            index: number,
            keep,
        };
        match process.ask(&ask) {
            Ok(FromCell::Done {
                repetition: mut done,
            }) => {
                done.process = process_number;
                if !is_measured && done.errors.violation.is_none() {
                    return Ok(());
                }
                let violation = done.errors.violation.clone();
                if is_measured {
                    self.append(&Line::Repetition(done))?;
                    self.done
                        .repetitions
                        .insert((cell.1.cell.id.clone(), number));
                }
                if let Some(violation) = violation {
                    let reason = violation.to_string();
                    self.stop(cell, Ok(FromCell::Failed { reason }))?;
                }
                Ok(())
            }
            answer => self.stop(cell, answer),
        }
    }

    /// Records that a cell yields no more.
    fn stop(
        &mut self,
        (index, plan, process): (usize, &CellPlan, u32),
        answer: Result<FromCell, End>,
    ) -> Result<(), String> {
        self.alive.remove(&index);
        // No later process of it begins.
        self.done.stopped.insert(plan.cell.id.clone());
        let end = match answer {
            Err(end) => end,
            // A scheduler may have ended its server first.
            Ok(FromCell::Crashed { reason }) => match interrupt::came() {
                Some(signal) => End::of(signal),
                None => End::by(Status::Crashed, reason),
            },
            Ok(FromCell::Refused { reason }) => End::by(Status::Refused, reason),
            Ok(FromCell::Failed { reason }) => End::by(Status::Failed, reason),
            Ok(_) => End::by(Status::Crashed, "the process answered out of turn".into()),
        };
        let End {
            status,
            reason,
            signal,
        } = end;
        let reason = match process {
            0 => reason,
            process => format!("{}{reason}", self.which(process)),
        };
        self.progress
            .line(&format!("  {}: {status}: {reason}", plan.cell.id));
        self.append(&Line::Stopped(Stopped {
            cell: plan.cell.id.clone(),
            status,
            reason,
            signal: signal.map(|signal| signal.name().to_owned()),
            environment: self.environments.get(&index).cloned(),
        }))
    }

    fn append(&mut self, line: &Line) -> Result<(), String> {
        self.writer.append(line).map_err(|e| e.to_string())
    }
}
