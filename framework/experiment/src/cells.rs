//! Cells: every combination of scheme and point of the matrix, as typed requests.

use std::collections::BTreeMap;
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::sections::{self, Keys, RunSettings};
use super::{Experiment, PluginChoice, plugins};
use crate::record::Cell;
use hexperiment_data::DatasetRequest;
use hexperiment_diagnostics::printable;
use hexperiment_scheme::options::{OptionValue, Options};
use hexperiment_scheme::security::SecurityDemand;

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
    /// Every combination of scheme and matrix point, in order.
    pub(super) fn expand(&self) -> Vec<CellPlan> {
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
        let mut options: BTreeMap<&str, Options> = [
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
            options.get_mut(section)?.set(option, value.clone());
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
        let run = RunSettings::read(&mut Keys::of(&options["run"]));
        let folder = self.file.parent().unwrap_or(Path::new(""));
        let dataset = sections::dataset_request(&options["dataset"], folder, run.seed);
        Some(CellPlan {
            cell: Cell {
                id,
                scheme: scheme.name.clone(),
                label: scheme.label.clone(),
                task: self.task.name.clone(),
                dataset: dataset.name(),
                point: own,
            },
            security: run.security,
            threads: run.threads,
            seed: run.seed,
            scheme_options: options["scheme"].clone(),
            task_options: options["task"].clone(),
            dataset,
        })
    }
}
