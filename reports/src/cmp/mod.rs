//! Runs compared cell by cell with the first of them: times with an interval, bytes and quality
//! exactly.
//!
//! Cells are paired by their id, which tells scheme and matrix point. The statistics are
//! [`compare_runs`]': repetitions of two runs are independent samples.

mod csv_file;
mod obstacles;
mod words;

use std::io;

use hexperiment_experiment::measure::{Change, Outcome, compare_runs, median};
use hexperiment_experiment::record::{Clock, Status};
use hexperiment_experiment::summary::{Measured, Phase, Records, Row};

use crate::first_table::value;
use crate::terminal::Screen;
use crate::units::{bytes, significant};

/// A run to compare.
#[derive(Clone, Copy, Debug)]
pub struct RunToCompare<'a> {
    /// What it is called: the name of its folder.
    pub name: &'a str,
    /// Its records.
    pub records: &'a Records,
    /// Their rows.
    pub rows: &'a [Row],
}

/// What may be timed: its name, and where it is among what was measured.
type Timed = (&'static str, fn(&Measured) -> &Phase);

/// The phases, by name; encryption, evaluation and decryption together come first.
const PHASES: [Timed; 5] = [
    ("total", |m| &m.total),
    ("encrypt", |m| &m.encrypt),
    ("evaluate", |m| &m.evaluate),
    ("decrypt", |m| &m.decrypt),
    ("transfer", |m| &m.transfer),
];

/// The names of phases that can be compared; without a choice it is the first.
pub fn phases() -> impl Iterator<Item = &'static str> {
    PHASES.iter().map(|(name, _)| *name)
}

/// Runs compared with the first of them.
#[derive(Clone, Debug)]
pub struct RunsCompared {
    base: String,
    experiment: String,
    clock: Clock,
    margin: f64,
    others: Vec<Other>,
}

/// Another run, compared with the base.
#[derive(Clone, Debug)]
struct Other {
    name: String,
    /// Why its times do not compare with the base's.
    obstacles: Vec<String>,
    /// What differs, and may be what the comparison is about.
    differences: Vec<String>,
    pairs: Vec<Pair>,
    only_in_base: Vec<String>,
    only_here: Vec<String>,
    /// Marks of rows of either run, each with the run and the cells.
    marks: Vec<(String, String)>,
}

/// A cell that both runs have.
#[derive(Clone, Debug)]
struct Pair {
    cell: String,
    statuses: [Status; 2],
    /// Why it came to no result, in the run in which it did not.
    reason: String,
    repetitions: [usize; 2],
    /// By phase, in the order of [`PHASES`]; empty if one of the runs has no result of the cell.
    times: Vec<Times>,
    /// What is not equal, in words; not of times.
    bytes: Vec<String>,
    quality: Vec<String>,
    security: Vec<String>,
    /// Uploaded, downloaded and of keys, in either run.
    sizes: [[u64; 3]; 2],
    /// The headline in either run.
    headline: Option<(String, [f64; 2])>,
}

/// What a phase of a cell took.
#[derive(Clone, Copy, Debug)]
struct Times {
    /// Median milliseconds in base and other.
    medians: [f64; 2],
    change: Change,
}

/// What `--fail-if-slower` found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Limit {
    /// No cell is slower by more.
    Kept {
        /// How many cells were held against it, over all runs.
        cells: usize,
    },
    /// Cells that are slower by more, or no longer come to a result, each in words.
    Exceeded(Vec<String>),
    /// It cannot be told, and why.
    Refused(String),
}

