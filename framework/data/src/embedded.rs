//! Data sets that need no file.

use ndarray::Axis;

use super::csv_table::Columns;
use super::fleet;

/// What [`embedded`] knows, and the fleet, of which an experiment may say more.
pub(super) const EMBEDDED: [&str; 5] = [
    "linfa:winequality",
    "linfa:iris",
    "linfa:diabetes",
    "generated:scene",
    fleet::NAME,
];

/// The data sets that `linfa-datasets` carries, and those that are made here.
pub(super) fn embedded(name: &str) -> Option<Columns> {
    let (features, names, targets, target) = match name {
        "linfa:winequality" => {
            let d = linfa_datasets::winequality();
            (
                d.records().clone(),
                d.feature_names().to_vec(),
                d.targets().mapv(|x| x as f64),
                "quality",
            )
        }
        "linfa:iris" => {
            let d = linfa_datasets::iris();
            (
                d.records().clone(),
                d.feature_names().to_vec(),
                d.targets().mapv(|x| x as f64),
                "species",
            )
        }
        "linfa:diabetes" => {
            let d = linfa_datasets::diabetes();
            (
                d.records().clone(),
                d.feature_names().to_vec(),
                d.targets().clone(),
                "progression",
            )
        }
        "generated:scene" => return Some(super::pixels::scene()),
        _ => return None,
    };
    let mut numbers: Vec<(String, Vec<f64>)> = features
        .axis_iter(Axis(1))
        .enumerate()
        .map(|(i, column)| {
            let name = names.get(i).cloned().unwrap_or_else(|| format!("c{i}"));
            (name.replace(' ', "_"), column.to_vec())
        })
        .collect();
    numbers.push((target.to_owned(), targets.to_vec()));
    Some(Columns {
        numbers,
        lines: (1..=features.nrows()).collect(),
        ..Columns::default()
    })
}
