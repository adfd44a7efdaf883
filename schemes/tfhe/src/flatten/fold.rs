//! Maxima, choices and magnitudes of numbers in limbs, exactly.
//!
//! Let `d` be a difference in limbs `d_1, ..., d_n` (the uppermost first), each lower one at most
//! `r - 1` in magnitude, where `r` is its base. With `x_1 = d_1`, `c_j = sign(x_j)` and
//! `x_j = d_j + r c_(j-1)`, a carry that is not 0 outweighs all limbs below it, so that every `c`
//! after it has its sign, and `sign d = sign x_n`. `x_j` is at most `2 r - 1` in magnitude.
//! Limb `j` of `|d|`, which is that of `d` or of `-d`, is `|x_j| - r |c_(j-1)|`.
//!
//! One blind rotation for each limb yields it all: of the triangle wave `T(x) = |x| - h/2`, which
//! is its own negative half a circle (`h`) further on, as bootstraps want it. For whole `x`,
//!
//!   - `|x| = T(x) + h/2`,
//!   - `c = (T(x+1) - T(x-1)) / 2`,
//!   - `|c| = 1 + T(x) - (T(x+1) + T(x-1)) / 2`,
//!
//! and the three values of `T` are three coefficients of one rotated polynomial. Where a bootstrap
//! reads five bits and a wide number's sign takes several in sequence, this takes one bootstrap
//! for a limb. Carrying a sign from limb to limb is as old as long division; tables over two digits
//! (Guimarães, Borin, Aranha, *Revisiting the functional bootstrap in TFHE*, CHES 2021) would take
//! several for each, and reading several coefficients is as in Chillotti, Ligier, Orfila, Tap,
//! *Improved programmable bootstrapping with larger precision*, ASIACRYPT 2021, section 4.

use std::sync::Arc;

use hexperiment_core::program::{Interval, LookupTable, Op, Public, Value};

use super::{Flattener, Form, Function, Layout, Source, Wide};

/// Half circles that are tried: the shorter one has larger boxes.
const HALVES: [usize; 2] = [8, 16];

/// Two numbers of one plain part, and their difference.
struct Aligned {
    plain: Form,
    left: Vec<Form>,
    right: Vec<Form>,
    difference: Vec<Form>,
    depth: u32,
}

/// What one rotation tells of a limb.
struct Folded {
    /// `|x|`
    magnitude: Form,
    /// `2 sign(x)`
    twice_sign: Form,
    /// `2 |sign(x)|`
    twice_any: Form,
}

fn plus(a: &Form, b: &Form) -> Form {
    let range = a.range + b.range;
    Form {
        range,
        ..a.clone().add(b)
    }
}

fn scaled(form: &Form, by: f64) -> Form {
    let range = form.range.times(Interval::point(by));
    Form {
        range,
        ..form.clone().times(&by.into())
    }
}

