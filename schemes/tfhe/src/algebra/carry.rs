//! Signs and magnitudes of differences in limbs, exactly.
//!
//! Let `d` be a difference in limbs `d_1, ..., d_n` (the uppermost first), each lower one at most
//! `s (r - 1)` in magnitude, where `r` is its base: `s = 1` for two numbers, 2 for two sums of two
//! or a public number's limbs beside. With `x_1 = d_1`, `c_j` the `x_j` held to `[-s, s]` and
//! `x_j = d_j + r c_(j-1)`, a carry of magnitude `s` outweighs all limbs below it, so that every
//! `c` after it is the same, and a smaller one has lost nothing: `sign d = sign x_n`. `x_j` is at
//! most `(2 r - 1) s` in magnitude. `|d|` has the limbs `|x_j| - r |c_(j-1)|`: of
//! `d_j = x_j - r c_(j-1)`, what is left of `x_j` after its carry has the sign of `d` or is 0. With
//! `s = 1` each is `d_j`, or each is `-d_j`; in any case it is at most `|d_j|` in magnitude.
//!
//! One blind rotation for each limb yields it all: of the triangle wave `T(x) = |x| - h/2`, which
//! is its own negative half a circle (`h`) further on, as bootstraps want it. For whole `x`,
//!
//!   - `|x| = T(x) + h/2`,
//!   - `c = (T(x+s) - T(x-s)) / 2`,
//!   - `|c| = s + T(x) - (T(x+s) + T(x-s)) / 2`,
//!
//! and the three values of `T` are three coefficients of one rotated polynomial. Where a bootstrap
//! reads five bits and a wide number's sign takes several in sequence, this takes one bootstrap
//! for a limb. Carrying a sign from limb to limb is as old as long division; tables over two digits
//! (Guimarães, Borin, Aranha, *Revisiting the functional bootstrap in TFHE*, CHES 2021) would take
//! several for each, and reading several coefficients is as in Chillotti, Ligier, Orfila, Tap,
//! *Improved programmable bootstrapping with larger precision*, ASIACRYPT 2021, section 4.

use std::sync::Arc;

use hexperiment_program::Interval;

use super::align::{Aligned, Pair};
use super::form::Form;
use super::number::Number;
use super::source::{Decision, Sources};
use crate::error::Inexact;

/// Half circles that are tried: the shorter one has larger boxes.
const HALF_CIRCLES: [usize; 2] = [8, 16];

/// The shortest half circle on which a whole number in `range` has room, and so much beside it.
fn half_circle(range: Interval, beside: u8) -> Result<usize, Inexact> {
    let most = range.magnitude() + f64::from(beside);
    let half = HALF_CIRCLES.into_iter().find(|h| most <= *h as f64);
    half.ok_or(Inexact::TooWide { range })
}

/// The shortest half circle whose places tell all whole numbers in `range` apart.
pub(super) fn half_circle_across(range: Interval) -> Result<usize, Inexact> {
    let half = HALF_CIRCLES.into_iter().find(|h| range.width() < *h as f64);
    half.ok_or(Inexact::TooWide { range })
}

/// The triangle wave on a circle of twice `half`: half a turn of it.
fn triangle(half: usize) -> Arc<[f64]> {
    (0..half).map(|i| i as f64 - half as f64 / 2.0).collect()
}

/// A difference whose limbs all have room on a circle.
#[derive(Clone, Debug)]
struct Difference {
    aligned: Aligned,
    /// The half circle of each limb.
    halves: Vec<usize>,
}

/// A carry out of a limb.
struct Carry {
    /// Twice the carry.
    twice: Form,
    /// Twice its magnitude.
    twice_magnitude: Form,
}

/// A difference of which all limbs but the lowest are read.
struct Descent {
    /// The limbs of its magnitude.
    magnitudes: Vec<Form>,
    /// The lowest limb with the carry into it: it has the difference's sign.
    lowest: Form,
    /// The carry into the lowest limb.
    carry: Option<Carry>,
}

