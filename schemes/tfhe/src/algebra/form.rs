//! Sums of sources with public factors.

use std::cmp::Ordering;
use std::sync::Arc;

use hexperiment_program::{Interval, Public};

use super::source::{Residue, Source};

/// Elements of a source that meet elements 0, 1, … of a form; `None`: each its own.
pub(crate) type Gather = Option<Arc<[u32]>>;

/// One summand of a form.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Term {
    /// The source's place among all.
    pub(crate) source: usize,
    /// The source's elements.
    pub(crate) gather: Gather,
    /// The factor; not 0 throughout.
    pub(crate) weight: Public,
    /// The source's values modulo 1, where they agree.
    residue: Option<Residue>,
}

impl Term {
    fn place(&self, other: &Self) -> Ordering {
        (self.source, &self.gather).cmp(&(other.source, &other.gather))
    }

    /// The values modulo 1 for each factor: what is added to a whole number.
    fn remainder(&self) -> Option<Public> {
        let by = match self.residue? {
            Residue::Whole => 0.0,
            Residue::Half => 0.5,
        };
        let remainder = || self.weight.map(|w| w * by);
        self.weight.is_integral().then(remainder)
    }
}

/// A sum of sources with public factors, and a public number.
#[derive(Clone, Debug)]
pub(crate) struct Form {
    /// In the order of sources and elements, each pair once: equal sums are equal forms.
    terms: Vec<Term>,
    bias: Public,
    length: usize,
    range: Interval,
    /// Whether it is proven to be a whole number where its terms do not tell.
    proven_whole: bool,
}

impl Form {
    /// The source at place `index`, of `length` elements.
    pub(super) fn source(index: usize, source: &Source, length: usize) -> Self {
        Self {
            terms: vec![Term {
                source: index,
                gather: None,
                weight: 1.0.into(),
                residue: source.residue(),
            }],
            bias: 0.0.into(),
            length,
            range: source.range(),
            proven_whole: false,
        }
    }

    /// The elements of `source` that a term of a form of `length` elements has, without its factor.
    pub(super) fn of_term(term: &Term, source: &Source, length: usize) -> Self {
        let mut form = Self::source(term.source, source, length);
        form.terms[0].gather.clone_from(&term.gather);
        form
    }

    /// A public number, or `length` of them.
    pub(crate) fn constant(number: impl Into<Public>, length: usize) -> Self {
        let bias = number.into();
        Self {
            terms: vec![],
            range: range_of(&bias),
            bias,
            length,
            proven_whole: false,
        }
    }

    /// The number 0.
    pub(crate) fn zero(length: usize) -> Self {
        Self::constant(0.0, length)
    }

    /// The summands, ordered by source.
    pub(crate) fn terms(&self) -> &[Term] {
        &self.terms
    }

    /// The public summand.
    pub(crate) fn bias(&self) -> &Public {
        &self.bias
    }

    /// Elements.
    pub(crate) fn length(&self) -> usize {
        self.length
    }

    /// An interval that holds every element.
    pub(crate) fn range(&self) -> Interval {
        self.range
    }

    /// Whether both are the same sum, whatever is known of their ranges.
    pub(crate) fn is_same_sum(&self, other: &Self) -> bool {
        self.length == other.length && self.bias == other.bias && self.terms == other.terms
    }

    /// Whether it is 0 for lack of summands.
    pub(crate) fn is_zero(&self) -> bool {
        self.terms.is_empty() && self.bias.is_zero()
    }

    /// Whether the first factor that is not 0 is negative: so of a form or of its negative.
    pub(crate) fn leads_negative(&self) -> bool {
        let mut weights = self.terms.iter().flat_map(|t| t.weight.values());
        weights.find(|w| **w != 0.0).is_some_and(|w| *w < 0.0)
    }

    /// Whether every element is a whole number.
    pub(crate) fn is_whole(&self) -> bool {
        self.proven_whole || self.tells_whole()
    }

    /// Whether every element is a whole number by an argument that the terms do not show.
    pub(crate) fn is_proven_whole(&self) -> bool {
        self.proven_whole
    }

    fn tells_whole(&self) -> bool {
        let mut rest = self.bias.clone();
        for term in &self.terms {
            let Some(remainder) = term.remainder() else {
                return false;
            };
            rest = rest.zip(&remainder, |r, x| r + x);
        }
        rest.is_integral()
    }

