//! Plugins in C and in Rust, loaded and run like any other scheme.

use crate::build;
use hexperiment_plugin_abi::load;
use hexperiment_program::lower::{Lowered, lower};
use hexperiment_program::{
    Column, Input, InputId, Interval, LookupTable, Op, Output, OutputId, Party, Program,
    ProgramBuilder, Relation, ValueId,
};
use hexperiment_scheme::options::{OptionKind, OptionValue, Options};
use hexperiment_scheme::registry;
use hexperiment_scheme::security::SecurityDemand;
use hexperiment_scheme::{
    Circuit, CompileRequest, EvaluationKeys, KeyPart, KeyRole, Parties, Scheme, SchemeError,
};
use hexperiment_task::session::Session;
use ndarray::{Array2, s};

const ROWS: usize = 6;

fn input() -> Input {
    let column = |i: i32| Column {
        name: format!("column {i}"),
        range: Interval::symmetric(4.0),
    };
    Input {
        name: "table".into(),
        owner: Party::Client(0),
        length: ROWS,
        columns: (0..3).map(column).collect(),
        precision: 1e-6,
    }
}

fn output(name: &str, values: Vec<ValueId>) -> Output {
    Output {
        name: name.into(),
        values,
        precision: 1e-6,
    }
}

/// Numbers whose shortest decimals are long.
fn table() -> Array2<f64> {
    Array2::from_shape_fn((ROWS, 3), |(i, j)| {
        (1.7 * (i as f64 + 1.3) * (j as f64 - 0.9)).sin() * 4.0
    })
}

fn weights() -> Vec<f64> {
    (0..ROWS).map(|i| (i as f64 + 0.1).sqrt() - 1.0).collect()
}

/// All that a scheme without products of ciphertexts has, and a sigmoid for the client.
fn additive() -> Program {
    let mut b = ProgramBuilder::new("additive");
    let (_, x) = b.input(input()).unwrap();
    let sum = b.add(x[0], x[1]).unwrap();
    let difference = b.sub(sum, x[2]).unwrap();
    let negated = b.neg(difference).unwrap();
    let moved = b.offset(negated, weights()).unwrap();
    let scaled = b.scale(moved, 1.0 / 3.0).unwrap();
    let op = Op::WeightedSum {
        terms: vec![
            (x[0], 0.1.into()),
            (scaled, weights().into()),
            (x[2], (-1e-7).into()),
        ],
        bias: std::f64::consts::PI.into(),
    };
    let score = b.push(op).unwrap();
    let sigmoid = b.sigmoid(score).unwrap();
    b.output(output("parts", vec![scaled, difference])).unwrap();
    b.output(output("score", vec![sigmoid])).unwrap();
    b.finish().unwrap()
}

/// Every operation.
fn everything() -> Program {
    let mut b = ProgramBuilder::new("everything");
    let (_, x) = b.input(input()).unwrap();
    let constant = b.constant(weights()).unwrap();
    let sum = b.add(x[0], constant).unwrap();
    let product = b.mul(sum, x[1]).unwrap();
    let square = b.square(x[2]).unwrap();
    let shifted = b.shift(product, -2).unwrap();
    let sigmoid = b.sigmoid(shifted).unwrap();
    let domain = Interval::symmetric(4.0);
    let p = hexperiment_program::Polynomial::from_powers(domain, &[0.3, -1.1, 0.7]).unwrap();
    let polynomial = b.polynomial(x[0], p).unwrap();
    let step = b.step(x[0]).unwrap();
    let sign = b.push(Op::Sign(x[1])).unwrap();
    let relu = b.push(Op::Relu(x[1])).unwrap();
    let abs = b.push(Op::Abs(x[1])).unwrap();
    let max = b.max(relu, square).unwrap();
    let min = b.min(abs, polynomial).unwrap();
    let compare = b.compare(x[0], Relation::LessOrEqual, x[1]).unwrap();
    let select = b.select(compare, max, min).unwrap();
    let table = LookupTable {
        first: -1,
        entries: vec![0.1, 0.2, 0.7].into(),
    };
    let lookup = b.push(Op::Lookup { value: sign, table }).unwrap();
    let and = b.and(vec![step, compare]).unwrap();
    let groups = b.sum(select, 3).unwrap();
    let picked = b.pick(sigmoid, 3).unwrap();
    b.output(output("long", vec![lookup, and, select])).unwrap();
    b.output(output("short", vec![groups, picked])).unwrap();
    b.finish().unwrap()
}

