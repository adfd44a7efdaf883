//! Where the cells of a plan stand, by its shards alone.

use hexperiment_experiment::merge::tries;
use hexperiment_experiment::record::Status;

use super::plan::PlanFolder;
use super::written::{find, read};

/// Where a cell stands, by the try of it that counts.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum CellState {
    /// No shard has it.
    Missing,
    /// Some of its repetitions are there, and no end: it is running, or was cut off.
    Partial {
        /// Repetitions that are there.
        repetitions: usize,
        /// Name of the shard.
        shard: String,
        /// Whether the shard's writer came to its end.
        is_finished: bool,
        /// Name of the machine.
        node: Option<String>,
    },
    /// It yields no more.
    Ended {
        /// How it ended: `ok` with all repetitions.
        status: Status,
        /// Signal of a scheduler that ended it.
        signal: Option<String>,
        /// Why, if it did not end well.
        reason: String,
        /// Name of the shard.
        shard: String,
        /// Name of the machine.
        node: Option<String>,
    },
}

/// Where each cell stands, by its number, and what is to be told of files.
pub(crate) fn survey(folder: &PlanFolder) -> Result<(Vec<CellState>, Vec<String>), String> {
    let (files, mut told) = find(&folder.path)?;
    let shards = read(&files, folder)?;
    told.extend(shards.told);
    let mut states = Vec::with_capacity(folder.plan.cells.len());
    for place in 0..folder.plan.experiments.len() {
        for tries in tries(folder.planned(place), &shards.all) {
            states.push(match tries.first() {
                None => CellState::Missing,
                Some((shard, one)) => {
                    let (name, node) =
                        (shard.name().to_owned(), shard.of().environment.node.clone());
                    let (status, reason) = one.end.clone().unwrap_or((Status::Ok, String::new()));
                    if one.end.is_none() && !one.is_complete {
                        CellState::Partial {
                            repetitions: one.repetitions,
                            shard: name,
                            is_finished: shard.finished().is_some(),
                            node,
                        }
                    } else {
                        CellState::Ended {
                            status,
                            signal: one.signal.clone(),
                            reason,
                            shard: name,
                            node,
                        }
                    }
                }
            });
        }
    }
    Ok((states, told))
}
