//! Answers that are no pages: complaints, where to go on, files to save.

use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use hexperiment_diagnostics::printable;

/// What is wrong, as scripts read it.
pub(crate) struct Wrong(pub(crate) StatusCode, pub(crate) Vec<String>);

impl Wrong {
    /// With what was sent.
    pub(crate) fn input(problem: impl ToString) -> Self {
        Self(StatusCode::UNPROCESSABLE_ENTITY, vec![problem.to_string()])
    }

    /// With this machine.
    pub(crate) fn here(problem: impl std::fmt::Display) -> Self {
        Self(StatusCode::INTERNAL_SERVER_ERROR, vec![problem.to_string()])
    }

    /// Nothing has that id.
    pub(crate) fn gone(what: &str) -> Self {
        let words = format!("there is no such {what}; the workbench may have been started anew");
        Self(StatusCode::NOT_FOUND, vec![words])
    }
}

impl IntoResponse for Wrong {
    fn into_response(self) -> Response {
        let words: Vec<String> = self
            .1
            .iter()
            .map(|w| printable::lines(w).into_owned())
            .collect();
        (self.0, axum::Json(serde_json::json!({ "problems": words }))).into_response()
    }
}

/// Where a script goes next.
pub(crate) fn go(to: String) -> Response {
    axum::Json(serde_json::json!({ "go": to })).into_response()
}

/// Does what takes time, or waits for a disk, beside the requests.
pub(crate) async fn beside<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, Wrong> {
    tokio::task::spawn_blocking(work).await.map_err(Wrong::here)
}

/// A file to be saved under that name.
pub(crate) fn download(kind: &'static str, name: &str, bytes: Vec<u8>) -> Response {
    let disposition = format!("attachment; filename=\"{name}\"");
    (
        [
            (header::CONTENT_TYPE, kind.to_owned()),
            (header::CONTENT_DISPOSITION, disposition),
        ],
        bytes,
    )
        .into_response()
}

/// A report within its own policy, and apart from the workbench: its scripts stand in its page.
pub(crate) fn report_page(page: String) -> Response {
    let policy = hexperiment_reports::policy().trim();
    let policy = format!(
        "{policy}; frame-ancestors 'none'; sandbox allow-scripts allow-downloads allow-popups"
    );
    let headers = [
        (header::CONTENT_TYPE, "text/html; charset=utf-8".to_owned()),
        (header::CONTENT_SECURITY_POLICY, policy),
    ];
    (headers, page).into_response()
}

/// A value that a script reads.
pub(crate) fn json(value: &serde_json::Value) -> Response {
    axum::Json(value).into_response()
}
