//! `explain` and `check`: all that happens before a key is made.

use std::collections::HashMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use hexperiment_diagnostics::{Complaint, printable};
use hexperiment_experiment::record::{Cell, Status};
use hexperiment_experiment::{CellPlan, Experiment, Setting};
use hexperiment_scheme::security::{Protection, Security};

use crate::calibration::{Fill, usual_table};
use crate::estimate::{Total, about};
use crate::input::{Loaded, check_input};
use crate::out::{say, tell};
use crate::own_memory::give_memory_back;
use crate::plugins;
use crate::process::{CellProcess, End};
use crate::protocol::{Estimate, Examine, FromCell, Takes, ToCell, View};

/// How long cells are examined with an estimate of their time; those beyond are examined without.
const ESTIMATING: Duration = Duration::from_mins(1);

/// The same where there are [`MANY`] cells or more, which are to be checked in seconds; `plan` tells what they cost.
const ESTIMATING_MANY: Duration = Duration::from_secs(2);

/// Cells that are many.
const MANY: usize = 1000;

/// Time for the estimate of one cell: a key of unusual size takes longer to make.
const ESTIMATING_ONE: Duration = Duration::from_secs(20);

/// The cells of an experiment, or the one called `only`.
pub(crate) fn cells(experiment: &Experiment, only: Option<&str>) -> Result<Vec<CellPlan>, String> {
    let cells = experiment.cells();
    let Some(only) = only else {
        return Ok(cells.to_vec());
    };
    let ids: Vec<String> = cells.iter().map(|c| c.cell.id.clone()).collect();
    let chosen: Vec<CellPlan> = cells
        .iter()
        .filter(|c| [c.cell.id.as_str(), c.cell.row(), &c.cell.label].contains(&only))
        .cloned()
        .collect();
    if chosen.is_empty() {
        let problem = format!("there is no cell `{only}`");
        // Whole, so that they can be copied.
        let shown: Vec<_> = ids
            .iter()
            .take(40)
            .map(|id| printable::cut(id, 500))
            .collect();
        let known = match ids.len() - shown.len() {
            0 => shown.join(", "),
            more => format!("{} and {more} more", shown.join(", ")),
        };
        let complaint = Complaint::new(experiment.file(), problem);
        return Err(complaint.help(format!("cells: {known}")).to_string());
    }
    Ok(chosen)
}

/// Prints what each cell would do.
pub(crate) fn explain(files: &[PathBuf], only: Option<&str>, settings: &[Setting]) -> ExitCode {
    each(files, only, settings, View::Explain, false)
}

/// How the words about a cell begin with which nothing is wrong.
pub(crate) const FINE: &str = "fine";

/// The level in words: 0 bits would sound like a weak encryption.
pub(crate) fn level(security: &Security) -> String {
    match security.protection() {
        Protection::None => "not encrypted".into(),
        Protection::TransportOnly => format!("{} bits in transport only", security.bits()),
        Protection::Encrypted => format!("{} bits", security.bits()),
    }
}

/// Checks each cell, and tells how long it takes if `estimate`.
pub(crate) fn check(files: &[PathBuf], settings: &[Setting], estimate: bool) -> ExitCode {
    each(files, None, settings, View::Check, estimate)
}

fn each(
    files: &[PathBuf],
    only: Option<&str>,
    settings: &[Setting],
    view: View,
    estimate: bool,
) -> ExitCode {
    let mut fine = true;
    for file in files {
        match one(file, only, settings, view, estimate) {
            Ok(all) => fine &= all,
            Err(problem) => {
                tell!("error: {problem}");
                fine = false;
            }
        }
    }
    if fine {
        ExitCode::SUCCESS
    } else {
        ExitCode::from(crate::BAD_INPUT)
    }
}

fn one(
    file: &Path,
    only: Option<&str>,
    settings: &[Setting],
    view: View,
    estimate: bool,
) -> Result<bool, String> {
    let experiment = Experiment::load_with(file, settings).map_err(|e| e.to_string())?;
    let question = printable::cut(experiment.question(), 500);
    say!("{}: {question}", file.display());
    let plans = cells(&experiment, only)?;
    let is_many = plans.len() >= MANY;
    let check_input = || {
        let checked = check_input(&experiment, &plans, &mut Loaded::default());
        give_memory_back();
        checked.map_err(|e| e.to_string())
    };
    // Each task is prepared for that once more. Of many, it is looked who is to blame once one cannot be.
    let mut is_sound = !is_many;
    if is_sound {
        check_input()?;
    }
    let mut examiner = Examiner::new(&experiment, view);
    let mut total = estimate.then(|| Total::new(experiment.run()));
    let (mut fine, mut any) = (true, false);
    let estimating = if is_many { ESTIMATING_MANY } else { ESTIMATING };
    // What cells take that differ by their seeds alone is the same, and so is what is to be said of their outputs.
    let mut known: HashMap<String, (Option<Takes>, Vec<String>)> = HashMap::new();
    let began = Instant::now();
    let how = Estimate {
        table: usual_table(),
        fill: Fill::Now,
    };
    for plan in &plans {
        let answer = examiner.ask(plan);
        if !is_sound && matches!(answer, Ok(FromCell::Failed { .. })) {
            check_input()?;
            is_sound = true;
        }
        let mut takes = None;
        let mut warnings = vec![];
        if let (Some(total), Ok(FromCell::Examined { .. })) = (&mut total, &answer) {
            any = true;
            let row = plan.cell.row();
            let (estimate, of_row) = known.entry(row.to_owned()).or_insert_with(|| {
                let left = estimating.saturating_sub(began.elapsed());
                let estimate = examiner.estimate(&how, left.min(ESTIMATING_ONE));
                (estimate, std::mem::take(&mut examiner.warnings))
            });
            takes = total.add(*estimate);
            warnings.clone_from(of_row);
        }
        let time = match (takes, estimate) {
            (Some(time), _) => Some(about(time)),
            (None, true) => Some("how long is not known".into()),
            (None, false) => None,
        };
        fine &= show(plan, view, answer, (time, warnings.is_empty()));
        for warning in warnings {
            say!("    warning: {warning}");
        }
        let limit = experiment.run().time_limit;
        if takes.is_some_and(|time| time > limit) {
            let limit = humantime::format_duration(limit);
            say!("    warning: `time_limit` in [run] gives a cell {limit}");
        }
    }
    if let (Some(total), true) = (&total, any) {
        say!("  {}", total.in_all());
    }
    Ok(fine)
}