    /// The sum of two.
    pub(crate) fn add(self, other: &Self) -> Self {
        let proven_whole =
            (self.proven_whole || other.proven_whole) && self.is_whole() && other.is_whole();
        let terms = self.terms.into_iter().chain(other.terms.iter().cloned());
        Self {
            terms: canonical(terms.collect()),
            bias: self.bias.zip(&other.bias, |a, b| a + b),
            range: self.range + other.range,
            proven_whole,
            ..self
        }
        .settled()
    }

    /// The difference of two.
    pub(crate) fn sub(self, other: &Self) -> Self {
        self.add(&other.clone().negative())
    }

    /// The product with a public number.
    pub(crate) fn times(mut self, by: &Public) -> Self {
        for term in &mut self.terms {
            term.weight = term.weight.zip(by, |a, b| a * b);
        }
        self.terms.retain(|t| !t.weight.is_zero());
        self.bias = self.bias.zip(by, |a, b| a * b);
        self.range = self.range.times(range_of(by));
        self.proven_whole &= by.is_integral();
        self.settled()
    }

    /// The product with one public number.
    pub(crate) fn scaled(self, by: f64) -> Self {
        self.times(&by.into())
    }

    /// The sum with a public number.
    pub(crate) fn plus(mut self, by: &Public) -> Self {
        if by.is_zero() {
            // A vector of zeros would make another form of it.
            return self;
        }
        self.bias = self.bias.zip(by, |a, b| a + b);
        self.range = self.range + range_of(by);
        self.proven_whole &= by.is_integral();
        self.settled()
    }

    /// The sum with one public number.
    pub(crate) fn moved(self, by: f64) -> Self {
        self.plus(&by.into())
    }

    /// `-x`
    pub(crate) fn negative(self) -> Self {
        self.scaled(-1.0)
    }

    /// `1 - x`
    pub(crate) fn complement(self) -> Self {
        self.negative().moved(1.0)
    }

    /// Element `i` of the result is element `from(i)`.
    pub(crate) fn reindexed(&self, length: usize, from: impl Fn(usize) -> usize) -> Self {
        let pick = |public: &Public| match public {
            Public::Scalar(x) => Public::Scalar(*x),
            Public::Vector(xs) => Public::Vector((0..length).map(|i| xs[from(i)]).collect()),
        };
        let terms = self.terms.iter().map(|term| {
            let element = |i: usize| match &term.gather {
                None => from(i) as u32,
                Some(at) => at[from(i)],
            };
            Term {
                gather: Some((0..length).map(element).collect()),
                weight: pick(&term.weight),
                ..*term
            }
        });
        Self {
            terms: canonical(terms.collect()),
            bias: pick(&self.bias),
            length,
            ..*self
        }
        .settled()
    }

    /// The same, of which is known that it lies in `proven`, too.
    pub(crate) fn within(mut self, proven: Interval) -> Self {
        self.range = both(self.range, proven);
        self
    }

    /// The same, of which is proven that it is a whole number in `proven`.
    pub(crate) fn whole_within(self, proven: Interval) -> Self {
        let mut form = self.within(proven);
        form.proven_whole = true;
        let (low, high) = (form.range.low.ceil(), form.range.high.floor());
        form.range = both(form.range, Interval { low, high });
        form
    }

    /// The same, whose exact value lies in `exact`: this one is rounded, and may lie beside.
    pub(super) fn rounded_from(mut self, exact: Interval) -> Self {
        self.range = exact;
        self
    }

    /// Without terms, what there is is known.
    fn settled(mut self) -> Self {
        if self.terms.is_empty() {
            self.range = range_of(&self.bias);
        }
        self
    }
}

/// Terms in order, those of the same elements as one, those that cancel left out.
fn canonical(mut terms: Vec<Term>) -> Vec<Term> {
    terms.sort_by(Term::place);
    let mut merged: Vec<Term> = Vec::with_capacity(terms.len());
    for term in terms {
        match merged.last_mut() {
            Some(last) if last.place(&term).is_eq() => {
                last.weight = last.weight.zip(&term.weight, |a, b| a + b);
            }
            _ => merged.push(term),
        }
    }
    merged.retain(|t| !t.weight.is_zero());
    merged
}

/// What holds all of a public operand's numbers.
pub(super) fn range_of(public: &Public) -> Interval {
    let unbounded = Interval::symmetric(f64::INFINITY);
    public.range().unwrap_or(unbounded)
}

/// What two intervals have in common, both of which are known to hold a value. They miss each
/// other by the rounding of their ends at most.
pub(super) fn both(a: Interval, b: Interval) -> Interval {
    let (low, high) = (a.low.max(b.low), a.high.min(b.high));
    if low <= high {
        Interval { low, high }
    } else {
        a
    }
}
