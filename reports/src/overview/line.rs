//! A line of the table: one task on one data set with one choice of options.

use std::collections::{BTreeMap, BTreeSet};

use hexperiment_core::options::OptionValue;
use hexperiment_core::summary::{Records, Row};

use crate::units::counted;

/// Options by name, with their section, as in `task.window`.
type Settings = BTreeMap<String, OptionValue>;

/// A task, its data and options, and the rows of it.
#[derive(Clone, Debug)]
pub(super) struct Line {
    /// The experiment's name; empty where there is no run.
    pub(super) experiment: String,
    /// When its run began.
    started: String,
    pub(super) task: String,
    /// The data set's name; empty where there is no run.
    pub(super) dataset: String,
    /// All options of the task, and where the experiment's matrix has them the others'.
    settings: Settings,
    /// What tells the line from others of its task, in words.
    pub(super) particulars: Vec<String>,
    /// In the run's order.
    pub(super) rows: Vec<Row>,
}

impl Line {
    /// The lines of a run: a line for each point of its matrix, schemes' options left out.
    pub(super) fn all(run: &Records, rows: Vec<Row>) -> Vec<Self> {
        let stated = &run.run.resolved["task"]["options"];
        let stated: Settings = serde_json::from_value(stated.clone()).unwrap_or_default();
        let stated: Settings = stated
            .into_iter()
            .map(|(key, value)| (format!("task.{key}"), value))
            .collect();
        let mut lines: Vec<Self> = Vec::new();
        for row in rows {
            let mut settings = stated.clone();
            let point = row.cell.point.iter();
            let own = point.filter(|(key, _)| !key.starts_with("scheme."));
            settings.extend(own.map(|(k, v)| (k.clone(), v.clone())));
            let same = |line: &&mut Self| {
                line.settings == settings
                    && (&line.task, &line.dataset) == (&row.cell.task, &row.cell.dataset)
            };
            match lines.iter_mut().find(same) {
                Some(line) => line.rows.push(row),
                None => lines.push(Self {
                    experiment: run.run.experiment.clone(),
                    started: run.run.started.clone(),
                    task: row.cell.task.clone(),
                    dataset: row.cell.dataset.clone(),
                    settings,
                    particulars: Vec::new(),
                    rows: vec![row],
                }),
            }
        }
        lines
    }

    /// Of a task that no run is about.
    pub(super) fn without_run(task: &str) -> Self {
        Self {
            experiment: String::new(),
            started: String::new(),
            task: task.to_owned(),
            dataset: String::new(),
            settings: Settings::new(),
            particulars: Vec::new(),
            rows: Vec::new(),
        }
    }

    /// The headline that all its rows share, if they do.
    pub(super) fn metric(&self) -> Option<&str> {
        let mut names = self
            .rows
            .iter()
            .filter_map(Row::headline)
            .map(|m| m.name.as_str());
        let first = names.next()?;
        names.all(|name| name == first).then_some(first)
    }

    /// What stands at its beginning, in lines.
    pub(super) fn head(&self) -> String {
        let mut lines = vec![self.task.clone()];
        if !self.dataset.is_empty() {
            lines.push(self.dataset.clone());
        }
        let samples = self.rows.iter().filter_map(|r| r.measured.as_ref());
        let samples: BTreeSet<usize> = samples.map(|m| m.samples).collect();
        lines.extend(samples.into_iter().map(|n| counted(n, "sample", "samples")));
        lines.extend(self.particulars.iter().cloned());
        lines.extend(self.metric().map(|name| format!("metric: {name}")));
        lines.join("\n")
    }
}

/// Says of each line what tells it from the other lines of its task: options that are not the
/// same in all of them; where that does not do, the experiment's name, and then when it ran.
pub(super) fn tell_apart(lines: &mut [Line]) {
    let differing: Vec<Vec<String>> = lines.iter().map(|line| differing(line, lines)).collect();
    for (line, particulars) in lines.iter_mut().zip(differing) {
        line.particulars = particulars;
    }
    for more in [
        |line: &Line| format!("of {}", line.experiment),
        |line: &Line| format!("run of {}", line.started),
    ] {
        let same = |a: &Line, b: &Line| {
            (&a.task, &a.dataset, &a.particulars) == (&b.task, &b.dataset, &b.particulars)
        };
        let ambiguous: Vec<bool> = lines
            .iter()
            .map(|a| lines.iter().filter(|b| same(a, b)).count() > 1)
            .collect();
        for (line, ambiguous) in lines.iter_mut().zip(ambiguous) {
            if ambiguous {
                line.particulars.push(more(line));
            }
        }
    }
}

fn differing(line: &Line, all: &[Line]) -> Vec<String> {
    let others: Vec<&Line> = all.iter().filter(|l| l.task == line.task).collect();
    let differs = |key: &String| {
        let value = line.settings.get(key);
        others.iter().any(|other| other.settings.get(key) != value)
    };
    // An option of the task that is unset here may be set elsewhere.
    let keys: BTreeSet<&String> = others.iter().flat_map(|l| l.settings.keys()).collect();
    let keys = keys.into_iter().filter(|key| differs(key));
    // The data set's name stands there anyway.
    keys.filter(|key| key.as_str() != "dataset.use")
        .map(|key| {
            let name = key.split_once('.').map_or(key.as_str(), |(_, name)| name);
            match line.settings.get(key) {
                Some(OptionValue::Text(text)) => format!("{name} = {text}"),
                Some(value) => format!("{name} = {value}"),
                None => format!("{name} unset"),
            }
        })
        .collect()
}
