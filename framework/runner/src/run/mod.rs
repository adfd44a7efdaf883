//! `run`: experiments from file to tables.

mod interrupt;
mod process;
mod progress;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;
use hexperiment_core::dataset;
use hexperiment_core::experiment::{CellPlan, Expectation, Experiment};
use hexperiment_core::measure;
use hexperiment_core::record::{Cell, Line, Run, SCHEMA, Status, Stopped};
use hexperiment_core::registry;
use hexperiment_core::summary::{self, Finding, RecordWriter, Row};
use sha2::Digest as _;

use crate::explain::{Loaded, cells, check_input, level};
use crate::folder::{RunFolder, now};
use crate::out::{say, tell};
use crate::protocol::{FromCell, ToCell};
use process::{CellProcess, End};
use progress::Progress;

/// What `run` takes.
#[derive(Args)]
pub(crate) struct RunArguments {
    /// Experiment files.
    #[arg(required = true)]
    files: Vec<PathBuf>,
    /// Goes on with the newest run of each experiment that was interrupted.
    #[arg(long)]
    resume: bool,
    /// Only the cell of this name; `check` lists them.
    #[arg(long, value_name = "CELL")]
    only: Option<String>,
    /// Prints programs and parameters, and runs nothing.
    #[arg(long)]
    explain: bool,
    /// The folder of runs.
    #[arg(long, default_value = "runs")]
    runs: PathBuf,
}

/// A cell failed, or an expectation did.
pub(crate) const UNEXPECTED: u8 = 1;

/// Where a run writes, and whether it goes on with an earlier one.
#[derive(Clone, Copy)]
pub(crate) struct Place<'a> {
    /// The folder of runs.
    pub(crate) runs: &'a Path,
    pub(crate) resume: Resume,
}

/// Whether a run goes on with the newest of its experiment.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Resume {
    Never,
    /// Else a new run begins.
    IfThereIsOne,
    /// Else it is an error.
    Always,
}

/// A run that came to its end.
pub(crate) struct Ran {
    pub(crate) folder: RunFolder,
    pub(crate) as_expected: bool,
    /// The report for a terminal.
    text: String,
}

/// Runs every file; the exit code is the worst of them.
pub(crate) fn run(arguments: &RunArguments) -> ExitCode {
    if arguments.explain {
        return crate::explain::explain(&arguments.files, arguments.only.as_deref());
    }
    let mut worst = 0;
    let place = Place {
        runs: &arguments.runs,
        resume: if arguments.resume {
            Resume::Always
        } else {
            Resume::Never
        },
    };
    for file in &arguments.files {
        worst = worst.max(match one(file, arguments.only.as_deref(), place) {
            Ok(ran) => {
                say!("{}", ran.text);
                say!("written to {}", ran.folder.path().display());
                if ran.as_expected { 0 } else { UNEXPECTED }
            }
            Err(problem) => {
                tell!("error: {problem}");
                crate::BAD_INPUT
            }
        });
    }
    ExitCode::from(worst)
}

/// Runs one experiment, or its cell called `only`, and writes its tables.
pub(crate) fn one(file: &Path, only: Option<&str>, place: Place<'_>) -> Result<Ran, String> {
    let experiment = Experiment::load(file).map_err(|e| e.to_string())?;
    let plans = cells(&experiment, only)?;
    let mut loaded = Loaded::default();
    let mut data: Vec<dataset::Provenance> = Vec::new();
    for plan in &plans {
        let provenance = &loaded.get(plan).map_err(|e| e.to_string())?.provenance;
        if !data.contains(provenance) {
            data.push(provenance.clone());
        }
    }
    check_input(&experiment, &plans, &mut loaded)?;
    drop(loaded);
    let header = header(&experiment, &plans, data);
    let newest = RunFolder::newest(place.runs, experiment.name());
    let resumes = match place.resume {
        Resume::Never => false,
        Resume::IfThereIsOne => newest.is_some(),
        Resume::Always => true,
    };
    let (folder, done) = if resumes {
        resume(place.runs, newest, &header)?
    } else {
        let folder = RunFolder::create(place.runs, experiment.name(), file).map_err(|e| {
            format!(
                "{}: no folder for this run can be made: {e}\n  help: name a folder that can be \
                     written by `--runs`",
                place.runs.display()
            )
        })?;
        (folder, Done::default())
    };
    let mut writer = RecordWriter::open(&folder.records()).map_err(|e| e.to_string())?;
    if !done.header {
        writer
            .append(&Line::Run(Box::new(header)))
            .map_err(|e| e.to_string())?;
    }
    interrupt::say_how_to_go_on();
    tell!(
        "{}: {} cells, writing to {}",
        experiment.name(),
        plans.len(),
        folder.path().display()
    );
    Runner {
        experiment: &experiment,
        folder: &folder,
        writer,
        alive: BTreeMap::new(),
        done,
    }
    .run(&plans)?;
    report(&experiment, folder)
}

