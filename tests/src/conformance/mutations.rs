//! Many mutated ciphertexts, and evaluation keys: none ends the process, whatever it is taken for.
//!
//! Too long for every day, so an ignored test of each scheme, which
//!
//! ```text
//! cargo test --release --workspace --test conformance -- --ignored mutations --nocapture
//! ```
//!
//! runs and whose figures it prints. Mutation `i` follows from `i` alone:
//! `HEXPERIMENT_MUTATIONS=7000..7100` runs these alone, to find what ended a process, and
//! `HEXPERIMENT_MUTATIONS=0..200000` more. Where keys take long to prepare, of those that differ in bytes
//! alone, not in role, length or order, one in [`Profile::mutated_keys_tried`](super::Profile::mutated_keys_tried)
//! is tried; the others are counted as skipped.

use std::ops::Range;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::{Duration, Instant};

use hexperiment_program::{Interval, OutputId, Program};
use hexperiment_scheme::{Ciphertexts, KeyRole, SchemeError};
use rand::seq::IndexedRandom;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::Subject;
use super::cases::{self, Draw};
use super::key_bytes::{self, Keyed, Part};
use super::subject::Ready;

/// Mutations of each scheme's ciphertexts, and of its keys.
const MUTATIONS: u64 = 20_000;
/// Bytes at the start in which every field of a header lies.
const HEADER: usize = 64;
/// How often the run says how far it is.
const STEP: u64 = 2_000;

/// What a message is, as the one who gets it takes it.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Role {
    Input,
    Result,
}

/// Messages of the circuit under attack, and of others.
struct Messages {
    ready: Ready,
    own: Vec<(Role, Vec<u8>)>,
    /// Of other keys, other circuits and other rows.
    others: Vec<Vec<u8>>,
}

impl Messages {
    fn of(subject: &Subject) -> Self {
        let share = subject.profile.precision;
        let length = 3.min(subject.profile.max_length);
        let ready = subject.ready(cases::linear("mutations", length, share));
        let other = subject.ready(cases::identity(
            "another circuit",
            7.min(subject.profile.max_length),
            &[Interval::symmetric(3.0); 5],
            6.0 * share,
        ));
        let (input, result) = exchanged(&ready, 0);
        let mut others = vec![];
        for (ready, round) in [(&ready, 1), (&other, 0)] {
            let (input, result) = exchanged(ready, round);
            others.extend([input, result]);
        }
        // The same program under another key.
        let rekeyed = subject.ready(ready.program.clone());
        let (foreign_input, foreign_result) = exchanged(&rekeyed, 0);
        others.extend([foreign_input, foreign_result]);
        Self {
            ready,
            own: vec![(Role::Input, input), (Role::Result, result)],
            others,
        }
    }

    /// Mutation number `index`, and what it is taken for.
    fn mutated(&self, index: u64) -> (Role, Vec<u8>) {
        let mut random = ChaCha8Rng::seed_from_u64(index);
        let (role, original) = &self.own[random.random_range(0..self.own.len())];
        let mut bytes = original.clone();
        for _ in 0..[1, 1, 1, 2, 4][random.random_range(0..5)] {
            mutate(&mut bytes, &self.others, &mut random);
        }
        (*role, bytes)
    }
}

/// The bytes of an encrypted input and of its result.
fn exchanged(ready: &Ready, round: u64) -> (Vec<u8>, Vec<u8>) {
    let tables = cases::tables(&ready.program, Draw::Real, round);
    let run = || {
        let sealed = ready.encrypt(&tables)?;
        let results = ready.keys.evaluator.evaluate(&sealed)?;
        Ok((sealed[0].to_bytes()?, results[0].to_bytes()?))
    };
    run().unwrap_or_else(|e: SchemeError| panic!("{}: {e}", ready.program.name()))
}

/// A place in `bytes`, often in the header.
fn place(bytes: &[u8], random: &mut ChaCha8Rng) -> usize {
    let end = if random.random() {
        bytes.len().min(HEADER)
    } else {
        bytes.len()
    };
    random.random_range(0..end.max(1))
}

/// A range of `bytes` of at most `most`.
fn run_of(bytes: &[u8], most: usize, random: &mut ChaCha8Rng) -> Range<usize> {
    let from = place(bytes, random).min(bytes.len());
    let length = random.random_range(1..=most);
    from..bytes.len().min(from + length)
}

