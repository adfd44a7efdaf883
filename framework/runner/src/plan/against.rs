//! How far off a plan is from runs of the same experiment.

use std::collections::BTreeMap;

use hexperiment_diagnostics::printable;
use hexperiment_experiment::record::Clock;
use hexperiment_experiment::summary::Row;
use hexperiment_reports::duration;

use super::{Told, aligned, ms};
use crate::calibration::{machine, machine_of};
use crate::out::{say, tell};
use crate::report::Read;

/// The rows of runs, by experiment and cell.
pub(super) fn runs(all: Vec<Read>) -> BTreeMap<(String, String), Row> {
    let here = machine();
    let mut found = BTreeMap::new();
    for read in all {
        let run = &read.records.run;
        let there = machine_of(&run.provenance);
        if here != there {
            tell!(
                "warning: {}: was run on another machine, {there}; this one is {here}",
                read.name()
            );
        }
        for row in &read.rows {
            let key = (run.experiment.clone(), row.cell.id.clone());
            found.insert(key, row.clone());
        }
    }
    found
}

/// A cell that was planned and run.
pub(super) struct Compared {
    id: String,
    /// Milliseconds of encryption, evaluation and decryption.
    planned: f64,
    measured: f64,
    /// Whether the machine was busy while it was measured.
    is_busy: bool,
    /// Whether the bytes that crossed are those that were planned; `None` where none were.
    bytes: Option<bool>,
}

/// The cells of an experiment that were planned, and run.
pub(super) fn compare(
    experiment: &str,
    told: &[Told],
    measured: &BTreeMap<(String, String), Row>,
) -> Vec<Compared> {
    let cells = told.iter().filter_map(|(plan, answer)| {
        let takes = answer.as_ref().ok()?.as_ref()?;
        let key = (experiment.to_owned(), plan.cell.id.clone());
        let run = measured.get(&key)?;
        let row = run.measured.as_ref()?;
        let planned = (takes.upload_bytes, takes.download_bytes);
        let crossed = (row.traffic.upload_bytes, row.traffic.download_bytes);
        Some(Compared {
            id: format!("{experiment}/{}", plan.cell.id),
            planned: ms(takes.end_to_end_ns()),
            measured: row.total.median(Clock::Wall),
            is_busy: run.busy.is_some(),
            bytes: match planned {
                (Some(up), Some(down)) => Some((up, down) == crossed),
                _ => None,
            },
        })
    });
    cells.collect()
}

/// How far off the plan was.
pub(super) fn show_errors(compared: &[Compared]) {
    let mut lines = vec![["cell", "planned", "measured", "ratio", "bytes"].map(String::from)];
    let mut errors = Vec::new();
    for cell in compared {
        let ratio = cell.planned / cell.measured;
        errors.push((ratio - 1.0).abs());
        lines.push([
            printable::cut(&cell.id, 44).into_owned(),
            duration(cell.planned),
            if cell.is_busy {
                format!("!busy {}", duration(cell.measured))
            } else {
                duration(cell.measured)
            },
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
    if compared.iter().any(|cell| cell.is_busy) {
        say!(
            "  !busy: its measured times are not those of a quiet machine, for which it was planned"
        );
    }
}
