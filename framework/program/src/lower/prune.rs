//! Dropping what no output needs.

use super::super::{Op, Program, ProgramError, ValueId};
use super::emit::Emitter;

/// The program without values that no output depends on. Inputs stay declared, columns that
/// nothing reads are no longer read.
pub(super) fn prune(program: &Program) -> Result<Program, ProgramError> {
    let needed = needed(program);
    let mut emitter = Emitter::like(program)?;
    // The place of a dropped value is never read.
    let mut map = vec![ValueId::from_index(0); program.values().len()];
    let relies = program.relies_on_statements();
    for (id, value) in program.iter() {
        if needed[id.index()] {
            emitter.rely_on_statements(relies[id.index()]);
            let op: Op = value.op().map_operands(|v| map[v.index()]);
            map[id.index()] = emitter.emit_within(op, value.range())?;
        }
    }
    emitter.finish(program, &map)
}

/// Whether an output depends on each value.
pub(super) fn needed(program: &Program) -> Vec<bool> {
    program.needed_for(&program.output_ids())
}
