//! The sign function as a composition of polynomials.
//!
//! Cheon, Kim and Kim, *Efficient homomorphic comparison methods with optimal complexity*,
//! ASIACRYPT 2020: the steep odd polynomial `g_3` drives values away from 0, the flat `f_3`
//! draws them to 1 and -1. Each has degree 7 and takes three levels.

use super::super::{Interval, Polynomial, ProgramError};

/// `f_3`, powers 1, 3, 5, 7 (section 3.2): `(35 x - 35 x^3 + 21 x^5 - 5 x^7) / 16`.
const F3: [f64; 4] = [35.0 / 16.0, -35.0 / 16.0, 21.0 / 16.0, -5.0 / 16.0];

/// `g_3`, powers 1, 3, 5, 7 (section 4.2), over `2^10`.
const G3: [f64; 4] = [
    4589.0 / 1024.0,
    -16577.0 / 1024.0,
    25614.0 / 1024.0,
    -12860.0 / 1024.0,
];

/// `g_3` is used until every value is at least so far from 0; from there `f_3` converges.
const NEAR_ONE: f64 = 0.7;

/// A composition of polynomials that tends to the sign function on
/// `[-1, -margin]` and `[margin, 1]`.
#[derive(Clone, Debug, PartialEq)]
pub struct SignComposition {
    polynomials: Vec<Polynomial>,
    error: f64,
}

impl SignComposition {
    /// The fewest polynomials that bring every value at least `margin` from 0 to within `error`
    /// of its sign. Both are between 0 and 1.
    pub fn new(margin: f64, error: f64) -> Result<Self, ProgramError> {
        let domain = Interval::symmetric(1.001);
        let mut polynomials = Vec::new();
        let mut reached = Interval::new(margin.clamp(1e-6, 0.99), 1.0);
        let wanted = error.clamp(1e-9, 0.5);
        let off = |r: Interval| (1.0 - r.low).max(r.high - 1.0);
        // Each step at least doubles what is small and squares what is near 1, so that the
        // bound is never met.
        while off(reached) > wanted && polynomials.len() < 40 {
            let odd = if reached.low < NEAR_ONE { &G3 } else { &F3 };
            let powers: Vec<f64> = odd.iter().flat_map(|c| [0.0, *c]).collect();
            let polynomial = Polynomial::from_powers(domain, &powers)?;
            reached = image(&polynomial, reached);
            polynomials.push(polynomial);
        }
        Ok(Self {
            polynomials,
            error: off(reached),
        })
    }

    /// The polynomials, the first to be applied first; all on `[-1.001, 1.001]`.
    pub fn polynomials(&self) -> &[Polynomial] {
        &self.polynomials
    }

    /// The largest error on values outside the margin.
    pub fn error(&self) -> f64 {
        self.error
    }
}

/// The image of an interval, by fine sampling.
fn image(polynomial: &Polynomial, on: Interval) -> Interval {
    const SAMPLES: usize = 8192;
    let at = |i: usize| on.low + on.width() * i as f64 / SAMPLES as f64;
    Interval::hull((0..=SAMPLES).map(|i| polynomial.evaluate(at(i)))).unwrap_or(on)
}
