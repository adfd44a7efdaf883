//! The probability that noise makes a result wrong: tails of noise, and the union bound over all that
//! may fail in one run.
//!
//! Probabilities are written as their `log2`, as those that are demanded are too small to be added to
//! anything else. The noise of a bootstrap is normal, or nearer to its mean than a normal variable
//! (Chillotti, Gama, Georgieva, Izabachène, *TFHE*, J. Cryptology 2020, section 4; Bergerat et al.,
//! *Parameter Optimization and Larger Precision for (T)FHE*, J. Cryptology 2023, section 2); that of a slot
//! of CKKS is not, see [`log2_slot_tail`]. No independence is needed for the sum of probabilities to be a
//! bound (Boole's inequality).

use std::f64::consts::{FRAC_1_SQRT_2, LOG2_E, PI};

use serde::{Deserialize, Serialize};

/// How likely it is that any result of one run is wrong beyond what its row states, by noise.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Failure {
    /// Nobody says; so in records of earlier versions, and of plugins from outside that do not.
    #[default]
    NotStated,
    /// The arithmetic is exact: there is no noise that a result could fail by.
    Impossible,
    /// The probability is at most 2 to the power of this.
    AtMost(#[serde(with = "hexperiment_program::number::single")] f64),
}

impl Failure {
    /// Whether records need not say so.
    pub fn is_not_stated(&self) -> bool {
        *self == Self::NotStated
    }

    /// `log2` of the probability: minus infinity where nothing can fail, `None` where nobody says.
    pub fn log2(self) -> Option<f64> {
        match self {
            Self::NotStated => None,
            Self::Impossible => Some(f64::NEG_INFINITY),
            Self::AtMost(log2) => Some(log2),
        }
    }

    /// The same over so many evaluations, any of which may fail.
    #[must_use]
    pub fn times(self, count: u64) -> Self {
        match self {
            Self::AtMost(log2) => Self::AtMost(union([(log2, count)])),
            Self::NotStated | Self::Impossible => self,
        }
    }

    /// What is wrong with it under a demand: it is above, or no probability.
    ///
    /// # Errors
    ///
    /// What was found and what was expected.
    pub fn hold(self, demanded_log2: i32) -> Result<(), String> {
        match self {
            Self::AtMost(log2) if log2.is_nan() || log2 > f64::from(demanded_log2) => {
                let demanded = Self::AtMost(demanded_log2.into());
                Err(format!(
                    "a result is wrong with a probability of up to {self}, {demanded} demanded"
                ))
            }
            Self::AtMost(_) | Self::NotStated | Self::Impossible => Ok(()),
        }
    }
}

impl std::fmt::Display for Failure {
    /// For tables: `2^-131.2`, `none`, `not stated`.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::NotStated => f.write_str("not stated"),
            Self::Impossible => f.write_str("none"),
            // Rounded up: what is written is still a bound.
            Self::AtMost(log2) => write!(f, "2^{}", (log2 * 10.0).ceil() / 10.0),
        }
    }
}

/// `log2` of the probability that a normal variable lies further than `deviations` standard deviations
/// from its mean, on either side: of `erfc(deviations / sqrt 2)`.
///
/// Sources: below 2 the series of erf, above it the continued fraction of erfc (*NIST Digital Library
/// of Mathematical Functions*, 7.6.2 and 7.9.2), whose logarithm has no smallest number.
pub fn log2_tail(deviations: f64) -> f64 {
    if deviations.is_nan() || deviations <= 0.0 {
        return 0.0;
    }
    let x = deviations * FRAC_1_SQRT_2;
    if x < 2.0 {
        return (1.0 - erf(x)).log2();
    }
    // 2 x e^(x^2) sqrt(pi) / 2 erfc(x) = 1 / (1 + 1/(2x^2) / (1 + 2/(2x^2) / (1 + 3/(2x^2) / ..))).
    let step = 0.5 / (x * x);
    let fraction = (1..=200)
        .rev()
        .fold(1.0, |below, k| 1.0 + f64::from(k) * step / below);
    -x * x * LOG2_E - (x * PI.sqrt() * fraction).log2()
}

/// erf, by its series.
fn erf(x: f64) -> f64 {
    let mut term = x;
    let mut sum = x;
    for k in 1..100 {
        let k = f64::from(k);
        term *= 2.0 * x * x / (2.0 * k + 1.0);
        sum += term;
    }
    2.0 / PI.sqrt() * (-x * x).exp() * sum
}

