//! What the steps of a circuit take, before any of them is run in earnest.

use std::ops::{Add, Mul};
use std::time::{Duration, Instant};

use ndarray::Array2;

use super::{Circuit, KeySet, OperationTime, SchemeError};
use hexperiment_program::{InputId, Program};

/// The processor time of a step, and how much of it has to be done by one thread after the other.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Work {
    /// Processor time of all threads.
    pub total: Duration,
    /// That of the longest chain of steps of which each waits for the one before.
    pub serial: Duration,
    /// The part of that chain beside which no other thread has anything to do.
    pub alone: Duration,
}

impl Work {
    /// Work of one thread.
    pub fn serial(time: Duration) -> Self {
        Self {
            total: time,
            serial: time,
            alone: time,
        }
    }

    /// `count` operations, none of which waits for another.
    pub fn shared(each: OperationTime, count: usize) -> Self {
        match count {
            0 => Self::default(),
            1 => Self::serial(each.alone),
            _ => Self {
                total: each.together.mul_f64(count as f64),
                serial: each.alone,
                alone: Duration::ZERO,
            },
        }
    }

    /// The wall time on so many processors with nothing else to do.
    pub fn wall(self, threads: usize) -> Duration {
        let shared = self.total.saturating_sub(self.alone);
        let chain = self.serial.saturating_sub(self.alone);
        self.alone + chain.max(shared.div_f64(threads.max(1) as f64))
    }
}

impl Add for Work {
    type Output = Self;

    /// One after the other.
    fn add(self, other: Self) -> Self {
        Self {
            total: self.total + other.total,
            serial: self.serial + other.serial,
            alone: self.alone + other.alone,
        }
    }
}

impl Mul<f64> for Work {
    type Output = Self;

    fn mul(self, times: f64) -> Self {
        Self {
            total: self.total.mul_f64(times),
            serial: self.serial.mul_f64(times),
            alone: self.alone.mul_f64(times),
        }
    }
}

/// What the steps of a circuit take on this machine, about: see [`Circuit::costs`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Costs {
    /// Making the keys: the client's.
    pub keygen: Work,
    /// Preparing the server of their bytes.
    pub prepare: Work,
    /// By input: encryption.
    pub encrypt: Vec<Work>,
    /// By input: writing its ciphertexts and reading them.
    pub upload: Vec<Work>,
    /// An evaluation of all outputs.
    pub evaluate: Work,
    /// By output: writing its ciphertexts and reading them.
    pub download: Vec<Work>,
    /// By output: decryption.
    pub decrypt: Vec<Work>,
}

/// The bytes that cross between the parties: see [`Circuit::sizes`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sizes {
    /// The evaluation keys.
    pub keys: u64,
    /// By input: its ciphertexts.
    pub inputs: Vec<u64>,
    /// By output: its ciphertexts.
    pub outputs: Vec<u64>,
}

/// Bytes that are touched before a step is timed, so that it finds nothing in any cache: in a run, the other party and
/// other cells work between two steps. The caches that processors share hold as much; less leaves times as they were.
const EVICTED: usize = 32 << 20;

/// Times a step is done; the median counts.
const TIMES: usize = 5;

/// A step that has taken as long is not done again: of millions of rows one time says enough.
const LONG: Duration = Duration::from_millis(200);

/// Whether a step that took so long is done once more, `most` times at most.
fn is_done_again(times: &[Duration], most: usize) -> bool {
    times.len() < most && times.iter().sum::<Duration>() < LONG
}

/// What a step yields, and the wall time that it takes when caches are empty. Its own threads share it
/// out, which processor time would not show.
///
/// # Errors
///
/// Those of the step.
pub fn timed_cold<T>(
    step: impl FnMut() -> Result<T, SchemeError>,
) -> Result<(T, Duration), SchemeError> {
    timed_after(EVICTED, Duration::ZERO, TIMES, step)
}

/// A step's thread sleeps for as long before it is timed, as a party's does while the other works: it is woken on a
/// processor that did something else meanwhile.
const REST: Duration = Duration::from_micros(300);

/// Bytes that are touched meanwhile: what the other party works on, of short steps.
const DISPLACED: usize = 256 << 10;

/// Times a short step is done; the median counts.
const SHORT_TIMES: usize = 15;

/// What a step yields, and the wall time that it takes after a rest: that of steps of microseconds, whose operands the
/// caches still hold from the step before.
///
/// # Errors
///
/// Those of the step.
pub fn timed_after_rest<T>(
    step: impl FnMut() -> Result<T, SchemeError>,
) -> Result<(T, Duration), SchemeError> {
    timed_after(DISPLACED, REST, SHORT_TIMES, step)
}

