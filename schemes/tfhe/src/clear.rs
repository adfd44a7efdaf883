//! The plan on clear phases: what encrypted evaluation gives without noise.

use hexperiment_core::program::Program;
use ndarray::Array2;

use crate::plan::{Plan, PlannedKind, PlannedOutput, PlannedPart, WholeForm};
use crate::table::Table;

/// The number that the phase of an output's part stands for.
pub(crate) fn decode(phase: u64, part: &PlannedPart) -> f64 {
    let phase = match part.exact_grid {
        Some(grid) => phase.wrapping_add(1 << (grid - 1)) >> grid << grid,
        None => phase,
    };
    phase.cast_signed() as f64 * f64::from(-part.form.scale).exp2()
}

/// Evaluates the plan: one table for each output.
pub(crate) fn simulate(plan: &Plan, inputs: &[Array2<f64>]) -> Vec<Array2<f64>> {
    let mut sources: Vec<Vec<u64>> = Vec::new();
    for source in &plan.sources {
        let phases = match &source.kind {
            PlannedKind::Column { input, column, .. } => inputs[*input]
                .column(*column)
                .iter()
                .filter_map(|x| source.kind.encode(*x, source.scale))
                .collect(),
            PlannedKind::Function {
                operand,
                table,
                offset,
            } => looked_up(operand, table, *offset, &sources),
            PlannedKind::Again { of, offset } => match &plan.sources[*of].kind {
                PlannedKind::Function { operand, table, .. } => {
                    looked_up(operand, table, *offset, &sources)
                }
                PlannedKind::Column { .. } | PlannedKind::Again { .. } => vec![],
            },
        };
        sources.push(phases);
    }
    let outputs = plan.outputs.iter().map(|columns| {
        let length = columns.first().map_or(0, PlannedOutput::length);
        let mut table = Array2::zeros((length, columns.len()));
        for (output, mut column) in columns.iter().zip(table.columns_mut()) {
            for (index, cell) in column.iter_mut().enumerate() {
                *cell = output.bias.at(index);
            }
            for part in &output.parts {
                for (cell, phase) in column.iter_mut().zip(evaluate(&part.form, &sources)) {
                    *cell += decode(phase, part);
                }
            }
        }
        table
    });
    outputs.collect()
}

fn looked_up(operand: &WholeForm, table: &Table, offset: u64, sources: &[Vec<u64>]) -> Vec<u64> {
    let phases = evaluate(operand, sources).into_iter();
    phases
        .map(|phase| table.at(phase.wrapping_add(offset)))
        .collect()
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
