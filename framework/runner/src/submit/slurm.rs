//! The commands of Slurm: what is asked of them, and what they answer in the forms that are meant for programs.

mod tasks;

use std::io::ErrorKind;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use hexperiment_diagnostics::printable;

use crate::child::{self, Kept};
use hexperiment_client::Lock;
pub(super) use tasks::{Named, State, Task, Tasks};

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
            Self::Said(words) | Self::Uncertain(words) => {
                format!("`{program}`: {}", printable::lines(&words))
            }
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
    ask_with(program, arguments, Stdio::null())
}

/// The same of a command with this standard input.
fn ask_with(program: &str, arguments: &[&str], input: Stdio) -> Result<String, Failure> {
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
        .stdin(input)
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
    let fewer = parameters
        .split(',')
        .find_map(|p| p.strip_prefix("max_array_tasks="));
    let fewer = fewer.and_then(|n| n.parse().ok()).filter(|n| *n > 0);
    Some(fewer.map_or(largest, |n: usize| largest.min(n)))
}

/// Fails where there is no such partition, and says which there are.
pub(super) fn check_partition(name: &str) -> Result<(), String> {
    let program = "sinfo";
    let text = ask(program, &["--noheader", "--format=%R"]).map_err(|e| e.told(program))?;
    let mut known: Vec<&str> = text
        .lines()
        .map(str::trim)
        .filter(|l| !l.is_empty())
        .collect();
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

/// Submits a script, behind another job where `after` names one; yields the job's number. `sbatch` holds the lock until it
/// ends: if this process is killed before, whoever gets the lock next finds the job at the scheduler.
pub(super) fn submit(
    script: &Path,
    after: Option<&str>,
    lock: Option<&Lock>,
) -> Result<String, Failure> {
    let path = script.to_string_lossy();
    let after = after.map(|job| format!("--dependency=afterany:{job}"));
    let mut arguments = vec!["--parsable"];
    arguments.extend(after.as_deref());
    arguments.push(&path);
    let input = lock.map_or_else(|| Ok(Stdio::null()), Lock::as_input);
    let input = input.map_err(|e| Failure::Said(e.to_string()))?;
    let text = ask_with("sbatch", &arguments, input)?;
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

/// Jobs that one call of `scancel` is given, as the words of a command have a longest length, too.
const CANCELLED_AT_ONCE: usize = 1000;

/// Ends jobs, those that are there.
pub(super) fn cancel(jobs: &[&str]) -> Result<(), String> {
    let program = "scancel";
    for some in jobs.chunks(CANCELLED_AT_ONCE) {
        ask(program, some).map_err(|e| e.told(program))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_of_jobs() {
        assert_eq!(job_of("17\n").as_deref(), Some("17"));
        assert_eq!(job_of("17;cluster\n").as_deref(), Some("17"));
        assert_eq!(
            job_of("welcome to the cluster\n4000000000\n").as_deref(),
            Some("4000000000")
        );
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
