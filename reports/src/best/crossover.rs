//! Where one scheme overtakes another: on a numeric axis between measured points, and on the bandwidth
//! of a link by arithmetic.

use std::collections::{BTreeMap, BTreeSet};

use super::candidates::{Candidate, Cost, Machine, Problem, is_less};
use super::same::{NO_AXES, name, point};
use crate::links::rate;
use crate::units::{listed, significant};
use hexperiment_diagnostics::printable::line as seen;
use hexperiment_experiment::measure::Estimate;

/// A scheme that is overtaken on an axis.
#[derive(Clone, Debug, PartialEq)]
pub struct Crossover {
    /// The task and the data, with what the matrix has at all points of the axis.
    pub of: String,
    /// The axis, as `dataset.limit`.
    pub axis: String,
    /// Who is faster at small values.
    pub before: String,
    /// Who is faster at large ones.
    pub after: String,
    /// The last value at which the first is shown to be faster.
    pub from: f64,
    /// The first value at which the second is.
    pub to: f64,
    /// Where their medians meet, by interpolation in logarithms between the two measured points beside;
    /// `None` where the medians cross more than once.
    pub meet: Option<f64>,
    /// Measured values between, at which neither is shown to be faster.
    pub open: Vec<f64>,
    /// Those of them at which there are too few repetitions for an interval.
    pub too_few: Vec<f64>,
}

impl Crossover {
    /// In words.
    pub fn words(&self) -> String {
        let Self {
            axis,
            before,
            after,
            ..
        } = self;
        let [from, to] = [self.from, self.to].map(number);
        let meet = self.meet.map_or(String::new(), |x| {
            format!(", by interpolation at about {}", significant(x, 3))
        });
        let values = |some: Vec<f64>| -> Option<String> {
            let told: Vec<String> = some.into_iter().map(number).collect();
            (!told.is_empty()).then(|| listed(&told))
        };
        let is_few = |x: &f64| self.too_few.contains(x);
        let (few, enough): (Vec<f64>, Vec<f64>) = self.open.iter().copied().partition(is_few);
        let enough = values(enough).map_or(String::new(), |at| {
            format!("; at {at} they are not distinguished")
        });
        let few = values(few).map_or(String::new(), |at| {
            format!("; at {at} repetitions are too few to tell them apart")
        });
        let open = enough + &few;
        format!(
            "{axis}: {before} is faster up to {from}, {after} from {to} on: it overtakes between {from} and \
             {to}{meet}{open}"
        )
    }
}

fn number(x: f64) -> String {
    if x.fract() == 0.0 && x.abs() < 1e15 {
        format!("{x}")
    } else {
        significant(x, 3)
    }
}

/// One contender's times at the values of an axis.
struct Line<'a> {
    label: String,
    points: BTreeMap<u64, (f64, &'a Cost)>,
}

/// What a machine's problems say of one axis.
#[derive(Default)]
pub(super) struct OnAxes {
    pub(super) crossovers: Vec<Crossover>,
    /// Axes with more than one point on which nobody overtakes anybody: of what, and why nothing is said.
    pub(super) none: Vec<(String, String)>,
}

/// What problems have in common that differ on one axis only.
type OtherFacts<'a> = Vec<(&'a str, &'a str)>;

