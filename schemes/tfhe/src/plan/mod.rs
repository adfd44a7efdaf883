//! A plan: a program in whole numbers, with the noise and the rounding that it brings.
//!
//! Scales are chosen first (`scales`), from the outputs' and the arguments' ranges. Then the
//! sources are planned one after the other: forms in whole numbers, and what arrives with them
//! (`whole`), functions by table (`functions`). Outputs come last (`output`).

mod functions;
mod output;
mod scales;
mod whole;

use hexperiment_core::scheme::Refusal;

use crate::flatten::Flat;
use crate::form::Source;
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
    },
}

/// One column of an output.
#[derive(Debug)]
pub(crate) struct PlannedOutput {
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
            PlannedKind::Function { operand, table } => Some((operand, table)),
            PlannedKind::Column { .. } => None,
        })
    }

    /// All forms: arguments and outputs.
    pub(crate) fn forms(&self) -> impl Iterator<Item = &WholeForm> {
        let outputs = self.outputs.iter().flatten().map(|o| &o.form);
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

/// Plans a flattened program; comparisons resolve `comparison_bits` bits of their range.
pub(crate) fn plan(flat: &Flat, comparison_bits: u32) -> Result<Plan, Refusal> {
    let noise = Noise::new();
    let known = flat.sources.iter().map(|s| Known::new(s, noise)).collect();
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
        sources,
        outputs,
        deviations: planner.deviations,
        levels: planner.levels,
        argument_rounding: planner.argument_rounding,
    })
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
                    centre: known.centre,
                    grid: known.grid,
                })
            }
            Source::Function {
                function, operand, ..
            } => self.function(index, function, operand),
        }
    }
}
