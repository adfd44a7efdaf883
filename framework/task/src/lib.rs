//! Tasks: what is computed, and how well it went.
//!
//! Required: the first four methods of [`Prepared`] and the first two of [`Task`]. Optional: what a task
//! shows to the server and leaves to the client, the files that it leaves, and monitoring. Timed: only what the session does, never the
//! task's own work in the clear. Non-goal: a task knows no scheme.

pub mod choices;
pub mod clipping;
pub mod clock;
pub mod encode;
pub mod ledger;
pub mod linear_model;
pub mod metrics;
pub mod monitor;
pub mod registry;
mod scenario;
pub mod session;
pub mod testkit;
pub mod vector_length;

// Plugins register through it, so that they need no version of their own.
pub use inventory;
pub use scenario::{DataOwner, Recipient, Scenario};

use std::ops::Range;

use ndarray::Array2;
use serde::Serialize;

use crate::clipping::{Moved, Unclipped};
use crate::ledger::Quality;
use crate::linear_model::QueryModel;
use crate::monitor::{Monitor, MonitorRequest};
use crate::session::{Sealed, Session, SessionError};
use hexperiment_data::{DataError, Dataset};
use hexperiment_diagnostics::printable::line;
use hexperiment_program::{InputId, OutputId, Program, ProgramError};
use hexperiment_scheme::options::{OptionError, OptionSpec, Options};

/// What a task says about itself.
#[derive(Clone, Debug, Serialize)]
pub struct TaskManifest {
    /// The name used in experiments.
    pub name: &'static str,
    /// What it computes, in a sentence or two.
    pub doc: &'static str,
    /// What it can be told.
    pub options: Vec<OptionSpec>,
    /// The metrics that it may report, by name: an expectation about another one is refused
    /// before the run. Empty if the names depend on the data; expectations are then held against
    /// the results only.
    pub metrics: Vec<&'static str>,
}

