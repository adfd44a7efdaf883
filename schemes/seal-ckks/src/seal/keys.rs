//! Keys and their generator.

use std::ffi::c_int;

use hexperiment_scheme::zeroize::Zeroizing;

use super::stream::{self, Place};
use super::{Context, SealError, check, create, handle, saved};
use crate::ffi;

/// Uncompressed streams.
pub(super) const PLAIN: u8 = 0;
/// Keys with the seed in the place of what follows from it: to be saved, and for nothing else.
const SEEDED: bool = true;

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

    /// A public key as it crosses: see [`stream`].
    pub(crate) fn public_key(&self, context: &Context) -> Result<Vec<u8>, SealError> {
        // SAFETY: the generator is live.
        let object = create("KeyGenerator_CreatePublicKey", |out| unsafe {
            ffi::KeyGenerator_CreatePublicKey(self.object, SEEDED, out)
        })?;
        let key = PublicKey { object };
        let saved = saved(
            "PublicKey_Save",
            // SAFETY: the key is live, the pointer valid.
            |size| unsafe { ffi::PublicKey_SaveSize(key.object, PLAIN, size) },
            // SAFETY: the key is live, the buffer has the length given, the pointer is valid.
            |out, length, written| unsafe {
                ffi::PublicKey_Save(key.object, out, length, PLAIN, written)
            },
        )?;
        stream::pack_public(context, &saved)
    }

    /// A relinearization key as it crosses, for ciphertexts of so many primes; the context must have a
    /// key-switching prime.
    pub(crate) fn relinearization_key(
        &self,
        context: &Context,
        primes: usize,
    ) -> Result<Vec<u8>, SealError> {
        // SAFETY: the generator is live.
        let object = create("KeyGenerator_CreateRelinKeys", |out| unsafe {
            ffi::KeyGenerator_CreateRelinKeys(self.object, SEEDED, out)
        })?;
        SwitchKeys { object }.packed(context, Place::RELINEARIZATION, primes)
    }

    /// The Galois key of one rotation as it crosses, for ciphertexts of so many primes. A step of 0 would
    /// mean conjugation: there is no key for it.
    pub(crate) fn galois_key(
        &self,
        context: &Context,
        steps: i32,
        primes: usize,
    ) -> Result<Vec<u8>, SealError> {
        if steps == 0 {
            return Err(SealError::Parameters("a rotation by 0 has no key".into()));
        }
        let mut steps: [c_int; 1] = [steps];
        let place = Place::rotation(context, steps[0]);
        // SAFETY: the generator is live, the list has the length given.
        let object = create("KeyGenerator_CreateGaloisKeys", |out| unsafe {
            ffi::KeyGenerator_CreateGaloisKeysFromSteps(
                self.object,
                1,
                steps.as_mut_ptr(),
                SEEDED,
                out,
            )
        })?;
        SwitchKeys { object }.packed(context, place, primes)
    }
}

impl SecretKey {
    /// The key as its owner keeps it: see [`stream`].
    pub(crate) fn packed(&self, context: &Context) -> Result<Zeroizing<Vec<u8>>, SealError> {
        let saved = saved(
            "SecretKey_Save",
            // SAFETY: the key is live, the pointer valid.
            |size| unsafe { ffi::SecretKey_SaveSize(self.object, PLAIN, size) },
            // SAFETY: the key is live, the buffer has the length given, the pointer is valid.
            |out, length, written| unsafe {
                ffi::SecretKey_Save(self.object, out, length, PLAIN, written)
            },
        )?;
        stream::pack_secret(context, &Zeroizing::new(saved))
    }

    /// Reads what [`SecretKey::packed`] wrote.
    pub(crate) fn read(context: &Context, packed: &[u8]) -> Result<Self, SealError> {
        let stream = stream::unpack_secret(context, packed)?;
        // SAFETY: `create` passes a valid place for the pointer.
        let object = create("SecretKey_Create", |out| unsafe {
            ffi::SecretKey_Create1(out)
        })?;
        let key = Self { object };
        let mut read = 0;
        // SAFETY: the handles are live, the stream has the length given and is only read.
        check("SecretKey_Load", unsafe {
            ffi::SecretKey_Load(
                key.object,
                context.raw.object,
                stream.as_ptr(),
                stream.len() as u64,
                &raw mut read,
            )
        })?;
        Ok(key)
    }
}

