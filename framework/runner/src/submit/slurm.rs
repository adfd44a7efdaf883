//! The commands of Slurm: what is asked of them, and what they answer in the forms that are meant for programs.

use std::collections::BTreeMap;
use std::io::ErrorKind;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use hexperiment_diagnostics::printable;

use crate::child::{self, Kept};

/// How long a command of Slurm may take: it asks a controller that is away again and again.
const PATIENCE: Duration = Duration::from_mins(2);

/// Bytes of an answer that are read; a line of `squeue` has about a hundred.
const LONGEST: u64 = 1 << 28;

/// Beginnings of variables by which a user changes what the commands print.
const CHANGE_ANSWERS: [&str; 5] = ["SACCT_", "SCANCEL_", "SCONTROL_", "SINFO_", "SQUEUE_"];

/// Variables by which a user's environment would undo what a script says.
const CHANGE_SCRIPTS: [&str; 9] = [
    "SBATCH_ARRAY_INX",
    "SBATCH_ERROR",
    "SBATCH_JOB_NAME",
    "SBATCH_MEM_PER_CPU",
    "SBATCH_NO_REQUEUE",
    "SBATCH_OUTPUT",
    "SBATCH_REQUEUE",
    "SBATCH_SIGNAL",
    "SBATCH_TIMELIMIT",
];

/// Why a command has no answer.
#[derive(Debug)]
pub(super) enum Failure {
    /// It is not installed here.
    Absent,
    /// What it said, or how it ended.
    Said(String),
    /// It has not answered, or not in a way that is understood: what it was to do may be done.
    Uncertain(String),
}

impl Failure {
    /// Whether what was asked is not done.
    pub(super) fn is_certain(&self) -> bool {
        !matches!(self, Self::Uncertain(_))
    }

    /// As a message.
    pub(super) fn told(self, program: &str) -> String {
        match self {
            Self::Absent => absent(program),
            Self::Said(words) | Self::Uncertain(words) => format!("`{program}`: {}", printable::lines(&words)),
        }
    }
}

/// That this machine has no Slurm.
fn absent(program: &str) -> String {
    format!(
        "`{program}` was not found on this machine\n  help: run this where jobs of the cluster are submitted; \
         without Slurm, `--engine hyperqueue` writes a job file, and docs/clusters.md shows others"
    )
}

/// Whether a program is in the search path.
pub(super) fn is_there(program: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).any(|folder| folder.join(program).is_file())
}

/// Fails where jobs cannot be submitted from.
pub(super) fn check_there() -> Result<(), String> {
    if is_there("sbatch") {
        Ok(())
    } else {
        Err(absent("sbatch"))
    }
}

