//! The plan on clear phases: what encrypted evaluation gives without noise.

use hexperiment_core::program::Program;
use ndarray::Array2;

use crate::plan::{Plan, PlannedKind, PlannedOutput, WholeForm};

/// The phase of `value`: a multiple of `2^grid`.
pub(crate) fn encode(value: f64, centre: f64, scale: i32, grid: u32) -> u64 {
    let steps = ((value - centre) * f64::from(scale - grid as i32).exp2()).round() as i128;
    (steps << grid) as u64
}

/// The number that an output's phase stands for.
pub(crate) fn decode(phase: u64, output: &PlannedOutput) -> f64 {
    let phase = match output.exact_grid {
        Some(grid) => phase.wrapping_add(1 << (grid - 1)) >> grid << grid,
        None => phase,
    };
    phase.cast_signed() as f64 * f64::from(-output.form.scale).exp2()
}

/// Evaluates the plan: one table for each output.
pub(crate) fn simulate(plan: &Plan, inputs: &[Array2<f64>]) -> Vec<Array2<f64>> {
    let mut sources: Vec<Vec<u64>> = Vec::new();
    for source in &plan.sources {
        let phases = match &source.kind {
            PlannedKind::Column {
                input,
                column,
                centre,
                grid,
            } => inputs[*input]
                .column(*column)
                .iter()
                .map(|x| encode(*x, *centre, source.scale, *grid))
                .collect(),
            PlannedKind::Function { operand, table } => evaluate(operand, &sources)
                .into_iter()
                .map(|phase| table.at(phase))
                .collect(),
        };
        sources.push(phases);
    }
    let outputs = plan.outputs.iter().map(|columns| {
        let length = columns.first().map_or(0, |c| c.form.length);
        let mut table = Array2::zeros((length, columns.len()));
        for (output, mut column) in columns.iter().zip(table.columns_mut()) {
            for (cell, phase) in column.iter_mut().zip(evaluate(&output.form, &sources)) {
                *cell = decode(phase, output);
            }
        }
        table
    });
    outputs.collect()
}

fn evaluate(form: &WholeForm, sources: &[Vec<u64>]) -> Vec<u64> {
    (0..form.length)
        .map(|i| {
            form.terms.iter().fold(form.bias.at(i), |sum, term| {
                let at = term.gather.as_ref().map_or(i, |g| g[i] as usize);
                sum.wrapping_add(term.weight.at(i).wrapping_mul(sources[term.source][at]))
            })
        })
        .collect()
}

/// Whether tables have the shapes of the program's inputs.
pub(crate) fn check(
    program: &Program,
    inputs: &[Array2<f64>],
) -> Result<(), hexperiment_core::scheme::SchemeError> {
    let expected: Vec<_> = program
        .inputs()
        .iter()
        .map(|i| (i.length, i.columns.len()))
        .collect();
    let found: Vec<_> = inputs.iter().map(Array2::dim).collect();
    if found == expected {
        return Ok(());
    }
    Err(hexperiment_core::scheme::SchemeError::Foreign(format!(
        "tables of {found:?} (rows, columns) for inputs of {expected:?}"
    )))
}
