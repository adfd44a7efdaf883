//! What came of scoring: scores and alarms over time, gaps and what fills them, a file to take away.

use std::collections::BTreeMap;
use std::path::Path as FilePath;
use std::sync::{Arc, Mutex, PoisonError};

use axum::Router;
use axum::extract::{Path, Query, State};
use axum::response::Response;
use axum::routing::get;
use hexperiment_diagnostics::files;
use hexperiment_reports::counted;
use maud::{Markup, html};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::answer::{Wrong, beside, download, json};
use crate::csv_out;
use crate::jobs::Job;
use crate::model::Model;
use crate::run_files;
use crate::state::Shared;

/// Rows of a window beyond which it is told in bins.
const MOST_POINTS: usize = 1500;

/// Alarms of a window that are listed.
const MOST_LISTED: usize = 200;

/// Dots of alarms in a chart: of more, the highest of each part of the window.
const MOST_DOTS: usize = 400;

/// Times that are written below a chart.
const MOST_TIMES: usize = 6;

pub(super) fn routes() -> Router<Shared> {
    Router::new()
        .route("/sensors/jobs/{id}/window", get(window))
        .route("/sensors/jobs/{id}/anomalies.csv", get(anomalies))
}

/// Files of the task, read once.
struct Scored {
    times: Vec<String>,
    scores: Vec<f64>,
    /// Rows whose time is before that of the row above.
    disordered: usize,
    /// By sensor, rows and what fills them.
    gaps: BTreeMap<String, Vec<(usize, f64)>>,
    /// The columns that the model looks at, where it was left.
    sensors: Option<Vec<String>>,
    /// The sensor that was shown last, as it is in the file.
    shown: Mutex<Option<(String, Arc<Vec<f64>>)>>,
}

/// Reads a file of the task, row by row.
fn rows(
    file: &FilePath,
    mut row: impl FnMut(&csv::StringRecord) -> Option<()>,
) -> Result<(), String> {
    let opened = files::open(file, "a file that the task left", "").map_err(|c| c.to_string())?;
    let mut reader = csv::Reader::from_reader(std::io::BufReader::new(opened));
    let mut record = csv::StringRecord::new();
    while reader.read_record(&mut record).map_err(|e| e.to_string())? {
        row(&record)
            .ok_or_else(|| format!("{}: found a row that cannot be read", file.display()))?;
    }
    Ok(())
}

/// The columns of a saved model.
fn columns_of(file: std::path::PathBuf) -> Option<Vec<String>> {
    let model = Model::read(String::new(), String::new(), file);
    model.ok().map(|model| model.columns)
}

impl Scored {
    fn of(job: &Job) -> Result<Self, String> {
        let run = job.run().ok_or("the run has left nothing")?;
        let left = |name: &str| {
            run_files::artefacts(&run, |file| file == name)
                .into_iter()
                .next()
        };
        let file = left("anomalies.csv").ok_or("the run has no scores")?;
        let (mut times, mut scores) = (vec![], vec![]);
        rows(&file, |row| {
            times.push(row.get(0)?.to_owned());
            scores.push(row.get(1)?.parse().ok()?);
            Some(())
        })?;
        let mut gaps: BTreeMap<String, Vec<(usize, f64)>> = BTreeMap::new();
        if let Some(file) = left("gaps.csv") {
            rows(&file, |row| {
                let of_sensor = gaps.entry(row.get(0)?.to_owned()).or_default();
                of_sensor.push((row.get(1)?.parse().ok()?, row.get(2)?.parse().ok()?));
                Some(())
            })?;
        }
        let chosen = job.chosen["model"].as_str().map(Into::into);
        Ok(Self {
            disordered: disordered(&times),
            times,
            scores,
            gaps,
            sensors: left("model.json").or(chosen).and_then(columns_of),
            shown: Mutex::default(),
        })
    }

    /// Those of a job, read when they are first asked for.
    fn kept(job: &Job) -> Result<Arc<Self>, Wrong> {
        job.keep(|| Self::of(job)).map_err(Wrong::here)
    }

