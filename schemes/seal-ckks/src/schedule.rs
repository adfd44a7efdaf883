//! When, and at which level, each value of a program is computed.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use hexperiment_program::lower::Lowered;
use hexperiment_program::{Op, OutputId, Program, Public, ValueId};
use hexperiment_scheme::SchemeError;

use crate::parallel::Threads;

/// Whether a sum of products with these factors needs no scale of its own, so no level.
pub(crate) fn is_whole<'a>(weights: impl IntoIterator<Item = &'a Public>) -> bool {
    let whole = |w: &Public| w.as_scalar().is_some() && w.is_integral();
    weights.into_iter().all(whole)
}

/// The level at which each value is computed: products and weighted sums as late as their first
/// reader allows, since the cost grows with the primes that are left; sums and moves where their
/// operands are, since bringing several operands down costs more than bringing one result.
pub(crate) fn levels(lowered: &Lowered) -> Vec<usize> {
    let program = lowered.program();
    let least = |id: ValueId| lowered.level(id) as usize;
    let mut levels: Vec<usize> = vec![usize::MAX; program.values().len()];
    for id in program.outputs().iter().flat_map(|o| &o.values) {
        levels[id.index()] = least(*id);
    }
    let ids: Vec<ValueId> = program.iter().map(|(id, _)| id).collect();
    for id in ids.iter().rev() {
        let op = program.value(*id).op();
        // What nothing reads is computed where it stands.
        let late = levels[id.index()];
        let late = if late == usize::MAX { least(*id) } else { late };
        levels[id.index()] = if matches!(op, Op::Input { .. }) {
            0
        } else {
            late
        };
        let operands = op.operands();
        let before = operands.iter().map(|v| least(*v)).max().unwrap_or(0);
        let takes = least(*id) - before;
        for operand in operands {
            let level = &mut levels[operand.index()];
            *level = (*level).min(late - takes);
        }
    }
    for id in ids {
        let op = program.value(id).op();
        if stays(op) {
            let operands = op.operands().into_iter();
            levels[id.index()] = operands.map(|v| levels[v.index()]).max().unwrap_or(0);
        }
    }
    levels
}

/// Whether an operation takes no level.
fn stays(op: &Op) -> bool {
    match op {
        Op::Mul(..) | Op::Square(_) | Op::Constant(_) => false,
        Op::Scale { by, .. } => is_whole([by]),
        Op::WeightedSum { terms, .. } => is_whole(terms.iter().map(|(_, w)| w)),
        _ => true,
    }
}

/// The values that are computed at most at a time: the most of those that wait for as many others, one
/// after the other.
fn width(program: &Program, needed: &[bool]) -> usize {
    let mut depths = vec![0_usize; needed.len()];
    let mut at = BTreeMap::<usize, usize>::new();
    for (id, value) in program.iter().filter(|(id, _)| needed[id.index()]) {
        // Inputs are there.
        if matches!(value.op(), Op::Input { .. }) {
            continue;
        }
        let operands = value.op().operands();
        let before = operands.iter().map(|v| depths[v.index()]).max();
        let depth = 1 + before.unwrap_or(0);
        depths[id.index()] = depth;
        *at.entry(depth).or_default() += 1;
    }
    at.into_values().max().unwrap_or(0)
}

/// Computes what the outputs `wanted` depend on, as many values at a time as there are threads, the
/// first in the program's order first; so no more of them are in memory than in that order, but for
/// one to a thread. Yields the outputs' values; others are dropped once nothing reads them any more.
pub(crate) fn run<T: Send + Sync>(
    program: &Program,
    wanted: &[OutputId],
    shared_by: Threads,
    compute: impl Fn(ValueId, &[(ValueId, Arc<T>)]) -> Result<T, SchemeError> + Sync,
) -> Result<Vec<Option<Arc<T>>>, SchemeError> {
    let needed = program.needed_for(wanted);
    let queue = Queue::new(program, wanted, &needed);
    // Starting a thread takes as long as some operations: a program that is a chain needs none.
    let threads = match shared_by {
        Threads::One => 1,
        Threads::All => rayon::current_num_threads().min(width(program, &needed)),
    };
    // Not rayon's threads: these wait for each other, and rayon runs one task inside another's
    // wait. What they compute runs on rayon's, of which this one may be.
    std::thread::scope(|scope| {
        for _ in 1..threads {
            scope.spawn(|| queue.work(program, &compute));
        }
        queue.work(program, &compute);
    });
    let state = queue
        .state
        .into_inner()
        .unwrap_or_else(PoisonError::into_inner);
    match state.failed {
        Some(error) => Err(error),
        None => Ok(state.values),
    }
}

/// A thread of rayon's that waits for a value looks for pieces of others as often: nobody wakes it for them.
const UNTIL_NEXT: Duration = Duration::from_micros(50);

struct Queue<T> {
    state: Mutex<State<T>>,
    changed: Condvar,
    /// The readers of each value.
    readers: Vec<Vec<usize>>,
}

