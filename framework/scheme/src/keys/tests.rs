//! Parts of keys in their order, and the digest that names a circuit.

use super::*;

use hexperiment_program::layout::Objective;
use hexperiment_program::lower::{Capabilities, lower};
use hexperiment_program::{Column, Input, Interval, Output, Party, ProgramBuilder};

use crate::options::Options;
use crate::security::SecurityDemand;

const CIRCUIT: CircuitDigest = CircuitDigest([7; 32]);

fn json(part: &impl Serialize) -> String {
    serde_json::to_string(part).unwrap()
}

/// As `docs/wire.md` says, by which other programs compute it.
#[test]
fn a_digest_is_of_what_the_protocol_says() {
    let mut builder = ProgramBuilder::new("twice");
    let input = Input {
        name: "x".into(),
        owner: Party::Client(0),
        length: 2,
        columns: vec![Column {
            name: "x".into(),
            range: Interval::symmetric(1.0),
        }],
        precision: 0.5,
    };
    let (_, x) = builder.input(input).unwrap();
    let sum = builder.add(x[0], x[0]).unwrap();
    let output = Output {
        name: "sum".into(),
        values: vec![sum],
        precision: 0.5,
    };
    builder.output(output).unwrap();
    let program = builder.finish().unwrap();
    let lowered = lower(&program, &Capabilities::everything()).unwrap();
    let program = lowered.program();
    let values = program.values().iter();
    let values = values.map(|v| format!("[{},{}]", json(v.op()), json(&v.range())));
    let array = format!(
        "[\"masking 1\",[\"twice\",{},[{}],{}],{},[128,false],[[\"modulus\",\"256\"]]]",
        json(&program.inputs()),
        values.collect::<Vec<_>>().join(","),
        json(&program.outputs()),
        json(&Options::default()),
    );
    let chosen = [("modulus".to_owned(), "256".to_owned())];
    for (encryption, objective, behind) in [
        (Encryption::Owner, Objective::Latency, ""),
        (Encryption::Public, Objective::Latency, "public"),
        (Encryption::Owner, Objective::Upload, "upload"),
        (Encryption::Public, Objective::Memory, "publicmemory"),
    ] {
        let request = CompileRequest {
            lowered: &lowered,
            options: &Options::default(),
            security: SecurityDemand::new(128, false).encrypted_by(encryption),
            threads: 2,
            objective,
        };
        let digest = CircuitDigest::of("masking 1", &request, &chosen).unwrap();
        let expected: [u8; 32] = Sha256::digest(format!("{array}{behind}")).into();
        assert_eq!(digest.as_bytes(), &expected, "{array}{behind}");
    }
}

fn keys() -> EvaluationKeys {
    let part = |role, length| KeyPart::new(role, vec![1; length]);
    EvaluationKeys::new(
        CIRCUIT,
        vec![
            part(KeyRole::Public, 10),
            part(KeyRole::Galois, 20),
            part(KeyRole::Galois, 30),
        ],
    )
}

#[track_caller]
fn foreign<T: std::fmt::Debug>(result: Result<T, SchemeError>, expect: &str) {
    match result {
        Err(SchemeError::ForeignKeys(why)) => assert!(why.contains(expect), "{why}"),
        other => panic!("expected foreign keys, got {other:?}"),
    }
}

#[test]
fn sizes_are_those_of_the_parts() {
    let sizes = keys().cross().sizes();
    let expect = KeySizes {
        public: Some(10),
        galois: Some(50),
        ..KeySizes::default()
    };
    assert_eq!((sizes, sizes.total()), (expect, 60));
}

#[test]
fn parts_are_read_in_order_and_whole() {
    let read = || keys().read_for(CIRCUIT).unwrap();
    let mut reader = read();
    assert_eq!(reader.next(KeyRole::Public, 10).unwrap().bytes(), [1; 10]);
    reader.next(KeyRole::Galois, 20).unwrap();
    foreign(reader.finish(), "3 parts, expected 2");
    foreign(
        read().next(KeyRole::Public, 11),
        "part 0: found 10 bytes of a public key, expected 11 of a public key",
    );
    foreign(
        read().next(KeyRole::Bootstrapping, 10),
        "expected 10 of a bootstrapping key",
    );
    let mut reader = read();
    for (role, length) in [
        (KeyRole::Public, 10),
        (KeyRole::Galois, 20),
        (KeyRole::Galois, 30),
    ] {
        reader.next(role, length).unwrap();
    }
    foreign(
        reader.next(KeyRole::Galois, 40),
        "3 parts, expected another one: a Galois key of 40 bytes",
    );
    reader.finish().unwrap();
    foreign(
        keys().read_for(CircuitDigest([8; 32])),
        "made for circuit 07070707, this one is 08080808",
    );
}
