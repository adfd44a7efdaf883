//! Reading a delimited file into columns of numbers and of text.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::path::Path;

use super::DatasetRequest;
use super::manifest::Manifest;
use super::one_hot::{self, Categories, Vocabulary};
use super::registry::Table;
use super::signature::refuse_other_formats;
use hexperiment_diagnostics::Complaint;
use hexperiment_diagnostics::printable;
use hexperiment_diagnostics::printable::quoted;
use hexperiment_diagnostics::suggest;

/// How a file is to be read.
pub(super) struct Layout<'a> {
    pub(super) delimiter: char,
    pub(super) header: bool,
    pub(super) target: Option<&'a str>,
    /// The target's value that counts as 1; without it the target is a number.
    pub(super) positive: Option<&'a str>,
    pub(super) labels: BTreeSet<&'a str>,
    pub(super) one_hot: BTreeSet<&'a str>,
    pub(super) drop: BTreeSet<&'a str>,
    pub(super) missing_marker: Option<&'a str>,
    /// What of this the experiment asks for; the rest is the manifest's.
    pub(super) given: &'a DatasetRequest,
}

impl<'a> Layout<'a> {
    /// Of the file of a manifest, as it is asked for.
    pub(super) fn new(request: &'a DatasetRequest, manifest: &'a Manifest) -> Self {
        // A name that the experiment gives to one list is free of the manifest's others.
        let asked = [&request.labels, &request.one_hot, &request.drop_columns];
        let all = |usual: &'a [String], own: &'a [String]| {
            let is_free = |name: &&String| !asked.iter().any(|list| list.contains(name));
            let usual = usual.iter().filter(is_free);
            usual.chain(own).map(String::as_str).collect()
        };
        let marker = request.missing_marker.as_ref();
        Self {
            delimiter: request.delimiter.unwrap_or(manifest.delimiter),
            header: manifest.header,
            target: request.target.as_deref().or(manifest.target.as_deref()),
            positive: request.positive.as_deref(),
            labels: all(&manifest.labels, &request.labels),
            one_hot: all(&manifest.one_hot, &request.one_hot),
            drop: all(&manifest.drop, &request.drop_columns),
            missing_marker: marker
                .or(manifest.missing_marker.as_ref())
                .map(String::as_str),
            given: request,
        }
    }

    /// The columns that are asked for by name, each with the option of `[dataset]` that names it, or
    /// that names the manifest which does.
    fn wanted(&self) -> impl Iterator<Item = (&'static str, &'a str)> {
        let given = self.given;
        let target = self.target.into_iter().map(move |name| {
            let own = given.target.as_deref() == Some(name);
            (if own { "target" } else { "use" }, name)
        });
        let own = |names: &'a [String]| names.iter().map(String::as_str).collect::<HashSet<_>>();
        let option = |own: &HashSet<&str>, option, name| {
            if own.contains(name) { option } else { "use" }
        };
        let lists = [
            ("labels", &self.labels, own(&given.labels)),
            ("one_hot", &self.one_hot, own(&given.one_hot)),
            ("drop_columns", &self.drop, own(&given.drop_columns)),
        ];
        let lists = lists.into_iter().flat_map(move |(key, names, own)| {
            names.iter().map(move |name| {
                // A category is known once all rows are read.
                let column = one_hot::parts(name, self.one_hot.iter().copied());
                let column = column.filter(|_| key == "drop_columns");
                (
                    option(&own, key, name),
                    column.map_or(*name, |(column, _)| column),
                )
            })
        });
        target.chain(lists)
    }
}

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

/// Complaints beyond this many are only counted, and so are lines in one of them.
const SHOWN: usize = 5;

