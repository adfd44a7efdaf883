//! What all pages have: head, navigation, scripts.

use axum::http::{StatusCode, Uri};
use axum::response::{Html, IntoResponse as _, Response};
use hexperiment_diagnostics::printable::line as seen;
use maud::{DOCTYPE, Markup, html};

use crate::guard::Session;
use crate::state::Workbench;

/// A page within the workbench.
pub(crate) struct Shell<'a> {
    pub(crate) workbench: &'a Workbench,
    pub(crate) session: &'a Session,
    /// The path of the page in the navigation.
    pub(crate) path: &'a str,
    pub(crate) title: &'a str,
    /// Scripts, by their files' names, in order.
    pub(crate) scripts: &'a [&'a str],
}

impl Shell<'_> {
    pub(crate) fn page(&self, body: Markup) -> Html<String> {
        let here = |path: &str| (path == self.path).then_some("page");
        document(
            self.title,
            html! { meta name="csrf" content=(self.session.csrf); },
            html! {
                header.top {
                    a.brand href="/" { "Hexperiment workbench" }
                    nav aria-label="Pages" {
                        ul {
                            @for (path, title) in &self.workbench.navigation {
                                li { a href=(path) aria-current=[here(path)] { (title) } }
                            }
                        }
                    }
                }
                main #main { (body) }
                script src="/assets/send.js" defer {}
                @for script in self.scripts {
                    script src={ "/assets/" (script) } defer {}
                }
            },
        )
    }
}

/// A page without navigation.
pub(crate) fn bare(title: &str, body: Markup) -> Html<String> {
    let brand = html! {
        header.top { span.brand { "Hexperiment workbench" } }
        main #main { (body) }
    };
    document(title, html! {}, brand)
}

fn document(title: &str, head: Markup, body: Markup) -> Html<String> {
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                (head)
                title { (seen(title)) " · Hexperiment workbench" }
                link rel="stylesheet" href="/assets/page.css";
                link rel="stylesheet" href="/assets/workbench.css";
                link rel="icon" href="data:,";
            }
            body { (body) }
        }
    };
    Html(page.into_string())
}

/// Where nothing is.
pub(crate) async fn not_found(uri: Uri) -> Response {
    missing(&format!("There is no page {}.", seen(uri.path())))
}

/// A page that says what is not there, and where to go.
pub(crate) fn missing(what: &str) -> Response {
    let page = bare(
        "Not found",
        html! {
            h1 { "Not found" }
            p { (what) " Uploads and results are gone when the workbench was started anew." }
            p { a href="/" { "To the first page" } }
        },
    );
    (StatusCode::NOT_FOUND, page).into_response()
}
