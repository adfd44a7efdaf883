//! Which scheme for me? What fits given bounds among the rows of saved runs, the Pareto front of what
//! fits, why every other does not, and where one scheme overtakes another.
//!
//! [`quantity`](Quantity) lists what can be bounded, [`trust`](Trust) what can be demanded of the
//! protocol; `same` says which rows do the same work on one machine, `candidates` groups them, `crossover` follows them along
//! axes, `words` tells. Times of different machines are never compared.

mod candidates;
mod crossover;
mod quantity;
mod same;
mod trust;
mod words;

use hexperiment_diagnostics::{printable, suggest};
use hexperiment_experiment::Link;
use hexperiment_experiment::summary::{OverLink, Records, Row, rows};
use hexperiment_scheme::security::Protection;

use crate::first_table::{BUSY, IMPRECISE, INSECURE};
use crate::links::{described, find_link, long_duration};
use crate::machines::{MARKS, has_mark};
use candidates::{Candidate, Machine, Problem, machines, slower};
pub use crossover::Crossover;
use crossover::{on_axes, on_bandwidth};
use quantity::contradiction;
pub use quantity::{Bound, End, QUANTITIES, Quantity, quantities_help};
use same::name;
pub use trust::{TRUST, Trust, trust_help};

/// What is wanted.
#[derive(Clone, Debug, Default)]
pub struct Request {
    /// The task; all if left out.
    pub task: Option<String>,
    /// Bounds on numbers.
    pub bounds: Vec<Bound>,
    /// Demands on the protocol.
    pub trust: Vec<&'static Trust>,
    /// The link between client and server; without one, what both computed.
    pub link: Option<String>,
}

/// What fits, and why the rest does not.
#[derive(Clone, Debug)]
pub struct Answer {
    /// The answer in one sentence.
    pub sentence: String,
    /// Each machine's.
    pub machines: Vec<OnMachine>,
    /// What times are: computed over a link, or measured.
    pub about: String,
}

/// What fits on a machine.
#[derive(Clone, Debug)]
pub struct OnMachine {
    /// The machine.
    pub title: String,
    /// Its problems, each with the rows that solve it.
    pub problems: Vec<OfProblem>,
    /// Where one scheme overtakes another on a numeric axis.
    pub crossovers: Vec<Crossover>,
    /// Axes on which nobody does: of what, and in words.
    pub no_crossovers: Vec<(String, String)>,
    /// Rows that were left out, for a newer run has the same: the run, and the row's name.
    pub superseded: Vec<(String, String)>,
}

/// What fits of the rows that do the same work.
#[derive(Clone, Debug)]
pub struct OfProblem {
    /// The task, the data, what the matrix has at this point.
    pub title: String,
    /// Who encrypts, the failures that are allowed, processes and seeds: what else all rows share.
    pub conditions: String,
    /// What keeps all demands, fastest first.
    pub fits: Vec<Fit>,
    /// Whether each fit but the first is shown to be slower than it.
    pub slower: Vec<Slower>,
    /// The others, and each demand that they do not keep.
    pub others: Vec<(String, Vec<String>)>,
    /// Which of the others misses the fewest demands, of those that encrypt if there are any.
    pub nearest: Option<usize>,
    /// The fastest of what fits over each link: the link, who, and how long.
    pub by_link: Vec<(String, String, String)>,
    /// Bandwidths at which one overtakes another, in words.
    pub bandwidths: Vec<String>,
}

/// Whether a row is shown to be slower than the fastest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Slower {
    /// It is.
    Shown,
    /// It is shown to be as fast, within the margin of ties.
    Tie,
    /// Its repetitions are enough, and show neither.
    NotShown,
    /// It has too few repetitions to show anything.
    TooFew,
}

/// A row that keeps all demands.
#[derive(Clone, Debug, PartialEq)]
pub struct Fit {
    /// Its label, with the scheme's own values of the matrix.
    pub name: String,
    /// End to end, in milliseconds: the median.
    pub total_ms: f64,
    /// Ciphertexts both ways.
    pub bytes: u64,
    /// The largest error.
    pub error: f64,
    /// Whether no other that fits is as good in all three, and better in one.
    pub on_front: bool,
    /// Whether its times are those of a busy machine.
    pub is_busy: bool,
    /// The marks that it has in every table.
    pub marks: Vec<&'static str>,
}

impl Answer {
    /// Whether any row keeps all demands.
    pub fn is_any(&self) -> bool {
        let mut problems = self.machines.iter().flat_map(|m| &m.problems);
        problems.any(|problem| !problem.fits.is_empty())
    }
}

