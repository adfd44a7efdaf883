//! Residues modulo the square of a secret prime, in time that depends on neither.
//!
//! A residue is two digits to the base `p`, `x = x_0 + x_1 p`. Of a product, `p^2` takes one of its four parts
//! away, so that digits of half the length are multiplied: `x y = x_0 y_0 + (x_0 y_1 + x_1 y_0) p`. Both digits are
//! reduced as Montgomery does (*Modular multiplication without trial division*, Mathematics of Computation 44, 1985),
//! with `R` the power of two above `p`'s limbs: with `x_0 y_0 + m p = R (r + b p)`, where `b` is 0 or 1,
//!
//! `x y / R = r + (b + (x_0 y_1 + x_1 y_0 - m) / R) p mod p^2`.
//!
//! It takes half of the products of limbs that a product modulo `p^2` takes otherwise.

use rug::Integer;
use rug::integer::Order;

use crate::limbs::{Limb, add, add_if, add_multiple, multiply, scratch, select, square, subtract};

/// Bits of an exponent's window.
const WINDOW: u32 = 5;

/// The residues modulo `p^2`.
pub(crate) struct PrimeSquare {
    prime: Vec<Limb>,
    /// `-p^-1` modulo a limb's range.
    negated_inverse: Limb,
    /// `R^2`, by which numbers get their form.
    squared_radix: Vec<Limb>,
}

/// What a product takes of memory.
pub(crate) struct Scratch {
    low: Vec<Limb>,
    high: Vec<Limb>,
    other: Vec<Limb>,
    quotient: Vec<Limb>,
    difference: Vec<Limb>,
    product: Vec<Limb>,
}

impl PrimeSquare {
    /// Of an odd number.
    pub(crate) fn new(prime: &Integer) -> Self {
        let limbs = prime.significant_digits::<Limb>();
        let digits = digits(prime, limbs);
        // Newton: each step doubles the bits that are right, of which an odd number's own inverse has 3.
        let mut inverse = digits[0];
        for _ in 0..6 {
            let error = (2 as Limb).wrapping_sub(digits[0].wrapping_mul(inverse));
            inverse = inverse.wrapping_mul(error);
        }
        let square = prime.clone().square();
        let radix = Integer::from(1) << (2 * limbs as u32 * Limb::BITS);
        let mut all = Self {
            negated_inverse: inverse.wrapping_neg(),
            prime: digits,
            squared_radix: vec![],
        };
        all.squared_radix = all.split(&(radix % square), prime);
        all
    }

    pub(crate) fn scratch(&self) -> Scratch {
        let n = self.prime.len();
        Scratch {
            low: vec![0; 2 * n],
            high: vec![0; 2 * n],
            other: vec![0; 2 * n],
            quotient: vec![0; n],
            difference: vec![0; n],
            product: vec![0; scratch(n)],
        }
    }

    /// The two digits of a number below `p^2`, one after the other.
    fn split(&self, number: &Integer, prime: &Integer) -> Vec<Limb> {
        let n = self.prime.len();
        let (high, low) = <(Integer, Integer)>::from(number.div_rem_ref(prime));
        let mut all = digits(&low, n);
        all.extend(digits(&high, n));
        all
    }

    /// The upper digit of `base^exponent`, whose lower one is 1 if the exponent is `p - 1` and the base no
    /// multiple of `p`: `(base^(p - 1) - 1) / p`. Of the exponent, the length shows.
    pub(crate) fn upper_of_power(
        &self,
        base: &Integer,
        exponent: &Integer,
        prime: &Integer,
    ) -> Integer {
        let n = self.prime.len();
        let mut scratch = self.scratch();
        let reduced = base % prime.clone().square();
        let mut unit = vec![0; 2 * n];
        unit[0] = 1;
        // 1, the base, and what follows, in Montgomery's form.
        let mut table = vec![0; (2 * n) << WINDOW];
        let (one, powers) = table.split_at_mut(2 * n);
        self.product(one, &unit, &self.squared_radix, &mut scratch);
        let (first, _) = powers.split_at_mut(2 * n);
        self.product(
            first,
            &self.split(&reduced, prime),
            &self.squared_radix,
            &mut scratch,
        );
        for entry in 2..1 << WINDOW {
            let (known, next) = table.split_at_mut(entry * 2 * n);
            let (base, last) = (&known[2 * n..4 * n], &known[(entry - 1) * 2 * n..]);
            self.product(&mut next[..2 * n], last, base, &mut scratch);
        }
        let mut power = table[..2 * n].to_vec();
        let (mut next, mut factor) = (vec![0; 2 * n], vec![0; 2 * n]);
        for window in (0..exponent.significant_bits().div_ceil(WINDOW)).rev() {
            for _ in 0..WINDOW {
                self.square(&mut next, &power, &mut scratch);
                std::mem::swap(&mut next, &mut power);
            }
            let digit = crate::comb::digit(exponent, window * WINDOW, WINDOW);
            select(&mut factor, &table, digit);
            self.product(&mut next, &power, &factor, &mut scratch);
            std::mem::swap(&mut next, &mut power);
        }
        self.product(&mut next, &power, &unit, &mut scratch);
        Integer::from_digits(&next[n..], Order::Lsf)
    }

    /// `result = x y / R`
    fn product(&self, result: &mut [Limb], x: &[Limb], y: &[Limb], scratch: &mut Scratch) {
        let n = self.prime.len();
        let ((x_low, x_high), (y_low, y_high)) = (x.split_at(n), y.split_at(n));
        multiply(&mut scratch.low, x_low, y_low, &mut scratch.product);
        multiply(&mut scratch.high, x_low, y_high, &mut scratch.product);
        multiply(&mut scratch.other, x_high, y_low, &mut scratch.product);
        let carry = add(&mut scratch.high, &scratch.other);
        self.reduce(result, carry, scratch);
    }

