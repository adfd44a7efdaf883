//! Reading a delimited file into columns of numbers and of text.

use std::collections::BTreeSet;
use std::path::Path;

use crate::options::suggest;
use crate::source::Complaint;

/// How a file is to be read.
pub(super) struct Layout<'a> {
    pub(super) delimiter: char,
    pub(super) header: bool,
    pub(super) target: Option<&'a str>,
    pub(super) labels: &'a [String],
    pub(super) drop: &'a [String],
    pub(super) missing_marker: Option<&'a str>,
}

/// Columns of numbers, NaN where missing, and of text.
#[derive(Debug, Default)]
pub(super) struct Columns {
    pub(super) numbers: Vec<(String, Vec<f64>)>,
    pub(super) texts: Vec<(String, Vec<String>)>,
    /// The line of each row, from 1.
    pub(super) lines: Vec<usize>,
    /// Rows with a field that is missing in a column that is left out.
    pub(super) gaps_left_out: BTreeSet<usize>,
}

/// Complaints beyond this many are only counted.
const SHOWN: usize = 5;

/// Reads `bytes`, the contents of `file`.
pub(super) fn read(
    bytes: &[u8],
    file: &Path,
    layout: &Layout<'_>,
) -> Result<Columns, Vec<Complaint>> {
    let one = |c: Complaint| vec![c];
    let bytes = bytes.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(bytes);
    if bytes.iter().all(u8::is_ascii_whitespace) {
        return Err(one(empty(file)));
    }
    let mut reader = csv::ReaderBuilder::new()
        .delimiter(u8::try_from(layout.delimiter).unwrap_or(b','))
        .has_headers(false)
        .flexible(true)
        .trim(csv::Trim::All)
        .from_reader(bytes);
    let mut records = reader.records();
    let first = match records.next() {
        Some(Ok(record)) => record,
        Some(Err(e)) => return Err(one(csv_error(file, bytes, &e))),
        None => return Err(one(empty(file))),
    };
    let names: Vec<String> = if layout.header {
        first.iter().map(str::to_owned).collect()
    } else {
        (0..first.len()).map(|i| format!("c{i}")).collect()
    };
    check_names(file, &names, layout).map_err(one)?;
    let kinds: Vec<Kind> = names.iter().map(|n| kind(n, layout)).collect();

    let mut columns = Columns::default();
    let mut cells: Vec<Cells> = kinds.iter().map(|k| Cells::new(*k)).collect();
    let mut complaints = Vec::new();
    let mut lines = Lines {
        bytes,
        at: 0,
        line: 1,
    };
    let head = (!layout.header).then_some(Ok(first));
    for record in head.into_iter().chain(records) {
        let record = record.map_err(|e| one(csv_error(file, bytes, &e)))?;
        let line = lines.of(record.position());
        if record.len() != names.len() {
            complaints.push(
                Complaint::new(
                    file,
                    format!(
                        "found {} fields, expected {} as in the first line",
                        record.len(),
                        names.len()
                    ),
                )
                .at_line(line)
                .help(
                    "every row needs a field for each column; quote fields that hold the delimiter",
                ),
            );
            continue;
        }
        columns.lines.push(line);
        for ((field, cell), name) in record.iter().zip(&mut cells).zip(&names) {
            if matches!(cell, Cells::Dropped) && is_missing(field, layout.missing_marker) {
                columns.gaps_left_out.insert(columns.lines.len() - 1);
            }
            if let Err(problem) = cell.push(field, layout.missing_marker) {
                complaints.push(
                    Complaint::new(file, format!("column `{name}`: {problem}"))
                        .at_line(line)
                        .help(format!(
                            "correct the field, or name `{name}` in `drop_columns` (not read) or in \
                             `labels` (kept as text), or give its `missing_marker`"
                        )),
                );
            }
        }
    }
    if columns.lines.is_empty() && complaints.is_empty() {
        let problem = "found column names but no rows, expected at least two rows";
        return Err(one(Complaint::new(file, problem)
            .at_line(1)
            .help("get the file anew, or check `path`")));
    }
    if !complaints.is_empty() {
        let more = complaints.len().saturating_sub(SHOWN);
        complaints.truncate(SHOWN);
        if more > 0 {
            complaints.push(Complaint::new(file, format!("and {more} more of the kind")));
        }
        return Err(complaints);
    }
    for (name, cell) in names.into_iter().zip(cells) {
        match cell {
            Cells::Numbers(xs) => columns.numbers.push((name, xs)),
            Cells::Texts(xs) => columns.texts.push((name, xs)),
            Cells::Dropped => {}
        }
    }
    Ok(columns)
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

#[derive(Clone, Copy)]
enum Kind {
    Number,
    Text,
    Dropped,
}

enum Cells {
    Numbers(Vec<f64>),
    Texts(Vec<String>),
    Dropped,
}

impl Cells {
    fn new(kind: Kind) -> Self {
        match kind {
            Kind::Number => Self::Numbers(vec![]),
            Kind::Text => Self::Texts(vec![]),
            Kind::Dropped => Self::Dropped,
        }
    }

    fn push(&mut self, field: &str, marker: Option<&str>) -> Result<(), String> {
        match self {
            Self::Numbers(xs) => xs.push(number(field, marker)?),
            Self::Texts(xs) => xs.push(field.to_owned()),
            Self::Dropped => {}
        }
        Ok(())
    }
}

fn is_missing(field: &str, marker: Option<&str>) -> bool {
    let equal = |m: &str| m.parse::<f64>().is_ok_and(|m| field.parse() == Ok(m));
    field.is_empty() || field == "NA" || marker.is_some_and(|m| m == field || equal(m))
}

/// A number, NaN where the field marks a missing one.
fn number(field: &str, marker: Option<&str>) -> Result<f64, String> {
    if is_missing(field, marker) {
        return Ok(f64::NAN);
    }
    let x: f64 = field
        .parse()
        .map_err(|_| format!("found {}, expected a number such as 3 or 2.5", shown(field)))?;
    if x.is_finite() {
        Ok(x)
    } else {
        Err(format!("found {}, expected a finite number", shown(field)))
    }
}

/// A field in quotes, its beginning if it is long: a quote that is never closed takes all that
/// follows.
fn shown(field: &str) -> String {
    const LENGTH: usize = 40;
    match field.char_indices().nth(LENGTH) {
        Some((end, _)) => format!("{:?}…", &field[..end]),
        None => format!("{field:?}"),
    }
}

fn kind(name: &str, layout: &Layout<'_>) -> Kind {
    let among = |names: &[String]| names.iter().any(|n| n == name);
    if among(layout.labels) {
        Kind::Text
    } else if among(layout.drop) {
        Kind::Dropped
    } else {
        Kind::Number
    }
}

/// Complains of a name twice, and of a wanted column that is not there.
pub(super) fn check_names(
    file: &Path,
    names: &[String],
    layout: &Layout<'_>,
) -> Result<(), Complaint> {
    for (i, name) in names.iter().enumerate() {
        if names[..i].contains(name) {
            let problem = format!("found two columns called `{name}`, expected each name once");
            return Err(Complaint::new(file, problem)
                .at_line(1)
                .help("rename one in the file"));
        }
    }
    let wanted = layout
        .target
        .into_iter()
        .chain(layout.labels.iter().chain(layout.drop).map(String::as_str));
    for name in wanted {
        if !names.iter().any(|n| n == name) {
            let known = names.iter().map(String::as_str);
            let hint = suggest(name, known.clone())
                .map(|s| format!("did you mean `{s}`? "))
                .unwrap_or_default();
            let known: Vec<&str> = known.take(20).collect();
            return Err(Complaint::new(file, format!("there is no column `{name}`"))
                .at_line(1)
                .help(format!("{hint}columns: {}", known.join(", "))));
        }
    }
    Ok(())
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
