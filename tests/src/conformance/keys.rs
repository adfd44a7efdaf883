//! Who can do what: key separation, randomised encryption, keys shared by threads.
//!
//! That an evaluator cannot be made to decrypt is a matter of types. Evaluating compiles:
//!
//! ```
//! use hexperiment_scheme::{Ciphertexts, Evaluator, SchemeError};
//!
//! fn server(role: &dyn Evaluator, held: &[Ciphertexts]) -> Result<Vec<Ciphertexts>, SchemeError> {
//!     role.evaluate(held)
//! }
//! ```
//!
//! and decrypting does not:
//!
//! ```compile_fail
//! use hexperiment_program::OutputId;
//! use hexperiment_scheme::{Ciphertexts, Evaluator};
//!
//! fn server(role: &dyn Evaluator, held: &[Ciphertexts]) {
//!     let _ = role.decrypt(OutputId::from_index(0), &held[0]);
//! }
//! ```
//!
//! nor can an evaluator be taken for a decryptor:
//!
//! ```compile_fail
//! use hexperiment_scheme::{Decryptor, Evaluator};
//!
//! fn server(role: Box<dyn Evaluator>) -> Box<dyn Decryptor> {
//!     role
//! }
//! ```

use hexperiment_program::{InputId, OutputId};
use std::collections::HashSet;

use hexperiment_scheme::security::Encryption;
use hexperiment_scheme::zeroize::Zeroizing;
use hexperiment_scheme::{
    CircuitDigest, EvaluationKeys, KeyPart, KeyRole, KeySet, Parties, SchemeError, SecretKey,
};
use ndarray::Array2;

use super::Subject;
use super::cases::{self, Draw};
use super::subject::Ready;

fn ready(subject: &Subject, name: &str) -> (Ready, Vec<Array2<f64>>) {
    let length = subject.short();
    let ready = subject.ready(cases::linear(name, length, subject.profile.precision));
    let tables = cases::tables(&ready.program, Draw::Real, 0);
    (ready, tables)
}

fn difference(a: &Array2<f64>, b: &Array2<f64>) -> f64 {
    let differences = a.iter().zip(b).map(|(x, y)| (x - y).abs());
    differences.fold(
        0.0,
        |m: f64, d| if d.is_nan() { f64::INFINITY } else { m.max(d) },
    )
}

/// A server in another place has the bytes of the keys and nothing else: a circuit that has made no
/// keys evaluates by them, table after table, whatever the numbers. So neither a key nor work that was
/// done with the keys gets there another way, and what the bytes of the keys come to is what is sent.
pub fn servers_know_key_bytes_only(subject: &Subject) {
    let (client, _) = ready(subject, "a server elsewhere");
    let (_, elsewhere) = subject
        .compile(&client.program, subject.demand(128))
        .unwrap_or_else(|e| panic!("{e}"));
    let keys = client.circuit.generate_keys();
    let keys = keys.unwrap_or_else(|e| panic!("keys: {e}"));
    let server = elsewhere.prepare(keys.evaluation.cross());
    let server = server.unwrap_or_else(|e| panic!("a server that has the keys' bytes only: {e}"));
    let (input, output) = (InputId::from_index(0), OutputId::from_index(0));
    for round in 0..3 {
        let tables = cases::tables(&client.program, Draw::Real, round);
        let run = || {
            let sealed = keys.encryptor.encrypt(input, tables[0].view())?;
            let held = elsewhere.load(&sealed.to_bytes()?)?;
            let results = server.evaluate(&[held])?;
            assert_eq!(
                results.len(),
                1,
                "a server that has the keys' bytes only: results"
            );
            let result = client.circuit.load(&results[0].to_bytes()?)?;
            keys.decryptor.decrypt(output, &result)
        };
        let got = run().unwrap_or_else(|e| panic!("a server that has the keys' bytes only: {e}"));
        client.compare(&tables, &[got], 0.0);
    }
}

