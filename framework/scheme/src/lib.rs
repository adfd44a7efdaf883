//! Schemes: how a program is evaluated under encryption.
//!
//! A scheme compiles a lowered program into a [`Circuit`]: the program bound to parameters. There
//! are three roles, which are three types, so that no code can decrypt by accident: an
//! [`Encryptor`] (public), an [`Evaluator`] (evaluation keys only) and a [`Decryptor`] (the secret
//! key). The client generates a [`KeySet`]: the first and the last, and [`EvaluationKeys`], which
//! are bytes; the server makes its evaluator of these bytes alone, by [`Circuit::prepare`].
//!
//! Required of a plugin: [`Scheme::manifest`], [`Scheme::capabilities`], [`Scheme::compile`] and
//! the three roles. Optional: [`Circuit::simulate`], for schemes that quantise, [`Circuit::costs`],
//! by which `check` tells how long a run takes, [`Evaluator::evaluate_only`], for protocols of
//! several rounds, [`Scheme::lower`], for those whose parameters say how good an approximation
//! can be, and [`Decryptor::secret_key`] with [`Circuit::restore`] and [`Circuit::public_encryptor`], for
//! clients who keep their keys. Timed:
//! `compile` (what both parties need: parameters, and what they follow from), `generate_keys` (the
//! client's), `prepare` (the server's, once), `encrypt`, `evaluate`, `decrypt`, each as a whole;
//! the crossing of keys apart; [`Ciphertexts::to_bytes`] and [`Circuit::load`] apart, as transfer.
//! Non-goal: a scheme knows nothing of tasks, files or reports.

pub mod clock;
mod costs;
pub mod elsewhere;
mod keys;
pub mod memory;
mod operations;
pub mod options;
pub mod outside;
mod parameters;
pub mod registry;
mod secret;
pub mod security;

pub use costs::{Costs, Sizes, Work, timed_after_rest, timed_cold};
pub use keys::{
    CircuitDigest, EvaluationKeys, KeyPart, KeyReader, KeyRole, KeySet, KeySizes, Parties,
};
pub use operations::{
    Operation, OperationTime, OperationTimes, Preparation, Step, TimedNow, step, timed,
};

pub use parameters::{OperationCounts, Parameters};
pub use secret::{KeyOwner, SecretKey};

// What requests are made of, for those who state no program.
pub use hexperiment_program::layout::Objective;

// Plugins register through it, so that they need no version of their own.
pub use inventory;
// What secret keys as bytes are held in.
pub use zeroize;

use std::any::Any;
use std::sync::Arc;

use ndarray::{Array2, ArrayView2};
use serde::Serialize;

use crate::options::{OptionError, OptionSpec, Options};
use crate::security::SecurityDemand;
use hexperiment_program::lower::{Capabilities, Lowered, lower};
use hexperiment_program::{InputId, OutputId, Program, ProgramError, Refusal};

/// What a scheme says about itself.
#[derive(Clone, Debug, Serialize)]
pub struct SchemeManifest {
    /// The name used in experiments.
    pub name: &'static str,
    /// The cryptosystem and its papers, in a sentence or two.
    pub doc: &'static str,
    /// The library that does the cryptography, with its version.
    pub library: String,
    /// What it can be told.
    pub options: Vec<OptionSpec>,
}

impl SchemeManifest {
    /// Options of another party, or of a file, as if they stood in an experiment: each is declared and has a
    /// value that it can have, those that are required are there, defaults are filled in.
    ///
    /// # Errors
    ///
    /// What is wrong with which option, in words.
    pub fn checked(&self, given: &Options) -> Result<Options, String> {
        let mut options = Options::with_defaults(&self.options, []);
        for (name, value) in given.iter() {
            let spec = self.options.iter().find(|spec| spec.name == name);
            let spec =
                spec.ok_or_else(|| format!("option `{name}` is not one of `{}`", self.name))?;
            let value = spec.check(value.clone());
            options.set(name, value.map_err(|e| format!("option `{name}`: {e}"))?);
        }
        let required = self.options.iter().filter(|s| s.required);
        let mut missing = required.filter(|s| options.get(s.name).is_none());
        match missing.next() {
            Some(spec) => Err(format!("option `{}` is missing", spec.name)),
            None => Ok(options),
        }
    }
}

