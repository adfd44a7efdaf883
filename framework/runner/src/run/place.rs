//! Where a run writes, and what is there of it already.

use std::collections::BTreeSet;
use std::path::Path;

use hexperiment_experiment::CellPlan;
use hexperiment_experiment::record::Run;
use hexperiment_experiment::summary;
use hexperiment_scheme::options::OptionValue;

use super::changes;
use crate::folder::RunFolder;
use crate::latest;

/// Where a run writes, and whether it goes on with an earlier one.
#[derive(Clone, Copy)]
pub(crate) struct Place<'a> {
    /// The folder of runs.
    pub(crate) runs: &'a Path,
    pub(crate) resume: Resume,
    pub(crate) besides: Besides,
}

/// What is written down of cells besides their repetitions.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Besides {
    /// Whether what crosses is recorded.
    pub(crate) traffic: bool,
    /// Whether the library's own calls are timed beside each repetition.
    pub(crate) library: bool,
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

/// What an interrupted run has already.
#[derive(Default)]
pub(crate) struct Done {
    pub(super) header: bool,
    /// Whether more repetitions are wanted than its records say.
    pub(super) extends: bool,
    pub(super) repetitions: BTreeSet<(String, u32)>,
    /// Set-ups that are recorded, by cell and process.
    pub(super) set_ups: BTreeSet<(String, u32)>,
    pub(super) stopped: BTreeSet<String>,
}

/// The newest run of an experiment, and what it has; `header` is what a new run would begin with.
pub(super) fn resume(
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
    if records.run.merged.is_some() {
        return Err(format!(
            "{}: this run was put together from shards, and is not gone on with\n  help: run what is missing by \
             `run --cells … --into FOLDER`, and `merge` again; or start a run without --resume",
            folder.path().display()
        ));
    }
    changes::refuse(&records.run, header, folder.path())?;
    let done = Done {
        header: true,
        extends: header.repetitions() > records.run.repetitions(),
        repetitions: records
            .repetitions
            .iter()
            .map(|r| (r.cell.clone(), r.index))
            .collect(),
        set_ups: records
            .setups
            .iter()
            .flat_map(|(cell, of)| of.keys().map(|process| (cell.clone(), *process)))
            .collect(),
        stopped: records.stopped.iter().map(|s| s.cell.clone()).collect(),
    };
    Ok((folder, done))
}

/// Files that a task is told of by a path through `runs/latest` are those of the run that this
/// leads to now: once a new run has begun, it leads there.
pub(crate) fn settle(plans: &mut [CellPlan], runs: &Path) {
    let latest = std::path::absolute(latest::link(runs));
    let settled = |value: &OptionValue| {
        let OptionValue::Text(path) = value else {
            return None;
        };
        let leads_there = std::path::absolute(path)
            .ok()?
            .starts_with(latest.as_ref().ok()?);
        let file = leads_there.then(|| std::fs::canonicalize(path).ok())??;
        Some(OptionValue::Text(file.to_str()?.to_owned()))
    };
    for plan in plans {
        let options = plan.task_options.clone();
        for (name, value) in options.iter() {
            if let Some(value) = settled(value) {
                plan.task_options.set(name, value);
            }
        }
    }
}
