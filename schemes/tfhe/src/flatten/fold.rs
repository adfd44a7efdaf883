//! Maxima, choices and magnitudes of numbers in limbs, exactly.
//!
//! Let `d` be a difference in limbs `d_1, ..., d_n` (the uppermost first), each lower one at most
//! `s (r - 1)` in magnitude, where `r` is its base: `s = 1` for two numbers, 2 for two sums of two
//! or a public number's digits beside. With `x_1 = d_1`, `c_j` the `x_j` held to `[-s, s]` and
//! `x_j = d_j + r c_(j-1)`, a carry of magnitude `s` outweighs all limbs below it, so that every
//! `c` after it is the same, and a smaller one has lost nothing: `sign d = sign x_n`. `x_j` is at
//! most `(2 r - 1) s` in magnitude. `|d|` has the limbs `|x_j| - r |c_(j-1)|`: of
//! `d_j = x_j - r c_(j-1)`, what is left of `x_j` after its carry has the sign of `d` or is 0. With
//! `s = 1` each is `d_j`, or each is `-d_j`.
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

use hexperiment_core::program::{Interval, Op, Public, Value, ValueId};

use super::align::Aligned;
use super::{Doubt, Flattener, Form, Function, Source, Wide, zero};

/// Half circles that are tried: the shorter one has larger boxes.
const HALVES: [usize; 2] = [8, 16];

/// What one rotation tells of a limb.
struct Folded {
    /// `|x|`
    magnitude: Form,
    /// Twice the carry.
    twice_carry: Form,
    /// Twice the carry's magnitude.
    twice_any: Form,
}

pub(super) fn plus(a: &Form, b: &Form) -> Form {
    let range = a.range + b.range;
    Form {
        range,
        ..a.clone().add(b)
    }
}

pub(super) fn scaled(form: &Form, by: f64) -> Form {
    let range = form.range.times(Interval::point(by));
    Form {
        range,
        ..form.clone().times(&by.into())
    }
}

pub(super) fn moved(form: Form, by: &Public) -> Form {
    let range = by.range().unwrap_or(Interval::point(0.0));
    Form {
        range: form.range + range,
        ..form.plus(by)
    }
}

fn half_sum(a: &Form, b: &Form) -> Form {
    scaled(&plus(a, b), 0.5)
}

