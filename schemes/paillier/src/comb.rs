//! Powers of one fixed base.

use rayon::prelude::*;
use rug::Integer;

use crate::random::wipe;

/// Bits of a window.
pub(crate) const WINDOW: u32 = 6;

/// Powers of a fixed base by table: one product for each window of the exponent and no squaring.
///
/// Row `i` holds `base^(d 2^(6 i))` for the digits `d` from 1 to 63. Brickell, Gordon, McCurley
/// and Wilson, *Fast exponentiation with precomputation*, EUROCRYPT 1992.
pub(crate) struct FixedBase {
    modulus: Integer,
    rows: Vec<Vec<Integer>>,
}

impl FixedBase {
    /// The table for exponents of at most `exponent_bits`.
    pub(crate) fn new(base: &Integer, exponent_bits: u32, modulus: &Integer) -> Self {
        let mut firsts = vec![base.clone()];
        for _ in 1..exponent_bits.div_ceil(WINDOW) {
            let mut next = firsts[firsts.len() - 1].clone();
            for _ in 0..WINDOW {
                next.square_mut();
                next %= modulus;
            }
            firsts.push(next);
        }
        let rows = firsts.into_par_iter().map(|first| {
            let mut row = vec![first];
            while row.len() < (1 << WINDOW) - 1 {
                let next = Integer::from(&row[row.len() - 1] * &row[0]) % modulus;
                row.push(next);
            }
            row
        });
        Self {
            modulus: modulus.clone(),
            rows: rows.collect(),
        }
    }

    /// `base^exponent`, for an exponent of at most the bits that the table was made for.
    pub(crate) fn power(&self, exponent: &Integer) -> Integer {
        let mut result = Integer::from(1);
        for (i, row) in self.rows.iter().enumerate() {
            let digit = digit(exponent, i as u32 * WINDOW, WINDOW);
            if digit > 0 {
                result *= &row[digit - 1];
                result %= &self.modulus;
            }
        }
        result
    }

    /// Overwrites modulus and table, as far as they can be reached.
    pub(crate) fn wipe(&mut self) {
        wipe(&mut self.modulus);
        self.rows.iter_mut().flatten().for_each(wipe);
    }

    /// The bytes that the table of a base takes.
    pub(crate) fn table_bytes(exponent_bits: u32, modulus_bits: u32) -> u64 {
        let entries = u64::from(exponent_bits.div_ceil(WINDOW)) * ((1 << WINDOW) - 1);
        entries * u64::from(modulus_bits.div_ceil(8))
    }
}

/// `width` bits of a number that is not negative, from bit `at` on.
pub(crate) fn digit(number: &Integer, at: u32, width: u32) -> usize {
    (0..width).rev().fold(0, |digit, bit| {
        digit << 1 | usize::from(number.get_bit(at + bit))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random;

    #[test]
    fn powers_agree_with_gmp() {
        let modulus = random::bits(300).unwrap() | 1_u32;
        let base = random::below(&modulus).unwrap();
        let table = FixedBase::new(&base, 100, &modulus);
        for exponent in [
            Integer::new(),
            Integer::from(1),
            Integer::from(64),
            (Integer::from(1) << 100_u32) - 1_u32,
            random::bits(100).unwrap(),
        ] {
            let expect = base.clone().pow_mod(&exponent, &modulus).unwrap();
            assert_eq!(table.power(&exponent), expect);
        }
    }
}
