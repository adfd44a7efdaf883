//! Builds the runner, and tells the user how far that is.

use std::ffi::OsString;
use std::io::{BufRead as _, BufReader, IsTerminal as _, Read};
use std::path::PathBuf;
use std::process::{Command, ExitCode, Stdio};
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::thread;
use std::time::{Duration, Instant};

use crate::built::Built;
use crate::out::say;
use crate::progress::{Event, Progress};
use crate::repository::Repository;
use crate::schemes::{RUNNER, Schemes, Wanted};
use crate::system::System;
use crate::{Failure, decision, packages};

/// The verb `build`: the runner with all schemes.
pub(crate) fn build(arguments: &[OsString]) -> Result<ExitCode, Failure> {
    if let Some(extra) = arguments.first() {
        let extra = extra.to_string_lossy();
        return Err(Failure::usage(format!(
            "`build` takes no argument, found `{extra}`"
        )));
    }
    let runner = runner(&Repository::find()?, &System::here(), &Wanted::All, false)?;
    say!("{}", runner.display());
    Ok(ExitCode::SUCCESS)
}

/// Builds the runner with the schemes that are wanted and those it had, and so with what writes Parquet;
/// where it is.
pub(crate) fn runner(
    repository: &Repository,
    system: &System,
    wanted: &Wanted,
    parquet: bool,
) -> Result<PathBuf, Failure> {
    let built = Built::find();
    let features = built.as_ref().map(Built::features).unwrap_or_default();
    let schemes = Schemes::needed(repository, wanted, &features)?;
    let parquet = parquet || features.iter().any(|feature| feature == "parquet");
    packages::ensure(system, built.is_none())?;
    let left_out = schemes.left_out();
    if !left_out.is_empty() {
        let left_out = left_out.join(", ");
        eprintln!("xtask: without {left_out}, which nothing here names");
    }
    let mut features = schemes.arguments();
    if parquet {
        features.extend(["--features".to_owned(), format!("{RUNNER}/parquet")]);
    }
    for library in decision::all(system)? {
        eprintln!("xtask: {}", library.line());
        features.extend(library.arguments().into_iter().map(str::to_owned));
    }
    with(repository, &features)
}

/// The conformance suite, with all schemes; where it is.
pub(crate) fn suite(repository: &Repository, system: &System) -> Result<PathBuf, Failure> {
    packages::ensure(system, Built::find().is_none())?;
    let mut features = vec![];
    for library in decision::all(system)? {
        eprintln!("xtask: {}", library.line());
        features.extend(library.arguments().into_iter().map(str::to_owned));
    }
    program(repository, &SUITE, &features)
}

/// Builds the runner with `features`, arguments for cargo; where it is.
pub(crate) fn with(repository: &Repository, features: &[String]) -> Result<PathBuf, Failure> {
    program(repository, &PROGRAM, features)
}

/// A package and its binary.
struct Program {
    package: &'static str,
    binary: &'static str,
}

/// The runner.
const PROGRAM: Program = Program {
    package: RUNNER,
    binary: "hexperiment",
};

/// The conformance suite.
const SUITE: Program = Program {
    package: "hexperiment-tests",
    binary: "hexperiment-conform",
};

fn program(
    repository: &Repository,
    program: &Program,
    features: &[String],
) -> Result<PathBuf, Failure> {
    let mut command = repository.cargo();
    command
        .args(program.arguments())
        .args(["--message-format", "json-render-diagnostics"])
        .args(features);
    if std::io::stderr().is_terminal() && std::env::var_os("CARGO_TERM_COLOR").is_none() {
        command.args(["--color", "always"]);
    }
    let mut runner = None;
    let success = followed(
        &mut command,
        &mut |message| {
            runner = executable(message, program.binary).or(runner.take());
        },
        || crates(repository, program.package, features),
    )?;
    if !success {
        return Err(
            Failure::new(format!("`{}` cannot be built; see above", program.binary))
                .help("`cargo xtask doctor` says what this machine lacks"),
        );
    }
    runner.ok_or_else(|| Failure::new(format!("cargo has built no `{}`", program.binary)))
}

/// Cargo's arguments for the runner alone: no other package of the workspace, no example.
pub(crate) fn arguments() -> [&'static str; 6] {
    PROGRAM.arguments()
}

impl Program {
    fn arguments(&self) -> [&'static str; 6] {
        [
            "build",
            "--release",
            "--package",
            self.package,
            "--bin",
            self.binary,
        ]
    }
}

