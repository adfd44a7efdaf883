//! Training: bagged trees, each split the best of a few features (Breiman, *Random forests*,
//! Machine Learning 45, 2001), by Gini impurity.
//!
//! Why not `linfa-ensemble`: its trees (linfa-trees 0.8.1) sum impurities and break ties in the
//! order of a `HashMap`, so that one seed yields different forests from process to process, and
//! every cell of an experiment trains in a process of its own. On features with few values a
//! split also misses every threshold whose next row in order belongs to another node. And its
//! bagging draws features once for each tree, with replacement. A test holds single trees against
//! linfa's where neither matters.

use rand::seq::SliceRandom;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha20Rng;

use super::{Counts, Forest, Node, Split, Test, Votes};
use crate::level::LEVELS;

/// How a forest is grown.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Training {
    pub(crate) trees: usize,
    /// Splits on the longest path.
    pub(crate) depth: usize,
    /// Features that each split chooses from; 0 for the square root of all, rounded up.
    pub(crate) candidates: usize,
    /// Rows that either child of a split needs.
    pub(crate) least: u32,
    pub(crate) votes: Votes,
    pub(crate) seed: u64,
}

/// Quantised rows and their levels, at least one.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sample<'a> {
    pub(crate) rows: &'a [Vec<u32>],
    pub(crate) levels: &'a [usize],
}

impl Training {
    /// Grows a forest. The same seed and rows grow the same forest, wherever it is.
    pub(crate) fn grow(self, sample: Sample<'_>) -> Forest {
        let trees = (0..self.trees).map(|tree| {
            let mut random = ChaCha20Rng::seed_from_u64(self.seed);
            random.set_stream(tree as u64);
            let n = sample.rows.len();
            let bag: Vec<usize> = (0..n).map(|_| random.random_range(0..n)).collect();
            let mut grown = self.node(sample, bag, self.depth, &mut random);
            grown.prune(self.votes);
            grown
        });
        Forest {
            trees: trees.collect(),
            votes: self.votes,
        }
    }

    fn node(
        self,
        sample: Sample<'_>,
        bag: Vec<usize>,
        depth: usize,
        random: &mut ChaCha20Rng,
    ) -> Node {
        let counts = count(sample, &bag);
        let split = if depth == 0 {
            None
        } else {
            self.best(sample, &bag, counts, random)
        };
        let split = split.map(|test| {
            let (above, below): (Vec<usize>, Vec<usize>) = bag
                .into_iter()
                .partition(|row| test.holds(&sample.rows[*row]));
            Split {
                test,
                below: Box::new(self.node(sample, below, depth - 1, random)),
                above: Box::new(self.node(sample, above, depth - 1, random)),
            }
        });
        Node { counts, split }
    }

    /// The test that leaves the least impurity, if any leaves less than there is. Of equal ones
    /// that of the first feature drawn, with the lowest threshold.
    fn best(
        self,
        sample: Sample<'_>,
        bag: &[usize],
        counts: Counts,
        random: &mut ChaCha20Rng,
    ) -> Option<Test> {
        let all = sample.rows[0].len();
        let wanted = match self.candidates {
            0 => (all as f64).sqrt().ceil() as usize,
            n => n.min(all),
        };
        let mut features: Vec<usize> = (0..all).collect();
        features.shuffle(random);
        let mut best: Option<(f64, Test)> = None;
        let here = purity(counts);
        for feature in features.into_iter().take(wanted) {
            let highest = bag.iter().map(|row| sample.rows[*row][feature]).max()?;
            let mut histogram = vec![[0u32; 3]; highest as usize + 1];
            for row in bag {
                histogram[sample.rows[*row][feature] as usize][sample.levels[*row]] += 1;
            }
            let mut below = [0u32; 3];
            for (threshold, counts_here) in histogram.iter().enumerate() {
                if counts_here.iter().all(|n| *n == 0) {
                    continue; // the threshold before splits alike
                }
                for (below, n) in below.iter_mut().zip(counts_here) {
                    *below += n;
                }
                let above = [0, 1, 2].map(|level: usize| counts[level] - below[level]);
                if below.iter().sum::<u32>() < self.least || above.iter().sum::<u32>() < self.least
                {
                    continue;
                }
                let gain = purity(below) + purity(above) - here;
                if gain > best.map_or(1e-9 * here, |(gain, _)| gain) {
                    let threshold = threshold as u32;
                    best = Some((gain, Test { feature, threshold }));
                }
            }
        }
        best.map(|(_, test)| test)
    }
}

fn count(sample: Sample<'_>, bag: &[usize]) -> Counts {
    let mut counts = [0; LEVELS.len()];
    for row in bag {
        counts[sample.levels[*row]] += 1;
    }
    counts
}