impl RunsCompared {
    /// The runs compared with the first, by its clock and margin; `None` of fewer than two.
    pub fn new(runs: &[RunToCompare<'_>]) -> Option<Self> {
        let [base, others @ ..] = runs else {
            return None;
        };
        if others.is_empty() {
            return None;
        }
        let run = &base.records.run;
        let by = (run.rank_by(), run.tie_margin());
        Some(Self {
            base: base.name.to_owned(),
            experiment: run.experiment.clone(),
            clock: by.0,
            margin: by.1,
            others: others.iter().map(|o| other(*base, *o, by)).collect(),
        })
    }

    /// The tables for a terminal, without a newline at its end, of phases by name.
    pub fn terminal(&self, screen: Screen, phases: &[&str]) -> String {
        words::terminal(self, screen, phases)
    }

    /// The tables as Markdown.
    pub fn markdown(&self, phases: &[&str]) -> String {
        words::markdown(self, phases)
    }

    /// A row for each run, cell and phase.
    ///
    /// # Errors
    /// The CSV writer's; it writes to memory and each row has all fields, so that no rows give cause.
    pub fn csv(&self) -> io::Result<Vec<u8>> {
        csv_file::csv(self)
    }

    /// Holds the runs against a limit: 0.1 is that no cell may take more than 1.1 times the base. A
    /// cell exceeds it if its whole 95 % interval is beyond, in one of the phases; and if it came to a
    /// result in the base, and does not any more.
    pub fn limit(&self, share: f64, phases: &[&str]) -> Limit {
        let mut slower = Vec::new();
        let (mut cells, mut too_few) = (0, Vec::new());
        for other in &self.others {
            if let Some(why) = other.obstacles.first() {
                return Limit::Refused(format!(
                    "times of {} do not compare with those of {}: {why}",
                    other.name, self.base
                ));
            }
            for pair in &other.pairs {
                let [before, now] = pair.statuses;
                if before == Status::Ok && now != Status::Ok {
                    slower.push(format!(
                        "{} in {}: was ok, is {now}: {}",
                        pair.cell, other.name, pair.reason
                    ));
                    continue;
                }
                let timed: Vec<_> = chosen(phases)
                    .filter_map(|(index, name)| Some((name, pair.times.get(index)?)))
                    .collect();
                if timed.is_empty() {
                    continue;
                }
                if timed.iter().any(|(_, t)| t.change.interval.is_none()) {
                    too_few.push(pair.cell.clone());
                    continue;
                }
                cells += 1;
                for (name, times) in timed {
                    let Some(interval) = times.change.interval else {
                        continue;
                    };
                    if interval.low > 1.0 + share {
                        slower.push(format!(
                            "{} in {}: {name} takes {} times as long [{}, {}]",
                            pair.cell,
                            other.name,
                            significant(times.change.ratio, 3),
                            significant(interval.low, 3),
                            significant(interval.high, 3)
                        ));
                    }
                }
            }
        }
        if !slower.is_empty() {
            return Limit::Exceeded(slower);
        }
        if !too_few.is_empty() {
            return Limit::Refused(format!(
                "too few repetitions for an interval of {}: each run needs five",
                too_few.join(", ")
            ));
        }
        if cells == 0 {
            return Limit::Refused("no cell has a result in both runs".into());
        }
        Limit::Kept { cells }
    }
}

/// The phases of these names, with their places.
fn chosen(names: &[&str]) -> impl Iterator<Item = (usize, &'static str)> {
    let names: Vec<String> = names.iter().map(|n| (*n).to_owned()).collect();
    (0..)
        .zip(phases())
        .filter(move |(_, phase)| names.iter().any(|name| name == phase))
}

fn other(base: RunToCompare<'_>, run: RunToCompare<'_>, by: (Clock, f64)) -> Other {
    let found = |rows: &'_ [Row], id: &str| rows.iter().any(|row| row.name() == id);
    let lacks = |rows: &[Row], others: &[Row]| -> Vec<String> {
        let lacking = rows.iter().filter(|row| !found(others, row.name()));
        lacking.map(|row| row.name().to_owned()).collect()
    };
    let both: Vec<(&Row, &Row)> = base
        .rows
        .iter()
        .filter_map(|row| {
            let other = run.rows.iter().find(|r| r.name() == row.name())?;
            Some((row, other))
        })
        .collect();
    let mut pairs: Vec<Pair> = both.iter().map(|(a, b)| pair(a, b)).collect();
    for (_, phase) in PHASES {
        compare(&both, &mut pairs, phase, by);
    }
    let (mut obstacles, differences) = obstacles::between(base.records, run.records);
    obstacles.extend(obstacles::threads(&both));
    Other {
        name: run.name.to_owned(),
        obstacles,
        differences,
        pairs,
        only_in_base: lacks(base.rows, run.rows),
        only_here: lacks(run.rows, base.rows),
        marks: words::marks([base, run]),
    }
}

/// Adds the times of a phase to the cells that have a result in both runs.
fn compare(
    both: &[(&Row, &Row)],
    pairs: &mut [Pair],
    phase: fn(&Measured) -> &Phase,
    (clock, margin): (Clock, f64),
) {
    let times = |row: &'_ Row| -> Option<Vec<f64>> {
        let measured = row.measured.as_ref().filter(|_| row.status == Status::Ok)?;
        Some(phase(measured).values(clock).to_vec())
    };
    let timed: Vec<(usize, Vec<f64>, Vec<f64>)> = (0..)
        .zip(both)
        .filter_map(|(index, (a, b))| Some((index, times(a)?, times(b)?)))
        .collect();
    let samples: Vec<(&[f64], &[f64])> = timed
        .iter()
        .map(|(_, a, b)| (a.as_slice(), b.as_slice()))
        .collect();
    for ((index, a, b), change) in timed.iter().zip(compare_runs(&samples, margin)) {
        let medians = [median(a), median(b)];
        if let Some(pair) = pairs.get_mut(*index) {
            pair.times.push(Times { medians, change });
        }
    }
}