struct State<T> {
    values: Vec<Option<Arc<T>>>,
    /// Operands that each value waits for.
    waits: Vec<usize>,
    /// Readers, or outputs, that each value is kept for.
    kept: Vec<usize>,
    ready: BTreeSet<usize>,
    /// Values not yet computed.
    left: usize,
    failed: Option<SchemeError>,
}

/// Wakes the others, who would wait for ever, if a computation panics.
struct Alarm<'a, T>(&'a Queue<T>);

impl<T> Drop for Alarm<'_, T> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.0.lock().failed = Some(SchemeError::Library {
                library: "seal-ckks",
                operation: "evaluate".into(),
                message: "a computation panicked".into(),
            });
            self.0.changed.notify_all();
        }
    }
}

impl<T> Queue<T> {
    fn new(program: &Program, wanted: &[OutputId], needed: &[bool]) -> Self {
        let count = program.values().len();
        let mut readers = vec![vec![]; count];
        let mut waits = vec![0; count];
        for (id, value) in program.iter().filter(|(id, _)| needed[id.index()]) {
            let mut operands = value.op().operands();
            operands.sort_unstable();
            operands.dedup();
            waits[id.index()] = operands.len();
            for operand in operands {
                readers[operand.index()].push(id.index());
            }
        }
        let mut kept: Vec<usize> = readers.iter().map(Vec::len).collect();
        for id in wanted.iter().flat_map(|o| &program.output(*o).values) {
            kept[id.index()] += 1;
        }
        let ready = (0..count)
            .filter(|i| needed[*i] && waits[*i] == 0)
            .collect();
        Self {
            state: Mutex::new(State {
                values: std::iter::repeat_with(|| None).take(count).collect(),
                waits,
                kept,
                ready,
                left: needed.iter().filter(|n| **n).count(),
                failed: None,
            }),
            changed: Condvar::new(),
            readers,
        }
    }

    fn lock(&self) -> MutexGuard<'_, State<T>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes what is ready until all is computed or something failed.
    fn work<F>(&self, program: &Program, compute: &F)
    where
        F: Fn(ValueId, &[(ValueId, Arc<T>)]) -> Result<T, SchemeError>,
    {
        let mut state = self.lock();
        loop {
            if state.failed.is_some() || state.left == 0 {
                return;
            }
            let Some(index) = state.ready.pop_first() else {
                state = self.wait(state);
                continue;
            };
            let id = ValueId::from_index(index);
            let mut operands = program.value(id).op().operands();
            operands.sort_unstable();
            operands.dedup();
            let given: Vec<_> = operands
                .iter()
                .filter_map(|v| state.values[v.index()].clone().map(|value| (*v, value)))
                .collect();
            drop(state);
            let alarm = Alarm(self);
            let result = compute(id, &given);
            drop((alarm, given));
            state = self.lock();
            match result {
                Ok(value) => self.done(&mut state, index, value, &operands),
                Err(error) => state.failed = Some(error),
            }
            self.changed.notify_all();
        }
    }

    /// Waits for a value to be computed. A thread of rayon's does pieces of it meanwhile.
    fn wait<'q>(&'q self, state: MutexGuard<'q, State<T>>) -> MutexGuard<'q, State<T>> {
        if rayon::current_thread_index().is_none() {
            let woken = self.changed.wait(state);
            return woken.unwrap_or_else(PoisonError::into_inner);
        }
        drop(state);
        let found = rayon::yield_now();
        let state = self.lock();
        let is_over = state.failed.is_some() || state.left == 0 || !state.ready.is_empty();
        if is_over || found == Some(rayon::Yield::Executed) {
            return state;
        }
        let woken = self.changed.wait_timeout(state, UNTIL_NEXT);
        woken.unwrap_or_else(PoisonError::into_inner).0
    }

