//! The table of a page: every column that tells rows apart, and which of them are shown at first.

use hexperiment_diagnostics::printable::line as seen;
use hexperiment_experiment::measure::Interval;
use hexperiment_experiment::record::{Clock, Status};
use hexperiment_experiment::summary::{COLUMNS, Field, Row, axes};
use hexperiment_scheme::security::Protection;

use super::spaced;
use crate::first_table::{
    BUSY, IMPRECISE, INSECURE, UNRANKED, beside, client_part, headline, same, value,
};
use crate::machines::Kinds;
use crate::notes::in_one_line;
use crate::units::{bytes, significant};

/// When a column is shown, as long as the reader does not choose.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Room {
    /// On a phone, too.
    Narrow,
    /// Where there is room.
    Wide,
    /// Only if it is chosen.
    Chosen,
}

/// A column.
pub(super) struct Column {
    /// Its name, unique in the table.
    pub(super) key: String,
    pub(super) head: String,
    pub(super) room: Room,
    pub(super) is_number: bool,
    /// A cell for each row.
    pub(super) cells: Vec<Cell>,
}

/// What stands in one place.
#[derive(Clone, Default)]
pub(super) struct Cell {
    pub(super) text: String,
    /// What stands below it, smaller, and whether it warns.
    pub(super) under: Vec<(String, bool)>,
    /// What stands below it on a phone, which has no room for the columns of the matrix.
    pub(super) point: Option<String>,
    /// What it is sorted by, where it is a number.
    pub(super) number: Option<f64>,
}

impl Cell {
    fn words(text: impl Into<String>) -> Self {
        Self {
            text: text.into(),
            ..Self::default()
        }
    }

    fn number(number: f64, text: String) -> Self {
        Self {
            number: Some(number),
            ..Self::words(text)
        }
    }
}

/// Columns of `summary.csv` that the first ones of this table show in another way, or that its
/// heading tells.
const SHOWN_OTHERWISE: [&str; 25] = [
    "experiment",
    "started",
    "cell",
    "scheme",
    "label",
    "status",
    "reason",
    "metric",
    "value",
    "plaintext_value",
    "value_low",
    "value_high",
    "plaintext_value_low",
    "plaintext_value_high",
    "max_abs_error",
    "total_ms_per_sample",
    "evaluate_ms",
    "evaluate_ms_low",
    "evaluate_ms_high",
    "ciphertext_bytes",
    "result_bytes",
    "key_bytes",
    "protection",
    "security_bits",
    "server_sees",
];

/// Columns that can be chosen where they say the same of all rows, too: what was demanded, and what came of it.
const DEMANDS: [&str; 5] = [
    "clipping_error",
    "encryption",
    "failure_log2",
    "precision_demanded",
    "precision_met",
];

/// The columns, in order.
pub(super) fn columns(rows: &[Row], clock: Clock) -> Vec<Column> {
    let kinds = Kinds::of(rows);
    let named = |row: &Row| label(row, &kinds);
    let mut all = vec![column("label", "scheme", Room::Narrow, rows, named)];
    all.extend(axes(rows).into_iter().map(|key| {
        let head = axis_name(key);
        // On a phone they stand below the label.
        column(key, &head, Room::Wide, rows, |row| {
            let text = row.axis(key).to_string();
            let number = text.parse().ok();
            Cell {
                number,
                ..Cell::words(text)
            }
        })
    }));
    all.extend(quality(rows));
    all.extend(times(rows, clock));
    let sizes = [
        ("up", "ciphertext_bytes"),
        ("down", "result_bytes"),
        ("keys", "key_bytes"),
    ];
    all.extend(sizes.map(|(head, of)| column(of, head, Room::Wide, rows, |row| summary(row, of))));
    all.push(column(
        "both_ways",
        "both ways",
        Room::Chosen,
        rows,
        both_ways,
    ));
    all.push(column(
        "sees",
        "the server sees",
        Room::Chosen,
        rows,
        |row| {
            let setup = row.setup.as_ref();
            Cell::words(setup.map_or("", |s| s.parameters.server_sees.as_str()))
        },
    ));
    let others = COLUMNS
        .iter()
        .filter(|c| !SHOWN_OTHERWISE.contains(&c.name))
        .filter(|c| match same(rows, c.name) {
            None => true,
            Some(text) => DEMANDS.contains(&c.name) && !text.is_empty(),
        });
    all.extend(others.map(|c| {
        column(c.name, &head_of(c.name), Room::Chosen, rows, |row| {
            summary(row, c.name)
        })
    }));
    all
}