fn moved(form: Form, by: &Public) -> Form {
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
            Op::Relu(a) if range(a).high <= 0.0 => Ok(self.zero(value)),
            Op::Abs(a) if range(a).high <= 0.0 => Ok(self.at(a).negative()),
            Op::Max(a, b) => self.extreme(self.at(a), self.at(b), 0.5),
            Op::Min(a, b) => self.extreme(self.at(a), self.at(b), -0.5),
            Op::Relu(a) => self.extreme(self.at(a), self.zero(value), 0.5),
            Op::Abs(a) => self.magnitude(self.at(a), self.zero(value)),
            Op::Select {
                condition,
                then,
                otherwise,
            } => {
                let bit = self.merged(condition);
                self.choice(&bit, self.at(then), self.at(otherwise))
            }
            _ => Err("it has no limbs".into()),
        }
    }

    /// `(a + b) / 2`, and the half difference's magnitude with this sign.
    fn extreme(&mut self, a: Wide, b: Wide, half: f64) -> Result<Wide, String> {
        let aligned = self.aligned(a, b)?;
        let magnitude = self.magnitudes(&aligned)?;
        let both = aligned.left.iter().zip(&aligned.right).zip(magnitude);
        let limbs = both.map(|((a, b), magnitude)| Form {
            // One of the two.
            range: a.range.union(b.range),
            ..half_sum(a, b).add(&scaled(&magnitude, half))
        });
        Ok(rejoined(
            aligned.plain,
            limbs.collect(),
            aligned.depth,
            self.layout.is_some(),
        ))
    }

    fn magnitude(&mut self, a: Wide, zero: Wide) -> Result<Wide, String> {
        let aligned = self.aligned(a, zero)?;
        let limbs = self.magnitudes(&aligned)?;
        let nothing = Form::constant(0.0.into(), aligned.plain.length, Interval::point(0.0));
        Ok(rejoined(
            nothing,
            limbs,
            aligned.depth,
            self.layout.is_some(),
        ))
    }

    /// The limbs of the difference's magnitude.
    fn magnitudes(&mut self, aligned: &Aligned) -> Result<Vec<Form>, String> {
        let last = aligned.difference.len() - 1;
        let mut carry: Option<Folded> = None;
        let mut limbs = Vec::new();
        for (index, limb) in aligned.difference.iter().enumerate() {
            let half_base = self.half_base(index);
            let argument = match &carry {
                Some(above) => plus(limb, &scaled(&above.twice_sign, half_base)),
                None => limb.clone(),
            };
            let argument = self.held(argument, limb, carry.is_some(), half_base);
            let folded = self.fold(&argument, index < last)?;
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
        let bits = self.layout.as_ref().map_or(1, |l| l.bits[limb]);
        f64::from(bits as i32 - 1).exp2()
    }

    /// The range of a limb with a carry.
    fn held(&self, argument: Form, limb: &Form, carried: bool, half_base: f64) -> Form {
        let carry = if carried { 2.0 * half_base } else { 0.0 };
        let range = limb.range.padded(carry);
        Form { range, ..argument }
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
        let mut carry: Option<Folded> = None;
        for (index, limb) in aligned.difference.iter().enumerate() {
            let half_base = self.half_base(index);
            let argument = match &carry {
                Some(above) => plus(limb, &scaled(&above.twice_sign, half_base)),
                None => limb.clone(),
            };
            let argument = self.held(argument, limb, carry.is_some(), half_base);
            if index < last {
                let folded = self.fold(&argument, true)?;
                carry = (!folded.magnitude.terms.is_empty() || carry.is_some()).then_some(folded);
                continue;
            }
            let halves = vec![0.5; half_circle(&argument)?].into();
            // Above zero is not below one.
            let offset = if at_zero { 0 } else { -1 };
            let sign = self.ring(&argument, &halves, offset, self.unit());
            return Ok(Form {
                range: Interval::new(0.0, 1.0),
                length: value.length(),
                ..sign.plus(&0.5.into())
            });
        }
        Err("it has no limbs".into())
    }

    fn unit(&self) -> f64 {
        self.layout.as_ref().map_or(1.0, |l| l.unit)
    }

    /// `T` at a limb and, where a carry is asked for, beside it.
    fn fold(&mut self, x: &Form, carries: bool) -> Result<Folded, String> {
        if x.terms.is_empty() && x.bias.is_zero() {
            return Ok(Folded {
                magnitude: x.clone(),
                twice_sign: x.clone(),
                twice_any: x.clone(),
            });
        }
        let half = half_circle(x)?;
        let entries: Arc<[f64]> = (0..half).map(|i| i as f64 - half as f64 / 2.0).collect();
        let middle = self.ring(x, &entries, 0, self.unit());
        let magnitude = moved(middle.clone(), &(half as f64 / 2.0).into());
        if !carries {
            let nothing = Form::constant(0.0.into(), x.length, Interval::point(0.0));
            return Ok(Folded {
                magnitude,
                twice_sign: nothing.clone(),
                twice_any: nothing,
            });
        }
        let above = self.ring(x, &entries, 1, self.unit());
        let below = self.ring(x, &entries, -1, self.unit());
        let around = plus(&above, &below);
        Ok(Folded {
            magnitude,
            twice_sign: plus(&above, &scaled(&below, -1.0)),
            twice_any: moved(
                plus(&scaled(&middle, 2.0), &scaled(&around, -1.0)),
                &2.0.into(),
            ),
        })
    }

    /// A table on the circle of twice its entries.
    pub(super) fn ring(&mut self, x: &Form, entries: &Arc<[f64]>, offset: i32, unit: f64) -> Form {
        let most = entries.iter().fold(0.0_f64, |m, e| m.max(e.abs()));
        let range = Interval::symmetric(most);
        let source = Source::Function {
            function: Function::Ring {
                entries: entries.clone(),
                offset,
                unit,
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
            aligned.depth,
            self.layout.is_some(),
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
        Ok(self.ring(&argument, &entries, 0, self.unit()))
    }

    /// Both with the same plain part, and their difference, limb by limb.
    fn aligned(&mut self, a: Wide, b: Wide) -> Result<Aligned, String> {
        let (a, b) = (self.refreshed(a)?, self.refreshed(b)?);
        if a.limbs.is_empty() && b.limbs.is_empty() {
            return self.aligned_plain(a, b);
        }
        let Some(layout) = self.layout.clone() else {
            return Err("it has no limbs".into());
        };
        if !a.whole || !b.whole {
            return Err(
                "an operand is a whole number times one that is not whole; scale the result in \
                 its place"
                    .into(),
            );
        }
        if !a.plain.terms.is_empty() || !b.plain.terms.is_empty() {
            return Err(
                "an operand holds a function's result, or a column with a weight beside 1 and \
                 -1, added to whole numbers"
                    .into(),
            );
        }
        let apart = b
            .plain
            .bias
            .zip(&a.plain.bias, |b, a| (b - a) / layout.unit);
        let whole = apart.map(f64::round);
        let off = apart.zip(&whole, |x, y| x - y);
        if off.values().iter().any(|x| x.abs() > 1e-6) {
            return Err(format!(
                "a public number beside whole numbers is no multiple of their unit, {}",
                layout.unit
            ));
        }
        let depth = a.depth.max(b.depth) + 1;
        let constant = a.limbs.is_empty();
        let (mut left, mut right) = (filled(&layout, &a), filled(&layout, &b));
        // The public number goes to the operand that is public, or to the right one.
        for (index, (l, r)) in left.iter_mut().zip(&mut right).enumerate() {
            let digit = whole.map(|x| layout.digit(x, index));
            if digit.is_zero() {
            } else if constant {
                *l = moved(l.clone(), &digit.map(|x| -x));
            } else {
                *r = moved(r.clone(), &digit);
            }
        }
        let plain = if constant { b.plain } else { a.plain };
        let pairs = left.iter().zip(&right);
        let difference: Vec<Form> = pairs
            .map(|(l, r)| {
                let difference = plus(l, &scaled(r, -1.0));
                let range = difference.range;
                Form {
                    range,
                    ..difference.ordered()
                }
            })
            .collect();
        for (index, limb) in difference.iter().enumerate().skip(1) {
            let most = f64::from(layout.bits[index] as i32).exp2() - 1.0;
            if limb.range.magnitude() > most {
                return Err(format!(
                    "its operands are sums of several whole numbers, or differ by a public number \
                     and more: limbs of {} bits would differ by {}, at most {most} is told apart",
                    layout.bits[index],
                    limb.range.magnitude()
                ));
            }
        }
        Ok(Aligned {
            plain,
            left,
            right,
            difference,
            depth,
        })
    }

    /// Sums of tables' whole results, small enough for one limb.
    fn aligned_plain(&self, a: Wide, b: Wide) -> Result<Aligned, String> {
        let difference = plus(&a.plain, &scaled(&b.plain, -1.0));
        let range = difference.range;
        let difference = Form {
            range,
            ..difference.ordered()
        };
        if !self.is_whole(&difference) {
            return Err(
                "its operands are not whole numbers of one unit: columns with weights beside 1 and \
                 -1, or results of smooth functions"
                    .into(),
            );
        }
        let nothing = Form::constant(0.0.into(), a.plain.length, Interval::point(0.0));
        Ok(Aligned {
            plain: nothing,
            difference: vec![difference],
            left: vec![a.plain],
            right: vec![b.plain],
            depth: 0,
        })
    }

    /// Whether a form over exact tables' results is a whole number.
    fn is_whole(&self, form: &Form) -> bool {
        let mut rest = form.bias.clone();
        for term in &form.terms {
            let Source::Function { function, .. } = &self.sources[term.source] else {
                return false;
            };
            let entries: &[f64] = match function {
                Function::Step { .. } => &[0.0],
                Function::Lookup(table) => &table.entries,
                Function::Ring { entries, .. } => entries,
                Function::Smooth(_) => return false,
            };
            let fraction = entries[0].rem_euclid(1.0);
            let alike = entries.iter().all(|e| (e - fraction).fract() == 0.0);
            // A ring's results may be negated.
            if !term.weight.is_integral() || !alike || (2.0 * fraction).fract() != 0.0 {
                return false;
            }
            rest = rest.zip(&term.weight, |r, w| r + w * fraction);
        }
        rest.is_integral()
    }

    /// Limbs that were halved often, each by a table; others as they are.
    fn refreshed(&mut self, wide: Wide) -> Result<Wide, String> {
        if wide.depth < self.most_depth || wide.limbs.is_empty() {
            return Ok(wide);
        }
        let mut limbs = Vec::new();
        for limb in &wide.limbs {
            if limb.terms.is_empty() {
                limbs.push(limb.clone());
                continue;
            }
            let Interval { low, high } = limb.range;
            if high - low > super::TABLE_ENTRIES as f64 - 1.0 {
                return Err(too_wide(limb));
            }
            let entries = (0..=(high - low) as i64).map(|i| i as f64 + low);
            let table = LookupTable {
                first: low as i64,
                entries: entries.collect(),
            };
            let source = Source::Function {
                function: Function::Lookup(table),
                operand: limb.clone().ordered(),
                range: limb.range,
            };
            limbs.push(Form::source(self.push(source), limb.length, limb.range));
        }
        Ok(Wide {
            limbs,
            depth: 0,
            ..wide
        })
    }
}

/// The shortest half circle that holds a limb and its neighbours.
fn half_circle(x: &Form) -> Result<usize, String> {
    let most = x.range.magnitude();
    let half = HALVES.into_iter().find(|h| most < *h as f64);
    half.ok_or_else(|| too_wide(x))
}

fn too_wide(x: &Form) -> String {
    format!(
        "whole numbers of {} to {} meet where one bootstrap tells those of -15 to 15 apart",
        x.range.low, x.range.high
    )
}

/// All limbs of a number, those of a public one being 0.
fn filled(layout: &Layout, wide: &Wide) -> Vec<Form> {
    if !wide.limbs.is_empty() {
        return wide.limbs.clone();
    }
    let nothing = Form::constant(0.0.into(), wide.plain.length, Interval::point(0.0));
    vec![nothing; layout.bits.len()]
}

/// A number of these limbs; of one that is no limb, where there is no layout.
fn rejoined(plain: Form, mut limbs: Vec<Form>, depth: u32, in_limbs: bool) -> Wide {
    if depth == 0 || !in_limbs {
        let sum = limbs.pop().map_or(plain.clone(), |l| plus(&plain, &l));
        return sum.into();
    }
    Wide {
        plain,
        limbs,
        whole: true,
        depth,
    }
}
