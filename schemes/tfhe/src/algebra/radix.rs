//! How whole numbers are split into limbs.

use hexperiment_program::Interval;

use super::source::ColumnLimb;

/// Bits of every limb but the uppermost.
const LOWER_BITS: u32 = 2;

/// What may be chosen about limbs.
#[derive(Clone, Copy, Debug)]
pub(crate) struct LimbOptions {
    /// Bits to which whole numbers are resolved at most.
    pub(crate) bits: u32,
    /// Bits of the uppermost limb at most: 3 leave room for far more noise than 4.
    pub(crate) top: u32,
    /// Halvings after which limbs are refreshed by a table.
    pub(crate) most_halvings: u32,
}

/// A mixed radix: whole numbers of a unit, split into limbs of two bits, the uppermost of up to
/// four; one for a program. A bootstrap reads five bits.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Radix {
    low: f64,
    unit: f64,
    /// Bits of each limb, the uppermost first.
    bits: Vec<u32>,
}

impl Radix {
    /// A radix for columns of this range, which may carry errors of `precision`.
    pub(crate) fn covering(range: Interval, precision: f64, options: LimbOptions) -> Self {
        let coarsest = range.width() / power_of_two(options.bits);
        let unit = [2.0 * precision, coarsest, f64::MIN_POSITIVE]
            .into_iter()
            .fold(0.0, f64::max);
        let mut unit = floor_to_power_of_two(unit);
        // All numbers that a bit more than the range holds; its ends need not lie on the grid.
        let (low, bits) = loop {
            let low = (range.low / unit).floor() * unit;
            let count = ((range.high - low) / unit).round() + 1.0;
            let bits = count.log2().ceil().max(1.0);
            if bits <= f64::from(options.bits) {
                break (low, bits as u32);
            }
            unit *= 2.0;
        };
        let lower = bits.saturating_sub(options.top).div_ceil(LOWER_BITS);
        let mut all = vec![LOWER_BITS; lower as usize + 1];
        all[0] = bits - LOWER_BITS * lower;
        Self {
            low,
            unit,
            bits: all,
        }
    }

    /// The number that all limbs at 0 stand for.
    pub(crate) fn low(&self) -> f64 {
        self.low
    }

    /// What 1 stands for: a power of two.
    pub(crate) fn unit(&self) -> f64 {
        self.unit
    }

    /// Limbs of a number.
    pub(crate) fn limbs(&self) -> usize {
        self.bits.len()
    }

    /// Bits of a limb.
    pub(crate) fn bits(&self, limb: usize) -> u32 {
        self.bits[limb]
    }

    /// Values of a limb.
    pub(crate) fn base(&self, limb: usize) -> f64 {
        power_of_two(self.bits[limb])
    }

    /// What 1 in a limb stands for.
    pub(crate) fn place(&self, limb: usize) -> f64 {
        self.unit * power_of_two(self.shift(limb))
    }

    /// The limb of a column's numbers.
    pub(crate) fn column_limb(&self, limb: usize) -> ColumnLimb {
        ColumnLimb {
            low: self.low,
            unit: self.unit,
            shift: self.shift(limb),
            bits: self.bits[limb],
            all_bits: self.bits.iter().sum(),
        }
    }

    /// One limb of a public whole number, in units; all have its sign, and the uppermost takes all
    /// that the others do not hold.
    pub(crate) fn limb_of(&self, number: f64, limb: usize) -> f64 {
        let above = (number.abs() / power_of_two(self.shift(limb))).floor();
        let magnitude = match limb {
            0 => above,
            _ => above.rem_euclid(self.base(limb)),
        };
        magnitude.copysign(number)
    }

    /// Bits below a limb.
    fn shift(&self, limb: usize) -> u32 {
        self.bits[limb + 1..].iter().sum()
    }
}

/// The unit of inputs that may carry errors of `precision`: the greatest power of two of which
/// half, which is what rounding to multiples of it does, is no more than that.
pub(super) fn unit_of(precision: f64) -> f64 {
    floor_to_power_of_two(2.0 * precision)
}

fn floor_to_power_of_two(x: f64) -> f64 {
    x.log2().floor().exp2()
}

fn power_of_two(bits: u32) -> f64 {
    f64::from(bits).exp2()
}
