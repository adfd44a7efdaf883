//! Equal operations side by side: what is computed in the same way of different columns lies in blocks
//! of one vector, and is computed once.
//!
//! Values are of one class if they are the same operations on columns of the same range: the two maxima
//! of the first round of a window of four, say. A class of as many members as there are lanes becomes one
//! vector, with a block for each; what reads one member alone reads the vector, shifted so that the
//! member's block comes first. The other blocks hold what the whole program would yield if the columns
//! changed places ([`blocks_are_programs`]), so that every range that was proven holds there, too; nobody
//! reads them.

use std::collections::{BTreeSet, HashMap};
use std::hash::{BuildHasher as _, RandomState};

use super::{Coding, Family, Layout, Order, with_publics};
use crate::lower::{LevelModel, Lowered};
use crate::{
    Column, Input, Interval, Op, OpKind, Output, Program, ProgramBuilder, ProgramError, Value,
    ValueId,
};

/// The most lanes.
const MOST: usize = 64;
/// Programs of more values are left as they are.
const LARGEST: usize = 20_000;

/// A layout for each number of products that are computed alike.
pub(super) fn candidates(lowered: &Lowered, levels: LevelModel) -> Vec<Layout> {
    let program = lowered.program();
    let Some(rows) = one_length(program) else {
        return vec![];
    };
    let classes = Classes::of(program);
    let is_product = |id: &ValueId| {
        let kind = program.value(*id).op().kind();
        matches!(kind, OpKind::Mul | OpKind::Square)
    };
    let sizes: BTreeSet<usize> = classes
        .members
        .iter()
        .filter(|members| members.first().is_some_and(is_product))
        .map(Vec::len)
        .filter(|size| (2..=MOST).contains(size))
        .collect();
    sizes
        .into_iter()
        .filter_map(|lanes| side_by_side(lowered, &classes, (rows, lanes), levels))
        .collect()
}

/// The length of all vectors, of a program that works on each element alone and assumes nothing.
pub(super) fn one_length(program: &Program) -> Option<usize> {
    let rows = program.inputs().first()?.length;
    let same = program.inputs().iter().all(|input| input.length == rows);
    let moves = |value: &Value| {
        let kind = value.op().kind();
        matches!(
            kind,
            OpKind::Shift | OpKind::Pick | OpKind::Sum | OpKind::Constant
        )
    };
    let plain = |value: &Value| value.length() == rows && !value.is_assumed() && !moves(value);
    let small = program.values().len() <= LARGEST;
    (same && small && program.values().iter().all(plain)).then_some(rows)
}

/// An operation without what it works on.
fn erased(op: &Op) -> Op {
    match op {
        Op::Input { input, .. } => Op::Input {
            input: *input,
            column: 0,
        },
        op => op.map_operands(|_| ValueId::from_index(0)),
    }
}

/// Values that are computed alike.
struct Classes {
    /// By class; nothing but what an output needs, and no columns.
    members: Vec<Vec<ValueId>>,
}

/// What the members of a class have in common.
struct Common {
    op: Op,
    range: Interval,
    operands: Vec<usize>,
}

impl Classes {
    fn of(program: &Program) -> Self {
        let needed = program.needed_for(&program.output_ids());
        let hasher = RandomState::new();
        let mut alike: HashMap<u64, Vec<usize>> = HashMap::new();
        let mut all: Vec<Common> = vec![];
        let mut members: Vec<Vec<ValueId>> = vec![];
        let mut class = vec![0; program.values().len()];
        for (id, value) in program.iter() {
            let (op, range) = (erased(value.op()), value.range());
            let operands = value.op().operands();
            let operands: Vec<usize> = operands.iter().map(|v| class[v.index()]).collect();
            let found = alike.entry(hasher.hash_one((&op, &operands))).or_default();
            let same = found.iter().copied().find(|place| {
                let known = &all[*place];
                known.op == op && known.range == range && known.operands == operands
            });
            let place = same.unwrap_or_else(|| {
                found.push(all.len());
                all.push(Common {
                    op,
                    range,
                    operands,
                });
                members.push(vec![]);
                all.len() - 1
            });
            class[id.index()] = place;
            if needed[id.index()] && value.op().kind() != OpKind::Input {
                members[place].push(id);
            }
        }
        Self { members }
    }
}

/// A value of the program in the making; operands are places of nodes.
struct Node {
    op: Making,
    range: Interval,
}

