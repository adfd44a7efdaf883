//! The client's roles, and the ciphertexts of both parties.

use std::any::Any;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use hexperiment_program::{InputId, OutputId};
use hexperiment_scheme::{
    CiphertextData, Ciphertexts, CircuitDigest, Decryptor, Encryptor, SchemeError,
};
use hexperiment_wire::{Handle, WireError};
use ndarray::{Array2, ArrayView2};

use crate::circuit::{Shared, Stage};
use crate::server::Connection;
use crate::table;
use crate::talk::{Talk, asked, library};

/// The role of a key that a process of the program has.
pub(crate) struct Role {
    pub(crate) shared: Arc<Shared>,
    pub(crate) client: Arc<Mutex<Stage>>,
}

impl Encryptor for Role {
    fn encrypt(
        &self,
        input: InputId,
        table: ArrayView2<'_, f64>,
    ) -> Result<Ciphertexts, SchemeError> {
        let (name, what) = (self.shared.origin.name, "encrypt");
        let program = self.shared.lowered.program();
        let Some(declared) = program.inputs().get(input.index()) else {
            let message = format!("the program has no input {}", input.index());
            return Err(library(name, what, message));
        };
        declared.check(table)?;
        let mut bytes = Vec::new();
        table::write(table, &mut bytes);
        let mut stage = self.client.lock().unwrap_or_else(PoisonError::into_inner);
        let Stage::Keyed(Talk { process, stage }) = &mut *stage else {
            return Err(library(name, what, WireError::Over.to_string()));
        };
        let made = asked(name, process, what, || {
            let made = stage.encrypt(input, &bytes)?;
            let measured = made.measured;
            Ok((made, measured))
        })?;
        let circuit = self.shared.digest;
        Held::made(circuit, made.bytes, made.ciphertexts)
            .map_err(|e| library(name, what, e))
            .map(Ciphertexts::new)
    }
}

impl Decryptor for Role {
    fn decrypt(
        &self,
        output: OutputId,
        ciphertexts: &Ciphertexts,
    ) -> Result<Array2<f64>, SchemeError> {
        let (name, what) = (self.shared.origin.name, "decrypt");
        let program = self.shared.lowered.program();
        let Some(declared) = program.outputs().get(output.index()) else {
            let message = format!("the program has no output {}", output.index());
            return Err(library(name, what, message));
        };
        let bytes = Held::of(ciphertexts, self.shared.digest)?.bytes()?;
        let mut stage = self.client.lock().unwrap_or_else(PoisonError::into_inner);
        let Stage::Keyed(Talk { process, stage }) = &mut *stage else {
            return Err(library(name, what, WireError::Over.to_string()));
        };
        let told = asked(name, process, what, || {
            let told = stage.decrypt(output, &bytes)?;
            Ok((told.bytes, told.measured))
        })?;
        let shape = table::of_output(program, declared);
        let tables = table::read(&told, [shape]).map_err(|e| library(name, what, e))?;
        let one = tables.into_iter().next();
        one.ok_or_else(|| library(name, what, "no table"))
    }
}

/// Ciphertexts of one input or output, at most; sums of such numbers cannot overflow.
const MOST_CIPHERTEXTS: u64 = 1 << 32;

/// Ciphertexts: their bytes, or what the server calls them.
pub(crate) struct Held {
    circuit: CircuitDigest,
    place: Place,
    /// How many, once that is known: who reads bytes of another party does not know.
    count: OnceLock<usize>,
}

enum Place {
    Bytes {
        bytes: Vec<u8>,
        /// What a server calls them that has read them.
        sent: Mutex<Option<AtServer>>,
    },
    Server(AtServer),
}

/// Ciphertexts that a server holds, which forgets them when this is dropped.
pub(crate) struct AtServer {
    pub(crate) server: Arc<Connection>,
    pub(crate) handle: Handle,
}

impl Drop for AtServer {
    fn drop(&mut self) {
        self.server.forget(self.handle);
    }
}

impl Held {
    /// Ciphertexts that the client has made.
    fn made(circuit: CircuitDigest, bytes: Vec<u8>, count: u64) -> Result<Self, String> {
        let held = Self::sent(circuit, bytes);
        held.counts(count)?;
        Ok(held)
    }

    /// Ciphertexts that the other party has made.
    pub(crate) fn sent(circuit: CircuitDigest, bytes: Vec<u8>) -> Self {
        Self {
            circuit,
            place: Place::Bytes {
                bytes,
                sent: Mutex::new(None),
            },
            count: OnceLock::new(),
        }
    }

    /// Ciphertexts that the server has evaluated.
    pub(crate) fn evaluated(circuit: CircuitDigest, at: AtServer) -> Self {
        Self {
            circuit,
            place: Place::Server(at),
            count: OnceLock::new(),
        }
    }

    /// Notes how many they are.
    fn counts(&self, count: u64) -> Result<(), String> {
        if count > MOST_CIPHERTEXTS {
            return Err(format!(
                "the program breaks the protocol: found {count} ciphertexts, expected at most \
                 {MOST_CIPHERTEXTS}"
            ));
        }
        let _ = self.count.set(count as usize);
        Ok(())
    }

    /// The ciphertexts, if they are of this circuit.
    pub(crate) fn of(
        ciphertexts: &Ciphertexts,
        circuit: CircuitDigest,
    ) -> Result<&Self, SchemeError> {
        let held: &Self = ciphertexts.downcast()?;
        if held.circuit == circuit {
            Ok(held)
        } else {
            Err(SchemeError::Foreign(
                "they were made under another circuit".into(),
            ))
        }
    }

    /// Their bytes, from the server if it has them.
    fn bytes(&self) -> Result<Vec<u8>, SchemeError> {
        match &self.place {
            Place::Bytes { bytes, .. } => Ok(bytes.clone()),
            Place::Server(at) => {
                let results = at.server.download(at.handle)?;
                self.counts(results.ciphertexts)
                    .map_err(|e| library(at.server.scheme(), "download", e))?;
                Ok(results.bytes)
            }
        }
    }

    /// What a server calls them; they are sent to it if it has not got them.
    pub(crate) fn at(&self, server: &Arc<Connection>) -> Result<Handle, SchemeError> {
        match &self.place {
            Place::Server(at) if Arc::ptr_eq(&at.server, server) => Ok(at.handle),
            Place::Server(_) => Err(SchemeError::Foreign("another server holds them".into())),
            Place::Bytes { bytes, sent } => {
                let mut sent = sent.lock().unwrap_or_else(PoisonError::into_inner);
                match &*sent {
                    Some(at) if Arc::ptr_eq(&at.server, server) => Ok(at.handle),
                    _ => {
                        let handle = server.upload(bytes)?;
                        *sent = Some(AtServer {
                            server: Arc::clone(server),
                            handle,
                        });
                        Ok(handle)
                    }
                }
            }
        }
    }
}

impl CiphertextData for Held {
    fn write(&self, bytes: &mut Vec<u8>) -> Result<(), SchemeError> {
        bytes.extend(self.bytes()?);
        Ok(())
    }

    /// 0 for those of the other party until that is known.
    fn count(&self) -> usize {
        self.counted().unwrap_or(0)
    }

    fn counted(&self) -> Option<usize> {
        self.count.get().copied()
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}
