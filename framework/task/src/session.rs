//! Sessions: the only way for a task to act.
//!
//! A session lets the parties of a protocol encrypt, evaluate and decrypt, and meters each step:
//! wall and processor time by phase, exact bytes and ciphertexts by direction, rounds, and what
//! is decrypted on the way. Whatever crosses between parties really is serialized and read back; the
//! server is an [`EvaluationServer`], in another process or in this one, and a session does the same
//! with either.
//! Beside every ciphertext the session carries what it should hold, computed in the clear outside
//! the metered time, so that every decryption is checked against the oracle.
//!
//! There is one server and one key owner, [`Session::client`], who in most protocols is the only
//! data owner. Where several own parts of the data, the others act by [`Session::data_owner`]: they
//! encrypt under the common key, and what each of them sends is counted apart. One who is absent
//! sends nothing; as a program has a fixed number of inputs, the key owner can encrypt a neutral
//! table in advance that stands in.

mod client;
mod errors;
mod evaluation_server;
mod key_holders;
mod sealed;
mod server;

use std::collections::BTreeMap;

use crate::clipping::Moved;
use crate::clock::Stopwatch;
use crate::ledger::{Errors, OutputErrors, Time, Traffic};
use hexperiment_program::lower::Lowered;
use hexperiment_program::{OutputId, Party};
use hexperiment_scheme::{Ciphertexts, Circuit, Decryptor, Encryptor, Parties, SchemeError};
use hexperiment_wire::WireError;

pub use client::Client;
use evaluation_server::same_count;
pub use evaluation_server::{
    Downloaded, Evaluated, EvaluationServer, InProcess, KeyTimes, OverWire, Uploaded,
};
pub use key_holders::KeyHolders;
pub use sealed::Sealed;
use sealed::{Place, Released};
pub use server::Server;

/// Why a protocol cannot go on.
#[derive(Debug, thiserror::Error)]
pub enum SessionError {
    /// The scheme failed.
    #[error(transparent)]
    Scheme(#[from] SchemeError),
    /// The server refuses, fails or is gone, or what it says breaks the protocol between the parties.
    #[error(transparent)]
    Wire(#[from] WireError),
    /// The server is a service on a network, which cannot be reached, or says what is wrong.
    #[error("{0}")]
    Service(String),
    /// The protocol's steps are out of order; a mistake of the task's author.
    #[error("protocol: {0}")]
    Protocol(String),
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
    /// Writing, crossing and reading of ciphertexts, and what asking for evaluations took.
    pub transfer: Time,
    /// What crossed.
    pub traffic: Traffic,
    /// What each data owner sent, by number; together the uploads of `traffic`.
    pub sent: BTreeMap<u32, Sent>,
    /// Evaluations.
    pub evaluations: u64,
    /// Bytes that data owners told each other in the clear, past the server.
    pub told_bytes: u64,
    /// Errors of all decrypted values.
    pub errors: Errors,
}

/// One run of a protocol under one circuit, by parties who hold the keys of their roles.
pub struct Session<'a> {
    circuit: &'a dyn Circuit,
    lowered: &'a Lowered,
    encryptor: &'a dyn Encryptor,
    decryptor: &'a dyn Decryptor,
    server: Box<dyn EvaluationServer + 'a>,
    released: Released,
    report: SessionReport,
    uploaded_since_download: bool,
    decrypted_since_upload: u32,
    outputs: BTreeMap<OutputId, OutputErrors>,
    moved: Moved,
    clipping_stated: f64,
}

impl<'a> Session<'a> {
    /// A session that has done nothing yet, with the server in this process.
    pub fn new(circuit: &'a dyn Circuit, lowered: &'a Lowered, parties: &'a Parties) -> Self {
        let server = InProcess::new(circuit, parties.evaluator.as_ref());
        let (encryptor, decryptor) = (parties.encryptor.as_ref(), parties.decryptor.as_ref());
        Self::with_server(circuit, lowered, encryptor, decryptor, server)
    }