    /// A sensor's values as they are in the upload; a gap is no number.
    fn sensor(&self, job: &Job, name: &str) -> Result<Arc<Vec<f64>>, Wrong> {
        let mut shown = self.shown.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((known, values)) = shown.as_ref()
            && known == name
        {
            return Ok(Arc::clone(values));
        }
        let upload = job.upload.as_ref().ok_or_else(|| Wrong::gone("upload"))?;
        let place = upload
            .table()
            .and_then(|t| t.columns.iter().position(|c| c.name == name));
        let place = place.ok_or_else(|| Wrong::gone("sensor"))?;
        let marker = job.chosen["marker"].as_str().unwrap_or_default();
        let mut values = Vec::with_capacity(self.scores.len());
        rows(&upload.file, |row| {
            let field = row.get(place)?.trim();
            let is_gap = field.is_empty() || field == "NA" || field == marker;
            values.push(if is_gap {
                f64::NAN
            } else {
                field.parse().unwrap_or(f64::NAN)
            });
            Some(())
        })
        .map_err(Wrong::here)?;
        let values = Arc::new(values);
        *shown = Some((name.to_owned(), Arc::clone(&values)));
        Ok(values)
    }
}

#[derive(Deserialize)]
struct Seen {
    from: usize,
    to: usize,
    threshold: f64,
    sensor: String,
}

/// Points of a series, or, of many, the least and the most of each bin: row, value, value.
fn points(values: &[f64], from: usize) -> Vec<Value> {
    let bin = values.len().div_ceil(MOST_POINTS).max(1);
    let bins = values.chunks(bin).enumerate();
    let points = bins.filter_map(|(place, bin_values)| {
        let valid = || bin_values.iter().copied().filter(|x| x.is_finite());
        let (least, most) = (valid().reduce(f64::min)?, valid().reduce(f64::max)?);
        Some(json!([from + place * bin, least, most]))
    });
    points.collect()
}

/// Rows of alarms: all of them, or the highest in each of so many parts, so that a chart has dots wherever alarms are.
fn highest(scores: &[f64], is_alarm: impl Fn(&f64) -> bool) -> Vec<usize> {
    let alarms: Vec<usize> = (0..scores.len())
        .filter(|row| is_alarm(&scores[*row]))
        .collect();
    if alarms.len() <= MOST_DOTS {
        return alarms;
    }
    let part = scores.len().div_ceil(MOST_DOTS);
    let parts = alarms.chunk_by(|a, b| a / part == b / part);
    let most = parts.filter_map(|rows| {
        let higher = |a: &&usize, b: &&usize| scores[**a].total_cmp(&scores[**b]);
        rows.iter().max_by(higher).copied()
    });
    most.collect()
}

/// Rows whose time is before that of the row above, where times are written from the year down, so that their texts
/// have the order of time.
fn disordered(times: &[String]) -> usize {
    let is_dated = |time: &String| {
        let shape = time.bytes().take(10).map(|byte| match byte {
            b'0'..=b'9' => b'0',
            other => other,
        });
        shape.eq(*b"0000-00-00")
    };
    if !times.iter().all(is_dated) {
        return 0;
    }
    times.windows(2).filter(|two| two[1] < two[0]).count()
}

/// Rows all over a window, in their order: where times are written.
fn spread(rows: usize) -> impl Iterator<Item = usize> {
    let marks = rows.min(MOST_TIMES);
    (0..marks).map(move |mark| (2 * mark + 1) * rows / (2 * marks))
}

