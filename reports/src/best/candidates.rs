//! Rows that a choice is among: by machine, and on it by the problem that they solve.

use std::collections::BTreeMap;

use hexperiment_diagnostics::printable::line as seen;
use hexperiment_experiment::Link;
use hexperiment_experiment::measure::{Estimate, Outcome, Timed, compare_with_first};
use hexperiment_experiment::record::{Clock, Run, Status};
use hexperiment_experiment::summary::{OverLink, Records, Row};
use serde_json::Value;

use super::Request;
use crate::units::{counted, significant};

/// All of one machine: only their times are compared with each other.
pub(super) struct Machine<'a> {
    pub(super) title: String,
    pub(super) problems: Vec<Problem<'a>>,
    /// Rows for which a newer run has the same.
    pub(super) superseded: usize,
}

/// Rows that do the same work: one task with its options, on the same data, with as many threads.
pub(super) struct Problem<'a> {
    pub(super) title: String,
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
            let title = machine(&records.run);
            let place = machines.iter().position(|m| m.title == title);
            let place = place.unwrap_or_else(|| {
                machines.push(Machine {
                    title,
                    problems: vec![],
                    superseded: 0,
                });
                machines.len() - 1
            });
            machines[place].add(&records.run, row, request, link);
        }
    }
    for machine in &mut machines {
        for problem in &mut machine.problems {
            problem.title = title(problem);
            mark_front(&mut problem.candidates);
        }
        machine.name_apart();
    }
    machines
}

impl<'a> Machine<'a> {
    fn add(&mut self, run: &'a Run, row: &'a Row, request: &Request, link: Option<&Link>) {
        let facts = facts(run, row);
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
                facts,
                candidates: vec![candidate],
            });
            return;
        };
        let same = |c: &&mut Candidate<'_>| c.contender == candidate.contender;
        match problem.candidates.iter_mut().find(same) {
            None => problem.candidates.push(candidate),
            Some(other) => {
                self.superseded += 1;
                // RFC 3339 in UTC: the later is the greater.
                if other.run.started <= candidate.run.started {
                    *other = candidate;
                }
            }
        }
    }

    /// Problems that read alike differ in options that no matrix varies: their experiments tell them
    /// apart.
    fn name_apart(&mut self) {
        let titles: Vec<String> = self.problems.iter().map(|p| p.title.clone()).collect();
        for (problem, title) in self.problems.iter_mut().zip(&titles) {
            if titles.iter().filter(|other| *other == title).count() > 1
                && let Some(candidate) = problem.candidates.first()
            {
                let run = candidate.run;
                problem.title += &format!(", of {} {}", seen(&run.experiment), seen(&run.started));
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
        })
    }

    /// Whether none of the three is more than the other's, and one is less.
    fn beats(&self, other: &Self) -> bool {
        let mine = [self.total_ms.median, self.bytes as f64, self.error];
        let others = [other.total_ms.median, other.bytes as f64, other.error];
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

fn machine(run: &Run) -> String {
    let p = &run.provenance;
    let cpu = match p.cpu.as_str() {
        "" => "an unnamed processor".into(),
        cpu => seen(cpu),
    };
    // What a kernel keeps for itself differs from start to start.
    let memory = (p.memory_bytes as f64 / f64::from(1 << 30)).round();
    let cores = counted(p.cores, "logical processor", "logical processors");
    format!("{cpu}, {cores}, {memory} GiB")
}

/// All that decides the work of a row.
fn facts(run: &Run, row: &Row) -> BTreeMap<String, String> {
    let mut facts = BTreeMap::new();
    let mut add = |section: &str, options: &Value| {
        for (key, value) in options.as_object().into_iter().flatten() {
            facts.insert(format!("{section}.{key}"), value.to_string());
        }
    };
    add("task", &run.resolved["task"]["options"]);
    add("dataset", &run.resolved["dataset"]);
    let of_work = |key: &&String| {
        let section = key.split_once('.').map(|(section, _)| section);
        matches!(section, Some("task" | "dataset"))
    };
    for key in row.cell.point.keys().filter(of_work) {
        let value = serde_json::to_value(&row.cell.point[key]);
        facts.insert(key.clone(), value.unwrap_or_default().to_string());
    }
    let provenance = &run.provenance;
    if provenance.further_data.is_empty() {
        facts.insert("data".into(), provenance.data.sha256.clone());
    }
    facts.insert("task".into(), row.cell.task.clone());
    facts.insert("dataset".into(), row.cell.dataset.clone());
    facts.insert("run.threads".into(), row.threads.to_string());
    facts.insert("run.seed".into(), row.seed.to_string());
    facts.insert("run.security_bits".into(), row.demanded_bits.to_string());
    facts
}

/// The label, the scheme's options and its own point of the matrix.
fn contender(run: &Run, row: &Row) -> String {
    let schemes = run.resolved["schemes"].as_array();
    let of_label = |scheme: &&Value| scheme["label"] == *row.cell.label;
    let options = schemes.and_then(|all| all.iter().find(of_label));
    let point = row.cell.point.iter();
    let own: Vec<String> = point
        .filter(|(key, _)| key.starts_with("scheme."))
        .map(|(key, value)| format!("{key}={value}"))
        .collect();
    format!(
        "{} {} {} {}",
        row.cell.label,
        row.cell.scheme,
        options.map_or(String::new(), |scheme| scheme["options"].to_string()),
        own.join(" ")
    )
}

fn title(problem: &Problem<'_>) -> String {
    let Some(row) = problem.candidates.first().map(|c| c.row) else {
        return String::new();
    };
    let samples = problem.candidates.iter();
    let samples = samples.filter_map(|c| Some(c.row.measured.as_ref()?.samples));
    let samples = samples.max().map_or(String::new(), |n| {
        format!(", {}", counted(n, "sample", "samples"))
    });
    let mut title = format!(
        "{} on {}{samples}, {} bits, {}",
        seen(&row.cell.task),
        seen(&row.cell.dataset),
        row.demanded_bits,
        counted(row.threads, "thread", "threads")
    );
    for (key, value) in &row.cell.point {
        if let Some(("task" | "dataset", option)) = key.split_once('.') {
            title += &format!(", {} = {}", seen(option), seen(&value.to_string()));
        }
    }
    title
}

/// Each demand that a row does not keep, with what was found.
fn violations(row: &Row, request: &Request, link: Option<&Link>) -> Vec<String> {
    if row.status != Status::Ok {
        let reason = row.reason.split_whitespace().collect::<Vec<_>>().join(" ");
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
pub(super) fn slower(fits: &[(&Candidate<'_>, &Cost)], margin: f64) -> Vec<bool> {
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
        return compared.map(|c| c.outcome == Outcome::Slower).collect();
    }
    others
        .iter()
        .map(|(_, other)| is_less(cost, other))
        .collect()
}

/// Whether the interval of one time ends before that of another begins.
pub(super) fn is_less(one: &Cost, other: &Cost) -> bool {
    match (one.total_ms.interval, other.total_ms.interval) {
        (Some(one), Some(other)) => one.high < other.low,
        // Too few repetitions for an interval show nothing.
        _ => false,
    }
}
