//! The server as a process of its own: every scheme evaluates in it, of bytes alone.

use std::process::{Child, ChildStdin, ChildStdout, Stdio};

use hexperiment_program::lower::Lowered;
use hexperiment_program::{
    Column, Input, InputId, Interval, Output, OutputId, Party, Program, ProgramBuilder, Public,
};
use hexperiment_scheme::options::{OptionValue, Options};
use hexperiment_scheme::security::SecurityDemand;
use hexperiment_scheme::{Circuit, CompileRequest, registry};
use hexperiment_wire::{Client, Greeted, Limits, Order, WireError};
use ndarray::Array2;
use {
    scheme_fernet as _, scheme_paillier as _, scheme_plaintext as _, scheme_seal_ckks as _,
    scheme_tfhe as _,
};

use crate::harness::Place;

/// `a + 3 b`, and `a - b`.
pub fn program() -> Program {
    let mut builder = ProgramBuilder::new("two sums");
    let mut values = Vec::new();
    for name in ["a", "b"] {
        let input = Input {
            name: name.into(),
            owner: Party::Client(0),
            length: 4,
            columns: vec![Column {
                name: "x".into(),
                range: Interval::new(0.0, 8.0),
            }],
            precision: 0.01,
        };
        values.extend(builder.input(input).unwrap().1);
    }
    let terms = [1.0, 3.0].map(Public::Scalar);
    let terms = values.iter().copied().zip(terms).collect();
    let sum = builder.weighted_sum(terms, 0.0).unwrap();
    let difference = builder.sub(values[0], values[1]).unwrap();
    for (name, value) in [("sum", sum), ("difference", difference)] {
        let output = Output {
            name: name.into(),
            values: vec![value],
            precision: 0.5,
        };
        builder.output(output).unwrap();
    }
    builder.finish().unwrap()
}

/// A process, and the client's side of what is said to it.
struct Served {
    process: Child,
    client: Client<Greeted, ChildStdout, ChildStdin>,
}

fn start() -> Served {
    let mut command = Place::new().program(["server"]);
    let command = command.stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut process = command.current_dir("/").spawn().unwrap();
    let (input, output) = (process.stdin.take(), process.stdout.take());
    let limits = Limits::default();
    let client = Client::greet(output.unwrap(), input.unwrap(), limits, "tests").unwrap();
    Served { process, client }
}

/// What a client compiles for itself.
pub fn compiled(scheme: &str, program: &Program) -> (Order, Box<dyn Circuit>) {
    let found = registry::scheme(scheme).unwrap();
    let options = Options::with_defaults(&found.manifest().options, []);
    // As a run demands whose results the key owner keeps.
    let security = SecurityDemand {
        failure_log2: SecurityDemand::FAILURE_KEPT,
        ..SecurityDemand::new(128, false)
    };
    let lowered: Lowered = found.lower(program, &options, security).unwrap();
    let circuit = found
        .compile(CompileRequest {
            lowered: &lowered,
            options: &options,
            security,
            threads: 1,
            objective: hexperiment_program::layout::Objective::default(),
        })
        .unwrap();
    let order = Order {
        scheme: scheme.into(),
        options,
        security,
        threads: 1,
        objective: hexperiment_program::layout::Objective::default(),
        program: serde_json::to_vec(lowered.program()).unwrap(),
    };
    (order, circuit)
}