impl Difference {
    /// `a - b`, of which the lowest limb is read with so many places beside it.
    fn new(a: &Number, b: &Number, beside: u8) -> Result<Self, Inexact> {
        let aligned = Aligned::new(a, b)?;
        let mut halves = Vec::with_capacity(aligned.limbs.len());
        let mut carry = 0.0;
        for (index, Pair { difference, .. }) in aligned.limbs.iter().enumerate() {
            let range = difference
                .range()
                .padded(2.0 * aligned.half_base(index) * carry);
            let is_lowest = index + 1 == aligned.limbs.len();
            let beside = if is_lowest { beside } else { aligned.carry };
            halves.push(half_circle(range, beside)?);
            if !difference.is_zero() {
                carry = f64::from(aligned.carry);
            }
        }
        Ok(Self { aligned, halves })
    }

    fn lowest(&self) -> usize {
        self.halves.len() - 1
    }

    /// A limb with the carry from above.
    fn with_carry(&self, index: usize, carry: Option<&Carry>) -> Form {
        let limb = self.aligned.limbs[index].difference.clone();
        match carry {
            None => limb,
            Some(carry) => {
                let half_base = self.aligned.half_base(index);
                limb.add(&carry.twice.clone().scaled(half_base))
            }
        }
    }

    fn descend(&self, sources: &mut Sources) -> Descent {
        let mut carry: Option<Carry> = None;
        let mut magnitudes = Vec::with_capacity(self.halves.len());
        let most = i32::from(self.aligned.carry);
        for index in 0..self.lowest() {
            let x = self.with_carry(index, carry.as_ref());
            if x.is_zero() {
                magnitudes.push(self.limb_of_magnitude(index, x, carry.as_ref()));
                carry = None;
                continue;
            }
            let wave = triangle(self.halves[index]);
            let mut read = |offset| sources.ring(&x, &wave, offset, Decision::None);
            let [middle, above, below] = [read(0), read(most), read(-most)];
            let magnitude = magnitude_of(&x, middle.clone(), self.halves[index]);
            magnitudes.push(self.limb_of_magnitude(index, magnitude, carry.as_ref()));
            let twice = 2.0 * f64::from(most);
            let around = above.clone().add(&below);
            carry = Some(Carry {
                twice: above.sub(&below).within(Interval::symmetric(twice)),
                twice_magnitude: (middle.scaled(2.0).sub(&around).moved(twice))
                    .within(Interval::new(0.0, twice)),
            });
        }
        Descent {
            magnitudes,
            lowest: self.with_carry(self.lowest(), carry.as_ref()),
            carry,
        }
    }

    /// A limb of the difference's magnitude, from that of what was read.
    fn limb_of_magnitude(&self, index: usize, magnitude: Form, carry: Option<&Carry>) -> Form {
        let most = self.aligned.limbs[index].difference.range().magnitude();
        match carry {
            None => magnitude.whole_within(Interval::new(0.0, most)),
            Some(carry) => {
                let base = carry.twice_magnitude.clone();
                let base = base.scaled(self.aligned.half_base(index));
                magnitude.sub(&base).whole_within(Interval::symmetric(most))
            }
        }
    }

    /// The limbs of the difference's magnitude.
    fn magnitudes(&self, sources: &mut Sources) -> Vec<Form> {
        let Descent {
            mut magnitudes,
            lowest: x,
            carry,
        } = self.descend(sources);
        let half = self.halves[self.lowest()];
        let magnitude = if x.is_zero() {
            x
        } else {
            let middle = sources.ring(&x, &triangle(half), 0, Decision::None);
            magnitude_of(&x, middle, half)
        };
        magnitudes.push(self.limb_of_magnitude(self.lowest(), magnitude, carry.as_ref()));
        magnitudes
    }
}

