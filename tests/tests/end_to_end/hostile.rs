//! A hostile client against the server's true process: keys, ciphertexts and frames that were changed. The
//! process may end with an error, which the client is told, or go on; it may not be killed by a signal, panic,
//! hang, or take memory that nothing calls for.
//!
//! A few every day. Many, by hand, after changes of a scheme or of the protocol:
//!
//! ```text
//! cargo test --release --workspace --test end_to_end -- --ignored hostile --nocapture
//! ```
//!
//! Mutation `i` follows from `i` alone; `HEXPERIMENT_MUTATIONS=70..80` runs these alone. What mutations do to
//! a scheme in process is `conformance::mutations`.

#![cfg(unix)]

use std::io::{Read as _, Write as _};
use std::ops::Range;
use std::os::unix::process::ExitStatusExt as _;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

use hexperiment_program::{InputId, OutputId, Program};
use hexperiment_scheme::{Circuit, EvaluationKeys, KeyPart, KeySet, SchemeError};
use hexperiment_tests::conformance::{Part, mutate, mutate_keys, wanted};
use hexperiment_wire::{Client, Handle, Limits, Order, Ready, WireError};
use ndarray::Array2;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

use crate::secrets;
use crate::server::{compiled, program};

const SCHEMES: [&str; 5] = ["plaintext", "fernet", "paillier", "seal-ckks", "tfhe"];
/// Kibibytes of address space: several times what any server here takes.
const MEMORY: u64 = 8 << 20;
/// How long one conversation may take, on a busy machine.
const PATIENCE: Duration = Duration::from_mins(3);

/// A process that is killed when it is late or has taken too much memory.
struct Guarded {
    process: Arc<Mutex<Child>>,
    over: Sender<()>,
    guard: JoinHandle<bool>,
}

impl Guarded {
    fn start() -> (Self, ChildStdin, ChildStdout) {
        let mut command = Command::new("sh");
        let script = format!("ulimit -v {MEMORY}; exec \"$0\" server");
        command.args(["-c", &script, env!("CARGO_BIN_EXE_hexperiment-under-test")]);
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut process = command.stderr(Stdio::piped()).spawn().unwrap();
        let (input, output) = (process.stdin.take(), process.stdout.take());
        let process = Arc::new(Mutex::new(process));
        let (over, is_over) = channel();
        let watched = Arc::clone(&process);
        let guard = std::thread::spawn(move || {
            let late = is_over.recv_timeout(PATIENCE) == Err(RecvTimeoutError::Timeout);
            if late {
                watched.lock().unwrap().kill().unwrap();
            }
            late
        });
        let guarded = Self {
            process,
            over,
            guard,
        };
        (guarded, input.unwrap(), output.unwrap())
    }

    /// How the process ended, to which no one speaks any more: by itself. Whether without an error.
    #[track_caller]
    fn ended(self, what: &str) -> bool {
        // The guard is to reach the process while it is waited for.
        let status = loop {
            let status = self.process.lock().unwrap().try_wait().unwrap();
            match status {
                Some(status) => break status,
                None => std::thread::sleep(Duration::from_millis(1)),
            }
        };
        let _ = self.over.send(()); // the guard may be gone
        let late = self.guard.join().unwrap();
        let mut words = String::new();
        let words_of = self.process.lock().unwrap().stderr.take();
        words_of.unwrap().read_to_string(&mut words).unwrap();
        assert!(!late, "{what}: late: {words}");
        assert_eq!(status.signal(), None, "{what}: {words}");
        let code = status.code().unwrap();
        assert!(
            code == 0 || code == 1 && !words.contains("panicked"),
            "{what}: {code}: {words}"
        );
        code == 0
    }
}

/// A client whose keys were taken.
type Talk = Client<Ready, ChildStdout, ChildStdin>;

/// A circuit, its keys, and what is sent under them.
struct Attack {
    scheme: &'static str,
    order: Order,
    circuit: Box<dyn Circuit>,
    keys: KeySet,
    parts: Vec<Part>,
    inputs: Vec<Vec<u8>>,
    /// Parts and ciphertexts of other keys, and results.
    others: Vec<Vec<u8>>,
}

fn parts(keys: &EvaluationKeys) -> Vec<Part> {
    let parts = keys.parts().iter();
    parts.map(|p| (p.role(), p.bytes().to_vec())).collect()
}

/// What became of what.
#[derive(Default, Debug)]
struct Fates {
    refused: u64,
    accepted: u64,
}

