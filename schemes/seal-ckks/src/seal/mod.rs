//! Safe handles for SEAL's objects.
//!
//! Each handle owns one C++ object and destroys it once. Contexts, keys, encoders, evaluators,
//! encryptors and decryptors are only read by the functions called here and SEAL documents them
//! as safe to share between threads; plaintexts and ciphertexts are written only through `&mut`
//! or when they are made.

#![expect(unsafe_code, reason = "calls of SEAL's C export library")]

mod chain;
mod context;
mod contexts;
mod evaluator;
mod keys;
mod memory;
mod objects;
mod stream;
#[cfg(test)]
mod tests;

use std::ptr;

pub(crate) use chain::Chain;
pub(crate) use context::Context;
pub(crate) use contexts::context;
pub(crate) use keys::{KeyGenerator, PublicKey, SecretKey, SwitchKeys};
pub(crate) use objects::{
    Ciphertext, Decryptor, Encoder, Encryptor, Evaluator, Plaintext, SeededCiphertext,
    SymmetricEncryptor,
};
pub(crate) use stream::{Place, public_bytes, secret_bytes, seeded_bytes, switching_bytes};

use crate::ffi::{HResult, Object};

/// The identifier of a level's parameters.
pub(crate) type ParmsId = [u64; 4];

/// What SEAL reports.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum SealError {
    /// A call failed.
    #[error("{operation}: {meaning} (HRESULT {code:#x})")]
    Call {
        operation: &'static str,
        meaning: &'static str,
        code: i64,
    },
    /// Parameters that SEAL does not accept.
    #[error("parameters: {0}")]
    Parameters(String),
    /// Bytes that are not an object of this context.
    #[error("load: {0}")]
    Load(String),
}

impl SealError {
    /// Whether a sum or product of ciphertexts would show what it holds: all of its second
    /// polynomial is 0. SEAL refuses to yield it.
    pub(crate) fn is_transparent(&self) -> bool {
        matches!(self, Self::Call { operation, code, .. }
            if code & 0xFFFF_FFFF == 0x8013_1509 && TRANSPARENT.contains(operation))
    }
}

/// Operations that fail with "invalid operation" for transparent results only.
const TRANSPARENT: [&str; 3] = ["Evaluator_Add", "Evaluator_Sub", "Evaluator_MultiplyPlain"];

/// Turns a result code into an error. Codes are positive in a 64-bit long: all but 0 are errors.
pub(crate) fn check(operation: &'static str, code: HResult) -> Result<(), SealError> {
    #[allow(
        clippy::useless_conversion,
        reason = "a C long has 32 bits on other systems"
    )]
    let code = i64::from(code);
    let meaning = match code & 0xFFFF_FFFF {
        0 => return Ok(()),
        0x8000_4003 => "a null pointer",
        0x8007_0057 => "an invalid argument: scale, level or size do not fit",
        0x8007_000E => "out of memory",
        0x8000_FFFF => "an unexpected error",
        0x8013_1620 => "a stream that is truncated or malformed",
        0x8013_1509 => "an operation that is not possible here, or a transparent result",
        _ => "an error",
    };
    Err(SealError::Call {
        operation,
        meaning,
        code,
    })
}

/// Calls a constructor that writes the new object to a pointer.
pub(crate) fn create(
    operation: &'static str,
    make: impl FnOnce(*mut Object) -> HResult,
) -> Result<Object, SealError> {
    let mut object: Object = ptr::null_mut();
    check(operation, make(&raw mut object))?;
    if object.is_null() {
        return Err(SealError::Call {
            operation,
            meaning: "no object",
            code: 0,
        });
    }
    Ok(object)
}

/// Defines a handle that destroys its object once.
macro_rules! handle {
    ($(#[$doc:meta])* $name:ident, $destroy:path) => {
        $(#[$doc])*
        pub(crate) struct $name {
            pub(in crate::seal) object: crate::ffi::Object,
        }

        // SAFETY: the object is owned by this handle alone and bound to no thread; the memory
        // pool where it lives is thread-safe.
        unsafe impl Send for $name {}
        // SAFETY: through a shared reference the object is only read (see the module's docs).
        unsafe impl Sync for $name {}

        impl Drop for $name {
            fn drop(&mut self) {
                // SAFETY: the object came from SEAL's constructor, is not null and is destroyed
                // nowhere else.
                unsafe {
                    $destroy(self.object);
                }
            }
        }
    };
}
pub(crate) use handle;

/// An object's stream, uncompressed, by the functions that tell its size and that write it.
pub(crate) fn saved(
    operation: &'static str,
    size: impl FnOnce(*mut i64) -> HResult,
    save: impl FnOnce(*mut u8, u64, *mut i64) -> HResult,
) -> Result<Vec<u8>, SealError> {
    let mut length = 0_i64;
    check(operation, size(&raw mut length))?;
    // A size that is none is an error below.
    let mut bytes = vec![0; usize::try_from(length).unwrap_or(0)];
    let mut written = 0;
    check(
        operation,
        save(bytes.as_mut_ptr(), bytes.len() as u64, &raw mut written),
    )?;
    if written == length {
        return Ok(bytes);
    }
    Err(SealError::Load(format!(
        "{operation}: {written} bytes, where {length} were told"
    )))
}
