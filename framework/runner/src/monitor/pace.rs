//! The pace of readings: they are due whether or not the evaluation has kept up. What waits is bounded: of too many
//! rounds the oldest is dropped and counted, so that memory stays as it is and the lag is that of what waits.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// Rounds that wait for their evaluation, at most.
pub(super) const MOST_WAITING: usize = 5;

/// Rounds that are simulated when many are due at once, as after the machine has slept: of more, the last.
const MOST_DUE: u64 = 60;

/// A round that waits.
#[derive(Debug)]
pub(super) struct Waiting<R> {
    /// Its number, from 1.
    pub(super) number: u64,
    /// When it was due.
    pub(super) due: Instant,
    pub(super) round: R,
}

/// Rounds as they come due.
#[derive(Debug)]
pub(super) struct Pace<R> {
    every: Duration,
    /// When the first round of this stretch was due; `None` while nothing is read.
    began: Option<Instant>,
    /// Rounds of this stretch.
    in_stretch: u64,
    /// Rounds in all, with those that were dropped.
    rounds: u64,
    waiting: VecDeque<Waiting<R>>,
    dropped: u64,
}

impl<R> Pace<R> {
    /// One that begins now.
    pub(super) fn new(every: Duration, now: Instant) -> Self {
        Self {
            every,
            began: Some(now),
            in_stretch: 0,
            rounds: 0,
            waiting: VecDeque::new(),
            dropped: 0,
        }
    }

    /// Reads what has come due.
    pub(super) fn read(&mut self, now: Instant, mut read: impl FnMut() -> R) {
        let Some(began) = self.began else { return };
        let passed = now.saturating_duration_since(began).as_nanos();
        let due = (passed / self.every.as_nanos().max(1)) as u64 + 1;
        let missed = due.saturating_sub(self.in_stretch + MOST_DUE);
        self.in_stretch += missed;
        self.rounds += missed;
        self.dropped += missed;
        while self.in_stretch < due {
            let due = began + self.after(self.in_stretch);
            self.in_stretch += 1;
            self.rounds += 1;
            self.waiting.push_back(Waiting {
                number: self.rounds,
                due,
                round: read(),
            });
            if self.waiting.len() > MOST_WAITING {
                self.waiting.pop_front();
                self.dropped += 1;
            }
        }
    }

    fn after(&self, rounds: u64) -> Duration {
        Duration::from_secs_f64(self.every.as_secs_f64() * rounds as f64)
    }

    /// The round that has waited longest.
    pub(super) fn next(&mut self) -> Option<Waiting<R>> {
        self.waiting.pop_front()
    }

    /// How long until the next round is due; `None` while nothing is read.
    pub(super) fn until_due(&self, now: Instant) -> Option<Duration> {
        let due = self.began? + self.after(self.in_stretch);
        Some(due.saturating_duration_since(now))
    }

    /// Reads nothing until [`Pace::resume`]; what waits is still handed out.
    pub(super) fn pause(&mut self) {
        self.began = None;
    }

    /// Goes on; whether it had paused.
    pub(super) fn resume(&mut self, now: Instant) -> bool {
        if self.began.is_some() {
            return false;
        }
        self.began = Some(now);
        self.in_stretch = 0;
        true
    }

    /// Rounds that wait.
    pub(super) fn waiting(&self) -> usize {
        self.waiting.len()
    }

    /// Rounds that were read, or due, and not evaluated.
    pub(super) fn dropped(&self) -> u64 {
        self.dropped
    }

    /// Rounds in all so far.
    pub(super) fn rounds(&self) -> u64 {
        self.rounds
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    /// Reads at so many milliseconds after the beginning; the numbers of the rounds that wait.
    fn at(pace: &mut Pace<u64>, began: Instant, ms: u64) -> Vec<u64> {
        let mut read = 0;
        pace.read(began + Duration::from_millis(ms), || {
            read += 1;
            read
        });
        pace.waiting.iter().map(|waiting| waiting.number).collect()
    }

    #[test]
    fn rounds_come_due_one_a_second() {
        let began = Instant::now();
        let mut pace = Pace::new(SECOND, began);
        assert_eq!(at(&mut pace, began, 0), [1]);
        assert_eq!(at(&mut pace, began, 999), [1]);
        assert_eq!(at(&mut pace, began, 2500), [1, 2, 3]);
        let first = pace.next().unwrap();
        assert_eq!((first.number, first.due), (1, began));
        assert_eq!(pace.next().unwrap().due, began + SECOND);
        let left = pace.until_due(began + Duration::from_millis(2500)).unwrap();
        assert_eq!(left, Duration::from_millis(500));
        assert_eq!(pace.dropped(), 0);
    }

    #[test]
    fn what_waits_is_bounded_and_what_is_dropped_is_counted() {
        let began = Instant::now();
        let mut pace = Pace::new(SECOND, began);
        assert_eq!(at(&mut pace, began, 9000), [6, 7, 8, 9, 10]);
        assert_eq!((pace.dropped(), pace.waiting()), (5, MOST_WAITING));
        // A day of sleep is not simulated second by second.
        let mut simulated = 0;
        pace.read(began + Duration::from_hours(24), || {
            simulated += 1;
            0
        });
        assert_eq!(simulated, MOST_DUE);
        assert_eq!((pace.rounds(), pace.waiting()), (86_401, MOST_WAITING));
        assert_eq!(pace.dropped() + pace.waiting() as u64, pace.rounds());
    }

    #[test]
    fn a_pause_reads_nothing_and_makes_no_lag() {
        let began = Instant::now();
        let mut pace = Pace::new(SECOND, began);
        at(&mut pace, began, 0);
        pace.pause();
        assert_eq!(at(&mut pace, began, 60_000), [1]);
        assert_eq!(pace.until_due(began), None);
        let later = began + Duration::from_mins(1);
        assert!(pace.resume(later) && !pace.resume(later));
        assert_eq!(at(&mut pace, began, 60_000), [1, 2]);
        assert_eq!(pace.waiting[1].due, later);
    }
}
