//! The processor time of this process, and of those that work on its behalf.

use std::time::Duration;

use crate::elsewhere;

/// User and system time of all threads of this process, in the nanoseconds that the system counts, and
/// what other processes have said that they worked for it.
#[cfg(unix)]
pub fn processor_time() -> Duration {
    use nix::time::{ClockId, clock_gettime};
    // Every system that has processes has this clock; without it, nothing is counted.
    clock_gettime(ClockId::CLOCK_PROCESS_CPUTIME_ID).map_or(Duration::ZERO, Duration::from)
        + elsewhere::processor_time()
}

/// What other processes have said that they worked for this one, whose own is not measured on this
/// system.
#[cfg(not(unix))]
pub fn processor_time() -> Duration {
    elsewhere::processor_time()
}
