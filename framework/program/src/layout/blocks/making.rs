//! A laid-out program, value by value, with ranges of each place of a row.

use std::collections::HashMap;

use super::{MOST_NUMBERS, Packing, Sides, Source};
use crate::{Interval, Op, ProgramError, Public, ValueId, ranges};

/// A laid-out program in the making.
pub(super) struct Making<'p> {
    pub(super) source: &'p Source<'p>,
    pub(super) sides: Sides<'p>,
    pub(super) rows: usize,
    /// Members side by side.
    pub(super) blocks: usize,
    /// Places from one row to the next.
    pub(super) stride: usize,
    pub(super) packing: Packing,
    /// By value, its operation.
    pub(super) ops: Vec<Op>,
    /// By value, by place of a row.
    pub(super) ranges: Vec<Vec<Interval>>,
    /// By input, by vector: its columns.
    pub(super) columns: Vec<Vec<Vec<usize>>>,
    /// The vectors of columns.
    vectors: HashMap<(usize, Vec<usize>), ValueId>,
    /// Vectors that were moved, by how far.
    pub(super) moved: HashMap<(ValueId, i64), ValueId>,
    pub(super) packed: HashMap<Vec<ValueId>, ValueId>,
    /// Public numbers so far.
    numbers: usize,
}

impl<'p> Making<'p> {
    pub(super) fn new(
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
            numbers: 0,
        }
    }

    /// One more value, of the ranges that follow from its operands'.
    pub(super) fn push(&mut self, op: Op) -> Result<ValueId, ProgramError> {
        let numbers = op.publics().into_iter().filter_map(Public::length);
        self.numbers += numbers.sum::<usize>();
        if self.numbers > MOST_NUMBERS {
            return Err(none("it has too many public numbers"));
        }
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
    pub(super) fn turned(&mut self, value: ValueId, by: usize) -> Result<ValueId, ProgramError> {
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
    pub(super) fn narrow(&mut self, value: ValueId, place: usize, known: Interval) {
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
    pub(super) fn member(&self, place: usize) -> Option<usize> {
        match self.packing {
            Packing::Replicated => Some(place % self.blocks),
            Packing::Diagonals => (place < self.blocks).then_some(place),
        }
    }

    /// Public numbers of all members. Where there is no member, those of the first member's first row.
    pub(super) fn numbers(&self, members: &[&Public]) -> Public {
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
}

/// Why there is no such layout.
pub(super) fn none(problem: &str) -> ProgramError {
    ProgramError::Declaration {
        what: "layout",
        name: "blocks".into(),
        problem: problem.into(),
    }
}
