//! What other processes do counts. In a process of its own, as the counters are the process's.

use std::time::Duration;

use hexperiment_scheme::clock;
use hexperiment_scheme::elsewhere::{ended, held, peak_bytes, processor_time, worked};

#[test]
fn time_adds_up_and_memory_is_that_of_those_together() {
    let before = clock::processor_time();
    worked(Duration::from_secs(1000));
    worked(Duration::from_secs(1));
    assert_eq!(processor_time(), Duration::from_secs(1001));
    let passed = clock::processor_time().saturating_sub(before);
    assert!(passed >= Duration::from_secs(1001));

    held(1, 500);
    held(1, 400);
    assert_eq!(peak_bytes(), 500);
    held(2, 300);
    assert_eq!(peak_bytes(), 800);
    ended(1);
    held(3, 400);
    assert_eq!(peak_bytes(), 800);
    held(3, 600);
    assert_eq!(peak_bytes(), 900);
}
