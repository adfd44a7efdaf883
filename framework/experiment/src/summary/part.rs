//! The cells that a row is made of: of several seeds, one for each.

use std::collections::HashMap;

use crate::record::{Cell, Repetition, Setup, Status, Stopped};
use crate::summary::Records;

/// The records of each cell, by its id: those of all cells are gone through once, not for each row.
pub(super) struct ByCell<'a> {
    records: &'a Records,
    repetitions: HashMap<&'a str, Vec<&'a Repetition>>,
    stopped: HashMap<&'a str, &'a Stopped>,
}

impl<'a> ByCell<'a> {
    pub(super) fn of(records: &'a Records) -> Self {
        let mut repetitions: HashMap<&str, Vec<&Repetition>> = HashMap::new();
        for repetition in &records.repetitions {
            let of_cell = repetitions.entry(repetition.cell.as_str());
            of_cell.or_default().push(repetition);
        }
        // The first counts, should there be two.
        let stopped = records.stopped.iter().rev();
        Self {
            records,
            repetitions,
            stopped: stopped.map(|s| (s.cell.as_str(), s)).collect(),
        }
    }
}

/// A cell of a row, and how it ended.
pub(super) struct Part<'a> {
    pub(super) cell: &'a Cell,
    /// What its rounds and processes are counted from in the row.
    pub(super) first_round: u32,
    pub(super) first_process: u32,
    pub(super) repetitions: Vec<&'a Repetition>,
    /// By process.
    pub(super) setups: Vec<&'a Setup>,
    pub(super) status: Status,
    pub(super) reason: String,
}

impl<'a> Part<'a> {
    /// The cell with this place in its row.
    pub(super) fn of(by_cell: &mut ByCell<'a>, cell: &'a Cell, place: u32) -> Self {
        let records = by_cell.records;
        let run = &records.run;
        // No cell is there twice.
        let repetitions = by_cell.repetitions.remove(cell.id.as_str());
        let repetitions = repetitions.unwrap_or_default();
        let setups = records.setups.get(&cell.id);
        let stopped = by_cell.stopped.get(cell.id.as_str()).copied();
        // A run that is killed after a wrong result is recorded does not record the cell's end.
        let wrong = repetitions.iter().find_map(|r| r.errors.violation.as_ref());
        let wanted = run.repetitions().unwrap_or(1).max(1);
        let (status, reason) = match (stopped, wrong) {
            (Some(stopped), _) => (stopped.status, stopped.reason.clone()),
            (None, Some(violation)) => (Status::Failed, violation.to_string()),
            (None, None) if repetitions.len() >= wanted as usize => (Status::Ok, String::new()),
            (None, None) => (
                Status::Missing,
                match run.merged {
                    None => format!(
                        "the run was interrupted: {} of {wanted} repetitions are there; `--resume` goes on",
                        repetitions.len()
                    ),
                    Some(_) => format!(
                        "{} of {wanted} repetitions are in the shards; `run --cells` runs the cell again",
                        repetitions.len()
                    ),
                },
            ),
        };
        Self {
            cell,
            first_round: place.saturating_mul(wanted),
            first_process: place.saturating_mul(run.processes()),
            repetitions,
            setups: setups.map_or(vec![], |of| of.values().collect()),
            status,
            reason,
        }
    }

    /// Samples that each repetition encrypted; `None` without repetitions. Older records know the
    /// samples only that were scored.
    pub(super) fn samples(&self) -> Option<usize> {
        let scored = self.repetitions.first()?.quality.samples;
        let stated = self.setups.last().map_or(0, |s| s.samples as usize);
        Some(if stated > 0 { stated } else { scored })
    }
}

/// How a row ended, and why: as its cell did, or as the first of its cells that did not end well. One
/// that is missing tells less than one that failed, and one that was refused less than both.
pub(super) fn end(parts: &[Part<'_>]) -> (Status, String) {
    let not_ok = parts.iter().filter(|part| part.status != Status::Ok);
    let told = |part: &&Part<'_>| match part.status {
        Status::Refused => 2,
        Status::Missing => 1,
        _ => 0,
    };
    let Some(worst) = not_ok.min_by_key(told) else {
        return (Status::Ok, String::new());
    };
    let same = |part: &Part<'_>| (part.status, &part.reason) == (worst.status, &worst.reason);
    let reason = match worst.cell.seed {
        Some(seed) if !parts.iter().all(same) => {
            let well = parts.iter().filter(|p| p.status == Status::Ok).count();
            format!(
                "at seed {seed}: {} ({well} of {} seeds are ok)",
                worst.reason,
                parts.len()
            )
        }
        _ => worst.reason.clone(),
    };
    (worst.status, reason)
}
