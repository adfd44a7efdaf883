//! Sessions: the only way for a task to act.
//!
//! A session lets the parties of a protocol encrypt, evaluate and decrypt, and meters each step:
//! wall and processor time by phase, exact bytes and ciphertexts by direction, rounds, and what
//! is decrypted on the way. Whatever crosses between parties really is serialized and read back.
//! Beside every ciphertext the session carries what it should hold, computed in the clear outside
//! the metered time, so that every decryption is checked against the oracle.
//!
//! There is one server and one key owner, [`Session::client`], who in most protocols is the only
//! data owner. Where several own parts of the data, the others act by [`Session::data_owner`]: they
//! encrypt under the common key, and what each of them sends is counted apart. One who is absent
//! sends nothing; as a program has a fixed number of inputs, the key owner can encrypt a neutral
//! table in advance that stands in.

mod errors;
mod keys;
mod server;

use std::cell::OnceCell;
use std::collections::BTreeMap;

use ndarray::{Array2, ArrayView2};

use crate::clock::Stopwatch;
use crate::ledger::{Errors, Time, Traffic};
use hexperiment_program::lower::Lowered;
use hexperiment_program::{InputId, OutputId, Party};
use hexperiment_scheme::{Ciphertexts, Circuit, Parties, SchemeError};

use errors::{Checked, precision_bits};
pub use keys::{KeyTimes, exchange_keys};
pub use server::Server;

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
    /// Numbers of the table that are data: see [`Sealed::with_payload`].
    payload: u64,
}

impl Sealed {
    /// Rows and columns of the table that it holds.
    pub fn shape(&self) -> (usize, usize) {
        self.shadow.exact.dim()
    }

    /// The same, of whose table only `numbers` are data that the client would send in the clear:
    /// the others pad it to a layout's shape, or repeat what was sent before. Without this, all of
    /// them are.
    #[must_use]
    pub fn with_payload(self, numbers: usize) -> Self {
        Self {
            payload: numbers as u64,
            ..self
        }
    }
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
    /// Bytes that data owners told each other in the clear, past the server.
    pub told_bytes: u64,
    /// Errors of all decrypted values.
    pub errors: Errors,
}

/// One run of a protocol under one circuit, by parties who hold the keys of their roles.
pub struct Session<'a> {
    circuit: &'a dyn Circuit,
    lowered: &'a Lowered,
    parties: &'a Parties,
    report: SessionReport,
    uploaded_since_download: bool,
    decrypted_since_upload: u32,
    magnitude: f64,
}

impl<'a> Session<'a> {
    /// A session that has done nothing yet.
    pub fn new(circuit: &'a dyn Circuit, lowered: &'a Lowered, parties: &'a Parties) -> Self {
        Self {
            circuit,
            lowered,
            parties,
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
                traffic.clear_values += sealed.payload;
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
}

/// A data owner's side of a session.
pub struct Client<'s, 'a> {
    session: &'s mut Session<'a>,
    number: u32,
}

impl Client<'_, '_> {
    /// Encrypts one input: `length` rows x one column for each that the input declares. The key
    /// owner may encrypt any input, others their own only.
    ///
    /// # Errors
    /// `SessionError::Protocol` where the input is another data owner's; `SessionError::Scheme`
    /// where the table has another shape, or a number outside its column's range, or the scheme
    /// fails.
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
        let ciphertexts = session.parties.encryptor.encrypt(input, table)?;
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
            payload: table.len() as u64,
        })
    }

    /// Sends ciphertexts to the server now, whether or not it will use them. What an evaluation
    /// reads is sent by itself, and nothing twice.
    ///
    /// # Errors
    /// `SessionError::Protocol` where this data owner did not make them; `SessionError::Scheme`
    /// where they cannot be written, or not be read back.
    pub fn send(&mut self, sealed: &Sealed) -> Result<(), SessionError> {
        if sealed.maker != Party::Client(self.number) {
            return Err(SessionError::Protocol(format!(
                "data owner {} sends what {:?} made",
                self.number, sealed.maker
            )));
        }
        self.session.cross(sealed).map(|_| ())
    }

    /// Tells `receivers` other data owners numbers in the clear, past the server: 8 bytes for each
    /// number and receiver.
    pub fn tell(&mut self, numbers: usize, receivers: usize) {
        self.session.report.told_bytes += 8 * (numbers * receivers) as u64;
    }

    /// Decrypts one output, and does what the scheme left to the client: rows x one column for
    /// each value of the output. The key owner alone can.
    ///
    /// # Errors
    /// `SessionError::Protocol` where this is not the key owner, the ciphertexts were not made by
    /// the server, or the scheme decrypts a table of another shape; `SessionError::Scheme` where
    /// they cannot cross or be decrypted.
    pub fn decrypt(
        &mut self,
        output: OutputId,
        sealed: &Sealed,
    ) -> Result<Array2<f64>, SessionError> {
        self.decrypt_by(output, sealed, None)
    }

    /// As [`Client::decrypt`], where the task leaves a division to the client: each value is divided
    /// by the number in its place, such as a sum by how many it adds up. The division counts as
    /// decryption, and errors are those of the quotients.
    ///
    /// # Errors
    /// As [`Client::decrypt`]; `SessionError::Protocol`, too, where `divisors` has another shape
    /// than the output, or holds a number that is 0, subnormal or not finite.
    pub fn decrypt_divided(
        &mut self,
        output: OutputId,
        sealed: &Sealed,
        divisors: ArrayView2<'_, f64>,
    ) -> Result<Array2<f64>, SessionError> {
        let wanted = sealed.shadow.exact.dim();
        if divisors.dim() != wanted || !divisors.iter().all(|d| d.is_normal()) {
            return Err(SessionError::Protocol(format!(
                "an output of {wanted:?} values is divided by {:?} numbers; expected one for each, \
                 none of them 0",
                divisors.dim()
            )));
        }
        self.decrypt_by(output, sealed, Some(divisors))
    }

    fn decrypt_by(
        &mut self,
        output: OutputId,
        sealed: &Sealed,
        divisors: Option<ArrayView2<'_, f64>>,
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
        let decrypted = session.parties.decryptor.decrypt(output, ciphertexts)?;
        let finished = finish(session.lowered, output, &decrypted, divisors)?;
        session.report.decrypt += watch.elapsed();
        session.decrypted_since_upload += 1;
        if decrypted.dim() != sealed.shadow.simulated.dim() {
            return Err(SessionError::Protocol(format!(
                "the scheme decrypted a table of {:?}, expected {:?}",
                decrypted.dim(),
                sealed.shadow.simulated.dim()
            )));
        }
        let Shadow { exact, simulated } = &sealed.shadow;
        session.check(
            output,
            &Checked {
                decrypted: &decrypted,
                simulated,
                finished: &finished,
                finished_simulation: &finish(session.lowered, output, simulated, divisors)?,
                exact: &divided(exact.clone(), divisors),
            },
        );
        Ok(finished)
    }
}

/// The client's last steps on one output, which need no other output: what the scheme left to it,
/// then the task's division.
fn finish(
    lowered: &Lowered,
    output: OutputId,
    table: &Array2<f64>,
    divisors: Option<ArrayView2<'_, f64>>,
) -> Result<Array2<f64>, SchemeError> {
    Ok(divided(lowered.finish_one(output, table)?, divisors))
}

fn divided(mut table: Array2<f64>, divisors: Option<ArrayView2<'_, f64>>) -> Array2<f64> {
    if let Some(divisors) = divisors {
        table /= &divisors;
    }
    table
}
