//! The first page: what there is, and what was run since the workbench began.

use axum::Router;
use axum::extract::{Extension, State};
use axum::response::{Html, IntoResponse as _, Response};
use axum::routing::get;
use hexperiment_diagnostics::printable::line as seen;
use maud::{Markup, html};

use super::PAGES;
use crate::guard::Session;
use crate::shell::Shell;
use crate::state::{Shared, Workbench};

pub(crate) fn routes() -> Router<Shared> {
    Router::new().route("/", get(page))
}

async fn page(State(workbench): State<Shared>, Extension(session): Extension<Session>) -> Response {
    let shell = Shell {
        workbench: &workbench,
        session: &session,
        path: "/",
        title: "Start",
        scripts: &[],
    };
    let page: Html<String> = shell.page(html! {
        h1 { "Compute on what nobody else may see" }
        p.answer {
            "Data and secret key stay on this machine. The evaluator is "
            @match &workbench.settings.evaluator {
                Some(far) => { "a service on a network, " (seen(&far.url)) },
                None => { "another process" },
            }
            ": it has the program, and under an encrypting scheme ciphertexts and evaluation keys, nothing else. Each run shows every \
             byte that crossed."
        }
        ul.cards {
            @for page in &PAGES {
                li { a href=(page.path) { strong { (page.title) } span { (page.about) } } }
            }
        }
        (jobs(&workbench, None))
        p.facts { "Uploads and their results are removed when the workbench ends." }
    });
    page.into_response()
}

/// Runs since the workbench began, all or those of a page.
pub(crate) fn jobs(workbench: &Workbench, page: Option<&str>) -> Markup {
    let jobs: Vec<_> = workbench
        .jobs()
        .into_iter()
        .filter(|job| page.is_none_or(|page| job.page == page))
        .collect();
    html! {
        @if !jobs.is_empty() {
            section aria-labelledby="jobs-head" {
                h2 #jobs-head { "Runs since the workbench began" }
                ul {
                    @for job in &jobs {
                        li { a href={ "/jobs/" (job.id) } { (seen(&job.title)) } ": " (job.status().words()) }
                    }
                }
            }
        }
    }
}
