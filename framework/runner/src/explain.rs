//! `explain` and `check`: all that happens before a key is made.

use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use hexperiment_core::dataset::Dataset;
use hexperiment_core::experiment::{CellPlan, Experiment};
use hexperiment_core::registry;
use hexperiment_core::security::{Protection, Security};
use hexperiment_core::source::Complaints;
use hexperiment_core::task::TaskError;

use crate::cell::{Compiled, Stop, compile, parameters, prepare};
use crate::out::{say, tell};

/// Data sets that were read, by what was asked for.
#[derive(Default)]
pub(crate) struct Loaded(HashMap<String, Dataset>);

impl Loaded {
    /// The data of a cell, read once.
    pub(crate) fn get(&mut self, plan: &CellPlan) -> Result<&Dataset, Complaints> {
        let key = format!("{:?}", plan.dataset);
        if !self.0.contains_key(&key) {
            self.0.insert(key.clone(), Dataset::load(&plan.dataset)?);
        }
        Ok(&self.0[&key])
    }
}

/// Whether the task can be had with its options and data: what is wrong with these is told once,
/// before anything is run, and not by every cell. What goes wrong besides is a cell's own.
pub(crate) fn check_input(
    experiment: &Experiment,
    plans: &[CellPlan],
    loaded: &mut Loaded,
) -> Result<(), String> {
    let mut seen = HashSet::new();
    for plan in plans {
        let asked = (
            &plan.cell.task,
            &plan.task_options,
            &plan.dataset,
            plan.seed,
        );
        if !seen.insert(format!("{asked:?}")) {
            continue;
        }
        let data = loaded.get(plan).map_err(|e| e.to_string())?;
        let file = experiment.file().display();
        let cell = if plan.cell.point.is_empty() {
            String::new()
        } else {
            format!("cell `{}`: ", plan.cell.id)
        };
        match prepare(plan, data) {
            Err(e @ TaskError::Data { .. }) => {
                return Err(format!("{file}: {cell}{}: {e}", data.place()));
            }
            Err(TaskError::Options(message)) => {
                let line = offending(&message, &plan.cell.task)
                    .and_then(|option| experiment.line_of(&format!("task.{option}")))
                    .map_or(String::new(), |line| format!(":{line}"));
                return Err(format!(
                    "{file}{line}: {cell}[task]: {message}\n  help: `list` shows the options of `{}`",
                    plan.cell.task
                ));
            }
            Ok(_) | Err(_) => {}
        }
    }
    Ok(())
}

/// The option that a task complains of: the first that its words name, as in "`features = 9`".
fn offending(message: &str, task: &str) -> Option<&'static str> {
    let options = registry::task(task).ok()?.manifest().options;
    let spans = message.split('`').skip(1).step_by(2);
    let mut names = spans.filter_map(|span| {
        let word = span.split([' ', '=']).next()?;
        options.iter().map(|o| o.name).find(|name| *name == word)
    });
    names.next()
}

/// The cells of an experiment, or the one called `only`.
pub(crate) fn cells(experiment: &Experiment, only: Option<&str>) -> Result<Vec<CellPlan>, String> {
    let cells = experiment.cells();
    let Some(only) = only else {
        return Ok(cells);
    };
    let ids: Vec<String> = cells.iter().map(|c| c.cell.id.clone()).collect();
    let chosen: Vec<CellPlan> = cells
        .into_iter()
        .filter(|c| c.cell.id == only || c.cell.label == only)
        .collect();
    if chosen.is_empty() {
        return Err(format!(
            "{}: there is no cell `{only}`\n  help: cells: {}",
            experiment.file().display(),
            ids.join(", ")
        ));
    }
    Ok(chosen)
}

