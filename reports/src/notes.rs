//! What numbers alone do not say: what the server sees, what the client does, why a cell ended.

use hexperiment_experiment::record::{Clock, Status};
use hexperiment_experiment::summary::{Busy, Row};
use hexperiment_scheme::security::failure::Failure;
use hexperiment_scheme::security::{Protection, Quantum};

use crate::facts::{encrypted_by, encryptions};
use crate::first_table::{BUSY, IMPRECISE, INSECURE, NO_SETUP, UNRANKED, value};
use crate::units::{bytes, counted, shortened, significant};

/// Characters of a reason that are shown, at most; `records.jsonl` has all of it.
const REASON: usize = 2000;

/// What servers see, each text once.
pub(crate) struct Footnotes {
    texts: Vec<String>,
}

impl Footnotes {
    /// Of all rows.
    pub(crate) fn new(rows: &[Row]) -> Self {
        let mut texts = Vec::new();
        for text in rows.iter().filter_map(sees) {
            if !texts.contains(&text) {
                texts.push(text);
            }
        }
        Self { texts }
    }

    /// The mark of a row: the protection in a word, and the number of the footnote.
    pub(crate) fn of(&self, row: &Row) -> String {
        let Some(text) = sees(row) else {
            return String::new();
        };
        let number = 1 + self
            .texts
            .iter()
            .position(|t| *t == text)
            .unwrap_or_default();
        match row.protection() {
            Some(Protection::None | Protection::TransportOnly) => format!("ALL [{number}]"),
            _ => format!("[{number}]"),
        }
    }

    /// `[1]`, and what the server sees.
    pub(crate) fn by_number(&self) -> Vec<(String, String)> {
        let numbered = (1..).zip(&self.texts);
        numbered
            .map(|(n, text)| (format!("[{n}] "), format!("the server sees {text}")))
            .collect()
    }

    /// Of which rows, and what the server sees: for a table without the numbers.
    pub(crate) fn by_row(&self, rows: &[Row]) -> Vec<(String, String)> {
        let of = |text: &String| {
            let of = rows.iter().filter(|row| sees(row).as_ref() == Some(text));
            whom(rows, &of.map(Row::name).collect::<Vec<_>>())
        };
        let texts = self.texts.iter();
        texts
            .map(|text| (of(text), format!("the server sees {text}")))
            .collect()
    }
}

/// Rows whose times are not those of a quiet machine, by what tells it, and what to do.
pub(crate) fn busy(rows: &[Row], processors: usize, clock: Clock) -> Vec<(String, String)> {
    let figure = |busy: &Busy| match busy {
        Busy::Shared { share } | Busy::Waited { share } => format!("{:.0} %", 100.0 * share),
        Busy::Stalled { wall_per_cpu } => format!("{} times", significant(*wall_per_cpu, 2)),
        Busy::Loaded { average } => significant(*average, 2),
    };
    let all = |is: fn(&Busy) -> bool, what: String| {
        let of = rows.iter().filter_map(|row| Some((row, row.busy?)));
        let of = of.filter(|(_, busy)| is(busy));
        let words: Vec<String> = of
            .map(|(row, busy)| format!("{} {}", row.name(), figure(&busy)))
            .collect();
        (!words.is_empty()).then(|| (String::new(), format!("{what}: {}", words.join(", "))))
    };
    let on = counted(processors, "processor", "processors");
    let kinds = [
        all(
            |b| matches!(b, Busy::Shared { .. }),
            "share of the processors that others took".into(),
        ),
        all(
            |b| matches!(b, Busy::Waited { .. }),
            "share of their time that threads waited for a processor".into(),
        ),
        all(
            |b| matches!(b, Busy::Stalled { .. }),
            "wall time far above CPU time".into(),
        ),
        all(
            |b| matches!(b, Busy::Loaded { .. }),
            format!("load average on {on}"),
        ),
    ];
    let mut lines: Vec<(String, String)> = kinds.into_iter().flatten().collect();
    if !lines.is_empty() {
        let advice = match clock {
            Clock::Wall => {
                "the times of these rows are not those of a quiet machine: run again on one, or \
                 compare CPU time by `rank_by = \"cpu\"` in [run]"
            }
            Clock::Cpu => {
                "CPU time leaves out the waiting, but not caches and clock rates shared with others"
            }
        };
        lines.push((String::new(), format!("{BUSY}: {advice}")));
    }
    lines
}

fn sees(row: &Row) -> Option<String> {
    let setup = row.setup.as_ref()?;
    let security = &setup.parameters.security;
    let prefix = match security.protection() {
        Protection::TransportOnly => "(encrypted in transport only) ",
        Protection::None | Protection::Encrypted => "",
    };
    Some(format!("{prefix}{}", setup.parameters.server_sees))
}

/// Why rows are not `ok`: label, and status with its reason.
pub(crate) fn ends(rows: &[Row]) -> Vec<(String, String)> {
    rows.iter()
        .filter(|row| row.status != Status::Ok)
        .map(|row| {
            (
                row.name().to_owned(),
                format!(
                    "{}: {}",
                    row.status,
                    shortened(&flat(&in_one_line(&row.reason)), REASON)
                ),
            )
        })
        .collect()
}

