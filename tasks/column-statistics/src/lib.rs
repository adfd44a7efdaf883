//! Mean and variance of encrypted columns.
//!
//! The training part is a public sample: it gives each column its unit and its range. The test
//! part is encrypted; its means and variances are what is computed. `docs/adding-a-task.md`
//! explains this file from its first line to its last.

use std::fmt::Write as _;

use hexperiment_data::export::field;
use hexperiment_data::{Dataset, Partition};
use hexperiment_program::{Column, Input, Output, Program, ProgramBuilder, ProgramError, ValueId};
use hexperiment_scheme::options::OptionSpec;
use hexperiment_task::choices::Side;
use hexperiment_task::clipping::Moved;
use hexperiment_task::encode::{EncodedTable, Encoding, constant_columns, name_columns};
use hexperiment_task::inventory;
use hexperiment_task::ledger::{Metric, Quality};
use hexperiment_task::registry::TaskPlugin;
use hexperiment_task::session::Session;
use hexperiment_task::{
    Artefact, InputTable, Outcome, PrepareRequest, Prepared, Task, TaskError, TaskManifest,
};
use ndarray::{Array1, Array2, Axis, concatenate};

inventory::submit! { TaskPlugin(&ColumnStatistics) }

/// The names of all metrics, the headline first.
const METRICS: [&str; 2] = ["variance_error", "mean_error"];

/// The task.
pub struct ColumnStatistics;

impl Task for ColumnStatistics {
    fn manifest(&self) -> TaskManifest {
        TaskManifest {
            name: "column-statistics",
            doc: "Mean and sample variance of every column of the encrypted test part, the target \
                  included. The training part is public and gives units and ranges. The server \
                  averages the values and their squares; the client takes the variance from both. \
                  Errors are the largest of all columns: `mean_error` in standard deviations, \
                  `variance_error` in variances of the training part.",
            options: vec![
                OptionSpec::choice(
                    "squares",
                    Side::Client,
                    "Who squares the values: the client before encryption, who then sends two \
                     numbers for each value; or the server, by a product of ciphertexts.",
                ),
                OptionSpec::number(
                    "range_margin",
                    0.0..=100.0,
                    1.0,
                    "The public range of a column is the training part's, widened by this share of \
                     its width at either end. Values outside are moved to its ends before \
                     encryption, which is an error that the metrics show.",
                ),
                OptionSpec::number(
                    "precision",
                    1e-12..=1.0,
                    1e-6,
                    "Error wanted on the mean of the values and on that of their squares, in \
                     standard deviations of the training part and in their squares.",
                ),
            ],
            metrics: METRICS.to_vec(),
        }
    }

    fn prepare(&self, request: PrepareRequest<'_>) -> Result<Box<dyn Prepared>, TaskError> {
        let options = request.options;
        let client_squares = options.choice::<Side>("squares")? == Side::Client;
        let precision = options.number("precision")?;
        let (table, mut notes) = encode(request.data, options.number("range_margin")?)?;
        if client_squares {
            notes.push("the client squares every value before it encrypts, and sends both".into());
        }
        Ok(Box::new(Statistics {
            program: state(&table, precision, client_squares)?,
            table,
            precision,
            client_squares,
            notes,
        }))
    }
}

/// Both parts in the training part's units and ranges, and what a reader must know of it.
fn encode(data: &Dataset, range_margin: f64) -> Result<(EncodedTable, Vec<String>), TaskError> {
    let mut partition = data.partition()?;
    let rows = partition.test.rows.len();
    if rows < 2 {
        return Err(TaskError::data(
            format!("the test part has {rows} row, expected two or more to take a variance of"),
            "raise `test_fraction` or `limit` under [dataset]",
        ));
    }
    add_target(&mut partition, data);
    let constant = constant_columns(&partition);
    let mut chosen: Vec<usize> = (0..partition.columns.len()).collect();
    chosen.retain(|place| !constant.contains(place));
    let mut notes = Vec::new();
    if !constant.is_empty() {
        notes.push(format!(
            "left out, because they are constant in the training part and have no unit: {}",
            name_columns(&partition, &constant)
        ));
    }
    if chosen.is_empty() {
        return Err(TaskError::data(
            "every column is constant in the training part, expected one that varies",
            "lower `test_fraction` under [dataset], or use more rows or other columns",
        ));
    }
    let encoding = Encoding {
        clip: f64::INFINITY,
        range_margin,
    };
    let table = EncodedTable::new(&partition, &chosen, encoding)?;
    notes.extend(table.notes.iter().cloned());
    Ok((table, notes))
}

/// Makes the target a column like the others.
fn add_target(partition: &mut Partition, data: &Dataset) {
    let name = data.target.iter().map(|target| target.name.clone());
    partition.columns.extend(name);
    for part in [&mut partition.train, &mut partition.test] {
        let target = part.target.view().insert_axis(Axis(1));
        part.features = concatenate![Axis(1), part.features, target];
    }
}

