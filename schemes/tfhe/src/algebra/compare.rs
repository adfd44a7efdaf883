//! Comparisons, and conjunctions of their results.
//!
//! A number in limbs is compared limb by limb (`carry`). A column of few whole numbers is compared
//! with a public number by a table on the circle, and all such thresholds of a column are read from
//! one blind rotation. All else is compared by a cascade of bootstraps.

use hexperiment_program::{Interval, LookupTable, Relation};

use super::carry::Sign;
use super::form::Form;
use super::number::Number;
use super::radix::unit_of;
use super::source::{Decision, Function, Source, Sources, TABLE_ENTRIES};

/// The most whole numbers that a bootstrap tells apart, on the whole circle.
const CIRCLE: usize = 32;

/// Doubles this near to a whole number, in units of it, are whole.
const NEAR: f64 = 1e-9;

const BIT: Interval = Interval {
    low: 0.0,
    high: 1.0,
};

impl Sources {
    /// 1 where the relation holds, else 0.
    pub(crate) fn compare(&mut self, left: &Number, relation: Relation, right: &Number) -> Form {
        let mut above = |at_zero| self.above(left, right, at_zero);
        match relation {
            Relation::Greater => above(false),
            Relation::GreaterOrEqual => above(true),
            Relation::Less => above(true).complement(),
            Relation::LessOrEqual => above(false).complement(),
            // What is above is not below.
            Relation::Equal => above(true).sub(&above(false)).within(BIT),
        }
    }

    /// 1 where `left - right` is positive (or, if so told, not negative), else 0.
    pub(crate) fn above(&mut self, left: &Number, right: &Number, at_zero: bool) -> Form {
        let in_limbs = [left, right].map(|n| matches!(n, Number::Limbs(_)));
        if in_limbs.contains(&true)
            && let Ok(sign) = Sign::new(left, right)
        {
            return sign.build(at_zero, self);
        }
        let difference = left.clone().sub(right);
        self.step(difference.merged(), at_zero)
    }

    /// 1 where the form is positive (or, if so told, not negative), else 0. An argument and its
    /// negative share one source: `[x > 0] = 1 - [-x >= 0]`.
    pub(super) fn step(&mut self, operand: Form, at_zero: bool) -> Form {
        if operand.leads_negative() {
            self.step_up(operand.negative(), !at_zero).complement()
        } else {
            self.step_up(operand, at_zero)
        }
    }

    fn step_up(&mut self, operand: Form, at_zero: bool) -> Form {
        match Threshold::new(&operand, at_zero, self) {
            Some(threshold) => threshold.build(self),
            None => self.function(Function::Step { at_zero }, operand, BIT),
        }
    }

    /// The conjunction of bits: their count, looked up; in groups where there are many.
    pub(crate) fn conjunction(&mut self, all: Vec<Form>) -> Form {
        // A bit that is counted twice brings its noise twice.
        let mut bits: Vec<Form> = Vec::with_capacity(all.len());
        for bit in all {
            if !bits.iter().any(|b| b.is_same_sum(&bit)) {
                bits.push(bit);
            }
        }
        while bits.len() > 1 {
            let groups = bits
                .chunks(TABLE_ENTRIES - 1)
                .filter_map(<[Form]>::split_first);
            bits = groups
                .map(|(first, others)| self.all_of(first, others))
                .collect();
        }
        // Of no bits, all are 1.
        bits.pop().unwrap_or_else(|| Form::constant(1.0, 1))
    }

    /// The conjunction of at most 15 bits.
    fn all_of(&mut self, first: &Form, others: &[Form]) -> Form {
        if others.is_empty() {
            return first.clone();
        }
        let sum = others.iter().fold(first.clone(), Form::add);
        let mut entries = vec![0.0; 1 + others.len()];
        entries.push(1.0);
        let table = LookupTable {
            first: 0,
            entries: entries.into(),
        };
        self.lookup(table, sum)
    }
}

/// Whether a column of at most 32 whole numbers is at least a public one.
enum Threshold {
    /// All its numbers are, or none.
    Always(bool, usize),
    /// Some are.
    Column {
        /// The column, as whole numbers from 0 on.
        argument: Form,
        /// The least number that is.
        first: i32,
        /// Whole numbers of the column.
        count: f64,
        /// What 1 stands for in the comparison's argument.
        unit: f64,
    },
}

impl Threshold {
    /// The step of a multiple of a column and a public number; `None`: it is something else.
    fn new(operand: &Form, at_zero: bool, sources: &Sources) -> Option<Self> {
        let [term] = operand.terms() else {
            return None;
        };
        let column = sources.at(term.source);
        let Source::Column {
            range, precision, ..
        } = column
        else {
            return None;
        };
        let (weight, bias) = (term.weight.as_scalar()?, operand.bias().as_scalar()?);
        if *precision <= 0.0 || weight <= 0.0 {
            return None;
        }
        let unit = unit_of(*precision);
        let low = (range.low / unit).floor();
        let count = (range.high / unit - low - NEAR).ceil() + 1.0;
        if count.is_nan() || count > CIRCLE as f64 || low.abs() > 1e9 {
            return None;
        }
        let at = -bias / weight / unit - low;
        let at = if (at - at.round()).abs() < NEAR {
            at.round()
        } else {
            at
        };
        let first = if at_zero { at.ceil() } else { at.floor() + 1.0 };
        if first <= 0.0 || first >= count {
            return Some(Self::Always(first <= 0.0, operand.length()));
        }
        let column = Form::of_term(term, column, operand.length());
        Some(Self::Column {
            argument: column.scaled(1.0 / unit).moved(-low),
            first: first as i32,
            count,
            unit: weight * unit,
        })
    }

    /// By one bootstrap for all thresholds of a column of 16 (and for one of 32 at 16), else by that
    /// and one more.
    ///
    /// The sign of `x - k` on the circle of 32 is right while that is within half a circle; farther
    /// off it is wrong, which the bit `x >= 16` tells.
    fn build(&self, sources: &mut Sources) -> Form {
        let (argument, first, count, unit) = match self {
            Self::Always(bit, length) => {
                return Form::constant(f64::from(u8::from(*bit)), *length);
            }
            Self::Column {
                argument,
                first,
                count,
                unit,
            } => (argument, *first, *count, *unit),
        };
        let half = CIRCLE as i32 / 2;
        let halves = vec![0.5; CIRCLE / 2].into();
        // 1 where the argument is at least `k` and less than half a circle more, else 0.
        let mut from = |k: i32| {
            let sign = sources.ring(argument, &halves, -k, Decision::InUnitsOf(unit));
            sign.moved(0.5)
        };
        if count <= f64::from(half) || first == half {
            return from(first);
        }
        let upper = from(half);
        let votes = if first < half {
            from(first)
        } else {
            // A whole half circle on: the negative.
            from(first - half).complement()
        };
        let table = LookupTable {
            first: 0,
            entries: [0.0, f64::from(u8::from(first < half)), 1.0].into(),
        };
        sources.lookup(table, votes.add(&upper))
    }
}
