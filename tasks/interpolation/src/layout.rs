//! How series lie in vectors, and the program on them.

use hexperiment_program::{
    Column, Input, Interval, Output, Party, Program, ProgramBuilder, ValueId,
};
use hexperiment_task::session::Session;
use hexperiment_task::{InputTable, Outcome, TaskError};
use ndarray::Array2;

/// How results are computed, whatever the layout.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct FillSettings {
    /// The error wanted on a filled value, in standard deviations.
    pub(crate) precision: f64,
    /// Weights are whole numbers and the client divides by their sum after decryption;
    /// otherwise weights are fractions.
    pub(crate) client_divides: bool,
}

/// Where a filled value is found.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Place {
    pub(crate) output: usize,
    pub(crate) row: usize,
    pub(crate) column: usize,
    /// Divisor that the client applies.
    pub(crate) divisor: f64,
}

/// A program, the tables that are its inputs, and where its results are: for each fill, in order.
#[derive(Clone, Debug)]
pub(crate) struct FillProgram {
    pub(crate) program: Program,
    pub(crate) inputs: Vec<InputTable>,
    pub(crate) places: Vec<Place>,
    /// Divisors of each output, by which the client divides its results; none where it does not.
    divisors: Vec<Array2<f64>>,
    /// Description for the report.
    pub(crate) note: String,
}

impl FillProgram {
    /// One round: the client encrypts, the server evaluates, the client decrypts.
    pub(crate) fn run(&self, session: &mut Session<'_>) -> Result<Outcome, TaskError> {
        Outcome::of_one_round_divided(session, &self.inputs, &self.divisors)
    }

    /// The filled values.
    pub(crate) fn read(&self, outcome: &Outcome) -> Vec<f64> {
        let read = |p: &Place| outcome.outputs[p.output][[p.row, p.column]];
        self.places.iter().map(read).collect()
    }
}

/// A program in the making, and the tables of its inputs.
pub(crate) struct Draft {
    pub(crate) builder: ProgramBuilder,
    inputs: Vec<InputTable>,
    /// By output: what the client divides by, but where a place says otherwise.
    divisors: Vec<Array2<f64>>,
    bound: f64,
    settings: FillSettings,
}

impl Draft {
    /// Of values between plus and minus `bound`.
    pub(crate) fn new(bound: f64, settings: FillSettings) -> Self {
        Self {
            builder: ProgramBuilder::new("interpolation"),
            inputs: Vec::new(),
            divisors: Vec::new(),
            bound,
            settings,
        }
    }

    /// Declares `table` as an input whose columns are called `names`.
    pub(crate) fn input(
        &mut self,
        name: String,
        names: Vec<String>,
        table: InputTable,
    ) -> Result<Vec<ValueId>, TaskError> {
        let range = Interval::symmetric(self.bound);
        let columns = names.into_iter().map(|name| Column { name, range });
        let input = Input {
            name,
            owner: Party::Client(0),
            length: table.values.nrows(),
            columns: columns.collect(),
            // A mean of two values errs no more than they do: the other half of the error that is
            // wanted is left to weights and noise.
            precision: self.settings.precision / 2.0,
        };
        self.raw_input(input, table)
    }

    /// Declares `table` as an input that is not of series.
    pub(crate) fn raw_input(
        &mut self,
        input: Input,
        table: InputTable,
    ) -> Result<Vec<ValueId>, TaskError> {
        let (_, values) = self.builder.input(input)?;
        self.inputs.push(table);
        Ok(values)
    }

    /// Declares an output whose results, of `length` rows, are divided by `least` or more.
    pub(crate) fn output(
        &mut self,
        name: String,
        values: Vec<ValueId>,
        length: usize,
        least: f64,
    ) -> Result<(), TaskError> {
        let divisor = self.divisor(least);
        self.divisors
            .push(Array2::from_elem((length, values.len()), divisor));
        self.builder.output(Output {
            name,
            values,
            precision: self.settings.precision * divisor,
        })?;
        Ok(())
    }

    /// A source's weight, of weights whose sum is `divisor`.
    pub(crate) fn weight(&self, weight: u32, divisor: f64) -> f64 {
        if self.settings.client_divides {
            f64::from(weight)
        } else {
            f64::from(weight) / divisor
        }
    }

    /// What the client divides by, of weights whose sum is `divisor`.
    pub(crate) fn divisor(&self, divisor: f64) -> f64 {
        if self.settings.client_divides {
            divisor
        } else {
            1.0
        }
    }

    pub(crate) fn finish(
        mut self,
        places: Vec<Place>,
        note: String,
    ) -> Result<FillProgram, TaskError> {
        for place in &places {
            self.divisors[place.output][[place.row, place.column]] = place.divisor;
        }
        if !self.settings.client_divides {
            self.divisors.clear();
        }
        Ok(FillProgram {
            divisors: self.divisors,
            program: self.builder.finish()?,
            inputs: self.inputs,
            places,
            note,
        })
    }
}
