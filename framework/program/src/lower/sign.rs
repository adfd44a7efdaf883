//! The sign function as a composition of minimax polynomials.
//!
//! Lee, Lee, No and Kim, *Minimax approximation of sign function by composite polynomial for
//! homomorphic comparison*, IEEE TDSC 2022 (ePrint 2020/834): each polynomial is the odd one
//! nearest to 1 on the image of the one before, which is optimal for its degrees; the degrees of
//! least depth come from a dynamic program over the depth, since a shorter image is better
//! whatever follows. Lee, Lee, Kim and No, *Optimization of homomorphic comparison algorithm on
//! RNS-CKKS scheme*, IEEE Access 2022, give parameters for `max` by its own error; the margin is
//! chosen by it here.

use super::super::{Interval, Polynomial, ProgramError};
use super::chebyshev;
use super::minimax::{nearest_to_one, summit};

/// Images keep so far below 1: noise must not carry a value out of the next domain.
const ROOM: f64 = 1.0 / 8192.0;
/// Degrees with which nothing is gained in 2, 3, 4 and 5 levels: `2^levels - 1`.
const LEVELS: std::ops::RangeInclusive<u32> = 2..=5;
/// The deepest composition that is looked for.
const DEEPEST: u32 = 60;
/// The smallest margin.
const SMALLEST: f64 = 1e-9;

/// A composition of odd polynomials that tends to the sign function on `[-1, -margin]` and
/// `[margin, 1]`, and rises from -1 to 1 between.
#[derive(Clone, Debug, PartialEq)]
pub struct SignComposition {
    degrees: Vec<usize>,
    polynomials: Vec<Polynomial>,
    margin: f64,
    error: f64,
    shortfall: f64,
}

impl SignComposition {
    /// The best polynomials of these odd degrees, the first to be applied first, for values at
    /// least `margin` from 0. A degree beyond what double precision can use is lowered.
    ///
    /// # Errors
    /// `ProgramError::NotFinite` where `margin` is NaN, or where the equations for a polynomial
    /// have no finite solution in double precision.
    pub fn new(degrees: &[usize], margin: f64) -> Result<Self, ProgramError> {
        let margin = margin.clamp(SMALLEST, 0.99);
        let mut polynomials = Vec::with_capacity(degrees.len());
        let (mut low, mut error) = (margin, 1.0 - margin);
        for (i, degree) in degrees.iter().enumerate() {
            let (polynomial, off) = nearest_to_one(*degree, low)?;
            error = off;
            if i + 1 == degrees.len() {
                polynomials.push(polynomial);
            } else {
                let factor = (1.0 - ROOM) / (1.0 + off);
                polynomials.push(polynomial.affine(factor, 0.0)?);
                low = image(off);
            }
        }
        let mut composition = Self {
            degrees: polynomials.iter().map(Polynomial::degree).collect(),
            polynomials,
            margin,
            error,
            shortfall: 0.0,
        };
        composition.shortfall = composition.hump().max(0.5 * error);
        Ok(composition)
    }

    /// The composition of these degrees whose margin makes `|x| - x p(x)` least for the worst
    /// `x` of `[-1, 1]`: the error of `max` is half of that.
    ///
    /// # Errors
    /// `ProgramError::NotFinite` where the equations for a polynomial have no finite solution in
    /// double precision.
    pub fn for_extremes(degrees: &[usize]) -> Result<Self, ProgramError> {
        // A larger margin leaves more undecided and makes the rest better: both are balanced.
        let (mut low, mut high) = (SMALLEST.ln(), 0.5_f64.ln());
        let mut best = Self::new(degrees, high.exp())?;
        for _ in 0..40 {
            let middle = Self::new(degrees, (0.5 * (low + high)).exp())?;
            let (hump, rest) = (middle.hump(), 0.5 * middle.error);
            if hump > rest {
                high = 0.5 * (low + high);
            } else {
                low = 0.5 * (low + high);
            }
            if middle.shortfall < best.shortfall {
                best = middle;
            }
            if (hump - rest).abs() <= 1e-3 * rest {
                break;
            }
        }
        Ok(best)
    }

