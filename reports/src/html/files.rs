//! What the tasks of a run left beside its records: tables and images, read for the page.

use std::fs;
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use hexperiment_diagnostics::files;
use hexperiment_diagnostics::printable::line as seen;
use hexperiment_experiment::record::file_name;
use serde::Serialize;

use super::Shown;
use super::data::rounded;

/// Rows of a table that go into the page.
const MOST_ROWS: usize = 2000;
/// Rows of a table with columns of words, which is shown as a table.
const MOST_WORDS: usize = 100;
/// Tables with columns of words that are drawn.
const DRAWN: [&str; 3] = ["series.csv", "anomalies.csv", "states.csv"];
/// Values of all tables of a run that go into the page.
const MOST_VALUES: usize = 60_000;
/// Bytes of all images of a run that go into the page.
const MOST_IMAGES: usize = 6 << 20;

/// All that a run's tasks left.
#[derive(Default, Serialize)]
pub(super) struct Files {
    /// Alike files of several cells are there once.
    pub(super) tables: Vec<Table>,
    /// The page's template has them.
    #[serde(skip)]
    pub(super) images: Vec<Image>,
    /// Files that are left out, by their paths in the run's folder, with why.
    #[serde(skip)]
    pub(super) left_out: Vec<(String, String)>,
}

/// A file of comma-separated values.
#[derive(Serialize)]
pub(super) struct Table {
    pub(super) name: String,
    /// The cells that left it.
    cells: Vec<String>,
    columns: Vec<String>,
    rows: Vec<Vec<Value>>,
    /// Rows of the file, of which `rows` are the first.
    total: usize,
    #[serde(skip)]
    bytes: Vec<u8>,
}

#[derive(Serialize)]
#[serde(untagged)]
enum Value {
    Number(f64),
    Text(String),
}

/// An image.
pub(super) struct Image {
    pub(super) name: String,
    /// The cells that left it.
    pub(super) cells: Vec<String>,
    /// A `data:` URL.
    pub(super) url: String,
}

/// Reads what the tasks of a run left.
pub(super) fn left_by(shown: &Shown<'_>) -> Files {
    let mut all = Files::default();
    let mut of_images = 0;
    for (index, cell) in shown.records.run.cells.iter().enumerate() {
        let folder = shown
            .folder
            .join("artefacts")
            .join(file_name(index, &cell.id));
        for path in entries(&folder) {
            let inside = path.strip_prefix(shown.folder).unwrap_or(&path);
            let inside = inside.display().to_string();
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            let (name, id) = (seen(&name), seen(&cell.id));
            let kind = path
                .extension()
                .and_then(|e| e.to_str())
                .unwrap_or_default();
            if !matches!(kind, "csv" | "png") {
                continue;
            }
            let bytes = match files::read(&path, files::VALUES, "") {
                Ok(bytes) => bytes,
                Err(problem) => {
                    all.left_out.push((inside, problem.message));
                    continue;
                }
            };
            let added = match kind {
                "csv" => all.add_table(&name, &id, bytes),
                _ => all.add_image(&name, &id, &bytes, &mut of_images),
            };
            if let Err(why) = added {
                all.left_out.push((inside, why));
            }
        }
    }
    all
}

/// The files of a folder by name; none where there is no such folder.
fn entries(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.path()).collect();
    paths.sort();
    paths
}

impl Files {
    fn add_table(&mut self, name: &str, cell: &str, bytes: Vec<u8>) -> Result<(), String> {
        let alike = |t: &&mut Table| t.name == name && t.bytes == bytes;
        if let Some(table) = self.tables.iter_mut().find(alike) {
            table.cells.push(cell.to_owned());
            return Ok(());
        }
        let mut reader = csv::Reader::from_reader(bytes.as_slice());
        let faulty = |e: csv::Error| format!("is no table of comma-separated values: {e}");
        let columns = reader.headers().map_err(faulty)?;
        let columns: Vec<String> = columns.iter().map(|name| seen(name).into_owned()).collect();
        let mut rows = Vec::new();
        let mut total = 0;
        let mut most = MOST_ROWS;
        for record in reader.records() {
            let record = record.map_err(faulty)?;
            total += 1;
            let row: Vec<Value> = record.iter().map(value).collect();
            if !DRAWN.contains(&name)
                && row
                    .iter()
                    .any(|v| matches!(v, Value::Text(t) if !t.is_empty()))
            {
                most = MOST_WORDS;
            }
            if rows.len() < most {
                rows.push(row);
            }
        }
        let values = |table: &Table| table.rows.len() * table.columns.len();
        let before: usize = self.tables.iter().map(values).sum();
        if before + rows.len() * columns.len() > MOST_VALUES {
            return Err("would make the page too large".into());
        }
        self.tables.push(Table {
            name: name.to_owned(),
            cells: vec![cell.to_owned()],
            columns,
            rows,
            total,
            bytes,
        });
        Ok(())
    }

    fn add_image(
        &mut self,
        name: &str,
        cell: &str,
        bytes: &[u8],
        of_images: &mut usize,
    ) -> Result<(), String> {
        let url = format!("data:image/png;base64,{}", BASE64_STANDARD.encode(bytes));
        let alike = |image: &&mut Image| image.name == name && image.url == url;
        if let Some(image) = self.images.iter_mut().find(alike) {
            image.cells.push(cell.to_owned());
            return Ok(());
        }
        if *of_images + url.len() > MOST_IMAGES {
            return Err("would make the page too large".into());
        }
        *of_images += url.len();
        self.images.push(Image {
            name: name.to_owned(),
            cells: vec![cell.to_owned()],
            url,
        });
        Ok(())
    }
}

fn value(text: &str) -> Value {
    match text.parse::<f64>() {
        Ok(number) if number.is_finite() => Value::Number(rounded(number)),
        _ => Value::Text(seen(text).into_owned()),
    }
}