/// A key that its owner kept is the key: another process, which has its bytes alone, decrypts what was
/// encrypted before, and encrypts what is decrypted then. Where others encrypt, theirs is the role of the
/// public parts alone. What was kept is nowhere in what the server gets, and a key of another circuit, or
/// half of one, is refused. A scheme that keeps no keys says so.
pub fn kept_keys_are_the_keys(subject: &Subject) {
    let (client, tables) = ready(subject, "kept keys");
    let keys = client.circuit.generate_keys();
    let KeySet {
        encryptor,
        decryptor,
        evaluation,
    } = keys.unwrap_or_else(|e| panic!("keys: {e}"));
    let kept = match decryptor.secret_key() {
        Ok(kept) => kept,
        Err(SchemeError::Refused(refusal)) => {
            assert!(!refusal.to_string().is_empty());
            return;
        }
        Err(e) => panic!("a key to keep: {e}"),
    };
    is_not_sent(kept.expose(), &evaluation);
    let public = |part: &&KeyPart| part.role() == KeyRole::Public;
    let public: Vec<_> = evaluation.parts().iter().filter(public).collect();
    let public = public
        .iter()
        .map(|part| KeyPart::new(part.role(), part.bytes().to_vec()));
    let public = EvaluationKeys::new(evaluation.circuit(), public.collect());
    let (_, elsewhere) = subject
        .compile(&client.program, subject.demand(128))
        .unwrap_or_else(|e| panic!("{e}"));
    let server = elsewhere
        .prepare(evaluation.cross())
        .unwrap_or_else(|e| panic!("{e}"));
    let owner = elsewhere
        .restore(&kept)
        .unwrap_or_else(|e| panic!("a kept key: {e}"));
    let by_others = subject.profile.encryption == Encryption::Public;
    let again = match owner.encryptor {
        Some(encryptor) => encryptor,
        None => elsewhere
            .public_encryptor(public)
            .unwrap_or_else(|e| panic!("a data owner: {e}")),
    };
    assert!(
        !by_others || elsewhere.parameters().encryption != Some(Encryption::Owner),
        "others encrypt"
    );
    let (input, output) = (InputId::from_index(0), OutputId::from_index(0));
    for (encrypts, decrypts) in [
        (&encryptor, &owner.decryptor),
        (&again, &owner.decryptor),
        (&again, &decryptor),
    ] {
        let run = || {
            let sealed = encrypts.encrypt(input, tables[0].view())?;
            let results = server.evaluate(&[elsewhere.load(&sealed.to_bytes()?)?])?;
            decrypts.decrypt(output, &elsewhere.load(&results[0].to_bytes()?)?)
        };
        let got = run().unwrap_or_else(|e| panic!("a kept key: {e}"));
        client.compare(&tables, &[got], 0.0);
    }
    let kept_again = owner.decryptor.secret_key();
    let kept_again = kept_again.unwrap_or_else(|e| panic!("a key that was read: {e}"));
    assert!(kept_again.expose() == kept.expose(), "another key is kept");
    let (bytes, circuit) = (kept.expose(), kept.circuit());
    let mut not_keys = vec![(CircuitDigest::from_bytes([7; 32]), bytes.to_vec())];
    not_keys.push((circuit, [bytes, &[0]].concat()));
    if !bytes.is_empty() {
        not_keys.push((circuit, bytes[..bytes.len() / 2].to_vec()));
        not_keys.push((circuit, vec![]));
    }
    for (circuit, bytes) in not_keys {
        let length = bytes.len();
        let foreign = elsewhere.restore(&SecretKey::new(circuit, Zeroizing::new(bytes)));
        let Err(SchemeError::ForeignSecret(_)) = foreign else {
            panic!("{length} bytes, or those of another circuit, are taken for a secret key");
        };
    }
}

