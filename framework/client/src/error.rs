//! Why a step cannot be done.

use std::path::Path;

use hexperiment_diagnostics::{Complaint, Complaints};
use hexperiment_scheme::SchemeError;
use hexperiment_wire::WireError;

/// Why a step cannot be done.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// Files, or what was asked for, are not as they must be.
    #[error("{0}")]
    Input(Complaints),
    /// The scheme refuses or fails.
    #[error("{step}: {error}")]
    Scheme {
        /// What was done.
        step: &'static str,
        /// What the scheme says.
        error: SchemeError,
    },
    /// What the scheme chose is not what was demanded.
    #[error("{0}")]
    Demand(String),
    /// The server refuses, fails or is gone.
    #[error("the server: {0}")]
    Server(String),
    /// A service on a network does so.
    #[error("{0}")]
    Service(#[from] hexperiment_service::client::ServiceError),
}

impl ClientError {
    /// The scheme's error in a step.
    pub(crate) fn of(step: &'static str) -> impl Fn(SchemeError) -> Self {
        move |error| Self::Scheme { step, error }
    }

    /// What is wrong with a file, and what to do about it.
    pub(crate) fn file(
        file: impl AsRef<Path>,
        problem: impl Into<String>,
        help: impl Into<String>,
    ) -> Self {
        Complaint::new(file, problem).help(help).into()
    }

    /// A file or folder that cannot be written.
    pub(crate) fn unwritable(place: &Path, error: &std::io::Error) -> Self {
        Self::file(
            place,
            format!("cannot be written: {error}"),
            "choose a folder that may be written, by `--folder`, or make room",
        )
    }

    /// Whether what was given is to blame, and not a scheme or a server.
    pub fn is_input(&self) -> bool {
        matches!(self, Self::Input(_))
    }
}

impl From<Complaint> for ClientError {
    fn from(complaint: Complaint) -> Self {
        Self::Input(complaint.into())
    }
}

impl From<Complaints> for ClientError {
    fn from(complaints: Complaints) -> Self {
        Self::Input(complaints)
    }
}

impl From<WireError> for ClientError {
    fn from(error: WireError) -> Self {
        Self::Server(error.to_string())
    }
}
