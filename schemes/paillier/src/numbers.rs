//! Public integers, and intervals of integers.

use hexperiment_program::{Interval, Public};
use rug::Integer;

use crate::fixed_point::{decode, encode};

/// Public integers: one for all elements, or one for each.
#[derive(Clone, Debug)]
pub(crate) enum Numbers {
    Same(Integer),
    Each(Vec<Integer>),
}

impl Numbers {
    /// Each rounded to `fraction_bits`.
    pub(crate) fn encode(numbers: &Public, fraction_bits: u32) -> Self {
        match numbers {
            Public::Scalar(x) => Self::Same(encode(*x, fraction_bits)),
            Public::Vector(xs) => {
                Self::Each(xs.iter().map(|x| encode(*x, fraction_bits)).collect())
            }
        }
    }

    /// The number that meets element `index`.
    pub(crate) fn at(&self, index: usize) -> &Integer {
        match self {
            Self::Same(x) => x,
            Self::Each(xs) => &xs[index],
        }
    }

    /// Whether one number serves all elements.
    pub(crate) fn is_same(&self) -> bool {
        matches!(self, Self::Same(_))
    }

    /// The range of all of them.
    pub(crate) fn bounds(&self) -> Bounds {
        match self {
            Self::Same(x) => Bounds::point(x.clone()),
            Self::Each(xs) => xs
                .iter()
                .cloned()
                .map(Bounds::point)
                .reduce(Bounds::union)
                .unwrap_or_else(|| Bounds::point(Integer::new())),
        }
    }
}

/// A closed interval of integers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Bounds {
    low: Integer,
    high: Integer,
}

impl Bounds {
    /// One integer.
    pub(crate) fn point(x: Integer) -> Self {
        Self {
            low: x.clone(),
            high: x,
        }
    }

    fn hull(a: Integer, b: Integer) -> Self {
        if a <= b {
            Self { low: a, high: b }
        } else {
            Self { low: b, high: a }
        }
    }

    fn union(self, other: Self) -> Self {
        Self {
            low: self.low.min(other.low),
            high: self.high.max(other.high),
        }
    }

    /// The integers that values of `range` become; ends get the room that
    /// [`hexperiment_program::Input::check`] leaves them.
    pub(crate) fn of_range(range: Interval, fraction_bits: u32) -> Self {
        let room = 1e-9 * range.width();
        Self {
            low: encode(range.low - room, fraction_bits),
            high: encode(range.high + room, fraction_bits),
        }
    }

    /// All products of one integer from each.
    pub(crate) fn times(&self, other: &Self) -> Self {
        let product = |a: &Integer, b: &Integer| Integer::from(a * b);
        Self::hull(
            product(&self.low, &other.low),
            product(&self.high, &other.high),
        )
        .union(Self::hull(
            product(&self.low, &other.high),
            product(&self.high, &other.low),
        ))
    }

    /// All sums of one integer from each.
    pub(crate) fn plus(mut self, other: &Self) -> Self {
        self.low += &other.low;
        self.high += &other.high;
        self
    }

    /// Whether `number` lies inside.
    pub(crate) fn contains(&self, number: &Integer) -> bool {
        self.low <= *number && *number <= self.high
    }

    /// Bits of the largest magnitude, with a sign.
    pub(crate) fn signed_bits(&self) -> u32 {
        1 + self
            .low
            .significant_bits()
            .max(self.high.significant_bits())
    }
}

/// How a vector's elements are encoded: an integer `x` stands for `x / 2^fraction_bits`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Code {
    pub(crate) fraction_bits: u32,
    /// Bounds of every element.
    pub(crate) bounds: Bounds,
}

impl Code {
    /// The integer nearest to a finite number.
    pub(crate) fn encode(&self, number: f64) -> Integer {
        encode(number, self.fraction_bits)
    }

    /// The number that an integer stands for.
    pub(crate) fn decode(&self, integer: &Integer) -> f64 {
        decode(integer, self.fraction_bits)
    }

    /// Whether whatever has the code `other` may be taken for this.
    pub(crate) fn admits(&self, other: &Self) -> bool {
        self.fraction_bits == other.fraction_bits
            && self.bounds.contains(&other.bounds.low)
            && self.bounds.contains(&other.bounds.high)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn between(low: i64, high: i64) -> Bounds {
        Bounds {
            low: Integer::from(low),
            high: Integer::from(high),
        }
    }

    #[test]
    fn bounds_hold_all_products_and_sums() {
        let (a, b) = (between(-3, 5), between(-7, -2));
        assert_eq!(a.times(&b), between(-35, 21));
        assert_eq!(a.clone().plus(&b), between(-10, 3));
        assert!(a.contains(&Integer::from(-3)) && !a.contains(&Integer::from(6)));
    }

    #[test]
    fn signed_bits_leave_room_for_the_sign() {
        assert_eq!(between(0, 0).signed_bits(), 1);
        assert_eq!(between(-4, 3).signed_bits(), 4);
        assert_eq!(between(-1, 255).signed_bits(), 9);
    }

    #[test]
    fn numbers_know_their_bounds() {
        let each = Numbers::encode(&vec![0.5, -1.25, 0.0].into(), 3);
        assert_eq!(each.bounds(), between(-10, 4));
        assert!(!each.is_same());
        assert_eq!(*each.at(1), -10);
    }
}
