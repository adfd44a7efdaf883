//! `status` and `cancel`: where the cells of a plan stand, and how they are taken back.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;
use hexperiment_diagnostics::printable;

use super::slurm::{self, Named, State, Tasks};
use super::standing::{Job, Standing, Told};
use super::submissions::{self, Submitted};
use super::{Engine, held, open};
use crate::out::{counted_cells, say};
use crate::run::UNEXPECTED;
use crate::shards::plan::PlanFolder;
use crate::shards::survey::CellState;
use crate::shell::typed;

/// What `status` takes.
#[derive(Args)]
pub(crate) struct StatusArguments {
    /// Folders of plans.
    #[arg(required = true, value_name = "FOLDER")]
    folders: Vec<PathBuf>,
    /// Prints nothing but the numbers of the cells that have no result and whose jobs neither wait nor run, one a line: what other
    /// engines are to run.
    #[arg(long, conflicts_with = "verbose")]
    unfinished: bool,
    /// Lists every cell, not only those that ended without a result.
    #[arg(long, short)]
    verbose: bool,
}

/// What `cancel` takes.
#[derive(Args)]
pub(crate) struct CancelArguments {
    /// The folder of a plan.
    folder: PathBuf,
}

/// Cells that are listed at most, unless all are asked for.
const LISTED: usize = 20;

/// Tells where the cells of plans stand.
pub(crate) fn status(arguments: &StatusArguments) -> ExitCode {
    let mut code = ExitCode::SUCCESS;
    for folder in &arguments.folders {
        match open(folder).and_then(|plan| Standings::of(&plan).map(|found| (plan, found))) {
            Ok((_, standings)) if arguments.unfinished => {
                for cell in standings.lost() {
                    say!("{cell}");
                }
            }
            Ok((plan, standings)) => {
                standings.tell(&plan, arguments.verbose);
                if standings.lost().next().is_some() {
                    code = ExitCode::from(UNEXPECTED);
                }
            }
            Err(problem) => return crate::bad_input(problem),
        }
    }
    code
}

/// Takes back the jobs of a plan that wait or run.
pub(crate) fn cancel(arguments: &CancelArguments) -> ExitCode {
    match cancelled(&arguments.folder) {
        Ok(()) => ExitCode::SUCCESS,
        Err(problem) => crate::bad_input(problem),
    }
}

fn cancelled(folder: &Path) -> Result<(), String> {
    let plan = open(folder)?;
    let submissions = submissions::all(&plan.path)?;
    if submissions
        .iter()
        .any(|s| s.what.engine == Engine::Hyperqueue)
    {
        say!("what HyperQueue has is cancelled by `hq job cancel`; `hq job list` lists its jobs");
    }
    let handed = handed(&plan, &submissions);
    let tasks = ask(&handed)?;
    let mut jobs = Vec::new();
    let mut count = 0;
    for array in &handed {
        let is_live = |index: &usize| {
            let task = tasks.of(array.job.as_deref(), &array.name, *index);
            task.is_some_and(|t| matches!(t.state, State::Pending | State::Running))
        };
        let live = (0..array.cells.len()).filter(is_live).count();
        count += live;
        let job = array
            .job
            .as_deref()
            .or_else(|| tasks.number_of(&array.name));
        jobs.extend(job.filter(|_| live > 0));
    }
    let (shown, typed) = (plan.path.display(), typed(&plan.path));
    if jobs.is_empty() {
        say!("{shown}: no job of this plan waits or runs");
        return Ok(());
    }
    slurm::cancel(&jobs)?;
    say!(
        "{shown}: cancelled what waited or ran, {}; what was recorded is kept, and `hexperiment submit \
         --again {typed}` goes on",
        counted_cells(count)
    );
    Ok(())
}

/// An array of jobs that was handed to Slurm.
struct Handed<'a> {
    submitted: &'a Submitted,
    /// Its number in the submission, counted from 1.
    array: usize,
    name: String,
    /// The number that Slurm gave it.
    job: Option<String>,
    cells: &'a [usize],
}

/// The arrays of submissions, in order.
fn handed<'a>(plan: &PlanFolder, submissions: &'a [Submitted]) -> Vec<Handed<'a>> {
    let slurm = submissions
        .iter()
        .filter(|s| s.what.engine == Engine::Slurm);
    let arrays = slurm.flat_map(|submitted| {
        let arrays = submitted.what.arrays.iter().zip(1..);
        arrays.map(move |(array, number)| Handed {
            submitted,
            array: number,
            name: submissions::job_name(&plan.digest, submitted.number(), number),
            job: submitted.job(number),
            cells: &array.cells,
        })
    });
    arrays.collect()
}

