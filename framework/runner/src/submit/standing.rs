//! Where each cell of a plan stands, from what its shards hold and what the scheduler knows of its job.

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
        !matches!(self, Self::Done | Self::Refused | Self::Running | Self::Pending)
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
        use Standing::{Cancelled, Done, Failed, Missing, Pending, Preempted, Refused, Running, TimedOut};

        let told = |standing, why: String| Self { standing, why };
        let on = |node: &str| if node.is_empty() { String::new() } else { format!(" (node {node})") };
        let quiet = |standing| told(standing, String::new());
        // A result counts, whatever became of its job afterwards.
        match held {
            Held::Ended { status: Status::Ok, .. } => return quiet(Done),
            Held::Ended { status: Status::Refused, .. } => return quiet(Refused),
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
                    return told(Failed, format!("its job took more memory than it asked for{at}"));
                }
                State::Cancelled => return told(Cancelled, format!("its job was cancelled{at}")),
                _ => {}
            }
        }
        if let Held::Ended { status, reason, node, .. } = held {
            let standing = if *status == Status::Timeout { TimedOut } else { Failed };
            return told(standing, format!("{reason}{}", on(node.as_deref().unwrap_or_default())));
        }
        let partly = match held {
            Held::Part => ", in its midst",
            _ => "",
        };
        let Some(Task { state, node, exit }) = task else {
            let held = if partly.is_empty() { "no shard has it" } else { "its shard is not finished" };
            return match (job, words()) {
                (_, Some(words)) => told(Failed, words),
                (Job::None, None) => told(Missing, held.into()),
                (_, None) => told(Missing, format!("{held}, and the scheduler knows no job of it")),
            };
        };
        let at = on(node);
        match state {
            State::TimedOut => told(TimedOut, format!("the time of its job was over{partly}{at}")),
            State::Completed => told(
                Missing,
                format!("its job ended well, and no shard of it is here yet{at}; is the folder shared?"),
            ),
            _ => {
                // Slurm's own end of a job whose output it cannot open.
                let unwritten = (*exit == Some((0, UNWRITABLE))).then(|| {
                    format!("the node cannot write to the folder of the plan{at}; is it shared, and may it be written there?")
                });
                let said = words().map(|words| format!("{words}{at}"));
                let ended = || match exit {
                    Some((0, signal @ 1..)) => format!("its job was ended by signal {signal}{partly}{at}"),
                    Some((code, _)) => format!("its job ended with code {code}{partly}{at}"),
                    None => format!("its job ended badly{partly}{at}"),
                };
                told(Failed, said.or(unwritten).unwrap_or_else(ended))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ended(status: Status, reason: &str, node: &str) -> Held {
        let node = Some(node.to_owned()).filter(|node| !node.is_empty());
        Held::Ended { status, reason: reason.into(), signal: None, node }
    }

    /// A cell that is held so, whose job is in this state, and ended so, on node n2.
    #[track_caller]
    fn check(held: &Held, job: Option<(State, (u32, u32))>, words: Option<&str>, standing: Standing, why: &str) {
        let task = job.map(|(state, exit)| Task { state, node: "n2".into(), exit: Some(exit) });
        let job = task.as_ref().map_or(Job::Unknown, Job::Known);
        let told = Told::of(held, job, || words.map(str::to_owned));
        assert_eq!(told, Told { standing, why: why.into() }, "{held:?} {job:?}");
    }

    #[test]
    fn results_count_whatever_the_job_does() {
        for state in [State::Running, State::Completed, State::NodeLost, State::Preempted] {
            check(&ended(Status::Ok, "", ""), Some((state, (0, 0))), None, Standing::Done, "");
            check(&ended(Status::Refused, "too deep", ""), Some((state, (0, 0))), None, Standing::Refused, "");
        }
        check(&ended(Status::Ok, "", ""), None, None, Standing::Done, "");
    }

    #[test]
    fn what_the_scheduler_has_is_not_lost() {
        let crashed = ended(Status::Crashed, "aborted", "n1");
        for held in [&Held::Nothing, &Held::Part, &crashed] {
            check(held, Some((State::Pending, (0, 0))), None, Standing::Pending, "");
            check(held, Some((State::Running, (0, 0))), None, Standing::Running, "");
        }
    }

    #[test]
    fn what_ended_badly_says_why() {
        use Standing::{Cancelled, Failed, Missing, Preempted, TimedOut};

        let nothing = &Held::Nothing;
        check(&ended(Status::Crashed, "aborted", "n1"), Some((State::Failed, (2, 0))), None, Failed, "aborted (node n1)");
        check(&ended(Status::Timeout, "still busy", ""), Some((State::Failed, (2, 0))), None, TimedOut, "still busy");
        // It was told to end, by the one who took its job away.
        check(&ended(Status::Crashed, "SIGTERM", "n2"), Some((State::Preempted, (0, 0))), None, Preempted, "its job had to make way (node n2)");
        check(nothing, Some((State::Cancelled, (0, 0))), None, Cancelled, "its job was cancelled (node n2)");
        check(&Held::Part, Some((State::NodeLost, (0, 0))), None, Failed, "its node was lost (node n2)");
        check(nothing, Some((State::OutOfMemory, (0, 0))), None, Failed, "its job took more memory than it asked for (node n2)");
        check(&Held::Part, Some((State::TimedOut, (0, 0))), None, TimedOut, "the time of its job was over, in its midst (node n2)");
        check(nothing, Some((State::Failed, (2, 0))), Some("error: node n2: no data"), Failed, "error: node n2: no data (node n2)");
        check(nothing, Some((State::Failed, (2, 0))), None, Failed, "its job ended with code 2 (node n2)");
        check(nothing, Some((State::Failed, (0, 9))), None, Failed, "its job was ended by signal 9 (node n2)");
        let unwritten = "the node cannot write to the folder of the plan (node n2); is it shared, and may it be written there?";
        check(nothing, Some((State::Failed, (0, 53))), None, Failed, unwritten);
        check(nothing, None, Some("error: no data"), Failed, "error: no data");
        check(nothing, None, None, Missing, "no shard has it, and the scheduler knows no job of it");
        check(&Held::Part, None, None, Missing, "its shard is not finished, and the scheduler knows no job of it");
        let never = Told::of(nothing, Job::None, || None);
        assert_eq!(never, Told { standing: Missing, why: "no shard has it".into() });
    }
}
