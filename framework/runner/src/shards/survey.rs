//! Where the cells of a plan stand, by its shards alone.

use hexperiment_experiment::merge::tries;
use hexperiment_experiment::record::Status;

use super::plan::PlanFolder;
use super::written::{find, read};

/// Where a cell stands, by the try of it that counts.
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
}

impl CellState {
    /// Of a cell that no shard has.
    pub(crate) const UNKNOWN: Self = Self {
        status: Status::Missing,
        reason: String::new(),
        is_begun: false,
        node: None,
    };
}

/// Where each cell stands, by its number, and what is to be told of files.
pub(crate) fn survey(folder: &PlanFolder) -> Result<(Vec<CellState>, Vec<String>), String> {
    let (files, mut told) = find(&folder.path)?;
    let shards = read(&files, folder)?;
    told.extend(shards.told);
    let mut states = Vec::with_capacity(folder.plan.cells.len());
    for place in 0..folder.plan.experiments.len() {
        for tries in tries(folder.planned(place), &shards.all) {
            states.push(tries.first().map_or(CellState::UNKNOWN, |(shard, one)| {
                let (status, reason) = match &one.end {
                    Some((status, reason)) => (*status, reason.clone()),
                    None if one.is_complete => (Status::Ok, String::new()),
                    None => (Status::Missing, String::new()),
                };
                CellState {
                    status,
                    reason,
                    is_begun: true,
                    node: shard.of().environment.node.clone(),
                }
            }));
        }
    }
    Ok((states, told))
}
