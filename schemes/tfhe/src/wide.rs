//! Numbers in limbs: what no single ciphertext holds under a bootstrap's noise.
//!
//! A bootstrap's result carries some ten bits, and a bootstrap reads five. A whole number that
//! is compared, and whose comparison's result is compared again, is therefore kept in *limbs* of
//! two bits, the uppermost of up to four, each a linear form of its own. Linear operations work
//! limb by limb.

use hexperiment_core::program::{Interval, Public, Value};

use crate::form::{Form, Source};

/// Bits of every limb but the uppermost.
pub(crate) const LOWER_BITS: u32 = 2;

/// How whole numbers are split; one for a program.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Layout {
    /// The number 0.
    pub(crate) low: f64,
    /// What 1 stands for: a power of two.
    pub(crate) unit: f64,
    /// Bits of each limb, the uppermost first.
    pub(crate) bits: Vec<u32>,
}

impl Layout {
    /// For numbers of `bits` bits, whose uppermost limb takes at most `top` of them.
    pub(crate) fn new(low: f64, unit: f64, bits: u32, top: u32) -> Self {
        let lower = bits.saturating_sub(top).div_ceil(LOWER_BITS);
        let mut all = vec![LOWER_BITS; lower as usize + 1];
        all[0] = bits - LOWER_BITS * lower;
        Self {
            low,
            unit,
            bits: all,
        }
    }

    /// Bits below a limb.
    pub(crate) fn shift(&self, limb: usize) -> u32 {
        self.bits[limb + 1..].iter().sum()
    }

    /// What 1 in a limb stands for.
    pub(crate) fn place(&self, limb: usize) -> f64 {
        self.unit * f64::from(self.shift(limb) as i32).exp2()
    }

    /// The limbs of a whole number, all with its sign.
    pub(crate) fn digit(&self, number: f64, limb: usize) -> f64 {
        let above = (number.abs() / f64::from(self.shift(limb) as i32).exp2()).floor();
        let digit = match limb {
            0 => above,
            _ => above.rem_euclid(f64::from(self.bits[limb] as i32).exp2()),
        };
        digit.copysign(number)
    }
}

/// A number: a form, and limbs, whose sum (each limb at its place) it is.
#[derive(Clone, Debug)]
pub(crate) struct Wide {
    /// What is not in limbs.
    pub(crate) plain: Form,
    /// The uppermost first; none, or as many as the layout has.
    pub(crate) limbs: Vec<Form>,
    /// Whether limbs hold whole numbers.
    pub(crate) whole: bool,
    /// Whether the plain part is known to be a whole number beyond what its terms tell.
    pub(crate) plain_whole: bool,
    /// Halvings since the limbs came out of a table with nothing else in them.
    pub(crate) depth: u32,
    /// What rounding may have done to the part in limbs.
    pub(crate) rounding: f64,
}

impl From<Form> for Wide {
    fn from(plain: Form) -> Self {
        Self {
            plain,
            limbs: vec![],
            whole: true,
            plain_whole: false,
            depth: 0,
            rounding: 0.0,
        }
    }
}

fn range_of(public: &Public) -> Interval {
    public.range().unwrap_or(Interval::point(0.0))
}

fn add(a: Form, b: &Form) -> Form {
    let range = a.range + b.range;
    Form { range, ..a.add(b) }
}

fn times(form: Form, by: &Public) -> Form {
    let range = form.range.times(range_of(by));
    Form {
        range,
        ..form.times(by)
    }
}

impl Wide {
    /// The sum of two.
    pub(crate) fn add(self, other: &Self) -> Self {
        let limbs = match (self.limbs.is_empty(), other.limbs.is_empty()) {
            (_, true) => self.limbs,
            (true, false) => other.limbs.clone(),
            (false, false) => {
                let pairs = self.limbs.into_iter().zip(&other.limbs);
                pairs.map(|(a, b)| add(a, b)).collect()
            }
        };
        Self {
            plain: add(self.plain, &other.plain),
            limbs,
            whole: self.whole && other.whole,
            plain_whole: self.plain_whole && other.plain_whole,
            depth: self.depth.max(other.depth),
            rounding: self.rounding + other.rounding,
        }
    }

    /// Times a public number.
    pub(crate) fn times(self, by: &Public) -> Self {
        Self {
            plain: times(self.plain, by),
            limbs: self.limbs.into_iter().map(|l| times(l, by)).collect(),
            whole: self.whole && by.is_integral(),
            plain_whole: self.plain_whole && by.is_integral(),
            rounding: self.rounding * range_of(by).magnitude(),
            ..self
        }
    }

    /// The negative.
    pub(crate) fn negative(self) -> Self {
        self.times(&(-1.0).into())
    }

    /// Plus a public number.
    pub(crate) fn plus(mut self, by: &Public) -> Self {
        self.plain.range = self.plain.range + range_of(by);
        self.plain = self.plain.plus(by);
        self.plain_whole &= by.is_integral();
        self
    }

    /// Element `i` of the result is element `from(i)`.
    pub(crate) fn reindexed(&self, length: usize, from: impl Fn(usize) -> usize) -> Self {
        let limbs = self.limbs.iter();
        Self {
            plain: self.plain.reindexed(length, &from),
            limbs: limbs.map(|l| l.reindexed(length, &from)).collect(),
            ..*self
        }
    }

    /// The number as the program's value.
    pub(crate) fn within(mut self, value: &Value) -> Self {
        if self.limbs.is_empty() {
            self.plain = self.plain.within(value);
            return self;
        }
        for form in self.limbs.iter_mut().chain([&mut self.plain]) {
            form.length = value.length();
            form.terms.retain(|t| !t.weight.is_zero());
            if form.terms.is_empty() {
                // What cancels has no width.
                form.range = range_of(&form.bias);
            }
        }
        self
    }

    /// In one form.
    pub(crate) fn merged(&self, layout: Option<&Layout>) -> Form {
        let mut sum = self.plain.clone();
        if let Some(layout) = layout {
            for (index, limb) in self.limbs.iter().enumerate() {
                sum = add(sum, &times(limb.clone(), &layout.place(index).into()));
            }
        }
        sum
    }

    /// Whether limbs hold results of bootstraps.
    pub(crate) fn is_bootstrapped(&self, sources: &[Source]) -> bool {
        let mut terms = self.limbs.iter().flat_map(|l| &l.terms);
        terms.any(|t| matches!(sources[t.source], Source::Function { .. }))
    }
}
