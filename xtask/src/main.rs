//! `cargo xtask`: checks the system's tools, installs what is missing, builds the runner and
//! hands over to it. It knows nothing of experiments.

mod build;
mod built;
mod count;
mod decision;
mod doctor;
mod environment;
mod given;
mod gmp;
mod hand_over;
mod hexl;
mod install;
mod libclang;
mod out;
mod packages;
mod progress;
mod publish;
mod repository;
mod schemes;
mod suggest;
mod system;
mod test;
mod tools;

use std::ffi::OsString;
use std::fmt;
use std::process::ExitCode;

use out::say;

/// What `cargo xtask` can do, in the order of the help.
const VERBS: [Verb; 27] = [
    Verb {
        name: "run",
        arguments: "[FILE…] [--resume] [--only CELL] [--explain] [--runs FOLDER] [--repetitions N] \
                    [--set SECTION.KEY=VALUE]… [--verbose] [--record-traffic] | FILE… --plan-into FOLDER \
                    [--reference-cell CELL] | --cells K,… --into FOLDER",
        about: "runs experiments and prints their tables; without FILE the quickstart; or plans their cells, and runs \
                some cells of a plan",
    },
    Verb {
        name: "merge",
        arguments: "FOLDER… [--runs FOLDER] [--verbose]",
        about: "makes one run of the cells of a plan, wherever they were run",
    },
    Verb {
        name: "overview",
        arguments: "[PATH…] [--resume] [--all] [--runs FOLDER] [--verbose]",
        about: "one table of all tasks and schemes, from runs (of each experiment the newest, or \
                all) or experiments; without PATH from experiments/overview",
    },
    Verb {
        name: "report",
        arguments: "[RUN…] [--output FILE] [--runs FOLDER] [--verbose]",
        about: "one page of HTML of runs, with charts, from their records; without RUN of the newest",
    },
    Verb {
        name: "best",
        arguments: "[RUN…] [--task NAME] [--max-error NUMBER] [--max NAME=VALUE]… [--min NAME=VALUE]… \
                    [--trust WORDS] [--link NAME] [--runs FOLDER]",
        about: "which scheme of saved runs fits given bounds, and why the others do not; `hexperiment best \
                --help` lists the names",
    },
    Verb {
        name: "cmp",
        arguments: "RUN RUN… [--phase PHASE]… [--link NAME] [--fail-if-slower PERCENT] [--markdown|--csv] [--verbose]",
        about: "compares runs cell by cell with the first: times with an interval, bytes, quality",
    },
    Verb {
        name: "export",
        arguments: "[RUN…] --format latex|markdown|csv|parquet|svg --into FOLDER [--runs FOLDER]",
        about: "tables and charts of runs as files; without RUN of the newest; charts by Chromium",
    },
    Verb {
        name: "publish",
        arguments: "[RUN…] [--check] [--into FOLDER] [--site FOLDER] [--readme FILE] [--runs FOLDER]",
        about: "results of runs into reports/published and README.md, and a site of them; without RUN it first \
                runs all shipped experiments, into runs/published",
    },
    Verb {
        name: "check",
        arguments: "FILE… [--no-estimate] [--set SECTION.KEY=VALUE]… [--repetitions N]",
        about: "checks experiment files and their data",
    },
    Verb {
        name: "plan",
        arguments: "FILE… [--table FILE] [--against RUN]… [--errors FILE] [--set SECTION.KEY=VALUE]… [--repetitions N]",
        about: "what each cell costs before it is run: time with a range, exact bytes, memory",
    },
    Verb {
        name: "calibrate",
        arguments: "[FILE…] [--table FILE] [--rounds N] [--set SECTION.KEY=VALUE]… [--repetitions N]",
        about: "measures on this machine what operations take, for `plan`; without FILE those of \
                experiments/overview",
    },
    Verb {
        name: "bench",
        arguments: "[FILE…] [--only CELL] [--runs FOLDER] [--set SECTION.KEY=VALUE]… [--repetitions N] [--verbose]",
        about: "runs experiments with the calls of each scheme's library timed beside every repetition: the \
                framework's overhead as a ratio, and each operation by itself; without FILE those of \
                experiments/overview",
    },
    Verb {
        name: "submit",
        arguments: "FILE… --engine slurm|hyperqueue [--into FOLDER] [--partition NAME] [--account NAME] [--constraint FEATURES] \
                    [--max-parallel N] [--shared] [--job-time TIME] [--job-memory SIZE] [--reference-cell CELL] \
                    [--dry-run] [--runs FOLDER] [--set SECTION.KEY=VALUE]… [--repetitions N] | --again FOLDER [OPTION…]",
        about: "hands the cells of experiments to a cluster; --again those that ended without a result",
    },
    Verb {
        name: "status",
        arguments: "FOLDER… [--unfinished] [--verbose]",
        about: "where the cells of submitted plans stand, from the scheduler and what was recorded",
    },
    Verb {
        name: "cancel",
        arguments: "FOLDER",
        about: "takes back what waits or runs of a submitted plan",
    },
    Verb {
        name: "explain",
        arguments: "FILE… [--only CELL] [--set SECTION.KEY=VALUE]… [--repetitions N]",
        about: "prints programs before and after lowering, and their parameters",
    },
    Verb {
        name: "list",
        arguments: "[NAME]",
        about: "lists schemes, tasks, data sets and their options, or one of them",
    },
    Verb {
        name: "data",
        arguments: "[fetch|verify] [NAME…]",
        about: "finds or fetches data sets",
    },
    Verb {
        name: "workbench",
        arguments: "[--port N] [--runs FOLDER] [--experiments FOLDER] [--max-upload SIZE] \
                    [--server URL [--server-fingerprint sha256:DIGITS] [--token-file FILE]]",
        about: "web pages on this machine for whoever owns data and key: upload, compute under encryption at \
                another process, see what crossed",
    },
    Verb {
        name: "client",
        arguments: "[--folder FOLDER] init|keygen|encrypt|send|fetch|evaluate|decrypt|query|keys …",
        about: "asks a model of a server under keys of one's own, step by step in a folder",
    },
    Verb {
        name: "serve",
        arguments: "[--state FOLDER] [--listen ADDRESS] [OPTION…] | token new|list|revoke [NAME] [--state FOLDER]",
        about: "evaluates for clients on other machines, over HTTPS; `hexperiment serve --help` lists the options",
    },
    Verb {
        name: "schema",
        arguments: "",
        about: "prints the JSON Schema of experiment files",
    },
    Verb {
        name: "conform",
        arguments: "NAME|LIBRARY [--only CHECK] [--option KEY=VALUE]… [--rows N] [--precision SHARE] \
                    [--no-sent-keys] [--time-limit TIME]",
        about: "holds a scheme, built in or in a shared library, to the conformance suite",
    },
    Verb {
        name: "build",
        arguments: "",
        about: "builds the runner with all schemes; the other verbs build what they need",
    },
    Verb {
        name: "install",
        arguments: "[--without SCHEME]… [--root FOLDER]",
        about: "installs `hexperiment` where cargo puts programs, to be used in any folder",
    },
    Verb {
        name: "doctor",
        arguments: "",
        about: "says what is missing here and how to get it",
    },
    Verb {
        name: "test",
        arguments: "[--quick] [-- ARGUMENT…]",
        about: "formatting, lints, all tests, documentation; --quick: formatting and tests",
    },
];

