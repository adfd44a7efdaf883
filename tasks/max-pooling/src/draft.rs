//! What is pooled how, and a program in the making.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use hexperiment_program::{
    Column, Input, InputId, Interval, Output, Party, Program, ProgramBuilder, ValueId,
};
use hexperiment_task::session::Session;
use hexperiment_task::{InputTable, Outcome, TaskError};
use ndarray::Array2;
use strum::{EnumString, IntoStaticStr, VariantNames};

use crate::pictures::Plane;

/// The brightest grey level.
pub(crate) const WHITE: f64 = 255.0;

/// Numbers that are encrypted at most: a table of 512 MB.
const MOST_NUMBERS: usize = 1 << 26;

/// What is made of a window.
#[derive(Clone, Copy, Debug, PartialEq, Eq, EnumString, IntoStaticStr, VariantNames)]
#[strum(serialize_all = "kebab-case")]
pub(crate) enum Method {
    Max,
    Average,
}

/// What is pooled how.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Pooling {
    pub(crate) method: Method,
    /// Pixels to a side.
    pub(crate) window: usize,
    /// Pixels from one to the next.
    pub(crate) stride: usize,
    /// The error wanted, in grey levels.
    pub(crate) precision: f64,
    /// A mean's sum is divided after decryption.
    pub(crate) client_divides: bool,
}

impl Pooling {
    /// Windows along a side of so many pixels, at least as many as a window has.
    pub(crate) fn count(&self, side: usize) -> usize {
        (side - self.window) / self.stride + 1
    }

    /// Pixels of a plane that any window has.
    pub(crate) fn covered(&self, (rows, columns): (usize, usize)) -> usize {
        let along = |side: usize| {
            let windows = self.count(side);
            (windows - 1) * self.stride.min(self.window) + self.window
        };
        along(rows) * along(columns)
    }

    /// What the client divides results by.
    pub(crate) fn divisor(&self) -> f64 {
        match self.method {
            Method::Average if self.client_divides => (self.window * self.window) as f64,
            _ => 1.0,
        }
    }

    /// The weight of each pixel of a mean.
    pub(crate) fn weight(&self) -> f64 {
        self.divisor() / (self.window * self.window) as f64
    }

    /// Fails where a layout has more numbers than a machine should hold.
    pub(crate) fn check_size(&self, rows: usize, columns: usize) -> Result<(), TaskError> {
        if rows.saturating_mul(columns) <= MOST_NUMBERS {
            return Ok(());
        }
        Err(TaskError::data(
            format!(
                "windows of {0} x {0} pixels every {1} are {rows} x {columns} numbers to encrypt, \
                 expected at most {MOST_NUMBERS}",
                self.window, self.stride
            ),
            "use a larger `stride` or a `crop`; where windows overlap, `layout = \"grid\"` \
             encrypts each pixel once",
        ))
    }
}

/// A program, the table that is its input, and where its results are.
#[derive(Clone, Debug)]
pub(crate) struct PoolProgram {
    pub(crate) program: Program,
    pub(crate) table: InputTable,
    /// The element of each result, in the order of pictures' planes, rows, columns.
    places: Vec<usize>,
    divisor: f64,
    /// In words, for the report.
    pub(crate) note: String,
}

impl PoolProgram {
    /// One round; what comes back is in grey levels, whoever divides.
    pub(crate) fn run(&self, session: &mut Session<'_>) -> Result<Outcome, TaskError> {
        let tables = std::slice::from_ref(&self.table);
        if self.divisor == 1.0 {
            return Outcome::of_one_round(session, tables);
        }
        let length = self.program.input(InputId::from_index(0)).length;
        let divisors = Array2::from_elem((length, 1), self.divisor);
        Outcome::of_one_round_divided(session, tables, &[divisors])
    }

    /// The results in order.
    pub(crate) fn read(&self, outcome: &Outcome) -> Vec<f64> {
        let results = outcome.outputs[0].column(0);
        self.places.iter().map(|place| results[*place]).collect()
    }
}

/// A value, and how many maxima lie one behind the other before it.
pub(crate) type Deep = (usize, ValueId);

/// A program in the making.
pub(crate) struct Draft {
    pub(crate) builder: ProgramBuilder,
    table: Array2<f64>,
    pooling: Pooling,
}

impl Draft {
    /// Of the columns of `table`, called `names`; yields them.
    pub(crate) fn new(
        pooling: Pooling,
        names: Vec<String>,
        table: Array2<f64>,
    ) -> Result<(Self, Vec<ValueId>), TaskError> {
        let name = match pooling.method {
            Method::Max => "max pooling",
            Method::Average => "average pooling",
        };
        let mut builder = ProgramBuilder::new(name);
        let range = Interval::new(0.0, WHITE);
        let columns = names.into_iter().map(|name| Column { name, range });
        let (_, values) = builder.input(Input {
            name: "pixels".into(),
            owner: Party::Client(0),
            length: table.nrows(),
            columns: columns.collect(),
            // Neither a maximum nor a mean errs more than its pixels do.
            precision: pooling.precision,
        })?;
        let draft = Self {
            builder,
            table,
            pooling,
        };
        Ok((draft, values))
    }

    /// The maximum of all, the least deep taken first: as in a code of Huffman's, the result is
    /// then as little deep as it can be.
    pub(crate) fn max(
        &mut self,
        values: impl IntoIterator<Item = Deep>,
    ) -> Result<Deep, TaskError> {
        let mut heap: BinaryHeap<Reverse<Deep>> = values.into_iter().map(Reverse).collect();
        loop {
            match (heap.pop(), heap.pop()) {
                (Some(Reverse((_, a))), Some(Reverse((depth, b)))) => {
                    let max = self.builder.max(a, b)?;
                    heap.push(Reverse((depth + 1, max)));
                }
                (Some(Reverse(last)), None) => return Ok(last),
                // Windows have pixels.
                (None, _) => return Err(TaskError::Options("a window without pixels".into())),
            }
        }
    }

    /// The layout of `planes`; `results` holds a pooled pixel at each of `places`.
    pub(crate) fn finish(
        mut self,
        planes: &[Plane],
        results: ValueId,
        places: Vec<usize>,
        note: String,
    ) -> Result<PoolProgram, TaskError> {
        let divisor = self.pooling.divisor();
        self.builder.output(Output {
            name: "pooled".into(),
            values: vec![results],
            precision: self.pooling.precision * divisor,
        })?;
        Ok(PoolProgram {
            program: self.builder.finish()?,
            table: InputTable::new(
                self.table,
                planes.iter().map(|p| self.pooling.covered(p.dim())).sum(),
            ),
            places,
            divisor,
            note,
        })
    }
}
