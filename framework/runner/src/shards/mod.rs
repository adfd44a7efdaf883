//! Cells on many machines: a plan, some of its cells run into a shard of records, and one run made of all shards
//! (`docs/shards.md`). How a cell is executed and how a run is reported is that of `run`.

mod cells;
mod merge;
pub(crate) mod plan;
pub(crate) mod survey;
mod written;

use std::path::Path;
use std::process::ExitCode;

use crate::out::{counted_cells, say};
use crate::run::RunArguments;
use crate::shell::typed;
pub(crate) use cells::run_cells;
pub(crate) use merge::{MergeArguments, merge};
use plan::Plan;

/// `run FILE… --plan-into FOLDER`.
pub(crate) fn plan_into(folder: &Path, arguments: &RunArguments) -> ExitCode {
    let made = arguments
        .settings
        .read()
        .map_err(|e| e.to_string())
        .and_then(|settings| {
            let only = arguments.only.as_deref();
            let reference = arguments.reference_cell.as_deref();
            Plan::make(
                &arguments.files,
                &settings,
                only,
                reference,
                &arguments.runs,
            )
        })
        .and_then(|plan| plan.write(folder).map(|()| plan));
    match made {
        Ok(plan) => {
            let last = plan.cells.len().saturating_sub(1);
            say!(
                "{}, 0 to {last}, written to {}",
                counted_cells(plan.cells.len()),
                folder.join(plan::FILE).display()
            );
            let folder = typed(folder);
            say!(
                "run some of them by `hexperiment run --cells K,… --into {folder}`, then `hexperiment merge {folder}`"
            );
            ExitCode::SUCCESS
        }
        Err(problem) => crate::bad_input(problem),
    }
}
