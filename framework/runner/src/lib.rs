//! The composition root: links the built-in plugins and runs experiments, every cell in two
//! processes of its own, client and server.

mod answers;
mod approximation;
mod bench;
mod beside;
mod best;
mod build;
mod calibration;
mod cell;
mod cell_server;
pub mod child;
mod client;
mod cmp;
mod compiled;
mod crossing;
mod data;
mod digest;
mod estimate;
mod examine;
mod explain;
mod export;
mod far_service;
mod folder;
mod input;
mod interrupt;
mod latest;
mod launch;
mod list;
mod monitor;
mod out;
mod overview;
mod own_memory;
mod plan;
mod plugins;
mod probe;
mod process;
mod protocol;
mod publish;
mod report;
mod run;
mod serve;
mod server;
mod server_process;
mod service;
mod shards;
mod shell;
mod stop;
mod submit;
mod timing;
mod traffic;
mod waking;
mod workbench;

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};
use hexperiment_diagnostics::Complaint;
use hexperiment_experiment::Setting;

use out::{say, tell};

/// Which homomorphic-encryption scheme fits a private analysis, and what does it cost?
#[derive(Parser)]
#[command(name = "hexperiment", version, about, max_term_width = 80)]
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
    /// Makes one run of the shards that `run --cells` has written, on whatever machines.
    Merge(shards::MergeArguments),
    /// One table of all tasks and schemes, from several runs.
    Overview(overview::OverviewArguments),
    /// One page of HTML of runs, with charts, from their records alone; runs nothing.
    Report(report::ReportArguments),
    /// Which of the schemes of saved runs fits given bounds, and why the others do not; runs nothing.
    Best(best::BestArguments),
    /// Compares runs cell by cell with the first of them: times with an interval, bytes and quality
    /// exactly; runs nothing.
    Cmp(cmp::CmpArguments),
    /// Tables and charts of runs as files to take away: LaTeX, Markdown, CSV, Parquet, SVG; runs nothing.
    Export(export::ExportArguments),
    /// Publishes results of runs: tables, figures and pictures to keep, an index of them, and a site of HTML pages;
    /// runs nothing.
    Publish(publish::PublishArguments),
    /// Checks experiment files, their data and what each scheme says to them; tells about how long
    /// a run takes, and runs nothing.
    Check {
        /// Experiment files.
        #[arg(required = true)]
        files: Vec<PathBuf>,
        /// Without how long a run takes, for which a few operations of each scheme are timed.
        #[arg(long)]
        no_estimate: bool,
        #[command(flatten)]
        settings: SettingArguments,
    },
    /// Tells what each cell costs before it is run: time with a range, exact bytes, memory; rows are
    /// repeated where `--set dataset.limit=N` asks for more than there are.
    Plan(plan::PlanArguments),
    /// Measures what operations take on this machine, for `plan`.
    Calibrate(plan::CalibrateArguments),
    /// Runs experiments, and times the calls of each scheme's library beside every repetition: what the
    /// framework adds to them, as a ratio of one run, and each operation by itself.
    Bench(bench::BenchArguments),
    /// Hands the cells of experiments to a cluster: to Slurm as arrays of jobs, or to HyperQueue as a job file.
    Submit(submit::SubmitArguments),
    /// Tells where the cells of submitted plans stand: done, running, pending, failed, preempted, timed out, missing.
    Status(submit::StatusArguments),
    /// Takes back what waits or runs of a submitted plan.
    Cancel(submit::CancelArguments),
    /// Prints the program of each cell before and after lowering, and its parameters.
    Explain {
        /// Experiment files.
        #[arg(required = true)]
        files: Vec<PathBuf>,
        /// Only the cell of this name.
        #[arg(long)]
        only: Option<String>,
        #[command(flatten)]
        settings: SettingArguments,
    },
    /// Lists schemes, tasks and data sets with their options.
    List {
        /// Only the scheme, task, data set or section of this name.
        name: Option<String>,
    },
    /// Finds, fetches and verifies data sets.
    Data {
        /// `fetch` also downloads what is missing; `verify` only looks.
        #[arg(value_parser = ["fetch", "verify"], default_value = "verify")]
        what: String,
        /// Names; all if left out.
        names: Vec<String>,
    },
    /// Serves web pages on this machine, for whoever owns data and key: upload, compute under encryption at another
    /// process, see what crossed.
    Workbench(workbench::WorkbenchArguments),
    /// Asks a model of a server without showing it rows or answers: keys, encryption and decryption step by
    /// step, in a folder.
    Client(client::ClientArguments),
    /// Prints the JSON Schema of experiment files, for editors.
    Schema,
    /// Evaluates for clients on other machines, over HTTPS; `serve token new NAME` makes a client's token.
    Serve(service::ServeArguments),
    /// Prints the cargo features that this program was built with; `cargo xtask` asks.
    #[command(hide = true)]
    Features,
    /// Runs one cell for a parent process.
    #[command(hide = true)]
    Cell,
    /// Has a fleet's readings evaluated round by round for a parent process, which reads lines of JSON.
    #[command(hide = true)]
    Monitor(monitor::MonitorArguments),
    /// Evaluates for a client on standard input and output, by the protocol of `docs/wire.md`.
    #[command(hide = true)]
    Server,
    /// Becomes a scheme's program, which ends with the process that started it.
    #[command(hide = true)]
    Launch {
        /// What it may allocate, in bytes.
        #[arg(long)]
        memory: Option<u64>,
        /// The executable and its arguments.
        #[arg(required = true, trailing_var_arg = true, allow_hyphen_values = true)]
        words: Vec<OsString>,
    },
    /// Loads a shared library for a parent process.
    #[command(hide = true)]
    Probe {
        /// The library.
        library: PathBuf,
    },
}