fn header(experiment: &Experiment, plans: &[CellPlan], mut data: Vec<dataset::Provenance>) -> Run {
    let resolved = experiment.resolved();
    let cells: Vec<Cell> = plans.iter().map(|p| p.cell.clone()).collect();
    let mut digest = sha2::Sha256::new();
    digest.update(resolved.to_string());
    let sums: BTreeSet<&String> = data.iter().map(|d| &d.sha256).collect();
    for text in sums.into_iter().chain(plans.iter().map(|p| &p.cell.id)) {
        digest.update(text);
        digest.update([0]);
    }
    let versions: BTreeMap<String, String> = registry::schemes()
        .iter()
        .map(|s| s.manifest())
        .map(|m| (m.name.to_owned(), m.library))
        .collect();
    // Repetitions under another library do not belong to the same run.
    for library in versions.values() {
        digest.update(library);
        digest.update([0]);
    }
    let mut fingerprint = String::new();
    for byte in digest.finalize() {
        let _ = write!(fingerprint, "{byte:02x}"); // writing to a string cannot fail
    }
    let threads = plans.iter().map(|p| p.threads).max().unwrap_or(1);
    let mut provenance = measure::provenance(threads, versions);
    provenance.further_data = data.split_off(data.len().min(1));
    provenance.data = data.pop().unwrap_or_default();
    Run {
        schema: SCHEMA,
        experiment: experiment.name().into(),
        question: experiment.question().into(),
        caveats: experiment.caveats().into(),
        started: now(),
        resolved,
        fingerprint,
        cells,
        provenance,
    }
}

/// What an interrupted run has already.
#[derive(Default)]
struct Done {
    header: bool,
    repetitions: BTreeSet<(String, u32)>,
    stopped: BTreeSet<String>,
}

fn resume(
    runs: &Path,
    newest: Option<RunFolder>,
    header: &Run,
) -> Result<(RunFolder, Done), String> {
    let folder = newest.ok_or_else(|| {
        format!(
            "{}: there is no run of `{}` to resume\n  help: start one without --resume, or name the \
             folder of runs by `--runs`",
            runs.display(),
            header.experiment
        )
    })?;
    let records = summary::read_records(&folder.records()).map_err(|e| e.to_string())?;
    if records.run.fingerprint != header.fingerprint {
        return Err(format!(
            "{}: the experiment, its data or its cells have changed since that run began\n  help: \
             start a new run without --resume; or take {}/experiment.toml",
            folder.path().display(),
            folder.path().display()
        ));
    }
    let done = Done {
        header: true,
        repetitions: records
            .repetitions
            .iter()
            .map(|r| (r.cell.clone(), r.index))
            .collect(),
        stopped: records.stopped.iter().map(|s| s.cell.clone()).collect(),
    };
    Ok((folder, done))
}

struct Runner<'a> {
    experiment: &'a Experiment,
    folder: &'a RunFolder,
    writer: RecordWriter,
    alive: BTreeMap<usize, CellProcess>,
    done: Done,
}

