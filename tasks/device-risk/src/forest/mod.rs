//! A random forest over quantised features.

mod grid;
mod path;
mod program;
mod train;

pub(crate) use grid::Grid;
pub(crate) use program::{Thresholds, tests_of};
pub(crate) use train::{Sample, Training};

use ndarray::Array3;

use crate::level::{LEVELS, Scores};

/// Training rows by level.
pub(crate) type Counts = [u32; 3];

/// One threshold test: whether the quantised feature is above the threshold.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Test {
    pub(crate) feature: usize,
    /// A whole number; `level > threshold` is what is tested.
    pub(crate) threshold: u32,
}

impl Test {
    pub(crate) fn holds(self, row: &[u32]) -> bool {
        row[self.feature] > self.threshold
    }
}

/// A decision tree, or the part of one below a node.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Node {
    /// The training rows that arrived here.
    pub(crate) counts: Counts,
    pub(crate) split: Option<Split>,
}

/// A split of a tree: its test and its children.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Split {
    pub(crate) test: Test,
    /// Child for rows on which the test does not hold.
    pub(crate) below: Box<Node>,
    /// Child for rows on which it holds.
    pub(crate) above: Box<Node>,
}

impl Node {
    /// The leaf that a row reaches, with every node on the path.
    fn path(&self, row: &[u32]) -> Vec<&Self> {
        let mut path = vec![self];
        let mut here = self;
        while let Some(split) = &here.split {
            here = if split.test.holds(row) {
                &split.above
            } else {
                &split.below
            };
            path.push(here);
        }
        path
    }
}

/// Splits of a tree.
pub(crate) fn splits(node: &Node) -> usize {
    let below = |split: &Split| 1 + splits(&split.below) + splits(&split.above);
    node.split.as_ref().map_or(0, below)
}

/// How a leaf votes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Votes {
    /// One vote for its most frequent level, of equally frequent ones the riskiest.
    Hard,
    /// So many votes, split among the levels as its training rows are.
    Shares(u32),
}

impl Votes {
    /// Votes of each leaf.
    pub(crate) fn of_each(self) -> u32 {
        match self {
            Self::Hard => 1,
            Self::Shares(parts) => parts,
        }
    }

    /// The votes of a leaf that so many training rows reached.
    pub(crate) fn of(self, counts: Counts) -> Counts {
        let mut votes = [0; 3];
        match self {
            Self::Hard => votes[crate::level::decide(counts.map(f64::from))] = 1,
            Self::Shares(parts) => {
                // Rounded down; what is left goes by the largest remainder, of equal ones to the
                // riskiest.
                let all = counts.iter().sum::<u32>().max(1);
                let mut order: Vec<usize> = (0..LEVELS.len()).rev().collect();
                order.sort_by_key(|level| std::cmp::Reverse(counts[*level] * parts % all));
                votes = counts.map(|n| n * parts / all);
                let left = parts - votes.iter().sum::<u32>();
                for level in order.into_iter().take(left as usize) {
                    votes[level] += 1;
                }
            }
        }
        votes
    }
}

/// Trees that vote.
#[derive(Clone, Debug)]
pub(crate) struct Forest {
    pub(crate) trees: Vec<Node>,
    pub(crate) votes: Votes,
}

impl Forest {
    /// Votes in all.
    pub(crate) fn total(&self) -> u32 {
        self.trees.len() as u32 * self.votes.of_each()
    }

    /// The share of the votes that each level gets for a row.
    pub(crate) fn shares(&self, row: &[u32]) -> Scores {
        let mut sum: Scores = [0.0; 3];
        for tree in &self.trees {
            let leaf = tree.path(row).last().map_or([0; 3], |leaf| leaf.counts);
            for (sum, votes) in sum.iter_mut().zip(self.votes.of(leaf)) {
                *sum += f64::from(votes);
            }
        }
        sum.map(|x| x / f64::from(self.total()))
    }

    /// What each feature adds to each level's share, over `features` features: along a row's path
    /// through a tree each test changes the shares of the training rows, and the change counts
    /// for its feature (Saabas, *Interpreting random forests*, 2014). Rows x levels x features.
    pub(crate) fn contributions(&self, rows: &[Vec<u32>], features: usize) -> Array3<f64> {
        let mut all = Array3::zeros((rows.len(), LEVELS.len(), features));
        let share = |node: &Node, level: usize| {
            f64::from(node.counts[level]) / f64::from(node.counts.iter().sum::<u32>().max(1))
        };
        for (index, row) in rows.iter().enumerate() {
            for tree in &self.trees {
                for step in tree.path(row).windows(2) {
                    let Some(split) = &step[0].split else {
                        continue;
                    };
                    for level in 0..LEVELS.len() {
                        let change = share(step[1], level) - share(step[0], level);
                        all[[index, level, split.test.feature]] += change / self.trees.len() as f64;
                    }
                }
            }
        }
        all
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn leaf(counts: Counts) -> Node {
        Node {
            counts,
            split: None,
        }
    }

    fn stump() -> Node {
        Node {
            counts: [4, 3, 1],
            split: Some(Split {
                test: Test {
                    feature: 1,
                    threshold: 2,
                },
                below: Box::new(leaf([4, 0, 0])),
                above: Box::new(leaf([0, 3, 1])),
            }),
        }
    }

    #[test]
    fn leaves_vote_whole_numbers() {
        for (votes, counts, expect) in [
            (Votes::Hard, [5, 5, 0], [0, 1, 0]),
            (Votes::Hard, [1, 0, 0], [1, 0, 0]),
            (Votes::Shares(8), [1, 1, 0], [4, 4, 0]),
            (Votes::Shares(8), [1, 1, 1], [2, 3, 3]),
            (Votes::Shares(7), [10, 0, 1], [6, 0, 1]),
            (Votes::Shares(4), [0, 0, 3], [0, 0, 4]),
        ] {
            assert_eq!(votes.of(counts), expect, "{votes:?} {counts:?}");
        }
    }

    #[test]
    fn shares_and_contributions_by_hand() {
        let forest = Forest {
            trees: vec![stump()],
            votes: Votes::Shares(4),
        };
        assert_eq!(forest.shares(&[9, 2]), [1.0, 0.0, 0.0]);
        assert_eq!(forest.shares(&[9, 3]), [0.0, 0.75, 0.25]);
        let parts = forest.contributions(&[vec![9, 3]], 2);
        assert_eq!(parts[[0, 0, 1]], -0.5);
        assert_eq!(parts[[0, 1, 1]], 0.75 - 0.375);
        assert_eq!(parts[[0, 2, 1]], 0.25 - 0.125);
        assert_eq!(parts[[0, 0, 0]], 0.0);
    }
}