/// The headline metric, that in the clear, the largest error.
fn quality(rows: &[Row]) -> [Column; 3] {
    let metric = headline(rows);
    let name = metric.map_or("metric".into(), spaced);
    let found = column("value", &name, Room::Narrow, rows, |row| {
        let Some(m) = row.headline() else {
            return Cell::default();
        };
        let mut under = match metric {
            Some(_) => vec![],
            None => vec![(spaced(&m.name), false)],
        };
        under.extend(half_width(row.intervals(&m.name).value));
        Cell {
            under,
            ..Cell::number(m.value, value(m.value))
        }
    });
    let in_clear = |row: &Row| {
        let metric = row.headline()?;
        Some((metric.plaintext?, row.intervals(&metric.name).plaintext))
    };
    let clear = column("clear", "in the clear", Room::Wide, rows, |row| {
        in_clear(row).map_or(Cell::default(), |(x, interval)| Cell {
            under: half_width(interval).into_iter().collect(),
            ..Cell::number(x, value(x))
        })
    });
    let error = column("error", "max error", Room::Wide, rows, error);
    [found, clear, error]
}

/// Half of the interval of a mean over seeds, as it stands below the mean.
fn half_width(interval: Option<Interval>) -> Option<(String, bool)> {
    let text = beside(interval);
    (!text.is_empty()).then(|| (text.trim().to_owned(), false))
}

/// Time, and beside it the security that it buys.
fn times(rows: &[Row], clock: Clock) -> [Column; 3] {
    let ms = match clock {
        Clock::Wall => "ms",
        Clock::Cpu => "CPU ms",
    };
    let head = format!("{ms} per sample");
    let per_sample = |row: &Row| {
        let found = row
            .measured
            .as_ref()
            .and_then(|m| m.total_ms_per_sample(clock));
        found.map_or(Cell::default(), |x| Cell::number(x, significant(x, 3)))
    };
    let per_sample = column("per_sample", &head, Room::Narrow, rows, per_sample);
    let security = column("security", "security, bits", Room::Narrow, rows, security);
    let head = format!("evaluate, {ms}");
    let evaluate = column("evaluate", &head, Room::Wide, rows, |row| {
        let Some(m) = &row.measured else {
            return Cell::default();
        };
        let e = m.evaluation(clock);
        let under = e.interval.map(|i| {
            let [low, high] = [i.low, i.high].map(|x| significant(x, 3));
            (format!("{low} to {high}"), false)
        });
        Cell {
            under: under.into_iter().collect(),
            ..Cell::number(e.median, significant(e.median, 3))
        }
    });
    [per_sample, security, evaluate]
}

/// The largest error, and below it what the task bears, and what noise the circuit states.
fn error(row: &Row) -> Cell {
    let Some(m) = &row.measured else {
        return Cell::default();
    };
    let under = m.errors.precision.iter().flat_map(|p| {
        let said = |x: f64, what: &str| format!("{} {what}", significant(x, 2));
        let stated = (p.claimed > 0.0).then(|| (said(p.claimed, "stated"), false));
        let wanted = (said(p.demanded, "wanted"), !p.is_met());
        std::iter::once(wanted).chain(stated)
    });
    Cell {
        under: under.collect(),
        ..Cell::number(m.errors.max_abs, significant(m.errors.max_abs, 2))
    }
}