struct Verb {
    name: &'static str,
    arguments: &'static str,
    about: &'static str,
}

/// The user's input, or the machine, is at fault.
#[derive(Debug)]
struct Failure {
    found: String,
    help: Option<String>,
    code: u8,
}

impl Failure {
    /// Something on this machine did not work; exit code 1.
    fn new(found: impl fmt::Display) -> Self {
        Self {
            found: found.to_string(),
            help: None,
            code: 1,
        }
    }

    /// The arguments make no sense; exit code 2.
    fn usage(found: impl fmt::Display) -> Self {
        Self {
            code: 2,
            ..Self::new(found)
        }
    }

    /// Adds what to do about it.
    fn help(self, help: impl fmt::Display) -> Self {
        Self {
            help: Some(help.to_string()),
            ..self
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "error: {}", self.found)?;
        match &self.help {
            Some(help) => write!(f, "\n  help: {help}"),
            None => Ok(()),
        }
    }
}

fn main() -> ExitCode {
    let mut arguments = std::env::args_os().skip(1);
    let verb = arguments.next();
    dispatch(verb, arguments.collect()).unwrap_or_else(|failure| {
        eprintln!("{failure}");
        ExitCode::from(failure.code)
    })
}

fn dispatch(verb: Option<OsString>, arguments: Vec<OsString>) -> Result<ExitCode, Failure> {
    let Some(verb) = verb else {
        eprint!("{}", help());
        return Ok(ExitCode::from(2));
    };
    let asks_for_help = |word: &OsString| word == "--help" || word == "-h";
    if asks_for_help(&verb) || verb == "help" {
        say!("{}", help().trim_end());
        return Ok(ExitCode::SUCCESS);
    }
    let verb = known(&verb.to_string_lossy())?;
    if arguments
        .iter()
        .take_while(|a| *a != "--")
        .any(asks_for_help)
    {
        let usage = format!("cargo xtask {} {}", verb.name, verb.arguments);
        say!("{}", wrapped(usage.trim_end(), 0, 4));
        say!("{}", wrapped(verb.about, 0, 0));
        return Ok(ExitCode::SUCCESS);
    }
    match verb.name {
        "build" => build::build(&arguments),
        "doctor" => doctor::doctor(&arguments),
        "install" => install::install(&arguments),
        "test" => test::test(&arguments),
        runners => hand_over::hand_over(runners, arguments),
    }
}

