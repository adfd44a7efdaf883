//! What other processes do on behalf of this one: a scheme that is a program of its own says what each
//! step took it, and it counts as if this process had done it.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// Nanoseconds of processor time so far.
static WORKED: AtomicU64 = AtomicU64::new(0);

/// The most memory that each process has held that is still there, by its number, and the greatest sum
/// of these so far.
static HELD: Mutex<(BTreeMap<u32, u64>, u64)> = Mutex::new((BTreeMap::new(), 0));

/// Notes that another process has worked so long for this one.
pub fn worked(time: Duration) {
    let nanoseconds = u64::try_from(time.as_nanos()).unwrap_or(u64::MAX);
    // Beyond what a counter holds no time goes on.
    let _ = WORKED.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |so_far| {
        Some(so_far.saturating_add(nanoseconds))
    });
}

/// What other processes have worked for this one so far.
pub fn processor_time() -> Duration {
    Duration::from_nanos(WORKED.load(Ordering::Relaxed))
}

/// Notes that the process of this number has held so many bytes at one time.
pub fn held(process: u32, bytes: u64) {
    let mut held = HELD.lock().unwrap_or_else(PoisonError::into_inner);
    let of_it = held.0.entry(process).or_default();
    *of_it = bytes.max(*of_it);
    let all = held
        .0
        .values()
        .fold(0, |sum: u64, b| sum.saturating_add(*b));
    held.1 = held.1.max(all);
}

/// Notes that a process is gone.
pub fn ended(process: u32) {
    let mut held = HELD.lock().unwrap_or_else(PoisonError::into_inner);
    held.0.remove(&process);
}

/// The most bytes that other processes have held for this one at one time, rather too many than too few:
/// the sum of the most that each has held of those that were there together.
pub fn peak_bytes() -> u64 {
    HELD.lock().unwrap_or_else(PoisonError::into_inner).1
}
