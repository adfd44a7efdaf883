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
//!   matrix of weights ([`super::diagonals`]).
//!
//! Place `p` of each row is block `p`, and their number is a power of two, which divides the slots
//! ([`Layout::keeps_rows`]): wherever a rotation takes a row's places from, they are places of the same block. So each
//! block has ranges of its own. Before anything is shifted, a block holds what the program has proven of that member;
//! afterwards, what interval arithmetic yields of the blocks that meet ([`ranges::derive`]), which may be of different rows.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::affine::{self, Affine};
use super::{Coding, Family, Layout, Order, diagonals, lanes, rows};
use crate::lower::{LevelModel, Lowered};
use crate::{
    Column, Input, Interval, Op, OpKind, Output, Program, ProgramBuilder, ProgramError, Public,
    ValueId, ranges,
};

/// The most blocks.
const MOST: usize = 256;
/// The most elements of a vector: a program's public numbers take as much, one for each place.
const LONGEST: usize = 1 << 18;
/// Programs of more values are left as they are.
const LARGEST: usize = 20_000;
/// Numbers of blocks that are thought of, those first that save most products.
const CHOICES: usize = 3;

/// How sums of columns come to lie side by side.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Packing {
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

/// A laid-out program in the making.
pub(super) struct Making<'p> {
    source: &'p Source<'p>,
    sides: Sides<'p>,
    pub(super) rows: usize,
    /// Members side by side.
    pub(super) blocks: usize,
    /// Places from one row to the next.
    pub(super) stride: usize,
    packing: Packing,
    /// By value, its operation.
    ops: Vec<Op>,
    /// By value, by place of a row.
    ranges: Vec<Vec<Interval>>,
    /// By input, by vector: its columns.
    columns: Vec<Vec<Vec<usize>>>,
    /// The vectors of columns.
    vectors: HashMap<(usize, Vec<usize>), ValueId>,
    /// Vectors that were moved, by how far.
    pub(super) moved: HashMap<(ValueId, i64), ValueId>,
    packed: HashMap<Vec<ValueId>, ValueId>,
}

impl<'p> Making<'p> {
    fn new(
        source: &'p Source<'p>,
        sides: Sides<'p>,
        (rows, blocks, stride): (usize, usize, usize),
        packing: Packing,
    ) -> Self {
        Self {
            source,
            sides,
            rows,
            blocks,
            stride,
            packing,
            ops: vec![],
            ranges: vec![],
            columns: vec![vec![]; source.program.inputs().len()],
            vectors: HashMap::new(),
            moved: HashMap::new(),
            packed: HashMap::new(),
        }
    }

    /// One more value, of the ranges that follow from its operands'.
    pub(super) fn push(&mut self, op: Op) -> Result<ValueId, ProgramError> {
        let at = |place: usize| match &op {
            Op::Shift { value, by } => {
                let from = (place as i64 + by).rem_euclid(self.stride as i64);
                Ok(self.ranges[value.index()][from as usize])
            }
            op => {
                let numbers = |public: &Public| match public {
                    Public::Scalar(x) => Some(Interval::point(*x)),
                    Public::Vector(xs) => {
                        Interval::hull(xs.iter().copied().skip(place).step_by(self.stride))
                    }
                };
                ranges::derive(op, |v| self.ranges[v.index()][place], numbers)
            }
        };
        let ranges: Result<_, _> = (0..self.stride).map(at).collect();
        self.ranges.push(ranges?);
        self.ops.push(op);
        Ok(ValueId::from_index(self.ops.len() - 1))
    }

    /// A value moved by so many places at once.
    pub(super) fn shifted(&mut self, value: ValueId, by: i64) -> Result<ValueId, ProgramError> {
        match by {
            0 => Ok(value),
            _ => self.push(Op::Shift { value, by }),
        }
    }

    /// A value moved by so many places, in powers of two: as many keys as the places have digits, and no more rotations
    /// than there are members, as each comes of another.
    fn turned(&mut self, value: ValueId, by: usize) -> Result<ValueId, ProgramError> {
        if by == 0 {
            return Ok(value);
        }
        let key = (value, by as i64);
        if let Some(known) = self.moved.get(&key) {
            return Ok(*known);
        }
        let before = by & (by - 1);
        let from = self.turned(value, before)?;
        let moved = self.shifted(from, (by - before) as i64)?;
        self.moved.insert(key, moved);
        Ok(moved)
    }

