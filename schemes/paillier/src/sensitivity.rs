//! How much an error of each value matters at the outputs.

use hexperiment_program::{Op, Program, Public, ValueId};

use crate::fixed_point::exact_bits;

/// Backward error analysis of a linear program.
///
/// [`Sensitivity::of`] bounds what an error of 1 in every element of a value adds to the
/// outputs, each output in units of its wanted precision. Contributions to several outputs are
/// added up, which errs on the safe side.
pub(crate) struct Sensitivity {
    by_value: Vec<f64>,
    /// The share of the outputs' precision that each rounded quantity may use up.
    share: f64,
}

impl Sensitivity {
    /// Of a program; every rounding together stays below `2^-guard_bits` of the precision that
    /// each output wants.
    pub(crate) fn analyse(program: &Program, guard_bits: u32) -> Self {
        let mut by_value = vec![0.0; program.values().len()];
        for output in program.outputs() {
            for value in &output.values {
                by_value[value.index()] += 1.0 / output.precision;
            }
        }
        // One more than there are, for products of two roundings.
        let mut roundings = 1_usize;
        for (id, value) in program.iter().collect::<Vec<_>>().into_iter().rev() {
            let here = by_value[id.index()];
            for (operand, gain) in gains(value.op()) {
                by_value[operand.index()] += here * gain;
            }
            roundings += rounded(value.op());
        }
        Self {
            by_value,
            share: (-f64::from(guard_bits)).exp2() / roundings as f64,
        }
    }

    /// The sensitivity to a value.
    pub(crate) fn of(&self, value: ValueId) -> f64 {
        self.by_value[value.index()]
    }

    /// The error that one rounding may make where each unit of it weighs `sensitivity`.
    pub(crate) fn error(&self, sensitivity: f64) -> f64 {
        self.share / sensitivity
    }
}

/// The operands of a linear operation with what it multiplies their errors by, at most.
fn gains(op: &Op) -> Vec<(ValueId, f64)> {
    let largest = |p: &Public| p.values().iter().fold(0.0_f64, |m, x| m.max(x.abs()));
    match op {
        Op::Scale { value, by } => vec![(*value, largest(by))],
        Op::WeightedSum { terms, .. } => terms.iter().map(|(v, w)| (*v, largest(w))).collect(),
        Op::Sum { value, group } => vec![(*value, *group as f64)],
        op => op.operands().into_iter().map(|v| (v, 1.0)).collect(),
    }
}

/// How many rounded quantities an operation brings into each element of its result.
fn rounded(op: &Op) -> usize {
    let one = |p: &Public| usize::from(p.values().iter().any(|x| exact_bits(*x) > 0));
    match op {
        Op::Input { .. } => 1,
        Op::Constant(by) | Op::Offset { by, .. } | Op::Scale { by, .. } => one(by),
        Op::WeightedSum { terms, bias } => {
            one(bias) + terms.iter().map(|(_, w)| one(w)).sum::<usize>()
        }
        _ => 0,
    }
}
