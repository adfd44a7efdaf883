//! The plan: which cells there are, and all that must be the same wherever they are run.

mod check;

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use hexperiment_diagnostics::files;
use hexperiment_experiment::merge::{Planned, first_difference};
use hexperiment_experiment::record::{Build, Run};
use hexperiment_experiment::{CellPlan, Experiment, Setting};
use serde::{Deserialize, Serialize};

use crate::digest::{of_this_program, sha256};
use crate::explain;
use crate::folder::now;
use crate::out::counted_cells;
use crate::run::{Progress, prepare, settle};

/// The plan's file in its folder.
pub(crate) const FILE: &str = "plan.json";

/// The folder of shards in that of the plan.
pub(crate) const SHARDS: &str = "shards";

/// The version of the plan's format; a reader refuses others.
const FORMAT: u32 = 1;

/// Which cells there are, and what they are run with.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Plan {
    /// Version of this format.
    pub(crate) format: u32,
    /// When it was made, in UTC (RFC 3339).
    pub(crate) made: String,
    /// How the program was built that made it, and that runs its cells.
    pub(crate) build: Build,
    /// SHA-256 of that program.
    pub(crate) binary: String,
    /// Number of the cell that every call runs first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) reference: Option<usize>,
    /// The experiments, in the order of the command line.
    pub(crate) experiments: Vec<PlanExperiment>,
    /// The cells of all of them, by their numbers.
    pub(crate) cells: Vec<PlanCell>,
}

/// An experiment of a plan.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct PlanExperiment {
    /// Path of its file, from which those of data are taken; the file itself is not read again.
    pub(crate) file: PathBuf,
    /// SHA-256 of the text.
    pub(crate) sha256: String,
    /// Text of the file, with the settings of the command line in it, and the number of threads.
    pub(crate) text: String,
    /// What records of the run begin with.
    pub(crate) run: Run,
}

/// A cell of a plan, and what a scheduler must know of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct PlanCell {
    /// Number in the plan.
    pub(crate) index: usize,
    /// Place of its experiment in the plan.
    pub(crate) experiment: usize,
    /// Name within its experiment.
    pub(crate) id: String,
    /// What tables call its scheme.
    pub(crate) label: String,
    /// Threads.
    pub(crate) threads: usize,
    /// Bytes that each of its two processes, client and server, may allocate.
    pub(crate) memory_limit_bytes: Option<u64>,
    /// Time for all its processes, one after the other.
    pub(crate) time_limit_seconds: Option<u64>,
    /// Pairs of processes that share the repetitions.
    pub(crate) processes: u32,
    /// Measured repetitions.
    pub(crate) repetitions: u32,
    /// Repetitions before these, in each process.
    pub(crate) warmup: u32,
}

impl Plan {
    /// Checks experiments, their data and their tasks as `run` does, and lists the cells; `only` is as there, `reference`
    /// names the cell that every call runs first.
    pub(crate) fn make(
        files: &[PathBuf],
        settings: &[Setting],
        only: Option<&str>,
        reference: Option<&str>,
        runs: &Path,
    ) -> Result<Self, String> {
        let mut plan = Self {
            format: FORMAT,
            made: now(),
            build: crate::build::build(),
            binary: of_this_program()?,
            reference: None,
            experiments: vec![],
            cells: vec![],
        };
        let progress = Progress::new();
        for file in files {
            let experiment = load(file, settings)?;
            let cells = explain::cells(&experiment, only)?;
            check_paths(&experiment, &cells, runs)?;
            let run = prepare(&experiment, &cells, &progress)?;
            plan.add(&experiment, &cells, run);
        }
        plan.reference = reference.map(|name| plan.find(name)).transpose()?;
        Ok(plan)
    }

    fn add(&mut self, experiment: &Experiment, cells: &[CellPlan], run: Run) {
        let place = self.experiments.len();
        let settings = experiment.run();
        let limit = settings.time_limit.saturating_mul(settings.processes);
        for cell in cells {
            self.cells.push(PlanCell {
                index: self.cells.len(),
                experiment: place,
                id: cell.cell.id.clone(),
                label: cell.cell.label.clone(),
                threads: cell.threads,
                memory_limit_bytes: settings.memory_limit,
                time_limit_seconds: Some(limit.as_millis().div_ceil(1000) as u64),
                processes: settings.processes,
                repetitions: settings.repetitions,
                warmup: settings.warmup,
            });
        }
        self.experiments.push(PlanExperiment {
            file: experiment.file().to_owned(),
            sha256: sha256(experiment.text().as_bytes()),
            text: experiment.text().to_owned(),
            run,
        });
    }

    /// The only cell of this name, or of this label.
    fn find(&self, name: &str) -> Result<usize, String> {
        let by = |of: fn(&PlanCell) -> &str| -> Vec<usize> {
            let named = self.cells.iter().filter(|cell| of(cell) == name);
            named.map(|cell| cell.index).collect()
        };
        let found = match by(|cell| &cell.id) {
            none if none.is_empty() => by(|cell| &cell.label),
            found => found,
        };
        match found.as_slice() {
            [one] => Ok(*one),
            found => Err(format!(
                "--reference-cell {name}: found {} of this name, expected one\n  help: `check` lists the cells",
                counted_cells(found.len())
            )),
        }
    }