fn known(name: &str) -> Result<&'static Verb, Failure> {
    VERBS.iter().find(|v| v.name == name).ok_or_else(|| {
        let failure = Failure::usage(format!("there is no verb `{name}`"));
        match suggest::nearest(name, VERBS.iter().map(|v| v.name)) {
            Some(near) => failure.help(format!("did you mean `cargo xtask {near}`?")),
            None => failure.help("`cargo xtask help` lists them"),
        }
    })
}

fn help() -> String {
    let verbs = VERBS.iter().map(|verb| {
        let usage = format!("{} {}", verb.name, verb.arguments);
        let (usage, about) = (wrapped(usage.trim_end(), 2, 4), wrapped(verb.about, 6, 6));
        format!("{usage}\n{about}\n")
    });
    let verbs: String = verbs.collect();
    format!(
        "Usage: cargo xtask VERB [ARGUMENT…]\n\n{verbs}\nEnvironment:\n  \
         HEXPERIMENT_DATA     folder of data files\n  \
         HEXPERIMENT_PLUGINS  shared libraries with schemes, separated as in PATH\n  \
         HEXPERIMENT_HEXL     0 or 1: SEAL without or with Intel HEXL; else as can be\n"
    )
}

/// Characters of a line in a terminal of the usual width.
const WIDTH: usize = 80;

/// Words in lines of at most [`WIDTH`] characters, the first behind so many blanks, the others behind so many. What
/// stands in brackets is kept in one line, where it fits.
fn wrapped(words: &str, first: usize, others: usize) -> String {
    let mut text = " ".repeat(first);
    let mut used = first;
    let mut is_begun = false;
    for word in unbroken(words) {
        let length = word.chars().count();
        if is_begun && used + 1 + length > WIDTH {
            text += "\n";
            text += &" ".repeat(others);
            used = others;
        } else if is_begun {
            text.push(' ');
            used += 1;
        }
        text += &word;
        used += length;
        is_begun = true;
    }
    text
}

/// Words, and what stands in brackets as one of them, unless it is longer than half a line.
fn unbroken(words: &str) -> Vec<String> {
    let mut parts: Vec<String> = Vec::new();
    let mut depth = 0;
    for word in words.split(' ') {
        match parts.last_mut() {
            Some(last) if depth > 0 && last.chars().count() + word.chars().count() < WIDTH / 2 => {
                last.push(' ');
                last.push_str(word);
            }
            _ => parts.push(word.to_owned()),
        }
        let count = |c: char| word.matches(c).count();
        depth = (depth + count('[')).saturating_sub(count(']'));
    }
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check_unknown(verb: &str, suggestion: &str) {
        let failure = known(verb).err().expect("an unknown verb");
        assert_eq!(failure.code, 2);
        let text = failure.to_string();
        assert!(text.contains(verb) && text.contains(suggestion), "{text}");
    }

    #[test]
    fn unknown_verbs() {
        check_unknown("rum", "`cargo xtask run`");
        check_unknown("tests", "`cargo xtask test`");
        check_unknown("docter", "`cargo xtask doctor`");
        check_unknown("frobnicate", "`cargo xtask help`");
    }

    #[test]
    fn every_verb_is_known_and_in_the_help() {
        let help = help();
        for verb in &VERBS {
            assert_eq!(known(verb.name).expect("a verb").name, verb.name);
            assert!(help.contains(&format!("\n  {}", verb.name)), "{help}");
        }
        let longest = help.lines().map(|line| line.chars().count()).max();
        assert!(longest.is_some_and(|longest| longest <= WIDTH), "{help}");
    }

    #[test]
    fn brackets_are_not_broken() {
        let words = format!("{} [--set KEY=VALUE]… [--a B]", "x".repeat(70));
        let expect = format!("  {}\n    [--set KEY=VALUE]… [--a B]", "x".repeat(70));
        assert_eq!(wrapped(&words, 2, 4), expect);
        assert_eq!(
            unbroken("run [FILE…] [--server URL [--token-file FILE]] x").len(),
            4
        );
    }
}
