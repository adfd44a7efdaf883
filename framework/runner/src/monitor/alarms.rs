//! Alarms from decrypted levels: raised when a thing has become High and stays so, cleared when it has not been High
//! for a while. The delays keep what is near a border from raising an alarm with every reading.

use std::time::Instant;

use serde::Serialize;

/// Rounds of the highest level in a row that raise an alarm.
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

    /// Takes the levels of a round. What is High in the first one raises no alarm: nothing has changed.
    pub(super) fn take(
        &mut self,
        round: u64,
        levels: impl IntoIterator<Item = usize>,
    ) -> Vec<Change> {
        let mut changes = vec![];
        for (thing, (watch, level)) in self.things.iter_mut().zip(levels).enumerate() {
            let is_high = level == self.highest;
            if !self.has_begun {
                watch.is_raised = is_high;
                continue;
            }
            if is_high == watch.is_raised {
                watch.against = 0;
                continue;
            }
            watch.against += 1;
            let delay = if is_high { RAISED_AFTER } else { CLEARED_AFTER };
            if watch.against < delay {
                continue;
            }
            watch.against = 0;
            watch.is_raised = is_high;
            let fault = if is_high { watch.fault.take() } else { None };
            changes.push(Change {
                thing,
                raised: is_high,
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

    /// Levels of one thing, a digit a round; a letter for each alarm, `+` raised, `-` cleared.
    fn heard(levels: &str) -> String {
        let mut alarms = Alarms::new(1, 2);
        let rounds = levels.bytes().zip(1..);
        rounds
            .map(|(level, round)| {
                match alarms.take(round, [usize::from(level - b'0')]).as_slice() {
                    [] => '.',
                    [change] if change.raised => '+',
                    _ => '-',
                }
            })
            .collect()
    }

    #[test]
    fn alarms_are_delayed_both_ways() {
        for (levels, expect) in [
            ("0000222", "......+"),
            ("0220220222", ".........+"),
            ("0222201222", "...+......"),
            ("022200000222", "...+....-..+"),
            // What is High from the beginning changes nothing, until it was something else.
            ("2222222", "......."),
            ("200000222", ".....-..+"),
            ("1112112", "......."),
        ] {
            assert_eq!(heard(levels), expect, "{levels}");
        }
    }

    #[test]
    fn an_injected_fault_is_found_once() {
        let mut alarms = Alarms::new(2, 2);
        alarms.take(1, [0, 2]);
        let fault = |after_round| Injected {
            fault: 3,
            after_round,
            at: Instant::now(),
        };
        assert!(!alarms.injected(0, fault(1)));
        assert!(alarms.injected(1, fault(1)), "it is High already");
        assert!(!alarms.injected(7, fault(1)), "there is no such thing");
        for round in 2..4 {
            assert_eq!(alarms.take(round, [2, 2]), []);
        }
        let [change] = alarms.take(4, [2, 2])[..] else {
            panic!("one alarm");
        };
        let found = change.found.unwrap();
        assert_eq!((change.thing, found.fault, found.rounds), (0, 3, 3));
        // Repaired before it shows, it is not found; nor is one found again.
        for round in 5..10 {
            alarms.take(round, [0, 0]);
        }
        alarms.injected(0, fault(9));
        alarms.repaired(0);
        for round in 10..12 {
            alarms.take(round, [2, 0]);
        }
        let [change] = alarms.take(12, [2, 0])[..] else {
            panic!("one alarm");
        };
        assert_eq!(change.found, None);
    }
}