impl Flattener<'_> {
    /// A maximum, minimum, rectified value, magnitude or choice, in limbs; or why not.
    pub(super) fn folded(&mut self, op: &Op, value: &Value) -> Result<Wide, String> {
        let range = |id| self.program.value(id).range();
        match *op {
            Op::Max(a, b) if range(a).low >= range(b).high => Ok(self.at(a)),
            Op::Max(a, b) if range(b).low >= range(a).high => Ok(self.at(b)),
            Op::Min(a, b) if range(a).high <= range(b).low => Ok(self.at(a)),
            Op::Min(a, b) if range(b).high <= range(a).low => Ok(self.at(b)),
            Op::Relu(a) | Op::Abs(a) if range(a).low >= 0.0 => Ok(self.at(a)),
            Op::Relu(a) if range(a).high <= 0.0 => Ok(zero(value)),
            Op::Abs(a) if range(a).high <= 0.0 => Ok(self.at(a).negative()),
            Op::Max(a, b) => self.extreme(self.at(a), self.at(b), 0.5),
            Op::Min(a, b) => self.extreme(self.at(a), self.at(b), -0.5),
            Op::Relu(a) => self.extreme(self.at(a), zero(value), 0.5),
            Op::Abs(a) => self.magnitude(self.at(a), zero(value)),
            Op::Select {
                condition,
                then,
                otherwise,
            } => {
                let bit = self.condition(condition, value);
                self.choice(&bit, self.at(then), self.at(otherwise))
            }
            _ => Err("it has no limbs".into()),
        }
    }

    /// A condition as an exact bit: of what is none, whether it is above a half.
    fn condition(&mut self, id: ValueId, value: &Value) -> Form {
        let (wide, bit) = (self.at(id), self.merged(id));
        if wide.limbs.is_empty() && self.is_whole_plain(&wide) {
            return bit;
        }
        self.step(moved(bit, &(-0.5).into()), false, value)
    }

    /// `(a + b) / 2`, and the half difference's magnitude with this sign.
    fn extreme(&mut self, a: Wide, b: Wide, half: f64) -> Result<Wide, String> {
        let aligned = self.aligned(a, b)?;
        let magnitude = self.magnitudes(&aligned)?;
        let both = aligned.left.iter().zip(&aligned.right).zip(magnitude);
        let limbs = both.enumerate().map(|(index, ((a, b), magnitude))| {
            let range = if index == 0 || aligned.carry == 1 {
                // One of the two.
                a.range.union(b.range)
            } else {
                // A carry that was taken back has moved a number from one limb to the next.
                let middle = (a.range + b.range).times(Interval::point(0.5));
                let range = middle.padded(0.5 * magnitude.range.magnitude());
                Interval::new(range.low.ceil(), range.high.floor())
            };
            Form {
                range,
                ..half_sum(a, b).add(&scaled(&magnitude, half))
            }
        });
        Ok(rejoined(
            aligned.plain,
            limbs.collect(),
            (aligned.depth, either(aligned.rounding)),
            self.layout().is_some(),
        ))
    }

    fn magnitude(&mut self, a: Wide, zero: Wide) -> Result<Wide, String> {
        let aligned = self.aligned(a, zero)?;
        let limbs = self.magnitudes(&aligned)?;
        let nothing = Form::constant(0.0.into(), aligned.plain.length, Interval::point(0.0));
        Ok(rejoined(
            nothing,
            limbs,
            (aligned.depth, either(aligned.rounding)),
            self.layout().is_some(),
        ))
    }

    /// The limbs of the difference's magnitude.
    fn magnitudes(&mut self, aligned: &Aligned) -> Result<Vec<Form>, String> {
        let last = aligned.difference.len() - 1;
        let mut carry: Option<Folded> = None;
        let mut limbs = Vec::new();
        for (index, limb) in aligned.difference.iter().enumerate() {
            let half_base = self.half_base(index);
            let argument = carried(limb, carry.as_ref(), half_base, aligned.carry);
            let reads = if index < last { aligned.carry } else { 0 };
            let folded = self.fold(&argument, reads)?;
            let most = limb.range.magnitude();
            let low = if carry.is_some() { -most } else { 0.0 };
            let mut limb = folded.magnitude.clone();
            if let Some(above) = &carry {
                limb = plus(&limb, &scaled(&above.twice_any, -half_base));
            }
            limb.range = Interval::new(low, most);
            limbs.push(limb);
            carry = (!folded.magnitude.terms.is_empty() || carry.is_some()).then_some(folded);
        }
        Ok(limbs)
    }

    /// Half the number of values of a lower limb.
    fn half_base(&self, limb: usize) -> f64 {
        let bits = self.layout().map_or(1, |l| l.bits[limb]);
        f64::from(bits as i32 - 1).exp2()
    }

    /// 1 where the difference is positive (or, if so told, not negative), else 0.
    pub(super) fn bit_of_limbs(
        &mut self,
        left: &Wide,
        right: &Wide,
        at_zero: bool,
        value: &Value,
    ) -> Result<Form, String> {
        let aligned = self.aligned(left.clone(), right.clone())?;
        let last = aligned.difference.len() - 1;
        let doubt = aligned.rounding.iter().sum();
        let mut carry: Option<Folded> = None;
        for (index, limb) in aligned.difference.iter().enumerate() {
            let half_base = self.half_base(index);
            let argument = carried(limb, carry.as_ref(), half_base, aligned.carry);
            if index < last {
                let folded = self.fold(&argument, aligned.carry)?;
                carry = (!folded.magnitude.terms.is_empty() || carry.is_some()).then_some(folded);
                continue;
            }
            let halves = vec![0.5; half_circle(&argument, 1)?].into();
            // Above zero is not below one.
            let offset = if at_zero { 0 } else { -1 };
            let sign = self.ring(&argument, &halves, offset, Doubt::Known(doubt));
            return Ok(Form {
                range: Interval::new(0.0, 1.0),
                length: value.length(),
                ..sign.plus(&0.5.into())
            });
        }
        Err("it has no limbs".into())
    }

    /// `T` at a limb and, where a carry of at most `most` is asked for, so far beside it.
    fn fold(&mut self, x: &Form, most: u8) -> Result<Folded, String> {
        if x.terms.is_empty() && x.bias.is_zero() {
            return Ok(Folded {
                magnitude: x.clone(),
                twice_carry: x.clone(),
                twice_any: x.clone(),
            });
        }
        let half = half_circle(x, most)?;
        let entries: Arc<[f64]> = (0..half).map(|i| i as f64 - half as f64 / 2.0).collect();
        let middle = self.ring(x, &entries, 0, Doubt::Apart);
        let magnitude = moved(middle.clone(), &(half as f64 / 2.0).into());
        if most == 0 {
            let nothing = Form::constant(0.0.into(), x.length, Interval::point(0.0));
            return Ok(Folded {
                magnitude,
                twice_carry: nothing.clone(),
                twice_any: nothing,
            });
        }
        let above = self.ring(x, &entries, i32::from(most), Doubt::Apart);
        let below = self.ring(x, &entries, -i32::from(most), Doubt::Apart);
        let around = plus(&above, &below);
        Ok(Folded {
            magnitude,
            twice_carry: plus(&above, &scaled(&below, -1.0)),
            twice_any: moved(
                plus(&scaled(&middle, 2.0), &scaled(&around, -1.0)),
                &(2.0 * f64::from(most)).into(),
            ),
        })
    }

    /// A table on the circle of twice its entries.
    pub(super) fn ring(
        &mut self,
        x: &Form,
        entries: &Arc<[f64]>,
        offset: i32,
        doubt: Doubt,
    ) -> Form {
        let most = entries.iter().fold(0.0_f64, |m, e| m.max(e.abs()));
        let range = Interval::symmetric(most);
        let source = Source::Function {
            function: Function::Ring {
                entries: entries.clone(),
                offset,
                doubt,
            },
            operand: x.clone().ordered(),
            range,
        };
        Form::source(self.push(source), x.length, range)
    }

    /// `b + bit (a - b)`, limb by limb: `(a + b) / 2`, and half the difference with the sign that
    /// the bit says, from a table over both: the bit is half a circle, which negates.
    fn choice(&mut self, bit: &Form, a: Wide, b: Wide) -> Result<Wide, String> {
        let aligned = self.aligned(a, b)?;
        let mut limbs = Vec::new();
        let both = aligned.left.iter().zip(&aligned.right);
        for ((a, b), difference) in both.zip(&aligned.difference) {
            let signed = match self.signed(bit, difference) {
                Ok(signed) => signed,
                // Wider than the circle together: each for itself.
                Err(_) => plus(&self.signed(bit, a)?, &scaled(&self.signed(bit, b)?, -1.0)),
            };
            limbs.push(Form {
                range: a.range.union(b.range),
                ..half_sum(a, b).add(&signed)
            });
        }
        Ok(rejoined(
            aligned.plain,
            limbs,
            (aligned.depth, either(aligned.rounding)),
            self.layout().is_some(),
        ))
    }

    /// Half of `x`, or where the bit is 0 the negative of that.
    fn signed(&mut self, bit: &Form, x: &Form) -> Result<Form, String> {
        if x.terms.is_empty() && x.bias.is_zero() {
            return Ok(x.clone());
        }
        let Interval { low, high } = x.range;
        let half = HALVES.into_iter().find(|h| high - low < *h as f64);
        let half = half.ok_or_else(|| too_wide(x))?;
        let entries = (0..half).map(|i| -0.5 * (i as f64 + low)).collect();
        let argument = moved(x.clone(), &(-low).into());
        let argument = plus(&argument, &scaled(bit, half as f64));
        Ok(self.ring(&argument, &entries, 0, Doubt::Apart))
    }
}

