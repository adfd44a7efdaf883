//! `submit`, `status`, `cancel`: the cells of a plan on many machines, by an engine that is there. The program has
//! no queue of its own: an engine runs `hexperiment run --cells K --into FOLDER` on its nodes, and what comes of it lies in
//! the folder of the plan.

mod arrays;
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
use crate::plugins;
use crate::shards::plan::{self, Plan, PlanCell, PlanFolder};
use crate::shards::survey::{CellState, survey};
use arrays::{Array, Given, Limits, Needs, arrays};
use hyperqueue::JobFile;
use script::{Script, shell};
use standing::Held;
use status::Standings;
pub(crate) use status::{CancelArguments, StatusArguments, cancel, status};
use submissions::{Choices, Claim, Submission};

/// What `submit` takes.
#[derive(Args)]
pub(crate) struct SubmitArguments {
    /// Experiment files.
    #[arg(required_unless_present = "again", conflicts_with = "again", value_name = "FILE")]
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
    match asked.and_then(|asked| asked.map_or(Ok(()), |mut asked| asked.hand_over(arguments.dry_run))) {
        Ok(()) => ExitCode::SUCCESS,
        Err(problem) => crate::bad_input(problem),
    }
}

/// What the shards of a plan hold of each cell.
fn held(plan: &PlanFolder) -> Result<Vec<Held>, String> {
    let (states, warnings) = survey(plan)?;
    for warning in warnings {
        tell!("warning: {warning}");
    }
    Ok(states.into_iter().map(Held::from).collect())
}

/// A plan that is there, by its path from the root.
fn open(folder: &Path) -> Result<PlanFolder, String> {
    let absolute = std::path::absolute(folder).map_err(|e| format!("{}: {e}", folder.display()))?;
    PlanFolder::open(&absolute)
}

