//! `publish`: results of saved runs as files to keep, an index of them, and a site; from records alone.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;
use hexperiment_diagnostics::files;
use hexperiment_experiment::record::Status;
use hexperiment_experiment::summary::Row;
use hexperiment_reports::published::{Publication, front_page, index, picture, shown_in, site};
use hexperiment_reports::{Shown, markdown, summary_csv, write_html};

use crate::out::{say, tell};
use crate::report::{Read, read_all};
use crate::run::UNEXPECTED;

/// What `publish` takes.
#[derive(Args)]
pub(crate) struct PublishArguments {
    /// Folders of runs, or folders of such folders; of each experiment the newest run is taken. Without one
    /// all of `--runs`.
    #[arg(value_name = "RUN")]
    paths: Vec<PathBuf>,
    /// The folder of what is published; experiments that are there and not among the runs stay.
    #[arg(long, value_name = "FOLDER", default_value = "reports/published")]
    into: PathBuf,
    /// The folder for the site of HTML pages, one for each task.
    #[arg(long, value_name = "FOLDER", default_value = "runs/site")]
    site: PathBuf,
    /// A page that shows a published experiment between two marks, and is kept current.
    #[arg(long, value_name = "FILE")]
    readme: Option<PathBuf>,
    /// Writes nothing: says which files are not as they would be made of what is published.
    #[arg(long, conflicts_with = "paths")]
    check: bool,
    /// The folder of runs.
    #[arg(long, default_value = "runs")]
    runs: PathBuf,
}

/// The file that a publication is read from.
const PUBLICATION: &str = "run.json";
/// What stands beside it.
const BESIDE: [&str; 2] = ["table.md", "summary.csv"];

/// Publishes, or checks.
pub(crate) fn publish(arguments: &PublishArguments) -> ExitCode {
    let done = if arguments.check {
        check(arguments)
    } else {
        renew(arguments)
    };
    done.unwrap_or_else(crate::bad_input)
}

/// Says which files are not current.
fn check(arguments: &PublishArguments) -> Result<ExitCode, String> {
    let all = published(&arguments.into)?;
    let mut stale = Vec::new();
    for publication in &all {
        for name in BESIDE {
            let file = arguments.into.join(publication.folder()).join(name);
            if !file.is_file() {
                stale.push(format!("{}: is missing", file.display()));
            }
        }
    }
    for (file, wanted) in derived(arguments, &all)? {
        let found = fs::read_to_string(&file).ok();
        match (found, wanted) {
            (found, wanted) if found == wanted => {}
            (Some(_), None) => stale.push(format!("{}: should not be there", file.display())),
            (None, _) => stale.push(format!("{}: is missing", file.display())),
            _ => stale.push(format!("{}: is not as it is made", file.display())),
        }
    }
    for problem in &stale {
        tell!("{problem}");
    }
    if stale.is_empty() {
        say!("{}: current", arguments.into.display());
        return Ok(ExitCode::SUCCESS);
    }
    tell!("  help: `cargo xtask publish RUN…` makes all of them anew");
    Ok(ExitCode::from(UNEXPECTED))
}

/// Writes what the runs give, then everything that is made of all that is published.
fn renew(arguments: &PublishArguments) -> Result<ExitCode, String> {
    let all_runs = [arguments.runs.clone()];
    let paths = match arguments.paths.as_slice() {
        [] => &all_runs,
        paths => paths,
    };
    let (read, code) = read_all(paths)?;
    let read = newest(read)?;
    for run in read.values() {
        let publication = Publication::of(&run.shown());
        let folder = arguments.into.join(publication.folder());
        let summary = summary_csv(&run.rows).map_err(|e| e.to_string())?;
        let table = markdown(&run.records, &run.rows, run.shown().verdicts);
        put(&folder.join("summary.csv"), &summary)?;
        put(&folder.join("table.md"), table.as_bytes())?;
        put(&folder.join(PUBLICATION), publication.to_json()?.as_bytes())?;
    }
    let all = published(&arguments.into)?;
    for (file, text) in derived(arguments, &all)? {
        match text {
            Some(text) => put(&file, text.as_bytes())?,
            None if file.exists() => fs::remove_file(&file).map_err(|e| unwritten(&file, &e))?,
            None => {}
        }
    }
    write_site(arguments, &read, &all)?;
    for run in read.values() {
        say!(
            "published {} of {}",
            run.records.run.experiment,
            run.records.run.started
        );
    }
    say!(
        "written to {} and {}",
        arguments.into.join("README.md").display(),
        arguments.site.join("index.html").display()
    );
    Ok(code)
}

