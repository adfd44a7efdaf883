//! A forest as a program: each test once, conjunctions along the trees' paths, votes as weighted
//! sums.
//!
//! At each split one side is the default. A row that always takes the default side ends in the
//! default leaf of the tree. Where all tests on the path to a split come out as they must and the
//! split's does not take the default side, one conjunction `q` is 1: it moves the votes from the
//! default leaf of the default side to that of the other side. So the votes are those of the tree's
//! default leaf plus, over all splits, `q` times a difference: one conjunction a split, none a leaf,
//! for all levels together, and none where the two leaves vote alike. The default sides are chosen
//! so that the fewest conjunctions are left.

use std::collections::{BTreeMap, BTreeSet};

use hexperiment_program::{Interval, Op, ProgramBuilder, ProgramError, ValueId};
use strum::{EnumString, IntoStaticStr, VariantNames};

use super::path::{Literal, shortest};
use super::{Counts, Forest, Node, Test, Votes};
use crate::level::LEVELS;

/// Who knows the thresholds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, EnumString, IntoStaticStr, VariantNames)]
#[strum(serialize_all = "kebab-case")]
pub(crate) enum Thresholds {
    /// The server compares.
    Server,
    /// The client, which sends the tests' results.
    Client,
}

/// Every test of a forest, once, in order.
pub(crate) fn tests_of(forest: &Forest) -> Vec<Test> {
    fn collect(node: &Node, tests: &mut BTreeSet<Test>) {
        if let Some(split) = &node.split {
            tests.insert(split.test);
            collect(&split.below, tests);
            collect(&split.above, tests);
        }
    }
    let mut tests = BTreeSet::new();
    for tree in &forest.trees {
        collect(tree, &mut tests);
    }
    tests.into_iter().collect()
}

/// One conjunction, and what it adds to each level's votes.
#[derive(Clone, Debug, PartialEq)]
struct Move {
    all_of: Vec<Literal>,
    votes: [i64; 3],
}

/// One choice of default sides: how the default leaf votes, and the conjunctions that are left.
#[derive(Clone, Debug)]
struct Stated {
    votes: Counts,
    moves: Vec<Move>,
}

impl Stated {
    /// Conjunctions first; then what the moves' noise adds up to.
    fn cost(&self) -> (usize, i64) {
        let conjunctions = self.moves.iter().filter(|m| m.all_of.len() > 1).count();
        let squares = self.moves.iter().flat_map(|m| m.votes).map(|v| v * v);
        (conjunctions, squares.sum())
    }
}

impl Node {
    /// The best choices for the subtree of a node reached by `path`, one for each vote that its
    /// default leaf may have.
    fn stated(&self, path: &[Literal], votes: Votes) -> Vec<Stated> {
        let Some(split) = &self.split else {
            return vec![Stated {
                votes: votes.of(self.counts),
                moves: vec![],
            }];
        };
        let to = |holds: bool| {
            let test = split.test;
            [path, &[Literal { test, holds }]].concat()
        };
        let sides = [(&split.below, to(false)), (&split.above, to(true))]
            .map(|(node, path)| (node.stated(&path, votes), shortest(&path)));
        let mut best: BTreeMap<Counts, Stated> = BTreeMap::new();
        for ((default, _), (other, path)) in [(&sides[0], &sides[1]), (&sides[1], &sides[0])] {
            for default in default {
                let all = other.iter().map(|other| default.and_unless(other, path));
                if let Some(stated) = all.min_by_key(Stated::cost) {
                    let known = best.get(&stated.votes);
                    if known.is_none_or(|known| stated.cost() < known.cost()) {
                        best.insert(stated.votes, stated);
                    }
                }
            }
        }
        best.into_values().collect()
    }
}

impl Stated {
    /// Both sides of a split, of which `self` is the default one and `path` leads to the other.
    fn and_unless(&self, other: &Self, path: &[Literal]) -> Self {
        let mut moves = [self.moves.as_slice(), &other.moves].concat();
        let change = [0, 1, 2]
            .map(|level: usize| i64::from(other.votes[level]) - i64::from(self.votes[level]));
        if change != [0; 3] {
            moves.push(Move {
                all_of: path.to_vec(),
                votes: change,
            });
        }
        Self {
            votes: self.votes,
            moves,
        }
    }
}

