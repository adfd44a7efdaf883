//! Reading a delimited file into columns of numbers and of text.

mod faults;
mod fields;
mod format;

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use super::one_hot::{Categories, Vocabulary};
use super::registry::Table;
use super::signature::refuse_other_formats;
use faults::Faults;
use fields::{is_missing, number};
use hexperiment_diagnostics::Complaint;
use hexperiment_diagnostics::printable::quoted;

pub(super) use fields::Classes;
pub(super) use format::{CsvFormat, check_names};

/// Columns of numbers, NaN where missing, and of text.
#[derive(Debug, Default)]
pub(super) struct Columns {
    pub(super) numbers: Vec<(String, Vec<f64>)>,
    /// Of the columns whose numbers stand for categories, the categories.
    pub(super) vocabularies: BTreeMap<String, Vocabulary>,
    pub(super) texts: Vec<(String, Vec<String>)>,
    /// The line of each row, from 1.
    pub(super) lines: Vec<usize>,
    /// Rows with a field that is missing in a column that is left out.
    pub(super) gaps_left_out: BTreeSet<usize>,
    /// Whether gaps say something, as that an image has no colours: whatever the policy, they are
    /// kept.
    pub(super) gaps_are_meant: bool,
}

impl From<Table> for Columns {
    fn from(table: Table) -> Self {
        let rows = table.numbers.first().map_or(0, |(_, xs)| xs.len());
        Self {
            numbers: table.numbers,
            texts: table.texts,
            lines: (1..=rows).collect(),
            gaps_are_meant: table.gaps_are_meant,
            ..Self::default()
        }
    }
}

/// A file of one column has a missing value where it has an empty line, which the reader of CSV
/// would pass over: each but those at the end becomes an empty field. Text in quotes may have empty
/// lines of its own, and is left as it is.
fn with_empty_fields(bytes: &[u8], delimiter: char) -> Cow<'_, [u8]> {
    let lines = || bytes.split_inclusive(|byte| *byte == b'\n');
    let is_empty = |line: &[u8]| line.iter().all(u8::is_ascii_whitespace);
    let head = lines().position(|line| !is_empty(line));
    let last = bytes.trim_ascii_end().len();
    let delimiter = u8::try_from(delimiter).unwrap_or(b',');
    let (Some(head), false) = (head, bytes.contains(&delimiter) || bytes.contains(&b'"')) else {
        return Cow::Borrowed(bytes);
    };
    let mut filled = Vec::with_capacity(bytes.len());
    let mut at = 0;
    for (number, line) in lines().enumerate() {
        if is_empty(line) && number > head && at < last {
            filled.extend_from_slice(b"\"\"\n");
        } else {
            filled.extend_from_slice(line);
        }
        at += line.len();
    }
    Cow::Owned(filled)
}

/// Reads `bytes`, the contents of `file`.
pub(super) fn read(
    bytes: &[u8],
    file: &Path,
    format: &CsvFormat<'_>,
) -> Result<Columns, Vec<Complaint>> {
    let one = |c: Complaint| vec![c];
    let bytes = bytes.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(bytes);
    if bytes.iter().all(u8::is_ascii_whitespace) {
        return Err(one(empty(file)));
    }
    refuse_other_formats(bytes, file).map_err(one)?;
    let mut reader = csv::ReaderBuilder::new();
    reader
        .delimiter(u8::try_from(format.delimiter).unwrap_or(b','))
        .has_headers(false)
        .flexible(true)
        .trim(csv::Trim::All);
    let filled = with_empty_fields(bytes, format.delimiter);
    let bytes = filled.as_ref();
    let mut reader = reader.from_reader(bytes);
    let mut records = reader.records();
    let first = match records.next() {
        Some(Ok(record)) => record,
        Some(Err(e)) => return Err(one(csv_error(file, bytes, &e))),
        None => return Err(one(empty(file))),
    };
    let names: Vec<String> = if format.header {
        first.iter().map(str::to_owned).collect()
    } else {
        (0..first.len()).map(|i| format!("c{i}")).collect()
    };
    check_names(file, &names, format).map_err(one)?;

    let mut columns = Columns::default();
    let mut cells: Vec<Cells> = names.iter().map(|n| Cells::of(n, format)).collect();
    let mut faults = Faults::default();
    let mut lines = Lines {
        bytes,
        at: 0,
        line: 1,
    };
    let head = (!format.header).then_some(Ok(first));
    for record in head.into_iter().chain(records) {
        let record = record.map_err(|e| one(csv_error(file, bytes, &e)))?;
        let line = lines.of(record.position());
        if record.len() != names.len() {
            faults.add(None, line, || {
                let (found, expected) = (record.len(), names.len());
                format!("found {found} fields, expected {expected} as in the first line")
            });
            continue;
        }
        columns.lines.push(line);
        for (place, (field, cell)) in record.iter().zip(&mut cells).enumerate() {
            if matches!(cell, Cells::Dropped) && is_missing(field, format.missing_marker) {
                columns.gaps_left_out.insert(columns.lines.len() - 1);
            }
            if let Err(expected) = cell.push(field, format.missing_marker) {
                faults.add(Some(place), line, || {
                    let (name, found) = (&names[place], quoted(field));
                    format!("column `{name}`: found {found}, expected {expected}")
                });
            }
        }
    }
    if columns.lines.is_empty() && faults.is_empty() {
        let problem = "found column names but no rows, expected at least two rows";
        return Err(one(Complaint::new(file, problem)
            .at_line(1)
            .help("get the file anew, or check `path`")));
    }
    faults.told(file, |place| match place {
        Some(place) => what_to_do(&names[place], format),
        None => {
            "every row needs a field for each column; quote fields that hold the delimiter".into()
        }
    })?;
    for (name, cell) in names.into_iter().zip(cells) {
        match cell {
            Cells::Numbers(xs) => columns.numbers.push((name, xs)),
            Cells::Classes(classes) => {
                let values = classes.values(file, &name).map_err(one)?;
                columns.numbers.push((name, values));
            }
            Cells::Texts(xs) => columns.texts.push((name, xs)),
            Cells::Categories(categories) => {
                let (codes, vocabulary) = categories.codes();
                columns.vocabularies.insert(name.clone(), vocabulary);
                columns.numbers.push((name, codes));
            }
            Cells::Dropped => {}
        }
    }
    Ok(columns)
}

