//! Which of several rows takes longer: by the ratio of two rows in each round.
//!
//! All rows are visited once in each round, so that what the machine does in a round is in both times
//! of a ratio, and cancels. Nothing is assumed of the ratios but that they are independent: their
//! median is compared by counting (the sign test), and its interval lies between two of them.

use std::collections::BTreeMap;

use super::statistics::{Interval, RATIO_COVERAGE, interval, median, tail};

/// Probability of one wrong word or more in a ranking of rows that are alike.
const LEVEL: f64 = 1.0 - RATIO_COVERAGE;

/// The times of a row, and the round of each.
#[derive(Clone, Copy, Debug)]
pub struct Timed<'a> {
    /// The round of each time: the index of the repetition. No round is there twice.
    pub rounds: &'a [u32],
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
    /// How many times the other it takes, in the median of the rounds.
    pub ratio: f64,
    /// The 95 % interval of that, of these two rows alone; `None` of fewer than six rounds.
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
pub fn compare_with_first(rows: &[Timed<'_>], margin: f64) -> Vec<Comparison> {
    let pairs: Vec<(usize, Vec<f64>)> = (0..rows.len())
        .flat_map(|second| (0..second).map(move |first| (first, second)))
        .map(|(first, second)| (first, ratios(rows[first], rows[second])))
        .collect();
    let differ = holm(pairs.iter().map(|(_, r)| p_of_difference(r)).collect());
    let tie = holm(
        pairs
            .iter()
            .map(|(_, r)| p_of_distance(r, margin))
            .collect(),
    );
    let needed = needed(pairs.len());
    let decided = differ.into_iter().zip(tie);
    let all = pairs.iter().zip(decided);
    let with_first = all.filter(|((first, _), _)| *first == 0);
    with_first
        .map(|((_, ratios), (differ, tie))| {
            let ratio = median(ratios);
            let outcome = if tie <= LEVEL {
                Outcome::Tie
            } else if differ <= LEVEL && ratio > 1.0 {
                Outcome::Slower
            } else if differ <= LEVEL {
                Outcome::Faster
            } else if ratios.len() < needed {
                Outcome::TooFew { needed }
            } else {
                Outcome::NotDistinguished
            };
            Comparison {
                outcome,
                ratio,
                interval: interval(ratios, RATIO_COVERAGE),
                rounds: ratios.len(),
            }
        })
        .collect()
}

/// How many times the first row the second takes, in each round that both have.
fn ratios(first: Timed<'_>, second: Timed<'_>) -> Vec<f64> {
    let of_first: BTreeMap<&u32, &f64> = first.rounds.iter().zip(first.times).collect();
    let both = second.rounds.iter().zip(second.times);
    both.filter_map(|(round, time)| {
        let first = *of_first.get(round)?;
        // A clock that does not count says 0 for both.
        Some(if time == first { 1.0 } else { time / first })
    })
    .collect()
}

/// The p-value of a median of 1, of two sides.
fn p_of_difference(ratios: &[f64]) -> f64 {
    let (not_above, not_below) = (
        ratios.iter().filter(|r| **r <= 1.0).count(),
        ratios.iter().filter(|r| **r >= 1.0).count(),
    );
    let p = 2.0 * tail(ratios.len(), not_above.min(not_below));
    p.min(1.0)
}

/// The p-value of a median outside the margin, at either of its ends. It is doubled, so that at 5 %
/// the 95 % interval lies within the margin, which is stricter than a tie must be.
fn p_of_distance(ratios: &[f64], margin: f64) -> f64 {
    let (least, most) = (1.0 / (1.0 + margin), 1.0 + margin);
    let (below, above) = (
        ratios.iter().filter(|r| **r <= least).count(),
        ratios.iter().filter(|r| **r >= most).count(),
    );
    let p = 2.0 * tail(ratios.len(), below.max(above));
    p.min(1.0)
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
        Timed { rounds, times }
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
}
