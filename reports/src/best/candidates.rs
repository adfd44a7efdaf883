//! Rows that a choice is among: by machine, and on it by the problem that they solve.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use hexperiment_diagnostics::printable::line as seen;
use hexperiment_experiment::Link;
use hexperiment_experiment::measure::{Estimate, Outcome, Timed, compare_with_first};
use hexperiment_experiment::record::{Clock, Run, Status};
use hexperiment_experiment::summary::{OverLink, Records, Row};

use super::same::{conditions, contender, facts, machine, name, title};
use super::{Request, Slower};
use crate::units::{shortened, significant};

/// Characters of a reason that are shown, at most.
const REASON: usize = 300;

/// All of one machine: only their times are compared with each other.
pub(super) struct Machine<'a> {
    pub(super) title: String,
    pub(super) problems: Vec<Problem<'a>>,
    /// Rows for which a newer run has the same: the run, and the row's name.
    pub(super) superseded: Vec<(String, String)>,
}

/// Rows that do the same work: one task with its options, on the same data, under the same demands of `[run]`.
pub(super) struct Problem<'a> {
    pub(super) title: String,
    /// What else all of them share: who encrypts, what failures are allowed, processes, seeds.
    pub(super) conditions: String,
    /// All that decides the work, by name: `task.features`.
    pub(super) facts: BTreeMap<String, String>,
    pub(super) candidates: Vec<Candidate<'a>>,
}

/// A row, and what of the demands it does not keep.
pub(super) struct Candidate<'a> {
    pub(super) row: &'a Row,
    pub(super) run: &'a Run,
    /// What tells it from the others of its problem, the same at every point of the matrix.
    pub(super) contender: String,
    pub(super) cost: Option<Cost>,
    pub(super) violations: Vec<String>,
    is_comparable: bool,
    pub(super) on_front: bool,
}

/// What a row costs.
pub(super) struct Cost {
    /// End to end in each repetition, in milliseconds of wall time; over the link if there is one.
    pub(super) totals_ms: Vec<f64>,
    pub(super) rounds: Vec<u32>,
    /// The process of each repetition.
    pub(super) processes: Vec<u32>,
    pub(super) total_ms: Estimate,
    /// Ciphertexts both ways.
    pub(super) bytes: u64,
    pub(super) error: f64,
    /// Whether that is known to be no more than the task bears.
    is_borne: bool,
}

impl Candidate<'_> {
    pub(super) fn fits(&self) -> bool {
        self.violations.is_empty() && self.cost.is_some()
    }

    /// Whether it came to a result and keeps the demands on trust, if not all bounds.
    pub(super) fn is_comparable(&self) -> bool {
        self.is_comparable && self.cost.is_some()
    }
}

impl Problem<'_> {
    /// Those that keep all demands, fastest first.
    pub(super) fn fits(&self) -> Vec<(&Candidate<'_>, &Cost)> {
        let fits = self.candidates.iter().filter(|c| c.fits());
        let mut fits: Vec<_> = fits.filter_map(|c| Some((c, c.cost.as_ref()?))).collect();
        fits.sort_by(|(_, a), (_, b)| a.total_ms.median.total_cmp(&b.total_ms.median));
        fits
    }
}

/// The rows of some runs by machine and problem, each held against the request.
pub(super) fn machines<'a>(
    runs: &'a [(&'a Records, Vec<Row>)],
    request: &Request,
    link: Option<&Link>,
) -> Vec<Machine<'a>> {
    let mut machines: Vec<Machine<'a>> = Vec::new();
    for (records, rows) in runs {
        let of_task = |row: &&Row| request.task.as_ref().is_none_or(|t| *t == row.cell.task);
        for row in rows.iter().filter(of_task) {
            let title = machine(&records.run, row);
            let place = machines.iter().position(|m| m.title == title);
            let place = place.unwrap_or_else(|| {
                machines.push(Machine {
                    title,
                    problems: vec![],
                    superseded: vec![],
                });
                machines.len() - 1
            });
            machines[place].add((&records.run, rows), row, request, link);
        }
    }
    for machine in &mut machines {
        for problem in &mut machine.problems {
            problem.title = title(problem.candidates.iter().map(|c| c.row));
            problem.conditions = conditions(&problem.facts);
            mark_front(&mut problem.candidates);
        }
        machine.name_apart();
    }
    machines
}

impl<'a> Machine<'a> {
    fn add(
        &mut self,
        (run, rows): (&'a Run, &'a [Row]),
        row: &'a Row,
        request: &Request,
        link: Option<&Link>,
    ) {
        let facts = facts(run, rows, row);
        let candidate = Candidate {
            row,
            run,
            contender: contender(run, row),
            cost: Cost::of(row, link),
            violations: violations(row, request, link),
            is_comparable: row.status == Status::Ok
                && request
                    .trust
                    .iter()
                    .all(|trust| trust.violated(row).is_none()),
            on_front: false,
        };
        let Some(problem) = self.problems.iter_mut().find(|p| p.facts == facts) else {
            self.problems.push(Problem {
                title: String::new(),
                conditions: String::new(),
                facts,
                candidates: vec![candidate],
            });
            return;
        };
        let same = |c: &&mut Candidate<'_>| c.contender == candidate.contender;
        match problem.candidates.iter_mut().find(same) {
            None => problem.candidates.push(candidate),
            Some(other) => {
                // RFC 3339 in UTC: the later is the greater.
                let older = if other.run.started <= candidate.run.started {
                    std::mem::replace(other, candidate)
                } else {
                    candidate
                };
                let run = format!("{} of {}", older.run.experiment, older.run.started);
                self.superseded.push((run, name(older.row)));
            }
        }
    }

