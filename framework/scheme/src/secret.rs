//! Secret keys as bytes: for the disk of the key owner, and for nothing else.
//!
//! A key owner who decrypts tomorrow what is encrypted today must keep the secret key. It leaves the
//! memory of the process that made it by one function alone, [`Decryptor::secret_key`], and comes back
//! by one, [`Circuit::restore`]. What a server has, a [`Circuit`], evaluation keys, an
//! [`Evaluator`](crate::Evaluator) and ciphertexts, has no function that yields one:
//!
//! ```compile_fail
//! use hexperiment_scheme::{Evaluator, SecretKey};
//!
//! fn server(role: &dyn Evaluator) -> SecretKey {
//!     role.secret_key().unwrap()
//! }
//! ```
//!
//! and a [`SecretKey`] is no part of evaluation keys, so that nothing that sends these can send it. It
//! cannot be printed, nor copied, nor serialized with something else:
//!
//! ```compile_fail
//! fn printed(key: &hexperiment_scheme::SecretKey) -> String {
//!     format!("{key:?}")
//! }
//! ```
//!
//! ```compile_fail
//! fn copied(key: &hexperiment_scheme::SecretKey) -> hexperiment_scheme::SecretKey {
//!     key.clone()
//! }
//! ```
//!
//! ```compile_fail
//! fn written(key: &hexperiment_scheme::SecretKey) -> String {
//!     serde_json::to_string(key).unwrap()
//! }
//! ```

use zeroize::Zeroizing;

use crate::{CircuitDigest, Decryptor, Encryptor, SchemeError};

#[cfg(doc)]
use crate::Circuit;

/// The secret key of one circuit, as bytes; overwritten when it is dropped. Which bytes, and how many,
/// is the scheme's business and follows from the circuit.
pub struct SecretKey {
    circuit: CircuitDigest,
    bytes: Zeroizing<Vec<u8>>,
}

impl SecretKey {
    /// That of a circuit.
    pub fn new(circuit: CircuitDigest, bytes: Zeroizing<Vec<u8>>) -> Self {
        Self { circuit, bytes }
    }

    /// The circuit that it was made for.
    pub fn circuit(&self) -> CircuitDigest {
        self.circuit
    }

    /// The secret itself, to be encrypted and put away.
    pub fn expose(&self) -> &[u8] {
        &self.bytes
    }

    /// The secret of `circuit`, which must be of exactly so many bytes.
    ///
    /// # Errors
    ///
    /// [`SchemeError::ForeignSecret`] where it was made for another circuit, or has another length.
    pub fn read_for(&self, circuit: CircuitDigest, length: usize) -> Result<&[u8], SchemeError> {
        if self.circuit != circuit {
            return Err(SchemeError::ForeignSecret(format!(
                "it was made for circuit {:?}, this one is {circuit:?}",
                self.circuit
            )));
        }
        if self.bytes.len() != length {
            let found = self.bytes.len();
            return Err(SchemeError::ForeignSecret(format!(
                "found {found} bytes, expected {length}"
            )));
        }
        Ok(&self.bytes)
    }
}

/// The roles of a key owner whose secret key was read back.
pub struct KeyOwner {
    /// Encrypts, where the key owner does; `None` where others encrypt, whose role is made of the public
    /// key by [`Circuit::public_encryptor`].
    pub encryptor: Option<Box<dyn Encryptor>>,
    /// Decrypts.
    pub decryptor: Box<dyn Decryptor>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_of_one_circuit_and_of_one_length() {
        let circuit = CircuitDigest::from_bytes([7; 32]);
        let key = SecretKey::new(circuit, Zeroizing::new(vec![1, 2, 3]));
        assert_eq!(key.read_for(circuit, 3).unwrap(), [1, 2, 3]);
        let why = |result: Result<&[u8], SchemeError>| result.unwrap_err().to_string();
        let other = why(key.read_for(CircuitDigest::from_bytes([8; 32]), 3));
        assert!(
            other.contains("made for circuit 07070707, this one is 08080808"),
            "{other}"
        );
        let short = why(key.read_for(circuit, 4));
        assert!(short.contains("found 3 bytes, expected 4"), "{short}");
    }
}
