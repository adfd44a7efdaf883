//! What it takes until a thread that sleeps takes part in the work of another, as the threads of a pool do between two
//! phases, while the other party works.

use std::hint::spin_loop;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;
use std::time::{Duration, Instant};

/// Wakings that are timed; the median counts.
const TIMES: usize = 21;

/// How long the thread sleeps before each.
const ASLEEP: Duration = Duration::from_millis(2);

/// A thread that is not awake by then counts as taking so long.
const LATEST: Duration = Duration::from_millis(20);

/// The time from waking a thread until it works, by the clock, while this one works on; none where no thread can be
/// started.
pub(crate) fn time_to_wake() -> Duration {
    let (wake, woken) = channel::<()>();
    let (tell, told) = channel();
    let helper = thread::Builder::new().spawn(move || {
        // The other ends are closed when all is timed.
        while woken.recv().is_ok() && tell.send(Instant::now()).is_ok() {}
    });
    if helper.is_err() {
        return Duration::ZERO;
    }
    let mut times: Vec<Duration> = (0..TIMES).map(|_| once(&wake, &told)).collect();
    times.sort();
    times[TIMES / 2]
}

fn once(wake: &Sender<()>, told: &Receiver<Instant>) -> Duration {
    thread::sleep(ASLEEP);
    let began = Instant::now();
    if wake.send(()).is_err() {
        return Duration::ZERO;
    }
    while began.elapsed() < LATEST {
        if let Ok(awake) = told.try_recv() {
            return awake.saturating_duration_since(began);
        }
        spin_loop();
    }
    // It may be awake by now, and must not be counted with the next.
    told.recv().map_or(LATEST, |_| LATEST)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waking_takes_a_while() {
        let time = time_to_wake();
        assert!(time > Duration::ZERO && time <= LATEST, "{time:?}");
    }
}
