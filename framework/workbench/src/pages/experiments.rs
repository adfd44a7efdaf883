//! Experiments: written with completion and checked while one types, run, and compared with past runs.

mod markdown;

use std::path::{Path as FilePath, PathBuf};
use std::sync::Arc;

use axum::extract::{Extension, Path, Query, State};
use axum::response::{IntoResponse as _, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use hexperiment_diagnostics::files;
use hexperiment_diagnostics::printable::line as seen;
use hexperiment_experiment::Experiment;
use hexperiment_reports::{RunToCompare, RunsCompared, Shown};
use maud::{Markup, html};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{Page, home};
use crate::answer::{Wrong, beside, go, json, report_page};
use crate::guard::Session;
use crate::jobs::{Job, Wanted};
use crate::plugins::EXAMPLE;
use crate::run_files::{self, Read};
use crate::shell::{Shell, missing};
use crate::state::{Shared, Workbench};

pub(super) const PAGE: Page = Page {
    path: "/experiments",
    title: "Experiments",
    about: "Write an experiment, check it while you type, run it, and compare runs.",
    routes,
    result,
    script: None,
};

/// Bytes of an experiment that is typed.
const MOST_TEXT: usize = 1 << 20;

/// Runs that are listed, the newest.
const MOST_RUNS: usize = 200;

fn routes() -> Router<Shared> {
    Router::new()
        .route("/experiments", get(first))
        .route("/experiments/schema.json", get(schema))
        .route("/experiments/check", post(check))
        .route("/experiments/run", post(run))
        .route("/experiments/compare", get(compare))
        .route("/experiments/runs/{run}", get(report))
}

/// Files of experiments, by their names.
fn shipped(workbench: &Workbench) -> Vec<String> {
    let entries = std::fs::read_dir(&workbench.settings.experiments)
        .into_iter()
        .flatten()
        .flatten();
    let names = entries.filter_map(|entry| entry.file_name().into_string().ok());
    let mut names: Vec<String> = names
        .filter(|name| FilePath::new(name).extension().is_some_and(|e| e == "toml"))
        .collect();
    names.sort();
    names
}

#[derive(Deserialize)]
struct Opened {
    file: Option<String>,
}

async fn first(
    State(workbench): State<Shared>,
    Extension(session): Extension<Session>,
    Query(opened): Query<Opened>,
) -> Response {
    let shared = Arc::clone(&workbench);
    let read = beside(move || {
        let names = shipped(&shared);
        let chosen = opened.file.filter(|file| names.contains(file));
        let text = chosen.as_ref().map(|file| {
            let path = shared.settings.experiments.join(file);
            files::read_text(&path, files::TEXT, "choose another")
                .unwrap_or_else(|c| format!("# {}\n", c.message))
        });
        let runs: Vec<(String, String)> = run_files::runs(&shared.settings.runs)
            .iter()
            .take(MOST_RUNS)
            .map(|run| (run_files::name(run), told(run)))
            .collect();
        (names, chosen, text, runs)
    });
    let (names, chosen, text, runs) = match read.await {
        Ok(read) => read,
        Err(wrong) => return wrong.into_response(),
    };
    let shell = Shell {
        workbench: &workbench,
        session: &session,
        path: PAGE.path,
        title: PAGE.title,
        scripts: &["format.js", "editor.js"],
    };
    let page = html! {
        h1 { "Experiments" }
        section aria-labelledby="edit-head" {
            h2 #edit-head { "Write and run" }
            form.controls method="get" action="/experiments" {
                label.pick {
                    span { "Start from" }
                    select name="file" {
                        option value="" { "a short example" }
                        @for name in &names { option value=(name) selected[chosen.as_ref() == Some(name)] { (seen(name)) } }
                    }
                }
                button type="submit" { "Open" }
            }
            (editor(text.as_deref().unwrap_or(EXAMPLE), chosen.as_deref()))
        }
        (past(&runs))
        (home::jobs(&workbench, Some(PAGE.path)))
    };
    shell.page(page).into_response()
}

fn editor(text: &str, file: Option<&str>) -> Markup {
    html! {
        form #editor data-post="/experiments/run" data-file=(file.unwrap_or_default()) {
            label for="text" { "Experiment, in TOML" }
            textarea #text name="text" rows="24" spellcheck="false" autocomplete="off" autocapitalize="off"
                role="combobox" aria-autocomplete="list" aria-expanded="false" aria-controls="choices" aria-describedby="text-help" { (text) }
            p.count #text-help { "Ctrl and the space bar list what can stand here; Enter takes it, Escape does not. Write paths of files whole." }
            ul #choices role="listbox" aria-label="What can stand here" hidden {}
            div #checked role="status" aria-live="polite" {}
            p.problem role="alert" hidden {}
            div { button.primary type="submit" { "Run" } }
        }
    }
}

