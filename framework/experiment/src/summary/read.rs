//! Reading records back.

use std::collections::hash_map::Entry;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::io::BufRead;
use std::path::Path;

use serde_json::Value;

use super::lines::{self, DAMAGED, malformed};
use crate::links;
use crate::record::{
    Cell, Environment, Extended, Line, Repetition, Run, SCHEMA, Setup, Status, Stopped,
};
use hexperiment_diagnostics::{Complaint, files, printable};

/// All that a file of records holds.
#[derive(Clone, Debug)]
pub struct Records {
    /// The run.
    pub run: Run,
    /// The latest set-up of each process of each cell that came so far, by the cell's id and the
    /// process' number.
    pub setups: BTreeMap<String, BTreeMap<u32, Setup>>,
    /// The repetitions, by cell in the run's order, then by index; none twice.
    pub repetitions: Vec<Repetition>,
    /// The cells that yield no more, in the run's order; none twice.
    pub stopped: Vec<Stopped>,
    /// The machines that each cell ran on, by the cell's id, in the order of the file; none twice, and none of a cell
    /// whose records do not say.
    pub environments: BTreeMap<String, Vec<Environment>>,
    /// When the shard that these are came to its end; `None` of what is no shard, or has not come there.
    pub finished: Option<String>,
}

/// Characters of a name in records: an experiment has labels of at most 100, and ids tell values of a matrix, too.
const LONGEST_NAME: usize = 4096;

/// Reads a file of records.
///
/// A torn last line, which a killed run may leave, is passed over; anything else that is not a
/// record of this run is an error that names file, line, what was found and what was expected: a
/// record of an unknown cell, a repetition beyond those of the run, two different records of one
/// repetition, a number that cannot have been measured. A record that is there twice, word for
/// word, counts once. The file is never changed.
///
/// # Errors
/// Besides: the file cannot be read, is too large or not UTF-8, holds no whole record, or does not
/// begin with a run of this schema that has repetitions, and each cell once.
pub fn read_records(path: &Path) -> Result<Records, Complaint> {
    let help = "records are written by a run, into runs/<time>-<name>/records.jsonl";
    parse(path, files::reader(path, files::RECORDS, help)?)
}

/// The records in the bytes of the file `path`, as [`read_records`] takes them.
///
/// # Errors
/// As [`read_records`], but for those of reading the file.
pub fn parse_records(path: &Path, bytes: &[u8]) -> Result<Records, Complaint> {
    parse(path, bytes)
}

/// The records in some bytes of the file `path`, of which a few blocks of lines are in memory at a time.
fn parse(path: &Path, mut bytes: impl BufRead) -> Result<Records, Complaint> {
    let first = lines::first(path, &mut bytes)?.ok_or_else(|| {
        Complaint::new(path, "found no whole record, expected the run's first")
            .help("the run was killed before it began; start a new one without `--resume`")
    })?;
    let mut reader = Reader::new(header(path, lines::without_end(&first))?, path);
    let mut numbers = 2..;
    lines::each(path, bytes, |line| {
        let number = numbers.next().unwrap_or(usize::MAX);
        reader.take(number, line.map_err(|problem| problem.at_line(number))?)
    })?;
    Ok(reader.finish())
}

/// The first line: of this schema, and about the run.
fn header(path: &Path, text: &str) -> Result<Run, Complaint> {
    let lost = |e: &serde_json::Error| malformed(path, text, e).at_line(1).help(LOST);
    let value: Value = serde_json::from_str(text).map_err(|e| lost(&e))?;
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
        Ok(Line::Run(run)) => check_run(*run).map_err(|problem| {
            Complaint::new(path, problem)
                .at_line(1)
                .help("this file was damaged or edited: restore it, or run again")
        }),
        Ok(other) => Err(Complaint::new(
            path,
            format!("found a record of kind `{}`, expected `run`", kind(&other)),
        )
        .at_line(1)
        .help("the beginning of the file is lost; run again")),
        Err(e) => Err(lost(&e)),
    }
}

