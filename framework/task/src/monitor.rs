//! Monitoring: a model that is trained once, and readings of the same things that come in again and again, each
//! round encrypted, evaluated and decrypted like a run of its own.

use crate::{InputTable, Outcome, PrepareRequest, Prepared, TaskError};
use hexperiment_data::registry::SourceOptions;

/// Rounds of one session of monitoring, at most: a day at one a second. Each evaluation may fail, and the failure
/// probability that is demanded is that of all of them.
pub const MOST_ROUNDS: u64 = 86_400;

/// Things that are monitored at once, at most: what a page can show.
pub const MOST_THINGS: u64 = 10_000;

/// What a task is given to monitor by.
#[derive(Clone, Copy, Debug)]
pub struct MonitorRequest<'a> {
    /// The labelled history that the model is trained on, with options and seed as for a run.
    pub history: PrepareRequest<'a>,
    /// What the history's source was told, by name.
    pub source: &'a SourceOptions,
    /// Things that are monitored.
    pub things: usize,
    /// The seed of their simulated readings; none of keys, encryption or noise.
    pub readings_seed: u64,
}

/// A fault that can be injected into a thing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FaultKind {
    /// Its name.
    pub name: &'static str,
    /// What it does, in a sentence.
    pub doc: &'static str,
}

/// A list that a thing may be on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum List {
    /// Things to trust.
    White,
    /// Things to stop.
    Black,
}

/// What is said of one thing in one round.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Assessment {
    /// A place in [`Monitor::levels`].
    pub level: usize,
    /// The risk, from 0 to 1.
    pub score: f64,
    /// The list that it is on, if any.
    pub listed: Option<List>,
}

/// The readings of one moment.
#[derive(Clone, Debug)]
pub struct Round {
    /// Tables to encrypt, one for each input of the program.
    pub inputs: Vec<InputTable>,
    /// What the same model says in the clear of the same tables.
    pub clear: Vec<Assessment>,
    /// Values that were moved into the public ranges before encryption.
    pub moved: usize,
    /// Values in all.
    pub values: usize,
}

/// A model, its program, and things whose readings it is asked about.
pub trait Monitor: Send {
    /// What is computed in each round; it states [`MOST_ROUNDS`] evaluations.
    fn prepared(&self) -> &dyn Prepared;

    /// The things' names, in the order of the rows of each table.
    fn names(&self) -> &[String];

    /// The levels of risk, the highest last.
    fn levels(&self) -> &'static [&'static str];

    /// Faults that [`Monitor::inject`] knows, by place.
    fn faults(&self) -> &'static [FaultKind];

    /// What a reader must know of the model, such as what it is worth on history that it was not trained on.
    fn notes(&self) -> &[String];

    /// Lets a moment pass, and reads all things.
    fn next_round(&mut self) -> Round;

    /// What decrypted outputs say of each thing.
    ///
    /// # Errors
    /// The outcome is not one of the program.
    fn assess(&self, outcome: &Outcome) -> Result<Vec<Assessment>, TaskError>;

    /// Gives a thing a fault, from the next moment on, in place of one that it has.
    ///
    /// # Errors
    /// In words: there is no such thing, or no such fault.
    fn inject(&mut self, thing: usize, fault: usize) -> Result<(), String>;

    /// Takes a thing's fault away, if it has one.
    ///
    /// # Errors
    /// In words: there is no such thing.
    fn repair(&mut self, thing: usize) -> Result<(), String>;
}
