//! A line of the table: one task on one data set with one choice of options.

use std::collections::{BTreeMap, BTreeSet};

use hexperiment_experiment::record::Run;
use hexperiment_experiment::summary::{Records, Row};
use hexperiment_scheme::options::OptionValue;

use crate::units::counted;

/// Options by name, with their section, as in `task.window`.
type Stated = BTreeMap<String, OptionValue>;

/// A row of a line, and the options of its scheme.
#[derive(Clone, Debug)]
pub(super) struct Shown {
    pub(super) row: Row,
    /// All options of the scheme.
    options: Stated,
    /// Those that other rows of this task and scheme do not share, in words.
    pub(super) particulars: Vec<String>,
}

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
    /// What decides the figures of a line besides the schemes' options: those of the task, of the
    /// data set and of the run.
    settings: Stated,
    /// What tells the line from others of its task, in words.
    pub(super) particulars: Vec<String>,
    /// In the run's order.
    pub(super) rows: Vec<Shown>,
}

/// Settings of `[run]` that decide what is computed.
const DECISIVE: [&str; 4] = ["security_bits", "insecure", "threads", "seed"];

/// The options of an object of the resolved experiment, below the name of their section.
fn settings(options: &serde_json::Value, section: &str) -> Stated {
    let options: Stated = serde_json::from_value(options.clone()).unwrap_or_default();
    let options = options.into_iter();
    options
        .map(|(key, value)| (format!("{section}.{key}"), value))
        .collect()
}

/// The settings of all lines of a run, before the matrix.
fn stated(run: &Run) -> Stated {
    let mut all = settings(&run.resolved["task"]["options"], "task");
    let mut data = settings(&run.resolved["dataset"], "dataset");
    // The data set's name stands in the line anyway.
    data.retain(|key, _| !matches!(key.as_str(), "dataset.use" | "dataset.path"));
    all.append(&mut data);
    let mut of_run = settings(&run.resolved["run"], "run");
    of_run.retain(|key, _| {
        DECISIVE
            .iter()
            .any(|name| key.strip_prefix("run.") == Some(*name))
    });
    all.append(&mut of_run);
    all
}

/// The options of a row's scheme.
fn scheme_options(run: &Run, row: &Row) -> Stated {
    let schemes = run.resolved["schemes"].as_array();
    let mut schemes = schemes.into_iter().flatten();
    let own = schemes.find(|scheme| scheme["label"] == row.cell.label);
    let mut options = own.map_or(Stated::new(), |s| settings(&s["options"], "scheme"));
    let point = row.cell.point.iter();
    let point = point.filter(|(key, _)| key.starts_with("scheme."));
    options.extend(point.map(|(k, v)| (k.clone(), v.clone())));
    options
}

impl Line {
    /// The lines of a run: a line for each point of its matrix, schemes' options left out.
    pub(super) fn all(run: &Records, rows: Vec<Row>) -> Vec<Self> {
        let stated = stated(&run.run);
        let mut lines: Vec<Self> = Vec::new();
        for row in rows {
            let mut settings = stated.clone();
            let point = row.cell.point.iter();
            let own = point.filter(|(key, _)| !key.starts_with("scheme."));
            settings.extend(own.map(|(k, v)| (k.clone(), v.clone())));
            settings.remove("dataset.use");
            let shown = Shown {
                options: scheme_options(&run.run, &row),
                particulars: Vec::new(),
                row,
            };
            let same = |line: &&mut Self| {
                line.settings == settings
                    && (&line.task, &line.dataset)
                        == (&shown.row.cell.task, &shown.row.cell.dataset)
            };
            if let Some(line) = lines.iter_mut().find(same) {
                line.rows.push(shown);
                continue;
            }
            lines.push(Self {
                experiment: run.run.experiment.clone(),
                started: run.run.started.clone(),
                task: shown.row.cell.task.clone(),
                dataset: shown.row.cell.dataset.clone(),
                settings,
                particulars: Vec::new(),
                rows: vec![shown],
            });
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
            settings: Stated::new(),
            particulars: Vec::new(),
            rows: Vec::new(),
        }
    }

    /// The headline that all its rows share, if they do.
    pub(super) fn metric(&self) -> Option<&str> {
        let mut names = self
            .rows
            .iter()
            .filter_map(|shown| shown.row.headline())
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
        let samples = self.rows.iter().filter_map(|r| r.row.measured.as_ref());
        let samples: BTreeSet<usize> = samples.map(|m| m.samples).collect();
        lines.extend(samples.into_iter().map(|n| counted(n, "sample", "samples")));
        lines.extend(self.particulars.iter().cloned());
        lines.extend(self.metric().map(|name| format!("metric: {name}")));
        lines.join("\n")
    }
}

/// Says of each line what tells it from the other lines of its task: options that are not the
/// same in all of them; where that does not do, the experiment's name, and then when it ran. Says
/// of each row which options of its scheme are not those of the scheme's other rows.
pub(super) fn tell_apart(lines: &mut [Line]) {
    let differing: Vec<Vec<String>> = lines
        .iter()
        .map(|line| {
            let others = lines.iter().filter(|l| l.task == line.task);
            let others: Vec<&Stated> = others.map(|l| &l.settings).collect();
            differing(&line.settings, &others, true)
        })
        .collect();
    for (line, particulars) in lines.iter_mut().zip(differing) {
        line.particulars = particulars;
    }
    let of_schemes: Vec<Vec<Vec<String>>> = lines
        .iter()
        .map(|line| {
            let rows = line.rows.iter();
            rows.map(|shown| scheme_particulars(line, shown, lines))
                .collect()
        })
        .collect();
    for (line, of_rows) in lines.iter_mut().zip(of_schemes) {
        for (shown, particulars) in line.rows.iter_mut().zip(of_rows) {
            shown.particulars = particulars;
        }
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

fn scheme_particulars(line: &Line, shown: &Shown, lines: &[Line]) -> Vec<String> {
    let of_task = lines.iter().filter(|l| l.task == line.task);
    let rows = of_task.flat_map(|l| &l.rows);
    let others = rows.filter(|other| other.row.cell.scheme == shown.row.cell.scheme);
    let others: Vec<&Stated> = others.map(|other| &other.options).collect();
    differing(&shown.options, &others, false)
}

/// The options that are not the same in all `others`, in words; those that are not set here only
/// if `unset`.
fn differing(own: &Stated, others: &[&Stated], unset: bool) -> Vec<String> {
    let differs = |key: &String| others.iter().any(|other| other.get(key) != own.get(key));
    // An option that is not set here may be set elsewhere.
    let keys: BTreeSet<&String> = others.iter().flat_map(|settings| settings.keys()).collect();
    keys.into_iter()
        .filter(|key| differs(key))
        .filter_map(|key| {
            let name = key.split_once('.').map_or(key.as_str(), |(_, name)| name);
            match own.get(key) {
                Some(OptionValue::Text(text)) => Some(format!("{name} = {text}")),
                Some(value) => Some(format!("{name} = {value}")),
                None => unset.then(|| format!("{name} unset")),
            }
        })
        .collect()
}
