//! Emitting operations into a new program, equal ones only once.

use std::collections::HashMap;
use std::hash::{BuildHasher as _, RandomState};

use super::super::program::Evidence;
use super::super::{Interval, Op, Program, ProgramBuilder, ProgramError, ValueId};

/// A builder that shares common subexpressions.
pub(super) struct Emitter {
    builder: ProgramBuilder,
    hasher: RandomState,
    /// Values by the hash of their operation.
    seen: HashMap<u64, Vec<ValueId>>,
    /// What a range rests on that is known beforehand.
    evidence: Evidence,
}

impl Emitter {
    /// An empty program with the inputs of `like`.
    pub(super) fn like(like: &Program) -> Result<Self, ProgramError> {
        let mut builder = ProgramBuilder::new(like.name());
        for input in like.inputs() {
            builder.declare(input.clone())?;
        }
        Ok(Self {
            builder,
            hasher: RandomState::new(),
            seen: HashMap::new(),
            evidence: Evidence::Proven,
        })
    }

    /// Says of what is emitted next whether what is known of it beforehand relies on ranges that were
    /// stated ([`Program::relies_on_statements`]).
    pub(super) fn rely_on_statements(&mut self, relies: bool) {
        self.evidence = if relies {
            Evidence::Stated
        } else {
            Evidence::Proven
        };
    }

    /// The value of `op`: a new one, or the one that is there already.
    pub(super) fn emit(&mut self, op: Op) -> Result<ValueId, ProgramError> {
        self.emit_within(
            op,
            Interval {
                low: f64::NEG_INFINITY,
                high: f64::INFINITY,
            },
        )
    }

    /// As [`Emitter::emit`], for a result that is known to lie in `known`.
    pub(super) fn emit_within(&mut self, op: Op, known: Interval) -> Result<ValueId, ProgramError> {
        let alike = self.seen.entry(self.hasher.hash_one(&op)).or_default();
        let program = self.builder.so_far();
        if let Some(id) = alike.iter().find(|id| *program.value(**id).op() == op) {
            return Ok(*id);
        }
        let id = self.builder.push(op)?;
        self.builder.narrow_by(id, known, self.evidence);
        alike.push(id);
        Ok(id)
    }

    /// The program so far.
    pub(super) fn program(&self) -> &Program {
        self.builder.so_far()
    }

    /// Declares the outputs of `like`, each value mapped by `map`, and ends.
    pub(super) fn finish(
        mut self,
        like: &Program,
        map: &[ValueId],
    ) -> Result<Program, ProgramError> {
        for output in like.outputs() {
            let mut output = output.clone();
            for value in &mut output.values {
                *value = map[value.index()];
            }
            self.builder.output(output)?;
        }
        self.builder.finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Column, Input, Party, Public};

    /// Emits two operations on one column; whether they became one value.
    #[track_caller]
    fn check(first: impl Fn(ValueId) -> Op, second: impl Fn(ValueId) -> Op, shared: bool) {
        let mut builder = ProgramBuilder::new("one column");
        let column = Column {
            name: "x".into(),
            range: Interval {
                low: -1.0,
                high: 1.0,
            },
        };
        let (_, xs) = builder
            .input(Input {
                name: "table".into(),
                owner: Party::Client(0),
                length: 4,
                columns: vec![column],
                precision: 1e-6,
            })
            .unwrap();
        let mut emitter = Emitter::like(builder.so_far()).unwrap();
        let x = emitter
            .emit(builder.so_far().value(xs[0]).op().clone())
            .unwrap();
        let (a, b) = (first(x), second(x));
        let (a, b) = (emitter.emit(a).unwrap(), emitter.emit(b).unwrap());
        assert_eq!(a == b, shared);
    }

    #[test]
    fn equal_operations_are_one_value() {
        let scale = |by: Public| {
            move |value| Op::Scale {
                value,
                by: by.clone(),
            }
        };
        let offset = |by: Public| {
            move |value| Op::Offset {
                value,
                by: by.clone(),
            }
        };
        let vector = |last: f64| Public::from(vec![1.0, 2.0, 3.0, last]);
        check(scale(2.0.into()), scale(2.0.into()), true);
        check(scale(2.0.into()), scale(2.0f64.next_up().into()), false);
        check(scale(2.0.into()), offset(2.0.into()), false);
        check(scale(0.0.into()), scale((-0.0).into()), true);
        check(scale(vector(4.0)), scale(vector(4.0)), true);
        check(scale(vector(4.0)), scale(vector(5.0)), false);
        check(Op::Square, |x| Op::Mul(x, x), false);
        check(Op::Square, Op::Square, true);
    }
}