/// The same circuit on both sides, keys that cross, an evaluation of some outputs, and what comes back
/// decrypts to what it should be.
#[track_caller]
fn evaluates(scheme: &str) {
    let (order, circuit) = compiled(scheme, &program());
    let keys = circuit.generate_keys().unwrap();
    let Served {
        mut process,
        client,
    } = start();
    let (client, compiled) = client.compile(&order, circuit.digest()).unwrap();
    assert!(!compiled.library.is_empty());
    let (mut client, _) = client.send_keys(keys.evaluation).unwrap();
    let table = |x: [f64; 4]| Array2::from_shape_vec((4, 1), x.to_vec()).unwrap();
    let tables = [table([0.0, 1.0, 2.0, 3.0]), table([4.0, 2.0, 0.0, 8.0])];
    let mut handles = Vec::new();
    for (index, table) in tables.iter().enumerate() {
        let input = InputId::from_index(index);
        let ciphertexts = keys.encryptor.encrypt(input, table.view()).unwrap();
        let (handle, stored) = client.upload(&ciphertexts.to_bytes().unwrap()).unwrap();
        assert_eq!(stored.ciphertexts, ciphertexts.count() as u64);
        handles.push(handle);
    }
    let wanted = [1, 0].map(OutputId::from_index);
    let (results, _) = client.evaluate(&handles, &wanted).unwrap();
    client.discard(&handles).unwrap();
    let expect = [[-4.0, -1.0, 2.0, -5.0], [12.0, 7.0, 2.0, 27.0]];
    for ((output, result), expect) in wanted.into_iter().zip(results).zip(expect) {
        let bytes = client.download(result).unwrap().bytes;
        let ciphertexts = circuit.load(&bytes).unwrap();
        let decrypted = keys.decryptor.decrypt(output, &ciphertexts).unwrap();
        let far = (&decrypted - &table(expect)).mapv(f64::abs);
        assert!(far.iter().all(|d| *d <= 0.5), "{scheme}: {decrypted:?}");
    }
    let whole = client.bye().unwrap();
    assert!(whole.wall_ns > 0 && whole.peak_rss_bytes.is_some_and(|bytes| bytes > 1 << 20));
    assert!(process.wait().unwrap().success());
}

#[test]
fn every_scheme_evaluates_in_a_process_of_its_own() {
    for scheme in ["plaintext", "fernet", "paillier", "seal-ckks", "tfhe"] {
        evaluates(scheme);
    }
}

/// What a client can ask for wrongly, and the server's words; its process ends by itself.
#[test]
fn what_a_server_says_no_to() {
    let (order, circuit) = compiled("paillier", &program());
    let ask = |order: &Order, expect: &str| {
        let Served {
            mut process,
            client,
        } = start();
        let error = client.compile(order, circuit.digest()).err().unwrap();
        assert!(error.to_string().contains(expect), "{error}");
        assert_eq!(process.wait().unwrap().code(), Some(1));
        error
    };
    let with = |change: &dyn Fn(&mut Order)| {
        let mut changed = order.clone();
        change(&mut changed);
        changed
    };
    ask(&with(&|o| o.scheme = "pallier".into()), "pallier");
    ask(&with(&|o| o.threads = 0), "found 0 threads, expected 1 to");
    ask(
        &with(&|o| o.program = b"{}".into()),
        "the program: missing field",
    );
    ask(
        &with(&|o| o.options.set("no_such", OptionValue::Flag(true))),
        "option `no_such` is not one of `paillier`",
    );
    let stronger = with(&|o| o.security.bits = 192);
    let error = ask(&stronger, "both parties must compile the same program");
    assert!(matches!(error, WireError::OtherCircuit { .. }), "{error:?}");
}

/// A server that is killed is an error of the client's, not its end.
#[test]
fn a_server_that_is_killed() {
    let (order, circuit) = compiled("plaintext", &program());
    let Served {
        mut process,
        client,
    } = start();
    process.kill().unwrap();
    process.wait().unwrap();
    let error = client.compile(&order, circuit.digest()).err().unwrap();
    let gone = matches!(error, WireError::Closed { .. } | WireError::Io { .. });
    assert!(gone, "{error:?}");
}

/// Ranges that lowering has proven narrower than a reader derives: the digests must agree all the same.
#[test]
fn a_lowered_program_is_the_same_on_both_sides() {
    let mut builder = ProgramBuilder::new("sigmoid");
    let input = Input {
        name: "a".into(),
        owner: Party::Client(0),
        length: 4,
        columns: vec![Column {
            name: "x".into(),
            range: Interval::symmetric(6.0),
        }],
        precision: 0.01,
    };
    let x = builder.input(input).unwrap().1[0];
    let value = builder.sigmoid(x).unwrap();
    let value = builder.square(value).unwrap();
    let output = Output {
        name: "y".into(),
        values: vec![value],
        precision: 0.5,
    };
    builder.output(output).unwrap();
    let program = builder.finish().unwrap();
    for scheme in ["plaintext", "fernet", "seal-ckks"] {
        let (order, circuit) = compiled(scheme, &program);
        let Served { client, .. } = start();
        let agreed = client.compile(&order, circuit.digest());
        assert!(agreed.is_ok(), "{scheme}: {}", agreed.err().unwrap());
    }
}