/// The program: the mean of every column, and that of its squares.
fn state(
    table: &EncodedTable,
    precision: f64,
    client_squares: bool,
) -> Result<Program, ProgramError> {
    let mut builder = ProgramBuilder::new("column statistics");
    let ranges = table.columns.iter().map(|column| column.range);
    let largest = ranges
        .map(hexperiment_program::Interval::magnitude)
        .fold(1.0, f64::max);
    // An error of x is one up to 2 |x| times as large of its square.
    let values = table.input("values", precision / (2.0 * largest));
    let (_, values) = builder.input(values)?;
    let squares = if client_squares {
        let squares = Input {
            columns: table.columns.iter().map(squared).collect(),
            ..table.input("squares", precision)
        };
        builder.input(squares)?.1
    } else {
        let squares = values.iter().map(|value| builder.square(*value));
        squares.collect::<Result<_, _>>()?
    };
    let rows = table.encrypted.nrows();
    for (name, columns) in [("means", values), ("means of squares", squares)] {
        let means = columns.into_iter().map(|column| {
            let sum = builder.sum(column, rows)?;
            builder.scale(sum, 1.0 / rows as f64)
        });
        let values: Vec<ValueId> = means.collect::<Result<_, ProgramError>>()?;
        builder.output(Output {
            name: name.into(),
            values,
            precision,
        })?;
    }
    builder.finish()
}

/// The column of another one's squares.
fn squared(column: &Column) -> Column {
    Column {
        name: format!("{} squared", column.name),
        range: column.range.squared(),
    }
}

/// The task on one data set.
struct Statistics {
    program: Program,
    table: EncodedTable,
    precision: f64,
    client_squares: bool,
    notes: Vec<String>,
}

/// Mean and sample variance of each column, in the training part's units.
struct Moments {
    means: Array1<f64>,
    variances: Array1<f64>,
}

impl Statistics {
    /// The moments from what was decrypted.
    fn decrypted(&self, outcome: &Outcome) -> Moments {
        let rows = self.table.test.nrows() as f64;
        let [means, squares] = [0, 1].map(|output| outcome.outputs[output].row(0).to_owned());
        let variances = (&squares - &means * &means) * (rows / (rows - 1.0));
        Moments { means, variances }
    }

    /// The moments in the clear, of the values as they are: none is moved into its range.
    fn in_clear(&self) -> Moments {
        Moments::of(&self.table.test)
    }
}

impl Moments {
    /// Of the columns of a table in the clear.
    fn of(table: &Array2<f64>) -> Self {
        Self {
            means: table.sum_axis(Axis(0)) / table.nrows() as f64,
            variances: table.var_axis(Axis(0), 1.0),
        }
    }

    /// The largest errors beside moments of the same columns, in the order of the metrics.
    fn errors(&self, right: &Self) -> [f64; 2] {
        let variances = &self.variances - &right.variances;
        let means = &self.means - &right.means;
        [variances, means].map(|errors| greatest_magnitude(&errors))
    }
}

/// By `total_cmp` NaN is the greatest, where `f64::max` would pass over it.
fn greatest_magnitude(errors: &Array1<f64>) -> f64 {
    let magnitudes = errors.iter().map(|error| error.abs());
    magnitudes.max_by(f64::total_cmp).unwrap_or(0.0)
}

impl Prepared for Statistics {
    fn program(&self) -> &Program {
        &self.program
    }

    fn samples(&self) -> usize {
        self.table.test.nrows()
    }

    fn run(&self, session: &mut Session<'_>) -> Result<Outcome, TaskError> {
        let mut tables = vec![self.table.to_encrypt()];
        if self.client_squares {
            let squared = |table: &Array2<f64>| table.mapv(|x| x * x);
            // Squares are the same data once more: they count as bytes, not as data.
            let squares = InputTable::new(squared(&self.table.encrypted), 0);
            let before = squared(&self.table.test);
            tables.push(squares.clipped_from(before, Moved::default()));
        }
        Outcome::of_one_round(session, &tables)
    }

    fn score(&self, outcome: &Outcome) -> Result<Quality, TaskError> {
        let right = self.in_clear();
        // In the clear the same values are added up: those that were moved into a range, too.
        let clear = Moments::of(&self.table.encrypted).errors(&right);
        let measure = |moments: &Moments| -> Vec<Metric> {
            let errors = moments.errors(&right).into_iter().zip(clear);
            let named = METRICS.iter().zip(errors);
            let metric = |(name, (error, clear)): (&&str, (f64, f64))| {
                Metric::new(*name, error, Some(clear))
            };
            named.map(metric).collect()
        };
        let mut metrics = measure(&self.decrypted(outcome));
        if self.table.unclipped_test.is_some() {
            Metric::beside_unclipped(&mut metrics, &measure(&right));
        }
        Ok(Quality {
            samples: self.samples(),
            metrics,
            notes: self.notes.clone(),
        })
    }

    fn server_sees(&self) -> Option<String> {
        Some("the range of each column in standard deviations of the training part".into())
    }

    fn client_computes(&self) -> Vec<String> {
        vec!["variance".into()]
    }

    fn fitting(&self, fits: &mut dyn FnMut(&Program) -> bool) -> Option<String> {
        let without_products = state(&self.table, self.precision, true).ok()?;
        (!self.client_squares && fits(&without_products))
            .then(|| "`squares = \"client\"` fits: the client squares before it encrypts".into())
    }

    fn artefacts(&self, outcome: &Outcome) -> Result<Vec<Artefact>, TaskError> {
        let [got, clear] = [self.decrypted(outcome), self.in_clear()];
        let mut text = String::from("column,mean,variance,mean_in_clear,variance_in_clear\n");
        for (place, column) in self.table.columns.iter().enumerate() {
            let centre = self.table.standardizer.means[place];
            let unit = self.table.standardizer.scales[place];
            text += &field(&column.name);
            for moments in [&got, &clear] {
                let mean = centre + unit * moments.means[place];
                let variance = unit * unit * moments.variances[place];
                // Writing to a string does not fail.
                let _ = write!(text, ",{mean},{variance}");
            }
            text.push('\n');
        }
        Ok(vec![Artefact {
            name: "statistics.csv".into(),
            bytes: text.into_bytes(),
        }])
    }
}
