//! Rows of a CSV file, by the columns of a model.

use std::path::Path;

use hexperiment_diagnostics::{Complaint, Complaints, files, printable, suggest};
use ndarray::Array2;

use crate::circuit::BoundCircuit;
use crate::error::ClientError;
use crate::exchange::most_rows;

/// Rows that are read of one file, at most.
const MOST_ROWS: usize = 1_000_000;

/// Complaints about rows that are told; more are counted.
const TOLD: usize = 20;

/// The largest number of a table, in magnitude, as of all tables of this program.
const LARGEST: f64 = 1e75;

/// What becomes of a missing value.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Gaps {
    /// It is an error.
    #[default]
    Refuse,
    /// It becomes the mean of the rows that the model was trained on.
    Mean,
}

/// Rows, in the data's own units.
pub struct Rows {
    /// Rows x columns of the model.
    pub(crate) values: Array2<f64>,
    /// The line of each row, from 1.
    pub(crate) lines: Vec<usize>,
    /// What a reader of the results must know.
    pub notes: Vec<String>,
}

/// Where a column of the model is in the file.
enum Source {
    /// A column of numbers.
    Number(usize),
    /// A column of categories: 1 where it is this one.
    Category(usize, String),
}

impl Rows {
    /// Reads a file.
    ///
    /// # Errors
    /// It cannot be read, lacks a column of the model, or has no row, too many, or one of which a value is
    /// missing, is no number, or too large: each with its line.
    pub fn read(file: &Path, bound: &BoundCircuit, gaps: Gaps) -> Result<Self, ClientError> {
        let help = "name a CSV file whose first line names its columns";
        let bytes = files::read(file, files::VALUES, help)?;
        let bytes = bytes.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(&bytes);
        let mut reader = csv::ReaderBuilder::new();
        reader.has_headers(true).trim(csv::Trim::All);
        let mut reader = reader.from_reader(bytes);
        let bad = |e: csv::Error| {
            let line = e.position().map(|place| place.line() as usize);
            let complaint = Complaint::new(file, format!("is no CSV: {e}")).help(help);
            match line {
                Some(line) => complaint.at_line(line),
                None => complaint,
            }
        };
        let names = reader.headers().map_err(bad)?.clone();
        let names: Vec<&str> = names.iter().collect();
        let sources = sources(file, &names, bound)?;
        let mut rows = Self {
            values: Array2::zeros((0, 0)),
            lines: vec![],
            notes: ignored(&names, &sources).into_iter().collect(),
        };
        let (mut numbers, mut faults, mut filled) = (Vec::new(), Faults::default(), 0);
        let most = MOST_ROWS.min(most_rows(bound.rows()));
        for record in reader.records() {
            let record = record.map_err(bad)?;
            let line = record.position().map_or(0, |place| place.line() as usize);
            if rows.lines.len() == most {
                let problem = format!("found more than {most} rows");
                let help = "split the file, or take more rows to a batch by `client init --rows`";
                return Err(Complaint::new(file, problem)
                    .at_line(line)
                    .help(help)
                    .into());
            }
            for (place, source) in sources.iter().enumerate() {
                let column = &bound.query().model.sensors[place];
                match source.value(&record) {
                    Ok(Some(value)) => numbers.push(value),
                    Ok(None) if gaps == Gaps::Mean => {
                        filled += 1;
                        numbers.push(column.unit.centre + column.unit.width * column.mean);
                    }
                    Ok(None) => faults.add(file, line, &column.name, "", "a value"),
                    Err((found, expected)) => {
                        faults.add(file, line, &column.name, &found, expected);
                    }
                }
            }
            rows.lines.push(line);
        }
        faults.finish(file)?;
        if rows.lines.is_empty() {
            return Err(ClientError::file(
                file,
                "has no row",
                "give one row at least",
            ));
        }
        if filled > 0 {
            let note = format!("{filled} missing values became their columns' means");
            rows.notes.push(note);
        }
        let shape = (rows.lines.len(), sources.len());
        rows.values = Array2::from_shape_vec(shape, numbers)
            .map_err(|e| ClientError::file(file, e.to_string(), help))?;
        Ok(rows)
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.lines.len()
    }

