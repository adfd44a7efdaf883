//! Gaps whose positions are encrypted, too.
//!
//! Beside each value the client encrypts a bit: whether it is missing. For each place where a gap
//! of `g` values could begin, the product of `g` such bits and of the opposite bits of the two
//! neighbours is 1 where there is one, and 0 elsewhere; what every possible gap would fill in,
//! times that product, is summed. The cost grows with the square of the longest gap that is
//! foreseen, the depth with its logarithm.
//!
//! The series are continued at both ends by their outermost valid value, so that the server need
//! not know where they end, and edges need no rule of their own.

use std::collections::HashMap;

use hexperiment_program::{Column, Input, Interval, Party, ValueId};
use hexperiment_task::{InputTable, TaskError, vector_length};
use ndarray::Array2;

use crate::layout::{Draft, FillProgram, FillSettings, Place};
use crate::series::Series;
use crate::steps::Segments;

/// Longer ones would take ciphertexts beyond what any scheme offers at a bearable cost.
pub(crate) const LONGEST: usize = 12;

/// Lays series out; `longest` is the longest gap foreseen, 0 for the longest there is.
pub(crate) fn lay_out(
    series: &Series,
    settings: FillSettings,
    wanted: usize,
    longest: usize,
) -> Result<FillProgram, TaskError> {
    let longest = foreseen(series, longest)?;
    let (rows, sensors) = series.table.dim();
    let segments = Segments::plain(rows, sensors, wanted, vector_length::FEW_PRODUCTS, longest);
    let length = sensors * segments.count;
    let mut draft = Draft::new(series.bound(), settings);

    // Steps from `longest` before a segment's first to `longest` behind its last.
    let steps = segments.stride + 2 * longest;
    let padded = Padded::new(series);
    let table = |of: &Array2<f64>, beyond: fn(&Padded, usize, bool) -> f64| {
        Array2::from_shape_fn((length, steps), |(element, step)| {
            let (sensor, segment) = (element / segments.count, element % segments.count);
            let row = (segment * segments.stride + step).checked_sub(longest);
            match row {
                Some(row) if row < rows => of[[row, sensor]],
                _ => beyond(&padded, sensor, row.is_some()),
            }
        })
    };
    let names = (0..steps).map(|step| format!("step {step}")).collect();
    // Every value that is there, and whether each is.
    let cells = rows * sensors;
    let there = cells - series.fills().count();
    let values = InputTable::new(table(&series.table, Padded::value), there);
    let values = draft.input("series".into(), names, values)?;
    let bits = InputTable::new(table(&padded.missing, |_, _, _| 0.0), cells);
    let missing = draft.raw_input(
        Input {
            name: "missing".into(),
            owner: Party::Client(0),
            length,
            columns: (0..steps)
                .map(|step| Column {
                    name: format!("missing at step {step}"),
                    range: Interval::new(0.0, 1.0),
                })
                .collect(),
            // An error of a bit weighs as much as a value is large, once for each factor.
            precision: settings.precision / (2.0 * series.bound() * (longest + 2) as f64),
        },
        bits,
    )?;

    let mut runs = Runs::new(&mut draft, values, missing, longest)?;
    let whole = (1..=longest).fold(1, |all, g| least_common_multiple(all, g + 1));
    let mut filled = Vec::with_capacity(segments.stride);
    for step in longest..longest + segments.stride {
        filled.push(runs.filled(&mut draft, step, whole)?);
    }
    draft.output("filled".into(), filled, length, whole as f64)?;
    let places = series.fills().map(|fill| {
        let segment = fill.row / segments.stride;
        Place {
            output: 0,
            row: fill.column * segments.count + segment,
            column: fill.row - segment * segments.stride,
            divisor: draft.divisor(whole as f64),
        }
    });
    let places = places.collect();
    let note = format!(
        "{sensors} sensors x {} segments are {length} elements of a vector; a segment begins every \
         {} rows and sees {steps}; gaps of up to {longest} are foreseen",
        segments.count, segments.stride
    );
    draft.finish(places, note)
}

/// The longest gap foreseen; one that is longer is an error.
fn foreseen(series: &Series, longest: usize) -> Result<usize, TaskError> {
    let Some(worst) = series.gaps.iter().max_by_key(|gap| gap.rows.len()) else {
        return Ok(longest.max(1));
    };
    let found = worst.rows.len();
    let column = &series.names[worst.column];
    let bound = if longest == 0 { LONGEST } else { longest };
    if found <= bound {
        return Ok(if longest == 0 { found } else { longest });
    }
    let problem = format!(
        "column `{column}`: {found} values in a row are missing or hidden, at most {bound} are \
         foreseen by an encrypted mask"
    );
    Err(TaskError::data(
        problem,
        if found <= LONGEST {
            format!("foresee them, `longest_gap = {found}` under [task], or hide fewer values")
        } else {
            format!(
                "leave the column out, `drop_columns = [\"{column}\"]` under [dataset], or say \
                 `mask = \"public\"` under [task]"
            )
        },
    ))
}

