//! Plaintexts and ciphertexts, and what works on them.

use std::ptr::null_mut;

use super::keys::{PLAIN, PublicKey, SecretKey};
use super::memory::Pool;
use super::{Context, ParmsId, SealError, check, create, handle, saved, stream};
use crate::ffi;

/// A ciphertext with its seed, where SEAL would keep what follows from it.
const SEEDED: bool = true;

handle!(
    /// An encoded vector.
    Plaintext,
    ffi::Plaintext_Destroy
);
handle!(
    /// An encrypted vector.
    Ciphertext,
    ffi::Ciphertext_Destroy
);
handle!(
    /// Encodes vectors of doubles into polynomials and back.
    Encoder,
    ffi::CKKSEncoder_Destroy
);
handle!(
    /// Encrypts under a public key.
    Encryptor,
    ffi::Encryptor_Destroy
);
handle!(
    /// Encrypts under the secret key.
    SymmetricEncryptor,
    ffi::Encryptor_Destroy
);
handle!(
    /// A fresh ciphertext with the seed in the place of its second polynomial: to be written, and for
    /// nothing else.
    SeededCiphertext,
    ffi::Ciphertext_Destroy
);
handle!(
    /// Decrypts.
    Decryptor,
    ffi::Decryptor_Destroy
);
handle!(
    /// Computes on ciphertexts.
    Evaluator,
    ffi::Evaluator_Destroy
);

impl Plaintext {
    fn empty() -> Result<Self, SealError> {
        let pool = Pool::new()?;
        // SAFETY: the pool is live; the object keeps a reference to it.
        let object = create("Plaintext_Create", |out| unsafe {
            ffi::Plaintext_Create1(pool.object, out)
        })?;
        Ok(Self { object })
    }

    /// Sets the factor between numbers and what is encoded.
    pub(crate) fn set_scale(&mut self, scale: f64) -> Result<(), SealError> {
        // SAFETY: the plaintext is live and ours alone.
        check("Plaintext_SetScale", unsafe {
            ffi::Plaintext_SetScale(self.object, scale)
        })
    }
}

impl Ciphertext {
    pub(super) fn empty() -> Result<Self, SealError> {
        let pool = Pool::new()?;
        // SAFETY: the pool is live; the object keeps a reference to it.
        let object = create("Ciphertext_Create", |out| unsafe {
            ffi::Ciphertext_Create1(pool.object, out)
        })?;
        Ok(Self { object })
    }

    /// The factor between numbers and what is encrypted.
    pub(crate) fn scale(&self) -> Result<f64, SealError> {
        let mut scale = 0.0;
        // SAFETY: the ciphertext is live, the pointer valid.
        check("Ciphertext_Scale", unsafe {
            ffi::Ciphertext_Scale(self.object, &raw mut scale)
        })?;
        Ok(scale)
    }

    /// Replaces the scale by one that differs in rounding only.
    pub(crate) fn settle_scale(&mut self, scale: f64) -> Result<(), SealError> {
        let found = self.scale()?;
        if (found / scale - 1.0).abs() > 1e-9 {
            return Err(SealError::Parameters(format!(
                "scale {found:e} where {scale:e} belongs"
            )));
        }
        // SAFETY: the ciphertext is live and ours alone.
        check("Ciphertext_SetScale", unsafe {
            ffi::Ciphertext_SetScale(self.object, scale)
        })
    }

    /// The level's identifier.
    pub(crate) fn parms_id(&self) -> Result<ParmsId, SealError> {
        let mut id = ParmsId::default();
        // SAFETY: an identifier has four words.
        check("Ciphertext_ParmsId", unsafe {
            ffi::Ciphertext_ParmsId(self.object, id.as_mut_ptr())
        })?;
        Ok(id)
    }

    /// Polynomials that it consists of.
    pub(crate) fn size(&self) -> Result<u64, SealError> {
        let mut size = 0;
        // SAFETY: the ciphertext is live, the pointer valid.
        check("Ciphertext_Size", unsafe {
            ffi::Ciphertext_Size(self.object, &raw mut size)
        })?;
        Ok(size)
    }

    /// The residues: for each of the two polynomials and each prime of the level, one for each
    /// coefficient.
    pub(crate) fn residues(&self, context: &Context) -> Result<Vec<u64>, SealError> {
        let level = context.level(self.parms_id()?)?;
        if self.size()? != 2 {
            return Err(SealError::Load("a ciphertext has two polynomials".into()));
        }
        let count = 2 * context.level_primes(level).len() * context.degree();
        (0..count as u64)
            .map(|index| {
                let mut residue = 0;
                // SAFETY: the ciphertext is live, the pointer valid; SEAL checks the index.
                check("Ciphertext_GetDataAt", unsafe {
                    ffi::Ciphertext_GetDataAt1(self.object, index, &raw mut residue)
                })?;
                Ok(residue)
            })
            .collect()
    }