    /// Narrows the range of a place to what is known of it otherwise.
    fn narrow(&mut self, value: ValueId, place: usize, known: Interval) {
        let range = &mut self.ranges[value.index()][place];
        let (low, high) = (range.low.max(known.low), range.high.min(known.high));
        *range = if low <= high {
            Interval { low, high }
        } else {
            known
        };
    }

    /// The vector of these columns of an input.
    pub(super) fn vector(&mut self, input: usize, columns: Vec<usize>) -> ValueId {
        if let Some(known) = self.vectors.get(&(input, columns.clone())) {
            return *known;
        }
        let declared = &self.source.program.inputs()[input];
        let range = |place: usize| match columns.get(place) {
            Some(column) => declared.columns[*column].range,
            // Places without a column hold 0.
            None => Interval::point(0.0),
        };
        self.ranges.push((0..self.stride).map(range).collect());
        self.ops.push(Op::Input {
            input: crate::InputId::from_index(input),
            column: self.columns[input].len(),
        });
        let id = ValueId::from_index(self.ops.len() - 1);
        self.columns[input].push(columns.clone());
        self.vectors.insert((input, columns), id);
        id
    }

    /// Columns of an input.
    pub(super) fn columns_of(&self, input: usize) -> usize {
        self.source.program.inputs()[input].columns.len()
    }

    /// The member that a place holds; `None` where it holds none.
    fn member(&self, place: usize) -> Option<usize> {
        match self.packing {
            Packing::Replicated => Some(place % self.blocks),
            Packing::Diagonals => (place < self.blocks).then_some(place),
        }
    }

    /// Public numbers of all members. Where there is no member, those of the first member's first row.
    fn numbers(&self, members: &[&Public]) -> Public {
        let first = members[0];
        if first.as_scalar().is_some() && members.iter().all(|other| *other == first) {
            return first.clone();
        }
        let all = (0..self.rows).flat_map(|row| {
            (0..self.stride).map(move |place| match self.member(place) {
                Some(member) => members[member].at(row),
                None => first.at(0),
            })
        });
        all.collect::<Vec<f64>>().into()
    }

    /// A vector with one of these values in each block.
    fn pack(&mut self, values: &[ValueId]) -> Result<ValueId, ProgramError> {
        let mut open = vec![values.to_vec()];
        // Not by recursion: what is computed alike may wait for long chains of what is not.
        while let Some(tuple) = open.last().cloned() {
            if self.packed.contains_key(&tuple) {
                open.pop();
                continue;
            }
            let sums: Vec<_> = tuple.iter().filter_map(|id| self.source.sum(*id)).collect();
            let made = match sums.len() {
                0 => {
                    let missing = self.missing(&tuple)?;
                    if !missing.is_empty() {
                        open.extend(missing);
                        continue;
                    }
                    self.operation(&tuple)?
                }
                n if n == tuple.len() => match self.packing {
                    Packing::Replicated => self.replicated(&sums)?,
                    Packing::Diagonals => {
                        // Any number that the first member may be leaves every range as it is.
                        let rest = self.source.program.value(tuple[0]).range().centre();
                        let sum = diagonals::summed(self, &sums)?;
                        self.biased(sum, &sums, rest)?
                    }
                },
                _ => return Err(unlike()),
            };
            for place in 0..self.stride {
                if let Some(member) = self.member(place) {
                    let known = self.source.program.value(tuple[member]).range();
                    self.narrow(made, place, known);
                }
            }
            self.packed.insert(tuple, made);
            open.pop();
        }
        Ok(self.packed[values])
    }

    /// The operands of these values that are not packed yet.
    fn missing(&self, tuple: &[ValueId]) -> Result<Vec<Vec<ValueId>>, ProgramError> {
        let places = self.operands(tuple)?.into_iter();
        Ok(places.filter(|v| !self.packed.contains_key(v)).collect())
    }

