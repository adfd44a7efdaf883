//! `summary.csv`: a row for each cell, for other programs.

use std::io;

use hexperiment_core::summary::{COLUMNS, Field, Row};

/// The rows as CSV, with a header of [`COLUMNS`]; numbers in full, fields that do not apply
/// empty.
pub fn summary_csv(rows: &[Row]) -> io::Result<Vec<u8>> {
    let mut writer = csv::Writer::from_writer(vec![]);
    writer.write_record(COLUMNS)?;
    for row in rows {
        let fields = COLUMNS
            .iter()
            .map(|name| row.column(name).unwrap_or(Field::Empty));
        writer.write_record(fields.map(|field| field.to_string()))?;
    }
    writer
        .into_inner()
        .map_err(|e| io::Error::other(e.to_string()))
}
