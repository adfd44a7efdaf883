//! Sensors: a CSV of series with gaps is scored under encryption, row by row.

mod form;
mod result;

use std::path::PathBuf;

use axum::extract::{Extension, Path, Query, State};
use axum::response::{IntoResponse as _, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use hexperiment_diagnostics::printable::{self, line as seen};
use maud::html;
use serde::Deserialize;
use serde_json::json;

use super::form::{drop_zone, table_read};
use super::{Page, home};
use crate::answer::{Wrong, beside, go};
use crate::experiment::{Written, is_scheme};
use crate::guard::Session;
use crate::jobs::{Training, Wanted};
use crate::known::{self, LEAST_ROWS};
use crate::models;
use crate::plugins::{ANOMALIES, IN_THE_CLEAR};
use crate::profile::{Column, Kind, Profile};
use crate::shell::{Shell, missing};
use crate::state::{Shared, Workbench};
use crate::upload::Upload;

pub(super) const PAGE: Page = Page {
    path: "/sensors",
    title: "Sensors",
    about: "Drop a CSV of sensors, with gaps, and get anomalies by timestamp.",
    routes,
    result: result::result,
    script: Some("sensors.js"),
};

/// What stands for a model that is yet to be trained on the file itself.
const TRAIN: &str = "train";

/// What stands before the data set on which a model is trained first.
const TRAIN_ON: &str = "train-on:";

/// The data set that is chosen where nothing else is.
const SENSORS: &str = "secom";

fn routes() -> Router<Shared> {
    Router::new()
        .route("/sensors", get(first))
        .route("/sensors/train", post(train))
        .route("/sensors/{id}", get(read))
        .route("/sensors/{id}/run", post(run))
        .merge(result::routes())
}

async fn first(
    State(workbench): State<Shared>,
    Extension(session): Extension<Session>,
) -> Response {
    let shell = PAGE.shell(&workbench, &session);
    let known = beside(known::trainable).await.unwrap_or_default();
    let page = html! {
        h1 { "Anomalies in sensor series" }
        p.answer { "The server fills gaps, standardises and scores encrypted series; scores alone are decrypted, here." }
        (drop_zone("sensors", "A CSV: a row for each point in time, a column for each sensor", ".csv,text/csv"))
        section aria-labelledby="train-head" {
            h2 #train-head { "A model of a known data set" }
            p { "Scoring takes a model. This trains one in the clear, on this machine, and leaves it among the models to choose." }
            form.fields data-post="/sensors/train" {
                label {
                    span { "Data set" }
                    select name="dataset" {
                        @for known in known {
                            option value=(known.name) selected[known.name == SENSORS] {
                                (known.name) ": " (known.rows) " rows, " (known.columns.len()) " columns"
                            }
                        }
                    }
                }
                label {
                    span { "Sensors" }
                    input type="number" name="features" value="12" min="1" max="1000" required;
                }
                p.problem role="alert" hidden {}
                div { button type="submit" { "Train" } }
            }
        }
        (home::jobs(&workbench, Some(PAGE.path)))
    };
    shell.page(page).into_response()
}

#[derive(Deserialize)]
struct AskedToTrain {
    dataset: String,
    features: String,
}

/// Trains on a data set that is known, and scores its test part in the clear.
async fn train(
    State(workbench): State<Shared>,
    Json(wanted): Json<AskedToTrain>,
) -> Result<Response, Wrong> {
    let written = of_training(&wanted.dataset, features_of(&wanted.features)?);
    let wanted = Wanted {
        page: PAGE.path,
        title: format!(
            "Model of {}",
            printable::cut(&printable::line(&wanted.dataset), 60)
        ),
        upload: None,
        chosen: json!({}),
        runs: None,
        training: None,
    };
    // Nothing is encrypted: it is nobody else's to compute.
    let job = beside(move || workbench.start_here(wanted, &written.text()))
        .await?
        .map_err(Wrong::here)?;
    Ok(go(format!("/jobs/{}", job.id)))
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
    let shared = std::sync::Arc::clone(&workbench);
    let (choices, known) = beside(move || (models::all(&shared), known::trainable()))
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
        p.eyebrow { a href=(PAGE.path) { "Sensors" } }
        h1 { (seen(&upload.name)) }
        (table_read(&upload, profile))
        section aria-labelledby="choose-head" {
            h2 #choose-head { "Score its rows" }
            (form::form(&upload, profile, (&choices, known), chosen.model.as_deref()))
            (form::model_drop(&upload))
        }
    };
    shell.page(page).into_response()
}

#[derive(Deserialize)]
struct Asked {
    time: String,
    label: String,
    marker: String,
    model: String,
    features: String,
    layout: String,
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
        let Scoring {
            written,
            training,
            model,
        } = experiment(&workbench, &upload, profile, &asked)?;
        let wanted = Wanted {
            page: PAGE.path,
            title: format!("{} under {}", upload.name, asked.scheme),
            chosen: json!({ "time": asked.time, "marker": asked.marker, "model": model }),
            upload: Some(std::sync::Arc::clone(&upload)),
            runs: None,
            training,
        };
        workbench
            .start(wanted, &written.text())
            .map_err(Wrong::from)
    });
    Ok(go(format!("/jobs/{}", job.await??.id)))
}

