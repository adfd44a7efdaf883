//! Medians, and intervals of them that hold whatever the distribution of times.

use std::collections::BTreeMap;

use hexperiment_data::transform;

use super::student;

/// Coverage that the interval of a median is chosen for, of independent repetitions: 95 %, and a
/// reserve for those of a cell not being quite independent.
///
/// A machine that is slow in one round is often slow in the next. Records of quiet machines show a
/// correlation of neighbours of 0.1, which takes up to two points of the coverage; `simulation.rs`
/// holds that 95 % are left.
const MEDIAN_COVERAGE: f64 = 0.965;

/// Coverage of the interval of a ratio. What a round does to both rows is not in their ratio, whose
/// neighbours are not correlated in the same records.
pub(super) const RATIO_COVERAGE: f64 = 0.95;

/// Coverage of intervals over processes and over seeds, which are independent.
pub(super) const PROCESS_COVERAGE: f64 = 0.95;

/// The median; NaN of nothing.
pub fn median(values: &[f64]) -> f64 {
    transform::median(values.iter().copied()).unwrap_or(f64::NAN)
}

/// A 95 % interval of a median.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Interval {
    /// Its lower end.
    pub low: f64,
    /// Its upper end.
    pub high: f64,
}

impl Interval {
    /// That of the values whose logarithms this is of.
    pub(super) fn exp(self) -> Self {
        Self {
            low: self.low.exp(),
            high: self.high.exp(),
        }
    }
}

/// A median with its 95 % interval.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Estimate {
    /// The median.
    pub median: f64,
    /// Its interval; `None` of one process with fewer than six values: even the whole range of five
    /// covers the true median in 94 of 100 cases only (`1 - 2^(1-n)`).
    pub interval: Option<Interval>,
}

impl Estimate {
    /// Of these values, each measured in the process of this number.
    ///
    /// Of one process, the ends of the interval are two of the values (David and Nagaraja, *Order
    /// Statistics*, 3rd edition, 2003, section 7.1): the number of values below the true median is
    /// binomial, so that the coverage is exact and asks nothing of the distribution. Of 6 values they
    /// are the first and the last in order (96.9 %), of 10 the second and the ninth (97.9 %), of 20 the
    /// fifth and the sixteenth (98.8 %).
    ///
    /// Of several processes, values of one have its keys and its memory in common, so that they are
    /// not independent; processes are. As Kalibera and Jones, *Rigorous benchmarking in reasonable
    /// time*, ISMM 2013, section 6, have it, the interval is that of Student's t over the highest
    /// level of repetition: over the logarithms of the processes' medians, with one degree of freedom
    /// less than there are processes. It asks that these be normal; `simulation.rs` tells how much it
    /// bears.
    pub fn of(values: &[f64], processes: &[u32]) -> Self {
        let all = median(values);
        let groups = by_process(values, processes);
        if groups.len() < 2 {
            return Self {
                median: all,
                interval: interval(values, MEDIAN_COVERAGE),
            };
        }
        let medians: Vec<f64> = groups.values().map(|group| median(group).ln()).collect();
        let interval = student::interval_of_mean(&medians, PROCESS_COVERAGE);
        Self {
            median: all,
            interval: interval.map(Interval::exp),
        }
    }
}

/// How values scatter between processes and within them, in shares of their mean.
///
/// The variances are those of Kalibera and Jones, *Rigorous benchmarking in reasonable time*, ISMM
/// 2013, section 6.1: that of the processes' means, less what is in it of the variance within them.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Spread {
    /// Standard deviation between processes over the mean; 0 where what is within them explains it.
    pub between: f64,
    /// Standard deviation within a process over the mean; `None` where none has two values.
    pub within: Option<f64>,
}

impl Spread {
    /// Of these values, each measured in the process of this number; `None` of fewer than two
    /// processes.
    pub fn of(values: &[f64], processes: &[u32]) -> Option<Self> {
        let groups = by_process(values, processes);
        if groups.len() < 2 {
            return None;
        }
        let mean = |values: &[f64]| values.iter().sum::<f64>() / values.len() as f64;
        let squares = |values: &[f64]| {
            let mean = mean(values);
            values.iter().map(|x| (x - mean).powi(2)).sum::<f64>()
        };
        let means: Vec<f64> = groups.values().map(|group| mean(group)).collect();
        let freedom = values.len().saturating_sub(groups.len()) as f64;
        let sum: f64 = groups.values().map(|group| squares(group)).sum();
        let within = (freedom > 0.0).then(|| sum / freedom);
        // The mean of the values in each process' share of that variance.
        let inverse = groups.values().map(|group| 1.0 / group.len() as f64);
        let share = inverse.sum::<f64>() / groups.len() as f64;
        let between = squares(&means) / (means.len() - 1) as f64 - within.unwrap_or(0.0) * share;
        let whole = mean(&means);
        Some(Self {
            between: between.max(0.0).sqrt() / whole,
            within: within.map(|variance| variance.sqrt() / whole),
        })
    }
}

/// The 95 % interval of the expectation of independent, normal values: Student's t; `None` of fewer
/// than two.
pub fn interval_of_mean(values: &[f64]) -> Option<Interval> {
    student::interval_of_mean(values, PROCESS_COVERAGE)
}

/// Values by the process that they were measured in.
pub(super) fn by_process(values: &[f64], processes: &[u32]) -> BTreeMap<u32, Vec<f64>> {
    let mut groups: BTreeMap<u32, Vec<f64>> = BTreeMap::new();
    for (value, process) in values.iter().zip(processes) {
        groups.entry(*process).or_default().push(*value);
    }
    groups
}

