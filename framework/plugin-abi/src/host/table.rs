//! Tables that cross, of the shapes that the program declares.

use hexperiment_program::{InputId, OutputId, Program};
use hexperiment_scheme::SchemeError;
use ndarray::{Array2, ArrayView2};

use super::vtable::Plugin;
use crate::abi;

/// A table of NaN for the plugin to fill: what it leaves out can pass for no result.
pub(super) fn unfilled(rows: usize, columns: usize) -> Array2<f64> {
    Array2::from_elem((rows, columns), f64::NAN)
}

/// Rows and columns of an output.
pub(super) fn output_shape(program: &Program, output: OutputId) -> Option<(usize, usize)> {
    let output = program.outputs().get(output.index())?;
    let first = output.values.first()?;
    Some((program.value(*first).length(), output.values.len()))
}

pub(super) fn table_of(table: &ArrayView2<'_, f64>) -> abi::Table {
    abi::Table {
        data: table.as_ptr(),
        rows: table.nrows(),
        columns: table.ncols(),
    }
}

pub(super) fn table_out(table: &mut Array2<f64>) -> abi::TableOut {
    abi::TableOut {
        rows: table.nrows(),
        columns: table.ncols(),
        data: table.as_mut_ptr(),
    }
}

/// The shape that an input declares, checked: a plugin reads as far as the program says.
pub(super) fn check_input(
    plugin: &Plugin,
    program: &Program,
    input: InputId,
    dim: (usize, usize),
) -> Result<(), SchemeError> {
    let expected = program
        .inputs()
        .get(input.index())
        .map(|i| (i.length, i.columns.len()));
    if expected == Some(dim) {
        return Ok(());
    }
    Err(SchemeError::Library {
        library: plugin.name,
        operation: format!("input {}", input.index()),
        message: match expected {
            Some(expected) => format!("a table of {dim:?}, expected {expected:?}"),
            None => format!("the program has {} inputs", program.inputs().len()),
        },
    })
}
