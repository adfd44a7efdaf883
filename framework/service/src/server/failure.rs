//! Errors as answers.

use axum::Json;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};

use super::store::StoreError;
use crate::api::{Problem, ProblemCode};

/// Why a request is not done.
#[derive(Clone, Debug)]
pub(crate) struct Failure {
    pub(crate) problem: Problem,
    /// Seconds after which it may be asked for again.
    pub(crate) retry_after_s: Option<u64>,
}

/// A failure of this kind.
pub(crate) fn failure(code: ProblemCode, message: impl Into<String>) -> Failure {
    Failure {
        problem: Problem {
            code,
            message: message.into(),
            help: None,
        },
        retry_after_s: None,
    }
}

/// What was sent is not what it should be.
pub(crate) fn invalid(message: impl Into<String>) -> Failure {
    failure(ProblemCode::Invalid, message)
}

/// Nothing of this name belongs to the client.
pub(crate) fn not_found(what: &str) -> Failure {
    failure(
        ProblemCode::NotFound,
        format!("found no {what} of this name that is yours"),
    )
    .help("they expire; `GET` the list of yours, or upload again")
}

/// The service itself failed: what happened is in its log, as a client has nothing to do with it.
pub(crate) fn internal(during: &str, error: &impl std::fmt::Display) -> Failure {
    super::log(&format!("{during}: {error}"));
    failure(
        ProblemCode::Internal,
        format!("{during}: the service failed; its log says more"),
    )
}

impl Failure {
    pub(crate) fn help(mut self, help: impl Into<String>) -> Self {
        self.problem.help = Some(help.into());
        self
    }

    pub(crate) fn after(mut self, seconds: u64) -> Self {
        self.retry_after_s = Some(seconds.max(1));
        self
    }
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        internal("the tables", &error)
    }
}

/// Code of the problem as it stands in the audit log.
#[derive(Clone, Copy, Debug)]
pub(crate) struct EndedWith(pub(crate) ProblemCode);

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        let code = self.problem.code;
        let status = StatusCode::from_u16(code.status());
        let status = status.unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let mut response = (status, Json(self.problem)).into_response();
        response.extensions_mut().insert(EndedWith(code));
        let headers = response.headers_mut();
        if let Some(seconds) = self.retry_after_s {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        if code == ProblemCode::Unauthorized {
            let scheme = HeaderValue::from_static("Bearer");
            headers.insert(header::WWW_AUTHENTICATE, scheme);
        }
        response
    }
}
