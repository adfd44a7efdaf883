//! `run`: experiments from file to tables.

mod cells;
mod changes;
mod place;
mod progress;

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;
use hexperiment_data as dataset;
use hexperiment_experiment::measure;
use hexperiment_experiment::record::{Cell, Extended, Line, Run, SCHEMA, Status};
use hexperiment_experiment::summary;
use hexperiment_experiment::summary::{RecordWriter, Records, Row};
use hexperiment_experiment::verdict::{Finding, Verdict, evaluate};
use hexperiment_experiment::{CellPlan, Expectation, Experiment, Setting};
use hexperiment_scheme::registry;

use crate::SettingArguments;
use crate::explain;
use crate::folder::{RunFolder, now};
use crate::input::{Loaded, check_input};
use crate::interrupt;
use crate::latest;
use crate::out::{counted_cells, say, tell};
use crate::own_memory::give_memory_back;
pub(crate) use cells::Runner;
pub(crate) use changes::differences;
use place::resume;
pub(crate) use place::{Besides, Done, Place, Resume, settle};
pub(crate) use progress::Progress;

/// What `run` takes.
#[derive(Args)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is an option of the command line"
)]
pub(crate) struct RunArguments {
    /// Experiment files.
    #[arg(required_unless_present = "cells")]
    pub(crate) files: Vec<PathBuf>,
    /// Goes on with the newest run of each experiment that was interrupted.
    #[arg(long)]
    resume: bool,
    /// Only the cell of this name; `check` lists them.
    #[arg(long, value_name = "CELL")]
    pub(crate) only: Option<String>,
    /// Prints programs and parameters, and runs nothing.
    #[arg(long)]
    explain: bool,
    /// Prints notes, caveats, met expectations and rankings in words, too; table.md has them anyway.
    #[arg(long, short)]
    verbose: bool,
    #[command(flatten)]
    pub(crate) settings: SettingArguments,
    /// Writes down what crosses between client and server, frame by frame, into `traffic` in the run's
    /// folder: kind, direction, bytes, time, and the first bytes of ciphertexts. It takes time.
    #[arg(long)]
    pub(crate) record_traffic: bool,
    /// The folder of runs.
    #[arg(long, default_value = "runs")]
    pub(crate) runs: PathBuf,
    /// Runs nothing: writes a plan of all cells into this folder, from which `run --cells` runs some of them on any
    /// machine, and of which `merge` makes one run.
    #[arg(long, value_name = "FOLDER", conflicts_with_all = ["resume", "explain", "record_traffic"])]
    pub(crate) plan_into: Option<PathBuf>,
    /// Of a plan: a small cell that every call of `run --cells` runs first, so that machines can be compared.
    #[arg(long, value_name = "CELL", requires = "plan_into")]
    pub(crate) reference_cell: Option<String>,
    /// Runs these cells of a plan, as in `0,3,7-9`, into a shard of records of its own.
    #[arg(long, value_name = "K,…", requires = "into",
          conflicts_with_all = ["files", "resume", "explain", "only", "set", "repetitions", "plan_into"])]
    pub(crate) cells: Option<String>,
    /// The folder of the plan.
    #[arg(long, value_name = "FOLDER", requires = "cells")]
    pub(crate) into: Option<PathBuf>,
}

/// A cell failed, or an expectation did.
pub(crate) const UNEXPECTED: u8 = 1;

/// A run that came to its end.
pub(crate) struct Ran {
    pub(crate) folder: RunFolder,
    pub(crate) as_expected: bool,
    records: Records,
    pub(crate) rows: Vec<Row>,
    verdicts: Vec<Verdict>,
}

impl Ran {
    /// Prints the report.
    pub(crate) fn print(&self, verbose: bool) {
        let screen = crate::out::screen(verbose);
        let text = hexperiment_reports::terminal(&self.records, &self.rows, &self.verdicts, screen);
        crate::out::report(&text);
        say!("written to {}", self.folder.path().display());
    }
}

