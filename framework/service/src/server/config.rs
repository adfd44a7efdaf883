//! What a service is started with.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use hexperiment_wire::Limits;

use crate::api::{SchemeInfo, ServiceLimits};

/// What a service is started with.
pub struct Config {
    /// The folder in which everything lies.
    pub state: PathBuf,
    /// Where it listens; port 0 takes a free one.
    pub listen: SocketAddr,
    /// How it is secured on the way.
    pub transport: Transport,
    /// Schemes that it evaluates.
    pub schemes: Vec<SchemeInfo>,
    /// How the process of a job is started, which evaluates by the protocol of `docs/wire.md` on its
    /// standard streams, under the scheme of this name.
    pub worker: Box<dyn Fn(&str) -> Command + Send + Sync>,
    /// Jobs at a time.
    pub workers: usize,
    /// Processes that keep their keys loaded.
    pub warm: usize,
    /// Threads that a program may ask for.
    pub threads: u64,
    /// Numbers that all values of a program may have together.
    pub program_numbers: u64,
    /// Time of one job, loading included.
    pub job_time: Duration,
    /// Time for which anything is kept, at most.
    pub keep: Duration,
    /// Bytes of one upload of keys.
    pub max_keys: u64,
    /// Bytes of one upload of ciphertexts.
    pub max_ciphertexts: u64,
    /// Quotas of each client.
    pub quotas: Quotas,
    /// Requests of a client per second.
    pub rate: u32,
    /// Connections at a time.
    pub connections: u16,
    /// Time for which a body may stand still.
    pub body_idle: Duration,
    /// Time for running jobs when it is stopped.
    pub grace: Duration,
    /// Whether it takes keys with which it could decrypt.
    pub accept_shared_keys: bool,
}

/// What each client may use.
#[derive(Clone, Copy, Debug)]
pub struct Quotas {
    /// Bytes of programs, keys, ciphertexts, results and jobs that are kept.
    pub bytes: u64,
    /// Sets of keys that are kept.
    pub keys: u64,
    /// Programs that are kept.
    pub programs: u64,
    /// Jobs, and programs to be compiled, that wait or run.
    pub jobs: u64,
    /// Time of jobs and of compiling on one day (UTC).
    pub time: Duration,
}

/// How a service is secured on the way.
#[derive(Clone, Debug)]
pub enum Transport {
    /// TLS with this chain of certificates and key, both files in PEM.
    Given {
        /// The chain, that of the service first.
        certificate: PathBuf,
        /// Its key.
        key: PathBuf,
    },
    /// TLS with a certificate of its own, which is made once, for these names.
    SelfSigned {
        /// Names and addresses.
        names: Vec<String>,
    },
    /// None: on a loopback address only.
    Plain,
}

/// Bytes of a program's registration.
pub(crate) const MAX_PROGRAM: u64 = 32 << 20;

/// Bytes of a job's description.
pub(crate) const MAX_JOB: usize = 4 << 20;

impl Config {
    /// What is taken at most, as clients are told.
    pub(crate) fn limits(&self) -> ServiceLimits {
        ServiceLimits {
            program_bytes: MAX_PROGRAM,
            keys_bytes: self.max_keys,
            ciphertexts_bytes: self.max_ciphertexts,
            program_numbers: self.program_numbers,
            threads: self.threads,
            job_seconds: self.job_time.as_secs(),
            kept_seconds: self.keep.as_secs(),
        }
    }

    /// The same, as the protocol with workers has it.
    pub(crate) fn wire_limits(&self) -> Limits {
        Limits {
            program_bytes: MAX_PROGRAM,
            keys_bytes: self.max_keys,
            ciphertexts_bytes: self.max_ciphertexts,
            ..Limits::default()
        }
    }
}