/// What a run was about, in short.
fn told(run: &FilePath) -> String {
    use std::io::BufRead as _;
    let head = files::open(&run.join("records.jsonl"), "records", "")
        .ok()
        .and_then(|file| {
            let mut line = String::new();
            // The first line says what the run is of.
            std::io::BufReader::new(std::io::Read::take(file, 1 << 24))
                .read_line(&mut line)
                .ok()?;
            serde_json::from_str::<Value>(&line).ok()
        });
    let head = head.unwrap_or_default();
    let word = |key: &str| head[key].as_str().unwrap_or("unknown").to_owned();
    let cells = head["cells"].as_array().map_or(0, Vec::len);
    format!(
        "{} · {} · {cells} cells",
        word("experiment"),
        word("started")
    )
}

fn past(runs: &[(String, String)]) -> Markup {
    html! {
        section aria-labelledby="runs-head" {
            h2 #runs-head { "Past runs" }
            @if runs.is_empty() {
                p { "There are none in the folder of runs." }
            } @else {
                form method="get" action="/experiments/compare" {
                    div.scroll.tall tabindex="0" role="region" aria-label="Past runs" {
                        table {
                            thead { tr { th scope="col" { "Compare" } th scope="col" { "Run" } th scope="col" { "Report" } } }
                            tbody {
                                @for (name, told) in runs {
                                    tr {
                                        td { input type="checkbox" name="run" value=(name) aria-label={ "Compare " (seen(name)) }; }
                                        th scope="row" { (seen(told)) span.under { (seen(name)) } }
                                        td { a href={ "/experiments/runs/" (name) } { "Open" } }
                                    }
                                }
                            }
                        }
                    }
                    p { button type="submit" { "Compare those chosen" } }
                }
            }
        }
    }
}

async fn schema() -> Response {
    json(&hexperiment_experiment::json_schema())
}

#[derive(Deserialize)]
struct Typed {
    text: String,
    #[serde(default)]
    file: String,
}

impl Typed {
    /// Where the text is taken to lie, so that paths in it lead where they did.
    fn place(&self, workbench: &Workbench) -> PathBuf {
        let name = if shipped(workbench).contains(&self.file) {
            self.file.as_str()
        } else {
            "experiment.toml"
        };
        workbench.settings.experiments.join(name)
    }
}

/// What is wrong with a text, line by line; runs nothing.
async fn check(
    State(workbench): State<Shared>,
    Json(typed): Json<Typed>,
) -> Result<Response, Wrong> {
    let found = beside(move || {
        if typed.text.len() > MOST_TEXT {
            return Err(Wrong::input("the text is too long"));
        }
        if Experiment::starts_programs(&typed.text) {
            let message = "a scheme has a `command`, a program on this machine, which nothing starts while \
                           you type";
            let help = "Run checks the text and starts it: read the command before";
            let complaint = json!({ "line": null, "message": message, "help": help });
            return Ok(json!({ "complaints": [complaint], "cells": [] }));
        }
        Ok(
            match Experiment::parse(&typed.text, &typed.place(&workbench)) {
                Ok(experiment) => {
                    let cells: Vec<String> = experiment
                        .cells()
                        .iter()
                        .map(|plan| plan.cell.id.clone())
                        .collect();
                    json!({ "complaints": [], "cells": cells })
                }
                Err(complaints) => {
                    let all = complaints
                        .0
                        .iter()
                        .map(|c| json!({ "line": c.line, "message": c.message, "help": c.help }));
                    json!({ "complaints": all.collect::<Vec<_>>(), "cells": [] })
                }
            },
        )
    });
    Ok(json(&found.await??))
}

