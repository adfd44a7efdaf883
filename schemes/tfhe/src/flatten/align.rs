//! Two whole numbers limb against limb, and limbs made fresh.

use hexperiment_core::program::{Interval, LookupTable};

use super::fold::{moved, plus, scaled};
use super::{Flattener, Form, Function, Layout, Source, Wide};

/// Two numbers of one plain part, and their difference.
pub(super) struct Aligned {
    pub(super) plain: Form,
    pub(super) left: Vec<Form>,
    pub(super) right: Vec<Form>,
    pub(super) difference: Vec<Form>,
    pub(super) depth: u32,
    /// The largest carry that its limbs need: 1 or 2.
    pub(super) carry: u8,
    /// What rounding may have done to each.
    pub(super) rounding: [f64; 2],
}

/// The largest carry that a bootstrap has room for beside a lower limb.
const MOST_CARRY: f64 = 2.0;

impl Flattener<'_> {
    /// Both with the same plain part, and their difference, limb by limb.
    pub(super) fn aligned(&self, a: Wide, b: Wide) -> Result<Aligned, String> {
        if a.limbs.is_empty() && b.limbs.is_empty() {
            return self.aligned_plain(a, b);
        }
        let Some(layout) = self.layout().cloned() else {
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
                 -1, added to whole numbers; add or scale after it (`max(2x, 2y)` is `2 max(x, y)`)"
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
                "a public number beside whole numbers is no multiple of their unit, {}; round it \
                 to one, or state a finer precision of the inputs",
                layout.unit
            ));
        }
        let depth = a.depth.max(b.depth) + 1;
        let rounding = [a.rounding, b.rounding];
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
                let mut difference = plus(l, &scaled(r, -1.0)).ordered();
                if difference.terms.is_empty() {
                    difference.range = difference.bias.range().unwrap_or(difference.range);
                }
                difference
            })
            .collect();
        let mut carry: f64 = 1.0;
        for (index, limb) in difference.iter().enumerate().skip(1) {
            let digit = f64::from(layout.bits[index] as i32).exp2() - 1.0;
            let most = MOST_CARRY * digit;
            let magnitude = limb.range.magnitude();
            if magnitude > most {
                return Err(format!(
                    "its operands are sums of too many whole numbers: limbs of {} bits would \
                     differ by {magnitude}, at most {most} is told apart; take maxima or choices \
                     of the summands, or add their results",
                    layout.bits[index],
                ));
            }
            carry = carry.max((magnitude / digit).ceil());
        }
        Ok(Aligned {
            plain,
            left,
            right,
            difference,
            depth,
            carry: carry as u8,
            rounding,
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
        if !self.is_whole_plain(&a) || !self.is_whole_plain(&b) {
            return Err(
                "its operands are not whole numbers of one unit: columns with weights beside 1 and \
                 -1, or results of smooth functions; scale after it (`max(2x, 2y)` is \
                 `2 max(x, y)`), or apply the function to its result"
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
            carry: 1,
            rounding: [0.0; 2],
        })
    }

    /// Whether a number without limbs is whole.
    pub(super) fn is_whole_plain(&self, wide: &Wide) -> bool {
        wide.plain_whole || self.is_whole(&wide.plain)
    }

    /// The sum of two; a whole number if both are.
    pub(super) fn sum(&self, a: Wide, b: &Wide) -> Wide {
        // Others are seen to be whole where it is asked.
        let plain_whole = (a.plain_whole || b.plain_whole)
            && a.limbs.is_empty()
            && b.limbs.is_empty()
            && self.is_whole_plain(&a)
            && self.is_whole_plain(b);
        Wide {
            plain_whole,
            ..a.add(b)
        }
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
    pub(super) fn refreshed(&mut self, wide: Wide) -> Wide {
        if wide.depth < self.most_depth || wide.limbs.is_empty() {
            return wide;
        }
        let mut limbs = Vec::new();
        for limb in &wide.limbs {
            let Interval { low, high } = limb.range;
            // What no table holds stays as noisy as it is.
            if limb.terms.is_empty() || high - low > super::TABLE_ENTRIES as f64 - 1.0 {
                limbs.push(limb.clone());
                continue;
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
        Wide {
            limbs,
            depth: 0,
            ..wide
        }
    }
}

/// All limbs of a number, those of a public one being 0.
fn filled(layout: &Layout, wide: &Wide) -> Vec<Form> {
    if !wide.limbs.is_empty() {
        return wide.limbs.clone();
    }
    let nothing = Form::constant(0.0.into(), wide.plain.length, Interval::point(0.0));
    vec![nothing; layout.bits.len()]
}