/// What a command prints, if it ends well.
fn ask(program: &str, arguments: &[&str]) -> Result<String, Failure> {
    use std::io::Read as _;

    let mut command = Command::new(program);
    for (name, _) in std::env::vars_os() {
        let known = name.to_string_lossy();
        if CHANGE_ANSWERS.iter().any(|start| known.starts_with(start))
            || CHANGE_SCRIPTS.contains(&known.as_ref())
        {
            command.env_remove(&name);
        }
    }
    let started = command
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn();
    let mut child = started.map_err(|e| match e.kind() {
        ErrorKind::NotFound => Failure::Absent,
        _ => Failure::Said(e.to_string()),
    })?;
    let errors = Kept::of(child.stderr.take());
    let out = child.stdout.take();
    let answer = std::thread::spawn(move || {
        let mut bytes = Vec::new();
        // What could not be read is missed below, by how the command ended.
        let _ = out.map(|out| out.take(LONGEST).read_to_end(&mut bytes));
        bytes
    });
    let Some(status) = child::within(&mut child, PATIENCE) else {
        child::end(&mut child);
        let limit = humantime::format_duration(PATIENCE);
        return Err(Failure::Uncertain(format!(
            "no answer after {limit}; is Slurm's controller there? (`scontrol ping`)"
        )));
    };
    if !status.success() {
        let how = child::describe(status);
        return Err(Failure::Said(errors.words().unwrap_or(how)));
    }
    let bytes = answer.join().unwrap_or_default();
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// The same where nobody has set anything.
pub(super) const USUAL_LARGEST: usize = 1001;

/// The most jobs that an array may have here.
pub(super) fn largest_array() -> Result<usize, String> {
    let program = "scontrol";
    let text = ask(program, &["show", "config"]).map_err(|e| e.told(program))?;
    match largest_of(&text) {
        Some(0) => Err("this cluster takes no job arrays (`MaxArraySize = 0`)\n  help: `--engine hyperqueue` needs \
                        none; docs/clusters.md"
            .into()),
        Some(largest) => Ok(largest),
        None => Err(format!("`{program} show config` does not say `MaxArraySize`")),
    }
}

/// The same, of what `scontrol show config` prints: an index is less than `MaxArraySize`, and administrators may set
/// a lower number of jobs.
fn largest_of(config: &str) -> Option<usize> {
    let value = |name: &str| {
        let lines = config.lines().filter_map(|line| line.split_once('='));
        let mut values = lines.filter(|(key, _)| key.trim() == name);
        values.next().map(|(_, value)| value.trim().to_owned())
    };
    let largest: usize = value("MaxArraySize")?.parse().ok()?;
    let parameters = value("SchedulerParameters").unwrap_or_default();
    let fewer = parameters.split(',').find_map(|p| p.strip_prefix("max_array_tasks="));
    let fewer = fewer.and_then(|n| n.parse().ok()).filter(|n| *n > 0);
    Some(fewer.map_or(largest, |n: usize| largest.min(n)))
}

/// Fails where there is no such partition, and says which there are.
pub(super) fn check_partition(name: &str) -> Result<(), String> {
    let program = "sinfo";
    let text = ask(program, &["--noheader", "--format=%R"]).map_err(|e| e.told(program))?;
    let mut known: Vec<&str> = text.lines().map(str::trim).filter(|l| !l.is_empty()).collect();
    known.dedup();
    // `sbatch` takes several, and starts a job in whichever has room first.
    let Some(unknown) = name.split(',').find(|part| !known.contains(part)) else {
        return Ok(());
    };
    let list = printable::list(known, 20);
    Err(format!(
        "the cluster has no partition {}\n  help: it has {list}",
        printable::quoted(unknown)
    ))
}

/// Submits a script, behind another job where `after` names one; yields the job's number.
pub(super) fn submit(script: &Path, after: Option<&str>) -> Result<String, Failure> {
    let path = script.to_string_lossy();
    let after = after.map(|job| format!("--dependency=afterany:{job}"));
    let mut arguments = vec!["--parsable"];
    arguments.extend(after.as_deref());
    arguments.push(&path);
    let text = ask("sbatch", &arguments)?;
    job_of(&text).ok_or_else(|| {
        let found = printable::quoted(text.trim());
        Failure::Uncertain(format!("found {found}, expected the number of a job"))
    })
}

/// The number in what `sbatch --parsable` prints: `NUMBER`, or `NUMBER;CLUSTER`. What a site's own scripts print stands before it.
fn job_of(text: &str) -> Option<String> {
    let last = text.lines().rfind(|line| !line.trim().is_empty())?;
    let number = last.split(';').next()?.trim();
    let is_number = !number.is_empty() && number.bytes().all(|b| b.is_ascii_digit());
    is_number.then(|| number.to_owned())
}

/// Ends jobs, those that are there.
pub(super) fn cancel(jobs: &[&str]) -> Result<(), String> {
    let program = "scancel";
    ask(program, jobs).map(drop).map_err(|e| e.told(program))
}

/// Where a job of an array stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    Pending,
    Running,
    /// Its script ended with code 0.
    Completed,
    /// Its script ended with another one.
    Failed,
    TimedOut,
    Preempted,
    OutOfMemory,
    NodeLost,
    Cancelled,
}

impl State {
    /// By Slurm's word; one that it may have besides is of a job that has not ended.
    fn of(word: &str) -> Self {
        // `sacct` says who: "CANCELLED by 1000".
        match word.split(' ').next().unwrap_or_default() {
            "PENDING" | "REQUEUED" | "REQUEUE_HOLD" | "REQUEUE_FED" | "RESV_DEL_HOLD" => Self::Pending,
            "COMPLETED" => Self::Completed,
            "FAILED" | "SPECIAL_EXIT" => Self::Failed,
            "TIMEOUT" | "DEADLINE" => Self::TimedOut,
            "PREEMPTED" => Self::Preempted,
            "OUT_OF_MEMORY" => Self::OutOfMemory,
            "NODE_FAIL" | "BOOT_FAIL" => Self::NodeLost,
            "CANCELLED" | "REVOKED" => Self::Cancelled,
            _ => Self::Running,
        }
    }
}

/// What the scheduler knows of a job of an array.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Task {
    pub(super) state: State,
    /// Where it runs or ran; empty where it did not yet.
    pub(super) node: String,
    /// How its script ended, or was ended: code and signal, where Slurm says so.
    pub(super) exit: Option<(u32, u32)>,
}