fn options(scheme: &dyn Scheme, given: &[(&str, OptionValue)]) -> Options {
    let given = given.iter().map(|(k, v)| ((*k).to_owned(), v.clone()));
    Options::with_defaults(&scheme.manifest().options, given)
}

fn compile(
    scheme: &dyn Scheme,
    program: &Program,
    given: &[(&str, OptionValue)],
) -> Result<(Lowered, Box<dyn Circuit>), SchemeError> {
    let options = options(scheme, given);
    let lowered = lower(program, &scheme.capabilities(&options)?)?;
    let circuit = scheme.compile(CompileRequest {
        lowered: &lowered,
        options: &options,
        security: SecurityDemand::new(128, false),
        threads: 1,
        objective: hexperiment_program::layout::Objective::default(),
    })?;
    Ok((lowered, circuit))
}

/// Runs a session, which lets everything cross as bytes, and compares with the oracle.
#[track_caller]
fn check(scheme: &dyn Scheme, program: &Program) {
    let (lowered, circuit) = compile(scheme, program, &[]).unwrap();
    let keys = Parties::of(circuit.as_ref()).unwrap();
    let mut session = Session::new(circuit.as_ref(), &lowered, &keys);
    let sealed = session
        .client()
        .encrypt(InputId::from_index(0), table().view())
        .unwrap();
    let results = session.server().evaluate(&[&sealed]).unwrap();
    let expected = program.interpret(&[table()]).unwrap();
    assert_eq!(results.len(), expected.len());
    for (i, (result, expected)) in results.iter().zip(&expected).enumerate() {
        let found = session
            .client()
            .decrypt(OutputId::from_index(i), result)
            .unwrap();
        let worst = (&found - expected).fold(0.0, |m: f64, x| m.max(x.abs()));
        assert!(worst <= 1e-12, "output {i}: {found} instead of {expected}");
    }
    let report = session.finish();
    assert!(report.errors.violation.is_none(), "{:?}", report.errors);
    assert!(report.traffic.upload_bytes > 8 * 18 && report.traffic.download_bytes > 0);
    assert_eq!(report.traffic.upload_ciphertexts, 3);
}

#[track_caller]
fn refusal(result: Result<(Lowered, Box<dyn Circuit>), SchemeError>, operation: &str, why: &str) {
    match result.map(|_| ()) {
        Err(SchemeError::Refused(refusal)) => {
            assert_eq!(refusal.operation, operation);
            assert!(refusal.reason.contains(why), "{refusal}");
        }
        other => panic!("expected a refusal, got {other:?}"),
    }
}

#[test]
fn a_plugin_in_c_computes_what_the_oracle_does() {
    let folder = tempfile::tempdir().unwrap();
    let scheme = load(&build::c_plugin(folder.path(), "WHOLE")).unwrap();
    let manifest = scheme.manifest();
    assert_eq!(manifest.name, "clear-c");
    assert!(
        manifest
            .library
            .starts_with("none (plugin WHOLE.so, SHA-256 "),
        "{}",
        manifest.library
    );
    check(scheme, &additive());
    check(
        load(&build::c_plugin(folder.path(), "GROWN")).unwrap(),
        &additive(),
    );

    let on = [("security", OptionValue::Flag(true))];
    refusal(
        compile(scheme, &additive(), &on),
        "security",
        "nothing is encrypted",
    );
    refusal(
        compile(scheme, &everything(), &[]),
        "mul",
        "public numbers only",
    );
}