fn flat(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// A complaint has its help on a line of its own; here both follow one another.
pub(crate) fn in_one_line(reason: &str) -> String {
    reason.replace("\n  help: ", "; help: ")
}

/// What a reader must know about rows: labels, and the note. Rows with the same note share it.
pub(crate) fn remarks(rows: &[Row], processors: usize) -> Vec<(String, String)> {
    let mut all: Vec<(String, Vec<&str>)> = Vec::new();
    let differ = encryptions(rows).len() > 1;
    for row in rows {
        let encryption = row.encryption().filter(|_| differ);
        let encryption = encryption.map(|encryption| encrypted_by(encryption).to_owned());
        let notes = of(row).into_iter().chain(encryption);
        for note in notes.chain(crowded(row, processors)) {
            match all.iter_mut().find(|(text, _)| *text == note) {
                Some((_, labels)) => labels.push(row.name()),
                None => all.push((note, vec![row.name()])),
            }
        }
    }
    all.into_iter()
        .map(|(note, labels)| (whom(rows, &labels), note))
        .collect()
}

/// What the rows of these names have in common, as short as it can be said: that they are all, all
/// of some schemes, or all at one value of an axis; else their names.
pub(crate) fn whom(rows: &[Row], names: &[&str]) -> String {
    let names_of = |is: &dyn Fn(&Row) -> bool| -> Vec<&str> {
        let some = rows.iter().filter(|row| is(row));
        some.map(Row::name).collect()
    };
    if names.len() == rows.len() && names.len() > 1 {
        return "all".into();
    }
    let mut labels: Vec<&str> = Vec::new();
    for row in rows.iter().filter(|row| names.contains(&row.name())) {
        if !labels.contains(&row.cell.label.as_str()) {
            labels.push(&row.cell.label);
        }
    }
    if names_of(&|row| labels.contains(&row.cell.label.as_str())) == names {
        return labels.join(", ");
    }
    let first = rows.iter().find(|row| names.first() == Some(&row.name()));
    let point = first.into_iter().flat_map(|row| &row.cell.point);
    let mut values = point.filter_map(|(key, value)| {
        let all = names_of(&|row| row.cell.point.get(key) == Some(value));
        let option = key.rsplit('.').next().unwrap_or(key);
        (all == names).then(|| format!("all at {option} = {value}"))
    });
    values.next().unwrap_or_else(|| names.join(", "))
}

/// What was moved into ranges before encryption, and what that did.
fn clipped(row: &Row) -> Option<String> {
    let clipping = row.measured.as_ref()?.errors.clipping?;
    if clipping.values == 0 && clipping.error == 0.0 {
        return None;
    }
    let number = |x| significant(x, 2);
    let without = row.headline().and_then(|metric| {
        let (unclipped, clear) = (metric.unclipped?, metric.plaintext?);
        (unclipped != clear).then(|| {
            format!(
                "; without it the {} in the clear is {} in place of {}",
                metric.name.replace('_', " "),
                value(unclipped),
                value(clear)
            )
        })
    });
    Some(format!(
        "clipping: {} in {} moved into public ranges before encryption, by {} at most in the unit \
         encrypted; in the clear that moves a result by up to {}, which `max error` leaves out{}",
        counted(clipping.values as usize, "value", "values"),
        counted(clipping.columns as usize, "column", "columns"),
        number(clipping.largest_move),
        number(clipping.error),
        without.unwrap_or_default()
    ))
}

fn crowded(row: &Row, processors: usize) -> Option<String> {
    let too_many = row.measured.is_some() && processors > 0 && row.threads > processors;
    too_many.then(|| {
        format!(
            "{} threads on {}: times are not those of so many threads",
            row.threads,
            counted(processors, "processor", "processors")
        )
    })
}

fn of(row: &Row) -> Vec<String> {
    let mut notes = Vec::new();
    if let Some(setup) = &row.setup {
        if row.insecure() {
            notes.push(format!(
                "{INSECURE}: {} bits of security, where {} were demanded and 128 are usual",
                setup.parameters.security.bits(),
                row.demanded_bits
            ));
        }
        if setup.parameters.security.quantum() == Quantum::Broken {
            notes.push(format!("security: {}", Quantum::Broken));
        }
        if let (Some(demanded), false) = (
            setup.failure_demanded,
            setup.parameters.failure == Failure::Impossible,
        ) {
            notes.push(format!(
                "a result of a run is wrong by noise with a probability of at most: {} ({} demanded)",
                setup.parameters.failure,
                Failure::AtMost(demanded.into())
            ));
        }
        if !setup.client_computes.is_empty() {
            notes.push(format!(
                "the client computes after decryption, in the clear: {}",
                setup.client_computes.join(", ")
            ));
        }
        if let Some(text) = &setup.parameters.quantisation {
            notes.push(format!("quantisation: {text}"));
        }
    }
    if row.lacks_setup() {
        notes.push(format!("{UNRANKED}: {NO_SETUP}"));
    }
    if let (Some(precision), Some(measured)) = (row.imprecise(), &row.measured) {
        let number = |x| significant(x, 2);
        notes.push(format!(
            "{IMPRECISE}: `{}` is off by {}, {} times the {} that the task bears (noise stated: at most {}; \
             in all outputs approximation and rounding {}, noise {})",
            precision.output,
            number(precision.observed),
            number(precision.ratio()),
            number(precision.demanded),
            number(precision.claimed),
            number(measured.errors.approximation),
            number(measured.errors.noise)
        ));
    }
    notes.extend(clipped(row));
    if let Some(measured) = &row.measured {
        let traffic = &measured.traffic;
        if measured.repetitions > 1 && measured.evaluate_ms.interval.is_none() {
            notes.push(format!(
                "{} repetitions: too few for a 95 % interval",
                measured.repetitions
            ));
        }
        if traffic.rounds > 1 {
            notes.push(format!(
                "{} rounds between client and server, {} and {}",
                traffic.rounds,
                bytes(traffic.upload_bytes) + " up",
                bytes(traffic.download_bytes) + " down"
            ));
        }
        if traffic.decrypted_midway > 0 {
            notes.push(format!(
                "interactive: the client decrypts {} times before the last round",
                traffic.decrypted_midway
            ));
        }
        notes.extend(measured.notes.iter().cloned());
    }
    notes
}
