//! All tasks under all schemes: one table of several runs.
//!
//! A line for each task with its data and what tells it from other lines of its task, a column for
//! each scheme. No cell is blank: each is a figure, or a reason why there is none.

mod csv_file;
mod line;
mod markdown;
mod terminal;
mod words;

use std::io;
use std::path::Path;

use hexperiment_experiment::record::Status;
use hexperiment_experiment::summary::{Records, rows};

use crate::grid::Column;
use crate::terminal::Screen;
use crate::units::counted;
use crate::write_whole;
use line::{Line, Shown};
use words::Style;

/// What there is, whether or not a run is about it: a table of all must not pass over it.
#[derive(Clone, Debug, Default)]
pub struct Known {
    /// The tasks' names.
    pub tasks: Vec<String>,
    /// The schemes' names.
    pub schemes: Vec<String>,
}

/// Which runs of one experiment the table shows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Runs {
    /// The one that began last.
    #[default]
    Newest,
    /// All of them.
    All,
}

/// One table of several runs.
#[derive(Clone, Debug)]
pub struct Overview {
    /// Columns.
    schemes: Vec<String>,
    lines: Vec<Line>,
    /// Why cells have no figure, each once: the numbered notes below the table.
    reasons: Vec<String>,
    /// What a reader must know of the runs together.
    remarks: Vec<String>,
    /// The runs, in words.
    runs: Vec<String>,
}

/// One thing that stands in a cell.
#[derive(Clone, Copy, Debug)]
enum Entry<'a> {
    /// A row of a run.
    Row(&'a Shown),
    /// There is none, and why.
    Absent(&'static str),
}

/// Why a scheme has no row in a run.
const NOT_IN_EXPERIMENT: &str = "not in the experiment";
/// Why a task has no run.
const NO_RUN: &str = "no run of this task";

impl Overview {
    /// The table of `runs`, in their order; then what is known besides.
    pub fn new(runs: &[Records], known: &Known, which: Runs) -> Self {
        let (runs, left_out) = match which {
            Runs::Newest => newest(runs),
            Runs::All => (runs.iter().collect(), vec![]),
        };
        let mut lines: Vec<Line> = runs
            .iter()
            .flat_map(|run| Line::all(run, rows(run)))
            .collect();
        line::tell_apart(&mut lines);
        for task in &known.tasks {
            if lines.iter().all(|line| line.task != *task) {
                lines.push(Line::without_run(task));
            }
        }
        let mut schemes: Vec<String> = Vec::new();
        let shown = lines.iter().flat_map(|l| &l.rows);
        let ran = shown.map(|shown| &shown.row.cell.scheme);
        for scheme in ran.chain(&known.schemes) {
            if !schemes.contains(scheme) {
                schemes.push(scheme.clone());
            }
        }
        let mut reasons: Vec<String> = Vec::new();
        for Shown { row, .. } in lines.iter().flat_map(|line| &line.rows) {
            if row.status != Status::Ok {
                let reason = words::reason(row);
                if !reasons.contains(&reason) {
                    reasons.push(reason);
                }
            }
        }
        Self {
            schemes,
            lines,
            reasons,
            remarks: [left_out, remarks(&runs)].concat(),
            runs: runs.iter().map(|run| describe(run)).collect(),
        }
    }

    /// What stands in the cell of a line and a scheme; never nothing.
    fn cell<'a>(line: &'a Line, scheme: &str) -> Vec<Entry<'a>> {
        if line.rows.is_empty() {
            return vec![Entry::Absent(NO_RUN)];
        }
        let rows = line.rows.iter();
        let rows = rows.filter(|shown| shown.row.cell.scheme == scheme);
        let entries: Vec<Entry<'a>> = rows.map(Entry::Row).collect();
        if entries.is_empty() {
            vec![Entry::Absent(NOT_IN_EXPERIMENT)]
        } else {
            entries
        }
    }

    /// The columns of the table: of the lines' heads, then one for each scheme.
    fn columns(&self, style: Style) -> Vec<Column> {
        let heads = self.lines.iter().map(Line::head).collect();
        let mut columns = vec![Column::words("task", heads)];
        columns.extend(self.schemes.iter().map(|scheme| {
            let cells = self.lines.iter().map(|line| self.text(line, scheme, style));
            Column::words(scheme.as_str(), cells.collect())
        }));
        columns
    }

    /// The text of a cell, in lines.
    fn text(&self, line: &Line, scheme: &str, style: Style) -> String {
        let entries = Self::cell(line, scheme);
        let several = entries.len() > 1;
        let texts = entries
            .into_iter()
            .map(|entry| words::entry(entry, several, line.metric(), &self.reasons, style));
        texts.collect::<Vec<String>>().join("\n")
    }

    /// The table for a terminal, without a newline at its end.
    pub fn terminal(&self, screen: Screen) -> String {
        terminal::terminal(self, screen)
    }

    /// The table as Markdown.
    pub fn markdown(&self) -> String {
        markdown::markdown(self)
    }

    /// The table as CSV, a row for each line and scheme, none left out.
    ///
    /// # Errors
    /// The CSV writer's; it writes to memory and each row has all fields, so that no lines give
    /// cause.
    pub fn csv(&self) -> io::Result<Vec<u8>> {
        csv_file::csv(self)
    }

    /// Writes `overview.md` and `overview.csv` into `dir`, each whole or not at all.
    ///
    /// # Errors
    /// A file cannot be written, synced or moved to its place; the error names it.
    pub fn write(&self, dir: &Path) -> io::Result<()> {
        write_whole(&dir.join("overview.csv"), &self.csv()?)?;
        write_whole(&dir.join("overview.md"), self.markdown().as_bytes())
    }
}

