//! `explain` and `check`: all that happens before a key is made.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use hexperiment_core::dataset::Dataset;
use hexperiment_core::experiment::{CellPlan, Experiment};
use hexperiment_core::source::Complaints;

use crate::cell::{Compiled, Stop, compile, parameters};

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
            "there is no cell `{only}`; cells: {}",
            ids.join(", ")
        ));
    }
    Ok(chosen)
}

/// Prints what each cell would do.
pub(crate) fn explain(files: &[PathBuf], only: Option<&str>) -> ExitCode {
    each(files, only, |plan, outcome| {
        println!(
            "== {} ({} on {}, data {})",
            plan.cell.id, plan.cell.task, plan.cell.scheme, plan.cell.dataset
        );
        match outcome {
            Ok(compiled) => print(&compiled),
            Err(Stop::Refused(reason)) => println!("refused: {reason}\n"),
            Err(Stop::Failed(reason)) => {
                println!("failed: {reason}\n");
                return false;
            }
        }
        true
    })
}

/// Checks each cell.
pub(crate) fn check(files: &[PathBuf]) -> ExitCode {
    each(files, None, |plan, outcome| {
        let id = &plan.cell.id;
        match outcome {
            Ok(c) => {
                let security = &c.circuit.parameters().security;
                println!(
                    "  {id}: fine; {} samples, {} bits",
                    c.prepared.samples(),
                    security.bits
                );
            }
            Err(Stop::Refused(reason)) => println!("  {id}: refuses; {reason}"),
            Err(Stop::Failed(reason)) => {
                println!("  {id}: fails");
                eprintln!("error: {id}: {reason}");
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
                eprintln!("error: {problem}");
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
    println!("{}: {}", file.display(), experiment.question());
    let mut loaded = Loaded::default();
    let mut fine = true;
    for plan in cells(&experiment, only)? {
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
    println!("as the task states it:\n{}", lowered.original());
    println!(
        "as the scheme evaluates it:\n{}",
        lowered.program().listing(Some(lowered.levels()))
    );
    for note in lowered.notes() {
        println!("  note: {note}");
    }
    let p = parameters(circuit.as_ref(), prepared.as_ref());
    println!("parameters:");
    println!("  security: {} bits; {}", p.security.bits, p.security.basis);
    for (name, value) in &p.chosen {
        println!("  {name}: {value}");
    }
    println!("  depth: {}", p.depth);
    let c = &p.counts;
    println!(
        "  counts: {} additions, {} plaintext multiplications, {} multiplications, {} rotations, {} bootstraps",
        c.additions, c.plain_multiplications, c.multiplications, c.rotations, c.bootstraps
    );
    if let Some(quantisation) = &p.quantisation {
        println!("  quantisation: {quantisation}");
    }
    println!("  the server sees: {}", p.server_sees);
    let tolerances: Vec<String> = p
        .noise_tolerance
        .iter()
        .map(|t| format!("{t:.3e}"))
        .collect();
    println!("  noise tolerance: {}\n", tolerances.join(", "));
}
