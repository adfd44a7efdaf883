//! Cells that encrypt nothing against the server, rehearsed: what they do takes microseconds, of which most is what two
//! processes, cold caches and real numbers cost, and no operation. By their operations alone, again and again in one
//! process, they come out at two thirds of what they take. So a few repetitions are run as a run does, in the same
//! processes, which takes less time than counting does for others.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use hexperiment_experiment::CellPlan;
use hexperiment_experiment::record::Repetition;
use hexperiment_task::ledger::Time;

use crate::process::CellProcess;
use crate::protocol::{FromCell, Takes, ToCell};

/// What takes longer by its operations is not rehearsed.
const LONGEST: Duration = Duration::from_secs(2);

/// Time for a rehearsal, set-up counted.
const LIMIT: Duration = Duration::from_mins(1);

/// Time for repetitions, of which there are three at least.
const REPEATING: Duration = Duration::from_secs(2);

/// Repetitions before those that count.
const WARM_UP: u32 = 1;

/// Repetitions that count.
const REPETITIONS: usize = 15;

/// Bytes that each processor touches between two repetitions, as other cells do there: more than it has caches.
const DISPLACED: usize = 32 << 20;

/// What such a cell takes, by a rehearsal; nothing where it cannot be rehearsed, as of rows that there are not.
pub(super) fn rehearse(plan: &CellPlan, others: bool, takes: &mut Takes) {
    let long = Duration::from_nanos(takes.repetition_ns()) > LONGEST;
    if !takes.is_open || long || plan.server.is_some() {
        return;
    }
    let Some(repetitions) = repetitions(plan, others) else {
        return;
    };
    let bytes = |r: &Repetition| [r.traffic.upload_bytes, r.traffic.download_bytes].map(Some);
    let planned = [takes.upload_bytes, takes.download_bytes];
    if repetitions.iter().any(|r| bytes(r) != planned) {
        return;
    }
    let quartiles = |phase: fn(&Repetition) -> Time| {
        let mut times: Vec<u64> = repetitions.iter().map(|r| phase(r).wall_ns).collect();
        times.sort_unstable();
        let last = times.len() - 1;
        [last / 4, last / 2, last - last / 4].map(|place| times[place])
    };
    takes.encrypt_ns = quartiles(|r| r.encrypt);
    takes.transfer_ns = quartiles(|r| r.transfer);
    takes.evaluate_ns = quartiles(|r| r.evaluate);
    takes.decrypt_ns = quartiles(|r| r.decrypt);
    takes.is_rehearsed = true;
}

/// Some repetitions of a cell, three at least.
fn repetitions(plan: &CellPlan, others: bool) -> Option<Vec<Repetition>> {
    let mut process = CellProcess::start(&plan.cell.scheme, LIMIT, None).ok()?;
    let prepare = ToCell::Prepare {
        plan: Box::new(plan.clone()),
        memory_limit: None,
        // No repetition's files are kept.
        artefacts: PathBuf::new(),
        traffic: None,
        beside_library: false,
    };
    let Ok(FromCell::Ready { .. }) = process.ask(&prepare) else {
        return None;
    };
    let began = Instant::now();
    let mut all = Vec::with_capacity(REPETITIONS);
    for index in 0.. {
        if others {
            displace();
        }
        let Ok(FromCell::Done { repetition }) = process.ask(&ToCell::Repeat { index, keep: false })
        else {
            return None;
        };
        if index >= WARM_UP {
            all.push(*repetition);
        }
        if all.len() >= REPETITIONS || (all.len() >= 3 && began.elapsed() > REPEATING) {
            break;
        }
    }
    Some(all)
}

/// Leaves nothing of the cell's in any cache.
fn displace() {
    let processors = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    std::thread::scope(|scope| {
        for _ in 0..processors {
            // Where no thread can be started, the caches keep what they hold.
            let touch = || {
                let mut bytes = vec![0_u8; DISPLACED];
                for byte in bytes.iter_mut().step_by(64) {
                    *byte = std::hint::black_box(byte.wrapping_add(1));
                }
            };
            let _ = std::thread::Builder::new().spawn_scoped(scope, touch);
        }
    });
}
