//! Files that are dropped on a page: streamed to disk within a limit, then looked at.

use std::path::PathBuf;

use axum::Router;
use axum::body::Body;
use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::Response;
use axum::routing::post;
use hexperiment_data::pixels;
use hexperiment_diagnostics::printable;
use http_body_util::BodyExt as _;
use serde::Deserialize;
use tokio::io::AsyncWriteExt as _;

use crate::answer::{Wrong, beside, go};
use crate::model::Model;
use crate::profile::Profile;
use crate::state::Shared;
use crate::upload::{Upload, What};

pub(crate) fn routes() -> Router<Shared> {
    Router::new().route("/uploads/{page}", post(receive))
}

#[derive(Deserialize)]
struct Named {
    name: String,
    /// The page of an upload, to go to after a model; without it, the first page.
    #[serde(default)]
    then: String,
}

/// Takes a file for a page, and says where to go on.
async fn receive(
    State(workbench): State<Shared>,
    Path(page): Path<String>,
    Query(named): Query<Named>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Wrong> {
    if !named.then.is_empty() && !is_page_of_upload(&named.then, &workbench.navigation) {
        return Err(Wrong::input(format!(
            "`then`: found {}, expected the page of an upload, as in /sensors/0123456789abcdef",
            printable::cut(&printable::line(&named.then), 100)
        )));
    }
    let most = workbench.settings.most_upload_bytes;
    let announced = headers
        .get(header::CONTENT_LENGTH)
        .and_then(|n| n.to_str().ok()?.parse().ok());
    if announced.is_some_and(|bytes: u64| bytes > most) {
        return Err(too_large(most));
    }
    let (id, folder) = workbench.new_folder().map_err(Wrong::here)?;
    let file = folder.join("upload");
    let received = stream(body, &file, most).await;
    let looked_at = match received {
        Ok(bytes) => {
            let name = printable::cut(&printable::line(&named.name), 100).into_owned();
            let page = page.clone();
            beside(move || look_at(&page, id, name, &folder, bytes)).await?
        }
        Err(wrong) => Err(wrong),
    };
    let looked_at = looked_at.inspect_err(|_| {
        // What is of no use is not kept; if it cannot be removed, it goes with the scratch folder.
        let _ = std::fs::remove_dir_all(file.parent().unwrap_or(&file));
    })?;
    Ok(match looked_at {
        Seen::Upload(upload) => {
            let to = format!("/{page}/{}", upload.id);
            workbench.keep_upload(upload);
            go(to)
        }
        Seen::Model(model) => {
            let id = workbench.keep_model(model).id.clone();
            let then = if named.then.is_empty() {
                "/"
            } else {
                &named.then
            };
            go(format!("{then}?model={id}"))
        }
    })
}

/// Whether a path is one of the pages and an upload's name behind it, and nothing else: browsers read more than
/// `//host` as another host's address, such as `/\host`.
fn is_page_of_upload(path: &str, pages: &[(&str, &str)]) -> bool {
    path.rsplit_once('/').is_some_and(|(page, upload)| {
        let is_page = pages.iter().any(|(path, _)| *path == page);
        is_page && !upload.is_empty() && upload.bytes().all(|b| b.is_ascii_hexdigit())
    })
}

fn too_large(most: u64) -> Wrong {
    let words = format!(
        "the file is larger than the limit of {most} bytes; start the workbench with a higher --max-upload"
    );
    Wrong(StatusCode::PAYLOAD_TOO_LARGE, vec![words])
}

/// Writes what comes; no more of it is in memory than one piece.
async fn stream(mut body: Body, file: &std::path::Path, most: u64) -> Result<u64, Wrong> {
    let mut written = tokio::fs::File::create(file).await.map_err(Wrong::here)?;
    let mut bytes = 0;
    while let Some(frame) = body.frame().await {
        let frame =
            frame.map_err(|e| Wrong::input(format!("the file did not arrive whole: {e}")))?;
        let Ok(data) = frame.into_data() else {
            continue;
        };
        bytes += data.len() as u64;
        if bytes > most {
            return Err(too_large(most));
        }
        written.write_all(&data).await.map_err(Wrong::here)?;
    }
    written.flush().await.map_err(Wrong::here)?;
    if bytes == 0 {
        return Err(Wrong::input("the file is empty"));
    }
    Ok(bytes)
}

enum Seen {
    Upload(Upload),
    Model(Model),
}

/// Finds out what was dropped, for a page, and gives it the name that such files have.
fn look_at(
    page: &str,
    id: String,
    name: String,
    folder: &std::path::Path,
    bytes: u64,
) -> Result<Seen, Wrong> {
    let dropped = folder.join("upload");
    let named = |file: &str| -> Result<PathBuf, Wrong> {
        let to = folder.join(file);
        std::fs::rename(&dropped, &to).map_err(Wrong::here)?;
        Ok(to)
    };
    let wrong = |problem: String| Wrong::input(format!("{name}: {problem}"));
    let (file, what) = match page {
        "sensors" | "tables" => {
            let file = named("upload.csv")?;
            let profile = Profile::of(&file).map_err(wrong)?;
            (file, What::Table(profile))
        }
        "images" => {
            let (ending, width, height) = picture(&dropped).map_err(wrong)?;
            (
                named(&format!("image.{ending}"))?,
                What::Image { width, height },
            )
        }
        "model" => {
            let file = named("model.json")?;
            return Model::read(id, name, file)
                .map(Seen::Model)
                .map_err(Wrong::input);
        }
        _ => {
            return Err(Wrong(
                StatusCode::NOT_FOUND,
                vec!["no page takes such a file".into()],
            ));
        }
    };
    Ok(Seen::Upload(Upload {
        id,
        name,
        file,
        bytes,
        what,
    }))
}

/// Kind and size of a PNG or JPEG.
fn picture(file: &std::path::Path) -> Result<(&'static str, u32, u32), String> {
    let length = file.metadata().map_err(|e| e.to_string())?.len();
    if length > pixels::MOST_BYTES {
        return Err(format!(
            "found {length} bytes, expected at most {}: cut the image down, or save it without comments and \
             profiles",
            pixels::MOST_BYTES
        ));
    }
    let reader = image::ImageReader::open(file).and_then(image::ImageReader::with_guessed_format);
    let mut reader = reader.map_err(|e| e.to_string())?;
    reader.limits(pixels::head_limits());
    let ending = match reader.format() {
        Some(image::ImageFormat::Png) => "png",
        Some(image::ImageFormat::Jpeg) => "jpeg",
        _ => return Err("found another format, expected a PNG or a JPEG".into()),
    };
    let (width, height) = reader
        .into_dimensions()
        .map_err(|e| format!("cannot be read: {e}"))?;
    if u64::from(width) * u64::from(height) > 1 << 24 {
        return Err(format!(
            "found {width} x {height} pixels, expected at most 4096 x 4096 in all: cut it down first"
        ));
    }
    Ok((ending, width, height))
}

#[cfg(test)]
mod tests {
    use super::is_page_of_upload;

    #[test]
    fn pages_of_uploads_alone_are_gone_to() {
        let pages = [("/sensors", "Sensors"), ("/tables", "Tables")];
        for (path, expect) in [
            ("/sensors/0123456789abcdef", true),
            ("/tables/0f", true),
            ("", false),
            ("/", false),
            ("/sensors", false),
            ("/sensors/", false),
            ("/other/0f", false),
            ("sensors/0f", false),
            ("//evil.example", false),
            ("//evil.example/0f", false),
            ("/\\evil.example", false),
            ("/\\evil.example/0f", false),
            ("/\t/evil.example", false),
            ("/sensors/..", false),
            ("/sensors/../0f", false),
            ("/sensors/\\evil", false),
            ("/sensors/0f?x=1", false),
            ("/sensors/0f#x", false),
            ("https://evil.example/sensors/0f", false),
            ("javascript:0f", false),
        ] {
            assert_eq!(is_page_of_upload(path, &pages), expect, "{path:?}");
        }
    }
}
