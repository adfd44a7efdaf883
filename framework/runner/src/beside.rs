//! What a repetition's work takes as calls of the scheme's library alone: for `bench`.
//!
//! The operations of the circuit are counted as `plan` counts them, and each is timed by itself in the cell's
//! own process, right after the repetition: what the framework adds to the library is a ratio of one run. A phase of
//! a run finds caches that the other party and other cells have filled: so does the first operation of each kind here.

use std::collections::BTreeMap;
use std::time::Duration;

use hexperiment_experiment::CellPlan;
use hexperiment_experiment::record::Library;
use hexperiment_scheme::{
    Circuit, Operation, OperationTime, OperationTimes, Preparation, SchemeError, timed_cold,
};
use hexperiment_task::TaskError;

use crate::compiled::Compiled;
use crate::estimate::{Steps, nanoseconds};
use crate::timing::{Bound, Effort, QUICK, measure_on};

/// An operation that takes so long is timed beside the first repetition only, as making keys is: it scatters
/// little.
const SLOW: Duration = Duration::from_millis(100);

/// The library's calls of one cell.
pub(crate) struct Beside {
    steps: Steps,
    /// Times of slow operations, which are kept.
    slow: BTreeMap<String, Duration>,
}

impl Beside {
    /// Counts what the protocol of a cell does.
    ///
    /// # Errors
    /// The protocol fails in the clear.
    pub(crate) fn of(plan: &CellPlan, compiled: &Compiled) -> Result<Self, TaskError> {
        Ok(Self {
            steps: Steps::count(plan, compiled)?,
            slow: BTreeMap::new(),
        })
    }

    /// Times the operations of a circuit now; `None` of a scheme that has none to time, as nothing that it does
    /// is a library's.
    ///
    /// # Errors
    /// An operation fails.
    pub(crate) fn time(&mut self, circuit: &dyn Circuit) -> Result<Option<Library>, SchemeError> {
        let mut times = Now {
            slow: &mut self.slow,
            operations: BTreeMap::new(),
            cold: BTreeMap::new(),
        };
        let Some(costs) = circuit.costs(&mut times)? else {
            return Ok(None);
        };
        let Now {
            operations, cold, ..
        } = times;
        if operations.is_empty() {
            return Ok(None);
        }
        let cold = cold.into_iter();
        let cold = cold.map(|(name, time)| (format!("{name}, empty caches"), time));
        let [encrypt, evaluate, decrypt] = self.steps.processor_times(&costs);
        Ok(Some(Library {
            encrypt_ns: nanoseconds(encrypt),
            evaluate_ns: (!self.steps.evaluates_in_part()).then(|| nanoseconds(evaluate)),
            decrypt_ns: nanoseconds(decrypt),
            operations: operations
                .into_iter()
                .chain(cold)
                .map(|(name, time)| (name, nanoseconds(time)))
                .collect(),
        }))
    }
}

/// Times each operation once when it is first asked for.
struct Now<'s> {
    slow: &'s mut BTreeMap<String, Duration>,
    operations: BTreeMap<String, Duration>,
    /// Likewise with empty caches, of quick ones.
    cold: BTreeMap<String, Duration>,
}

impl OperationTimes for Now<'_> {
    fn time(
        &mut self,
        operation: Operation,
        prepare: &Preparation<'_, '_>,
    ) -> Result<OperationTime, SchemeError> {
        let name = operation.to_string();
        let known = self.operations.get(&name).or_else(|| self.slow.get(&name));
        let time = if let Some(time) = known {
            *time
        } else {
            let spread = measure_on(1, &prepare()?, Effort::BESIDE)?;
            spread.at(Bound::Median)
        };
        if time >= SLOW {
            self.slow.insert(name.clone(), time);
        }
        self.operations.insert(name, time);
        Ok(OperationTime::of(time))
    }

    fn cold(
        &mut self,
        operation: Operation,
        prepare: &Preparation<'_, '_>,
    ) -> Result<Duration, SchemeError> {
        let name = operation.to_string();
        let warm = self.time(operation, prepare)?.alone;
        if warm >= QUICK {
            return Ok(warm);
        }
        if let Some(known) = self.cold.get(&name) {
            return Ok(*known);
        }
        let ((), time) = timed_cold(&*prepare()?)?;
        let time = time.max(warm);
        self.cold.insert(name, time);
        Ok(time)
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    #[test]
    fn the_first_of_a_kind_finds_empty_caches() {
        let mut slow = BTreeMap::new();
        let mut now = Now {
            slow: &mut slow,
            operations: BTreeMap::new(),
            cold: BTreeMap::new(),
        };
        let numbers = vec![1_u64; 1 << 14];
        let prepared = Cell::new(0);
        let mut ask = |operation: &'static str| {
            let prepare = || {
                prepared.set(prepared.get() + 1);
                let numbers = &numbers;
                let step: hexperiment_scheme::Step<'_> = Box::new(move || {
                    std::hint::black_box(numbers.iter().sum::<u64>());
                    Ok(())
                });
                Ok(step)
            };
            let operation = Operation::new(operation, "");
            let cold = now.cold(operation.clone(), &prepare).unwrap();
            (cold, now.time(operation, &prepare).unwrap().alone)
        };
        let (cold, warm) = ask("sum");
        assert!(cold >= warm, "{cold:?} {warm:?}");
        // Each is timed once.
        assert_eq!(ask("sum"), (cold, warm));
        assert_eq!(prepared.get(), 2);
        ask("product");
        assert_eq!(prepared.get(), 4);
        assert_eq!(now.cold.len(), 2);
    }
}