/// The sum of squared counts over their sum: rows times one less than Gini's impurity.
fn purity(counts: Counts) -> f64 {
    let all: u32 = counts.iter().sum();
    let squares: f64 = counts.iter().map(|n| f64::from(*n).powi(2)).sum();
    if all == 0 {
        0.0
    } else {
        squares / f64::from(all)
    }
}

impl Node {
    /// Prunes splits whose children are leaves that vote alike.
    fn prune(&mut self, votes: Votes) {
        let Some(split) = &mut self.split else {
            return;
        };
        split.below.prune(votes);
        split.above.prune(votes);
        let leaves = split.below.split.is_none() && split.above.split.is_none();
        if leaves && votes.of(split.below.counts) == votes.of(split.above.counts) {
            self.split = None;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use linfa::prelude::*;
    use linfa_trees::DecisionTree;
    use ndarray::{Array1, Array2};

    fn training(trees: usize, depth: usize) -> Training {
        Training {
            trees,
            depth,
            candidates: 0,
            least: 1,
            votes: Votes::Hard,
            seed: 3,
        }
    }

    /// Rows of five features without equal values, of which two tell the level.
    fn rows(n: usize) -> (Vec<Vec<u32>>, Vec<usize>) {
        let at = |i: usize, j: usize| ((i * [37, 53, 71, 89, 97][j] + 11 * j) % n) as u32;
        let rows: Vec<Vec<u32>> = (0..n).map(|i| (0..5).map(|j| at(i, j)).collect()).collect();
        let levels = rows.iter().map(|row| {
            let n = n as u32;
            usize::from(row[1] > n / 2) + usize::from(row[1] > n / 2 && row[3] > n / 3)
        });
        (rows.clone(), levels.collect())
    }

    #[test]
    fn a_forest_learns_and_depends_on_its_seed_alone() {
        let (rows, levels) = rows(211);
        let sample = Sample {
            rows: &rows,
            levels: &levels,
        };
        let forest = training(15, 4).grow(sample);
        let right = rows.iter().zip(&levels);
        let right = right.filter(|(row, y)| crate::level::decide(forest.shares(row)) == **y);
        assert!(right.count() > 195);
        assert_eq!(forest.trees, training(15, 4).grow(sample).trees);
        let other = Training {
            seed: 4,
            ..training(15, 4)
        };
        assert_ne!(forest.trees, other.grow(sample).trees);
        // A larger forest begins with the smaller one.
        assert_eq!(training(5, 4).grow(sample).trees, forest.trees[..5]);
    }

    #[test]
    fn depth_and_leaves_are_bounded() {
        fn depth(node: &Node) -> usize {
            node.split
                .as_ref()
                .map_or(0, |s| 1 + depth(&s.below).max(depth(&s.above)))
        }
        fn least(node: &Node) -> u32 {
            match &node.split {
                None => node.counts.iter().sum(),
                Some(s) => least(&s.below).min(least(&s.above)),
            }
        }
        let (rows, levels) = rows(211);
        let sample = Sample {
            rows: &rows,
            levels: &levels,
        };
        let forest = Training {
            least: 12,
            ..training(9, 3)
        }
        .grow(sample);
        assert!(forest.trees.iter().all(|t| depth(t) <= 3 && least(t) >= 12));
        assert!(forest.trees.iter().any(|t| depth(t) == 3));
    }

    /// On two levels and features without equal values, a tree over all rows and features decides
    /// as linfa's does: there its order of summation and its skipped thresholds do not matter.
    #[test]
    fn one_tree_is_linfas() {
        let (rows, levels) = rows(211);
        let levels: Vec<usize> = levels.into_iter().map(|l| l.min(1)).collect();
        let noisy = levels.iter().enumerate();
        let levels: Vec<usize> = noisy
            .map(|(i, l)| if i % 9 == 0 { 1 - l } else { *l })
            .collect();
        let sample = Sample {
            rows: &rows,
            levels: &levels,
        };
        let training = Training {
            candidates: 5,
            least: 10,
            ..training(1, 3)
        };
        let mut random = ChaCha20Rng::seed_from_u64(1);
        let ours = training.node(sample, (0..rows.len()).collect(), 3, &mut random);
        let table = Array2::from_shape_fn((rows.len(), 5), |(i, j)| f64::from(rows[i][j]));
        let data = DatasetBase::new(table.clone(), Array1::from(levels.clone()));
        let theirs = DecisionTree::params()
            .max_depth(Some(3))
            .min_weight_leaf(10.0)
            .min_weight_split(1.0)
            .fit(&data)
            .unwrap();
        let expect = theirs.predict(&table);
        let ours: Vec<usize> = rows
            .iter()
            .map(|row| {
                let path = ours.path(row);
                let counts = path.last().unwrap().counts;
                crate::level::decide(counts.map(f64::from))
            })
            .collect();
        let same = ours.iter().zip(&expect).filter(|(a, b)| a == b).count();
        assert!(same >= 209, "{same} of 211");
    }
}
