//! `plan`: what an experiment costs, told before it is run; and `calibrate`, which measures what that
//! rests on.
//!
//! A circuit counts its operations, by level and ring; a table says what each takes on this machine, on
//! one thread and on all. Bytes follow from the circuit exactly. What encrypts nothing is rehearsed.

mod against;
mod rehearsal;

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use clap::Args;
use hexperiment_diagnostics::{files, printable};
use hexperiment_experiment::{CellPlan, Experiment, Setting};
use hexperiment_reports::{bytes, duration};

use crate::SettingArguments;
use crate::calibration::{Fill, Table, machine};
use crate::estimate::about;
use crate::explain::{Examiner, cells};
use crate::input::{Loaded, check_input};
use crate::out::{counted_cells, say, tell};
use crate::own_memory::give_memory_back;
use crate::protocol::{Estimate, FromCell, Takes, View};
use crate::report::read_all;
use crate::run::UNEXPECTED;
use against::{compare, page, runs, show_errors};
use rehearsal::rehearse;

/// Time for what is measured of one cell: a deep circuit has hundreds of operations.
const MEASURING: Duration = Duration::from_mins(10);

/// Rows that are planned at most: their table is made, by repeating those that are there.
const MOST_ROWS: usize = 10_000_000;

/// Characters of a cell's name in a table: with its five columns it has 80.
const NAME: usize = 30;

/// What `plan` takes.
#[derive(Args)]
pub(crate) struct PlanArguments {
    /// Experiment files.
    #[arg(required = true)]
    files: Vec<PathBuf>,
    /// The table of `calibrate`; without it that of this machine in the user's cache.
    #[arg(long, value_name = "FILE")]
    table: Option<PathBuf>,
    /// Compares with a run of the same experiment; of several, with the one in the
    /// middle, cell by cell.
    #[arg(long, value_name = "RUN")]
    against: Vec<PathBuf>,
    /// Writes that comparison into a file, as Markdown.
    #[arg(long, value_name = "FILE", requires = "against")]
    errors: Option<PathBuf>,
    #[command(flatten)]
    settings: SettingArguments,
}

/// What `calibrate` takes.
#[derive(Args)]
pub(crate) struct CalibrateArguments {
    /// Experiment files, whose operations are measured.
    #[arg(required = true)]
    files: Vec<PathBuf>,
    /// The table to write; without it that of this machine in the user's cache.
    #[arg(long, value_name = "FILE")]
    table: Option<PathBuf>,
    /// Measures all of it so often, one round after the other, and keeps the
    /// median: a machine that is shared changes its speed within seconds.
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=100))]
    rounds: u32,
    #[command(flatten)]
    settings: SettingArguments,
}

/// The table to use, checked before anything is asked of it.
fn table(given: Option<&Path>) -> Result<PathBuf, String> {
    let path = match given {
        Some(path) => path.to_owned(),
        None => Table::usual(&machine()).ok_or(
            "there is no folder for the table: neither XDG_CACHE_HOME nor HOME is set\n  help: name \
             a file by `--table`",
        )?,
    };
    Table::read(&path, &machine())?;
    Ok(path)
}

/// Measures the operations of all cells of these files.
pub(crate) fn calibrate(arguments: &CalibrateArguments) -> ExitCode {
    let settings = match arguments.settings.read() {
        Ok(settings) => settings,
        Err(problem) => return crate::bad_input(problem),
    };
    let table = match table(arguments.table.as_deref()) {
        Ok(table) => table,
        Err(problem) => return crate::bad_input(problem),
    };
    let how = Estimate {
        table: Some(table.clone()),
        fill: Fill::Anew,
    };
    let mut worst = ExitCode::SUCCESS;
    let (mut measured, mut all_kept) = (0, true);
    let mut rounds = Vec::new();
    for (place, file) in (0..arguments.rounds).flat_map(|_| arguments.files.iter().enumerate()) {
        match examine(file, &settings, &how, &mut |plan, answer| {
            let count = match answer {
                Ok(Some(takes)) => takes.measured,
                Ok(None) => 0,
                Err(Unplanned { reason, .. }) => {
                    say!("  {}: {reason}", plan.cell.id);
                    return;
                }
            };
            measured += count;
            say!("  {}: {count} operations", plan.cell.id);
        }) {
            Ok(_) => {}
            Err(problem) => {
                worst = crate::bad_input(problem);
                all_kept = false;
            }
        }
        if arguments.rounds > 1 && place + 1 == arguments.files.len() {
            match Table::read(&table, &machine()) {
                Ok(read) => rounds.push(read),
                Err(problem) => return crate::bad_input(problem),
            }
        }
    }
    let settled = Table::read(&table, &machine()).and_then(|mut last| {
        if !rounds.is_empty() {
            last.settle(&rounds);
        }
        last.write()
    });
    if let Err(problem) = settled {
        return crate::bad_input(problem);
    }
    if all_kept {
        say!("{measured} measurements, written to {}", table.display());
    } else {
        say!("{measured} measurements, not all of which could be kept");
    }
    worst
}

