//! How many times as long a cell takes in another run.
//!
//! Two runs were not interleaved, so that no time of one belongs to a time of the other: they are two
//! independent samples. One is taken to be the other times a factor, whatever the distribution is.
//! The factor is estimated by Hodges and Lehmann, *Estimates of location based on rank tests*, Annals
//! of Mathematical Statistics 34, 1963, on the logarithms of the times: the median of all quotients of a
//! time of one and a time of the other. Its interval lies between two of these quotients, which the
//! distribution of the Mann-Whitney statistic chooses (Hollander and Wolfe, *Nonparametric Statistical
//! Methods*, 2nd edition, 1999, section 4.3; exact up to 2500 quotients, beyond by its normal
//! approximation, section 4.1). Where one is the other times a factor, that is the ratio of their
//! medians, too.
//!
//! The interval covers what scatters within runs. What changes from one run to another, such as a
//! neighbour on the machine or the place in memory, is in no repetition, and is not covered.

use std::collections::HashMap;
use std::rc::Rc;

use super::comparison::{Outcome, holm};
use super::statistics::Interval;

/// Coverage that intervals are chosen for: 95 %, and a reserve for repetitions that are not quite
/// independent. What a machine does from one round to the next is in all times of a run, and is not in
/// those of the other; `simulation.rs` holds that 95 % are left.
const COVERAGE: f64 = 0.98;

/// Probability of one wrong word or more among the cells of two runs that are alike, of independent
/// repetitions: 5 % less the same reserve, which takes more of what is rarer.
const LEVEL: f64 = 0.01;

/// Quotients up to which the distribution is computed exactly.
const EXACT: usize = 2500;

/// A cell in another run, compared with the base.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Change {
    /// What is shown of the other run: slower or faster than the base, or a tie.
    pub outcome: Outcome,
    /// How many times as long the other run takes; NaN where one has no time.
    pub ratio: f64,
    /// The 95 % interval of that, of this cell alone; `None` where there are too few repetitions.
    pub interval: Option<Interval>,
}

/// Compares the times of some cells in another run with those in the base: each pair is the base's
/// times and the other's. Ratios within the margin tie.
///
/// The probability of a wrong word is held below 5 % over all cells (Holm's correction), once for words of
/// difference and once for ties, as in [`compare_with_first`](super::compare_with_first).
pub fn compare_runs(cells: &[(&[f64], &[f64])], margin: f64) -> Vec<Change> {
    let mut known = HashMap::new();
    let samples: Vec<TwoSamples> = cells
        .iter()
        .map(|(base, other)| {
            let sizes = (base.len(), other.len());
            let null = known
                .entry(sizes)
                .or_insert_with(|| Rc::new(Null::of(sizes)));
            TwoSamples::new(base, other, Rc::clone(null))
        })
        .collect();
    let differ = holm(samples.iter().map(TwoSamples::p_of_difference).collect());
    let tie = holm(samples.iter().map(|s| s.p_of_distance(margin)).collect());
    let needed = needed(cells.len());
    let decided = differ.into_iter().zip(tie);
    samples
        .iter()
        .zip(decided)
        .map(|(sample, (differ, tie))| {
            let shift = sample.shift();
            let fewest = sample.base.len().min(sample.other.len());
            let outcome = if tie <= LEVEL {
                Outcome::Tie
            } else if differ <= LEVEL && shift > 0.0 {
                Outcome::Slower
            } else if differ <= LEVEL {
                Outcome::Faster
            } else if fewest < needed {
                Outcome::TooFew { needed }
            } else {
                Outcome::NotDistinguished
            };
            Change {
                outcome,
                ratio: shift.exp(),
                interval: sample.interval(),
            }
        })
        .collect()
}

/// The fewest repetitions of each run that can show a difference of one among so many cells: the
/// least p-value of `n` and `n` is two in all the ways to choose `n` of `2n`.
fn needed(cells: usize) -> usize {
    let least = |n: usize| 2.0 * (1..=n).map(|i| i as f64 / (n + i) as f64).product::<f64>();
    // The p-value of 64 is below 10^-37: no run has so many cells.
    let enough = |n: &usize| cells as f64 * least(*n) <= LEVEL;
    (1..64).find(enough).unwrap_or(64)
}

