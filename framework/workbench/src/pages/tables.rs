//! Tables: regression and classification of rows of one's own, by a model that was saved or is trained here.

mod result;

use std::sync::Arc;

use axum::extract::{Extension, Path, Query, State};
use axum::response::{IntoResponse as _, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use hexperiment_diagnostics::printable::{self, line as seen};
use maud::{Markup, html};
use serde::Deserialize;
use serde_json::json;

use super::form::{drop_zone, scheme_choice, table_read};
use super::{Page, home};
use crate::answer::{Wrong, beside, go};
use crate::experiment::{Written, is_scheme};
use crate::guard::Session;
use crate::jobs::Wanted;
use crate::models;
use crate::plugins::{CLASSES, NUMBERS};
use crate::profile::{Column, Kind, Profile};
use crate::shell::{Shell, missing};
use crate::state::{Shared, Workbench};
use crate::upload::Upload;

pub(super) const PAGE: Page = Page {
    path: "/tables",
    title: "Tables",
    about: "Regression and classification on a CSV of your own, row by row.",
    routes,
    result: result::result,
    script: Some("tables.js"),
};

/// What becomes of rows with a gap where they are left out.
const DROP_ROWS: &str = "drop-rows";

/// What stands for a model that is yet to be trained.
const TRAIN: &str = "train";

/// What the column is called that is predicted.
const TRUTH: &str = "Column with the true answers";

/// Which value of a column of two texts is the class that is looked for.
const POSITIVE: &str = "Of two texts, the one that counts as 1";

/// What is computed: task, its words, the file that it leaves.
const TASKS: [(&str, &str, &str); 2] = [
    (NUMBERS, "a number", "predictions.csv"),
    (CLASSES, "one of two classes", "scores.csv"),
];

fn routes() -> Router<Shared> {
    Router::new()
        .route("/tables", get(first))
        .route("/tables/{id}", get(read))
        .route("/tables/{id}/run", post(run))
        .merge(result::routes())
}

async fn first(
    State(workbench): State<Shared>,
    Extension(session): Extension<Session>,
) -> Response {
    let shell = PAGE.shell(&workbench, &session);
    let page = html! {
        h1 { "Predictions from encrypted rows" }
        p.answer { "The server computes the model on rows that it cannot read; predictions are decrypted here." }
        (drop_zone("tables", "A CSV: a row for each sample, a column for each feature, and one with the true answers", ".csv,text/csv"))
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
    let marker = profile.marker.as_deref();
    let answers: Vec<_> = profile
        .columns
        .iter()
        .filter(|c| !c.name.is_empty())
        .filter(|c| c.kind() == Kind::Numbers || c.classes(marker).is_some())
        .collect();
    let of_texts: Vec<(&str, [&str; 2])> = answers
        .iter()
        .filter_map(|column| Some((column.name.as_str(), column.classes(marker)?)))
        .collect();
    // A model looks at other columns than the one that it predicts.
    let looked_at = choices
        .iter()
        .find(|choice| Some(choice.key.as_str()) == chosen)
        .map_or(&[][..], |choice| &choice.columns);
    let likely = answers
        .iter()
        .rfind(|column| !looked_at.contains(&column.name));
    let target = likely.map(|column| column.name.as_str());
    let is_binary =
        likely.is_some_and(|column| column.is_binary || column.classes(marker).is_some());
    html! {
        form.fields data-post={ "/tables/" (upload.id) "/run" } {
            label {
                span { (TRUTH) }
                select name="target" {
                    @for column in &answers {
                        option value=(column.name) selected[Some(column.name.as_str()) == target] { (seen(&column.name)) }
                    }
                }
                span.under { "It is not sent: predictions are held against it on this machine." }
            }
            label {
                span { "It is" }
                select name="task" {
                    @for (task, words, _) in TASKS {
                        option value=(task) selected[(task == CLASSES) == is_binary] { (words) }
                    }
                }
                span.under { "By linear regression, or by logistic regression." }
            }
            @if !of_texts.is_empty() {
                label {
                    span { (POSITIVE) }
                    select name="positive" {
                        @for (name, values) in &of_texts {
                            optgroup label=(seen(name)) {
                                // What is looked for comes second more often than not: no and yes, false and true.
                                @for (place, value) in values.iter().enumerate() {
                                    option value=(value) selected[Some(*name) == target && place == 1] { (seen(value)) }
                                }
                            }
                        }
                    }
                    span.under { "It counts where the column with the true answers has texts." }
                }
            }
            label {
                span { "Rows with a gap" }
                select name="missing" {
                    option value="median" { "get the median of the column" }
                    option value=(DROP_ROWS) { "are left out" }
                }
            }
            label {
                span { "A missing value is an empty field, NA, or" }
                input type="text" name="marker" value=(profile.marker.as_deref().unwrap_or_default()) maxlength="40";
            }
            label { span { "Share of the rows that are encrypted" } input type="number" name="share" value="0.3" min="0.01" max="0.99" step="0.01" required; }
            (scheme_choice("scheme"))
            label.whole {
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
            p.problem role="alert" hidden {}
            div { button.primary type="submit" { "Run" } }
        }
    }
}

#[derive(Deserialize)]
struct Asked {
    target: String,
    task: String,
    /// A class of a target of two texts.
    #[serde(default)]
    positive: String,
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
            chosen: json!({
                "task": asked.task, "target": asked.target, "classes": class_names(profile, &asked),
            }),
            upload: Some(Arc::clone(&upload)),
            runs: None,
            training: None,
        };
        workbench
            .start(wanted, &written.text())
            .map_err(Wrong::from)
    });
    Ok(go(format!("/jobs/{}", job.await??.id)))
}