/// The largest number of a table, in magnitude. No measurement has a larger one, but programs write
/// their own largest where a value is missing; and of four such the product is still a number, as
/// statistics want it.
const LARGEST: f64 = 1e75;

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
    refuse_other_formats(bytes, file).map_err(one)?;
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
    let mut faults = Faults::default();
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
            faults.add(None, line, || {
                let (found, expected) = (record.len(), names.len());
                format!("found {found} fields, expected {expected} as in the first line")
            });
            continue;
        }
        columns.lines.push(line);
        for (place, (field, cell)) in record.iter().zip(&mut cells).enumerate() {
            if matches!(cell, Cells::Dropped) && is_missing(field, layout.missing_marker) {
                columns.gaps_left_out.insert(columns.lines.len() - 1);
            }
            if let Err(expected) = cell.push(field, layout.missing_marker) {
                faults.add(Some(place), line, || {
                    let (name, found) = (&names[place], quoted(field));
                    format!("column `{name}`: found {found}, expected {expected}")
                });
            }
        }
    }
    if columns.lines.is_empty() && faults.0.is_empty() {
        let problem = "found column names but no rows, expected at least two rows";
        return Err(one(Complaint::new(file, problem)
            .at_line(1)
            .help("get the file anew, or check `path`")));
    }
    faults.told(file, |place| match place {
        Some(place) => what_to_do(&names[place], layout),
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

/// What is wrong with the fields of each column, by its place, and with whole rows.
#[derive(Default)]
struct Faults(BTreeMap<Option<usize>, Fault>);

/// What is wrong with some fields of a column.
struct Fault {
    /// Of the first.
    message: String,
    line: usize,
    /// Of some of the others.
    lines: Vec<usize>,
    /// How many others there are.
    others: usize,
}

impl Faults {
    fn add(&mut self, place: Option<usize>, line: usize, message: impl FnOnce() -> String) {
        if let Some(fault) = self.0.get_mut(&place) {
            fault.others += 1;
            if fault.lines.len() < SHOWN {
                fault.lines.push(line);
            }
        } else {
            let fault = Fault {
                message: message(),
                line,
                lines: vec![],
                others: 0,
            };
            self.0.insert(place, fault);
        }
    }

    /// A complaint for each column, in the order in which they begin; fails if there is one.
    fn told(
        self,
        file: &Path,
        help: impl Fn(Option<usize>) -> String,
    ) -> Result<(), Vec<Complaint>> {
        let mut faults: Vec<_> = self.0.into_iter().collect();
        faults.sort_by_key(|(_, fault)| fault.line);
        let more = faults.len().saturating_sub(SHOWN);
        let complaint = |(place, fault): (Option<usize>, Fault)| {
            Complaint::new(file, fault.message + &likewise(&fault.lines, fault.others))
                .at_line(fault.line)
                .help(help(place))
        };
        let mut complaints: Vec<_> = faults.into_iter().take(SHOWN).map(complaint).collect();
        if more > 0 {
            complaints.push(Complaint::new(file, format!("and {more} more columns")));
        }
        if complaints.is_empty() {
            Ok(())
        } else {
            Err(complaints)
        }
    }
}

/// `; likewise on 9 other lines: 3, 4, 5, 6, 7, …`
fn likewise(lines: &[usize], others: usize) -> String {
    let shown: Vec<String> = lines.iter().map(usize::to_string).collect();
    let shown = shown.join(", ");
    match others {
        0 => String::new(),
        1 => format!("; likewise on line {shown}"),
        _ if others > lines.len() => format!("; likewise on {others} other lines: {shown}, …"),
        _ => format!("; likewise on {others} other lines: {shown}"),
    }
}

/// What to do about a field of the column `name` that is no number.
fn what_to_do(name: &str, layout: &Layout<'_>) -> String {
    if layout.target == Some(name) {
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
    fn of(name: &str, layout: &Layout<'a>) -> Self {
        if layout.labels.contains(name) {
            Self::Texts(vec![])
        } else if layout.drop.contains(name) {
            Self::Dropped
        } else if layout.one_hot.contains(name) {
            Self::Categories(Categories::default())
        } else {
            match layout.positive {
                Some(positive) if layout.target == Some(name) => {
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
                self.others.insert(quoted(field));
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
            "column `{name}`: no row is {}, which `positive` names; found {}",
            quoted(self.positive),
            others.join(", ")
        );
        Err(Complaint::new(file, problem)
            .about("positive")
            .help("name one of the values that are there"))
    }
}

/// Whether two fields are the same text or the same number.
fn same(a: &str, b: &str) -> bool {
    a == b || b.parse::<f64>().is_ok_and(|b| a.parse() == Ok(b))
}

fn is_missing(field: &str, marker: Option<&str>) -> bool {
    field.is_empty() || field == "NA" || marker.is_some_and(|m| same(field, m))
}

/// A number, NaN where the field marks a missing one; else what is expected.
fn number(field: &str, marker: Option<&str>) -> Result<f64, &'static str> {
    if is_missing(field, marker) {
        return Ok(f64::NAN);
    }
    match field.parse::<f64>() {
        Ok(x) if x.abs() <= LARGEST => Ok(x),
        Ok(x) if x.is_finite() => Err("a number of at most 1e75 in magnitude"),
        Ok(_) => Err("a finite number"),
        Err(_) => Err("a number such as 3 or 2.5"),
    }
}

/// Complains of a name twice, of a column without a name, and of a wanted column that is not there.
pub(super) fn check_names(
    file: &Path,
    names: &[String],
    layout: &Layout<'_>,
) -> Result<(), Complaint> {
    if let Some(target) = layout.target.filter(|t| layout.one_hot.contains(t)) {
        let problem = format!("the target `{target}` is named in `one_hot`, expected a feature");
        return Err(Complaint::new(file, problem).about("one_hot").help(
            "take it out; for a target of classes, name the value that counts as 1 under [dataset], \
             as in `positive = \"yes\"`",
        ));
    }
    let mut known = HashSet::new();
    for (place, name) in names.iter().enumerate() {
        if !known.insert(name.as_str()) {
            let problem = format!("found two columns called `{name}`, expected each name once");
            return Err(Complaint::new(file, problem)
                .at_line(1)
                .help("rename one in the file"));
        }
        if name.is_empty() && !layout.drop.contains("") {
            let problem = format!("column {} has no name, expected one", place + 1);
            return Err(Complaint::new(file, problem).at_line(1).help(
                "name it in the file; or leave it out by `drop_columns = [\"\"]` under [dataset], as \
                 the numbers of rows that some programs write",
            ));
        }
    }
    let Some((option, name)) = layout.wanted().find(|(_, name)| !known.contains(name)) else {
        return Ok(());
    };
    // One name that holds another delimiter: the file is cut at the wrong character.
    if let ([whole], Some(found)) = (names, delimiter_in(names, layout.delimiter)) {
        let problem = format!(
            "there is no column `{name}`: the first line has no {:?}, expected between fields",
            layout.delimiter
        );
        return Err(Complaint::new(file, problem)
            .at_line(1)
            .about(option)
            .help(format!(
                "if fields are cut at {found:?}, write `delimiter = {:?}` under [dataset]; the line \
                 is {}",
                found.to_string(),
                quoted(whole)
            )));
    }
    let names = || names.iter().map(String::as_str);
    let hint = suggest(name, names())
        .map(|s| format!("did you mean `{s}`? "))
        .unwrap_or_default();
    let problem = format!("there is no column `{name}`, expected the name of one");
    Err(Complaint::new(file, problem)
        .at_line(1)
        .about(option)
        .help(format!("{hint}columns: {}", printable::list(names(), 20))))
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
