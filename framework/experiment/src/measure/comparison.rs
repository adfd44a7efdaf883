//! Which of several rows takes longer: by the ratio of two rows in each round.
//!
//! All rows are visited once in each round, so that what the machine does in a round is in both times
//! of a ratio, and cancels. Nothing is assumed of the ratios of one process but that they are
//! independent: their median is compared by counting (the sign test), and its interval lies between two
//! of them. Where rows ran in several processes, rounds of one process have its keys in common, and are
//! not independent: there the median ratio of each process counts once, and the logarithms of these are
//! compared by Student's t (Kalibera and Jones, *Rigorous benchmarking in reasonable time*, ISMM 2013).

use std::collections::BTreeMap;

use super::statistics::{
    Interval, PROCESS_COVERAGE, RATIO_COVERAGE, by_process, interval, median, tail,
};
use super::student;

/// Probability of one wrong word or more in a ranking of rows that are alike.
const LEVEL: f64 = 1.0 - RATIO_COVERAGE;

/// The times of a row, and the round of each.
#[derive(Clone, Copy, Debug)]
pub struct Timed<'a> {
    /// The round of each time: the index of the repetition. No round is there twice.
    pub rounds: &'a [u32],
    /// The number of the process that each time was measured in. All rows are started anew together, so
    /// that a round is of the process of the same number in each row.
    pub processes: &'a [u32],
    /// The times, in any unit.
    pub times: &'a [f64],
}

/// How a row compares with another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It takes longer.
    Slower,
    /// It takes less.
    Faster,
    /// It takes the same, within the margin: the whole interval of the ratio is.
    Tie,
    /// Neither is shown: the interval holds 1, or is beyond it by no more than chance, and ends
    /// outside the margin.
    NotDistinguished,
    /// There are too few rounds to show anything, whatever the times are.
    TooFew {
        /// Rounds that can show something.
        needed: usize,
    },
}

/// A row compared with another.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Comparison {
    /// What is shown.
    pub outcome: Outcome,
    /// How many times the other it takes, in the median of the rounds; of several processes, the
    /// geometric mean of their medians.
    pub ratio: f64,
    /// The 95 % interval of that, of these two rows alone; `None` of fewer than six rounds of one
    /// process.
    pub interval: Option<Interval>,
    /// Rounds that both rows have.
    pub rounds: usize,
}