    /// By operand, that of each of these values, which are computed alike.
    fn operands(&self, tuple: &[ValueId]) -> Result<Vec<Vec<ValueId>>, ProgramError> {
        let op = |id: &ValueId| self.source.program.value(*id).op();
        let kind = op(&tuple[0]).kind();
        let each: Vec<Vec<ValueId>> = tuple.iter().map(|id| op(id).operands()).collect();
        let alike = tuple.iter().all(|id| op(id).kind() == kind);
        if !alike || each.iter().any(|all| all.len() != each[0].len()) {
            return Err(unlike());
        }
        let places = (0..each[0].len()).map(|place| each.iter().map(|all| all[place]).collect());
        Ok(places.collect())
    }

    /// The operation of these values on operands that are packed.
    fn operation(&mut self, tuple: &[ValueId]) -> Result<ValueId, ProgramError> {
        let operands = self.operands(tuple)?;
        let operands = operands.iter().map(|v| self.packed[v]).collect();
        let ops: Vec<&Op> = tuple
            .iter()
            .map(|id| self.source.program.value(*id).op())
            .collect();
        let publics: Vec<Vec<&Public>> = ops.iter().map(|op| op.publics()).collect();
        let mut next = 0;
        let op = lanes::on(ops[0], operands).map_publics(|_| {
            let members: Vec<&Public> = publics.iter().map(|all| all[next]).collect();
            next += 1;
            self.numbers(&members)
        });
        self.push(op)
    }

    /// Sums of columns that stand in every block.
    fn replicated(&mut self, sums: &[&Affine]) -> Result<ValueId, ProgramError> {
        let single = |sum: &&Affine| match sum.factors.iter().collect::<Vec<_>>().as_slice() {
            [((input, column), factor)] => Some((*input, *column, Public::from(**factor))),
            _ => None,
        };
        let singles: Option<Vec<_>> = sums.iter().map(single).collect();
        let sum = match singles {
            // A column in each block: no factor, no level.
            Some(all) if all.iter().all(|(input, ..)| *input == all[0].0) => {
                let column = |place: usize| all[place % self.blocks].1;
                let columns = (0..self.stride).map(column).collect();
                let value = self.vector(all[0].0, columns);
                let by = self.numbers(&all.iter().map(|(.., factor)| factor).collect::<Vec<_>>());
                match by {
                    Public::Scalar(1.0) => value,
                    by => self.push(Op::Scale { value, by })?,
                }
            }
            _ => {
                let read: BTreeSet<(usize, usize)> = sums
                    .iter()
                    .flat_map(|sum| sum.factors.keys().copied())
                    .collect();
                let mut terms = vec![];
                for (input, column) in read {
                    let value = self.vector(input, vec![column; self.stride]);
                    let factor = |sum: &&Affine| sum.factors.get(&(input, column)).copied();
                    let factors = sums
                        .iter()
                        .map(|sum| Public::from(factor(sum).unwrap_or(0.0)));
                    let factors: Vec<Public> = factors.collect();
                    terms.push((value, self.numbers(&factors.iter().collect::<Vec<_>>())));
                }
                let bias = Public::Scalar(0.0);
                self.push(Op::WeightedSum { terms, bias })?
            }
        };
        self.biased(sum, sums, 0.0)
    }

    /// Sums with what is added to them; `rest` where there is no member.
    fn biased(
        &mut self,
        value: ValueId,
        sums: &[&Affine],
        rest: f64,
    ) -> Result<ValueId, ProgramError> {
        let biases: Vec<&Public> = sums.iter().map(|sum| &sum.bias).collect();
        let mut by = self.numbers(&biases);
        if (self.blocks..self.stride).any(|place| self.member(place).is_none()) {
            let row_of = |place: usize| (place / self.stride, self.member(place % self.stride));
            let all = (0..self.rows * self.stride).map(|place| match row_of(place) {
                (row, Some(member)) => biases[member].at(row),
                (_, None) => rest,
            });
            by = all.collect::<Vec<f64>>().into();
        }
        match by {
            Public::Scalar(0.0) => Ok(value),
            by => self.push(Op::Offset { value, by }),
        }
    }