impl Attack {
    fn new(scheme: &'static str, program: &Program) -> Self {
        let (order, circuit) = compiled(scheme, program);
        let [keys, other] = [(); 2].map(|()| circuit.generate_keys().unwrap());
        let inputs = |keys: &KeySet| -> Vec<Vec<u8>> {
            let inputs = program.inputs().iter().enumerate();
            let encrypt = |(index, input): (usize, &hexperiment_program::Input)| {
                let table = Array2::from_elem((input.length, input.columns.len()), 1.5);
                let sealed = keys
                    .encryptor
                    .encrypt(InputId::from_index(index), table.view());
                sealed.unwrap().to_bytes().unwrap()
            };
            inputs.map(encrypt).collect()
        };
        let parts = parts(&keys.evaluation);
        let (own, mut others) = (inputs(&keys), inputs(&other));
        others.extend(
            self::parts(&other.evaluation)
                .into_iter()
                .map(|(_, bytes)| bytes),
        );
        Self {
            scheme,
            order,
            circuit,
            keys,
            parts,
            inputs: own,
            others,
        }
    }

    /// A server that has these keys, or why it has not.
    fn prepared(&self, parts: Vec<Part>) -> (Guarded, Result<Talk, WireError>) {
        let (guarded, input, output) = Guarded::start();
        let client = Client::greet(output, input, Limits::default(), "tests").unwrap();
        let (client, _) = client.compile(&self.order, self.circuit.digest()).unwrap();
        let parts = parts
            .into_iter()
            .map(|(role, bytes)| KeyPart::new(role, bytes));
        let keys = EvaluationKeys::new(self.circuit.digest(), parts.collect());
        (guarded, client.send_keys(keys).map(|(client, _)| client))
    }

    /// Evaluates the first output with one input in the place of the first, and decrypts it.
    fn follow(&self, client: &mut Talk, first: &[u8], rest: &[Handle]) -> Result<(), WireError> {
        let (first, _) = client.upload(first)?;
        let inputs: Vec<Handle> = [&[first], rest].concat();
        let output = OutputId::from_index(0);
        let (results, _) = client.evaluate(&inputs, &[output])?;
        let bytes = client.download(results[0])?.bytes;
        client.discard(&[first, results[0]])?;
        // An error or numbers: what a client makes of it is not the server's.
        let decrypted: Result<Array2<f64>, SchemeError> = self
            .circuit
            .load(&bytes)
            .and_then(|result| self.keys.decryptor.decrypt(output, &result));
        drop(decrypted);
        Ok(())
    }

    fn rest(&self, client: &mut Talk) -> Result<Vec<Handle>, WireError> {
        let rest = self.inputs[1..].iter();
        rest.map(|bytes| Ok(client.upload(bytes)?.0)).collect()
    }

    /// What is said when a server stops: by a frame, never by its silence.
    #[track_caller]
    fn told(&self, index: u64, error: &WireError) {
        let told = matches!(error, WireError::Failed(_) | WireError::Refused(_));
        assert!(told, "{}, mutation {index}: {error}", self.scheme);
    }

    fn keys(&self, range: Range<u64>) -> Fates {
        let mut fates = Fates::default();
        for index in range {
            let mut parts = self.parts.clone();
            mutate_keys(&mut parts, &self.others, index);
            let (guarded, client) = self.prepared(parts);
            let used = client.and_then(|mut client| {
                let rest = self.rest(&mut client)?;
                self.follow(&mut client, &self.inputs[0], &rest)?;
                client.bye()
            });
            match &used {
                Ok(_) => fates.accepted += 1,
                Err(error) => {
                    self.told(index, error);
                    fates.refused += 1;
                }
            }
            let what = format!("{}, mutation {index} of the keys", self.scheme);
            assert_eq!(guarded.ended(&what), used.is_ok(), "{what}");
        }
        fates
    }

