//! `test`: every check of the repository, one after the other, up to the first that fails.

use std::ffi::OsString;
use std::io;
use std::process::{Command, ExitCode, Stdio};
use std::time::{Duration, Instant};

use crate::built::Built;
use crate::count::{Counts, counted};
use crate::out::say;
use crate::repository::{Repository, data_folder};
use crate::system::System;
use crate::{Failure, build, decision, packages};

/// What `test` takes.
#[derive(Debug, Default, PartialEq, Eq)]
struct Options {
    quick: bool,
    /// For the tests themselves, behind `--`.
    rest: Vec<OsString>,
}

/// One check.
struct Step {
    name: &'static str,
    /// Runs cargo with these.
    arguments: Vec<OsString>,
    /// Cargo's verb must be there: a component, a tool. How to get it otherwise.
    component: Option<Component>,
    counts: bool,
}

/// A part of the toolchain that may not be installed.
#[derive(Clone, Copy)]
enum Component {
    /// Comes with rustup.
    Rustup(&'static str),
    Cargo(&'static str),
}

/// How a step ended.
enum Outcome {
    Passed(Counts),
    Failed(Counts),
    Skipped(String),
}

/// Runs the checks.
pub(crate) fn test(arguments: &[OsString]) -> Result<ExitCode, Failure> {
    let options = parse(arguments)?;
    let repository = Repository::find()?;
    let system = System::here();
    packages::ensure(&system, Built::find().is_none())?;
    let libraries = decision::all(&system)?;
    for library in &libraries {
        say!("xtask: {}", library.line());
    }
    let features: Vec<&str> = libraries
        .iter()
        .flat_map(decision::Decision::arguments)
        .collect();
    if data_folder().is_none() {
        say!("xtask: HEXPERIMENT_DATA is not set; tests see no real data but what is cached");
    }
    let start = Instant::now();
    let mut summary = vec![];
    let mut tests = Counts::default();
    let mut failed = None;
    for step in steps(&options, &features) {
        say!("\n== {}", step.name);
        let begin = Instant::now();
        let outcome = run(&repository, &step)?;
        let time = shown(begin.elapsed());
        let line = match outcome {
            Outcome::Passed(counts) if step.counts => {
                tests += counts;
                format!("ok       {:<14} {time:>8}   {counts}", step.name)
            }
            Outcome::Passed(_) => format!("ok       {:<14} {time:>8}", step.name),
            Outcome::Failed(counts) => {
                tests += counts;
                failed = Some(step.name);
                format!("FAILED   {:<14} {time:>8}", step.name)
            }
            Outcome::Skipped(why) => format!("skipped  {:<14} {why}", step.name),
        };
        say!("{line}");
        summary.push(line);
        if failed.is_some() {
            break;
        }
    }
    say!(
        "\n== summary ({})\n{}",
        shown(start.elapsed()),
        summary.join("\n")
    );
    say!("tests in all: {tests}");
    match failed {
        Some(step) => Err(Failure::new(format!("{step} failed; see above"))),
        None => Ok(ExitCode::SUCCESS),
    }
}

fn parse(arguments: &[OsString]) -> Result<Options, Failure> {
    let mut options = Options::default();
    let mut words = arguments.iter();
    for word in words.by_ref() {
        match word.to_str() {
            Some("--quick") => options.quick = true,
            Some("--") => break,
            _ => {
                let word = word.to_string_lossy();
                return Err(
                    Failure::usage(format!("`test` does not know `{word}`")).help(format!(
                        "names of tests come behind `--`: cargo xtask test -- {word}"
                    )),
                );
            }
        }
    }
    options.rest = words.cloned().collect();
    Ok(options)
}

/// The checks, the cheap ones first. Profile and features are those of `run`, so that SEAL and tfhe
/// are compiled once, and checked once (clippy and documentation share that). `one_set_of_features`
/// in `tests/tests/end_to_end/features.rs` holds the workspace to what the runner alone takes.
fn steps(options: &Options, features: &[&str]) -> Vec<Step> {
    let words = |line: &str, more: &[&str], last: &str| -> Vec<OsString> {
        let words = line.split_whitespace().chain(more.iter().copied());
        words
            .chain(last.split_whitespace())
            .map(OsString::from)
            .collect()
    };
    let step = |name, arguments, component| Step {
        name,
        arguments,
        component,
        counts: false,
    };
    let rustup = |name| Some(Component::Rustup(name));
    let mut tests = words("test --release --workspace --no-fail-fast", features, "--");
    tests.extend(options.rest.iter().cloned());
    let build = step(
        "build",
        words(&build::arguments().join(" "), features, ""),
        None,
    );
    let tests = Step {
        counts: true,
        ..step("tests", tests, None)
    };
    let formatting = step(
        "formatting",
        words("fmt --all --check", &[], ""),
        rustup("rustfmt"),
    );
    if options.quick {
        return vec![formatting, build, tests];
    }
    let clippy = words(
        "clippy --release --workspace --all-targets",
        features,
        "-- -D warnings",
    );
    let doc = "doc --release --workspace --no-deps --lib --bins --examples";
    vec![
        formatting,
        step("lints", clippy, rustup("clippy")),
        build,
        tests,
        step("documentation", words(doc, features, ""), None),
        step(
            "dependencies",
            words("deny check bans licenses sources", &[], ""),
            Some(Component::Cargo("cargo-deny")),
        ),
    ]
}

fn run(repository: &Repository, step: &Step) -> Result<Outcome, Failure> {
    if let Some(component) = step.component
        && !available(repository, step)
        && !(component.add() && available(repository, step))
    {
        return Ok(Outcome::Skipped(component.lacking()));
    }
    let mut command = repository.cargo();
    command.args(&step.arguments).stdin(Stdio::null());
    if step.name == "documentation" {
        command.env("RUSTDOCFLAGS", "-D warnings");
    }
    let (success, counts) = if step.counts {
        counted(&mut command, &mut io::stdout())
    } else {
        command
            .status()
            .map(|status| (status.success(), Counts::default()))
    }
    .map_err(|e| Failure::new(format!("cargo cannot be run: {e}")))?;
    Ok(if success {
        Outcome::Passed(counts)
    } else {
        Outcome::Failed(counts)
    })
}

fn available(repository: &Repository, step: &Step) -> bool {
    let mut command = repository.cargo();
    command.args(step.arguments.first()).arg("--version");
    command.output().is_ok_and(|output| output.status.success())
}

impl Component {
    /// Installs it where that is easy; whether it did.
    fn add(self) -> bool {
        let Self::Rustup(name) = self else {
            return false;
        };
        let status = Command::new("rustup")
            .args(["component", "add", name])
            .status();
        status.is_ok_and(|status| status.success())
    }

    fn lacking(self) -> String {
        match self {
            Self::Rustup(name) => format!("{name} is not installed: rustup component add {name}"),
            Self::Cargo(name) => format!("{name} is not installed: cargo install --locked {name}"),
        }
    }
}

fn shown(time: Duration) -> String {
    match time.as_secs() {
        0..60 => format!("{:.1} s", time.as_secs_f64()),
        seconds => format!("{} min {:02} s", seconds / 60, seconds % 60),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(line: &str) -> Vec<OsString> {
        line.split_whitespace().map(OsString::from).collect()
    }

    #[track_caller]
    fn check_parse(line: &str, quick: bool, rest: &str) {
        let options = parse(&words(line)).expect("good arguments");
        assert_eq!(
            options,
            Options {
                quick,
                rest: words(rest)
            },
            "{line}"
        );
    }

    #[test]
    fn arguments() {
        check_parse("", false, "");
        check_parse("--quick", true, "");
        check_parse("--quick -- --quick name", true, "--quick name");
        let failure = parse(&words("ckks")).expect_err("an unknown argument");
        assert_eq!(failure.code, 2);
        assert!(
            failure.to_string().contains("cargo xtask test -- ckks"),
            "{failure}"
        );
    }

    #[track_caller]
    fn check_steps(line: &str, features: &[&str], expected: &[&str]) {
        let options = parse(&words(line)).expect("good arguments");
        let steps: Vec<Vec<OsString>> = steps(&options, features)
            .into_iter()
            .map(|step| step.arguments)
            .collect();
        let expected: Vec<Vec<OsString>> = expected.iter().map(|line| words(line)).collect();
        assert_eq!(steps, expected);
    }

    #[test]
    fn steps_share_profile_and_features() {
        check_steps(
            "",
            &["--features", "h"],
            &[
                "fmt --all --check",
                "clippy --release --workspace --all-targets --features h -- -D warnings",
                "build --release --package hexperiment-runner --bin hexperiment --features h",
                "test --release --workspace --no-fail-fast --features h --",
                "doc --release --workspace --no-deps --lib --bins --examples --features h",
                "deny check bans licenses sources",
            ],
        );
        let tests = "test --release --workspace --no-fail-fast -- ckks";
        let build = "build --release --package hexperiment-runner --bin hexperiment";
        check_steps("--quick -- ckks", &[], &["fmt --all --check", build, tests]);
    }

    #[test]
    fn times() {
        assert_eq!(shown(Duration::from_millis(1240)), "1.2 s");
        assert_eq!(shown(Duration::from_secs(187)), "3 min 07 s");
    }
}