    /// A session that has done nothing yet, with a server that has the keys of the other roles.
    pub fn with_server(
        circuit: &'a dyn Circuit,
        lowered: &'a Lowered,
        encryptor: &'a dyn Encryptor,
        decryptor: &'a dyn Decryptor,
        server: impl EvaluationServer + 'a,
    ) -> Self {
        Self {
            circuit,
            lowered,
            encryptor,
            decryptor,
            server: Box::new(server),
            released: Released::default(),
            report: SessionReport::default(),
            uploaded_since_download: false,
            decrypted_since_upload: 0,
            outputs: BTreeMap::new(),
            moved: Moved::default(),
            clipping_stated: 0.0,
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

    /// Who besides the key owner can decrypt what a data owner encrypts, by what the scheme states.
    pub fn key_holders(&self) -> KeyHolders {
        KeyHolders::of(self.circuit.parameters())
    }

    /// Acts as the evaluating server.
    pub fn server(&mut self) -> Server<'_, 'a> {
        Server { session: self }
    }

    /// What was measured so far: all but clipping and the precision in bits.
    pub fn so_far(&self) -> &SessionReport {
        &self.report
    }

    /// What was measured. The server forgets what nobody needs any more.
    pub fn finish(mut self) -> SessionReport {
        let handles = self.released.take();
        if !handles.is_empty() {
            // Whoever asks next is told of a server that is gone.
            let _ = self.server.discard(&handles);
        }
        SessionReport {
            errors: self.errors(),
            ..self.report
        }
    }

    /// Lets the server forget what nobody needs any more.
    fn discard(&mut self) -> Result<(), SessionError> {
        let handles = self.released.take();
        if handles.is_empty() {
            return Ok(());
        }
        let watch = Stopwatch::start();
        self.server.discard(&handles)?;
        self.report.transfer += watch.elapsed();
        Ok(())
    }

    /// Takes a client's ciphertexts to the server, unless they are there.
    fn upload(&mut self, sealed: &Sealed) -> Result<(), SessionError> {
        let Some(ciphertexts) = sealed.to_send(&self.released)? else {
            return Ok(());
        };
        self.discard()?;
        let count = ciphertexts.count() as u64;
        let watch = Stopwatch::start();
        let bytes = ciphertexts.to_bytes()?;
        self.report.transfer += watch.elapsed();
        drop(ciphertexts);
        let size = bytes.len() as u64;
        let uploaded = self.server.upload(bytes)?;
        if let Some(read) = uploaded.ciphertexts {
            same_count(read, count)?;
        }
        self.report.transfer += uploaded.transfer;
        sealed.sent(self.released.name(uploaded.handle));
        let traffic = &mut self.report.traffic;
        traffic.upload_bytes += size;
        traffic.upload_ciphertexts += count;
        traffic.clear_values += sealed.payload();
        traffic.decrypted_midway += self.decrypted_since_upload;
        self.decrypted_since_upload = 0;
        self.uploaded_since_download = true;
        if let Party::Client(number) = sealed.maker() {
            let sent = self.report.sent.entry(number).or_default();
            sent.bytes += size;
            sent.ciphertexts += count;
        }
        Ok(())
    }

    /// Takes the server's ciphertexts to the key owner, unless they are there.
    fn download(&mut self, sealed: &Sealed) -> Result<Ciphertexts, SessionError> {
        let handle = match sealed.to_fetch(&self.released)? {
            Place::Server(handle) => handle,
            Place::Client(ciphertexts) => return Ok(ciphertexts),
        };
        self.discard()?;
        let downloaded = self.server.download(handle)?;
        let watch = Stopwatch::start();
        let read = self.circuit.load(&downloaded.bytes)?;
        self.report.transfer += watch.elapsed();
        self.report.transfer += downloaded.transfer;
        if let Some(count) = read.counted() {
            same_count(downloaded.ciphertexts, count as u64)?;
        }
        let traffic = &mut self.report.traffic;
        traffic.download_bytes += downloaded.bytes.len() as u64;
        traffic.download_ciphertexts += downloaded.ciphertexts;
        if self.uploaded_since_download {
            traffic.rounds += 1;
            self.uploaded_since_download = false;
        }
        sealed.fetched(read.clone());
        Ok(read)
    }
}