/// What a window of rows shows.
async fn window(
    State(workbench): State<Shared>,
    Path(id): Path<String>,
    Query(seen): Query<Seen>,
) -> Result<Response, Wrong> {
    let job = workbench.job(&id).ok_or_else(|| Wrong::gone("run"))?;
    let found = beside(move || {
        let scored = Scored::kept(&job)?;
        let all = scored.scores.len();
        let to = seen.to.clamp(1, all.max(1)).min(all);
        let from = seen.from.min(to.saturating_sub(1));
        let here = &scored.scores[from..to];
        let is_alarm = |score: &f64| *score > seen.threshold;
        let told = |row: usize| json!({ "row": row, "time": scored.times[row], "score": scored.scores[row] });
        let listed = (from..to).filter(|row| is_alarm(&scored.scores[*row]));
        let listed: Vec<Value> = listed.take(MOST_LISTED).map(told).collect();
        let dots = highest(here, is_alarm).into_iter();
        let dots: Vec<Value> = dots.map(|row| told(from + row)).collect();
        let sensor = if seen.sensor.is_empty() {
            Value::Null
        } else {
            let values = scored.sensor(&job, &seen.sensor)?;
            let inside = values.get(from..to.min(values.len())).unwrap_or_default();
            let filled = scored
                .gaps
                .get(&seen.sensor)
                .map(Vec::as_slice)
                .unwrap_or_default();
            let filled: Vec<_> = filled
                .iter()
                .filter(|(row, _)| (from..to).contains(row))
                .collect();
            let step = filled.len().div_ceil(MOST_POINTS).max(1);
            let shown: Vec<_> = filled.iter().step_by(step).collect();
            json!({
                "name": seen.sensor, "points": points(inside, from), "filled": shown, "gaps": filled.len(),
            })
        };
        let finite = || scored.scores.iter().copied().filter(|x| x.is_finite());
        Ok::<Value, Wrong>(json!({
            "rows": all, "from": from, "to": to,
            "least": finite().reduce(f64::min), "most": finite().reduce(f64::max),
            "alarms": scored.scores.iter().filter(|score| is_alarm(score)).count(),
            "alarms_here": here.iter().filter(|score| is_alarm(score)).count(),
            "scores": points(here, from), "binned": here.len() > MOST_POINTS, "listed": listed, "dots": dots,
            "times": [scored.times.get(from), scored.times.get(to.saturating_sub(1))],
            "disordered": scored.disordered,
            "marks": spread(here.len()).map(|row| (from + row, &scored.times[from + row])).collect::<Vec<_>>(),
            "sensor": sensor,
        }))
    });
    Ok(json(&found.await??))
}

#[derive(Deserialize)]
struct Above {
    #[serde(default)]
    threshold: f64,
}

/// All rows with the alarms of a threshold, for a spreadsheet.
async fn anomalies(
    State(workbench): State<Shared>,
    Path(id): Path<String>,
    Query(above): Query<Above>,
) -> Result<Response, Wrong> {
    let job = workbench.job(&id).ok_or_else(|| Wrong::gone("run"))?;
    let text = beside(move || {
        let scored = Scored::kept(&job)?;
        let mut text = String::from("timestamp,score,flag\n");
        for (time, score) in scored.times.iter().zip(&scored.scores) {
            let flag = if *score > above.threshold { "1" } else { "0" };
            text += &csv_out::line([time.as_str(), &format!("{score:.6}"), flag]);
        }
        Ok::<String, Wrong>(text)
    });
    Ok(download(
        "text/csv; charset=utf-8",
        "anomalies.csv",
        text.await??.into_bytes(),
    ))
}

