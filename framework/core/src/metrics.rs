//! Measures of quality.

use crate::task::Metric;

/// Counts of a binary classifier's decisions.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Confusion {
    /// Positive, and said so.
    pub tp: usize,
    /// Negative, called positive.
    pub fp: usize,
    /// Negative, and said so.
    pub tn: usize,
    /// Positive, called negative.
    pub fn_: usize,
}

fn ratio(a: f64, b: f64) -> f64 {
    if b == 0.0 { 0.0 } else { a / b }
}

impl Confusion {
    /// Counts decisions `score > threshold` against labels (positive: above one half).
    pub fn count(scores: &[f64], labels: &[f64], threshold: f64) -> Self {
        let mut c = Self::default();
        for (score, label) in scores.iter().zip(labels) {
            match (*score > threshold, *label > 0.5) {
                (true, true) => c.tp += 1,
                (true, false) => c.fp += 1,
                (false, false) => c.tn += 1,
                (false, true) => c.fn_ += 1,
            }
        }
        c
    }

    /// Share of right decisions.
    pub fn accuracy(self) -> f64 {
        ratio(
            (self.tp + self.tn) as f64,
            (self.tp + self.tn + self.fp + self.fn_) as f64,
        )
    }

    /// Share of the positives that were found; 0 where there are none.
    pub fn recall(self) -> f64 {
        ratio(self.tp as f64, (self.tp + self.fn_) as f64)
    }

    /// Share of the negatives that were left alone; 0 where there are none.
    pub fn specificity(self) -> f64 {
        ratio(self.tn as f64, (self.tn + self.fp) as f64)
    }

    /// Share of true ones among those called positive; 0 where none was called so.
    pub fn precision(self) -> f64 {
        ratio(self.tp as f64, (self.tp + self.fp) as f64)
    }

    /// Mean of recall and specificity.
    pub fn balanced_accuracy(self) -> f64 {
        0.5 * (self.recall() + self.specificity())
    }

    /// Harmonic mean of precision and recall.
    pub fn f1(self) -> f64 {
        ratio(
            2.0 * self.tp as f64,
            (2 * self.tp + self.fp + self.fn_) as f64,
        )
    }

    /// Matthews' correlation coefficient; 0 where a margin of the table is empty (Chicco and
    /// Jurman, *BMC Genomics* 21:6, 2020).
    pub fn mcc(self) -> f64 {
        let [tp, fp, tn, fn_] = [self.tp, self.fp, self.tn, self.fn_].map(|n| n as f64);
        let margins = (tp + fp) * (tp + fn_) * (tn + fp) * (tn + fn_);
        ratio(tp * tn - fp * fn_, margins.sqrt())
    }
}

/// Places by rising score.
fn order(scores: &[f64]) -> Vec<usize> {
    let mut order: Vec<usize> = (0..scores.len()).collect();
    order.sort_by(|a, b| scores[*a].total_cmp(&scores[*b]));
    order
}

/// Runs of equal scores, rising, each with its positives and its size.
fn ties(scores: &[f64], labels: &[f64]) -> Vec<(usize, usize)> {
    let mut runs: Vec<(usize, usize)> = Vec::new();
    let mut last = f64::NAN;
    for i in order(scores) {
        if runs.is_empty() || scores[i] != last {
            runs.push((0, 0));
            last = scores[i];
        }
        if let Some((positives, size)) = runs.last_mut() {
            *positives += usize::from(labels[i] > 0.5);
            *size += 1;
        }
    }
    runs
}

/// Area under the ROC curve: the chance that a positive scores above a negative, ties counting
/// one half (Mann and Whitney 1947; Hanley and McNeil 1982). NaN where a class is empty.
pub fn auc(scores: &[f64], labels: &[f64]) -> f64 {
    let (mut below, mut wins, mut positives) = (0.0, 0.0, 0.0);
    for (p, size) in ties(scores, labels) {
        let (p, n) = (p as f64, (size - p) as f64);
        wins += p * (below + 0.5 * n);
        below += n;
        positives += p;
    }
    if positives == 0.0 || below == 0.0 {
        f64::NAN
    } else {
        wins / (positives * below)
    }
}

/// Area under the precision-recall curve as average precision, equal scores taken together
/// (Davis and Goadrich, ICML 2006, on why not by straight lines). NaN without positives.
pub fn average_precision(scores: &[f64], labels: &[f64]) -> f64 {
    let runs = ties(scores, labels);
    let positives: usize = runs.iter().map(|(p, _)| p).sum();
    if positives == 0 {
        return f64::NAN;
    }
    let (mut tp, mut called, mut area) = (0.0, 0.0, 0.0);
    for (p, size) in runs.into_iter().rev() {
        tp += p as f64;
        called += size as f64;
        area += p as f64 * tp / called;
    }
    area / positives as f64
}