async fn run(State(workbench): State<Shared>, Json(typed): Json<Typed>) -> Result<Response, Wrong> {
    let job = beside(move || {
        let place = typed.place(&workbench);
        let experiment = Experiment::parse(&typed.text, &place);
        let experiment = experiment.map_err(|e| {
            Wrong(
                axum::http::StatusCode::UNPROCESSABLE_ENTITY,
                e.0.iter().map(ToString::to_string).collect(),
            )
        })?;
        let wanted = Wanted {
            page: PAGE.path,
            title: experiment.name().to_owned(),
            upload: None,
            chosen: json!({}),
            runs: Some(workbench.settings.runs.clone()),
            training: None,
        };
        workbench.start(wanted, &typed.text).map_err(Wrong::from)
    });
    Ok(go(format!("/jobs/{}", job.await??.id)))
}

/// The folder of a run, by its name, and no other folder.
fn folder_of(workbench: &Workbench, name: &str) -> Option<PathBuf> {
    run_files::runs(&workbench.settings.runs)
        .into_iter()
        .find(|run| run_files::name(run) == name)
}

fn shown(read: &Read) -> Shown<'_> {
    Shown {
        records: &read.records,
        rows: &read.rows,
        verdicts: &read.verdicts,
        folder: &read.folder,
    }
}

/// The report of a past run, drawn from its records.
async fn report(State(workbench): State<Shared>, Path(name): Path<String>) -> Response {
    let page = beside(move || {
        let folder = folder_of(&workbench, &name).ok_or("There is no such run.")?;
        let read = Read::of(&folder)?;
        Ok::<String, String>(hexperiment_reports::html(&[shown(&read)]))
    });
    match page.await {
        Ok(Ok(page)) => report_page(page),
        Ok(Err(problem)) => missing(&problem),
        Err(wrong) => wrong.into_response(),
    }
}

/// Runs beside one another: the first is what the others are compared with.
async fn compare(
    State(workbench): State<Shared>,
    Extension(session): Extension<Session>,
    axum::extract::RawQuery(query): axum::extract::RawQuery,
) -> Response {
    let shared = Arc::clone(&workbench);
    let compared = beside(move || compared(&shared, query.as_deref().unwrap_or_default())).await;
    let text = match compared {
        Ok(Ok(text)) => text,
        Ok(Err(problem)) => return missing(&problem),
        Err(wrong) => return wrong.into_response(),
    };
    let shell = Shell {
        workbench: &workbench,
        session: &session,
        path: PAGE.path,
        title: "Runs compared",
        scripts: &[],
    };
    let page = html! {
        p.eyebrow { a href=(PAGE.path) { "Experiments" } }
        h1 { "Runs compared" }
        p.facts { "Cell by cell with the first run; times have an interval, bytes and quality are exact." }
        div.compared { (markdown::html(&text)) }
    };
    shell.page(page).into_response()
}

fn compared(workbench: &Workbench, query: &str) -> Result<String, String> {
    let names = query
        .split('&')
        .filter_map(|pair| pair.strip_prefix("run="));
    let mut all: Vec<(String, Read)> = vec![];
    for name in names {
        // Folders' names are of letters, digits and hyphens.
        let folder = folder_of(workbench, name).ok_or("There is no such run.")?;
        all.push((name.to_owned(), Read::of(&folder)?));
    }
    // The oldest is the base.
    all.sort_by(|a, b| a.0.cmp(&b.0));
    let runs: Vec<RunToCompare<'_>> = all
        .iter()
        .map(|(name, read)| RunToCompare {
            name,
            records: &read.records,
            rows: &read.rows,
        })
        .collect();
    if runs.len() < 2 {
        return Err("Choose two runs or more.".into());
    }
    let compared = RunsCompared::new(&runs, &[])?;
    let phases: Vec<&str> = hexperiment_reports::phases().collect();
    Ok(compared.markdown(&phases))
}

fn result(job: &Job) -> Markup {
    let Some(read) = job.run().and_then(|run| Read::of(&run).ok()) else {
        return html! {};
    };
    let run = &read.records.run;
    html! {
        section.result aria-labelledby="answer-head" {
            h2 #answer-head { (seen(&run.question)) }
            p.answer { (seen(&hexperiment_reports::answer(&read.rows, run.rank_by(), run.tie_margin()))) }
            p { a.button href={ "/jobs/" (job.id) "/report" } { "Open the report" } }
        }
    }
}