/// What is run for a form.
struct Scoring {
    written: Written,
    /// The model that is trained first, where there is none.
    training: Option<Training>,
    /// The model that scores, unless the run trains one.
    model: Option<PathBuf>,
}

/// The experiment that is asked for, or what is wrong with the form.
fn experiment(
    workbench: &Workbench,
    upload: &Upload,
    profile: &Profile,
    asked: &Asked,
) -> Result<Scoring, Wrong> {
    let known = |what: &str, name: &str| match profile.column(name) {
        Some(_) => Ok(()),
        None if name.is_empty() => Ok(()),
        None => Err(Wrong::input(format!(
            "{what}: the file has no column {}",
            printable::quoted(name)
        ))),
    };
    known("Column of times", &asked.time)?;
    known("Column of anomalies", &asked.label)?;
    if !is_scheme(&asked.scheme) {
        return Err(Wrong::input(format!(
            "Scheme: there is none called {}",
            printable::quoted(&asked.scheme)
        )));
    }
    let question = format!("Which rows of {} are anomalies?", upload.name);
    let mut written = Written::new("sensors", question, ANOMALIES);
    let mut sensors: Option<Vec<String>> = None;
    let (mut training, mut scores) = (None, None);
    if let Some(name) = asked.model.strip_prefix(TRAIN_ON) {
        let known = known::trainable().iter().find(|known| known.name == name);
        let known = known.ok_or_else(|| Wrong::gone("data set"))?;
        let model = upload.file.with_file_name(format!("model-{name}.json"));
        let features = features_of(&asked.features)?;
        training = Some(Training {
            experiment: of_training(name, features).text(),
            model: model.clone(),
        });
        written.task("model", model.display().to_string());
        scores = Some(model);
        sensors = Some(known.columns.clone());
    } else if asked.model == TRAIN {
        if asked.label.is_empty() {
            return Err(Wrong::input(
                "Model: training takes a column that says which rows are anomalies; choose one, or a saved model",
            ));
        }
        if profile.rows < LEAST_ROWS {
            return Err(Wrong::input(format!(
                "Model: {} has {} rows, which is too few to train on; expected {LEAST_ROWS} or more. Choose a saved model, or \
                 one that is trained on a known data set with these columns",
                upload.name, profile.rows
            )));
        }
        let features = features_of(&asked.features)? as u64;
        let varying = profile
            .columns
            .iter()
            .filter(|c| c.kind() == Kind::Numbers && !c.is_constant && c.name != asked.label);
        let features = features.min(varying.count() as u64) as i64;
        written.task("features", features);
    } else {
        let choices = models::all(workbench);
        let choice = choices.iter().find(|choice| choice.key == asked.model);
        let choice = choice.ok_or_else(|| Wrong::gone("model"))?;
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
        scores = Some(choice.file.clone());
        sensors = Some(choice.columns.clone());
    }
    written
        .path(&upload.file)
        .dataset("missing", "keep")
        .dataset("split", "chronological")
        .task("layout", asked.layout.as_str())
        .scheme(&asked.scheme);
    if !asked.marker.is_empty() {
        written.dataset("missing_marker", asked.marker.as_str());
    }
    if !asked.label.is_empty() {
        written.dataset("target", asked.label.as_str());
    }
    if !asked.time.is_empty() {
        written.dataset("labels", vec![asked.time.clone()]);
    }
    let is_left_out = |column: &&Column| {
        let name = &column.name;
        let is_used = *name == asked.time || *name == asked.label;
        let is_sensor = match &sensors {
            Some(sensors) => sensors.contains(name),
            None => column.kind() == Kind::Numbers && !name.is_empty(),
        };
        !is_used && !is_sensor
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
    Ok(Scoring {
        written,
        training,
        model: scores,
    })
}

fn features_of(text: &str) -> Result<i64, Wrong> {
    let features = text.parse().ok().filter(|n| (1..=1000).contains(n));
    features.ok_or_else(|| {
        let found = printable::quoted(text);
        Wrong::input(format!(
            "Sensors: found {found}, expected a whole number, 1 to 1000"
        ))
    })
}

/// An experiment that trains a model on a data set that is known, and scores its test part in the clear.
fn of_training(name: &str, features: i64) -> Written {
    let question = format!("Which rows of `{}` are anomalies?", printable::line(name));
    let mut written = Written::new("sensors-model", question, ANOMALIES);
    written
        .dataset("use", name)
        .dataset("missing", "keep")
        .dataset("split", "chronological")
        .task("features", features)
        .scheme(IN_THE_CLEAR);
    written
}