#[test]
fn a_plugin_in_rust_computes_what_the_oracle_does() {
    let scheme = load(&build::rust_plugin()).unwrap();
    let manifest = scheme.manifest();
    assert_eq!(manifest.name, "clear-plugin");
    let kinds: Vec<_> = manifest.options.iter().map(|o| o.kind.clone()).collect();
    let max = f64::INFINITY;
    let (number, integer) = (
        OptionKind::Number { min: 0.5, max },
        OptionKind::Integer {
            min: i64::MIN,
            max: 9,
        },
    );
    assert_eq!(
        kinds,
        [
            OptionKind::Choice(&["works", "refuses", "panics"]),
            number,
            integer
        ]
    );
    check(scheme, &additive());
    check(scheme, &everything());

    let tell = |what: &str| [("compile", OptionValue::Text(what.into()))];
    refusal(
        compile(scheme, &everything(), &tell("refuses")),
        "depth",
        "told to",
    );
    let error = compile(scheme, &everything(), &tell("panics"))
        .err()
        .unwrap()
        .to_string();
    assert_eq!(error, "clear-plugin: panic: it was told to panic");
    // The plugin lives on.
    check(scheme, &everything());
}

#[test]
fn parameters_cross_whole() {
    let scheme = load(&build::rust_plugin()).unwrap();
    let (_, circuit) = compile(scheme, &everything(), &[]).unwrap();
    let parameters = circuit.parameters();
    assert_eq!(
        parameters.security.basis(),
        "as the plugin states: nothing is encrypted"
    );
    assert_eq!(parameters.noise_tolerance, [0.0, 0.0]);
    let simulated = circuit.simulate(&[table()]).unwrap();
    assert_eq!(simulated, everything().interpret(&[table()]).unwrap());
    let sizes = circuit.generate_keys().unwrap().evaluation.sizes();
    assert_eq!((sizes.public, sizes.total()), (None, 0));
}

#[track_caller]
fn foreign<T>(result: Result<T, SchemeError>) {
    match result.map(|_| ()) {
        Err(SchemeError::Foreign(_)) => {}
        other => panic!("expected foreign ciphertexts, got {other:?}"),
    }
}

/// What does not fit stays on this side or is refused by the other, in both languages.
#[test]
fn foreign_and_malformed_values_are_errors() {
    let folder = tempfile::tempdir().unwrap();
    for path in [
        build::rust_plugin(),
        build::c_plugin(folder.path(), "WHOLE"),
    ] {
        let scheme = load(&path).unwrap();
        let (_, circuit) = compile(scheme, &additive(), &[]).unwrap();
        let (_, other) = compile(scheme, &additive(), &[]).unwrap();
        let (first, none) = (InputId::from_index(0), InputId::from_index(7));
        let keys = Parties::of(circuit.as_ref()).unwrap();
        drop(circuit); // keys keep what they need
        let sealed = keys.encryptor.encrypt(first, table().view()).unwrap();
        let bytes = sealed.to_bytes().unwrap();
        assert_eq!(sealed.count(), 3);

        // A transposed view is not laid out row by row.
        let flipped = table().reversed_axes().as_standard_layout().to_owned();
        let same = keys.encryptor.encrypt(first, flipped.t()).unwrap();
        assert_eq!(same.to_bytes().unwrap(), bytes);

        assert!(keys.encryptor.encrypt(none, table().view()).is_err());
        assert!(
            keys.encryptor
                .encrypt(first, table().slice(s![..3, ..]))
                .is_err()
        );
        assert!(keys.evaluator.evaluate(&[]).is_err());
        assert!(
            keys.decryptor
                .decrypt(OutputId::from_index(9), &sealed)
                .is_err()
        );
        for cut in [0, 5, bytes.len() - 1] {
            foreign(other.load(&bytes[..cut]));
        }
        let loaded = other.load(&bytes).unwrap();
        foreign(keys.evaluator.evaluate(std::slice::from_ref(&loaded)));
        foreign(keys.decryptor.decrypt(OutputId::from_index(0), &loaded));
        assert!(other.simulate(&[]).is_err());
    }
}