/// The last result of a step, and the median of its times, each after so many bytes were touched and so long a sleep.
fn timed_after<T>(
    touched: usize,
    rest: Duration,
    most: usize,
    mut step: impl FnMut() -> Result<T, SchemeError>,
) -> Result<(T, Duration), SchemeError> {
    let mut evicted = vec![0_u8; touched];
    let mut once = || {
        for byte in evicted.iter_mut().step_by(64) {
            *byte = std::hint::black_box(byte.wrapping_add(1));
        }
        if !rest.is_zero() {
            std::thread::sleep(rest);
        }
        let began = Instant::now();
        let yielded = step()?;
        Ok::<_, SchemeError>((yielded, began.elapsed()))
    };
    let (mut last, first) = once()?;
    let mut times = vec![first];
    while is_done_again(&times, most) {
        let (yielded, time) = once()?;
        times.push(time);
        last = yielded;
    }
    times.sort();
    let middle = times[times.len() / 2];
    Ok((last, middle))
}

impl Costs {
    /// By doing all of it, with numbers in the middle of their ranges: for circuits that take
    /// next to no time. `program` is the one that the circuit evaluates.
    ///
    /// # Errors
    ///
    /// The scheme's: keys cannot be made or prepared, or an encryption, the evaluation, a
    /// decryption or the crossing of ciphertexts fails.
    pub fn of_the_whole(circuit: &dyn Circuit, program: &Program) -> Result<Self, SchemeError> {
        let (keys, keygen) = timed_after_rest(|| circuit.generate_keys())?;
        let KeySet {
            encryptor,
            decryptor,
            evaluation,
        } = keys;
        let began = Instant::now();
        let evaluator = circuit.prepare(evaluation)?;
        let prepare = began.elapsed();
        let mut costs = Self {
            keygen: Work::serial(keygen),
            prepare: Work::serial(prepare),
            ..Self::default()
        };
        let mut inputs = Vec::with_capacity(program.inputs().len());
        for (index, input) in program.inputs().iter().enumerate() {
            let middle = |column: usize| {
                let range = input.columns[column].range;
                f64::midpoint(range.low, range.high)
            };
            let shape = (input.length, input.columns.len());
            let table = Array2::from_shape_fn(shape, |(_, column)| middle(column));
            let id = InputId::from_index(index);
            let (sealed, time) = timed_after_rest(|| encryptor.encrypt(id, table.view()))?;
            costs.encrypt.push(Work::serial(time));
            let (sent, time) = timed_after_rest(|| circuit.load(&sealed.to_bytes()?))?;
            costs.upload.push(Work::serial(time));
            inputs.push(sent);
        }
        let (results, evaluate) = timed_after_rest(|| evaluator.evaluate(&inputs))?;
        costs.evaluate = Work::serial(evaluate);
        for (id, result) in program.output_ids().into_iter().zip(&results) {
            let (sent, time) = timed_after_rest(|| circuit.load(&result.to_bytes()?))?;
            costs.download.push(Work::serial(time));
            let (_, time) = timed_after_rest(|| decryptor.decrypt(id, &sent))?;
            costs.decrypt.push(Work::serial(time));
        }
        Ok(costs)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_steps_are_timed_once() {
        let ms = Duration::from_millis;
        assert!(
            is_done_again(&[ms(1); TIMES - 1], TIMES) && !is_done_again(&[ms(1); TIMES], TIMES)
        );
        assert!(is_done_again(&[LONG / 2], TIMES) && !is_done_again(&[LONG / 2; 2], TIMES));
        assert!(!is_done_again(&[LONG], TIMES));
    }

    #[test]
    fn work_is_shared_out_but_for_its_chains() {
        let ms = Duration::from_millis;
        let each = OperationTime {
            alone: ms(10),
            together: ms(12),
        };
        let shared = Work::shared(each, 8);
        assert_eq!((shared.total, shared.serial), (ms(96), ms(10)));
        assert_eq!(shared.wall(2), ms(48));
        assert_eq!(shared.wall(100), ms(10));
        assert_eq!(shared.wall(0), ms(96));
        let all = shared + Work::serial(ms(5)) * 2.0;
        assert_eq!(
            (all.total, all.serial, all.alone),
            (ms(106), ms(20), ms(10))
        );
        // Nobody helps with the last ten.
        assert_eq!((all.wall(2), all.wall(100)), (ms(58), ms(20)));
        assert_eq!(Work::shared(each, 0), Work::default());
        assert_eq!(Work::shared(each, 1), Work::serial(ms(10)));
    }
}