/// The part of the job's page: charts and controls, which the script fills.
pub(super) fn result(job: &Job) -> Markup {
    if job.upload.is_none() {
        return html! {
            section.result {
                h2 { "The model is trained" }
                p { "It is among the models to choose, for every file that has its sensors. " a href="/sensors" { "Drop a file." } }
            }
        };
    }
    let Ok(scored) = Scored::kept(job) else {
        // The reason of the scheme stands at the head of the page.
        return html! {};
    };
    let columns = job
        .upload
        .iter()
        .filter_map(|upload| upload.table())
        .flat_map(|table| &table.columns);
    let looked_at = scored.sensors.as_deref();
    let is_used = |name: &str| looked_at.is_none_or(|all| all.iter().any(|one| one == name));
    let mut sensors: Vec<(&str, usize)> = columns
        .filter(|column| column.numbers > 0 && is_used(&column.name))
        .map(|column| {
            (
                column.name.as_str(),
                scored.gaps.get(&column.name).map_or(0, Vec::len),
            )
        })
        .collect();
    sensors.sort_by_key(|(name, gaps)| (std::cmp::Reverse(*gaps), *name));
    let filled: usize = scored.gaps.values().map(Vec::len).sum();
    html! {
        section.result #sensors data-id=(job.id) data-rows=(scored.scores.len()) aria-labelledby="anomalies-head" {
            h2 #anomalies-head { "Anomalies" }
            p.answer #alarms role="status" {}
            p.facts {
                "Scores were decrypted on this machine; above the threshold is an alarm. " (counted(filled, "gap was", "gaps were"))
                " filled under encryption; what fills them is shown as the same rule fills them in the clear, as it is never decrypted."
            }
            div.controls {
                label { span { "Threshold " output #threshold-value { "0" } } input #threshold type="range" step="any" value="0"; }
                div.buttons role="group" aria-label="Part of the time that is shown" {
                    button type="button" data-move="in" { "Zoom in" }
                    button type="button" data-move="out" { "Zoom out" }
                    button type="button" data-move="left" { "Earlier" }
                    button type="button" data-move="right" { "Later" }
                    button type="button" data-move="all" { "All" }
                }
            }
            p.count #window {}
            figure { h3 { "Scores over time" } figcaption { "Drag over the chart to zoom into a part." } div.plot #score-chart {} }
            figure {
                h3 { "A sensor and its gaps" }
                label.pick {
                    span { "Sensor" }
                    select #sensor {
                        @for (name, gaps) in &sensors {
                            option value=(name) { (name) ", " (counted(*gaps, "gap", "gaps")) " filled" }
                        }
                    }
                }
                div.plot #sensor-chart {}
            }
            div.scroll.tall tabindex="0" role="region" aria-label="Alarms in the part that is shown" {
                table #listed {
                    thead { tr { th scope="col" { "Time" } th.number scope="col" { "Row" } th.number scope="col" { "Score" } } }
                    tbody {}
                }
            }
            p { a.button #download href={ "/sensors/jobs/" (job.id) "/anomalies.csv" } download { "Download anomalies.csv" } }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// However many alarms there are, the last ones have dots, too, and the highest has its own.
    #[test]
    fn dots_are_all_over_the_window() {
        let above = |score: &f64| *score > 0.0;
        assert_eq!(highest(&[1.0, -1.0, f64::NAN, 2.0], above), [0, 3]);
        let mut scores: Vec<f64> = (0..10_000).map(|row| f64::from(row % 7) - 1.0).collect();
        scores[5003] = 50.0;
        let dots = highest(&scores, above);
        assert!(dots.len() <= MOST_DOTS && dots.is_sorted());
        assert!(dots.contains(&5003));
        assert!(dots.windows(2).all(|two| two[1] - two[0] < 60));
        assert!(dots[0] < 60 && dots[dots.len() - 1] > 9940);
        assert!(dots.iter().all(|row| above(&scores[*row])));
    }

    #[test]
    fn times_that_go_back_are_counted() {
        let check = |times: &[&str], expect: usize| {
            let times: Vec<String> = times.iter().map(|time| (*time).to_owned()).collect();
            assert_eq!(disordered(&times), expect, "{times:?}");
        };
        check(&[], 0);
        check(&["2008-07-19 11:55", "2008-07-19 12:32", "2008-08-01"], 0);
        check(&["2008-07-31", "2008-01-08", "2008-01-08", "2008-02-08"], 1);
        check(&["2008-07-31", "2008-01-08", "soon"], 0);
        check(&["9", "10"], 0);
    }

    #[test]
    fn times_are_written_all_over_the_window() {
        for (rows, expect) in [
            (0, &[][..]),
            (1, &[0]),
            (3, &[0, 1, 2]),
            (12, &[1, 3, 5, 7, 9, 11]),
            (1567, &[130, 391, 652, 914, 1175, 1436]),
        ] {
            assert_eq!(spread(rows).collect::<Vec<_>>(), expect, "{rows}");
        }
    }
}
