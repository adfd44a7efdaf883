//! Experiment files: parsed, checked, and expanded into cells.

mod cells;
mod check;
mod command;
mod expect;
pub mod links;
mod matrix;
pub mod measure;
pub mod merge;
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

pub use cells::CellPlan;
pub use expect::Expectation;
pub use schema::json_schema;
pub use sections::{Link, RunSettings, SecuritySettings, ServerSettings};
pub use settings::Setting;

use hexperiment_data::manifest::Manifest;
use hexperiment_diagnostics::{Complaint, Complaints, files};
use hexperiment_scheme::options::{OptionValue, Options};
use hexperiment_scheme::registry::Program;
use sections::About;
use settings::Place;

/// A checked experiment. All that it says is possible; later code does not check again.
#[derive(Clone, Debug, PartialEq)]
pub struct Experiment {
    file: PathBuf,
    about: About,
    /// As it is recorded; cells have it as requests.
    dataset: Options,
    task: PluginChoice,
    schemes: Vec<PluginChoice>,
    matrix: Matrix,
    /// As it is recorded.
    run: Options,
    run_settings: RunSettings,
    cells: Vec<CellPlan>,
    expectations: Vec<Expectation>,
    /// As they are recorded, by name.
    links: BTreeMap<String, Options>,
    manifests: BTreeMap<String, Manifest>,
    /// By section and by key, as in `task` and `task.features`.
    places: BTreeMap<String, Place>,
    text: String,
    settings: Vec<Setting>,
}

/// The keys of `[matrix]`, in order of the file, each with its values.
type Matrix = Vec<(String, Vec<OptionValue>)>;

/// A plugin and its options, defaults filled in.
#[derive(Clone, Debug, PartialEq)]
struct PluginChoice {
    name: String,
    label: String,
    options: Options,
    /// Of a scheme that is a program of its own.
    program: Option<Program>,
}

impl Experiment {
    /// Reads and checks a file; every problem in it is a complaint.
    ///
    /// # Errors
    /// The file cannot be read; else as [`Experiment::parse`].
    pub fn load(file: &Path) -> Result<Self, Complaints> {
        Self::load_with(file, &[])
    }

    /// Reads a file, and checks it as if the settings stood in it.
    ///
    /// # Errors
    /// The file cannot be read; else as [`Experiment::parse_with`].
    pub fn load_with(file: &Path, settings: &[Setting]) -> Result<Self, Complaints> {
        let help = "experiments of the project are in the folder `experiments`";
        let text = files::read_text(file, files::TEXT, help)?;
        Self::parse_with(&text, file, settings)
    }

    /// Checks the text of `file`.
    ///
    /// # Errors
    /// One complaint where the text is not TOML; else one for each thing that is wrong in it: a
    /// section, a key or a value, the plugins and data that it names, its matrix, its expectations.
    pub fn parse(text: &str, file: &Path) -> Result<Self, Complaints> {
        Self::parse_with(text, file, &[])
    }

    /// Whether checking a text starts a program: one of its schemes has a `command`.
    pub fn starts_programs(text: &str) -> bool {
        // What is no TOML is not looked at further.
        let Ok(table) = text.parse::<toml::Table>() else {
            return false;
        };
        let has_command = |scheme: &toml::Value| scheme.get("command").is_some();
        match table.get("scheme") {
            Some(toml::Value::Array(schemes)) => schemes.iter().any(has_command),
            Some(scheme) => has_command(scheme),
            None => false,
        }
    }

    /// Checks the text of `file` as if the settings stood in it.
    ///
    /// # Errors
    /// As [`Experiment::parse`]; and where a setting has no place in the text, or sets what another
    /// one sets.
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

    /// The line where an option of `[task]`, `[dataset]` or `[run]` is given, as in `task.features`: in the
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