enum Making {
    /// A column of each lane, of one input.
    Columns(usize, Vec<usize>),
    Op(Op),
}

struct SideBySide<'p> {
    program: &'p Program,
    rows: usize,
    lanes: usize,
    /// The members of the class that a value is of, and its place among them; of classes of as many
    /// members as there are lanes.
    sides: HashMap<ValueId, (&'p [ValueId], usize)>,
    nodes: Vec<Node>,
    packed: HashMap<Vec<ValueId>, ValueId>,
    plain: HashMap<ValueId, ValueId>,
}

impl SideBySide<'_> {
    fn push(&mut self, op: Making, range: Interval) -> ValueId {
        self.nodes.push(Node { op, range });
        ValueId::from_index(self.nodes.len() - 1)
    }

    /// An operation with public numbers for all lanes.
    fn spread(&self, op: &Op) -> Op {
        with_publics(op, |xs| xs.repeat(self.lanes))
    }

    /// A vector with one of these values in each block; `None` where they are not computed alike.
    fn pack(&mut self, values: &[ValueId]) -> Option<ValueId> {
        if let Some(known) = self.packed.get(values) {
            return Some(*known);
        }
        let of = |id: &ValueId| self.program.value(*id);
        let ops: Vec<&Op> = values.iter().map(|id| of(id).op()).collect();
        let common = erased(ops[0]);
        if ops.iter().any(|op| erased(op) != common) {
            return None;
        }
        let range = values.iter().map(|id| of(id).range());
        let range = range.reduce(Interval::union)?;
        let making = match ops[0] {
            Op::Input { input, .. } => {
                let column = |op: &&Op| match op {
                    Op::Input { column, .. } => Some(*column),
                    _ => None,
                };
                let columns: Option<Vec<usize>> = ops.iter().map(column).collect();
                Making::Columns(input.index(), columns?)
            }
            first => {
                let operands: Vec<Vec<ValueId>> = ops.iter().map(|op| op.operands()).collect();
                let places = (0..operands[0].len()).map(|place| {
                    let tuple: Vec<ValueId> = operands.iter().map(|all| all[place]).collect();
                    self.pack(&tuple)
                });
                let places = places.collect::<Option<Vec<_>>>()?;
                Making::Op(self.spread(&on(first, places)))
            }
        };
        let id = self.push(making, range);
        self.packed.insert(values.to_vec(), id);
        Some(id)
    }

    /// A vector whose first block is this value.
    fn plain(&mut self, id: ValueId) -> Option<ValueId> {
        if let Some(known) = self.plain.get(&id) {
            return Some(*known);
        }
        let value = self.program.value(id);
        let range = value.range();
        let made = match (self.sides.get(&id).copied(), value.op()) {
            (Some((members, lane)), _) => {
                let value = self.pack(members)?;
                let by = (lane * self.rows) as i64;
                match lane {
                    0 => value,
                    _ => self.push(Making::Op(Op::Shift { value, by }), range),
                }
            }
            (None, Op::Input { .. }) => self.pack(&vec![id; self.lanes])?,
            (None, op) => {
                let operands = op.operands();
                let operands = operands.into_iter().map(|v| self.plain(v));
                let operands = operands.collect::<Option<Vec<_>>>()?;
                let op = self.spread(&on(op, operands));
                self.push(Making::Op(op), range)
            }
        };
        self.plain.insert(id, made);
        Some(made)
    }
}

/// An operation on other operands, in order.
pub(super) fn on(op: &Op, operands: Vec<ValueId>) -> Op {
    let mut operands = operands.into_iter();
    op.map_operands(|before| operands.next().unwrap_or(before))
}