    /// One server takes many, until it stops.
    fn ciphertexts(&self, range: Range<u64>) -> Fates {
        let mut fates = Fates::default();
        let mut range = range.peekable();
        while range.peek().is_some() {
            let (guarded, client) = self.prepared(self.parts.clone());
            let mut client = client.unwrap();
            let rest = self.rest(&mut client).unwrap();
            let mut last = 0;
            let stopped = range.by_ref().find_map(|index| {
                let mut random = ChaCha8Rng::seed_from_u64(index);
                let mut bytes = self.inputs[0].clone();
                for _ in 0..[1, 1, 1, 2, 4][random.random_range(0..5)] {
                    mutate(&mut bytes, &self.others, &mut random);
                }
                last = index;
                let stopped = self.follow(&mut client, &bytes, &rest).err();
                if stopped.is_none() {
                    fates.accepted += 1;
                }
                stopped
            });
            match &stopped {
                Some(error) => {
                    self.told(last, error);
                    fates.refused += 1;
                }
                None => drop(client.bye().unwrap()),
            }
            let what = format!("{}, mutation {last} of ciphertexts", self.scheme);
            assert_eq!(guarded.ended(&what), stopped.is_none(), "{what}");
        }
        fates
    }
}

/// Mutated keys, of programs that take all that a scheme has.
fn keys(count: u64) {
    for scheme in SCHEMES {
        let fates = Attack::new(scheme, &secrets::program(scheme, "keys")).keys(wanted(count));
        println!("{scheme}: mutated keys: {fates:?}");
        assert!(fates.refused > 0, "{scheme}");
    }
}

fn ciphertexts(count: u64) {
    for scheme in SCHEMES {
        let fates = Attack::new(scheme, &program()).ciphertexts(wanted(count));
        println!("{scheme}: mutated ciphertexts: {fates:?}");
        assert!(fates.refused > 0, "{scheme}");
    }
}

/// The frames of a conversation, and one of them changed: its bytes, or its head or body with lengths that
/// fit again.
fn frames(count: u64) {
    let attack = Attack::new("plaintext", &program());
    let (recorded, talk) = secrets::Recorded::start();
    let (talk, _) = talk
        .compile(&attack.order, attack.circuit.digest())
        .unwrap();
    let keys = EvaluationKeys::new(attack.circuit.digest(), vec![]);
    let (mut talk, _) = talk.send_keys(keys).unwrap();
    let inputs: Vec<Handle> = attack
        .inputs
        .iter()
        .map(|b| talk.upload(b).unwrap().0)
        .collect();
    let (results, _) = talk.evaluate(&inputs, &[OutputId::from_index(0)]).unwrap();
    talk.download(results[0]).unwrap();
    talk.discard(&results).unwrap();
    talk.bye().unwrap();
    let frames = secrets::frames(&recorded.crossed()[0]);
    let mut fates = Fates::default();
    for index in wanted(count) {
        let mut random = ChaCha8Rng::seed_from_u64(index);
        let mut frames = frames.clone();
        let at = random.random_range(0..frames.len());
        let others = [frames[random.random_range(0..frames.len())].1.clone()];
        let (head, body) = &mut frames[at];
        let fits = random.random();
        if fits {
            let part = if body.is_empty() || random.random() {
                head
            } else {
                body
            };
            mutate(part, &others, &mut random);
        }
        let mut said: Vec<Vec<u8>> = frames.iter().map(|(h, b)| secrets::frame(h, b)).collect();
        if !fits {
            mutate(&mut said[at], &others, &mut random);
        }
        let (guarded, mut input, mut output) = Guarded::start();
        // A server that has heard enough closes its end.
        let _ = input.write_all(&said.concat());
        drop(input);
        let mut answers = Vec::new();
        output.read_to_end(&mut answers).unwrap();
        // Whatever it was told, it says nothing but whole frames, of which the last says how it ended.
        let last = secrets::frames(&answers).pop();
        let kind = last.map_or(String::new(), |(head, _)| secrets::kind(&head));
        let what = format!("mutation {index} of frames");
        if guarded.ended(&what) {
            assert_eq!(kind, "ended", "{what}");
            fates.accepted += 1;
        } else {
            fates.refused += 1;
        }
    }
    println!("mutated frames: {fates:?}");
    assert!(fates.refused > 0);
}

#[test]
fn some_mutated_keys() {
    keys(8);
}

#[test]
fn some_mutated_ciphertexts() {
    ciphertexts(40);
}

#[test]
fn some_mutated_frames() {
    frames(50);
}

#[test]
#[ignore = "300 mutations a scheme take minutes: see the module"]
fn many_mutated_keys() {
    keys(300);
}

#[test]
#[ignore = "3,000 mutations a scheme take minutes: see the module"]
fn many_mutated_ciphertexts() {
    ciphertexts(3000);
}

#[test]
#[ignore = "5,000 mutations take minutes: see the module"]
fn many_mutated_frames() {
    frames(5000);
}
