//! The runner's verbs: builds the runner and becomes it.

use std::ffi::OsString;
use std::io::{BufRead as _, BufReader};
use std::os::unix::process::CommandExt as _;
use std::path::PathBuf;
use std::process::{Command, ExitCode, Stdio};

use crate::repository::Repository;
use crate::system::System;
use crate::{Failure, hexl, install};

/// Builds the runner. With the examples (a small plugin for tests) cargo counts the features that
/// tests ask of shared crates: without, `cargo xtask test` would build tfhe anew.
pub(crate) const BUILD: [&str; 6] = [
    "build",
    "--release",
    "--workspace",
    "--bin",
    "hexperiment",
    "--examples",
];

/// Builds the runner and replaces this process by `hexperiment VERB ARGUMENT…`, so that signals
/// and the exit code are the runner's own. Returns only on failure.
pub(crate) fn hand_over(verb: &str, arguments: Vec<OsString>) -> Result<ExitCode, Failure> {
    let repository = Repository::find()?;
    let arguments = completed(&repository, verb, arguments)?;
    let runner = build(&repository, &System::here())?;
    let mut command = Command::new(&runner);
    command.arg(verb).args(arguments);
    repository.pass_places(&mut command);
    if takes_no_path(verb) {
        // It looks for manifests in `experiments/datasets`.
        command.current_dir(&repository.root);
    }
    let problem = command.exec();
    Err(Failure::new(format!(
        "{} cannot be started: {problem}",
        runner.display()
    )))
}

fn takes_no_path(verb: &str) -> bool {
    matches!(verb, "list" | "data" | "schema")
}

/// The arguments with what the place in the repository decides: what is run where nothing is
/// named, the folder of runs.
fn completed(
    repository: &Repository,
    verb: &str,
    mut arguments: Vec<OsString>,
) -> Result<Vec<OsString>, Failure> {
    let Given { file, runs } = given(&arguments);
    match verb {
        "check" | "explain" if !file => Err(Failure::usage(format!("`{verb}` wants a FILE"))
            .help(format!("cargo xtask {verb} experiments/quickstart.toml"))),
        "run" | "overview" => {
            if !file {
                let usual = match verb {
                    "run" => "experiments/quickstart.toml",
                    _ => "experiments/overview",
                };
                arguments.push(repository.shown(usual).into());
            }
            if !runs {
                // In front: behind a `--` it would be a file.
                arguments.splice(0..0, ["--runs".into(), repository.shown("runs").into()]);
            }
            Ok(arguments)
        }
        _ => Ok(arguments),
    }
}

/// What the user gave.
#[derive(Debug, PartialEq, Eq)]
struct Given {
    file: bool,
    runs: bool,
}

fn given(arguments: &[OsString]) -> Given {
    let mut given = Given {
        file: false,
        runs: false,
    };
    let mut words = arguments.iter().map(|word| word.to_string_lossy());
    while let Some(word) = words.next() {
        given.runs |= word == "--runs" || word.starts_with("--runs=");
        match word.as_ref() {
            "--only" | "--plugin" | "--runs" => drop(words.next()),
            "--" => given.file |= words.next().is_some(),
            option if option.starts_with('-') => {}
            _ => given.file = true,
        }
    }
    given
}

/// Builds the runner; where it is.
fn build(repository: &Repository, system: &System) -> Result<PathBuf, Failure> {
    let first = !Repository::has_runner();
    install::ensure(system, first)?;
    let hexl = hexl::decide(system)?;
    eprintln!("xtask: {}", hexl.line());
    if first {
        eprintln!("xtask: building; the first time SEAL, GMP and tfhe take some minutes");
    }
    let mut cargo = repository
        .cargo()
        .args(BUILD)
        .args(["--message-format", "json-render-diagnostics"])
        .args(hexl.arguments())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .map_err(|e| Failure::new(format!("cargo cannot be started: {e}")))?;
    let mut runner = None;
    if let Some(messages) = cargo.stdout.take() {
        for line in BufReader::new(messages).lines().map_while(Result::ok) {
            runner = executable(&line).or(runner);
        }
    }
    let status = cargo
        .wait()
        .map_err(|e| Failure::new(format!("cargo was lost: {e}")))?;
    if !status.success() {
        return Err(Failure::new("the runner cannot be built; see above")
            .help("`cargo xtask doctor` says what this machine lacks"));
    }
    runner.ok_or_else(|| Failure::new("cargo has built no `hexperiment`"))
}