/// A limb with the carry from above, which is at most `most` in magnitude.
fn carried(limb: &Form, above: Option<&Folded>, half_base: f64, most: u8) -> Form {
    let Some(above) = above else {
        return limb.clone();
    };
    let range = limb.range.padded(2.0 * half_base * f64::from(most));
    let argument = plus(limb, &scaled(&above.twice_carry, half_base));
    Form { range, ..argument }
}

/// The shortest half circle that holds a limb and what is so far beside it.
fn half_circle(x: &Form, beside: u8) -> Result<usize, String> {
    let most = x.range.magnitude() + f64::from(beside);
    let half = HALVES.into_iter().find(|h| most <= *h as f64);
    half.ok_or_else(|| too_wide(x))
}

fn too_wide(x: &Form) -> String {
    format!(
        "whole numbers of {} to {} meet where one bootstrap tells those of -15 to 15 apart; declare \
         narrower ranges, or take maxima or choices of summands and add their results",
        x.range.low, x.range.high
    )
}

/// A number of these limbs; of one that is no limb, where there is no layout.
fn rejoined(
    plain: Form,
    mut limbs: Vec<Form>,
    (depth, rounding): (u32, f64),
    in_limbs: bool,
) -> Wide {
    if depth == 0 || !in_limbs {
        let sum = limbs.pop().map_or(plain.clone(), |l| plus(&plain, &l));
        return Wide {
            plain_whole: true,
            ..sum.into()
        };
    }
    Wide {
        plain,
        limbs,
        whole: true,
        plain_whole: false,
        depth,
        rounding,
    }
}

/// What rounding does to a maximum or a choice: no more than to either operand.
fn either(rounding: [f64; 2]) -> f64 {
    rounding[0].max(rounding[1])
}
