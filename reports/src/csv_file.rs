//! `summary.csv`: a row for each cell, for other programs.

use std::io;

use crate::csv_cell::safe;

use hexperiment_experiment::summary::{BEFORE_AXES, COLUMNS, Row, axes};

/// The rows as CSV, with a header of [`COLUMNS`] and, behind [`BEFORE_AXES`], of the matrix' axes;
/// numbers in full, fields that do not apply empty.
///
/// # Errors
/// The CSV writer's; it writes to memory and each row has all fields, so that no rows give cause.
pub fn summary_csv(rows: &[Row]) -> io::Result<Vec<u8>> {
    let axes = axes(rows);
    let place = 1 + COLUMNS
        .iter()
        .position(|column| column.name == BEFORE_AXES)
        .unwrap_or_default();
    let (before, behind) = COLUMNS.split_at(place);
    let mut writer = csv::Writer::from_writer(vec![]);
    let names = before.iter().map(|column| column.name);
    let names = names.chain(axes.iter().copied());
    writer.write_record(names.chain(behind.iter().map(|column| column.name)))?;
    for row in rows {
        let fields = before.iter().map(|column| column.of(row));
        let fields = fields.chain(axes.iter().map(|key| row.axis(key)));
        let fields = fields.chain(behind.iter().map(|column| column.of(row)));
        // Lines within a field stay lines, as CSV has them.
        writer.write_record(fields.map(|field| safe(&field.to_string())))?;
    }
    writer
        .into_inner()
        .map_err(|e| io::Error::other(e.to_string()))
}
