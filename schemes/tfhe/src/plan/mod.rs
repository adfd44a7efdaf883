//! A plan: a program in whole numbers, with the noise and the rounding that it brings.
//!
//! Scales are chosen first (`scales`), from the outputs' and the arguments' ranges. Then the
//! sources are planned one after the other: forms in whole numbers, and what arrives with them
//! (`whole`), functions by table (`functions`). Outputs come last (`output`).

mod functions;
mod output;
mod scales;
mod whole;

use hexperiment_core::program::{Program, Public};
use hexperiment_core::scheme::Refusal;

use crate::flatten::{Choice, Flat, flatten};
use crate::form::{Digit, Source};
use crate::parameters::Noise;
use crate::table::Table;

use scales::Known;
pub(crate) use whole::{WholeForm, WholeTerm, Words};

/// A source with its scale.
#[derive(Debug)]
pub(crate) struct PlannedSource {
    /// Numbers are phases over `2^scale`.
    pub(crate) scale: i32,
    /// What it is.
    pub(crate) kind: PlannedKind,
}

/// What a source is.
#[derive(Debug)]
pub(crate) enum PlannedKind {
    /// A column of an input.
    Column {
        /// Which input.
        input: usize,
        /// Which column.
        column: usize,
        /// Which of its digits, if not the whole.
        digit: Option<Digit>,
        /// Subtracted before encoding.
        centre: f64,
        /// Phases are multiples of `2^grid`.
        grid: u32,
    },
    /// A function of a form.
    Function {
        /// The argument.
        operand: WholeForm,
        /// How it is evaluated.
        table: Table,
        /// How far from the argument the table is read, as a phase.
        offset: u64,
    },
    /// The same table of the same argument, read elsewhere.
    Again {
        /// The source of table and argument.
        of: usize,
        /// As of functions.
        offset: u64,
    },
}

impl PlannedKind {
    /// A column's number, or its digit, as a phase.
    pub(crate) fn encode(&self, x: f64, scale: i32) -> Option<u64> {
        let Self::Column {
            digit,
            centre,
            grid,
            ..
        } = self
        else {
            return None;
        };
        let x = digit.map_or(x, |d| d.of(x));
        let steps = ((x - centre) * f64::from(scale - *grid as i32).exp2()).round() as i128;
        Some((steps << grid) as u64)
    }
}

/// One column of an output: a sum of parts and public numbers.
#[derive(Debug)]
pub(crate) struct PlannedOutput {
    /// The parts, encrypted each for itself.
    pub(crate) parts: Vec<PlannedPart>,
    /// Added after decryption.
    pub(crate) bias: Public,
}

impl PlannedOutput {
    /// Elements.
    pub(crate) fn length(&self) -> usize {
        self.parts.first().map_or(0, |p| p.form.length)
    }

    /// The largest error that noise may cause.
    pub(crate) fn tolerance(&self) -> f64 {
        self.parts.iter().map(|p| p.tolerance).sum()
    }

    /// A bound of what rounding inputs and weights does to it, smooth tables' cells aside.
    pub(crate) fn rounding(&self) -> f64 {
        self.parts.iter().map(|p| p.rounding).sum()
    }

    /// Whether noise changes nothing.
    pub(crate) fn is_exact(&self) -> bool {
        self.parts.iter().all(|p| p.exact_grid.is_some())
    }
}

/// A part of an output.
#[derive(Debug)]
pub(crate) struct PlannedPart {
    /// What is computed.
    pub(crate) form: WholeForm,
    /// Decrypted phases are rounded to multiples of `2^grid`, which noise cannot change.
    pub(crate) exact_grid: Option<u32>,
    /// Bits of each word that are sent.
    pub(crate) sent_bits: u32,
    /// The largest error that noise may cause.
    pub(crate) tolerance: f64,
    /// A bound of what rounding inputs and weights does to it, smooth tables' cells aside.
    pub(crate) rounding: f64,
}

/// A program in whole numbers.
#[derive(Debug)]
pub(crate) struct Plan {
    /// In an order in which each needs only those before it.
    pub(crate) sources: Vec<PlannedSource>,
    /// For each output, its columns.
    pub(crate) outputs: Vec<Vec<PlannedOutput>>,
    /// What the client encrypts for each input, in order: the columns' sources. A column that the
    /// program leaves out is sent as zeros.
    pub(crate) slots: Vec<Vec<Option<usize>>>,
    /// The least number of standard deviations between a bootstrap and a wrong result.
    pub(crate) deviations: Option<f64>,
    /// Levels of the widest comparison.
    pub(crate) levels: u32,
    /// A bound of what rounding does to the arguments of comparisons.
    pub(crate) argument_rounding: f64,
}

impl Plan {
    /// Bootstraps in one evaluation.
    pub(crate) fn bootstraps(&self) -> u64 {
        self.functions()
            .map(|(operand, table)| table.bootstraps() * operand.length as u64)
            .sum()
    }

    /// All functions with their arguments.
    pub(crate) fn functions(&self) -> impl Iterator<Item = (&WholeForm, &Table)> {
        self.sources.iter().filter_map(|s| match &s.kind {
            PlannedKind::Function { operand, table, .. } => Some((operand, table)),
            PlannedKind::Column { .. } | PlannedKind::Again { .. } => None,
        })
    }

