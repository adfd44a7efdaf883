//! `publish` before the runner's verb of that name: what it is told by the place in the repository, and the
//! runs of all experiments that it takes where none are named.

use std::ffi::OsString;
use std::path::Path;
use std::process::Command;

use crate::given::{experiments, given};
use crate::repository::Repository;
use crate::{Failure, environment};

/// The folder of the runs that `publish` starts itself.
const RUNS_TO_PUBLISH: &str = "runs/published";

/// The options that the place in the repository decides, where they are not given.
pub(crate) fn defaults(repository: &Repository, arguments: &[OsString]) -> Vec<OsString> {
    let mut defaults: Vec<OsString> = Vec::new();
    for (option, usual) in [
        ("--into", "reports/published"),
        ("--site", "runs/site"),
        ("--readme", "README.md"),
        ("--runs", RUNS_TO_PUBLISH),
    ] {
        if !has(arguments, option) {
            defaults.extend([option.into(), repository.shown(usual).into()]);
        }
    }
    defaults
}

/// Whether all experiments are run first: so it is where neither runs nor another folder of them are named.
pub(crate) fn runs_all(arguments: &[OsString]) -> bool {
    let names_none = given(arguments).files.is_empty() && !names_folder(arguments);
    names_none && !has(arguments, "--check")
}

/// Whether the folder of runs is another than that of the runs that `publish` starts.
fn names_folder(arguments: &[OsString]) -> bool {
    let mut words = arguments.iter().map(|word| word.to_string_lossy());
    while let Some(word) = words.next() {
        let folder = match word.strip_prefix("--runs=") {
            Some(folder) => folder.to_owned(),
            None if word == "--runs" => words.next().unwrap_or_default().into_owned(),
            None => continue,
        };
        return !folder.ends_with(RUNS_TO_PUBLISH);
    }
    false
}

/// Whether an option was given, with its value behind it or behind `=`.
fn has(arguments: &[OsString], option: &str) -> bool {
    let options = arguments.iter().take_while(|word| *word != "--");
    let mut words = options.map(|word| word.to_string_lossy());
    words.any(|word| word.split('=').next() == Some(option))
}

/// Runs every experiment of `experiments`, one after the other. A cell that ends badly or an expectation that
/// is not met is part of the results; an experiment that cannot be run, as for lack of its data, is told by the
/// runner, and is left out.
pub(crate) fn run_all(repository: &Repository, runner: &Path) -> Result<(), Failure> {
    let mut command = Command::new(runner);
    environment::restore(&mut command);
    repository.pass_places(&mut command);
    command
        .current_dir(&repository.root)
        .args(["run", "--runs", RUNS_TO_PUBLISH])
        .args(experiments(repository, "experiments")?);
    let ended = command
        .status()
        .map_err(|e| Failure::new(format!("{} cannot be started: {e}", runner.display())))?;
    match ended.code() {
        Some(0 | 1) => Ok(()),
        Some(_) => {
            eprintln!("xtask: some experiments were not run, and what is published of them stays");
            Ok(())
        }
        None => Err(Failure::new(
            "the runs were interrupted; nothing is published",
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_is_run_unless_runs_are_named() {
        for (line, expected) in [
            ("", true),
            ("--into p --site s --runs runs/published", true),
            ("--runs /repo/runs/published --site s", true),
            ("--runs runs", false),
            ("--runs=runs", false),
            ("--runs runs/published --check", false),
            ("--runs runs/published runs/a", false),
        ] {
            let words: Vec<OsString> = line.split_whitespace().map(OsString::from).collect();
            assert_eq!(runs_all(&words), expected, "{line}");
        }
    }
}
