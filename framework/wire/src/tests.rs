//! Both sides against each other, under additive masking: a ciphertext is a number plus a random
//! mask modulo 256 for each element, and the client takes the masks' sum off the sum.

mod ahead;
mod document;
mod mutations;
mod program;
mod violations;

use std::collections::BTreeMap;
use std::io::{Cursor, PipeReader, PipeWriter, Read, Write, pipe};
use std::sync::{Arc, Mutex};

use hexperiment_program::lower::{Capabilities, Lowered};
use hexperiment_program::{Column, Input, Interval, Output, OutputId, Party, Program};
use hexperiment_program::{ProgramBuilder, ProgramError};
use hexperiment_scheme::options::{OptionValue, Options};
use hexperiment_scheme::security::SecurityDemand;
use hexperiment_scheme::{
    CircuitDigest, CompileRequest, EvaluationKeys, KeyPart, KeyRole, SchemeError,
};

use crate::{
    Client, Compiled, Ending, Handle, Limits, Measured, Order, Results, Service, Stop, Stored,
    WireError, serve,
};

const SOFTWARE: &str = "hexperiment 0.1.0";

const LIMITS: Limits = Limits {
    head_bytes: 4096,
    program_bytes: 4096,
    keys_bytes: 4096,
    key_parts: 8,
    ciphertexts_bytes: 4096,
    text_bytes: 4096,
    tables_bytes: 4096,
    handles: 8,
};

const MEASURED: Measured = Measured {
    wall_ns: 1_200_000,
    cpu_ns: 2_300_000,
    peak_rss_bytes: Some(9_437_184),
};

/// The sum of two inputs of four elements.
fn program() -> Program {
    let build = || -> Result<Program, ProgramError> {
        let mut builder = ProgramBuilder::new("sum");
        let mut values = Vec::new();
        for name in ["a", "b"] {
            let (_, columns) = builder.input(Input {
                name: name.into(),
                owner: Party::Client(0),
                length: 4,
                columns: vec![Column {
                    name: "x".into(),
                    range: Interval::new(0.0, 100.0),
                }],
                precision: 0.5,
            })?;
            values.extend(columns);
        }
        let sum = builder.add(values[0], values[1])?;
        builder.output(Output {
            name: "sum".into(),
            values: vec![sum],
            precision: 0.5,
        })?;
        builder.finish()
    };
    build().unwrap()
}

fn order() -> Order {
    let mut options = Options::default();
    options.set("modulus", OptionValue::Integer(256));
    options.set("layout", OptionValue::Text("bytes".into()));
    Order {
        scheme: "masking".into(),
        options,
        security: SecurityDemand::new(128, false),
        threads: 2,
        objective: hexperiment_program::layout::Objective::default(),
        program: serde_json::to_vec(&program()).unwrap(),
    }
}

/// What both parties compute of the order.
fn circuit(order: &Order) -> Result<CircuitDigest, Stop> {
    let program = serde_json::from_slice(&order.program)
        .map_err(|e| Stop::Failed(format!("the program: {e}")))?;
    let lowered = Lowered::given(program, &Capabilities::everything())
        .map_err(|e| Stop::Refused(e.to_string()))?;
    let request = CompileRequest {
        lowered: &lowered,
        options: &order.options,
        security: order.security,
        threads: 1,
        objective: hexperiment_program::layout::Objective::default(),
    };
    CircuitDigest::of("masking 1", &request, &[]).map_err(|e| Stop::Failed(e.to_string()))
}

fn keys(order: &Order) -> EvaluationKeys {
    let parts = [
        KeyPart::new(KeyRole::Public, vec![1; 40]),
        KeyPart::new(KeyRole::Galois, vec![2; 30]),
        KeyPart::new(KeyRole::Galois, Vec::new()),
    ];
    EvaluationKeys::new(circuit(order).unwrap(), parts.into())
}

/// The server of additive masking.
#[derive(Default)]
struct Masking {
    circuit: Option<CircuitDigest>,
    held: BTreeMap<Handle, Vec<u8>>,
}

impl Masking {
    fn of_four(bytes: Vec<u8>) -> Result<Vec<u8>, Stop> {
        match bytes.len() {
            4 => Ok(bytes),
            found => Err(Stop::Failed(format!("found {found} bytes, expected 4"))),
        }
    }
}

impl Service for Masking {
    fn compile(&mut self, order: Order) -> Result<Compiled, Stop> {
        if order.scheme != "masking" {
            return Err(Stop::Refused(format!("no scheme `{}`", order.scheme)));
        }
        let circuit = circuit(&order)?;
        self.circuit = Some(circuit);
        Ok(Compiled {
            circuit,
            library: "masking 1".into(),
            measured: MEASURED,
        })
    }

    fn prepare(&mut self, keys: EvaluationKeys) -> Result<Measured, Stop> {
        let read = || -> Result<(), SchemeError> {
            let mut reader = keys.read_for(self.circuit.unwrap())?;
            reader.next(KeyRole::Public, 40)?;
            reader.next(KeyRole::Galois, 30)?;
            reader.next(KeyRole::Galois, 0)?;
            reader.finish()
        };
        read().map_err(|e| Stop::Failed(e.to_string()))?;
        Ok(MEASURED)
    }

    fn store(&mut self, handle: Handle, bytes: Vec<u8>) -> Result<Stored, Stop> {
        let earlier = self.held.insert(handle, Self::of_four(bytes)?);
        assert_eq!(earlier, None, "the handle was free");
        Ok(Stored {
            ciphertexts: 4,
            measured: MEASURED,
        })
    }

