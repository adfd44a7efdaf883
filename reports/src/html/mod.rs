//! The report as one page of HTML that needs no other file and no network.
//!
//! [`table`] says what the table shows, [`data`] what the page's script draws, [`files`] what a run's
//! tasks left beside its records; [`page`] is the template, [`gallery`] its part of images, [`words`] its part that tells. Style and scripts are those of
//! `reports/assets`, with d3 and Observable Plot, whose licences stand beside them.

mod data;
mod files;
mod gallery;
mod page;
mod table;
mod words;

use std::path::Path;

pub(crate) use page::{POLICY, STYLE};
pub use page::{asset, policy};

use hexperiment_experiment::summary::{Records, Row};
use hexperiment_experiment::verdict::Verdict;

/// A run, as a page shows it.
#[derive(Clone, Copy, Debug)]
pub struct Shown<'a> {
    /// Its records.
    pub records: &'a Records,
    /// Their rows.
    pub rows: &'a [Row],
    /// What was expected of them.
    pub verdicts: &'a [Verdict],
    /// The run's folder, with a copy of the experiment and what its tasks left; what is missing
    /// there is missing on the page.
    pub folder: &'a Path,
}

/// The page of one run, or of several with a selector.
pub fn html(runs: &[Shown<'_>]) -> String {
    let files: Vec<_> = runs.iter().map(files::left_by).collect();
    page::page(runs, &files).into_string()
}

/// A name of columns or metrics as people write it.
fn spaced(name: &str) -> String {
    name.replace('_', " ")
}
