//! Sessions: the only way for a task to act.
//!
//! A session lets the parties of a protocol encrypt, evaluate and decrypt, and meters each step:
//! wall and processor time by phase, exact bytes and ciphertexts by direction, rounds, and what
//! is decrypted on the way. Whatever crosses between parties really is serialized and read back.
//! Beside every ciphertext the session carries what it should hold, computed in clear outside
//! the metered time, so that every decryption is checked against the oracle.
//!
//! There is one server and one key owner, [`Session::client`], who in most protocols is the only
//! data owner. Where several own parts of the data, the others act by [`Session::data_owner`]: they
//! encrypt under the common key, and what each of them sends is counted apart. One who is absent
//! sends nothing; as a program has a fixed number of inputs, the key owner can encrypt a neutral
//! table in advance that stands in.

use std::cell::OnceCell;
use std::collections::BTreeMap;

use ndarray::{Array2, ArrayView2};

use crate::clock::Stopwatch;
use crate::program::lower::Lowered;
use crate::program::{InputId, OutputId, Party};
use crate::record::{Errors, Time, Traffic, Violation};
use crate::scheme::{Ciphertexts, Circuit, KeySet, SchemeError};

/// Why a protocol cannot go on.
#[derive(Debug, thiserror::Error)]
pub enum SessionError {
    /// The scheme failed.
    #[error(transparent)]
    Scheme(#[from] SchemeError),
    /// The protocol's steps are out of order; a mistake of the task's author.
    #[error("protocol: {0}")]
    Protocol(String),
}

/// What ciphertexts should hold: by the original program, and by the circuit's own arithmetic.
#[derive(Clone, Debug)]
struct Shadow {
    exact: Array2<f64>,
    simulated: Array2<f64>,
}

/// Ciphertexts in the hands of the parties. Made by [`Client::encrypt`] and
/// [`Server::evaluate`]; moved between parties when the other one needs them.
#[derive(Debug)]
pub struct Sealed {
    ciphertexts: Ciphertexts,
    /// As the other party read them, once they have crossed.
    crossed: OnceCell<Ciphertexts>,
    maker: Party,
    shadow: Shadow,
}

/// What one data owner sent to the server.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sent {
    /// Exact serialized bytes.
    pub bytes: u64,
    /// Ciphertexts.
    pub ciphertexts: u64,
}

/// What a session measured.
#[derive(Clone, Debug, Default)]
pub struct SessionReport {
    /// All encryptions.
    pub encrypt: Time,
    /// All evaluations.
    pub evaluate: Time,
    /// All decryptions, with what is left to the client.
    pub decrypt: Time,
    /// Writing and reading of what crossed.
    pub transfer: Time,
    /// What crossed.
    pub traffic: Traffic,
    /// What each data owner sent, by number; together the uploads of `traffic`.
    pub sent: BTreeMap<u32, Sent>,
    /// Bytes that data owners told each other in clear, past the server.
    pub told_bytes: u64,
    /// Errors of all decrypted values.
    pub errors: Errors,
}

/// One run of a protocol under one circuit and one set of keys.
pub struct Session<'a> {
    circuit: &'a dyn Circuit,
    lowered: &'a Lowered,
    keys: &'a KeySet,
    report: SessionReport,
    uploaded_since_download: bool,
    decrypted_since_upload: u32,
    magnitude: f64,
}

impl<'a> Session<'a> {
    /// A session that has done nothing yet.
    pub fn new(circuit: &'a dyn Circuit, lowered: &'a Lowered, keys: &'a KeySet) -> Self {
        Self {
            circuit,
            lowered,
            keys,
            report: SessionReport::default(),
            uploaded_since_download: false,
            decrypted_since_upload: 0,
            magnitude: 0.0,
        }
    }

    /// Acts as the key owner, who is data owner number 0: encrypts, decrypts.
    pub fn client(&mut self) -> Client<'_, 'a> {
        self.data_owner(0)
    }

    /// Acts as data owner number `number`. All encrypt under the key of number 0, who alone
    /// decrypts.
    pub fn data_owner(&mut self, number: u32) -> Client<'_, 'a> {
        Client {
            session: self,
            number,
        }
    }

    /// Acts as the evaluating server.
    pub fn server(&mut self) -> Server<'_, 'a> {
        Server { session: self }
    }

    /// What was measured so far: all but the precision in bits.
    pub fn so_far(&self) -> &SessionReport {
        &self.report
    }

    /// What was measured.
    pub fn finish(mut self) -> SessionReport {
        let errors = &mut self.report.errors;
        errors.precision_bits = precision_bits(errors.max_abs, self.magnitude);
        self.report
    }

