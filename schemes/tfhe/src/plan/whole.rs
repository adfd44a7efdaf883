//! Forms in whole numbers, and the noise and the rounding that arrive with them.

use std::collections::BTreeMap;

use hexperiment_core::program::Public;

use super::Planner;
use super::scales::magnitude;
use crate::form::{Form, Gather, Source, Term};
use crate::table::to_phase;

/// A number for all elements, or one for each.
#[derive(Clone, Debug)]
pub(crate) enum Words {
    /// For all.
    Scalar(u64),
    /// For each.
    Vector(Vec<u64>),
}

impl Words {
    /// The number that meets element `index`.
    pub(crate) fn at(&self, index: usize) -> u64 {
        match self {
            Self::Scalar(x) => *x,
            Self::Vector(xs) => xs[index],
        }
    }

    pub(super) fn values(&self) -> &[u64] {
        match self {
            Self::Scalar(x) => std::slice::from_ref(x),
            Self::Vector(xs) => xs,
        }
    }

    fn from(public: &Public, f: impl Fn(f64) -> u64) -> Self {
        match public {
            Public::Scalar(x) => Self::Scalar(f(*x)),
            Public::Vector(xs) => Self::Vector(xs.iter().map(|x| f(*x)).collect()),
        }
    }
}

/// A summand with a whole factor (mod 2^64).
#[derive(Clone, Debug)]
pub(crate) struct WholeTerm {
    /// Which source.
    pub(crate) source: usize,
    /// Which of its elements.
    pub(crate) gather: Gather,
    /// The factor.
    pub(crate) weight: Words,
}

/// A form in whole numbers.
#[derive(Clone, Debug)]
pub(crate) struct WholeForm {
    /// The summands.
    pub(crate) terms: Vec<WholeTerm>,
    /// The phase that is added.
    pub(crate) bias: Words,
    /// Elements.
    pub(crate) length: usize,
    /// The result's scale.
    pub(crate) scale: i32,
}

/// How a form arrives.
pub(super) struct Arrival {
    /// Standard deviation of its noise, in turns.
    pub(super) deviation: f64,
    /// What smooth tables' arguments' noise may have changed, in units of its value.
    pub(super) blur: f64,
    /// What rounding may have changed, in units of its value.
    pub(super) rounding: f64,
    /// Its phases are multiples of `2^grid`, the bias aside.
    pub(super) grid: u32,
}

impl Planner<'_> {
    /// Turns a form into whole numbers. Also: its noise, in turns; its blur and its rounding, in
    /// units of its value; its grid.
    /// Weights are rounded to `places`, or as fine as the sources' scales let them.
    pub(super) fn whole(
        &self,
        form: &Form,
        scale: i32,
        centre: f64,
        places: Option<i32>,
    ) -> (WholeForm, Arrival) {
        let mut arrival = Arrival {
            deviation: 0.0,
            blur: 0.0,
            rounding: 0.0,
            grid: if form.terms.is_empty() { 0 } else { 63 },
        };
        let mut bias = form.bias.map(|b| b - centre);
        let mut variance = 0.0;
        let mut by_source: BTreeMap<usize, f64> = BTreeMap::new();
        let mut noise = Gathered::default();
        let mut terms = Vec::new();
        for term in &form.terms {
            let known = &self.known[term.source];
            let lift = scale - known.scale;
            bias = bias.zip(&term.weight, |b, w| b + w * known.centre);
            let kept = places.map_or(lift, |p| p.min(lift));
            let weight = Words::from(&term.weight, |w| {
                let shift = u32::try_from(lift - kept).unwrap_or(0);
                to_phase(w, kept).checked_shl(shift).unwrap_or(0)
            });
            // Of the real weights: what wraps is noticed by the noise that it brings.
            let largest = (magnitude(&term.weight) * f64::from(lift).exp2()).round();
            *by_source.entry(term.source).or_default() += largest;
            noise.add(known.rotation, term, largest);
            for (w, real) in weight.values().iter().zip(term.weight.values()) {
                let whole = w.cast_signed() as f64 * f64::from(-lift).exp2();
                let off = (whole - real).abs() * known.half_width;
                // The greatest over the elements, for each term.
                arrival.rounding = arrival.rounding.max(off);
            }
            let zeros = weight
                .values()
                .iter()
                .filter(|w| **w != 0)
                .map(|w| w.trailing_zeros())
                .min();
            if let Some(zeros) = zeros {
                arrival.grid = arrival.grid.min(known.grid + zeros);
            }
            arrival.blur += magnitude(&term.weight) * known.blur;
            terms.push(WholeTerm {
                source: term.source,
                gather: term.gather.clone(),
                weight,
            });
        }
        arrival.rounding *= form.terms.len() as f64;
        for (source, weight) in by_source {
            let known = &self.known[source];
            let step = f64::from(known.grid as i32 - known.scale).exp2();
            let input = match self.flat.sources[source] {
                Source::Column { .. } => 0.5 * step,
                // All that is rounded away is below the last digit.
                Source::Digit { digit, .. } if digit.shift > 0 => 0.0,
                Source::Digit { .. } => 0.5,
                Source::Function { .. } => known.rounding,
            };
            arrival.rounding += weight * f64::from(known.scale - scale).exp2() * input;
        }
        for (rotation, squares) in noise.squares(form.length) {
            variance += squares * self.known[rotation].deviation.powi(2);
        }
        arrival.deviation = variance.sqrt();
        let whole = WholeForm {
            terms,
            bias: Words::from(&bias, |b| to_phase(b, scale)),
            length: form.length,
            scale,
        };
        (whole, arrival)
    }
}

/// Weights by rotation and element: what is read from one rotation of one element has noise that
/// may add up; that of others is independent.
#[derive(Default)]
struct Gathered<'a> {
    terms: BTreeMap<usize, Vec<(&'a Gather, f64)>>,
}

impl<'a> Gathered<'a> {
    fn add(&mut self, rotation: usize, term: &'a Term, weight: f64) {
        let terms = self.terms.entry(rotation).or_default();
        match terms.iter_mut().find(|(gather, _)| **gather == term.gather) {
            Some((_, sum)) => *sum += weight,
            None => terms.push((&term.gather, weight)),
        }
    }

    /// For each rotation, the greatest sum of squared weights over a form's elements.
    fn squares(self, length: usize) -> impl Iterator<Item = (usize, f64)> {
        self.terms.into_iter().map(move |(rotation, terms)| {
            if let [(_, weight)] = terms[..] {
                return (rotation, weight * weight);
            }
            let at_element = |i: usize| {
                let mut met: Vec<(usize, f64)> = Vec::with_capacity(terms.len());
                for (gather, weight) in &terms {
                    let at = gather.as_ref().map_or(i, |g| g[i] as usize);
                    match met.iter_mut().find(|(element, _)| *element == at) {
                        Some((_, sum)) => *sum += weight,
                        None => met.push((at, *weight)),
                    }
                }
                met.iter().map(|(_, weight)| weight * weight).sum::<f64>()
            };
            (rotation, (0..length).map(at_element).fold(0.0, f64::max))
        })
    }
}
