//! The composition root: links the built-in plugins and runs experiments, every cell in a
//! process of its own.

mod cell;
mod data;
mod explain;
mod folder;
mod list;
mod out;
mod overview;
mod plugins;
mod protocol;
mod run;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

use out::{say, tell};

/// Which homomorphic-encryption scheme fits a private analysis, and what does it cost?
#[derive(Parser)]
#[command(name = "hexperiment", version, about)]
struct Arguments {
    /// A shared library with a scheme; may be given more than once. `HEXPERIMENT_PLUGINS` names
    /// more, separated as in PATH.
    #[arg(long = "plugin", value_name = "PATH", global = true)]
    plugins: Vec<PathBuf>,
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Subcommand)]
enum Verb {
    /// Runs experiments and prints their tables.
    Run(run::RunArguments),
    /// One table of all tasks and schemes, from several runs.
    Overview(overview::OverviewArguments),
    /// Checks experiment files, their data and what each scheme says to them; runs nothing.
    Check {
        /// Experiment files.
        #[arg(required = true)]
        files: Vec<PathBuf>,
    },
    /// Prints the program of each cell before and after lowering, and its parameters.
    Explain {
        /// Experiment files.
        #[arg(required = true)]
        files: Vec<PathBuf>,
        /// Only the cell of this name.
        #[arg(long)]
        only: Option<String>,
    },
    /// Lists schemes, tasks and data sets with their options.
    List,
    /// Finds, fetches and verifies data sets.
    Data {
        /// `fetch` also downloads what is missing; `verify` only looks.
        #[arg(value_parser = ["fetch", "verify"], default_value = "verify")]
        what: String,
        /// Names; all if left out.
        names: Vec<String>,
    },
    /// Prints the JSON Schema of experiment files, for editors.
    Schema,
    /// Runs one cell for a parent process.
    #[command(hide = true)]
    Cell,
}

/// Bad input: files, data, arguments.
const BAD_INPUT: u8 = 2;

/// The program.
pub fn main() -> ExitCode {
    plugins::link();
    let arguments = Arguments::parse();
    if let Err(problem) = plugins::register(arguments.plugins) {
        return bad_input(problem);
    }
    out::checked(match arguments.verb {
        Verb::Run(arguments) => run::run(&arguments),
        Verb::Overview(arguments) => overview::overview(&arguments),
        Verb::Check { files } => explain::check(&files),
        Verb::Explain { files, only } => explain::explain(&files, only.as_deref()),
        Verb::List => list::list(),
        Verb::Data { what, names } => data::data(what == "fetch", &names),
        Verb::Schema => {
            say!("{:#}", hexperiment_core::experiment::json_schema());
            ExitCode::SUCCESS
        }
        Verb::Cell => cell::serve(),
    })
}

/// Prints what is wrong and says that it was the input.
fn bad_input(problem: impl std::fmt::Display) -> ExitCode {
    tell!("error: {problem}");
    ExitCode::from(BAD_INPUT)
}