    /// The parts of an output's columns.
    pub(crate) fn parts(&self, output: usize) -> impl Iterator<Item = &PlannedPart> {
        let columns = self.outputs.get(output).into_iter().flatten();
        columns.flat_map(|c| &c.parts)
    }

    /// All forms: arguments and outputs.
    pub(crate) fn forms(&self) -> impl Iterator<Item = &WholeForm> {
        let parts = self.outputs.iter().flatten().flat_map(|o| &o.parts);
        let outputs = parts.map(|p| &p.form);
        self.functions().map(|(operand, _)| operand).chain(outputs)
    }
}

struct Planner<'a> {
    flat: &'a Flat,
    noise: Noise,
    comparison_bits: u32,
    known: Vec<Known>,
    deviations: Option<f64>,
    levels: u32,
    argument_rounding: f64,
}

/// Bits of the uppermost limb and halvings before a refreshment, in the order in which they are
/// tried: the first ones take the fewest bootstraps and leave the least room for noise.
const CHOICES: [(u32, u32); 7] = [
    (4, u32::MAX),
    (3, u32::MAX),
    (4, 3),
    (4, 2),
    (3, 4),
    (4, 1),
    (3, 1),
];

/// Plans a lowered program; comparisons resolve `bits` bits of their range. Of what may be chosen
/// about limbs, the plan of the fewest bootstraps is taken.
pub(crate) fn plan_program(program: &Program, bits: u32) -> Result<Plan, Refusal> {
    let attempt = |(top, most_depth)| {
        let choice = Choice {
            bits,
            top,
            most_depth,
        };
        let flat = flatten(program, choice)?;
        Ok((flat.in_limbs, plan(&flat, bits)?))
    };
    let refused = match attempt(CHOICES[0]) {
        Ok((_, plan)) => return Ok(plan),
        Err(refusal) => refusal,
    };
    let others = CHOICES.into_iter().skip(1).map_while(|choice| {
        let attempted: Result<_, Refusal> = attempt(choice);
        match attempted {
            // Nothing was chosen.
            Ok((false, _)) => None,
            other => Some(other),
        }
    });
    let plans = others.filter_map(Result::ok).map(|(_, plan)| plan);
    plans.min_by_key(Plan::bootstraps).ok_or(refused)
}

/// Plans a flattened program; comparisons resolve `comparison_bits` bits of their range.
pub(crate) fn plan(flat: &Flat, comparison_bits: u32) -> Result<Plan, Refusal> {
    let noise = Noise::new();
    let known = flat.sources.iter().enumerate().map(|(index, source)| {
        let mut before = flat.sources[..index].iter();
        let rotation = before.position(|s| s.shares_rotation(source));
        Known::new(source, noise, rotation.unwrap_or(index))
    });
    let known = known.collect();
    let mut planner = Planner {
        flat,
        noise,
        comparison_bits,
        known,
        deviations: None,
        levels: 0,
        argument_rounding: 0.0,
    };
    planner.choose_scales()?;
    let mut sources = Vec::new();
    for (index, source) in flat.sources.iter().enumerate() {
        let kind = planner.source(index, source)?;
        let scale = planner.known[index].scale;
        sources.push(PlannedSource { scale, kind });
    }
    let outputs = flat
        .outputs
        .iter()
        .map(|columns| columns.iter().map(|f| planner.output(f)).collect())
        .collect::<Result<_, _>>()?;
    Ok(Plan {
        slots: slots(flat),
        sources,
        outputs,
        deviations: planner.deviations,
        levels: planner.levels,
        argument_rounding: planner.argument_rounding,
    })
}

fn slots(flat: &Flat) -> Vec<Vec<Option<usize>>> {
    let inputs = flat.columns.iter().enumerate();
    let slots = inputs.map(|(input, columns)| {
        let of_column = |wanted: usize| -> Vec<Option<usize>> {
            let found = flat.sources.iter().enumerate().filter(|(_, s)| match s {
                Source::Column {
                    input: i, column, ..
                }
                | Source::Digit {
                    input: i, column, ..
                } => (*i, *column) == (input, wanted),
                Source::Function { .. } => false,
            });
            let found: Vec<_> = found.map(|(index, _)| Some(index)).collect();
            if found.is_empty() { vec![None] } else { found }
        };
        (0..*columns).flat_map(of_column).collect()
    });
    slots.collect()
}

impl Planner<'_> {
    fn source(&mut self, index: usize, source: &Source) -> Result<PlannedKind, Refusal> {
        match source {
            Source::Column { input, column, .. } => {
                let known = &mut self.known[index];
                // On the grid, so that whole numbers stay whole.
                let step = f64::from(known.grid as i32 - known.scale).exp2();
                known.centre = (known.centre / step).round() * step;
                Ok(PlannedKind::Column {
                    input: *input,
                    column: *column,
                    digit: None,
                    centre: known.centre,
                    grid: known.grid,
                })
            }
            Source::Digit {
                input,
                column,
                digit,
            } => Ok(PlannedKind::Column {
                input: *input,
                column: *column,
                digit: Some(*digit),
                centre: 0.0,
                grid: self.known[index].grid,
            }),
            Source::Function {
                function, operand, ..
            } => self.function(index, function, operand),
        }
    }
}
