//! Student's t: intervals of the mean of a few independent values.

use super::statistics::Interval;

/// The probability that Student's t with `freedom` degrees of freedom lies within `-t` and `t`.
///
/// Abramowitz and Stegun, *Handbook of Mathematical Functions*, 1964, 26.7.3 (odd) and 26.7.4 (even
/// degrees of freedom): finite sums, exact but for rounding.
fn within(t: f64, freedom: usize) -> f64 {
    let n = freedom as f64;
    let angle = (t / n.sqrt()).atan();
    let (sine, cosine) = angle.sin_cos();
    let square = cosine * cosine;
    let odd = freedom % 2 == 1;
    // Each term is the one before times (k / (k + 1)) cos^2, of the even or the odd k.
    let (mut term, mut sum) = if odd { (cosine, 0.0) } else { (1.0, 0.0) };
    let mut k = if odd { 2 } else { 1 };
    while k < freedom {
        sum += term;
        term *= square * k as f64 / (k + 1) as f64;
        k += 2;
    }
    if odd {
        std::f64::consts::FRAC_2_PI * (angle + sine * sum)
    } else {
        sine * sum
    }
}

/// The `t` within which Student's t lies with this probability, from 0 to less than 1.
fn quantile(probability: f64, freedom: usize) -> f64 {
    let (mut low, mut high) = (0.0, 1.0);
    while within(high, freedom) < probability && high < 1e300 {
        high *= 2.0;
    }
    // Halving 60 times is as near as doubles are.
    for _ in 0..60 {
        let middle = f64::midpoint(low, high);
        if within(middle, freedom) < probability {
            low = middle;
        } else {
            high = middle;
        }
    }
    high
}

/// Mean and standard error of the mean of some values; `None` of fewer than two, and where they are
/// not all finite.
fn mean_and_error(values: &[f64]) -> Option<(f64, f64)> {
    let n = values.len() as f64;
    let mean = values.iter().sum::<f64>() / n;
    if values.len() < 2 || !mean.is_finite() {
        return None;
    }
    let squares: f64 = values.iter().map(|x| (x - mean).powi(2)).sum();
    Some((mean, (squares / (n - 1.0) / n).sqrt()))
}

/// The interval that covers the expectation of the values with this probability, if they are
/// independent and normal; `None` of fewer than two.
pub(super) fn interval_of_mean(values: &[f64], coverage: f64) -> Option<Interval> {
    let (mean, error) = mean_and_error(values)?;
    let half = quantile(coverage, values.len() - 1) * error;
    Some(Interval {
        low: mean - half,
        high: mean + half,
    })
}

/// The probability of a mean as far above `expectation` as that of these values, or farther, where
/// their expectation is that; 1 of fewer than two.
pub(super) fn p_above(values: &[f64], expectation: f64) -> f64 {
    let Some((mean, error)) = mean_and_error(values) else {
        return 1.0;
    };
    let distance = mean - expectation;
    if error == 0.0 {
        // Values that do not scatter: there is nothing but their distance.
        return if distance > 0.0 { 0.0 } else { 1.0 };
    }
    let two_sided = 1.0 - within((distance / error).abs(), values.len() - 1);
    if distance > 0.0 {
        two_sided / 2.0
    } else {
        1.0 - two_sided / 2.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The table of every book.
    #[test]
    fn quantiles_are_those_of_tables() {
        for (freedom, t95, t99) in [
            (1, 12.706_205, 63.656_741),
            (2, 4.302_653, 9.924_843),
            (3, 3.182_446, 5.840_909),
            (4, 2.776_445, 4.604_095),
            (9, 2.262_157, 3.249_836),
            (11, 2.200_985, 3.105_807),
            (30, 2.042_272, 2.749_996),
        ] {
            for (probability, want) in [(0.95, t95), (0.99, t99)] {
                let got = quantile(probability, freedom);
                assert!((got - want).abs() < 1e-5, "{freedom}: {got}, not {want}");
            }
        }
    }

    #[test]
    fn intervals_and_probabilities_belong_together() {
        let values = [1.0, 2.0, 4.0, 3.5, 2.5];
        let Interval { low, high } = interval_of_mean(&values, 0.95).unwrap();
        assert!((low + high - 5.2).abs() < 1e-12);
        assert!((p_above(&values, low) - 0.025).abs() < 1e-9);
        assert!((p_above(&values, high) - 0.975).abs() < 1e-9);
        assert_eq!(interval_of_mean(&[1.0], 0.95), None);
        assert_eq!(interval_of_mean(&[1.0, f64::NAN], 0.95), None);
        assert_eq!(p_above(&[1.0], 0.0), 1.0);
        assert_eq!(p_above(&[1.0, 1.0], 0.5), 0.0);
        assert_eq!(p_above(&[1.0, 1.0], 1.0), 1.0);
    }
}
