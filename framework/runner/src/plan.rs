//! `plan`: what an experiment costs, told before it is run; and `calibrate`, which measures what that
//! rests on.
//!
//! A circuit counts its operations, by level and ring; a table says what each takes on this machine, on
//! one thread and on all. Bytes follow from the circuit exactly.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use clap::Args;
use hexperiment_diagnostics::printable;
use hexperiment_experiment::record::Clock;
use hexperiment_experiment::summary::{Row, read_records, rows};
use hexperiment_experiment::{CellPlan, Experiment, Setting};
use hexperiment_reports::{bytes, duration};

use crate::SettingArguments;
use crate::calibration::{Fill, Table, machine};
use crate::estimate::about;
use crate::explain::{Examiner, cells};
use crate::folder::RunFolder;
use crate::input::{Loaded, check_input};
use crate::out::{say, tell};
use crate::own_memory::give_memory_back;
use crate::protocol::{Estimate, FromCell, Takes, View};

/// Time for what is measured of one cell: a deep circuit has hundreds of operations.
const MEASURING: Duration = Duration::from_mins(10);

/// Rows that are planned at most: their table is made, by repeating those that are there.
const MOST_ROWS: usize = 10_000_000;

/// What `plan` takes.
#[derive(Args)]
pub(crate) struct PlanArguments {
    /// Experiment files.
    #[arg(required = true)]
    files: Vec<PathBuf>,
    /// The table of `calibrate`; without it that of this machine in the user's cache.
    #[arg(long, value_name = "FILE")]
    table: Option<PathBuf>,
    /// Compares with a run of the same experiment.
    #[arg(long, value_name = "RUN")]
    against: Vec<PathBuf>,
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
    let mut measured = 0;
    for file in &arguments.files {
        match examine(file, &settings, &how, &mut |plan, answer| {
            let count = match answer {
                Ok(Some(takes)) => takes.measured,
                Ok(None) => 0,
                Err(problem) => {
                    say!("  {}: {problem}", plan.cell.id);
                    return;
                }
            };
            measured += count;
            say!("  {}: {count} operations", plan.cell.id);
        }) {
            Ok(_) => {}
            Err(problem) => worst = crate::bad_input(problem),
        }
    }
    say!("{measured} measurements, written to {}", table.display());
    worst
}

