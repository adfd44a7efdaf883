//! What stands in a cell, in lines.

use hexperiment_experiment::record::{Clock, Status};
use hexperiment_experiment::summary::{Measured, Row};
use hexperiment_scheme::security::Protection;

use super::{Entry, Shown};
use crate::first_table::{BUSY, IMPRECISE, INSECURE, client_part, value};
use crate::units::{shortened, significant};

/// The longest reason that stands in a cell; the whole one is below the table.
const LONGEST: usize = 48;

/// A cell's text; `several` if others stand in the same cell, so that the label must be told.
/// `metric` is the headline's name where the line's head tells it.
pub(super) fn entry(
    entry: Entry<'_>,
    several: bool,
    metric: Option<&str>,
    reasons: &[String],
) -> String {
    let shown = match entry {
        Entry::Absent(why) => return why.to_owned(),
        Entry::Row(shown) => shown,
    };
    let row = &shown.row;
    let mut lines = Vec::new();
    if several {
        lines.push(format!("{}:", label(shown)));
    }
    if let (Some(measured), Status::Ok) = (&row.measured, row.status) {
        lines.push(headline(row, metric));
        lines.extend(figures(measured));
    } else {
        let whole = reason(row);
        let place = reasons.iter().position(|r| *r == whole);
        let number = place.map_or(0, |i| i + 1);
        let short = shortened(&row.reason, LONGEST);
        lines.push(format!("{}: {short} [{number}]", row.status));
    }
    lines.extend(marks(row));
    if !several {
        lines.extend(shown.particulars.iter().cloned());
    }
    lines.join("\n")
}

/// Why a row is not `ok`, whole and in one line.
pub(super) fn reason(row: &Row) -> String {
    let why = crate::notes::in_one_line(&row.reason);
    format!("{}: {}: {why}", row.cell.scheme, row.status)
}

/// What tells it from other rows of the same scheme.
fn label(shown: &Shown) -> String {
    let label = [&shown.row.cell.label].into_iter();
    let all: Vec<&str> = label
        .chain(&shown.particulars)
        .map(String::as_str)
        .collect();
    all.join(", ")
}

fn headline(row: &Row, metric: Option<&str>) -> String {
    let Some(headline) = row.headline() else {
        return "no metric".into();
    };
    let name = if metric.is_some() {
        String::new()
    } else {
        format!("{} ", headline.name)
    };
    let found = value(headline.value);
    match headline.plaintext.map(value) {
        None => format!("{name}{found}"),
        Some(clear) if clear == found => format!("{name}{found}, as clear"),
        Some(clear) => format!("{name}{found}, clear {clear}"),
    }
}

fn figures(measured: &Measured) -> Vec<String> {
    let mut lines = vec![
        format!("max error {}", significant(measured.errors.max_abs, 2)),
        format!(
            "{} ms",
            significant(measured.total_ms_per_sample(Clock::Wall), 3)
        ),
    ];
    if let Some(expansion) = measured.expansion() {
        lines.push(format!("x {} bytes", significant(expansion, 3)));
    }
    lines
}

/// What a figure alone would hide: no protection, less of it than is usual, a client at work.
pub(super) fn marks(row: &Row) -> Vec<String> {
    let mut marks = Vec::new();
    match row.protection() {
        Some(Protection::None) => marks.push("not encrypted".to_owned()),
        Some(Protection::TransportOnly) => marks.push("transport only".to_owned()),
        Some(Protection::Encrypted) | None => {}
    }
    if row.insecure()
        && let Some(bits) = row.security_bits()
    {
        marks.push(format!("{INSECURE}: {bits} bits"));
    }
    if let Some(precision) = row.imprecise() {
        let times = significant(precision.ratio(), 2);
        marks.push(format!("{IMPRECISE}: {times} times the error borne"));
    }
    if row.busy.is_some() {
        marks.push(BUSY.to_owned());
    }
    if let Some(measured) = &row.measured {
        let (rounds, midway) = (measured.traffic.rounds, measured.traffic.decrypted_midway);
        if rounds > 1 {
            marks.push(format!("{rounds} rounds"));
        }
        if midway > 0 {
            marks.push(format!("{midway} decryptions midway"));
        }
    }
    marks.extend(client_part(row));
    marks
}
