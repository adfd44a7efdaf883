//! The protocol of one round.

use crate::session::Session;
use crate::{InputTable, Outcome, TaskError};
use hexperiment_program::Program;

/// A program of one input and one output, and the table that is its input: the client encrypts,
/// the server evaluates, the client decrypts.
#[derive(Clone, Debug)]
pub struct OneRound {
    /// The program.
    pub program: Program,
    /// What is encrypted: the test part within the public ranges; rows x columns. The training part
    /// is not kept: cells wait for each other with all that they hold.
    pub samples: InputTable,
}

impl OneRound {
    /// Runs it.
    ///
    /// # Errors
    /// As [`Outcome::of_one_round`].
    pub fn run(&self, session: &mut Session<'_>) -> Result<Outcome, TaskError> {
        Outcome::of_one_round(session, std::slice::from_ref(&self.samples))
    }
}