/// The least number of standard deviations, to 40 bits, beyond which a normal variable lies with a
/// probability of at most `2^log2`: the inverse of [`log2_tail`], rounded up.
pub fn deviations(log2: f64) -> f64 {
    // A tail is below e^(-z^2 / 2), so that this many are enough.
    let (mut low, mut high) = (0.0, (2.0 * log2.min(0.0).abs() / LOG2_E).sqrt() + 1.0);
    for _ in 0..48 {
        let middle = 0.5 * (low + high);
        if log2_tail(middle) <= log2 {
            high = middle;
        } else {
            low = middle;
        }
    }
    high
}

/// The number of standard deviations that each of `events` may use, so that all of them together fail
/// with a probability of at most `2^log2`: the union bound, turned round.
pub fn deviations_each(log2: f64, events: u64) -> f64 {
    deviations(log2 - (events.max(1) as f64).log2())
}

/// `log2` of the probability that the error of a slot lies further from 0 than `deviations` times the root
/// mean square of a product of two polynomials there: of `e^(-2 deviations)`.
///
/// What rounds, and what keys and fresh randomness are multiplied by, is a product `t s` of polynomials
/// with random coefficients. At a root of unity both factors are about complex normal, so that the real
/// part of their product is Laplace distributed (Kotz, Kozubowski, Podgórski, *The Laplace Distribution and
/// Generalizations*, 2001, section 2.2): of a complex product with mean square 1 its scale is 1/2. A sum of
/// such errors, or a normal one, has a lighter tail.
pub fn log2_slot_tail(deviations: f64) -> f64 {
    -2.0 * deviations.max(0.0) * LOG2_E
}

/// The number of deviations that the error of each of so many slots may use, so that all of them together
/// fail with a probability of at most `2^log2`: by [`log2_slot_tail`] and the union bound, rounded up.
pub fn slot_deviations_each(log2: f64, slots: u64) -> f64 {
    const UP: f64 = 1.0 + 1e-12;
    UP * ((slots.max(1) as f64).log2() - log2).max(0.0) / (2.0 * LOG2_E)
}

/// `log2` of a bound for the probability that any of these happens, each given as `log2` of its own
/// and how often it may: the sum of all (Boole's inequality), at most 0.
pub fn union(events: impl IntoIterator<Item = (f64, u64)>) -> f64 {
    let each = events.into_iter().filter(|(_, count)| *count > 0);
    let each: Vec<f64> = each.map(|(log2, n)| log2 + (n as f64).log2()).collect();
    let largest = each.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    if largest == f64::NEG_INFINITY || each.iter().any(|log2| log2.is_nan()) {
        return if each.iter().any(|log2| log2.is_nan()) {
            0.0
        } else {
            f64::NEG_INFINITY
        };
    }
    let sum: f64 = each.iter().map(|log2| (log2 - largest).exp2()).sum();
    (largest + sum.log2()).min(0.0)
}

/// What a demand on a run is for one of `evaluations` of it, in whole bits.
pub fn demand_each(demanded_log2: i32, evaluations: u64) -> i32 {
    let count = evaluations.max(1);
    demanded_log2 - count.next_power_of_two().ilog2() as i32
}

#[cfg(test)]
mod tests {
    use super::*;

    /// By mpmath 1.3 at 50 digits: `log(erfc(z / sqrt(2)), 2)`.
    #[test]
    fn tails_are_those_of_the_normal_distribution() {
        for (z, expect) in [
            (0.1, -0.119_754_381_895_158_42),
            (0.5, -0.696_482_066_974_118_6),
            (1.0, -1.656_032_797_424_106),
            (2.0, -4.457_981_276_971_885),
            (3.0, -8.532_933_851_324_95),
            (5.0, -20.734_198_474_007_73),
            (8.0, -49.513_712_155_086_07),
            (13.12, -128.216_429_341_671_7),
            (16.0, -188.996_294_823_520_96),
            (18.6, -254.104_507_361_510_14),
            (30.0, -654.447_005_626_321_3),
        ] {
            let found = log2_tail(z);
            assert!((found - expect).abs() < 1e-10, "{z}: {found}, {expect}");
        }
        assert_eq!([log2_tail(0.0), log2_tail(-1.0)], [0.0; 2]);
    }