/// Why a task cannot go on.
#[derive(Debug, thiserror::Error)]
pub enum TaskError {
    /// The data do not fit the task.
    #[error("{}\n  help: {}", line(.problem), line(.help))]
    Data {
        /// What was found, and what was expected.
        problem: String,
        /// What to do about it.
        help: String,
    },
    /// An option has a value that cannot be used.
    #[error("{}\n  help: {}", line(.problem), line(.help))]
    Value {
        /// The option, as `task.model` or `dataset.limit`; where several may be to blame, in the order
        /// of that.
        options: &'static [&'static str],
        /// What was found, and what was expected.
        problem: String,
        /// What to do about it.
        help: String,
    },
    /// Options contradict each other or the data.
    #[error("{0}")]
    Options(String),
    /// The plugin and its manifest disagree.
    #[error(transparent)]
    Option(#[from] OptionError),
    /// The program cannot be built.
    #[error(transparent)]
    Program(#[from] ProgramError),
    /// The protocol failed.
    #[error(transparent)]
    Session(#[from] SessionError),
    /// A model could not be trained or used.
    #[error("{model}: {message}")]
    Model {
        /// What was trained.
        model: &'static str,
        /// What the library said.
        message: String,
    },
}

impl From<DataError> for TaskError {
    fn from(error: DataError) -> Self {
        let DataError {
            options,
            problem,
            help,
        } = error;
        if options.is_empty() {
            Self::Data { problem, help }
        } else {
            Self::Value {
                options,
                problem,
                help,
            }
        }
    }
}

impl TaskError {
    /// Data that do not fit, with what to do about it.
    pub fn data(problem: impl Into<String>, help: impl Into<String>) -> Self {
        Self::Data {
            problem: problem.into(),
            help: help.into(),
        }
    }

    /// The value of one of some options, such as `task.model`, cannot be used.
    pub fn value(
        options: &'static [&'static str],
        problem: impl Into<String>,
        help: impl Into<String>,
    ) -> Self {
        Self::Value {
            options,
            problem: problem.into(),
            help: help.into(),
        }
    }
}

/// What a protocol yielded: the tables that the client decrypted, by output.
#[derive(Clone, Debug, Default)]
pub struct Outcome {
    /// One table for each output of the task's program.
    pub outputs: Vec<Array2<f64>>,
}

/// A table to encrypt as one input.
#[derive(Clone, Debug)]
pub struct InputTable {
    /// Its numbers: `length` rows x one column for each that the input declares.
    pub values: Array2<f64>,
    /// Numbers of it that the client would send in the clear: without padding, and each once where
    /// the layout repeats it. What encryption makes of these is the expansion.
    pub payload: usize,
    /// What it was before values were moved into ranges, where some were: see
    /// [`InputTable::clipped_from`].
    unclipped: Option<Unclipped>,
}

impl InputTable {
    /// A table of which `payload` numbers are data.
    pub fn new(values: Array2<f64>, payload: usize) -> Self {
        Self {
            values,
            payload,
            unclipped: None,
        }
    }

    /// The same, made from `before` by moving values into ranges: `moved` counts the data among them,
    /// each once where the layout repeats it. By this the session tells what the moving did to
    /// results.
    #[must_use]
    pub fn clipped_from(self, before: Array2<f64>, moved: Moved) -> Self {
        let same = moved.is_none() && before == self.values;
        Self {
            unclipped: (!same).then_some(Unclipped {
                table: before,
                moved,
            }),
            ..self
        }
    }

    /// Some of its rows, at least one, as a table of `length` rows, which is at least as many: the last of
    /// them is repeated. What was moved of the whole table counts with its first rows.
    pub(crate) fn part(&self, rows: Range<usize>, length: usize) -> Self {
        let columns = self.values.ncols();
        let part = |table: &Array2<f64>| {
            Array2::from_shape_fn((length, columns), |(row, column)| {
                table[[(rows.start + row).min(rows.end - 1), column]]
            })
        };
        let table = Self::new(part(&self.values), rows.len() * columns);
        let Some(unclipped) = &self.unclipped else {
            return table;
        };
        let moved = if rows.start == 0 {
            unclipped.moved.clone()
        } else {
            Moved::default()
        };
        table.clipped_from(part(&unclipped.table), moved)
    }

    /// Encrypts it as the key owner's input `id`.
    ///
    /// # Errors
    /// As [`Client::encrypt`](crate::session::Client::encrypt).
    pub fn encrypt(&self, session: &mut Session<'_>, id: InputId) -> Result<Sealed, SessionError> {
        let mut client = session.client();
        let sealed = match &self.unclipped {
            None => client.encrypt(id, self.values.view())?,
            Some(unclipped) => client.encrypt_clipped(id, self.values.view(), unclipped)?,
        };
        Ok(sealed.with_payload(self.payload))
    }
}

impl From<Array2<f64>> for InputTable {
    /// A table of data throughout.
    fn from(values: Array2<f64>) -> Self {
        let payload = values.len();
        Self::new(values, payload)
    }
}

impl Outcome {
    /// What one round yields: the client encrypts `tables`, one for each input in order, the
    /// server evaluates, and the client decrypts every output.
    ///
    /// # Errors
    /// `TaskError::Session` where a table cannot be encrypted, the evaluation fails, or an output
    /// cannot be decrypted.
    pub fn of_one_round(
        session: &mut Session<'_>,
        tables: &[InputTable],
    ) -> Result<Self, TaskError> {
        Self::of_one_round_divided(session, tables, &[])
    }

    /// As [`Outcome::of_one_round`], where the task leaves divisions to the client: `divisors` has a
    /// table for each output, as [`Client::decrypt_divided`] takes it, or none at all.
    ///
    /// # Errors
    /// As [`Outcome::of_one_round`]; `TaskError::Session`, too, where a table of divisors has
    /// another shape than its output, or a divisor is 0, subnormal or not finite.
    ///
    /// [`Client::decrypt_divided`]: crate::session::Client::decrypt_divided
    pub fn of_one_round_divided(
        session: &mut Session<'_>,
        tables: &[InputTable],
        divisors: &[Array2<f64>],
    ) -> Result<Self, TaskError> {
        let mut sealed = Vec::with_capacity(tables.len());
        for (index, table) in tables.iter().enumerate() {
            sealed.push(table.encrypt(session, InputId::from_index(index))?);
        }
        let results = session
            .server()
            .evaluate(&sealed.iter().collect::<Vec<_>>())?;
        let mut outputs = Vec::with_capacity(results.len());
        for (index, result) in results.iter().enumerate() {
            let id = OutputId::from_index(index);
            let mut client = session.client();
            outputs.push(match divisors.get(index) {
                None => client.decrypt(id, result)?,
                Some(by) => client.decrypt_divided(id, result, by.view())?,
            });
        }
        Ok(Self { outputs })
    }
}

/// A file that a task leaves beside the tables: results for each row, a model.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Artefact {
    /// The file's name, without a folder.
    pub name: String,
    /// What stands in it.
    pub bytes: Vec<u8>,
}

