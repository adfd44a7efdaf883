//! Where each cell of a plan stands, from what its shards hold and what the scheduler knows of its job.

#[cfg(test)]
mod tests;

use hexperiment_experiment::record::Status;

use super::slurm::{State, Task};
use crate::shards::survey::CellState;

/// Where a cell stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Standing {
    /// As its records, or the end of its job, say.
    Is(Status),
    Running,
    Pending,
    Preempted,
    Cancelled,
}

impl Standing {
    /// All of them, in the order in which they are told.
    pub(super) const ALL: [Self; 10] = [
        Self::Is(Status::Ok),
        Self::Is(Status::Refused),
        Self::Running,
        Self::Pending,
        Self::Is(Status::Failed),
        Self::Is(Status::Crashed),
        Self::Preempted,
        Self::Is(Status::Timeout),
        Self::Cancelled,
        Self::Is(Status::Missing),
    ];

    /// As a word.
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Is(Status::Ok) => "done",
            Self::Is(Status::Refused) => "refused",
            Self::Is(Status::Failed) => "failed",
            Self::Is(Status::Crashed) => "crashed",
            Self::Is(Status::Timeout) => "timed out",
            Self::Is(Status::Missing) => "missing",
            Self::Running => "running",
            Self::Pending => "pending",
            Self::Preempted => "preempted",
            Self::Cancelled => "cancelled",
        }
    }

    /// Its place in [`Self::ALL`].
    pub(super) fn place(self) -> usize {
        let place = Self::ALL.iter().position(|standing| *standing == self);
        place.unwrap_or(Self::ALL.len())
    }

    /// Whether it ended, and has no result.
    pub(super) fn is_lost(self) -> bool {
        !matches!(
            self,
            Self::Is(Status::Ok | Status::Refused) | Self::Running | Self::Pending
        )
    }
}

/// The signal by which Slurm ends a job whose output it cannot open.
const UNWRITABLE: u32 = 53;

/// What the scheduler knows of a cell's last job.
#[derive(Clone, Copy, Debug)]
pub(super) enum Job<'a> {
    /// It was never submitted.
    None,
    /// Its job is not known any more, or not asked for.
    Unknown,
    Known(&'a Task),
}

/// A cell's standing and, where it is lost, why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Told {
    pub(super) standing: Standing,
    pub(super) why: String,
}

/// The place where a job ran, behind what happened to it.
fn on(node: &str) -> String {
    if node.is_empty() {
        String::new()
    } else {
        format!(" (node {node})")
    }
}

impl Told {
    fn new(standing: Standing, why: impl Into<String>) -> Self {
        Self {
            standing,
            why: why.into(),
        }
    }

    /// Of what its shards hold, of its last job, and of the last words that this job wrote.
    pub(super) fn of(held: &CellState, job: Job<'_>, words: impl Fn() -> Option<String>) -> Self {
        // A result counts, whatever became of its job afterwards.
        if matches!(held.status, Status::Ok | Status::Refused) {
            return Self::new(Standing::Is(held.status), "");
        }
        let task = match job {
            Job::Known(task) => Some(task),
            Job::None | Job::Unknown => None,
        };
        if let Some(told) = task.and_then(Self::by_scheduler) {
            return told;
        }
        match (held.status, task) {
            (Status::Missing, Some(task)) => Self::by_end(held, task, &words),
            (Status::Missing, None) => Self::without_job(held, job, &words),
            (status, _) => {
                let at = on(held.node.as_deref().unwrap_or_default());
                Self::new(Standing::Is(status), format!("{}{at}", held.reason))
            }
        }
    }

    /// What the scheduler alone decides: whether a job waits or runs, and that it took one away, which is then the reason for what the
    /// shard says.
    fn by_scheduler(task: &Task) -> Option<Self> {
        let at = on(&task.node);
        let (standing, why) = match task.state {
            State::Pending => (Standing::Pending, String::new()),
            State::Running => (Standing::Running, String::new()),
            State::Preempted => (Standing::Preempted, format!("its job had to make way{at}")),
            State::NodeLost => (
                Standing::Is(Status::Failed),
                format!("its node was lost{at}"),
            ),
            State::OutOfMemory => {
                let why = format!("its job took more memory than it asked for{at}");
                (Standing::Is(Status::Failed), why)
            }
            State::Cancelled => (Standing::Cancelled, format!("its job was cancelled{at}")),
            State::Completed | State::Failed | State::TimedOut => return None,
        };
        Some(Self::new(standing, why))
    }

    /// Of a job that ended, and no shard says how its cell did.
    fn by_end(held: &CellState, task: &Task, words: &impl Fn() -> Option<String>) -> Self {
        let at = on(&task.node);
        let partly = if held.is_begun { ", in its midst" } else { "" };
        match task.state {
            State::TimedOut => {
                let why = format!("the time of its job was over{partly}{at}");
                return Self::new(Standing::Is(Status::Timeout), why);
            }
            State::Completed => {
                let why = format!(
                    "its job ended well, and no shard of it is here yet{at}; is the folder shared?"
                );
                return Self::new(Standing::Is(Status::Missing), why);
            }
            _ => {}
        }
        let why = match (words(), task.exit) {
            (Some(words), _) => format!("{words}{at}"),
            (None, Some((0, UNWRITABLE))) => format!(
                "the node cannot write to the folder of the plan{at}; is it shared, and may it be written there?"
            ),
            (None, Some((0, signal @ 1..))) => {
                format!("its job was ended by signal {signal}{partly}{at}")
            }
            (None, Some((code, _))) => format!("its job ended with code {code}{partly}{at}"),
            (None, None) => format!("its job ended badly{partly}{at}"),
        };
        Self::new(Standing::Is(Status::Failed), why)
    }

    /// Of a cell whose job nobody knows.
    fn without_job(held: &CellState, job: Job<'_>, words: &impl Fn() -> Option<String>) -> Self {
        if let Some(words) = words() {
            return Self::new(Standing::Is(Status::Failed), words);
        }
        let held = if held.is_begun {
            "its shard is not finished"
        } else {
            "no shard has it"
        };
        let asked = match job {
            Job::None => "",
            _ => ", and the scheduler knows no job of it",
        };
        Self::new(Standing::Is(Status::Missing), format!("{held}{asked}"))
    }
}
