//! The server has no secret key, and what crosses tells nothing without it.
//!
//! A client, here in the test's process, computes with the server's true process. Its secret key is found in
//! its own memory, by what makes it one (`client_keys`), and is then looked for in the server's: in all that
//! is readable of a process that has just evaluated, in what it has written for people, and in the record of
//! all that crossed. Under `fernet` it is there, as that scheme says, and under no other. That the search
//! would find it: a server that is sent the same bytes as numbers of `plaintext` is found out. Linux alone
//! shows a process's memory by a file.

#![cfg(target_os = "linux")]

mod client_keys;
mod memory;
mod patterns;
mod recorded;
mod search;
mod service;

use std::time::Duration;

use hexperiment_program::{
    Column, Input, InputId, Interval, Output, OutputId, Party, Program, ProgramBuilder, Public,
};
use hexperiment_scheme::{Circuit, Decryptor, EvaluationKeys, KeySet};
use ndarray::Array2;
use rand::Rng;

use crate::server::compiled;
use memory::each_region;
use patterns::{Sought, sought};
use recorded::bodies;
pub use recorded::{Recorded, frame, frames, kind};
use search::{Found, Search};

/// Rows of the tables that are summed.
const ROWS: usize = 64;
/// Rows at the start of which each is equal to the next: by these a key of TFHE is known.
const TWINS: usize = 16;
/// Half of the precision of the sum.
const NEAR: f64 = 0.5;

/// The first output.
fn sum() -> OutputId {
    OutputId::from_index(0)
}

/// What the server must hold in any case: the program's name, which nothing else has.
fn marker() -> String {
    format!("{:032x}", rand::rng().random::<u128>())
}

/// `a + 3 b`, and what takes the scheme's other keys.
pub fn program(scheme: &str, name: &str) -> Program {
    let mut builder = ProgramBuilder::new(name);
    let mut input = |name: &str, length| {
        let input = Input {
            name: name.into(),
            owner: Party::Client(0),
            length,
            columns: vec![Column {
                name: "x".into(),
                range: Interval::new(0.0, 8.0),
            }],
            precision: 0.01,
        };
        builder.input(input).unwrap().1[0]
    };
    let (a, b, c) = (input("a", ROWS), input("b", ROWS), input("c", 4));
    let terms = vec![(a, Public::Scalar(1.0)), (b, Public::Scalar(3.0))];
    let mut outputs = vec![("sum", builder.weighted_sum(terms, 0.0).unwrap())];
    let other = match scheme {
        "seal-ckks" => {
            let product = builder.mul(a, b).unwrap();
            builder.shift(product, 1).unwrap()
        }
        "tfhe" => {
            let four = builder.offset(c, -4.0).unwrap();
            builder.step(four).unwrap()
        }
        _ => builder.offset(c, 1.0).unwrap(),
    };
    outputs.push(("other", other));
    for (name, value) in outputs {
        let output = Output {
            name: name.into(),
            values: vec![value],
            precision: NEAR,
        };
        builder.output(output).unwrap();
    }
    builder.finish().unwrap()
}

/// Numbers that no one would guess; of the long ones the first rows are twins.
fn tables() -> Vec<Array2<f64>> {
    let mut random = rand::rng();
    let mut table = |rows: usize| {
        let mut numbers: Vec<f64> = (0..rows).map(|_| random.random_range(0.1..7.9)).collect();
        for row in (1..TWINS.min(rows)).step_by(2) {
            numbers[row] = numbers[row - 1];
        }
        Array2::from_shape_vec((rows, 1), numbers).unwrap()
    };
    vec![table(ROWS), table(ROWS), table(4)]
}

/// A conversation that is about to end.
struct Conversation {
    circuit: Box<dyn Circuit>,
    client: KeySet,
    /// The parts of the evaluation keys.
    sent: Vec<Vec<u8>>,
    tables: Vec<Array2<f64>>,
    /// What the sum must be.
    truth: Array2<f64>,
    to_server: Vec<u8>,
    from_server: Vec<u8>,
}

impl Conversation {
    /// The sum that crossed.
    fn result(&self) -> Vec<u8> {
        bodies(&self.from_server, "results").remove(0)
    }

