//! Why a cell cannot go on.

use hexperiment_scheme::SchemeError;
use hexperiment_task::TaskError;
use hexperiment_task::session::SessionError;

use crate::protocol::FromCell;

/// Why a cell cannot go on: refused by the scheme, failed, or its server has died.
#[derive(Debug)]
pub(crate) enum Stop {
    Refused(String),
    Failed(String),
    Crashed(String),
}

impl From<SchemeError> for Stop {
    fn from(error: SchemeError) -> Self {
        match error {
            SchemeError::Refused(refusal) => Self::Refused(refusal.to_string()),
            error @ SchemeError::Broken { .. } => Self::Crashed(error.to_string()),
            error => Self::Failed(error.to_string()),
        }
    }
}

impl From<TaskError> for Stop {
    fn from(error: TaskError) -> Self {
        match error {
            TaskError::Session(SessionError::Scheme(error)) => error.into(),
            error => Self::Failed(error.to_string()),
        }
    }
}

impl From<Stop> for FromCell {
    fn from(stop: Stop) -> Self {
        match stop {
            Stop::Refused(reason) => Self::Refused { reason },
            Stop::Failed(reason) => Self::Failed { reason },
            Stop::Crashed(reason) => Self::Crashed { reason },
        }
    }
}

pub(crate) fn failed(error: impl std::fmt::Display) -> Stop {
    Stop::Failed(error.to_string())
}
