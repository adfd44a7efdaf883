//! Experiment files: parsed, checked, and expanded into cells.

mod check;
mod expect;
mod matrix;
pub mod measure;
mod parse;
mod plugins;
pub mod record;
mod rules;
mod schema;
pub mod sections;
mod settings;
pub mod summary;
#[cfg(test)]
mod tests;
pub mod verdict;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::{Deserialize, Serialize};

pub use expect::Expectation;
pub use schema::json_schema;
pub use settings::Setting;

use crate::record::Cell;
use hexperiment_data::manifest::Manifest;
use hexperiment_data::{DatasetRequest, DatasetSource};
use hexperiment_diagnostics::{Complaint, Complaints, files, printable};
use hexperiment_scheme::options::{OptionValue, Options};
use hexperiment_scheme::security::SecurityDemand;
use sections::MissingTarget;
use settings::Place;

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
    places: BTreeMap<String, Place>,
    text: String,
    settings: Vec<Setting>,
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
        Self::load_with(file, &[])
    }

    /// Reads a file, and checks it as if the settings stood in it.
    pub fn load_with(file: &Path, settings: &[Setting]) -> Result<Self, Complaints> {
        let help = "experiments of the project are in the folder `experiments`";
        let text = files::read_text(file, files::TEXT, help)?;
        Self::parse_with(&text, file, settings)
    }

    /// Checks the text of `file`.
    pub fn parse(text: &str, file: &Path) -> Result<Self, Complaints> {
        Self::parse_with(text, file, &[])
    }

    /// Checks the text of `file` as if the settings stood in it.
    pub fn parse_with(text: &str, file: &Path, settings: &[Setting]) -> Result<Self, Complaints> {
        check::check(text, file, settings)
    }

    /// The text that was checked: the file's, with the settings in it.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The settings in it, as they were given.
    pub fn settings(&self) -> impl Iterator<Item = &str> {
        self.settings.iter().map(Setting::words)
    }

    /// The file it came from.
    pub fn file(&self) -> &Path {
        &self.file
    }

    /// The line where an option of `[task]` or `[dataset]` is given, as in `task.features`: in the
    /// matrix, or in its section; the section's line where it is not given, if the section is
    /// there. None for an option that a [`Setting`] gives.
    pub fn line_of(&self, option: &str) -> Option<usize> {
        match self.given_at(option)? {
            Place::Line(line) => Some(*line),
            Place::Setting(_) => None,
        }
    }

    /// The same for messages: the file, with that line if there is one, or the setting.
    pub fn place_of(&self, option: &str) -> String {
        let file = self.file.display();
        match self.given_at(option) {
            Some(Place::Line(line)) => format!("{file}:{line}"),
            Some(Place::Setting(words)) => words.clone(),
            None => file.to_string(),
        }
    }

    fn given_at(&self, option: &str) -> Option<&Place> {
        let section = option
            .split_once('.')
            .map_or(option, |(section, _)| section);
        let place = self.places.get(option);
        place.or_else(|| self.places.get(section))
    }

    /// A complaint about the value that an option has in a cell, as `dataset.target`: with the line
    /// where it is given, in `[matrix]` or in its section. Of several options it is about the first that
    /// is given; if none is, it has the line of the first one's section, and is about no option.
    pub fn complaint(&self, plan: &CellPlan, options: &[&str], problem: &str) -> Complaint {
        let given = options.iter().find(|o| self.places.contains_key(**o));
        let place = match given {
            None => options.first().and_then(|option| self.given_at(option)),
            Some(option) => {
                let varied = plan.cell.point.get(*option);
                let value = varied.map(|value| check::place_of(option, value));
                let place = value.and_then(|value| self.places.get(&value));
                place.or_else(|| self.given_at(option))
            }
        };
        let cell = if plan.cell.point.is_empty() {
            String::new()
        } else {
            format!("cell `{}`: ", plan.cell.id)
        };
        let option = match given.and_then(|option| option.split_once('.')) {
            None => String::new(),
            Some((section, key)) if plan.cell.point.contains_key(&format!("{section}.{key}")) => {
                format!("\"{section}.{key}\" in [matrix]: ")
            }
            Some((section, key)) => format!("`{key}` in [{section}]: "),
        };
        self.complaint_at(place, format!("{cell}{option}{problem}"))
    }

    /// A complaint about what stands at a place: a line of the file, or a setting.
    fn complaint_at(&self, place: Option<&Place>, message: String) -> Complaint {
        match place {
            Some(Place::Line(line)) => Complaint::new(&self.file, message).at_line(*line),
            Some(Place::Setting(words)) => Complaint::new(words, message),
            None => Complaint::new(&self.file, message),
        }
    }

    /// Complaints of a cell's data as those of the file that asks for them: what is wrong with the
    /// value of an option stands where that is given.
    pub fn blame(&self, plan: &CellPlan, complaints: Complaints) -> Complaints {
        let blamed = |complaint: Complaint| {
            let Some(option) = complaint.option else {
                return complaint;
            };
            let place = match complaint.line {
                Some(line) => format!("{}:{line}", complaint.file.display()),
                None => complaint.file.display().to_string(),
            };
            let problem = format!("{place}: {}", complaint.message);
            Complaint {
                help: complaint.help,
                ..self.complaint(plan, &[&format!("dataset.{option}")], &problem)
            }
        };
        Complaints(complaints.0.into_iter().map(blamed).collect())
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

    /// Memory that the process of one cell may allocate, in bytes.
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
        // Their order in the file says nothing, and a setting may stand elsewhere.
        let mut expectations: Vec<&Expectation> = self.expectations.iter().collect();
        expectations.sort_by(|a, b| (&a.label, &a.key).cmp(&(&b.label, &b.key)));
        serde_json::json!({
            "experiment": { "name": self.name, "question": self.question, "caveats": self.caveats },
            "dataset": self.dataset,
            "task": plugin(&self.task),
            "schemes": self.schemes.iter().map(plugin).collect::<Vec<_>>(),
            "matrix": self.matrix,
            "run": self.run,
            "expect": expectations,
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
                    OptionValue::Text(t) if printable::is_plain(t) => t.clone(),
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
        let source = match text("path") {
            Some(path) => DatasetSource::File(folder.join(path)),
            None => DatasetSource::Manifest(text("use").unwrap_or_default()),
        };
        DatasetRequest {
            target: text("target"),
            drop_columns: list("drop_columns"),
            labels: list("labels"),
            one_hot: list("one_hot"),
            positive: text("positive"),
            delimiter: text("delimiter").and_then(|text| text.chars().next()),
            missing_marker: text("missing_marker"),
            missing: options.choice("missing").ok(),
            drop_missing_targets: options
                .choice("missing_target")
                .ok()
                .map(|rows: MissingTarget| rows == MissingTarget::DropRows),
            balance: options.flag("balance").unwrap_or(false),
            test_fraction: options.number("test_fraction").unwrap_or(0.3),
            split: options.choice("split").ok(),
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
