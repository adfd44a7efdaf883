//! Keys and their generator.

use std::ffi::c_int;

use super::{Context, SealError, create, handle, saved_size};
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
    /// Bytes of the serialized key, without making them.
    pub(crate) fn saved_size(&self) -> Result<u64, SealError> {
        saved_size(
            "PublicKey_SaveSize",
            // SAFETY: the key is live, the pointer valid.
            |size| unsafe { ffi::PublicKey_SaveSize(self.object, PLAIN, size) },
        )
    }
}

impl SwitchKeys {
    /// Bytes of the serialized keys, without making them: there may be gigabytes.
    pub(crate) fn saved_size(&self) -> Result<u64, SealError> {
        saved_size(
            "KSwitchKeys_SaveSize",
            // SAFETY: the keys are live, the pointer valid.
            |size| unsafe { ffi::KSwitchKeys_SaveSize(self.object, PLAIN, size) },
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::seal::check;

    /// What saving really writes.
    fn written(size: u64, save: impl FnOnce(*mut u8, u64, *mut i64) -> ffi::HResult) -> i64 {
        // Room for more, so that a size told too small is seen.
        let mut bytes = vec![0_u8; size as usize + 4096];
        let mut written = 0;
        let code = save(bytes.as_mut_ptr(), bytes.len() as u64, &raw mut written);
        check("Save", code).unwrap();
        written
    }

    #[test]
    fn keys_take_as_many_bytes_as_they_say() {
        let context = Context::new(4096, &[36, 36, 37], 128).unwrap();
        let generator = KeyGenerator::new(&context).unwrap();
        let public = generator.public_key().unwrap();
        let size = public.saved_size().unwrap();
        // SAFETY: the key is live; `written` passes a buffer of the length it names.
        let found = written(size, |out, room, written| unsafe {
            ffi::PublicKey_Save(public.object, out, room, PLAIN, written)
        });
        assert_eq!(found, size as i64);
        let relinearization = generator.relinearization_keys().unwrap();
        let galois = generator.galois_keys(&[1, 5, -3]).unwrap();
        for keys in [relinearization, galois] {
            let size = keys.saved_size().unwrap();
            // SAFETY: as above.
            let found = written(size, |out, room, written| unsafe {
                ffi::KSwitchKeys_Save(keys.object, out, room, PLAIN, written)
            });
            assert_eq!(found, size as i64);
        }
    }
}
