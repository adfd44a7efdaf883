//! Published results: what is kept of runs in version control, and the pages made of it.
//!
//! [`Publication`] is what a file `run.json` holds of a run. [`index`], [`picture`], [`front_page`] and [`site`] are
//! made of publications alone, so that a check can make them again where the records are no longer.

mod front_page;
mod index;
mod picture;
mod site;

use std::collections::BTreeMap;

use hexperiment_experiment::measure::median;
use hexperiment_experiment::record::{Clock, Status, file_name};
use hexperiment_experiment::summary::Row;
use hexperiment_scheme::security::Protection;
use serde::{Deserialize, Serialize};

pub use front_page::{front_page, shown_in};
pub use index::index;
pub use picture::picture;
pub use site::site;

use crate::Shown;
use crate::answer::answer;
use crate::export::bits;
use crate::facts::facts;
use crate::first_table::value;
use crate::grid::Column;
use crate::machines::Kinds;
use crate::units::{bytes, counted, duration, shortened, significant};

/// Version of the format of `run.json`.
const FORMAT: u32 = 1;

/// A run as it is published: the answer, a line for each cell, and what it was measured on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Publication {
    /// Version of the format.
    format: u32,
    /// Name of the experiment.
    pub experiment: String,
    /// The task's name.
    pub task: String,
    question: String,
    caveats: String,
    answer: String,
    /// What all rows have in common: task, data, samples, repetitions, threads, seed.
    facts: String,
    /// UTC time at which the run began.
    pub started: String,
    clock: Clock,
    machine: String,
    program: String,
    /// Versions of the libraries of the schemes.
    libraries: BTreeMap<String, String>,
    rows: Vec<PublishedRow>,
}

/// A cell of a run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct PublishedRow {
    name: String,
    status: Status,
    reason: String,
    /// Whether the server computes on ciphertexts; not so where nothing is hidden from it, or nothing was set up.
    is_encrypted: bool,
    /// Computed security in bits, or a word for what is none.
    security: String,
    imprecise: bool,
    busy: bool,
    /// On what kind of machine, where rows differ in it or others may have used it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    place: Option<String>,
    measured: Option<PublishedFigures>,
}

/// The figures of a cell that came to a result.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct PublishedFigures {
    metric: Option<PublishedMetric>,
    max_error: f64,
    /// The error that the task bears, of the output that is furthest from it; here and below none of what was
    /// published by earlier versions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    error_wanted: Option<f64>,
    /// What moving values into public ranges does to a result, which the error leaves out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    clipping_error: Option<f64>,
    /// Probability that noise makes any result of a run wrong, in words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    failure: Option<String>,
    /// Median time of encryption, evaluation and decryption of the whole batch.
    total_ms: f64,
    up_bytes: u64,
    down_bytes: u64,
    key_bytes: u64,
}

/// The headline metric of a cell.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct PublishedMetric {
    name: String,
    value: f64,
    in_the_clear: Option<f64>,
}

impl Publication {
    /// What is published of a run.
    pub fn of(shown: &Shown<'_>) -> Self {
        let run = &shown.records.run;
        let p = &run.provenance;
        let clock = run.rank_by();
        let kinds = Kinds::of(shown.rows);
        let commit = match p.build.revision() {
            revision if revision.is_empty() => "no commit".into(),
            revision => format!("commit {revision}"),
        };
        Self {
            format: FORMAT,
            experiment: run.experiment.clone(),
            task: run
                .cells
                .first()
                .map_or(String::new(), |cell| cell.task.clone()),
            question: run.question.clone(),
            caveats: run.caveats.clone(),
            answer: answer(shown.rows, clock, run.tie_margin()),
            facts: facts(shown.rows),
            started: run.started.clone(),
            clock,
            machine: format!(
                "{}, {}, {} of memory",
                p.cpu,
                counted(p.cores, "logical processor", "logical processors"),
                bytes(p.memory_bytes)
            ),
            program: format!("hexperiment {}, {commit}, {}", p.version, p.build.rustc),
            libraries: p.versions.clone(),
            rows: shown
                .rows
                .iter()
                .map(|row| PublishedRow::of(row, &kinds, clock))
                .collect(),
        }
    }

