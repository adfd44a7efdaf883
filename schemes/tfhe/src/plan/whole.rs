//! Forms in whole numbers, and the noise and the rounding that arrive with them.

use std::collections::BTreeMap;

use hexperiment_program::Public;

use super::Planner;
use super::scales::magnitude;
use crate::algebra::{Form, Gather, Term};
use crate::table::to_phase;

/// A number for all elements, or one for each.
#[derive(Clone, Debug)]
pub(crate) enum Words {
    /// The number for all.
    Scalar(u64),
    /// The number for each.
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

    pub(super) fn map(self, f: impl Fn(u64) -> u64) -> Self {
        match self {
            Self::Scalar(x) => Self::Scalar(f(x)),
            Self::Vector(xs) => Self::Vector(xs.into_iter().map(f).collect()),
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
    /// The source's index.
    pub(crate) source: usize,
    /// The source's elements.
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

/// How far phases are from what they stand for: a source's, or those of a sum of sources.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Signal {
    /// Standard deviation of the noise, in turns.
    pub(super) deviation: f64,
    /// What noise in smooth tables' arguments may have changed, in units of the value.
    pub(super) blur: f64,
    /// What rounding may have changed, in units of the value.
    pub(super) rounding: f64,
    /// Phases are multiples of `2^grid`, a form's bias aside.
    pub(super) grid: u32,
}

impl Planner<'_> {
    /// Turns a form into whole numbers.
    /// Weights are rounded to `places`, or as fine as the sources' scales let them.
    pub(super) fn whole(
        &self,
        form: &Form,
        scale: i32,
        centre: f64,
        places: Option<i32>,
    ) -> (WholeForm, Signal) {
        let mut sum = Signal {
            grid: if form.terms().is_empty() { 0 } else { 63 },
            ..Signal::default()
        };
        let mut bias = form.bias().map(|b| b - centre);
        let mut by_source: BTreeMap<usize, f64> = BTreeMap::new();
        let mut noise = Gathered::default();
        let mut terms = Vec::new();
        for term in form.terms() {
            let (encoding, signal) = (self.encodings[term.source], self.signals[term.source]);
            let half_width = self.given.source(term.source).half_width();
            let lift = scale - encoding.scale;
            bias = bias.zip(&term.weight, |b, w| b + w * encoding.centre);
            let kept = places.map_or(lift, |p| p.min(lift));
            let weight = Words::from(&term.weight, |w| {
                let shift = u32::try_from(lift - kept).unwrap_or(0);
                to_phase(w, kept).checked_shl(shift).unwrap_or(0)
            });
            // Of the real weights: what wraps is noticed by the noise that it brings.
            let largest = (magnitude(&term.weight) * f64::from(lift).exp2()).round();
            *by_source.entry(term.source).or_default() += largest;
            noise.add(self.given.rotation(term.source), term, largest);
            for (w, real) in weight.values().iter().zip(term.weight.values()) {
                let whole = w.cast_signed() as f64 * f64::from(-lift).exp2();
                let off = (whole - real).abs() * half_width;
                // The greatest over the elements, for each term.
                sum.rounding = sum.rounding.max(off);
            }
            let factors = weight.values().iter().filter(|w| **w != 0);
            if let Some(zeros) = factors.map(|w| w.trailing_zeros()).min() {
                sum.grid = sum.grid.min(signal.grid + zeros);
            }
            sum.blur += magnitude(&term.weight) * signal.blur;
            terms.push(WholeTerm {
                source: term.source,
                gather: term.gather.clone(),
                weight,
            });
        }
        sum.rounding *= form.terms().len() as f64;
        for (source, weight) in by_source {
            let lift = self.encodings[source].scale - scale;
            sum.rounding += weight * f64::from(lift).exp2() * self.signals[source].rounding;
        }
        let squares = noise.squares(form.length());
        let variances = squares.map(|(rotation, s)| s * self.signals[rotation].deviation.powi(2));
        sum.deviation = variances.sum::<f64>().sqrt();
        let whole = WholeForm {
            terms,
            bias: Words::from(&bias, |b| to_phase(b, scale)),
            length: form.length(),
            scale,
        };
        (whole, sum)
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
