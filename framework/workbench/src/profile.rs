//! What was read of a CSV: columns with their kinds and gaps, and what is wrong, line by line.
//!
//! This looks at a file once, field by field, and keeps none of it: a file of 100 MB takes no more memory
//! than one of a kilobyte. The run reads it again, by the reader of all data sets.

use std::collections::BTreeMap;
use std::io::BufReader;
use std::path::Path;

use hexperiment_diagnostics::{files, printable};
use serde::Serialize;

/// Complaints that are told; the rest is counted.
const MOST_COMPLAINTS: usize = 20;

/// Values that people write where one is missing, besides an empty field and `NA`.
const MARKERS: [&str; 12] = [
    "-999.0", "-999", "-9999", "-9999.0", "-99", "-99.0", "NaN", "nan", "null", "NULL", "?", "-",
];

/// Columns that a file may have.
const MOST_COLUMNS: usize = 10_000;

/// A table, as far as it is known without being computed with.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Profile {
    pub(crate) rows: u64,
    pub(crate) columns: Vec<Column>,
    /// What seems to stand for a missing value.
    pub(crate) marker: Option<String>,
    /// What is wrong, with lines; the first ones.
    pub(crate) complaints: Vec<String>,
    pub(crate) further_complaints: u64,
}

/// A column.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub(crate) struct Column {
    pub(crate) name: String,
    pub(crate) numbers: u64,
    pub(crate) texts: u64,
    pub(crate) gaps: u64,
    pub(crate) least: Option<f64>,
    pub(crate) most: Option<f64>,
    /// A text in it, the first.
    pub(crate) example: Option<String>,
    /// Whether all its numbers are 0 or 1.
    pub(crate) is_binary: bool,
    /// Whether its numbers are all the same.
    pub(crate) is_constant: bool,
    /// The values that are found in it, as they are written: the first four.
    values: Vec<String>,
    #[serde(skip)]
    markers: BTreeMap<&'static str, u64>,
    /// The lines of its first texts, should it be a column of numbers.
    #[serde(skip)]
    odd: Vec<(u64, String)>,
}

/// What a column holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Numbers,
    Text,
    Empty,
}

impl Column {
    pub(crate) fn kind(&self) -> Kind {
        match (self.numbers, self.texts) {
            (0, 0) => Kind::Empty,
            // A few fields that are no numbers are mistakes in a column of numbers.
            (numbers, texts) if numbers >= 9 * texts => Kind::Numbers,
            _ => Kind::Text,
        }
    }

    /// The two values that it has, in order of the alphabet, where these are texts: classes by their names.
    pub(crate) fn classes(&self, marker: Option<&str>) -> Option<[&str; 2]> {
        let values = self.values.iter().map(String::as_str);
        let mut values: Vec<&str> = values.filter(|value| Some(*value) != marker).collect();
        values.sort_unstable();
        match values.as_slice() {
            [a, b] if self.kind() == Kind::Text => Some([a, b]),
            _ => None,
        }
    }

    fn take(&mut self, field: &str, line: u64) {
        if let Some(marker) = MARKERS.iter().find(|marker| **marker == field) {
            *self.markers.entry(marker).or_default() += 1;
        }
        if field.is_empty() || field == "NA" {
            self.gaps += 1;
            return;
        }
        // Two classes, a marker, and one that says that they are more.
        if self.values.len() < 4 && !self.values.iter().any(|known| known == field) {
            self.values.push(printable::cut(field, 200).into_owned());
        }
        match field.parse::<f64>() {
            Ok(x) if x.is_finite() => {
                self.numbers += 1;
                // A gap is no value.
                if MARKERS.contains(&field) && field.starts_with("-9") {
                    return;
                }
                self.is_binary = (self.least.is_none() || self.is_binary) && (x == 0.0 || x == 1.0);
                self.least = Some(self.least.map_or(x, |least| least.min(x)));
                self.most = Some(self.most.map_or(x, |most| most.max(x)));
            }
            _ => {
                self.texts += 1;
                if self.example.is_none() {
                    self.example = Some(printable::cut(field, 40).into_owned());
                }
                if self.odd.len() < MOST_COMPLAINTS {
                    self.odd
                        .push((line, printable::cut(field, 40).into_owned()));
                }
            }
        }
    }
}

