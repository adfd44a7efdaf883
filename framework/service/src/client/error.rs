//! What can go wrong between a client and the service.

use std::time::Duration;

use hexperiment_wire::WireError;

use crate::api::{Problem, ProblemCode};
use crate::token::Fingerprint;

/// Why the service did not do what the client asked for.
#[derive(Debug, thiserror::Error)]
pub enum ServiceError {
    /// The address is none.
    #[error("found the address {found}, expected {expected}")]
    Address {
        /// What was found.
        found: String,
        /// What an address is.
        expected: &'static str,
    },
    /// A certificate is pinned where there is none.
    #[error(
        "{url}: found a fingerprint to pin beside an address without TLS, which shows no certificate; write the address \
         with `https://`, or leave the fingerprint out"
    )]
    NoCertificate {
        /// Where.
        url: String,
    },
    /// Nobody answers there, or not to the end.
    #[error("{url}: {problem}")]
    Unreachable {
        /// Where.
        url: String,
        /// What happened.
        problem: String,
    },
    /// What answers there speaks TLS where HTTP was expected, or the other way round.
    #[error("{url}: what answers there speaks {}", other_language(url, problem))]
    Language {
        /// Where.
        url: String,
        /// What was found.
        problem: String,
    },
    /// Another certificate than the one that is pinned.
    #[error(
        "{url}: found a certificate with the fingerprint {found}, expected {expected}: somebody stands between, or \
         the service has a new certificate"
    )]
    Fingerprint {
        /// Where.
        url: String,
        /// Of the certificate that was shown.
        found: Fingerprint,
        /// Of the one that is pinned.
        expected: Fingerprint,
    },
    /// A certificate that browsers would not trust, where none is pinned.
    #[error(
        "{url}: found a certificate that browsers would not trust ({problem}), with the fingerprint {found}; nothing was \
         sent. Ask whoever runs the service, by another way than this connection, what `hexperiment \
         serve` printed there. If that is the same, pin it (`--fingerprint`, `--server-fingerprint` of the workbench, \
         `server_fingerprint` in [run]); if not, somebody stands between"
    )]
    Untrusted {
        /// Where.
        url: String,
        /// Of the certificate that was shown.
        found: Fingerprint,
        /// Why it is not trusted, in the words of the library.
        problem: String,
    },
    /// The service says what is wrong.
    #[error("the service: {}{}", problem.message, help(problem))]
    Problem {
        /// What it says.
        problem: Problem,
        /// When to ask again, if it says so.
        retry_after: Option<Duration>,
    },
    /// The service answers what its interface does not have.
    #[error("the service answers what its interface does not have: {0}")]
    Answer(String),
    /// The scheme refuses the program or the job.
    #[error("the service refuses: {0}")]
    Refused(String),
    /// The program or the job failed.
    #[error("the service: {0}")]
    Failed(String),
    /// The keys cannot cross.
    #[error(transparent)]
    Wire(#[from] WireError),
    /// A file of this machine.
    #[error("{path}: {source}")]
    File {
        /// Which.
        path: String,
        /// The system's words.
        source: std::io::Error,
    },
}

impl ServiceError {
    /// Whether asking again may help: the service is not there, or is busy.
    pub(super) fn passes(&self) -> bool {
        match self {
            Self::Unreachable { .. } => true,
            Self::Problem { problem, .. } => matches!(
                problem.code,
                ProblemCode::RateLimited | ProblemCode::Unavailable
            ),
            _ => false,
        }
    }

    /// What the service says is wrong, if it is the service that says so.
    pub fn code(&self) -> Option<ProblemCode> {
        match self {
            Self::Problem { problem, .. } => Some(problem.code),
            _ => None,
        }
    }
}

fn other_language(url: &str, problem: &str) -> String {
    if url.starts_with("https://") {
        format!(
            "no TLS ({problem}); if it is a service that was started with `--plain`, write its address with `http://`"
        )
    } else {
        format!(
            "no HTTP ({problem}); if it is a service with TLS, write its address with `https://`"
        )
    }
}

fn help(problem: &Problem) -> String {
    let help = problem.help.as_deref();
    help.map_or_else(String::new, |help| format!("; {help}"))
}
