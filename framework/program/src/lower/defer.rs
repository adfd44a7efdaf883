//! Leaving the last functions of one value to the client.
//!
//! A scheme without functions can still serve a program that ends in one: the server returns
//! the function's argument and the client, who would learn the result anyway, applies it after
//! decryption. The argument tells the client more than the result does, so it is said in
//! the report; the server learns nothing either way.

use super::super::{
    Column, Input, Op, OpKind, Output, Party, Program, ProgramBuilder, ProgramError, ValueId,
    ranges::is_unary,
};
use super::capabilities::Capabilities;
use super::carried::carried;

/// Cuts each output before the first operation of its tail that the scheme lacks. Yields the
/// server's program and, for each output, the client's.
///
/// What an output may be off by after a decision says nothing of the value decided on: such a value
/// keeps the precision that the inputs give it, as if it were the output itself.
pub(super) fn defer(
    program: &Program,
    capabilities: &Capabilities,
) -> Result<(Program, Vec<Option<Program>>), ProgramError> {
    let mut server = program.clone();
    let mut client = vec![None; program.outputs().len()];
    if !capabilities.client_finishes {
        return Ok((server, client));
    }
    for (index, output) in program.outputs().iter().enumerate() {
        let tails: Vec<Tail> = output
            .values
            .iter()
            .map(|v| tail(program, capabilities, *v))
            .collect();
        if tails.iter().all(|t| t.operations.is_empty()) {
            continue;
        }
        client[index] = Some(client_program(program, output, &tails)?);
        for (value, tail) in server.outputs[index].values.iter_mut().zip(&tails) {
            *value = tail.start;
        }
        let decided = tails
            .iter()
            .filter(|t| t.operations.iter().any(|o| jumps(program, *o)));
        let worth = decided.filter_map(|t| carried(program, t.start));
        let precision = &mut server.outputs[index].precision;
        *precision = worth.filter(|p| *p > 0.0).fold(*precision, f64::min);
    }
    Ok((server, client))
}

/// The operations from `start` (kept by the server) to an output.
struct Tail {
    start: ValueId,
    /// In the order of computation.
    operations: Vec<ValueId>,
}

fn tail(program: &Program, capabilities: &Capabilities, output: ValueId) -> Tail {
    let mut chain = Vec::new();
    let mut at = output;
    let mut cut = Tail {
        start: output,
        operations: vec![],
    };
    while is_unary(program.value(at).op().kind()) {
        chain.push(at);
        let kind = program.value(at).op().kind();
        at = program.value(at).op().operands()[0];
        if !obtainable(capabilities, kind) {
            cut = Tail {
                start: at,
                operations: chain.iter().rev().copied().collect(),
            };
        }
    }
    cut
}

/// Whether a small change of its operand may change an operation's result by 1.
fn jumps(program: &Program, operation: ValueId) -> bool {
    let kind = program.value(operation).op().kind();
    matches!(kind, OpKind::Step | OpKind::Sign | OpKind::Lookup)
}

/// Whether the scheme has the operation or a rewriting for it.
fn obtainable(capabilities: &Capabilities, kind: OpKind) -> bool {
    let linear = matches!(kind, OpKind::Neg | OpKind::Offset | OpKind::Scale);
    let by_polynomials = capabilities.approximation.is_some() && kind != OpKind::Lookup;
    let by_products = matches!(kind, OpKind::Square | OpKind::Polynomial)
        && capabilities.native.contains(&OpKind::Mul);
    linear || by_products || by_polynomials || capabilities.native.contains(&kind)
}

fn client_program(
    program: &Program,
    output: &Output,
    tails: &[Tail],
) -> Result<Program, ProgramError> {
    let mut builder = ProgramBuilder::new(format!("client's part of `{}`", output.name));
    let columns = tails.iter().enumerate().map(|(i, tail)| Column {
        name: format!("{} {i}", output.name),
        range: program.value(tail.start).range(),
    });
    let (_, mut values) = builder.input(Input {
        name: output.name.clone(),
        owner: Party::Server,
        length: program.value(tails[0].start).length(),
        columns: columns.collect(),
        precision: output.precision,
    })?;
    for (value, tail) in values.iter_mut().zip(tails) {
        for id in &tail.operations {
            let op: Op = program.value(*id).op().map_operands(|_| *value);
            *value = builder.push(op)?;
        }
    }
    builder.output(Output {
        name: output.name.clone(),
        values,
        precision: output.precision,
    })?;
    builder.finish()
}
