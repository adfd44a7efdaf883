//! The first table: a line for each cell, its fields as text.

use hexperiment_core::measure::Estimate;
use hexperiment_core::security::Protection;
use hexperiment_core::summary::{Measured, Row};

use crate::notes::Footnotes;
use crate::units::{bytes, significant};

/// The mark of a row that is protected less than was demanded, or than is usual.
pub(crate) const INSECURE: &str = "!insecure";

/// A table as text; a newline in the head is where it may break.
pub(crate) struct FirstTable {
    pub(crate) head: Vec<String>,
    pub(crate) lines: Vec<Vec<String>>,
}

/// The metric that is the headline of every row, if they agree on one.
fn headline(rows: &[Row]) -> Option<&str> {
    let mut names = rows
        .iter()
        .filter_map(Row::headline)
        .map(|m| m.name.as_str());
    let first = names.next()?;
    names.all(|name| name == first).then_some(first)
}

/// The table; what the servers see is in `footnotes`.
pub(crate) fn first_table(rows: &[Row], footnotes: &Footnotes) -> FirstTable {
    let metric = headline(rows);
    let head = [
        "label",
        metric.unwrap_or("metric"),
        "in\nclear",
        "max\nerror",
        "ms per\nsample",
        "evaluate ms\n[95 %]",
        "up",
        "down",
        "keys",
        "bits",
        "sees",
        "status",
    ];
    FirstTable {
        head: head.map(str::to_owned).to_vec(),
        lines: rows
            .iter()
            .map(|row| line(row, metric.is_none(), footnotes))
            .collect(),
    }
}

fn line(row: &Row, names_metric: bool, footnotes: &Footnotes) -> Vec<String> {
    let measured = |f: &dyn Fn(&Measured) -> String| row.measured.as_ref().map_or(String::new(), f);
    let metric = row.headline().map_or(String::new(), |m| {
        let value = number(m.value);
        if names_metric {
            format!("{} {value}", m.name)
        } else {
            value
        }
    });
    let clear = row
        .headline()
        .and_then(|m| m.plaintext)
        .map_or(String::new(), number);
    vec![
        row.name().to_owned(),
        metric,
        clear,
        measured(&|m| significant(m.errors.max_abs, 2)),
        measured(&|m| significant(m.total_ms_per_sample(), 3)),
        measured(&|m| {
            let Estimate { median, low, high } = m.evaluate_ms;
            let [median, low, high] = [median, low, high].map(|x| significant(x, 3));
            match m.repetitions {
                1 => median,
                _ => format!("{median} [{low}, {high}]"),
            }
        }),
        measured(&|m| bytes(m.traffic.upload_bytes)),
        measured(&|m| bytes(m.traffic.download_bytes)),
        row.setup
            .as_ref()
            .map_or(String::new(), |s| bytes(s.keys.total())),
        bits(row),
        footnotes.of(row),
        status(row),
    ]
}

/// How the row ended, and what its scheme left to the client.
fn status(row: &Row) -> String {
    match client_part(row) {
        Some(part) => format!("{}, {part}", row.status),
        None => row.status.to_string(),
    }
}

/// What the client computes in clear, if anything: `client: step`.
pub(crate) fn client_part(row: &Row) -> Option<String> {
    let computes = &row.setup.as_ref()?.client_computes;
    (!computes.is_empty()).then(|| format!("client: {}", computes.join(", ")))
}

/// A metric: four decimals are what a data set of some hundred rows can tell apart.
pub(crate) fn number(value: f64) -> String {
    if value == 0.0 || (0.001..10_000.0).contains(&value.abs()) {
        let text = format!("{value:.4}");
        // What is only near a whole number must not look like one.
        match text.strip_suffix(".0000") {
            Some(whole) if value.fract() == 0.0 => whole.to_owned(),
            _ => text,
        }
    } else {
        significant(value, 4)
    }
}

/// The security bits against the server, with the mark.
pub(crate) fn bits(row: &Row) -> String {
    let Some(bits) = row.security_bits() else {
        return String::new();
    };
    let bits = match row.protection() {
        Some(Protection::None) => "none".into(),
        Some(Protection::TransportOnly) => "transport".into(),
        _ => bits.to_string(),
    };
    if row.insecure() {
        bits + " " + INSECURE
    } else {
        bits
    }
}