    /// `result = x^2 / R`
    fn square(&self, result: &mut [Limb], x: &[Limb], scratch: &mut Scratch) {
        let (x_low, x_high) = x.split_at(self.prime.len());
        square(&mut scratch.low, x_low, &mut scratch.product);
        multiply(&mut scratch.other, x_low, x_high, &mut scratch.product);
        scratch.high.copy_from_slice(&scratch.other);
        let carry = add(&mut scratch.high, &scratch.other);
        self.reduce(result, carry, scratch);
    }

    /// Both digits from the products in `scratch`, of which the upper has a carry.
    fn reduce(&self, result: &mut [Limb], carry: Limb, scratch: &mut Scratch) {
        let n = self.prime.len();
        let Scratch {
            low,
            high,
            quotient,
            difference,
            ..
        } = scratch;
        let top = self.halve(low, Some(quotient));
        let (low_digit, high_digit) = result.split_at_mut(n);
        low_digit.copy_from_slice(&low[n..]);
        let (_, taken) = self.take_prime(low_digit, top, difference);
        // `p R` more, which is a multiple of `p` in the end, so that nothing is negative.
        let carry = carry + add(&mut high[n..], &self.prime);
        let borrow = subtract(&mut high[..n], quotient);
        let borrow = borrow_from(&mut high[n..], borrow);
        let top = carry.wrapping_sub(borrow) + self.halve(high, None);
        high_digit.copy_from_slice(&high[n..]);
        // And what was taken below. Now it is at most 4 p.
        let mut top = top + carry_into(high_digit, taken);
        for _ in 0..4 {
            (top, _) = self.take_prime(high_digit, top, difference);
        }
    }

    /// Adds a multiple of `p`, by which `R` divides a number; the upper half is the quotient, with a carry.
    fn halve(&self, number: &mut [Limb], mut multiple: Option<&mut Vec<Limb>>) -> Limb {
        let n = self.prime.len();
        for i in 0..n {
            let factor = number[i].wrapping_mul(self.negated_inverse);
            if let Some(multiple) = &mut multiple {
                multiple[i] = factor;
            }
            // The place is 0 now: it keeps the carry, which belongs `n` places further up.
            let carry = add_multiple(&mut number[i..i + n], &self.prime, factor);
            number[i] = carry;
        }
        let (carries, upper) = number.split_at_mut(n);
        add(upper, carries)
    }

    /// Takes `p` off a number with a limb more, if it is not less; that limb, and 1 if it was taken.
    fn take_prime(&self, number: &mut [Limb], top: Limb, difference: &mut [Limb]) -> (Limb, Limb) {
        difference.copy_from_slice(number);
        let borrow = subtract(difference, &self.prime);
        // The borrow is 0 or 1: of no borrow or something above, it is not less.
        let is_above = (top | top.wrapping_neg()) >> (Limb::BITS - 1);
        let taken = (borrow ^ 1) | is_above;
        number.copy_from_slice(difference);
        add_if(taken ^ 1, number, &self.prime);
        (top.wrapping_sub(borrow & taken), taken)
    }
}

/// Overwritten when it goes, as far as it can be reached.
impl Drop for PrimeSquare {
    fn drop(&mut self) {
        self.prime.fill(0);
        self.squared_radix.fill(0);
        std::hint::black_box((&self.prime, &self.squared_radix));
    }
}

/// Takes a borrow off a number; the borrow of that.
fn borrow_from(number: &mut [Limb], mut borrow: Limb) -> Limb {
    for limb in number {
        let (rest, is_less) = limb.overflowing_sub(borrow);
        (*limb, borrow) = (rest, Limb::from(is_less));
    }
    borrow
}

/// Adds a carry to a number; the carry of that.
fn carry_into(number: &mut [Limb], mut carry: Limb) -> Limb {
    for limb in number {
        let (sum, is_more) = limb.overflowing_add(carry);
        (*limb, carry) = (sum, Limb::from(is_more));
    }
    carry
}

/// A number's limbs, so many.
fn digits(number: &Integer, limbs: usize) -> Vec<Limb> {
    let mut all = vec![0; limbs];
    number.write_digits(&mut all, Order::Lsf);
    all
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::primes::Primes;
    use crate::random;

    /// The upper digit of powers is that of GMP's, for primes that fill their limbs and others, and at both ends
    /// of what a base can be.
    #[test]
    fn powers_are_gmps() {
        for bits in [128, 144, 256, 272, 1040] {
            let primes = Primes::generate(bits).unwrap();
            for prime in [&primes.p, &primes.q] {
                let ring = PrimeSquare::new(prime);
                let square = prime.clone().square();
                let least = Integer::from(prime - 1);
                let mut bases = vec![
                    Integer::from(1),
                    Integer::from(2),
                    least.clone(),
                    Integer::from(prime + 1),
                    Integer::from(&square - 1),
                    Integer::from(&square - prime) - 1,
                    Integer::from(&square - prime) + 1,
                    Integer::from(&square + 1),
                ];
                bases.extend((0..40).map(|_| random::below(&square).unwrap()));
                for base in bases {
                    let exponents = [
                        least.clone(),
                        Integer::from(1),
                        Integer::from(37),
                        random::below(&square).unwrap(),
                    ];
                    for exponent in exponents {
                        let power = base.clone().pow_mod(&exponent, &square).unwrap();
                        let found = ring.upper_of_power(&base, &exponent, prime);
                        assert_eq!(found, power / prime, "{base}^{exponent}, {prime}");
                    }
                }
            }
        }
    }
}