impl Profile {
    /// Looks at a file, whose fields are separated by commas.
    ///
    /// What makes it no table at all is an error.
    pub(crate) fn of(path: &Path) -> Result<Self, String> {
        let file = files::open(path, "a CSV", "drop another one").map_err(|c| c.message)?;
        let mut reader = csv::ReaderBuilder::new()
            .flexible(true)
            .trim(csv::Trim::All)
            .from_reader(BufReader::with_capacity(1 << 18, file));
        let heads = reader.byte_headers().map_err(|e| e.to_string())?.clone();
        let names = heads
            .iter()
            .map(|name| std::str::from_utf8(name.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(name)))
            .collect::<Result<Vec<_>, _>>()
            .map_err(|_| NO_TEXT.to_owned())?;
        check_names(&names)?;
        let mut columns: Vec<Column> = names
            .iter()
            .map(|name| Column {
                name: (*name).to_owned(),
                ..Column::default()
            })
            .collect();
        let (mut rows, mut complaints) = (0, Complaints::default());
        let mut record = csv::ByteRecord::new();
        loop {
            match reader.read_byte_record(&mut record) {
                Ok(false) => break,
                Ok(true) => {}
                Err(e) => return Err(format!("cannot be read as a table: {e}")),
            }
            let line = record.position().map_or(0, csv::Position::line);
            if record.len() != columns.len() {
                let (found, expected) = (record.len(), columns.len());
                complaints.add(line, || {
                    format!("found {found} fields, expected {expected} as in the first line")
                });
                continue;
            }
            rows += 1;
            for (field, column) in record.iter().zip(&mut columns) {
                match std::str::from_utf8(field) {
                    Ok(field) if !field.contains('\0') => column.take(field, line),
                    _ => return Err(format!("line {line}: {NO_TEXT}")),
                }
            }
        }
        if rows == 0 && complaints.all == 0 {
            return Err("found column names but no rows, expected at least two rows".into());
        }
        Ok(Self::finished(rows, columns, complaints))
    }

    fn finished(rows: u64, mut columns: Vec<Column>, mut complaints: Complaints) -> Self {
        let mut counts: BTreeMap<&str, u64> = BTreeMap::new();
        for (marker, count) in columns.iter().flat_map(|c| &c.markers) {
            *counts.entry(marker).or_default() += count;
        }
        let marker = counts
            .into_iter()
            .max_by_key(|(_, count)| *count)
            .map(|(marker, _)| marker);
        for column in &mut columns {
            if let Some((marker, count)) = marker.and_then(|m| Some((m, *column.markers.get(m)?))) {
                column.gaps += count;
                // It was counted as what it looks like.
                if marker.parse::<f64>().is_ok_and(f64::is_finite) {
                    column.numbers -= count;
                } else {
                    column.texts -= count;
                    column.odd.retain(|(_, found)| found != marker);
                }
            }
            column.is_constant = column.least.is_some() && column.least == column.most;
            if column.kind() == Kind::Numbers && column.texts > 0 {
                let name = printable::line(&column.name);
                for (line, found) in &column.odd {
                    complaints.add(*line, || {
                        format!(
                            "column {name}: found {}, expected a number or a gap",
                            printable::quoted(found)
                        )
                    });
                }
                complaints.all += column.texts - (column.odd.len() as u64).min(column.texts);
            }
        }
        complaints.told.sort_by_key(|(line, _)| *line);
        let told: Vec<String> = complaints
            .told
            .into_iter()
            .map(|(line, words)| format!("line {line}: {words}"))
            .collect();
        Self {
            rows,
            columns,
            marker: marker.map(str::to_owned),
            further_complaints: complaints.all.saturating_sub(told.len() as u64),
            complaints: told,
        }
    }

    pub(crate) fn gaps(&self) -> u64 {
        self.columns.iter().map(|column| column.gaps).sum()
    }

    pub(crate) fn column(&self, name: &str) -> Option<&Column> {
        self.columns.iter().find(|column| column.name == name)
    }
}

const NO_TEXT: &str = "found bytes that are not text, expected a CSV in UTF-8";

