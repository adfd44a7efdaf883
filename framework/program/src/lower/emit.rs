//! Emitting operations into a new program, equal ones only once.

use std::collections::HashMap;

use super::super::{Interval, Op, Program, ProgramBuilder, ProgramError, ValueId};

/// A builder that shares common subexpressions.
pub(super) struct Emitter {
    builder: ProgramBuilder,
    seen: HashMap<String, ValueId>,
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
            seen: HashMap::new(),
        })
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
        // Debug prints every field, floats in their shortest exact form.
        let key = format!("{op:?}");
        if let Some(id) = self.seen.get(&key) {
            return Ok(*id);
        }
        let id = self.builder.push_within(op, known)?;
        self.seen.insert(key, id);
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