impl PublicKey {
    /// Reads what [`KeyGenerator::public_key`] wrote.
    pub(crate) fn read(context: &Context, packed: &[u8]) -> Result<Self, SealError> {
        let stream = stream::unpack_public(context, packed)?;
        // SAFETY: `create` passes a valid place for the pointer.
        let object = create("PublicKey_Create", |out| unsafe {
            ffi::PublicKey_Create1(out)
        })?;
        let key = Self { object };
        let mut read = 0;
        // SAFETY: the handles are live, the stream has the length given and is only read.
        check("PublicKey_Load", unsafe {
            ffi::PublicKey_Load(
                key.object,
                context.raw.object,
                stream.as_ptr(),
                stream.len() as u64,
                &raw mut read,
            )
        })?;
        Ok(key)
    }
}

impl SwitchKeys {
    fn packed(&self, context: &Context, place: Place, primes: usize) -> Result<Vec<u8>, SealError> {
        let saved = saved(
            "KSwitchKeys_Save",
            // SAFETY: the keys are live, the pointer valid.
            |size| unsafe { ffi::KSwitchKeys_SaveSize(self.object, PLAIN, size) },
            // SAFETY: the keys are live, the buffer has the length given, the pointer is valid.
            |out, length, written| unsafe {
                ffi::KSwitchKeys_Save(self.object, out, length, PLAIN, written)
            },
        )?;
        stream::pack_switching(context, place, primes, &saved)
    }

