//! What client and service tell each other in JSON, and where: `docs/service.md` says it for people,
//! `docs/openapi.json` for programs.
//!
//! No type here has a place for a secret key, a decrypted value or a noise figure; a test over the
//! OpenAPI description holds that.

mod operation;
mod problem;

use hexperiment_program::layout::Objective;
use hexperiment_scheme::options::Options;
use hexperiment_scheme::security::SecurityDemand;
use hexperiment_wire::Measured;
use serde::de::{DeserializeOwned, Error as _};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::{Map, Value};

pub use operation::Operation;
pub use problem::{Problem, ProblemCode};

/// The version of this interface; it stands in every path.
pub const VERSION: u32 = 1;

/// What a wait may ask for at most, in seconds: `?wait=`.
pub const LONGEST_WAIT_S: u64 = 30;

/// The longest name that a client may give to a job, in characters.
pub const LONGEST_REQUEST: usize = 100;

/// What the service is, and what it allows to whoever asks.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ServiceInfo {
    /// [`VERSION`]
    pub version: u32,
    /// The program that serves, with its version.
    pub software: String,
    /// Schemes that it evaluates.
    pub schemes: Vec<SchemeInfo>,
    /// What it takes at most.
    pub limits: ServiceLimits,
    /// Whether it takes keys of role `shared`, with which it could decrypt (`fernet`).
    pub accepts_shared_keys: bool,
    /// The name of the client that the token belongs to.
    pub client: String,
    /// What the client may use, and uses.
    pub usage: Usage,
}

/// A scheme of the service.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SchemeInfo {
    /// Its name.
    pub name: String,
    /// The library that evaluates, with its version: the client's must be the same.
    pub library: String,
}

/// What the service takes at most in one request or job.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ServiceLimits {
    /// Bytes of a program's registration.
    pub program_bytes: u64,
    /// Bytes of evaluation keys, with their frames.
    pub keys_bytes: u64,
    /// Bytes of the ciphertexts of one input.
    pub ciphertexts_bytes: u64,
    /// Numbers that all inputs and values of a program may have together.
    pub program_numbers: u64,
    /// Threads of one job.
    pub threads: u64,
    /// Seconds of one job, loading included.
    pub job_seconds: u64,
    /// Seconds for which anything is kept, at most.
    pub kept_seconds: u64,
}

/// Quotas of a client, and what it uses of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Usage {
    /// Bytes of programs, keys, ciphertexts, results and jobs that are kept.
    pub bytes: u64,
    /// What they may be.
    pub bytes_quota: u64,
    /// Sets of keys that are kept.
    pub keys: u64,
    /// What they may be.
    pub keys_quota: u64,
    /// Programs that are kept.
    pub programs: u64,
    /// What they may be.
    pub programs_quota: u64,
    /// Jobs, and programs to be compiled, that are queued or run.
    pub jobs: u64,
    /// What they may be.
    pub jobs_quota: u64,
    /// Milliseconds that jobs and compiling took today (UTC), by the wall.
    pub today_ms: u64,
    /// What they may be.
    pub today_ms_quota: u64,
}

/// A program to be registered: what the client has compiled, so that the service can compile the same.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProgramRequest {
    /// The scheme's name.
    pub scheme: String,
    /// Its options, defaults filled in.
    pub options: Options,
    /// The security level demanded.
    #[serde(deserialize_with = "of_object")]
    pub security: SecurityDemand,
    /// Threads of its jobs.
    pub threads: u64,
    /// What the layout of vectors is chosen for, where the scheme has several.
    #[serde(default, skip_serializing_if = "Objective::is_default")]
    pub optimise: Objective,
    /// The lowered program, as the body of `compile` in `docs/wire.md`.
    pub program: Value,
    /// The digest of the client's circuit: 64 hexadecimal digits in lower case.
    pub circuit: String,
    /// The client's library, with its version.
    pub library: String,
    /// Whether other clients may use it, too.
    #[serde(default)]
    pub public: bool,
}

/// Reads an object, and no list in its place, whose entries would be taken for its members in their order.
fn of_object<'de, D: Deserializer<'de>, T: DeserializeOwned>(from: D) -> Result<T, D::Error> {
    let members = Map::<String, Value>::deserialize(from)?;
    serde_json::from_value(members.into()).map_err(D::Error::custom)
}

/// How far a program is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ProgramState {
    /// The service has not compiled it yet.
    Checking,
    /// The service has compiled the same circuit.
    Ready,
    /// The scheme refuses it.
    Refused,
    /// It does not compile, or to another circuit.
    Failed,
}