/// What the scheduler knows of jobs.
fn ask(handed: &[Handed<'_>]) -> Result<Tasks, String> {
    if handed.is_empty() {
        return Ok(Tasks::default());
    }
    let arrays = handed.iter().map(|array| Named {
        name: &array.name,
        number: array.job.as_deref(),
        count: array.cells.len(),
    });
    Tasks::ask(&arrays.collect::<Vec<_>>())
}

/// Where each cell of a plan stands.
pub(super) struct Standings {
    of_cells: Vec<Told>,
    /// Whether anything was handed to HyperQueue, which is not asked.
    has_unasked: bool,
}

impl Standings {
    /// Reads the shards and asks the scheduler.
    pub(super) fn of(plan: &PlanFolder) -> Result<Self, String> {
        let submissions = submissions::all(&plan.path)?;
        let handed = handed(plan, &submissions);
        // Before the shards: a job that ends meanwhile has written its shard by then.
        let tasks = ask(&handed)?;
        let held = held(plan)?;
        // The last job of each cell.
        let mut jobs: Vec<Option<(&Handed<'_>, usize)>> = vec![None; held.len()];
        for array in &handed {
            for (index, cell) in array.cells.iter().enumerate() {
                if let Some(job) = jobs.get_mut(*cell) {
                    *job = Some((array, index));
                }
            }
        }
        let of_cells = held.iter().zip(jobs).map(|(held, job)| match job {
            None => Told::of(held, Job::None, || None),
            Some((array, index)) => {
                let task = tasks.of(array.job.as_deref(), &array.name, index);
                let job = task.map_or(Job::Unknown, Job::Known);
                // What came of an earlier try is not what became of this job.
                let is_old = task.is_some() && held.is_of_try_before(&array.submitted.what.at);
                let held = if is_old { &CellState::UNKNOWN } else { held };
                Told::of(held, job, || array.submitted.last_words(array.array, index))
            }
        });
        Ok(Self {
            of_cells: of_cells.collect(),
            has_unasked: submissions
                .iter()
                .any(|s| s.what.engine == Engine::Hyperqueue),
        })
    }

    /// The cells that ended without a result, by their numbers.
    pub(super) fn lost(&self) -> impl Iterator<Item = usize> {
        let cells = self.of_cells.iter().enumerate();
        cells
            .filter(|(_, told)| told.standing.is_lost())
            .map(|(index, _)| index)
    }

    /// How many cells stand where, as in "40 cells: 38 done, 2 failed".
    pub(super) fn counts(&self) -> String {
        let count = |standing| {
            self.of_cells
                .iter()
                .filter(|told| told.standing == standing)
                .count()
        };
        let counts = Standing::ALL.map(|standing| (standing, count(standing)));
        let some = counts.iter().filter(|(_, n)| *n > 0);
        let words: Vec<String> = some
            .map(|(standing, n)| format!("{n} {}", standing.word()))
            .collect();
        format!(
            "{}: {}",
            counted_cells(self.of_cells.len()),
            words.join(", ")
        )
    }

    fn tell(&self, plan: &PlanFolder, verbose: bool) {
        let (shown, typed) = (plan.path.display(), typed(&plan.path));
        say!("{shown}: {}", self.counts());
        let mut cells: Vec<(usize, &Told)> = self.of_cells.iter().enumerate().collect();
        cells.sort_by_key(|(index, told)| (told.standing.place(), *index));
        let listed = cells
            .iter()
            .filter(|(_, told)| verbose || told.standing.is_lost());
        let most = if verbose { usize::MAX } else { LISTED };
        for (index, told) in listed.clone().take(most) {
            let why = match told.why.as_str() {
                "" => String::new(),
                why => format!(": {}", printable::cut(why, 500)),
            };
            say!(
                "  {:<9} cell {index}, {}{why}",
                told.standing.word(),
                plan.plan
                    .cells
                    .get(*index)
                    .map_or_else(String::new, |cell| printable::cut(&cell.id, 200)
                        .into_owned())
            );
        }
        let more = listed.count().saturating_sub(most);
        if more > 0 {
            say!("  and {more} more; `--verbose` lists all");
        }
        if self.has_unasked {
            say!(
                "  HyperQueue is not asked: `hq job list` tells what waits and runs of what is missing here"
            );
        }
        let has = |of: fn(Standing) -> bool| self.of_cells.iter().any(|told| of(told.standing));
        if has(Standing::is_lost) {
            say!(
                "  help: `hexperiment submit --again {typed}` submits anew what ended without a result"
            );
        }
        if !has(|s| matches!(s, Standing::Running | Standing::Pending)) {
            say!("  help: `hexperiment merge {typed}` makes a run of what there is");
        }
    }
}
