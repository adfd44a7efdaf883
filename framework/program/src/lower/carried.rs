//! The error that a value carries from its operands: bounds to first order by interval analysis.
//!
//! Two things carry. A task states how exact inputs are: what it computes of them needs no more than that
//! carries, and no less; where a decision is left to the client, this is what the value decided on is worth.
//! And where polynomials stand in for functions, what follows carries their error on to the outputs.

use super::super::{Interval, Op, Program, Public, ValueId};

/// The largest error of an element of `value`, if every input element is off by its stated
/// precision and everything else is exact; `None` behind an operation whose result may jump.
pub(super) fn carried(program: &Program, value: ValueId) -> Option<f64> {
    let mut errors: Vec<Option<f64>> = Vec::with_capacity(value.index() + 1);
    for known in &program.values()[..=value.index()] {
        let error = match known.op() {
            Op::Input { input, .. } => Some(program.input(*input).precision),
            op => through(program, op, &errors),
        };
        errors.push(error);
    }
    errors.pop().flatten()
}

/// The largest error of an element of what `op` yields of values that are off by `errors`, without an error
/// of its own; `None` where an operand's is not known, or is not 0 and the result may jump.
pub(super) fn through(program: &Program, op: &Op, errors: &[Option<f64>]) -> Option<f64> {
    let of = |v: &ValueId| errors.get(v.index()).copied().flatten();
    let most = |v: &ValueId| program.value(*v).range().magnitude();
    let weight = |p: &Public| p.range().map(Interval::magnitude);
    match op {
        Op::Input { .. } | Op::Constant(_) => Some(0.0),
        Op::Add(a, b) | Op::Sub(a, b) => of(a).zip(of(b)).map(|(a, b)| a + b),
        Op::Neg(v) | Op::Relu(v) | Op::Abs(v) => of(v),
        Op::Offset { value, .. } | Op::Shift { value, .. } | Op::Pick { value, .. } => of(value),
        Op::Scale { value, by } => of(value).zip(weight(by)).map(|(e, w)| e * w),
        Op::WeightedSum { terms, .. } => terms
            .iter()
            .map(|(v, w)| of(v).zip(weight(w)).map(|(e, w)| e * w))
            .sum(),
        Op::Mul(a, b) => of(a)
            .zip(of(b))
            .map(|(x, y)| most(a) * y + most(b) * x + x * y),
        Op::Square(v) => of(v).map(|e| 2.0 * most(v) * e + e * e),
        Op::Sum { value, group } => of(value).map(|e| e * *group as f64),
        // Of two that are off, the greater is off by no more than the worse of them.
        Op::Max(a, b) | Op::Min(a, b) => Some(of(a)?.max(of(b)?)),
        // Nowhere steeper than a quarter.
        Op::Sigmoid(v) => of(v).map(|e| 0.25 * e),
        op => {
            let exact = op.operands().iter().all(|v| of(v) == Some(0.0));
            exact.then_some(0.0)
        }
    }
}
