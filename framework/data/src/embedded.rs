//! The tables that every program carries: those of `linfa-datasets`, and a picture.

use ndarray::{Array1, Array2, Axis};

use super::pixels;
use super::registry::{SourceOptions, Table, TableSource, TableSourcePlugin};
use hexperiment_diagnostics::Complaint;

inventory::submit! { TableSourcePlugin(&Embedded { name: "linfa:winequality", table: wine_quality }) }
inventory::submit! { TableSourcePlugin(&Embedded { name: "linfa:iris", table: iris }) }
inventory::submit! { TableSourcePlugin(&Embedded { name: "linfa:diabetes", table: diabetes }) }
inventory::submit! { TableSourcePlugin(&Embedded { name: "generated:scene", table: pixels::scene }) }

/// A table without options.
struct Embedded {
    name: &'static str,
    table: fn() -> Table,
}

impl TableSource for Embedded {
    fn name(&self) -> &'static str {
        self.name
    }

    fn table(&self, _: &SourceOptions, _: &str) -> Result<Table, Complaint> {
        Ok((self.table)())
    }
}

fn wine_quality() -> Table {
    let data = linfa_datasets::winequality();
    let target = data.targets().mapv(|x| x as f64);
    table(data.records(), data.feature_names(), "quality", &target)
}

fn iris() -> Table {
    let data = linfa_datasets::iris();
    let target = data.targets().mapv(|x| x as f64);
    table(data.records(), data.feature_names(), "species", &target)
}

fn diabetes() -> Table {
    let data = linfa_datasets::diabetes();
    let names = data.feature_names();
    table(data.records(), names, "progression", data.targets())
}

/// Records as columns, the target last.
fn table(records: &Array2<f64>, names: &[String], target: &str, values: &Array1<f64>) -> Table {
    let mut numbers: Vec<(String, Vec<f64>)> = records
        .axis_iter(Axis(1))
        .enumerate()
        .map(|(i, column)| {
            let name = names.get(i).cloned().unwrap_or_else(|| format!("c{i}"));
            (name.replace(' ', "_"), column.to_vec())
        })
        .collect();
    numbers.push((target.to_owned(), values.to_vec()));
    Table {
        numbers,
        ..Table::default()
    }
}
