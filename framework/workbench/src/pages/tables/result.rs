//! What came of predictions: a chart, measures, rows, a file to take away.

use std::path::Path as FilePath;
use std::sync::Arc;

use axum::Router;
use axum::extract::{Path, State};
use axum::response::Response;
use axum::routing::get;
use hexperiment_diagnostics::files;
use hexperiment_diagnostics::printable::line as seen;
use maud::{Markup, html};
use serde_json::{Value, json};

use super::TASKS;
use crate::answer::{Wrong, beside, download, json};
use crate::csv_out;
use crate::jobs::Job;
use crate::plugins::CLASSES;
use crate::run_files::{self, Read};
use crate::state::Shared;

/// Rows that the page shows.
const MOST_SHOWN: usize = 2000;

pub(super) fn routes() -> Router<Shared> {
    Router::new()
        .route("/tables/jobs/{id}/rows", get(rows))
        .route("/tables/jobs/{id}/predictions.csv", get(predictions))
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

pub(super) fn result(job: &Job) -> Markup {
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