/// One change, of which some put in bytes of others.
pub fn mutate(bytes: &mut Vec<u8>, others: &[Vec<u8>], random: &mut ChaCha8Rng) {
    match random.random_range(0..9) {
        // Bits flipped.
        0 | 1 => {
            for _ in 0..random.random_range(1..=8) {
                let at = place(bytes, random);
                if let Some(byte) = bytes.get_mut(at) {
                    *byte ^= 1_u8 << random.random_range(0..8);
                }
            }
        }
        // A size, or another number, of a header.
        2 => {
            let at = place(bytes, random) / 4 * 4;
            let known = bytes
                .get(at..at + 4)
                .map(|word| u32::from_le_bytes([word[0], word[1], word[2], word[3]]));
            if let Some(known) = known {
                let words = [
                    0_u32,
                    1,
                    known.wrapping_add(1),
                    known.wrapping_sub(1),
                    known.swap_bytes(),
                    i32::MAX.cast_unsigned(),
                    u32::MAX,
                    random.random(),
                ];
                let word = words.choose(random).copied().unwrap_or(0);
                bytes[at..at + 4].copy_from_slice(&word.to_le_bytes());
            }
        }
        // A run overwritten.
        3 => {
            let run = run_of(bytes, 512, random);
            let with: [Option<u8>; 3] = [None, Some(0), Some(0xFF)];
            let with = with[random.random_range(0..3)];
            for byte in &mut bytes[run] {
                *byte = with.unwrap_or_else(|| random.random());
            }
        }
        // Truncated.
        4 => {
            let at = place(bytes, random);
            bytes.truncate(at);
        }
        // Extended, by noise or by itself.
        5 => {
            let more = if random.random() {
                let run = run_of(bytes, 4096, random);
                bytes[run].to_vec()
            } else {
                let count = random.random_range(1..=64);
                (0..count).map(|_| random.random()).collect()
            };
            bytes.extend(more);
        }
        // The header of another message, or its end, or another message.
        6 => {
            if let Some(other) = others.choose(random) {
                let count = random.random_range(1..=HEADER);
                let count = count.min(other.len()).min(bytes.len());
                bytes[..count].copy_from_slice(&other[..count]);
            }
        }
        7 => {
            if let Some(other) = others.choose(random) {
                let at = place(bytes, random);
                let end = other.get(at..).unwrap_or_default();
                bytes.truncate(at);
                bytes.extend(end);
            }
        }
        // A run moved: removed here, inserted there.
        _ => {
            let run = run_of(bytes, 256, random);
            let moved: Vec<u8> = bytes.drain(run).collect();
            let at = place(bytes, random).min(bytes.len());
            let copies = random.random_range(0..3);
            for _ in 0..copies {
                drop(bytes.splice(at..at, moved.iter().copied()));
            }
        }
    }
}

/// What became of a mutation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fate {
    /// Refused when the bytes were read; of keys, by the server that was to prepare.
    Unread,
    /// Refused by the evaluator.
    Unevaluated,
    /// Refused by the decryptor.
    Undecrypted,
    /// Taken for what it is not: a table came of it, of other numbers.
    Accepted,
    /// Not tried.
    Skipped,
}

/// Reads a message, and does with it what the one who gets it does.
fn receive(ready: &Ready, role: Role, bytes: &[u8]) -> Fate {
    let Ok(held) = ready.circuit.load(bytes) else {
        return Fate::Unread;
    };
    let results: Vec<Ciphertexts> = match role {
        Role::Result => vec![held],
        Role::Input => match ready.keys.evaluator.evaluate(&[held]) {
            Ok(results) => results,
            Err(_) => return Fate::Unevaluated,
        },
    };
    let output = OutputId::from_index(0);
    match ready.keys.decryptor.decrypt(output, &results[0]) {
        Ok(table) => {
            let expect = (ready.program.inputs()[0].length, 1);
            assert_eq!(table.dim(), expect, "a table of another shape");
            Fate::Accepted
        }
        Err(_) => Fate::Undecrypted,
    }
}

/// The mutations to run: so many, or those that the environment names.
///
/// # Panics
///
/// The environment names none.
pub fn wanted(count: u64) -> Range<u64> {
    let Ok(text) = std::env::var("HEXPERIMENT_MUTATIONS") else {
        return 0..count;
    };
    let ends = text.split_once("..").and_then(|(from, to)| {
        let (from, to) = (from.trim().parse().ok()?, to.trim().parse().ok()?);
        (from < to).then_some(from..to)
    });
    ends.unwrap_or_else(|| {
        panic!("HEXPERIMENT_MUTATIONS: found `{text}`, expected as `7000..7100`")
    })
}

