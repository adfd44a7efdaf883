//! Odd polynomials nearest to 1.
//!
//! On `[low, 1]` there is one odd polynomial of each degree whose largest distance to 1 is least;
//! by symmetry it is the best for the sign on both sides of 0 (Lee, Lee, No and Kim, *Minimax
//! approximation of sign function by composite polynomial for homomorphic comparison*, IEEE TDSC
//! 2022). It is found by the exchange of Remez (1934) as in Cheney, *Introduction to
//! Approximation Theory*, 1966, chapter 3: a polynomial of `n` odd terms is the best if and only
//! if its error takes its extreme, with alternating sign, at `n + 1` points.

use std::f64::consts::PI;

use super::super::{Fit, Interval, Polynomial, ProgramError};

/// Exchanges at most; four to eight are usual.
const EXCHANGES: usize = 60;
/// The extremes' errors agree to this share, or to what rounding leaves.
const LEVELLED: f64 = 1e-9;
const ROUNDING: f64 = 1e-13;
/// Errors below this are not looked for: double precision leaves the coefficients so inexact then
/// that the polynomial strays where nothing holds it, below `low`.
const USEFUL: f64 = 1e-12;
/// Samples between two extremes.
const DENSITY: usize = 24;

/// The odd polynomial of `degree` (an even degree counts as the one below) on `[-1, 1]` that is
/// nearest to 1 on `[low, 1]`, and its largest distance there. `low` lies between 0 and 1. Where a
/// lesser degree is as near as double precision can tell, it has that degree.
pub(super) fn nearest_to_one(degree: usize, low: f64) -> Result<(Polynomial, f64), ProgramError> {
    let terms = degree.div_ceil(2).min(useful_terms(low)).max(1);
    let mut points = spread(low, terms + 1);
    let mut best: Option<(Vec<f64>, f64)> = None;
    for _ in 0..EXCHANGES {
        let Some(coefficients) = level(low, &points) else {
            break;
        };
        let error = |x: f64| odd(low, &coefficients, x) - 1.0;
        let found = extremes(low, terms, error);
        let sizes = found.iter().map(|x| error(*x).abs());
        let largest = sizes.clone().fold(0.0, f64::max);
        let least = sizes.fold(f64::INFINITY, f64::min);
        if best.as_ref().is_none_or(|(_, b)| largest < *b) {
            best = Some((coefficients, largest));
        }
        if largest - least <= (LEVELLED * largest).max(ROUNDING) || found.len() != terms + 1 {
            break;
        }
        points = found;
    }
    let (coefficients, error) = best.ok_or(ProgramError::NotFinite {
        what: "a minimax polynomial",
    })?;
    let (unit, degree) = (Interval::symmetric(1.0), 2 * terms - 1);
    let dense = Polynomial::fit(unit, degree, Fit::Chebyshev, |x| odd(low, &coefficients, x))?;
    let of_odd = |(k, c): (usize, &f64)| if k % 2 == 1 { *c } else { 0.0 };
    let chebyshev = dense.chebyshev().iter().enumerate().map(of_odd).collect();
    Ok((Polynomial::from_chebyshev(unit, chebyshev)?, error))
}

/// Terms that bring the error down to [`USEFUL`]. With each it falls by the factor `rho` of the
/// ellipse about `[low^2, 1]` through 0, where `1 / sqrt` is singular (Bernstein 1912).
fn useful_terms(low: f64) -> usize {
    let rho = (1.0 + low) / (1.0 - low);
    (-USEFUL.ln() / rho.ln()).ceil().max(1.0) as usize
}

/// `count` points of `[low, 1]` from end to end, whose squares lie as Chebyshev's: so do the
/// extremes, nearly.
fn spread(low: f64, count: usize) -> Vec<f64> {
    let last = (count.max(2) - 1) as f64;
    let width = 0.5 * (1.0 - low * low);
    (0..count)
        .map(|i| (low * low + width * (1.0 - (PI * i as f64 / last).cos())).sqrt())
        .collect()
}

/// `x^2`, mapped from `[low^2, 1]` to `[-1, 1]`.
fn squared(low: f64, x: f64) -> f64 {
    (2.0 * x * x - low * low - 1.0) / (1.0 - low * low)
}

/// `x q(x^2)` with `q = sum of coefficients[k] T_k` on `[low^2, 1]`, a basis that is nearly
/// orthogonal where the error is looked at; by Clenshaw's recurrence.
fn odd(low: f64, coefficients: &[f64], x: f64) -> f64 {
    let u = squared(low, x);
    let (mut b1, mut b2) = (0.0, 0.0);
    for c in coefficients.iter().skip(1).rev() {
        (b1, b2) = (2.0 * u * b1 - b2 + c, b1);
    }
    x * (coefficients.first().copied().unwrap_or(0.0) + u * b1 - b2)
}

