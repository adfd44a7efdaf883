//! What came of predictions: a chart, measures, rows, a file to take away.

use std::path::Path as FilePath;
use std::sync::Arc;

use axum::Router;
use axum::extract::{Path, State};
use axum::response::Response;
use axum::routing::get;
use hexperiment_diagnostics::files;
use hexperiment_diagnostics::printable::line as seen;
use hexperiment_reports::metric_name;
use hexperiment_task::ledger::Metric;
use maud::{Markup, html};
use serde_json::{Value, json};

use super::TASKS;
use crate::answer::{Wrong, beside, download, json};
use crate::csv_out;
use crate::jobs::Job;
use crate::plugins::CLASSES;
use crate::run_files::{self, Read};
use crate::state::Shared;

/// Measures that are told first, and what they are called.
const FOR_CLASSES: [(&str, &str); 2] = [("accuracy", "accuracy"), ("auc", "AUC")];
const FOR_NUMBERS: [(&str, &str); 2] = [("rmse", "RMSE"), ("r2", "R²")];

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
        Ok::<Value, Wrong>(json!({
            "rows": shown, "all": all.len(), "classes": job.chosen["task"] == CLASSES,
            "names": job.chosen["classes"],
        }))
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
    let metrics: Vec<&Metric> = read
        .records
        .repetitions
        .iter()
        .flat_map(|r| &r.quality.metrics)
        .collect();
    let told = if job.chosen["task"] == CLASSES {
        FOR_CLASSES
    } else {
        FOR_NUMBERS
    };
    let told: Vec<(&str, &Metric)> = told
        .into_iter()
        .filter_map(|(name, words)| Some((words, *metrics.iter().find(|m| m.name == name)?)))
        .collect();
    html! {
        section.result #tables data-id=(job.id) aria-labelledby="predictions-head" {
            h2 #predictions-head { "Predictions" }
            p.answer #measured {
                (all.len()) " rows were encrypted, computed by the server, and decrypted here. "
                "Held against " strong { (seen(job.chosen["target"].as_str().unwrap_or_default())) } ", which was not sent: "
                @for (place, (words, metric)) in told.iter().enumerate() {
                    @if place > 0 { ", " }
                    (words) " " strong { (short(metric.value)) }
                    @if let Some(clear) = metric.plaintext { " (in the clear " (short(clear)) ")" }
                }
                @if told.is_empty() { "no measure is defined for these rows" }
                "."
                @if let Some(positive) = job.chosen["classes"][1].as_str() {
                    " Probabilities are those of " strong { (seen(positive)) } "."
                }
            }
            figure { h3 { "Decrypted and true" } div.plot #predicted {} }
            div.scroll tabindex="0" role="region" aria-label="Measures" {
                table {
                    thead { tr { th scope="col" { "Measure" } th.number scope="col" { "Encrypted" } th.number scope="col" { "In the clear" } } }
                    tbody {
                        @for metric in metrics {
                            tr {
                                th scope="row" { (seen(&metric_name(&metric.name))) }
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

/// A number with four digits that count.
fn short(x: f64) -> String {
    if x == 0.0 || !x.is_finite() {
        return x.to_string();
    }
    let digits = 3 - x.abs().log10().floor() as i32;
    format!("{x:.*}", digits.clamp(0, 12) as usize)
}

fn rounded(x: f64) -> String {
    format!("{}", (x * 1e6).round() / 1e6)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn four_digits_count() {
        for (x, expect) in [
            (0.0, "0"),
            (1234.56, "1235"),
            (12.3456, "12.35"),
            (0.98765, "0.9877"),
            (0.000_123_456, "0.0001235"),
            (-3.0, "-3.000"),
        ] {
            assert_eq!(short(x), expect);
        }
    }
}
