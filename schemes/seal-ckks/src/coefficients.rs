//! Numbers in the coefficients of a plaintext.
//!
//! SEAL encodes values at roots of unity only. Which values a polynomial with given coefficients has
//! there, and which coefficients one with given values, is a Fourier transform of our own, in double
//! precision, beside SEAL's.

use std::f64::consts::PI;

/// A complex number: real and imaginary part.
type Complex = (f64, f64);

fn times(a: Complex, b: Complex) -> Complex {
    (a.0 * b.0 - a.1 * b.1, a.0 * b.1 + a.1 * b.0)
}

fn conjugate(a: Complex) -> Complex {
    (a.0, -a.1)
}

/// The transform between a real polynomial's coefficients and its values at the roots that SEAL's slots
/// stand for: `zeta^(3^i)` for slot `i`, where `zeta = e^(i pi / N)`.
///
/// At the roots `zeta^(4k+1)`, `X^(N/2)` is `i`: a real polynomial is there one of `N/2` complex coefficients
/// `c_j + i c_(j+N/2)`, and a Fourier transform of half the length yields its values. The other slots' roots are
/// conjugates of these.
pub(crate) struct Transform {
    /// `zeta^j` for the first half of the coefficients.
    twists: Vec<Complex>,
    /// `e^(i pi k / h)` at place `h + k`, for each power of two `h` below `N/2` and each `k` below `h`.
    roots: Vec<Complex>,
    /// For each slot, where its value lies in the transform, and whether it is the conjugate one.
    places: Vec<(usize, bool)>,
}

impl Transform {
    /// Of polynomials with `degree` coefficients, a power of two, at least 4.
    pub(crate) fn new(degree: usize) -> Self {
        let half = degree / 2;
        let at = |k: usize, of: usize| {
            let (sin, cos) = (PI * k as f64 / of as f64).sin_cos();
            (cos, sin)
        };
        let mut roots = vec![(1.0, 0.0)];
        let mut h = 1;
        while h < half {
            roots.extend((0..h).map(|k| at(k, h)));
            h *= 2;
        }
        // Values come in the order of reversed bits.
        let unused = usize::BITS - half.trailing_zeros();
        let powers = std::iter::successors(Some(1), |t| Some(t * 3 % (2 * degree)));
        let places = powers.take(half).map(|t: usize| {
            let conjugate = t % 4 == 3;
            let root = if conjugate { 2 * degree - t } else { t };
            ((root / 4).reverse_bits() >> unused, conjugate)
        });
        Self {
            twists: (0..half).map(|j| at(j, degree)).collect(),
            roots,
            places: places.collect(),
        }
    }

    /// The values in the slots, of as many coefficients as there are.
    pub(crate) fn values(&self, coefficients: &[f64]) -> Vec<Complex> {
        let (low, high) = coefficients.split_at(self.twists.len());
        let both = low.iter().zip(high).zip(&self.twists);
        let mut all: Vec<Complex> = both
            .map(|((low, high), twist)| times((*low, *high), *twist))
            .collect();
        // Gentleman and Sande 1966.
        let mut half = all.len() / 2;
        while half > 0 {
            let roots = &self.roots[half..2 * half];
            for block in all.chunks_exact_mut(2 * half) {
                let (low, high) = block.split_at_mut(half);
                for ((a, b), root) in low.iter_mut().zip(high).zip(roots) {
                    let difference = (a.0 - b.0, a.1 - b.1);
                    *a = (a.0 + b.0, a.1 + b.1);
                    *b = times(difference, *root);
                }
            }
            half /= 2;
        }
        let value = |(place, is_conjugate): &(usize, bool)| {
            let value = all[*place];
            if *is_conjugate {
                conjugate(value)
            } else {
                value
            }
        };
        self.places.iter().map(value).collect()
    }

    /// The coefficients, of the values in all slots.
    pub(crate) fn coefficients(&self, values: &[Complex]) -> Vec<f64> {
        let mut all = vec![(0.0, 0.0); self.twists.len()];
        for ((place, is_conjugate), value) in self.places.iter().zip(values) {
            all[*place] = if *is_conjugate {
                conjugate(*value)
            } else {
                *value
            };
        }
        // Cooley and Tukey 1965.
        let mut half = 1;
        while half < all.len() {
            let roots = &self.roots[half..2 * half];
            for block in all.chunks_exact_mut(2 * half) {
                let (low, high) = block.split_at_mut(half);
                for ((a, b), root) in low.iter_mut().zip(high).zip(roots) {
                    let product = times(*b, conjugate(*root));
                    *b = (a.0 - product.0, a.1 - product.1);
                    *a = (a.0 + product.0, a.1 + product.1);
                }
            }
            half *= 2;
        }
        let unit = 1.0 / all.len() as f64;
        let mut coefficients = vec![0.0; 2 * all.len()];
        let (low, high) = coefficients.split_at_mut(all.len());
        for ((value, twist), (low, high)) in all
            .into_iter()
            .zip(&self.twists)
            .zip(low.iter_mut().zip(high))
        {
            let (re, im) = times(value, conjugate(*twist));
            (*low, *high) = (re * unit, im * unit);
        }
        coefficients
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_those_of_the_polynomial() {
        let degree = 16;
        let coefficients: Vec<f64> = (0..degree).map(|k| (k as f64 - 3.7) / 4.0).collect();
        let transform = Transform::new(degree);
        let values = transform.values(&coefficients);
        let mut t = 1;
        for (slot, found) in values.iter().enumerate() {
            let at = |k: usize| {
                let (sin, cos) = (PI * (k * t) as f64 / degree as f64).sin_cos();
                (cos, sin)
            };
            let terms = coefficients.iter().enumerate();
            let expected = terms.fold((0.0, 0.0), |sum: Complex, (k, c)| {
                let (re, im) = at(k);
                (sum.0 + c * re, sum.1 + c * im)
            });
            let distance = (found.0 - expected.0).hypot(found.1 - expected.1);
            assert!(distance < 1e-12, "slot {slot}: {found:?}, {expected:?}");
            t = t * 3 % (2 * degree);
        }
        let back = transform.coefficients(&values);
        for (x, y) in back.iter().zip(&coefficients) {
            assert!((x - y).abs() < 1e-12, "{x}, {y}");
        }
    }

    #[test]
    fn long_polynomials_keep_their_precision() {
        let degree = 1 << 15;
        let coefficients: Vec<f64> = (0..degree)
            .map(|k| ((k * k) % 1009) as f64 - 500.0)
            .collect();
        let transform = Transform::new(degree);
        let back = transform.coefficients(&transform.values(&coefficients));
        for (x, y) in back.iter().zip(&coefficients) {
            // 2^-48 of the largest, as `noise::DOUBLE` has it.
            assert!((x - y).abs() < 500.0 / (1_u64 << 40) as f64, "{x}, {y}");
        }
    }
}
