//! Metrics over several seeds: their means, and how sure these are.

use std::collections::BTreeMap;

use crate::measure::{Interval, interval_of_mean};
use crate::record::Run;
use hexperiment_task::ledger::Metric;

/// The 95 % intervals of a metric's mean over seeds; `None` of one seed, and where a seed has no value.
///
/// They are Student's t over the values of the seeds, which are drawn independently: they cover the mean
/// over all random splits of *these* data. Test parts of the splits overlap, and so do training parts, so
/// that they do not say what other data would yield: see [`correction`].
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct MetricIntervals {
    /// Of the value as decrypted.
    pub value: Option<Interval>,
    /// Of the value in the clear.
    pub plaintext: Option<Interval>,
}

/// The mean of every metric over seeds, in the order in which they come, and its intervals; a metric that
/// some seeds do not have is the mean of the others.
pub(super) fn means(of_seeds: &[&[Metric]]) -> (Vec<Metric>, BTreeMap<String, MetricIntervals>) {
    let mut names: Vec<&str> = Vec::new();
    for metric in of_seeds.iter().copied().flatten() {
        if !names.contains(&metric.name.as_str()) {
            names.push(&metric.name);
        }
    }
    let mean = |values: &[f64]| values.iter().sum::<f64>() / values.len() as f64;
    let mut means = Vec::new();
    let mut intervals = BTreeMap::new();
    for name in names {
        let all = of_seeds
            .iter()
            .copied()
            .flatten()
            .filter(|m| m.name == name);
        // Where nothing was clipped, the clear model is the unclipped one.
        let unclipped: Option<Vec<f64>> =
            all.clone().map(|m| m.unclipped.or(m.plaintext)).collect();
        let unclipped = unclipped.filter(|_| all.clone().any(|m| m.unclipped.is_some()));
        let unit = all.clone().next().map(|m| m.unit.clone());
        let (values, clear): (Vec<f64>, Vec<Option<f64>>) =
            all.map(|m| (m.value, m.plaintext)).unzip();
        let clear: Option<Vec<f64>> = clear.into_iter().collect();
        means.push(Metric {
            name: name.to_owned(),
            value: mean(&values),
            plaintext: clear.as_deref().map(mean),
            unclipped: unclipped.as_deref().map(mean),
            unit: unit.unwrap_or_default(),
        });
        let of = MetricIntervals {
            value: interval_of_mean(&values),
            plaintext: clear.as_deref().and_then(interval_of_mean),
        };
        intervals.insert(name.to_owned(), of);
    }
    (means, intervals)
}

/// What a half width of [`MetricIntervals`] over so many seeds is multiplied by, to be about that of other
/// data of the same kind and size: the square root of `1 + seeds * test / training` (Nadeau and Bengio,
/// *Inference for the generalization error*, Machine Learning 52, 2003). `None` where the run has no
/// fraction of test rows.
pub fn correction(run: &Run, seeds: usize) -> Option<f64> {
    let fraction = run.resolved["dataset"]["test_fraction"].as_f64()?;
    let ratio = fraction / (1.0 - fraction);
    ratio
        .is_finite()
        .then(|| (1.0 + seeds as f64 * ratio).sqrt())
}
