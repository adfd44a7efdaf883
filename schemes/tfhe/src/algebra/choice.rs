//! One of two numbers, as a bit says.
//!
//! The choice is `(a + b) / 2`, and half the difference with the sign that the bit says, from a
//! table over both at once: the bit is half a circle, which negates.

use std::sync::Arc;

use hexperiment_program::Interval;

use super::align::{Aligned, Pair};
use super::carry::{half_circle_across, half_sum};
use super::form::Form;
use super::number::Number;
use super::source::{Decision, Sources};
use crate::error::Inexact;

/// A choice between two numbers.
#[derive(Clone, Debug)]
pub(crate) struct Choice {
    aligned: Aligned,
    limbs: Vec<Signed>,
    range: Interval,
}

/// What takes the bit's sign in a limb.
#[derive(Clone, Copy, Debug)]
enum Signed {
    /// Nothing: both have the same limb.
    Nothing,
    /// The difference, on this half circle.
    Difference(usize),
    /// Each operand on its own half circle: together they are wider than the circle. 0 needs none.
    Each(Option<usize>, Option<usize>),
}

impl Choice {
    /// `then` or `otherwise`.
    pub(crate) fn new(then: &Number, otherwise: &Number) -> Result<Self, Inexact> {
        let aligned = Aligned::new(then, otherwise)?;
        let limbs = aligned.limbs.iter().map(Signed::new);
        Ok(Self {
            limbs: limbs.collect::<Result<_, _>>()?,
            aligned,
            range: then.range().union(otherwise.range()),
        })
    }

    /// The one where the bit is 1, the other where it is 0.
    pub(crate) fn build(&self, bit: &Form, sources: &mut Sources) -> Number {
        let limbs = self.aligned.limbs.iter().zip(&self.limbs);
        let limbs = limbs.map(
            |(
                Pair {
                    left,
                    right,
                    difference,
                },
                signed,
            )| {
                let mut half = |x, circle| signed_half(bit, x, circle, sources);
                let half_difference = match signed {
                    Signed::Nothing => Form::zero(left.length()),
                    Signed::Difference(circle) => half(difference, Some(*circle)),
                    Signed::Each(of_left, of_right) => {
                        half(left, *of_left).sub(&half(right, *of_right))
                    }
                };
                half_sum(left, right)
                    .add(&half_difference)
                    .whole_within(left.range().union(right.range()))
            },
        );
        self.aligned.joined(limbs.collect(), self.range)
    }
}

impl Signed {
    fn new(pair: &Pair) -> Result<Self, Inexact> {
        if pair.difference.is_zero() {
            return Ok(Self::Nothing);
        }
        if let Ok(half) = half_circle_across(pair.difference.range()) {
            return Ok(Self::Difference(half));
        }
        let circle = |x: &Form| {
            let needed = (!x.is_zero()).then_some(x.range());
            needed.map(half_circle_across).transpose()
        };
        Ok(Self::Each(circle(&pair.left)?, circle(&pair.right)?))
    }
}

/// Half of `x`, or where the bit is 0 the negative of that; 0 needs no circle.
fn signed_half(bit: &Form, x: &Form, half_circle: Option<usize>, sources: &mut Sources) -> Form {
    let Some(half) = half_circle else {
        return x.clone();
    };
    let low = x.range().low;
    let entries: Arc<[f64]> = (0..half).map(|i| -0.5 * (i as f64 + low)).collect();
    let argument = x.clone().moved(-low).add(&bit.clone().scaled(half as f64));
    sources
        .ring(&argument, &entries, 0, Decision::None)
        .within(Interval::symmetric(0.5 * x.range().magnitude()))
}
