//! The functions of circuits, keys and ciphertexts.

use std::panic::{AssertUnwindSafe, catch_unwind};

use hexperiment_program::{InputId, OutputId};
use hexperiment_scheme::{EvaluationKeys, KeyPart, KeyRole, SchemeError};
use ndarray::{Array2, ArrayView2};

use super::answer::answer;
use super::handle::{behind, borrow, hand_over, into_handle};
use super::{broken, to_json};
use crate::abi;

/// The host's elements.
///
/// # Safety
///
/// `data` is null or valid for reads of `length` elements during `'a`.
unsafe fn elements<'a, T>(
    data: *const T,
    length: usize,
    what: &str,
) -> Result<&'a [T], SchemeError> {
    if length == 0 {
        return Ok(&[]);
    }
    if data.is_null() || length > isize::MAX as usize / size_of::<T>().max(1) {
        return Err(broken(what, "null, or longer than any memory"));
    }
    // SAFETY: it is not null; the caller vouches for the rest.
    Ok(unsafe { std::slice::from_raw_parts(data, length) })
}

/// The host's table.
///
/// # Safety
///
/// Its `data` is null or valid for reads of rows x columns doubles during `'a`.
unsafe fn view<'a>(table: &abi::Table) -> Result<ArrayView2<'a, f64>, SchemeError> {
    let shape = (table.rows, table.columns);
    let length = table.rows.checked_mul(table.columns);
    let length = length.ok_or_else(|| broken("table", "more elements than can be counted"))?;
    // SAFETY: the caller vouches for it.
    let data = unsafe { elements(table.data, length, "table") }?;
    ArrayView2::from_shape(shape, data).map_err(|e| broken("table", e))
}

/// Fills the host's table.
///
/// # Safety
///
/// Its `data` is null or valid for writes of rows x columns doubles.
unsafe fn fill(place: &abi::TableOut, table: &Array2<f64>) -> Result<(), SchemeError> {
    let expected = (place.rows, place.columns);
    if table.dim() != expected {
        let found = table.dim();
        return Err(broken(
            "table",
            format_args!("the scheme yields {found:?}, expected {expected:?}"),
        ));
    }
    if place.data.is_null() && !table.is_empty() {
        return Err(broken("table", "null"));
    }
    // An iteration is row by row, whatever the layout.
    for (i, x) in table.iter().enumerate() {
        // SAFETY: `i` is less than rows x columns; the caller vouches for so many.
        unsafe { place.data.add(i).write(*x) };
    }
    Ok(())
}

pub(super) unsafe extern "C" fn parameters(
    circuit: *const abi::Circuit,
    reply: *const abi::Reply,
) -> abi::Status {
    // SAFETY: the host passes a circuit and a reply that outlive the call.
    unsafe {
        answer(reply, |reply| {
            let parameters = behind(circuit, "circuit")?.parameters();
            reply.write(&to_json("parameters", parameters)?);
            Ok(())
        })
    }
}

pub(super) unsafe extern "C" fn simulate(
    circuit: *const abi::Circuit,
    inputs: *const abi::Table,
    input_count: usize,
    outputs: *const abi::TableOut,
    output_count: usize,
    reply: *const abi::Reply,
) -> abi::Status {
    // SAFETY: the host passes a circuit, so many tables and places of the sizes they state, and a
    // reply, all of which outlive the call.
    unsafe {
        answer(reply, |_| {
            let circuit = behind(circuit, "circuit")?;
            let tables = elements(inputs, input_count, "inputs")?
                .iter()
                .map(|table| Ok(view(table)?.to_owned()))
                .collect::<Result<Vec<_>, SchemeError>>()?;
            let places = elements(outputs, output_count, "outputs")?;
            let results = circuit.simulate(&tables)?;
            same_count(results.len(), places.len())?;
            places
                .iter()
                .zip(&results)
                .try_for_each(|(place, table)| fill(place, table))
        })
    }
}

fn same_count(found: usize, expected: usize) -> Result<(), SchemeError> {
    if found == expected {
        return Ok(());
    }
    let problem = format!("the scheme yields {found}, expected {expected}");
    Err(broken("outputs", problem))
}

pub(super) unsafe extern "C" fn generate_keys(
    circuit: *const abi::Circuit,
    keys: *mut abi::Keys,
    reply: *const abi::Reply,
) -> abi::Status {
    // SAFETY: the host passes a circuit, a place for the keys and a reply that outlive the call.
    unsafe {
        answer(reply, |reply| {
            let circuit = behind(circuit, "circuit")?;
            if keys.is_null() {
                return Err(broken("keys", "null"));
            }
            let made = circuit.generate_keys()?;
            for part in made.evaluation.read_for(circuit.digest())?.rest() {
                reply.write_key(&part);
            }
            keys.write(abi::Keys {
                encryptor: into_handle(made.encryptor),
                decryptor: into_handle(made.decryptor),
            });
            Ok(())
        })
    }
}

