use hexperiment_experiment::record::Environment;

use super::*;

/// A shard that began in this minute.
fn shard(minute: u32) -> ShardOf {
    ShardOf {
        plan: String::new(),
        experiment: 0,
        cells: vec![0],
        binary: String::new(),
        began: format!("2026-11-22T20:{minute:02}:00.000001Z"),
        environment: Environment::default(),
        reference: false,
    }
}

fn ended(status: Option<Status>, signal: bool) -> Try {
    Try {
        number: 0,
        repetitions: 0,
        is_complete: false,
        end: status.map(|status| (status, format!("it {status}"))),
        signal: signal.then(|| "SIGTERM".into()),
    }
}

/// Of tries in the order in which they would be merged.
#[track_caller]
fn check(tries: &[(u32, Try)], status: Status, minute: u32) {
    let shards: Vec<ShardOf> = tries.iter().map(|(minute, _)| shard(*minute)).collect();
    let both = shards.iter().zip(tries.iter().map(|(_, one)| one));
    let found = CellState::of_tries(&both.collect::<Vec<_>>());
    assert_eq!((found.status, found.began), (status, shard(minute).began));
}

#[test]
fn without_a_result_the_newest_try_tells_where_a_cell_stands() {
    let crashed = || ended(Some(Status::Crashed), false);
    // It runs again, or was cut off then.
    check(
        &[(1, crashed()), (2, ended(None, false))],
        Status::Missing,
        2,
    );
    // Its time was over when it ran again.
    check(
        &[(1, crashed()), (2, ended(Some(Status::Timeout), true))],
        Status::Timeout,
        2,
    );
    check(
        &[(1, crashed()), (2, ended(Some(Status::Failed), false))],
        Status::Failed,
        2,
    );
    check(
        &[(3, crashed()), (2, ended(None, false))],
        Status::Crashed,
        3,
    );
    let complete = Try {
        is_complete: true,
        ..ended(None, false)
    };
    check(&[(1, complete), (2, crashed())], Status::Ok, 1);
    let refused = ended(Some(Status::Refused), false);
    check(&[(1, refused), (2, crashed())], Status::Refused, 1);
    assert_eq!(CellState::of_tries(&[]), CellState::UNKNOWN);
}

#[test]
fn a_try_before_a_job_was_submitted_is_not_of_that_job() {
    let of = |status| CellState {
        status,
        began: shard(5).began,
        ..CellState::UNKNOWN
    };
    let crashed = of(Status::Crashed);
    assert!(crashed.is_of_try_before("2026-11-22T20:06:00Z"));
    // In the same second, which is as exact as the time of a submission is.
    assert!(!crashed.is_of_try_before("2026-11-22T20:05:00Z"));
    assert!(!crashed.is_of_try_before("2026-11-22T20:04:00Z"));
    assert!(!of(Status::Ok).is_of_try_before("2026-11-22T20:06:00Z"));
    assert!(!CellState::UNKNOWN.is_of_try_before("2026-11-22T20:06:00Z"));
}
