//! The way in: every request passes [`guard`], and the login page begins sessions.

use std::time::Duration;

use axum::Router;
use axum::extract::{Form, Request, State};
use axum::http::header::{self, HeaderName, HeaderValue};
use axum::http::{Method, StatusCode};
use axum::middleware::Next;
use axum::response::{Html, IntoResponse as _, Redirect, Response};
use axum::routing::get;
use hexperiment_listen::Peer;
use maud::html;
use serde::Deserialize;

use crate::guard::{HEADERS, Session, same};
use crate::shell;
use crate::state::Shared;

/// The header that a request which changes something bears.
const CSRF: &str = "x-csrf-token";

/// Whose connections those of all sessions are: there is one owner.
const SESSION: &str = "session";

/// How long a wrong token is thought about.
const THINKS: Duration = Duration::from_millis(500);

/// Lets a request in, or not; what goes out says what the browser may do with it.
pub(crate) async fn guard(
    State(workbench): State<Shared>,
    mut request: Request,
    next: Next,
) -> Response {
    let guard = &workbench.guard;
    let (headers, path) = (request.headers(), request.uri().path());
    let changes = !matches!(*request.method(), Method::GET | Method::HEAD);
    let is_open = path == "/login" || path.starts_with("/assets/");
    let session = guard.session(headers);
    let sent = headers.get(CSRF).and_then(|token| token.to_str().ok());
    let knows = |s: &Session| sent.is_some_and(|sent| same(sent, &s.csrf));
    let refused = if !guard.is_host(headers) {
        Some((
            StatusCode::MISDIRECTED_REQUEST,
            "this is no host of the workbench: open it at 127.0.0.1",
        ))
    } else if changes && !guard.is_own_origin(headers) {
        Some((StatusCode::FORBIDDEN, "the request comes from another page"))
    } else if is_open {
        None
    } else if session.is_none() {
        Some((StatusCode::UNAUTHORIZED, "log in first"))
    } else if changes && !session.as_ref().is_some_and(knows) {
        Some((
            StatusCode::FORBIDDEN,
            "the request lacks the token of this session: load the page anew",
        ))
    } else {
        None
    };
    let mut response = match refused {
        Some((StatusCode::UNAUTHORIZED, _)) if !changes => Redirect::to("/login").into_response(),
        Some((status, why)) => (status, why).into_response(),
        None => {
            if let Some(session) = session {
                if let Some(peer) = request.extensions().get::<Peer>() {
                    peer.connection.is_of(SESSION);
                }
                request.extensions_mut().insert(session);
            }
            next.run(request).await
        }
    };
    for (name, value) in HEADERS {
        let name = HeaderName::from_static(name);
        // A report is drawn by scripts in its page, and has a policy of its own.
        if !response.headers().contains_key(&name) {
            response
                .headers_mut()
                .insert(name, HeaderValue::from_static(value));
        }
    }
    response
}

pub(crate) fn routes() -> Router<Shared> {
    Router::new().route("/login", get(ask).post(login))
}

async fn ask() -> Response {
    login_page(None).into_response()
}

fn login_page(problem: Option<&str>) -> Html<String> {
    shell::bare(
        "Log in",
        html! {
            h1 { "Log in" }
            p { "Type the token that the workbench printed when it was started." }
            form.fields method="post" action="/login" {
                label {
                    span { "Token" }
                    input #token type="password" name="token" required autocomplete="off" spellcheck="false";
                }
                @if let Some(problem) = problem {
                    p.problem role="alert" { (problem) }
                }
                div { button.primary type="submit" { "Log in" } }
            }
            script src="/assets/login.js" defer {}
        },
    )
}

#[derive(Deserialize)]
struct Login {
    token: String,
}

async fn login(State(workbench): State<Shared>, Form(login): Form<Login>) -> Response {
    let guard = &workbench.guard;
    if !same(login.token.trim(), guard.token()) {
        tokio::time::sleep(THINKS).await;
        let page = login_page(Some(
            "That is not the token. It stands in the terminal that the workbench runs in.",
        ));
        return (StatusCode::FORBIDDEN, page).into_response();
    }
    match guard.begin() {
        Ok(value) => {
            let cookie = [(header::SET_COOKIE, guard.set_cookie(&value))];
            (cookie, Redirect::to("/")).into_response()
        }
        Err(e) => (StatusCode::INTERNAL_SERVER_ERROR, e.to_string()).into_response(),
    }
}
