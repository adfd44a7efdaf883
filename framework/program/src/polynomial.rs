//! Public polynomials, held in the Chebyshev basis of their domain.
//!
//! The basis `T_0, T_1, …` on `[-1, 1]` keeps coefficients of the size of the function, where
//! the powers of `x` need large ones that cancel (Trefethen, *Approximation Theory and
//! Approximation Practice*, SIAM 2013, chapters 3 and 4).

use std::f64::consts::PI;
use std::hash::{Hash, Hasher};

use serde::{Deserialize, Serialize};
use strum::{EnumString, IntoStaticStr, VariantNames};

use super::public::hash_numbers;
use super::{Interval, ProgramError};

/// A polynomial on a domain: `sum of c_k T_k(u)`, where `u` is `x` mapped from the domain to
/// `[-1, 1]`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "PolynomialWire")]
pub struct Polynomial {
    domain: Interval,
    chebyshev: Vec<f64>,
}

/// As equality has it.
impl Hash for Polynomial {
    fn hash<H: Hasher>(&self, state: &mut H) {
        hash_numbers(&[self.domain.low, self.domain.high], state);
        hash_numbers(&self.chebyshev, state);
    }
}

/// A polynomial as it travels, not yet checked.
#[derive(Deserialize)]
struct PolynomialWire {
    domain: Interval,
    chebyshev: Vec<f64>,
}

impl TryFrom<PolynomialWire> for Polynomial {
    type Error = ProgramError;

    fn try_from(wire: PolynomialWire) -> Result<Self, ProgramError> {
        Self::from_chebyshev(wire.domain, wire.chebyshev)
    }
}

/// How a function is turned into a polynomial.
#[derive(
    Clone,
    Copy,
    Debug,
    Default,
    PartialEq,
    Eq,
    Serialize,
    Deserialize,
    EnumString,
    IntoStaticStr,
    VariantNames,
)]
#[serde(rename_all = "kebab-case")]
#[strum(serialize_all = "kebab-case")]
pub enum Fit {
    /// The truncated Chebyshev series: within a small factor of the best maximum error
    /// (Trefethen 2013, theorem 16.1).
    #[default]
    Chebyshev,
    /// Least squares with equal weight over the domain: the smaller mean error, the larger
    /// error at the ends.
    LeastSquares,
}

impl Polynomial {
    /// The polynomial with Chebyshev coefficients `chebyshev` (constant first) on `domain`.
    ///
    /// # Errors
    /// `ProgramError::EmptyDomain` where the domain is not finite or has no width;
    /// `ProgramError::NotFinite` where there is no coefficient, or one is not finite.
    pub fn from_chebyshev(domain: Interval, chebyshev: Vec<f64>) -> Result<Self, ProgramError> {
        if !domain.is_finite() || domain.width() <= 0.0 {
            return Err(ProgramError::EmptyDomain { domain });
        }
        if chebyshev.is_empty() || chebyshev.iter().any(|c| !c.is_finite()) {
            return Err(ProgramError::NotFinite {
                what: "a polynomial's coefficients",
            });
        }
        let mut polynomial = Self { domain, chebyshev };
        polynomial.trim();
        Ok(polynomial)
    }

    /// The polynomial `sum of coefficients[k] x^k` (constant first), for use on `domain`.
    ///
    /// # Errors
    /// `ProgramError::EmptyDomain` where the domain is not finite or has no width;
    /// `ProgramError::NotFinite` where a coefficient, or a value on the domain, is not finite.
    pub fn from_powers(domain: Interval, coefficients: &[f64]) -> Result<Self, ProgramError> {
        let degree = coefficients.len().saturating_sub(1);
        let horner = |x: f64| coefficients.iter().rev().fold(0.0, |sum, c| sum * x + c);
        Self::interpolate(domain, degree, degree + 1, horner)
    }

    /// Approximates `f` on `domain` by a polynomial of at most `degree`.
    ///
    /// # Errors
    /// `ProgramError::EmptyDomain` where the domain is not finite or has no width;
    /// `ProgramError::NotFinite` where `f` is not finite at a point where it is sampled.
    pub fn fit(
        domain: Interval,
        degree: usize,
        fit: Fit,
        f: impl Fn(f64) -> f64,
    ) -> Result<Self, ProgramError> {
        match fit {
            Fit::Chebyshev => Self::interpolate(domain, degree, 64 * (degree + 1), f),
            Fit::LeastSquares => Self::least_squares(domain, degree, f),
        }
    }

