//! When times are those of a busy machine, and when not.

use super::{millis, records, repetition};
use crate::record::{
    Environment, Line, Load, Merged, MergedShard, Processors, Repetition, Schedule,
};
use crate::summary::{Busy, rows};
use hexperiment_task::ledger::Time;

/// Three repetitions that are all changed so, on two processors.
#[track_caller]
fn check(threads: usize, change: impl Fn(&mut Repetition), expect: Option<Busy>) {
    let lines = (0..3).map(|index| {
        let mut repetition = repetition("a", index, 10, 0.7);
        change(&mut repetition);
        Line::Repetition(Box::new(repetition))
    });
    let mut records = records(&["a"], lines.collect());
    records.run.resolved["run"]["threads"] = threads.into();
    assert_eq!(rows(&records)[0].busy, expect);
}

#[expect(clippy::unnecessary_wraps, reason = "as records hold it")]
fn schedule(ran_ms: u64, waited_ms: u64) -> Option<Schedule> {
    let (ran_ns, waited_ns) = (ran_ms * 1_000_000, waited_ms * 1_000_000);
    Some(Schedule { ran_ns, waited_ns })
}

#[expect(clippy::unnecessary_wraps, reason = "as records hold it")]
fn load(average: f64, schedule: Option<Schedule>) -> Option<Load> {
    let (start, end) = (Some(0.0), Some(average));
    Some(Load {
        start,
        end,
        schedule,
        processors: None,
    })
}

/// A machine of two processors, of what the cell's threads, others and nobody did; in milliseconds.
#[expect(clippy::unnecessary_wraps, reason = "as records hold it")]
fn processors(own_ms: u64, others_ms: u64, idle_ms: u64) -> Option<Load> {
    Some(Load {
        start: Some(9.0),
        end: Some(9.0),
        // Both parties' threads wait for one another, which says nothing of others.
        schedule: schedule(own_ms, own_ms),
        processors: Some(Processors {
            capacity_ns: (own_ms + others_ms + idle_ms) * 1_000_000,
            idle_ns: idle_ms * 1_000_000,
        }),
    })
}

/// Wall and CPU time of the evaluation, and none of the other phases.
fn evaluation(repetition: &mut Repetition, wall_us: u64, cpu_us: u64) {
    repetition.encrypt = millis(0);
    repetition.decrypt = millis(0);
    repetition.transfer = millis(0);
    repetition.evaluate = Time {
        wall_ns: wall_us * 1000,
        cpu_ns: cpu_us * 1000,
    };
}

#[test]
fn a_quiet_machine_is_not_busy() {
    check(2, |_| {}, None);
    check(2, |r| r.load = None, None);
    // Threads take more CPU time than passes on the wall.
    check(2, |r| evaluation(r, 10_000, 19_000), None);
    // Where CPU time is not counted.
    check(2, |r| evaluation(r, 10_000, 0), None);
}

#[test]
fn threads_that_wait_for_a_processor() {
    let share = 0.25;
    let busy = Some(Busy::Waited { share });
    check(2, |r| r.load = load(3.0, schedule(75, 25)), busy);
    // Less than a tenth, or too little to be more than waking up.
    check(2, |r| r.load = load(3.0, schedule(95, 5)), None);
    check(2, |r| r.load = load(0.1, schedule(0, 0)), None);
    // One slow repetition of three does not move the median.
    check(
        2,
        |r| {
            let waited = if r.index == 1 { 90 } else { 1 };
            r.load = load(0.5, schedule(99, waited));
        },
        None,
    );
    // Of four threads on two processors two wait, whatever else there is.
    check(4, |r| r.load = load(4.0, schedule(50, 50)), None);
}

#[test]
fn others_that_take_the_processors() {
    let with = |own: u64, others, idle| {
        move |r: &mut Repetition| {
            evaluation(r, own * 1000, own * 1000);
            r.load = processors(own, others, idle);
        }
    };
    let busy = |share| Some(Busy::Shared { share });
    check(2, with(500, 250, 250), busy(0.25));
    check(2, with(500, 100, 400), busy(0.1));
    check(2, with(500, 99, 401), None);
    check(2, with(500, 0, 500), None);
    // More threads than processors hide nothing.
    check(4, with(600, 400, 0), busy(0.4));
    // The phases hold the time of threads that have ended, which are nobody else's.
    check(
        2,
        |r| {
            evaluation(r, 500_000, 750_000);
            r.load = processors(500, 250, 250);
        },
        None,
    );
    // 21.3 ms are three standard deviations of three counts.
    check(2, with(30, 7, 13), None);
    check(2, with(30, 8, 12), busy(0.16));
    check(2, with(160, 40, 0), busy(0.2));
}

/// Short cells of which each was a job of its own are judged together, as in one run, by the machines that they ran on.
#[test]
fn short_cells_of_many_jobs_are_judged_by_machine() {
    let names: Vec<String> = (0..40).map(|number| format!("c{number}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    // The first twenty on a machine that others used: 6 of 20 ms, less than three counts are off by.
    let others = |place: usize| if place < 20 { 6 } else { 0 };
    let lines = names.iter().enumerate().flat_map(|(place, name)| {
        (0..3).map(move |index| {
            let mut repetition = repetition(name, index, 10, 0.7);
            evaluation(&mut repetition, 5000, 5000);
            repetition.load = processors(5, others(place), 15 - others(place));
            Line::Repetition(Box::new(repetition))
        })
    });
    let mut records = records(&names, lines.collect());
    for (place, name) in names.iter().enumerate() {
        let environment = Environment {
            boot: Some(if place < 20 { "one" } else { "two" }.into()),
            ..Environment::default()
        };
        let known = records.environments.entry((*name).to_owned());
        known.or_default().push(environment);
    }
    let shard = |place: usize| MergedShard {
        name: names[place].into(),
        began: "1".into(),
        finished: None,
        beside_others: false,
        cells: vec![place],
    };
    records.run.merged = Some(Box::new(Merged {
        plan: "p".into(),
        experiment: 0,
        shards: (0..40).map(shard).collect(),
        superseded: vec![],
        references: vec![],
    }));
    for (place, row) in rows(&records).iter().enumerate() {
        let expect = (place < 20).then_some(Busy::Shared { share: 0.3 });
        assert_eq!(row.busy, expect, "{}", row.name());
    }
}

#[test]
fn wall_time_far_above_cpu_time() {
    let wall_per_cpu = 4.0;
    let busy = Some(Busy::Stalled { wall_per_cpu });
    check(2, |r| evaluation(r, 10_000, 2_500), busy);
    check(1, |r| evaluation(r, 10_000, 2_500), busy);
    // Not far, or not much.
    check(2, |r| evaluation(r, 10_000, 7_500), None);
    check(2, |r| evaluation(r, 400, 100), None);
}

#[test]
fn a_high_load_where_waiting_is_not_counted() {
    let average = 5.0;
    let busy = Some(Busy::Loaded { average });
    check(2, |r| r.load = load(average, None), busy);
    check(4, |r| r.load = load(average, None), None);
    check(
        4,
        |r| r.load = load(5.5, None),
        Some(Busy::Loaded { average: 5.5 }),
    );
    check(2, |r| r.load = load(2.4, None), None);
    // The build before the run left a load behind, and nobody waits any more.
    check(2, |r| r.load = load(average, schedule(99, 1)), None);
    // Too short for the system's account.
    check(2, |r| r.load = load(average, schedule(0, 0)), None);
}