/// The narrowest interval between two of the values that covers the true median with this
/// probability; `None` if there are too few values.
pub(super) fn interval(values: &[f64], coverage: f64) -> Option<Interval> {
    let n = values.len();
    let mut place = None;
    for (below, tail) in (0..n / 2).zip(tails(n)) {
        if 1.0 - 2.0 * tail < coverage {
            break;
        }
        place = Some(below);
    }
    let below = place?;
    let mut values = values.to_vec();
    // The value that would have this place, were they sorted.
    let mut at = |place: usize| *values.select_nth_unstable_by(place, f64::total_cmp).1;
    Some(Interval {
        low: at(below),
        high: at(n - 1 - below),
    })
}

/// The probability of at most `most` heads in `n` tosses of a coin.
pub(super) fn tail(n: usize, most: usize) -> f64 {
    tails(n).nth(most).unwrap_or(1.0)
}

/// The probabilities of at most 0, 1, … `n` heads in `n` tosses of a coin.
fn tails(n: usize) -> impl Iterator<Item = f64> {
    let mut sum = 0.0;
    // By logarithms: 2^-n is no double for the most repetitions that a run may have.
    let mut term = -(n as f64) * std::f64::consts::LN_2;
    (0..=n).map(move |heads| {
        sum += term.exp();
        term += ((n - heads) as f64).ln() - ((heads + 1) as f64).ln();
        sum.min(1.0)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn medians() {
        assert_eq!(median(&[3.0, 1.0, 2.0]), 2.0);
        assert_eq!(median(&[4.0, 1.0, 2.0, 3.0]), 2.5);
        assert!(median(&[]).is_nan());
    }

    #[test]
    fn tosses_of_a_coin() {
        let near = |got: f64, want: f64| assert!((got - want).abs() < 1e-12, "{got} {want}");
        near(tail(1, 0), 0.5);
        near(tail(6, 0), 1.0 / 64.0);
        near(tail(10, 1), 11.0 / 1024.0);
        near(tail(20, 5), 21_700.0 / 1_048_576.0);
        near(tail(20, 20), 1.0);
        near(tail(3, 7), 1.0);
        assert!(tail(10_000, 4900) > 0.02 && tail(10_000, 4900) < 0.025);
    }

    /// The places of tables of order statistics, from 1: of 95 % exactly, and with the reserve.
    #[test]
    fn intervals_are_two_of_the_values() {
        #[track_caller]
        fn check(n: i32, coverage: f64, want: Option<(f64, f64)>) {
            let values: Vec<f64> = (1..=n).rev().map(f64::from).collect();
            let got = interval(&values, coverage).map(|i| (i.low, i.high));
            assert_eq!(got, want, "of {n} values");
        }
        for (n, low) in [
            (6, 1.0),
            (8, 1.0),
            (9, 2.0),
            (10, 2.0),
            (12, 3.0),
            (20, 6.0),
        ] {
            check(n, 0.95, Some((low, f64::from(n) + 1.0 - low)));
        }
        for (n, low) in [(6, 1.0), (10, 2.0), (20, 5.0), (60, 22.0)] {
            check(n, MEDIAN_COVERAGE, Some((low, f64::from(n) + 1.0 - low)));
        }
        for n in 0..=5 {
            check(n, 0.95, None);
        }
    }

    #[test]
    fn few_values_have_no_interval() {
        let few = Estimate::of(&[3.0, 1.0, 2.0], &[0; 3]);
        assert_eq!((few.median, few.interval), (2.0, None));
        let six = Estimate::of(&[3.0, 1.0, 2.0, 9.0, 5.0, 4.0], &[0; 6]);
        let (low, high) = (1.0, 9.0);
        assert_eq!(
            (six.median, six.interval),
            (3.5, Some(Interval { low, high }))
        );
    }

    /// Of three processes the interval is that of their three medians, whatever is within them.
    #[test]
    fn processes_are_what_repeats() {
        let values = [10.0, 11.0, 12.0, 20.0, 20.0, 20.0, 40.0, 50.0];
        let of = Estimate::of(&values, &[0, 0, 0, 1, 1, 1, 2, 2]);
        let logs = [11.0, 20.0, 45.0].map(f64::ln);
        let want = interval_of_mean(&logs).unwrap().exp();
        assert_eq!((of.median, of.interval), (20.0, Some(want)));
        // Two processes say something, but little.
        let two = Estimate::of(&[10.0, 10.0, 11.0], &[0, 0, 1])
            .interval
            .unwrap();
        assert!(two.low < 6.0 && two.high > 18.0, "{two:?}");
    }

    #[test]
    fn spread_is_split() {
        let near = |got: f64, want: f64| assert!((got - want).abs() < 1e-12, "{got} {want}");
        let spread = |values: &[f64]| Spread::of(values, &[0, 0, 1, 1]).unwrap();
        // Nothing within: all is between.
        let between = spread(&[9.0, 9.0, 11.0, 11.0]);
        near(between.between, 2.0_f64.sqrt() / 10.0);
        assert_eq!(between.within, Some(0.0));
        // What is between is no more than what is within explains.
        let within = spread(&[9.0, 11.0, 11.0, 9.0]);
        assert_eq!(within.between, 0.0);
        near(within.within.unwrap(), 2.0_f64.sqrt() / 10.0);
        assert_eq!(Spread::of(&[1.0, 2.0], &[0, 0]), None);
        assert_eq!(Spread::of(&[1.0, 2.0], &[0, 1]).unwrap().within, None);
    }
}