    /// Reads what [`KeyGenerator::relinearization_key`] or [`KeyGenerator::galois_key`] wrote.
    pub(crate) fn read(
        context: &Context,
        place: Place,
        primes: usize,
        packed: &[u8],
    ) -> Result<Self, SealError> {
        let stream = stream::unpack_switching(context, place, primes, packed)?;
        // SAFETY: `create` passes a valid place for the pointer.
        let object = create("KSwitchKeys_Create", |out| unsafe {
            ffi::KSwitchKeys_Create1(out)
        })?;
        let keys = Self { object };
        let mut read = 0;
        // SAFETY: the handles are live, the stream has the length given and is only read.
        check("KSwitchKeys_Load", unsafe {
            ffi::KSwitchKeys_Load(
                keys.object,
                context.raw.object,
                stream.as_ptr(),
                stream.len() as u64,
                &raw mut read,
            )
        })?;
        Ok(keys)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;
    use crate::packing;
    use crate::seal::{public_bytes, switching_bytes};

    /// The residues of the secret key: for each prime, one for each coefficient, transformed.
    fn secret(context: &Context, generator: &KeyGenerator) -> Vec<u64> {
        let key = generator.secret_key().unwrap();
        let saved = saved(
            "SecretKey_Save",
            // SAFETY: the key is live, the pointer valid.
            |size| unsafe { ffi::SecretKey_SaveSize(key.object, PLAIN, size) },
            // SAFETY: the key is live, the buffer has the length given, the pointer is valid.
            |out, length, written| unsafe {
                ffi::SecretKey_Save(key.object, out, length, PLAIN, written)
            },
        );
        let saved = saved.unwrap();
        let count = context.degree() * context.primes().len();
        // They are the end of the stream.
        let words = saved[saved.len() - 8 * count..].as_chunks::<8>().0;
        let words: Vec<u64> = words.iter().map(|w| u64::from_le_bytes(*w)).collect();
        for (residues, prime) in words.chunks(context.degree()).zip(context.primes()) {
            assert!(residues.iter().all(|r| r < prime));
        }
        words
    }

    /// The secret's residues lie nowhere in what the server is given: neither as words, nor packed
    /// as all residues are, nor among the residues that are packed there.
    #[test]
    fn no_secret_is_sent() {
        let context = Context::new(4096, &[36, 36, 37], 128).unwrap();
        let generator = KeyGenerator::new(&context).unwrap();
        let (degree, primes) = (context.degree(), context.primes());
        let secret = secret(&context, &generator);
        let mut known: HashSet<[u8; 8]> = HashSet::new();
        for (residues, prime) in secret.chunks(degree).zip(primes) {
            known.extend(residues.iter().map(|r| r.to_le_bytes()));
            let mut packed = vec![];
            packing::pack(*prime, residues.iter().copied(), &mut packed);
            known.extend(packed.array_windows::<8>());
        }
        let shows = |bytes: &[u8]| bytes.array_windows::<8>().any(|w| known.contains(w));
        let sent = [
            generator.public_key(&context).unwrap(),
            generator.relinearization_key(&context, 2).unwrap(),
            generator.galois_key(&context, 5, 2).unwrap(),
            generator.galois_key(&context, -1, 2).unwrap(),
        ];
        for key in &sent {
            assert!(!shows(key));
            for pair in key.chunks(public_bytes(&context)) {
                let mut rest = &pair[pair.len() - packing::polynomial_bytes(degree, primes)..];
                for (secret, prime) in secret.chunks(degree).zip(primes) {
                    let (of_prime, after) =
                        rest.split_at(packing::polynomial_bytes(degree, &[*prime]));
                    rest = after;
                    let found: Vec<u64> = packing::unpack(*prime, degree, of_prime).collect();
                    let equal = found.iter().zip(secret).filter(|(a, b)| a == b).count();
                    assert!(equal < 8, "{equal} residues of the secret");
                }
            }
        }
        // The search finds what is there.
        let mut packed = vec![0];
        packing::pack(primes[0], secret[..degree].iter().copied(), &mut packed);
        assert!(shows(&packed));
    }

    /// What its owner keeps is the key again, to the bit, and nothing else is taken for one.
    #[test]
    fn a_secret_key_is_kept_and_read_again() {
        let context = Context::new(4096, &[36, 36, 37], 128).unwrap();
        let key = KeyGenerator::new(&context).unwrap().secret_key().unwrap();
        let packed = key.packed(&context).unwrap();
        assert_eq!(packed.len(), 4096 / 8 * (36 + 36 + 37));
        let again = SecretKey::read(&context, &packed).unwrap();
        assert_eq!(*again.packed(&context).unwrap(), *packed);
        for length in [0, 1, packed.len() - 1] {
            assert!(SecretKey::read(&context, &packed[..length]).is_err());
        }
        let mut high = packed.to_vec();
        high[..20].fill(0xFF);
        let refused = SecretKey::read(&context, &high);
        assert!(matches!(refused, Err(SealError::Load(_))));
    }

    #[test]
    fn keys_have_the_length_that_the_parameters_say() {
        let context = Context::new(4096, &[36, 36, 37], 128).unwrap();
        let generator = KeyGenerator::new(&context).unwrap();
        let pair = 64 + 4096 / 8 * (36 + 36 + 37);
        let public = generator.public_key(&context).unwrap();
        assert_eq!((public.len(), public_bytes(&context)), (pair, pair));
        let key = generator.relinearization_key(&context, 2).unwrap();
        assert_eq!(
            (key.len(), switching_bytes(&context, 2)),
            (2 * pair, 2 * pair)
        );
        let galois = generator.galois_key(&context, -3, 2).unwrap();
        assert_eq!(galois.len(), key.len());
        assert!(generator.galois_key(&context, 0, 2).is_err());
        // For ciphertexts of one prime: one pair, modulo that prime and the key-switching one.
        let short = generator.relinearization_key(&context, 1).unwrap();
        let part = 64 + 4096 / 8 * (36 + 37);
        assert_eq!((short.len(), switching_bytes(&context, 1)), (part, part));
        for cut in [0, 1, 63, 64, pair - 1, pair + 1] {
            let mut bytes = public.clone();
            bytes.resize(cut, 0);
            assert!(PublicKey::read(&context, &bytes).is_err());
        }
        for cut in [0, pair, 2 * pair - 1, 2 * pair + 1, 4 * pair] {
            let mut bytes = key.clone();
            bytes.resize(cut, 0);
            let read = SwitchKeys::read(&context, Place::RELINEARIZATION, 2, &bytes);
            assert!(read.is_err());
        }
        // A residue as large as its bits allow is none of its prime.
        let mut high = public;
        high[64..84].fill(0xFF);
        assert!(matches!(
            PublicKey::read(&context, &high),
            Err(SealError::Load(_))
        ));
    }
}