/// Logarithms of the times of two runs, each in order.
struct TwoSamples {
    base: Vec<f64>,
    other: Vec<f64>,
    null: Rc<Null>,
}

impl TwoSamples {
    fn new(base: &[f64], other: &[f64], null: Rc<Null>) -> Self {
        let sorted = |times: &[f64]| {
            // A clock that does not count says 0 for both, and 0 is as long as 0.
            let mut logs: Vec<f64> = times
                .iter()
                .map(|t| t.max(f64::MIN_POSITIVE).ln())
                .collect();
            logs.sort_by(f64::total_cmp);
            logs
        };
        Self {
            base: sorted(base),
            other: sorted(other),
            null,
        }
    }

    /// Pairs of a time of each run.
    fn pairs(&self) -> usize {
        self.base.len() * self.other.len()
    }

    /// Pairs whose difference, the other's logarithm less the base's, is below the limit, or at it
    /// if `inclusive`.
    fn below(&self, limit: f64, inclusive: bool) -> usize {
        let is_above = |d: f64| if inclusive { d > limit } else { d >= limit };
        let of = |other: &f64| {
            // The larger the base's time, the smaller the difference.
            self.base.len() - self.base.partition_point(|base| is_above(other - base))
        };
        self.other.iter().map(of).sum()
    }

    /// The difference of this place in order, from 1. By bisection, so that no list of all is made.
    fn difference(&self, place: usize) -> f64 {
        let (Some(first), Some(last)) = (self.base.first(), self.base.last()) else {
            return f64::NAN;
        };
        let (Some(least), Some(most)) = (self.other.first(), self.other.last()) else {
            return f64::NAN;
        };
        let (mut low, mut high) = (key(least - last), key(most - first));
        while low < high {
            let middle = low + (high - low) / 2;
            if self.below(number(middle), true) >= place {
                high = middle;
            } else {
                low = middle + 1;
            }
        }
        number(low)
    }

    /// The median of all differences; NaN of none.
    fn shift(&self) -> f64 {
        let pairs = self.pairs();
        let (lower, upper) = (pairs.div_ceil(2), pairs / 2 + 1);
        f64::midpoint(self.difference(lower), self.difference(upper))
    }

    /// The interval of the factor.
    fn interval(&self) -> Option<Interval> {
        let covers = |place: usize| 1.0 - 2.0 * self.null.tail(place - 1) >= COVERAGE;
        let (mut place, mut beyond) = (0, self.pairs() / 2 + 1);
        // The last place that covers, by bisection.
        while place + 1 < beyond {
            let middle = place + (beyond - place) / 2;
            if covers(middle) {
                place = middle;
            } else {
                beyond = middle;
            }
        }
        (place > 0).then(|| Interval {
            low: self.difference(place).exp(),
            high: self.difference(self.pairs() + 1 - place).exp(),
        })
    }

    /// The p-value of a factor of 1, of two sides; pairs that are equal speak against either.
    fn p_of_difference(&self) -> f64 {
        let (not_above, not_below) = (self.below(0.0, true), self.pairs() - self.below(0.0, false));
        self.p(not_above.min(not_below))
    }

    /// The p-value of a factor outside the margin, at either of its ends, doubled as in the
    /// comparison of rows.
    fn p_of_distance(&self, margin: f64) -> f64 {
        let limit = (1.0 + margin).ln();
        let (below, above) = (
            self.below(-limit, true),
            self.pairs() - self.below(limit, false),
        );
        self.p(below.max(above))
    }

    fn p(&self, most: usize) -> f64 {
        (2.0 * self.null.tail(most)).min(1.0)
    }
}

/// A whole number in the order of doubles.
fn key(x: f64) -> u64 {
    let bits = x.to_bits();
    if bits >> 63 == 1 {
        !bits
    } else {
        bits | 1 << 63
    }
}

/// The double of a [`key`].
fn number(key: u64) -> f64 {
    let bits = if key >> 63 == 1 {
        key & !(1 << 63)
    } else {
        !key
    };
    f64::from_bits(bits)
}

/// How many of the pairs of two samples of one distribution have the first above the second.
enum Null {
    /// The probabilities of at most 0, 1, … pairs.
    Exact(Vec<f64>),
    /// The normal distribution with this mean and deviation.
    Normal { mean: f64, deviation: f64 },
}

