//! Images: pooled under encryption beside the same in the clear.

use std::path::Path as FilePath;
use std::sync::Arc;

use axum::extract::{Extension, Path, State};
use axum::http::header;
use axum::response::{IntoResponse as _, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use hexperiment_diagnostics::printable::{self, line as seen};
use hexperiment_experiment::summary::Row;
use hexperiment_scheme::security::Protection;
use maud::{Markup, html};
use serde::Deserialize;
use serde_json::json;

use super::form::drop_zone;
use super::{Page, home};
use crate::answer::{self, Wrong, beside, go};
use crate::estimate;
use crate::experiment::{Written, is_scheme, schemes};
use crate::guard::Session;
use crate::jobs::{Job, Wanted};
use crate::plugins::{POOLING, USUAL_SCHEME};
use crate::run_files::{self, Read};
use crate::shell::{Shell, missing};
use crate::state::{Shared, Workbench};
use crate::upload::Upload;

/// The mean of a window, as the task calls it.
const MEAN: &str = "average";

pub(super) const PAGE: Page = Page {
    path: "/images",
    title: "Images",
    about: "Drop a PNG or JPEG, and compare exact with encrypted pooling, pixel by pixel.",
    routes,
    result,
    script: Some("images.js"),
};

/// Pixels to a side of what is cut out of a larger image, unless more is asked for.
const USUAL_CROP: u32 = 64;

fn routes() -> Router<Shared> {
    Router::new()
        .route("/images", get(first))
        .route("/images/{id}", get(read))
        .route("/images/{id}/file", get(file))
        .route("/images/{id}/run", post(run))
        .route("/images/{id}/estimate", post(estimate))
        .route("/images/jobs/{id}/{cell}/{kind}", get(pooled))
}

async fn first(
    State(workbench): State<Shared>,
    Extension(session): Extension<Session>,
) -> Response {
    let shell = PAGE.shell(&workbench, &session);
    let page = html! {
        h1 { "Pooling of encrypted images" }
        p.answer { "The server takes the maximum or the mean of each window of an image that it cannot see." }
        (drop_zone("images", "A PNG or JPEG", ".png,.jpg,.jpeg,image/png,image/jpeg"))
        (home::jobs(&workbench, Some(PAGE.path)))
    };
    shell.page(page).into_response()
}

async fn read(
    State(workbench): State<Shared>,
    Extension(session): Extension<Session>,
    Path(id): Path<String>,
) -> Response {
    let Some(upload) = workbench.upload(&id) else {
        return missing("There is no such upload.");
    };
    let Some((width, height)) = upload.image() else {
        return missing("That upload is no image.");
    };
    let shell = Shell {
        workbench: &workbench,
        session: &session,
        path: PAGE.path,
        title: &upload.name,
        scripts: &["estimate.js"],
    };
    let (crop_width, crop_height) = (width.min(USUAL_CROP), height.min(USUAL_CROP));
    let page = html! {
        p.eyebrow { a href=(PAGE.path) { "Images" } }
        h1 { (seen(&upload.name)) }
        figure.picture {
            img src={ "/images/" (upload.id) "/file" } alt={ "The image " (seen(&upload.name)) };
            figcaption { (width) " x " (height) " pixels" }
        }
        section aria-labelledby="choose-head" {
            h2 #choose-head { "Pool it" }
            p.facts {
                "The mean is a sum, which every scheme has. The maximum takes comparisons, whose large keys and many products take \
                 longer, however few the pixels are."
            }
            form.fields data-post={ "/images/" (upload.id) "/run" } data-estimate={ "/images/" (upload.id) "/estimate" } {
                label {
                    span { "Of each window" }
                    select name="method" {
                        option value=(MEAN) { "the mean" }
                        option value="max" { "the maximum" }
                    }
                }
                label { span { "Pixels to a side of a window" } input type="number" name="window" value="2" min="2" max="64" required; }
                label { span { "Pixels from one window to the next" } input type="number" name="stride" value="2" min="1" max="64" required; }
                label { span { "Colours" } select name="colour" { option value="original" { "as they are" } option value="grey" { "grey levels" } } }
                label { span { "Width cut out of the middle" } input type="number" name="width" value=(crop_width) min="2" max=(width) required; }
                label { span { "Height cut out of the middle" } input type="number" name="height" value=(crop_height) min="2" max=(height) required; }
                fieldset {
                    legend { "Schemes" }
                    @for (scheme, _) in schemes() {
                        label.tick { input type="checkbox" name="schemes" value=(scheme) checked[scheme == USUAL_SCHEME]; span { (scheme) } }
                    }
                }
                p.estimate role="status" data-estimated {}
                p.problem role="alert" hidden {}
                div { button.primary type="submit" { "Run" } }
            }
        }
    };
    shell.page(page).into_response()
}

/// The bytes of an image of ours, whatever it calls itself.
async fn picture(file: std::path::PathBuf) -> Result<Response, Wrong> {
    let kind = if file.extension().is_some_and(|e| e == "jpeg") {
        "image/jpeg"
    } else {
        "image/png"
    };
    let bytes = beside(move || std::fs::read(file))
        .await?
        .map_err(Wrong::here)?;
    Ok(([(header::CONTENT_TYPE, kind)], bytes).into_response())
}

async fn file(State(workbench): State<Shared>, Path(id): Path<String>) -> Result<Response, Wrong> {
    let upload = workbench
        .upload(&id)
        .filter(|upload| upload.image().is_some());
    picture(upload.ok_or_else(|| Wrong::gone("image"))?.file.clone()).await
}

#[derive(Deserialize)]
struct Asked {
    method: String,
    window: String,
    stride: String,
    colour: String,
    width: String,
    height: String,
    #[serde(default)]
    schemes: Vec<String>,
}

/// What is asked for of an image of ours.
struct Wish {
    upload: Arc<Upload>,
    title: String,
    experiment: String,
}

impl Wish {
    /// What is asked for of the upload of this id, or what is wrong with the form.
    fn of(workbench: &Workbench, id: &str, asked: &Asked) -> Result<Self, Wrong> {
        let upload = workbench.upload(id).ok_or_else(|| Wrong::gone("upload"))?;
        let (width, height) = upload.image().ok_or_else(|| Wrong::gone("image"))?;
        let number = |what: &str, text: &str, most: u32| match text.parse::<u32>() {
            Ok(n) if (1..=most).contains(&n) => Ok(n),
            _ => Err(Wrong::input(format!(
                "{what}: found {}, expected 1 to {most}",
                printable::quoted(text)
            ))),
        };
        let (wide, high) = (
            number("Width", &asked.width, width)?,
            number("Height", &asked.height, height)?,
        );
        let window = number("Window", &asked.window, 64.min(wide).min(high))?;
        let stride = number("Stride", &asked.stride, 64)?;
        if asked.schemes.is_empty() {
            return Err(Wrong::input("Schemes: choose one at least"));
        }
        if let Some(unknown) = asked.schemes.iter().find(|name| !is_scheme(name)) {
            return Err(Wrong::input(format!(
                "Schemes: there is none called {}",
                printable::quoted(unknown)
            )));
        }
        let question = format!(
            "Does pooling {} under encryption yield the right pixels?",
            upload.name
        );
        let mut written = Written::new("images", question, POOLING);
        written
            .path(&upload.file)
            .task("method", asked.method.as_str())
            .task("window", i64::from(window))
            .task("stride", i64::from(stride))
            .task("colour", asked.colour.as_str());
        if (wide, high) != (width, height) {
            written.task("crop", format!("{wide}x{high}"));
        }
        for scheme in &asked.schemes {
            written.scheme(scheme);
        }
        Ok(Self {
            title: format!(
                "{}: {} of {window} × {window}, stride {stride}",
                upload.name,
                if asked.method == MEAN {
                    "mean"
                } else {
                    "maximum"
                }
            ),
            experiment: written.text(),
            upload,
        })
    }
}

async fn run(
    State(workbench): State<Shared>,
    Path(id): Path<String>,
    Json(asked): Json<Asked>,
) -> Result<Response, Wrong> {
    let wish = Wish::of(&workbench, &id, &asked)?;
    let wanted = Wanted {
        page: PAGE.path,
        title: wish.title,
        chosen: json!({}),
        upload: Some(wish.upload),
        runs: None,
        training: None,
    };
    let job = beside(move || workbench.start(wanted, &wish.experiment))
        .await?
        .map_err(Wrong::from)?;
    Ok(go(format!("/jobs/{}", job.id)))
}

/// How long that would take, on this machine.
async fn estimate(
    State(workbench): State<Shared>,
    Path(id): Path<String>,
    Json(asked): Json<Asked>,
) -> Result<Response, Wrong> {
    let wish = Wish::of(&workbench, &id, &asked)?;
    let lines = beside(move || estimate::lines(&workbench, &wish.experiment)).await?;
    Ok(answer::json(
        &json!({ "lines": lines.map_err(Wrong::input)? }),
    ))
}

/// Images that the task left for a cell, by the words in their names.
const KINDS: [&str; 4] = ["input", "clear", "pooled", "difference"];

/// What is seen on an image of this kind, of a cell with this protection.
fn caption(kind: &str, protection: Option<Protection>) -> &'static str {
    match (kind, protection) {
        ("input", _) => "as it was read",
        ("clear", _) => "exact, in the clear",
        ("difference", _) => "difference, 32 times",
        (_, Some(Protection::None)) => "not encrypted, by the same program",
        (_, Some(Protection::TransportOnly)) => "encrypted on the way, decrypted at the server",
        _ => "encrypted, then decrypted",
    }
}