/// What a cell takes; `None` where its scheme does not say.
type Answer = Result<Option<Takes>, Unplanned>;

/// Why a cell cannot be run.
struct Unplanned {
    reason: String,
    /// Whether its scheme said so, which is no failure.
    is_refused: bool,
}

impl Unplanned {
    fn failed(reason: String) -> Self {
        Self {
            reason,
            is_refused: false,
        }
    }
}

/// Asks about each cell of a file; what is told of it goes to `told`.
fn examine(
    file: &Path,
    settings: &[Setting],
    how: &Estimate,
    told: &mut dyn FnMut(&CellPlan, Answer),
) -> Result<Experiment, String> {
    let experiment = Experiment::load_with(file, settings).map_err(|e| e.to_string())?;
    say!(
        "{}: {}",
        file.display(),
        printable::cut(experiment.question(), 500)
    );
    let plans = cells(&experiment, None)?;
    if let Some(plan) = plans.iter().find(|plan| plan.dataset.limit > MOST_ROWS) {
        let found = plan.dataset.limit;
        return Err(format!(
            "{}: `limit` in [dataset]: found {found}, expected at most {MOST_ROWS} to be planned\n  help: \
             the program is made for all rows, as by a run: plan fewer, beyond which costs grow with the rows",
            file.display()
        ));
    }
    let all = plans.len();
    tell!(
        "  reading the data of {}, preparing the task",
        counted_cells(all)
    );
    check_input(&experiment, &plans, &mut Loaded::default()).map_err(|e| e.to_string())?;
    give_memory_back();
    let mut examiner = Examiner::new(&experiment, View::Plan);
    for (place, plan) in plans.into_iter().enumerate() {
        tell!(
            "  {} of {}: {}",
            place + 1,
            counted_cells(all),
            printable::cut(&plan.cell.id, 80)
        );
        let answer = match examiner.ask(&plan) {
            Ok(FromCell::Examined { .. }) => {
                let mut takes = examiner.estimate(how, MEASURING);
                if let Some(takes) = takes.as_mut().filter(|_| how.fill == Fill::Missing) {
                    rehearse(&plan, all > 1, takes);
                }
                Ok(takes)
            }
            Ok(FromCell::Refused { reason }) => Err(Unplanned {
                reason: format!("refuses; {reason}"),
                is_refused: true,
            }),
            Ok(FromCell::Failed { reason } | FromCell::Crashed { reason }) => {
                Err(Unplanned::failed(format!("fails: {reason}")))
            }
            Ok(_) => Err(Unplanned::failed("the process answered out of turn".into())),
            Err(end) => Err(Unplanned::failed(format!("{}: {}", end.status, end.reason))),
        };
        told(&plan, answer);
        if let Some(problem) = examiner.unwritten.take() {
            return Err(problem);
        }
    }
    Ok(experiment)
}

/// Tells what each cell of each file takes.
pub(crate) fn plan(arguments: &PlanArguments) -> ExitCode {
    let settings = match arguments.settings.read() {
        Ok(settings) => settings,
        Err(problem) => return crate::bad_input(problem),
    };
    let table = match table(arguments.table.as_deref()) {
        Ok(table) => table,
        Err(problem) => return crate::bad_input(problem),
    };
    let (measured, mut worst) = match read_all(&arguments.against) {
        Ok((read, code)) => (runs(read), code),
        Err(problem) => return crate::bad_input(problem),
    };
    let how = Estimate {
        table: Some(table),
        fill: Fill::Missing,
    };
    let mut compared = Vec::new();
    let mut ends = Ends::default();
    for file in &arguments.files {
        let mut told = Vec::new();
        let examined = examine(file, &settings, &how, &mut |plan, answer| {
            told.push((plan.clone(), answer));
        });
        match examined {
            Ok(experiment) => {
                show(&experiment, &told);
                for (_, answer) in &told {
                    ends.count(answer);
                }
                compared.extend(compare(experiment.name(), &told, &measured));
            }
            Err(problem) => worst = crate::bad_input(problem),
        }
    }
    if !arguments.against.is_empty() {
        show_errors(&compared);
    }
    if let Some(file) = &arguments.errors
        && let Err(e) = files::write_with_folders(file, page(&compared).as_bytes())
    {
        return crate::bad_input(format!(
            "{}: cannot be written: {e}\n  help: name a file that can be written by `--errors`",
            file.display()
        ));
    }
    // What was bad input weighs more.
    if worst == ExitCode::SUCCESS && ends.are_bad() {
        return ExitCode::from(UNEXPECTED);
    }
    worst
}

/// How many cells were planned, and how many failed.
#[derive(Default)]
struct Ends {
    planned: usize,
    failed: usize,
    all: usize,
}