/// How the figures are to be read, below the table.
const LEGEND: &str = "In each cell: the task's headline metric as decrypted, beside it that of the \
    same pipeline in the clear; the largest error of any decrypted value; milliseconds per sample \
    (encrypt + evaluate + decrypt, of the whole batch over its samples); uploaded bytes over those \
    of the same numbers in the clear. Figures of different lines are of different data and units: \
    compare within a line. `not encrypted` and `transport only` hide nothing from the server; \
    `client` names what is left to the client, after decryption and in the clear.";

/// A run: what it asked, when, and what is unfair about its comparison.
fn describe(records: &Records) -> String {
    let run = &records.run;
    let p = &run.provenance;
    format!(
        "{}, {}, version {} {}, {} with {} processors: {} Caveats: {}",
        run.experiment,
        run.started,
        p.version,
        p.build.revision(),
        p.cpu,
        p.cores,
        run.question,
        run.caveats
    )
}

/// The newest run of each experiment, in the order of `runs`, and what is left out, in words.
fn newest(runs: &[Records]) -> (Vec<&Records>, Vec<String>) {
    // Of runs that began in one second the last counts.
    let place = |(index, records): &(usize, &Records)| (records.run.started.clone(), *index);
    let (mut kept, mut left_out) = (Vec::new(), Vec::new());
    for (index, records) in runs.iter().enumerate() {
        let name = &records.run.experiment;
        let same: Vec<_> = runs
            .iter()
            .enumerate()
            .filter(|(_, other)| other.run.experiment == *name)
            .map(|found| place(&found))
            .collect();
        if same.iter().max() != Some(&place(&(index, records))) {
            continue;
        }
        kept.push(records);
        let older = same.len() - 1;
        if older > 0 {
            left_out.push(format!(
                "{} of {name} left out: `--all` shows all",
                counted(older, "older run", "older runs")
            ));
        }
    }
    (kept, left_out)
}

/// What a reader must know of the runs together.
fn remarks(runs: &[&Records]) -> Vec<String> {
    let mut remarks = Vec::new();
    let several = |of: &dyn Fn(&Records) -> String| -> Option<String> {
        let mut all: Vec<String> = runs.iter().map(|run| of(run)).collect();
        all.sort();
        all.dedup();
        (all.len() > 1).then(|| all.join("; "))
    };
    let machine = |r: &Records| {
        let p = &r.run.provenance;
        format!("{} with {} processors", p.cpu, p.cores)
    };
    if let Some(machines) = several(&machine) {
        remarks.push(format!(
            "the runs are of different machines, whose times do not compare: {machines}"
        ));
    }
    let code = |r: &Records| {
        let p = &r.run.provenance;
        format!("{} {}", p.version, p.build.revision())
            .trim()
            .to_owned()
    };
    if let Some(revisions) = several(&code) {
        remarks.push(format!("the runs are of different versions: {revisions}"));
    }
    remarks
}
