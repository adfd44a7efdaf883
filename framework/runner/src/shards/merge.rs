//! `merge FOLDER…`: one run of the shards of a plan, for each of its experiments.

use std::collections::HashMap;
use std::fs;
use std::io::{self, BufRead as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;
use hexperiment_diagnostics::{files, printable};
use hexperiment_experiment::merge::{MergedRun, Planned, merge as merged};
use hexperiment_experiment::record::{Cell, file_name};
use serde::Deserialize;

use super::plan::{FILE, PlanFolder};
use super::written::{Shards, find, read};
use crate::folder::RunFolder;
use crate::latest;
use crate::out::{counted_cells, tell};
use crate::run::{UNEXPECTED, report, with_settings};
use crate::shell::typed;
use hexperiment_client::Lock;

/// What `merge` takes.
#[derive(Args)]
pub(crate) struct MergeArguments {
    /// Folders of one plan: the one into which its cells were run, or copies of it from several machines.
    #[arg(required = true, value_name = "FOLDER")]
    folders: Vec<PathBuf>,
    /// Prints notes, caveats, met expectations and rankings in words, too; table.md has them anyway.
    #[arg(long, short)]
    verbose: bool,
    /// The folder of runs.
    #[arg(long, default_value = "runs")]
    runs: PathBuf,
}

/// Numbers of cells that a message names, at most.
const NAMED: usize = 40;

/// Makes one run of all shards.
pub(crate) fn merge(arguments: &MergeArguments) -> ExitCode {
    match all(arguments) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::from(UNEXPECTED),
        Err(problem) => crate::bad_input(problem),
    }
}

/// Whether everything is there, and as expected.
fn all(arguments: &MergeArguments) -> Result<bool, String> {
    let folders = arguments.folders.iter().map(|path| PlanFolder::open(path));
    let folders: Vec<PlanFolder> = folders.collect::<Result<_, _>>()?;
    // The command line asks for one.
    let Some((plan, others)) = folders.split_first() else {
        return Ok(true);
    };
    for other in others {
        same_plan(plan, other)?;
    }
    latest::check(&arguments.runs)?;
    let mut found = Vec::new();
    let mut told = Vec::new();
    for folder in &folders {
        let (files, words) = find(&folder.path)?;
        found.extend(files);
        told.extend(words);
    }
    let shards = read(&found, plan)?;
    for words in told.iter().chain(&shards.told) {
        tell!("warning: {words}");
    }
    if shards.all.is_empty() {
        return Err(format!(
            "{}: found no shard that can be read, expected one\n  help: `run --cells K,… --into FOLDER` writes them",
            plan.path.display()
        ));
    }
    let _lock = lock(&arguments.runs)?;
    let mut well = true;
    for place in 0..plan.plan.experiments.len() {
        well &= one(plan, place, &shards, arguments)?;
    }
    Ok(well)
}

/// What other processes that merge into the same folder of runs wait for.
const LOCK: &str = ".merge.lock";

/// Waits until no other process merges into this folder of runs: two would take one another's folders for those of others.
fn lock(runs: &Path) -> Result<Lock, String> {
    let waits = || {
        tell!(
            "another `merge` writes into {}: waiting for it",
            runs.display()
        );
    };
    let locked = fs::create_dir_all(runs).and_then(|()| Lock::wait(&runs.join(LOCK), waits));
    locked.map_err(|e| {
        format!(
            "{}: cannot be written: {e}\n  help: name a folder that can be written by `--runs`",
            runs.display()
        )
    })
}

/// Refuses two plans that are not the same, with what differs.
fn same_plan(plan: &PlanFolder, other: &PlanFolder) -> Result<(), String> {
    if plan.digest == other.digest {
        return Ok(());
    }
    let [a, b] = [plan, other].map(|folder| folder.path.join(FILE).display().to_string());
    let differ = match plan.difference(other) {
        Some((field, x, y)) => {
            let [x, y] = [x, y].map(|value| printable::cut(&value, 120).into_owned());
            format!("`{field}` is {x} in the one, {y} in the other")
        }
        None => "their bytes differ".into(),
    };
    Err(format!(
        "{a} and {b} are different plans: {differ}\n  help: one run is of one plan: merge each by itself, and compare the \
         runs by `cmp`"
    ))
}