/// Prints what became of a cell; whether it is well.
fn show(
    plan: &CellPlan,
    view: View,
    answer: Result<FromCell, End>,
    (time, is_fine): (Option<String>, bool),
) -> bool {
    let Cell {
        id,
        task,
        scheme,
        dataset,
        ..
    } = &plan.cell;
    let (short, long) = match &answer {
        Ok(FromCell::Examined { words }) => {
            let time = time.map_or(String::new(), |time| format!(", {time}"));
            let short = match words.strip_prefix(FINE) {
                Some(rest) if !is_fine => format!("runs, but is imprecise{rest}{time}"),
                _ => format!("{words}{time}"),
            };
            (short, words.clone())
        }
        Ok(FromCell::Refused { reason }) => {
            (format!("refuses; {reason}"), format!("refused: {reason}"))
        }
        Ok(FromCell::Failed { reason }) => ("fails".into(), format!("failed: {reason}")),
        Ok(_) => ("fails".into(), "failed".into()),
        Err(End { status, reason, .. }) => {
            (format!("ends ({status})"), format!("{status}: {reason}"))
        }
    };
    match view {
        View::Check | View::Plan => say!("  {id}: {short}"),
        View::Explain => say!("== {id} ({task} on {scheme}, data {dataset})\n{long}\n"),
    }
    let problem = match answer {
        Ok(FromCell::Examined { .. } | FromCell::Refused { .. }) => return true,
        Ok(FromCell::Failed { reason }) => reason,
        Ok(_) => "the process answered out of turn".into(),
        Err(end) => end.reason,
    };
    tell!("error: {id}: {problem}");
    false
}

/// Asks a process of this program about one cell after the other: whatever a library does there,
/// this process goes on. Data are read once, as long as the process lives.
pub(crate) struct Examiner {
    /// Time for each cell.
    limit: Duration,
    /// Memory of each cell when it is run, in bytes.
    memory_limit: Option<u64>,
    view: View,
    /// Why the table of what was measured could not be kept.
    pub(crate) unwritten: Option<String>,
    /// Outputs that approximation makes useless, of the cell that was asked about last.
    warnings: Vec<String>,
    /// The process, and the libraries that it has loaded.
    process: Option<(OsString, CellProcess)>,
}

impl Examiner {
    pub(crate) fn new(experiment: &Experiment, view: View) -> Self {
        Self {
            limit: experiment.run().time_limit,
            // What is planned may be for another machine.
            memory_limit: experiment.run().memory_limit.filter(|_| view != View::Plan),
            view,
            unwritten: None,
            warnings: vec![],
            process: None,
        }
    }

    pub(crate) fn ask(&mut self, plan: &CellPlan) -> Result<FromCell, End> {
        let (_, libraries) = plugins::environment(&plan.cell.scheme);
        let (loaded, mut process) = match self.process.take() {
            Some((loaded, process)) if loaded == libraries => (loaded, process),
            other => {
                // One at a time, as each has data in memory.
                drop(other);
                let process = CellProcess::start(&plan.cell.scheme, self.limit, None);
                let process = process.map_err(|e| End {
                    status: Status::Crashed,
                    reason: format!("its process cannot be started: {e}"),
                    signal: None,
                })?;
                (libraries, process)
            }
        };
        process.renew();
        let answer = process.ask(&ToCell::Examine(Box::new(Examine {
            plan: plan.clone(),
            memory_limit: self.memory_limit,
            view: self.view,
        })))?;
        self.process = Some((loaded, process));
        Ok(answer)
    }

    /// What the cell takes that was asked about last, if that is found in time.
    pub(crate) fn estimate(&mut self, how: &Estimate, time: Duration) -> Option<Takes> {
        self.warnings.clear();
        if time.is_zero() {
            return None;
        }
        let (loaded, mut process) = self.process.take()?;
        process.give(time);
        match process.ask(&ToCell::Estimate(how.clone())) {
            Ok(FromCell::Estimated {
                takes,
                unwritten,
                warnings,
            }) => {
                self.process = Some((loaded, process));
                self.warnings = warnings;
                self.unwritten = unwritten.or(self.unwritten.take());
                takes.map(|takes| *takes)
            }
            // The next cell gets a process of its own.
            Ok(_) | Err(_) => None,
        }
    }
}