    /// The projection on `T_0 … T_degree`, by the values at `nodes` Chebyshev points.
    fn interpolate(
        domain: Interval,
        degree: usize,
        nodes: usize,
        f: impl Fn(f64) -> f64,
    ) -> Result<Self, ProgramError> {
        let n = nodes as f64;
        let angles: Vec<f64> = (0..nodes).map(|j| PI * (j as f64 + 0.5) / n).collect();
        let values: Vec<f64> = angles
            .iter()
            .map(|t| f(domain.centre() + 0.5 * domain.width() * t.cos()))
            .collect();
        let coefficient = |k: usize| {
            let sum: f64 = angles
                .iter()
                .zip(&values)
                .map(|(t, v)| v * (k as f64 * t).cos())
                .sum();
            if k == 0 { sum / n } else { 2.0 * sum / n }
        };
        Self::from_chebyshev(domain, (0..=degree).map(coefficient).collect())
    }

    /// Least squares with uniform weight: the Legendre series, which is orthogonal for that
    /// weight, integrated by Fejér's first rule (Trefethen 2013, chapter 19) and turned back to
    /// the Chebyshev basis.
    fn least_squares(
        domain: Interval,
        degree: usize,
        f: impl Fn(f64) -> f64,
    ) -> Result<Self, ProgramError> {
        let nodes = 64 * (degree + 1).max(16);
        let n = nodes as f64;
        let points: Vec<(f64, f64, f64)> = (0..nodes)
            .map(|j| {
                let t = PI * (j as f64 + 0.5) / n;
                let u = t.cos();
                let tail: f64 = (1..=nodes / 2)
                    .map(|k| (2.0 * k as f64 * t).cos() / (4.0 * (k * k) as f64 - 1.0))
                    .sum();
                let weight = 2.0 / n * (1.0 - 2.0 * tail);
                (u, f(domain.centre() + 0.5 * domain.width() * u), weight)
            })
            .collect();
        let series: Vec<f64> = (0..=degree)
            .map(|k| {
                let inner: f64 = points.iter().map(|(u, v, w)| v * legendre(k, *u) * w).sum();
                inner * (2.0 * k as f64 + 1.0) / 2.0
            })
            .collect();
        let unit = |x: f64| (x - domain.centre()) / (0.5 * domain.width());
        Self::interpolate(domain, degree, degree + 1, |x| {
            series
                .iter()
                .enumerate()
                .map(|(k, c)| c * legendre(k, unit(x)))
                .sum()
        })
    }

    /// Drops what rounding left: coefficients below 2^-50 of the largest one, and the zeros at
    /// the end.
    fn trim(&mut self) {
        let largest = self.chebyshev.iter().fold(0.0_f64, |m, c| m.max(c.abs()));
        for c in &mut self.chebyshev {
            if c.abs() <= largest * 2.0_f64.powi(-50) {
                *c = 0.0;
            }
        }
        while self.chebyshev.len() > 1 && self.chebyshev.last() == Some(&0.0) {
            self.chebyshev.pop();
        }
    }

    /// Where it may be used.
    pub fn domain(&self) -> Interval {
        self.domain
    }

    /// The coefficients of `T_0, T_1, …`.
    pub fn chebyshev(&self) -> &[f64] {
        &self.chebyshev
    }

    /// The same polynomial on another domain; itself where that is its own.
    ///
    /// # Errors
    /// `ProgramError::EmptyDomain` where the new domain is not finite or has no width;
    /// `ProgramError::NotFinite` where the values on it are not finite.
    pub fn on(self, domain: Interval) -> Result<Self, ProgramError> {
        if domain == self.domain {
            return Ok(self);
        }
        Self::interpolate(domain, self.degree(), self.degree() + 1, |x| {
            self.evaluate(x)
        })
    }

    /// `factor * p + plus`.
    ///
    /// # Errors
    /// `ProgramError::NotFinite` where `factor`, `plus` or a coefficient of the result is not
    /// finite.
    pub fn affine(&self, factor: f64, plus: f64) -> Result<Self, ProgramError> {
        let mut chebyshev: Vec<f64> = self.chebyshev.iter().map(|c| factor * c).collect();
        chebyshev[0] += plus;
        Self::from_chebyshev(self.domain, chebyshev)
    }

    /// The degree.
    pub fn degree(&self) -> usize {
        self.chebyshev.len() - 1
    }