/// Prints what each cell would do.
pub(crate) fn explain(files: &[PathBuf], only: Option<&str>) -> ExitCode {
    each(files, only, |plan, outcome| {
        say!(
            "== {} ({} on {}, data {})",
            plan.cell.id,
            plan.cell.task,
            plan.cell.scheme,
            plan.cell.dataset
        );
        match outcome {
            Ok(compiled) => print(&compiled),
            Err(Stop::Refused(reason)) => say!("refused: {reason}\n"),
            Err(Stop::Failed(reason)) => {
                say!("failed: {reason}\n");
                tell!("error: {}: {reason}", plan.cell.id);
                return false;
            }
        }
        true
    })
}

/// The level in words: 0 bits would sound like a weak encryption.
pub(crate) fn level(security: &Security) -> String {
    match security.protection {
        Protection::None => "not encrypted".into(),
        Protection::TransportOnly => format!("{} bits in transport only", security.bits),
        Protection::Encrypted => format!("{} bits", security.bits),
    }
}

/// Checks each cell.
pub(crate) fn check(files: &[PathBuf]) -> ExitCode {
    each(files, None, |plan, outcome| {
        let id = &plan.cell.id;
        match outcome {
            Ok(c) => {
                let security = &c.circuit.parameters().security;
                say!(
                    "  {id}: fine; {} samples, {}",
                    c.prepared.samples(),
                    level(security)
                );
            }
            Err(Stop::Refused(reason)) => say!("  {id}: refuses; {reason}"),
            Err(Stop::Failed(reason)) => {
                say!("  {id}: fails");
                tell!("error: {id}: {reason}");
                return false;
            }
        }
        true
    })
}

fn each(
    files: &[PathBuf],
    only: Option<&str>,
    mut show: impl FnMut(&CellPlan, Result<Compiled, Stop>) -> bool,
) -> ExitCode {
    let mut fine = true;
    for file in files {
        match one(file, only, &mut show) {
            Ok(all) => fine &= all,
            Err(problem) => {
                tell!("error: {problem}");
                fine = false;
            }
        }
    }
    if fine {
        ExitCode::SUCCESS
    } else {
        ExitCode::from(crate::BAD_INPUT)
    }
}

fn one(
    file: &Path,
    only: Option<&str>,
    show: &mut impl FnMut(&CellPlan, Result<Compiled, Stop>) -> bool,
) -> Result<bool, String> {
    let experiment = Experiment::load(file).map_err(|e| e.to_string())?;
    say!("{}: {}", file.display(), experiment.question());
    let mut loaded = Loaded::default();
    let mut fine = true;
    let plans = cells(&experiment, only)?;
    check_input(&experiment, &plans, &mut loaded)?;
    for plan in plans {
        let data = loaded.get(&plan).map_err(|e| e.to_string())?;
        fine &= show(&plan, compile(&plan, data));
    }
    Ok(fine)
}

fn print(compiled: &Compiled) {
    let Compiled {
        prepared,
        lowered,
        circuit,
        ..
    } = compiled;
    say!("as the task states it:\n{}", lowered.original());
    say!(
        "as the scheme evaluates it:\n{}",
        lowered.program().listing(Some(lowered.levels()))
    );
    for note in lowered.notes() {
        say!("  note: {note}");
    }
    let p = parameters(circuit.as_ref(), prepared.as_ref());
    say!("parameters:");
    say!("  security: {}; {}", level(&p.security), p.security.basis);
    for (name, value) in &p.chosen {
        say!("  {name}: {value}");
    }
    say!("  depth: {}", p.depth);
    let c = &p.counts;
    say!(
        "  counts: {} additions, {} plaintext multiplications, {} multiplications, {} rotations, {} bootstraps",
        c.additions,
        c.plain_multiplications,
        c.multiplications,
        c.rotations,
        c.bootstraps
    );
    if let Some(quantisation) = &p.quantisation {
        say!("  quantisation: {quantisation}");
    }
    say!("  the server sees: {}", p.server_sees);
    let tolerances: Vec<String> = p
        .noise_tolerance
        .iter()
        .map(|t| format!("{t:.3e}"))
        .collect();
    say!("  noise tolerance: {}\n", tolerances.join(", "));
}