/// All crossovers of the rows that came to a result and keep the demands on trust.
pub(super) fn on_axes(machine: &Machine<'_>) -> OnAxes {
    let mut found = OnAxes::default();
    for axis in axes(&machine.problems) {
        let mut series: BTreeMap<OtherFacts<'_>, Vec<(f64, &Problem<'_>)>> = BTreeMap::new();
        for problem in &machine.problems {
            let Some(x) = value(problem, axis) else {
                continue;
            };
            // Of other data there are other sums; with the axis they may differ.
            let others = problem
                .facts
                .iter()
                .filter(|(key, _)| *key != axis && *key != "data");
            let others = others.map(|(k, v)| (k.as_str(), v.as_str())).collect();
            series.entry(others).or_default().push((x, problem));
        }
        for mut points in series.into_values() {
            points.sort_by(|a, b| a.0.total_cmp(&b.0));
            let ([(least, _), .., (most, _)], true) = (points.as_slice(), points.len() > 1) else {
                continue;
            };
            let (least, most) = (*least, *most);
            let of = points.first().map_or(String::new(), |(_, p)| of(p, axis));
            let lines = lines(&points);
            let before = found.crossovers.len();
            let mut open = BTreeSet::new();
            let mut compared = false;
            for (place, second) in lines.iter().enumerate() {
                for first in &lines[..place] {
                    let shared = first
                        .points
                        .keys()
                        .filter(|x| second.points.contains_key(x));
                    compared |= shared.count() > 1;
                    let both = format!("{} and {}", first.label, second.label);
                    match between((&of, axis), first, second) {
                        Found::Crossovers(all) => found.crossovers.extend(all),
                        Found::Open { too_few: false } => {
                            open.insert(format!("{both} are not distinguished"));
                        }
                        Found::Open { too_few: true } => {
                            open.insert(format!("too few repetitions to tell {both} apart"));
                        }
                        Found::Nothing => {}
                    }
                }
            }
            let axis = seen(axis);
            let range = format!("{} to {}", number(least), number(most));
            if found.crossovers.len() == before && compared {
                let none = "nobody overtakes anybody within the measured range";
                let line = format!("{axis}: {none}, {range}");
                found.none.push((of.clone(), line));
            }
            for pair in open {
                let line = format!("{axis}: {pair}, {range}");
                found.none.push((of.clone(), line));
            }
        }
    }
    found
}

/// The task and the data of a series along an axis, with the rest of the matrix' point.
fn of(problem: &Problem<'_>, axis: &str) -> String {
    problem.candidates.first().map_or(String::new(), |c| {
        let cell = &c.row.cell;
        let point = point(c.row, Some(axis));
        format!("{} on {}{point}", seen(&cell.task), seen(&cell.dataset))
    })
}

