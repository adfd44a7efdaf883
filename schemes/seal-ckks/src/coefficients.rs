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

/// The transform between a real polynomial's coefficients and its values at the roots that SEAL's slots
/// stand for: `zeta^(3^i)` for slot `i`, where `zeta = e^(i pi / N)`.
pub(crate) struct Transform {
    /// `zeta^k` for each coefficient `k`.
    twists: Vec<Complex>,
    /// For each slot, `(t - 1) / 2` of its root `zeta^t`, and of the conjugate one.
    roots: Vec<(usize, usize)>,
}

impl Transform {
    /// Of polynomials with `degree` coefficients, a power of two.
    pub(crate) fn new(degree: usize) -> Self {
        let twists = (0..degree).map(|k| {
            let (sin, cos) = (PI * k as f64 / degree as f64).sin_cos();
            (cos, sin)
        });
        let powers = std::iter::successors(Some(1), |t| Some(t * 3 % (2 * degree)));
        let roots = powers
            .take(degree / 2)
            .map(|t| ((t - 1) / 2, (2 * degree - t - 1) / 2));
        Self {
            twists: twists.collect(),
            roots: roots.collect(),
        }
    }

    /// The values in the slots, of as many coefficients as there are.
    pub(crate) fn values(&self, coefficients: &[f64]) -> Vec<Complex> {
        let twisted = coefficients.iter().zip(&self.twists);
        let mut all: Vec<Complex> = twisted.map(|(c, (re, im))| (c * re, c * im)).collect();
        self.fourier(&mut all, 1.0);
        self.roots.iter().map(|(root, _)| all[*root]).collect()
    }

    /// The coefficients, of the values in all slots.
    pub(crate) fn coefficients(&self, values: &[Complex]) -> Vec<f64> {
        let degree = self.twists.len();
        let mut all = vec![(0.0, 0.0); degree];
        for ((root, conjugate), (re, im)) in self.roots.iter().zip(values) {
            all[*root] = (*re, *im);
            all[*conjugate] = (*re, -im);
        }
        self.fourier(&mut all, -1.0);
        let twisted = all.into_iter().zip(&self.twists);
        twisted
            .map(|(a, (re, im))| times(a, (*re, -im)).0 / degree as f64)
            .collect()
    }

    /// `y[u] = sum of x[k] e^(sign 2 pi i k u / N)`, in place (Cooley and Tukey 1965).
    fn fourier(&self, x: &mut [Complex], sign: f64) {
        let degree = x.len();
        let unused = usize::BITS - degree.trailing_zeros();
        for i in 0..degree {
            let j = if degree > 1 {
                i.reverse_bits() >> unused
            } else {
                i
            };
            if i < j {
                x.swap(i, j);
            }
        }
        let mut half = 1;
        while half < degree {
            // e^(2 pi i k / (2 half)) is zeta^(k N / half).
            let step = degree / half;
            for block in x.chunks_exact_mut(2 * half) {
                let (low, high) = block.split_at_mut(half);
                for (k, (a, b)) in low.iter_mut().zip(high).enumerate() {
                    let (re, im) = self.twists[k * step];
                    let product = times(*b, (re, sign * im));
                    *b = (a.0 - product.0, a.1 - product.1);
                    *a = (a.0 + product.0, a.1 + product.1);
                }
            }
            half *= 2;
        }
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
