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
    /// The target's value that counts as 1; without it the target is a number.
    pub(super) positive: Option<&'a str>,
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

    let mut columns = Columns::default();
    let mut cells: Vec<Cells> = names.iter().map(|n| Cells::of(n, layout)).collect();
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
                        .help(way_out(name, layout)),
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
            Cells::Classes(classes) => {
                let values = classes.values(file, &name).map_err(one)?;
                columns.numbers.push((name, values));
            }
            Cells::Texts(xs) => columns.texts.push((name, xs)),
            Cells::Dropped => {}
        }
    }
    Ok(columns)
}

/// What to do about a field of the column `name` that is no number.
fn way_out(name: &str, layout: &Layout<'_>) -> String {
    if layout.target == Some(name) {
        return "correct the field; or name the value that counts as 1 under [dataset], as in \
                `positive = \"yes\"`, for a target of classes"
            .into();
    }
    format!(
        "correct the field, or name `{name}` in `drop_columns` (not read) or in `labels` (kept as \
         text), or give its `missing_marker`"
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
    Dropped,
}

impl<'a> Cells<'a> {
    /// For the column called `name`.
    fn of(name: &str, layout: &Layout<'a>) -> Self {
        let among = |names: &[String]| names.iter().any(|n| n == name);
        if among(layout.labels) {
            Self::Texts(vec![])
        } else if among(layout.drop) {
            Self::Dropped
        } else {
            match layout.positive {
                Some(positive) if layout.target == Some(name) => {
                    Self::Classes(Classes::new(positive))
                }
                _ => Self::Numbers(vec![]),
            }
        }
    }

    fn push(&mut self, field: &str, marker: Option<&str>) -> Result<(), String> {
        match self {
            Self::Numbers(xs) => xs.push(number(field, marker)?),
            Self::Classes(classes) => classes.push(field, marker),
            Self::Texts(xs) => xs.push(field.to_owned()),
            Self::Dropped => {}
        }
        Ok(())
    }
}

/// A target of classes: 1 where it is `positive`, else 0, NaN where it is missing.
pub(super) struct Classes<'a> {
    positive: &'a str,
    values: Vec<f64>,
    /// Some of the other classes, for complaints.
    others: BTreeSet<String>,
}

impl<'a> Classes<'a> {
    pub(super) fn new(positive: &'a str) -> Self {
        Self {
            positive,
            values: vec![],
            others: BTreeSet::new(),
        }
    }

    pub(super) fn push(&mut self, field: &str, marker: Option<&str>) {
        self.values.push(if is_missing(field, marker) {
            f64::NAN
        } else if same(field, self.positive) {
            1.0
        } else {
            if self.others.len() < SHOWN {
                self.others.insert(shown(field));
            }
            0.0
        });
    }

    /// The values, of which one at least must be positive.
    pub(super) fn values(self, file: &Path, name: &str) -> Result<Vec<f64>, Complaint> {
        if self.values.contains(&1.0) {
            return Ok(self.values);
        }
        let others: Vec<String> = self.others.into_iter().collect();
        let problem = format!(
            "column `{name}`: no row is {:?}, which `positive` names; found {}",
            self.positive,
            others.join(", ")
        );
        Err(Complaint::new(file, problem).help("name one of the values that are there"))
    }
}

/// Whether two fields are the same text or the same number.
fn same(a: &str, b: &str) -> bool {
    a == b || b.parse::<f64>().is_ok_and(|b| a.parse() == Ok(b))
}

fn is_missing(field: &str, marker: Option<&str>) -> bool {
    field.is_empty() || field == "NA" || marker.is_some_and(|m| same(field, m))
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
            // One name that holds another delimiter: the file is cut at the wrong character.
            if let ([whole], Some(found)) = (names, delimiter_in(names, layout.delimiter)) {
                let problem = format!(
                    "there is no column `{name}`: the first line has no {:?}, expected between fields",
                    layout.delimiter
                );
                return Err(Complaint::new(file, problem).at_line(1).help(format!(
                    "if fields are cut at {found:?}, write `delimiter = {:?}` under [dataset]; the \
                     line is {}",
                    found.to_string(),
                    shown(whole)
                )));
            }
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

/// A usual delimiter, other than the one that was expected, in a first line that was not cut.
fn delimiter_in(names: &[String], expected: char) -> Option<char> {
    let [name] = names else { return None };
    let usual = [';', '\t', '|', ','];
    usual
        .into_iter()
        .find(|c| *c != expected && name.contains(*c))
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