impl Forest {
    /// States the votes for each level but the first, whose votes are what is left of all; `bits`
    /// holds the result of each test of [`tests_of`].
    ///
    /// Where all rows are `devices`, votes are between 0 and all, since a row reaches one leaf of
    /// each tree: intervals, which see bits that do not know of each other, make it many times as
    /// much.
    pub(crate) fn state(
        &self,
        builder: &mut ProgramBuilder,
        bits: &BTreeMap<Test, ValueId>,
        devices: bool,
    ) -> Result<Vec<ValueId>, ProgramError> {
        let mut moves = Vec::new();
        let mut start = [0; 3];
        for tree in &self.trees {
            let choices = tree.stated(&[], self.votes);
            let best = choices.into_iter().min_by_key(Stated::cost);
            if let Some(best) = best {
                moves.extend(best.moves);
                for (start, votes) in start.iter_mut().zip(best.votes) {
                    *start += i64::from(votes);
                }
            }
        }
        let mut literals: BTreeMap<Literal, ValueId> = BTreeMap::new();
        let mut terms: [BTreeMap<ValueId, f64>; 3] = Default::default();
        for Move { all_of, votes } in moves {
            let mut values = Vec::with_capacity(all_of.len());
            for literal in all_of {
                let bit = bits[&literal.test];
                let value = match (literal.holds, literals.get(&literal)) {
                    (true, _) => bit,
                    (false, Some(value)) => *value,
                    (false, None) => {
                        let value = builder.weighted_sum(vec![(bit, (-1.0).into())], 1.0)?;
                        literals.insert(literal, value);
                        value
                    }
                };
                values.push(value);
            }
            let q = match values.as_slice() {
                [one] => *one,
                _ => builder.and(values)?,
            };
            for (terms, votes) in terms.iter_mut().zip(votes) {
                if votes != 0 {
                    *terms.entry(q).or_default() += votes as f64;
                }
            }
        }
        let all = Interval::new(0.0, f64::from(self.total()));
        let any = bits.values().next().copied();
        let levels = 1..LEVELS.len();
        levels
            .map(|level| {
                let terms = terms[level].iter().filter(|(_, weight)| **weight != 0.0);
                let mut terms: Vec<_> = terms.map(|(q, weight)| (*q, (*weight).into())).collect();
                if terms.is_empty() {
                    // Nothing moves these votes; a value is needed all the same.
                    terms.extend(any.map(|bit| (bit, 0.0.into())));
                }
                let op = Op::WeightedSum {
                    terms,
                    bias: (start[level] as f64).into(),
                };
                let votes = builder.push(op)?;
                if devices {
                    builder.assume(votes, all)?;
                }
                Ok(votes)
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::super::train::{Sample, Training};
    use super::*;
    use hexperiment_program::{Column, Input, Output, Party};
    use ndarray::Array2;

    /// The program's votes are the forest's, on every row, also on rows unlike those it was
    /// trained on.
    #[track_caller]
    fn check(votes: Votes, depth: usize) {
        let n = 300;
        let at = |i: usize, j: usize| ((i * [7, 11, 13, 17][j] + i * i % 19 + j) % 12) as u32;
        let rows: Vec<Vec<u32>> = (0..n).map(|i| (0..4).map(|j| at(i, j)).collect()).collect();
        let levels: Vec<usize> = rows
            .iter()
            .enumerate()
            .map(|(i, r)| {
                (usize::from(r[0] > 5) + usize::from(r[1] + r[2] > 14) + i % 5 / 4).min(2)
            })
            .collect();
        let forest = Training {
            trees: 7,
            depth,
            candidates: 2,
            least: 2,
            votes,
            seed: 9,
        }
        .grow(Sample {
            rows: &rows,
            levels: &levels,
        });
        let tests = tests_of(&forest);
        let others = (0..200).map(|i| (0..4).map(|j| ((i * 31 + j * 7) % 12) as u32).collect());
        let rows: Vec<Vec<u32>> = rows.into_iter().chain(others).collect();

        let mut builder = ProgramBuilder::new("forest");
        let columns = tests.iter().map(|t| Column {
            name: format!("{t:?}"),
            range: Interval::new(0.0, 1.0),
        });
        let input = Input {
            name: "tests".into(),
            owner: Party::Client(0),
            length: rows.len(),
            columns: columns.collect(),
            precision: 0.25,
        };
        let (_, bits) = builder.input(input).unwrap();
        let bits = tests.iter().copied().zip(bits).collect();
        let values = forest.state(&mut builder, &bits, true).unwrap();
        builder
            .output(Output {
                name: "votes".into(),
                values,
                precision: 0.25,
            })
            .unwrap();
        let program = builder.finish().unwrap();
        let table = Array2::from_shape_fn((rows.len(), tests.len()), |(i, j)| {
            f64::from(u8::from(tests[j].holds(&rows[i])))
        });
        let out = program.interpret(&[table]).unwrap();
        let all = f64::from(forest.total());
        for (row, got) in rows.iter().zip(out[0].rows()) {
            let [_, medium, high] = forest.shares(row);
            assert!((got[0] - medium * all).abs() < 1e-9, "{row:?}");
            assert!((got[1] - high * all).abs() < 1e-9, "{row:?}");
        }
    }

    #[test]
    fn votes_are_the_forests() {
        check(Votes::Hard, 1);
        check(Votes::Hard, 4);
        check(Votes::Shares(8), 3);
        check(Votes::Hard, 6);
    }
}
