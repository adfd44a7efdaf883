//! `overview`: one table of all tasks and schemes, from several runs.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;
use hexperiment_experiment::summary::{Records, read_records};
use hexperiment_reports::{Known, Overview, Runs};
use hexperiment_scheme::registry;

use crate::folder::RunFolder;
use crate::out::{self, say, tell};
use crate::run::{self, Besides, Place};

/// What `overview` takes.
#[derive(Args)]
pub(crate) struct OverviewArguments {
    /// Folders of one run or of many; experiment files, which are run first; folders of experiment
    /// files.
    #[arg(required = true)]
    paths: Vec<PathBuf>,
    /// Goes on with the newest run of each experiment, if there is one.
    #[arg(long)]
    resume: bool,
    /// Shows all runs of an experiment; without it the newest only.
    #[arg(long)]
    all: bool,
    /// Says at length how the figures are to be read.
    #[arg(long, short)]
    verbose: bool,
    /// The folder of runs; `overview.md` and `overview.csv` go there, too.
    #[arg(long, default_value = "runs")]
    runs: PathBuf,
}

/// Runs what is to be run, and makes the table. The exit code is the worst of the runs'.
pub(crate) fn overview(arguments: &OverviewArguments) -> ExitCode {
    let mut worst = 0;
    let mut all: Vec<Records> = Vec::new();
    for path in &arguments.paths {
        let sources = match sources(path) {
            Ok(sources) => sources,
            Err(problem) => return crate::bad_input(problem),
        };
        for source in sources {
            let (records, code) = match &source {
                Source::Run(folder) => (Ok(folder.clone()), 0),
                Source::Experiment(file) => ran(arguments, file),
            };
            worst = worst.max(code);
            let read = records.and_then(|file| read_records(&file).map_err(|e| e.to_string()));
            match read {
                Ok(records) => all.push(records),
                Err(problem) => {
                    tell!("error: {problem}");
                    worst = worst.max(crate::BAD_INPUT);
                }
            }
        }
    }
    if all.is_empty() {
        return ExitCode::from(worst);
    }
    let which = if arguments.all {
        Runs::All
    } else {
        Runs::Newest
    };
    let overview = Overview::new(&all, &known(), which);
    out::report(&overview.terminal(out::screen(arguments.verbose)));
    let written =
        fs::create_dir_all(&arguments.runs).and_then(|()| overview.write(&arguments.runs));
    if let Err(e) = written {
        return crate::bad_input(format!(
            "{}: the table cannot be written: {e}\n  help: name a folder that can be written by \
             `--runs`",
            arguments.runs.display()
        ));
    }
    let file = arguments.runs.join("overview.md");
    say!("written to {} and overview.csv beside it", file.display());
    ExitCode::from(worst)
}

/// Where rows come from.
enum Source {
    /// A run's records.
    Run(PathBuf),
    /// An experiment that is to be run.
    Experiment(PathBuf),
}

/// What a path of the command line means.
fn sources(path: &Path) -> Result<Vec<Source>, String> {
    let help = "give the folder of a run (it holds records.jsonl), a folder of such folders, an \
                experiment file, or a folder of experiment files such as experiments/overview";
    let bad = |found: String| format!("{}: {found}\n  help: {help}", path.display());
    if path.is_file() {
        return Ok(vec![Source::Experiment(path.to_owned())]);
    }
    let folder = RunFolder::at(path);
    if folder.records().is_file() {
        return Ok(vec![Source::Run(folder.records())]);
    }
    let entries = fs::read_dir(path).map_err(|e| bad(format!("cannot be read: {e}")))?;
    let mut entries: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
    entries.sort();
    let sources: Vec<Source> = entries.iter().filter_map(|entry| source(entry)).collect();
    if sources.is_empty() {
        return Err(bad(
            "found neither records.jsonl nor an experiment file (*.toml), nor a folder of a run"
                .into(),
        ));
    }
    Ok(sources)
}

/// What an entry of a folder is, if it is something.
fn source(entry: &Path) -> Option<Source> {
    let records = RunFolder::at(entry).records();
    // `latest` leads to a run that is there anyway.
    if records.is_file() && !entry.is_symlink() {
        return Some(Source::Run(records));
    }
    let is_toml = entry.extension().is_some_and(|e| e == "toml");
    (is_toml && entry.is_file()).then(|| Source::Experiment(entry.to_owned()))
}

/// Runs an experiment: where its records are, and the exit code.
fn ran(arguments: &OverviewArguments, file: &Path) -> (Result<PathBuf, String>, u8) {
    let place = Place {
        runs: &arguments.runs,
        resume: if arguments.resume {
            run::Resume::IfThereIsOne
        } else {
            run::Resume::Never
        },
        besides: Besides::default(),
    };
    match run::one(file, None, &[], place) {
        Ok(ran) => {
            let page = ran.folder.path().join("table.md");
            let code = if ran.as_expected {
                tell!("{}: as expected", page.display());
                0
            } else {
                tell!("{}: NOT AS EXPECTED, it says what", page.display());
                run::UNEXPECTED
            };
            (Ok(ran.folder.records()), code)
        }
        Err(problem) => (Err(problem), crate::BAD_INPUT),
    }
}

/// All that is registered.
fn known() -> Known {
    let owned = |names: Vec<&str>| names.into_iter().map(str::to_owned).collect();
    Known {
        tasks: owned(hexperiment_task::registry::names()),
        schemes: owned(registry::names()),
    }
}
