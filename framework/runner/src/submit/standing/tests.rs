use super::*;

/// Of a cell that has begun, and not ended.
const PART: CellState = CellState {
    status: Status::Missing,
    reason: String::new(),
    is_begun: true,
    node: None,
    began: String::new(),
};

fn ended(status: Status, reason: &str, node: &str) -> CellState {
    CellState {
        status,
        reason: reason.into(),
        is_begun: true,
        node: Some(node.to_owned()).filter(|node| !node.is_empty()),
        began: String::new(),
    }
}

/// A cell that is held so, whose job is in this state, and ended so, on node n2.
#[track_caller]
fn check(
    held: &CellState,
    job: Option<(State, (u32, u32))>,
    words: Option<&str>,
    standing: Standing,
    why: &str,
) {
    let task = job.map(|(state, exit)| Task {
        state,
        node: "n2".into(),
        exit: Some(exit),
    });
    let job = task.as_ref().map_or(Job::Unknown, Job::Known);
    let told = Told::of(held, job, || words.map(str::to_owned));
    assert_eq!(
        told,
        Told {
            standing,
            why: why.into()
        },
        "{held:?} {job:?}"
    );
}

#[test]
fn results_count_whatever_the_job_does() {
    for state in [
        State::Running,
        State::Completed,
        State::NodeLost,
        State::Preempted,
    ] {
        check(
            &ended(Status::Ok, "", ""),
            Some((state, (0, 0))),
            None,
            Standing::Is(Status::Ok),
            "",
        );
        check(
            &ended(Status::Refused, "too deep", ""),
            Some((state, (0, 0))),
            None,
            Standing::Is(Status::Refused),
            "",
        );
    }
    check(
        &ended(Status::Ok, "", ""),
        None,
        None,
        Standing::Is(Status::Ok),
        "",
    );
}

#[test]
fn what_the_scheduler_has_is_not_lost() {
    let crashed = ended(Status::Crashed, "aborted", "n1");
    for held in [&CellState::UNKNOWN, &PART, &crashed] {
        check(
            held,
            Some((State::Pending, (0, 0))),
            None,
            Standing::Pending,
            "",
        );
        check(
            held,
            Some((State::Running, (0, 0))),
            None,
            Standing::Running,
            "",
        );
    }
}

#[test]
fn what_ended_badly_says_why() {
    use Standing::{Cancelled, Is, Preempted};

    let nothing = &CellState::UNKNOWN;
    check(
        &ended(Status::Crashed, "aborted", "n1"),
        Some((State::Failed, (2, 0))),
        None,
        Is(Status::Crashed),
        "aborted (node n1)",
    );
    check(
        &ended(Status::Timeout, "still busy", ""),
        Some((State::Failed, (2, 0))),
        None,
        Is(Status::Timeout),
        "still busy",
    );
    // It was told to end, by the one who took its job away.
    check(
        &ended(Status::Crashed, "SIGTERM", "n2"),
        Some((State::Preempted, (0, 0))),
        None,
        Preempted,
        "its job had to make way (node n2)",
    );
    check(
        nothing,
        Some((State::Cancelled, (0, 0))),
        None,
        Cancelled,
        "its job was cancelled (node n2)",
    );
    check(
        &PART,
        Some((State::NodeLost, (0, 0))),
        None,
        Is(Status::Failed),
        "its node was lost (node n2)",
    );
    check(
        nothing,
        Some((State::OutOfMemory, (0, 0))),
        None,
        Is(Status::Failed),
        "its job took more memory than it asked for (node n2)",
    );
    check(
        &PART,
        Some((State::TimedOut, (0, 0))),
        None,
        Is(Status::Timeout),
        "the time of its job was over, in its midst (node n2)",
    );
}

#[test]
fn what_no_shard_says() {
    use Standing::Is;

    let nothing = &CellState::UNKNOWN;
    check(
        nothing,
        Some((State::Failed, (2, 0))),
        Some("error: node n2: no data"),
        Is(Status::Failed),
        "error: node n2: no data (node n2)",
    );
    check(
        nothing,
        Some((State::Failed, (2, 0))),
        None,
        Is(Status::Failed),
        "its job ended with code 2 (node n2)",
    );
    check(
        nothing,
        Some((State::Failed, (0, 9))),
        None,
        Is(Status::Failed),
        "its job was ended by signal 9 (node n2)",
    );
    let unwritten = "the node cannot write to the folder of the plan (node n2); is it shared, and may it be written there?";
    check(
        nothing,
        Some((State::Failed, (0, 53))),
        None,
        Is(Status::Failed),
        unwritten,
    );
    check(
        nothing,
        None,
        Some("error: no data"),
        Is(Status::Failed),
        "error: no data",
    );
    check(
        nothing,
        None,
        None,
        Is(Status::Missing),
        "no shard has it, and the scheduler knows no job of it",
    );
    check(
        &PART,
        None,
        None,
        Is(Status::Missing),
        "its shard is not finished, and the scheduler knows no job of it",
    );
    let never = Told::of(nothing, Job::None, || None);
    assert_eq!(
        never,
        Told {
            standing: Is(Status::Missing),
            why: "no shard has it".into()
        }
    );
}
