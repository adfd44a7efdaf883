//! What the steps of a circuit take, before any of them is run in earnest.

use std::ops::{Add, Mul};
use std::time::Duration;

use ndarray::Array2;

use super::{Circuit, Parties, SchemeError, clock};
use hexperiment_program::{InputId, Program};

/// The processor time of a step, and how much of it has to be done by one thread after the other.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Work {
    /// Processor time of all threads.
    pub total: Duration,
    /// That of the longest chain of steps of which each waits for the one before.
    pub serial: Duration,
}

impl Work {
    /// Work of one thread.
    pub fn serial(time: Duration) -> Self {
        Self {
            total: time,
            serial: time,
        }
    }

    /// `count` steps that take `each`, none of which waits for another.
    pub fn shared(each: Duration, count: usize) -> Self {
        Self {
            total: each.mul_f64(count as f64),
            serial: if count > 0 { each } else { Duration::ZERO },
        }
    }

    /// The wall time on so many processors with nothing else to do.
    pub fn wall(self, threads: usize) -> Duration {
        self.serial.max(self.total.div_f64(threads.max(1) as f64))
    }
}

impl Add for Work {
    type Output = Self;

    /// One after the other.
    fn add(self, other: Self) -> Self {
        Self {
            total: self.total + other.total,
            serial: self.serial + other.serial,
        }
    }
}

impl Mul<f64> for Work {
    type Output = Self;

    fn mul(self, times: f64) -> Self {
        Self {
            total: self.total.mul_f64(times),
            serial: self.serial.mul_f64(times),
        }
    }
}

/// What the steps of a circuit take on this machine, about: see [`Circuit::costs`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Costs {
    /// Making the keys, and preparing the server of them.
    pub set_up: Work,
    /// By input: encryption, and what sending the ciphertexts takes.
    pub encrypt: Vec<Work>,
    /// An evaluation of all outputs.
    pub evaluate: Work,
    /// By output: decryption, and what sending the ciphertexts takes.
    pub decrypt: Vec<Work>,
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

impl Costs {
    /// By doing all of it once, with numbers in the middle of their ranges: for circuits that take
    /// next to no time. `program` is the one that the circuit evaluates.
    ///
    /// # Errors
    ///
    /// The scheme's: keys cannot be made or prepared, or an encryption, the evaluation, a
    /// decryption or the crossing of ciphertexts fails.
    pub fn of_the_whole(circuit: &dyn Circuit, program: &Program) -> Result<Self, SchemeError> {
        let (parties, set_up) = timed(|| Parties::of(circuit))?;
        let mut encrypt = Vec::with_capacity(program.inputs().len());
        let mut inputs = Vec::with_capacity(program.inputs().len());
        for (index, input) in program.inputs().iter().enumerate() {
            let middle = |column: usize| {
                let range = input.columns[column].range;
                f64::midpoint(range.low, range.high)
            };
            let shape = (input.length, input.columns.len());
            let table = Array2::from_shape_fn(shape, |(_, column)| middle(column));
            let id = InputId::from_index(index);
            let (sent, time) = timed(|| {
                let sealed = parties.encryptor.encrypt(id, table.view())?;
                circuit.load(&sealed.to_bytes()?)
            })?;
            inputs.push(sent);
            encrypt.push(Work::serial(time));
        }
        let (results, evaluate) = timed(|| parties.evaluator.evaluate(&inputs))?;
        let decrypt = program.output_ids().into_iter().zip(&results);
        let decrypt = decrypt.map(|(id, result)| {
            let (_, time) = timed(|| {
                let sent = circuit.load(&result.to_bytes()?)?;
                parties.decryptor.decrypt(id, &sent)
            })?;
            Ok(Work::serial(time))
        });
        Ok(Self {
            set_up: Work::serial(set_up),
            encrypt,
            evaluate: Work::serial(evaluate),
            decrypt: decrypt.collect::<Result<_, SchemeError>>()?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn work_is_shared_out_but_for_its_chains() {
        let ms = Duration::from_millis;
        let shared = Work::shared(ms(10), 8);
        assert_eq!((shared.total, shared.serial), (ms(80), ms(10)));
        assert_eq!(shared.wall(2), ms(40));
        assert_eq!(shared.wall(100), ms(10));
        assert_eq!(shared.wall(0), ms(80));
        let all = shared + Work::serial(ms(5)) * 2.0;
        assert_eq!((all.total, all.serial), (ms(90), ms(20)));
        assert_eq!(Work::shared(ms(10), 0), Work::default());
    }

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
}
