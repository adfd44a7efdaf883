//! Keys and their generator.

use std::ffi::c_int;

use super::{Context, SealError, create, handle, save};
use crate::ffi;

/// Uncompressed streams.
const PLAIN: u8 = 0;

handle!(
    /// Makes keys; holds the secret one.
    KeyGenerator,
    ffi::KeyGenerator_Destroy
);
handle!(
    /// The secret key.
    SecretKey,
    ffi::SecretKey_Destroy
);
handle!(
    /// The public key.
    PublicKey,
    ffi::PublicKey_Destroy
);
handle!(
    /// Key-switching keys: for relinearization or for rotations.
    SwitchKeys,
    ffi::KSwitchKeys_Destroy
);

impl KeyGenerator {
    /// Draws a new secret key from the system's randomness (SEAL's Blake2xb generator, seeded
    /// by `std::random_device`).
    pub(crate) fn new(context: &Context) -> Result<Self, SealError> {
        // SAFETY: the context is live.
        let object = create("KeyGenerator_Create", |out| unsafe {
            ffi::KeyGenerator_Create1(context.raw.object, out)
        })?;
        Ok(Self { object })
    }

    /// A copy of the secret key.
    pub(crate) fn secret_key(&self) -> Result<SecretKey, SealError> {
        // SAFETY: the generator is live; SEAL copies the key.
        let object = create("KeyGenerator_SecretKey", |out| unsafe {
            ffi::KeyGenerator_SecretKey(self.object, out)
        })?;
        Ok(SecretKey { object })
    }

    /// A public key.
    pub(crate) fn public_key(&self) -> Result<PublicKey, SealError> {
        // SAFETY: the generator is live.
        let object = create("KeyGenerator_CreatePublicKey", |out| unsafe {
            ffi::KeyGenerator_CreatePublicKey(self.object, false, out)
        })?;
        Ok(PublicKey { object })
    }

    /// A relinearization key; the context must have a key-switching prime.
    pub(crate) fn relinearization_keys(&self) -> Result<SwitchKeys, SealError> {
        // SAFETY: the generator is live.
        let object = create("KeyGenerator_CreateRelinKeys", |out| unsafe {
            ffi::KeyGenerator_CreateRelinKeys(self.object, false, out)
        })?;
        Ok(SwitchKeys { object })
    }

    /// Galois keys for these rotations. A step of 0 would mean conjugation: it is left out.
    pub(crate) fn galois_keys(&self, steps: &[i32]) -> Result<SwitchKeys, SealError> {
        let mut steps: Vec<c_int> = steps.iter().copied().filter(|s| *s != 0).collect();
        // SAFETY: the generator is live, the list has the length given.
        let object = create("KeyGenerator_CreateGaloisKeys", |out| unsafe {
            ffi::KeyGenerator_CreateGaloisKeysFromSteps(
                self.object,
                steps.len() as u64,
                steps.as_mut_ptr(),
                false,
                out,
            )
        })?;
        Ok(SwitchKeys { object })
    }
}

impl PublicKey {
    /// The serialized key.
    pub(crate) fn to_bytes(&self) -> Result<Vec<u8>, SealError> {
        save(
            "PublicKey_Save",
            // SAFETY: the key is live; `save` passes a buffer of the length it names.
            |size| unsafe { ffi::PublicKey_SaveSize(self.object, PLAIN, size) },
            // SAFETY: as above.
            |out, size, written| unsafe {
                ffi::PublicKey_Save(self.object, out, size, PLAIN, written)
            },
        )
    }
}

impl SwitchKeys {
    /// The serialized keys.
    pub(crate) fn to_bytes(&self) -> Result<Vec<u8>, SealError> {
        save(
            "KSwitchKeys_Save",
            // SAFETY: the keys are live; `save` passes a buffer of the length it names.
            |size| unsafe { ffi::KSwitchKeys_SaveSize(self.object, PLAIN, size) },
            // SAFETY: as above.
            |out, size, written| unsafe {
                ffi::KSwitchKeys_Save(self.object, out, size, PLAIN, written)
            },
        )
    }
}
