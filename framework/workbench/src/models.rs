//! Saved models: dropped on a page, or left by runs.

use std::path::{Path, PathBuf};

use hexperiment_diagnostics::printable;

use crate::model::Model;
use crate::run_files;
use crate::state::Workbench;

/// Runs that are searched for models, the newest.
const MOST_RUNS: usize = 200;

/// A model that can be chosen.
pub(crate) struct Choice {
    /// What a form sends.
    pub(crate) key: String,
    pub(crate) name: String,
    pub(crate) file: PathBuf,
    pub(crate) columns: Vec<String>,
}

impl Choice {
    /// The columns that a table lacks for it.
    pub(crate) fn lacks<'a>(
        &'a self,
        has: impl Fn(&str) -> bool + 'a,
    ) -> impl Iterator<Item = &'a str> {
        self.columns
            .iter()
            .map(String::as_str)
            .filter(move |column| !has(column))
    }
}

/// All models: those that were dropped, then those of runs, the newest first.
pub(crate) fn all(workbench: &Workbench) -> Vec<Choice> {
    let mut choices: Vec<Choice> = workbench
        .models()
        .iter()
        .map(|model| Choice {
            key: model.id.clone(),
            name: model.name.clone(),
            file: model.file.clone(),
            columns: model.columns.clone(),
        })
        .collect();
    let of_jobs = workbench
        .jobs()
        .into_iter()
        .filter_map(|job| Some((job.title.clone(), job.run()?)));
    let of_runs = run_files::runs(&workbench.settings.runs)
        .into_iter()
        .take(MOST_RUNS);
    let of_runs = of_runs.map(|run| (run_files::name(&run), run));
    for (name, run) in of_jobs.chain(of_runs) {
        for file in run_files::artefacts(&run, |name| name == "model.json") {
            let cell = file
                .parent()
                .and_then(Path::file_name)
                .unwrap_or_default()
                .to_string_lossy()
                .into_owned();
            let key = file.display().to_string();
            let name = printable::line(&format!("{name}, {cell}")).into_owned();
            // One that is damaged is none to choose.
            if let Ok(model) = Model::read(String::new(), name, file) {
                choices.push(Choice {
                    key,
                    name: model.name,
                    file: model.file,
                    columns: model.columns,
                });
            }
        }
    }
    choices
}
