//! Tables as they cross: doubles, row by row, least byte first, of the shapes that the program declares.

use hexperiment_program::{Input, Output, Program};
use ndarray::{Array2, ArrayView2};

/// Appends a table.
pub(crate) fn write(table: ArrayView2<'_, f64>, bytes: &mut Vec<u8>) {
    bytes.reserve(8 * table.len());
    // The order of logic is row by row, however the table lies in memory.
    bytes.extend(table.iter().flat_map(|x| x.to_le_bytes()));
}

/// Rows and columns of an input.
pub(crate) fn of_input(input: &Input) -> (usize, usize) {
    (input.length, input.columns.len())
}

/// Rows and columns of an output.
pub(crate) fn of_output(program: &Program, output: &Output) -> (usize, usize) {
    let first = output.values.first();
    let rows = first.map_or(0, |value| program.value(*value).length());
    (rows, output.values.len())
}

/// Reads tables of these shapes, one after the other, and nothing more.
pub(crate) fn read(
    bytes: &[u8],
    shapes: impl IntoIterator<Item = (usize, usize)> + Clone,
) -> Result<Vec<Array2<f64>>, String> {
    let size = |(rows, columns): (usize, usize)| rows.saturating_mul(columns).saturating_mul(8);
    let expected = shapes
        .clone()
        .into_iter()
        .map(size)
        .fold(0, usize::saturating_add);
    if bytes.len() != expected {
        let found = bytes.len();
        return Err(format!(
            "found {found} bytes of tables, expected {expected}"
        ));
    }
    let mut rest = bytes;
    let mut tables = Vec::new();
    for shape in shapes {
        let (own, after) = rest.split_at(size(shape));
        rest = after;
        let numbers = own.chunks_exact(8).map(|eight| {
            let mut number = [0; 8];
            number.copy_from_slice(eight);
            f64::from_le_bytes(number)
        });
        let numbers: Vec<f64> = numbers.collect();
        if let Some(place) = numbers.iter().position(|x| !x.is_finite()) {
            let (row, column) = (place / shape.1, place % shape.1);
            return Err(format!(
                "found {} in row {row}, column {column} of a table, expected a number",
                numbers[place]
            ));
        }
        tables.push(Array2::from_shape_vec(shape, numbers).map_err(|e| e.to_string())?);
    }
    Ok(tables)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_cross_row_by_row_whatever_their_layout() {
        let table = ndarray::array![[1.0, -2.5], [3.0, 4.0], [0.0, 1e300]];
        let turned = table.t().as_standard_layout().into_owned();
        let mut bytes = Vec::new();
        write(turned.t(), &mut bytes);
        write(ndarray::array![[7.0]].view(), &mut bytes);
        assert_eq!(bytes[8..16], (-2.5_f64).to_le_bytes());
        let read_back = read(&bytes, [(3, 2), (1, 1)]).unwrap();
        assert_eq!(read_back, [table, ndarray::array![[7.0]]]);
        for (length, shapes, expect) in [
            (
                48,
                [(3, 2), (1, 1)],
                "found 48 bytes of tables, expected 56",
            ),
            (
                56,
                [(usize::MAX, 2), (1, 1)],
                "expected 18446744073709551615",
            ),
        ] {
            let problem = read(&bytes[..length], shapes).unwrap_err();
            assert!(problem.contains(expect), "{problem}");
        }
        let mut bytes = Vec::new();
        write(
            ndarray::array![[0.0, 1.0], [2.0, f64::NAN]].view(),
            &mut bytes,
        );
        let problem = read(&bytes, [(2, 2)]).unwrap_err();
        assert!(
            problem.starts_with("found NaN in row 1, column 1"),
            "{problem}"
        );
    }
}
