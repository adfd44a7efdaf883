//! The page of a job: the two parties at work, what crossed between them, what the server knows, and what
//! came of it.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::{Extension, Path, State};
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse as _, Response};
use axum::routing::{get, post};
use futures_util::stream::{Stream, unfold};
use hexperiment_diagnostics::printable::line as seen;
use maud::{Markup, html};

use crate::answer::{Wrong, beside, download, go, report_page};
use crate::csv_out;
use crate::guard::Session;
use crate::jobs::{Job, Status, Watch};
use crate::pages::{self, Page};
use crate::run_files::{self, Tail};
use crate::shell::{Shell, missing};
use crate::state::Shared;

/// How often a job is looked at.
const LOOKS: Duration = Duration::from_millis(150);

pub(crate) fn routes() -> Router<Shared> {
    Router::new()
        .route("/jobs/{id}", get(page))
        .route("/jobs/{id}/events", get(events))
        .route("/jobs/{id}/cancel", post(cancel))
        .route("/jobs/{id}/traffic.csv", get(traffic))
        .route("/jobs/{id}/report", get(report))
        .route("/jobs/{id}/experiment.toml", get(experiment))
}

/// A step of the protocol, as the picture of the two parties has it.
struct Step {
    name: &'static str,
    title: &'static str,
    at: At,
}

/// Who does a step, or which way it crosses.
#[derive(Clone, Copy, PartialEq, Eq)]
enum At {
    Client,
    ToServer,
    Server,
    ToClient,
}

const STEPS: [Step; 8] = [
    Step {
        name: "keygen",
        title: "Make keys",
        at: At::Client,
    },
    Step {
        name: "keys",
        title: "Evaluation keys",
        at: At::ToServer,
    },
    Step {
        name: "prepare",
        title: "Prepare keys and weights",
        at: At::Server,
    },
    Step {
        name: "encrypt",
        title: "Encrypt",
        at: At::Client,
    },
    Step {
        name: "ciphertexts",
        title: "Ciphertexts",
        at: At::ToServer,
    },
    Step {
        name: "evaluate",
        title: "Evaluate",
        at: At::Server,
    },
    Step {
        name: "results",
        title: "Encrypted results",
        at: At::ToClient,
    },
    Step {
        name: "decrypt",
        title: "Decrypt",
        at: At::Client,
    },
];

async fn page(
    State(workbench): State<Shared>,
    Extension(session): Extension<Session>,
    Path(id): Path<String>,
) -> Response {
    let Some(job) = workbench.job(&id) else {
        return missing("There is no such run.");
    };
    let of_page = pages::PAGES.iter().find(|page| page.path == job.page);
    let drawn = Arc::clone(&job);
    let result = beside(move || {
        let page = of_page.filter(|_| drawn.status() == Status::Done);
        page.map_or_else(|| html! {}, |page| (page.result)(&drawn))
    });
    let result = match result.await {
        Ok(result) => result,
        Err(wrong) => return wrong.into_response(),
    };
    let mut scripts = vec![
        "d3.min.js",
        "plot.min.js",
        "format.js",
        "parts.js",
        "crossed.js",
        "job.js",
        "traffic.js",
    ];
    scripts.extend(of_page.and_then(|page| page.script));
    let shell = Shell {
        workbench: &workbench,
        session: &session,
        path: job.page,
        title: &job.title,
        scripts: &scripts,
    };
    shell.page(body(&job, of_page, result)).into_response()
}

fn body(job: &Job, of_page: Option<&Page>, result: Markup) -> Markup {
    let status = job.status();
    let is_far = job.evaluated.server.is_some();
    html! {
        p.eyebrow { a href=(job.page) { (of_page.map_or("Back", |page| page.title)) } }
        h1 { (seen(&job.title)) }
        div #job data-id=(job.id) data-status=(words_of(status)) data-server=[&job.evaluated.server] {
            p.status role="status" { "This run: " strong #status { (status.words()) } " " span #elapsed {} }
            @if !status.is_over() {
                button #cancel type="button" { "Cancel" }
            }
        }
        @if status == Status::Failed {
            section.problem role="alert" {
                h2 { "What went wrong" }
                pre { (job.last_words().join("\n")) }
            }
        }
        p.problem #reason role="alert" hidden {}
        (result)
        section aria-labelledby="parties-head" {
            h2 #parties-head { "The two parties" }
            div.cells role="group" aria-label="Schemes" #cells {}
            (parties(job.evaluated.server.as_deref()))
            p.under #repeated hidden {}
        }
        section #left aria-labelledby="left-head" {
            @if is_far {
                h2 #left-head { "What left this machine" }
            } @else {
                h2 #left-head { "What crossed to the evaluator" }
                p.facts {
                    "The evaluator is another process of this machine, so that nothing left the machine. One elsewhere would have been sent the same."
                }
            }
            p #left-sum { "Nothing so far." }
            div.scroll tabindex="0" role="region" aria-label="What crossed, by kind" {
                table #kinds hidden {
                    thead { tr {
                        th scope="col" { "Kind" }
                        th scope="col" { "Direction" }
                        th.number scope="col" { "Frames" }
                        th.number scope="col" { "Bytes" }
                    } }
                    tbody {}
                }
            }
            details #frames-fold {
                summary { "Every frame" }
                div.scroll.tall tabindex="0" role="region" aria-label="Every frame that crossed" {
                    table #frames {
                        thead { tr {
                            th.number scope="col" { "After" }
                            th scope="col" { "To" }
                            th scope="col" { "Kind" }
                            th.number scope="col" { "Bytes" }
                            th scope="col" { "Contents" }
                        } }
                        tbody {}
                    }
                }
                p.count #frames-more {}
            }
            figure #hex hidden {
                figcaption #hex-head {}
                pre tabindex="0" aria-label="Bytes in hexadecimal" {}
            }
            p { a href={ "/jobs/" (job.id) "/traffic.csv" } download { "Download all frames as CSV" } }
        }
        section aria-labelledby="knows-head" {
            h2 #knows-head { "What the server knows" }
            ul #knows { li { "That is told once the parameters are chosen." } }
        }
        @if status.is_over() && job.run().is_some() {
            p.links {
                a href={ "/jobs/" (job.id) "/report" } { "Report of this run" }
                " " a href={ "/jobs/" (job.id) "/experiment.toml" } download { "Its experiment file" }
            }
        }
        details { summary { "What the run said" } pre #lines tabindex="0" aria-label="Lines of the run" {} }
    }
}