    /// Problems that read alike differ in options that no matrix varies: their experiments tell them
    /// apart.
    fn name_apart(&mut self) {
        let read = |p: &Problem<'_>| (p.title.clone(), p.conditions.clone());
        let all: Vec<_> = self.problems.iter().map(read).collect();
        for (problem, this) in self.problems.iter_mut().zip(&all) {
            if all.iter().filter(|other| *other == this).count() > 1
                && let Some(candidate) = problem.candidates.first()
            {
                let run = candidate.run;
                // Writing to a string cannot fail, here and below.
                let _ = write!(
                    problem.title,
                    ", of {} {}",
                    seen(&run.experiment),
                    seen(&run.started)
                );
            }
        }
    }
}

impl Cost {
    fn of(row: &Row, link: Option<&Link>) -> Option<Self> {
        let measured = row.measured.as_ref()?;
        let totals_ms = match link {
            Some(link) => OverLink::of(row, link)?.totals_ms,
            None => measured.total.values(Clock::Wall).to_vec(),
        };
        Some(Self {
            total_ms: Estimate::of(&totals_ms, &measured.processes),
            totals_ms,
            rounds: measured.rounds.clone(),
            processes: measured.processes.clone(),
            bytes: measured.traffic.upload_bytes + measured.traffic.download_bytes,
            error: measured.errors.max_abs,
            is_borne: measured
                .errors
                .precision
                .as_ref()
                .is_some_and(hexperiment_task::ledger::Precision::is_met),
        })
    }

    /// The error as far as it counts: what the task bears is as good as none, and less of it is noise alone.
    fn counted_error(&self) -> f64 {
        if self.is_borne { 0.0 } else { self.error }
    }

    /// Whether none of the three is more than the other's, and one is less.
    fn beats(&self, other: &Self) -> bool {
        let mine = [
            self.total_ms.median,
            self.bytes as f64,
            self.counted_error(),
        ];
        let others = [
            other.total_ms.median,
            other.bytes as f64,
            other.counted_error(),
        ];
        let pairs = || mine.iter().zip(&others);
        pairs().all(|(a, b)| a <= b) && pairs().any(|(a, b)| a < b)
    }
}

fn mark_front(candidates: &mut [Candidate<'_>]) {
    let beaten = |cost: &Cost, all: &[Candidate<'_>]| {
        let fits = all.iter().filter(|c| c.fits());
        fits.filter_map(|c| c.cost.as_ref())
            .any(|other| other.beats(cost))
    };
    let front: Vec<bool> = candidates
        .iter()
        .map(|c| {
            c.fits()
                && c.cost
                    .as_ref()
                    .is_some_and(|cost| !beaten(cost, candidates))
        })
        .collect();
    for (candidate, on_front) in candidates.iter_mut().zip(front) {
        candidate.on_front = on_front;
    }
}

/// Each demand that a row does not keep, with what was found.
fn violations(row: &Row, request: &Request, link: Option<&Link>) -> Vec<String> {
    if row.status != Status::Ok {
        let reason = row.reason.split_whitespace().collect::<Vec<_>>().join(" ");
        let reason = shortened(&reason, REASON);
        return vec![format!("{}: {}", row.status, seen(&reason))];
    }
    let mut violations: Vec<String> = request
        .trust
        .iter()
        .filter_map(|trust| trust.violated(row))
        .collect();
    violations.extend(request.bounds.iter().filter_map(|b| b.violated(row, link)));
    let bounds = |name: &str| request.bounds.iter().any(|b| b.quantity.name == name);
    if row.insecure() && !bounds("security") {
        let bits = row.security_bits().unwrap_or_default();
        let wanted = row.demanded_bits.max(128);
        violations.push(format!(
            "security {bits}, at least {wanted} unless `--min security` says less"
        ));
    }
    if let Some(precision) = row.imprecise()
        && !bounds("error")
        && !bounds("precision-bits")
    {
        violations.push(format!(
            "error {} where the task bears {} unless `--max-error` says more",
            significant(precision.observed, 3),
            significant(precision.demanded, 3)
        ));
    }
    violations
}

/// Of rows that fit, fastest first: whether each of the others is shown to be slower than the first.
/// Rows of one run are compared round by round, as its report does; those of several by their intervals.
pub(super) fn slower(fits: &[(&Candidate<'_>, &Cost)], margin: f64) -> Vec<Slower> {
    let Some(((first, cost), others)) = fits.split_first() else {
        return vec![];
    };
    if others.iter().all(|(c, _)| std::ptr::eq(c.run, first.run)) {
        let all: Vec<Timed<'_>> = fits
            .iter()
            .map(|(_, cost)| Timed {
                rounds: &cost.rounds,
                processes: &cost.processes,
                times: &cost.totals_ms,
            })
            .collect();
        let compared = compare_with_first(&all, margin).into_iter();
        return compared
            .map(|c| match c.outcome {
                Outcome::Slower => Slower::Shown,
                Outcome::TooFew { .. } => Slower::TooFew,
                Outcome::Tie => Slower::Tie,
                Outcome::Faster | Outcome::NotDistinguished => Slower::NotShown,
            })
            .collect();
    }
    let others = others.iter();
    others
        .map(|(_, other)| match is_less(cost, other) {
            Some(true) => Slower::Shown,
            Some(false) => Slower::NotShown,
            None => Slower::TooFew,
        })
        .collect()
}

/// Whether the interval of one time ends before that of another begins; `None` where too few repetitions
/// give no interval.
pub(super) fn is_less(one: &Cost, other: &Cost) -> Option<bool> {
    let (one, other) = (one.total_ms.interval?, other.total_ms.interval?);
    Some(one.high < other.low)
}