/// The odd polynomial whose error at the points has one size and alternating sign.
fn level(low: f64, points: &[f64]) -> Option<Vec<f64>> {
    let n = points.len();
    let mut rows: Vec<Vec<f64>> = points
        .iter()
        .enumerate()
        .map(|(i, x)| {
            let angle = squared(low, *x).clamp(-1.0, 1.0).acos();
            let basis = (0..n - 1).map(|k| x * (k as f64 * angle).cos());
            let sign = if i % 2 == 0 { 1.0 } else { -1.0 };
            basis.chain([sign, 1.0]).collect()
        })
        .collect();
    // Gauss with pivots by column.
    for k in 0..n {
        let size = |row: &Vec<f64>| row[k].abs();
        let pivot = (k..n).max_by(|i, j| size(&rows[*i]).total_cmp(&size(&rows[*j])))?;
        rows.swap(k, pivot);
        if rows[k][k] == 0.0 {
            return None;
        }
        let (above, below) = rows.split_at_mut(k + 1);
        let pivot = &above[k];
        for row in below {
            let factor = row[k] / pivot[k];
            for (x, p) in row[k..].iter_mut().zip(&pivot[k..]) {
                *x -= factor * p;
            }
        }
    }
    let mut solution = vec![0.0; n];
    for k in (0..n).rev() {
        let known: f64 = (k + 1..n).map(|j| rows[k][j] * solution[j]).sum();
        solution[k] = (rows[k][n] - known) / rows[k][k];
    }
    solution.truncate(n - 1);
    solution.iter().all(|c| c.is_finite()).then_some(solution)
}

/// Where the error is extreme on `[low, 1]`: the ends and the turning points between.
fn extremes(low: f64, terms: usize, error: impl Fn(f64) -> f64) -> Vec<f64> {
    let grid = spread(low, DENSITY * (terms + 1));
    let values: Vec<f64> = grid.iter().map(|x| error(*x)).collect();
    let mut found = vec![low];
    for i in 1..grid.len() - 1 {
        let rising = values[i] > values[i - 1];
        if rising == (values[i + 1] > values[i]) {
            continue;
        }
        let height = |x: f64| if rising { error(x) } else { -error(x) };
        found.push(summit(grid[i - 1], grid[i + 1], height));
    }
    found.push(1.0);
    found
}

/// The summit between two points, by thirds.
pub(super) fn summit(mut low: f64, mut high: f64, height: impl Fn(f64) -> f64) -> f64 {
    for _ in 0..40 {
        let (a, b) = ((2.0 * low + high) / 3.0, (low + 2.0 * high) / 3.0);
        if height(a) < height(b) {
            low = a;
        } else {
            high = b;
        }
    }
    0.5 * (low + high)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The error is extreme at one more point than there are terms, with alternating sign: by
    /// Chebyshev's theorem nothing is better.
    #[track_caller]
    fn check(degree: usize, low: f64) {
        let (polynomial, error) = nearest_to_one(degree, low).unwrap();
        assert_eq!(polynomial.degree(), degree, "on [{low}, 1]");
        let off = |x: f64| polynomial.evaluate(x) - 1.0;
        let points = extremes(low, degree.div_ceil(2), off);
        assert_eq!(points.len(), degree.div_ceil(2) + 1, "degree {degree}");
        for (i, x) in points.iter().enumerate() {
            let sign = if i % 2 == 0 { -1.0 } else { 1.0 };
            let levelled = (off(*x) * sign - error).abs() <= 1e-6 * error + 1e-12;
            assert!(
                levelled,
                "degree {degree} on [{low}, 1]: off by {:e} at {x}, error {error:e}",
                off(*x)
            );
        }
        for i in 0..=100_000 {
            let x = f64::from(i) / 100_000.0;
            let y = polynomial.evaluate(x);
            assert!(y <= 1.0 + error + 1e-12, "{y} at {x}");
            assert!(x < low || (y - 1.0).abs() <= error + 1e-9, "{y} at {x}");
            assert!((y + polynomial.evaluate(-x)).abs() < 1e-12, "odd");
        }
    }

    #[test]
    fn errors_oscillate() {
        for degree in [1, 3, 5, 7, 9, 13, 15, 27, 31] {
            for low in [1e-4, 1e-3, 0.02, 0.1, 0.3, 0.6] {
                // Beyond rounding no oscillation can be seen.
                if nearest_to_one(degree, low).unwrap().1 > 1e-9 {
                    check(degree, low);
                }
            }
        }
    }

    #[test]
    fn lines_and_cubics_are_known() {
        // The line c x with c low - 1 = -(c - 1).
        let (line, error) = nearest_to_one(1, 0.5).unwrap();
        assert!((line.evaluate(1.0) - 4.0 / 3.0).abs() < 1e-12);
        assert!((error - 1.0 / 3.0).abs() < 1e-12);
        let errors = [1, 3, 7, 15].map(|d| nearest_to_one(d, 0.1).unwrap().1);
        assert!(errors.windows(2).all(|w| w[1] < w[0]), "{errors:?}");
    }
}