impl Null {
    fn of((m, n): (usize, usize)) -> Self {
        let pairs = m * n;
        if pairs <= EXACT {
            let mut sum = 0.0;
            let sums = exact(m, n).into_iter().map(|p| {
                sum += p;
                f64::min(sum, 1.0)
            });
            return Self::Exact(sums.collect());
        }
        Self::Normal {
            mean: pairs as f64 / 2.0,
            deviation: (pairs as f64 * (m + n + 1) as f64 / 12.0).sqrt(),
        }
    }

    /// The probability of at most so many pairs.
    fn tail(&self, at_most: usize) -> f64 {
        match self {
            Self::Exact(sums) => sums.get(at_most).copied().unwrap_or(1.0),
            // Corrected by a half, for the statistic is a whole number.
            Self::Normal { mean, deviation } => {
                normal_tail((mean - at_most as f64 - 0.5) / deviation)
            }
        }
    }
}

/// The distribution of the Mann-Whitney statistic, by its recurrence: the largest of all values is of
/// the one sample, and above all `n` of the other, or of the other.
fn exact(m: usize, n: usize) -> Vec<f64> {
    // Of `i` and each `j`.
    let mut of: Vec<Vec<f64>> = vec![vec![1.0]; n + 1];
    for i in 1..=m {
        let mut next: Vec<Vec<f64>> = vec![vec![1.0]];
        for j in 1..=n {
            let all = (i + j) as f64;
            let (first, second) = (i as f64 / all, j as f64 / all);
            let mut p = vec![0.0; i * j + 1];
            for (u, value) in of[j].iter().enumerate() {
                p[u + j] += first * value;
            }
            for (u, value) in next[j - 1].iter().enumerate() {
                p[u] += second * value;
            }
            next.push(p);
        }
        of = next;
    }
    of.pop().unwrap_or_default()
}

