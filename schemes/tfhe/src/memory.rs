//! What a circuit needs of memory, before any of it is taken.

use crate::parameters::{N, ParameterSet, SIZE};
use crate::plan::{Plan, PlannedKind};

/// Bytes of a word.
const WORD: u64 = 8;
/// Scratch space and the stack of one thread: accumulators and transforms of the blind rotations that go together.
const THREAD: u64 = 4 << 20;

/// Bytes for keys, and the ciphertexts of one evaluation.
pub(crate) fn bytes(plan: &Plan, threads: usize) -> u64 {
    let keys = if plan.bootstraps() > 0 {
        keys(plan.set)
    } else {
        0
    };
    let threads = THREAD.saturating_mul(threads.max(1) as u64);
    let ciphertexts = ciphertexts(plan).saturating_mul(WORD);
    keys.saturating_add(ciphertexts).saturating_add(threads)
}

/// The bootstrapping key in full and transformed, beside the bytes of both seeded keys and the words
/// of one: while the server prepares it. The key-switching key is expanded when the full one is gone.
fn keys(set: &ParameterSet) -> u64 {
    let p = &set.parameters;
    let glwe = p.glwe_dimension.to_glwe_size().0 as u64;
    let rows = p.lwe_dimension.0 as u64 * p.pbs_level.0 as u64 * glwe;
    let seeded = rows * N as u64;
    let switching = N as u64 * p.ks_level.0 as u64;
    let full = seeded * glwe;
    let first = 2 * seeded + switching + 2 * full;
    let second = full + switching * (3 + p.lwe_dimension.0 as u64);
    WORD * first.max(second)
}

/// Words of ciphertexts held at one time: every form, from the start; a source at a time, beside what
/// is read from one rotation for later, twice while it is collected; the outputs as bytes, and
/// read again.
fn ciphertexts(plan: &Plan) -> u64 {
    let words = |length: usize| plan.packing.words(length) as u64;
    let forms: u64 = plan.forms().map(|form| words(form.length)).sum();
    let inputs = plan
        .sources
        .iter()
        .filter(|s| matches!(s.kind, PlannedKind::Column { .. }));
    let outputs = (0..plan.outputs.len()).flat_map(|output| plan.parts(output));
    let outputs: u64 = outputs.map(|part| words(part.form.length)).sum();
    let longest = plan.forms().map(|form| form.length).max().unwrap_or(0);
    // Results read from the rotation of another one.
    let results = plan.sources.iter();
    let results = results.filter(|s| matches!(s.kind, PlannedKind::Result { .. }));
    let later = results.count().saturating_sub(plan.functions.len()) as u64;
    // Fresh ciphertexts are one word each, at the client, on the way and at the server.
    let fresh = (3 * inputs.count() * longest).next_multiple_of(SIZE) as u64;
    forms + 2 * (1 + later) * words(longest) + 2 * outputs + fresh
}
