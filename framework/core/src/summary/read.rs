//! Reading records back.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::path::Path;

use serde_json::Value;

use super::intact;
use crate::record::{Line, Repetition, Run, SCHEMA, Setup, Stopped};
use crate::source::Complaint;

/// All that a file of records holds.
#[derive(Clone, Debug)]
pub struct Records {
    /// The run.
    pub run: Run,
    /// The latest set-up of each cell that came so far, by the cell's id.
    pub setups: BTreeMap<String, Setup>,
    /// The repetitions, by cell in the run's order, then by index; none twice.
    pub repetitions: Vec<Repetition>,
    /// The cells that yield no more, in the run's order; none twice.
    pub stopped: Vec<Stopped>,
}

/// Reads a file of records.
///
/// A torn last line, which a killed run may leave, is passed over; anything else that is not a
/// record is an error that names file, line, what was found and what was expected. Of a
/// repetition that is there twice, the first counts.
pub fn read_records(path: &Path) -> Result<Records, Complaint> {
    let bytes = std::fs::read(path).map_err(|e| {
        Complaint::new(path, format!("cannot be read: {e}"))
            .help("records are written by a run, into runs/<time>-<name>/records.jsonl")
    })?;
    let whole = &bytes[..intact(&bytes)];
    let text = std::str::from_utf8(whole).map_err(|e| {
        let line = 1 + whole[..e.valid_up_to()]
            .iter()
            .filter(|b| **b == b'\n')
            .count();
        Complaint::new(path, "found bytes that are not UTF-8, expected JSON").at_line(line)
    })?;
    let mut lines = (1..).zip(text.lines());
    let Some((_, first)) = lines.next() else {
        return Err(
            Complaint::new(path, "found no whole record, expected the run's first")
                .help("the run was killed before it began; start a new one without `--resume`"),
        );
    };
    let mut reader = Reader::new(header(path, first)?, path);
    for (number, line) in lines {
        reader.take(number, line)?;
    }
    Ok(reader.finish())
}

/// The first line: of this schema, and about the run.
fn header(path: &Path, text: &str) -> Result<Run, Complaint> {
    let value: Value = serde_json::from_str(text).map_err(|e| malformed(path, 1, text, &e))?;
    if value["kind"] == "run" && value["schema"] != SCHEMA {
        return Err(Complaint::new(
            path,
            format!(
                "found records of schema {}, expected {SCHEMA}",
                value["schema"]
            ),
        )
        .at_line(1)
        .help("another version of Hexperiment wrote them: read them with that one, or run again"));
    }
    match serde_json::from_value(value) {
        Ok(Line::Run(run)) => Ok(*run),
        Ok(other) => Err(Complaint::new(
            path,
            format!("found a record of kind `{}`, expected `run`", kind(&other)),
        )
        .at_line(1)
        .help("the beginning of the file is lost; run again")),
        Err(e) => Err(malformed(path, 1, text, &e)),
    }
}

fn kind(line: &Line) -> &'static str {
    match line {
        Line::Run(_) => "run",
        Line::Setup(_) => "setup",
        Line::Repetition(_) => "repetition",
        Line::Stopped(_) => "stopped",
    }
}

fn malformed(path: &Path, line: usize, text: &str, error: &serde_json::Error) -> Complaint {
    let excerpt: String = text.chars().take(60).collect();
    let dots = if excerpt.len() < text.len() {
        "…"
    } else {
        ""
    };
    Complaint::new(
        path,
        format!("found `{excerpt}{dots}`, expected a record: {error}"),
    )
    .at_line(line)
    .help("only the last line of a killed run may be torn; this file was damaged or edited")
}

struct Reader<'a> {
    path: &'a Path,
    order: HashMap<String, usize>,
    seen: HashSet<(String, u32)>,
    records: Records,
}

impl<'a> Reader<'a> {
    fn new(run: Run, path: &'a Path) -> Self {
        let ids = run.cells.iter().map(|c| c.id.clone());
        Self {
            path,
            order: ids.zip(0..).collect(),
            seen: HashSet::new(),
            records: Records {
                run,
                setups: BTreeMap::new(),
                repetitions: vec![],
                stopped: vec![],
            },
        }
    }

    fn take(&mut self, number: usize, text: &str) -> Result<(), Complaint> {
        let line =
            serde_json::from_str(text).map_err(|e| malformed(self.path, number, text, &e))?;
        let cell = match &line {
            Line::Run(_) => {
                return Err(Complaint::new(
                    self.path,
                    "found a second record of kind `run`, expected one, in line 1",
                )
                .at_line(number)
                .help("two runs wrote this file, or two files were joined; take them apart"));
            }
            Line::Setup(setup) => &setup.cell,
            Line::Repetition(repetition) => &repetition.cell,
            Line::Stopped(stopped) => &stopped.cell,
        };
        if !self.order.contains_key(cell) {
            let known: Vec<&str> = self
                .records
                .run
                .cells
                .iter()
                .map(|c| c.id.as_str())
                .collect();
            let message = format!(
                "found the cell `{cell}`, expected one of line 1: {}",
                known.join(", ")
            );
            return Err(Complaint::new(self.path, message).at_line(number));
        }
        match line {
            Line::Run(_) => {}
            Line::Setup(setup) => {
                self.records.setups.insert(setup.cell.clone(), *setup);
            }
            Line::Repetition(repetition) => {
                if self
                    .seen
                    .insert((repetition.cell.clone(), repetition.index))
                {
                    self.records.repetitions.push(*repetition);
                }
            }
            Line::Stopped(stopped) => {
                if self.records.stopped.iter().all(|s| s.cell != stopped.cell) {
                    self.records.stopped.push(stopped);
                }
            }
        }
        Ok(())
    }

    fn finish(self) -> Records {
        let Self {
            order, mut records, ..
        } = self;
        let place = |cell: &String| order.get(cell).copied();
        records
            .repetitions
            .sort_by_key(|r| (place(&r.cell), r.index));
        records.stopped.sort_by_key(|s| place(&s.cell));
        records
    }
}
