//! `report`: the page of runs that are there, from their records alone.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;
use hexperiment_experiment::Expectation;
use hexperiment_experiment::record::Run;
use hexperiment_experiment::summary::{Records, Row, read_records, rows};
use hexperiment_experiment::verdict::{Verdict, evaluate};
use hexperiment_reports::{Shown, answer, terminal, write_all, write_html};

use crate::folder::RunFolder;
use crate::latest;
use crate::out::{self, say, tell};

/// What `report` takes.
#[derive(Args)]
pub(crate) struct ReportArguments {
    /// Folders of runs, or folders of such folders; without one the newest run.
    #[arg(value_name = "RUN")]
    paths: Vec<PathBuf>,
    /// The page's file; without it `report.html` in the folder of the run, or in that of runs if
    /// there are several.
    #[arg(long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Prints notes, caveats, met expectations and rankings in words, too, of a single run.
    #[arg(long, short)]
    verbose: bool,
    /// The folder of runs.
    #[arg(long, default_value = "runs")]
    runs: PathBuf,
}

/// A run that was read.
pub(crate) struct Read {
    folder: PathBuf,
    pub(crate) records: Records,
    pub(crate) rows: Vec<Row>,
    verdicts: Vec<Verdict>,
}

/// Writes one page of all runs; of a single run its tables, too, and prints it; of several their answers.
pub(crate) fn report(arguments: &ReportArguments) -> ExitCode {
    let newest = [latest::link(&arguments.runs)];
    let given = match arguments.paths.as_slice() {
        [] => &newest,
        paths => paths,
    };
    let (all, worst) = match read_all(given) {
        Ok(read) => read,
        Err(problem) => return crate::bad_input(problem),
    };
    let shown: Vec<Shown<'_>> = all.iter().map(Read::shown).collect();
    let file = match (&arguments.output, all.as_slice()) {
        (_, []) => return worst,
        (Some(file), _) => file.clone(),
        (None, [one]) => one.folder.join("report.html"),
        (None, _) => arguments.runs.join("report.html"),
    };
    let written = match (all.as_slice(), &arguments.output) {
        ([one], None) => write_all(&one.folder, &one.records, &one.rows, &one.verdicts),
        _ => write_html(&file, &shown),
    };
    if let Err(e) = written {
        return crate::bad_input(format!(
            "{e}\n  help: name a file that can be written by `--output`"
        ));
    }
    match all.as_slice() {
        [one] => out::report(&terminal(
            &one.records,
            &one.rows,
            &one.verdicts,
            out::screen(arguments.verbose),
        )),
        several => several.iter().for_each(Read::say_answer),
    }
    say!("written to {}", file.display());
    // The process ends: the system takes its memory back at once, in the place of millions of texts one by one.
    std::mem::forget(all);
    worst
}

/// The runs that paths of the command line mean; each that cannot be read is told, and the exit code
/// says so. The error is of a path that leads to no run.
pub(crate) fn read_all(paths: &[PathBuf]) -> Result<(Vec<Read>, ExitCode), String> {
    let mut folders: Vec<PathBuf> = Vec::new();
    for path in paths {
        for found in runs_of(path)? {
            if !folders.contains(&found) {
                folders.push(found);
            }
        }
    }
    let mut code = ExitCode::SUCCESS;
    let mut all: Vec<Read> = Vec::new();
    for folder in folders {
        match read(folder) {
            Ok(read) => all.push(read),
            Err(problem) => code = crate::bad_input(problem),
        }
    }
    Ok((all, code))
}

/// The runs that paths of the command line mean, in their order, and one as often as it is named: for what is
/// about all of them, so that the first that cannot be read is an error.
pub(crate) fn read_each(paths: &[PathBuf]) -> Result<Vec<Read>, String> {
    let mut all = Vec::new();
    for path in paths {
        for folder in runs_of(path)? {
            all.push(read(folder)?);
        }
    }
    Ok(all)
}

/// The folders of runs that a path of the command line means.
pub(crate) fn runs_of(path: &Path) -> Result<Vec<PathBuf>, String> {
    let help = "give the folder of a run (it holds records.jsonl), or a folder of such folders";
    let bad = |found: String| format!("{}: {found}\n  help: {help}", path.display());
    if RunFolder::at(path).records().is_file() {
        return Ok(vec![path.to_owned()]);
    }
    if path.file_name().is_some_and(|name| name == "records.jsonl") {
        return runs_of(path.parent().unwrap_or(Path::new("")));
    }
    let entries = fs::read_dir(path).map_err(|e| bad(format!("cannot be read: {e}")))?;
    let mut found: Vec<PathBuf> = entries
        .flatten()
        .map(|entry| entry.path())
        // `latest` leads to a run that is there anyway.
        .filter(|entry| !entry.is_symlink() && RunFolder::at(entry).records().is_file())
        .collect();
    found.sort();
    if found.is_empty() {
        return Err(bad("found no records.jsonl, nor a folder with one".into()));
    }
    Ok(found)
}

/// Reads a run: its records, rows, and what came of its expectations.
pub(crate) fn read(folder: PathBuf) -> Result<Read, String> {
    let records = read_records(&RunFolder::at(&folder).records()).map_err(|e| e.to_string())?;
    let rows = rows(&records);
    let expectations = expectations(&records.run).unwrap_or_else(|e| {
        tell!(
            "{}: its expectations cannot be read, and are left out: {e}",
            folder.display()
        );
        vec![]
    });
    let verdicts = evaluate(&rows, &expectations);
    Ok(Read {
        folder,
        records,
        rows,
        verdicts,
    })
}

/// What a run expects of its cells, as its records say; `--only` left out other labels.
fn expectations(run: &Run) -> Result<Vec<Expectation>, serde_json::Error> {
    let Some(recorded) = run.resolved.get("expect") else {
        return Ok(vec![]);
    };
    let mut all: Vec<Expectation> = serde_json::from_value(recorded.clone())?;
    all.retain(|e| e.label.is_none() || run.cells.iter().any(|cell| e.names(cell)));
    Ok(all)
}

impl Read {
    /// Numbers the machines in the place of their names.
    pub(crate) fn number_machines(&mut self) {
        self.records.number_machines();
        self.rows = rows(&self.records);
    }

    /// What was read.
    pub(crate) fn into_records(self) -> Records {
        self.records
    }

    /// The name of its folder, also where a link led to it.
    pub(crate) fn name(&self) -> String {
        let whole = self.folder.canonicalize();
        let folder = whole.as_deref().unwrap_or(&self.folder);
        let name = folder.file_name().unwrap_or(folder.as_os_str());
        name.to_string_lossy().into_owned()
    }

    /// The answer in one sentence.
    fn say_answer(&self) {
        let run = &self.records.run;
        let answer = answer(&self.rows, run.rank_by(), run.tie_margin());
        say!("{} ({}): {answer}", run.experiment, run.started);
    }

    pub(crate) fn shown(&self) -> Shown<'_> {
        Shown {
            records: &self.records,
            rows: &self.rows,
            verdicts: &self.verdicts,
            folder: &self.folder,
        }
    }
}