fn side_by_side(
    lowered: &Lowered,
    classes: &Classes,
    (rows, lanes): (usize, usize),
    levels: LevelModel,
) -> Option<Layout> {
    let original = lowered.program();
    let chosen = classes
        .members
        .iter()
        .filter(|members| members.len() == lanes);
    let sides = chosen.flat_map(|members| {
        let places = members.iter().enumerate();
        places.map(move |(lane, id)| (*id, (members.as_slice(), lane)))
    });
    let mut making = SideBySide {
        program: original,
        rows,
        lanes,
        sides: sides.collect(),
        nodes: vec![],
        packed: HashMap::new(),
        plain: HashMap::new(),
    };
    // Operands before what reads them, so that none waits for a long chain.
    let needed = original.needed_for(&original.output_ids());
    let read = original.outputs().iter().flat_map(|output| &output.values);
    let read: BTreeSet<ValueId> = read.copied().collect();
    for (id, value) in original.iter().filter(|(id, _)| needed[id.index()]) {
        let column = value.op().kind() == OpKind::Input;
        match making.sides.get(&id).copied() {
            Some((members, _)) => {
                making.pack(members)?;
            }
            None if column && !read.contains(&id) => {}
            None => {
                making.plain(id)?;
            }
        }
    }
    for id in read {
        making.plain(id)?;
    }
    let sound = blocks_are_programs(&making.nodes, lanes);
    sound
        .then(|| built(lowered, &making, levels).ok())
        .flatten()
}

/// Whether each block holds what the program yields on columns that have changed places: block `b` of
/// the vector of the columns `c_0, c_1, …` has `c_(j + b)` where the first has `c_j`, and that must be
/// the same column wherever `c_j` is read.
fn blocks_are_programs(nodes: &[Node], lanes: usize) -> bool {
    let tuples = nodes.iter().filter_map(|node| match &node.op {
        Making::Columns(input, columns) => Some((*input, columns)),
        Making::Op(_) => None,
    });
    let tuples: Vec<_> = tuples.collect();
    (1..lanes).all(|block| {
        let mut becomes: HashMap<(usize, usize), usize> = HashMap::new();
        let mut places = tuples.iter().flat_map(|(input, columns)| {
            (0..lanes).map(move |j| ((*input, columns[j]), columns[(j + block) % lanes]))
        });
        places.all(|(column, other)| *becomes.entry(column).or_insert(other) == other)
    })
}

/// The program of the nodes.
fn built(
    lowered: &Lowered,
    making: &SideBySide<'_>,
    levels: LevelModel,
) -> Result<Layout, ProgramError> {
    let (original, rows, lanes) = (making.program, making.rows, making.lanes);
    let mut columns: Vec<Vec<Vec<usize>>> = vec![vec![]; original.inputs().len()];
    for node in &making.nodes {
        if let Making::Columns(input, of_lanes) = &node.op {
            columns[*input].push(of_lanes.clone());
        }
    }
    let mut builder = ProgramBuilder::new(original.name());
    let mut inputs = Vec::with_capacity(columns.len());
    for (input, vectors) in original.inputs().iter().zip(&mut columns) {
        if vectors.is_empty() {
            // An input has a column at least, whether anything reads it or not.
            vectors.push(vec![0; lanes]);
        }
        inputs.push(builder.declare(Input {
            length: rows * lanes,
            columns: vectors.iter().map(|v| joined(input, v)).collect(),
            ..input.clone()
        })?);
    }
    let mut next = vec![0; inputs.len()];
    let mut ids: Vec<ValueId> = Vec::with_capacity(making.nodes.len());
    for node in &making.nodes {
        let op = match &node.op {
            Making::Columns(input, _) => {
                let column = next[*input];
                next[*input] += 1;
                Op::Input {
                    input: inputs[*input],
                    column,
                }
            }
            Making::Op(op) => op.map_operands(|v| ids[v.index()]),
        };
        ids.push(builder.push_within(op, node.range)?);
    }
    for output in original.outputs() {
        let value = |v: &ValueId| making.plain.get(v).map(|node| ids[node.index()]);
        let values: Option<Vec<ValueId>> = output.values.iter().map(value).collect();
        builder.output(Output {
            values: values.unwrap_or_default(),
            ..output.clone()
        })?;
    }
    Ok(Layout {
        name: format!("{lanes} equal operations side by side, in slots"),
        family: Family::Lanes,
        coding: Coding::Slots,
        order: Order::Blocks,
        stride: lanes,
        columns,
        original: original.clone(),
        lowered: lowered.laid_out(builder.finish()?, levels),
    })
}

/// The columns of all lanes as one.
fn joined(input: &Input, lanes: &[usize]) -> Column {
    let columns = lanes.iter().map(|c| &input.columns[*c]);
    let names: Vec<&str> = columns.clone().map(|column| column.name.as_str()).collect();
    let range = columns.map(|column| column.range).reduce(Interval::union);
    Column {
        name: names.join(" beside "),
        range: range.unwrap_or(Interval::point(0.0)),
    }
}