impl From<CellState> for Held {
    fn from(state: CellState) -> Self {
        match state {
            CellState::Missing => Self::Nothing,
            CellState::Partial { .. } => Self::Part,
            CellState::Ended { status, reason, signal, node, .. } => Self::Ended {
                status,
                reason,
                signal,
                node,
            },
        }
    }
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
    let memory_mib = match &arguments.job_memory {
        None => earlier.given.memory_mib,
        Some(text) => {
            let bytes = units::bytes(text).filter(|bytes| *bytes >= 1 << 20).ok_or_else(|| {
                let found = printable::quoted(text);
                format!("--job-memory: found {found}, expected at least a mebibyte, as in \"8GiB\"")
            })?;
            Some(bytes.div_ceil(1 << 20))
        }
    };
    let own = |given: &Option<String>, earlier| given.clone().or(earlier);
    Ok(Choices {
        partition: own(&arguments.partition, earlier.partition),
        account: own(&arguments.account, earlier.account),
        constraint: own(&arguments.constraint, earlier.constraint),
        max_parallel: arguments.max_parallel.or(earlier.max_parallel),
        shared: arguments.shared || earlier.shared,
        given: Given { memory_mib, minutes },
    })
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
    let plan = Plan::make(&arguments.files, &settings, None, reference, &arguments.runs)?;
    let folder = match &arguments.into {
        Some(folder) => folder.clone(),
        None => Path::new("plans").join(name(&plan)),
    };
    let folder = std::path::absolute(&folder).map_err(|e| format!("{}: {e}", folder.display()))?;
    let is_new = !folder.join(plan::FILE).exists();
    let made = PlanFolder {
        digest: String::new(),
        path: folder,
        plan,
    };
    let plan = if is_new { made } else { unsubmitted(made)? };
    Ok(Asked {
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
    let shown = made.path.display();
    if let Some(last) = submissions::all(&there.path)?.pop() {
        return Err(format!(
            "{shown}: a plan of this folder was submitted already, at {}\n  help: `hexperiment status {shown}` tells where its \
             cells stand, `hexperiment submit --again {shown}` submits those anew that ended without a result; `--into \
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
    // Before the scheduler is asked: of two calls at once, one has this number.
    let number = submissions::next(&plan.path);
    let standings = Standings::of(&plan)?;
    let cells: Vec<usize> = standings.lost().collect();
    if cells.is_empty() {
        say!("{}: nothing to submit again; {}", folder.display(), standings.counts());
        return Ok(None);
    }
    Ok(Some(Asked {
        plan,
        is_new: false,
        engine,
        choices,
        cells,
        number,
    }))
}

/// A path as text for scripts, which cannot hold every path.
fn text_of(path: &Path) -> Result<&str, String> {
    let text = path.to_str().filter(|text| !text.contains(|c: char| c.is_control() || c == '\\'));
    text.ok_or_else(|| {
        format!(
            "{}: this path cannot stand in a script of a scheduler\n  help: one in UTF-8 without control characters and \
             backslashes can",
            printable::line(&path.to_string_lossy())
        )
    })
}

/// Variables that the program reads on a node as it does here.
fn variables() -> Result<Vec<(String, String)>, String> {
    let mut variables = Vec::new();
    if let Some(folder) = std::env::var_os("HEXPERIMENT_DATA").filter(|folder| !folder.is_empty()) {
        let folder = std::path::absolute(&folder).map_err(|e| format!("HEXPERIMENT_DATA: {e}"))?;
        variables.push(("HEXPERIMENT_DATA".into(), text_of(&folder)?.into()));
    }
    if let Some((name, paths)) = plugins::for_other_machines() {
        variables.push((name.into(), text_of(Path::new(&paths))?.into()));
    }
    Ok(variables)
}

/// The paths that all files of a submission have.
struct Paths {
    program: PathBuf,
    folder: PathBuf,
    variables: Vec<(String, String)>,
}

impl Paths {
    fn of(plan: &Path) -> Result<Self, String> {
        let fail = |e: std::io::Error| format!("the folder in which this is called is not there: {e}");
        Ok(Self {
            program: submissions::program(plan),
            folder: std::env::current_dir().map_err(fail)?,
            variables: variables()?,
        })
    }
}

impl Asked {
    /// Hands the cells over, or prints what would be.
    fn hand_over(&mut self, is_dry: bool) -> Result<(), String> {
        if is_dry {
            say!("nothing is written or submitted, as `--dry-run` wants it");
        }
        match self.engine {
            Engine::Slurm => self.to_slurm(is_dry),
            Engine::Hyperqueue => self.to_hyperqueue(is_dry),
        }
    }

    /// The cells in arrays of at most `largest`.
    fn arrays(&self, largest: usize) -> Vec<Array> {
        let plan = &self.plan.plan;
        let limits = |index: usize| plan.cells.get(index).map(Limits::from);
        let reference = plan.reference.and_then(limits);
        let needs = |index: usize| Some((index, Needs::of(limits(index)?, reference, self.choices.given)));
        arrays(self.cells.iter().copied().filter_map(needs), largest)
    }

    /// Writes the plan where it is not there.
    fn write_plan(&mut self) -> Result<(), String> {
        if self.is_new {
            self.plan.plan.write(&self.plan.path)?;
            // With the digest of what was written.
            self.plan = PlanFolder::open(&self.plan.path)?;
            self.is_new = false;
        }
        Ok(())
    }

    /// Takes the submission's number.
    fn claim(&self) -> Result<Claim, String> {
        let folder = &self.plan.path;
        let claim = Claim::take(folder, self.number)?;
        match submissions::keep_program(folder) {
            Ok(()) => Ok(claim),
            Err(problem) => {
                claim.give_back();
                Err(problem)
            }
        }
    }

    fn to_slurm(&mut self, is_dry: bool) -> Result<(), String> {
        let largest = if is_dry && !slurm::is_there("scontrol") {
            say!("no Slurm is here to be asked: arrays as its defaults have them");
            slurm::USUAL_LARGEST
        } else {
            slurm::largest_array()?
        };
        if let Some(partition) = self.choices.partition.as_deref().filter(|_| !is_dry || slurm::is_there("sinfo")) {
            slurm::check_partition(partition)?;
        }
        text_of(&self.plan.path)?;
        let paths = Paths::of(&self.plan.path)?;
        if !is_dry {
            self.write_plan()?;
        }
        let arrays = self.arrays(largest);
        let place = submissions::folder(&self.plan.path, self.number);
        let scripts: Vec<String> =
            arrays.iter().zip(1..).map(|(array, number)| self.script(array, number, &place, &paths)).collect::<Result<_, _>>()?;
        if is_dry {
            for ((script, array), number) in scripts.iter().zip(&arrays).zip(1..) {
                let file = place.join(submissions::script_file(number));
                say!("\nsbatch --parsable {}\n{}", shell(&file.to_string_lossy()), script.trim_end());
                say!("cells: {}", numbers(&array.cells));
            }
            return Ok(());
        }
        let claim = self.claim()?;
        let submission = Submission::new(self.engine, self.choices.clone(), arrays);
        let files = match claim.fill(&submission, &scripts) {
            Ok(files) => files,
            Err(problem) => {
                claim.give_back();
                return Err(format!("{problem}\n  help: nothing was submitted; the same command submits it"));
            }
        };
        let shown = self.plan.path.display();
        let mut before: Option<String> = None;
        for ((file, array), number) in files.iter().zip(&submission.arrays).zip(1..) {
            // A limit of what runs at once is one of an array: the next one waits for this one.
            let after = before.as_deref().filter(|_| self.choices.max_parallel.is_some());
            let job = match slurm::submit(file, after) {
                Ok(job) => job,
                Err(failure) if number == 1 && failure.is_certain() => {
                    claim.give_back();
                    return Err(format!(
                        "{}\n  help: nothing was submitted; the same command submits it",
                        failure.told("sbatch")
                    ));
                }
                Err(failure) => {
                    return Err(format!(
                        "{}\n  help: {} of {} arrays were submitted and go on; `hexperiment submit --again {shown}` submits \
                         the rest",
                        failure.told("sbatch"),
                        number - 1,
                        files.len()
                    ));
                }
            };
            claim.submitted(number, &job)?;
            let cells = counted(array.cells.len());
            say!("job {job}: {cells}, each with {}", asks(array.needs, self.choices.shared));
            before = Some(job);
        }
        say!("submitted {} of {shown}", counted(self.cells.len()));
        say!("  help: `hexperiment status {shown}` tells where they stand, `hexperiment cancel {shown}` takes them back");
        Ok(())
    }

    fn script(&self, array: &Array, number: usize, place: &Path, paths: &Paths) -> Result<String, String> {
        let cells = place.join(submissions::cells_file(number));
        let log = submissions::log(place, number);
        let script = Script {
            name: &submissions::job_name(&self.plan.digest, self.number, number),
            needs: array.needs,
            count: array.cells.len(),
            max_parallel: self.choices.max_parallel,
            shared: self.choices.shared,
            partition: self.choices.partition.as_deref(),
            account: self.choices.account.as_deref(),
            constraint: self.choices.constraint.as_deref(),
            program: text_of(&paths.program)?,
            plan: text_of(&self.plan.path)?,
            cells: text_of(&cells)?,
            log: text_of(&log)?,
            folder: text_of(&paths.folder)?,
            variables: &paths.variables,
        };
        Ok(script.text())
    }

    fn to_hyperqueue(&mut self, is_dry: bool) -> Result<(), String> {
        text_of(&self.plan.path)?;
        let paths = Paths::of(&self.plan.path)?;
        if !is_dry {
            self.write_plan()?;
        }
        let arrays = self.arrays(usize::MAX);
        let place = submissions::folder(&self.plan.path, self.number);
        let logs = place.join("logs");
        let file = JobFile {
            name: &submissions::job_name(&self.plan.digest, self.number, 1),
            arrays: &arrays,
            shared: self.choices.shared,
            program: text_of(&paths.program)?,
            plan: text_of(&self.plan.path)?,
            folder: text_of(&paths.folder)?,
            logs: text_of(&logs)?,
            variables: &paths.variables,
        };
        let text = file.text();
        if is_dry {
            say!("{}", text.trim_end());
            return Ok(());
        }
        let claim = self.claim()?;
        let submission = Submission::new(self.engine, self.choices.clone(), arrays.clone());
        let written = claim.begin(&submission).and_then(|()| claim.write("hyperqueue.toml", &text));
        let path = match written {
            Ok(path) => path,
            Err(problem) => {
                claim.give_back();
                return Err(problem);
            }
        };
        let shown = self.plan.path.display();
        say!("{} of {shown}, written to {}", counted(self.cells.len()), path.display());
        say!("three commands run them, the second one on every node:");
        say!("  hq server start");
        say!("  hq worker start");
        say!("  hq job submit-file {}", shell(&path.to_string_lossy()));
        say!("  help: `hexperiment status {shown}` tells what is done, `hq job list` what waits and runs");
        Ok(())
    }
}

/// So many cells, in words.
fn counted(cells: usize) -> String {
    match cells {
        1 => "1 cell".into(),
        n => format!("{n} cells"),
    }
}

/// What a job asks for, in words.
fn asks(needs: Needs, shared: bool) -> String {
    let threads = match needs.threads {
        1 => "1 thread".into(),
        n => format!("{n} threads"),
    };
    let memory = needs.memory_mib.map(|mib| format!(", {mib} MiB"));
    let minutes = needs.minutes.map(|minutes| format!(", {minutes} min"));
    let node = if shared { "" } else { ", a node of its own" };
    [threads, memory.unwrap_or_default(), minutes.unwrap_or_default(), node.into()].concat()
}

/// Numbers in short, as in `0-39,50`.
fn numbers(all: &[usize]) -> String {
    let runs = all.chunk_by(|a, b| *b == a + 1).map(|run| match run {
        [one] => one.to_string(),
        [first, .., last] => format!("{first}-{last}"),
        [] => String::new(),
    });
    runs.collect::<Vec<_>>().join(",")
}