    fn done(&self, state: &mut State<T>, index: usize, value: T, operands: &[ValueId]) {
        state.left -= 1;
        if state.kept[index] > 0 {
            state.values[index] = Some(Arc::new(value));
        }
        for reader in &self.readers[index] {
            state.waits[*reader] -= 1;
            if state.waits[*reader] == 0 {
                state.ready.insert(*reader);
            }
        }
        for operand in operands {
            let kept = &mut state.kept[operand.index()];
            *kept -= 1;
            if *kept == 0 {
                state.values[operand.index()] = None;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use hexperiment_program::{Column, Input, Interval, Output, Party, ProgramBuilder};
    use hexperiment_scheme::Scheme;
    use hexperiment_scheme::options::Options;

    use super::*;

    fn program(body: impl FnOnce(&mut ProgramBuilder, &[ValueId]) -> ValueId) -> Program {
        let mut b = ProgramBuilder::new("test");
        let column = |i| Column {
            name: format!("x{i}"),
            range: Interval::symmetric(1.0),
        };
        let input = Input {
            name: "x".into(),
            owner: Party::Client(0),
            length: 4,
            columns: (0..3).map(column).collect(),
            precision: 1e-3,
        };
        let (_, x) = b.input(input).unwrap();
        let y = body(&mut b, &x);
        b.output(Output {
            name: "y".into(),
            values: vec![y],
            precision: 1e-3,
        })
        .unwrap();
        b.finish().unwrap()
    }

    /// A weighted sum, then products; the sum of all is needed late only.
    fn deep() -> Program {
        program(|b, x| {
            let early = b.weighted_sum(vec![(x[1], 0.5.into())], 0.25).unwrap();
            let deep = (0..4).fold(x[0], |y, _| b.square(y).unwrap());
            b.mul(deep, early).unwrap()
        })
    }

    #[test]
    fn what_is_needed_late_is_computed_late() {
        let options = Options::with_defaults(&crate::SealCkks.manifest().options, []);
        let capabilities = crate::SealCkks.capabilities(&options).unwrap();
        let lowered = hexperiment_program::lower::lower(&deep(), &capabilities).unwrap();
        let levels = levels(&lowered);
        for (id, value) in lowered.program().iter() {
            assert!(levels[id.index()] >= lowered.level(id) as usize);
            match value.op() {
                Op::Input { .. } => assert_eq!(levels[id.index()], 0),
                Op::WeightedSum { .. } | Op::Scale { .. } => assert_eq!(levels[id.index()], 4),
                _ => assert_eq!(levels[id.index()], lowered.level(id) as usize),
            }
        }
    }

    /// As in a cell, whose own thread is one of rayon's: it looks for pieces while it waits for a value.
    #[test]
    fn threads_of_rayons_take_part() {
        let program = program(|b, x| {
            let squares = [x[0], x[1]].map(|v| b.square(v).unwrap());
            let sum = b.add(squares[0], squares[1]).unwrap();
            b.square(sum).unwrap()
        });
        let pool = rayon::ThreadPoolBuilder::new().num_threads(2).build();
        let values = pool.unwrap().install(|| {
            run(&program, &program.output_ids(), Threads::All, |_, _| {
                let pieces = Threads::All.try_each(64, Ok::<_, SchemeError>)?;
                Ok(pieces.into_iter().sum::<usize>())
            })
        });
        let kept: Vec<_> = values.unwrap().iter().flatten().map(|v| **v).collect();
        assert_eq!(kept, [63 * 32]);
    }

    #[test]
    fn all_values_that_are_read_are_computed_once_and_the_outputs_kept() {
        let (program, count) = (deep(), AtomicUsize::new(0));
        let values = run(
            &program,
            &program.output_ids(),
            Threads::All,
            |id, operands| {
                count.fetch_add(1, Ordering::Relaxed);
                let deepest = operands.iter().map(|(_, depth)| **depth).max();
                assert!(operands.iter().all(|(operand, _)| *operand < id));
                Ok(deepest.map_or(0, |d| d + 1))
            },
        );
        let values = values.unwrap();
        // One column of the input is not read.
        assert_eq!(count.into_inner(), program.values().len() - 1);
        let kept: Vec<_> = values.iter().flatten().map(|v| **v).collect();
        assert_eq!(kept, [5]);
    }

    #[test]
    fn what_no_wanted_output_needs_is_not_computed() {
        let mut b = ProgramBuilder::new("test");
        let column = |i| Column {
            name: format!("x{i}"),
            range: Interval::symmetric(1.0),
        };
        let input = Input {
            name: "x".into(),
            owner: Party::Client(0),
            length: 4,
            columns: (0..2).map(column).collect(),
            precision: 1e-3,
        };
        let (_, x) = b.input(input).unwrap();
        let square = b.square(x[0]).unwrap();
        let fourth = b.square(square).unwrap();
        let twice = b.scale(x[1], 2.0).unwrap();
        for value in [fourth, twice] {
            b.output(Output {
                name: format!("{value}"),
                values: vec![value],
                precision: 1e-3,
            })
            .unwrap();
        }
        let program = b.finish().unwrap();
        let computed = |outputs: &[usize]| -> (Vec<ValueId>, Vec<ValueId>) {
            let wanted: Vec<_> = outputs.iter().map(|i| OutputId::from_index(*i)).collect();
            let done = Mutex::new(BTreeSet::new());
            let values = run(&program, &wanted, Threads::All, |id, _| {
                done.lock().unwrap().insert(id);
                Ok(id)
            });
            let kept: Vec<_> = values.unwrap().into_iter().flatten().map(|v| *v).collect();
            (done.into_inner().unwrap().into_iter().collect(), kept)
        };
        assert_eq!(computed(&[0]), (vec![x[0], square, fourth], vec![fourth]));
        assert_eq!(computed(&[1]), (vec![x[1], twice], vec![twice]));
        assert_eq!(computed(&[]), (vec![], vec![]));
        assert_eq!(computed(&[1, 0]).1, [fourth, twice]);
    }

    #[test]
    fn a_failure_ends_the_run() {
        let program = deep();
        let failing = |id: ValueId, _: &[(ValueId, Arc<()>)]| {
            if id.index() < 4 {
                return Ok(());
            }
            Err(SchemeError::Foreign("as told".into()))
        };
        assert!(run(&program, &program.output_ids(), Threads::All, failing).is_err());
    }
}
