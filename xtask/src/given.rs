//! What arguments for the runner name: files and folders, among options and their values.

use std::ffi::OsString;
use std::path::PathBuf;

use crate::Failure;
use crate::repository::Repository;

/// The experiments of a folder, by name.
pub(crate) fn experiments(repository: &Repository, folder: &str) -> Result<Vec<OsString>, Failure> {
    let folder = repository.root.join(folder);
    let unread = |e| Failure::new(format!("{}: cannot be read: {e}", folder.display()));
    let mut files: Vec<OsString> = std::fs::read_dir(&folder)
        .map_err(unread)?
        .flatten()
        .map(|entry| entry.path())
        .filter(|path| path.extension().is_some_and(|e| e == "toml"))
        .map(OsString::from)
        .collect();
    files.sort();
    Ok(files)
}

/// What the user gave.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Given {
    pub(crate) files: Vec<PathBuf>,
    pub(crate) runs: bool,
    /// Whether cells of a plan are named, in the place of files.
    pub(crate) cells: bool,
}

pub(crate) fn given(arguments: &[OsString]) -> Given {
    let mut given = Given::default();
    let mut words = arguments.iter();
    while let Some(word) = words.next() {
        let text = word.to_string_lossy();
        let is = |option: &str| {
            let rest = text.strip_prefix(option);
            rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('='))
        };
        given.runs |= is("--runs");
        given.cells |= is("--cells");
        match text.as_ref() {
            option if WITH_VALUE.contains(&option) => drop(words.next()),
            "--" => given.files.extend(words.by_ref().map(PathBuf::from)),
            option if option.starts_with('-') => {}
            _ => given.files.push(word.into()),
        }
    }
    given
}

/// Options of the programs that are followed by a value.
const WITH_VALUE: [&str; 36] = [
    "--account",
    "--again",
    "--against",
    "--cells",
    "--constraint",
    "--engine",
    "--errors",
    "--fail-if-slower",
    "--format",
    "--into",
    "--job-memory",
    "--job-time",
    "--link",
    "--max",
    "--max-error",
    "--max-parallel",
    "--min",
    "--only",
    "--option",
    "--output",
    "--partition",
    "--phase",
    "--plan-into",
    "--plugin",
    "--precision",
    "--readme",
    "--reference-cell",
    "--repetitions",
    "--rows",
    "--runs",
    "--set",
    "--site",
    "--table",
    "--task",
    "--time-limit",
    "--trust",
];
