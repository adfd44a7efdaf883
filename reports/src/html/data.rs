//! What the page's script draws, as JSON: the numbers of `summary.csv` by column, the repetitions,
//! the metrics. Text from outside is made fit to be seen, here as on the rest of the page.

use std::borrow::Cow;
use std::collections::BTreeMap;

use hexperiment_diagnostics::printable::line as seen;
use hexperiment_experiment::record::Clock;
use hexperiment_experiment::summary::{COLUMNS, Kind, OverLink, Phase, Row, axes};
use hexperiment_experiment::verdict::lower_is_better;
use hexperiment_scheme::security::Protection;
use serde::Serialize;

use super::files::Files;
use super::table::axis_name;
use super::{Shown, spaced};
use crate::first_table::headline;
use crate::links::links_of;

/// The page.
#[derive(Serialize)]
pub(super) struct Page<'a> {
    runs: Vec<Run<'a>>,
}

#[derive(Serialize)]
struct Run<'a> {
    name: Cow<'a, str>,
    clock: &'static str,
    /// The metric that is every row's headline, as people write it.
    metric: Option<String>,
    lower_is_better: bool,
    axes: Vec<Axis<'a>>,
    cells: Vec<Cell<'a>>,
    /// Numbers of `summary.csv`, one for each cell.
    columns: BTreeMap<&'static str, Vec<Option<f64>>>,
    links: Vec<OverOneLink>,
    /// Tables that tasks left, by cell.
    files: &'a Files,
}

/// Queries over a link, in milliseconds, one for each cell.
#[derive(Serialize)]
struct OverOneLink {
    name: String,
    totals: Vec<Option<f64>>,
}

/// An axis of the matrix.
#[derive(Serialize)]
struct Axis<'a> {
    key: Cow<'a, str>,
    name: String,
}

#[derive(Serialize)]
struct Cell<'a> {
    id: Cow<'a, str>,
    label: Cow<'a, str>,
    status: String,
    /// Whether nobody but the owner of the key sees the data.
    encrypted: bool,
    point: BTreeMap<Cow<'a, str>, String>,
    /// Encryption, evaluation and decryption together of every repetition, in milliseconds.
    totals: Vec<f64>,
    metrics: Vec<(Cow<'a, str>, f64, Option<f64>)>,
}

impl<'a> Page<'a> {
    pub(super) fn new(runs: &[Shown<'a>], files: &'a [Files]) -> Self {
        let runs = runs.iter().zip(files);
        Self {
            runs: runs.map(|(shown, files)| run(*shown, files)).collect(),
        }
    }

    /// The JSON, without the character that would begin or end an element of HTML.
    pub(super) fn to_json(&self) -> String {
        // Numbers, strings and maps with strings for keys: nothing of it fails to serialize.
        let json = serde_json::to_string(self).unwrap_or_default();
        json.replace('<', "\\u003c")
    }
}

fn run<'a>(shown: Shown<'a>, files: &'a Files) -> Run<'a> {
    let rows = shown.rows;
    let clock = shown.records.run.rank_by();
    let metric = headline(rows);
    let axis = |key: &'a str| Axis {
        key: seen(key),
        name: seen(&axis_name(key)).into_owned(),
    };
    let numbers = COLUMNS.iter().filter(|c| c.kind == Kind::Numbers);
    let columns = numbers.filter_map(|column| {
        let of = |row: &Row| column.of(row).number().map(rounded);
        let values: Vec<Option<f64>> = rows.iter().map(of).collect();
        values
            .iter()
            .any(Option::is_some)
            .then_some((column.name, values))
    });
    let links = links_of(&shown.records.run).into_iter().map(|link| {
        let of = |row: &Row| OverLink::of(row, &link).map(|over| rounded(over.total_ms.median));
        OverOneLink {
            totals: rows.iter().map(of).collect(),
            name: seen(&link.name).into_owned(),
        }
    });
    Run {
        name: seen(&shown.records.run.experiment),
        clock: match clock {
            Clock::Wall => "ms",
            Clock::Cpu => "CPU ms",
        },
        metric: metric.map(|name| seen(&spaced(name)).into_owned()),
        lower_is_better: metric.is_some_and(lower_is_better),
        axes: axes(rows).into_iter().map(axis).collect(),
        cells: rows.iter().map(|row| cell(row, clock)).collect(),
        columns: columns.collect(),
        links: links.collect(),
        files,
    }
}

fn cell(row: &Row, clock: Clock) -> Cell<'_> {
    let times = |phase: &Phase| phase.values(clock).iter().copied().map(rounded).collect();
    let measured = row.measured.as_ref();
    let metrics = measured.into_iter().flat_map(|m| &m.metrics);
    Cell {
        id: seen(row.name()),
        label: seen(&row.cell.label),
        status: row.status.to_string(),
        encrypted: row.protection() == Some(Protection::Encrypted),
        point: row
            .cell
            .point
            .keys()
            .map(|key| (seen(key), seen(&row.axis(key).to_string()).into_owned()))
            .collect(),
        totals: measured.map_or(vec![], |m| times(&m.total)),
        metrics: metrics
            .map(|m| (seen(&m.name), rounded(m.value), m.plaintext.map(rounded)))
            .collect(),
    }
}

/// A number in nine significant digits: scores that noise has set apart stay apart in the order of a
/// curve, and it is less to write.
pub(super) fn rounded(value: f64) -> f64 {
    format!("{value:.8e}").parse().unwrap_or(value)
}
