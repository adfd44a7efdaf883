//! Where the cells of a plan stand, by its shards alone.

#[cfg(test)]
mod tests;

use hexperiment_experiment::merge::{Shard, Try, tries};
use hexperiment_experiment::record::{ShardOf, Status};

use super::plan::PlanFolder;
use super::written::{find, read};

/// Where a cell stands: by its result or, where it has none, by its newest try.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct CellState {
    /// `missing` where not all repetitions are there, and no end: it never ran, is running, or was cut off.
    pub(crate) status: Status,
    /// Why, if it did not end well.
    pub(crate) reason: String,
    /// Whether a shard has something of it.
    pub(crate) is_begun: bool,
    /// Name of the machine.
    pub(crate) node: Option<String>,
    /// When the shard began, in UTC (RFC 3339); empty of a cell that no shard has.
    pub(crate) began: String,
}

impl CellState {
    /// Of a cell that no shard has.
    pub(crate) const UNKNOWN: Self = Self {
        status: Status::Missing,
        reason: String::new(),
        is_begun: false,
        node: None,
        began: String::new(),
    };

    /// Whether it has no result, and what is known of it is of a try before this time, in UTC (RFC 3339), of whole seconds.
    pub(crate) fn is_of_try_before(&self, time: &str) -> bool {
        let has_result = matches!(self.status, Status::Ok | Status::Refused);
        // Of whole seconds, too: what comes behind is no longer than the letter of the zone.
        let second = |text: &str| text.get(..19).map(str::to_owned);
        let began = second(&self.began).zip(second(time));
        !has_result && began.is_some_and(|(began, time)| began < time)
    }

    /// By the tries of a cell, the one first whose records are taken.
    fn of(tries: &[(&Shard<'_>, &Try)]) -> Self {
        let tries: Vec<(&ShardOf, &Try)> = tries.iter().map(|(s, one)| (s.of(), *one)).collect();
        Self::of_tries(&tries)
    }

    fn of_tries(tries: &[(&ShardOf, &Try)]) -> Self {
        let result = tries.first().filter(|(_, one)| one.is_result());
        // What came of an earlier one is not what the cell does now.
        let newest = || tries.iter().rev().max_by_key(|(shard, _)| &shard.began);
        let Some((shard, one)) = result.or_else(newest) else {
            return Self::UNKNOWN;
        };
        let (status, reason) = match &one.end {
            Some((status, reason)) => (*status, reason.clone()),
            None if one.is_complete => (Status::Ok, String::new()),
            None => (Status::Missing, String::new()),
        };
        Self {
            status,
            reason,
            is_begun: true,
            node: shard.environment.node.clone(),
            began: shard.began.clone(),
        }
    }
}

/// Where each cell stands, by its number, and what is to be told of files.
pub(crate) fn survey(folder: &PlanFolder) -> Result<(Vec<CellState>, Vec<String>), String> {
    let (files, mut told) = find(&folder.path)?;
    let shards = read(&files, folder)?;
    told.extend(shards.told);
    let mut states = Vec::with_capacity(folder.plan.cells.len());
    for place in 0..folder.plan.experiments.len() {
        for tries in tries(folder.planned(place), &shards.all) {
            states.push(CellState::of(&tries));
        }
    }
    Ok((states, told))
}
