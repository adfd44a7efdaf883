//! What rounds of Gaussian noise spend: Rényi differential privacy.
//!
//! Noise of `z` times the sensitivity is `(alpha, alpha / (2 z^2))`-Rényi private for every order
//! `alpha > 1` (Mironov, *Rényi Differential Privacy*, CSF 2017, proposition 7 and corollary 3), and
//! rounds add up, also where one depends on those before (his proposition 1). Orders become an epsilon by Canonne, Kamath
//! and Steinke, *The Discrete Gaussian for Differential Privacy*, NeurIPS 2020, proposition 12
//! (equally Balle et al., *Hypothesis Testing Interpretations and Rényi Differential Privacy*,
//! AISTATS 2020, theorem 21). Everybody is asked in every round, so that no amplification by
//! sampling is claimed; dropping out is no secret, either.

/// The epsilon of `rounds` releases with noise of `multiplier` times the sensitivity, at `delta`;
/// infinite without noise, 0 without a release.
pub(crate) fn epsilon(multiplier: f64, rounds: usize, delta: f64) -> f64 {
    if rounds == 0 {
        return 0.0;
    }
    if multiplier <= 0.0 {
        return f64::INFINITY;
    }
    let slope = rounds as f64 / (2.0 * multiplier * multiplier);
    // By the logarithm of alpha - 1: every order gives a valid bound, so that an imprecise minimum
    // costs a little tightness and nothing else.
    let at = |t: f64| {
        let excess = t.exp();
        let order = 1.0 + excess;
        slope * order + (excess.ln() - order.ln()) - (delta.ln() + order.ln()) / excess
    };
    let grid = (0..=600).map(|i| -12.0 + 0.05 * f64::from(i));
    let best = grid.min_by(|a, b| at(*a).total_cmp(&at(*b))).unwrap_or(0.0);
    refine(at, best - 0.05, best + 0.05).max(0.0)
}

/// The least value of `f` between two places, by golden sections.
fn refine(f: impl Fn(f64) -> f64, mut low: f64, mut high: f64) -> f64 {
    let golden = 0.5 * (5.0_f64.sqrt() - 1.0);
    for _ in 0..60 {
        let step = golden * (high - low);
        if f(high - step) < f(low + step) {
            high = low + step;
        } else {
            low = high - step;
        }
    }
    f(0.5 * (low + high))
}

/// The least multiplier, but for one part in a million, at which `rounds` releases spend at most
/// `wanted`; `None` where none below a million does.
pub(crate) fn multiplier(wanted: f64, rounds: usize, delta: f64) -> Option<f64> {
    let (mut low, mut high) = (1e-3_f64, 1e6_f64);
    if epsilon(high, rounds, delta) > wanted {
        return None;
    }
    while high / low > 1.0 + 1e-6 {
        let middle = (low * high).sqrt();
        if epsilon(middle, rounds, delta) > wanted {
            low = middle;
        } else {
            high = middle;
        }
    }
    Some(high)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Known pairs: of the tests of Google's `dp_accounting`, where 4.530877117 is the multiplier
    /// that Rényi orders turn into (1, 1e-6); the same by composition, as `z sqrt(k)` over `k`
    /// rounds spends what `z` spends in one.
    #[test]
    fn known_values() {
        let z = 4.530_877_117;
        for rounds in [1, 20, 400] {
            let got = epsilon(z * f64::from(rounds).sqrt(), rounds as usize, 1e-6);
            assert!((got - 1.0).abs() < 1e-6, "{rounds}: {got}");
        }
        let solved = multiplier(1.0, 1, 1e-6).unwrap();
        assert!((solved / z - 1.0).abs() < 1e-5, "{solved}");
    }

    /// The upper tail of the normal distribution by Simpson's rule.
    fn tail(x: f64) -> f64 {
        let (n, width) = (4000, 40.0);
        let h = width / f64::from(n);
        let f = |i: i32| (-0.5 * (x + h * f64::from(i)).powi(2)).exp();
        let inner: f64 = (1..n).map(|i| f(i) * f64::from(2 + 2 * (i % 2))).sum();
        (f(0) + inner + f(n)) * h / 3.0 / (2.0 * std::f64::consts::PI).sqrt()
    }

    /// The exact delta of Gaussian noise (Balle and Wang, *Improving the Gaussian Mechanism for
    /// Differential Privacy*, ICML 2018, theorem 8; composed, Dong, Roth and Su, *Gaussian
    /// Differential Privacy*, 2022, corollary 2.13 and 3.3).
    fn exact_delta(epsilon: f64, z: f64, rounds: f64) -> f64 {
        let mu = rounds.sqrt() / z;
        tail(epsilon / mu - mu / 2.0) - epsilon.exp() * tail(epsilon / mu + mu / 2.0)
    }

    #[track_caller]
    fn check(z: f64, rounds: usize, delta: f64) {
        let bound = epsilon(z, rounds, delta);
        let true_delta = exact_delta(bound, z, rounds as f64);
        assert!(true_delta <= delta, "not a bound: {true_delta} > {delta}");
        // And not far from it: a tenth less would be a lie.
        let too_little = exact_delta(0.85 * bound, z, rounds as f64);
        assert!(too_little > delta, "loose: {too_little} at {bound}");
    }

    #[test]
    fn bounds_hold_and_are_near_the_exact_value() {
        for (z, rounds) in [(1.0, 1), (3.0, 1), (4.0, 20), (20.0, 20), (2.8, 20)] {
            for delta in [1e-3, 1e-5, 1e-8] {
                check(z, rounds, delta);
            }
        }
    }

    /// Dwork and Roth, *The Algorithmic Foundations of Differential Privacy*, 2014, theorem A.1:
    /// `z = sqrt(2 ln(1.25 / delta)) / epsilon` is enough below 1; the accountant must find less.
    #[test]
    fn it_is_no_worse_than_the_textbook() {
        for wanted in [0.1, 0.5, 0.9] {
            let textbook = (2.0 * (1.25_f64 / 1e-5).ln()).sqrt() / wanted;
            let ours = multiplier(wanted, 1, 1e-5).unwrap();
            assert!(
                ours < textbook && ours > 0.6 * textbook,
                "{ours} {textbook}"
            );
        }
    }

    #[test]
    fn the_ends() {
        assert_eq!(epsilon(0.0, 5, 1e-5), f64::INFINITY);
        assert_eq!(epsilon(1.0, 0, 1e-5), 0.0);
        assert!(epsilon(1e6, 1, 1e-5) < 1e-3);
        assert!(multiplier(1e-9, 1000, 1e-9).is_none());
        for (wanted, rounds) in [(1.0, 20), (3.0, 20), (8.0, 20), (50.0, 3)] {
            let z = multiplier(wanted, rounds, 1e-5).unwrap();
            let spent = epsilon(z, rounds, 1e-5);
            assert!(spent <= wanted && spent > wanted * (1.0 - 1e-4), "{spent}");
        }
    }
}
