//! The process that `check`, `explain`, `plan` and `calibrate` ask: it compiles one cell after the other, and
//! makes no key of theirs.

use std::path::Path;
use std::process::ExitCode;
use std::rc::Rc;
use std::time::Duration;

use hexperiment_data::Dataset;
use hexperiment_program::layout::Objective;
use hexperiment_scheme::OperationCounts;
use hexperiment_scheme::clock::processor_time;
use hexperiment_scheme::security::failure::Failure;
use hexperiment_task::Prepared;

use crate::calibration::{Fill, Table, machine};
use crate::compiled::{Compiled, compile_prepared, parameters, prepare};
use crate::estimate::Estimator;
use crate::explain::{FINE, level};
use crate::input::Loaded;
use crate::own_memory::give_memory_back;
use crate::protocol::{Estimate, Examine, FromCell, Takes, ToCell, View};
use crate::stop::{Stop, failed};
use crate::{child, plugins};

/// Examines one cell after the other, as it is asked.
pub(crate) fn serve(first: Examine, mut next: impl FnMut() -> Option<ToCell>) -> ExitCode {
    let mut loaded = Loaded::default();
    let mut estimator = Estimator::default();
    let mut last: Option<Compilation> = None;
    let mut tasks = Tasks::default();
    let mut asked = Some(ToCell::Examine(Box::new(first)));
    loop {
        let answer = match asked {
            Some(ToCell::Examine(cell)) => {
                // Before the next one takes memory of its own.
                drop(last.take());
                match Compilation::of(*cell, &mut loaded, &mut tasks) {
                    Ok(compilation) => {
                        let words = compilation.words();
                        last = Some(compilation);
                        FromCell::Examined { words }
                    }
                    Err(stop) => stop.into(),
                }
            }
            Some(ToCell::Estimate(how)) => {
                let mut unwritten = None;
                let takes = last
                    .as_ref()
                    .and_then(|cell| cell.takes(&mut estimator, &how, &mut unwritten));
                let warnings = last
                    .as_ref()
                    .filter(|cell| cell.asked.view == View::Check)
                    .and_then(|cell| estimator.warnings(&cell.asked.plan, &cell.compiled));
                FromCell::Estimated {
                    takes: takes.map(Box::new),
                    unwritten,
                    warnings: warnings.unwrap_or_default(),
                }
            }
            _ => return ExitCode::SUCCESS,
        };
        let told = child::tell(&answer);
        if told != ExitCode::SUCCESS {
            return told;
        }
        give_memory_back();
        asked = next();
    }
}

/// A cell that was compiled to be told of.
struct Compilation {
    asked: Examine,
    compiled: Compiled,
    /// Processor time of reading its data, preparing and compiling it.
    took: Duration,
}

/// The task that was prepared last: cells that differ by their schemes have the same, and of many rows it takes
/// most of the time.
#[derive(Default)]
struct Tasks {
    /// What decides it, the task, and the processor time that preparing it took.
    last: Option<(String, Rc<dyn Prepared>, Duration)>,
}

impl Tasks {
    fn get(
        &mut self,
        asked: &Examine,
        data: &Dataset,
    ) -> Result<(Rc<dyn Prepared>, Duration), Stop> {
        let plan = &asked.plan;
        let is_planned = asked.view == View::Plan;
        let key = (
            is_planned,
            &plan.cell.task,
            &plan.task_options,
            &plan.dataset,
            plan.seed,
        );
        let key = format!("{key:?}");
        if let Some((_, task, took)) = self.last.as_ref().filter(|(known, ..)| *known == key) {
            return Ok((Rc::clone(task), *took));
        }
        // Before the next one takes memory of its own.
        self.last = None;
        let began = processor_time();
        let limit = plan.dataset.limit;
        let prepared = if is_planned && limit > data.features.nrows() {
            prepare(plan, &data.clone().repeated(limit))?
        } else {
            prepare(plan, data)?
        };
        let task: Rc<dyn Prepared> = prepared.into();
        let took = processor_time().saturating_sub(began);
        self.last = Some((key, Rc::clone(&task), took));
        Ok((task, took))
    }
}

impl Compilation {
    fn of(asked: Examine, loaded: &mut Loaded, tasks: &mut Tasks) -> Result<Self, Stop> {
        let (data, reading) = loaded.get_timed(&asked.plan).map_err(failed)?;
        plugins::scheme(&asked.plan).map_err(failed)?;
        let (prepared, preparing) = tasks.get(&asked, data)?;
        let began = processor_time();
        let compiled = compile_prepared(&asked.plan, prepared, asked.memory_limit)?;
        let took = *reading + preparing + processor_time().saturating_sub(began);
        Ok(Self {
            asked,
            compiled,
            took,
        })
    }

    fn words(&self) -> String {
        match self.asked.view {
            View::Check | View::Plan => checked(&self.compiled),
            View::Explain => explained(&self.compiled, self.asked.plan.objective),
        }
    }

    fn takes(
        &self,
        estimator: &mut Estimator,
        how: &Estimate,
        unwritten: &mut Option<String>,
    ) -> Option<Takes> {
        let plan = &self.asked.plan;
        let library = plugins::scheme(plan).ok()?.manifest().library;
        let path = how.table.as_deref().unwrap_or(Path::new(""));
        let machine = machine();
        // A table that cannot be read was told of before, where it matters; without, all is timed.
        let mut table = Table::read(path, &machine)
            .or_else(|_| Table::read(Path::new(""), &machine))
            .ok()?;
        let mut times = table.of(&plan.cell.scheme, &library, plan.threads, how.fill);
        let takes = estimator.takes(plan, &self.compiled, self.took, &mut times);
        if how.fill != Fill::Now {
            *unwritten = table.write().err();
        }
        takes
    }
}