/// A run that can have records: what they are held against.
fn check_run(run: Run) -> Result<Run, String> {
    if run.repetitions().is_none_or(|n| n == 0) {
        return Err(format!(
            "found {} in `resolved.run.repetitions`, expected a whole number from 1",
            run.setting("repetitions")
        ));
    }
    run.check_limits()?;
    for cell in &run.cells {
        check_names(cell)?;
    }
    links::of_run(&run)?;
    let mut ids = HashSet::new();
    match run.cells.iter().find(|cell| !ids.insert(&cell.id)) {
        Some(cell) => Err(format!(
            "found the cell `{}` twice in `cells`, expected each once",
            cell.id
        )),
        None => Ok(run),
    }
}

/// A cell that can be shown.
fn check_names(cell: &Cell) -> Result<(), String> {
    for (name, text) in [
        ("id", &cell.id),
        ("label", &cell.label),
        ("scheme", &cell.scheme),
        ("task", &cell.task),
        ("dataset", &cell.dataset),
    ] {
        let length = text.chars().count();
        if length > LONGEST_NAME {
            return Err(format!(
                "found {} of {length} characters in `cells.{name}`, expected at most {LONGEST_NAME}",
                printable::quoted(text)
            ));
        }
    }
    Ok(())
}

fn kind(line: &Line) -> &'static str {
    match line {
        Line::Run(_) => "run",
        Line::Setup(_) => "setup",
        Line::Extended(_) => "extended",
        Line::Repetition(_) => "repetition",
        Line::Stopped(_) => "stopped",
        Line::Finished(_) => "finished",
    }
}

/// What to do about a first line that this program cannot have written.
const LOST: &str = "the first line says what was run on what, which no other line does: restore the file, \
                    or run again";

struct Reader<'a> {
    path: &'a Path,
    /// The place of each cell in the run.
    order: HashMap<String, usize>,
    /// The line of each repetition, and its place in `records`, by the cell's place in the run and its index.
    seen: HashMap<(usize, u32), (usize, usize)>,
    /// The place in `records` of the end of each cell, by the cell's place in the run.
    ended: HashMap<usize, usize>,
    /// Repetitions that each cell has at most.
    repetitions: u32,
    records: Records,
}

impl<'a> Reader<'a> {
    fn new(run: Run, path: &'a Path) -> Self {
        let ids = run.cells.iter().map(|c| c.id.clone());
        Self {
            path,
            order: ids.zip(0..).collect(),
            seen: HashMap::new(),
            ended: HashMap::new(),
            repetitions: run.repetitions().unwrap_or(0),
            records: Records {
                run,
                setups: BTreeMap::new(),
                repetitions: vec![],
                stopped: vec![],
                environments: BTreeMap::new(),
                finished: None,
            },
        }
    }

    fn take(&mut self, number: usize, line: Line) -> Result<(), Complaint> {
        let cell = match &line {
            Line::Run(_) => {
                return Err(Complaint::new(
                    self.path,
                    "found a second record of kind `run`, expected one, in line 1",
                )
                .at_line(number)
                .help("two runs wrote this file, or two files were joined; take them apart"));
            }
            Line::Extended(extended) => return self.extend(number, extended),
            Line::Setup(setup) => &setup.cell,
            Line::Repetition(repetition) => &repetition.cell,
            Line::Stopped(stopped) => &stopped.cell,
            Line::Finished(finished) => {
                self.records.finished = Some(finished.at.clone());
                return Ok(());
            }
        };
        let Some(place) = self.order.get(cell).copied() else {
            let known = self.records.run.cells.iter().map(|c| c.id.as_str());
            let message = format!(
                "found the cell `{}`, expected one of line 1: {}",
                printable::cut(cell, 60),
                printable::list(known, 20)
            );
            return Err(Complaint::new(self.path, message).at_line(number));
        };
        self.add((number, place), line).map_err(|problem| {
            Complaint::new(self.path, problem)
                .at_line(number)
                .help(DAMAGED)
        })
    }

    /// Adds a record of a known cell, by its line and the cell's place in the run; the error says what is wrong
    /// with it.
    fn add(&mut self, at: (usize, usize), line: Line) -> Result<(), String> {
        match line {
            Line::Run(_) | Line::Extended(_) | Line::Finished(_) => {}
            Line::Setup(setup) => {
                setup.check_limits()?;
                self.check_process(&setup.cell, setup.process)?;
                self.add_environment(&setup.cell, setup.environment.as_ref());
                let of_cell = self.records.setups.entry(setup.cell.clone()).or_default();
                of_cell.insert(setup.process, *setup);
            }
            Line::Repetition(repetition) => {
                repetition.check_limits()?;
                self.check_process(&repetition.cell, repetition.process)?;
                self.add_repetition(at, *repetition)?;
            }
            Line::Stopped(stopped) => self.add_stopped(at.1, stopped)?,
        }
        Ok(())
    }