pub(super) unsafe extern "C" fn prepare(
    circuit: *const abi::Circuit,
    parts: *const abi::KeyPart,
    count: usize,
    evaluator: *mut *mut abi::Evaluator,
    reply: *const abi::Reply,
) -> abi::Status {
    // SAFETY: the host passes a circuit, so many parts of as many bytes as they state, a place for
    // the handle and a reply that outlive the call.
    unsafe {
        answer(reply, |_| {
            let circuit = behind(circuit, "circuit")?;
            let part = |part: &abi::KeyPart| {
                let role = KeyRole::ALL.get(part.role as usize).ok_or_else(|| {
                    let problem = format!("a part of the unknown role {}", part.role);
                    SchemeError::ForeignKeys(problem)
                })?;
                let bytes = elements(part.bytes, part.length, "key")?;
                Ok(KeyPart::new(*role, bytes.to_vec()))
            };
            let parts = elements(parts, count, "parts")?.iter().map(part);
            let parts = parts.collect::<Result<Vec<_>, SchemeError>>()?;
            let keys = EvaluationKeys::new(circuit.digest(), parts);
            hand_over(circuit.prepare(keys)?, evaluator)
        })
    }
}

pub(super) unsafe extern "C" fn encrypt(
    encryptor: *const abi::Encryptor,
    input: usize,
    table: *const abi::Table,
    ciphertexts: *mut *mut abi::Ciphertexts,
    reply: *const abi::Reply,
) -> abi::Status {
    // SAFETY: the host passes a key, a table of the size it states, a place for the handle and a
    // reply that outlive the call.
    unsafe {
        answer(reply, |_| {
            let encryptor = behind(encryptor, "encryptor")?;
            let table = view(borrow(table, "table")?)?;
            let made = encryptor.encrypt(InputId::from_index(input), table)?;
            hand_over(made, ciphertexts)
        })
    }
}

pub(super) unsafe extern "C" fn evaluate(
    evaluator: *const abi::Evaluator,
    inputs: *const *const abi::Ciphertexts,
    input_count: usize,
    outputs: *mut *mut abi::Ciphertexts,
    output_count: usize,
    reply: *const abi::Reply,
) -> abi::Status {
    // SAFETY: the host passes a key, so many ciphertexts, so many places for handles and a reply
    // that outlive the call.
    unsafe {
        answer(reply, |_| {
            let evaluator = behind(evaluator, "evaluator")?;
            let inputs = elements(inputs, input_count, "inputs")?
                .iter()
                .map(|c| behind(*c, "ciphertexts").cloned())
                .collect::<Result<Vec<_>, _>>()?;
            if outputs.is_null() {
                return Err(broken("outputs", "null"));
            }
            let results = evaluator.evaluate(&inputs)?;
            same_count(results.len(), output_count)?;
            for (i, result) in results.into_iter().enumerate() {
                // SAFETY: `i` is less than `output_count`, so many places there are.
                outputs.add(i).write(into_handle(result));
            }
            Ok(())
        })
    }
}

pub(super) unsafe extern "C" fn decrypt(
    decryptor: *const abi::Decryptor,
    output: usize,
    ciphertexts: *const abi::Ciphertexts,
    table: *const abi::TableOut,
    reply: *const abi::Reply,
) -> abi::Status {
    // SAFETY: the host passes a key, ciphertexts, a table to fill of the size it states and a
    // reply that outlive the call.
    unsafe {
        answer(reply, |_| {
            let decryptor = behind(decryptor, "decryptor")?;
            let ciphertexts = behind(ciphertexts, "ciphertexts")?;
            let place = borrow(table, "table")?;
            fill(
                place,
                &decryptor.decrypt(OutputId::from_index(output), ciphertexts)?,
            )
        })
    }
}

pub(super) unsafe extern "C" fn write(
    ciphertexts: *const abi::Ciphertexts,
    reply: *const abi::Reply,
) -> abi::Status {
    // SAFETY: the host passes ciphertexts and a reply that outlive the call.
    unsafe {
        answer(reply, |reply| {
            reply.write(&behind(ciphertexts, "ciphertexts")?.to_bytes()?);
            Ok(())
        })
    }
}

pub(super) unsafe extern "C" fn load(
    circuit: *const abi::Circuit,
    bytes: *const u8,
    length: usize,
    ciphertexts: *mut *mut abi::Ciphertexts,
    reply: *const abi::Reply,
) -> abi::Status {
    // SAFETY: the host passes a circuit, so many bytes, a place for the handle and a reply that
    // outlive the call.
    unsafe {
        answer(reply, |_| {
            let circuit = behind(circuit, "circuit")?;
            hand_over(
                circuit.load(elements(bytes, length, "bytes")?)?,
                ciphertexts,
            )
        })
    }
}

pub(super) unsafe extern "C" fn count(ciphertexts: *const abi::Ciphertexts) -> usize {
    // SAFETY: the host passes ciphertexts that outlive the call.
    let Ok(ciphertexts) = (unsafe { behind(ciphertexts, "ciphertexts") }) else {
        return 0;
    };
    // A panic must not leave; nobody can hear it here.
    catch_unwind(AssertUnwindSafe(|| ciphertexts.count())).unwrap_or(0)
}
