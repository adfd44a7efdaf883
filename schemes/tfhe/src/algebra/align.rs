//! Two whole numbers, limb against limb.

use std::sync::Arc;

use hexperiment_program::Interval;

use super::form::Form;
use super::number::{Limbs, Number};
use super::radix::Radix;
use crate::error::Inexact;

/// Public numbers this near to a multiple of the unit, in units, are one.
const ON_GRID: f64 = 1e-6;

/// The largest carry that a bootstrap has room for beside a lower limb.
const MOST_CARRY: f64 = 2.0;

/// Two numbers, split alike.
#[derive(Clone, Debug)]
pub(super) struct Aligned {
    /// The limbs, the uppermost first; of small whole numbers there is one.
    pub(super) limbs: Vec<Pair>,
    /// The largest carry that a limb needs from the one above: 1 or 2.
    pub(super) carry: u8,
    /// What else they have in common; nothing, where each is in one form.
    split: Option<Split>,
}

/// One limb of each of two numbers.
#[derive(Clone, Debug)]
pub(super) struct Pair {
    pub(super) left: Form,
    pub(super) right: Form,
    pub(super) difference: Form,
}

impl Pair {
    fn new(left: Form, right: Form) -> Self {
        Self {
            difference: left.clone().sub(&right),
            left,
            right,
        }
    }
}

/// What two numbers in limbs have in common.
#[derive(Clone, Debug)]
struct Split {
    radix: Arc<Radix>,
    /// What is added to both.
    rest: Form,
    /// Halvings of that which has more.
    halvings: u32,
    /// What rounding may have done to either.
    rounding: [f64; 2],
}

impl Aligned {
    /// Both, if they are whole numbers of one unit that a bootstrap can tell apart limb by limb.
    pub(super) fn new(a: &Number, b: &Number) -> Result<Self, Inexact> {
        let radix = match (a, b) {
            (Number::Form(a), Number::Form(b)) => return Self::small(a, b),
            (Number::Limbs(limbs), _) | (_, Number::Limbs(limbs)) => limbs.radix.clone(),
        };
        let [left, right] = [Operand::new(a, &radix), Operand::new(b, &radix)];
        if !left.is_whole || !right.is_whole {
            return Err(Inexact::FractionalFactor);
        }
        if !left.rest.terms().is_empty() || !right.rest.terms().is_empty() {
            return Err(Inexact::MixedOperand);
        }
        let apart = right
            .rest
            .bias()
            .zip(left.rest.bias(), |b, a| (b - a) / radix.unit());
        let whole = apart.map(f64::round);
        let off = apart.zip(&whole, |x, y| x - y);
        if off.values().iter().any(|x| x.abs() > ON_GRID) {
            return Err(Inexact::OffGrid { unit: radix.unit() });
        }
        // The public number goes to the operand that is public, or to the right one.
        let split = Split {
            rest: if left.is_public {
                right.rest
            } else {
                left.rest
            },
            halvings: left.halvings.max(right.halvings) + 1,
            rounding: [left.rounding, right.rounding],
            radix,
        };
        let pairs = left.limbs.into_iter().zip(right.limbs).enumerate();
        let limbs = pairs.map(|(index, (l, r))| {
            let public = whole.map(|x| split.radix.limb_of(x, index));
            if left.is_public {
                Pair::new(l.plus(&public.map(|x| -x)), r)
            } else {
                Pair::new(l, r.plus(&public))
            }
        });
        let limbs: Vec<Pair> = limbs.collect();
        let mut carry: f64 = 1.0;
        for (index, pair) in limbs.iter().enumerate().skip(1) {
            let largest = split.radix.base(index) - 1.0;
            let most = MOST_CARRY * largest;
            let magnitude = pair.difference.range().magnitude();
            if magnitude > most {
                return Err(Inexact::TooManySummands {
                    bits: split.radix.bits(index),
                    magnitude,
                    most,
                });
            }
            carry = carry.max((magnitude / largest).ceil());
        }
        Ok(Self {
            limbs,
            carry: carry as u8,
            split: Some(split),
        })
    }

    /// Sums of tables' whole results, small enough for one limb.
    fn small(a: &Form, b: &Form) -> Result<Self, Inexact> {
        if !a.is_whole() || !b.is_whole() {
            return Err(Inexact::NotWhole);
        }
        Ok(Self {
            limbs: vec![Pair::new(a.clone(), b.clone())],
            carry: 1,
            split: None,
        })
    }

    /// What a carry into the limb is multiplied by, halved.
    pub(super) fn half_base(&self, limb: usize) -> f64 {
        let base = |split: &Split| 0.5 * split.radix.base(limb);
        self.split.as_ref().map_or(1.0, base)
    }

    /// What rounding may have done to the difference.
    pub(super) fn rounding(&self) -> f64 {
        self.split.as_ref().map_or(0.0, |s| s.rounding.iter().sum())
    }

    /// The number of these limbs beside what both operands have there: one of the operands, or of
    /// their limbs, which is rounded no more than either.
    pub(super) fn joined(&self, limbs: Vec<Form>, range: Interval) -> Number {
        let rest = self.split.as_ref().map(|s| s.rest.clone());
        self.number(limbs, rest, range)
    }

    /// The number of these limbs alone.
    pub(super) fn alone(&self, limbs: Vec<Form>, range: Interval) -> Number {
        self.number(limbs, None, range)
    }

    fn number(&self, mut limbs: Vec<Form>, rest: Option<Form>, range: Interval) -> Number {
        let Some(split) = &self.split else {
            return limbs.swap_remove(0).within(range).into();
        };
        let length = split.rest.length();
        Number::Limbs(Limbs {
            limbs,
            radix: split.radix.clone(),
            rest: rest.unwrap_or_else(|| Form::zero(length)),
            range,
            halvings: split.halvings,
            rounding: split.rounding[0].max(split.rounding[1]),
        })
    }
}

/// One of two numbers, in limbs of which a public one's are 0.
struct Operand {
    limbs: Vec<Form>,
    rest: Form,
    /// Whether it is no multiple by a fraction.
    is_whole: bool,
    is_public: bool,
    halvings: u32,
    rounding: f64,
}

impl Operand {
    fn new(number: &Number, radix: &Radix) -> Self {
        match number {
            Number::Form(form) => Self {
                limbs: vec![Form::zero(form.length()); radix.limbs()],
                is_whole: form.terms().iter().all(|t| t.weight.is_integral()),
                rest: form.clone(),
                is_public: true,
                halvings: 0,
                rounding: 0.0,
            },
            Number::Limbs(number) => Self {
                limbs: number.limbs.clone(),
                rest: number.rest.clone(),
                is_whole: number.is_whole(),
                is_public: false,
                halvings: number.halvings,
                rounding: number.rounding,
            },
        }
    }
}