    /// The value at `x`, by Clenshaw's recurrence.
    pub fn evaluate(&self, x: f64) -> f64 {
        let u = (x - self.domain.centre()) / (0.5 * self.domain.width());
        let (mut b1, mut b2) = (0.0, 0.0);
        for c in self.chebyshev.iter().skip(1).rev() {
            (b1, b2) = (2.0 * u * b1 - b2 + c, b1);
        }
        self.chebyshev[0] + u * b1 - b2
    }

    /// An interval that holds all values on `on`, which lies in the domain.
    ///
    /// Between samples `h` apart an extremum exceeds its neighbours by at most
    /// `h^2 / 8 * max |p''|`, and `|T_k''| <= k^2 (k^2 - 1) / 3` (the Markov brothers'
    /// inequality).
    pub fn range(&self, on: Interval) -> Interval {
        const SAMPLES: usize = 4096;
        let bend: f64 = self
            .chebyshev
            .iter()
            .enumerate()
            .map(|(k, c)| (k * k) as f64 * ((k * k) as f64 - 1.0).max(0.0) / 3.0 * c.abs())
            .sum();
        let step = on.width() / SAMPLES as f64;
        let unit_step = step / (0.5 * self.domain.width());
        let margin = unit_step.powi(2) / 8.0 * bend;
        let samples = (0..=SAMPLES).map(|i| self.evaluate(on.low + step * i as f64));
        let hull = Interval::hull(samples).unwrap_or(Interval::point(0.0));
        Interval {
            low: hull.low - margin,
            high: hull.high + margin,
        }
    }

    /// The greatest difference to `f` on the domain, by sampling.
    pub fn max_error(&self, f: impl Fn(f64) -> f64) -> f64 {
        const SAMPLES: usize = 4096;
        (0..=SAMPLES)
            .map(|i| {
                let x = self.domain.low + self.domain.width() * i as f64 / SAMPLES as f64;
                (self.evaluate(x) - f(x)).abs()
            })
            .fold(0.0, f64::max)
    }
}

/// The Legendre polynomial `P_k(u)`, by Bonnet's recurrence.
fn legendre(k: usize, u: f64) -> f64 {
    let (mut p, mut q) = (1.0, 0.0);
    for j in 0..k {
        let j = j as f64;
        (p, q) = (((2.0 * j + 1.0) * u * p - j * q) / (j + 1.0), p);
    }
    p
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sigmoid(x: f64) -> f64 {
        1.0 / (1.0 + (-x).exp())
    }

    #[test]
    fn powers_and_chebyshev_agree() {
        let domain = Interval::new(-2.0, 5.0);
        let p = Polynomial::from_powers(domain, &[1.0, -2.0, 0.5, 3.0]).unwrap();
        for x in [-2.0, -0.3, 0.0, 1.7, 5.0] {
            let expect = 1.0 - 2.0 * x + 0.5 * x * x + 3.0 * x * x * x;
            assert!((p.evaluate(x) - expect).abs() < 1e-9, "at {x}");
        }
        assert_eq!(p.degree(), 3);
    }

    #[test]
    fn fits_improve_with_the_degree_and_stay_odd() {
        let domain = Interval::symmetric(8.0);
        for fit in [Fit::Chebyshev, Fit::LeastSquares] {
            let mut last = 1.0;
            for degree in [3, 5, 7, 9, 15] {
                let p = Polynomial::fit(domain, degree, fit, sigmoid).unwrap();
                let error = p.max_error(sigmoid);
                assert!(
                    error < last,
                    "{fit:?} degree {degree}: {error} not below {last}"
                );
                last = error;
                for (k, c) in p.chebyshev().iter().enumerate().skip(1) {
                    assert!(k % 2 == 1 || c.abs() < 1e-12, "even coefficient {k}: {c}");
                }
            }
            assert!(last < 0.01, "{fit:?}: {last}");
        }
    }

    #[test]
    fn ranges_hold_all_values() {
        let domain = Interval::symmetric(10.0);
        let p = Polynomial::fit(domain, 7, Fit::Chebyshev, sigmoid).unwrap();
        let range = p.range(domain);
        for i in 0..10_000 {
            let x = -10.0 + 20.0 * f64::from(i) / 9_999.0;
            assert!(range.contains(p.evaluate(x)));
        }
        assert!(range.width() < 1.5, "not far too wide: {range}");
    }

    #[test]
    fn an_empty_domain_is_an_error() {
        assert!(Polynomial::from_powers(Interval::point(1.0), &[1.0]).is_err());
    }
}
