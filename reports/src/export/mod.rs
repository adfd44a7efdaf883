//! Tables and charts to take away: LaTeX, Markdown, CSV, Parquet, SVG.
//!
//! [`latex_table`] and [`markdown_table`] show the same columns of one run, of `table`; [`all_csv`] has a
//! line for each row of several runs, `parquet_file` one for each repetition; [`charts`] lets Chromium
//! draw the charts of a run's page.

mod charts;
mod latex;
#[cfg(feature = "parquet")]
mod parquet;
mod table;

use std::io;

use hexperiment_experiment::summary::{BEFORE_AXES, COLUMNS, Field, Row, axes};

pub use charts::{Chart, charts, find_chromium};
pub use latex::latex_table;
#[cfg(feature = "parquet")]
pub use parquet::parquet_file;
pub(crate) use table::bits;

use crate::Shown;
use crate::csv_cell::safe;
use crate::page::Page;

/// Names of columns of `summary.csv` that do not tell their unit, with a name that does.
const WITH_UNITS: [(&str, &str); 8] = [
    ("samples", "samples_count"),
    ("repetitions", "repetitions_count"),
    ("rounds", "rounds_count"),
    ("threads", "threads_count"),
    ("share_waited", "share_waited_of_1"),
    ("expansion", "expansion_bytes_per_byte"),
    ("load_average", "load_average_threads"),
    ("precision_demanded", "precision_demanded_abs"),
];

/// The table of a run in Markdown, for a page or a README: a heading, the table, what it is of.
pub fn markdown_table(shown: &Shown<'_>) -> String {
    let run = &shown.records.run;
    let mut page = Page::new(&run.experiment, &run.question);
    page.table(&table::columns(shown.rows));
    page.paragraph(&table::facts(shown));
    page.finish()
}

/// The rows of several runs as one table of CSV: the columns of `summary.csv`, each with its unit in its
/// name, and behind [`BEFORE_AXES`] the axes of all matrices.
///
/// # Errors
/// The CSV writer's; it writes to memory and each line has all fields, so that no rows give cause.
pub fn all_csv(runs: &[Shown<'_>]) -> io::Result<Vec<u8>> {
    let mut keys: Vec<&str> = runs.iter().flat_map(|shown| axes(shown.rows)).collect();
    keys.sort_unstable();
    keys.dedup();
    let mut names: Vec<&str> = Vec::new();
    for column in &COLUMNS {
        let named = WITH_UNITS.iter().find(|(name, _)| *name == column.name);
        names.push(named.map_or(column.name, |(_, with_unit)| with_unit));
        if column.name == BEFORE_AXES {
            names.extend(&keys);
        }
    }
    let mut writer = csv::Writer::from_writer(vec![]);
    writer.write_record(&names)?;
    for row in runs.iter().flat_map(|shown| shown.rows) {
        let mut fields: Vec<Field> = Vec::new();
        for column in &COLUMNS {
            fields.push(column.of(row));
            if column.name == BEFORE_AXES {
                fields.extend(keys.iter().map(|key| row.axis(key)));
            }
        }
        let texts = fields.iter().map(ToString::to_string);
        writer.write_record(texts.map(|text| safe(&text)))?;
    }
    writer
        .into_inner()
        .map_err(|e| io::Error::other(e.to_string()))
}

/// The label of a row, for tables without room for its point.
fn label(row: &Row) -> &str {
    &row.cell.label
}