/// What `check` says of a cell that can be run.
fn checked(compiled: &Compiled) -> String {
    let security = &compiled.circuit.parameters().security;
    let samples = compiled.prepared.samples();
    format!("{FINE}; {samples} samples, {}", level(security))
}

/// What `explain` says of it.
fn explained(compiled: &Compiled, objective: Objective) -> String {
    let Compiled {
        prepared,
        lowered,
        circuit,
        failure_log2,
        ..
    } = compiled;
    let mut lines = vec![
        format!("as the task states it:\n{}", lowered.original()),
        format!(
            "as the scheme evaluates it:\n{}",
            lowered.program().listing(Some(lowered.levels()))
        ),
    ];
    let p = parameters(circuit.as_ref(), prepared.as_ref());
    let notes = lowered.notes().iter().chain(&p.shortfalls);
    lines.extend(notes.map(|note| format!("  note: {note}")));
    lines.push("parameters:".into());
    let (level, basis) = (level(&p.security), p.security.basis());
    lines.push(format!("  security: {level}; {basis}"));
    lines.push(format!(
        "  failure of a run: {}; {} demanded, over {} evaluations",
        p.failure,
        Failure::AtMost((*failure_log2).into()),
        prepared.evaluations()
    ));
    let demanded = compiled.security.encryption;
    lines.push(match p.encryption {
        Some(found) => format!("  encryption: {found} ({demanded} demanded)"),
        None => format!("  encryption: no choice of keys ({demanded} demanded)"),
    });
    let chosen = p.chosen.iter();
    lines.extend(chosen.map(|(name, value)| format!("  {name}: {value}")));
    if !p.layouts.is_empty() {
        lines.push(format!(
            "  layouts, chosen for {objective} by times of a table that is built in; of times within 5 % the fewest bytes:"
        ));
        let layouts = p.layouts.iter();
        lines.extend(layouts.map(|candidate| format!("    {candidate}")));
    }
    lines.push(format!("  depth: {}", p.depth));
    if p.counts != OperationCounts::default() {
        lines.push(format!("  counts: {}", p.counts));
    }
    let quantisation = p.quantisation.iter();
    lines.extend(quantisation.map(|how| format!("  quantisation: {how}")));
    if let Some(sizes) = circuit.sizes() {
        let [inputs, outputs]: [u64; 2] =
            [&sizes.inputs, &sizes.outputs].map(|bytes| bytes.iter().sum());
        let keys = sizes.keys;
        lines.push(format!(
            "  bytes: {keys} of keys, {inputs} of all inputs, {outputs} of all outputs"
        ));
    }
    let memory = p.memory_bytes.iter();
    lines.extend(memory.map(|bytes| format!("  memory: about {} MiB", bytes.div_ceil(1 << 20))));
    lines.push(format!("  the server sees: {}", p.server_sees));
    let tolerances = p.noise_tolerance.iter().map(|t| format!("{t:.3e}"));
    let tolerances: Vec<String> = tolerances.collect();
    lines.push(format!("  noise tolerance: {}", tolerances.join(", ")));
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use hexperiment_experiment::Experiment;

    use super::*;

    /// Cells that differ by their schemes share the task, with the rows that it was made for; another point of the
    /// matrix has its own.
    #[test]
    fn cells_of_one_task_share_it() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("e.toml");
        let text = "[experiment]\nname = \"e\"\nquestion = \"q\"\ncaveats = \"c\"\n\
                    [dataset]\nuse = \"wine-quality\"\nlimit = 5000\n\
                    [task]\nuse = \"logistic-regression\"\n\
                    [[scheme]]\nuse = \"plaintext\"\n[[scheme]]\nuse = \"fernet\"\n\
                    [matrix]\n\"task.features\" = [2, 3]\n";
        std::fs::write(&file, text).unwrap();
        let experiment = Experiment::load_with(&file, &[]).unwrap();
        let (mut loaded, mut tasks) = (Loaded::default(), Tasks::default());
        let mut of = |view| -> Vec<(String, Rc<dyn Prepared>)> {
            let cells = experiment.cells().iter();
            let asked = cells.map(|plan| Examine {
                plan: plan.clone(),
                memory_limit: None,
                view,
            });
            asked
                .map(|asked| {
                    let name = asked.plan.cell.id.clone();
                    let Ok(compilation) = Compilation::of(asked, &mut loaded, &mut tasks) else {
                        panic!("{name} cannot be compiled");
                    };
                    (name, compilation.compiled.prepared)
                })
                .collect()
        };
        let planned = of(View::Plan);
        let [(a, two), (b, also_two), (c, three), (_, also_three)] = planned.as_slice() else {
            panic!("four cells");
        };
        assert!(
            a.starts_with("plaintext") && b.starts_with("fernet"),
            "{a} {b}"
        );
        assert!(Rc::ptr_eq(two, also_two) && Rc::ptr_eq(three, also_three));
        assert!(!Rc::ptr_eq(two, three), "{a} {c}");
        // Of 1599 rows there are as many as are planned, and as many as there are where nothing is planned.
        let checked = of(View::Check);
        let samples = |cells: &[(String, Rc<dyn Prepared>)]| cells[0].1.samples();
        assert!(samples(&planned) > 3 * samples(&checked));
    }
}