async fn pooled(
    State(workbench): State<Shared>,
    Path((id, cell, kind)): Path<(String, usize, String)>,
) -> Result<Response, Wrong> {
    let job = workbench.job(&id).ok_or_else(|| Wrong::gone("run"))?;
    let run = job.run().ok_or_else(|| Wrong::gone("image"))?;
    let found = beside(move || {
        let read = Read::of(&run).ok()?;
        let cell = read
            .records
            .run
            .cells
            .get(cell)
            .map(|c| run_files::artefacts_of(&run, cell, &c.id))?;
        image_of(&cell, &kind)
    });
    picture(found.await?.ok_or_else(|| Wrong::gone("image"))?).await
}

fn image_of(folder: &FilePath, kind: &str) -> Option<std::path::PathBuf> {
    let kind = KINDS.iter().find(|known| **known == kind)?;
    let entries = std::fs::read_dir(folder)
        .ok()?
        .flatten()
        .map(|entry| entry.path());
    let is_kind = |path: &std::path::PathBuf| {
        let name = path
            .file_name()
            .and_then(|n| n.to_str())
            .unwrap_or_default();
        name.ends_with(&format!("-{kind}.png")) || name.contains(&format!("-{kind}-"))
    };
    entries.filter(is_kind).min()
}

fn result(job: &Job) -> Markup {
    let Some(read) = job.run().and_then(|run| Read::of(&run).ok()) else {
        return html! {};
    };
    let read = Arc::new(read);
    html! {
        section.result #images aria-labelledby="pooled-head" {
            h2 #pooled-head { "Exact and encrypted" }
            p.facts {
                "Move over an image, or choose one and use the arrow keys: the magnifier shows the same place of all. In the difference "
                "128 is equal, and a grey level too bright or too dark is 32 more or less."
            }
            @for row in &read.rows {
                @let place = read.records.run.cells.iter().position(|cell| cell.id == row.cell.id).unwrap_or_default();
                (of_scheme(job, &read, row, place))
            }
        }
    }
}