    /// The composition of least depth, and then of the fewest products, that brings every value
    /// at least `margin` from 0 to within `error` of its sign. Both are between 0 and 1.
    ///
    /// # Errors
    /// `ProgramError::NotFinite` where no composition of at most 60 levels keeps `error`, `margin`
    /// or `error` is NaN, or the equations for a polynomial have no finite solution in double
    /// precision.
    pub fn for_comparison(margin: f64, error: f64) -> Result<Self, ProgramError> {
        let (margin, error) = (margin.clamp(SMALLEST, 0.99), error.clamp(1e-12, 0.5));
        let mut reached: Vec<Option<(Vec<usize>, f64)>> = vec![Some((vec![], margin))];
        for depth in 1..=DEEPEST {
            let mut best: Option<(Vec<usize>, f64, f64)> = None;
            for levels in LEVELS.filter(|l| *l <= depth) {
                let Some((degrees, low)) = &reached[(depth - levels) as usize] else {
                    continue;
                };
                let degree = (1 << levels) - 1;
                let (_, off) = nearest_to_one(degree, *low)?;
                if best.as_ref().is_none_or(|(_, _, b)| off < *b) {
                    let degrees = degrees.iter().copied().chain([degree]).collect();
                    best = Some((degrees, image(off), off));
                }
            }
            if let Some((degrees, _, off)) = &best
                && *off <= error
            {
                return Self::new(degrees, margin)?.slimmed(error);
            }
            reached.push(best.map(|(degrees, low, _)| (degrees, low)));
        }
        Err(ProgramError::NotFinite {
            what: "a sign's polynomials",
        })
    }

    /// Degrees lowered within their depth for as long as the error stays within `error`: always
    /// where it saves the most products.
    fn slimmed(self, error: f64) -> Result<Self, ProgramError> {
        let mut best = self;
        loop {
            let mut slimmer: Option<Self> = None;
            for i in 0..best.degrees.len() {
                let mut degrees = best.degrees.clone();
                degrees[i] -= 2;
                if degrees[i] < 3 || levels(degrees[i]) < levels(degrees[i] + 2) {
                    continue;
                }
                let tried = Self::new(&degrees, best.margin)?;
                let fewer = slimmer
                    .as_ref()
                    .is_none_or(|s| tried.products() < s.products());
                if tried.error <= error && fewer {
                    slimmer = Some(tried);
                }
            }
            match slimmer {
                Some(slimmer) => best = slimmer,
                None => return Ok(best),
            }
        }
    }

    /// The polynomials, the first to be applied first; all on `[-1, 1]`, and all but the last
    /// into it.
    pub fn polynomials(&self) -> &[Polynomial] {
        &self.polynomials
    }

    /// Their degrees.
    pub fn degrees(&self) -> &[usize] {
        &self.degrees
    }

    /// Multiplicative levels from a value of `[-1, 1]` to its sign.
    pub fn depth(&self) -> u32 {
        self.degrees.iter().map(|d| levels(*d)).sum()
    }

    /// Products of two encrypted values.
    pub fn products(&self) -> usize {
        self.degrees.iter().map(|d| chebyshev::products(*d)).sum()
    }

    /// Values nearer to 0 than this may come out undecided.
    pub fn margin(&self) -> f64 {
        self.margin
    }

    /// The largest error on values outside the margin; no value is further from 0 than 1 by more.
    pub fn error(&self) -> f64 {
        self.error
    }

    /// The largest value of `|x| |sign(x) - p(x)| / 2` on all of `[-1, 1]`: the error of `max`
    /// and `relu` in units of the operand's largest magnitude.
    pub fn shortfall(&self) -> f64 {
        self.shortfall
    }

    /// The sign, or what stands for it.
    pub fn evaluate(&self, x: f64) -> f64 {
        self.polynomials.iter().fold(x, |x, p| p.evaluate(x))
    }

    /// The largest shortfall within the margin, where the composition rises steadily: how far out
    /// the hump lies depends on the margin, so it is looked for by orders of magnitude.
    fn hump(&self) -> f64 {
        const SAMPLES: i32 = 768;
        // Nearer to 0 than the last sample, no shortfall is beyond half of that.
        const STEP: f64 = 0.98;
        let x = |i: i32| self.margin * STEP.powi(i);
        let short = |x: f64| 0.5 * x * (1.0 - self.evaluate(x)).abs();
        let heights = (0..=SAMPLES).map(|i| (i, short(x(i))));
        let (highest, _) = heights.fold(
            (0, 0.0),
            |best, next| {
                if next.1 > best.1 { next } else { best }
            },
        );
        let (near, far) = (x(highest + 1), x((highest - 1).max(0)));
        short(summit(near, far, short)).max(0.5 * x(SAMPLES))
    }
}

/// The lower end of an image that is scaled to end below 1: where the next polynomial begins.
fn image(error: f64) -> f64 {
    ((1.0 - error) / (1.0 + error) * (1.0 - 2.0 * ROOM)).max(SMALLEST)
}

