//! A program that is the client, and its host.

use hexperiment_program::InputId;
use hexperiment_scheme::options::Options;

use super::*;
use crate::{Chosen, ClientService, Host, Told, serve_host};

const MASKS: [u8; 4] = [200, 201, 202, 203];

/// The tables that are added.
pub(super) const TABLES: [[f64; 4]; 2] = [[1.0, 2.0, 3.0, 4.0], [10.0, 20.0, 30.0, 40.0]];

fn told(bytes: impl Into<Vec<u8>>) -> Told {
    Told {
        bytes: bytes.into(),
        measured: MEASURED,
    }
}

fn bytes_of(numbers: &[f64]) -> Vec<u8> {
    numbers.iter().flat_map(|x| x.to_le_bytes()).collect()
}

fn numbers_of(bytes: &[u8], count: usize) -> Result<Vec<f64>, Stop> {
    if bytes.len() != 8 * count {
        let found = bytes.len();
        return Err(Stop::Failed(format!(
            "found {found} bytes of {count} numbers"
        )));
    }
    let numbers = bytes
        .chunks(8)
        .map(|eight| f64::from_le_bytes(eight.try_into().unwrap()));
    Ok(numbers.collect())
}

/// The client of additive masking.
#[derive(Default)]
pub(super) struct MaskingClient {
    order: Option<Order>,
}

impl ClientService for MaskingClient {
    fn describe(&mut self) -> Result<Told, Stop> {
        Ok(told("{\"name\":\"masking\"}"))
    }

    fn capabilities(&mut self, options: Options) -> Result<Told, Stop> {
        match options.get("modulus") {
            Some(OptionValue::Integer(256)) => Ok(told("{\"native\":[\"add\"]}")),
            other => Err(Stop::Refused(format!("no modulus {other:?}"))),
        }
    }

    fn compile(&mut self, order: Order) -> Result<Chosen, Stop> {
        let circuit = circuit(&order)?;
        self.order = Some(order);
        Ok(Chosen {
            circuit,
            library: "masking 1".into(),
            simulates: true,
            parameters: b"{\"depth\":0}".into(),
            measured: MEASURED,
        })
    }

    fn generate_keys(&mut self) -> Result<(Vec<KeyPart>, Measured), Stop> {
        let order = self.order.as_ref().unwrap();
        let circuit = circuit(order).unwrap();
        let parts = keys(order).read_for(circuit).unwrap().rest();
        Ok((parts, MEASURED))
    }

    fn encrypt(&mut self, input: InputId, table: &[u8]) -> Result<Results, Stop> {
        if input.index() > 1 {
            return Err(Stop::Failed("expected input 0 or 1".into()));
        }
        let numbers = numbers_of(table, 4)?.into_iter().zip(MASKS);
        let masked = numbers.map(|(x, mask)| (x as u8).wrapping_add(mask));
        Ok(Results {
            bytes: masked.collect(),
            ciphertexts: 4,
            measured: MEASURED,
        })
    }

    fn decrypt(&mut self, output: OutputId, ciphertexts: &[u8]) -> Result<Told, Stop> {
        if output.index() > 0 || ciphertexts.len() != 4 {
            return Err(Stop::Failed("expected four bytes of output 0".into()));
        }
        let pairs = ciphertexts.iter().zip(MASKS);
        let sums = pairs.map(|(x, mask)| f64::from(x.wrapping_sub(mask.wrapping_mul(2))));
        Ok(told(bytes_of(&sums.collect::<Vec<_>>())))
    }

    fn simulate(&mut self, tables: &[u8]) -> Result<Told, Stop> {
        let numbers = numbers_of(tables, 8)?;
        let sums = numbers[..4].iter().zip(&numbers[4..]).map(|(a, b)| a + b);
        Ok(told(bytes_of(&sums.collect::<Vec<_>>())))
    }

    fn measured(&self) -> Measured {
        MEASURED
    }
}

