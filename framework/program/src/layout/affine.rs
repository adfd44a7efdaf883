//! Affine programs: outputs that are weighted sums of columns, with the same weights for every row.

use std::collections::{BTreeMap, BTreeSet};

use crate::{Op, Program, Public, ValueId};

/// `sum of factor * column, + bias`
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Affine {
    /// By input and column; none is 0.
    pub(super) factors: BTreeMap<(usize, usize), f64>,
    pub(super) bias: Public,
}

impl Affine {
    fn constant(bias: Public) -> Self {
        Self {
            factors: BTreeMap::new(),
            bias,
        }
    }

    fn times(&self, factor: f64) -> Self {
        let factors = self.factors.iter().map(|(column, x)| (*column, factor * x));
        Self {
            factors: factors.filter(|(_, x)| *x != 0.0).collect(),
            bias: self.bias.map(|x| factor * x),
        }
    }

    fn plus(mut self, other: &Self) -> Self {
        for (column, factor) in &other.factors {
            let sum = self.factors.get(column).unwrap_or(&0.0) + factor;
            if sum == 0.0 {
                self.factors.remove(column);
            } else {
                self.factors.insert(*column, sum);
            }
        }
        self.offset(&other.bias)
    }

    fn offset(mut self, by: &Public) -> Self {
        self.bias = self.bias.zip(by, |a, b| a + b);
        self
    }
}

/// Whether an operation keeps affine values affine.
fn keeps(op: &Op) -> bool {
    match op {
        Op::Input { .. }
        | Op::Constant(_)
        | Op::Add(..)
        | Op::Sub(..)
        | Op::Neg(_)
        | Op::Offset { .. } => true,
        Op::Scale { by, .. } => by.as_scalar().is_some(),
        Op::WeightedSum { terms, .. } => terms.iter().all(|(_, w)| w.as_scalar().is_some()),
        _ => false,
    }
}

/// The values of each output, if all are affine and none is a constant.
pub(super) fn outputs(program: &Program) -> Option<Vec<Vec<Affine>>> {
    let needed = program.needed_for(&program.output_ids());
    let needed = |id: ValueId| needed[id.index()];
    if program
        .iter()
        .any(|(id, value)| needed(id) && !keeps(value.op()))
    {
        return None;
    }
    let all = all(program);
    let of_output = |value: &ValueId| {
        let affine = all[value.index()].clone()?;
        (!affine.factors.is_empty()).then_some(affine)
    };
    let outputs = program.outputs().iter();
    outputs
        .map(|output| output.values.iter().map(of_output).collect())
        .collect()
}

/// What each value is that an output needs, if it is affine.
pub(super) fn all(program: &Program) -> Vec<Option<Affine>> {
    let needed = program.needed_for(&program.output_ids());
    let mut all: Vec<Option<Affine>> = Vec::with_capacity(program.values().len());
    for (id, value) in program.iter() {
        let affine = needed[id.index()].then(|| of(value.op(), &all)).flatten();
        all.push(affine);
    }
    all
}

fn of(op: &Op, all: &[Option<Affine>]) -> Option<Affine> {
    let get = |value: &ValueId| all[value.index()].as_ref();
    Some(match op {
        Op::Input { input, column } => Affine {
            factors: [((input.index(), *column), 1.0)].into(),
            bias: 0.0.into(),
        },
        Op::Constant(public) => Affine::constant(public.clone()),
        Op::Add(a, b) => get(a)?.clone().plus(get(b)?),
        Op::Sub(a, b) => get(a)?.clone().plus(&get(b)?.times(-1.0)),
        Op::Neg(a) => get(a)?.times(-1.0),
        Op::Offset { value, by } => get(value)?.clone().offset(by),
        Op::Scale { value, by } => get(value)?.times(by.as_scalar()?),
        Op::WeightedSum { terms, bias } => {
            let mut sum = Affine::constant(bias.clone());
            for (value, weight) in terms {
                sum = sum.plus(&get(value)?.times(weight.as_scalar()?));
            }
            sum
        }
        _ => return None,
    })
}

/// The affine values that others read, or that are outputs.
pub(super) fn read<'a>(
    program: &Program,
    all: &'a [Option<Affine>],
) -> BTreeMap<ValueId, &'a Affine> {
    let needed = program.needed_for(&program.output_ids());
    let others = program.iter().filter(|(id, _)| needed[id.index()]);
    let others = others.filter(|(id, _)| all[id.index()].is_none());
    let by_others = others.flat_map(|(_, value)| value.op().operands());
    let outputs = program.outputs().iter();
    let outputs = outputs.flat_map(|output| output.values.iter().copied());
    let every = by_others.chain(outputs);
    every
        .filter_map(|id| Some((id, all[id.index()].as_ref()?)))
        .collect()
}

/// Those of the affine values that are read which are sums of columns. The others follow from one of them alone,
/// as a multiple does, and are computed from it, not from the columns again.
pub(super) fn roots(program: &Program, read: &BTreeMap<ValueId, &Affine>) -> BTreeSet<ValueId> {
    let follows = |id: &ValueId| match program.value(*id).op().operands().as_slice() {
        [one] => read.contains_key(one),
        _ => false,
    };
    read.keys().copied().filter(|id| !follows(id)).collect()
}