/// What is not of times.
fn pair(base: &Row, other: &Row) -> Pair {
    let mut pair = Pair {
        cell: base.name().to_owned(),
        statuses: [base.status, other.status],
        reason: String::new(),
        repetitions: [base, other].map(|r| r.measured.as_ref().map_or(0, |m| m.repetitions)),
        times: vec![],
        bytes: vec![],
        quality: vec![],
        security: vec![],
        sizes: [base, other].map(sizes),
        headline: None,
    };
    for row in [other, base] {
        if row.status != Status::Ok && pair.reason.is_empty() {
            pair.reason = crate::notes::in_one_line(&row.reason);
        }
    }
    let (Some(a), Some(b)) = (&base.measured, &other.measured) else {
        return pair;
    };
    if pair.statuses != [Status::Ok; 2] {
        return pair;
    }
    let [before, now] = pair.sizes;
    for (name, (a, b)) in ["up", "down", "keys"].iter().zip(before.iter().zip(now)) {
        if *a != b {
            let by = if *a == 0 {
                String::new()
            } else {
                format!(" ({:+.2} %)", 100.0 * (b as f64 / *a as f64 - 1.0))
            };
            pair.bytes
                .push(format!("{name} {} -> {}{by}", bytes(*a), bytes(b)));
        }
    }
    for metric in &a.metrics {
        let Some(now) = b.metrics.iter().find(|m| m.name == metric.name) else {
            pair.quality.push(format!("{} is gone", metric.name));
            continue;
        };
        let same = metric.value.to_bits() == now.value.to_bits()
            || metric.value == now.value
            || (metric.value.is_nan() && now.value.is_nan());
        if !same {
            pair.quality.push(format!(
                "{} {} -> {} ({})",
                metric.name,
                value(metric.value),
                value(now.value),
                signed(now.value - metric.value)
            ));
        }
    }
    for metric in &b.metrics {
        if !a.metrics.iter().any(|m| m.name == metric.name) {
            pair.quality.push(format!("{} is new", metric.name));
        }
    }
    let headline = a.metrics.first().and_then(|first| {
        let now = b.metrics.iter().find(|m| m.name == first.name)?;
        Some((first.name.clone(), [first.value, now.value]))
    });
    pair.headline = headline;
    let bits = [base, other].map(Row::security_bits);
    if let ([Some(a), Some(b)], true) = (bits, bits[0] != bits[1]) {
        pair.security.push(format!("security {a} -> {b} bits"));
    }
    pair
}

fn signed(difference: f64) -> String {
    let sign = if difference > 0.0 { "+" } else { "" };
    format!("{sign}{}", significant(difference, 2))
}

fn sizes(row: &Row) -> [u64; 3] {
    let traffic = row.measured.as_ref().map(|m| &m.traffic);
    [
        traffic.map_or(0, |t| t.upload_bytes),
        traffic.map_or(0, |t| t.download_bytes),
        row.setup.as_ref().map_or(0, |s| s.keys.total()),
    ]
}

/// What is shown, in a word or two.
fn verdict(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Slower => "slower",
        Outcome::Faster => "faster",
        Outcome::Tie => "same",
        Outcome::NotDistinguished => "not distinguished",
        Outcome::TooFew { .. } => "too few",
    }
}