/// What the host does, whoever answers: the sum that is decrypted, and that simulated. Both parties'
/// part in it: the server's is done here.
pub(super) fn ask(reader: impl Read, writer: impl Write) -> Result<[Vec<u8>; 2], WireError> {
    let order = order();
    let mut host = Host::greet(reader, writer, LIMITS, SOFTWARE)?;
    host.describe()?;
    host.capabilities(&order.options)?;
    let (mut host, chosen) = host.compile(&order)?;
    let tables = bytes_of(&TABLES.concat());
    if chosen.simulates {
        host.simulate(&tables)?;
    }
    let (mut host, made) = host.generate_keys()?;
    assert!(made.keys.parts().len() as u64 <= LIMITS.key_parts);
    let mut sum = [0_u8; 4];
    for (place, table) in TABLES.iter().enumerate() {
        let masked = host.encrypt(InputId::from_index(place), &bytes_of(table))?;
        for (sum, x) in sum.iter_mut().zip(masked.bytes) {
            *sum = sum.wrapping_add(x);
        }
    }
    let decrypted = host.decrypt(OutputId::from_index(0), &sum)?;
    let simulated = host.simulate(&tables)?;
    host.bye()?;
    Ok([decrypted.bytes, simulated.bytes])
}

/// Lets both sides speak, each in a thread of its own.
pub(super) fn record_program() -> Transcript {
    let (at_program, to_program) = pipe().unwrap();
    let (at_host, to_host) = pipe().unwrap();
    let passed = [(); 2].map(|()| Arc::new(Mutex::new(Vec::new())));
    let [from_host, from_program] = &passed;
    let tee = |stream, passed: &Arc<Mutex<Vec<u8>>>| Tee {
        stream,
        passed: Arc::clone(passed),
    };
    let to_host = tee(to_host, from_program);
    let program = std::thread::spawn(move || {
        let mut service = MaskingClient::default();
        serve_host(at_program, to_host, LIMITS, SOFTWARE, &mut service)
    });
    let sums = ask(at_host, tee(to_program, from_host)).unwrap();
    assert_eq!(program.join().unwrap().unwrap(), Ending::Bye);
    let expect = bytes_of(&[11.0, 22.0, 33.0, 44.0]);
    assert_eq!(sums, [expect.clone(), expect]);
    let taken = |passed: &Mutex<Vec<u8>>| passed.lock().unwrap().clone();
    Transcript {
        from_client: taken(from_host),
        from_server: taken(from_program),
    }
}

/// Serves what a host has written; what is answered.
pub(super) fn replay_program(from_host: &[u8]) -> (Result<Ending, WireError>, Vec<u8>) {
    let mut answers = Vec::new();
    let mut service = MaskingClient::default();
    let reader = Cursor::new(from_host);
    let ending = serve_host(reader, &mut answers, LIMITS, SOFTWARE, &mut service);
    (ending, answers)
}

/// Lets the host speak with what a program has written; how much the host writes.
pub(super) fn asked(from_program: &[u8]) -> (Result<[Vec<u8>; 2], WireError>, Vec<u8>) {
    let mut asked = Vec::new();
    let result = ask(Cursor::new(from_program), &mut asked);
    (result, asked)
}

#[test]
fn a_program_and_its_host() {
    let transcript = record_program();
    let (ending, answers) = replay_program(&transcript.from_client);
    assert_eq!(ending.unwrap(), Ending::Bye);
    assert_eq!(answers, transcript.from_server);
    let (sums, asked) = asked(&transcript.from_server);
    assert_eq!(sums.unwrap()[0][..8], 11.0_f64.to_le_bytes());
    assert_eq!(asked, transcript.from_client);
}

/// A frame of this head.
fn frame(head: &str, body: &[u8]) -> Vec<u8> {
    let lengths = (
        (head.len() as u32).to_le_bytes(),
        (body.len() as u64).to_le_bytes(),
    );
    [b"HEXW", &lengths.0[..], &lengths.1, head.as_bytes(), body].concat()
}

/// The frames of a transcript, each whole.
fn frames(stream: &[u8]) -> Vec<Vec<u8>> {
    let mut rest = stream;
    let mut frames = Vec::new();
    while !rest.is_empty() {
        let head = u32::from_le_bytes(rest[4..8].try_into().unwrap()) as usize;
        let body = u64::from_le_bytes(rest[8..16].try_into().unwrap()) as usize;
        let (frame, more) = rest.split_at(crate::PRELUDE_BYTES + head + body);
        frames.push(frame.to_vec());
        rest = more;
    }
    frames
}

const TIMES: &str = r#""measured":{"wall_ns":1,"cpu_ns":1,"peak_rss_bytes":null}"#;