/// The runner's path in one of cargo's messages, one line of JSON each.
fn executable(message: &str) -> Option<PathBuf> {
    let (_, rest) = message.split_once(r#""executable":""#)?;
    let mut path = String::new();
    let mut characters = rest.chars();
    loop {
        match characters.next()? {
            '"' => break,
            // In a path only these two are escaped, but for control characters.
            '\\' => path.push(characters.next().filter(|c| matches!(c, '"' | '\\'))?),
            c => path.push(c),
        }
    }
    Some(PathBuf::from(path)).filter(|p| p.file_name().is_some_and(|name| name == "hexperiment"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(line: &str) -> Vec<OsString> {
        line.split_whitespace().map(OsString::from).collect()
    }

    #[track_caller]
    fn check_completed(here: &str, verb: &str, line: &str, expected: &str) {
        let repository = Repository {
            root: "/repo".into(),
            here: here.into(),
        };
        let outcome = completed(&repository, verb, words(line)).expect("good arguments");
        assert_eq!(outcome, words(expected), "{verb} {line}");
    }

    #[test]
    fn run_is_completed() {
        let quickstart = "experiments/quickstart.toml";
        check_completed("/repo", "run", "", &format!("--runs runs {quickstart}"));
        check_completed(
            "/repo",
            "run",
            "a.toml --resume",
            "--runs runs a.toml --resume",
        );
        check_completed(
            "/repo",
            "run",
            "--only x",
            &format!("--runs runs --only x {quickstart}"),
        );
        check_completed(
            "/repo",
            "run",
            "--only=x",
            &format!("--runs runs --only=x {quickstart}"),
        );
        check_completed("/repo", "run", "--runs r a.toml", "--runs r a.toml");
        check_completed(
            "/repo",
            "run",
            "--runs=r",
            &format!("--runs=r {quickstart}"),
        );
        check_completed("/repo", "run", "-- -a.toml", "--runs runs -- -a.toml");
        check_completed(
            "/repo",
            "run",
            "--",
            &format!("--runs runs -- {quickstart}"),
        );
        check_completed("/repo/x", "run", "a.toml", "--runs /repo/runs a.toml");
        check_completed(
            "/repo/x",
            "run",
            "",
            "--runs /repo/runs /repo/experiments/quickstart.toml",
        );
    }

    #[test]
    fn overview_is_completed() {
        let suite = "experiments/overview";
        check_completed("/repo", "overview", "", &format!("--runs runs {suite}"));
        check_completed(
            "/repo/x",
            "overview",
            "--resume",
            "--runs /repo/runs --resume /repo/experiments/overview",
        );
        check_completed("/repo", "overview", "runs/a", "--runs runs runs/a");
    }

    #[test]
    fn others_are_left_alone() {
        check_completed("/repo", "check", "a.toml b.toml", "a.toml b.toml");
        check_completed("/repo", "data", "fetch iris", "fetch iris");
        check_completed("/repo", "list", "", "");
    }

    #[test]
    fn files_are_wanted_before_a_build() {
        let repository = Repository {
            root: "/repo".into(),
            here: "/repo".into(),
        };
        for (verb, line) in [("check", ""), ("explain", "--only x"), ("explain", "--")] {
            let failure = completed(&repository, verb, words(line)).expect_err("no file");
            assert_eq!(failure.code, 2, "{failure}");
            assert!(failure.to_string().contains("quickstart.toml"), "{failure}");
        }
    }

    #[track_caller]
    fn check_executable(message: &str, expected: Option<&str>) {
        assert_eq!(
            executable(message),
            expected.map(PathBuf::from),
            "{message}"
        );
    }

    #[test]
    fn the_runner_in_messages() {
        check_executable(
            r#"{"reason":"x","executable":"/t/release/hexperiment","fresh":true}"#,
            Some("/t/release/hexperiment"),
        );
        check_executable(
            r#"{"executable":"/a \"b\\c/hexperiment","fresh":true}"#,
            Some("/a \"b\\c/hexperiment"),
        );
        check_executable(r#"{"executable":"/t/release/xtask","fresh":true}"#, None);
        check_executable(r#"{"executable":null,"fresh":true}"#, None);
        check_executable(r#"{"executable":"/t/rel"#, None);
    }
}