    /// Writes the plan into a folder that has none.
    pub(crate) fn write(&self, folder: &Path) -> Result<(), String> {
        let file = folder.join(FILE);
        if file.exists() {
            return Err(format!(
                "{}: found a plan, expected none\n  help: `merge` makes a run of its shards; name another folder for \
                 another plan",
                file.display()
            ));
        }
        fs::create_dir_all(folder.join(SHARDS))
            .and_then(|()| write_new(&file, &self.bytes()))
            .map_err(|e| {
                format!(
                    "{}: the plan cannot be written: {e}\n  help: name a folder that all machines can read and write",
                    file.display()
                )
            })
    }

    /// The SHA-256 of its file.
    pub(crate) fn digest(&self) -> String {
        sha256(&self.bytes())
    }

    /// The content of its file.
    fn bytes(&self) -> Vec<u8> {
        // Names of all its maps are texts, and its numbers finite.
        serde_json::to_vec(self).unwrap_or_default()
    }
}

/// A plan in its folder.
pub(crate) struct PlanFolder {
    pub(crate) path: PathBuf,
    pub(crate) plan: Plan,
    /// SHA-256 of the plan's file.
    pub(crate) digest: String,
}

impl PlanFolder {
    /// Reads the plan of a folder.
    pub(crate) fn open(folder: &Path) -> Result<Self, String> {
        let file = folder.join(FILE);
        let help = "name the folder of a plan, as `run FILE… --plan-into FOLDER` writes one";
        let bytes = files::read(&file, files::PLAN, help).map_err(|e| e.to_string())?;
        let plan = check::parse(&file, &bytes).map_err(|e| e.to_string())?;
        Ok(Self {
            path: folder.to_owned(),
            plan,
            digest: sha256(&bytes),
        })
    }

    /// An experiment, for its shards.
    pub(crate) fn planned(&self, experiment: usize) -> Planned<'_> {
        let before = &self.plan.experiments[..experiment];
        Planned {
            plan: &self.digest,
            experiment,
            first: before.iter().map(|e| e.run.cells.len()).sum(),
            binary: &self.plan.binary,
            run: &self.plan.experiments[experiment].run,
        }
    }

    /// An experiment, read anew from its text.
    pub(crate) fn experiment(&self, place: usize) -> Result<Experiment, String> {
        let PlanExperiment { file, text, .. } = &self.plan.experiments[place];
        Experiment::parse_with(text, file, &[]).map_err(|e| {
            format!(
                "{e}\n  (as the text of the experiment stands in {})",
                self.path.join(FILE).display()
            )
        })
    }

    /// What differs first between two plans, with both values.
    pub(crate) fn difference(&self, other: &Self) -> Option<(String, String, String)> {
        let value = |plan: &Plan| {
            let mut value = serde_json::to_value(plan).unwrap_or_default();
            // What it was made of says more than when, or than what was read off the machine.
            let taken = value.as_object_mut().and_then(|plan| plan.remove("made"));
            for run in value["experiments"].as_array_mut().into_iter().flatten() {
                if let Some(run) = run["run"].as_object_mut() {
                    run.remove("started");
                    run.remove("provenance");
                }
            }
            (value, taken.unwrap_or_default())
        };
        let ((a, made_a), (b, made_b)) = (value(&self.plan), value(&other.plan));
        ["build", "binary", "reference", "experiments", "cells"]
            .into_iter()
            .find_map(|key| first_difference(key, &a[key], &b[key]))
            .or_else(|| first_difference("made", &made_a, &made_b))
    }
}

/// Writes a file whole or not at all, and never in the place of one that is there: of two processes that write it at once,
/// one is told that it is there.
fn write_new(file: &Path, bytes: &[u8]) -> io::Result<()> {
    let beside = file.with_extension(format!("json.{}.new", std::process::id()));
    let linked = files::write_whole(&beside, bytes).and_then(|()| fs::hard_link(&beside, file));
    // Its content has its other name by now, if all went well.
    let _ = fs::remove_file(&beside);
    match linked {
        // A file system without links.
        Err(e) if has_no_links(&e) && !file.exists() => files::write_whole(file, bytes),
        linked => linked,
    }
}

/// Whether a file system without hard links has said so: `link(2)` fails by EPERM there.
fn has_no_links(error: &io::Error) -> bool {
    use io::ErrorKind::{PermissionDenied, Unsupported};
    matches!(error.kind(), Unsupported | PermissionDenied)
}

/// The experiment, with a number of threads in it: that of this machine where none is given, so that all machines take
/// the same.
fn load(file: &Path, settings: &[Setting]) -> Result<Experiment, String> {
    let file = std::path::absolute(file).map_err(|e| format!("{}: {e}", file.display()))?;
    let experiment = Experiment::load_with(&file, settings).map_err(|e| e.to_string())?;
    if experiment.gives("run.threads") {
        return Ok(experiment);
    }
    let threads = format!("run.threads={}", experiment.run().threads);
    let threads = Setting::parse(&threads).map_err(|e| e.to_string())?;
    let settings = [settings, &[threads]].concat();
    Experiment::load_with(&file, &settings).map_err(|e| e.to_string())
}

/// Refuses paths through `runs/latest`, which leads elsewhere by the time at which cells are run.
fn check_paths(experiment: &Experiment, cells: &[CellPlan], runs: &Path) -> Result<(), String> {
    let mut settled = cells.to_vec();
    settle(&mut settled, runs);
    match cells.iter().zip(&settled).find(|(a, b)| a != b) {
        None => Ok(()),
        Some((cell, _)) => Err(format!(
            "{}: cell `{}`: found a path through the link to the newest run, expected the run's own folder\n  help: the \
             link leads elsewhere by the time at which the cell is run",
            experiment.file().display(),
            cell.cell.id
        )),
    }
}