/// What to do about a field of the column `name` that is no number.
fn what_to_do(name: &str, format: &CsvFormat<'_>) -> String {
    if format.target == Some(name) {
        return "correct the field; or name the value that counts as 1 under [dataset], as in \
                `positive = \"yes\"`, for a target of classes"
            .into();
    }
    format!(
        "correct the field, or name `{name}` in `drop_columns` (not read), in `labels` (kept as \
         text) or in `one_hot` (categories), or give its `missing_marker`"
    )
}

fn empty(file: &Path) -> Complaint {
    let problem = "the file is empty; expected a line of column names, then rows";
    Complaint::new(file, problem).help("get it anew; its download may have failed")
}

/// Finds the lines of records. The reader's own position is where the record before ended, which
/// is short of any line feed after a carriage return and of empty lines.
struct Lines<'a> {
    bytes: &'a [u8],
    at: usize,
    line: usize,
}

impl Lines<'_> {
    /// The line of a record; records are asked for in order.
    fn of(&mut self, position: Option<&csv::Position>) -> usize {
        let from = position
            .map_or(self.at, |p| p.byte() as usize)
            .min(self.bytes.len());
        let blank = self.bytes[from..]
            .iter()
            .take_while(|b| matches!(b, b'\r' | b'\n'))
            .count();
        let to = (from + blank).max(self.at);
        self.line += self.bytes[self.at..to]
            .iter()
            .filter(|b| **b == b'\n')
            .count();
        self.at = to;
        self.line
    }
}

enum Cells<'a> {
    Numbers(Vec<f64>),
    Classes(Classes<'a>),
    Texts(Vec<String>),
    Categories(Categories),
    Dropped,
}

impl<'a> Cells<'a> {
    /// For the column called `name`.
    fn of(name: &str, format: &CsvFormat<'a>) -> Self {
        if format.labels.contains(name) {
            Self::Texts(vec![])
        } else if format.drop.contains(name) {
            Self::Dropped
        } else if format.one_hot.contains(name) {
            Self::Categories(Categories::default())
        } else {
            match format.positive {
                Some(positive) if format.target == Some(name) => {
                    Self::Classes(Classes::new(positive))
                }
                _ => Self::Numbers(vec![]),
            }
        }
    }

    /// Takes a field, or says what is expected in its place.
    fn push(&mut self, field: &str, marker: Option<&str>) -> Result<(), &'static str> {
        match self {
            Self::Numbers(xs) => xs.push(number(field, marker)?),
            Self::Classes(classes) => classes.push(field, marker),
            Self::Texts(xs) => xs.push(field.to_owned()),
            Self::Categories(categories) => {
                categories.push((!is_missing(field, marker)).then_some(field));
            }
            Self::Dropped => {}
        }
        Ok(())
    }
}

fn csv_error(file: &Path, bytes: &[u8], error: &csv::Error) -> Complaint {
    let (message, help) = match error.kind() {
        csv::ErrorKind::Utf8 { .. } => (
            "the text is not UTF-8".to_owned(),
            "save the file with the encoding UTF-8",
        ),
        _ => (
            format!("cannot be read as a table: {error}"),
            "check the delimiter and the quotes",
        ),
    };
    let line = Lines {
        bytes,
        at: 0,
        line: 1,
    }
    .of(error.position());
    Complaint::new(file, message).at_line(line).help(help)
}
