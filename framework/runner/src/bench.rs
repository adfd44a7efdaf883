//! `bench`: experiments run with the calls of each scheme's library timed beside every repetition.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;

use crate::SettingArguments;
use crate::out::{report, say, screen, tell};
use crate::run::{Besides, Place, Resume, UNEXPECTED, one};

/// What `bench` takes.
#[derive(Args)]
pub(crate) struct BenchArguments {
    /// Experiment files.
    #[arg(required = true)]
    files: Vec<PathBuf>,
    /// Only the cell of this name; `check` lists them.
    #[arg(long, value_name = "CELL")]
    only: Option<String>,
    /// Prints the tables of the run, too.
    #[arg(long, short)]
    verbose: bool,
    #[command(flatten)]
    settings: SettingArguments,
    /// The folder of runs.
    #[arg(long, default_value = "runs")]
    runs: PathBuf,
}

/// Runs every file; the exit code is the worst of them.
pub(crate) fn bench(arguments: &BenchArguments) -> ExitCode {
    let settings = match arguments.settings.read() {
        Ok(settings) => settings,
        Err(problem) => return crate::bad_input(problem),
    };
    let place = Place {
        runs: &arguments.runs,
        resume: Resume::Never,
        besides: Besides {
            traffic: false,
            library: true,
        },
    };
    let mut worst = 0;
    for file in &arguments.files {
        worst = worst.max(
            match one(file, arguments.only.as_deref(), &settings, place) {
                Ok(ran) => {
                    if arguments.verbose {
                        ran.print(true);
                        say!();
                    }
                    match hexperiment_reports::beside_library(&ran.rows, screen(false)) {
                        Some(text) => report(&text),
                        None => say!(
                            "no scheme of this run has operations of a library to be timed beside it"
                        ),
                    }
                    say!("written to {}", ran.folder.path().display());
                    if ran.as_expected { 0 } else { UNEXPECTED }
                }
                Err(problem) => {
                    tell!("error: {problem}");
                    crate::BAD_INPUT
                }
            },
        );
    }
    ExitCode::from(worst)
}