/// The newest run of each experiment, of those that began in one second the last. One that was interrupted is
/// an error: its answer would be of a part.
fn newest(read: Vec<Read>) -> Result<BTreeMap<String, Read>, String> {
    let mut newest: BTreeMap<String, Read> = BTreeMap::new();
    for run in read {
        let name = run.records.run.experiment.clone();
        let is_newer = |other: &Read| run.records.run.started >= other.records.run.started;
        if newest.get(&name).is_none_or(is_newer) {
            newest.insert(name, run);
        }
    }
    for run in newest.values() {
        if let Some(cell) = unfinished(run) {
            return Err(format!(
                "{}: {cell} has not all repetitions, and is not published\n  help: let the run go on by \
                 `run --resume`, or name the runs to publish",
                run.name()
            ));
        }
    }
    // What is published is for others, whom names of machines do not concern.
    newest.values_mut().for_each(Read::number_machines);
    if newest.is_empty() {
        return Err(
            "there is no run to publish\n  help: name the folders of runs, or run an experiment"
                .into(),
        );
    }
    Ok(newest)
}

/// A cell that neither has all its repetitions nor ended otherwise.
fn unfinished(run: &Read) -> Option<&str> {
    let row = run.rows.iter().find(|row| row.status == Status::Missing);
    row.map(Row::name)
}

/// All that is published in a folder, by name.
fn published(into: &Path) -> Result<Vec<Publication>, String> {
    let help = "publish a run into it, or name another folder by `--into`";
    let entries = fs::read_dir(into)
        .map_err(|e| format!("{}: cannot be read: {e}\n  help: {help}", into.display()))?;
    let mut found: Vec<PathBuf> = entries
        .flatten()
        .map(|entry| entry.path().join(PUBLICATION))
        .filter(|file| file.is_file())
        .collect();
    found.sort();
    let read = |file: &PathBuf| {
        let text = files::read_text(file, files::VALUES, "").map_err(|e| e.to_string())?;
        Publication::from_json(&text).map_err(|problem| {
            format!(
                "{}: is not what `publish` writes: {problem}\n  help: remove its folder, and publish that run again",
                file.display()
            )
        })
    };
    found.iter().map(read).collect()
}

/// The files that are made of publications, with their texts; without one where there should be no file.
fn derived(
    arguments: &PublishArguments,
    all: &[Publication],
) -> Result<Vec<(PathBuf, Option<String>)>, String> {
    let into = &arguments.into;
    let mut made = vec![(into.join("README.md"), Some(index(all)))];
    for publication in all {
        let file = into.join(publication.folder()).join("picture.svg");
        made.push((file, picture(publication)));
    }
    if let Some(readme) = &arguments.readme {
        let text = files::read_text(readme, files::TEXT, "").map_err(|e| e.to_string())?;
        if shown_in(&text).is_some() || !arguments.check {
            let of_page = |problem| format!("{}: {problem}", readme.display());
            let text = front_page(&text, all, &seen_from(readme, into)).map_err(of_page)?;
            made.push((readme.clone(), Some(text)));
        } else {
            return Err(format!(
                "{}: shows no published experiment",
                readme.display()
            ));
        }
    }
    Ok(made)
}

/// A folder as links of a page name it: from the page's folder, where it lies below that.
fn seen_from(page: &Path, folder: &Path) -> String {
    let whole = |path: &Path| path.canonicalize().unwrap_or_else(|_| path.to_owned());
    let (whole_page, whole_folder) = (whole(page), whole(folder));
    let below = whole_page
        .parent()
        .and_then(|from| whole_folder.strip_prefix(from).ok());
    below.unwrap_or(folder).display().to_string()
}

/// The site: a page of each task of these runs, the first page, and the files that it leads to.
fn write_site(
    arguments: &PublishArguments,
    read: &BTreeMap<String, Read>,
    all: &[Publication],
) -> Result<(), String> {
    let folder = &arguments.site;
    fs::create_dir_all(folder).map_err(|e| unwritten(folder, &e))?;
    let mut tasks: BTreeMap<String, Vec<Shown<'_>>> = BTreeMap::new();
    for run in read.values() {
        let task = Publication::of(&run.shown()).task;
        tasks.entry(task).or_default().push(run.shown());
    }
    for (task, runs) in &tasks {
        write_html(&folder.join(format!("{task}.html")), runs).map_err(|e| e.to_string())?;
    }
    for publication in all {
        let name = publication.folder();
        for file in BESIDE {
            let from = arguments.into.join(&name).join(file);
            let bytes = files::read(&from, files::VALUES, "").map_err(|e| e.to_string())?;
            put(&folder.join(&name).join(file), &bytes)?;
        }
    }
    let pages: BTreeSet<String> = all
        .iter()
        .map(|publication| publication.task.clone())
        .filter(|task| folder.join(format!("{task}.html")).is_file())
        .collect();
    put(&folder.join("index.html"), site(all, &pages).as_bytes())
}

fn put(file: &Path, bytes: &[u8]) -> Result<(), String> {
    files::write_with_folders(file, bytes).map_err(|e| unwritten(file, &e))
}

fn unwritten(file: &Path, e: &std::io::Error) -> String {
    format!(
        "{}: cannot be written: {e}\n  help: name a folder that can be written by `--into` or `--site`",
        file.display()
    )
}