/// What Slurm says of how a script ended: `CODE:SIGNAL`, or the number that the system has for both.
fn exit_of(text: &str) -> Option<(u32, u32)> {
    if let Some((code, signal)) = text.split_once(':') {
        return Some((code.parse().ok()?, signal.parse().ok()?));
    }
    let status: u32 = text.parse().ok()?;
    Some((status >> 8 & 0xff, status & 0x7f))
}

/// What the scheduler knows of jobs: by the array's number, then by that in the array.
#[derive(Debug, Default)]
pub(super) struct Tasks {
    by_array: BTreeMap<String, BTreeMap<usize, Task>>,
    /// What it knows of those of an array that never began, where these are one to it.
    rest: BTreeMap<String, Task>,
    /// The numbers of arrays by their names.
    numbers: BTreeMap<String, String>,
}

/// What is asked of `squeue` for each job, each followed by a bar; what has no length is not cut.
const QUEUE: &str = "--Format=ArrayJobID:|,ArrayTaskID:|,State:|,exit_code:|,NodeList:|,Name:|";

impl Tasks {
    /// Asks the queue, and accounting where there is any: the queue forgets a job some minutes after its end. Arrays are named, and
    /// numbered where their numbers are known.
    pub(super) fn ask(names: &[&str], numbers: &[&str]) -> Result<Self, String> {
        let program = "squeue";
        let names = format!("--name={}", names.join(","));
        let wanted = ["--noheader", "--array", "--states=all", "--all", QUEUE, &names];
        let text = ask(program, &wanted).map_err(|e| e.told(program))?;
        let mut tasks = Self::default();
        tasks.add_queue(&text);
        let known: Vec<String> = tasks.numbers.values().cloned().collect();
        let mut all: Vec<&str> = known.iter().map(String::as_str).chain(numbers.iter().copied()).collect();
        all.sort_unstable();
        all.dedup();
        if !all.is_empty() {
            let jobs = format!("--jobs={}", all.join(","));
            let wanted = ["--noheader", "--allocations", "--parsable2", "--format=JobID,State,ExitCode,NodeList", &jobs];
            // Without accounting, which many clusters lack, it fails.
            if let Ok(text) = ask("sacct", &wanted) {
                tasks.add_accounting(&text);
            }
        }
        Ok(tasks)
    }

    /// What `squeue` prints.
    fn add_queue(&mut self, text: &str) {
        for line in text.lines() {
            let fields: Vec<&str> = line.split('|').map(str::trim).collect();
            let &[array, index, state, exit, node, name, ""] = fields.as_slice() else {
                continue;
            };
            let task = Task {
                state: State::of(state),
                node: node.into(),
                exit: exit_of(exit),
            };
            self.numbers.insert(name.into(), array.into());
            match index.parse() {
                Ok(index) => drop(self.by_array.entry(array.into()).or_default().insert(index, task)),
                Err(_) => drop(self.rest.insert(array.into(), task)),
            }
        }
    }

    /// What `sacct` prints, of jobs that the queue does not know.
    fn add_accounting(&mut self, text: &str) {
        for line in text.lines() {
            let fields: Vec<&str> = line.splitn(4, '|').map(str::trim).collect();
            let &[job, state, exit, node] = fields.as_slice() else {
                continue;
            };
            let Some((array, index)) = job.split_once('_') else {
                continue;
            };
            let task = Task {
                state: State::of(state),
                node: if node == "None assigned" { "" } else { node }.into(),
                exit: exit_of(exit),
            };
            match index.parse() {
                Ok(index) => drop(self.by_array.entry(array.into()).or_default().entry(index).or_insert(task)),
                // As `12_[3-9]`.
                Err(_) => drop(self.rest.entry(array.into()).or_insert(task)),
            }
        }
    }

    /// A job of an array, which is known by its number or by its name.
    pub(super) fn of(&self, number: Option<&str>, name: &str, index: usize) -> Option<&Task> {
        let number = number.or_else(|| self.number_of(name))?;
        let known = self.by_array.get(number).and_then(|of_array| of_array.get(&index));
        known.or_else(|| self.rest.get(number))
    }