/// The host reads the first `good` frames of a program, then `bad`.
#[track_caller]
fn host_says(good: usize, bad: &[u8], expect: &str) {
    let mut stream = frames(&record_program().from_server)[..good].concat();
    stream.extend(bad);
    let error = asked(&stream).0.unwrap_err().to_string();
    assert!(error.contains(expect), "{error:?} lacks {expect:?}");
}

/// The program reads the first `good` frames of a host, then `bad`: what it says, and tells the host.
#[track_caller]
fn program_says(good: usize, bad: &[u8], expect: &str) {
    let mut stream = frames(&record_program().from_client)[..good].concat();
    stream.extend(bad);
    let (ending, answers) = replay_program(&stream);
    let last = frames(&answers).pop().unwrap();
    let last = String::from_utf8_lossy(&last).into_owned();
    let told = match ending {
        Ok(ending) => {
            assert_eq!(ending, Ending::Stopped);
            last.clone()
        }
        Err(error) => error.to_string(),
    };
    assert!(told.contains(expect), "{told:?} lacks {expect:?}");
    assert!(
        last.contains("\"failed\"") || last.contains("\"refused\""),
        "{last}"
    );
}

#[test]
fn what_a_program_may_not_say() {
    // Its frames: hello, described, capable, parameters, simulated, keys, 3 key, generated, ...
    let described = frame(&format!(r#"{{"type":"described",{TIMES}}}"#), &[b' '; 5000]);
    host_says(
        1,
        &described,
        "bytes of a text: found 5000, expected at most 4096",
    );
    let parameters = |circuit: &str| {
        let head = format!(
            r#"{{"type":"parameters","circuit":"{circuit}","library":"","simulates":false,{TIMES}}}"#
        );
        frame(&head, b"{}")
    };
    for circuit in ["", "f00", &"G".repeat(64), &"F".repeat(64), &"é".repeat(32)] {
        host_says(
            3,
            &parameters(circuit),
            "expected 64 hexadecimal digits in lower case",
        );
    }
    let keys = frame(
        &format!(
            r#"{{"type":"keys","circuit":"{}","parts":1,"bytes":1}}"#,
            "0".repeat(64)
        ),
        b"",
    );
    host_says(5, &keys, "found circuit 0000");
    // Keys that do not come, or that end in a reason.
    host_says(6, b"", "the end of the stream, expected `key`");
    let refused = frame(r#"{"type":"refused","reason":"no randomness"}"#, b"");
    host_says(7, &refused, "no randomness");
    host_says(9, &keys, "found the frame `keys`, expected `generated`");
    let encrypted = format!(r#"{{"type":"encrypted","ciphertexts":-1,{TIMES}}}"#);
    host_says(10, &frame(&encrypted, b""), "invalid value: integer `-1`");
    let large = frame(&format!(r#"{{"type":"decrypted",{TIMES}}}"#), &[0; 5000]);
    host_says(
        12,
        &large,
        "bytes of tables: found 5000, expected at most 4096",
    );
}

#[test]
fn what_a_host_may_not_ask() {
    // Its frames: hello, describe, capabilities, compile, simulate, generate-keys, 2 encrypt, ...
    let simulate = frame(r#"{"type":"simulate"}"#, b"");
    program_says(
        1,
        &simulate,
        "found the frame `simulate`, expected `describe` or",
    );
    let keys = frame(r#"{"type":"generate-keys"}"#, b"");
    program_says(
        3,
        &keys,
        "expected `describe` or `capabilities` or `compile` or `bye`",
    );
    let encrypt =
        |input: i64, body: &[u8]| frame(&format!(r#"{{"type":"encrypt","input":{input}}}"#), body);
    program_says(
        4,
        &encrypt(0, b""),
        "expected `generate-keys` or `simulate` or `bye`",
    );
    program_says(
        6,
        &keys,
        "found the frame `generate-keys`, expected `encrypt`",
    );
    program_says(6, &encrypt(2, &[0; 32]), "expected input 0 or 1");
    program_says(6, &encrypt(-1, &[0; 32]), "invalid value: integer `-1`");
    program_says(6, &encrypt(0, &[0; 31]), "found 31 bytes of 4 numbers");
    program_says(
        6,
        &frame(r#"{"type":"decrypt","output":0}"#, b"x"),
        "four bytes",
    );
    let order = frame(r#"{"type":"capabilities","options":{}}"#, b"");
    program_says(1, &order, "no modulus");
}
