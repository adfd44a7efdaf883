//! What an experiment asks of a data set.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use strum::{EnumString, IntoStaticStr, VariantNames};

use super::MissingPolicy;
use super::registry::SourceOptions;

/// How rows are dealt to the training and the test part.
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
pub enum SplitKind {
    /// Shuffled by the seed.
    #[default]
    Random,
    /// Shuffled by the seed, each class of the target dealt in equal shares.
    Stratified,
    /// The last rows are the test part.
    Chronological,
}

/// What an experiment asks for, checked.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DatasetRequest {
    /// A manifest's name, or the path of a file of the user's own.
    pub source: DatasetSource,
    /// Overrides of the manifest; each `None` leaves what the manifest says.
    pub target: Option<String>,
    /// Columns to leave out, besides the manifest's; also single categories, as `colour=red`.
    pub drop_columns: Vec<String>,
    /// Columns to keep as text, besides the manifest's.
    pub labels: Vec<String>,
    /// Columns of categories to encode as one column of 0 and 1 for each, besides the manifest's.
    #[serde(default)]
    pub one_hot: Vec<String>,
    /// The value of the target that counts as 1, all others as 0; the target is then read as text.
    pub positive: Option<String>,
    /// The character between fields.
    pub delimiter: Option<char>,
    /// What stands for a missing value.
    pub missing_marker: Option<String>,
    /// What to do about missing values.
    pub missing: Option<MissingPolicy>,
    /// Whether rows without a target are dropped, else refused; `None` for what is done to rows with
    /// missing values.
    #[serde(default)]
    pub drop_missing_targets: Option<bool>,
    /// Whether the larger classes are cut down to the smallest, before the split.
    pub balance: bool,
    /// The share of the test part; its rows are rounded down.
    pub test_fraction: f64,
    /// How rows are dealt.
    pub split: Option<SplitKind>,
    /// At most so many rows, the first; 0 for all.
    pub limit: usize,
    /// Options of a source that needs no file; they override the manifest's.
    #[serde(default)]
    pub source_options: SourceOptions,
    /// The seed of balancing and of the split.
    pub seed: u64,
    /// Folder of manifests beside the experiment.
    pub manifests: Option<PathBuf>,
}

/// Where the data are.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum DatasetSource {
    /// By a manifest.
    Manifest(String),
    /// A file.
    File(PathBuf),
}

impl DatasetSource {
    /// The option of `[dataset]` that names it.
    pub(super) fn option(&self) -> &'static str {
        match self {
            Self::Manifest(_) => "use",
            Self::File(_) => "path",
        }
    }
}

impl DatasetRequest {
    /// The data of `source` with nothing changed, three tenths for testing.
    pub fn new(source: DatasetSource, seed: u64) -> Self {
        Self {
            source,
            target: None,
            drop_columns: vec![],
            labels: vec![],
            one_hot: vec![],
            positive: None,
            delimiter: None,
            missing_marker: None,
            missing: None,
            drop_missing_targets: None,
            balance: false,
            test_fraction: 0.3,
            split: None,
            limit: 0,
            source_options: SourceOptions::new(),
            seed,
            manifests: None,
        }
    }

    /// Its name in tables.
    pub fn name(&self) -> String {
        match &self.source {
            DatasetSource::Manifest(name) => name.clone(),
            DatasetSource::File(path) => path
                .file_stem()
                .map_or_else(String::new, |s| s.to_string_lossy().into_owned()),
        }
    }
}
