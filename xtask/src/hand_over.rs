//! The runner's verbs: builds the runner, or takes the one that is built, and becomes it.

use std::ffi::OsString;
use std::os::unix::process::CommandExt as _;
use std::process::{Command, ExitCode};

use crate::built::Built;
use crate::given::{Given, experiments, given};
use crate::repository::Repository;
use crate::schemes::Wanted;
use crate::system::System;
use crate::{Failure, build, environment, publish};

/// Replaces this process by `hexperiment VERB ARGUMENT…`, so that signals and the exit code are the
/// runner's own. Returns only on failure.
pub(crate) fn hand_over(verb: &str, arguments: Vec<OsString>) -> Result<ExitCode, Failure> {
    let repository = Repository::find()?;
    let arguments = completed(&repository, verb, arguments)?;
    let runner = match Built::find().filter(|_| takes_no_path(verb)) {
        Some(built) => {
            if let Some(source) = built.outdated_by() {
                let source = source.strip_prefix(&repository.root).unwrap_or(&source);
                eprintln!(
                    "xtask: from the runner as it was built; {} has changed since (`cargo xtask \
                     build` builds it anew)",
                    source.display()
                );
            }
            built.program
        }
        None if verb == CONFORM => build::suite(&repository, &System::here())?,
        None => build::runner(
            &repository,
            &System::here(),
            &wanted(verb, &arguments),
            writes_parquet(verb, &arguments),
        )?,
    };
    if verb == PUBLISH && publish::runs_all(&arguments) {
        publish::run_all(&repository, &runner)?;
    }
    let mut command = Command::new(&runner);
    environment::restore(&mut command);
    if verb != CONFORM {
        command.arg(verb);
    }
    command.args(arguments);
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

/// The verb of a program of its own, the conformance suite, which nobody needs who only runs
/// experiments.
const CONFORM: &str = "conform";

/// The verb that may run all experiments first.
const PUBLISH: &str = "publish";

/// The schemes that a verb needs.
fn wanted(verb: &str, arguments: &[OsString]) -> Wanted {
    match verb {
        // They show every scheme, or what others name.
        "list" | "schema" | "overview" | "workbench" | "client" | "serve" => Wanted::All,
        PUBLISH if publish::runs_all(arguments) => Wanted::All,
        // They read records, which name no feature of the build.
        "report" | "best" | "cmp" | "export" | "merge" | "status" | "cancel" | PUBLISH => {
            Wanted::NamedBy(vec![])
        }
        // `data` needs none.
        _ => Wanted::NamedBy(given(arguments).files),
    }
}

/// Whether the runner needs the feature that takes long to compile, and that nothing else needs.
fn writes_parquet(verb: &str, arguments: &[OsString]) -> bool {
    let words: Vec<_> = arguments
        .iter()
        .map(|word| word.to_string_lossy())
        .collect();
    let after = words.iter().zip(words.iter().skip(1));
    let after = after.filter_map(|(key, format)| (key == "--format").then_some(format.as_ref()));
    let joined = words
        .iter()
        .filter_map(|word| word.strip_prefix("--format="));
    let mut formats = after.chain(joined).flat_map(|formats| formats.split(','));
    verb == "export" && formats.any(|format| format == "parquet")
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
    let Given { files, runs, cells } = given(&arguments);
    let file = !files.is_empty();
    match verb {
        "status" | "cancel" if !file => Err(Failure::usage(format!(
            "`{verb}` wants the FOLDER of a plan"
        ))
        .help(format!("cargo xtask {verb} plans/quickstart"))),
        "check" | "explain" | "plan" if !file => {
            Err(Failure::usage(format!("`{verb}` wants a FILE"))
                .help(format!("cargo xtask {verb} experiments/quickstart.toml")))
        }
        "cmp" if !file => Err(Failure::usage("`cmp` wants two runs or more")
            .help("cargo xtask cmp runs/20260504-090807-chd runs/latest")),
        "calibrate" if !file => {
            arguments.extend(experiments(repository, "experiments/overview")?);
            Ok(arguments)
        }
        "conform" if !file => Err(Failure::usage("`conform` wants a NAME or a LIBRARY")
            .help("cargo xtask conform plaintext")),
        "run" | "overview" | "bench" => {
            if !file {
                match verb {
                    "run" if cells => {}
                    "run" => arguments.push(repository.shown("experiments/quickstart.toml").into()),
                    "bench" => arguments.extend(experiments(repository, "experiments/overview")?),
                    _ => arguments.push(repository.shown("experiments/overview").into()),
                }
            }
            if !runs {
                // In front: behind a `--` it would be a file.
                arguments.splice(0..0, ["--runs".into(), repository.shown("runs").into()]);
            }
            Ok(arguments)
        }
        PUBLISH => {
            let defaults = publish::defaults(repository, &arguments);
            arguments.splice(0..0, defaults);
            Ok(arguments)
        }
        "merge" if !file => {
            Err(Failure::usage("`merge` wants the folder of a plan")
                .help("cargo xtask merge FOLDER"))
        }
        "report" | "best" | "export" | "merge" => {
            if !runs {
                arguments.splice(0..0, ["--runs".into(), repository.shown("runs").into()]);
            }
            Ok(arguments)
        }
        _ => Ok(arguments),
    }
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

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
            "--cells 3 --into plan",
            "--runs runs --cells 3 --into plan",
        );
        check_completed("/repo", "merge", "plan", "--runs runs plan");
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
            "--set run.seed=5 --repetitions 3",
            &format!("--runs runs --set run.seed=5 --repetitions 3 {quickstart}"),
        );
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
    fn what_reads_runs_knows_their_folder() {
        check_completed("/repo", "best", "", "--runs runs");
        let bounds = "--task t --max upload=1MB runs/a";
        check_completed(
            "/repo/x",
            "best",
            bounds,
            &format!("--runs /repo/runs {bounds}"),
        );
    }

    #[test]
    fn publish_is_completed() {
        let usual =
            "--into reports/published --site runs/site --readme README.md --runs runs/published";
        check_completed("/repo", "publish", "", usual);
        check_completed("/repo", "publish", "--check", &format!("{usual} --check"));
        check_completed(
            "/repo/x",
            "publish",
            "--into=p --site s --readme r.md runs/a",
            "--runs /repo/runs/published --into=p --site s --readme r.md runs/a",
        );
        check_wanted("publish", usual, &Wanted::All);
        check_wanted("publish", "runs/a", &Wanted::NamedBy(vec![]));
    }

    #[test]
    fn others_are_left_alone() {
        check_completed("/repo", "check", "a.toml b.toml", "a.toml b.toml");
        check_completed("/repo", "data", "fetch iris", "fetch iris");
        check_completed("/repo", "list", "", "");
        check_completed("/repo", "conform", "tfhe --rows 8", "tfhe --rows 8");
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
        let limit = words("--fail-if-slower 10% --phase total");
        let failure = completed(&repository, "cmp", limit).expect_err("no run");
        assert!(failure.to_string().contains("runs/latest"), "{failure}");
        let failure = completed(&repository, "conform", words("--rows 8")).expect_err("no scheme");
        assert!(
            failure
                .to_string()
                .contains("cargo xtask conform plaintext"),
            "{failure}"
        );
    }

    #[test]
    fn only_parquet_needs_its_feature() {
        for (verb, line, expected) in [
            ("export", "--format parquet --into t", true),
            ("export", "r --into t --format=parquet", true),
            ("export", "--format csv,parquet --into t", true),
            ("export", "--format csv --format=latex,parquet", true),
            ("export", "--format csv --into parquet", false),
            ("report", "--format parquet", false),
            ("export", "--format", false),
        ] {
            assert_eq!(
                writes_parquet(verb, &words(line)),
                expected,
                "{verb} {line}"
            );
        }
    }

    #[track_caller]
    fn check_wanted(verb: &str, line: &str, expected: &Wanted) {
        assert_eq!(wanted(verb, &words(line)), *expected, "{verb} {line}");
    }

    #[test]
    fn schemes_are_those_of_the_files() {
        let named =
            |files: &str| Wanted::NamedBy(files.split_whitespace().map(PathBuf::from).collect());
        check_wanted(
            "run",
            "--runs runs a.toml --resume b.toml",
            &named("a.toml b.toml"),
        );
        check_wanted(
            "run",
            "--set run.seed=3 a.toml --repetitions 4",
            &named("a.toml"),
        );
        check_wanted("check", "--plugin=x.so -- -a.toml b", &named("-a.toml b"));
        check_wanted("data", "", &named(""));
        check_wanted("best", "--max upload=1MB runs/a --link 4G", &named(""));
        check_wanted("cmp", "--fail-if-slower 10% a b", &named(""));
        check_wanted(
            "submit",
            "a.toml --engine slurm --partition p b.toml",
            &named("a.toml b.toml"),
        );
        // The schemes of a plan are those of the program that is built: its digest is the plan's.
        check_wanted("submit", "--again plans/a --job-time 2h", &named(""));
        check_wanted("status", "plans/a --unfinished", &named(""));
        check_wanted("list", "", &Wanted::All);
        check_wanted("overview", "--runs runs runs/a", &Wanted::All);
    }
}