/// What a cell takes; `None` where its scheme does not say. The error is why it cannot be run.
type Answer = Result<Option<Takes>, String>;

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
    check_input(&experiment, &plans, &mut Loaded::default())?;
    give_memory_back();
    let mut examiner = Examiner::new(&experiment, View::Plan);
    for plan in plans {
        let answer = match examiner.ask(&plan) {
            Ok(FromCell::Examined { .. }) => Ok(examiner.estimate(how, MEASURING)),
            Ok(FromCell::Refused { reason }) => Err(format!("refuses; {reason}")),
            Ok(FromCell::Failed { reason } | FromCell::Crashed { reason }) => {
                Err(format!("fails: {reason}"))
            }
            Ok(_) => Err("the process answered out of turn".into()),
            Err(end) => Err(format!("{}: {}", end.status, end.reason)),
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
    let measured = match runs(&arguments.against) {
        Ok(measured) => measured,
        Err(problem) => return crate::bad_input(problem),
    };
    let how = Estimate {
        table: Some(table),
        fill: Fill::Missing,
    };
    let mut worst = ExitCode::SUCCESS;
    let mut compared = Vec::new();
    for file in &arguments.files {
        let mut told = Vec::new();
        let examined = examine(file, &settings, &how, &mut |plan, answer| {
            told.push((plan.clone(), answer));
        });
        match examined {
            Ok(experiment) => {
                show(&experiment, &told);
                compared.extend(compare(experiment.name(), &told, &measured));
            }
            Err(problem) => worst = crate::bad_input(problem),
        }
    }
    if !arguments.against.is_empty() {
        show_errors(&compared);
    }
    worst
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
    let mut times = vec![
        [
            "cell", "a query", "likely", "encrypt", "transfer", "evaluate", "decrypt",
        ]
        .map(String::from),
    ];
    let mut sizes =
        vec![["cell", "up", "down", "keys", "memory", "set-up", "all"].map(String::from)];
    let mut other = Vec::new();
    let (mut all, mut measured) = (Duration::ZERO, 0);
    for (plan, answer) in told {
        let id = printable::cut(&plan.cell.id, 40).into_owned();
        let takes = match answer {
            Ok(Some(takes)) => takes,
            Ok(None) => {
                other.push(format!("{id}: its scheme does not say what it takes"));
                continue;
            }
            Err(problem) => {
                other.push(format!("{id}: {problem}"));
                continue;
            }
        };
        let phases = takes.phases_ns();
        let middle = |span: [u64; 3]| duration(ms(span[1]));
        times.push([
            id.clone(),
            middle(phases),
            range(phases),
            middle(takes.encrypt_ns),
            middle(takes.transfer_ns),
            middle(takes.evaluate_ns),
            middle(takes.decrypt_ns),
        ]);
        let size = |count: Option<u64>| count.map_or_else(|| "not told".into(), bytes);
        let whole = takes
            .set_up_ns()
            .saturating_add(takes.repetition_ns().saturating_mul(rounds));
        sizes.push([
            id,
            size(takes.upload_bytes),
            size(takes.download_bytes),
            size(takes.key_bytes),
            size(takes.memory_bytes),
            duration(ms(takes.set_up_ns())),
            duration(ms(whole)),
        ]);
        all = all.saturating_add(Duration::from_nanos(whole));
        measured += takes.measured;
    }
    if times.len() > 1 {
        say!(
            "\n  the run: {}, if the machine has nothing else to do\n",
            about(all)
        );
        aligned(&times);
        say!();
        aligned(&sizes);
        say!(
            "\n  a query: a batch encrypted, sent, evaluated and decrypted; likely: by the quartiles of what \
             its operations take; keys are sent once; memory: of both parties, at most"
        );
    }
    if measured > 0 {
        say!("  {measured} operations were measured for it, and are kept");
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

/// The rows of runs, by experiment and cell.
fn runs(folders: &[PathBuf]) -> Result<BTreeMap<(String, String), Row>, String> {
    let mut all = BTreeMap::new();
    for folder in folders {
        let records = read_records(&RunFolder::at(folder).records()).map_err(|e| e.to_string())?;
        let here = machine();
        let of = &records.run.provenance;
        let there = format!("{}, {} processors", of.cpu.trim(), of.cores);
        if here != there {
            tell!(
                "warning: {}: was run on another machine, {there}; this one is {here}",
                folder.display()
            );
        }
        for row in rows(&records) {
            let key = (records.run.experiment.clone(), row.cell.id.clone());
            all.insert(key, row);
        }
    }
    Ok(all)
}

/// A cell that was planned and run.
struct Compared {
    id: String,
    /// Milliseconds of encryption, evaluation and decryption.
    planned: f64,
    measured: f64,
    /// Whether the bytes that crossed are those that were planned; `None` where none were.
    bytes: Option<bool>,
}

fn compare(
    experiment: &str,
    told: &[Told],
    measured: &BTreeMap<(String, String), Row>,
) -> Vec<Compared> {
    let cells = told.iter().filter_map(|(plan, answer)| {
        let takes = answer.as_ref().ok()?.as_ref()?;
        let key = (experiment.to_owned(), plan.cell.id.clone());
        let row = measured.get(&key)?.measured.as_ref()?;
        let planned = (takes.upload_bytes, takes.download_bytes);
        let crossed = (row.traffic.upload_bytes, row.traffic.download_bytes);
        Some(Compared {
            id: format!("{experiment}/{}", plan.cell.id),
            planned: ms(takes.end_to_end_ns()),
            measured: row.total.median(Clock::Wall),
            bytes: match planned {
                (Some(up), Some(down)) => Some((up, down) == crossed),
                _ => None,
            },
        })
    });
    cells.collect()
}

/// How far off the plan was.
fn show_errors(compared: &[Compared]) {
    let mut lines = vec![["cell", "planned", "measured", "ratio", "bytes"].map(String::from)];
    let mut errors = Vec::new();
    for cell in compared {
        let ratio = cell.planned / cell.measured;
        errors.push((ratio - 1.0).abs());
        lines.push([
            printable::cut(&cell.id, 44).into_owned(),
            duration(cell.planned),
            duration(cell.measured),
            format!("{ratio:.2}"),
            match cell.bytes {
                Some(true) => "exact".into(),
                Some(false) => "differ".into(),
                None => "not told".into(),
            },
        ]);
    }
    aligned(&lines);
    if errors.is_empty() {
        say!("  no cell of these runs was planned");
        return;
    }
    errors.sort_by(f64::total_cmp);
    let within = |most: f64| errors.iter().filter(|e| **e <= most).count();
    say!(
        "\n  encrypt + evaluate + decrypt of {} cells: half within {:.0} %, {} within 10 %, {} within 25 %",
        errors.len(),
        100.0 * errors[(errors.len() - 1) / 2],
        within(0.10),
        within(0.25),
    );
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