/// The crates that a package consists of, by cargo; none if it cannot say.
fn crates(repository: &Repository, package: &str, features: &[String]) -> Vec<String> {
    let output = repository
        .cargo()
        .args(["tree", "--package", package, "--edges", "normal,build"])
        .args(["--prefix", "none", "--format", "{lib}", "--no-dedupe"])
        .args(features)
        .stdin(Stdio::null())
        .stderr(Stdio::null())
        .output();
    let text = output.map(|output| output.stdout).unwrap_or_default();
    let text = String::from_utf8_lossy(&text).into_owned();
    text.lines()
        .filter(|name| !name.is_empty())
        .map(str::to_owned)
        .collect()
}

/// A line of cargo's.
enum Line {
    Message(String),
    Text(String),
}

/// Runs cargo and tells how far it is; whether it succeeded. `see` gets its messages, `crates` says
/// what it needs.
fn followed(
    command: &mut Command,
    see: &mut dyn FnMut(&str),
    crates: impl Fn() -> Vec<String>,
) -> Result<bool, Failure> {
    let start = Instant::now();
    let mut cargo = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(|e| Failure::new(format!("cargo cannot be started: {e}")))?;
    let (sender, lines) = mpsc::channel();
    if let Some(output) = cargo.stdout.take() {
        read(output, sender.clone(), Line::Message);
    }
    if let Some(output) = cargo.stderr.take() {
        read(output, sender, Line::Text);
    }
    let mut progress = Progress::new(thread::available_parallelism().map_or(1, usize::from));
    let show = |line: Option<String>| {
        if let Some(line) = line {
            eprintln!("xtask: {line}");
        }
    };
    loop {
        match lines.recv_timeout(Duration::from_secs(1)) {
            Ok(Line::Message(message)) => {
                see(&message);
                show(progress.take(&Event::of_message(&message), start.elapsed()));
            }
            Ok(Line::Text(text)) => match Event::of_text(&text) {
                Event::Said(text) => eprintln!("{text}"),
                event => show(progress.take(&event, start.elapsed())),
            },
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => break,
        }
        if progress.wants_crates() {
            progress.needs(crates());
        }
        show(progress.tick(start.elapsed()));
    }
    let status = cargo
        .wait()
        .map_err(|e| Failure::new(format!("cargo was lost: {e}")))?;
    Ok(status.success())
}

/// Sends the lines of one of cargo's outputs, until it ends.
fn read(output: impl Read + Send + 'static, lines: Sender<Line>, kind: fn(String) -> Line) {
    thread::spawn(move || {
        for line in BufReader::new(output).split(b'\n').map_while(Result::ok) {
            let line = String::from_utf8_lossy(&line).into_owned();
            if lines.send(kind(line)).is_err() {
                break;
            }
        }
    });
}

/// A program's path in one of cargo's messages, one line of JSON each.
fn executable(message: &str, program: &str) -> Option<PathBuf> {
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
    Some(PathBuf::from(path)).filter(|p| p.file_name().is_some_and(|name| name == program))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check_executable(message: &str, expected: Option<&str>) {
        assert_eq!(
            executable(message, PROGRAM.binary),
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

    #[test]
    fn all_messages_are_seen_and_the_end_is_told() {
        let script = "echo '{\"executable\":\"/t/hexperiment\"}'
            echo '   Compiling serde v1' >&2
            printf 'no text \\377' >&2; exit 101";
        let mut seen = vec![];
        let mut command = Command::new("sh");
        let asked = std::cell::Cell::new(0);
        let crates = || {
            asked.set(asked.get() + 1);
            vec!["serde".to_owned()]
        };
        let success = followed(
            command.args(["-c", script]),
            &mut |message| seen.push(message.to_owned()),
            crates,
        );
        assert!(!success.expect("a shell"));
        assert_eq!(seen, ["{\"executable\":\"/t/hexperiment\"}"]);
        assert_eq!(
            asked.get(),
            1,
            "something is compiled, so the crates are asked for, once"
        );
    }

    /// Cargo knows the runner's crates, so that there is something to estimate from.
    #[test]
    fn crates_of_the_runner() {
        let repository = Repository::find().expect("the test runs in it");
        let crates = crates(&repository, RUNNER, &[]);
        for name in ["hexperiment_program", "serde", "clap_builder"] {
            assert!(crates.iter().any(|c| c == name), "{name} in {crates:?}");
        }
    }
}