    /// The ciphertext with these [`Ciphertext::residues`] at `level`, where numbers have `scale`.
    pub(crate) fn from_residues(
        context: &Context,
        level: usize,
        scale: f64,
        residues: &[u64],
    ) -> Result<Self, SealError> {
        let primes = context.level_primes(level);
        if residues.len() != 2 * primes.len() * context.degree() {
            return Err(SealError::Load(format!("{} residues", residues.len())));
        }
        for (of_prime, prime) in residues.chunks(context.degree()).zip(primes.iter().cycle()) {
            if of_prime.iter().any(|r| r >= prime) {
                return Err(SealError::Load("a residue above its prime".into()));
            }
        }
        let ciphertext = Self::empty()?;
        let mut parms = context.levels()[level];
        // SAFETY: all handles are live, an identifier has four words.
        check("Ciphertext_Resize", unsafe {
            ffi::Ciphertext_Resize1(ciphertext.object, context.raw.object, parms.as_mut_ptr(), 2)
        })?;
        for (index, residue) in residues.iter().enumerate() {
            // SAFETY: the ciphertext is live and ours alone; SEAL checks the index.
            check("Ciphertext_SetDataAt", unsafe {
                ffi::Ciphertext_SetDataAt(ciphertext.object, index as u64, *residue)
            })?;
        }
        // SAFETY: the ciphertext is live and ours alone.
        check("Ciphertext_SetIsNTTForm", unsafe {
            ffi::Ciphertext_SetIsNTTForm(ciphertext.object, true)
        })?;
        // SAFETY: as above.
        check("Ciphertext_SetScale", unsafe {
            ffi::Ciphertext_SetScale(ciphertext.object, scale)
        })?;
        Ok(ciphertext)
    }
}

impl Ciphertext {
    /// The ciphertext of what [`SeededCiphertext::packed`] wrote: the second polynomial is expanded of
    /// its seed.
    pub(crate) fn from_seeded(
        context: &Context,
        scale: f64,
        packed: &[u8],
    ) -> Result<Self, SealError> {
        let stream = stream::unpack_seeded(context, scale, packed)?;
        let ciphertext = Self::empty()?;
        let mut read = 0;
        // SAFETY: the handles are live, the stream has the length given and is only read.
        check("Ciphertext_Load", unsafe {
            ffi::Ciphertext_Load(
                ciphertext.object,
                context.raw.object,
                stream.as_ptr(),
                stream.len() as u64,
                &raw mut read,
            )
        })?;
        Ok(ciphertext)
    }
}

impl Encoder {
    pub(crate) fn new(context: &Context) -> Result<Self, SealError> {
        // SAFETY: the context is live.
        let object = create("CKKSEncoder_Create", |out| unsafe {
            ffi::CKKSEncoder_Create(context.raw.object, out)
        })?;
        Ok(Self { object })
    }

    /// Encodes as many values as there are slots. Slots that were left out would hold 0, which
    /// may lie outside what the values' ranges prove.
    pub(crate) fn encode(
        &self,
        values: &[f64],
        level: ParmsId,
        scale: f64,
    ) -> Result<Plaintext, SealError> {
        let (mut values, mut level) = (values.to_vec(), level);
        let (plain, pool) = (Plaintext::empty()?, Pool::new()?);
        // SAFETY: the handles are live, the list has the length given, an identifier four words.
        check("CKKSEncoder_Encode", unsafe {
            ffi::CKKSEncoder_Encode1(
                self.object,
                values.len() as u64,
                values.as_mut_ptr(),
                level.as_mut_ptr(),
                scale,
                plain.object,
                pool.object,
            )
        })?;
        Ok(plain)
    }

    /// Encodes as many complex values as there are slots.
    pub(crate) fn encode_complex(
        &self,
        values: &[(f64, f64)],
        level: ParmsId,
        scale: f64,
    ) -> Result<Plaintext, SealError> {
        let mut parts: Vec<f64> = values.iter().flat_map(|(re, im)| [*re, *im]).collect();
        let mut level = level;
        let (plain, pool) = (Plaintext::empty()?, Pool::new()?);
        // SAFETY: the handles are live, the list has two doubles for each of the values that are told,
        // an identifier has four words.
        check("CKKSEncoder_Encode", unsafe {
            ffi::CKKSEncoder_Encode2(
                self.object,
                values.len() as u64,
                parts.as_mut_ptr(),
                level.as_mut_ptr(),
                scale,
                plain.object,
                pool.object,
            )
        })?;
        Ok(plain)
    }

    /// The complex values of all slots.
    pub(crate) fn decode_complex(
        &self,
        plain: &Plaintext,
        slots: usize,
    ) -> Result<Vec<(f64, f64)>, SealError> {
        let mut parts = vec![0.0; 2 * slots];
        let mut count = slots as u64;
        let pool = Pool::new()?;
        // SAFETY: SEAL writes two doubles for each slot, for which there is room.
        check("CKKSEncoder_Decode", unsafe {
            ffi::CKKSEncoder_Decode2(
                self.object,
                plain.object,
                &raw mut count,
                parts.as_mut_ptr(),
                pool.object,
            )
        })?;
        Ok(parts
            .as_chunks()
            .0
            .iter()
            .map(|[re, im]| (*re, *im))
            .collect())
    }

