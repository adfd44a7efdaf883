//! Folding constants, and one way of writing each linear operation.

use super::super::{Op, Program, ProgramError, Public, ValueId, apply};
use super::emit::Emitter;

/// Folds what is public: operations on constants only become constants, operations with one
/// constant operand become `offset` and `scale`, weights of 0 are dropped, `mul` of a value with
/// itself becomes `square`.
pub(super) fn simplify(program: &Program) -> Result<Program, ProgramError> {
    let mut emitter = Emitter::like(program)?;
    let mut map: Vec<ValueId> = Vec::with_capacity(program.values().len());
    for (value, relies) in program.values().iter().zip(program.relies_on_statements()) {
        emitter.rely_on_statements(relies);
        let op = value.op().map_operands(|v| map[v.index()]);
        let op = fold(emitter.program(), op, value.length());
        let id = match op {
            Folded::Same(id) => id,
            Folded::Op(op) => emitter.emit_within(op, value.range())?,
            Folded::Negated(inner, offset) => {
                let negated = emitter.emit(Op::Neg(inner))?;
                emitter.emit_within(
                    Op::Offset {
                        value: negated,
                        by: offset,
                    },
                    value.range(),
                )?
            }
        };
        map.push(id);
    }
    emitter.finish(program, &map)
}

enum Folded {
    /// Nothing to compute.
    Same(ValueId),
    /// One operation.
    Op(Op),
    /// `offset - value`
    Negated(ValueId, Public),
}

fn constant(program: &Program, id: ValueId) -> Option<&Public> {
    match program.value(id).op() {
        Op::Constant(public) => Some(public),
        _ => None,
    }
}

fn fold(program: &Program, op: Op, length: usize) -> Folded {
    let constants: Vec<Option<&Public>> = op
        .operands()
        .into_iter()
        .map(|v| constant(program, v))
        .collect();
    if !constants.is_empty() && constants.iter().all(Option::is_some) {
        let operands: Vec<Vec<f64>> = op
            .operands()
            .into_iter()
            .zip(&constants)
            .filter_map(|(v, c)| {
                let n = program.value(v).length();
                c.map(|c| (0..n).map(|i| c.at(i)).collect())
            })
            .collect();
        let operands: Vec<&[f64]> = operands.iter().map(Vec::as_slice).collect();
        return Folded::Op(Op::Constant(apply(&op, &operands, length).into()));
    }
    match op {
        Op::Add(a, b) if a == b => Folded::Op(Op::Scale {
            value: a,
            by: 2.0.into(),
        }),
        Op::Add(a, b) => match (constants[0], constants[1]) {
            (Some(c), None) => offset(b, c.clone()),
            (None, Some(c)) => offset(a, c.clone()),
            _ => Folded::Op(Op::Add(a, b)),
        },
        Op::Sub(a, b) if a == b => Folded::Op(Op::Constant(vec![0.0; length].into())),
        Op::Sub(a, b) => match (constants[0], constants[1]) {
            (Some(c), None) => Folded::Negated(b, c.clone()),
            (None, Some(c)) => offset(a, c.map(|x| -x)),
            _ => Folded::Op(Op::Sub(a, b)),
        },
        Op::Mul(a, b) if a == b => Folded::Op(Op::Square(a)),
        Op::Mul(a, b) => match (constants[0], constants[1]) {
            (Some(c), None) => scale(b, c.clone(), length),
            (None, Some(c)) => scale(a, c.clone(), length),
            _ => Folded::Op(Op::Mul(a, b)),
        },
        Op::Offset { value, by } => offset(value, by),
        Op::Scale { value, by } => scale(value, by, length),
        Op::WeightedSum { terms, bias } => weighted_sum(program, terms, bias, length),
        Op::Shift { value, by } if by.rem_euclid(length as i64) == 0 => Folded::Same(value),
        Op::Sum { value, group: 1 } | Op::Pick { value, stride: 1 } => Folded::Same(value),
        Op::And(mut bits) => {
            bits.sort_unstable();
            bits.dedup();
            match bits.as_slice() {
                [bit] => Folded::Same(*bit),
                _ => Folded::Op(Op::And(bits)),
            }
        }
        op => Folded::Op(op),
    }
}

fn offset(value: ValueId, by: Public) -> Folded {
    if by.is_zero() {
        Folded::Same(value)
    } else {
        Folded::Op(Op::Offset { value, by })
    }
}

fn scale(value: ValueId, by: Public, length: usize) -> Folded {
    if by.is_zero() {
        return Folded::Op(Op::Constant(vec![0.0; length].into()));
    }
    match by.as_scalar() {
        Some(1.0) => Folded::Same(value),
        Some(-1.0) => Folded::Op(Op::Neg(value)),
        _ => Folded::Op(Op::Scale { value, by }),
    }
}

fn weighted_sum(
    program: &Program,
    terms: Vec<(ValueId, Public)>,
    mut bias: Public,
    length: usize,
) -> Folded {
    let mut kept = Vec::with_capacity(terms.len());
    for (value, weight) in terms {
        match constant(program, value) {
            Some(c) => {
                let product = c.zip(&weight, |c, w| c * w);
                bias = bias.zip(&product, |b, p| b + p);
            }
            None if weight.is_zero() => {}
            None => kept.push((value, weight)),
        }
    }
    if kept.is_empty() {
        return Folded::Op(Op::Constant(
            (0..length).map(|i| bias.at(i)).collect::<Vec<_>>().into(),
        ));
    }
    Folded::Op(Op::WeightedSum { terms: kept, bias })
}
