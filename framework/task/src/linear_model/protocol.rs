//! The protocol of scoring rows.

use ndarray::{Array2, s};

use crate::session::Session;
use crate::{InputTable, Outcome, TaskError};
use hexperiment_program::Program;

/// A program of one input and one output, and the table of which its input is a part: in each round, the
/// client encrypts as many rows as the program has, the server evaluates, and the client decrypts.
#[derive(Clone, Debug)]
pub struct Rounds {
    /// The program of one round.
    pub program: Program,
    /// What is encrypted: the test part within the public ranges; rows x columns. The training part
    /// is not kept: cells wait for each other with all that they hold.
    pub samples: InputTable,
}

impl Rounds {
    /// The rows of a round.
    fn length(&self) -> usize {
        self.program.inputs()[0].length
    }

    /// How many there are.
    pub fn count(&self) -> u64 {
        self.samples.values.nrows().div_ceil(self.length()) as u64
    }

    /// Runs them, one after the other: each party drops what is of one before the next begins.
    ///
    /// # Errors
    /// As [`Outcome::of_one_round`].
    pub fn run(&self, session: &mut Session<'_>) -> Result<Outcome, TaskError> {
        let (rows, length) = (self.samples.values.nrows(), self.length());
        if rows == length {
            return Outcome::of_one_round(session, std::slice::from_ref(&self.samples));
        }
        let columns = self.program.outputs().iter().map(|o| o.values.len());
        let mut outputs: Vec<_> = columns.map(|n| Array2::zeros((rows, n))).collect();
        for start in (0..rows).step_by(length) {
            let end = rows.min(start + length);
            let part = self.samples.part(start..end, length);
            let round = Outcome::of_one_round(session, &[part])?.outputs;
            for (all, round) in outputs.iter_mut().zip(round) {
                let place = all.slice_mut(s![start..end, ..]);
                round.slice(s![..end - start, ..]).assign_to(place);
            }
        }
        Ok(Outcome { outputs })
    }
}