    fn add_environment(&mut self, cell: &str, environment: Option<&Environment>) {
        let Some(environment) = environment else {
            return;
        };
        let known = self.records.environments.entry(cell.to_owned());
        let known = known.or_default();
        if !known.iter().any(|known| known.is_same_place(environment)) {
            known.push(environment.clone());
        }
    }

    fn check_process(&self, cell: &str, process: u32) -> Result<(), String> {
        let processes = self.records.run.processes();
        if process < processes {
            return Ok(());
        }
        Err(format!(
            "found process {process} of `{cell}`, expected 0 to {}: line 1 says {processes} processes",
            processes.saturating_sub(1)
        ))
    }

    fn add_repetition(
        &mut self,
        (number, of_cell): (usize, usize),
        repetition: Repetition,
    ) -> Result<(), String> {
        let Repetition { cell, index, .. } = &repetition;
        if *index >= self.repetitions {
            return Err(format!(
                "found repetition {index} of `{cell}`, expected 0 to {}: line 1 says {} repetitions",
                self.repetitions.saturating_sub(1),
                self.repetitions
            ));
        }
        let place = (number, self.records.repetitions.len());
        match self.seen.entry((of_cell, *index)) {
            Entry::Vacant(entry) => {
                entry.insert(place);
                self.records.repetitions.push(repetition);
                Ok(())
            }
            Entry::Occupied(entry) => {
                let (line, place) = *entry.get();
                if same(&self.records.repetitions[place], &repetition) {
                    return Ok(());
                }
                Err(format!(
                    "found repetition {index} of `{cell}` with other content than in line {line}, \
                     expected it once"
                ))
            }
        }
    }

    fn add_stopped(&mut self, place: usize, stopped: Stopped) -> Result<(), String> {
        let Stopped { cell, status, .. } = &stopped;
        if matches!(status, Status::Ok | Status::Missing) {
            return Err(format!(
                "found `{cell}` stopped with the status `{status}`, expected why it stopped"
            ));
        }
        let first = self.ended.get(&place).map(|at| &self.records.stopped[*at]);
        match first {
            None => {
                self.ended.insert(place, self.records.stopped.len());
                self.add_environment(&stopped.cell, stopped.environment.as_ref());
                self.records.stopped.push(stopped);
            }
            Some(first) if *first == stopped => {}
            Some(first) => {
                return Err(format!(
                    "found the end of `{cell}` a second time ({status}, before it {}), expected it \
                     once",
                    first.status
                ));
            }
        }
        Ok(())
    }

    /// From here on the run has more repetitions.
    fn extend(&mut self, number: usize, extended: &Extended) -> Result<(), Complaint> {
        let run = &mut self.records.run;
        let before = run.repetitions().unwrap_or(0);
        let section = run.resolved.pointer_mut("/run");
        match section.and_then(Value::as_object_mut) {
            Some(section) if extended.repetitions > before => {
                section.insert("repetitions".into(), extended.repetitions.into());
            }
            _ => {
                let message = format!(
                    "found an extension to {} repetitions, expected more than the {before} before it",
                    extended.repetitions
                );
                return Err(Complaint::new(self.path, message)
                    .at_line(number)
                    .help("the file was damaged or edited; run again"));
            }
        }
        self.repetitions = extended.repetitions;
        run.extended.push(extended.clone());
        Ok(())
    }

    fn finish(self) -> Records {
        let Self {
            order, mut records, ..
        } = self;
        let place = |cell: &String| order.get(cell).copied();
        records
            .repetitions
            .sort_by_cached_key(|r| (place(&r.cell), r.index));
        records.stopped.sort_by_key(|s| place(&s.cell));
        records
    }
}

/// Whether two repetitions are the same record; NaN is the same as NaN.
fn same(a: &Repetition, b: &Repetition) -> bool {
    let text = |r| serde_json::to_string(r).ok();
    text(a) == text(b)
}