    /// Takes ciphertexts to the party that did not make them, as bytes.
    fn cross<'s>(&mut self, sealed: &'s Sealed) -> Result<&'s Ciphertexts, SessionError> {
        if let Some(crossed) = sealed.crossed.get() {
            return Ok(crossed);
        }
        let watch = Stopwatch::start();
        let bytes = sealed.ciphertexts.to_bytes()?;
        let read = self.circuit.load(&bytes)?;
        self.report.transfer += watch.elapsed();
        let (size, count) = (bytes.len() as u64, sealed.ciphertexts.count() as u64);
        let traffic = &mut self.report.traffic;
        match sealed.maker {
            Party::Server => {
                traffic.download_bytes += size;
                traffic.download_ciphertexts += count;
                if self.uploaded_since_download {
                    traffic.rounds += 1;
                    self.uploaded_since_download = false;
                }
            }
            Party::Client(number) => {
                traffic.upload_bytes += size;
                traffic.upload_ciphertexts += count;
                traffic.clear_values += sealed.shadow.exact.len() as u64;
                traffic.decrypted_midway += self.decrypted_since_upload;
                self.decrypted_since_upload = 0;
                self.uploaded_since_download = true;
                let sent = self.report.sent.entry(number).or_default();
                sent.bytes += size;
                sent.ciphertexts += count;
            }
        }
        Ok(sealed.crossed.get_or_init(|| read))
    }

    /// Compares what was decrypted with what should have been.
    fn check(
        &mut self,
        output: OutputId,
        decrypted: &Array2<f64>,
        finished: &Array2<f64>,
        shadow: &Shadow,
        finished_simulation: &Array2<f64>,
    ) {
        let tolerance = self
            .circuit
            .parameters()
            .noise_tolerance
            .get(output.index());
        let tolerance = tolerance.copied().unwrap_or(0.0);
        let violation = worst(decrypted, &shadow.simulated)
            .filter(|(_, difference)| difference.is_nan() || *difference > tolerance)
            .map(|((sample, column), _)| Violation {
                output: self.lowered.original().output(output).name.clone(),
                sample,
                column,
                expected: shadow.simulated[[sample, column]],
                received: decrypted[[sample, column]],
                tolerance,
            });
        let errors = &mut self.report.errors;
        errors.max_abs = worse(errors.max_abs, difference(finished, &shadow.exact));
        let approximation = difference(finished_simulation, &shadow.exact);
        errors.approximation = worse(errors.approximation, approximation);
        errors.noise = worse(errors.noise, difference(finished, finished_simulation));
        errors.violation = errors.violation.take().or(violation);
        self.magnitude = shadow
            .exact
            .iter()
            .fold(self.magnitude, |m, x| m.max(x.abs()));
    }
}

/// A data owner's side of a session.
pub struct Client<'s, 'a> {
    session: &'s mut Session<'a>,
    number: u32,
}

impl Client<'_, '_> {
    /// Encrypts one input: `length` rows x one column for each that the input declares. The key
    /// owner may encrypt any input, others their own only.
    pub fn encrypt(
        &mut self,
        input: InputId,
        table: ArrayView2<'_, f64>,
    ) -> Result<Sealed, SessionError> {
        let (number, session) = (self.number, &mut *self.session);
        let declared = session.lowered.program().input(input);
        if number > 0 && declared.owner != Party::Client(number) {
            return Err(SessionError::Protocol(format!(
                "data owner {number} encrypts input `{}`, which belongs to {:?}",
                declared.name, declared.owner
            )));
        }
        declared.check(table).map_err(SchemeError::from)?;
        let watch = Stopwatch::start();
        let ciphertexts = session.keys.encryptor.encrypt(input, table)?;
        session.report.encrypt += watch.elapsed();
        let shadow = Shadow {
            exact: table.to_owned(),
            simulated: table.to_owned(),
        };
        Ok(Sealed {
            ciphertexts,
            crossed: OnceCell::new(),
            maker: Party::Client(number),
            shadow,
        })
    }

    /// Sends ciphertexts to the server now, whether or not it will use them. What an evaluation
    /// reads is sent by itself, and nothing twice.
    pub fn send(&mut self, sealed: &Sealed) -> Result<(), SessionError> {
        if sealed.maker != Party::Client(self.number) {
            return Err(SessionError::Protocol(format!(
                "data owner {} sends what {:?} made",
                self.number, sealed.maker
            )));
        }
        self.session.cross(sealed).map(|_| ())
    }

    /// Tells `receivers` other data owners numbers in clear, past the server: 8 bytes for each
    /// number and receiver.
    pub fn tell(&mut self, numbers: usize, receivers: usize) {
        self.session.report.told_bytes += 8 * (numbers * receivers) as u64;
    }

