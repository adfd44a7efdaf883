//! Keys: what the client makes, and what of it crosses to the server, as bytes.
//!
//! The server builds its [`Evaluator`] from these bytes alone, in [`Circuit::prepare`]. They come in
//! parts, each of one role; which parts there are, in which order and of which length follows from
//! the circuit, so that they need no headers and a reader allocates nothing that did not arrive. A
//! part is dropped as soon as it is read: a key set may have gigabytes, and is never there twice.

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::security::Encryption;
use crate::{Circuit, CompileRequest, Decryptor, Encryptor, Evaluator, SchemeError};

/// What a part of the evaluation keys is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum KeyRole {
    /// Encrypts: the public key, or what of it the server computes with.
    Public,
    /// Takes products back to two polynomials.
    Relinearization,
    /// Rotates slots.
    Galois,
    /// Bootstraps: the bootstrapping key, and its key-switching key.
    Bootstrapping,
    /// Encrypts and decrypts: of schemes that protect data in transit only
    /// ([`Protection::TransportOnly`](crate::security::Protection::TransportOnly)).
    Shared,
}

impl KeyRole {
    /// All of them; a role's place is its number wherever it crosses.
    pub const ALL: [Self; 5] = [
        Self::Public,
        Self::Relinearization,
        Self::Galois,
        Self::Bootstrapping,
        Self::Shared,
    ];
}

impl std::fmt::Display for KeyRole {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Public => "public",
            Self::Relinearization => "relinearization",
            Self::Galois => "Galois",
            Self::Bootstrapping => "bootstrapping",
            Self::Shared => "shared",
        })
    }
}

/// One part of the evaluation keys. A shared one is overwritten when it is dropped.
pub struct KeyPart {
    role: KeyRole,
    bytes: Vec<u8>,
}

impl KeyPart {
    /// A part of these bytes.
    pub fn new(role: KeyRole, bytes: Vec<u8>) -> Self {
        Self { role, bytes }
    }

    /// What it is for.
    pub fn role(&self) -> KeyRole {
        self.role
    }

    /// Its bytes, as they cross.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }
}

impl Drop for KeyPart {
    fn drop(&mut self) {
        if self.role == KeyRole::Shared {
            self.bytes.fill(0);
            // Keeps the fill from being optimised away.
            std::hint::black_box(&self.bytes);
        }
    }
}

impl std::fmt::Debug for KeyPart {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "KeyPart({}, {} bytes)", self.role, self.bytes.len())
    }
}

/// Names a circuit: SHA-256 of the library with its version, the program and which of its ranges were
/// stated, the options, the security demanded, who encrypts, how seldom it may fail, what layouts are
/// chosen for, and the parameters that were chosen. Two parties that compile the same have the same one.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct CircuitDigest([u8; 32]);

impl CircuitDigest {
    /// Of what was compiled, by `library` (as the manifest names it) to the parameters `chosen`.
    ///
    /// # Errors
    ///
    /// The program cannot be written down; none that was checked is so.
    pub fn of(
        library: &str,
        request: &CompileRequest<'_>,
        chosen: &[(String, String)],
    ) -> Result<Self, SchemeError> {
        let demand = &request.security;
        let security = (demand.bits, demand.insecure);
        let program = request.lowered.program();
        let values: Vec<_> = program
            .values()
            .iter()
            .map(|v| (v.op(), v.range()))
            .collect();
        let named = (
            library,
            (program.name(), program.inputs(), values, program.outputs()),
            request.options,
            security,
            chosen,
        );
        let mut hash = Sha256::new();
        serde_json::to_writer(&mut hash, &named).map_err(|e| SchemeError::Library {
            library: "serde_json",
            operation: "the circuit's digest".into(),
            message: e.to_string(),
        })?;
        // Which ranges were stated and not proven: layouts depend on it. Without any, where the key owner
        // encrypts and where nothing is asked of layouts, circuits are named as in earlier versions.
        let stated = program.iter().filter(|(_, value)| value.is_assumed());
        for (id, _) in stated {
            hash.update(format!("stated {} ", id.index()));
        }
        if demand.encryption == Encryption::Public {
            hash.update(b"public");
        }
        if !request.objective.is_default() {
            hash.update(request.objective.to_string());
        }
        Ok(Self(hash.finalize().into()))
    }

    /// The digest of these bytes, as a program that compiles by itself says it.
    pub fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// Its bytes.
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl std::fmt::Debug for CircuitDigest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0[..4].iter().try_for_each(|b| write!(f, "{b:02x}"))
    }
}

/// The evaluation keys of one circuit, as they cross from the client to the server.
#[derive(Debug)]
pub struct EvaluationKeys {
    circuit: CircuitDigest,
    parts: Vec<KeyPart>,
}

impl EvaluationKeys {
    /// Those of a circuit, which follow from these parts.
    pub fn new(circuit: CircuitDigest, parts: Vec<KeyPart>) -> Self {
        Self { circuit, parts }
    }

    /// The circuit that they were made for.
    pub fn circuit(&self) -> CircuitDigest {
        self.circuit
    }

    /// The parts, in order.
    pub fn parts(&self) -> &[KeyPart] {
        &self.parts
    }

