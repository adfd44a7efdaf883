//! The columns and values that go in limbs.

use std::collections::BTreeSet;
use std::sync::Arc;

use hexperiment_program::{Interval, Op, Program, Public, ValueId};

use crate::algebra::{LimbOptions, Radix};

/// What a program needs in limbs.
pub(crate) struct InLimbs {
    /// The columns, by input and column.
    columns: BTreeSet<(usize, usize)>,
    /// For each value, whether it reaches a maximum, a choice or a magnitude through sums and
    /// differences.
    values: Vec<bool>,
}

impl InLimbs {
    /// What `program` needs so.
    pub(crate) fn of(program: &Program) -> Self {
        // What is compared with a maximum goes in limbs as the maximum does.
        let mut extreme: Vec<bool> = Vec::with_capacity(program.values().len());
        for value in program.values() {
            let op = value.op();
            let any = || op.operands().iter().any(|v| extreme[v.index()]);
            let is_extreme = matches!(
                op,
                Op::Max(..) | Op::Min(..) | Op::Relu(_) | Op::Abs(_) | Op::Select { .. }
            );
            extreme.push(is_extreme || (keeps_limbs(op) && any()));
        }
        let mut values = vec![false; program.values().len()];
        let mut columns = BTreeSet::new();
        for (index, value) in program.values().iter().enumerate().rev() {
            let op = value.op();
            let operands: Vec<ValueId> = match op {
                Op::Max(..) | Op::Min(..) | Op::Relu(_) | Op::Abs(_) => op.operands(),
                Op::Select {
                    then, otherwise, ..
                } => vec![*then, *otherwise],
                Op::Compare { .. } | Op::Step(_) | Op::Sign(_)
                    if op.operands().iter().any(|v| extreme[v.index()]) =>
                {
                    op.operands()
                }
                _ if values[index] && keeps_limbs(op) => op.operands(),
                _ => vec![],
            };
            for operand in operands {
                values[operand.index()] = true;
            }
            if let (Op::Input { input, column }, true) = (op, values[index]) {
                columns.insert((input.index(), *column));
            }
        }
        Self { columns, values }
    }

    /// Whether nothing goes in limbs, so that there is nothing to choose about them.
    pub(crate) fn is_empty(&self) -> bool {
        self.columns.is_empty()
    }

    /// Whether a column, by input and column, goes in limbs.
    pub(super) fn has_column(&self, place: (usize, usize)) -> bool {
        self.columns.contains(&place)
    }

    /// Whether a value does.
    pub(super) fn has_value(&self, id: ValueId) -> bool {
        self.values[id.index()]
    }

    /// One radix for all columns, if there are any.
    pub(super) fn radix(&self, program: &Program, options: LimbOptions) -> Option<Arc<Radix>> {
        let columns = self.columns.iter().map(|(input, column)| {
            let input = &program.inputs()[*input];
            (input.columns[*column].range, input.precision)
        });
        let all: Option<(Interval, f64)> =
            columns.reduce(|(range, precision), (r, p)| (range.union(r), precision.min(p)));
        let (range, precision) = all?;
        Some(Arc::new(Radix::covering(range, precision, options)))
    }
}

/// Whether limbs of the operands may be limbs of the result.
fn keeps_limbs(op: &Op) -> bool {
    let sign = |by: &Public| by.values().iter().all(|w| [-1.0, 0.0, 1.0].contains(w));
    match op {
        Op::Add(..)
        | Op::Sub(..)
        | Op::Neg(_)
        | Op::Offset { .. }
        | Op::Shift { .. }
        | Op::Pick { .. } => true,
        Op::Scale { by, .. } => sign(by),
        Op::WeightedSum { terms, .. } => terms.iter().all(|(_, w)| sign(w)),
        _ => false,
    }
}