    /// The text of `run.json`.
    ///
    /// # Errors
    /// A figure is no number that JSON can hold.
    pub fn to_json(&self) -> Result<String, String> {
        let text = serde_json::to_string_pretty(self).map_err(|e| e.to_string())?;
        Ok(text + "\n")
    }

    /// Reads the text of `run.json`.
    ///
    /// # Errors
    /// It is not of this format; the words say what was found.
    pub fn from_json(text: &str) -> Result<Self, String> {
        let read: Self = serde_json::from_str(text).map_err(|e| e.to_string())?;
        if read.format == FORMAT {
            Ok(read)
        } else {
            let found = read.format;
            Err(format!("format {found}, where {FORMAT} was expected"))
        }
    }

    /// The name of its folder: that of the experiment, where a file may be called so.
    pub fn folder(&self) -> String {
        let fits = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
        if self.experiment.chars().all(fits) && !self.experiment.starts_with('.') {
            self.experiment.clone()
        } else {
            file_name(0, &self.experiment)
        }
    }

    fn is_busy(&self) -> bool {
        self.rows.iter().any(|row| row.busy)
    }

    /// What it was measured on, in a sentence.
    fn environment(&self) -> String {
        // A scheme without a library says "none".
        let versions = self
            .libraries
            .values()
            .filter(|version| !version.starts_with("none"));
        let libraries: Vec<&str> = versions.map(String::as_str).collect();
        let busy = if self.is_busy() {
            "; **the machine was busy meanwhile, so that times are longer than they need be**"
        } else {
            ""
        };
        format!(
            "{}{busy}; {}; {}.",
            self.machine,
            self.program,
            libraries.join(", ")
        )
    }

    /// The name of the headline metric, if all rows have the same.
    fn metric(&self) -> Option<&str> {
        let mut names = self.rows.iter().filter_map(|row| {
            let figures = row.measured.as_ref()?;
            Some(figures.metric.as_ref()?.name.as_str())
        });
        let first = names.next()?;
        names.all(|name| name == first).then_some(first)
    }

    /// The table of the rows; a column that says nothing of any row is left out, and one of [`Self::demands`] that
    /// says the same of all.
    fn columns(&self) -> Vec<Column> {
        let words = |head: &str, cell: &dyn Fn(&PublishedRow) -> String| {
            Column::words(head, self.rows.iter().map(cell).collect())
        };
        let figures = |head: &str, cell: &dyn Fn(&PublishedFigures) -> String| {
            let text = |row: &PublishedRow| row.measured.as_ref().map_or(String::new(), cell);
            Column::numbers(head, self.rows.iter().map(text).collect())
        };
        let name = self.metric().unwrap_or("metric").replace('_', " ");
        let time = match self.clock {
            Clock::Wall => "end to end",
            Clock::Cpu => "CPU time",
        };
        let mut all = vec![
            words("scheme", &|row| row.name.clone()),
            words("bits", &|row| row.security.clone()),
            figures(&name, &|m| {
                m.metric.as_ref().map_or(String::new(), |m| value(m.value))
            }),
            figures("in the clear", &|m| {
                let clear = m.metric.as_ref().and_then(|m| m.in_the_clear);
                clear.map_or(String::new(), value)
            }),
            figures("max error", &|m| significant(m.max_error, 2)),
        ];
        let demands = self.demands().into_iter();
        all.extend(demands.filter(|column| self.said_of_all(column).is_none()));
        all.extend([
            figures(time, &|m| duration(m.total_ms)),
            words("measured", &|row| row.place.clone().unwrap_or_default()),
            figures("up", &|m| bytes(m.up_bytes)),
            figures("down", &|m| bytes(m.down_bytes)),
            figures("both ways", &|m| bytes(m.up_bytes + m.down_bytes)),
            figures("keys", &|m| bytes(m.key_bytes)),
            words("status", &PublishedRow::remark),
        ]);
        all.retain(|column| column.cells.iter().any(|cell| !cell.is_empty()));
        all
    }