/// The names of classes 0 and 1, of a target of two texts.
fn class_names<'a>(profile: &'a Profile, asked: &Asked) -> Option<[&'a str; 2]> {
    let [a, b] = profile
        .column(&asked.target)?
        .classes(profile.marker.as_deref())?;
    Some(if asked.positive == a { [b, a] } else { [a, b] })
}

/// Why a column cannot hold the true answers, if it cannot.
fn wrong_truth(column: &Column, marker: Option<&str>, asked: &Asked) -> Option<String> {
    let is_of_classes = asked.task == CLASSES;
    let classes = column.classes(marker);
    match classes {
        Some(classes) if is_of_classes && !classes.contains(&asked.positive.as_str()) => {
            return Some(format!(
                "has the values {}, expected one of them as the one that counts as 1; found {}",
                printable::list(classes, 2),
                printable::quoted(&asked.positive)
            ));
        }
        Some(_) if !is_of_classes => {
            return Some(
                "has two texts, expected numbers where a number is predicted; or predict one of two classes".into(),
            );
        }
        None if column.kind() != Kind::Numbers => {
            return Some(
                "holds no numbers, expected the true answer of each row: a number, or one of two texts".into(),
            );
        }
        Some(_) | None => {}
    }
    if column.gaps > 0 && asked.missing != DROP_ROWS {
        return Some(format!(
            "has {} gaps, expected an answer in every row; choose that rows with a gap are left out, or fill them",
            column.gaps
        ));
    }
    if column.is_constant {
        let value = column.least.unwrap_or_default();
        return Some(format!(
            "is {value} in every row, expected answers that differ: any prediction would be right or wrong alike"
        ));
    }
    if is_of_classes && !column.is_binary && classes.is_none() {
        return Some(
            "has other values than 0 and 1, expected these two, or two texts, for classes; or predict a number"
                .into(),
        );
    }
    None
}

/// The experiment that is asked for, or what is wrong with the form.
fn experiment(
    workbench: &Workbench,
    upload: &Upload,
    profile: &Profile,
    asked: &Asked,
) -> Result<Written, Wrong> {
    let target = profile.column(&asked.target).ok_or_else(|| {
        let found = printable::quoted(&asked.target);
        Wrong::input(format!(
            "{TRUTH}: found {found}, expected one of the file's columns"
        ))
    })?;
    let share: f64 = asked.share.parse().unwrap_or(f64::NAN);
    if !(0.01..=0.99).contains(&share) {
        return Err(Wrong::input("Share of the rows: expected 0.01 to 0.99"));
    }
    if !TASKS.iter().any(|(task, _, _)| *task == asked.task) || !is_scheme(&asked.scheme) {
        return Err(Wrong::input(
            "found a task or a scheme that is not on the form",
        ));
    }
    if let Some(problem) = wrong_truth(target, profile.marker.as_deref(), asked) {
        let name = printable::quoted(&target.name);
        return Err(Wrong::input(format!("{TRUTH}: {name} {problem}")));
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
        if choice.columns.contains(&target.name) {
            return Err(Wrong::input(format!(
                "{TRUTH}: {} is one of the columns that the model looks at, expected one that it does not; choose the \
                 column that it predicts",
                printable::quoted(&target.name)
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
    if asked.task == CLASSES && target.kind() == Kind::Text {
        written.dataset("positive", asked.positive.as_str());
    }
    if !asked.marker.is_empty() {
        written.dataset("missing_marker", asked.marker.as_str());
    }
    let is_left_out = |column: &&Column| {
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
