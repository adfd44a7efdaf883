//! `explain` and `check`: all that happens before a key is made.

mod answers;
mod examiner;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use hexperiment_diagnostics::{Complaint, printable};
use hexperiment_experiment::record::Cell;
use hexperiment_experiment::{CellPlan, Experiment, Setting};
use hexperiment_scheme::security::{Protection, Security};

use crate::calibration::{Fill, usual_table};
use crate::estimate::{Total, about};
use crate::input::{Loaded, check_input};
use crate::out::{say, tell};
use crate::own_memory::give_memory_back;
use crate::process::End;
use crate::protocol::{Estimate, FromCell, View};
use answers::{Answer, Answers, MANY};
pub(crate) use examiner::Examiner;

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
    let mut total = estimate.then(|| Total::new(experiment.run()));
    let (mut fine, mut any) = (true, false);
    let how = Estimate {
        table: usual_table(),
        fill: Fill::Now,
    };
    let answers = Answers::new(&experiment, view, estimate.then_some(&how));
    answers.each(&plans, |plan, answer| {
        let Answer {
            said,
            takes,
            warnings,
        } = answer;
        if !is_sound && matches!(said, Ok(FromCell::Failed { .. })) {
            check_input()?;
            is_sound = true;
        }
        let mut time = None;
        if let (Some(total), Ok(FromCell::Examined { .. })) = (&mut total, &said) {
            any = true;
            time = total.add(takes);
        }
        let words = match (time, estimate) {
            (Some(time), _) => Some(about(time)),
            (None, true) => Some("how long is not known".into()),
            (None, false) => None,
        };
        fine &= show(plan, view, said, (words, warnings.is_empty()));
        for warning in warnings {
            say!("    warning: {warning}");
        }
        let limit = experiment.run().time_limit;
        if time.is_some_and(|time| time > limit) {
            let limit = humantime::format_duration(limit);
            say!("    warning: `time_limit` in [run] gives a cell {limit}");
        }
        Ok(())
    })?;
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
