//! Comparisons of small whole numbers with public ones: all thresholds of a column from one
//! blind rotation.

use std::sync::Arc;

use hexperiment_core::program::{Interval, LookupTable, Value};

use super::{Doubt, Flattener, Form, Function, Source};

/// The most whole numbers that a bootstrap tells apart, on the whole circle.
const CIRCLE: usize = 32;

/// Doubles this near to a whole number, in units of it, are whole.
const NEAR: f64 = 1e-9;

impl Flattener<'_> {
    /// Whether a multiple of a fresh column of at most 32 whole numbers is above a public number:
    /// by one bootstrap for all thresholds of a column of 16 (and for one of 32 at 16), else by
    /// that and one more. `None`: it is something else.
    ///
    /// The sign of `x - k` on the circle of 32 is right while that is within half a circle; farther
    /// off it is wrong, which the bit `x >= 16` tells.
    pub(super) fn threshold(
        &mut self,
        operand: &Form,
        at_zero: bool,
        value: &Value,
    ) -> Option<Form> {
        let [term] = &operand.terms[..] else {
            return None;
        };
        let Source::Column {
            range, precision, ..
        } = &self.sources[term.source]
        else {
            return None;
        };
        let (weight, bias) = (term.weight.as_scalar()?, operand.bias.as_scalar()?);
        if *precision <= 0.0 || weight <= 0.0 {
            return None;
        }
        let unit = (2.0 * precision).log2().floor().exp2();
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
        let constant = |bit: f64| {
            Some(Form::constant(
                bit.into(),
                value.length(),
                Interval::point(bit),
            ))
        };
        if first <= 0.0 {
            return constant(1.0);
        }
        if first >= count {
            return constant(0.0);
        }
        let argument = Form {
            terms: vec![crate::form::Term {
                weight: (1.0 / unit).into(),
                ..term.clone()
            }],
            bias: (-low).into(),
            length: operand.length,
            range: Interval::new(0.0, count - 1.0),
        };
        let half = CIRCLE as i32 / 2;
        let first = first as i32;
        let mut above = |k: i32| self.above(&argument, k, weight * unit);
        if count <= f64::from(half) || first == half {
            return Some(above(first));
        }
        let upper = above(half);
        let votes = if first < half {
            above(first)
        } else {
            // A whole half circle on: the negative.
            above(first - half).complement()
        };
        let mut votes = votes.add(&upper);
        votes.range = Interval::new(0.0, 2.0);
        let entries = [0.0, f64::from(u8::from(first < half)), 1.0];
        let table = LookupTable {
            first: 0,
            entries: Arc::new(entries),
        };
        Some(self.function(Function::Lookup(table), votes, value))
    }

    /// 1 where the argument is at least `k` and less than half a circle more, else 0.
    fn above(&mut self, argument: &Form, k: i32, unit: f64) -> Form {
        let halves = vec![0.5; CIRCLE / 2].into();
        let sign = self.ring(argument, &halves, -k, Doubt::Unit(unit));
        Form {
            range: Interval::new(0.0, 1.0),
            ..sign.plus(&0.5.into())
        }
    }
}