/// A program that is registered.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProgramInfo {
    /// Its name at the service.
    pub id: String,
    /// The scheme's name.
    pub scheme: String,
    /// The digest of its circuit.
    pub circuit: String,
    /// The library that evaluates it, with its version.
    pub library: String,
    /// How far it is.
    pub state: ProgramState,
    /// Why it was refused, or failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Whether other clients may use it, too.
    pub public: bool,
    /// When it was registered, in seconds since 1970.
    pub created_s: u64,
    /// What compiling took the service.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub compile: Option<Measured>,
}

/// Evaluation keys that the service keeps.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KeysInfo {
    /// Their name at the service.
    pub id: String,
    /// The program that they are for.
    pub program: String,
    /// The digest of the circuit that they are for.
    pub circuit: String,
    /// Their parts.
    pub parts: u64,
    /// The bytes of all parts.
    pub bytes: u64,
    /// SHA-256 of what was uploaded, in hexadecimal digits.
    pub sha256: String,
    /// When they were uploaded, in seconds since 1970.
    pub created_s: u64,
    /// When they are deleted, in seconds since 1970.
    pub expires_s: u64,
    /// What receiving them took the service, until they were safe on its disk, in nanoseconds.
    pub received_ns: u64,
    /// The inputs and results that are kept under them now. Rows of keys have no such number: it is counted when they are
    /// told of.
    #[serde(default)]
    pub ciphertexts: u64,
    /// The bytes of these.
    #[serde(default)]
    pub ciphertexts_bytes: u64,
}

/// Ciphertexts that the service keeps: an input, or a result.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CiphertextsInfo {
    /// Their name at the service.
    pub id: String,
    /// The keys that they are under.
    pub keys: String,
    /// Their bytes.
    pub bytes: u64,
    /// SHA-256 of these, in hexadecimal digits.
    pub sha256: String,
    /// How many of the scheme's ciphertexts they are; of results only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ciphertexts: Option<u64>,
    /// When they came to be, in seconds since 1970.
    pub created_s: u64,
    /// When they are deleted, in seconds since 1970.
    pub expires_s: u64,
    /// What receiving, or writing, them took the service, until they were safe on its disk, in nanoseconds.
    pub received_ns: u64,
}

/// A job to be done: an evaluation; without inputs and outputs, the loading of keys alone.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct JobRequest {
    /// The keys to evaluate under.
    pub keys: String,
    /// The ciphertexts of each input of the program, in order.
    pub inputs: Vec<String>,
    /// The outputs wanted, by their place in the program, from 0.
    pub outputs: Vec<u32>,
    /// A name that the client chooses; who asks again by the same name gets the same job, so that
    /// nothing is computed twice after an answer was lost. What failed, was cancelled, or has lost a result is done again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request: Option<String>,
}

/// How far a job is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum JobState {
    /// It waits for its turn.
    Queued,
    /// Keys and inputs are read.
    Loading,
    /// It is evaluated.
    Computing,
    /// Its results are written.
    Storing,
    /// Its results are there.
    Done,
    /// The scheme refuses.
    Refused,
    /// It failed.
    Failed,
    /// The client has cancelled it.
    Cancelled,
}

impl JobState {
    /// Whether nothing more will come of it.
    pub fn is_final(self) -> bool {
        matches!(
            self,
            Self::Done | Self::Refused | Self::Failed | Self::Cancelled
        )
    }
}

/// A job, and how far it is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct JobInfo {
    /// Its name at the service.
    pub id: String,
    /// The keys that it evaluates under.
    pub keys: String,
    /// How far it is.
    pub state: JobState,
    /// Jobs that are done before it, while it is queued.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub position: Option<u64>,
    /// Bytes that were read, while it is loading, of how many.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub loaded: Option<Loaded>,
    /// Why it was refused, or failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// When it was asked for, in seconds since 1970.
    pub created_s: u64,
    /// What it took the service, by the service's clock.
    pub times: JobTimes,
    /// The results, one for each output wanted, once it is done.
    pub results: Vec<CiphertextsInfo>,
}

/// Progress in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Loaded {
    /// Bytes that were read.
    pub bytes: u64,
    /// Bytes of keys and inputs.
    pub of: u64,
}

/// What a job took the service, by the service's clock.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct JobTimes {
    /// Waiting for its turn, in nanoseconds.
    pub queue_ns: u64,
    /// Reading keys, unless they were loaded already, and inputs, in nanoseconds.
    pub load_ns: u64,
    /// What the library made of the keys, where this job has loaded them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prepare: Option<Measured>,
    /// The evaluation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub compute: Option<Measured>,
    /// Writing the results, until they were safe on the disk, in nanoseconds.
    pub store_ns: u64,
}
