//! Measures of regressions.

use super::{metric, ratio};
use crate::ledger::Metric;

/// The names of what [`regression`] measures.
pub const REGRESSION: [&str; 4] = ["r2", "mae", "rmse", "largest_residual"];

/// All measures of a regression, each beside the plaintext model's: R2 first. R2 is left out
/// where the truth does not vary.
pub fn regression(predicted: &[f64], plain: &[f64], truth: &[f64]) -> Vec<Metric> {
    let n = truth.len() as f64;
    let mean = ratio(truth.iter().sum(), n);
    let total: f64 = truth.iter().map(|y| (y - mean).powi(2)).sum();
    let errors = |p: &[f64]| -> Vec<f64> { p.iter().zip(truth).map(|(p, y)| p - y).collect() };
    let both = |name: &str, f: &dyn Fn(Vec<f64>) -> f64| {
        metric(name, f(errors(predicted)), f(errors(plain)))
    };
    let all = [
        both("r2", &|e| {
            let squares: f64 = e.iter().map(|x| x * x).sum();
            // 0 / 0 must not come out as a perfect fit.
            if total > 0.0 {
                1.0 - squares / total
            } else {
                f64::NAN
            }
        }),
        both("mae", &|e| ratio(e.iter().map(|x| x.abs()).sum(), n)),
        both("rmse", &|e| ratio(e.iter().map(|x| x * x).sum(), n).sqrt()),
        both("largest_residual", &|e| {
            e.iter().fold(0.0, |m, x| m.max(x.abs()))
        }),
    ];
    all.into_iter().flatten().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(predicted: &[f64], truth: &[f64], expect: &[(&str, f64)]) {
        let metrics = regression(predicted, truth, truth);
        let names: Vec<&str> = metrics.iter().map(|m| m.name.as_str()).collect();
        assert!(names.iter().all(|n| REGRESSION.contains(n)), "{names:?}");
        assert_eq!(names, expect.iter().map(|(n, _)| *n).collect::<Vec<_>>());
        for (metric, (name, value)) in metrics.iter().zip(expect) {
            assert!(
                (metric.value - value).abs() < 1e-12,
                "{name}: {}",
                metric.value
            );
            let perfect = f64::from(u8::from(*name == "r2"));
            assert_eq!(metric.plaintext, Some(perfect), "{name}");
        }
    }

    #[test]
    fn residuals_by_hand() {
        let third = 1.0 / 3.0_f64;
        check(
            &[1.0, 2.0, 4.0],
            &[1.0, 2.0, 3.0],
            &[
                ("r2", 0.5),
                ("mae", third),
                ("rmse", third.sqrt()),
                ("largest_residual", 1.0),
            ],
        );
        // No variance to explain.
        check(
            &[2.0, 3.0],
            &[2.0, 2.0],
            &[
                ("mae", 0.5),
                ("rmse", 0.5_f64.sqrt()),
                ("largest_residual", 1.0),
            ],
        );
    }
}
