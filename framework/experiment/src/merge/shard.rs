//! A shard that was read, and whether it belongs to a plan.

use std::collections::HashMap;
use std::path::Path;
use std::time::Duration;

use hexperiment_diagnostics::{Complaint, printable};
use hexperiment_task::ledger::Time;
use serde_json::Value;

use super::Planned;
use crate::record::{Cell, Repetition, Run, ShardOf, Status, Stopped};
use crate::summary::{Records, parse_records};

/// What a shard tells of one of its cells.
#[derive(Clone, Debug, PartialEq)]
pub struct Try {
    /// The cell's number in the plan.
    pub number: usize,
    /// Repetitions that are there.
    pub repetitions: usize,
    /// Whether all repetitions are there, none with a wrong result, and no end before them.
    pub is_complete: bool,
    /// How it ended, and why, if it did not come to all repetitions or one had a wrong result.
    pub end: Option<(Status, String)>,
    /// The signal by which a scheduler ended it.
    pub signal: Option<String>,
}

/// A shard that was read.
#[derive(Clone, Debug)]
pub struct Shard<'a> {
    name: String,
    digest: String,
    /// The lines that are whole.
    text: &'a str,
    /// Bytes of a last line that is torn.
    torn: usize,
    run: Run,
    of: ShardOf,
    finished: Option<String>,
    tries: Vec<Try>,
    totals: Vec<(u64, u64)>,
    /// What its set-ups and repetitions took.
    ran: Duration,
}

