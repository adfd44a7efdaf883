//! One row for each cell: how it ended, what it measured, and what else a table shows.

use std::collections::HashMap;

use super::measured::{Measured, StartUp};
use super::part::{ByCell, Part, end};
use super::places::{Places, Turns};
use super::seeds::MetricIntervals;
use super::{Busy, Records};
use crate::record::{Cell, Repetition, Run, Setup, Status};
use hexperiment_scheme::options::OptionValue;
use hexperiment_scheme::security::{Encryption, Origin, Protection};
use hexperiment_task::ledger::{Metric, Precision};

/// The level below which every table marks a row, whatever was demanded.
const USUAL_BITS: u32 = 128;

/// One cell of a run, or those that differ by their seeds only.
#[derive(Clone, Debug)]
pub struct Row {
    /// The experiment's name.
    pub experiment: String,
    /// When the run began, in UTC (RFC 3339).
    pub started: String,
    /// The cell.
    pub cell: Cell,
    /// How it ended.
    pub status: Status,
    /// Why it did not end well; empty if it did.
    pub reason: String,
    /// The bits of security that were demanded of it.
    pub demanded_bits: u32,
    /// Threads that it had.
    pub threads: usize,
    /// The seed of its split, of its balancing and of the order of cells; the first of several.
    pub seed: u64,
    /// Its parameters and keys, if it came so far: those of its latest process.
    pub setup: Option<Setup>,
    /// What is done once in each process, if it came so far.
    pub start_up: Option<StartUp>,
    /// What its repetitions say, if there is one; of a row that is not `ok`, those before its
    /// end.
    pub measured: Option<Measured>,
    /// Why its times are not those of a quiet machine, if they are not.
    pub busy: Option<Busy>,
    /// Where its cells ran.
    pub places: Places,
}

/// One row for each cell, or for all cells that differ by their seeds only, in the run's order.
pub fn rows(records: &Records) -> Vec<Row> {
    let mut places: HashMap<&str, usize> = HashMap::new();
    let mut groups: Vec<Vec<&Cell>> = Vec::new();
    for cell in &records.run.cells {
        let place = *places.entry(cell.row()).or_insert(groups.len());
        match groups.get_mut(place) {
            Some(group) => group.push(cell),
            None => groups.push(vec![cell]),
        }
    }
    let (mut by_cell, turns) = (ByCell::of(records), Turns::of(records));
    let mut rows = Vec::with_capacity(groups.len());
    for cells in groups {
        let parts = (0..).zip(&cells);
        let parts = parts.map(|(place, cell)| Part::of(&mut by_cell, cell, place));
        let parts: Vec<Part<'_>> = parts.collect();
        rows.push(row(&records.run, &cells, &parts, &turns));
    }
    rows
}

fn row(run: &Run, cells: &[&Cell], parts: &[Part<'_>], turns: &Turns<'_>) -> Row {
    let places = turns.places(cells);
    // Every row has a cell.
    let cell = Cell {
        id: cells[0].row().to_owned(),
        seed: None,
        ..cells[0].clone()
    };
    let setting = |key: &str| setting(run, &cell, key);
    let (status, reason) = end(parts);
    let threads = setting("threads").map_or(run.provenance.threads, |n| n as usize);
    let seed = cells[0].seed.or_else(|| setting("seed")).unwrap_or(0);
    let demanded =
        setting("security_bits").map_or(USUAL_BITS, |n| n.try_into().unwrap_or(u32::MAX));
    let setups: Vec<&Setup> = parts
        .iter()
        .flat_map(|p| p.setups.iter().copied())
        .collect();
    // The weakest, where data of another seed ask for other parameters.
    let latest = parts.iter().filter_map(|part| part.setups.last());
    let setup = latest.min_by_key(|setup| setup.parameters.security.bits());
    let repetitions: Vec<&Repetition> = parts
        .iter()
        .flat_map(|p| p.repetitions.iter().copied())
        .collect();
    let processors = places.environments.iter().map(|e| e.usable).min();
    let processors = processors.filter(|_| run.merged.is_some());
    Row {
        experiment: run.experiment.clone(),
        started: run.started.clone(),
        status,
        reason,
        demanded_bits: demanded,
        threads,
        seed,
        setup: setup.map(|setup| (*setup).clone()),
        start_up: StartUp::of(&setups),
        measured: Measured::of(parts),
        busy: Busy::of(
            &repetitions,
            turns.occupied(cells),
            threads,
            processors.unwrap_or(run.provenance.cores),
        ),
        places,
        cell,
    }
}

/// A whole number of the section `[run]`, as this cell has it.
fn setting(run: &Run, cell: &Cell, key: &str) -> Option<u64> {
    match cell.point.get(&format!("run.{key}")) {
        Some(OptionValue::Integer(n)) => u64::try_from(*n).ok(),
        _ => run.setting(key).as_u64(),
    }
}

impl Row {
    /// What words call it: the cell's id, which tells its matrix point too.
    pub fn name(&self) -> &str {
        &self.cell.id
    }

    /// How it is protected, if it came so far.
    pub fn protection(&self) -> Option<Protection> {
        self.setup
            .as_ref()
            .map(|s| s.parameters.security.protection())
    }

    /// Whose key encrypts its inputs, where one does and that is known.
    pub fn encryption(&self) -> Option<Encryption> {
        self.setup.as_ref().and_then(|s| s.parameters.encryption)
    }

    /// Its security in bits, if it came so far.
    pub fn security_bits(&self) -> Option<u32> {
        self.setup.as_ref().map(|s| s.parameters.security.bits())
    }

    /// Whether it claims protection, but less than was demanded or than is usual (128 bits).
    pub fn insecure(&self) -> bool {
        let wanted = self.demanded_bits.max(USUAL_BITS);
        let weak = self.security_bits().is_some_and(|bits| bits < wanted);
        weak && self.protection() != Some(Protection::None)
    }

    /// Whether its level of security is the word of a plugin from outside, at which nobody here has
    /// looked.
    pub fn level_is_stated(&self) -> bool {
        let setup = self.setup.as_ref();
        setup.is_some_and(|s| s.parameters.security.origin() == Origin::Reported)
    }

    /// The precision that its results miss; `None` where they are as near as the task wants, or
    /// nobody looked.
    pub fn imprecise(&self) -> Option<&Precision> {
        let precision = self.measured.as_ref()?.errors.precision.as_ref()?;
        (!precision.is_met()).then_some(precision)
    }

    /// Whether it was measured and no set-up is in the records, as where a line was lost: how it is protected is not known,
    /// and it is ranked with no other row.
    pub fn lacks_setup(&self) -> bool {
        self.setup.is_none() && self.measured.is_some()
    }

    /// The task's headline.
    pub fn headline(&self) -> Option<&Metric> {
        self.measured.as_ref()?.metrics.first()
    }

    /// The intervals of a metric's means over seeds; none of one seed.
    pub fn intervals(&self, name: &str) -> MetricIntervals {
        let of = |m: &Measured| m.intervals.get(name).copied();
        self.measured.as_ref().and_then(of).unwrap_or_default()
    }

    /// A metric.
    pub fn metric(&self, name: &str) -> Option<&Metric> {
        self.measured
            .as_ref()?
            .metrics
            .iter()
            .find(|m| m.name == name)
    }
}
