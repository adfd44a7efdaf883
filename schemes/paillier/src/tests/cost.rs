//! What a full-size run costs; `cargo test --release -- --ignored --nocapture cost` prints it.

use std::time::Instant;

use super::*;
use hexperiment_scheme::options::OptionValue::{Flag, Text};

const SECURE: SecurityDemand = SecurityDemand::new(128, false);

fn measure(what: &str, samples: usize, features: usize, given: &[(&str, OptionValue)]) {
    let program = score(samples, features, 5e-7);
    let clock = Instant::now();
    let circuit = compile(&program, &options(given), SECURE).unwrap();
    let compiled = clock.elapsed();
    let clock = Instant::now();
    let keys = Parties::of(circuit.as_ref()).unwrap();
    let generated = clock.elapsed();
    let tables = tables(&program, 3);
    let clock = Instant::now();
    let sealed = keys
        .encryptor
        .encrypt(InputId::from_index(0), tables[0].view())
        .unwrap();
    let encrypted = clock.elapsed();
    let clock = Instant::now();
    let result = keys
        .evaluator
        .evaluate(std::slice::from_ref(&sealed))
        .unwrap();
    let evaluated = clock.elapsed();
    let clock = Instant::now();
    let decrypted = keys
        .decryptor
        .decrypt(OutputId::from_index(0), &result[0])
        .unwrap();
    let read = clock.elapsed();
    let exact = program.interpret(&tables).unwrap();
    let error = (&decrypted - &exact[0])
        .iter()
        .fold(0.0_f64, |m, x| m.max(x.abs()));
    assert!(error < 1e-6);
    println!(
        "{what}, {samples} x {features}: {:?}\n  compile {compiled:.1?}, keys {generated:.1?}, encrypt \
         {encrypted:.1?} ({}), evaluate {evaluated:.1?}, decrypt {read:.1?} ({}); per sample {:.3} ms; \
         error {error:.1e}; {} bytes up, {} down",
        circuit.parameters().chosen,
        sealed.count(),
        result[0].count(),
        (encrypted + evaluated + read).as_secs_f64() * 1e3 / samples as f64,
        sealed.to_bytes().unwrap().len(),
        result[0].to_bytes().unwrap().len(),
    );
}

#[test]
#[ignore = "takes a minute and prints times"]
fn cost_at_full_size() {
    measure("packed", 334, 9, &[]);
    measure("packed", 334, 60, &[]);
    measure("unpacked", 334, 9, &[("packing", Flag(false))]);
    measure(
        "paillier-rs",
        334,
        9,
        &[("backend", Text("paillier-rs".into()))],
    );
}

#[test]
#[ignore = "takes minutes and prints times"]
fn cost_of_keys_for_192_bits() {
    for _ in 0..5 {
        let start = Instant::now();
        let primes = crate::primes::Primes::generate(7680).unwrap();
        let public = hexperiment_scheme::security::Encryption::Public;
        crate::backend::Backend::Gmp
            .client(&primes, public)
            .unwrap();
        println!("keys of 7680 bits: {:?}", start.elapsed());
    }
}