    /// The first ciphertexts that the server was sent.
    fn upload(&self) -> Vec<u8> {
        bodies(&self.to_server, "ciphertexts").remove(0)
    }
}

/// Lets the server's process evaluate, and shows it while it lives, with all that was said until then.
fn converse(scheme: &str, name: &str, look: impl FnOnce(&Conversation, &Recorded)) {
    let program = program(scheme, name);
    let (order, circuit) = compiled(scheme, &program);
    let mut keys = circuit.generate_keys().unwrap();
    let parts = keys.evaluation.parts().iter();
    let sent = parts.map(|part| part.bytes().to_vec()).collect();
    let gone = EvaluationKeys::new(circuit.digest(), vec![]);
    let evaluation = std::mem::replace(&mut keys.evaluation, gone);
    let (mut recorded, talk) = Recorded::start();
    let (talk, _) = talk.compile(&order, circuit.digest()).unwrap();
    let (mut talk, _) = talk.send_keys(evaluation).unwrap();
    let tables = tables();
    let mut handles = vec![];
    for (index, table) in tables.iter().enumerate() {
        let input = InputId::from_index(index);
        let ciphertexts = keys.encryptor.encrypt(input, table.view()).unwrap();
        handles.push(talk.upload(&ciphertexts.to_bytes().unwrap()).unwrap().0);
    }
    let (results, _) = talk.evaluate(&handles, &program.output_ids()).unwrap();
    for result in results {
        talk.download(result).unwrap();
    }
    let [to_server, from_server] = recorded.crossed();
    let conversation = Conversation {
        circuit,
        client: keys,
        sent,
        truth: program.interpret(&tables).unwrap().remove(0),
        tables,
        to_server,
        from_server,
    };
    look(&conversation, &recorded);
    talk.bye().unwrap();
    assert!(recorded.process.wait().unwrap().success());
}

/// What of it is readable in the memory of a process. What a thread gives back while it is read is lost: all of it
/// is read again then.
fn in_memory(process: u32, search: &Search) -> Found {
    for _ in 0..20 {
        let mut found = Found::new();
        let (all, lost) = each_region(&process.to_string(), |region| {
            search.look(region, &mut found);
        });
        assert!(all > 1 << 20, "{all} bytes of memory");
        if lost == 0 {
            return found;
        }
        std::thread::sleep(Duration::from_millis(100));
    }
    panic!("memory that could not be read each time, of process {process}");
}

/// Lets a server of plaintext hold a secret, as numbers that it was sent: what is found of it there.
fn planted(sought: &Sought) -> Found {
    let (order, circuit) = compiled("plaintext", &program("plaintext", "planted"));
    let keys = circuit.generate_keys().unwrap();
    let (mut recorded, talk) = Recorded::start();
    let (talk, _) = talk.compile(&order, circuit.digest()).unwrap();
    let (mut talk, _) = talk.send_keys(keys.evaluation).unwrap();
    let table = Array2::zeros((ROWS, 1));
    let bytes = keys.encryptor.encrypt(InputId::from_index(0), table.view());
    let mut bytes = bytes.unwrap().to_bytes().unwrap();
    let rows = sought.raw.len() / 8;
    bytes[4..8].copy_from_slice(&(rows as u32).to_le_bytes());
    bytes.truncate(12);
    bytes.extend(&sought.raw[..8 * rows]);
    talk.upload(&bytes).unwrap();
    let found = in_memory(recorded.process.id(), &sought.secret);
    talk.bye().unwrap();
    assert!(recorded.process.wait().unwrap().success());
    found
}

