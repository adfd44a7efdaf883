//! Counting multiplicative levels.

use super::super::{Op, Program};
use super::capabilities::LevelModel;

/// Levels consumed on the way to each value.
pub(super) fn assign(program: &Program, model: LevelModel) -> Vec<u32> {
    let mut levels: Vec<u32> = Vec::with_capacity(program.values().len());
    for value in program.values() {
        let operands = value.op().operands();
        let before = operands
            .iter()
            .map(|v| levels[v.index()])
            .max()
            .unwrap_or(0);
        levels.push(match model {
            LevelModel::None => 0,
            LevelModel::Multiplicative => before + cost(value.op()),
        });
    }
    levels
}

/// Levels that one operation takes under [`LevelModel::Multiplicative`].
///
/// A factor that is one whole number for all elements needs no scale of its own, so no rescale.
fn cost(op: &Op) -> u32 {
    let whole = |p: &super::super::Public| p.as_scalar().is_some() && p.is_integral();
    match op {
        Op::Mul(..) | Op::Square(_) | Op::Select { .. } => 1,
        Op::Scale { by, .. } => u32::from(!whole(by)),
        Op::WeightedSum { terms, .. } => u32::from(!terms.iter().all(|(_, w)| whole(w))),
        Op::Polynomial { polynomial, .. } => (polynomial.degree() + 1).next_power_of_two().ilog2(),
        Op::And(bits) => bits.len().next_power_of_two().ilog2(),
        _ => 0,
    }
}