    /// `e^(-2 z)`, and its inverse over several slots.
    #[test]
    fn slots_have_the_tail_of_laplace() {
        assert!((log2_slot_tail(3.0).exp2() - (-6.0_f64).exp()).abs() < 1e-15);
        assert_eq!(log2_slot_tail(-1.0), 0.0);
        // (40 ln 2 + ln 334) / 2
        let found = slot_deviations_each(-40.0, 334);
        assert!((found - 16.768_514_107_687_26).abs() < 1e-9, "{found}");
        let all = union([(log2_slot_tail(found), 334)]);
        assert!((all + 40.0).abs() < 1e-9, "{all}");
        for slots in 1..1000 {
            for demanded in [-20, -40, -41, -128, -135] {
                let each = slot_deviations_each(demanded.into(), slots);
                let all = union([(log2_slot_tail(each), slots)]);
                assert_eq!(Failure::AtMost(all).hold(demanded), Ok(()));
            }
        }
        assert!(found > deviations_each(-40.0, 334));
    }

    /// The same table by its other column.
    #[test]
    fn deviations_are_the_inverse() {
        for (bits, expect) in [
            (20, 4.900_964_207_963_193),
            (40, 7.143_552_034_352_189),
            (64, 9.155_293_772_686_073),
            (128, 13.108_626_174_480_18),
            (256, 18.670_302_847_110_404),
            (300, 20.234_058_801_566_3),
        ] {
            let log2 = -f64::from(bits);
            let found = deviations(log2);
            assert!((found - expect).abs() < 1e-10, "{bits}: {found}, {expect}");
            assert!(log2_tail(found) <= log2, "a bound");
        }
        assert_eq!(deviations_each(-128.0, 1), deviations(-128.0));
        assert_eq!(deviations_each(-40.0, 1 << 24), deviations(-64.0));
    }

    #[test]
    fn unions_are_sums_of_probabilities() {
        #[track_caller]
        fn check(events: &[(f64, u64)], expect: f64) {
            let found = union(events.iter().copied());
            assert!(found == expect || (found - expect).abs() < 1e-12, "{found}");
        }
        check(&[], f64::NEG_INFINITY);
        check(&[(f64::NEG_INFINITY, 7), (-3.0, 0)], f64::NEG_INFINITY);
        check(&[(-200.0, 1 << 20)], -180.0);
        check(&[(-200.0, 1), (-200.0, 3)], -198.0);
        // Beside one that is a million times as large, in full precision.
        check(
            &[(-100.0, 1), (-120.0, 1)],
            -100.0 + (1.0 + (-20f64).exp2()).log2(),
        );
        check(&[(-1.0, 4)], 0.0);
        check(&[(f64::NAN, 1)], 0.0);
    }

    #[test]
    fn runs_fail_where_any_of_their_evaluations_does() {
        assert_eq!(Failure::AtMost(-131.0).times(8), Failure::AtMost(-128.0));
        assert_eq!(Failure::Impossible.times(8), Failure::Impossible);
        assert_eq!(
            [1, 2, 5, 8, 9].map(|n| demand_each(-128, n)),
            [-128, -129, -131, -131, -132]
        );
        // What is demanded of each is enough for all of them.
        for evaluations in 1..100 {
            let each = Failure::AtMost(demand_each(-40, evaluations).into());
            assert_eq!(each.times(evaluations).hold(-40), Ok(()));
        }
    }

    #[test]
    fn demands_are_held_in_words() {
        let failure = Failure::AtMost(-39.94);
        assert_eq!(
            failure.hold(-40).unwrap_err(),
            "a result is wrong with a probability of up to 2^-39.9, 2^-40 demanded"
        );
        assert_eq!(failure.hold(-39), Ok(()));
        assert!(Failure::AtMost(f64::NAN).hold(-20).is_err());
        assert_eq!(Failure::Impossible.hold(-256), Ok(()));
    }

    #[test]
    fn records_tell_them() {
        for (failure, json, shown) in [
            (Failure::NotStated, r#""not-stated""#, "not stated"),
            (Failure::Impossible, r#""impossible""#, "none"),
            (
                Failure::AtMost(-128.25),
                r#"{"at-most":-128.25}"#,
                "2^-128.2",
            ),
            (Failure::AtMost(-40.0), r#"{"at-most":-40.0}"#, "2^-40"),
        ] {
            assert_eq!(serde_json::to_string(&failure).unwrap(), json);
            let read: Failure = serde_json::from_str(json).unwrap();
            assert_eq!((read, read.to_string().as_str()), (failure, shown));
        }
    }
}
