//! What numbers alone do not say: what the server sees, what the client does, why a cell ended.

use hexperiment_core::record::Status;
use hexperiment_core::security::Protection;
use hexperiment_core::summary::Row;

use crate::first_table::INSECURE;
use crate::units::{bytes, counted};

/// Repetitions from which on an interval is a bootstrap's (see [`Estimate`]).
///
/// [`Estimate`]: hexperiment_core::measure::Estimate
const FEW: usize = 6;

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

    /// `[1] The server sees …`
    pub(crate) fn lines(&self) -> Vec<(String, String)> {
        (1..)
            .zip(&self.texts)
            .map(|(n, text)| (format!("[{n}] "), format!("the server sees {text}")))
            .collect()
    }
}

fn sees(row: &Row) -> Option<String> {
    let setup = row.setup.as_ref()?;
    let security = &setup.parameters.security;
    let prefix = match security.protection {
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
                format!("{}: {}", row.status, in_one_line(&row.reason)),
            )
        })
        .collect()
}

/// A complaint has its way out on a line of its own; here both follow one another.
pub(crate) fn in_one_line(reason: &str) -> String {
    reason.replace("\n  help: ", "; help: ")
}

/// What a reader must know about rows: labels, and the note. Rows with the same note share it.
pub(crate) fn remarks(rows: &[Row], processors: usize) -> Vec<(String, String)> {
    let mut all: Vec<(String, Vec<&str>)> = Vec::new();
    for row in rows {
        for note in of(row).into_iter().chain(crowded(row, processors)) {
            match all.iter_mut().find(|(text, _)| *text == note) {
                Some((_, labels)) => labels.push(row.name()),
                None => all.push((note, vec![row.name()])),
            }
        }
    }
    all.into_iter()
        .map(|(note, labels)| match labels.len() {
            n if n == rows.len() && n > 1 => ("all".into(), note),
            _ => (
                shared(rows, &labels).unwrap_or_else(|| labels.join(", ")),
                note,
            ),
        })
        .collect()
}

/// `all at features = 3`: what rows have in common, if they are all those of one value.
fn shared(rows: &[Row], names: &[&str]) -> Option<String> {
    let first = rows.iter().find(|row| row.name() == names[0])?;
    (names.len() > 1).then_some(())?;
    first.cell.point.iter().find_map(|(key, value)| {
        let has = |row: &&Row| row.cell.point.get(key) == Some(value);
        let all: Vec<&str> = rows.iter().filter(has).map(Row::name).collect();
        let option = key.rsplit('.').next().unwrap_or(key);
        (all == names).then(|| format!("all at {option} = {value}"))
    })
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
                setup.parameters.security.bits, row.demanded_bits
            ));
        }
        if !setup.client_computes.is_empty() {
            notes.push(format!(
                "the client computes after decryption, in clear: {}",
                setup.client_computes.join(", ")
            ));
        }
        if let Some(text) = &setup.parameters.quantisation {
            notes.push(format!("quantisation: {text}"));
        }
    }
    if let Some(measured) = &row.measured {
        let traffic = &measured.traffic;
        if (2..FEW).contains(&measured.repetitions) {
            notes.push(format!(
                "{} repetitions only: their interval is the whole range",
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
