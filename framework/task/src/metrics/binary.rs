//! Measures of two-class classifiers.

use std::collections::BTreeSet;

use super::{metric, ratio};
use crate::ledger::Metric;

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

    /// Share of all that was called positive.
    pub fn alarm_rate(self) -> f64 {
        ratio(
            (self.tp + self.fp) as f64,
            (self.tp + self.tn + self.fp + self.fn_) as f64,
        )
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

/// The score above which as nearly as possible the share `rate` of `scores` lies: halfway between
/// two neighbours that differ. `None` where all scores are equal.
///
/// Chosen on the training part, it gives a detector that alarms about so often, whatever its
/// scores mean.
pub fn alarm_threshold(scores: &[f64], rate: f64) -> Option<f64> {
    let mut falling = scores.to_vec();
    falling.sort_by(|a, b| b.total_cmp(a));
    let wanted = rate * scores.len() as f64;
    let distance = |above: usize| (above as f64 - wanted).abs();
    (1..falling.len())
        .filter(|above| falling[above - 1] > falling[*above])
        .min_by(|a, b| distance(*a).total_cmp(&distance(*b)))
        .map(|above| 0.5 * (falling[above - 1] + falling[above]))
}

/// The names of what [`binary`] measures.
pub const BINARY: [&str; 15] = [
    "auc",
    "auprc",
    "balanced_accuracy",
    "accuracy",
    "recall",
    "precision",
    "specificity",
    "f1",
    "mcc",
    "alarm_rate",
    "tp",
    "fp",
    "tn",
    "fn",
    "agreement",
];

/// The name of what [`auc_fold_mean`] measures.
pub const AUC_FOLD_MEAN: &str = "auc_fold_mean";

/// AUC within each fold, and the mean over the folds, beside the plaintext models'; `None` of fewer
/// than two folds, or where a fold lacks a class.
///
/// Each fold has a model of its own. The AUC of all scores pooled also compares scores of different
/// models, and falls where these are not calibrated alike (Forman and Scholz, *Apples-to-apples in
/// cross-validation studies*, SIGKDD Explorations 12(1), 2010).
pub fn auc_fold_mean(
    fold_of: &[usize],
    scores: &[f64],
    plain: &[f64],
    labels: &[f64],
) -> Option<Metric> {
    let folds: BTreeSet<usize> = fold_of.iter().copied().collect();
    let of = |scores: &[f64]| {
        let within = folds.iter().map(|fold| {
            let rows = fold_of.iter().enumerate().filter(|(_, f)| *f == fold);
            let (scores, labels): (Vec<f64>, Vec<f64>) =
                rows.map(|(row, _)| (scores[row], labels[row])).unzip();
            auc(&scores, &labels)
        });
        within.sum::<f64>() / folds.len() as f64
    };
    let several = folds.len() > 1;
    several.then(|| metric(AUC_FOLD_MEAN, of(scores), of(plain)))?
}

/// All measures of a binary classifier, each beside the plaintext model's: AUC first. One that is
/// undefined, such as AUC where the labels are of one class, is left out.
///
/// `scores` are compared with `threshold` for the decisions; `plain` are the plaintext model's
/// scores of the same kind. Where scores are decisions, 0 and 1, there is one threshold only:
/// AUC then equals the balanced accuracy, and AUPRC is that of one point.
pub fn binary(scores: &[f64], plain: &[f64], labels: &[f64], threshold: f64) -> Vec<Metric> {
    let both = |name: &str, f: &dyn Fn(&[f64]) -> f64| metric(name, f(scores), f(plain));
    let (here, clear) = (
        Confusion::count(scores, labels, threshold),
        Confusion::count(plain, labels, threshold),
    );
    let by = |name: &str, f: fn(Confusion) -> f64| metric(name, f(here), f(clear));
    let same = scores
        .iter()
        .zip(plain)
        .filter(|(a, b)| (**a > threshold) == (**b > threshold));
    let agreement = ratio(same.count() as f64, scores.len() as f64);
    let all = [
        both("auc", &|s| auc(s, labels)),
        both("auprc", &|s| average_precision(s, labels)),
        by("balanced_accuracy", Confusion::balanced_accuracy),
        by("accuracy", Confusion::accuracy),
        by("recall", Confusion::recall),
        by("precision", Confusion::precision),
        by("specificity", Confusion::specificity),
        by("f1", Confusion::f1),
        by("mcc", Confusion::mcc),
        by("alarm_rate", Confusion::alarm_rate),
        by("tp", |c| c.tp as f64),
        by("fp", |c| c.fp as f64),
        by("tn", |c| c.tn as f64),
        by("fn", |c| c.fn_ as f64),
        metric("agreement", agreement, 1.0),
    ];
    all.into_iter().flatten().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn near(got: f64, want: f64) {
        assert!((got - want).abs() < 1e-12, "got {got}, want {want}");
    }

    #[test]
    fn all_have_their_names() {
        let metrics = binary(&[0.1, 0.9], &[0.1, 0.9], &[0.0, 1.0], 0.5);
        let names: Vec<&str> = metrics.iter().map(|m| m.name.as_str()).collect();
        assert_eq!(names, BINARY);
    }

    /// Each model orders its own fold without a mistake; their scores do not compare.
    #[test]
    fn folds_are_judged_one_by_one() {
        let labels = [0.0, 1.0, 0.0, 1.0];
        let scores = [5.0, 6.0, 1.0, 2.0];
        let mean = auc_fold_mean(&[0, 0, 1, 1], &scores, &[0.0, 1.0, 1.0, 0.0], &labels).unwrap();
        assert_eq!((mean.value, mean.plaintext), (1.0, Some(0.5)));
        near(auc(&scores, &labels), 0.75);
        assert_eq!(auc_fold_mean(&[0; 4], &scores, &scores, &labels), None);
        assert_eq!(
            auc_fold_mean(&[0, 1, 0, 1], &scores, &scores, &labels),
            None
        );
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
            f64::midpoint(1.0, 2.0 / 3.0),
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
        near(c.specificity(), 0.5);
        near(c.alarm_rate(), 0.6);
        near(c.balanced_accuracy(), f64::midpoint(2.0 / 3.0, 0.5));
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
    fn what_is_undefined_is_left_out() {
        let names = |labels: &[f64]| -> Vec<String> {
            let all = binary(&[0.1, 0.9], &[0.2, 0.8], labels, 0.5);
            assert!(all.iter().all(|m| m.value.is_finite()));
            all.into_iter().map(|m| m.name).collect()
        };
        assert_eq!(names(&[0.0, 1.0])[..2], ["auc", "auprc"]);
        assert_eq!(names(&[1.0, 1.0])[..2], ["auprc", "balanced_accuracy"]);
        assert_eq!(names(&[0.0, 0.0])[0], "balanced_accuracy");
    }

    #[test]
    fn the_auc_of_decisions_is_the_balanced_accuracy() {
        let bits = [1.0, 0.0, 1.0, 1.0, 0.0, 0.0, 1.0];
        let labels = [1.0, 0.0, 0.0, 1.0, 1.0, 0.0, 0.0];
        let balanced = Confusion::count(&bits, &labels, 0.5).balanced_accuracy();
        near(auc(&bits, &labels), balanced);
    }

    #[track_caller]
    fn alarms(scores: &[f64], rate: f64, expect: Option<f64>) {
        assert_eq!(
            alarm_threshold(scores, rate),
            expect,
            "{scores:?} at {rate}"
        );
    }

    #[test]
    fn thresholds_alarm_as_often_as_wanted() {
        alarms(&[3.0, 1.0, 4.0, 2.0], 0.25, Some(3.5));
        alarms(&[3.0, 1.0, 4.0, 2.0], 0.5, Some(2.5));
        alarms(&[3.0, 1.0, 4.0, 2.0], 0.001, Some(3.5));
        // One alarm is impossible: three scores are the highest.
        alarms(&[4.0, 4.0, 4.0, 0.0], 0.25, Some(2.0));
        alarms(&[1.0; 4], 0.25, None);
        alarms(&[], 0.25, None);
    }
}
