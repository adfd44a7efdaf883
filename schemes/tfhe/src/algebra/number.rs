//! Numbers: one form, or limbs.
//!
//! A bootstrap's result carries some ten bits, and a bootstrap reads five. A whole number that is
//! compared, and whose comparison's result is compared again, is therefore kept in limbs of two
//! bits, each a form of its own. Linear operations work limb by limb.

use std::sync::Arc;

use hexperiment_program::{Interval, LookupTable, Public};

use super::form::{Form, both, range_of};
use super::radix::Radix;
use super::source::{Sources, TABLE_ENTRIES};

/// A value of a program, as it is computed with.
#[derive(Clone, Debug)]
pub(crate) enum Number {
    /// One form.
    Form(Form),
    /// Several.
    Limbs(Limbs),
}

/// A number in limbs: the sum of each at its place, and of a rest.
#[derive(Clone, Debug)]
pub(crate) struct Limbs {
    /// The places.
    pub(super) radix: Arc<Radix>,
    /// The limbs, the uppermost first; as many as the radix has.
    #[expect(clippy::struct_field_names, reason = "limbs are what it consists of")]
    pub(super) limbs: Vec<Form>,
    /// What is added to the limbs: public numbers, and what is in one form.
    pub(super) rest: Form,
    /// An interval that holds every element before it was rounded.
    pub(super) range: Interval,
    /// Halvings since the limbs came out of a table with nothing else in them.
    pub(super) halvings: u32,
    /// What rounding may have done to the part in limbs.
    pub(super) rounding: f64,
}

impl Limbs {
    /// The places.
    pub(crate) fn radix(&self) -> &Radix {
        &self.radix
    }

    /// The limbs, the uppermost first.
    pub(crate) fn limbs(&self) -> &[Form] {
        &self.limbs
    }

    /// What is added to the limbs.
    pub(crate) fn rest(&self) -> &Form {
        &self.rest
    }

    /// What rounding may have done to the part in limbs.
    pub(crate) fn rounding(&self) -> f64 {
        self.rounding
    }

    /// Whether every limb is a whole number.
    pub(crate) fn is_whole(&self) -> bool {
        self.limbs.iter().all(Form::is_whole)
    }

    fn map(self, f: impl Fn(Form) -> Form) -> Self {
        Self {
            limbs: self.limbs.into_iter().map(&f).collect(),
            rest: f(self.rest),
            ..self
        }
    }

    fn times(self, by: &Public) -> Self {
        let factors = range_of(by);
        Self {
            range: self.range.times(factors),
            rounding: self.rounding * factors.magnitude(),
            ..self.map(|form| form.times(by))
        }
    }

    fn add(self, other: &Number) -> Self {
        let range = self.range + other.range();
        match other {
            Number::Form(form) => Self {
                rest: self.rest.add(form),
                range,
                ..self
            },
            Number::Limbs(other) => {
                let pairs = self.limbs.into_iter().zip(&other.limbs);
                Self {
                    limbs: pairs.map(|(a, b)| a.add(b)).collect(),
                    rest: self.rest.add(&other.rest),
                    range,
                    halvings: self.halvings.max(other.halvings),
                    rounding: self.rounding + other.rounding,
                    ..self
                }
            }
        }
    }
}

impl From<Form> for Number {
    fn from(form: Form) -> Self {
        Self::Form(form)
    }
}

impl Number {
    /// The number 0.
    pub(crate) fn zero(length: usize) -> Self {
        Form::zero(length).into()
    }

    /// Elements.
    pub(crate) fn length(&self) -> usize {
        match self {
            Self::Form(form) => form.length(),
            Self::Limbs(limbs) => limbs.rest.length(),
        }
    }

    /// An interval that holds every element before it was rounded.
    pub(crate) fn range(&self) -> Interval {
        match self {
            Self::Form(form) => form.range(),
            Self::Limbs(limbs) => limbs.range,
        }
    }

    /// The sum of two.
    pub(crate) fn add(self, other: &Self) -> Self {
        match (self, other) {
            (Self::Form(a), Self::Form(b)) => Self::Form(a.add(b)),
            (Self::Limbs(a), b) => Self::Limbs(a.add(b)),
            (a @ Self::Form(_), Self::Limbs(b)) => Self::Limbs(b.clone().add(&a)),
        }
    }