/// The probability that a normal number is above `z`, by Simpson's rule.
fn normal_tail(z: f64) -> f64 {
    const STEPS: usize = 4000;
    if z < 0.0 {
        return 1.0 - normal_tail(-z);
    }
    let density = |x: f64| (-x * x / 2.0).exp() / std::f64::consts::TAU.sqrt();
    // What is beyond ten deviations more is no double beside the rest.
    let step = 10.0 / STEPS as f64;
    let weight = |i: usize| match i {
        0 | STEPS => 1.0,
        i if i % 2 == 1 => 4.0,
        _ => 2.0,
    };
    let sum: f64 = (0..=STEPS)
        .map(|i| weight(i) * density(z + i as f64 * step))
        .sum();
    sum * step / 3.0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn near(got: f64, want: f64) {
        assert!((got - want).abs() <= 1e-9 * want.abs(), "{got} {want}");
    }

    /// Tables of the statistic: of 4 and 4 values, 70 choices; of 3 and 5, 56.
    #[test]
    fn the_distribution_by_hand() {
        let counts = |m, n, all: f64| -> Vec<f64> { exact(m, n).iter().map(|p| p * all).collect() };
        for (got, want) in [
            (counts(2, 2, 6.0), vec![1.0, 1.0, 2.0, 1.0, 1.0]),
            (
                counts(4, 4, 70.0)[..5].to_vec(),
                vec![1.0, 1.0, 2.0, 3.0, 5.0],
            ),
            (
                counts(3, 5, 56.0)[..5].to_vec(),
                vec![1.0, 1.0, 2.0, 3.0, 4.0],
            ),
        ] {
            assert_eq!(got.len(), want.len());
            got.iter().zip(want).for_each(|(g, w)| near(*g, w));
        }
        assert_eq!(exact(0, 3), [1.0]);
        near(normal_tail(1.959_963_984_540_054), 0.025);
        near(normal_tail(-1.959_963_984_540_054), 0.975);
        near(normal_tail(5.0), 2.866_515_718_791_94e-7);
        // The approximation meets what it takes over from.
        let exact = Null::of((50, 50));
        let deviation = (2500.0 * 101.0 / 12.0_f64).sqrt();
        let normal = Null::Normal {
            mean: 1250.0,
            deviation,
        };
        for at_most in 850..1650 {
            let (p, approximate) = (exact.tail(at_most), normal.tail(at_most));
            assert!(
                (p - approximate).abs() < 1e-3,
                "{at_most}: {p} {approximate}"
            );
        }
    }

    #[test]
    fn places_in_order_are_those_of_the_sorted_list() {
        let (base, other) = ([1.0, 4.0, 2.0, 4.0], [3.0, 1.0, 8.0]);
        let sample = TwoSamples::new(&base, &other, Rc::new(Null::of((4, 3))));
        let mut all: Vec<f64> = base
            .iter()
            .flat_map(|a| other.iter().map(move |b| f64::ln(*b) - f64::ln(*a)))
            .collect();
        all.sort_by(f64::total_cmp);
        for (place, want) in (1..).zip(&all) {
            assert_eq!(sample.difference(place), *want, "{place}");
        }
        assert_eq!(sample.shift(), f64::midpoint(all[5], all[6]));
    }

    /// Five times and five, where the interval is of all quotients: of 252 ways to mix them, two are as
    /// far apart, 0.8 %; without the farthest quotients they would be four, 1.6 %, and 1.6 % below 2 %.
    #[test]
    fn changes_by_hand() {
        let base = [10.0, 11.0, 12.0, 13.0, 14.0];
        let other = base.map(|x| 2.0 * x);
        let all = compare_runs(&[(&base, &other)], 0.06);
        let change = all[0];
        assert_eq!(change.outcome, Outcome::Slower);
        near(change.ratio, 2.0);
        let interval = change.interval.unwrap();
        // The quotients in order: 20/14, then 22/14 and 20/13; the second least, and the second largest.
        near(interval.low, 20.0 / 13.0);
        near(interval.high, 26.0 / 10.0);
        let back = compare_runs(&[(&other, &base)], 0.06)[0];
        assert_eq!(back.outcome, Outcome::Faster);
        near(back.ratio, 0.5);
        // The same times: nothing is shown, for they scatter by more than the margin.
        let same = compare_runs(&[(&base, &base)], 0.06)[0];
        assert_eq!((same.outcome, same.ratio), (Outcome::NotDistinguished, 1.0));
        // Times that scatter less tie.
        let close: Vec<f64> = (0..10).map(|i| 10.0 + 0.01 * f64::from(i)).collect();
        assert_eq!(
            compare_runs(&[(&close, &close)], 0.06)[0].outcome,
            Outcome::Tie
        );
        assert_eq!(
            compare_runs(&[(&[0.0; 8], &[0.0; 8])], 0.06)[0].outcome,
            Outcome::Tie
        );
    }

    #[test]
    fn few_repetitions_show_nothing() {
        assert_eq!([1, 2, 5, 30].map(needed), [5, 6, 7, 8]);
        let of = |n: usize| (vec![1.0; n], vec![9.0; n]);
        let (a, b) = of(4);
        let few = compare_runs(&[(&a, &b)], 0.06)[0];
        assert_eq!(
            (few.outcome, few.interval),
            (Outcome::TooFew { needed: 5 }, None)
        );
        near(few.ratio, 9.0);
        // Five show it of one cell, and not of one among two.
        let (a, b) = of(5);
        let two = compare_runs(&[(&a, &b), (&a, &b)], 0.06);
        assert_eq!(compare_runs(&[(&a, &b)], 0.06)[0].outcome, Outcome::Slower);
        assert!(
            two.iter()
                .all(|c| c.outcome == Outcome::TooFew { needed: 6 })
        );
        let none = compare_runs(&[(&[], &b)], 0.06)[0];
        assert!(none.ratio.is_nan() && none.interval.is_none());
    }

    #[test]
    fn many_repetitions_are_quick() {
        let base: Vec<f64> = (0..5000)
            .map(|i| 10.0 + f64::from(i * 7919 % 5000) / 5000.0)
            .collect();
        let other: Vec<f64> = base.iter().map(|x| 1.02 * x).collect();
        let change = compare_runs(&[(&base, &other)], 0.01)[0];
        assert_eq!(change.outcome, Outcome::Slower);
        assert!((change.ratio - 1.02).abs() < 1e-9);
        let interval = change.interval.unwrap();
        assert!(interval.low > 1.01 && interval.high < 1.03, "{interval:?}");
    }
}
