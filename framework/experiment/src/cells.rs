//! Cells: every combination of scheme and point of the matrix, as typed requests.

use std::collections::BTreeMap;
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::sections::{self, Keys, RunSettings, SecuritySettings, ServerSettings};
use super::{Experiment, Matrix, PluginChoice, plugins};
use crate::record::Cell;
use hexperiment_data::DatasetRequest;
use hexperiment_diagnostics::printable;
use hexperiment_scheme::Objective;
use hexperiment_scheme::options::{OptionValue, Options};
use hexperiment_scheme::registry::Program;

/// One cell, with all that its process needs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CellPlan {
    /// What records call it.
    pub cell: Cell,
    /// The program that the scheme is, if it is one of its own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub program: Option<Program>,
    /// The scheme's options.
    pub scheme_options: Options,
    /// The task's options.
    pub task_options: Options,
    /// The data.
    pub dataset: DatasetRequest,
    /// What is demanded of the scheme.
    pub security: SecuritySettings,
    /// The far server that evaluates, if it is no process of this machine.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub server: Option<ServerSettings>,
    /// Threads.
    pub threads: usize,
    /// What the scheme chooses the layout of vectors for.
    #[serde(default)]
    pub objective: Objective,
    /// The seed.
    pub seed: u64,
}

/// What the matrix gives to a cell, by key.
type Point = BTreeMap<String, OptionValue>;

/// All points of a matrix, the last key varying fastest; one, of nothing, without a matrix.
fn points(matrix: &Matrix) -> Vec<Point> {
    let mut points = vec![Point::new()];
    for (key, values) in matrix {
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
}

/// What a scheme has of a point. A point of an option that it lacks is the same cell for each of its
/// values, so only the first is kept.
fn own(scheme: &PluginChoice, point: &Point, matrix: &Matrix) -> Option<Point> {
    let mut own = Point::new();
    for (key, value) in point {
        let option = key.strip_prefix("scheme.");
        if option.is_some_and(|option| !plugins::scheme_has(&scheme.name, option)) {
            let (_, values) = matrix.iter().find(|(k, _)| k == key)?;
            if values.first() != Some(value) {
                return None;
            }
        } else {
            own.insert(key.clone(), value.clone());
        }
    }
    Some(own)
}

/// What a cell is called: by its label and its own values of the matrix.
fn name(label: &str, own: &Point) -> String {
    let point = own.iter().map(|(key, value)| {
        let option = key.split_once('.').map_or(key.as_str(), |(_, o)| o);
        match value {
            OptionValue::Text(text) if printable::is_plain(text) => format!("/{option}={text}"),
            value => format!("/{option}={value}"),
        }
    });
    std::iter::once(label.to_owned()).chain(point).collect()
}

/// The names of the rows of all cells, in order.
pub(super) fn cell_names(schemes: &[PluginChoice], matrix: &Matrix) -> Vec<String> {
    let points = points(matrix);
    let of_point = |point| {
        let own = move |scheme| Some((scheme, own(scheme, point, matrix)?));
        schemes.iter().filter_map(own)
    };
    let cells = points.iter().flat_map(of_point);
    cells
        .map(|(scheme, own)| name(&scheme.label, &own))
        .collect()
}

impl Experiment {
    /// Every combination of scheme and matrix point, in order; with several seeds, all of them with the
    /// first, then all with the next.
    pub(super) fn expand(&self) -> Vec<CellPlan> {
        let points = points(&self.matrix);
        let with_seed = |more| {
            let of_point = |point| {
                self.schemes
                    .iter()
                    .filter_map(move |s| self.cell(s, point, more))
            };
            points.iter().flat_map(of_point).collect::<Vec<_>>()
        };
        (0..u64::from(self.run_settings.seeds))
            .flat_map(with_seed)
            .collect()
    }

    /// The cell of a scheme at a point, unless it is that of another point; its seed is so much more than
    /// the first.
    fn cell(&self, scheme: &PluginChoice, point: &Point, more: u64) -> Option<CellPlan> {
        let own = own(scheme, point, &self.matrix)?;
        let mut options: BTreeMap<&str, Options> = [
            ("dataset", self.dataset.clone()),
            ("task", self.task.options.clone()),
            ("scheme", scheme.options.clone()),
            ("run", self.run.clone()),
        ]
        .into();
        for (key, value) in &own {
            let (section, option) = key.split_once('.')?;
            options.get_mut(section)?.set(option, value.clone());
        }
        let run = RunSettings::read(&mut Keys::of(&options["run"]));
        let folder = self.file.parent().unwrap_or(Path::new(""));
        let mut server = ServerSettings::read(&mut Keys::of(&options["run"]));
        if let Some(file) = server.as_mut().and_then(|s| s.token_file.as_mut()) {
            // As paths of data are taken.
            *file = folder.join(&*file).display().to_string();
        }
        let seed = run.seed.saturating_add(more);
        let among_others = (run.seeds > 1).then_some(seed);
        let dataset = sections::dataset_request(&options["dataset"], folder, seed);
        let row = name(&scheme.label, &own);
        Some(CellPlan {
            cell: Cell {
                id: among_others.map_or_else(|| row.clone(), |seed| Cell::of_seed(&row, seed)),
                seed: among_others,
                scheme: scheme.name.clone(),
                label: scheme.label.clone(),
                task: self.task.name.clone(),
                dataset: dataset.name(),
                point: own,
            },
            security: run.security,
            server,
            threads: run.threads,
            objective: run.objective,
            seed,
            program: scheme.program.clone(),
            scheme_options: options["scheme"].clone(),
            task_options: options["task"].clone(),
            dataset,
        })
    }
}