    /// The difference of two.
    pub(crate) fn sub(self, other: &Self) -> Self {
        self.add(&other.clone().negative())
    }

    /// The product with a public number.
    pub(crate) fn times(self, by: &Public) -> Self {
        match self {
            Self::Form(form) => Self::Form(form.times(by)),
            Self::Limbs(limbs) => Self::Limbs(limbs.times(by)),
        }
    }

    /// `-x`
    pub(crate) fn negative(self) -> Self {
        self.times(&(-1.0).into())
    }

    /// The sum with a public number.
    pub(crate) fn plus(self, by: &Public) -> Self {
        match self {
            Self::Form(form) => Self::Form(form.plus(by)),
            Self::Limbs(limbs) => Self::Limbs(Limbs {
                range: limbs.range + range_of(by),
                rest: limbs.rest.plus(by),
                ..limbs
            }),
        }
    }

    /// Element `i` of the result is element `from(i)`.
    pub(crate) fn reindexed(&self, length: usize, from: impl Fn(usize) -> usize) -> Self {
        match self {
            Self::Form(form) => Self::Form(form.reindexed(length, from)),
            Self::Limbs(limbs) => {
                Self::Limbs(limbs.clone().map(|form| form.reindexed(length, &from)))
            }
        }
    }

    /// The same, of which is known that it lies in `proven`, too.
    pub(crate) fn within(self, proven: Interval) -> Self {
        match self {
            Self::Form(form) => Self::Form(form.within(proven)),
            Self::Limbs(limbs) => Self::Limbs(Limbs {
                range: both(limbs.range, proven),
                ..limbs
            }),
        }
    }

    /// All in one form.
    pub(crate) fn merged(&self) -> Form {
        match self {
            Self::Form(form) => form.clone(),
            Self::Limbs(number) => {
                let places = number.limbs.iter().enumerate();
                let sum = places.fold(number.rest.clone(), |sum, (index, limb)| {
                    sum.add(&limb.clone().scaled(number.radix.place(index)))
                });
                sum.rounded_from(number.range)
            }
        }
    }

    /// Limbs that were halved often, each by a table; others as they are.
    pub(crate) fn refreshed(self, most_halvings: u32, sources: &mut Sources) -> Self {
        match self {
            Self::Limbs(number) if number.halvings >= most_halvings && number.is_whole() => {
                let limbs = number.limbs.into_iter();
                Self::Limbs(Limbs {
                    limbs: limbs.map(|limb| fresh(limb, sources)).collect(),
                    halvings: 0,
                    ..number
                })
            }
            other => other,
        }
    }
}

impl Sources {
    /// A column in limbs.
    pub(crate) fn column_in_limbs(
        &mut self,
        place: (usize, usize),
        range: Interval,
        radix: &Arc<Radix>,
        length: usize,
    ) -> Number {
        let largest = ((range.high - radix.low()) / radix.unit()).round().max(0.0) as u64;
        let limbs = (0..radix.limbs()).map(|index| {
            let limb = radix.column_limb(index);
            let above = largest >> limb.shift;
            if above == 0 {
                // Smaller numbers have no such limb.
                return Form::zero(length);
            }
            let range = Interval::new(0.0, above as f64);
            self.limb(place, limb, length).within(range)
        });
        Number::Limbs(Limbs {
            limbs: limbs.collect(),
            radix: radix.clone(),
            rest: Form::constant(radix.low(), length),
            range,
            halvings: 0,
            rounding: 0.5 * radix.unit(),
        })
    }
}

/// A whole limb out of a table.
fn fresh(limb: Form, sources: &mut Sources) -> Form {
    let Interval { low, high } = limb.range();
    // What no table holds stays as noisy as it is.
    if limb.terms().is_empty() || high - low > TABLE_ENTRIES as f64 - 1.0 {
        return limb;
    }
    let entries = (0..=(high - low) as i64).map(|i| i as f64 + low);
    let table = LookupTable {
        first: low as i64,
        entries: entries.collect(),
    };
    sources.lookup(table, limb)
}
