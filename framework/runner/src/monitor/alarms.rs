//! Alarms from decrypted levels: raised when a thing has come onto the black list and stays there, cleared when it has
//! not been of the highest level for a while. The delays, and the gap between the two, keep what is near a border from
//! raising an alarm with every reading.

use std::time::Instant;

use hexperiment_task::monitor::{Assessment, List};
use serde::Serialize;

/// Rounds on the black list in a row that raise an alarm.
pub(super) const RAISED_AFTER: u32 = 3;

/// Rounds of other levels in a row that clear it.
pub(super) const CLEARED_AFTER: u32 = 5;

/// A fault that was injected, and is to be found.
#[derive(Clone, Copy, Debug)]
pub(super) struct Injected {
    /// Its place among the task's faults.
    pub(super) fault: usize,
    /// The last round that was read before.
    pub(super) after_round: u64,
    pub(super) at: Instant,
}

/// What was told of a fault when its alarm came.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub(super) struct Found {
    pub(super) fault: usize,
    /// Rounds from the first that could show it to the one that raised the alarm, both counted.
    pub(super) rounds: u64,
    /// Milliseconds from the injection to the alarm, whatever lag there was.
    pub(super) after_ms: f64,
}

/// An alarm that was raised or cleared.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub(super) struct Change {
    pub(super) thing: usize,
    /// Whether it was raised, else cleared.
    pub(super) raised: bool,
    /// The fault that it finds, if one was injected.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) found: Option<Found>,
}

#[derive(Clone, Debug, Default)]
struct Watch {
    /// Rounds in a row that would change `is_raised`.
    against: u32,
    is_raised: bool,
    fault: Option<Injected>,
}

/// The alarms of all things.
#[derive(Debug)]
pub(super) struct Alarms {
    highest: usize,
    things: Vec<Watch>,
    has_begun: bool,
}

impl Alarms {
    pub(super) fn new(things: usize, highest: usize) -> Self {
        Self {
            highest,
            things: vec![Watch::default(); things],
            has_begun: false,
        }
    }

    /// Takes what a round says of each thing. What is High in the first one raises no alarm: nothing has changed.
    pub(super) fn take(&mut self, round: u64, assessed: &[Assessment]) -> Vec<Change> {
        let mut changes = vec![];
        for (thing, (watch, one)) in self.things.iter_mut().zip(assessed).enumerate() {
            let is_high = one.level == self.highest;
            if !self.has_begun {
                watch.is_raised = is_high;
                continue;
            }
            let (is_against, delay) = if watch.is_raised {
                (!is_high, CLEARED_AFTER)
            } else {
                (one.listed == Some(List::Black), RAISED_AFTER)
            };
            watch.against = if is_against { watch.against + 1 } else { 0 };
            if watch.against < delay {
                continue;
            }
            watch.against = 0;
            watch.is_raised = !watch.is_raised;
            let fault = if watch.is_raised {
                watch.fault.take()
            } else {
                None
            };
            changes.push(Change {
                thing,
                raised: watch.is_raised,
                found: fault.map(|fault| Found {
                    fault: fault.fault,
                    rounds: round.saturating_sub(fault.after_round),
                    after_ms: fault.at.elapsed().as_secs_f64() * 1e3,
                }),
            });
        }
        self.has_begun = true;
        changes
    }

    /// Notes a fault that is to be found; whether the thing is High already, so that no further alarm will tell.
    pub(super) fn injected(&mut self, thing: usize, fault: Injected) -> bool {
        let Some(watch) = self.things.get_mut(thing) else {
            return false;
        };
        if !watch.is_raised {
            watch.fault = Some(fault);
        }
        watch.is_raised
    }

    /// Notes that a thing's fault is gone.
    pub(super) fn repaired(&mut self, thing: usize) {
        if let Some(watch) = self.things.get_mut(thing) {
            watch.fault = None;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// One of a level, as a digit, or on the black list.
    fn of(state: char) -> Assessment {
        Assessment {
            level: state.to_digit(10).unwrap_or(2) as usize,
            score: 0.5,
            listed: (state == 'b').then_some(List::Black),
        }
    }

    /// Assessments of one round.
    fn round(states: &str) -> Vec<Assessment> {
        states.chars().map(of).collect()
    }

    /// States of one thing, a character a round; a character for each alarm, `+` raised, `-` cleared.
    fn heard(states: &str) -> String {
        let mut alarms = Alarms::new(1, 2);
        let rounds = states.chars().zip(1..);
        rounds
            .map(
                |(state, round)| match alarms.take(round, &[of(state)]).as_slice() {
                    [] => '.',
                    [change] if change.raised => '+',
                    _ => '-',
                },
            )
            .collect()
    }

    #[test]
    fn alarms_are_delayed_both_ways() {
        for (levels, expect) in [
            ("0000bbb", "......+"),
            ("0bb0bb0bbb", ".........+"),
            ("0bbb2201bbb", "...+......."),
            ("0bbb00000bbb", "...+....-..+"),
            // Near a border nothing is raised, and nothing cleared.
            ("0222222222", ".........."),
            ("0bbb222222", "...+......"),
            // What is High from the beginning changes nothing, until it was something else.
            ("2bbbbbb", "......."),
            ("b00000bbb", ".....-..+"),
            ("111b11b", "......."),
        ] {
            assert_eq!(heard(levels), expect, "{levels}");
        }
    }

    #[test]
    fn an_injected_fault_is_found_once() {
        let mut alarms = Alarms::new(2, 2);
        alarms.take(1, &round("0b"));
        let fault = |after_round| Injected {
            fault: 3,
            after_round,
            at: Instant::now(),
        };
        assert!(!alarms.injected(0, fault(1)));
        assert!(alarms.injected(1, fault(1)), "it is High already");
        assert!(!alarms.injected(7, fault(1)), "there is no such thing");
        for number in 2..4 {
            assert_eq!(alarms.take(number, &round("bb")), []);
        }
        let [change] = alarms.take(4, &round("bb"))[..] else {
            panic!("one alarm");
        };
        let found = change.found.unwrap();
        assert_eq!((change.thing, found.fault, found.rounds), (0, 3, 3));
        // Repaired before it shows, it is not found; nor is one found again.
        for number in 5..10 {
            alarms.take(number, &round("00"));
        }
        alarms.injected(0, fault(9));
        alarms.repaired(0);
        for number in 10..12 {
            alarms.take(number, &round("b0"));
        }
        let [change] = alarms.take(12, &round("b0"))[..] else {
            panic!("one alarm");
        };
        assert_eq!(change.found, None);
    }
}
