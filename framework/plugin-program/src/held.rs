//! The ciphertexts of both parties.

use std::any::Any;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use hexperiment_scheme::{CiphertextData, Ciphertexts, CircuitDigest, SchemeError};
use hexperiment_wire::Handle;

use crate::connection::Connection;
use crate::talk::library;

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
    pub(crate) fn made(circuit: CircuitDigest, bytes: Vec<u8>, count: u64) -> Result<Self, String> {
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
    pub(crate) fn bytes(&self) -> Result<Vec<u8>, SchemeError> {
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