fn of_scheme(job: &Job, read: &Read, row: &Row, place: usize) -> Markup {
    let folder = run_files::artefacts_of(&read.folder, place, &row.cell.id);
    let has_images = image_of(&folder, "pooled").is_some();
    let said = |name: &str| {
        let of_cell = read
            .records
            .repetitions
            .iter()
            .rfind(|r| r.cell == row.cell.id);
        let metrics = of_cell
            .map(|r| r.quality.metrics.as_slice())
            .unwrap_or_default();
        metrics.iter().find(|m| m.name == name).map(|m| m.value)
    };
    html! {
        article.scheme {
            h3 { (seen(row.name())) }
            @if !row.reason.is_empty() { p.reason { (row.status) ": " (seen(&row.reason)) } }
            @if has_images {
                @let inverted = said("inverted").unwrap_or_default();
                p.facts {
                    "Largest error " strong { (figures(said("max_error"))) } " grey levels; "
                    (figures(said("exact_share").map(|s| 100.0 * s))) " % of pixels exact; PSNR " (decibels(said("psnr"))) "; "
                    strong { (inverted) } " inverted, where a darker pixel came out for a brighter one."
                }
                div.four {
                    @for kind in KINDS {
                        @let words = caption(kind, row.protection());
                        figure {
                            img.zooms src={ "/images/jobs/" (job.id) "/" (place) "/" (kind) } alt={ (seen(row.name())) ", " (words) } tabindex="0";
                            figcaption { (words) }
                        }
                    }
                }
                div.magnifier hidden { }
            }
        }
    }
}

/// A tenth of a decibel is more than an eye tells apart.
fn decibels(value: Option<f64>) -> String {
    match value {
        Some(x) if x.is_infinite() => "infinite".into(),
        Some(x) => format!("{x:.1} dB"),
        None => "unknown".into(),
    }
}

fn figures(value: Option<f64>) -> String {
    match value {
        Some(x) if x.is_infinite() => "infinite".into(),
        Some(x) => format!("{}", (x * 1e4).round() / 1e4),
        None => "unknown".into(),
    }
}