impl<'a> Shard<'a> {
    /// Reads a shard, called `name`, from the bytes of a file with this SHA-256.
    ///
    /// # Errors
    /// As [`parse_records`](crate::summary::parse_records); and where the records are of no shard.
    pub fn parse(
        name: &str,
        path: &Path,
        (bytes, digest): (&'a [u8], String),
    ) -> Result<Self, Complaint> {
        let records = parse_records(path, bytes)?;
        let Some(of) = records.run.shard.clone() else {
            return Err(Complaint::new(
                path,
                "found the records of a run, expected those of a shard",
            )
            .at_line(1)
            .help("shards are written by `run --cells`; a run of its own is read by `report`"));
        };
        if of.cells.len() != records.run.cells.len() {
            let (numbers, cells) = (of.cells.len(), records.run.cells.len());
            let problem = format!(
                "found {numbers} numbers in `shard.cells`, expected {cells}, as in `cells`"
            );
            return Err(Complaint::new(path, problem).at_line(1).help(EDITED));
        }
        check_set_ups(&records).map_err(|problem| Complaint::new(path, problem).help(EDITED))?;
        let whole = crate::summary::whole(bytes);
        // It was read as text.
        let text = std::str::from_utf8(whole).unwrap_or_default();
        let totals = records.repetitions.iter().map(Try::total).collect();
        let set_ups = records.setups.values().flat_map(|of_cell| of_cell.values());
        let set_ups =
            set_ups.flat_map(|s| [Some(s.compile), Some(s.keygen), s.key_transfer, s.prepare]);
        let repetitions = records.repetitions.iter();
        let repetitions = repetitions.flat_map(|r| [r.encrypt, r.evaluate, r.decrypt, r.transfer]);
        let ran = set_ups.flatten().chain(repetitions);
        let ran = ran.map(|time| time.wall_ns).fold(0, u64::saturating_add);
        Ok(Self {
            name: name.to_owned(),
            digest,
            torn: bytes.len() - whole.len(),
            text,
            tries: all_tries(&records, &of.cells),
            of,
            totals,
            finished: records.finished,
            run: records.run,
            ran: Duration::from_nanos(ran),
        })
    }

    /// Whether it is of this plan; the error says what differs.
    ///
    /// # Errors
    /// Another plan, experiment, program or build, other settings, libraries or data, or cells that the plan does not
    /// have.
    pub fn belongs_to(&self, path: &Path, planned: Planned<'_>) -> Result<(), Complaint> {
        let differ = |field: &str, found: &str, expected: &str| {
            let [found, expected] = [found, expected].map(|text| printable::cut(text, 80));
            let problem = format!("`{field}`: found {found}, expected {expected} as in the plan");
            Err(Complaint::new(path, problem).at_line(1).help(
                "only shards of one plan, by one build of the program, make one run: merge them with the plan that \
                 they are of",
            ))
        };
        let of = &self.of;
        if of.plan != planned.plan {
            return differ("shard.plan", &of.plan, planned.plan);
        }
        if of.binary != planned.binary {
            return differ("shard.binary", &of.binary, planned.binary);
        }
        let (run, expected) = (&self.run, planned.run);
        if run.experiment != expected.experiment {
            let [found, expected] = [run, expected].map(|run| format!("{:?}", run.experiment));
            return differ("experiment", &found, &expected);
        }
        let resolved = first_difference("resolved", &run.resolved, &expected.resolved);
        let builds = [run, expected].map(|run| &run.provenance.build);
        let difference = resolved.or_else(|| {
            // Of thousands of shards all have the same.
            if builds[0] == builds[1] {
                return None;
            }
            let [found, expected] = builds.map(|build| serde_json::json!(build));
            first_difference("provenance.build", &found, &expected)
        });
        if let Some((field, found, expected)) = difference {
            return differ(&field, &found, &expected);
        }
        for (name, version) in &run.provenance.versions {
            let expected = expected.provenance.versions.get(name);
            if expected.is_some_and(|expected| expected != version) {
                let expected = expected.map_or("", String::as_str);
                return differ(&format!("provenance.versions.{name}"), version, expected);
            }
        }
        let data = |run: &Run| -> Vec<String> {
            let p = &run.provenance;
            let all = std::iter::once(&p.data).chain(&p.further_data);
            all.map(|data| data.sha256.clone()).collect()
        };
        let known = data(expected);
        if let Some(other) = data(run).iter().find(|sha256| !known.contains(sha256)) {
            return differ("provenance.data.sha256", other, &known.join(" or "));
        }
        for (number, cell) in of.cells.iter().zip(&run.cells) {
            let place = number.checked_sub(planned.first);
            let planned = place.and_then(|place| expected.cells.get(place));
            match planned {
                Some(planned) if planned == cell => {}
                other => {
                    let expected = other.map_or("no such cell", |planned| planned.id.as_str());
                    return differ(&format!("cells, number {number}"), &cell.id, expected);
                }
            }
        }
        Ok(())
    }

    /// The name of its file.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// SHA-256 of its file.
    pub fn digest(&self) -> &str {
        &self.digest
    }

    /// Which cells of which plan it has, and where they were run.
    pub fn of(&self) -> &ShardOf {
        &self.of
    }

    /// What its records begin with.
    pub fn run(&self) -> &Run {
        &self.run
    }

    /// When it came to its end, if it did.
    pub fn finished(&self) -> Option<&str> {
        self.finished.as_deref()
    }

    /// When it came to its end; of one that did not, or has not yet, as late as its records show that it ran.
    pub(super) fn end(&self) -> String {
        if let Some(finished) = &self.finished {
            return finished.clone();
        }
        let began = humantime::parse_rfc3339(&self.of.began).ok();
        let end = began.and_then(|began| began.checked_add(self.ran));
        // Seconds of 9999 and before are what the format has.
        let end = end.filter(|end| {
            let since = end.duration_since(std::time::UNIX_EPOCH);
            since.is_ok_and(|since| since.as_secs() < 253_402_300_800)
        });
        end.map_or_else(
            || self.of.began.clone(),
            |end| humantime::format_rfc3339_micros(end).to_string(),
        )
    }

    /// Bytes of a last line that is torn, and left out.
    pub fn torn(&self) -> usize {
        self.torn
    }

    /// What it tells of each of its cells.
    pub fn tries(&self) -> &[Try] {
        &self.tries
    }

    pub(super) fn text(&self) -> &str {
        self.text
    }

    /// Wall and processor time of each repetition, from encryption to decryption.
    pub(super) fn totals(&self) -> &[(u64, u64)] {
        &self.totals
    }
}

const EDITED: &str = "this file was damaged or edited: delete it, and run its cells again";

/// Holds that every process with repetitions has told of its set-up, which a call records first: a cell without would leave
/// every ranking without a word.
fn check_set_ups(records: &Records) -> Result<(), String> {
    let lacks = |r: &&Repetition| {
        let of_cell = records.setups.get(&r.cell);
        of_cell.is_none_or(|of_cell| !of_cell.contains_key(&r.process))
    };
    match records.repetitions.iter().find(lacks) {
        None => Ok(()),
        Some(r) => Err(format!(
            "found repetition {} of `{}` by process {}, expected a record of kind `setup` of that process before it: a line is \
             lost",
            r.index, r.cell, r.process
        )),
    }
}

/// What records tell of each cell.
fn all_tries(records: &Records, numbers: &[usize]) -> Vec<Try> {
    let wanted = records.run.repetitions().unwrap_or(1).max(1) as usize;
    let mut repeated: HashMap<&str, (usize, Option<String>)> = HashMap::new();
    for repetition in &records.repetitions {
        let (count, wrong) = repeated.entry(&repetition.cell).or_default();
        *count += 1;
        if let (None, Some(violation)) = (&wrong, &repetition.errors.violation) {
            *wrong = Some(violation.to_string());
        }
    }
    let stopped = records.stopped.iter();
    let stopped: HashMap<&str, &Stopped> = stopped.map(|s| (s.cell.as_str(), s)).collect();
    let cells = numbers.iter().zip(&records.run.cells);
    let of_cell = |(number, cell): (&usize, &Cell)| {
        // What is killed after a wrong result is recorded does not record the cell's end.
        let (repetitions, wrong) = repeated.remove(cell.id.as_str()).unwrap_or_default();
        let stopped = stopped.get(cell.id.as_str());
        let end = match (stopped, wrong) {
            (Some(stopped), _) => Some((stopped.status, stopped.reason.clone())),
            (None, Some(violation)) => Some((Status::Failed, violation)),
            (None, None) => None,
        };
        Try {
            number: *number,
            repetitions,
            is_complete: end.is_none() && repetitions >= wanted,
            end,
            signal: stopped.and_then(|s| s.signal.clone()),
        }
    };
    cells.map(of_cell).collect()
}

pub(super) fn sum(times: [Time; 3]) -> (u64, u64) {
    let of = |clock: fn(&Time) -> u64| times.iter().map(clock).fold(0, u64::saturating_add);
    (of(|t| t.wall_ns), of(|t| t.cpu_ns))
}

/// The first place in which two values differ, and what both have there; `path` is what leads to them.
pub fn first_difference(path: &str, a: &Value, b: &Value) -> Option<(String, String, String)> {
    // Mostly they are the same, and no path is made for nothing.
    if a == b {
        return None;
    }
    match (a, b) {
        (Value::Object(x), Value::Object(y)) => {
            let keys = x.keys().chain(y.keys().filter(|key| !x.contains_key(*key)));
            let null = Value::Null;
            let mut differ = keys.filter_map(|key| {
                let [a, b] = [x, y].map(|map| map.get(key).unwrap_or(&null));
                first_difference(&format!("{path}.{key}"), a, b)
            });
            differ.next()
        }
        (Value::Array(x), Value::Array(y)) if x.len() == y.len() => {
            let mut differ = x
                .iter()
                .zip(y)
                .enumerate()
                .filter_map(|(i, (a, b))| first_difference(&format!("{path}[{i}]"), a, b));
            differ.next()
        }
        _ => Some((path.to_owned(), a.to_string(), b.to_string())),
    }
}