/// Levels that a polynomial takes, coefficients included.
fn levels(degree: usize) -> u32 {
    (degree + 1).next_power_of_two().ilog2()
}

/// What an operand in `[-1, 1]` is brought to by `factor * p + plus`.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ending {
    pub(super) factor: f64,
    pub(super) plus: f64,
}

impl Ending {
    /// The sign itself.
    pub(super) const SIGN: Self = Self {
        factor: 1.0,
        plus: 0.0,
    };
    /// 0 below, 1 above.
    pub(super) const STEP: Self = Self {
        factor: 0.5,
        plus: 0.5,
    };

    /// What contains all results of a composition.
    pub(super) fn range(self, composition: &SignComposition) -> Interval {
        let reach = self.factor.abs() * (1.0 + composition.error);
        Interval {
            low: self.plus - reach,
            high: self.plus + reach,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// All claims, on a fine grid.
    #[track_caller]
    fn check(composition: &SignComposition) {
        let last = composition.polynomials().len() - 1;
        let room = 1e-9;
        for i in 0..=40_000 {
            let even = f64::from(i) / 40_000.0;
            for x in [even, even * even * even] {
                let mut y = x;
                for (k, polynomial) in composition.polynomials().iter().enumerate() {
                    y = polynomial.evaluate(y);
                    assert!(k == last || y.abs() <= 1.0, "{y} after {k} at {x}");
                }
                assert!(
                    y >= -room && y <= 1.0 + composition.error() + room,
                    "{y} at {x} {:?} {}",
                    composition.degrees(),
                    composition.margin()
                );
                if x >= composition.margin() {
                    assert!(
                        (1.0 - y).abs() <= composition.error() + room,
                        "{y} at {x} {:?} {} {}",
                        composition.degrees(),
                        composition.margin(),
                        composition.error()
                    );
                }
                let short = 0.5 * x * (1.0 - y).abs();
                assert!(short <= composition.shortfall() + room, "{short} at {x}");
                assert!((composition.evaluate(-x) + y).abs() < room, "odd");
            }
        }
    }

    #[test]
    fn compositions_for_max_are_as_good_as_they_say() {
        // Grey levels of 255 that the error of max may take at most.
        for (degrees, grey) in [
            (&[7][..], 25.0),
            (&[7, 7], 4.0),
            (&[15, 15], 1.0),
            (&[7, 7, 7], 0.6),
            (&[7, 7, 13], 0.3),
            (&[7, 15, 15], 0.1),
            (&[15, 15, 15], 0.05),
        ] {
            let composition = SignComposition::for_extremes(degrees).unwrap();
            println!(
                "{degrees:?}: depth {}, {} products, margin {:.5}, error {:.3e}, off by {:.3} of 255",
                composition.depth(),
                composition.products(),
                composition.margin(),
                composition.error(),
                255.0 * composition.shortfall()
            );
            check(&composition);
            assert!(255.0 * composition.shortfall() < grey, "{degrees:?}");
            // No margin near it is better.
            for factor in [0.8, 1.25] {
                let other = SignComposition::new(degrees, composition.margin() * factor).unwrap();
                assert!(other.shortfall() > composition.shortfall(), "{degrees:?}");
            }
        }
    }

    #[test]
    fn any_degrees_and_margins_keep_their_claims() {
        for degrees in [
            &[3][..],
            &[63],
            &[63, 63],
            &[63, 63, 63],
            &[3, 63, 3],
            &[31, 15, 7, 3],
            &[15; 6],
            &[63; 5],
            &[3; 12],
        ] {
            for margin in [1e-9, 1e-6, 1e-3, 0.1, 0.5, 0.99] {
                check(&SignComposition::new(degrees, margin).unwrap());
            }
            check(&SignComposition::for_extremes(degrees).unwrap());
        }
    }

    #[test]
    fn comparisons_meet_margin_and_error_in_the_least_depth() {
        for (margin, error, depth) in [
            (0.5, 0.1, 3),
            (0.1, 0.02, 6),
            (1.0 / 128.0, 0.04, 9),
            (1.0 / 128.0, 1e-3, 11),
            (1e-4, 1e-3, 18),
            (1e-6, 1e-6, 30),
        ] {
            let composition = SignComposition::for_comparison(margin, error).unwrap();
            println!(
                "{margin} {error}: {:?}, depth {}, {} products, error {:.3e}",
                composition.degrees(),
                composition.depth(),
                composition.products(),
                composition.error()
            );
            assert!(composition.error() <= error);
            assert!(composition.depth() <= depth, "{:?}", composition.degrees());
            check(&composition);
        }
    }
}
