//! Processes of this program that are asked about cells.

use std::ffi::OsString;
use std::time::Duration;

use hexperiment_experiment::record::Status;
use hexperiment_experiment::{CellPlan, Experiment};

use crate::plugins;
use crate::process::{CellProcess, End};
use crate::protocol::{Estimate, Examine, FromCell, Takes, ToCell, View};

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
    pub(super) warnings: Vec<String>,
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
