//! What tests of a task share: data in memory, the task prepared on them, its program compiled under a
//! scheme and ready for sessions, and a decryptor that errs.

use hexperiment_data::{Dataset, MissingPolicy, Provenance, Target};
use hexperiment_program::lower::Lowered;
use hexperiment_program::{OutputId, Program};
use hexperiment_scheme::options::{OptionValue, Options};
use hexperiment_scheme::security::SecurityDemand;
use hexperiment_scheme::{
    Ciphertexts, Circuit, CompileRequest, Decryptor, Parties, Scheme, SchemeError,
};
use ndarray::{Array1, Array2};

use crate::ledger::Quality;
use crate::session::{Session, SessionReport};
use crate::{Artefact, PrepareRequest, Prepared, Task, TaskError};

/// Rows without a target, all of the training part, gaps left as they are; columns `s0`, `s1`, ….
pub fn series(features: Array2<f64>) -> Dataset {
    Dataset {
        name: "made".into(),
        columns: (0..features.ncols()).map(|i| format!("s{i}")).collect(),
        train: (0..features.nrows()).collect(),
        test: vec![],
        features,
        target: None,
        labels: vec![],
        missing: MissingPolicy::Keep,
        provenance: Provenance::default(),
    }
}

/// Four columns `a` to `d` and a target `y`, nothing missing; the last third is the test part.
pub fn samples(features: Array2<f64>, target: Array1<f64>) -> Dataset {
    let rows = features.nrows();
    Dataset {
        name: "made".into(),
        columns: ["a", "b", "c", "d"].map(String::from).to_vec(),
        features,
        target: Some(Target {
            name: "y".into(),
            values: target,
        }),
        labels: vec![],
        train: (0..rows * 2 / 3).collect(),
        test: (rows * 2 / 3..rows).collect(),
        missing: MissingPolicy::Refuse,
        provenance: Provenance::default(),
    }
}

/// Options by name, as tests list them.
pub type Given<'a> = &'a [(&'a str, OptionValue)];

/// The options of a task where an experiment gives these.
pub fn options(task: &dyn Task, given: Given<'_>) -> Options {
    let given = given.iter().map(|(k, v)| ((*k).to_owned(), v.clone()));
    Options::with_defaults(&task.manifest().options, given)
}

/// A task prepared with the seed 1.
///
/// # Errors
/// Those of the task.
pub fn prepare(
    task: &dyn Task,
    data: &Dataset,
    given: Given<'_>,
) -> Result<Box<dyn Prepared>, TaskError> {
    task.prepare(PrepareRequest {
        options: &options(task, given),
        data,
        seed: 1,
    })
}

/// What one run of a prepared task left.
pub struct Ran {
    /// Its scores.
    pub quality: Quality,
    /// Its files.
    pub files: Vec<Artefact>,
    /// What the session counted.
    pub report: SessionReport,
}

impl Ran {
    /// Runs under a scheme, with keys of its own.
    ///
    /// # Errors
    /// Those of the task.
    ///
    /// # Panics
    /// Where the scheme refuses the program: the test has failed.
    #[expect(clippy::expect_used, reason = "a test may panic")]
    pub fn new(scheme: &dyn Scheme, prepared: &dyn Prepared) -> Result<Self, TaskError> {
        let testbed = Testbed::new(scheme, prepared.program()).expect("a compiled program");
        let mut session = testbed.session();
        let outcome = prepared.run(&mut session)?;
        Ok(Self {
            report: session.finish(),
            quality: prepared.score(&outcome)?,
            files: prepared.artefacts(&outcome)?,
        })
    }
}

/// A file as text.
///
/// # Panics
/// Where the run left no such file, or one that is not text: the test has failed.
#[track_caller]
#[expect(clippy::expect_used, reason = "a test may panic")]
pub fn file<'a>(files: &'a [Artefact], name: &str) -> &'a str {
    let file = files.iter().find(|f| f.name == name).expect("the file");
    std::str::from_utf8(&file.bytes).expect("text")
}

/// Adds a fixed error to all that it decrypts.
pub struct Off(pub Box<dyn Decryptor>, pub f64);

impl Decryptor for Off {
    fn decrypt(
        &self,
        output: OutputId,
        ciphertexts: &Ciphertexts,
    ) -> Result<Array2<f64>, SchemeError> {
        Ok(self.0.decrypt(output, ciphertexts)? + self.1)
    }
}

/// A program compiled at 128 bits for one thread, with the scheme's options left empty.
pub struct Testbed {
    /// The roles of the session; a test may put a decryptor or an evaluator of its own among them.
    pub keys: Parties,
    lowered: Lowered,
    circuit: Box<dyn Circuit>,
}

impl Testbed {
    /// Lowers and compiles `program`, makes keys, and prepares the server.
    ///
    /// # Errors
    /// The scheme's: it refuses the program, or cannot make keys or read them.
    pub fn new(scheme: &dyn Scheme, program: &Program) -> Result<Self, SchemeError> {
        let options = Options::default();
        let security = SecurityDemand::new(128, false);
        let lowered = scheme.lower(program, &options, security)?;
        let circuit = scheme.compile(CompileRequest {
            lowered: &lowered,
            options: &options,
            security,
            threads: 1,
            objective: hexperiment_program::layout::Objective::default(),
        })?;
        Ok(Self {
            keys: Parties::of(circuit.as_ref())?,
            lowered,
            circuit,
        })
    }

    /// A session of which nothing has happened yet.
    pub fn session(&self) -> Session<'_> {
        Session::new(self.circuit.as_ref(), &self.lowered, &self.keys)
    }
}
