//! The plan on clear phases: what encrypted evaluation gives without noise.

use hexperiment_program::Program;
use hexperiment_scheme::SchemeError;
use ndarray::Array2;

use crate::plan::{Plan, PlannedFunction, PlannedKind, PlannedOutput, PlannedPart, WholeForm};

/// The number that the phase of an output's part stands for.
pub(crate) fn decode(phase: u64, part: &PlannedPart) -> f64 {
    let phase = match part.exact_grid {
        Some(grid) => phase.wrapping_add(1 << (grid - 1)) >> grid << grid,
        None => phase,
    };
    part.centre + phase.cast_signed() as f64 * f64::from(-part.form.scale).exp2()
}

/// Evaluates the plan: rows and columns of each output.
pub(crate) fn simulate(plan: &Plan, inputs: &[Array2<f64>]) -> Vec<Array2<f64>> {
    simulate_with(plan, inputs, |_, phases| phases)
}

/// Evaluates the plan on phases to which `noisy` does something: to a source's own, given its index,
/// and to a function's arguments, given `None`.
pub(crate) fn simulate_with(
    plan: &Plan,
    inputs: &[Array2<f64>],
    mut noisy: impl FnMut(Option<usize>, Vec<u64>) -> Vec<u64>,
) -> Vec<Array2<f64>> {
    let mut sources: Vec<Vec<u64>> = Vec::new();
    let mut arguments: Vec<Option<Vec<u64>>> = vec![None; plan.functions.len()];
    for (index, source) in plan.sources.iter().enumerate() {
        let phases = match &source.kind {
            PlannedKind::Column(column) => inputs[column.input]
                .column(column.column)
                .iter()
                .map(|x| column.encode(*x, source.scale))
                .collect(),
            PlannedKind::Result { function, offset } => {
                let PlannedFunction { operand, table } = &plan.functions[*function];
                // One rotation serves all results that are read from it: their argument is one.
                let phases = arguments[*function]
                    .get_or_insert_with(|| noisy(None, evaluate(operand, &sources)));
                let read = phases.iter().map(|p| table.at(p.wrapping_add(*offset)));
                read.collect()
            }
        };
        sources.push(noisy(Some(index), phases));
    }
    let outputs = plan.outputs.iter().map(|columns| {
        let length = columns.first().map_or(0, PlannedOutput::length);
        let mut cells = Array2::zeros((length, columns.len()));
        for (output, mut column) in columns.iter().zip(cells.columns_mut()) {
            for (index, cell) in column.iter_mut().enumerate() {
                *cell = output.bias.at(index);
            }
            for part in &output.parts {
                for (cell, phase) in column.iter_mut().zip(evaluate(&part.form, &sources)) {
                    *cell += decode(phase, part);
                }
            }
        }
        cells
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

/// That inputs have the shapes that the program declares.
pub(crate) fn check_shapes(program: &Program, inputs: &[Array2<f64>]) -> Result<(), SchemeError> {
    let expected: Vec<_> = program
        .inputs()
        .iter()
        .map(|i| (i.length, i.columns.len()))
        .collect();
    let found: Vec<_> = inputs.iter().map(Array2::dim).collect();
    if found == expected {
        return Ok(());
    }
    Err(SchemeError::Foreign(format!(
        "{found:?} rows and columns for inputs of {expected:?}"
    )))
}
