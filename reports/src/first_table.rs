//! The first table: a line for each cell, as wide as there is room.

use hexperiment_experiment::measure::{Estimate, Interval};
use hexperiment_experiment::record::Clock;
use hexperiment_experiment::summary::{Measured, Row, axes};
use hexperiment_scheme::security::Protection;

use crate::fit::{Alternative, Candidate, INTERVAL, Id};
use crate::grid::Column;
use crate::notes::Footnotes;
use crate::units::{SHORT_UNITS, bytes, short_bytes, significant};

/// The mark of a row that is protected less than was demanded, or than is usual.
pub(crate) const INSECURE: &str = "!insecure";
/// The mark of a row whose times are not those of a quiet machine.
pub(crate) const BUSY: &str = "!busy";
/// The mark of a row whose results are further off than its task bears.
pub(crate) const IMPRECISE: &str = "!imprecise";
/// The mark of a row that was measured, and whose set-up is not in the records.
pub(crate) const UNRANKED: &str = "!unranked";
/// What it says.
pub(crate) const NO_SETUP: &str = "its set-up is not in the records (a line of kind `setup` was lost): how it is protected is \
                                   not known, and it is ranked with no other row";

/// The metric that is the headline of every row, if they agree on one.
pub(crate) fn headline(rows: &[Row]) -> Option<&str> {
    let mut names = rows
        .iter()
        .filter_map(Row::headline)
        .map(|m| m.name.as_str());
    let first = names.next()?;
    names.all(|name| name == first).then_some(first)
}

/// The columns, each whole and, where it can be, short. What is the same in all rows is told by
/// [`facts`](crate::facts::facts), and has no column.
pub(crate) fn first_table(rows: &[Row], footnotes: &Footnotes, clock: Clock) -> Vec<Candidate> {
    let texts = |f: &dyn Fn(&Row) -> String| -> Vec<String> { rows.iter().map(f).collect() };
    let measured = |f: &dyn Fn(&Measured) -> String| {
        texts(&|row| row.measured.as_ref().map_or(String::new(), f))
    };
    let number = |id, head: &str, cells| Candidate::new(id, Column::numbers(head, cells));
    let mut all = vec![Candidate::new(
        Id::Label,
        Column::words("label", texts(&|row| row.cell.label.clone())),
    )];
    all.extend(axis_columns(rows));
    for (id, head, column) in [
        (Id::Samples, "samples", "samples"),
        (Id::Repetitions, "repetitions", "repetitions"),
    ] {
        if same(rows, column).is_none() {
            let cells = texts(&|row| row.column(column).map_or(String::new(), |f| f.to_string()));
            all.push(number(id, head, cells));
        }
    }
    let metric = headline(rows);
    let name = |name: &str| match metric {
        Some(_) => String::new(),
        None => format!("{name} "),
    };
    let values = texts(&|row| {
        row.headline().map_or(String::new(), |m| {
            let interval = row.intervals(&m.name).value;
            format!("{}{}{}", name(&m.name), value(m.value), beside(interval))
        })
    });
    let clear = texts(&|row| {
        let clear = row.headline().and_then(|m| Some((m, m.plaintext?)));
        clear.map_or(String::new(), |(m, clear)| {
            value(clear) + &beside(row.intervals(&m.name).plaintext)
        })
    });
    all.push(number(Id::Metric, metric.unwrap_or("metric"), values));
    all.push(number(Id::Clear, "in the\nclear", clear));
    all.push(number(
        Id::Error,
        "max\nerror",
        measured(&|m| significant(m.errors.max_abs, 2)),
    ));
    let ms = match clock {
        Clock::Wall => "ms",
        Clock::Cpu => "CPU ms",
    };
    all.push(number(
        Id::PerSample,
        &format!("{ms} per\nsample"),
        measured(&|m| {
            let per_sample = m.total_ms_per_sample(clock);
            per_sample.map_or(String::new(), |ms| significant(ms, 3))
        }),
    ));
    all.push(evaluation(rows, clock, ms));
    for (id, head, size) in [
        (Id::Both, "both\nways", both_ways as fn(&Row) -> Option<u64>),
        (Id::Up, "up", upload),
        (Id::Down, "down", download),
        (Id::Keys, "keys", keys),
    ] {
        let told = |f: fn(u64) -> String| texts(&|row| size(row).map_or(String::new(), f));
        all.push(number(id, head, told(bytes)).or(Alternative {
            column: Column::numbers(head, told(short_bytes)),
            legend: Some(SHORT_UNITS),
        }));
    }
    all.push(number(Id::Bits, "bits", texts(&bits)));
    let sees = texts(&|row| footnotes.of(row));
    all.push(Candidate::new(Id::Sees, Column::words("sees", sees)));
    let short_statuses = Alternative {
        column: Column::words("status", texts(&short_status)),
        legend: None,
    };
    let statuses = texts(&|row| marked(row, with_client(row)));
    all.push(Candidate::new(Id::Status, Column::words("status", statuses)).or(short_statuses));
    all
}

/// What sentences compare: ciphertexts up and down together.
fn both_ways(row: &Row) -> Option<u64> {
    let traffic = &row.measured.as_ref()?.traffic;
    Some(traffic.upload_bytes.saturating_add(traffic.download_bytes))
}

fn upload(row: &Row) -> Option<u64> {
    Some(row.measured.as_ref()?.traffic.upload_bytes)
}

fn download(row: &Row) -> Option<u64> {
    Some(row.measured.as_ref()?.traffic.download_bytes)
}

fn keys(row: &Row) -> Option<u64> {
    Some(row.setup.as_ref()?.keys.total())
}

