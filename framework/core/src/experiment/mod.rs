//! Experiment files: parsed, checked, and expanded into cells.

mod check;
mod expect;
mod matrix;
mod parse;
mod plugins;
mod rules;
mod schema;
pub mod sections;
#[cfg(test)]
mod tests;
mod units;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::{Deserialize, Serialize};

pub use expect::Expectation;
pub use schema::json_schema;

use crate::dataset::manifest::Manifest;
use crate::dataset::{DatasetRequest, DatasetSource, MissingPolicy, SplitKind};
use crate::options::{OptionValue, Options};
use crate::record::Cell;
use crate::security::SecurityDemand;
use crate::source::{Complaints, read_text};

/// A checked experiment. All that it says is possible; later code does not check again.
#[derive(Clone, Debug, PartialEq)]
pub struct Experiment {
    file: PathBuf,
    name: String,
    question: String,
    caveats: String,
    dataset: Options,
    task: PluginChoice,
    schemes: Vec<PluginChoice>,
    matrix: Vec<(String, Vec<OptionValue>)>,
    run: Options,
    time_limit: Duration,
    memory_limit: Option<u64>,
    expectations: Vec<Expectation>,
    manifests: BTreeMap<String, Manifest>,
    /// By section and by key, as in `task` and `task.features`.
    lines: BTreeMap<String, usize>,
}

/// A plugin and its options, defaults filled in.
#[derive(Clone, Debug, PartialEq)]
struct PluginChoice {
    name: String,
    label: String,
    options: Options,
}

/// One cell, with all that its process needs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CellPlan {
    /// What records call it.
    pub cell: Cell,
    /// The scheme's options.
    pub scheme_options: Options,
    /// The task's options.
    pub task_options: Options,
    /// The data.
    pub dataset: DatasetRequest,
    /// The level demanded.
    pub security: SecurityDemand,
    /// Threads.
    pub threads: usize,
    /// The seed.
    pub seed: u64,
}

impl Experiment {
    /// Reads and checks a file; every problem in it is a complaint.
    pub fn load(file: &Path) -> Result<Self, Complaints> {
        let text = read_text(
            file,
            "experiments of the project are in the folder `experiments`",
        )?;
        Self::parse(&text, file)
    }

    /// Checks the text of `file`.
    pub fn parse(text: &str, file: &Path) -> Result<Self, Complaints> {
        check::check(text, file)
    }

    /// The file it came from.
    pub fn file(&self) -> &Path {
        &self.file
    }

