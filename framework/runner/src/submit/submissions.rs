//! What was handed to a scheduler of a plan: a folder in `jobs`, below that of the plan, for each call of `submit`.

use std::ffi::OsStr;
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use hexperiment_diagnostics::files::{self, RECORDS, TEXT};
use serde::{Deserialize, Serialize};

use super::Engine;
use super::arrays::{Array, Given};
use crate::digest::{of_program, of_this_program};
use crate::shell::typed;
use hexperiment_client::Lock;

/// The version of `submission.json`.
const FORMAT: u32 = 1;

const JOBS: &str = "jobs";
const SUBMISSION: &str = "submission.json";
const LOCK: &str = "lock";

/// What the user chose; a later submission of the same plan does the same where nothing else is said.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Choices {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) partition: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) account: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) constraint: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) max_parallel: Option<u32>,
    /// Whether nodes may have other jobs beside.
    #[serde(default)]
    pub(super) shared: bool,
    #[serde(default)]
    pub(super) given: Given,
}

/// What was handed over at once.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Submission {
    format: u32,
    /// When, in UTC (RFC 3339).
    pub(super) at: String,
    pub(super) engine: Engine,
    pub(super) choices: Choices,
    pub(super) arrays: Vec<Array>,
}

impl Submission {
    pub(super) fn new(engine: Engine, choices: Choices, arrays: Vec<Array>) -> Self {
        Self {
            format: FORMAT,
            at: crate::folder::now(),
            engine,
            choices,
            arrays,
        }
    }
}

/// A submission and its folder.
#[derive(Clone, Debug)]
pub(super) struct Submitted {
    folder: PathBuf,
    pub(super) what: Submission,
}

/// The folder of a submission.
pub(super) fn folder(plan: &Path, number: usize) -> PathBuf {
    plan.join(JOBS).join(format!("{number:03}"))
}

/// No plan is handed over as often.
const MOST: usize = 999_999_999;

/// The number of a submission's folder; `None` where others have made it, or copied it under another name.
fn number(name: &OsStr) -> Option<usize> {
    let name = name.to_str()?;
    let number = name.parse::<usize>().ok()?;
    (number <= MOST && format!("{number:03}") == name).then_some(number)
}

/// The submissions of a plan, in order. A folder without its file is of a `submit` that ended before it
/// handed anything over.
pub(super) fn all(plan: &Path) -> Result<Vec<Submitted>, String> {
    let jobs = plan.join(JOBS);
    // In the order of their numbers: as text, 1000 comes before 999.
    let numbered = |path: PathBuf| Some((number(path.file_name()?)?, path));
    let mut folders: Vec<(usize, PathBuf)> = match fs::read_dir(&jobs) {
        Ok(entries) => entries
            .flatten()
            .filter_map(|entry| numbered(entry.path()))
            .collect(),
        Err(e) if e.kind() == ErrorKind::NotFound => vec![],
        Err(e) => return Err(format!("{}: cannot be read: {e}", jobs.display())),
    };
    folders.sort();
    let mut found = Vec::new();
    for (_, folder) in folders {
        let file = folder.join(SUBMISSION);
        if !file.is_file() {
            continue;
        }
        let text = files::read_text(&file, RECORDS, "").map_err(|e| e.to_string())?;
        let what: Submission = serde_json::from_str(&text)
            .map_err(|e| format!("{}: not a submission of this version: {e}", file.display()))?;
        if what.format != FORMAT {
            return Err(format!(
                "{}: found format {}, expected {FORMAT}",
                file.display(),
                what.format
            ));
        }
        found.push(Submitted { folder, what });
    }
    Ok(found)
}

/// The number that the next submission of a plan has.
pub(super) fn next(plan: &Path) -> usize {
    let entries = fs::read_dir(plan.join(JOBS))
        .into_iter()
        .flatten()
        .flatten();
    let numbers = entries.filter_map(|entry| number(&entry.file_name()));
    numbers.max().unwrap_or(0) + 1
}

/// The program that runs a plan's cells: a copy, as the one that is called here may be built anew before the last cell ran.
pub(super) fn program(plan: &Path) -> PathBuf {
    plan.join(JOBS).join("program")
}

/// Copies this program into the folder of a plan, unless the one that it was planned by is there; `expected` is that
/// one's SHA-256.
pub(super) fn keep_program(plan: &Path, expected: &str) -> Result<(), String> {
    let kept = program(plan);
    let is_plain = kept.symlink_metadata().is_ok_and(|there| there.is_file());
    if is_plain && of_program(&kept)? == expected {
        return Ok(());
    }
    let own = of_this_program()?;
    if own != expected {
        return Err(format!(
            "the plan is of another program: its SHA-256 is {expected}, this one's is {own}, and {} is not that program \
             either\n  help: submit by the program that planned, or plan anew",
            kept.display()
        ));
    }
    let beside = kept.with_extension(std::process::id().to_string());
    let copied = std::env::current_exe()
        .and_then(|own| fs::copy(own, &beside))
        .and_then(|_| fs::rename(&beside, &kept));
    copied.map_err(|e| {
        // What matters is the first error.
        let _ = fs::remove_file(&beside);
        format!("{}: cannot be written: {e}", kept.display())
    })
}

/// Makes this process the only one that hands cells of a plan over, until the lock is dropped.
pub(super) fn lock(plan: &Path) -> Result<Lock, String> {
    let file = plan.join(JOBS).join(LOCK);
    let taken = fs::create_dir_all(plan.join(JOBS)).and_then(|()| Lock::try_take(&file));
    match taken {
        Ok(Some(lock)) => Ok(lock),
        Ok(None) => Err(another(plan)),
        Err(e) => Err(format!("{}: cannot be written: {e}", file.display())),
    }
}