/// No 16 bytes of the secret, unless they are nearly one byte, lie in what is sent, but in the key that
/// both parties share.
fn is_not_sent(secret: &[u8], evaluation: &EvaluationKeys) {
    let telling = |window: &&[u8]| window.iter().collect::<HashSet<_>>().len() > 4;
    let known: HashSet<&[u8]> = secret.windows(16).filter(telling).collect();
    for part in evaluation.parts() {
        let shows = part.bytes().windows(16).any(|w| known.contains(w));
        let shared = part.role() == KeyRole::Shared;
        assert_eq!(shows, shared, "the secret in a {} key", part.role());
    }
}

/// What one key set encrypts, another does not decrypt.
pub fn keys_are_separate(subject: &Subject) {
    let (ready, tables) = ready(subject, "key separation");
    if !ready.encrypted() {
        return;
    }
    let others = Parties::of(ready.circuit.as_ref()).unwrap_or_else(|e| panic!("{e}"));
    let sealed = ready.encrypt(&tables).unwrap_or_else(|e| panic!("{e}"));
    let results = ready.keys.evaluator.evaluate(&sealed);
    let results = results.unwrap_or_else(|e| panic!("{e}"));
    let right = ready.decrypt(&results).unwrap_or_else(|e| panic!("{e}"));
    ready.compare(&tables, &right, 0.0);
    let output = OutputId::from_index(0);
    if let Ok(wrong) = others.decryptor.decrypt(output, &results[0]) {
        let precision = ready.program.output(output).precision;
        let far = difference(&wrong, &right[0]) > 4.0 * precision;
        assert!(
            far,
            "another key decrypted the message: {wrong} for {}",
            right[0]
        );
    }
}

/// Two encryptions of one table differ, and both are of it.
pub fn encryption_is_randomised(subject: &Subject) {
    let (ready, tables) = ready(subject, "randomised encryption");
    let encrypt = || {
        let input = InputId::from_index(0);
        let sealed = ready.keys.encryptor.encrypt(input, tables[0].view());
        let bytes = sealed.and_then(|c| c.to_bytes());
        bytes.unwrap_or_else(|e| panic!("{e}"))
    };
    let (one, two) = (encrypt(), encrypt());
    if ready.encrypted() {
        assert_eq!(one.len(), two.len(), "sizes tell one message from another");
        let equal = one.iter().zip(&two).filter(|(a, b)| a == b).count();
        assert!(
            2 * equal < one.len(),
            "{equal} of {} bytes are equal",
            one.len()
        );
    }
    for bytes in [one, two] {
        let run = || {
            let sealed = ready.circuit.load(&bytes)?;
            ready.decrypt(&ready.keys.evaluator.evaluate(&[sealed])?)
        };
        let got = run().unwrap_or_else(|e| panic!("{e}"));
        ready.compare(&tables, &got, 0.0);
    }
}

/// The numbers do not lie open in what is sent.
pub fn nothing_shows_in_ciphertexts(subject: &Subject) {
    let (ready, tables) = ready(subject, "what is sent");
    let sealed = ready.encrypt(&tables).unwrap_or_else(|e| panic!("{e}"));
    let bytes = sealed[0].to_bytes().unwrap_or_else(|e| panic!("{e}"));
    let shows = tables[0]
        .iter()
        .any(|x| bytes.windows(8).any(|w| w == x.to_le_bytes()));
    // The search itself is sound where nothing is encrypted.
    assert_eq!(
        shows,
        !ready.encrypted(),
        "a number in clear among the bytes"
    );
}

/// Threads evaluate with the same keys, each its own table.
pub fn threads_share_keys(subject: &Subject) {
    let (ready, _) = ready(subject, "threads");
    std::thread::scope(|scope| {
        for thread in 0..2_u64 {
            let ready = &ready;
            scope.spawn(move || {
                for round in 0..2 {
                    let round = 100 * (thread + 1) + round;
                    ready.check(&cases::tables(&ready.program, Draw::Real, round), 0.0);
                }
            });
        }
    });
}
