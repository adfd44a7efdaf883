//! What lies side by side in a laid-out program, and what is read of it at the first place.

use std::collections::{BTreeSet, HashMap};

use super::making::{Making, none};
use super::{Packing, diagonals};
use crate::layout::affine::Affine;
use crate::layout::{Coding, Family, Layout, Order, lanes, rows, with_publics};
use crate::lower::{LevelModel, Lowered};
use crate::{
    Column, Input, Interval, Op, Output, Program, ProgramBuilder, ProgramError, Public, ValueId,
};

impl Making<'_> {
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
                _ => return Err(none("its values are not computed alike")),
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
            return Err(none("its values are not computed alike"));
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
                    let op = with_publics(&lanes::on(value.op(), operands), each);
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
    pub(super) fn layout(mut self, lowered: &Lowered, levels: LevelModel) -> Option<Layout> {
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