/// Lets `follow` take each mutation by its number, and yields how many had each fate. None may
/// panic.
fn attack(name: &str, what: &str, follow: impl Fn(u64) -> Fate) -> [u64; 5] {
    let range = wanted(MUTATIONS);
    let (began, mut slowest) = (Instant::now(), (Duration::ZERO, 0));
    let (mut fates, mut panicked) = ([0_u64; 5], vec![]);
    for index in range.clone() {
        if index % STEP == 0 {
            println!("{name}: from mutation {index} of {what} on");
        }
        let start = Instant::now();
        let fate = catch_unwind(AssertUnwindSafe(|| follow(index)));
        slowest = slowest.max((start.elapsed(), index));
        match fate {
            Ok(fate) => fates[fate as usize] += 1,
            Err(_) => panicked.push(index),
        }
    }
    let [unread, unevaluated, undecrypted, accepted, skipped] = fates;
    println!(
        "{name}: {} mutations of {what}, {skipped} of them skipped, in {:.0} s (the slowest, number {}, {:.1} ms): {} crashed; {} refused: \
         {unread} when read, {unevaluated} by the evaluator, {undecrypted} by the decryptor; {accepted} accepted",
        range.end - range.start,
        began.elapsed().as_secs_f64(),
        slowest.1,
        slowest.0.as_secs_f64() * 1e3,
        panicked.len(),
        unread + unevaluated + undecrypted,
    );
    assert!(
        panicked.is_empty(),
        "{name}: mutations {panicked:?} panicked"
    );
    fates
}

/// Mutated ciphertexts are refused or yield other numbers; none panics, faults or makes anything
/// allocate what did not arrive.
pub fn mutations_never_panic(subject: &Subject) {
    let messages = Messages::of(subject);
    let name = subject.scheme.manifest().name;
    let [unread, ..] = attack(name, "ciphertexts", |index| {
        let (role, bytes) = messages.mutated(index);
        receive(&messages.ready, role, &bytes)
    });
    // The mutations bite: not all pass, and whole messages do.
    for (role, bytes) in &messages.own {
        let fate = receive(&messages.ready, *role, bytes);
        assert!(
            fate == Fate::Accepted,
            "{name}: an unchanged message was refused"
        );
    }
    assert!(unread > 0, "{name}: every mutation was read");
}

/// Keys of one circuit, and the bytes of others' parts.
struct Keys {
    own: Keyed,
    others: Vec<Vec<u8>>,
}

impl Keys {
    /// Mutation number `index`.
    fn mutated(&self, index: u64) -> Vec<Part> {
        let mut parts = self.own.parts.clone();
        mutate_keys(&mut parts, &self.others, index);
        parts
    }
}

/// Mutation number `index` of evaluation keys: of their bytes, or of the parts, their roles and order. Some
/// put in bytes of others.
pub fn mutate_keys(parts: &mut Vec<Part>, others: &[Vec<u8>], index: u64) {
    let mut random = ChaCha8Rng::seed_from_u64(index);
    for _ in 0..[1, 1, 1, 2, 4][random.random_range(0..5)] {
        let at = random.random_range(0..parts.len().max(1));
        let to = random.random_range(0..parts.len().max(1));
        let role = KeyRole::ALL[random.random_range(0..KeyRole::ALL.len())];
        match random.random_range(0..12) {
            _ if parts.is_empty() => parts.push((role, vec![0; random.random_range(0..99)])),
            0 => drop(parts.remove(at)),
            1 => parts.swap(at, to),
            2 => parts.insert(to, (role, parts[at].1.clone())),
            3 => parts[at].0 = role,
            _ => mutate(&mut parts[at].1, others, &mut random),
        }
    }
}

/// Mutated evaluation keys are refused or yield other results; none panics, faults or makes
/// anything allocate what did not arrive.
pub fn key_mutations_never_panic(subject: &Subject) {
    let mut programs = key_bytes::programs(subject, "mutated keys");
    // Those without keys show nothing, where others have some.
    let with_keys =
        |program: &Program| !Keyed::new(subject.ready(program.clone())).parts.is_empty();
    if programs.iter().any(with_keys) {
        programs.retain(with_keys);
    }
    let keyed = |program: &Program| Keyed::new(subject.ready(program.clone()));
    // Of other circuits, and of other keys of each.
    let others = programs.iter().flat_map(|program| keyed(program).parts);
    let others: Vec<Vec<u8>> = others.map(|(_, bytes)| bytes).collect();
    let keys: Vec<Keys> = programs
        .iter()
        .map(|program| Keys {
            own: keyed(program),
            others: others.clone(),
        })
        .collect();
    let name = subject.scheme.manifest().name;
    let [unread, ..] = attack(name, "evaluation keys", |index| {
        let keys = &keys[index as usize % keys.len()];
        let parts = keys.mutated(index);
        let tried = index % subject.profile.mutated_keys_tried == 0;
        if !tried && keys.own.have_the_form(&parts) {
            return Fate::Skipped;
        }
        keys.own.follow(parts)
    });
    for keys in &keys {
        let fate = keys.own.follow(keys.own.parts.clone());
        assert!(
            fate == Fate::Accepted,
            "{name}: unchanged keys were refused"
        );
    }
    assert!(unread > 0, "{name}: every mutation was read");
}
