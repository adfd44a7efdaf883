//! Runs compared cell by cell with the first of them: times with an interval, bytes and quality
//! exactly.
//!
//! Cells are paired by their id, which tells scheme and matrix point. The statistics are
//! [`compare_runs`]': repetitions of two runs are independent samples.

mod csv_file;
mod obstacles;
mod pair;
mod table;
mod words;

use std::io;

use hexperiment_experiment::Link;
use hexperiment_experiment::measure::{Change, Outcome, compare_runs, median};
use hexperiment_experiment::record::{Clock, Status};
use hexperiment_experiment::summary::{Measured, OverLink, Phase, Records, Row};

use crate::links::find_link;
use crate::terminal::Screen;
use crate::units::significant;
use pair::{Pair, Scatter};

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

/// A phase that may be timed: its name, and where it is among what was measured.
type TimedPhase = (&'static str, fn(&Measured) -> &Phase);

/// Where times are from.
#[derive(Clone, Debug)]
enum Source {
    Measured(fn(&Measured) -> &Phase),
    /// A query of the whole batch over a link, computed from what was recorded, in wall time.
    Over(Link),
}

impl Source {
    /// The times of a row that came to a result.
    fn times(&self, row: &Row, clock: Clock) -> Option<Vec<f64>> {
        let measured = row.measured.as_ref().filter(|_| row.status == Status::Ok)?;
        Some(match self {
            Self::Measured(phase) => phase(measured).values(clock).to_vec(),
            Self::Over(link) => OverLink::of(row, link)?.totals_ms,
        })
    }
}

/// The phases, by name; encryption, evaluation and decryption together come first.
const PHASES: [TimedPhase; 5] = [
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

/// What a query over a link is called among the phases.
pub fn over_link(link: &str) -> String {
    format!("over {link}")
}

/// Runs compared with the first of them.
#[derive(Clone, Debug)]
pub struct RunsCompared {
    base: String,
    experiment: String,
    clock: Clock,
    margin: f64,
    /// What is timed, by name: the phases, then links.
    timed: Vec<(String, Source)>,
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
    /// The runs compared with the first, by its clock and margin; over links of these names, too.
    ///
    /// # Errors
    /// There are fewer than two runs; one is of another task or of other data than the first, so that nothing
    /// of it compares; or the runs have no such link, or know it by different figures.
    pub fn new(runs: &[RunToCompare<'_>], links: &[String]) -> Result<Self, String> {
        let [base, others @ ..] = runs else {
            return Err("found no run".into());
        };
        if others.is_empty() {
            return Err("found 1 run, expected two or more".into());
        }
        for other in others {
            obstacles::refuse(*base, *other)?;
        }
        let measured = PHASES.map(|(name, of)| (name.to_owned(), Source::Measured(of)));
        let mut timed = Vec::from(measured);
        for name in links {
            let link = find_link(runs.iter().map(|run| run.records), name)?;
            let name = over_link(&link.name);
            if !timed.iter().any(|(known, _)| *known == name) {
                timed.push((name, Source::Over(link)));
            }
        }
        let run = &base.records.run;
        let by = (run.rank_by(), run.tie_margin());
        let others = others
            .iter()
            .map(|o| other(*base, *o, by, &timed))
            .collect();
        Ok(Self {
            base: base.name.to_owned(),
            experiment: run.experiment.clone(),
            clock: by.0,
            margin: by.1,
            timed,
            others,
        })
    }

    /// What is timed of these names, with its place among the times of a pair.
    fn chosen(&self, names: &[&str]) -> Vec<(usize, &str)> {
        let all = self.timed.iter().enumerate();
        let all = all.map(|(place, (name, _))| (place, name.as_str()));
        let is_named = |name: &str| names.iter().any(|wanted| wanted.eq_ignore_ascii_case(name));
        all.filter(|(_, name)| is_named(name)).collect()
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
                let timed: Vec<_> = self
                    .chosen(phases)
                    .into_iter()
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
                        let longer = ratio(&times.change).map_or_else(
                            || "takes longer than none".to_owned(),
                            |ratio| {
                                format!(
                                    "takes {} times as long [{}, {}]",
                                    significant(ratio, 3),
                                    significant(interval.low, 3),
                                    significant(interval.high, 3)
                                )
                            },
                        );
                        slower.push(format!("{} in {}: {name} {longer}", pair.cell, other.name));
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

fn other(
    base: RunToCompare<'_>,
    run: RunToCompare<'_>,
    by: (Clock, f64),
    timed: &[(String, Source)],
) -> Other {
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
    let scatter = [base, run].map(|run| Scatter::of(run.records));
    let mut pairs: Vec<Pair> = both.iter().map(|(a, b)| Pair::of(a, b, &scatter)).collect();
    for (_, source) in timed {
        compare(&both, &mut pairs, source, by);
    }
    let (mut obstacles, differences) = obstacles::between(base.records, run.records);
    obstacles.extend(obstacles::threads(&both));
    obstacles.extend(obstacles::processors(&both));
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

/// Adds the times of a phase, or over a link, to the cells that have a result in both runs.
fn compare(
    both: &[(&Row, &Row)],
    pairs: &mut [Pair],
    source: &Source,
    (clock, margin): (Clock, f64),
) {
    let times = |row: &'_ Row| source.times(row, clock);
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

/// How many times as long, if that says something: where a clock counted nothing in one of the runs there is no
/// number that could.
fn ratio(change: &Change) -> Option<f64> {
    let told = 1e-9..=1e9;
    Some(change.ratio).filter(|ratio| told.contains(ratio))
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