/// That two processes hand over the same plan.
fn another(plan: &Path) -> String {
    format!(
        "{}: another `submit` is handing over cells of this plan\n  help: `hexperiment status {}` shows what came of it",
        plan.display(),
        typed(plan)
    )
}

/// A submission's folder that this process alone has made.
#[derive(Debug)]
pub(super) struct Claim {
    folder: PathBuf,
}

impl Claim {
    /// Takes the number of a submission: of two processes one gets it.
    pub(super) fn take(plan: &Path, number: usize) -> Result<Self, String> {
        let folder = folder(plan, number);
        let shown = folder.display().to_string();
        let fail = |e: std::io::Error| format!("{shown}: cannot be made: {e}");
        fs::create_dir_all(plan.join(JOBS)).map_err(fail)?;
        match fs::create_dir(&folder) {
            Ok(()) => {}
            // On a file system without locks.
            Err(e) if e.kind() == ErrorKind::AlreadyExists => return Err(another(plan)),
            Err(e) => return Err(fail(e)),
        }
        let claim = Self { folder };
        // Jobs cannot make it.
        fs::create_dir(claim.logs()).map_err(fail)?;
        Ok(claim)
    }

    /// Gives the number back: nothing was handed over.
    pub(super) fn give_back(self) {
        // Where it stays, a later submission has another number.
        let _ = fs::remove_dir_all(&self.folder);
    }

    fn logs(&self) -> PathBuf {
        self.folder.join("logs")
    }

    /// Writes a file of it, whole or not at all.
    pub(super) fn write(&self, name: &str, text: &str) -> Result<PathBuf, String> {
        let path = self.folder.join(name);
        let written = files::write_whole(&path, text.as_bytes());
        written.map_err(|e| format!("{}: cannot be written: {e}", path.display()))?;
        Ok(path)
    }

    /// Writes all files of arrays, and then what is to be handed over; yields the scripts.
    pub(super) fn fill(
        &self,
        what: &Submission,
        scripts: &[String],
    ) -> Result<Vec<PathBuf>, String> {
        let mut files = Vec::new();
        for ((array, script), number) in what.arrays.iter().zip(scripts).zip(1..) {
            let cells: Vec<String> = array.cells.iter().map(|cell| format!("{cell}\n")).collect();
            self.write(&cells_file(number), &cells.concat())?;
            files.push(self.write(&script_file(number), script)?);
        }
        self.begin(what)?;
        Ok(files)
    }

    /// Writes down what is to be handed over, before anything is.
    pub(super) fn begin(&self, what: &Submission) -> Result<(), String> {
        let text = serde_json::to_string_pretty(what).map_err(|e| e.to_string())?;
        self.write(SUBMISSION, &(text + "\n")).map(drop)
    }

    /// Writes down the number of an array's job.
    pub(super) fn submitted(&self, array: usize, job: &str) -> Result<(), String> {
        self.write(&job_file(array), &format!("{job}\n")).map(drop)
    }
}

/// The script of an array; arrays are counted from 1.
pub(super) fn script_file(array: usize) -> String {
    format!("array-{array}.sh")
}

/// A line for each job of an array: the number of its cell.
pub(super) fn cells_file(array: usize) -> String {
    format!("array-{array}.cells")
}

/// The number that the scheduler gave an array.
fn job_file(array: usize) -> String {
    format!("array-{array}.job")
}

/// The path of what jobs of an array write besides, up to the number in the array; arrays are counted from 1.
pub(super) fn log(folder: &Path, array: usize) -> PathBuf {
    folder.join("logs").join(format!("array-{array}-"))
}

/// The name of an array's job, which no other array has.
pub(super) fn job_name(plan: &str, number: usize, array: usize) -> String {
    let plan: String = plan.chars().take(8).collect();
    format!("hexperiment-{plan}-{number:03}-{array}")
}

impl Submitted {
    /// Its number.
    pub(super) fn number(&self) -> usize {
        let name = self.folder.file_name().and_then(|n| n.to_str());
        name.and_then(|n| n.parse().ok()).unwrap_or(0)
    }

    /// The number that the scheduler gave an array; `None` where `submit` was ended before it heard.
    pub(super) fn job(&self, array: usize) -> Option<String> {
        let text = files::read_text(&self.folder.join(job_file(array)), TEXT, "").ok()?;
        Some(text.trim().to_owned()).filter(|job| !job.is_empty())
    }

    /// What a job of an array wrote to standard error and output, its end.
    pub(super) fn last_words(&self, array: usize, index: usize) -> Option<String> {
        let path = log(&self.folder, array);
        let mut name = path.into_os_string();
        name.push(format!("{index}.log"));
        let text = crate::process::tail(Path::new(&name));
        crate::child::last_words(&text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folders_of_others_take_no_number() {
        let plan = tempfile::tempdir().unwrap();
        assert_eq!(next(plan.path()), 1);
        for (name, expected) in [
            ("002", 3),
            ("18446744073709551615", 3),
            ("18446744073709551614", 3),
            ("0007", 3),
            ("+08", 3),
            ("copy", 3),
            ("1000", 1001),
        ] {
            fs::create_dir_all(plan.path().join(JOBS).join(name)).unwrap();
            assert_eq!(next(plan.path()), expected, "{name}");
        }
        Claim::take(plan.path(), next(plan.path())).unwrap();
        assert_eq!(next(plan.path()), 1002);
        assert!(all(plan.path()).unwrap().is_empty());
    }
}
