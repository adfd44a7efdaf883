//! `hexperiment-conform`: the conformance suite for one scheme, from outside: one that is built
//! in, by its name, or one in a shared library. Every check runs in a process of its own, so that
//! one that dies or hangs is told of as what it is, and the others go on.

mod subject;

use std::io::Write as _;
use std::process::{Command, ExitCode};
use std::time::{Duration, Instant};

use clap::Parser;
use hexperiment_runner::child;
use hexperiment_tests::bounded::Bounded;
use hexperiment_tests::conformance::CHECKS;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

#[global_allocator]
static ALLOCATOR: Bounded = Bounded;

/// Holds a scheme to the suite that every scheme must pass: operations against the clear
/// interpreter, shapes and ranges, bytes from a hostile channel, keys, security, statements.
#[derive(Parser)]
#[command(name = "hexperiment-conform", version)]
struct Arguments {
    /// A scheme that is built in, by its name; or a shared library with one, by its path.
    #[arg(value_name = "NAME|LIBRARY")]
    subject: String,
    /// Only the check of this name.
    #[arg(long, value_name = "CHECK", value_parser = check_names())]
    only: Option<String>,
    /// An option of the scheme, as in an experiment file; may be given more than once.
    #[arg(long = "option", value_name = "KEY=VALUE")]
    options: Vec<String>,
    /// Rows of the cases, at most: fewer for a scheme that is slow.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=5000))]
    rows: Option<u32>,
    /// The finest precision that inputs are given, as a share of their range: more for a scheme
    /// that is coarse.
    #[arg(long, value_name = "SHARE")]
    precision: Option<f64>,
    /// No key is sent for sums: encryption is under the secret key, and sums take no other.
    #[arg(long)]
    no_sent_keys: bool,
    /// Time for each check.
    #[arg(long, value_name = "TIME", default_value = "10m", value_parser = humantime::parse_duration)]
    time_limit: Duration,
    /// Runs one step for a parent process.
    #[arg(long, hide = true)]
    step: Option<String>,
}

fn check_names() -> Vec<&'static str> {
    CHECKS.iter().map(|check| check.name).collect()
}

/// What the process says that looks for the scheme.
#[derive(Serialize, Deserialize)]
#[serde(tag = "found", rename_all = "kebab-case")]
enum Found {
    /// The scheme.
    Scheme { name: String, library: String },
    /// The arguments name none.
    BadInput { why: String },
    /// A library that cannot be used.
    Unfit { why: String },
}

/// What the process of one check says.
#[derive(Serialize, Deserialize)]
#[serde(tag = "verdict", rename_all = "kebab-case")]
enum Verdict {
    /// The scheme does what it must.
    Passed,
    /// It does not.
    Failed { why: String },
}

/// The step before all checks.
const FIND: &str = "find";

/// Time to load a library.
const TIME_TO_LOAD: Duration = Duration::from_mins(1);

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    match arguments.step.as_deref() {
        None => suite(&arguments),
        Some(step) => {
            child::die_with_parent();
            match CHECKS.iter().find(|check| check.name == step) {
                Some(check) => child::tell(&subject::verdict(&arguments, check)),
                None => child::tell(&subject::find(&arguments)),
            }
        }
    }
}

/// The exit code: 0 if all checks passed, 1 if one failed, 2 for bad input.
fn suite(arguments: &Arguments) -> ExitCode {
    match ask(FIND, TIME_TO_LOAD) {
        Ok(Found::Scheme { name, library }) => say(&format!("conformance of {name}: {library}\n")),
        Ok(Found::BadInput { why }) => {
            // Where it cannot be told there is nobody to hear it.
            let _ = writeln!(std::io::stderr(), "error: {why}");
            return ExitCode::from(2);
        }
        Ok(Found::Unfit { why }) | Err(why) => {
            say(&line("FAILED", "loads", None, Some(&why)));
            return ExitCode::FAILURE;
        }
    }
    let (mut passed, mut failed) = (0, 0);
    for check in CHECKS {
        if arguments
            .only
            .as_ref()
            .is_some_and(|only| only != check.name)
        {
            continue;
        }
        let began = Instant::now();
        let (word, why) = match ask(check.name, arguments.time_limit) {
            Ok(Verdict::Passed) => ("passed", None),
            Ok(Verdict::Failed { why }) | Err(why) => ("FAILED", Some(why)),
        };
        let count = if why.is_none() {
            &mut passed
        } else {
            &mut failed
        };
        *count += 1;
        say(&line(
            word,
            check.name,
            Some(began.elapsed()),
            why.as_deref(),
        ));
    }
    say(&format!("\n{passed} passed, {failed} failed"));
    if failed == 0 {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

/// Runs a step in a process of its own; the error tells how that ended.
fn ask<T: DeserializeOwned>(step: &str, limit: Duration) -> Result<T, String> {
    let started = std::env::current_exe().and_then(|program| {
        let mut command = Command::new(program);
        command
            .args(["--step", step])
            .args(std::env::args_os().skip(1));
        child::ask(&mut command, limit, |line| serde_json::from_str(line).ok())
    });
    match started {
        Ok(Ok(said)) => Ok(said),
        Ok(Err(ended)) => Err(format!("its process {ended}")),
        Err(e) => Err(format!("no process can be started for it: {e}")),
    }
}

/// One line of the result, and the words of a failure below it.
fn line(word: &str, name: &str, time: Option<Duration>, why: Option<&str>) -> String {
    let time = time.map_or(String::new(), |time| {
        format!("{:>8.1} s", time.as_secs_f64())
    });
    let mut line = format!("{word}  {name:<45} {time}").trim_end().to_owned();
    for words in why.unwrap_or_default().lines() {
        line.push_str("\n        ");
        line.push_str(words);
    }
    line
}

/// A line on standard output; where nobody reads, the exit code still tells.
fn say(line: &str) {
    let _ = writeln!(std::io::stdout(), "{line}");
}