    fn evaluate(
        &mut self,
        inputs: &[Handle],
        outputs: &[OutputId],
        results: &[Handle],
    ) -> Result<Measured, Stop> {
        let [a, b] = inputs else {
            return Err(Stop::Failed("expected two inputs".into()));
        };
        if outputs.iter().any(|output| output.index() > 0) {
            return Err(Stop::Failed("expected output 0".into()));
        }
        let pairs = self.held[a].iter().zip(&self.held[b]);
        let sum: Vec<u8> = pairs.map(|(a, b)| a.wrapping_add(*b)).collect();
        assert_eq!(results.len(), outputs.len());
        for result in results {
            let earlier = self.held.insert(*result, sum.clone());
            assert_eq!(earlier, None, "the handle was free");
        }
        Ok(MEASURED)
    }

    fn download(&mut self, handle: Handle) -> Result<Results, Stop> {
        Ok(Results {
            bytes: self.held[&handle].clone(),
            ciphertexts: 4,
            measured: MEASURED,
        })
    }

    fn discard(&mut self, handles: &[Handle]) {
        for handle in handles {
            self.held.remove(handle).unwrap();
        }
    }

    fn measured(&self) -> Measured {
        MEASURED
    }
}

/// What the client does, whoever answers: the decrypted sums.
fn converse(reader: impl Read, writer: impl Write) -> Result<[Vec<u8>; 2], WireError> {
    const A: [u8; 4] = [1, 2, 3, 4];
    const B: [u8; 4] = [10, 20, 30, 40];
    const MASKS: [u8; 4] = [200, 201, 202, 203];
    let masked = |table: [u8; 4]| -> Vec<u8> {
        let pairs = table.iter().zip(MASKS);
        pairs.map(|(x, mask)| x.wrapping_add(mask)).collect()
    };
    let unmask = |sum: &[u8], times: u8| -> Vec<u8> {
        let pairs = sum.iter().zip(MASKS);
        pairs
            .map(|(x, mask)| x.wrapping_sub(mask.wrapping_mul(times)))
            .collect()
    };
    let order = order();
    let client = Client::greet(reader, writer, LIMITS, SOFTWARE)?;
    let (client, compiled) = client.compile(&order, circuit(&order).unwrap())?;
    assert_eq!(compiled.library.len(), "masking 1".len());
    let (mut client, _) = client.send_keys(keys(&order))?;
    let (a, _) = client.upload(&masked(A))?;
    let (b, _) = client.upload(&masked(B))?;
    let sum = OutputId::from_index(0);
    let (first, _) = client.evaluate(&[a, b], &[sum, sum])?;
    // What was evaluated is an input again.
    let (second, _) = client.evaluate(&[first[1], b], &[sum])?;
    client.discard(&[a, first[1]])?;
    let sums = [client.download(first[0])?, client.download(second[0])?];
    client.bye()?;
    Ok([unmask(&sums[0].bytes, 2), unmask(&sums[1].bytes, 3)])
}

/// A stream that writes down what passes.
struct Tee<S> {
    stream: S,
    passed: Arc<Mutex<Vec<u8>>>,
}

impl Write for Tee<PipeWriter> {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        let count = self.stream.write(bytes)?;
        self.passed.lock().unwrap().extend(&bytes[..count]);
        Ok(count)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        self.stream.flush()
    }
}

/// A whole conversation, as bytes.
struct Transcript {
    from_client: Vec<u8>,
    from_server: Vec<u8>,
}

/// Lets both sides speak, each in a thread of its own.
fn record() -> (Transcript, [Vec<u8>; 2]) {
    let (at_server, to_server): (PipeReader, PipeWriter) = pipe().unwrap();
    let (at_client, to_client) = pipe().unwrap();
    let tee = |stream| {
        let passed = Arc::new(Mutex::new(Vec::new()));
        let tee = Tee {
            stream,
            passed: Arc::clone(&passed),
        };
        (tee, passed)
    };
    let (to_server, from_client) = tee(to_server);
    let (to_client, from_server) = tee(to_client);
    let server = std::thread::spawn(move || {
        serve(
            at_server,
            to_client,
            LIMITS,
            SOFTWARE,
            &mut Masking::default(),
        )
    });
    let sums = converse(at_client, to_server).unwrap();
    assert_eq!(server.join().unwrap().unwrap(), Ending::Bye);
    let taken = |passed: &Mutex<Vec<u8>>| passed.lock().unwrap().clone();
    let transcript = Transcript {
        from_client: taken(&from_client),
        from_server: taken(&from_server),
    };
    (transcript, sums)
}

/// Serves what a client has written; what is answered.
fn replay(from_client: &[u8]) -> (Result<Ending, WireError>, Vec<u8>) {
    let mut answers = Vec::new();
    let reader = Cursor::new(from_client);
    let ending = serve(
        reader,
        &mut answers,
        LIMITS,
        SOFTWARE,
        &mut Masking::default(),
    );
    (ending, answers)
}

/// Lets the client speak with what a server has written; how much the client writes.
fn answered(from_server: &[u8]) -> (Result<[Vec<u8>; 2], WireError>, Vec<u8>) {
    let mut asked = Vec::new();
    let result = converse(Cursor::new(from_server), &mut asked);
    (result, asked)
}

#[test]
fn two_parties_compute_a_sum() {
    let (transcript, sums) = record();
    assert_eq!(sums, [[11, 22, 33, 44], [21, 42, 63, 84]]);
    // The same again from what was written down, to the byte.
    let (ending, answers) = replay(&transcript.from_client);
    assert_eq!(ending.unwrap(), Ending::Bye);
    assert_eq!(answers, transcript.from_server);
    let (again, asked) = answered(&transcript.from_server);
    assert_eq!(again.unwrap(), sums);
    assert_eq!(asked, transcript.from_client);
}