    /// Whether an option of `[task]`, `[dataset]` or `[run]`, as in `run.threads`, is given: in its section, in the
    /// matrix or by a [`Setting`].
    pub fn gives(&self, option: &str) -> bool {
        self.places.contains_key(option)
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
    /// the matrix varies, else the first that is given; if none is, it has the line of the first one's
    /// section, and is about no option.
    pub fn complaint(&self, plan: &CellPlan, options: &[&str], problem: &str) -> Complaint {
        let varied = options.iter().find(|o| plan.cell.point.contains_key(**o));
        let given = varied.or_else(|| options.iter().find(|o| self.places.contains_key(**o)));
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
    /// value of an option stands where that is given. What no value of the matrix is blamed for,
    /// `culprit` is, a key of the matrix.
    pub fn blame(
        &self,
        plan: &CellPlan,
        complaints: Complaints,
        culprit: Option<&str>,
    ) -> Complaints {
        let blamed = |complaint: Complaint| {
            let named = complaint.option.map(|option| format!("dataset.{option}"));
            let is_varied = |option: &String| plan.cell.point.contains_key(option);
            let varied = named.clone().filter(is_varied);
            let culprit = || culprit.map(str::to_owned);
            let Some(option) = varied.or_else(culprit).or(named) else {
                return complaint;
            };
            let place = match complaint.line {
                Some(line) => format!("{}:{line}", complaint.file.display()),
                None => complaint.file.display().to_string(),
            };
            let problem = format!("{place}: {}", complaint.message);
            Complaint {
                help: complaint.help,
                ..self.complaint(plan, &[&option], &problem)
            }
        };
        Complaints(complaints.0.into_iter().map(blamed).collect())
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.about.name
    }

    /// The question that it answers.
    pub fn question(&self) -> &str {
        &self.about.question
    }

    /// What is unfair about it.
    pub fn caveats(&self) -> &str {
        &self.about.caveats
    }

    /// How its cells are run.
    pub fn run(&self) -> &RunSettings {
        &self.run_settings
    }

    /// What it expects.
    pub fn expectations(&self) -> &[Expectation] {
        &self.expectations
    }

    /// The experiment as data, every default filled in, the manifests of its data sets with it:
    /// all that decides what a run computes, besides the files of data.
    pub fn resolved(&self) -> serde_json::Value {
        let plugin = |p: &PluginChoice| {
            let mut data =
                serde_json::json!({ "use": p.name, "label": p.label, "options": p.options });
            // Not its folder: a run is the same wherever its files lie.
            if let Some(program) = &p.program {
                data["command"] = serde_json::json!(program.command);
            }
            data
        };
        let manifests: BTreeMap<&str, _> = self
            .manifests
            .iter()
            .map(|(name, manifest)| {
                let mut data = serde_json::json!(manifest);
                for (_, option) in hexperiment_data::registry::options() {
                    data[option.name] = manifest.source_options.get(option.name).copied().into();
                }
                (name.as_str(), data)
            })
            .collect();
        // Their order in the file says nothing, and a setting may stand elsewhere.
        let mut expectations: Vec<&Expectation> = self.expectations.iter().collect();
        expectations.sort_by(|a, b| (&a.label, &a.key).cmp(&(&b.label, &b.key)));
        let mut resolved = serde_json::json!({
            "experiment": { "name": self.about.name, "question": self.about.question, "caveats": self.about.caveats },
            "dataset": self.dataset,
            "task": plugin(&self.task),
            "schemes": self.schemes.iter().map(plugin).collect::<Vec<_>>(),
            "matrix": self.matrix,
            "run": self.run,
            "expect": expectations,
            "manifests": manifests,
        });
        // An experiment without links of its own is what it was before there were any.
        if !self.links.is_empty() {
            resolved[links::RECORDED] = serde_json::json!(self.links);
        }
        resolved
    }

    /// Every combination of scheme and matrix point, in order.
    pub fn cells(&self) -> &[CellPlan] {
        &self.cells
    }
}