    /// The number of an array, where the queue knows its name.
    pub(super) fn number_of(&self, name: &str) -> Option<&str> {
        self.numbers.get(name).map(String::as_str)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As `squeue` of Slurm 22.05 printed it: six jobs of an array, of which one ended with code 3 and one by signal 9; a job whose
    /// output could not be opened; one array that was cancelled before its last jobs began; and one that runs.
    const PRINTED: &str = "\
14|N/A|CANCELLED|0||life|
14|0|CANCELLED|0|n1|life|
14|1|CANCELLED|0|n2|life|
8|4|COMPLETED|0|n1|hexperiment-0a1b2c3d-001-1|
8|5|COMPLETED|0|n2|hexperiment-0a1b2c3d-001-1|
2|N/A|FAILED|4021|n2|q|
8|0|FAILED|768|n1|hexperiment-0a1b2c3d-001-1|
8|1|FAILED|9|n2|hexperiment-0a1b2c3d-001-1|
8|3|PENDING|0||hexperiment-0a1b2c3d-001-1|
17|0|RUNNING|0|n1|usr|
";

    #[track_caller]
    fn check(tasks: &Tasks, (number, name, index): (Option<&str>, &str, usize), expect: Option<(State, &str, Option<(u32, u32)>)>) {
        let found = tasks.of(number, name, index);
        let found = found.map(|task| (task.state, task.node.as_str(), task.exit));
        assert_eq!(found, expect, "{number:?} {name} {index}");
    }

    #[test]
    fn the_queue_is_read() {
        let mut tasks = Tasks::default();
        tasks.add_queue(PRINTED);
        let name = "hexperiment-0a1b2c3d-001-1";
        let well = Some((0, 0));
        check(&tasks, (Some("8"), name, 0), Some((State::Failed, "n1", Some((3, 0)))));
        // A job's number that `submit` could not write down is found by the name.
        check(&tasks, (None, name, 1), Some((State::Failed, "n2", Some((0, 9)))));
        check(&tasks, (None, name, 3), Some((State::Pending, "", well)));
        check(&tasks, (None, name, 4), Some((State::Completed, "n1", well)));
        check(&tasks, (None, name, 7), None);
        check(&tasks, (Some("9"), name, 0), None);
        check(&tasks, (None, "usr", 0), Some((State::Running, "n1", well)));
        check(&tasks, (Some("2"), "q", 0), Some((State::Failed, "n2", Some((0, 53)))));
        check(&tasks, (None, "life", 1), Some((State::Cancelled, "n2", well)));
        check(&tasks, (None, "life", 5), Some((State::Cancelled, "", well)));
    }

    /// In the form that `sacct --parsable2` documents: no accounting was at hand to be recorded.
    #[test]
    fn accounting_adds_what_the_queue_has_forgotten() {
        let mut tasks = Tasks::default();
        tasks.add_queue("8|0|RUNNING|0|n1|a|\n");
        tasks.add_accounting(
            "8_0|COMPLETED|0:0|n1\n8_1|CANCELLED by 1000|0:15|n2\n8_2|OUT_OF_MEMORY|0:125|n2\n8_[3-9]|PENDING|0:0|None assigned\nx\n",
        );
        check(&tasks, (Some("8"), "a", 0), Some((State::Running, "n1", Some((0, 0)))));
        check(&tasks, (Some("8"), "a", 1), Some((State::Cancelled, "n2", Some((0, 15)))));
        check(&tasks, (Some("8"), "a", 2), Some((State::OutOfMemory, "n2", Some((0, 125)))));
        check(&tasks, (Some("8"), "a", 5), Some((State::Pending, "", Some((0, 0)))));
    }

    #[test]
    fn numbers_of_jobs() {
        assert_eq!(job_of("17\n").as_deref(), Some("17"));
        assert_eq!(job_of("17;cluster\n").as_deref(), Some("17"));
        assert_eq!(job_of("welcome to the cluster\n4000000000\n").as_deref(), Some("4000000000"));
        for wrong in ["", "\n", "Submitted batch job 17\n", "17 18\n"] {
            assert_eq!(job_of(wrong), None, "{wrong:?}");
        }
    }

    #[test]
    fn the_largest_array() {
        // Lines of `scontrol show config` of Slurm 22.05.
        let config = "Configuration data as of 2026-11-22T13:36:45\nMaxArraySize            = 25\nSchedulerParameters     = \
                      batch_sched_delay=0,sched_interval=1\n";
        assert_eq!(largest_of(config), Some(25));
        let fewer = config.replace("sched_interval=1", "max_array_tasks=10");
        assert_eq!(largest_of(&fewer), Some(10));
        assert_eq!(largest_of("MaxArraySize            = 1001\n"), Some(1001));
        assert_eq!(largest_of("slurm_load_ctl_conf error\n"), None);
    }
}