fn least_common_multiple(a: usize, b: usize) -> usize {
    let (mut x, mut y) = (a, b);
    while y != 0 {
        (x, y) = (y, x % y);
    }
    a / x * b
}

/// What is beyond the series' ends, and where values are missing.
struct Padded {
    /// The first and the last valid value of each column.
    ends: Vec<[f64; 2]>,
    /// 1 where a value is missing.
    missing: Array2<f64>,
}

impl Padded {
    fn new(series: &Series) -> Self {
        let (rows, sensors) = series.table.dim();
        let mut valid = vec![[0, rows - 1]; sensors];
        let mut missing = Array2::zeros((rows, sensors));
        for gap in &series.gaps {
            if !gap.has_before {
                valid[gap.column][0] = gap.rows.end;
            }
            if !gap.has_after {
                valid[gap.column][1] = gap.rows.start - 1;
            }
            for row in gap.rows.clone() {
                missing[[row, gap.column]] = 1.0;
            }
        }
        let ends = valid.iter().enumerate();
        Self {
            ends: ends
                .map(|(sensor, rows)| rows.map(|row| series.table[[row, sensor]]))
                .collect(),
            missing,
        }
    }

    /// The value before the beginning or behind the end.
    fn value(&self, sensor: usize, behind: bool) -> f64 {
        self.ends[sensor][usize::from(behind)]
    }
}

/// The products, each made once.
struct Runs {
    values: Vec<ValueId>,
    missing: Vec<ValueId>,
    /// 1 where a value is there.
    valid: Vec<ValueId>,
    longest: usize,
    all_missing: HashMap<(usize, usize), ValueId>,
    neighbours: HashMap<(usize, usize), [ValueId; 2]>,
}

impl Runs {
    fn new(
        draft: &mut Draft,
        values: Vec<ValueId>,
        missing: Vec<ValueId>,
        longest: usize,
    ) -> Result<Self, TaskError> {
        let builder = &mut draft.builder;
        let mut valid = Vec::with_capacity(missing.len());
        for bit in &missing {
            let opposite = builder.neg(*bit)?;
            valid.push(builder.offset(opposite, 1.0)?);
        }
        Ok(Self {
            values,
            missing,
            valid,
            longest,
            all_missing: HashMap::new(),
            neighbours: HashMap::new(),
        })
    }

    /// 1 where all of `count` values from step `first` on are missing: a balanced tree of
    /// products.
    fn all_missing(
        &mut self,
        draft: &mut Draft,
        first: usize,
        count: usize,
    ) -> Result<ValueId, TaskError> {
        if count == 1 {
            return Ok(self.missing[first]);
        }
        if let Some(made) = self.all_missing.get(&(first, count)) {
            return Ok(*made);
        }
        let half = count.next_power_of_two() / 2;
        let left = self.all_missing(draft, first, half)?;
        let right = self.all_missing(draft, first + half, count - half)?;
        let made = draft.builder.mul(left, right)?;
        self.all_missing.insert((first, count), made);
        Ok(made)
    }

    /// The values before and after the `count` steps from `first` on where these are a gap, else
    /// 0. Missing values are 0 from the start.
    fn neighbours(
        &mut self,
        draft: &mut Draft,
        first: usize,
        count: usize,
    ) -> Result<[ValueId; 2], TaskError> {
        if let Some(made) = self.neighbours.get(&(first, count)) {
            return Ok(*made);
        }
        let missing = self.all_missing(draft, first, count)?;
        let (before, after) = (first - 1, first + count);
        let mut made = [self.values[before], self.values[after]];
        // The longest gap foreseen has valid neighbours: there is none longer.
        if count < self.longest {
            made[0] = draft.builder.mul(made[0], self.valid[after])?;
            made[1] = draft.builder.mul(made[1], self.valid[before])?;
        }
        for value in &mut made {
            *value = draft.builder.mul(*value, missing)?;
        }
        self.neighbours.insert((first, count), made);
        Ok(made)
    }

    /// The value of `step`, filled if it is missing: times `whole` where the client divides.
    fn filled(
        &mut self,
        draft: &mut Draft,
        step: usize,
        whole: usize,
    ) -> Result<ValueId, TaskError> {
        let sum = whole as f64;
        let weight = |draft: &Draft, share: usize, of: usize| {
            draft.weight((share * (whole / of)) as u32, sum).into()
        };
        let mut terms = vec![(self.values[step], weight(draft, 1, 1))];
        for count in 1..=self.longest {
            for place in 0..count {
                let [before, after] = self.neighbours(draft, step - place, count)?;
                terms.push((before, weight(draft, count - place, count + 1)));
                terms.push((after, weight(draft, place + 1, count + 1)));
            }
        }
        Ok(draft.builder.weighted_sum(terms, 0.0)?)
    }
}
