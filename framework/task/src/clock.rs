//! Clocks: wall and processor time of a phase.

use std::time::{Duration, Instant};

use crate::ledger::Time;

/// Measures wall time and the processor time of all threads of this process.
#[derive(Clone, Copy, Debug)]
pub struct Stopwatch {
    wall: Instant,
    cpu: Duration,
}

impl Stopwatch {
    /// Starts now.
    pub fn start() -> Self {
        Self {
            cpu: cpu_time(),
            wall: Instant::now(),
        }
    }

    /// The time since the start.
    pub fn elapsed(&self) -> Time {
        let wall = self.wall.elapsed();
        let cpu = cpu_time().saturating_sub(self.cpu);
        Time {
            wall_ns: wall.as_nanos() as u64,
            cpu_ns: cpu.as_nanos() as u64,
        }
    }
}

/// User and system time of all threads of this process, in the nanoseconds that the system counts.
#[cfg(unix)]
#[expect(unsafe_code, reason = "a call of the system's C library")]
fn cpu_time() -> Duration {
    let mut time = libc::timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    // SAFETY: the pointer is to a live timespec, which the call only writes; if it fails, the
    // zeros stay.
    unsafe {
        libc::clock_gettime(libc::CLOCK_PROCESS_CPUTIME_ID, &raw mut time);
    }
    // Neither is negative.
    Duration::from_secs(time.tv_sec as u64) + Duration::from_nanos(time.tv_nsec as u64)
}

/// Not measured on this system.
#[cfg(not(unix))]
fn cpu_time() -> Duration {
    Duration::ZERO
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn work_takes_both_kinds_of_time_and_sleep_one() {
        let watch = Stopwatch::start();
        let mut x = 1_u64;
        while watch.elapsed().cpu_ns < 5_000_000 {
            x = x.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        }
        std::hint::black_box(x);
        let worked = watch.elapsed();
        assert!(worked.wall_ns > 0);
        std::thread::sleep(Duration::from_millis(20));
        let slept = watch.elapsed();
        assert!(slept.wall_ns - worked.wall_ns >= 20_000_000);
    }
}
