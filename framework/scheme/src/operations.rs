//! Operations of a scheme's library: what each takes on this machine, timed or looked up.
//!
//! A circuit counts its operations ([`Circuit::costs`](crate::Circuit::costs)) and asks for the time of
//! each. Who answers times it now, or reads it from a table that was made before: then nothing is
//! prepared for it, so that circuits can be planned that this machine cannot hold.

use std::collections::HashMap;
use std::time::Duration;

use crate::{SchemeError, clock};

/// An operation and what decides how long it takes: `rotate`, `N=8192 primes=3`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Operation {
    name: &'static str,
    parameters: String,
}

impl Operation {
    /// The operation of this name under these parameters.
    pub fn new(name: &'static str, parameters: impl Into<String>) -> Self {
        Self {
            name,
            parameters: parameters.into(),
        }
    }

    /// The operation's name alone.
    pub fn name(&self) -> &'static str {
        self.name
    }
}

impl std::fmt::Display for Operation {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name)?;
        match self.parameters.as_str() {
            "" => Ok(()),
            parameters => write!(f, " {parameters}"),
        }
    }
}

/// What one operation takes: processor time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct OperationTime {
    /// While no other thread does anything.
    pub alone: Duration,
    /// While every thread of the cell does the same: they share caches and memory.
    pub together: Duration,
}

impl OperationTime {
    /// The same, whatever other threads do.
    pub fn of(time: Duration) -> Self {
        Self {
            alone: time,
            together: time,
        }
    }
}

/// Does an operation once, on operands that are there.
pub type Step<'a> = Box<dyn Fn() -> Result<(), SchemeError> + Send + Sync + 'a>;

/// Steps to be timed, made of a closure.
pub mod step {
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::sync::{Mutex, PoisonError};

    use super::Step;
    use crate::SchemeError;

    /// A step whose result is dropped at once.
    pub fn again<'s, R, E: Into<SchemeError>>(
        step: impl Fn() -> Result<R, E> + Send + Sync + 's,
    ) -> Step<'s> {
        Box::new(move || step().map(drop).map_err(Into::into))
    }

    /// A step whose last results are kept, so many: the next one has memory of its own, as in a program.
    pub fn kept<'s, R: Send + 's, E: Into<SchemeError>>(
        results: usize,
        step: impl Fn() -> Result<R, E> + Send + Sync + 's,
    ) -> Step<'s> {
        let kept: Vec<_> = (0..results.max(1)).map(|_| Mutex::new(None)).collect();
        let turn = AtomicUsize::new(0);
        again(move || {
            let at = turn.fetch_add(1, Ordering::Relaxed) % kept.len();
            let result = step()?;
            let mut place = kept[at].lock().unwrap_or_else(PoisonError::into_inner);
            let before = place.replace(result);
            drop(place);
            drop(before);
            Ok::<_, E>(())
        })
    }

    /// A step on the first, the second, … of the operands in turn, whose results are kept for one turn: as in
    /// a program, whose operations each find operands of their own, which no cache holds. There is at least one.
    pub fn in_turn<'s, T: Send + Sync + 's, R: Send + 's, E: Into<SchemeError>>(
        operands: Vec<T>,
        step: impl Fn(&T) -> Result<R, E> + Send + Sync + 's,
    ) -> Step<'s> {
        let turn = AtomicUsize::new(0);
        kept(operands.len(), move || {
            let at = turn.fetch_add(1, Ordering::Relaxed);
            step(&operands[at % operands.len()])
        })
    }
}

/// Makes operands, and yields the operation on them.
pub type Preparation<'p, 'a> = dyn Fn() -> Result<Step<'a>, SchemeError> + 'p;

/// Knows what operations take on this machine, or finds out.
pub trait OperationTimes {
    /// The time of an operation, which `prepare` makes ready if it has to be done for that.
    ///
    /// # Errors
    ///
    /// Those of `prepare` and of its step; [`SchemeError::Library`] where the time is not known and is
    /// not to be found out.
    fn time(
        &mut self,
        operation: Operation,
        prepare: &Preparation<'_, '_>,
    ) -> Result<OperationTime, SchemeError>;

    /// Whether steps are done so often that they go round in operands, of which each finds others; else one of each
    /// is enough, and sooner made.
    fn goes_round(&self) -> bool {
        true
    }

    /// The time of an operation that finds nothing in a cache, as the first of its kind in a phase; that of
    /// others, where it is not known.
    ///
    /// # Errors
    ///
    /// Those of [`time`](Self::time).
    fn cold(
        &mut self,
        operation: Operation,
        prepare: &Preparation<'_, '_>,
    ) -> Result<Duration, SchemeError> {
        Ok(self.time(operation, prepare)?.alone)
    }
}

/// Times each operation once when it is asked for, on one thread.
#[derive(Debug, Default)]
pub struct TimedNow(HashMap<Operation, OperationTime>);

impl OperationTimes for TimedNow {
    fn goes_round(&self) -> bool {
        false
    }

    fn time(
        &mut self,
        operation: Operation,
        prepare: &Preparation<'_, '_>,
    ) -> Result<OperationTime, SchemeError> {
        if let Some(known) = self.0.get(&operation) {
            return Ok(*known);
        }
        let step = prepare()?;
        let ((), time) = timed(&*step)?;
        let time = OperationTime::of(time);
        self.0.insert(operation, time);
        Ok(time)
    }
}

/// What a step yields, and the processor time that it takes; one that takes less than a millisecond
/// is repeated until it is known better.
///
/// # Errors
///
/// The step's, the first time that it fails.
pub fn timed<T>(
    mut step: impl FnMut() -> Result<T, SchemeError>,
) -> Result<(T, Duration), SchemeError> {
    const ENOUGH: Duration = Duration::from_millis(1);
    const MOST: u32 = 100;
    let began = clock::processor_time();
    let mut times = 0;
    loop {
        let yielded = step()?;
        times += 1;
        let spent = clock::processor_time().saturating_sub(began);
        if spent >= ENOUGH || times >= MOST {
            return Ok((yielded, spent / times));
        }
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    #[test]
    fn short_steps_are_repeated() {
        let mut times = 0_u32;
        let (last, _) = timed(|| {
            times += 1;
            Ok(times)
        })
        .unwrap();
        assert!(last > 1 && last == times, "{last} {times}");
        let failed: Result<((), _), _> = timed(|| Err(SchemeError::Foreign("as told".into())));
        assert!(failed.is_err());
    }

    #[test]
    fn an_operation_is_timed_once() {
        let prepared = Cell::new(0);
        let mut times = TimedNow::default();
        let mut ask = |parameters: &str| {
            times
                .time(Operation::new("rotate", parameters), &|| {
                    prepared.set(prepared.get() + 1);
                    Ok(Box::new(|| Ok(())))
                })
                .unwrap()
        };
        let first = ask("N=8192 primes=3");
        assert_eq!(first.alone, first.together);
        assert_eq!(ask("N=8192 primes=3"), first);
        ask("N=8192 primes=2");
        assert_eq!(prepared.get(), 2);
        assert_eq!(Operation::new("rotate", "N=8").to_string(), "rotate N=8");
    }
}