/// Compares each row with the first; the comparisons of the others, in order.
///
/// Which row is first was decided by the same times, so that every pair of rows may become a
/// comparison: the probability of a wrong word is held below 5 % over all pairs (Holm, *A simple
/// sequentially rejective multiple test procedure*, Scandinavian Journal of Statistics 6, 1979), once
/// for words of difference and once for ties. A tie is the equivalence of two one-sided tests
/// (Schuirmann, *Journal of Pharmacokinetics and Biopharmaceutics* 15, 1987): of two rows alone, the
/// 95 % interval lies within the margin. What differs by less than the margin for sure is a tie.
///
/// Of more than 300 rows, pairs without the first are not looked at, whose number grows with the square: each probability
/// counts for all pairs (Bonferroni), which holds the bound as well, and shows rather less.
pub fn compare_with_first(rows: &[Timed<'_>], margin: f64) -> Vec<Comparison> {
    compare(rows, margin, rows.len() > MOST_IN_PAIRS)
}

/// Rows of which all pairs are looked at, at most.
const MOST_IN_PAIRS: usize = 300;

fn compare(rows: &[Timed<'_>], margin: f64, with_first_only: bool) -> Vec<Comparison> {
    let all_pairs = rows.len() * rows.len().saturating_sub(1) / 2;
    let most = if with_first_only { 1 } else { usize::MAX };
    let pairs: Vec<(usize, Ratios)> = (0..rows.len())
        .flat_map(|second| (0..second.min(most)).map(move |first| (first, second)))
        .map(|(first, second)| (first, Ratios::of(rows[first], rows[second])))
        .collect();
    let adjusted = |values: Vec<f64>| {
        if with_first_only {
            let values = values.iter();
            values.map(|p| (p * all_pairs as f64).min(1.0)).collect()
        } else {
            holm(values)
        }
    };
    let differ = adjusted(pairs.iter().map(|(_, r)| r.p_of_difference()).collect());
    let tie = adjusted(pairs.iter().map(|(_, r)| r.p_of_distance(margin)).collect());
    let needed = needed(all_pairs);
    let decided = differ.into_iter().zip(tie);
    let all = pairs.iter().zip(decided);
    let with_first = all.filter(|((first, _), _)| *first == 0);
    with_first
        .map(|((_, ratios), (differ, tie))| {
            let ratio = ratios.middle();
            let outcome = if tie <= LEVEL {
                Outcome::Tie
            } else if differ <= LEVEL && ratio > 1.0 {
                Outcome::Slower
            } else if differ <= LEVEL {
                Outcome::Faster
            } else if ratios.of_processes.is_none() && ratios.all.len() < needed {
                Outcome::TooFew { needed }
            } else {
                Outcome::NotDistinguished
            };
            Comparison {
                outcome,
                ratio,
                interval: ratios.interval(),
                rounds: ratios.all.len(),
            }
        })
        .collect()
}

/// How many times the first row the second takes.
struct Ratios {
    /// In each round that both have.
    all: Vec<f64>,
    /// The logarithm of the median of each process; `None` of one process.
    of_processes: Option<Vec<f64>>,
}

impl Ratios {
    fn of(first: Timed<'_>, second: Timed<'_>) -> Self {
        let of_first: BTreeMap<&u32, &f64> = first.rounds.iter().zip(first.times).collect();
        let both = second.rounds.iter().zip(second.processes).zip(second.times);
        let (all, processes): (Vec<f64>, Vec<u32>) = both
            .filter_map(|((round, process), time)| {
                let first = *of_first.get(round)?;
                // A clock that does not count says 0 for both.
                Some((if time == first { 1.0 } else { time / first }, *process))
            })
            .unzip();
        let groups = by_process(&all, &processes);
        let medians = groups.values().map(|ratios| median(ratios).ln());
        Self {
            of_processes: (groups.len() > 1).then(|| medians.collect()),
            all,
        }
    }

    fn middle(&self) -> f64 {
        match &self.of_processes {
            None => median(&self.all),
            Some(logs) => (logs.iter().sum::<f64>() / logs.len() as f64).exp(),
        }
    }

    fn interval(&self) -> Option<Interval> {
        match &self.of_processes {
            None => interval(&self.all, RATIO_COVERAGE),
            Some(logs) => student::interval_of_mean(logs, PROCESS_COVERAGE).map(Interval::exp),
        }
    }

    /// The p-value of a ratio of 1, of two sides.
    fn p_of_difference(&self) -> f64 {
        let p = match &self.of_processes {
            None => {
                let (not_above, not_below) = (
                    self.all.iter().filter(|r| **r <= 1.0).count(),
                    self.all.iter().filter(|r| **r >= 1.0).count(),
                );
                2.0 * tail(self.all.len(), not_above.min(not_below))
            }
            Some(logs) => {
                2.0 * student::p_above(logs, 0.0).min(student::p_above(&negated(logs), 0.0))
            }
        };
        p.min(1.0)
    }

    /// The p-value of a ratio outside the margin, at either of its ends. It is doubled, so that at 5 %
    /// the 95 % interval lies within the margin, which is stricter than a tie must be.
    fn p_of_distance(&self, margin: f64) -> f64 {
        let (least, most) = (1.0 / (1.0 + margin), 1.0 + margin);
        let p = match &self.of_processes {
            None => {
                let (below, above) = (
                    self.all.iter().filter(|r| **r <= least).count(),
                    self.all.iter().filter(|r| **r >= most).count(),
                );
                2.0 * tail(self.all.len(), below.max(above))
            }
            Some(logs) => {
                let below = student::p_above(logs, least.ln());
                let above = student::p_above(&negated(logs), -most.ln());
                2.0 * below.max(above)
            }
        };
        p.min(1.0)
    }
}

fn negated(values: &[f64]) -> Vec<f64> {
    values.iter().map(|x| -x).collect()
}

/// Holm's adjusted p-values, in the order of the given ones.
pub(super) fn holm(values: Vec<f64>) -> Vec<f64> {
    let mut order: Vec<usize> = (0..values.len()).collect();
    order.sort_by(|a, b| values[*a].total_cmp(&values[*b]));
    let mut adjusted = values;
    let mut least: f64 = 0.0;
    for (rank, place) in order.iter().enumerate() {
        let left = order.len() - rank;
        least = least.max((left as f64 * adjusted[*place]).min(1.0));
        adjusted[*place] = least;
    }
    adjusted
}

/// The fewest rounds that can tell two rows of a ranking of so many pairs apart: of `n` rounds the
/// least p-value is `2^(1-n)`.
fn needed(pairs: usize) -> usize {
    (1.0 + (pairs as f64 / LEVEL).log2()).ceil() as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROUNDS: [u32; 20] = [
        0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19,
    ];

    fn timed(times: &[f64]) -> Timed<'_> {
        let rounds = &ROUNDS[..times.len()];
        let processes = &[0; 20][..times.len()];
        Timed {
            rounds,
            processes,
            times,
        }
    }

    #[track_caller]
    fn outcome(first: &[f64], second: &[f64]) -> Outcome {
        let all = compare_with_first(&[timed(first), timed(second)], 0.05);
        assert_eq!(all.len(), 1);
        all[0].outcome
    }

    /// Times of 20 rounds that the machine makes very unlike, and a row's own noise of 1 %.
    fn rounds(pace: f64, shift: usize) -> Vec<f64> {
        let of_round = |k: usize| 10.0 + ((7 * k) % 11) as f64;
        let own = |k: usize| 1.0 + 0.01 * ((((k + shift) * 5) % 7) as f64 - 3.0) / 3.0;
        (0..20).map(|k| pace * of_round(k) * own(k)).collect()
    }

    #[test]
    fn all_words_are_said() {
        let a = rounds(1.0, 0);
        assert_eq!(outcome(&a, &rounds(1.0, 3)), Outcome::Tie);
        // By medians alone none of these could be told from a row that is up to twice as slow in
        // some rounds.
        assert_eq!(outcome(&a, &rounds(1.1, 3)), Outcome::Slower);
        assert_eq!(outcome(&a, &rounds(0.9, 3)), Outcome::Faster);
        assert_eq!(
            outcome(&a[..5], &rounds(9.0, 0)[..5]),
            Outcome::TooFew { needed: 6 }
        );
        assert_eq!(outcome(&[], &[]), Outcome::TooFew { needed: 6 });
        // Sure to differ, and sure to differ by less than the margin.
        assert_eq!(outcome(&a, &rounds(1.015, 0)), Outcome::Tie);
        // A clock that does not count.
        assert_eq!(outcome(&[0.0; 8], &[0.0; 8]), Outcome::Tie);
        // Half of the rounds on either side of the margin's end.
        let mixed: Vec<f64> = a
            .iter()
            .zip(0..)
            .map(|(x, k)| x * [0.93, 1.07][k % 2])
            .collect();
        assert_eq!(outcome(&a, &mixed), Outcome::NotDistinguished);
    }

    #[test]
    fn rounds_are_paired_by_their_index() {
        let times = rounds(1.0, 0);
        let slower: Vec<f64> = times.iter().rev().map(|x| 1.2 * x).collect();
        let mut reversed = ROUNDS;
        reversed.reverse();
        let second = Timed {
            rounds: &reversed,
            processes: &[0; 20],
            times: &slower,
        };
        let all = compare_with_first(&[timed(&times), second], 0.05);
        let interval = all[0].interval.unwrap();
        assert_eq!((all[0].outcome, all[0].rounds), (Outcome::Slower, 20));
        assert!((all[0].ratio - 1.2).abs() < 1e-12);
        assert!(interval.high - interval.low < 1e-12);
        // Rounds that one of them lacks do not count.
        let some = Timed {
            rounds: &[19, 40],
            processes: &[0, 0],
            times: &[1.0, 2.0],
        };
        assert_eq!(
            compare_with_first(&[timed(&times), some], 0.05)[0].rounds,
            1
        );
    }

    #[test]
    fn holm_by_hand() {
        assert_eq!(holm(vec![0.03, 0.01, 0.04]), [0.06, 0.03, 0.06]);
        assert_eq!(holm(vec![0.5, 0.9]), [1.0, 1.0]);
        assert!(holm(vec![]).is_empty());
        assert_eq!([1, 3, 6, 10, 15].map(needed), [6, 7, 8, 9, 10]);
    }

    /// Of very many rows only pairs with the first are looked at, which shows no more than all pairs do.
    #[test]
    fn very_many_rows_show_no_more() {
        let times: Vec<Vec<f64>> = (0..12)
            .map(|row| rounds(1.0 + 0.004 * f64::from(row * row), row as usize))
            .collect();
        let rows: Vec<Timed<'_>> = times.iter().map(|times| timed(times)).collect();
        let (holm, fast) = (compare(&rows, 0.05, false), compare(&rows, 0.05, true));
        assert_eq!((holm.len(), fast.len()), (11, 11));
        let mut shown = 0;
        for (a, b) in holm.iter().zip(&fast) {
            assert_eq!(
                (a.ratio, a.interval, a.rounds),
                (b.ratio, b.interval, b.rounds)
            );
            if b.outcome != Outcome::NotDistinguished {
                assert_eq!(a.outcome, b.outcome);
                shown += 1;
            }
        }
        assert!(shown > 0 && holm.iter().any(|c| c.outcome == Outcome::Slower));
        let many: Vec<Timed<'_>> = rows
            .iter()
            .cycle()
            .take(MOST_IN_PAIRS + 1)
            .copied()
            .collect();
        assert_eq!(compare_with_first(&many, 0.05).len(), MOST_IN_PAIRS);
    }

    /// Six rounds of two rows tell them apart; among three rows they do not.
    #[test]
    fn more_rows_need_more_rounds() {
        let of = |pace: f64| rounds(pace, 0)[..6].to_vec();
        let [a, b, c] = [of(1.0), of(2.0), of(3.0)];
        assert_eq!(outcome(&a, &b), Outcome::Slower);
        let all = compare_with_first(&[timed(&a), timed(&b), timed(&c)], 0.05);
        for comparison in &all {
            assert_eq!(comparison.outcome, Outcome::TooFew { needed: 7 });
            assert!(comparison.interval.is_some());
        }
    }

    /// Twenty rounds in four processes, in each of which the second row is this much slower.
    #[track_caller]
    fn of_processes(paces: [f64; 4]) -> Comparison {
        let processes = ROUNDS.map(|round| round % 4);
        let first = rounds(1.0, 0);
        let second = rounds(1.0, 3);
        let paces = paces.iter().cycle();
        let second: Vec<f64> = second.iter().zip(paces).map(|(x, pace)| x * pace).collect();
        let timed = |times| Timed {
            rounds: &ROUNDS,
            processes: &processes,
            times,
        };
        compare_with_first(&[timed(&first), timed(&second)], 0.05)[0]
    }

    /// Keys that make a row slower in one process are no proof, however many rounds that one has.
    #[test]
    fn processes_count_and_not_their_rounds() {
        assert_eq!(of_processes([1.0; 4]).outcome, Outcome::Tie);
        let slower = of_processes([1.2, 1.22, 1.19, 1.21]);
        assert_eq!(slower.outcome, Outcome::Slower);
        assert!((slower.ratio - 1.205).abs() < 0.01, "{slower:?}");
        // By the rounds alone, of which three of four are slower by far, this would be proof.
        let unsure = of_processes([0.99, 1.5, 1.1, 1.9]);
        assert_eq!(unsure.outcome, Outcome::NotDistinguished);
        let interval = unsure.interval.unwrap();
        assert!(interval.low < 1.0 && interval.high > 1.9, "{interval:?}");
    }
}
