//! Operations that are equal but for their numbers, side by side: each block of a vector is one of them, with
//! numbers of its own, as several thresholds or classes have that are held against the same columns.
//!
//! What a program reads of its columns are weighted sums ([`affine::roots`]). Values are of one class if they are
//! the same operations on such sums, whatever the weights and other public numbers. A class of as many members as
//! there are blocks becomes one vector; what reads a member alone reads the vector, shifted so that the member
//! comes first. The sums come about in either of two ways:
//!
//! - [`Packing::Replicated`]: each column stands in every block, and the weights differ from block to block;
//! - [`Packing::Diagonals`]: the columns of a row lie side by side, and so do its sums, by the diagonals of the
//!   matrix of weights ([`diagonals`]).
//!
//! Place `p` of each row is block `p`, and their number is a power of two, which divides the slots
//! ([`Layout::keeps_rows`]): wherever a rotation takes a row's places from, they are places of the same block. So each
//! block has ranges of its own. Before anything is shifted, a block holds what the program has proven of that member;
//! afterwards, what interval arithmetic yields of the blocks that meet ([`crate::ranges::derive`]), which may be of different rows.

mod diagonals;
mod making;
mod packed;

use std::collections::{BTreeMap, BTreeSet, HashMap};

use making::Making;

use super::affine::{self, Affine};
use super::{Layout, lanes};
use crate::lower::{LevelModel, Lowered};
use crate::{OpKind, Program, ValueId};

/// The most blocks.
const MOST: usize = 256;
/// The most elements of a vector.
const LONGEST: usize = 1 << 18;
/// The most public numbers of a laid-out program, each for a place of a vector: 128 MiB.
const MOST_NUMBERS: usize = 1 << 24;
/// Programs of more values are left as they are.
const LARGEST: usize = 20_000;
/// Numbers of blocks that are thought of, those first that save most products.
const CHOICES: usize = 3;

/// How sums of columns come to lie side by side.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Packing {
    /// Each column in every block.
    Replicated,
    /// The columns of a row in one vector, whose diagonals are multiplied and moved.
    Diagonals,
}

/// Layouts that compute fewer products than the program has.
pub(super) fn candidates(lowered: &Lowered, levels: LevelModel) -> Vec<Layout> {
    let program = lowered.program();
    let (Some(rows), true) = (
        lanes::one_length(program),
        program.values().len() <= LARGEST,
    ) else {
        return vec![];
    };
    let all = affine::all(program);
    let source = Source::of(program, &all);
    let Some(classes) = source.classes() else {
        return vec![];
    };
    let mut saved: BTreeMap<usize, usize> = BTreeMap::new();
    for members in &classes {
        let first = members.first().map(|id| program.value(*id).op().kind());
        if first.is_some_and(is_product) && (2..=MOST).contains(&members.len()) {
            *saved.entry(members.len()).or_default() += members.len() - 1;
        }
    }
    let mut sizes: Vec<(usize, usize)> = saved.into_iter().collect();
    sizes.sort_by_key(|(size, products)| (std::cmp::Reverse(*products), *size));
    let ways = [Packing::Replicated, Packing::Diagonals];
    let sizes = sizes.into_iter().take(CHOICES);
    let each = sizes.flat_map(|(size, _)| ways.map(|packing| (size, packing)));
    let before = products(program);
    each.filter_map(|(blocks, packing)| {
        let stride = source.stride(blocks, packing)?;
        if rows.checked_mul(stride)? > LONGEST {
            return None;
        }
        let sides = sides(&classes, blocks);
        let making = Making::new(&source, sides, (rows, blocks, stride), packing);
        making.layout(lowered, levels)
    })
    .filter(|layout| products(layout.lowered().program()) < before)
    .collect()
}

/// Products of ciphertexts.
pub(super) fn products(program: &Program) -> usize {
    let values = program.values().iter();
    values.filter(|v| is_product(v.op().kind())).count()
}

fn is_product(kind: OpKind) -> bool {
    matches!(kind, OpKind::Mul | OpKind::Square)
}

/// By member of a class of so many: all members in order, and its place among them.
fn sides(classes: &[Vec<ValueId>], blocks: usize) -> Sides<'_> {
    let chosen = classes.iter().filter(|members| members.len() == blocks);
    let all = chosen.flat_map(|members| {
        let places = members.iter().enumerate();
        places.map(move |(place, id)| (*id, (members.as_slice(), place)))
    });
    all.collect()
}

type Sides<'p> = HashMap<ValueId, (&'p [ValueId], usize)>;

/// A program as sums of columns and operations on them.
struct Source<'p> {
    program: &'p Program,
    read: BTreeMap<ValueId, &'p Affine>,
    roots: BTreeSet<ValueId>,
}

impl<'p> Source<'p> {
    fn of(program: &'p Program, all: &'p [Option<Affine>]) -> Self {
        let read = affine::read(program, all);
        let roots = affine::roots(program, &read);
        Self {
            program,
            read,
            roots,
        }
    }

    /// The sum that a value is, if it is computed from the columns.
    fn sum(&self, id: ValueId) -> Option<&'p Affine> {
        self.roots.contains(&id).then(|| self.read[&id])
    }

    /// The values that outputs depend on, but for those within a sum, from the last to the first; what `stops` holds
    /// of, without what it depends on.
    fn wanted(&self, stops: impl Fn(ValueId) -> bool) -> BTreeSet<ValueId> {
        let outputs = self.program.outputs().iter();
        let mut open: Vec<ValueId> = outputs.flat_map(|o| o.values.iter().copied()).collect();
        let mut wanted = BTreeSet::new();
        while let Some(id) = open.pop() {
            if wanted.insert(id) && !stops(id) && !self.roots.contains(&id) {
                open.extend(self.program.value(id).op().operands());
            }
        }
        wanted
    }

    /// The values of each class; `None` of a program with operations other than sums and products.
    fn classes(&self) -> Option<Vec<Vec<ValueId>>> {
        let mut places: HashMap<(Option<OpKind>, Vec<usize>), usize> = HashMap::new();
        let mut class: HashMap<ValueId, usize> = HashMap::new();
        let mut members: Vec<Vec<ValueId>> = vec![];
        for id in self.wanted(|_| false) {
            let op = self.program.value(id).op();
            let key = if self.roots.contains(&id) {
                (None, vec![])
            } else {
                let known = match op.kind() {
                    kind if is_product(kind) => true,
                    OpKind::Add | OpKind::Sub | OpKind::Neg => true,
                    kind => matches!(kind, OpKind::Offset | OpKind::Scale | OpKind::WeightedSum),
                };
                if !known {
                    return None;
                }
                let operands = op.operands();
                (Some(op.kind()), operands.iter().map(|v| class[v]).collect())
            };
            let place = *places.entry(key).or_insert_with(|| {
                members.push(vec![]);
                members.len() - 1
            });
            class.insert(id, place);
            members[place].push(id);
        }
        Some(members)
    }

    /// Places from one row to the next, a power of two; `None` where a packing is of no use.
    fn stride(&self, blocks: usize, packing: Packing) -> Option<usize> {
        let least = match packing {
            Packing::Replicated => blocks,
            Packing::Diagonals => {
                let sums = |least| move |id: &ValueId| self.read[id].factors.len() >= least;
                if !self.roots.iter().any(sums(2)) || !self.roots.iter().all(sums(1)) {
                    return None;
                }
                let inputs = self.program.inputs().iter();
                inputs.map(|input| input.columns.len()).max()?.max(blocks)
            }
        };
        let stride = least.next_power_of_two();
        (stride <= MOST).then_some(stride)
    }
}