    /// Whether there is none, which no file that was read has.
    pub fn is_empty(&self) -> bool {
        self.lines.is_empty()
    }
}

/// Finds each column of the model.
fn sources(file: &Path, names: &[&str], bound: &BoundCircuit) -> Result<Vec<Source>, ClientError> {
    let mut faults = Vec::new();
    if let Some(twice) = names
        .iter()
        .enumerate()
        .find(|(i, n)| names[..*i].contains(n))
    {
        let problem = format!("has two columns `{}`", printable::cut(twice.1, 40));
        return Err(Complaint::new(file, problem)
            .at_line(1)
            .help("rename or remove one of them")
            .into());
    }
    let place = |name: &str| names.iter().position(|found| *found == name);
    let mut found = Vec::new();
    for column in &bound.query().model.sensors {
        let category = || {
            let (column, category) = column.name.split_once('=')?;
            Some(Source::Category(place(column)?, category.to_owned()))
        };
        if let Some(source) = place(&column.name).map(Source::Number).or_else(category) {
            found.push(source);
        } else {
            let near = suggest(&column.name, names.iter().copied());
            let near = near.map(|near| format!("; did you mean `{}`?", printable::cut(near, 40)));
            let columns = printable::list(names.iter().copied(), 20);
            let help = format!("columns of the file: {columns}{}", near.unwrap_or_default());
            let problem = format!("has no column `{}`, which the model weights", column.name);
            faults.push(Complaint::new(file, problem).at_line(1).help(help));
        }
    }
    if faults.is_empty() {
        return Ok(found);
    }
    Err(ClientError::Input(Complaints(faults)))
}

/// What is not sent, in words.
fn ignored(names: &[&str], sources: &[Source]) -> Option<String> {
    let used = |place: usize| {
        sources.iter().any(|source| match source {
            Source::Number(at) | Source::Category(at, _) => *at == place,
        })
    };
    let left = names.iter().enumerate().filter(|(place, _)| !used(*place));
    let left: Vec<&str> = left.map(|(_, name)| *name).collect();
    let shown = || printable::list(left.iter().copied(), 10);
    (!left.is_empty()).then(|| format!("not sent, as the model does not weight them: {}", shown()))
}

impl Source {
    /// The value; `None` where it is missing; what was found, and what was expected, where it is none.
    fn value(&self, record: &csv::StringRecord) -> Result<Option<f64>, (String, &'static str)> {
        let field = |at: usize| record.get(at).unwrap_or_default();
        let missing = |field: &str| field.is_empty() || field == "NA";
        match self {
            Self::Category(at, category) => {
                let field = field(*at);
                Ok((!missing(field)).then(|| f64::from(u8::from(field == category))))
            }
            Self::Number(at) => match field(*at) {
                field if missing(field) => Ok(None),
                field => match field.parse::<f64>() {
                    Ok(x) if x.abs() <= LARGEST => Ok(Some(x)),
                    Ok(_) => Err((field.into(), "a finite number of at most 1e75 in magnitude")),
                    Err(_) => Err((field.into(), "a number such as 3 or 2.5")),
                },
            },
        }
    }
}

/// Complaints about fields.
#[derive(Default)]
struct Faults {
    told: Vec<Complaint>,
    count: usize,
}

impl Faults {
    fn add(&mut self, file: &Path, line: usize, column: &str, found: &str, expected: &str) {
        self.count += 1;
        if self.told.len() == TOLD {
            return;
        }
        let found = match found {
            "" => "nothing".to_owned(),
            found => printable::quoted(found),
        };
        let problem = format!("column `{column}`: found {found}, expected {expected}");
        self.told.push(Complaint::new(file, problem).at_line(line));
    }

    fn finish(mut self, file: &Path) -> Result<(), ClientError> {
        let more = self.count - self.told.len();
        let Some(last) = self.told.pop() else {
            return Ok(());
        };
        let help =
            "mend the file; missing values alone can become their columns' means, by `--gaps mean`";
        self.told.push(last.help(help));
        if more > 0 {
            self.told.push(Complaint::new(
                file,
                format!("{more} fields more are not as they must be"),
            ));
        }
        Err(ClientError::Input(Complaints(self.told)))
    }
}
