//! `submit`, `status`, `cancel`: the cells of a plan on many machines, by an engine that is there. The program has
//! no queue of its own: an engine runs `hexperiment run --cells K --into FOLDER` on its nodes, and what comes of it lies in
//! the folder of the plan.

mod arrays;
mod hand_over;
mod hyperqueue;
mod script;
mod slurm;
mod standing;
mod status;
mod submissions;

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use clap::{Args, ValueEnum};
use hexperiment_diagnostics::{printable, units};
use serde::{Deserialize, Serialize};

use crate::SettingArguments;
use crate::out::{say, tell};
use crate::shards::plan::{self, Plan, PlanCell, PlanFolder};
use crate::shards::survey::{CellState, survey};
use crate::shell::typed;
use arrays::{Given, Limits};
use hexperiment_client::Lock;
use status::Standings;
pub(crate) use status::{CancelArguments, StatusArguments, cancel, status};
use submissions::Choices;

/// What `submit` takes.
#[derive(Args)]
pub(crate) struct SubmitArguments {
    /// Experiment files.
    #[arg(
        required_unless_present = "again",
        conflicts_with = "again",
        value_name = "FILE"
    )]
    files: Vec<PathBuf>,
    /// Submits those cells of a plan anew that ended without a result: that failed, were preempted, timed out or cancelled,
    /// or are missing.
    #[arg(long, value_name = "FOLDER", conflicts_with_all = ["into", "set", "repetitions", "reference_cell"])]
    again: Option<PathBuf>,
    /// What runs the cells: `slurm` gets them as arrays of jobs, `hyperqueue` as a job definition file.
    #[arg(long, value_enum, required_unless_present = "again")]
    engine: Option<Engine>,
    /// The folder of the plan, which all nodes must share; without it `plans/NAME`, after the experiment.
    #[arg(long, value_name = "FOLDER")]
    into: Option<PathBuf>,
    /// The partition of Slurm.
    #[arg(long, value_name = "NAME")]
    partition: Option<String>,
    /// The account that Slurm charges.
    #[arg(long, value_name = "NAME")]
    account: Option<String>,
    /// Features that Slurm's nodes must have, as of one CPU model, so that times compare.
    #[arg(long, value_name = "FEATURES")]
    constraint: Option<String>,
    /// Cells that run at once, at most.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    max_parallel: Option<u32>,
    /// Lets a node have other jobs beside: more cells at once, and times that tables do not rank against others.
    #[arg(long)]
    shared: bool,
    /// Time of each job; without it that of the cell by `time_limit` in [run], and a quarter more.
    #[arg(long, value_name = "TIME")]
    job_time: Option<String>,
    /// Memory of each job; without it what follows from `memory_limit` in [run].
    #[arg(long, value_name = "SIZE")]
    job_memory: Option<String>,
    /// Prints what would be submitted, and writes nothing.
    #[arg(long)]
    dry_run: bool,
    /// A small cell that every job runs beside its own, so that nodes can be compared.
    #[arg(long, value_name = "CELL")]
    reference_cell: Option<String>,
    #[command(flatten)]
    settings: SettingArguments,
    /// The folder of runs, whose newest some experiments read.
    #[arg(long, default_value = "runs")]
    runs: PathBuf,
}

/// What runs cells on many machines.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Engine {
    Slurm,
    Hyperqueue,
}

/// Hands the cells of a plan over.
pub(crate) fn submit(arguments: &SubmitArguments) -> ExitCode {
    let asked = if arguments.again.is_some() {
        again(arguments)
    } else {
        first(arguments).map(Some)
    };
    match asked
        .and_then(|asked| asked.map_or(Ok(()), |mut asked| asked.hand_over(arguments.dry_run)))
    {
        Ok(()) => ExitCode::SUCCESS,
        Err(problem) => crate::bad_input(problem),
    }
}

/// What the shards of a plan hold of each cell.
fn held(plan: &PlanFolder) -> Result<Vec<CellState>, String> {
    let (states, warnings) = survey(plan)?;
    for warning in warnings {
        tell!("warning: {warning}");
    }
    Ok(states)
}

/// A plan that is there, by its path from the root.
fn open(folder: &Path) -> Result<PlanFolder, String> {
    let absolute = std::path::absolute(folder).map_err(|e| format!("{}: {e}", folder.display()))?;
    PlanFolder::open(&absolute)
}

impl From<&PlanCell> for Limits {
    fn from(cell: &PlanCell) -> Self {
        Self {
            threads: cell.threads,
            memory_bytes: cell.memory_limit_bytes,
            time: cell.time_limit_seconds.map(Duration::from_secs),
        }
    }
}

/// Cells that are to be handed over.
struct Asked {
    /// Held against other calls of the same plan, as soon as its folder is there; not where nothing is written.
    lock: Option<Lock>,
    plan: PlanFolder,
    /// Whether the plan is not written yet.
    is_new: bool,
    engine: Engine,
    choices: Choices,
    /// By their numbers.
    cells: Vec<usize>,
    /// The number of this submission.
    number: usize,
}

