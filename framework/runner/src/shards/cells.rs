//! `run --cells K --into FOLDER`: some cells of a plan, into a shard of records of their own.

use std::collections::{BTreeSet, HashMap};
use std::path::Path;
use std::process::ExitCode;

use hexperiment_experiment::record::{Run, ShardOf, Status};
use hexperiment_experiment::summary::read_records;
use hexperiment_experiment::{CellPlan, Experiment, measure};

use super::plan::{FILE, PlanFolder};
use super::written::{Writing, here, now};
use crate::digest::of_this_program;
use crate::input::Loaded;
use crate::interrupt;
use crate::out::{say, tell};
use crate::own_memory::give_memory_back;
use crate::run::{
    Besides, Done, Progress, RunArguments, Runner, UNEXPECTED, any_broken, differences, header,
    judged,
};

/// Cells of one experiment that are run together.
struct Group {
    place: usize,
    experiment: Experiment,
    numbers: Vec<usize>,
    plans: Vec<CellPlan>,
    /// What their records begin with.
    run: Run,
}

/// Runs cells of a plan.
pub(crate) fn run_cells(cells: &str, arguments: &RunArguments) -> ExitCode {
    let Some(folder) = &arguments.into else {
        // The command line asks for both.
        return crate::bad_input("--cells: found no --into, expected the folder of the plan");
    };
    let besides = Besides {
        traffic: arguments.record_traffic,
        library: false,
    };
    match run(cells, folder, besides) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::from(UNEXPECTED),
        Err(problem) => crate::bad_input(problem),
    }
}

/// Whether all cells ended as they should.
fn run(cells: &str, folder: &Path, besides: Besides) -> Result<bool, String> {
    let folder = PlanFolder::open(folder)?;
    let numbers = parse(cells, &folder)?;
    check_program(&folder)?;
    let progress = Progress::new();
    // All is looked at before anything is run.
    let reference = folder.plan.reference.map(|number| [number]);
    let reference = reference.iter().flat_map(|number| groups(&folder, number));
    let mut reference: Vec<Group> = reference.collect::<Result<_, _>>()?;
    let mut all: Vec<Group> = groups(&folder, &numbers).collect::<Result<_, _>>()?;
    for group in reference.iter_mut().chain(&mut all) {
        let doing = format!("{}: read data", group.experiment.name());
        progress.doing(&doing);
        group.check(&folder)?;
    }
    drop(progress);
    give_memory_back();
    interrupt::watch();
    let mut well = true;
    for group in reference {
        group.run(&folder, besides, true)?;
    }
    for group in all {
        well &= group.run(&folder, besides, false)?;
    }
    Ok(well && interrupt::came().is_none())
}

/// The numbers of cells in a text such as `0,3,7-9`.
fn parse(text: &str, folder: &PlanFolder) -> Result<Vec<usize>, String> {
    let count = folder.plan.cells.len();
    let bad = |found: &str| {
        format!(
            "--cells {text}: found {found}, expected numbers of cells and ranges, as in `0,3,7-9`\n  help: {} has the cells \
             0 to {}",
            folder.path.join(FILE).display(),
            count.saturating_sub(1)
        )
    };
    let number = |word: &str| match word.trim().parse::<usize>() {
        Ok(number) if number < count => Ok(number),
        Ok(number) => Err(bad(&format!(
            "the cell {number}, which the plan does not have"
        ))),
        Err(_) => Err(bad(&format!("`{word}`"))),
    };
    let mut all = BTreeSet::new();
    for word in text.split(',') {
        let (first, last) = word.split_once('-').unwrap_or((word, word));
        let (first, last) = (number(first)?, number(last)?);
        if first > last {
            return Err(bad(&format!("`{word}`")));
        }
        for number in first..=last {
            if !all.insert(number) {
                return Err(bad(&format!("the cell {number} twice")));
            }
        }
    }
    Ok(all.into_iter().collect())
}

/// Holds this program against the one that the plan was made by.
fn check_program(folder: &PlanFolder) -> Result<(), String> {
    let found = of_this_program()?;
    if found == folder.plan.binary {
        return Ok(());
    }
    let path = std::env::current_exe().unwrap_or_default();
    let build = |build: &hexperiment_experiment::record::Build| match build.revision().as_str() {
        "" => String::new(),
        revision => format!(", of commit {revision}"),
    };
    Err(format!(
        "{}: {}: found a program with SHA-256 {found}{}, expected {}{}, which made {}\n  help: all cells are run by one \
         program: copy that one to this machine, or make the plan anew with this one",
        here(),
        path.display(),
        build(&crate::build::build()),
        folder.plan.binary,
        build(&folder.plan.build),
        folder.path.join(FILE).display(),
    ))
}

