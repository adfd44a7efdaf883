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

impl Told {
    /// Of what its shards hold, of its last job, and of the last words that this job wrote.
    pub(super) fn of(held: &Held, job: Job<'_>, words: impl Fn() -> Option<String>) -> Self {
        use Standing::{
            Cancelled, Done, Failed, Missing, Pending, Preempted, Refused, Running, TimedOut,
        };

        let told = |standing, why: String| Self { standing, why };
        let on = |node: &str| {
            if node.is_empty() {
                String::new()
            } else {
                format!(" (node {node})")
            }
        };
        let quiet = |standing| told(standing, String::new());
        // A result counts, whatever became of its job afterwards.
        match held {
            Held::Ended {
                status: Status::Ok, ..
            } => return quiet(Done),
            Held::Ended {
                status: Status::Refused,
                ..
            } => return quiet(Refused),
            _ => {}
        }
        let task = match job {
            Job::Known(task) => Some(task),
            Job::None | Job::Unknown => None,
        };
        match task.map(|task| task.state) {
            Some(State::Pending) => return quiet(Pending),
            Some(State::Running) => return quiet(Running),
            _ => {}
        }
        // What the scheduler says of how it took the job away is the reason for what the shard says.
        if let Some(Task { state, node, .. }) = task {
            let at = on(node);
            match state {
                State::Preempted => return told(Preempted, format!("its job had to make way{at}")),
                State::NodeLost => return told(Failed, format!("its node was lost{at}")),
                State::OutOfMemory => {
                    return told(
                        Failed,
                        format!("its job took more memory than it asked for{at}"),
                    );
                }
                State::Cancelled => return told(Cancelled, format!("its job was cancelled{at}")),
                _ => {}
            }
        }
        if let Held::Ended {
            status,
            reason,
            node,
            ..
        } = held
        {
            let standing = if *status == Status::Timeout {
                TimedOut
            } else {
                Failed
            };
            return told(
                standing,
                format!("{reason}{}", on(node.as_deref().unwrap_or_default())),
            );
        }
        let partly = match held {
            Held::Part => ", in its midst",
            _ => "",
        };
        let Some(Task { state, node, exit }) = task else {
            let held = if partly.is_empty() {
                "no shard has it"
            } else {
                "its shard is not finished"
            };
            return match (job, words()) {
                (_, Some(words)) => told(Failed, words),
                (Job::None, None) => told(Missing, held.into()),
                (_, None) => told(
                    Missing,
                    format!("{held}, and the scheduler knows no job of it"),
                ),
            };
        };
        let at = on(node);
        match state {
            State::TimedOut => told(
                TimedOut,
                format!("the time of its job was over{partly}{at}"),
            ),
            State::Completed => told(
                Missing,
                format!(
                    "its job ended well, and no shard of it is here yet{at}; is the folder shared?"
                ),
            ),
            _ => {
                // Slurm's own end of a job whose output it cannot open.
                let unwritten = (*exit == Some((0, UNWRITABLE))).then(|| {
                    format!("the node cannot write to the folder of the plan{at}; is it shared, and may it be written there?")
                });
                let said = words().map(|words| format!("{words}{at}"));
                let ended = || match exit {
                    Some((0, signal @ 1..)) => {
                        format!("its job was ended by signal {signal}{partly}{at}")
                    }
                    Some((code, _)) => format!("its job ended with code {code}{partly}{at}"),
                    None => format!("its job ended badly{partly}{at}"),
                };
                told(Failed, said.or(unwritten).unwrap_or_else(ended))
            }
        }
    }
}