/// The choices of the command line, on top of earlier ones.
fn choices(arguments: &SubmitArguments, earlier: Choices) -> Result<Choices, String> {
    let minutes = match &arguments.job_time {
        None => earlier.given.minutes,
        Some(text) => {
            let time = units::duration(text).filter(|time| *time >= Duration::from_mins(1));
            let time = time.ok_or_else(|| {
                let found = printable::quoted(text);
                format!("--job-time: found {found}, expected a time of at least a minute, as in \"90m\" or \"12h\"")
            })?;
            Some(time.as_secs().div_ceil(60))
        }
    };
    let memory_mib =
        match &arguments.job_memory {
            None => earlier.given.memory_mib,
            Some(text) => {
                let bytes = units::bytes(text).filter(|bytes| *bytes >= 1 << 20).ok_or_else(|| {
                let found = printable::quoted(text);
                format!("--job-memory: found {found}, expected at least a mebibyte, as in \"8GiB\"")
            })?;
                Some(bytes.div_ceil(1 << 20))
            }
        };
    let own = |option: &str, given: &Option<String>, earlier: Option<String>| {
        let text = given.clone().or(earlier);
        match text.as_deref().filter(|text| !is_name(text)) {
            None => Ok(text),
            Some(wrong) => Err(format!(
                "--{option}: found {}, expected a name in one line, without control characters",
                printable::quoted(wrong)
            )),
        }
    };
    Ok(Choices {
        partition: own("partition", &arguments.partition, earlier.partition)?,
        account: own("account", &arguments.account, earlier.account)?,
        constraint: own("constraint", &arguments.constraint, earlier.constraint)?,
        max_parallel: arguments.max_parallel.or(earlier.max_parallel),
        shared: arguments.shared || earlier.shared,
        given: Given {
            memory_mib,
            minutes,
        },
    })
}

/// Whether a text can stand in a script as a name: a line feed would begin another line there.
fn is_name(text: &str) -> bool {
    !text.trim().is_empty() && printable::is_plain(text)
}

/// A plan of these files, in a folder where nothing is submitted of it.
fn first(arguments: &SubmitArguments) -> Result<Asked, String> {
    // Clap has seen to it that there is one.
    let engine = arguments.engine.unwrap_or(Engine::Slurm);
    let choices = choices(arguments, Choices::default())?;
    if engine == Engine::Slurm && !arguments.dry_run {
        slurm::check_there()?;
    }
    let settings = arguments.settings.read().map_err(|e| e.to_string())?;
    let reference = arguments.reference_cell.as_deref();
    let plan = Plan::make(
        &arguments.files,
        &settings,
        None,
        reference,
        &arguments.runs,
    )?;
    let folder = match &arguments.into {
        Some(folder) => folder.clone(),
        None => Path::new("plans").join(name(&plan)),
    };
    let folder = std::path::absolute(&folder).map_err(|e| format!("{}: {e}", folder.display()))?;
    let is_new = !folder.join(plan::FILE).exists();
    // Before it is looked whether anything was submitted. Of two calls that both find no plan, one writes it.
    let lock = (!is_new && !arguments.dry_run).then(|| submissions::lock(&folder));
    let lock = lock.transpose()?;
    let made = PlanFolder {
        // Of a plan that is written, it is that of its file: made later, it has another one.
        digest: plan.digest(),
        path: folder,
        plan,
    };
    let plan = if is_new { made } else { unsubmitted(made)? };
    Ok(Asked {
        lock,
        number: submissions::next(&plan.path),
        cells: (0..plan.plan.cells.len()).collect(),
        plan,
        is_new,
        engine,
        choices,
    })
}

/// The plan that is there where another one is to be made: if it is of the same, and nothing was submitted of it.
fn unsubmitted(made: PlanFolder) -> Result<PlanFolder, String> {
    let there = open(&made.path)?;
    let (shown, typed) = (made.path.display(), typed(&made.path));
    if let Some(last) = submissions::all(&there.path)?.pop() {
        return Err(format!(
            "{shown}: a plan of this folder was submitted already, at {}\n  help: `hexperiment status {typed}` tells where its \
             cells stand, `hexperiment submit --again {typed}` submits those anew that ended without a result; `--into \
             FOLDER` names another folder for another plan",
            last.what.at
        ));
    }
    match there.difference(&made) {
        Some((key, found, expected)) if key != "made" => Err(format!(
            "{shown}: another plan is there: `{key}` is {found} in it, and {expected} in this one\n  help: `--into FOLDER` names \
             another folder"
        )),
        _ => Ok(there),
    }
}

/// What a plan's folder is called: after its first experiment.
fn name(plan: &Plan) -> String {
    let mut names = plan.experiments.iter().map(|e| e.run.experiment.as_str());
    let first = names.next().unwrap_or_default();
    match names.count() {
        0 => first.into(),
        more => format!("{first}-and-{more}-more"),
    }
}

/// The cells of a plan that ended without a result; `None` where there is none, which is told.
fn again(arguments: &SubmitArguments) -> Result<Option<Asked>, String> {
    // Clap has seen to it that there is one.
    let folder = arguments.again.as_deref().unwrap_or(Path::new("."));
    let plan = open(folder)?;
    // Before the scheduler is asked which jobs there are: two calls at once would both hear of none.
    let lock = (!arguments.dry_run).then(|| submissions::lock(&plan.path));
    let lock = lock.transpose()?;
    let last = submissions::all(&plan.path)?.pop();
    let (engine, earlier) = match (last, arguments.engine) {
        (Some(last), engine) => (engine.unwrap_or(last.what.engine), last.what.choices),
        (None, Some(engine)) => (engine, Choices::default()),
        (None, None) => {
            return Err(format!(
                "{}: nothing was submitted of this plan yet\n  help: name what runs it by `--engine`",
                folder.display()
            ));
        }
    };
    let choices = choices(arguments, earlier)?;
    if engine == Engine::Slurm && !arguments.dry_run {
        slurm::check_there()?;
    }
    let number = submissions::next(&plan.path);
    let standings = Standings::of(&plan)?;
    let cells: Vec<usize> = standings.lost().collect();
    if cells.is_empty() {
        say!(
            "{}: nothing to submit again; {}",
            folder.display(),
            standings.counts()
        );
        return Ok(None);
    }
    Ok(Some(Asked {
        lock,
        plan,
        is_new: false,
        engine,
        choices,
        cells,
        number,
    }))
}