/// Some cells, by their experiments.
fn groups<'a>(
    folder: &'a PlanFolder,
    numbers: &'a [usize],
) -> impl Iterator<Item = Result<Group, String>> + 'a {
    let of = |number: &usize| folder.plan.cells[*number].experiment;
    let chunks = numbers.chunk_by(move |a, b| of(a) == of(b));
    chunks.map(move |numbers| Group::of(folder, of(&numbers[0]), numbers))
}

impl Group {
    fn of(folder: &PlanFolder, place: usize, numbers: &[usize]) -> Result<Self, String> {
        let experiment = folder.experiment(place)?;
        let wanted = numbers.iter().map(|number| &folder.plan.cells[*number]);
        let known = experiment.cells().iter();
        let known: HashMap<&str, &CellPlan> =
            known.map(|plan| (plan.cell.id.as_str(), plan)).collect();
        let plans = wanted.map(|cell| {
            let found = known.get(cell.id.as_str()).map(|plan| (*plan).clone());
            found.ok_or_else(|| {
                format!(
                    "{}: the text of `experiments[{place}]` has no cell `{}`, which `cells` has\n  help: the file was \
                     edited, or another version of Hexperiment wrote it: make the plan anew",
                    folder.path.join(FILE).display(),
                    cell.id
                )
            })
        });
        let plans: Vec<CellPlan> = plans.collect::<Result<_, _>>()?;
        Ok(Self {
            run: header(&experiment, &plans, vec![]),
            numbers: numbers.to_vec(),
            place,
            experiment,
            plans,
        })
    }

    /// Reads the data of the cells, and holds them, settings and libraries against the plan.
    fn check(&mut self, folder: &PlanFolder) -> Result<(), String> {
        let mut loaded = Loaded::default();
        for plan in &self.plans {
            loaded.get(plan).map_err(|e| format!("{}: {e}", here()))?;
        }
        self.run = header(&self.experiment, &self.plans, loaded.into_provenance());
        let planned = &folder.plan.experiments[self.place].run;
        let differ = differences(planned, &self.run);
        if differ.is_empty() {
            return Ok(());
        }
        Err(format!(
            "{}: what is here differs from {}:\n    {}\n  help: all machines need the same data and libraries: bring them \
             here, or make the plan anew",
            here(),
            folder.path.join(FILE).display(),
            differ.join("\n    ")
        ))
    }

    /// Runs the cells; whether all ended as they should.
    fn run(
        mut self,
        folder: &PlanFolder,
        besides: Besides,
        reference: bool,
    ) -> Result<bool, String> {
        self.run.shard = Some(ShardOf {
            plan: folder.digest.clone(),
            experiment: self.place,
            cells: self.numbers.clone(),
            binary: folder.plan.binary.clone(),
            began: now(),
            environment: measure::environment(),
            reference,
        });
        let (writing, writer) = Writing::begin(&folder.path, self.numbers[0], self.run)?;
        let progress = Progress::new();
        let what = if reference {
            "the reference cell"
        } else {
            "cells"
        };
        let numbers: Vec<String> = self.numbers.iter().map(usize::to_string).collect();
        progress.line(&format!(
            "{}: {what} {}",
            self.experiment.name(),
            hexperiment_diagnostics::printable::cut(&numbers.join(", "), 200)
        ));
        let place = writing.folder();
        let runner = Runner::new(&self.experiment, &place, writer, Done::default(), progress);
        runner.with(besides).run(&self.plans)?;
        let file = writing.finish()?;
        let records = read_records(&file).map_err(|e| e.to_string())?;
        let (rows, verdicts) = judged(&self.experiment, &records);
        let count = |status: Status| rows.iter().filter(|row| row.status == status).count();
        let ended = Status::ALL
            .into_iter()
            .map(|status| (count(status), status))
            .filter(|(count, _)| *count > 0)
            .map(|(count, status)| format!("{count} {status}"));
        say!(
            "{}: {}; written to {}",
            self.experiment.name(),
            ended.collect::<Vec<_>>().join(", "),
            file.display()
        );
        let broken = any_broken(&rows, &verdicts);
        if broken && reference {
            tell!("warning: the reference cell ended badly on {}", here());
        }
        Ok(!broken)
    }
}
