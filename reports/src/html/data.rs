//! What the page's script draws, as JSON: the numbers of `summary.csv` by column, the repetitions,
//! the metrics. Text from outside is made fit to be seen, here as on the rest of the page.

use std::borrow::Cow;
use std::collections::BTreeMap;

use hexperiment_diagnostics::printable::line as seen;
use hexperiment_experiment::record::Clock;
use hexperiment_experiment::summary::{COLUMNS, Kind, OverLink, Row, axes};
use hexperiment_experiment::verdict::lower_is_better;
use hexperiment_scheme::security::Protection;
use serde::Serialize;

use super::files::Files;
use super::table::axis_name;
use super::{Shown, spaced};
use crate::first_table::headline;
use crate::links::links_of;
use crate::machines::Kinds;

/// Repetitions that a page has all of; of more, each row has quantiles.
const MOST_REPETITIONS: usize = 3000;
/// Quantiles of a row's repetitions, the least and the largest among them.
const QUANTILES: usize = 21;
/// The same, least, quartiles and largest, of one row among more than [`MOST_ROWS`].
const FEW_QUANTILES: usize = 5;
/// Rows that a chart has a line for each of.
const MOST_ROWS: usize = 60;
/// Columns of `summary.csv` that no chart draws.
const NOT_DRAWN: [&str; 16] = [
    "clipped_values",
    "expansion",
    "failure_log2",
    "evaluate_ms_low",
    "evaluate_ms_high",
    "value_low",
    "value_high",
    "load_average",
    "precision_bits",
    "processes",
    "repetitions",
    "rounds",
    "security_bits",
    "seed",
    "seeds",
    "share_waited",
];

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
    /// Whether its results are further off than its task bears.
    imprecise: bool,
    /// On what kind of machine, where rows differ in it or others may have used it.
    #[serde(skip_serializing_if = "Option::is_none")]
    place: Option<String>,
    point: BTreeMap<Cow<'a, str>, String>,
    /// Encryption, evaluation and decryption together of every repetition, in milliseconds; or
    /// quantiles of these.
    totals: Vec<f64>,
    /// How many repetitions `totals` are the quantiles of.
    #[serde(skip_serializing_if = "Option::is_none")]
    quantiles_of: Option<usize>,
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
    let kinds = Kinds::of(rows);
    let axis = |key: &'a str| Axis {
        key: seen(key),
        name: seen(&axis_name(key)).into_owned(),
    };
    let numbers = COLUMNS.iter().filter(|c| c.kind == Kind::Numbers);
    let columns = numbers.filter_map(|column| {
        if NOT_DRAWN.contains(&column.name) || column.name.ends_with("_cpu_ms") {
            return None;
        }
        let of = |row: &Row| column.of(row).number().map(|x| digits(x, 6));
        let values: Vec<Option<f64>> = rows.iter().map(of).collect();
        values
            .iter()
            .any(Option::is_some)
            .then_some((column.name, values))
    });
    let links = links_of(&shown.records.run).into_iter().map(|link| {
        let of = |row: &Row| OverLink::of(row, &link).map(|over| digits(over.total_ms.median, 6));
        OverOneLink {
            totals: rows.iter().map(of).collect(),
            name: seen(&link.name).into_owned(),
        }
    });
    let repetitions = rows.iter().filter_map(|row| row.measured.as_ref());
    let all = repetitions
        .map(|m| m.total.values(clock).len())
        .sum::<usize>()
        <= MOST_REPETITIONS;
    let most = match (all, rows.len() > MOST_ROWS) {
        (true, _) => usize::MAX,
        (false, false) => QUANTILES,
        (false, true) => FEW_QUANTILES,
    };
    Run {
        name: seen(&shown.records.run.experiment),
        clock: match clock {
            Clock::Wall => "ms",
            Clock::Cpu => "CPU ms",
        },
        metric: metric.map(|name| seen(&spaced(name)).into_owned()),
        lower_is_better: metric.is_some_and(lower_is_better),
        axes: axes(rows).into_iter().map(axis).collect(),
        cells: rows
            .iter()
            .map(|row| cell(row, &kinds, clock, most))
            .collect(),
        columns: columns.collect(),
        links: links.collect(),
        files,
    }
}

fn cell<'a>(row: &'a Row, kinds: &Kinds<'_>, clock: Clock, most: usize) -> Cell<'a> {
    let measured = row.measured.as_ref();
    let totals = measured.map_or(&[][..], |m| m.total.values(clock));
    let all = totals.len() <= most;
    let metrics = measured.into_iter().flat_map(|m| &m.metrics);
    Cell {
        id: seen(row.name()),
        label: seen(&row.cell.label),
        status: row.status.to_string(),
        encrypted: row.protection() == Some(Protection::Encrypted),
        imprecise: row.imprecise().is_some(),
        place: measured
            .and_then(|_| kinds.place(row))
            .map(|place| seen(&place).into_owned()),
        point: row
            .cell
            .point
            .keys()
            .map(|key| (seen(key), seen(&row.axis(key).to_string()).into_owned()))
            .collect(),
        totals: if all {
            totals.iter().map(|ms| digits(*ms, 6)).collect()
        } else {
            quantiles(totals, most)
        },
        quantiles_of: (!all).then_some(totals.len()),
        metrics: metrics
            .map(|m| (seen(&m.name), rounded(m.value), m.plaintext.map(rounded)))
            .collect(),
    }
}

/// Quantiles at even steps from the least to the largest, each a value that was measured.
fn quantiles(values: &[f64], count: usize) -> Vec<f64> {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let last = sorted.len().saturating_sub(1) as f64;
    let place = |k: usize| (last * k as f64 / (count - 1) as f64).round() as usize;
    let at = |k: usize| sorted.get(place(k)).map(|ms| digits(*ms, 6));
    (0..count).filter_map(at).collect()
}

/// A number in so many significant digits.
pub(super) fn digits(value: f64, count: usize) -> f64 {
    let text = format!("{value:.*e}", count.saturating_sub(1));
    text.parse().unwrap_or(value)
}

/// A number in nine significant digits: scores that noise has set apart stay apart in the order of a
/// curve, and it is less to write.
pub(super) fn rounded(value: f64) -> f64 {
    digits(value, 9)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_values_from_the_least_to_the_largest() {
        let values: Vec<f64> = (0..=1000).rev().map(f64::from).collect();
        let found = quantiles(&values, QUANTILES);
        assert_eq!(found.len(), QUANTILES);
        assert_eq!((found[0], found[10], found[20]), (0.0, 500.0, 1000.0));
        assert_eq!(found[5], 250.0);
        let few = quantiles(&values, FEW_QUANTILES);
        assert_eq!(few, [0.0, 250.0, 500.0, 750.0, 1000.0]);
        assert_eq!(quantiles(&[], QUANTILES), Vec::<f64>::new());
    }

    #[test]
    fn numbers_are_cut_to_what_is_shown() {
        assert_eq!(digits(1_234.567_89, 6), 1234.57);
        assert_eq!(digits(-0.0, 6), 0.0);
        assert!(digits(f64::NAN, 6).is_nan());
        assert_eq!(rounded(0.123_456_789_49), 0.123_456_789);
    }
}