/// Runs every file; the exit code is the worst of them.
pub(crate) fn run(arguments: &RunArguments) -> ExitCode {
    let settings = match arguments.settings.read() {
        Ok(settings) => settings,
        Err(problem) => return crate::bad_input(problem),
    };
    let only = arguments.only.as_deref();
    if arguments.explain {
        return explain::explain(&arguments.files, only, &settings);
    }
    let mut worst = 0;
    let place = Place {
        runs: &arguments.runs,
        resume: if arguments.resume {
            Resume::Always
        } else {
            Resume::Never
        },
        besides: Besides {
            traffic: arguments.record_traffic,
            library: false,
        },
    };
    for file in &arguments.files {
        worst = worst.max(match one(file, only, &settings, place) {
            Ok(ran) => {
                ran.print(arguments.verbose);
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
pub(crate) fn one(
    file: &Path,
    only: Option<&str>,
    settings: &[Setting],
    place: Place<'_>,
) -> Result<Ran, String> {
    let experiment = Experiment::load_with(file, settings).map_err(|e| e.to_string())?;
    let mut plans = explain::cells(&experiment, only)?;
    settle(&mut plans, place.runs);
    let newest = RunFolder::newest(place.runs, experiment.name());
    let resumes = match place.resume {
        Resume::Never => false,
        Resume::IfThereIsOne => newest.is_some(),
        Resume::Always => true,
    };
    if !resumes {
        latest::check(place.runs)?;
    }
    let progress = Progress::new();
    let header = prepare(&experiment, &plans, &progress)?;
    let (folder, done) = if resumes {
        resume(place.runs, newest, &header)?
    } else {
        let copy = copy_of(&experiment);
        let folder = RunFolder::create(place.runs, experiment.name(), &copy).map_err(|e| {
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
    } else if done.extends {
        let copied = folder.copy(&copy_of(&experiment));
        copied.map_err(|e| format!("{}: cannot be written: {e}", folder.path().display()))?;
        let line = Line::Extended(Extended {
            at: now(),
            repetitions: experiment.run().repetitions,
            set: header.set,
        });
        writer.append(&line).map_err(|e| e.to_string())?;
    }
    interrupt::say_how_to_go_on();
    progress.line(&format!(
        "{}: {}, writing to {}",
        experiment.name(),
        counted_cells(plans.len()),
        folder.path().display()
    ));
    let runner = Runner::new(&experiment, &folder, writer, done, progress);
    runner.with(place.besides).run(&plans)?;
    report(&experiment, folder)
}

/// Reads the data of all cells and prepares their tasks once, so that what is wrong with them is
/// told before anything is run; yields what the records begin with. Nothing of it stays in memory.
pub(crate) fn prepare(
    experiment: &Experiment,
    plans: &[CellPlan],
    progress: &Progress,
) -> Result<Run, String> {
    progress.doing(&format!("{}: read data, prepare tasks", experiment.name()));
    let mut loaded = Loaded::default();
    check_input(experiment, plans, &mut loaded).map_err(|e| e.to_string())?;
    let data = loaded.into_provenance();
    give_memory_back();
    Ok(header(experiment, plans, data))
}

/// The experiment as it is run, as a file: the settings of the command line are in it.
fn copy_of(experiment: &Experiment) -> String {
    let set: Vec<&str> = experiment.settings().collect();
    with_settings(experiment.text(), &set)
}

/// The text of an experiment that has these settings, which it tells.
pub(crate) fn with_settings(text: &str, set: &[&str]) -> String {
    if set.is_empty() {
        return text.to_owned();
    }
    let mut copy = String::from("# Set on the command line:\n");
    for words in set {
        // A comment ends with its line, and holds no control characters.
        let words = words.replace(char::is_control, " ");
        let _ = writeln!(copy, "#   {words}"); // writing to a string cannot fail
    }
    copy.push('\n');
    copy + text
}

/// What the records of some cells begin with.
pub(crate) fn header(
    experiment: &Experiment,
    plans: &[CellPlan],
    mut data: Vec<dataset::Provenance>,
) -> Run {
    // Of the schemes in use: what else was built in changes nothing.
    let in_use = plans
        .iter()
        .filter_map(|plan| registry::scheme(&plan.cell.scheme).ok());
    let libraries = in_use
        .map(hexperiment_scheme::Scheme::manifest)
        .map(|m| (m.name.to_owned(), m.library));
    let threads = plans.iter().map(|p| p.threads).max().unwrap_or(1);
    let mut provenance = measure::provenance(threads, crate::build::build(), libraries.collect());
    provenance.further_data = data.split_off(data.len().min(1));
    provenance.data = data.pop().unwrap_or_default();
    let mut run = Run {
        schema: SCHEMA,
        experiment: experiment.name().into(),
        question: experiment.question().into(),
        caveats: experiment.caveats().into(),
        started: now(),
        resolved: experiment.resolved(),
        fingerprint: String::new(),
        set: experiment.settings().map(str::to_owned).collect(),
        extended: vec![],
        cells: plans.iter().map(|p| p.cell.clone()).collect(),
        provenance,
        shard: None,
        merged: None,
    };
    run.fingerprint = changes::fingerprint(&run);
    run
}

/// The expectations about this run's cells: `--only` leaves out other labels.
fn concerned(experiment: &Experiment, cells: &[Cell]) -> Vec<Expectation> {
    let planned = experiment.cells();
    let left_out = |e: &Expectation| {
        planned.iter().any(|p| e.names(&p.cell)) && !cells.iter().any(|c| e.names(c))
    };
    let all = experiment.expectations().iter();
    all.filter(|e| !left_out(e)).cloned().collect()
}

/// Writes the tables.
pub(crate) fn report(experiment: &Experiment, folder: RunFolder) -> Result<Ran, String> {
    let records = summary::read_records(&folder.records()).map_err(|e| e.to_string())?;
    let (rows, verdicts) = judged(experiment, &records);
    hexperiment_reports::write_all(folder.path(), &records, &rows, &verdicts)
        .map_err(|e| format!("{}: {e}", folder.path().display()))?;
    Ok(Ran {
        as_expected: !any_broken(&rows, &verdicts) && verdicts.iter().all(|v| v.passed),
        folder,
        records,
        rows,
        verdicts,
    })
}

/// The rows of records that are there, and what the experiment's expectations of their cells come to.
pub(crate) fn judged(experiment: &Experiment, records: &Records) -> (Vec<Row>, Vec<Verdict>) {
    let rows = summary::rows(records);
    let verdicts = evaluate(&rows, &concerned(experiment, &records.run.cells));
    (rows, verdicts)
}

/// Whether a row ended badly; a failure may be what an experiment is about.
pub(crate) fn any_broken(rows: &[Row], verdicts: &[Verdict]) -> bool {
    let foreseen = |row: &Row| {
        verdicts.iter().any(|v| {
            let about = |f: &Finding| f.passed && f.label == row.name();
            v.expectation.status == Some(row.status) && v.findings.iter().any(about)
        })
    };
    let done = |row: &Row| matches!(row.status, Status::Ok | Status::Refused);
    rows.iter().any(|row| !done(row) && !foreseen(row))
}