/// What a task is given.
#[derive(Clone, Copy, Debug)]
pub struct PrepareRequest<'a> {
    /// The options that the manifest declares, defaults filled in.
    pub options: &'a Options,
    /// The data.
    pub data: &'a Dataset,
    /// The seed of everything random in the task.
    pub seed: u64,
}

/// States what is computed.
pub trait Task: Send + Sync {
    /// Name and options.
    fn manifest(&self) -> TaskManifest;

    /// Trains or loads what is public, and states the program.
    ///
    /// # Errors
    /// `TaskError::Data` where the data do not fit the task; `Value` or `Options` where an option
    /// cannot be used, alone, with others or with these data; `Model` where nothing can be trained;
    /// `Program` where the program fails the builder's checks; `Option` where an option is read
    /// that the manifest does not declare so.
    fn prepare(&self, request: PrepareRequest<'_>) -> Result<Box<dyn Prepared>, TaskError>;

    /// Trains on labelled history, and states the program that scores things round by round. `None` of a task
    /// that monitors nothing.
    ///
    /// # Errors
    /// As [`Task::prepare`]; `TaskError::Data` and `Options`, too, where the history is none of such things, or a
    /// model is wanted that cannot be asked again.
    fn monitor(&self, _request: MonitorRequest<'_>) -> Result<Option<Box<dyn Monitor>>, TaskError> {
        Ok(None)
    }
}

/// One task on one data set.
pub trait Prepared: Send + Sync {
    /// The program that the server evaluates.
    fn program(&self) -> &Program;

    /// Samples that one run encrypts, for costs per sample: training under encryption handles the
    /// training rows, whatever part its model is scored on.
    fn samples(&self) -> usize;

    /// Runs the protocol: encrypts, has the server evaluate, decrypts.
    ///
    /// # Errors
    /// `TaskError::Session` where a step of the protocol fails; the task's own where what comes
    /// back cannot be worked on.
    fn run(&self, session: &mut Session<'_>) -> Result<Outcome, TaskError>;

    /// Scores what came back, beside the same model in the clear.
    ///
    /// # Errors
    /// The outcome is not one that this task's [`Prepared::run`] yields.
    fn score(&self, outcome: &Outcome) -> Result<Quality, TaskError>;

    /// Whose data are encrypted, and who gets the results: the key owner's and the key owner, unless
    /// the task says otherwise.
    fn scenario(&self) -> Scenario {
        Scenario::default()
    }

    /// Evaluations of one run, at most: each may fail, and the run's failure probability is that of all
    /// of them. A run that evaluates more often fails.
    fn evaluations(&self) -> u64 {
        1
    }

    /// What the program's public numbers tell the server about the data, if anything: positions
    /// of gaps, statistics. It stands in the report behind what the scheme shows to the server.
    fn server_sees(&self) -> Option<String> {
        None
    }

    /// What the task has the client compute after decryption, a word for each step, besides what
    /// a scheme leaves to the client: `division`.
    fn client_computes(&self) -> Vec<String> {
        Vec::new()
    }

    /// How much of the task a scheme can do that refused its program, in the task's own terms:
    /// `iterations = 5`. It may try smaller programs by `fits`, each of which costs a compilation.
    /// `None` where no choice of the task would help.
    fn fitting(&self, _fits: &mut dyn FnMut(&Program) -> bool) -> Option<String> {
        None
    }

    /// The model that the program evaluates, for rows that are not there yet: what a client needs to ask it
    /// of a server. `None` of a task that has no such model, or trains it under encryption.
    fn query_model(&self) -> Option<QueryModel> {
        None
    }

    /// Files to keep of a run. Asked for once, of the last repetition; not timed.
    ///
    /// # Errors
    /// A file's contents cannot be made of this outcome, such as a picture that cannot be encoded.
    /// The default has none.
    fn artefacts(&self, _outcome: &Outcome) -> Result<Vec<Artefact>, TaskError> {
        Ok(Vec::new())
    }
}