/// All measures of a binary classifier, each beside the plaintext model's: AUC first.
///
/// `scores` are compared with `threshold` for the decisions; `plain` are the plaintext model's
/// scores of the same kind.
pub fn binary(scores: &[f64], plain: &[f64], labels: &[f64], threshold: f64) -> Vec<Metric> {
    let both = |name: &str, f: &dyn Fn(&[f64]) -> f64| Metric {
        name: name.into(),
        value: f(scores),
        plaintext: Some(f(plain)),
    };
    let by = |f: fn(Confusion) -> f64| move |s: &[f64]| f(Confusion::count(s, labels, threshold));
    let counts = |f: fn(Confusion) -> usize| {
        move |s: &[f64]| f(Confusion::count(s, labels, threshold)) as f64
    };
    let same = scores
        .iter()
        .zip(plain)
        .filter(|(a, b)| (**a > threshold) == (**b > threshold));
    vec![
        both("auc", &|s| auc(s, labels)),
        both("auprc", &|s| average_precision(s, labels)),
        both("balanced_accuracy", &by(Confusion::balanced_accuracy)),
        both("recall", &by(Confusion::recall)),
        both("precision", &by(Confusion::precision)),
        both("f1", &by(Confusion::f1)),
        both("mcc", &by(Confusion::mcc)),
        both("accuracy", &by(Confusion::accuracy)),
        both("tp", &counts(|c| c.tp)),
        both("fp", &counts(|c| c.fp)),
        both("tn", &counts(|c| c.tn)),
        both("fn", &counts(|c| c.fn_)),
        Metric {
            name: "agreement".into(),
            value: ratio(same.count() as f64, scores.len() as f64),
            plaintext: Some(1.0),
        },
    ]
}

/// All measures of a regression, each beside the plaintext model's: R2 first.
pub fn regression(predicted: &[f64], plain: &[f64], truth: &[f64]) -> Vec<Metric> {
    let n = truth.len() as f64;
    let mean = ratio(truth.iter().sum(), n);
    let total: f64 = truth.iter().map(|y| (y - mean).powi(2)).sum();
    let errors = |p: &[f64]| -> Vec<f64> { p.iter().zip(truth).map(|(p, y)| p - y).collect() };
    let both = |name: &str, f: &dyn Fn(Vec<f64>) -> f64| Metric {
        name: name.into(),
        value: f(errors(predicted)),
        plaintext: Some(f(errors(plain))),
    };
    vec![
        both("r2", &|e| 1.0 - ratio(e.iter().map(|x| x * x).sum(), total)),
        both("mae", &|e| ratio(e.iter().map(|x| x.abs()).sum(), n)),
        both("rmse", &|e| ratio(e.iter().map(|x| x * x).sum(), n).sqrt()),
        both("largest_residual", &|e| {
            e.iter().fold(0.0, |m, x| m.max(x.abs()))
        }),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn near(got: f64, want: f64) {
        assert!((got - want).abs() < 1e-12, "got {got}, want {want}");
    }

    #[test]
    fn areas_by_hand() {
        let labels = [0.0, 0.0, 1.0, 1.0];
        near(auc(&[0.1, 0.4, 0.35, 0.8], &labels), 0.75);
        near(auc(&[0.0, 0.0, 0.0, 0.0], &labels), 0.5);
        near(auc(&[4.0, 3.0, 2.0, 1.0], &labels), 0.0);
        assert!(auc(&[1.0, 2.0], &[1.0, 1.0]).is_nan());
        // The two positives stand at ranks 1 and 3 of 4.
        near(
            average_precision(&[0.1, 0.4, 0.35, 0.8], &labels),
            (1.0 + 2.0 / 3.0) / 2.0,
        );
        // All tied: precision is the share of positives.
        near(average_precision(&[1.0; 4], &labels), 0.5);
    }

    #[test]
    fn decisions_by_hand() {
        let c = Confusion::count(&[0.9, 0.8, 0.2, 0.7, 0.1], &[1.0, 0.0, 1.0, 1.0, 0.0], 0.5);
        assert_eq!(
            c,
            Confusion {
                tp: 2,
                fp: 1,
                tn: 1,
                fn_: 1
            }
        );
        near(c.accuracy(), 0.6);
        near(c.recall(), 2.0 / 3.0);
        near(c.balanced_accuracy(), (2.0 / 3.0 + 0.5) / 2.0);
        near(c.f1(), 2.0 / 3.0);
        near(c.mcc(), (2.0 - 1.0) / (3.0_f64 * 3.0 * 2.0 * 2.0).sqrt());
    }

    #[test]
    fn a_classifier_that_never_fires_is_not_praised() {
        let labels: Vec<f64> = (0..100).map(|i| f64::from(u8::from(i < 7))).collect();
        let c = Confusion::count(&[0.0; 100], &labels, 0.5);
        near(c.accuracy(), 0.93);
        near(c.balanced_accuracy(), 0.5);
        near(c.recall(), 0.0);
        near(c.mcc(), 0.0);
        near(c.f1(), 0.0);
    }

    #[test]
    fn residuals_by_hand() {
        let metrics = regression(&[1.0, 2.0, 4.0], &[1.0, 2.0, 3.0], &[1.0, 2.0, 3.0]);
        near(metrics[0].value, 0.5);
        near(metrics[0].plaintext.unwrap(), 1.0);
        near(metrics[1].value, 1.0 / 3.0);
        near(metrics[3].value, 1.0);
    }
}