    /// The line where an option of `[task]` or `[dataset]` is given, as in `task.features`: in the
    /// matrix, or in its section; the section's line where it is not given, if the section is
    /// there.
    pub fn line_of(&self, option: &str) -> Option<usize> {
        let section = option
            .split_once('.')
            .map_or(option, |(section, _)| section);
        let line = self.lines.get(option).or_else(|| self.lines.get(section));
        line.copied()
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The question that it answers.
    pub fn question(&self) -> &str {
        &self.question
    }

    /// What is unfair about it.
    pub fn caveats(&self) -> &str {
        &self.caveats
    }

    /// Measured repetitions of each cell.
    pub fn repetitions(&self) -> u32 {
        self.whole("repetitions") as u32
    }

    /// Repetitions before these.
    pub fn warmup(&self) -> u32 {
        self.whole("warmup") as u32
    }

    /// The seed.
    pub fn seed(&self) -> u64 {
        self.whole("seed").unsigned_abs()
    }

    /// Time for one cell.
    pub fn time_limit(&self) -> Duration {
        self.time_limit
    }

    /// Address space for one cell, in bytes.
    pub fn memory_limit(&self) -> Option<u64> {
        self.memory_limit
    }

    /// What it expects.
    pub fn expectations(&self) -> &[Expectation] {
        &self.expectations
    }

    fn whole(&self, key: &str) -> i64 {
        // Checked: each key read here has a default.
        self.run.integer(key).unwrap_or_default()
    }

    /// The experiment as data, every default filled in, the manifests of its data sets with it:
    /// all that decides what a run computes, besides the files of data.
    pub fn resolved(&self) -> serde_json::Value {
        let plugin = |p: &PluginChoice| serde_json::json!({ "use": p.name, "label": p.label, "options": p.options });
        serde_json::json!({
            "experiment": { "name": self.name, "question": self.question, "caveats": self.caveats },
            "dataset": self.dataset,
            "task": plugin(&self.task),
            "schemes": self.schemes.iter().map(plugin).collect::<Vec<_>>(),
            "matrix": self.matrix,
            "run": self.run,
            "expect": self.expectations,
            "manifests": self.manifests,
        })
    }

    /// Every combination of scheme and matrix point, in order.
    pub fn cells(&self) -> Vec<CellPlan> {
        let mut points: Vec<BTreeMap<String, OptionValue>> = vec![BTreeMap::new()];
        for (key, values) in &self.matrix {
            points = points
                .into_iter()
                .flat_map(|point| {
                    values.iter().map(move |value| {
                        let mut point = point.clone();
                        point.insert(key.clone(), value.clone());
                        point
                    })
                })
                .collect();
        }
        points
            .iter()
            .flat_map(|point| self.schemes.iter().filter_map(|s| self.cell(s, point)))
            .collect()
    }

    /// One cell; a point of a scheme's option that this scheme lacks is the same cell for each
    /// of its values, so only the first is kept.
    fn cell(
        &self,
        scheme: &PluginChoice,
        point: &BTreeMap<String, OptionValue>,
    ) -> Option<CellPlan> {
        let mut sections: BTreeMap<&str, Options> = [
            ("dataset", self.dataset.clone()),
            ("task", self.task.options.clone()),
            ("scheme", scheme.options.clone()),
            ("run", self.run.clone()),
        ]
        .into();
        let mut own = BTreeMap::new();
        for (key, value) in point {
            let (section, option) = key.split_once('.')?;
            if section == "scheme" && !plugins::scheme_has(&scheme.name, option) {
                let first = self
                    .matrix
                    .iter()
                    .find(|(k, _)| k == key)
                    .map(|(_, values)| &values[0]);
                if first != Some(value) {
                    return None;
                }
                continue;
            }
            sections.get_mut(section)?.set(option, value.clone());
            own.insert(key.clone(), value.clone());
        }
        let suffix: Vec<String> = own
            .iter()
            .map(|(k, v)| {
                let text = match v {
                    OptionValue::Text(t) => t.clone(),
                    v => v.to_string(),
                };
                format!(
                    "{}={text}",
                    k.split_once('.').map_or(k.as_str(), |(_, o)| o)
                )
            })
            .collect();
        let id = std::iter::once(scheme.label.clone())
            .chain(suffix)
            .collect::<Vec<_>>()
            .join("/");
        let run = &sections["run"];
        let seed = run.integer("seed").unwrap_or_default().unsigned_abs();
        let dataset = self.request(&sections["dataset"], seed);
        Some(CellPlan {
            cell: Cell {
                id,
                scheme: scheme.name.clone(),
                label: scheme.label.clone(),
                task: self.task.name.clone(),
                dataset: dataset.name(),
                point: own,
            },
            security: SecurityDemand {
                bits: run.integer("security_bits").unwrap_or(128) as u32,
                insecure: run.flag("insecure").unwrap_or(false),
            },
            threads: run
                .integer("threads")
                .map_or_else(|_| check::processors(), |n| n as usize),
            scheme_options: sections["scheme"].clone(),
            task_options: sections["task"].clone(),
            dataset,
            seed,
        })
    }

    fn request(&self, options: &Options, seed: u64) -> DatasetRequest {
        let folder = self.file.parent().unwrap_or(Path::new("")).to_owned();
        let text = |key: &str| options.text(key).ok().map(str::to_owned);
        let list = |key: &str| match options.get(key) {
            Some(OptionValue::List(items)) => items
                .iter()
                .filter_map(|item| match item {
                    OptionValue::Text(t) => Some(t.clone()),
                    _ => None,
                })
                .collect(),
            _ => vec![],
        };
        // The choices of the section are the names that serde knows.
        let named = |key: &str| options.text(key).ok().map(serde_json::Value::from);
        let source = match text("path") {
            Some(path) => DatasetSource::File(folder.join(path)),
            None => DatasetSource::Manifest(text("use").unwrap_or_default()),
        };
        DatasetRequest {
            target: text("target"),
            drop_columns: list("drop_columns"),
            labels: list("labels"),
            positive: text("positive"),
            delimiter: text("delimiter").and_then(|text| text.chars().next()),
            missing_marker: text("missing_marker"),
            missing: named("missing").and_then(|v| serde_json::from_value::<MissingPolicy>(v).ok()),
            balance: options.flag("balance").unwrap_or(false),
            test_fraction: options.number("test_fraction").unwrap_or(0.3),
            split: named("split").and_then(|v| serde_json::from_value::<SplitKind>(v).ok()),
            limit: options.integer("limit").unwrap_or(0) as usize,
            devices: options.integer("devices").ok().map(i64::unsigned_abs),
            generator_seed: options
                .integer("generator_seed")
                .ok()
                .map(i64::unsigned_abs),
            manifests: Some(folder.join("datasets")),
            ..DatasetRequest::new(source, seed)
        }
    }
}