/// The names of numbers that differ between problems.
fn axes<'a>(problems: &'a [Problem<'_>]) -> BTreeSet<&'a str> {
    let mut values: BTreeMap<&str, BTreeSet<u64>> = BTreeMap::new();
    let is_axis = |key: &str| !NO_AXES.contains(&key);
    for problem in problems {
        for key in problem.facts.keys().filter(|key| is_axis(key)) {
            if let Some(x) = value(problem, key) {
                values.entry(key).or_default().insert(x.to_bits());
            }
        }
    }
    let several = values.into_iter().filter(|(_, values)| values.len() > 1);
    several.map(|(key, _)| key).collect()
}

/// A problem's value of an axis that is logarithmic: a number above 0.
fn value(problem: &Problem<'_>, axis: &str) -> Option<f64> {
    let number: f64 = problem.facts.get(axis)?.parse().ok()?;
    (number > 0.0 && number.is_finite()).then_some(number)
}

fn lines<'a>(points: &[(f64, &'a Problem<'a>)]) -> Vec<Line<'a>> {
    let mut lines: BTreeMap<&str, Line<'a>> = BTreeMap::new();
    for (x, problem) in points {
        for candidate in problem.candidates.iter().filter(|c| c.is_comparable()) {
            let Some(cost) = &candidate.cost else {
                continue;
            };
            let line = lines.entry(&candidate.contender).or_insert_with(|| Line {
                label: name(candidate.row),
                points: BTreeMap::new(),
            });
            line.points.insert(x.to_bits(), (*x, cost));
        }
    }
    lines.into_values().collect()
}

enum Found {
    Crossovers(Vec<Crossover>),
    /// At no value either is shown to be faster; whether there are too few repetitions at all of them.
    Open {
        too_few: bool,
    },
    Nothing,
}

/// Where one of two lines overtakes the other.
fn between((of, axis): (&str, &str), first: &Line<'_>, second: &Line<'_>) -> Found {
    // Positive numbers in the order of their bits.
    let shared: Vec<(f64, &Cost, &Cost)> = first
        .points
        .iter()
        .filter_map(|(bits, (x, a))| Some((*x, *a, second.points.get(bits)?.1)))
        .collect();
    let mut all = Vec::new();
    let (mut open, mut few) = (Vec::new(), Vec::new());
    // The last value at which one is shown to be faster, and whether that is the first line.
    let mut last: Option<(usize, bool)> = None;
    for (place, (x, a, b)) in shared.iter().enumerate() {
        let (Some(first_is_faster), Some(second_is_faster)) = (is_less(a, b), is_less(b, a)) else {
            open.push(*x);
            few.push(*x);
            continue;
        };
        if !first_is_faster && !second_is_faster {
            open.push(*x);
            continue;
        }
        if let Some((from, was)) = last
            && was != first_is_faster
        {
            let names = [&first.label, &second.label].map(Clone::clone);
            let [before, after] = if was {
                names
            } else {
                [names[1].clone(), names[0].clone()]
            };
            all.push(Crossover {
                of: of.to_owned(),
                axis: seen(axis).into_owned(),
                before,
                after,
                from: shared[from].0,
                to: *x,
                meet: meet(&shared[from..=place]),
                open: std::mem::take(&mut open),
                too_few: std::mem::take(&mut few),
            });
        }
        open.clear();
        few.clear();
        last = Some((place, first_is_faster));
    }
    match last {
        None if shared.len() > 1 => Found::Open {
            too_few: few.len() == shared.len(),
        },
        _ if all.is_empty() => Found::Nothing,
        _ => Found::Crossovers(all),
    }
}

/// Where the medians of two lines meet, if they do once: the ratio of both is a straight line in
/// logarithms between two measured points.
fn meet(points: &[(f64, &Cost, &Cost)]) -> Option<f64> {
    let ratios: Vec<(f64, f64)> = points
        .iter()
        .map(|(x, a, b)| (x.ln(), (a.total_ms.median / b.total_ms.median).ln()))
        .collect();
    let mut meets = ratios.windows(2).filter_map(|pair| {
        let [(x1, r1), (x2, r2)] = [pair[0], pair[1]];
        ((r1 < 0.0) != (r2 < 0.0)).then(|| (x1 - r1 * (x2 - x1) / (r2 - r1)).exp())
    });
    let only = meets.next();
    only.filter(|x| meets.next().is_none() && x.is_finite())
}

/// Bandwidths at which rows that fit take as long as each other, the same up and down, without waiting:
/// `(compute of B - compute of A) * rate = bits of A - bits of B`.
pub(super) fn on_bandwidth(problem: &Problem<'_>) -> Vec<String> {
    let fits = problem.fits();
    let mut told = Vec::new();
    for (place, (slow, _)) in fits.iter().enumerate() {
        for (fast, _) in &fits[..place] {
            if slow.on_front && fast.on_front {
                told.extend(bandwidth(fast, slow));
            }
        }
    }
    told
}

fn bandwidth(fast: &Candidate<'_>, slow: &Candidate<'_>) -> Option<String> {
    let [a, b] = [fast, slow].map(|c| c.row.measured.as_ref());
    let (a, b) = (a?, b?);
    let compute = |m: &hexperiment_experiment::summary::Measured| {
        let both = m.total.wall_ms.iter().zip(&m.transfer.wall_ms);
        let sums: Vec<f64> = both.map(|(x, y)| x + y).collect();
        Estimate::of(&sums, &m.processes)
    };
    let bytes = |m: &hexperiment_experiment::summary::Measured| {
        m.traffic.upload_bytes + m.traffic.download_bytes
    };
    let (fast_ms, slow_ms) = (compute(a), compute(b));
    let bits = 8.0 * bytes(a).checked_sub(bytes(b)).filter(|n| *n > 0)? as f64;
    // Bits in a millisecond are kilobits in a second.
    let at = |ms: f64| 1e3 * bits / ms;
    let (name_fast, name_slow) = (name(fast.row), name(slow.row));
    let (Some(f), Some(s)) = (fast_ms.interval, slow_ms.interval) else {
        return None;
    };
    let (least, most) = (s.low - f.high, s.high - f.low);
    if least <= 0.0 {
        return Some(format!(
            "bandwidth: what {name_fast} and {name_slow} compute is not distinguished; {name_slow} sends fewer \
             bytes"
        ));
    }
    let meet = rate(at(slow_ms.median - fast_ms.median));
    Some(format!(
        "bandwidth: below about {meet} both ways (between {} and {}) {name_slow} overtakes {name_fast}",
        rate(at(most)),
        rate(at(least))
    ))
}