/// Makes the run of one experiment; whether everything is there, and as expected.
fn one(
    plan: &PlanFolder,
    place: usize,
    shards: &Shards<'_>,
    arguments: &MergeArguments,
) -> Result<bool, String> {
    let planned = plan.planned(place);
    let run = merged(planned, &shards.all);
    tell_of(plan, &run);
    let experiment = plan.experiment(place)?;
    let of_plan = &plan.plan.experiments[place];
    let set: Vec<&str> = of_plan.run.set.iter().map(String::as_str).collect();
    let copy = with_settings(&of_plan.text, &set);
    let named = (plan.plan.made.as_str(), experiment.name());
    let written = RunFolder::of(&arguments.runs, named, &copy, |folder| {
        is_of(folder, planned)
    })
    .and_then(|folder| {
        take_files(&folder, planned, &run, shards)?;
        files::write_whole(&folder.records(), &run.bytes)?;
        Ok(folder)
    });
    let folder = written.map_err(|e| {
        format!(
            "{}: the run cannot be written: {e}\n  help: name a folder that can be written by `--runs`",
            arguments.runs.display()
        )
    })?;
    let ran = report(&experiment, folder)?;
    ran.print(arguments.verbose);
    Ok(ran.as_expected && run.missing.is_empty() && run.ended_by_signal.is_empty())
}

/// Says what is missing and what was there more than once.
fn tell_of(plan: &PlanFolder, run: &MergedRun) {
    let folder = typed(&plan.path);
    for (numbers, what) in [
        (&run.missing, "missing"),
        (&run.ended_by_signal, "ended by a scheduler"),
    ] {
        if !numbers.is_empty() {
            tell!(
                "warning: {what}: {} of {}; `hexperiment run --cells {} --into {folder}` runs them",
                numbers.len(),
                counted_cells(plan.plan.cells.len()),
                ranges(numbers)
            );
        }
    }
    if !run.several.is_empty() {
        let words = run.several.iter().take(NAMED);
        let words: Vec<String> = words
            .map(|(cell, count)| format!("{cell} ({count})"))
            .collect();
        let more = run.several.len().saturating_sub(NAMED);
        let more = if more > 0 {
            format!(" and {more} more")
        } else {
            String::new()
        };
        tell!(
            "warning: in more than one shard, of which the one that came furthest counts, and the earliest of those: cells {}{more}",
            words.join(", ")
        );
    }
    for end in run.superseded.iter().take(NAMED) {
        let node = end.node.as_ref().map_or_else(String::new, |node| {
            format!(" on {}", printable::cut(node, 80))
        });
        tell!(
            "warning: {} had ended before{node}: {}: {}",
            printable::cut(&end.cell, 200),
            end.status,
            printable::cut(&end.reason, 500)
        );
    }
}

/// Numbers as `--cells` takes them; of very many, the beginning.
pub(crate) fn ranges(numbers: &[usize]) -> String {
    let chunks = numbers.chunk_by(|a, b| a + 1 == *b);
    let words = chunks.filter_map(|chunk| match chunk {
        [] => None,
        [one] => Some(one.to_string()),
        [first, .., last] => Some(format!("{first}-{last}")),
    });
    words.collect::<Vec<_>>().join(",")
}