/// Why a scheme failed.
#[derive(Clone, Debug, thiserror::Error)]
pub enum SchemeError {
    /// The program or the demand is beyond this scheme; a row with a reason, not a failure.
    #[error("{0}")]
    Refused(#[from] Refusal),
    /// A table or a program is not as it must be.
    #[error(transparent)]
    Program(#[from] ProgramError),
    /// The plugin and its manifest disagree.
    #[error(transparent)]
    Option(#[from] OptionError),
    /// The library reports an error.
    #[error("{library}: {operation}: {message}")]
    Library {
        /// The library's name.
        library: &'static str,
        /// What was asked of it.
        operation: String,
        /// What it said.
        message: String,
    },
    /// The process of a scheme that is a program of its own has ended, or breaks the protocol.
    #[error("{scheme}: {operation}: {message}")]
    Broken {
        /// The scheme's name.
        scheme: &'static str,
        /// What was asked of it.
        operation: String,
        /// How it ended, or what it said.
        message: String,
    },
    /// Bytes or an object that do not belong to this circuit.
    #[error("not a ciphertext of this circuit: {0}")]
    Foreign(String),
    /// Bytes that are no evaluation keys of this circuit.
    #[error("not evaluation keys of this circuit: {0}")]
    ForeignKeys(String),
    /// Bytes that are no secret key of this circuit.
    #[error("not a secret key of this circuit: {0}")]
    ForeignSecret(String),
}

/// What a scheme is asked to compile.
#[derive(Clone, Copy, Debug)]
pub struct CompileRequest<'a> {
    /// The program in operations that the scheme has.
    pub lowered: &'a Lowered,
    /// The options that the manifest declares, defaults filled in.
    pub options: &'a Options,
    /// The level demanded.
    pub security: SecurityDemand,
    /// Threads that it may use; rayon's global pool has as many.
    pub threads: usize,
    /// What the layout of vectors is chosen for, where the scheme has several.
    pub objective: Objective,
}

/// Evaluates programs under one cryptosystem, with one library.
pub trait Scheme: Send + Sync {
    /// Name, library and its version, options with defaults and docs.
    fn manifest(&self) -> SchemeManifest;

    /// The operations it has, and how those it lacks are to be rewritten.
    ///
    /// # Errors
    ///
    /// [`SchemeError::Option`] where an option is read that the manifest does not declare so,
    /// [`SchemeError::Refused`] where the value of one cannot be used, [`SchemeError::Library`]
    /// where a plugin behind the C ABI fails.
    fn capabilities(&self, options: &Options) -> Result<Capabilities, SchemeError>;

    /// The program in operations that the scheme has. A scheme whose approximations depend on what
    /// its parameters can hold chooses here; all others lower by their capabilities.
    ///
    /// # Errors
    ///
    /// [`SchemeError::Refused`] for an operation that the scheme neither has nor can rewrite; and
    /// those of [`Scheme::capabilities`].
    fn lower(
        &self,
        program: &Program,
        options: &Options,
        security: SecurityDemand,
    ) -> Result<Lowered, SchemeError> {
        let _ = security;
        Ok(lower(program, &self.capabilities(options)?)?)
    }

    /// Chooses parameters for this program at the wanted security level, or refuses.
    ///
    /// # Errors
    ///
    /// [`SchemeError::Refused`] where no parameters of the scheme hold the program at that level,
    /// or memory does not suffice; [`SchemeError::Option`] as in [`Scheme::capabilities`];
    /// [`SchemeError::Library`] where the library rejects the parameters.
    fn compile(&self, request: CompileRequest<'_>) -> Result<Box<dyn Circuit>, SchemeError>;
}

/// A program bound to parameters.
pub trait Circuit: Send + Sync {
    /// The parameters, their security and the steps of one evaluation.
    fn parameters(&self) -> &Parameters;

    /// What an evaluation without cryptographic noise gives: the circuit's own arithmetic in
    /// clear, with its quantisation.
    ///
    /// A scheme that computes on reals interprets the lowered program, by
    /// [`Lowered::simulate`]; one that quantises does here exactly what it does under
    /// encryption. The tables are the server's outputs, before any step left to the client.
    ///
    /// # Errors
    ///
    /// [`SchemeError::Program`] or [`SchemeError::Foreign`] for tables of another number or shape
    /// than the program's inputs; a scheme that quantises may refuse numbers outside their columns'
    /// ranges, too.
    fn simulate(&self, inputs: &[Array2<f64>]) -> Result<Vec<Array2<f64>>, SchemeError>;

    /// What its steps take on this machine: operations counted, each at the time that `times` says.
    /// Schemes whose steps take next to no time may do them all once. `None` where a scheme does not
    /// say.
    ///
    /// # Errors
    ///
    /// The scheme's, of an operation that is timed, and those of `times`. The default has none.
    fn costs(&self, times: &mut dyn OperationTimes) -> Result<Option<Costs>, SchemeError> {
        let _ = times;
        Ok(None)
    }

    /// Exactly the bytes that will cross, before anything is encrypted. `None` where a scheme cannot
    /// tell.
    fn sizes(&self) -> Option<Sizes> {
        None
    }

    /// Names the circuit: keys that were made for one are refused by another. Both parties compute
    /// it, by [`CircuitDigest::of`].
    fn digest(&self) -> CircuitDigest;

    /// Makes fresh keys: the client's work. The evaluation keys are bytes, in the most compact form
    /// that the library has; the client's own tables are made here, too.
    ///
    /// # Errors
    ///
    /// [`SchemeError::Library`] where the library cannot make a key, or the system yields no random
    /// bytes.
    fn generate_keys(&self) -> Result<KeySet, SchemeError>;

    /// Makes the server's role of evaluation keys that crossed, and of nothing else: the server's
    /// work before the first query, done once. Whatever does not depend on what is encrypted
    /// belongs here: keys expanded and transformed, weights encoded, tables computed.
    ///
    /// # Errors
    ///
    /// [`SchemeError::ForeignKeys`] where the bytes are of another circuit, or not as many as its
    /// parameters say. Bytes of the right length may be taken for keys whatever they hold: results
    /// are wrong then.
    fn prepare(&self, keys: EvaluationKeys) -> Result<Box<dyn Evaluator>, SchemeError>;

    /// Reads ciphertexts that [`Ciphertexts::to_bytes`] wrote; needs public parameters only.
    /// Bytes that are truncated, malformed or of another circuit are an error.
    ///
    /// # Errors
    ///
    /// [`SchemeError::Foreign`] for such bytes; [`SchemeError::Library`] where the library itself
    /// rejects them.
    fn load(&self, bytes: &[u8]) -> Result<Ciphertexts, SchemeError>;

    /// The key owner's roles again, of a secret key that [`Decryptor::secret_key`] gave away.
    ///
    /// # Errors
    ///
    /// [`SchemeError::ForeignSecret`] where it is of another circuit, or cannot be a key of this one;
    /// [`SchemeError::Refused`] where the scheme keeps no keys, which is the default.
    fn restore(&self, secret: &SecretKey) -> Result<KeyOwner, SchemeError> {
        let _ = secret;
        Err(keeps_no_keys())
    }

    /// The role of a data owner who is not the key owner, of the parts `public` of the evaluation keys and
    /// of nothing else. For circuits whose inputs others encrypt
    /// ([`Encryption::Public`](security::Encryption::Public)).
    ///
    /// # Errors
    ///
    /// [`SchemeError::ForeignKeys`] where the parts are of another circuit, length or number;
    /// [`SchemeError::Refused`] where encryption takes the secret key, or the scheme does not say how to
    /// do without, which is the default.
    fn public_encryptor(&self, public: EvaluationKeys) -> Result<Box<dyn Encryptor>, SchemeError> {
        drop(public);
        Err(Refusal::because(
            "encryption",
            "the scheme does not make the role of a data owner of a public key alone",
        )
        .into())
    }
}

/// What a scheme refuses that does not write its secret keys.
fn keeps_no_keys() -> SchemeError {
    Refusal::because(
        "keeping keys",
        "the scheme does not write its secret key, so that what is encrypted can be decrypted by the process \
         alone that made the key",
    )
    .into()
}

/// Encrypts. Where others than the key owner encrypt ([`Encryption::Public`](crate::security::Encryption::Public)) it holds no secret key;
/// where the key owner does it may, and the parameters say so.
pub trait Encryptor: Send + Sync {
    /// Encrypts one input: `length` rows x one column for each that the input declares.
    ///
    /// # Errors
    ///
    /// [`SchemeError::Program`] where the table has another shape than the input declares, or a
    /// number outside its column's range; [`SchemeError::Library`] where the library fails.
    fn encrypt(
        &self,
        input: InputId,
        table: ArrayView2<'_, f64>,
    ) -> Result<Ciphertexts, SchemeError>;
}

/// Evaluates; holds no secret key, unless the protection is
/// [`Protection::TransportOnly`](crate::security::Protection::TransportOnly): that server decrypts.
pub trait Evaluator: Send + Sync {
    /// Evaluates the circuit: ciphertexts for each input in order, then for each output.
    ///
    /// # Errors
    ///
    /// [`SchemeError::Foreign`] where ciphertexts are of another scheme or circuit, or not as many
    /// as the program has inputs, for which [`SchemeError::Program`] may stand, too;
    /// [`SchemeError::Library`] where the library fails.
    fn evaluate(&self, inputs: &[Ciphertexts]) -> Result<Vec<Ciphertexts>, SchemeError>;

    /// As [`Evaluator::evaluate`], for some of the outputs, in the order in which they are wanted,
    /// each of which the program has. A scheme that can leaves out what none of them needs; without,
    /// everything is computed and the rest thrown away.
    ///
    /// # Errors
    ///
    /// As [`Evaluator::evaluate`]; the default yields [`SchemeError::Foreign`] for an output that
    /// the program does not have.
    fn evaluate_only(
        &self,
        inputs: &[Ciphertexts],
        wanted: &[OutputId],
    ) -> Result<Vec<Ciphertexts>, SchemeError> {
        let all = self.evaluate(inputs)?;
        let pick = |output: &OutputId| {
            all.get(output.index()).cloned().ok_or_else(|| {
                let (output, count) = (output.index(), all.len());
                SchemeError::Foreign(format!("output {output} of {count} is wanted"))
            })
        };
        wanted.iter().map(pick).collect()
    }
}

/// Decrypts.
pub trait Decryptor: Send + Sync {
    /// Decrypts one output: rows x one column for each of its values.
    ///
    /// # Errors
    ///
    /// [`SchemeError::Foreign`] where the ciphertexts are of another scheme or circuit, or are not
    /// this output; [`SchemeError::Library`] where the library fails.
    fn decrypt(
        &self,
        output: OutputId,
        ciphertexts: &Ciphertexts,
    ) -> Result<Array2<f64>, SchemeError>;

    /// The secret key, for the key owner's own disk: see [`SecretKey`]. No other role has this function.
    ///
    /// # Errors
    ///
    /// [`SchemeError::Refused`] where the scheme does not write it, which is the default;
    /// [`SchemeError::Library`] where the library cannot.
    fn secret_key(&self) -> Result<SecretKey, SchemeError> {
        Err(keeps_no_keys())
    }
}

/// What a plugin keeps its ciphertexts in.
pub trait CiphertextData: Any + Send + Sync {
    /// Writes all that the other party needs.
    ///
    /// # Errors
    ///
    /// [`SchemeError::Foreign`] where they are too many for the format, [`SchemeError::Library`]
    /// where the library cannot write one.
    fn write(&self, bytes: &mut Vec<u8>) -> Result<(), SchemeError>;

    /// How many ciphertexts of the scheme it holds.
    fn count(&self) -> usize;

    /// The same where it is known: not of bytes of the other party that only a program of its own can
    /// read.
    fn counted(&self) -> Option<usize> {
        Some(self.count())
    }

    /// For the plugin's own downcast.
    fn as_any(&self) -> &dyn Any;
}

/// The ciphertexts of one input or output. Cheap to clone.
#[derive(Clone)]
pub struct Ciphertexts(Arc<dyn CiphertextData>);

impl Ciphertexts {
    /// Wraps a plugin's own type.
    pub fn new(data: impl CiphertextData) -> Self {
        Self(Arc::new(data))
    }

    /// The serialized form, exactly as it crosses between parties.
    ///
    /// # Errors
    ///
    /// Those of [`CiphertextData::write`].
    pub fn to_bytes(&self) -> Result<Vec<u8>, SchemeError> {
        let mut bytes = Vec::new();
        self.0.write(&mut bytes)?;
        Ok(bytes)
    }

    /// How many ciphertexts of the scheme it holds.
    pub fn count(&self) -> usize {
        self.0.count()
    }

    /// The same, where it is known.
    pub fn counted(&self) -> Option<usize> {
        self.0.counted()
    }

    /// The plugin's own type; a ciphertext of another scheme is an error.
    ///
    /// # Errors
    ///
    /// [`SchemeError::Foreign`] where it is not a `T`.
    pub fn downcast<T: CiphertextData>(&self) -> Result<&T, SchemeError> {
        self.0
            .as_any()
            .downcast_ref()
            .ok_or_else(|| SchemeError::Foreign("it was made by another scheme".into()))
    }
}

impl std::fmt::Debug for Ciphertexts {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Ciphertexts({})", self.0.count())
    }
}