/// What stands in the place of what a file says.
#[derive(Args)]
struct SettingArguments {
    /// A setting, checked and recorded as if it stood in the file; may be given more than once.
    #[arg(long = "set", value_name = "SECTION.KEY=VALUE")]
    set: Vec<String>,
    /// Measured repetitions of each cell: as `--set run.repetitions=N`.
    #[arg(long, value_name = "N", allow_hyphen_values = true)]
    repetitions: Option<String>,
}

impl SettingArguments {
    fn read(&self) -> Result<Vec<Setting>, Complaint> {
        let repetitions = self.repetitions.as_deref().map(Setting::repetitions);
        let set = self.set.iter().map(|text| Setting::parse(text));
        repetitions.map(Ok).into_iter().chain(set).collect()
    }
}

/// Bad input: files, data, arguments.
const BAD_INPUT: u8 = 2;

/// The program.
pub fn main() -> ExitCode {
    interrupt::limits_of_files_are_errors();
    plugins::link();
    let arguments = Arguments::parse();
    let plugins = match arguments.verb {
        Verb::Cell | Verb::Server | Verb::Monitor(_) => plugins::load().map_err(|e| e.to_string()),
        Verb::Probe { .. } | Verb::Launch { .. } => Ok(()),
        _ => plugins::register(arguments.plugins),
    };
    if let Err(problem) = plugins {
        return bad_input(problem);
    }
    plugins::start_programs(matches!(
        arguments.verb,
        Verb::Cell | Verb::Server | Verb::Monitor(_)
    ));
    out::checked(match arguments.verb {
        Verb::Run(arguments) => match (&arguments.cells, &arguments.plan_into) {
            (Some(cells), _) => shards::run_cells(cells, &arguments),
            (None, Some(folder)) => shards::plan_into(folder, &arguments),
            (None, None) => run::run(&arguments),
        },
        Verb::Merge(arguments) => shards::merge(&arguments),
        Verb::Overview(arguments) => overview::overview(&arguments),
        Verb::Report(arguments) => report::report(&arguments),
        Verb::Best(arguments) => best::best_of(&arguments),
        Verb::Cmp(arguments) => cmp::cmp(&arguments),
        Verb::Export(arguments) => export::export(&arguments),
        Verb::Publish(arguments) => publish::publish(&arguments),
        Verb::Check {
            files,
            no_estimate,
            settings,
        } => match settings.read() {
            Ok(settings) => explain::check(&files, &settings, !no_estimate),
            Err(problem) => bad_input(problem),
        },
        Verb::Plan(arguments) => plan::plan(&arguments),
        Verb::Calibrate(arguments) => plan::calibrate(&arguments),
        Verb::Bench(arguments) => bench::bench(&arguments),
        Verb::Submit(arguments) => submit::submit(&arguments),
        Verb::Status(arguments) => submit::status(&arguments),
        Verb::Cancel(arguments) => submit::cancel(&arguments),
        Verb::Explain {
            files,
            only,
            settings,
        } => match settings.read() {
            Ok(settings) => explain::explain(&files, only.as_deref(), &settings),
            Err(problem) => bad_input(problem),
        },
        Verb::List { name } => list::list(name.as_deref()),
        Verb::Data { what, names } => data::data(what == "fetch", &names),
        Verb::Workbench(arguments) => workbench::workbench(&arguments),
        Verb::Client(arguments) => client::client(arguments),
        Verb::Schema => {
            say!("{:#}", hexperiment_experiment::json_schema());
            ExitCode::SUCCESS
        }
        Verb::Features => {
            for feature in plugins::features() {
                say!("{feature}");
            }
            ExitCode::SUCCESS
        }
        Verb::Serve(arguments) => service::serve(arguments),
        Verb::Cell => serve::serve(),
        Verb::Monitor(arguments) => monitor::monitor(&arguments),
        Verb::Server => server::serve(),
        Verb::Launch { memory, words } => launch::launch(memory, &words),
        Verb::Probe { library } => probe::answer(&library),
    })
}

/// Prints what is wrong and says that it was the input.
fn bad_input(problem: impl std::fmt::Display) -> ExitCode {
    tell!("error: {problem}");
    ExitCode::from(BAD_INPUT)
}