/// What all rows that have something in a column have in it; `None` if they differ.
pub(crate) fn same(rows: &[Row], column: &str) -> Option<String> {
    let mut texts = rows
        .iter()
        .filter_map(|row| row.column(column))
        .map(|field| field.to_string())
        .filter(|text| !text.is_empty());
    let first = texts.next().unwrap_or_default();
    texts.all(|text| text == first).then_some(first)
}

/// A column for each axis of the matrix.
fn axis_columns(rows: &[Row]) -> impl Iterator<Item = Candidate> {
    let keys = axes(rows);
    let option = |key: &str| key.rsplit('.').next().unwrap_or(key).to_owned();
    let columns: Vec<Candidate> = keys
        .iter()
        .map(|key| {
            let alike = keys.iter().filter(|k| option(k) == option(key)).count();
            // `task.seed` and `run.seed` are told apart by their sections.
            let head = match alike {
                1 => option(key),
                _ => (*key).to_owned(),
            };
            let cells: Vec<String> = rows.iter().map(|r| r.axis(key).to_string()).collect();
            let is_number = cells
                .iter()
                .all(|c| c.is_empty() || c.parse::<f64>().is_ok());
            let column = |head: String| Column {
                head,
                is_number,
                cells: cells.clone(),
            };
            let broken = head.replace('_', "_\n").replace('.', ".\n");
            Candidate::new(Id::Axis, column(head)).or(Alternative {
                column: column(broken),
                legend: None,
            })
        })
        .collect();
    columns.into_iter()
}

/// The evaluation's median, with its interval or with how far that is from it. Where no row has an
/// interval, the head says so; where some have none, their cells do.
fn evaluation(rows: &[Row], clock: Clock, ms: &str) -> Candidate {
    let estimates = || {
        let measured = rows.iter().map(|row| row.measured.as_ref());
        measured.map(|m| m.map(|m| m.evaluation(clock)))
    };
    let some_have = estimates().flatten().any(|e| e.interval.is_some());
    let told = |f: fn(f64, Interval) -> String| -> Vec<String> {
        let cells = estimates().map(|estimate| match estimate {
            None => String::new(),
            Some(Estimate { median, interval }) => {
                let interval = match interval {
                    Some(interval) => f(median, interval),
                    None if some_have => " [too few]".into(),
                    None => String::new(),
                };
                format!("{}{interval}", significant(median, 3))
            }
        });
        cells.collect()
    };
    let whole = told(|_, Interval { low, high }| {
        let [low, high] = [low, high].map(|x| significant(x, 3));
        format!(" [{low}, {high}]")
    });
    let short = told(|median, Interval { low, high }| {
        let beside = (high - median).max(median - low);
        let percent = 100.0 * beside / median;
        if percent.is_finite() {
            format!(" ±{}%", percent_of(percent))
        } else {
            String::new()
        }
    });
    let (head, short_head, legend) = if some_have {
        ("[95 %]", " ±", Some(INTERVAL))
    } else {
        ("(no interval)", "", None)
    };
    let column = Column::numbers(format!("evaluate {ms}\n{head}"), whole);
    Candidate::new(Id::Evaluate, column).or(Alternative {
        column: Column::numbers(format!("evaluate\n{ms}{short_head}"), short),
        legend,
    })
}

/// Percentages from which on an interval is told to be wide, and not how wide: nothing is read from it.
const WIDE: f64 = 99.5;

/// A percentage that is never rounded to none.
fn percent_of(percent: f64) -> String {
    if percent > 0.0 && percent < 0.5 {
        "<1".into()
    } else if percent >= WIDE {
        ">100".into()
    } else {
        format!("{percent:.0}")
    }
}

/// How the row ended, and what its scheme left to the client.
fn with_client(row: &Row) -> String {
    client_part(row).map_or(String::new(), |part| format!(", {part}"))
}

/// A mark says that a row is not simply `ok`.
fn short_status(row: &Row) -> String {
    let status = marked(row, String::new());
    match status.strip_prefix("ok ") {
        Some(marks) => marks.to_owned(),
        None => status,
    }
}

fn marked(row: &Row, more: String) -> String {
    let busy = match row.busy {
        Some(_) => format!(" {BUSY}"),
        None => String::new(),
    };
    let imprecise = match row.imprecise() {
        Some(_) => format!(" {IMPRECISE}"),
        None => String::new(),
    };
    let unranked = if row.lacks_setup() {
        format!(" {UNRANKED}")
    } else {
        String::new()
    };
    format!("{}{unranked}{imprecise}{busy}{more}", row.status)
}

/// What the client computes in the clear, if anything: `client: step`.
pub(crate) fn client_part(row: &Row) -> Option<String> {
    let computes = &row.setup.as_ref()?.client_computes;
    (!computes.is_empty()).then(|| format!("client: {}", computes.join(", ")))
}

/// A metric: four decimals are what a data set of some hundred rows can tell apart.
pub(crate) fn value(value: f64) -> String {
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

/// Half of the interval of a mean over seeds, as it stands beside the mean.
pub(crate) fn beside(interval: Option<Interval>) -> String {
    interval.map_or(String::new(), |Interval { low, high }| {
        format!(" ± {}", value((high - low) / 2.0))
    })
}

/// The security bits against the server, with the mark.
pub(crate) fn bits(row: &Row) -> String {
    let Some(bits) = row.security_bits() else {
        return String::new();
    };
    let bits = match row.protection() {
        Some(Protection::None) => "none".into(),
        Some(Protection::TransportOnly) => "transport".into(),
        _ if row.level_is_stated() => format!("{bits} stated"),
        _ => bits.to_string(),
    };
    if row.insecure() {
        bits + " " + INSECURE
    } else {
        bits
    }
}
