//! Where each cell of a plan stands, from what its shards hold and what the scheduler knows of its job.

#[cfg(test)]
mod tests;

use hexperiment_experiment::record::Status;

use super::slurm::{State, Task};

/// What the shards hold of a cell.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Held {
    Nothing,
    /// Some of it, in a shard that is not finished.
    Part,
    Ended {
        status: Status,
        reason: String,
        /// The signal that ended it, where one did.
        signal: Option<String>,
        node: Option<String>,
    },
}

/// Where a cell stands, in the order in which it is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Standing {
    Done,
    /// Its scheme cannot, which is a result.
    Refused,
    Running,
    Pending,
    Failed,
    Preempted,
    TimedOut,
    Cancelled,
    /// Neither shards nor scheduler know of it.
    Missing,
}

impl Standing {
    /// All of them, in order.
    pub(super) const ALL: [Self; 9] = [
        Self::Done,
        Self::Refused,
        Self::Running,
        Self::Pending,
        Self::Failed,
        Self::Preempted,
        Self::TimedOut,
        Self::Cancelled,
        Self::Missing,
    ];

    /// As a word.
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Refused => "refused",
            Self::Running => "running",
            Self::Pending => "pending",
            Self::Failed => "failed",
            Self::Preempted => "preempted",
            Self::TimedOut => "timed out",
            Self::Cancelled => "cancelled",
            Self::Missing => "missing",
        }
    }

    /// Whether it ended, and has no result.
    pub(super) fn is_lost(self) -> bool {
        !matches!(
            self,
            Self::Done | Self::Refused | Self::Running | Self::Pending
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
    pub(super) fn of(held: &Held, job: Job<'_>, words: impl Fn() -> Option<String>) -> Self {
        // A result counts, whatever became of its job afterwards.
        if let Held::Ended { status, .. } = held {
            match status {
                Status::Ok => return Self::new(Standing::Done, ""),
                Status::Refused => return Self::new(Standing::Refused, ""),
                _ => {}
            }
        }
        let task = match job {
            Job::Known(task) => Some(task),
            Job::None | Job::Unknown => None,
        };
        if let Some(told) = task.and_then(Self::by_scheduler) {
            return told;
        }
        match (held, task) {
            (
                Held::Ended {
                    status,
                    reason,
                    node,
                    ..
                },
                _,
            ) => {
                let standing = if *status == Status::Timeout {
                    Standing::TimedOut
                } else {
                    Standing::Failed
                };
                let at = on(node.as_deref().unwrap_or_default());
                Self::new(standing, format!("{reason}{at}"))
            }
            (_, Some(task)) => Self::by_end(held, task, &words),
            (_, None) => Self::without_job(held, job, &words),
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
            State::NodeLost => (Standing::Failed, format!("its node was lost{at}")),
            State::OutOfMemory => {
                let why = format!("its job took more memory than it asked for{at}");
                (Standing::Failed, why)
            }
            State::Cancelled => (Standing::Cancelled, format!("its job was cancelled{at}")),
            State::Completed | State::Failed | State::TimedOut => return None,
        };
        Some(Self::new(standing, why))
    }

    /// Of a job that ended, and no shard says how its cell did.
    fn by_end(held: &Held, task: &Task, words: &impl Fn() -> Option<String>) -> Self {
        let at = on(&task.node);
        let partly = match held {
            Held::Part => ", in its midst",
            _ => "",
        };
        match task.state {
            State::TimedOut => {
                let why = format!("the time of its job was over{partly}{at}");
                return Self::new(Standing::TimedOut, why);
            }
            State::Completed => {
                let why = format!(
                    "its job ended well, and no shard of it is here yet{at}; is the folder shared?"
                );
                return Self::new(Standing::Missing, why);
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
        Self::new(Standing::Failed, why)
    }

    /// Of a cell whose job nobody knows.
    fn without_job(held: &Held, job: Job<'_>, words: &impl Fn() -> Option<String>) -> Self {
        if let Some(words) = words() {
            return Self::new(Standing::Failed, words);
        }
        let held = match held {
            Held::Part => "its shard is not finished",
            _ => "no shard has it",
        };
        let asked = match job {
            Job::None => "",
            _ => ", and the scheduler knows no job of it",
        };
        Self::new(Standing::Missing, format!("{held}{asked}"))
    }
}
