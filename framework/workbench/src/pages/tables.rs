//! Tables: regression and classification of rows of one's own, by a model that was saved or is trained here.

use std::path::Path as FilePath;
use std::sync::Arc;

use axum::extract::{Extension, Path, Query, State};
use axum::response::{IntoResponse as _, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use hexperiment_diagnostics::files;
use hexperiment_diagnostics::printable::{self, line as seen};
use maud::{Markup, html};
use serde::Deserialize;
use serde_json::{Value, json};

use super::form::{drop_zone, scheme_choice, table_read};
use super::{Page, home};
use crate::answer::{Wrong, beside, download, go, json};
use crate::csv_out;
use crate::experiment::{Written, is_scheme};
use crate::guard::Session;
use crate::jobs::{Job, Wanted};
use crate::models;
use crate::plugins::{CLASSES, NUMBERS};
use crate::profile::{Kind, Profile};
use crate::run_files::{self, Read};
use crate::shell::{Shell, missing};
use crate::state::{Shared, Workbench};
use crate::upload::Upload;

pub(super) const PAGE: Page = Page {
    path: "/tables",
    title: "Tables",
    about: "Regression and classification on a CSV of your own, row by row.",
    routes,
    result,
    script: Some("tables.js"),
};

/// What stands for a model that is yet to be trained.
const TRAIN: &str = "train";

/// What is computed: task, its words, the file that it leaves.
const TASKS: [(&str, &str, &str); 2] = [
    (NUMBERS, "a number (linear regression)", "predictions.csv"),
    (
        CLASSES,
        "one of two classes (logistic regression)",
        "scores.csv",
    ),
];

/// Rows that the page shows.
const MOST_SHOWN: usize = 2000;

fn routes() -> Router<Shared> {
    Router::new()
        .route("/tables", get(first))
        .route("/tables/{id}", get(read))
        .route("/tables/{id}/run", post(run))
        .route("/tables/jobs/{id}/rows", get(rows))
        .route("/tables/jobs/{id}/predictions.csv", get(predictions))
}

async fn first(
    State(workbench): State<Shared>,
    Extension(session): Extension<Session>,
) -> Response {
    let shell = Shell {
        workbench: &workbench,
        session: &session,
        path: PAGE.path,
        title: PAGE.title,
        scripts: &[],
    };
    let page = html! {
        h1 { "Predictions from encrypted rows" }
        p.answer { "The server computes the model on rows that it cannot read; predictions are decrypted here." }
        (drop_zone("tables", "A CSV: a row for each sample, a column for each feature, and one to predict", ".csv,text/csv"))
        (home::jobs(&workbench, Some(PAGE.path)))
    };
    shell.page(page).into_response()
}

#[derive(Deserialize)]
struct Chosen {
    model: Option<String>,
}

async fn read(
    State(workbench): State<Shared>,
    Extension(session): Extension<Session>,
    Path(id): Path<String>,
    Query(chosen): Query<Chosen>,
) -> Response {
    let Some(upload) = workbench.upload(&id) else {
        return missing("There is no such upload.");
    };
    let Some(profile) = upload.table() else {
        return missing("That upload is no table.");
    };
    let shared = Arc::clone(&workbench);
    let choices = beside(move || models::all(&shared))
        .await
        .unwrap_or_default();
    let shell = Shell {
        workbench: &workbench,
        session: &session,
        path: PAGE.path,
        title: &upload.name,
        scripts: &[],
    };
    let page = html! {
        p.eyebrow { a href=(PAGE.path) { "Tables" } }
        h1 { (seen(&upload.name)) }
        (table_read(&upload, profile))
        section aria-labelledby="choose-head" {
            h2 #choose-head { "Predict" }
            (form(&upload, profile, &choices, chosen.model.as_deref()))
            details {
                summary { "Use a model from a file" }
                div.drop.small data-upload="model" data-then={ "/tables/" (upload.id) } {
                    label { span { "A model.json that an earlier run left" } input type="file" accept=".json,application/json"; }
                    p.problem role="alert" hidden {}
                    progress max="1" value="0" hidden aria-label="Upload" {}
                }
            }
        }
    };
    shell.page(page).into_response()
}

fn form(
    upload: &Upload,
    profile: &Profile,
    choices: &[models::Choice],
    chosen: Option<&str>,
) -> Markup {
    let has = |name: &str| profile.column(name).is_some();
    let numbers: Vec<_> = profile
        .columns
        .iter()
        .filter(|c| c.kind() == Kind::Numbers && !c.name.is_empty())
        .collect();
    let target = numbers.last().map(|column| column.name.as_str());
    let is_binary = numbers.last().is_some_and(|column| column.is_binary);
    html! {
        form.fields data-post={ "/tables/" (upload.id) "/run" } {
            label {
                span { "Column to predict" }
                select name="target" {
                    @for column in &numbers {
                        option value=(column.name) selected[Some(column.name.as_str()) == target] { (seen(&column.name)) }
                    }
                }
            }
            label {
                span { "It is" }
                select name="task" {
                    @for (task, words, _) in TASKS {
                        option value=(task) selected[(task == CLASSES) == is_binary] { (words) }
                    }
                }
            }
            label {
                span { "Rows with a gap" }
                select name="missing" {
                    option value="median" { "get the median of the column" }
                    option value="drop-rows" { "are left out" }
                }
            }
            label {
                span { "A missing value is an empty field, NA, or" }
                input type="text" name="marker" value=(profile.marker.as_deref().unwrap_or_default()) maxlength="40";
            }
            label {
                span { "Model" }
                select name="model" {
                    option value=(TRAIN) { "train one in the clear on the other rows" }
                    @for choice in choices {
                        @let lacks = choice.lacks(has).count();
                        option value=(choice.key) selected[Some(choice.key.as_str()) == chosen] disabled[lacks > 0] {
                            (seen(&choice.name)) ": " (choice.columns.len()) " columns"
                            @if lacks > 0 { ", " (lacks) " of them not in this file" }
                        }
                    }
                }
            }
            label { span { "Share of the rows that are encrypted" } input type="number" name="share" value="0.3" min="0.01" max="0.99" step="0.01" required; }
            (scheme_choice("scheme"))
            p.problem role="alert" hidden {}
            div { button.primary type="submit" { "Run" } }
        }
    }
}

#[derive(Deserialize)]
struct Asked {
    target: String,
    task: String,
    missing: String,
    marker: String,
    model: String,
    share: String,
    scheme: String,
}

async fn run(
    State(workbench): State<Shared>,
    Path(id): Path<String>,
    Json(asked): Json<Asked>,
) -> Result<Response, Wrong> {
    let upload = workbench.upload(&id).ok_or_else(|| Wrong::gone("upload"))?;
    let job = beside(move || {
        let profile = upload.table().ok_or_else(|| Wrong::gone("table"))?;
        let written = experiment(&workbench, &upload, profile, &asked)?;
        let wanted = Wanted {
            page: PAGE.path,
            title: format!(
                "{} of {} under {}",
                printable::cut(&printable::line(&asked.target), 40),
                upload.name,
                asked.scheme
            ),
            chosen: json!({ "task": asked.task, "target": asked.target }),
            upload: Some(Arc::clone(&upload)),
            runs: None,
        };
        workbench
            .start(wanted, &written.text())
            .map_err(Wrong::here)
    });
    Ok(go(format!("/jobs/{}", job.await??.id)))
}

/// The experiment that is asked for, or what is wrong with the form.
fn experiment(
    workbench: &Workbench,
    upload: &Upload,
    profile: &Profile,
    asked: &Asked,
) -> Result<Written, Wrong> {
    let target = profile.column(&asked.target);
    let target =
        target.ok_or_else(|| Wrong::input("Column to predict: the file has no such column"))?;
    let share: f64 = asked.share.parse().unwrap_or(f64::NAN);
    if !(0.01..=0.99).contains(&share) {
        return Err(Wrong::input("Share of the rows: expected 0.01 to 0.99"));
    }
    if !TASKS.iter().any(|(task, _, _)| *task == asked.task) || !is_scheme(&asked.scheme) {
        return Err(Wrong::input(
            "found a task or a scheme that is not on the form",
        ));
    }
    if asked.task == CLASSES && !target.is_binary {
        return Err(Wrong::input(format!(
            "Column to predict: {} has other values than 0 and 1, expected these two for classes; or predict a number",
            printable::quoted(&target.name)
        )));
    }
    let question = format!(
        "What is {} of encrypted rows of {}?",
        printable::line(&asked.target),
        upload.name
    );
    let mut written = Written::new("tables", question, &asked.task);
    let mut wanted: Option<Vec<String>> = None;
    if asked.model != TRAIN {
        let choices = models::all(workbench);
        let choice = choices
            .iter()
            .find(|choice| choice.key == asked.model)
            .ok_or_else(|| Wrong::gone("model"))?;
        let lacks: Vec<&str> = choice
            .lacks(|name| profile.column(name).is_some())
            .collect();
        if !lacks.is_empty() {
            let lacks = printable::list(lacks.iter().copied(), 10);
            return Err(Wrong::input(format!(
                "Model: the file lacks columns that it looks at: {lacks}"
            )));
        }
        written.task("model", choice.file.display().to_string());
        wanted = Some(choice.columns.clone());
    }
    if asked.task == CLASSES {
        written.task("output", "probability");
    }
    written
        .path(&upload.file)
        .dataset("target", asked.target.as_str())
        .dataset("missing", asked.missing.as_str())
        .dataset("test_fraction", share)
        .scheme(&asked.scheme);
    if !asked.marker.is_empty() {
        written.dataset("missing_marker", asked.marker.as_str());
    }
    let is_left_out = |column: &&crate::profile::Column| {
        let is_feature = match &wanted {
            Some(wanted) => wanted.contains(&column.name),
            None => {
                column.kind() == Kind::Numbers && !column.is_constant && !column.name.is_empty()
            }
        };
        column.name != asked.target && !is_feature
    };
    let left_out: Vec<String> = profile
        .columns
        .iter()
        .filter(is_left_out)
        .map(|c| c.name.clone())
        .collect();
    if !left_out.is_empty() {
        written.dataset("drop_columns", left_out);
    }
    Ok(written)
}

/// Truth, prediction and prediction in the clear of each row that was encrypted.
fn predicted(run: &FilePath) -> Result<Vec<[f64; 3]>, String> {
    let is_table = |name: &str| TASKS.iter().any(|(_, _, file)| *file == name);
    let file = run_files::artefacts(run, is_table)
        .into_iter()
        .next()
        .ok_or("the run has no predictions")?;
    let opened = files::open(&file, "a file that the task left", "").map_err(|c| c.to_string())?;
    let mut reader = csv::Reader::from_reader(std::io::BufReader::new(opened));
    let mut all = vec![];
    for record in reader.records() {
        let record = record.map_err(|e| e.to_string())?;
        let number = |place: usize| record.get(place).and_then(|x| x.parse::<f64>().ok());
        let row = number(0).zip(number(1)).zip(number(2));
        let ((truth, value), clear) = row.ok_or("found a row that is no numbers")?;
        all.push([truth, value, clear]);
    }
    Ok(all)
}

fn kept(job: &Job) -> Result<Arc<Vec<[f64; 3]>>, String> {
    job.keep(|| predicted(&job.run().ok_or("the run has left nothing")?))
}

async fn rows(State(workbench): State<Shared>, Path(id): Path<String>) -> Result<Response, Wrong> {
    let job = workbench.job(&id).ok_or_else(|| Wrong::gone("run"))?;
    let found = beside(move || {
        let all = kept(&job).map_err(Wrong::here)?;
        let step = all.len().div_ceil(MOST_SHOWN).max(1);
        let shown: Vec<Value> = all.iter().step_by(step).map(|row| json!(row)).collect();
        Ok::<Value, Wrong>(
            json!({ "rows": shown, "all": all.len(), "classes": job.chosen["task"] == CLASSES }),
        )
    });
    Ok(json(&found.await??))
}

async fn predictions(
    State(workbench): State<Shared>,
    Path(id): Path<String>,
) -> Result<Response, Wrong> {
    let job = workbench.job(&id).ok_or_else(|| Wrong::gone("run"))?;
    let text = beside(move || {
        let all = kept(&job).map_err(Wrong::here)?;
        let mut text = String::from("truth,decrypted,in_the_clear\n");
        for row in all.iter() {
            let fields = row.map(|x| x.to_string());
            text += &csv_out::line(fields.iter().map(String::as_str));
        }
        Ok::<String, Wrong>(text)
    });
    Ok(download(
        "text/csv; charset=utf-8",
        "predictions.csv",
        text.await??.into_bytes(),
    ))
}

fn result(job: &Job) -> Markup {
    let Some(read) = job.run().and_then(|run| Read::of(&run).ok()) else {
        return html! {};
    };
    let Ok(all) = kept(job) else {
        return html! {};
    };
    let metrics = read
        .records
        .repetitions
        .iter()
        .flat_map(|r| &r.quality.metrics);
    html! {
        section.result #tables data-id=(job.id) aria-labelledby="predictions-head" {
            h2 #predictions-head { "Predictions" }
            p.answer { (all.len()) " rows were encrypted, computed by the server, and decrypted here." }
            figure { h3 { "Decrypted and true" } div.plot #predicted {} }
            div.scroll tabindex="0" role="region" aria-label="Measures" {
                table {
                    thead { tr { th scope="col" { "Measure" } th.number scope="col" { "Encrypted" } th.number scope="col" { "In the clear" } } }
                    tbody {
                        @for metric in metrics {
                            tr {
                                th scope="row" { (seen(&metric.name.replace('_', " "))) }
                                td.number { (rounded(metric.value)) }
                                td.number { (metric.plaintext.map(rounded).unwrap_or_default()) }
                            }
                        }
                    }
                }
            }
            details {
                summary { "Rows" }
                div.scroll.tall tabindex="0" role="region" aria-label="Predictions, row by row" {
                    table #rows {
                        thead { tr { th.number scope="col" { "Row" } th.number scope="col" { "True" } th.number scope="col" { "Decrypted" } th.number scope="col" { "In the clear" } } }
                        tbody {}
                    }
                }
            }
            p { a.button href={ "/tables/jobs/" (job.id) "/predictions.csv" } download { "Download predictions.csv" } }
        }
    }
}

fn rounded(x: f64) -> String {
    format!("{}", (x * 1e6).round() / 1e6)
}