/// Answers from the records of some runs.
///
/// # Errors
/// There is no run; bounds contradict each other; no run is of the task, or has the link, that is asked for; or two runs know the
/// link by different figures. The words say which there are.
pub fn best(runs: &[Records], request: &Request) -> Result<Answer, String> {
    if runs.is_empty() {
        return Err("found no run to choose from\n  help: run an experiment first".into());
    }
    contradiction(&request.bounds)?;
    known_task(runs, request)?;
    let link = match &request.link {
        Some(name) => Some(find_link(runs.iter(), name)?),
        None => None,
    };
    let all: Vec<_> = runs
        .iter()
        .map(|records| (records, rows(records)))
        .collect();
    let machines: Vec<OnMachine> = machines(&all, request, link.as_ref())
        .iter()
        .map(on_machine)
        .collect();
    let about: String = match &link {
        None => "Times: encrypt + evaluate + decrypt of the whole batch as measured, without a link; bytes: \
                 ciphertexts both ways, without keys; error: the largest of all results; *: on the front of \
                 time, bytes and error, where what the task bears is as good as none."
            .into(),
        Some(link) => format!(
            "Times: a query of the whole batch over {}, computed from what was recorded, without the keys, \
             which cross once; bytes: ciphertexts both ways; error: the largest of all results; *: on the front of time, bytes and error, \
             where what the task bears is as good as none.",
            described(link)
        ),
    };
    let about = about + &words::meanings(&machines);
    Ok(Answer {
        sentence: words::sentence(&machines, request, link.as_ref()),
        machines,
        about,
    })
}

fn known_task(runs: &[Records], request: &Request) -> Result<(), String> {
    let Some(wanted) = &request.task else {
        return Ok(());
    };
    let cells = runs.iter().flat_map(|records| &records.run.cells);
    let mut known: Vec<&str> = cells.map(|cell| cell.task.as_str()).collect();
    known.sort_unstable();
    known.dedup();
    if known.contains(&wanted.as_str()) {
        return Ok(());
    }
    let near = suggest(wanted, known.iter().copied());
    Err(format!(
        "no run is of the task {}\n  help: {}tasks of these runs: {}",
        printable::quoted(wanted),
        near.map(|near| format!("did you mean `{near}`? "))
            .unwrap_or_default(),
        printable::list(known, 40)
    ))
}

fn on_machine(machine: &Machine<'_>) -> OnMachine {
    let found = on_axes(machine);
    OnMachine {
        title: machine.title.clone(),
        problems: machine.problems.iter().map(of_problem).collect(),
        crossovers: found.crossovers,
        no_crossovers: found.none,
        superseded: machine.superseded.clone(),
    }
}

fn of_problem(problem: &Problem<'_>) -> OfProblem {
    let fits = problem.fits();
    let margin = fits
        .first()
        .map_or(0.0, |(first, _)| first.run.tie_margin());
    let others = problem.candidates.iter().filter(|c| !c.fits());
    let misses = |(_, c): &(usize, &Candidate<'_>)| {
        let encrypts = c.row.protection() == Some(Protection::Encrypted);
        (c.violations.is_empty(), !encrypts, c.violations.len())
    };
    let nearest = others.clone().enumerate().min_by_key(misses);
    OfProblem {
        nearest: nearest.map(|(place, _)| place),
        title: problem.title.clone(),
        conditions: problem.conditions.clone(),
        slower: slower(&fits, margin),
        fits: fits
            .iter()
            .map(|(candidate, cost)| Fit {
                name: name(candidate.row),
                total_ms: cost.total_ms.median,
                bytes: cost.bytes,
                error: cost.error,
                on_front: candidate.on_front,
                is_busy: candidate.row.busy.is_some(),
                marks: marks(candidate.row),
            })
            .collect(),
        others: others
            .map(|c| {
                let nothing = || vec!["nothing of it was measured".into()];
                let violations = Some(c.violations.clone()).filter(|all| !all.is_empty());
                (name(c.row), violations.unwrap_or_else(nothing))
            })
            .collect(),
        by_link: by_link(problem),
        bandwidths: on_bandwidth(problem),
    }
}

fn marks(row: &Row) -> Vec<&'static str> {
    let of_machines = MARKS.iter().map(|(mark, _)| (has_mark(row, mark), *mark));
    [
        (row.insecure(), INSECURE),
        (row.imprecise().is_some(), IMPRECISE),
        (row.busy.is_some(), BUSY),
    ]
    .into_iter()
    .chain(of_machines)
    .filter_map(|(has, mark)| has.then_some(mark))
    .collect()
}

/// The fastest of what fits over each link that all of them have.
fn by_link(problem: &Problem<'_>) -> Vec<(String, String, String)> {
    let fits = problem.fits();
    let [(first, _), _, ..] = fits.as_slice() else {
        return vec![];
    };
    let links = crate::links::links_of(first.run);
    let fastest = |link: &Link| {
        let times = fits.iter().filter_map(|(candidate, _)| {
            let over = OverLink::of(candidate.row, link)?;
            Some((name(candidate.row), over.total_ms.median))
        });
        let (who, ms) = times.min_by(|a, b| a.1.total_cmp(&b.1))?;
        Some((link.name.clone(), who, long_duration(ms)))
    };
    links.iter().filter_map(fastest).collect()
}