/// The bytes of ciphertexts in both directions, which sentences compare.
fn both_ways(row: &Row) -> Cell {
    row.measured.as_ref().map_or(Cell::default(), |m| {
        let sent = m.traffic.upload_bytes + m.traffic.download_bytes;
        Cell::number(sent as f64, bytes(sent))
    })
}

/// `task.local_rounds` as `local rounds`.
pub(super) fn axis_name(key: &str) -> String {
    spaced(key.rsplit('.').next().unwrap_or(key))
}

fn column(key: &str, head: &str, room: Room, rows: &[Row], cell: impl Fn(&Row) -> Cell) -> Column {
    let cells: Vec<Cell> = rows.iter().map(cell).collect();
    let is_number = cells
        .iter()
        .all(|c| c.number.is_some() || c.text.is_empty());
    Column {
        key: key.to_owned(),
        head: head.to_owned(),
        room,
        is_number,
        cells,
    }
}

/// `peak_rss_bytes` as `peak rss`: its cells have units.
fn head_of(name: &str) -> String {
    let name = name.strip_suffix("_bytes").unwrap_or(name);
    match name.strip_suffix("_ms") {
        Some(phase) => format!("{}, ms", spaced(phase)),
        None => spaced(name),
    }
}

/// What stands in a column of `summary.csv`.
fn summary(row: &Row, name: &str) -> Cell {
    match row.column(name) {
        Some(Field::Count(n)) if name.ends_with("_bytes") => Cell::number(n as f64, bytes(n)),
        Some(Field::Count(n)) => Cell::number(n as f64, n.to_string()),
        Some(Field::Number(x)) => Cell::number(x, significant(x, 3)),
        Some(Field::Text(text)) => Cell::words(text),
        Some(Field::Empty) | None => Cell::default(),
    }
}

/// The label with how the row ended and what a reader must know of it.
fn label(row: &Row, kinds: &Kinds<'_>) -> Cell {
    let mut under = Vec::new();
    if row.status != Status::Ok {
        under.push((row.status.to_string(), true));
    }
    if row.lacks_setup() {
        under.push((UNRANKED.into(), true));
    }
    if row.imprecise().is_some() {
        under.push((IMPRECISE.into(), true));
    }
    if row.busy.is_some() {
        under.push((BUSY.into(), true));
    }
    let place = row.measured.as_ref().and_then(|_| kinds.place(row));
    under.extend(place.map(|place| (seen(&place).into_owned(), true)));
    under.extend(client_part(row).map(|part| (part, false)));
    let point = row.cell.point.keys();
    let point = point.map(|key| format!("{} {}", axis_name(key), row.axis(key)));
    let point: Vec<String> = point.collect();
    Cell {
        point: (!point.is_empty()).then(|| point.join(", ")),
        under,
        ..Cell::words(&row.cell.label)
    }
}

/// The bits, and whom a reader has to trust.
fn security(row: &Row) -> Cell {
    let (Some(bits), Some(protection)) = (row.security_bits(), row.protection()) else {
        return Cell::default();
    };
    let (text, number, under) = match protection {
        Protection::Encrypted => (bits.to_string(), f64::from(bits), None),
        Protection::TransportOnly => ("transport".into(), 0.0, Some("server sees all")),
        Protection::None => ("none".into(), -1.0, Some("server sees all")),
    };
    let insecure = row.insecure().then(|| INSECURE.to_owned());
    let under = insecure.into_iter().chain(under.map(str::to_owned));
    Cell {
        under: under.map(|text| (text, true)).collect(),
        ..Cell::number(number, text)
    }
}

/// Why a row has no numbers.
pub(super) fn reason(row: &Row) -> Option<String> {
    let is_empty = row.measured.is_none();
    is_empty.then(|| format!("{}: {}", row.status, in_one_line(&row.reason)))
}
