//! What stands in a cell, in lines.

use hexperiment_experiment::record::{Clock, Status};
use hexperiment_experiment::summary::{Measured, Row};
use hexperiment_scheme::security::Protection;

use super::{Entry, NO_RUN, NOT_IN_EXPERIMENT, Shown};
use crate::first_table::{BUSY, IMPRECISE, INSECURE, client_part, value};
use crate::units::{shortened, significant};

/// The longest reason that stands in a cell; the whole one is below the table.
const LONGEST: usize = 48;

/// How much a cell's lines say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Style {
    /// In words.
    Whole,
    /// As little as fits the narrowest cell of a terminal; the notes below the table say the rest.
    Short,
}

/// A cell's text; `several` if others stand in the same cell, so that the label must be told.
/// `metric` is the headline's name where the line's head tells it.
pub(super) fn entry(
    entry: Entry<'_>,
    several: bool,
    metric: Option<&str>,
    reasons: &[String],
    style: Style,
) -> String {
    let is_short = style == Style::Short;
    let shown = match entry {
        Entry::Absent(NOT_IN_EXPERIMENT) if is_short => return "not tried".to_owned(),
        Entry::Absent(NO_RUN) if is_short => return "no run".to_owned(),
        Entry::Absent(why) => return why.to_owned(),
        Entry::Row(shown) => shown,
    };
    let row = &shown.row;
    let mut lines = Vec::new();
    if several {
        let separator = if is_short { "\n" } else { ", " };
        lines.push(format!("{}:", label(shown, separator)));
    }
    if let (Some(measured), Status::Ok) = (&row.measured, row.status) {
        lines.push(headline(row, metric, style));
        lines.extend(figures(measured));
    } else {
        let whole = reason(row);
        let place = reasons.iter().position(|r| *r == whole);
        let number = place.map_or(0, |i| i + 1);
        lines.push(if is_short {
            format!("{} [{number}]", row.status)
        } else {
            let short = shortened(&row.reason, LONGEST);
            format!("{}: {short} [{number}]", row.status)
        });
    }
    lines.extend(marks(row, style));
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
fn label(shown: &Shown, separator: &str) -> String {
    let label = [&shown.row.cell.label].into_iter();
    let all: Vec<&str> = label
        .chain(&shown.particulars)
        .map(String::as_str)
        .collect();
    all.join(separator)
}

fn headline(row: &Row, metric: Option<&str>, style: Style) -> String {
    let Some(headline) = row.headline() else {
        return "no metric".into();
    };
    let between = match style {
        Style::Whole => " ",
        Style::Short => "\n",
    };
    let name = if metric.is_some() {
        String::new()
    } else {
        format!("{}{between}", headline.name)
    };
    let found = value(headline.value);
    match headline.plaintext.map(value) {
        None => format!("{name}{found}"),
        Some(clear) if clear == found => format!("{name}{found}, as clear"),
        Some(clear) => format!("{name}{found},{between}clear {clear}"),
    }
}

fn figures(measured: &Measured) -> Vec<String> {
    let mut lines = vec![format!(
        "max error {}",
        significant(measured.errors.max_abs, 2)
    )];
    let per_sample = measured.total_ms_per_sample(Clock::Wall);
    lines.extend(per_sample.map(|ms| format!("{} ms", significant(ms, 3))));
    if let Some(expansion) = measured.expansion() {
        lines.push(format!("x {} bytes", significant(expansion, 3)));
    }
    lines
}

/// What a figure alone would hide: no protection, less of it than is usual, a client at work.
pub(super) fn marks(row: &Row, style: Style) -> Vec<String> {
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
        marks.push(match style {
            Style::Whole => format!("{IMPRECISE}: {times} times the error borne"),
            Style::Short => format!("{IMPRECISE}:\n{times} times"),
        });
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
            marks.push(match style {
                Style::Whole => format!("{midway} decryptions midway"),
                Style::Short => format!("{midway} decryptions\nmidway"),
            });
        }
    }
    marks.extend(client_part(row));
    marks
}