    /// Encodes one value into every slot, which needs no transform.
    pub(crate) fn encode_scalar(
        &self,
        value: f64,
        level: ParmsId,
        scale: f64,
    ) -> Result<Plaintext, SealError> {
        let mut level = level;
        let (plain, pool) = (Plaintext::empty()?, Pool::new()?);
        // SAFETY: the handles are live, an identifier has four words.
        check("CKKSEncoder_Encode", unsafe {
            ffi::CKKSEncoder_Encode3(
                self.object,
                value,
                level.as_mut_ptr(),
                scale,
                plain.object,
                pool.object,
            )
        })?;
        Ok(plain)
    }

    /// The values of all slots.
    pub(crate) fn decode(&self, plain: &Plaintext, slots: usize) -> Result<Vec<f64>, SealError> {
        let mut values = vec![0.0; slots];
        let mut count = slots as u64;
        let pool = Pool::new()?;
        // SAFETY: SEAL writes one double for each slot, for which there is room.
        check("CKKSEncoder_Decode", unsafe {
            ffi::CKKSEncoder_Decode1(
                self.object,
                plain.object,
                &raw mut count,
                values.as_mut_ptr(),
                pool.object,
            )
        })?;
        Ok(values)
    }
}

impl Encryptor {
    pub(crate) fn new(context: &Context, key: &PublicKey) -> Result<Self, SealError> {
        // SAFETY: the handles are live; SEAL copies the key.
        let object = create("Encryptor_Create", |out| unsafe {
            ffi::Encryptor_Create(context.raw.object, key.object, null_mut(), out)
        })?;
        Ok(Self { object })
    }

    pub(crate) fn encrypt(&self, plain: &Plaintext) -> Result<Ciphertext, SealError> {
        let (out, pool) = (Ciphertext::empty()?, Pool::new()?);
        // SAFETY: the handles are live.
        check("Encryptor_Encrypt", unsafe {
            ffi::Encryptor_Encrypt(self.object, plain.object, out.object, pool.object)
        })?;
        Ok(out)
    }
}

impl SymmetricEncryptor {
    pub(crate) fn new(context: &Context, key: &SecretKey) -> Result<Self, SealError> {
        // SAFETY: the handles are live; SEAL copies the key, into memory that it clears.
        let object = create("Encryptor_Create", |out| unsafe {
            ffi::Encryptor_Create(context.raw.object, null_mut(), key.object, out)
        })?;
        Ok(Self { object })
    }

    /// Encrypts at the level of the plaintext.
    pub(crate) fn encrypt(&self, plain: &Plaintext) -> Result<SeededCiphertext, SealError> {
        let pool = Pool::new()?;
        // SAFETY: the pool is live; the object keeps a reference to it.
        let object = create("Ciphertext_Create", |out| unsafe {
            ffi::Ciphertext_Create1(pool.object, out)
        })?;
        let out = SeededCiphertext { object };
        // SAFETY: the handles are live.
        check("Encryptor_EncryptSymmetric", unsafe {
            ffi::Encryptor_EncryptSymmetric(
                self.object,
                plain.object,
                SEEDED,
                out.object,
                pool.object,
            )
        })?;
        Ok(out)
    }
}

impl SeededCiphertext {
    /// As it crosses: see [`stream`]. It is fresh, and its numbers have `scale`.
    pub(crate) fn packed(&self, context: &Context, scale: f64) -> Result<Vec<u8>, SealError> {
        let saved = saved(
            "Ciphertext_Save",
            // SAFETY: the ciphertext is live, the pointer valid.
            |size| unsafe { ffi::Ciphertext_SaveSize(self.object, PLAIN, size) },
            // SAFETY: the ciphertext is live, the buffer has the length given, the pointer is valid.
            |out, length, written| unsafe {
                ffi::Ciphertext_Save(self.object, out, length, PLAIN, written)
            },
        )?;
        stream::pack_seeded(context, scale, &saved)
    }
}

impl Decryptor {
    pub(crate) fn new(context: &Context, key: &SecretKey) -> Result<Self, SealError> {
        // SAFETY: the handles are live; SEAL copies the key.
        let object = create("Decryptor_Create", |out| unsafe {
            ffi::Decryptor_Create(context.raw.object, key.object, out)
        })?;
        Ok(Self { object })
    }

    pub(crate) fn decrypt(&self, ciphertext: &Ciphertext) -> Result<Plaintext, SealError> {
        let plain = Plaintext::empty()?;
        // SAFETY: the handles are live.
        check("Decryptor_Decrypt", unsafe {
            ffi::Decryptor_Decrypt(self.object, ciphertext.object, plain.object)
        })?;
        Ok(plain)
    }
}