/// What crosses as a key of the plugin in C: a number, in eight bytes.
#[test]
fn keys_cross_as_bytes_and_are_checked() {
    let folder = tempfile::tempdir().unwrap();
    let scheme = load(&build::c_plugin(folder.path(), "WHOLE")).unwrap();
    let (_, circuit) = compile(scheme, &additive(), &[]).unwrap();
    let keys = circuit.generate_keys().unwrap().evaluation;
    let sizes = keys.sizes();
    assert_eq!((sizes.public, sizes.total()), (Some(8), 8));
    let bytes = keys.parts()[0].bytes().to_vec();
    assert!(circuit.prepare(keys.cross()).is_ok());
    let with = |parts: &[(KeyRole, &[u8])]| {
        let parts = parts.iter().map(|(r, b)| KeyPart::new(*r, b.to_vec()));
        circuit.prepare(EvaluationKeys::new(circuit.digest(), parts.collect()))
    };
    let refused = |parts: &[(KeyRole, &[u8])], expect: &str| match with(parts) {
        Err(SchemeError::ForeignKeys(why)) => assert_eq!(why, expect),
        Err(other) => panic!("{other}"),
        Ok(_) => panic!("taken for keys: {parts:?}"),
    };
    let public = KeyRole::Public;
    let expected = "expected one public key of 8 bytes";
    refused(&[], expected);
    refused(&[(public, &bytes), (public, &bytes)], expected);
    refused(&[(KeyRole::Shared, &bytes)], expected);
    refused(&[(public, &bytes[..7])], expected);
    refused(&[(public, &[])], expected);
    refused(&[(public, &[9; 8])], "a key of a program of another length");
    // Of another program the host knows without asking.
    let (_, other) = compile(scheme, &one_column(), &[]).unwrap();
    let keys = other.generate_keys().unwrap().evaluation;
    let refused = circuit.prepare(keys);
    assert!(
        matches!(refused, Err(SchemeError::ForeignKeys(why)) if why.contains("made for circuit"))
    );
}

fn one_column() -> Program {
    let mut b = ProgramBuilder::new("one column");
    let (_, x) = b.input(input()).unwrap();
    b.output(output("first", vec![x[0]])).unwrap();
    b.finish().unwrap()
}

#[test]
fn roles_work_in_many_threads() {
    let scheme = load(&build::rust_plugin()).unwrap();
    let (_, circuit) = compile(scheme, &everything(), &[]).unwrap();
    let keys = Parties::of(circuit.as_ref()).unwrap();
    let expected = everything().interpret(&[table()]).unwrap();
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                let sealed = keys
                    .encryptor
                    .encrypt(InputId::from_index(0), table().view())
                    .unwrap();
                let results = keys.evaluator.evaluate(&[sealed]).unwrap();
                for (i, result) in results.iter().enumerate() {
                    let found = keys
                        .decryptor
                        .decrypt(OutputId::from_index(i), result)
                        .unwrap();
                    assert_eq!(found, expected[i]);
                }
            });
        }
    });
}

#[test]
fn a_registered_plugin_is_found_by_name_once() {
    let folder = tempfile::tempdir().unwrap();
    let path = build::c_plugin(folder.path(), "WHOLE");
    let list = hexperiment_plugin_abi::to_env(&[path.clone(), path.clone()]).unwrap();
    let paths: Vec<_> = std::env::split_paths(&list).collect();
    assert_eq!(
        hexperiment_plugin_abi::register_all(paths).unwrap().len(),
        1
    );
    assert!(registry::scheme("clear-c").is_ok());
    // A scheme that is linked in has its name too.
    let linked = registry::register_scheme(&scheme_plaintext::Plaintext)
        .err()
        .unwrap();
    assert_eq!(linked.name, "plaintext");
    let error = hexperiment_plugin_abi::register(&path)
        .err()
        .unwrap()
        .to_string();
    assert!(error.contains("already is a scheme `clear-c`"), "{error}");
    assert_eq!(
        registry::schemes()
            .iter()
            .filter(|s| s.manifest().name == "clear-c")
            .count(),
        1
    );
}
