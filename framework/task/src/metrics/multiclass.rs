//! Measures of classifiers of more than two classes.

use super::{metric, ratio};
use crate::ledger::Metric;

/// Counts of decisions: `count(truth, said)` over classes `0..classes`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfusionMatrix {
    classes: usize,
    /// By row the truth, by column what was said; the last column is for decisions that are none
    /// of the classes.
    counts: Vec<usize>,
}

impl ConfusionMatrix {
    /// Counts decisions against truths. A decision that is none of the classes is a wrong one; a
    /// truth that is none does not count.
    pub fn count(said: &[usize], truth: &[usize], classes: usize) -> Self {
        let mut matrix = Self {
            classes,
            counts: vec![0; classes * (classes + 1)],
        };
        for (said, truth) in said.iter().zip(truth).filter(|(_, t)| **t < classes) {
            matrix.counts[truth * (classes + 1) + said.min(&classes)] += 1;
        }
        matrix
    }

    /// How many of class `truth` were called `said`.
    pub fn get(&self, truth: usize, said: usize) -> usize {
        self.counts[truth * (self.classes + 1) + said]
    }

    /// By class: right ones, truths of the class, decisions for it.
    fn by_class(&self) -> impl Iterator<Item = [f64; 3]> {
        (0..self.classes).map(|class| {
            let truths: usize = (0..=self.classes).map(|said| self.get(class, said)).sum();
            let said: usize = (0..self.classes).map(|truth| self.get(truth, class)).sum();
            [self.get(class, class), truths, said].map(|n| n as f64)
        })
    }

    /// Share of right decisions.
    pub fn accuracy(&self) -> f64 {
        let right: f64 = self.by_class().map(|[right, ..]| right).sum();
        ratio(right, self.counts.iter().sum::<usize>() as f64)
    }

    /// Mean recall of the classes that occur.
    pub fn balanced_accuracy(&self) -> f64 {
        let recalls = self.by_class().filter(|[_, truths, _]| *truths > 0.0);
        mean(recalls.map(|[right, truths, _]| right / truths))
    }

    /// Mean F1 of the classes that occur or were said.
    pub fn macro_f1(&self) -> f64 {
        let seen = self
            .by_class()
            .filter(|[_, truths, said]| truths + said > 0.0);
        mean(seen.map(|[right, truths, said]| 2.0 * right / (truths + said)))
    }
}

fn mean(values: impl Iterator<Item = f64>) -> f64 {
    let (sum, n) = values.fold((0.0, 0.0), |(sum, n), x| (sum + x, n + 1.0));
    ratio(sum, n)
}

/// All measures of a classifier of `classes` classes, each beside the plaintext model's: balanced
/// accuracy first; the confusion matrix as `confusion_<truth>_<said>`.
pub fn multiclass(said: &[usize], plain: &[usize], truth: &[usize], classes: usize) -> Vec<Metric> {
    let here = ConfusionMatrix::count(said, truth, classes);
    let clear = ConfusionMatrix::count(plain, truth, classes);
    let by = |name: &str, f: &dyn Fn(&ConfusionMatrix) -> f64| metric(name, f(&here), f(&clear));
    let same = said.iter().zip(plain).filter(|(a, b)| a == b).count();
    let mut all = vec![
        by("balanced_accuracy", &ConfusionMatrix::balanced_accuracy),
        by("accuracy", &ConfusionMatrix::accuracy),
        by("macro_f1", &ConfusionMatrix::macro_f1),
        metric("agreement", ratio(same as f64, said.len() as f64), 1.0),
    ];
    for (truth, said) in (0..classes).flat_map(|t| (0..classes).map(move |s| (t, s))) {
        let name = format!("confusion_{truth}_{said}");
        all.push(by(&name, &|m| m.get(truth, said) as f64));
    }
    all.into_iter().flatten().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(said: &[usize], truth: &[usize], expect: [f64; 3]) {
        let m = ConfusionMatrix::count(said, truth, 3);
        let got = [m.accuracy(), m.balanced_accuracy(), m.macro_f1()];
        for (got, want) in got.iter().zip(expect) {
            assert!((got - want).abs() < 1e-12, "got {got:?}, want {want:?}");
        }
    }

    #[test]
    fn measures_by_hand() {
        let truth = [0, 0, 0, 0, 1, 1];
        check(&truth, &truth, [1.0, 1.0, 1.0]);
        // Always the larger class: F1 is 4/5 for it and 0 for the other.
        check(&[0; 6], &truth, [2.0 / 3.0, 0.5, 0.4]);
        // A class that never occurs, said once: it has no recall, but an F1 of 0.
        let f1 = (6.0 / 7.0 + 1.0 + 0.0) / 3.0;
        check(&[0, 0, 0, 2, 1, 1], &truth, [5.0 / 6.0, 0.875, f1]);
        // What is no class at all is wrong.
        let f1 = f64::midpoint(6.0 / 7.0, 1.0);
        check(&[0, 0, 0, 9, 1, 1], &truth, [5.0 / 6.0, 0.875, f1]);
    }

    #[test]
    fn each_measure_stands_beside_the_plaintext_models() {
        let metrics = multiclass(&[0, 1, 1], &[0, 1, 0], &[0, 1, 1], 2);
        let find = |name: &str| metrics.iter().find(|m| m.name == name).unwrap();
        assert_eq!(find("accuracy").value, 1.0);
        assert_eq!(find("accuracy").plaintext, Some(2.0 / 3.0));
        assert_eq!(find("agreement").value, 2.0 / 3.0);
        assert_eq!(find("confusion_1_0").value, 0.0);
        assert_eq!(find("confusion_1_0").plaintext, Some(1.0));
        assert_eq!(metrics.len(), 8);
    }
}
