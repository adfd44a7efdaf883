//! Clocks: wall and processor time of a phase.

use std::time::{Duration, Instant};

use hexperiment_scheme::clock::processor_time;

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
            cpu: processor_time(),
            wall: Instant::now(),
        }
    }

    /// The time since the start.
    pub fn elapsed(&self) -> Time {
        let wall = self.wall.elapsed();
        let cpu = processor_time().saturating_sub(self.cpu);
        Time {
            wall_ns: wall.as_nanos() as u64,
            cpu_ns: cpu.as_nanos() as u64,
        }
    }
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