#[track_caller]
fn check(scheme: &str) {
    let name = marker();
    let [has_key, is_open] = ["fernet", "plaintext"].map(|open| scheme == open);
    converse(scheme, &name, |conversation, recorded| {
        let sought = sought(scheme, &name, conversation);
        let server = recorded.process.id();
        // The search is sound: what the server was given is there.
        let control = in_memory(server, &sought.control);
        let expect = if scheme == "paillier" { 3 } else { 2 };
        assert_eq!(control.len(), expect, "{scheme}: {control:?}");
        if scheme != "plaintext" {
            assert!(!planted(&sought).is_empty(), "{scheme}: a planted secret");
        }
        let found = in_memory(server, &sought.secret);
        println!("{scheme}: of the secret at the server: {found:?}");
        assert_eq!(
            !found.is_empty(),
            has_key,
            "{scheme}, the server: {found:?}"
        );
        let found = in_memory(server, &sought.numbers);
        // A server that decrypts has had them, and may have overwritten them.
        if !has_key {
            assert_eq!(
                !found.is_empty(),
                is_open,
                "{scheme}, the server: {found:?}"
            );
        }
        let words = recorded.words();
        for search in [&sought.secret, &sought.numbers] {
            assert_eq!(search.within(&words), Found::new(), "{scheme}, words");
        }
        let crossed = [&conversation.to_server[..], &conversation.from_server].concat();
        let found = sought.secret.within(&crossed);
        assert_eq!(
            !found.is_empty(),
            has_key,
            "{scheme}, the record: {found:?}"
        );
        let found = sought.numbers.within(&crossed);
        assert_eq!(
            !found.is_empty(),
            is_open,
            "{scheme}, the record: {found:?}"
        );
        without_the_key(scheme, conversation);
    });
}

/// How much of the truth a table tells: the share of its numbers that are near, and the correlation.
#[derive(Clone, Copy, Debug)]
struct Likeness {
    near: f64,
    correlation: f64,
}

fn likeness(table: &Array2<f64>, truth: &Array2<f64>) -> Likeness {
    assert_eq!(table.dim(), truth.dim());
    let near = table
        .iter()
        .zip(truth)
        .filter(|(x, y)| (*x - *y).abs() <= NEAR);
    let centred = |table: &Array2<f64>| table - table.mean().unwrap();
    let (x, y) = (centred(table), centred(truth));
    let correlation = (&x * &y).sum() / ((&x * &x).sum() * (&y * &y).sum()).sqrt();
    Likeness {
        near: near.count() as f64 / truth.len() as f64,
        correlation,
    }
}

/// What was recorded decrypts with the key, and with that of another client of the same circuit to an error
/// or to numbers that have nothing to do with the truth. Of 64 numbers that have not, the correlation is
/// normal with a deviation of 1/8: beyond 0.7 by chance with 2^-26; and a quarter are not near.
fn without_the_key(scheme: &str, conversation: &Conversation) {
    let Conversation { circuit, truth, .. } = conversation;
    let decrypt = |decryptor: &dyn Decryptor, bytes: &[u8]| {
        let table = decryptor.decrypt(sum(), &circuit.load(bytes)?)?;
        Ok::<_, hexperiment_scheme::SchemeError>(likeness(&table, truth))
    };
    let mut result = conversation.result();
    let with_key = decrypt(conversation.client.decryptor.as_ref(), &result).unwrap();
    let whole = with_key.near == 1.0 && with_key.correlation > 0.99;
    assert!(whole, "{scheme}: {with_key:?}");
    let other = circuit.generate_keys().unwrap();
    let unlike = |found: Likeness| found.near < 0.25 && found.correlation.abs() < 0.7;
    let check = |bytes: &[u8]| match decrypt(other.decryptor.as_ref(), bytes) {
        // Nothing is encrypted.
        Ok(found) if scheme == "plaintext" => assert!(!unlike(found), "{found:?}"),
        Ok(found) => assert!(unlike(found), "{scheme}: {found:?}"),
        Err(error) => assert!(
            ["fernet", "paillier"].contains(&scheme),
            "{scheme}: {error}"
        ),
    };
    check(&result);
    if scheme == "paillier" {
        // It is refused for the fingerprint of its key, which stands in the header: with that of the other.
        let table = conversation.tables[0].view();
        let own = other
            .encryptor
            .encrypt(InputId::from_index(0), table)
            .unwrap();
        result[24..40].copy_from_slice(&own.to_bytes().unwrap()[24..40]);
        check(&result);
    }
}

#[test]
fn the_server_of_plaintext_has_what_it_is_sent() {
    check("plaintext");
}

#[test]
fn the_server_of_fernet_has_the_key() {
    check("fernet");
}

#[test]
fn the_server_of_paillier_has_no_secret_key() {
    check("paillier");
}

#[test]
fn the_server_of_seal_ckks_has_no_secret_key() {
    check("seal-ckks");
}

#[test]
fn the_server_of_tfhe_has_no_secret_key() {
    check("tfhe");
}