fn check_names(names: &[&str]) -> Result<(), String> {
    if names.len() > MOST_COLUMNS {
        return Err(format!(
            "found {} columns, expected at most {MOST_COLUMNS}",
            names.len()
        ));
    }
    if names.iter().any(|name| name.contains('\0')) {
        return Err(NO_TEXT.into());
    }
    if names.len() < 2 {
        let found = names
            .first()
            .map(|name| printable::quoted(name))
            .unwrap_or_default();
        return Err(format!(
            "line 1: found {found}, expected the names of several columns, separated by commas"
        ));
    }
    let mut sorted = names.to_vec();
    sorted.sort_unstable();
    match sorted.windows(2).find(|pair| pair[0] == pair[1]) {
        Some(pair) => Err(format!(
            "line 1: found the column {} twice, expected each once",
            printable::quoted(pair[0])
        )),
        None => Ok(()),
    }
}

#[derive(Default)]
struct Complaints {
    told: Vec<(u64, String)>,
    all: u64,
}

impl Complaints {
    fn add(&mut self, line: u64, words: impl FnOnce() -> String) {
        self.all += 1;
        if self.told.len() < MOST_COMPLAINTS {
            self.told.push((line, words()));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn profile(text: &[u8]) -> Result<Profile, String> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.csv");
        std::fs::write(&path, text).unwrap();
        Profile::of(&path)
    }

    #[test]
    fn columns_are_counted_and_told_apart() {
        let text =
            b"\xEF\xBB\xBFtime,a,b,y,c\n1 May,1.5,-999.0,0,7\n2 May,,-999.0,1,7\n3 May,NA,3,0,7\n";
        let found = profile(text).unwrap();
        assert_eq!((found.rows, found.gaps()), (3, 4));
        assert_eq!(found.marker.as_deref(), Some("-999.0"));
        let kinds: Vec<Kind> = found.columns.iter().map(Column::kind).collect();
        assert_eq!(
            kinds,
            [
                Kind::Text,
                Kind::Numbers,
                Kind::Numbers,
                Kind::Numbers,
                Kind::Numbers
            ]
        );
        let [time, a, b, y, c] = &found.columns[..] else {
            panic!()
        };
        assert_eq!(
            (time.name.as_str(), time.example.as_deref()),
            ("time", Some("1 May"))
        );
        assert_eq!((a.gaps, a.least), (2, Some(1.5)));
        // The marker is no value.
        assert_eq!(
            (b.gaps, b.numbers, b.least, b.most),
            (2, 1, Some(3.0), Some(3.0))
        );
        assert!(y.is_binary && !a.is_binary && c.is_constant && !y.is_constant);
        assert!(found.complaints.is_empty());
    }

    #[test]
    fn classes_are_two_texts() {
        let text =
            "yes,many,one,number,gap\nyes,a,x,1,up\nno,b,x,2,?\nyes,c,x,1,down\nno,a,x,2,?\n";
        let found = profile(text.as_bytes()).unwrap();
        let marker = found.marker.as_deref();
        assert_eq!(marker, Some("?"));
        let classes: Vec<_> = found.columns.iter().map(|c| c.classes(marker)).collect();
        let expect = [Some(["no", "yes"]), None, None, None, Some(["down", "up"])];
        assert_eq!(classes, expect);
    }

    #[test]
    fn complaints_have_lines() {
        let mut text = String::from("a,b\n");
        for line in 0..30 {
            text += if line == 7 {
                "x,2\n"
            } else if line == 9 {
                "1\n"
            } else {
                "1,2\n"
            };
        }
        let found = profile(text.as_bytes()).unwrap();
        assert_eq!(
            found.complaints,
            [
                "line 9: column a: found \"x\", expected a number or a gap",
                "line 11: found 1 fields, expected 2 as in the first line"
            ]
        );
        assert_eq!(found.further_complaints, 0);
        let many = profile(("a,b\n".to_owned() + &"1\n".repeat(100)).as_bytes()).unwrap();
        assert_eq!((many.complaints.len(), many.further_complaints), (20, 80));
    }

    #[test]
    fn what_is_no_table_is_refused() {
        for (text, words) in [
            (&b""[..], "expected the names of several columns"),
            (b"\x89PNG\r\n\x1a\n\0\0", "not text"),
            (b"a,b\n", "no rows"),
            (b"a,b,a\n1,2,3\n", "the column \"a\" twice"),
            (b"just words\nmore\n", "several columns"),
            (b"a,b\n\xff,2\n", "line 2: found bytes"),
        ] {
            let error = profile(text).unwrap_err();
            assert!(error.contains(words), "{error:?} lacks {words:?}");
        }
    }
}