    /// Decrypts one output, and does what the scheme left to the client: rows x one column for
    /// each value of the output. The key owner alone can.
    pub fn decrypt(
        &mut self,
        output: OutputId,
        sealed: &Sealed,
    ) -> Result<Array2<f64>, SessionError> {
        if self.number > 0 {
            return Err(SessionError::Protocol(format!(
                "data owner {} has no secret key; number 0 decrypts",
                self.number
            )));
        }
        let session = &mut *self.session;
        if sealed.maker != Party::Server {
            return Err(SessionError::Protocol(
                "a client decrypts what a server made".into(),
            ));
        }
        let ciphertexts = session.cross(sealed)?;
        let watch = Stopwatch::start();
        let decrypted = session.keys.decryptor.decrypt(output, ciphertexts)?;
        let finished = finish(session.lowered, output, &decrypted)?;
        session.report.decrypt += watch.elapsed();
        session.decrypted_since_upload += 1;
        if decrypted.dim() != sealed.shadow.simulated.dim() {
            return Err(SessionError::Protocol(format!(
                "the scheme decrypted a table of {:?}, expected {:?}",
                decrypted.dim(),
                sealed.shadow.simulated.dim()
            )));
        }
        let simulated = finish(session.lowered, output, &sealed.shadow.simulated)?;
        session.check(output, &decrypted, &finished, &sealed.shadow, &simulated);
        Ok(finished)
    }
}

/// The evaluating server's side of a session.
pub struct Server<'s, 'a> {
    session: &'s mut Session<'a>,
}

impl Server<'_, '_> {
    /// Evaluates the program on one sealed table for each input, in order; yields one for each
    /// output. What a client made is first sent to the server.
    pub fn evaluate(&mut self, inputs: &[&Sealed]) -> Result<Vec<Sealed>, SessionError> {
        let session = &mut *self.session;
        let held: Vec<Ciphertexts> = inputs
            .iter()
            .map(|sealed| {
                if sealed.maker == Party::Server {
                    Ok(sealed.ciphertexts.clone())
                } else {
                    session.cross(sealed).cloned()
                }
            })
            .collect::<Result<_, _>>()?;
        let watch = Stopwatch::start();
        let outputs = session.keys.evaluator.evaluate(&held)?;
        session.report.evaluate += watch.elapsed();

        let exact: Vec<_> = inputs.iter().map(|s| s.shadow.exact.clone()).collect();
        let exact = session
            .lowered
            .original()
            .interpret(&exact)
            .map_err(SchemeError::from)?;
        let simulated: Vec<_> = inputs.iter().map(|s| s.shadow.simulated.clone()).collect();
        let simulated = session.circuit.simulate(&simulated)?;
        if outputs.len() != exact.len() || simulated.len() != exact.len() {
            return Err(SessionError::Protocol(format!(
                "the scheme yields {} outputs and simulates {}, expected {}",
                outputs.len(),
                simulated.len(),
                exact.len()
            )));
        }
        Ok(outputs
            .into_iter()
            .zip(exact.into_iter().zip(simulated))
            .map(|(ciphertexts, (exact, simulated))| Sealed {
                ciphertexts,
                crossed: OnceCell::new(),
                maker: Party::Server,
                shadow: Shadow { exact, simulated },
            })
            .collect())
    }
}

/// The client's last steps on one output, which need no other output.
fn finish(
    lowered: &Lowered,
    output: OutputId,
    table: &Array2<f64>,
) -> Result<Array2<f64>, SchemeError> {
    Ok(lowered.finish_one(output, table)?)
}

/// The place of the greatest difference; NaN counts as the greatest.
fn worst(a: &Array2<f64>, b: &Array2<f64>) -> Option<((usize, usize), f64)> {
    a.indexed_iter()
        .map(|(at, x)| (at, (x - b[at]).abs()))
        .max_by(|(_, x), (_, y)| x.total_cmp(y))
}

/// The greater of two; NaN counts as the greatest.
fn worse(a: f64, b: f64) -> f64 {
    if a.total_cmp(&b).is_lt() { b } else { a }
}

fn difference(a: &Array2<f64>, b: &Array2<f64>) -> f64 {
    worst(a, b).map_or(0.0, |(_, d)| d)
}

/// Bits of agreement: `-log2(error / magnitude)`, between 0 and 53.
fn precision_bits(error: f64, magnitude: f64) -> f64 {
    if error == 0.0 {
        return 53.0;
    }
    if magnitude == 0.0 || !error.is_finite() {
        return 0.0;
    }
    (magnitude / error).log2().clamp(0.0, 53.0)
}
