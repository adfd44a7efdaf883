//! Medians, their uncertainty, and comparisons that can say "tie".

use rand::{Rng as _, SeedableRng as _};
use rand_chacha::ChaCha20Rng;

use hexperiment_data::transform;

/// Resamples of each bootstrap (Efron and Tibshirani, *An Introduction to the Bootstrap*, 1993,
/// section 13.3: 1000 and more for percentile intervals).
const RESAMPLES: usize = 2000;

/// The median; NaN of nothing.
pub fn median(values: &[f64]) -> f64 {
    transform::median(values.iter().copied()).unwrap_or(f64::NAN)
}

/// A median with a bootstrap 95 % interval.
///
/// Few repetitions make a poor interval: with fewer than six even the range of all values
/// covers the true median less often than 95 in 100 times (`1 - 2^(1-n)`), and the interval is
/// that range.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Estimate {
    /// The median.
    pub median: f64,
    /// The interval's lower end.
    pub low: f64,
    /// The interval's upper end.
    pub high: f64,
}

impl Estimate {
    /// Of these values; all NaN if there are none.
    pub fn of(values: &[f64], seed: u64) -> Self {
        let median = median(values);
        if values.len() < 6 {
            let low = values.iter().copied().fold(f64::NAN, f64::min);
            let high = values.iter().copied().fold(f64::NAN, f64::max);
            return Self { median, low, high };
        }
        let mut rng = ChaCha20Rng::seed_from_u64(seed);
        let medians = (0..RESAMPLES).map(|_| self::median(&resample(values, &mut rng)));
        let (low, high) = percentiles(medians.collect());
        Self { median, low, high }
    }
}

/// How two sets of repetitions compare.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Comparison {
    /// The interval of the ratio holds 1.
    Tie,
    /// The first takes less; how many times the second takes, with its 95 % interval.
    Faster(Estimate),
    /// The first takes more; how many times it takes the second, with its 95 % interval.
    Slower(Estimate),
    /// Too few repetitions to say (fewer than six on a side).
    Unsure,
}

/// Compares times by a bootstrap interval of the ratio of medians.
pub fn compare(first: &[f64], second: &[f64], seed: u64) -> Comparison {
    if first.len() < 6 || second.len() < 6 {
        return Comparison::Unsure;
    }
    let mut rng = ChaCha20Rng::seed_from_u64(seed);
    let ratios = (0..RESAMPLES)
        .map(|_| median(&resample(second, &mut rng)) / median(&resample(first, &mut rng)))
        .collect();
    let (low, high) = percentiles(ratios);
    let ratio = median(second) / median(first);
    if low > 1.0 {
        Comparison::Faster(Estimate {
            median: ratio,
            low,
            high,
        })
    } else if high < 1.0 {
        Comparison::Slower(Estimate {
            median: 1.0 / ratio,
            low: 1.0 / high,
            high: 1.0 / low,
        })
    } else {
        Comparison::Tie
    }
}

fn resample(values: &[f64], rng: &mut ChaCha20Rng) -> Vec<f64> {
    (0..values.len())
        .map(|_| values[rng.random_range(0..values.len())])
        .collect()
}

fn percentiles(mut values: Vec<f64>) -> (f64, f64) {
    values.sort_by(f64::total_cmp);
    let at = |share: f64| values[((values.len() - 1) as f64 * share).round() as usize];
    (at(0.025), at(0.975))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn medians_and_intervals() {
        assert_eq!(median(&[3.0, 1.0, 2.0]), 2.0);
        assert_eq!(median(&[4.0, 1.0, 2.0, 3.0]), 2.5);
        assert!(median(&[]).is_nan());
        let few = Estimate::of(&[3.0, 1.0, 2.0], 1);
        assert_eq!((few.low, few.median, few.high), (1.0, 2.0, 3.0));
        let values: Vec<f64> = (0..101).map(f64::from).collect();
        let many = Estimate::of(&values, 1);
        assert!(many.low > 30.0 && many.low < 50.0 && many.high > 50.0 && many.high < 70.0);
        assert_eq!(many, Estimate::of(&values, 1), "seeded");
    }

    #[test]
    fn comparisons_can_say_tie() {
        let a: Vec<f64> = (0..20).map(|i| 10.0 + f64::from(i % 5)).collect();
        let b: Vec<f64> = a.iter().rev().copied().collect();
        let c: Vec<f64> = a.iter().map(|x| 3.0 * x).collect();
        assert_eq!(compare(&a, &b, 1), Comparison::Tie);
        assert!(
            matches!(compare(&a, &c, 1), Comparison::Faster(r) if (r.median - 3.0).abs() < 1e-9)
        );
        assert!(
            matches!(compare(&c, &a, 1), Comparison::Slower(r) if r.low <= 3.0 && 3.0 <= r.high)
        );
        assert_eq!(compare(&a[..3], &c[..3], 1), Comparison::Unsure);
    }
}