/// Whether a folder of runs has the run of this experiment of the plan, or nothing yet.
fn is_of(folder: &RunFolder, planned: Planned<'_>) -> bool {
    #[derive(Deserialize)]
    struct Merged {
        plan: String,
        experiment: usize,
    }
    #[derive(Deserialize)]
    struct Header {
        merged: Option<Merged>,
    }
    let records = folder.records();
    if !records.exists() {
        // One that a killed `merge` began: records are written last.
        let is_new = |entry: io::Result<fs::DirEntry>| {
            let is_ours = |name: &str| name == "experiment.toml" || OF_CELLS.contains(&name);
            entry.is_ok_and(|entry| entry.file_name().to_str().is_some_and(is_ours))
        };
        return fs::read_dir(folder.path()).is_ok_and(|mut all| all.all(is_new));
    }
    let header = || -> Option<Header> {
        let file = files::open(&records, "the records of a run", "").ok()?;
        let mut line = String::new();
        io::BufReader::new(file).read_line(&mut line).ok()?;
        serde_json::from_str(&line).ok()
    };
    header()
        .and_then(|header| header.merged)
        .is_some_and(|of| (of.plan.as_str(), of.experiment) == (planned.plan, planned.experiment))
}

/// Takes what tasks left of each cell, and the logs of its processes, over from the shard that it was taken from.
fn take_files(
    folder: &RunFolder,
    planned: Planned<'_>,
    run: &MergedRun,
    shards: &Shards<'_>,
) -> io::Result<()> {
    let all = shards.all.iter().zip(&shards.folders);
    let by_name: HashMap<_, _> = all
        .map(|(shard, source)| ((shard.name(), shard.digest()), (shard, source)))
        .collect();
    for (name, digest, places) in &run.taken {
        let Some((shard, source)) = by_name.get(&(name.as_str(), digest.as_str())) else {
            continue;
        };
        for place in places {
            let cell: &Cell = &planned.run.cells[*place];
            let there = shard.run().cells.iter().position(|c| c.id == cell.id);
            let Some(there) = there else { continue };
            let [from, to] =
                [(there, &cell.id), (*place, &cell.id)].map(|(n, id)| file_name(n, id));
            take(source, folder.path(), &from, &to)?;
        }
    }
    Ok(())
}

/// The folders of a run in which every cell has files, or a folder, of its own.
const OF_CELLS: [&str; 3] = ["artefacts", "logs", "traffic"];

/// Copies the files of a cell that is called `from` there and `to` here.
fn take(source: &Path, target: &Path, from: &str, to: &str) -> io::Result<()> {
    for kind in OF_CELLS {
        let folder = source.join(kind);
        if !folder.symlink_metadata().is_ok_and(|there| there.is_dir()) {
            continue;
        }
        let Ok(entries) = fs::read_dir(folder) else {
            continue;
        };
        for entry in entries {
            let entry = entry?;
            let name = entry.file_name();
            let Some(rest) = name.to_str().and_then(|name| name.strip_prefix(from)) else {
                continue;
            };
            // `a.log`, `a,process=1.log` or the folder `a`, and not `ab.log` or `a.b.log`.
            let of_process = rest
                .strip_prefix(",process=")
                .and_then(|r| r.strip_suffix(".log"));
            let is_own = matches!(rest, "" | ".log" | ".jsonl");
            if !is_own && of_process.is_none_or(|number| number.parse::<u32>().is_err()) {
                continue;
            }
            let to = target.join(kind).join(format!("{to}{rest}"));
            // A link leads out of the shard, and a pipe has no end.
            let file_type = entry.file_type()?;
            if file_type.is_dir() {
                copy_folder(&entry.path(), &to)?;
            } else if file_type.is_file() {
                fs::create_dir_all(target.join(kind))?;
                fs::copy(entry.path(), to)?;
            }
        }
    }
    Ok(())
}

/// Copies the files of a folder into one that has none of others.
fn copy_folder(from: &Path, to: &Path) -> io::Result<()> {
    if to.exists() {
        fs::remove_dir_all(to)?;
    }
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        if entry.file_type()?.is_file() {
            fs::copy(entry.path(), to.join(entry.file_name()))?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_told_as_they_are_given() {
        assert_eq!(ranges(&[]), "");
        assert_eq!(ranges(&[3]), "3");
        assert_eq!(ranges(&[0, 1, 2, 5, 7, 8]), "0-2,5,7-8");
    }
}
