//! Where a score becomes a decision.

use hexperiment_scheme::options::{OptionValue, Options};
use hexperiment_task::TaskError;
use hexperiment_task::linear_model::sigmoid;
use hexperiment_task::metrics;

/// The rule by which samples are called positive.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Rule {
    /// Above this probability.
    Threshold(f64),
    /// Above the threshold that calls this share of the training rows positive.
    AlarmRate(f64),
}

impl Rule {
    /// Reads the options `threshold` and `alarm_rate`, of which one at most may be given.
    pub(crate) fn read(options: &Options) -> Result<Self, TaskError> {
        let number = |name: &str| options.get(name).map(|_| options.number(name)).transpose();
        match (number("threshold")?, number("alarm_rate")?) {
            (Some(threshold), Some(rate)) => Err(TaskError::Options(format!(
                "`threshold = {}` and `alarm_rate = {}` both set the threshold; give one of them",
                OptionValue::Number(threshold),
                OptionValue::Number(rate)
            ))),
            (_, Some(rate)) => Ok(Self::AlarmRate(rate)),
            (threshold, None) => Ok(Self::Threshold(threshold.unwrap_or(0.5))),
        }
    }

    /// The logit above which a sample is positive, and a note where the data chose it; `logits`
    /// are the training rows'.
    pub(crate) fn cut(self, logits: &[f64]) -> Result<(f64, Option<String>), TaskError> {
        match self {
            Self::Threshold(p) => Ok(((p / (1.0 - p)).ln(), None)),
            Self::AlarmRate(rate) => {
                let cut = metrics::alarm_threshold(logits, rate).ok_or_else(|| {
                    TaskError::data(
                        "every training row has the same score, so that no threshold has a share \
                         of them above it",
                        "choose features that tell something, or give `threshold`",
                    )
                })?;
                let above = logits.iter().filter(|s| **s > cut).count();
                let note = format!(
                    "threshold {:.4}, chosen to alarm on {:.2} % of the training rows ({above} of \
                     {})",
                    sigmoid(cut),
                    100.0 * above as f64 / logits.len() as f64,
                    logits.len()
                );
                Ok((cut, Some(note)))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(given: &[(&str, f64)], expect: Result<f64, &str>) {
        let mut options = Options::default();
        for (name, value) in given {
            options.set(name, OptionValue::Number(*value));
        }
        let logits = [2.0, -1.0, 0.0, 5.0];
        let got = Rule::read(&options).and_then(|rule| rule.cut(&logits));
        match (got, expect) {
            (Ok((cut, note)), Ok(want)) => {
                assert!((cut - want).abs() < 1e-12, "{cut} {want}");
                assert_eq!(
                    note.is_some(),
                    given.iter().any(|(n, _)| *n == "alarm_rate")
                );
            }
            (Err(got), Err(want)) => assert!(got.to_string().contains(want), "{got}"),
            (got, want) => panic!("got {got:?}, want {want:?}"),
        }
    }

    #[test]
    fn one_rule_sets_the_threshold() {
        check(&[], Ok(0.0));
        check(&[("threshold", 0.75)], Ok(3.0_f64.ln()));
        check(&[("alarm_rate", 0.25)], Ok(3.5));
        check(&[("alarm_rate", 0.7)], Ok(-0.5));
        check(
            &[("threshold", 0.5), ("alarm_rate", 0.25)],
            Err("give one of them"),
        );
    }
}