fn words_of(status: Status) -> String {
    serde_json::to_value(status)
        .ok()
        .and_then(|v| Some(v.as_str()?.to_owned()))
        .unwrap_or_default()
}

/// The picture, without its numbers: the script has them.
fn parties(server: Option<&str>) -> Markup {
    html! {
        div.parties #parties {
            div.party.client {
                h3 { "This machine" }
                p.under #client-has { "has the data and the secret key" }
            }
            div.between aria-hidden="true" {}
            div.party.server {
                h3 { "The evaluator" }
                p.under #evaluator-has {
                    @match server { Some(server) => (seen(server)), None => "another process of this machine" }
                }
            }
            ol.steps {
                @for Step { name, title, at } in &STEPS {
                    @let place = match at {
                        At::Client => "step at-client",
                        At::Server => "step at-server",
                        At::ToServer => "step crosses to-server",
                        At::ToClient => "step crosses to-client",
                    };
                    li class=(place) data-step=(name) data-state="waits" {
                        span.what { (title) }
                        span.figures { "waits" }
                    }
                }
            }
        }
    }
}

async fn events(
    State(workbench): State<Shared>,
    Path(id): Path<String>,
) -> Result<Sse<impl Stream<Item = Result<Event, Infallible>>>, Wrong> {
    let job = workbench.job(&id).ok_or_else(|| Wrong::gone("run"))?;
    let stream = unfold((Watch::new(job), false), |(mut watch, over)| async move {
        if over {
            return None;
        }
        loop {
            let looked = beside(move || {
                let news = watch.look();
                (watch, news)
            });
            let (looked, news) = looked.await.ok()?;
            watch = looked;
            if let Some(news) = news {
                let over = news.status.is_over();
                // Of text and numbers it can be written.
                let event = Event::default().json_data(&news).ok()?;
                return Some((Ok(event), (watch, over)));
            }
            tokio::time::sleep(LOOKS).await;
        }
    });
    Ok(Sse::new(stream).keep_alive(KeepAlive::default()))
}

async fn cancel(
    State(workbench): State<Shared>,
    Path(id): Path<String>,
) -> Result<Response, Wrong> {
    let job = workbench.job(&id).ok_or_else(|| Wrong::gone("run"))?;
    job.cancel();
    Ok(go(format!("/jobs/{id}")))
}

async fn traffic(
    State(workbench): State<Shared>,
    Path(id): Path<String>,
) -> Result<Response, Wrong> {
    let job = workbench.job(&id).ok_or_else(|| Wrong::gone("run"))?;
    let text = beside(move || {
        let mut text = String::from("cell,frame,to,kind,bytes,body_bytes,began_ns,ended_ns\n");
        for file in job.run().iter().flat_map(|run| run_files::traffic(run)) {
            let (mut tail, mut cell) = (Tail::default(), String::new());
            loop {
                let lines = tail.lines(&file);
                if lines.is_empty() {
                    break;
                }
                for line in lines {
                    if let Some(name) = line["cell"].as_str() {
                        name.clone_into(&mut cell);
                        continue;
                    }
                    let word = |key: &str| line[key].as_str().unwrap_or_default().to_owned();
                    let number = |key: &str| line[key].as_u64().unwrap_or_default().to_string();
                    let fields = [
                        cell.clone(),
                        number("frame"),
                        word("to"),
                        word("kind"),
                        number("bytes"),
                        number("body_bytes"),
                        number("began_ns"),
                        number("ended_ns"),
                    ];
                    text += &csv_out::line(fields.iter().map(String::as_str));
                }
            }
        }
        text
    });
    Ok(download(
        "text/csv; charset=utf-8",
        "traffic.csv",
        text.await?.into_bytes(),
    ))
}

async fn report(
    State(workbench): State<Shared>,
    Path(id): Path<String>,
) -> Result<Response, Wrong> {
    let job = workbench.job(&id).ok_or_else(|| Wrong::gone("run"))?;
    let run = job.run().ok_or_else(|| Wrong::gone("report"))?;
    let page = beside(move || std::fs::read_to_string(run.join("report.html"))).await?;
    Ok(report_page(page.map_err(Wrong::here)?))
}

async fn experiment(
    State(workbench): State<Shared>,
    Path(id): Path<String>,
) -> Result<Response, Wrong> {
    let job = workbench.job(&id).ok_or_else(|| Wrong::gone("run"))?;
    let run = job.run().ok_or_else(|| Wrong::gone("experiment file"))?;
    let text = beside(move || std::fs::read(run.join("experiment.toml"))).await?;
    Ok(download(
        "application/toml",
        "experiment.toml",
        text.map_err(Wrong::here)?,
    ))
}