    /// What a row's figures are to be held against: mostly the same for all.
    fn demands(&self) -> [Column; 3] {
        let column = |head: &str, cell: &dyn Fn(&PublishedFigures) -> Option<String>| {
            let text =
                |row: &PublishedRow| row.measured.as_ref().and_then(cell).unwrap_or_default();
            Column::numbers(head, self.rows.iter().map(text).collect())
        };
        let number = |x: Option<f64>| x.map(|x| significant(x, 2));
        [
            column("error wanted", &|m| number(m.error_wanted)),
            column("clipping error", &|m| number(m.clipping_error)),
            column("fails", &|m| m.failure.clone()),
        ]
    }

    /// What a column says, if it says the same of all rows that came to a result.
    fn said_of_all<'a>(&self, column: &'a Column) -> Option<&'a str> {
        let measured = self.rows.iter().map(|row| row.measured.is_some());
        let cells = column.cells.iter().zip(measured);
        let mut cells =
            cells.filter_map(|(cell, is_measured)| is_measured.then_some(cell.as_str()));
        let first = cells.next()?;
        (!first.is_empty() && cells.all(|cell| cell == first)).then_some(first)
    }

    /// What all rows have in common, in sentences: the facts, and what the table leaves out as it is the same in all.
    fn in_common(&self) -> String {
        let demands = self.demands();
        let alike: Vec<String> = demands
            .iter()
            .filter_map(|column| Some(format!("{} {}", column.head, self.said_of_all(column)?)))
            .collect();
        if alike.is_empty() {
            format!("{}.", self.facts)
        } else {
            format!("{}. In all rows: {}.", self.facts, alike.join(", "))
        }
    }
}

impl PublishedRow {
    fn of(row: &Row, kinds: &Kinds<'_>, clock: Clock) -> Self {
        let measured = row.measured.as_ref().map(|m| PublishedFigures {
            metric: row.headline().map(|metric| PublishedMetric {
                name: metric.name.clone(),
                value: metric.value,
                in_the_clear: metric.plaintext,
            }),
            max_error: m.errors.max_abs,
            error_wanted: m.errors.precision.as_ref().map(|p| p.demanded),
            clipping_error: m.errors.clipping.map(|c| c.error),
            failure: row.setup.as_ref().map(|s| s.parameters.failure.to_string()),
            total_ms: median(m.total.values(clock)),
            up_bytes: m.traffic.upload_bytes,
            down_bytes: m.traffic.download_bytes,
            key_bytes: row.setup.as_ref().map_or(0, |s| s.keys.total()),
        });
        Self {
            name: row.name().to_owned(),
            status: row.status,
            reason: row.reason.clone(),
            is_encrypted: row.protection() == Some(Protection::Encrypted),
            security: bits(row),
            imprecise: row.imprecise().is_some(),
            busy: row.busy.is_some(),
            place: row.measured.as_ref().and_then(|_| kinds.place(row)),
            measured,
        }
    }

    /// What a reader must know of the row; of one that is well `ok`.
    fn remark(&self) -> String {
        let mut words = vec![self.status.to_string()];
        if self.imprecise {
            words.push("imprecise".into());
        }
        if self.busy {
            words.push("busy machine".into());
        }
        if words.len() > 1 && self.status == Status::Ok {
            words.remove(0);
        }
        let remark = words.join(", ");
        match self.reason.lines().next() {
            Some(reason) if !reason.is_empty() => format!("{remark}: {}", shortened(reason, 100)),
            _ => remark,
        }
    }
}

/// The publications by task, then by experiment.
fn by_task(all: &[Publication]) -> BTreeMap<&str, Vec<&Publication>> {
    let mut tasks: BTreeMap<&str, Vec<&Publication>> = BTreeMap::new();
    for publication in all {
        tasks
            .entry(&publication.task)
            .or_default()
            .push(publication);
    }
    for of_task in tasks.values_mut() {
        of_task.sort_by(|a, b| a.experiment.cmp(&b.experiment));
    }
    tasks
}
