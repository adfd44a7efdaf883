//! Data sets: tables of numbers, where they come from, and how they are split.

mod csv_table;
mod embedded;
mod error;
pub mod export;
pub mod folds;
pub mod gaps;
mod load;
mod locate;
pub mod manifest;
mod one_hot;
mod partition;
pub mod pixels;
pub mod registry;
mod request;
mod reshape;
mod signature;
mod split;
mod tables;
#[cfg(test)]
mod tests;
pub mod toml_text;
pub mod transform;

pub use error::DataError;
pub use inventory;
pub use locate::{is_here, locate, verify};
pub use request::{DatasetRequest, DatasetSource, SplitKind};

use std::path::PathBuf;

use ndarray::{Array1, Array2};
use serde::{Deserialize, Serialize};
use strum::{EnumString, IntoStaticStr, VariantNames};

/// Where a table came from; part of a run's provenance.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Provenance {
    /// The official source, as the manifest names it.
    pub source: String,
    /// Its licence.
    pub licence: String,
    /// SHA-256 of the file that was read, in hexadecimal.
    pub sha256: String,
    /// The file or folder that was read; `None` for embedded data.
    pub file: Option<PathBuf>,
    /// The names of a folder's files, in the order in which they were read.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub files: Vec<String>,
    /// What was done to the rows when they were read that a reader must know, in words: rows left
    /// out, categories filled in.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub preparation: Vec<String>,
}

/// The column to be predicted.
#[derive(Clone, Debug, PartialEq)]
pub struct Target {
    /// Its name.
    pub name: String,
    /// One value for each row; NaN where it is missing, which is in no row of either part.
    pub values: Array1<f64>,
}

/// A column kept as text: time stamps, identifiers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Label {
    /// Its name.
    pub name: String,
    /// One text for each row.
    pub values: Vec<String>,
}

/// What to do about missing values.
#[derive(
    Clone,
    Copy,
    Debug,
    Default,
    PartialEq,
    Eq,
    Serialize,
    Deserialize,
    EnumString,
    IntoStaticStr,
    VariantNames,
)]
#[serde(rename_all = "kebab-case")]
#[strum(serialize_all = "kebab-case")]
pub enum MissingPolicy {
    /// A missing value is an error that names its row and column.
    #[default]
    Refuse,
    /// Rows with a missing value are dropped when the data are loaded.
    DropRows,
    /// Likewise, and those with a missing value in a column that is left out: the rows that
    /// remain do not depend on the choice of columns.
    CompleteRows,
    /// The column's median over the training part.
    Median,
    /// Left as NaN: for tasks that handle gaps themselves.
    Keep,
}

/// A table of numbers, split into a training and a test part.
#[derive(Clone, Debug)]
pub struct Dataset {
    /// Its name.
    pub name: String,
    /// The feature columns' names.
    pub columns: Vec<String>,
    /// Rows x feature columns; NaN where a value is missing.
    pub features: Array2<f64>,
    /// The target, if the data have one.
    pub target: Option<Target>,
    /// Columns kept as text.
    pub labels: Vec<Label>,
    /// Rows of the training part.
    pub train: Vec<usize>,
    /// Rows of the test part.
    pub test: Vec<usize>,
    /// What [`Dataset::partition`] does about missing values.
    pub missing: MissingPolicy,
    /// Where it came from.
    pub provenance: Provenance,
}

impl Dataset {
    /// The same rows again and again, up to so many: for planning sizes that no file has. Each part
    /// keeps its share of them. Rows of neither part, which count, are left out: of a table that is balanced
    /// they are most. One that has as many already, or none, stays as it is.
    #[must_use]
    pub fn repeated(mut self, rows: usize) -> Self {
        let there = self.features.nrows();
        if there == 0 || rows <= there {
            return self;
        }
        let mut used = [self.train.as_slice(), &self.test].concat();
        used.sort_unstable();
        let blocks = || (0..rows.div_ceil(there)).map(|block| (block, rows - block * there));
        let from: Vec<usize> = blocks()
            .flat_map(|(_, left)| used.iter().copied().filter(move |row| *row < left))
            .collect();
        self.features = self.features.select(ndarray::Axis(0), &from);
        if let Some(target) = &mut self.target {
            target.values = target.values.select(ndarray::Axis(0), &from);
        }
        for label in &mut self.labels {
            label.values = from.iter().map(|row| label.values[*row].clone()).collect();
        }
        for part in [&mut self.train, &mut self.test] {
            let places: Vec<(usize, usize)> = part
                .iter()
                .map(|row| (*row, used.partition_point(|other| other < row)))
                .collect();
            let each = used.len();
            *part = blocks()
                .flat_map(|(block, left)| {
                    let here = places.iter().filter(move |(row, _)| *row < left);
                    here.map(move |(_, place)| block * each + place)
                })
                .collect();
        }
        self
    }
}

/// One part of a data set.
#[derive(Clone, Debug)]
pub struct Part {
    /// Rows of the data set that it holds, in order.
    pub rows: Vec<usize>,
    /// Rows x columns, nothing missing unless the policy is to keep gaps.
    pub features: Array2<f64>,
    /// One value for each row.
    pub target: Array1<f64>,
}

/// The two parts, missing values dealt with by what the training part shows.
#[derive(Clone, Debug)]
pub struct Partition {
    /// The feature columns' names.
    pub columns: Vec<String>,
    /// To fit on.
    pub train: Part,
    /// To score.
    pub test: Part,
}
