//! Bytes from a hostile or broken channel.

use hexperiment_program::{InputId, Interval, OutputId};
use hexperiment_scheme::{Ciphertexts, SchemeError};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::Subject;
use super::cases::{self, Draw};
use super::subject::Ready;

/// Bytes at the start in which every field of a header lies.
const HEADER: usize = 64;

struct Sent {
    ready: Ready,
    input: Vec<u8>,
    output: Vec<u8>,
}

/// A program, and the bytes of its encrypted input and of its result.
fn sent(subject: &Subject, name: &str) -> Sent {
    let length = 3.min(subject.profile.max_length);
    let ready = subject.ready(cases::linear(name, length, subject.profile.precision));
    let tables = cases::tables(&ready.program, Draw::Real, 0);
    let run = || {
        let sealed = ready.encrypt(&tables)?;
        let results = ready.keys.evaluator.evaluate(&sealed)?;
        Ok((sealed[0].to_bytes()?, results[0].to_bytes()?))
    };
    let (input, output) = run().unwrap_or_else(|e: SchemeError| panic!("{name}: {e}"));
    Sent {
        ready,
        input,
        output,
    }
}

/// What a circuit says will cross is what crosses, to the byte: keys, inputs and results. `plan` goes by it.
pub fn sizes_are_exact(subject: &Subject) {
    let sent = sent(subject, "sizes");
    let Some(sizes) = sent.ready.circuit.sizes() else {
        return;
    };
    assert_eq!(
        sizes.keys,
        sent.ready.keys.sizes.total(),
        "bytes of all keys"
    );
    // As they are sent: what arrived may be expanded.
    let tables = cases::tables(&sent.ready.program, Draw::Real, 0);
    let fresh = sent.ready.keys.encryptor;
    let fresh = fresh.encrypt(InputId::from_index(0), tables[0].view());
    let bytes = fresh.and_then(|sealed| sealed.to_bytes());
    let bytes = bytes.unwrap_or_else(|e| panic!("sizes: {e}"));
    assert_eq!(sizes.inputs, [bytes.len() as u64], "bytes of inputs");
    assert_eq!(
        sizes.outputs,
        [sent.output.len() as u64],
        "bytes of results"
    );
}

/// Bytes that are no ciphertexts, or not all of them, are an error.
pub fn garbage_is_refused(subject: &Subject) {
    let sent = sent(subject, "garbage");
    let refused = |what: &str, bytes: &[u8]| {
        let loaded = sent.ready.circuit.load(bytes);
        assert!(
            matches!(loaded, Err(SchemeError::Foreign(_))),
            "{what}: {loaded:?}"
        );
    };
    refused("nothing", &[]);
    let mut random = ChaCha8Rng::seed_from_u64(0xBAD);
    for length in [1, 8, 12, 48, 100, 5000] {
        let noise: Vec<u8> = (0..length).map(|_| random.random()).collect();
        refused("noise", &noise);
        refused("zeros", &vec![0; length]);
        refused("ones", &vec![0xFF; length]);
    }
    for bytes in [&sent.input, &sent.output] {
        let n = bytes.len();
        for cut in [
            1,
            4,
            7,
            8,
            15,
            16,
            31,
            47,
            48,
            63,
            64,
            n / 3,
            n / 2,
            n - 8,
            n - 1,
        ] {
            refused(&format!("{cut} of {n} bytes"), &bytes[..cut.min(n - 1)]);
        }
        refused("a byte too many", &[bytes, &[0][..]].concat());
        refused("twice", &[bytes.as_slice(), bytes].concat());
    }
}

/// Bytes that were changed are an error, or yield another value; they neither panic nor make
/// anything allocate what did not arrive.
pub fn tampering_never_panics(subject: &Subject) {
    let sent = sent(subject, "tampering");
    let mut random = ChaCha8Rng::seed_from_u64(0xF11B);
    let mut changed = vec![];
    for at in 0..HEADER.min(sent.input.len()) {
        changed.push((at, 1, 1_u8 << random.random_range(0..8)));
    }
    // Sizes that are absurd, in every place where one may be.
    for at in (0..HEADER).step_by(4) {
        changed.extend([(at, 4, 0xFF), (at, 2, 0x80), (at, 3, 0x7F), (at, 8, 0xFF)]);
    }
    for _ in 0..16 {
        changed.push((random.random_range(0..sent.input.len()), 1, 0x10));
    }
    for (at, count, mask) in changed {
        for original in [&sent.input, &sent.output] {
            let mut bytes = original.clone();
            let end = (at + count).min(bytes.len());
            bytes[at.min(end)..end].iter_mut().for_each(|b| *b ^= mask);
            let Ok(loaded) = sent.ready.circuit.load(&bytes) else {
                continue;
            };
            if std::ptr::eq(original, &raw const sent.input) {
                follow(&sent.ready, &loaded);
            } else {
                check_result(&sent.ready, &loaded);
            }
        }
    }
}

/// What passed for an input is evaluated: to an error or to a result.
fn follow(ready: &Ready, input: &Ciphertexts) {
    if let Ok(results) = ready.keys.evaluator.evaluate(std::slice::from_ref(input)) {
        check_result(ready, &results[0]);
    }
}

/// What passed for a result is decrypted: to an error or to a table of the right shape.
fn check_result(ready: &Ready, result: &Ciphertexts) {
    let output = OutputId::from_index(0);
    if let Ok(table) = ready.keys.decryptor.decrypt(output, result) {
        assert_eq!(table.dim(), (ready.program.inputs()[0].length, 1));
    }
}

/// Ciphertexts of a circuit of another shape are an error, when they are read or when they are
/// used.
pub fn other_circuits_are_refused(subject: &Subject) {
    let sent = sent(subject, "this circuit");
    let ranges = [Interval::symmetric(3.0); 5];
    let precision = 6.0 * subject.profile.precision;
    let length = 7.min(subject.profile.max_length);
    let other = subject.ready(cases::identity(
        "another circuit",
        length,
        &ranges,
        precision,
    ));
    let tables = cases::tables(&other.program, Draw::Real, 0);
    let foreign = other.encrypt(&tables).unwrap_or_else(|e| panic!("{e}"));
    let results = other.keys.evaluator.evaluate(&foreign);
    let results = results.unwrap_or_else(|e| panic!("{e}"));
    for ciphertexts in foreign.iter().chain(&results) {
        let used = sent.ready.cross(ciphertexts);
        let used = used.and_then(|c| sent.ready.keys.evaluator.evaluate(&[c]));
        assert!(used.is_err(), "evaluated");
        let used = sent.ready.cross(ciphertexts);
        let output = OutputId::from_index(0);
        let used = used.and_then(|c| sent.ready.keys.decryptor.decrypt(output, &c));
        assert!(used.is_err(), "decrypted");
    }
}
