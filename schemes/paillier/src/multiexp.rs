//! Products of powers: `prod base_i^exponent_i`.

use rug::Integer;

use crate::comb::digit;

/// How a product of powers is computed, with its window in bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Method {
    /// Interleaved windows with a table of small powers for each base: Straus, *Addition chains
    /// of vectors*, American Mathematical Monthly 71 (1964).
    Straus(u32),
    /// Buckets by digit, shared by all bases: Pippenger, *On the evaluation of powers and
    /// related problems*, FOCS 1976, in the form of Bernstein et al., *Faster batch forgery
    /// identification*, INDOCRYPT 2012.
    Buckets(u32),
}

impl Method {
    /// The method and window that take the fewest products.
    fn cheapest(terms: usize, exponent_bits: u32) -> Self {
        let all = (1..=6).map(Self::Straus).chain((2..=10).map(Self::Buckets));
        all.min_by_key(|method| method.products(terms as u64, u64::from(exponent_bits)))
            .unwrap_or(Self::Straus(1))
    }

    /// About how many products it takes, in tenths.
    fn products(self, terms: u64, bits: u64) -> u64 {
        match self {
            Self::Straus(w) => {
                let w = u64::from(w);
                let skipped = 10 * terms * bits.div_ceil(w) / (1 << w);
                10 * (terms * ((1 << w) - 2) + terms * bits.div_ceil(w) + bits) - skipped
            }
            Self::Buckets(w) => {
                let w = u64::from(w);
                10 * (bits.div_ceil(w) * (terms + 2 * (1 << w)) + bits)
            }
        }
    }
}

/// About how many products of numbers below the modulus [`product_of_powers`] takes, for exponents of
/// at most so many bits.
pub(crate) fn products(terms: usize, exponent_bits: u32) -> f64 {
    let method = Method::cheapest(terms, exponent_bits);
    method.products(terms as u64, u64::from(exponent_bits)) as f64 / 10.0
}

/// `prod base^exponent mod modulus`, for positive exponents; 1 if there are no terms.
pub(crate) fn product_of_powers(terms: &[(&Integer, &Integer)], modulus: &Integer) -> Integer {
    let bits = terms.iter().map(|(_, e)| e.significant_bits()).max();
    let bits = bits.unwrap_or(0);
    compute(Method::cheapest(terms.len(), bits), terms, bits, modulus)
}

fn compute(
    method: Method,
    terms: &[(&Integer, &Integer)],
    bits: u32,
    modulus: &Integer,
) -> Integer {
    let product = match method {
        Method::Straus(window) => straus(window, terms, bits, modulus),
        Method::Buckets(window) => buckets(window, terms, bits, modulus),
    };
    product.0.unwrap_or_else(|| Integer::from(1))
}

/// A product that has no factor yet, so that the first costs nothing.
struct Product<'a>(Option<Integer>, &'a Integer);

impl Product<'_> {
    fn times(&mut self, factor: &Integer) {
        match &mut self.0 {
            Some(x) => {
                *x *= factor;
                *x %= self.1;
            }
            none => *none = Some(factor.clone()),
        }
    }

    fn square(&mut self, times: u32) {
        if let Some(x) = &mut self.0 {
            for _ in 0..times {
                x.square_mut();
                *x %= self.1;
            }
        }
    }
}

fn straus<'m>(
    window: u32,
    terms: &[(&Integer, &Integer)],
    bits: u32,
    modulus: &'m Integer,
) -> Product<'m> {
    let tables: Vec<Vec<Integer>> = terms
        .iter()
        .map(|(base, exponent)| {
            let needed = (1 << window).min(1_u64 << exponent.significant_bits().min(63)) as usize;
            let mut powers: Vec<Integer> = vec![];
            for _ in 2..needed {
                let last = powers.last().unwrap_or(base);
                powers.push(Integer::from(last * *base) % modulus);
            }
            powers
        })
        .collect();
    let mut product = Product(None, modulus);
    for at in (0..bits.div_ceil(window)).rev() {
        product.square(window);
        for ((base, exponent), powers) in terms.iter().zip(&tables) {
            match digit(exponent, at * window, window) {
                0 => {}
                1 => product.times(base),
                d => product.times(&powers[d - 2]),
            }
        }
    }
    product
}

fn buckets<'m>(
    window: u32,
    terms: &[(&Integer, &Integer)],
    bits: u32,
    modulus: &'m Integer,
) -> Product<'m> {
    let mut product = Product(None, modulus);
    for at in (0..bits.div_ceil(window)).rev() {
        product.square(window);
        let mut by_digit: Vec<Product> = (1..1 << window).map(|_| Product(None, modulus)).collect();
        for (base, exponent) in terms {
            let digit = digit(exponent, at * window, window);
            if digit > 0 {
                by_digit[digit - 1].times(base);
            }
        }
        // From the highest digit down, each bucket enters the running product once and the
        // window's product once for every digit up to its own.
        let mut running = Product(None, modulus);
        for bucket in by_digit.iter().rev() {
            if let Some(x) = &bucket.0 {
                running.times(x);
            }
            if let Some(x) = &running.0 {
                product.times(x);
            }
        }
    }
    product
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random;

    #[track_caller]
    fn check(method: Method, terms: &[(Integer, Integer)], modulus: &Integer) {
        let mut expect = Integer::from(1);
        for (base, exponent) in terms {
            expect *= base.clone().pow_mod(exponent, modulus).unwrap();
            expect %= modulus;
        }
        let terms: Vec<_> = terms.iter().map(|(b, e)| (b, e)).collect();
        let bits = terms.iter().map(|(_, e)| e.significant_bits()).max();
        let got = compute(method, &terms, bits.unwrap_or(0), modulus);
        assert_eq!(got, expect, "{method:?}");
    }

    #[test]
    fn every_method_agrees_with_gmp() {
        let modulus = random::bits(200).unwrap() | 1_u32;
        let methods = (1..=6)
            .map(Method::Straus)
            .chain((2..=8).map(Method::Buckets));
        for method in methods {
            for (count, bits) in [(0, 1), (1, 1), (1, 70), (5, 1), (7, 29), (40, 90)] {
                let terms: Vec<_> = (0..count)
                    .map(|i| {
                        let exponent = random::bits(1 + (bits + i) % bits).unwrap() + 1_u32;
                        (random::below(&modulus).unwrap(), exponent)
                    })
                    .collect();
                check(method, &terms, &modulus);
            }
        }
    }

    #[test]
    fn many_bases_share_buckets_and_few_do_not() {
        assert!(matches!(Method::cheapest(9, 28), Method::Straus(_)));
        assert!(matches!(Method::cheapest(500, 28), Method::Buckets(_)));
        assert_eq!(Method::cheapest(500, 1), Method::Straus(1));
    }
}