impl Runner<'_> {
    fn run(mut self, plans: &[CellPlan]) -> Result<(), String> {
        let (warmup, repetitions) = (self.experiment.warmup(), self.experiment.repetitions());
        let rounds = u64::from(warmup + repetitions);
        let progress = Progress::new(plans.len() as u64 * (1 + rounds));
        // One after the other, so that no cell's set-up is timed beside another's work.
        for (index, plan) in plans.iter().enumerate() {
            if self.has_all(plan) {
                progress.step(1 + rounds);
                continue;
            }
            progress.doing(&format!("{}: compile, make keys", plan.cell.id));
            if !self.prepare(index, plan, &progress)? {
                progress.step(rounds);
            }
            progress.step(1);
        }
        let orders = measure::schedule(plans.len(), warmup + repetitions, self.experiment.seed());
        for (round, order) in (0..).zip(orders) {
            for index in order {
                let Some(plan) = self.alive.contains_key(&index).then(|| &plans[index]) else {
                    continue;
                };
                let repetition: Option<u32> = u32::checked_sub(round, warmup);
                let known = |r| self.done.repetitions.contains(&(plan.cell.id.clone(), r));
                if !repetition.is_some_and(known) {
                    progress.doing(&match repetition {
                        Some(r) => format!("{}: {} of {repetitions}", plan.cell.id, r + 1),
                        None => format!("{}: warm-up", plan.cell.id),
                    });
                    self.repeat(index, plan, round, repetition, &progress)?;
                }
                progress.step(1);
            }
        }
        Ok(())
    }

    fn has_all(&self, plan: &CellPlan) -> bool {
        let id = &plan.cell.id;
        let has = |r| self.done.repetitions.contains(&(id.clone(), r));
        self.done.stopped.contains(id) || (0..self.experiment.repetitions()).all(has)
    }

    /// Starts a cell; whether it is ready.
    fn prepare(
        &mut self,
        index: usize,
        plan: &CellPlan,
        progress: &Progress,
    ) -> Result<bool, String> {
        let log = self
            .folder
            .log(index, &plan.cell.id)
            .map_err(|e| format!("{}: no log can be made: {e}", self.folder.path().display()))?;
        let mut process = CellProcess::start(self.experiment.time_limit(), &log)
            .map_err(|e| format!("cannot start the process of `{}`: {e}", plan.cell.id))?;
        let message = ToCell::Prepare {
            plan: Box::new(plan.clone()),
            memory_limit: self.experiment.memory_limit(),
            artefacts: self.folder.artefacts(index, &plan.cell.id),
        };
        match process.ask(&message) {
            Ok(FromCell::Ready { setup }) => {
                let millis = |t: hexperiment_core::record::Time| t.wall_ns as f64 / 1e6;
                progress.line(&format!(
                    "  {}: ready (compile {:.0} ms, keys {:.0} ms, {})",
                    plan.cell.id,
                    millis(setup.compile),
                    millis(setup.keygen),
                    level(&setup.parameters.security)
                ));
                self.append(&Line::Setup(setup))?;
                self.alive.insert(index, process);
                Ok(true)
            }
            answer => {
                self.stop(index, plan, answer, progress)?;
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
        progress: &Progress,
    ) -> Result<(), String> {
        let Some(process) = self.alive.get_mut(&index) else {
            return Ok(());
        };
        let number = repetition.unwrap_or(round);
        let keep = repetition.is_some_and(|r| r + 1 == self.experiment.repetitions());
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
                if let Some(v) = violation {
                    let reason = format!(
                        "result outside its tolerance: output `{}`, sample {}, column {}: expected {}, \
                         received {}, tolerance {:.3e}",
                        v.output, v.sample, v.column, v.expected, v.received, v.tolerance
                    );
                    self.stop(index, plan, Ok(FromCell::Failed { reason }), progress)?;
                }
                Ok(())
            }
            answer => self.stop(index, plan, answer, progress),
        }
    }

    /// Records that a cell yields no more.
    fn stop(
        &mut self,
        index: usize,
        plan: &CellPlan,
        answer: Result<FromCell, End>,
        progress: &Progress,
    ) -> Result<(), String> {
        self.alive.remove(&index);
        let (status, reason) = match answer {
            Ok(FromCell::Refused { reason }) => (Status::Refused, reason),
            Ok(FromCell::Failed { reason }) => (Status::Failed, reason),
            Ok(_) => (Status::Crashed, "the process answered out of turn".into()),
            Err(end) => (end.status, end.reason),
        };
        progress.line(&format!("  {}: {status}: {reason}", plan.cell.id));
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

/// The expectations about this run's cells: `--only` leaves out other labels.
fn concerned(experiment: &Experiment, cells: &[Cell]) -> Vec<Expectation> {
    let planned = experiment.cells();
    let left_out = |label: &String| {
        planned.iter().any(|p| p.cell.label == *label) && cells.iter().all(|c| c.label != *label)
    };
    let all = experiment.expectations().iter();
    all.filter(|e| !e.label.as_ref().is_some_and(left_out))
        .cloned()
        .collect()
}

/// Writes the tables.
fn report(experiment: &Experiment, folder: RunFolder) -> Result<Ran, String> {
    let records = summary::read_records(&folder.records()).map_err(|e| e.to_string())?;
    let rows = summary::rows(&records);
    let verdicts = summary::evaluate(&rows, &concerned(experiment, &records.run.cells));
    hexperiment_reports::write_all(folder.path(), &records, &rows, &verdicts)
        .map_err(|e| format!("{}: {e}", folder.path().display()))?;
    // A failure may be what an experiment is about.
    let foreseen = |row: &Row| {
        verdicts.iter().any(|v| {
            let about = |f: &Finding| f.passed && f.label == row.name();
            v.expectation.status == Some(row.status) && v.findings.iter().any(about)
        })
    };
    let done = |row: &Row| matches!(row.status, Status::Ok | Status::Refused);
    let broken = rows.iter().any(|row| !done(row) && !foreseen(row));
    Ok(Ran {
        as_expected: !broken && verdicts.iter().all(|v| v.passed),
        text: hexperiment_reports::terminal(&records, &rows, &verdicts),
        folder,
    })
}
