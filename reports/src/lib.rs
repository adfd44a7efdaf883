//! Renders the records of a run: terminal, Markdown, CSV and HTML.
//!
//! [`write_all`] writes `table.md`, `summary.csv`, `links.csv` and `report.html` beside the records; [`terminal`]
//! makes the text for the terminal. All show what [`hexperiment_experiment::summary`] made of the
//! records, and compute nothing on their own but the ranking of times; the page's script computes what
//! a reader's choice of rows decides, the Pareto front and slopes.

mod answer;
mod bars;
pub mod best;
mod cmp;
mod csv_cell;
mod csv_file;
mod details;
pub mod export;
mod facts;
mod first_table;
mod fit;
mod grid;
mod html;
mod library;
mod links;
mod machines;
mod markdown;
mod notes;
mod overview;
mod page;
mod paint;
pub mod published;
mod quality;
mod ranking;
mod report;
mod terminal;
mod units;

use std::io;
use std::path::Path;

use hexperiment_diagnostics::files;
use hexperiment_experiment::summary::{Records, Row};
use hexperiment_experiment::verdict::Verdict;

pub use answer::answer;
pub use cmp::{Limit, RunToCompare, RunsCompared, over_link, phases};
pub use csv_file::summary_csv;
pub use html::{Shown, asset, html, policy};
pub use library::beside_library;
pub use links::links_csv;
pub use markdown::markdown;
pub use overview::{Known, Overview, Runs};
pub use quality::metric_name;
pub use terminal::{Screen, terminal};
pub use units::{bytes, counted, duration};

/// Writes `table.md`, `summary.csv`, `links.csv` and `report.html` into `dir`, each whole or not at all.
///
/// # Errors
/// A file cannot be written, synced or moved to its place; the error names it.
pub fn write_all(
    dir: &Path,
    records: &Records,
    rows: &[Row],
    verdicts: &[Verdict],
) -> io::Result<()> {
    write_whole(&dir.join("summary.csv"), &summary_csv(rows)?)?;
    write_whole(&dir.join("links.csv"), &links_csv(records, rows)?)?;
    write_whole(
        &dir.join("table.md"),
        markdown(records, rows, verdicts).as_bytes(),
    )?;
    let shown = Shown {
        records,
        rows,
        verdicts,
        folder: dir,
    };
    write_html(&dir.join("report.html"), &[shown])
}

/// Writes the page of some runs, whole or not at all.
///
/// # Errors
/// The file cannot be written, synced or moved to its place; the error names it.
pub fn write_html(file: &Path, runs: &[Shown<'_>]) -> io::Result<()> {
    write_whole(file, html(runs).as_bytes())
}

/// Writes beside the file, then renames, so that a reader never sees half of it.
fn write_whole(path: &Path, bytes: &[u8]) -> io::Result<()> {
    files::write_whole(path, bytes)
        .map_err(|e| io::Error::new(e.kind(), format!("{}: {e}", path.display())))
}
