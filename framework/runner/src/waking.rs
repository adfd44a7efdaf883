//! What it takes until a thread that sleeps takes part in the work of another, as the threads of a pool do between two
//! phases, while the other party works.

use std::hint::spin_loop;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;
use std::time::{Duration, Instant};

/// Wakings that are timed after each sleep; the median counts.
const TIMES: usize = 9;

/// How long the thread sleeps before: the longer, the later the system finds a processor for it that is not the one of
/// the thread that woke it.
const ASLEEP: [Duration; 4] = [
    Duration::from_micros(100),
    Duration::from_millis(1),
    Duration::from_millis(5),
    Duration::from_millis(20),
];

/// A thread that is not awake by then counts as taking so long.
const LATEST: Duration = Duration::from_millis(20);

/// The time from waking a thread until it works, by the clock, while the one that wakes it works on.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Waking {
    /// After each of [`ASLEEP`].
    after: [Duration; ASLEEP.len()],
}

impl Waking {
    /// Times it; where no thread can be started it takes none.
    pub(crate) fn measure() -> Self {
        let (wake, woken) = channel::<()>();
        let (tell, told) = channel();
        let helper = thread::Builder::new().spawn(move || {
            // The other ends are closed when all is timed.
            while woken.recv().is_ok() && tell.send(Instant::now()).is_ok() {}
        });
        if helper.is_err() {
            return Self::none();
        }
        let after = ASLEEP.map(|asleep| {
            let mut times = [(); TIMES].map(|()| once(asleep, &wake, &told));
            times.sort();
            times[TIMES / 2]
        });
        Self { after }
    }

    /// Threads that are awake at once.
    pub(crate) fn none() -> Self {
        Self {
            after: [Duration::ZERO; ASLEEP.len()],
        }
    }

    /// That of a thread that has slept so long, between those that were measured in a straight line.
    pub(crate) fn after(self, asleep: Duration) -> Duration {
        let measured = || ASLEEP.into_iter().zip(self.after);
        let Some((longer, late)) = measured().find(|(sleep, _)| *sleep >= asleep) else {
            return self.after[ASLEEP.len() - 1];
        };
        let Some((shorter, early)) = measured().rev().find(|(sleep, _)| *sleep < asleep) else {
            return late;
        };
        let share = asleep
            .saturating_sub(shorter)
            .div_duration_f64(longer.saturating_sub(shorter));
        early.mul_f64(1.0 - share) + late.mul_f64(share)
    }
}

fn once(asleep: Duration, wake: &Sender<()>, told: &Receiver<Instant>) -> Duration {
    thread::sleep(asleep);
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
        let waking = Waking::measure();
        for time in waking.after {
            assert!(time > Duration::ZERO && time <= LATEST, "{waking:?}");
        }
    }

    #[test]
    fn between_sleeps_that_were_measured_the_line_is_straight() {
        let ms = Duration::from_millis;
        let waking = Waking {
            after: [ms(1), ms(2), ms(6), ms(8)],
        };
        assert_eq!(waking.after(Duration::ZERO), ms(1));
        assert_eq!(waking.after(ASLEEP[0]), ms(1));
        assert_eq!(waking.after(ms(3)), ms(4));
        assert_eq!(waking.after(ms(20)), ms(8));
        assert_eq!(waking.after(ms(1000)), ms(8));
    }
}
