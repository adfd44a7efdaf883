//! What a circuit's steps take: its tokens counted, each at the time of one.

use std::sync::Arc;

use fernet::Fernet;
use hexperiment_program::Program;
use hexperiment_scheme::{
    Ciphertexts, Circuit, Costs, Operation, OperationTimes, Preparation, SchemeError, Work, step,
    timed_after_rest,
};
use ndarray::Array2;

use crate::circuit::FernetCircuit;
use crate::layout::{Held, TokenShape};
use crate::tokens::{AT_ONCE, Tokens};

/// The work of `time` for each of a table's tokens, which threads take by [`AT_ONCE`] and more.
fn each_token(
    operation: &'static str,
    shape: TokenShape,
    step: impl Fn(&Fernet, &str) -> Option<()> + Send + Sync + Copy,
    times: &mut dyn OperationTimes,
) -> Result<Work, SchemeError> {
    let parameters = format!("payload={}", shape.payload_bytes());
    let operation = Operation::new(operation, parameters);
    let prepare: &Preparation<'_, '_> = &|| {
        let text = Fernet::generate_key();
        let key = Fernet::new(&text)
            .ok_or_else(|| SchemeError::ForeignKeys("the library's own key".into()))?;
        let token = key.encrypt(&vec![0; shape.payload_bytes()]);
        Ok(step::again(move || {
            step(&key, &token).ok_or_else(|| SchemeError::Foreign("the library's own token".into()))
        }))
    };
    let time = times.time(operation.clone(), prepare)?;
    // The first of a phase finds nothing in a cache.
    let cold = times.cold(operation, prepare)?;
    let first = Work::serial(cold.saturating_sub(time.alone));
    let tokens = shape.tokens();
    let pieces = (tokens / AT_ONCE).max(1);
    if pieces == 1 {
        return Ok(first + Work::serial(time.alone.mul_f64(tokens as f64)));
    }
    Ok(first
        + Work {
            total: time.together.mul_f64(tokens as f64),
            serial: time.alone.mul_f64(tokens.div_ceil(pieces) as f64),
            ..Work::default()
        })
}

fn encrypt(shape: TokenShape, times: &mut dyn OperationTimes) -> Result<Work, SchemeError> {
    let payload = shape.payload_bytes();
    let step = move |key: &Fernet, _: &str| {
        drop(key.encrypt(&vec![0; payload]));
        Some(())
    };
    each_token("encrypt", shape, step, times)
}

fn decrypt(shape: TokenShape, times: &mut dyn OperationTimes) -> Result<Work, SchemeError> {
    let step = |key: &Fernet, token: &str| key.decrypt(token).ok().map(drop);
    each_token("decrypt", shape, step, times)
}

/// Writing a table's tokens, and reading them.
fn cross(
    circuit: &FernetCircuit,
    held: Held,
    shape: TokenShape,
    times: &mut dyn OperationTimes,
) -> Result<Work, SchemeError> {
    let bytes = Tokens::bytes(shape);
    let time = times.time(Operation::new("cross", format!("bytes={bytes}")), &|| {
        let tokens = Ciphertexts::new(Tokens::blank(held, shape));
        Ok(step::again(move || circuit.load(&tokens.to_bytes()?)))
    })?;
    Ok(Work::serial(time.alone))
}

/// The program in the clear, with numbers in the middle of their ranges.
fn interpret(circuit: &FernetCircuit) -> Result<Work, SchemeError> {
    let inputs = circuit.lowered.program().inputs().iter();
    let tables: Vec<_> = inputs
        .map(|input| {
            Array2::from_shape_fn((input.length, input.columns.len()), |(_, column)| {
                let range = input.columns[column].range;
                f64::midpoint(range.low, range.high)
            })
        })
        .collect();
    let (_, time) = timed_after_rest(|| circuit.simulate(&tables))?;
    Ok(Work::serial(time))
}

pub(crate) fn costs(
    circuit: &FernetCircuit,
    times: &mut dyn OperationTimes,
) -> Result<Option<Costs>, SchemeError> {
    let program: &Program = Arc::as_ref(&circuit.lowered).program();
    let shape = |held| TokenShape::of(program, held, circuit.per);
    let mut costs = Costs {
        evaluate: interpret(circuit)?,
        ..Costs::default()
    };
    for held in (0..program.inputs().len()).map(Held::Input) {
        let Some(shape) = shape(held) else {
            return Ok(None);
        };
        costs.encrypt.push(encrypt(shape, times)?);
        costs.upload.push(cross(circuit, held, shape, times)?);
        costs.evaluate = costs.evaluate + decrypt(shape, times)?;
    }
    for held in (0..program.outputs().len()).map(Held::Output) {
        let Some(shape) = shape(held) else {
            return Ok(None);
        };
        costs.evaluate = costs.evaluate + encrypt(shape, times)?;
        costs.download.push(cross(circuit, held, shape, times)?);
        costs.decrypt.push(decrypt(shape, times)?);
    }
    Ok(Some(costs))
}
