//! The protocol of one round.

use crate::dataset::encode::EncodedTable;
use crate::program::Program;
use crate::session::Session;
use crate::task::{Outcome, TaskError};

/// A program of one input and one output, and the table that is its input: the client encrypts,
/// the server evaluates, the client decrypts.
#[derive(Clone, Debug)]
pub struct OneRound {
    /// The program.
    pub program: Program,
    /// Its test part within the public ranges is what is encrypted.
    pub table: EncodedTable,
}

impl OneRound {
    /// Runs it.
    pub fn run(&self, session: &mut Session<'_>) -> Result<Outcome, TaskError> {
        Outcome::of_one_round(session, std::slice::from_ref(&self.table.encrypted))
    }
}