    /// All that outputs need, with what they are at the first place of each row.
    fn all(&mut self) -> Result<HashMap<ValueId, ValueId>, ProgramError> {
        let source = self.source;
        let sides = self.sides.clone();
        let mut plain: HashMap<ValueId, ValueId> = HashMap::new();
        // Those that hold the same value at every place of a row.
        let mut everywhere: BTreeSet<ValueId> = BTreeSet::new();
        // Rotations of such a vector go round it.
        let round = self.rows.is_power_of_two();
        for id in source.wanted(|id| sides.contains_key(&id)) {
            let value = source.program.value(id);
            let made = match sides.get(&id) {
                Some((members, place)) => {
                    let packed = self.pack(members)?;
                    self.turned(packed, *place)?
                }
                None if source.roots.contains(&id) => {
                    everywhere.insert(id);
                    self.pack(&vec![id; self.blocks])?
                }
                None => {
                    let operands = value.op().operands();
                    let same = operands.iter().all(|v| everywhere.contains(v));
                    let operands = operands.iter().map(|v| plain[v]).collect();
                    let each = |xs: &[f64]| -> Vec<f64> {
                        let xs = xs.iter();
                        xs.flat_map(|x| std::iter::repeat_n(*x, self.stride))
                            .collect()
                    };
                    let op = super::with_publics(&lanes::on(value.op(), operands), each);
                    let made = self.push(op)?;
                    if same {
                        everywhere.insert(id);
                    }
                    for place in 0..self.stride {
                        let is_program = if same {
                            self.member(place).is_some()
                        } else {
                            place == 0 && round
                        };
                        if is_program {
                            self.narrow(made, place, value.range());
                        }
                    }
                    made
                }
            };
            plain.insert(id, made);
        }
        Ok(plain)
    }

    /// The layout, if it can be had.
    fn layout(mut self, lowered: &Lowered, levels: LevelModel) -> Option<Layout> {
        // Ranges of blocks that meet may be too wide, and vectors too long.
        let plain = self.all().ok()?;
        let program = self.program(&plain).ok()?;
        let original = self.source.program;
        let most = original.inputs().iter().map(|input| input.columns.len());
        let most = most.max().unwrap_or(1);
        let (family, name) = match self.packing {
            Packing::Replicated => (
                Family::Blocks,
                format!(
                    "{} operations with numbers of their own side by side, in slots",
                    self.blocks
                ),
            ),
            Packing::Diagonals => (
                Family::Diagonals,
                format!(
                    "rows of {most} columns side by side, {} sums of each by diagonals, in slots",
                    self.blocks
                ),
            ),
        };
        Some(Layout {
            name,
            family,
            coding: Coding::Slots,
            order: Order::Rows,
            stride: self.stride,
            columns: self.columns,
            original: original.clone(),
            lowered: lowered.laid_out(program, levels),
        })
    }

    fn program(&mut self, plain: &HashMap<ValueId, ValueId>) -> Result<Program, ProgramError> {
        let original = self.source.program;
        let length = rows::places(self.rows, self.stride)?;
        let mut builder = ProgramBuilder::new(original.name());
        for (input, vectors) in original.inputs().iter().zip(&mut self.columns) {
            if vectors.is_empty() {
                // An input has a column at least, whether anything reads it or not.
                vectors.push(vec![0]);
            }
            let columns = vectors.iter().map(|v| joined(input, v, self.stride));
            builder.declare(Input {
                length,
                columns: columns.collect(),
                ..input.clone()
            })?;
        }
        for (op, ranges) in self.ops.iter().zip(&self.ranges) {
            let range = ranges.iter().copied().reduce(Interval::union);
            let range = range.unwrap_or(Interval::point(0.0));
            builder.push_within(op.clone(), range)?;
        }
        for output in original.outputs() {
            builder.output(Output {
                values: output.values.iter().map(|v| plain[v]).collect(),
                ..output.clone()
            })?;
        }
        builder.finish()
    }
}

/// The columns of one vector as the column that they make up.
fn joined(input: &Input, columns: &[usize], stride: usize) -> Column {
    let mut group = columns.to_vec();
    if group.iter().all(|column| *column == group[0]) && group.len() == stride {
        group.truncate(1);
        return rows::joined(input, &group, 1);
    }
    rows::joined(input, &group, stride)
}

/// Why values have no vector in common.
fn unlike() -> ProgramError {
    ProgramError::Declaration {
        what: "layout",
        name: "blocks".into(),
        problem: "its values are not computed alike".into(),
    }
}