    /// How large they are.
    pub fn sizes(&self) -> KeySizes {
        let mut sizes = KeySizes::default();
        for part in &self.parts {
            let size = match part.role {
                KeyRole::Public => &mut sizes.public,
                KeyRole::Relinearization => &mut sizes.relinearization,
                KeyRole::Galois => &mut sizes.galois,
                KeyRole::Bootstrapping => &mut sizes.bootstrapping,
                KeyRole::Shared => &mut sizes.shared,
            };
            *size = Some(size.unwrap_or(0) + part.bytes.len() as u64);
        }
        sizes
    }

    /// The same, as the other party gets them: what was sent is gone, part by part.
    #[must_use]
    pub fn cross(self) -> Self {
        let copy = |part: KeyPart| KeyPart::new(part.role, part.bytes.clone());
        Self {
            circuit: self.circuit,
            parts: self.parts.into_iter().map(copy).collect(),
        }
    }

    /// Reads them for `circuit`.
    ///
    /// # Errors
    ///
    /// They were made for another circuit.
    pub fn read_for(self, circuit: CircuitDigest) -> Result<KeyReader, SchemeError> {
        if self.circuit != circuit {
            return Err(SchemeError::ForeignKeys(format!(
                "they were made for circuit {:?}, this one is {circuit:?}; both parties must compile the \
                 same program with the same options and the same version",
                self.circuit
            )));
        }
        Ok(KeyReader {
            parts: self.parts.into_iter(),
            read: 0,
        })
    }
}

/// Takes the parts of evaluation keys, one after the other.
#[derive(Debug)]
pub struct KeyReader {
    parts: std::vec::IntoIter<KeyPart>,
    read: usize,
}

impl KeyReader {
    /// The next part, which must be of this role and of exactly so many bytes.
    ///
    /// # Errors
    ///
    /// It is not, or there is none.
    pub fn next(&mut self, role: KeyRole, length: usize) -> Result<KeyPart, SchemeError> {
        let (number, part) = (self.read, self.parts.next());
        self.read += 1;
        match part {
            Some(part) if part.role == role && part.bytes.len() == length => Ok(part),
            Some(part) => Err(SchemeError::ForeignKeys(format!(
                "part {number}: found {} bytes of a {} key, expected {length} of a {role} key",
                part.bytes.len(),
                part.role
            ))),
            None => Err(SchemeError::ForeignKeys(format!(
                "{number} parts, expected another one: a {role} key of {length} bytes"
            ))),
        }
    }

    /// Whatever parts are left.
    pub fn rest(self) -> Vec<KeyPart> {
        self.parts.collect()
    }

    /// Ends the reading.
    ///
    /// # Errors
    ///
    /// A part is left over.
    pub fn finish(self) -> Result<(), SchemeError> {
        match self.parts.len() {
            0 => Ok(()),
            more => Err(SchemeError::ForeignKeys(format!(
                "{} parts, expected {}",
                self.read + more,
                self.read
            ))),
        }
    }
}

/// Exact sizes of the keys that cross, in bytes; `None` where the scheme has no such key.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeySizes {
    /// The encryption key, or what of it the server computes with.
    pub public: Option<u64>,
    /// The relinearization key.
    pub relinearization: Option<u64>,
    /// The Galois (rotation) keys.
    pub galois: Option<u64>,
    /// The bootstrapping key, with its key-switching key.
    pub bootstrapping: Option<u64>,
    /// The key of both parties, where the server decrypts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shared: Option<u64>,
}

impl KeySizes {
    /// All of them: what a client sends before the first query.
    pub fn total(&self) -> u64 {
        [
            self.public,
            self.relinearization,
            self.galois,
            self.bootstrapping,
            self.shared,
        ]
        .into_iter()
        .flatten()
        .sum()
    }
}

/// What the client makes: two roles to keep, and the evaluation keys to send.
pub struct KeySet {
    /// The data owner's: encrypts.
    pub encryptor: Box<dyn Encryptor>,
    /// The key owner's: decrypts.
    pub decryptor: Box<dyn Decryptor>,
    /// The server's, as bytes. They hold no secret key, unless the protection is
    /// [`Protection::TransportOnly`](crate::security::Protection::TransportOnly).
    pub evaluation: EvaluationKeys,
}

/// What both parties hold once the evaluation keys have crossed, in one process.
pub struct Parties {
    /// The data owner's role.
    pub encryptor: Box<dyn Encryptor>,
    /// The key owner's role.
    pub decryptor: Box<dyn Decryptor>,
    /// The server's role.
    pub evaluator: Box<dyn Evaluator>,
    /// How large the keys are that crossed.
    pub sizes: KeySizes,
}

impl Parties {
    /// Makes fresh keys, lets the evaluation keys cross as bytes, and prepares the server.
    ///
    /// # Errors
    ///
    /// The scheme's.
    pub fn of(circuit: &dyn Circuit) -> Result<Self, SchemeError> {
        let keys = circuit.generate_keys()?;
        let sizes = keys.evaluation.sizes();
        Ok(Self {
            evaluator: circuit.prepare(keys.evaluation.cross())?,
            encryptor: keys.encryptor,
            decryptor: keys.decryptor,
            sizes,
        })
    }
}

#[cfg(test)]
mod tests;
