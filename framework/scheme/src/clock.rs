//! The processor time of this process.

use std::time::Duration;

/// User and system time of all threads of this process, in the nanoseconds that the system counts.
#[cfg(unix)]
pub fn processor_time() -> Duration {
    use nix::time::{ClockId, clock_gettime};
    // Every system that has processes has this clock; without it, nothing is counted.
    clock_gettime(ClockId::CLOCK_PROCESS_CPUTIME_ID).map_or(Duration::ZERO, Duration::from)
}

/// Not measured on this system.
#[cfg(not(unix))]
pub fn processor_time() -> Duration {
    Duration::ZERO
}