/// `|x|`, from the triangle wave at `x`.
fn magnitude_of(x: &Form, wave: Form, half: usize) -> Form {
    let most = x.range().magnitude();
    wave.moved(half as f64 / 2.0)
        .within(Interval::new(0.0, most))
}

/// The greater or the lesser of two numbers.
#[derive(Clone, Debug)]
pub(crate) struct Extreme {
    difference: Difference,
    /// The factor of the difference's magnitude: 1/2 or -1/2.
    half: f64,
    range: Interval,
}

impl Extreme {
    /// The greater one.
    pub(crate) fn max(a: &Number, b: &Number) -> Result<Self, Inexact> {
        let (x, y) = (a.range(), b.range());
        Ok(Self {
            difference: Difference::new(a, b, 0)?,
            half: 0.5,
            range: Interval::new(x.low.max(y.low), x.high.max(y.high)),
        })
    }

    /// The lesser one.
    pub(crate) fn min(a: &Number, b: &Number) -> Result<Self, Inexact> {
        let (x, y) = (a.range(), b.range());
        Ok(Self {
            difference: Difference::new(a, b, 0)?,
            half: -0.5,
            range: Interval::new(x.low.min(y.low), x.high.min(y.high)),
        })
    }

    /// `(a + b) / 2`, and the half difference's magnitude with the sign that was asked for.
    pub(crate) fn build(&self, sources: &mut Sources) -> Number {
        let aligned = &self.difference.aligned;
        let magnitudes = self.difference.magnitudes(sources);
        let limbs = aligned.limbs.iter().zip(magnitudes).enumerate();
        let limbs = limbs.map(|(index, (Pair { left, right, .. }, magnitude))| {
            let limb = half_sum(left, right).add(&magnitude.scaled(self.half));
            let proven = if index == 0 || aligned.carry == 1 {
                // One of the two.
                left.range().union(right.range())
            } else {
                // A carry that was taken back has moved a number from one limb to the next.
                limb.range()
            };
            limb.whole_within(proven)
        });
        aligned.joined(limbs.collect(), self.range)
    }
}

/// The magnitude of a number.
#[derive(Clone, Debug)]
pub(crate) struct Magnitude {
    difference: Difference,
    range: Interval,
}

impl Magnitude {
    /// The magnitude of `a`.
    pub(crate) fn new(a: &Number) -> Result<Self, Inexact> {
        let Interval { low, high } = a.range();
        let least = low.max(-high).max(0.0);
        Ok(Self {
            difference: Difference::new(a, &Number::zero(a.length()), 0)?,
            range: Interval::new(least, a.range().magnitude()),
        })
    }

    /// `|a|`
    pub(crate) fn build(&self, sources: &mut Sources) -> Number {
        let limbs = self.difference.magnitudes(sources);
        self.difference.aligned.alone(limbs, self.range)
    }
}

/// The sign of a difference.
#[derive(Clone, Debug)]
pub(super) struct Sign(Difference);

impl Sign {
    /// The sign of `a - b`.
    pub(super) fn new(a: &Number, b: &Number) -> Result<Self, Inexact> {
        Ok(Self(Difference::new(a, b, 1)?))
    }

    /// 1 where the difference is positive (or, if so told, not negative), else 0.
    pub(super) fn build(&self, at_zero: bool, sources: &mut Sources) -> Form {
        let Self(difference) = self;
        let lowest = difference.descend(sources).lowest;
        let halves = vec![0.5; difference.halves[difference.lowest()]].into();
        // Above zero is not below one.
        let offset = if at_zero { 0 } else { -1 };
        let decision = Decision::Within(difference.aligned.rounding());
        sources.ring(&lowest, &halves, offset, decision).moved(0.5)
    }
}

/// `(a + b) / 2`
pub(super) fn half_sum(a: &Form, b: &Form) -> Form {
    a.clone().add(b).scaled(0.5)
}