/// What is no conversation ends the process with words, and nothing but frames is on its output.
#[test]
fn a_client_that_is_none() {
    use std::io::Write as _;
    for (said, words, answers) in [
        ("", "found the end of the stream, expected `hello`", false),
        ("HEXW", "after 4 bytes of a prelude, expected 16", false),
        (
            "GET / HTTP/1.1\r\n\r\n",
            "with which each frame begins",
            true,
        ),
    ] {
        let mut command = Place::new().program(["server"]);
        command.current_dir("/").stdin(Stdio::piped());
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut process = command.spawn().unwrap();
        let mut input = process.stdin.take().unwrap();
        input.write_all(said.as_bytes()).unwrap();
        drop(input);
        let output = process.wait_with_output().unwrap();
        assert_eq!(output.status.code(), Some(1));
        let err = String::from_utf8(output.stderr).unwrap();
        assert!(err.contains(words), "{said:?}: {err}");
        assert_eq!(output.stdout.starts_with(b"HEXW"), answers, "{said:?}");
    }
}

/// A server that is killed once it has keys and ciphertexts: whatever is asked next is an error.
#[test]
fn a_server_that_is_killed_amid_a_conversation() {
    let (order, circuit) = compiled("paillier", &program());
    let keys = circuit.generate_keys().unwrap();
    let Served {
        mut process,
        client,
    } = start();
    let (client, _) = client.compile(&order, circuit.digest()).unwrap();
    let (mut client, _) = client.send_keys(keys.evaluation).unwrap();
    let table = Array2::zeros((4, 1));
    let ciphertexts = keys.encryptor.encrypt(InputId::from_index(0), table.view());
    let bytes = ciphertexts.unwrap().to_bytes().unwrap();
    let (handle, _) = client.upload(&bytes).unwrap();
    process.kill().unwrap();
    process.wait().unwrap();
    let wanted = [OutputId::from_index(0)];
    let error = client.evaluate(&[handle, handle], &wanted).unwrap_err();
    let gone = matches!(error, WireError::Closed { .. } | WireError::Io { .. });
    assert!(gone, "{error:?}");
    assert!(matches!(client.download(handle), Err(WireError::Over)));
}

/// Ciphertexts cut in half, and too few inputs: the server says what is wrong, and ends.
#[test]
fn what_a_server_cannot_evaluate() {
    let (order, circuit) = compiled("paillier", &program());
    for half in [true, false] {
        let keys = circuit.generate_keys().unwrap();
        let Served {
            mut process,
            client,
        } = start();
        let (client, _) = client.compile(&order, circuit.digest()).unwrap();
        let (mut client, _) = client.send_keys(keys.evaluation).unwrap();
        let table = Array2::zeros((4, 1));
        let ciphertexts = keys.encryptor.encrypt(InputId::from_index(0), table.view());
        let bytes = ciphertexts.unwrap().to_bytes().unwrap();
        let (error, expect) = if half {
            let error = client.upload(&bytes[..bytes.len() / 2]).unwrap_err();
            (error, "not a ciphertext of this circuit")
        } else {
            let (handle, _) = client.upload(&bytes).unwrap();
            let error = client.evaluate(&[handle], &[OutputId::from_index(0)]);
            (error.unwrap_err(), "found 1 inputs, expected 2")
        };
        assert!(matches!(error, WireError::Failed(_)), "{error:?}");
        assert!(error.to_string().contains(expect), "{error}");
        assert_eq!(process.wait().unwrap().code(), Some(1));
    }
}