impl Ends {
    fn count(&mut self, answer: &Answer) {
        self.all += 1;
        match answer {
            Ok(_) => self.planned += 1,
            Err(unplanned) => self.failed += usize::from(!unplanned.is_refused),
        }
    }

    /// Whether a cell failed, or there are some and nothing is told of any.
    fn are_bad(&self) -> bool {
        self.failed > 0 || (self.all > 0 && self.planned == 0)
    }
}

type Told = (CellPlan, Answer);

fn ms(nanoseconds: u64) -> f64 {
    nanoseconds as f64 / 1e6
}

/// A range of times in words: `12.0 .. 14.1 ms`.
fn range([low, _, high]: [u64; 3]) -> String {
    let (low, high) = (duration(ms(low)), duration(ms(high)));
    match (low.rsplit_once(' '), high.rsplit_once(' ')) {
        (Some((number, unit)), Some((_, other))) if unit == other => format!("{number} .. {high}"),
        _ => format!("{low} .. {high}"),
    }
}

/// The tables of one experiment.
fn show(experiment: &Experiment, told: &[Told]) {
    let run = experiment.run();
    let rounds = u64::from(run.warmup) + u64::from(run.repetitions);
    let mut phases = vec![
        [
            "cell", "a query", "encrypt", "transfer", "evaluate", "decrypt",
        ]
        .map(String::from),
    ];
    let mut times = vec![["cell", "range", "set-up", "all"].map(String::from)];
    let mut sizes = vec![["cell", "up", "down", "keys", "memory"].map(String::from)];
    let mut other = Vec::new();
    let (mut all, mut measured, mut rehearsed) = (Duration::ZERO, 0, 0);
    for (plan, answer) in told {
        let id = printable::cut(&plan.cell.id, NAME).into_owned();
        let takes = match answer {
            Ok(Some(takes)) => takes,
            Ok(None) => {
                other.push(format!("{id}: its scheme does not say what it takes"));
                continue;
            }
            Err(unplanned) => {
                other.push(format!("{id}: {}", unplanned.reason));
                continue;
            }
        };
        let query = takes.phases_ns();
        let middle = |span: [u64; 3]| duration(ms(span[1]));
        phases.push([
            id.clone(),
            middle(query),
            middle(takes.encrypt_ns),
            middle(takes.transfer_ns),
            middle(takes.evaluate_ns),
            middle(takes.decrypt_ns),
        ]);
        let size = |count: Option<u64>| count.map_or_else(|| "not told".into(), bytes);
        let whole = takes
            .set_up_ns()
            .saturating_add(takes.repetition_ns().saturating_mul(rounds));
        times.push([
            id.clone(),
            range(query),
            duration(ms(takes.set_up_ns())),
            duration(ms(whole)),
        ]);
        sizes.push([
            id,
            size(takes.upload_bytes),
            size(takes.download_bytes),
            size(takes.key_bytes),
            size(takes.memory_bytes),
        ]);
        all = all.saturating_add(Duration::from_nanos(whole));
        measured += takes.measured;
        rehearsed += usize::from(takes.is_rehearsed);
    }
    if times.len() > 1 {
        say!(
            "\n  the run: {}, if the machine has nothing else to do\n",
            about(all)
        );
        aligned(&phases);
        say!();
        aligned(&times);
        say!();
        aligned(&sizes);
        say!(
            "\n  a query: a batch encrypted, sent, evaluated and decrypted\n  range: by the quartiles of what \
             its operations take\n  keys are sent once; memory: of both parties, at most"
        );
    }
    if measured > 0 {
        say!("  {measured} operations were measured for it, and are kept");
    }
    if rehearsed > 0 {
        say!(
            "  rehearsed, as they encrypt nothing against the server: {}",
            counted_cells(rehearsed)
        );
    }
    for line in other {
        say!("  {line}");
    }
    say!();
}

/// Lines with their columns one below the other, numbers to the right.
fn aligned<const N: usize>(lines: &[[String; N]]) {
    let width = |column: usize| {
        let widths = lines.iter().map(|line| line[column].chars().count());
        widths.max().unwrap_or(0)
    };
    let widths: [usize; N] = std::array::from_fn(width);
    for line in lines {
        let mut text = String::new();
        for (column, (cell, width)) in line.iter().zip(widths).enumerate() {
            let blank = " ".repeat(width - cell.chars().count());
            text += "  ";
            let parts = match column {
                0 => [cell.as_str(), &blank],
                _ => [&blank, cell.as_str()],
            };
            text.extend(parts);
        }
        say!("{}", text.trim_end());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_name_their_unit_once() {
        assert_eq!(range([1_200_000, 0, 1_400_000]), "1.20 .. 1.40 ms");
        assert_eq!(range([900_000, 0, 1_400_000]), "900 µs .. 1.40 ms");
    }
}
