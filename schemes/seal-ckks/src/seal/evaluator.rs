//! What the server does to ciphertexts.

use super::keys::SwitchKeys;
use super::memory::Pool;
use super::objects::{Ciphertext, Evaluator, Plaintext};
use super::{Context, ParmsId, SealError, check, create};
use crate::ffi;

impl Evaluator {
    pub(crate) fn new(context: &Context) -> Result<Self, SealError> {
        // SAFETY: the context is live.
        let object = create("Evaluator_Create", |out| unsafe {
            ffi::Evaluator_Create(context.raw.object, out)
        })?;
        Ok(Self { object })
    }

    /// Calls `call` with a new ciphertext to write to. Every use passes live handles only.
    fn into_new(
        operation: &'static str,
        call: impl FnOnce(ffi::Object) -> ffi::HResult,
    ) -> Result<Ciphertext, SealError> {
        let out = Ciphertext::empty()?;
        check(operation, call(out.object))?;
        Ok(out)
    }

    /// Likewise, with a pool for scratch space.
    fn with_pool(
        operation: &'static str,
        call: impl FnOnce(ffi::Object, ffi::Object) -> ffi::HResult,
    ) -> Result<Ciphertext, SealError> {
        let pool = Pool::new()?;
        Self::into_new(operation, |out| call(out, pool.object))
    }

    /// `-a`.
    pub(crate) fn negate(&self, a: &Ciphertext) -> Result<Ciphertext, SealError> {
        // SAFETY: all handles are live; the destination is new.
        Self::into_new("Evaluator_Negate", |out| unsafe {
            ffi::Evaluator_Negate(self.object, a.object, out)
        })
    }

    /// `a + b`, of one level and scale.
    pub(crate) fn add(&self, a: &Ciphertext, b: &Ciphertext) -> Result<Ciphertext, SealError> {
        // SAFETY: all handles are live; the destination is new.
        Self::into_new("Evaluator_Add", |out| unsafe {
            ffi::Evaluator_Add(self.object, a.object, b.object, out)
        })
    }

    /// `a - b`, of one level and scale.
    pub(crate) fn sub(&self, a: &Ciphertext, b: &Ciphertext) -> Result<Ciphertext, SealError> {
        // SAFETY: all handles are live; the destination is new.
        Self::into_new("Evaluator_Sub", |out| unsafe {
            ffi::Evaluator_Sub(self.object, a.object, b.object, out)
        })
    }

    /// `a + b`, of one level and scale.
    pub(crate) fn add_plain(&self, a: &Ciphertext, b: &Plaintext) -> Result<Ciphertext, SealError> {
        // SAFETY: all handles are live; the destination is new.
        Self::into_new("Evaluator_AddPlain", |out| unsafe {
            ffi::Evaluator_AddPlain(self.object, a.object, b.object, out)
        })
    }

    /// `a * b`; the scales multiply. An all-zero plaintext is an error (a transparent result).
    pub(crate) fn multiply_plain(
        &self,
        a: &Ciphertext,
        b: &Plaintext,
    ) -> Result<Ciphertext, SealError> {
        // SAFETY: all handles are live; the destination is new.
        Self::with_pool("Evaluator_MultiplyPlain", |out, pool| unsafe {
            ffi::Evaluator_MultiplyPlain(self.object, a.object, b.object, out, pool)
        })
    }

    /// `a * b`, three polynomials; the scales multiply.
    pub(crate) fn multiply(&self, a: &Ciphertext, b: &Ciphertext) -> Result<Ciphertext, SealError> {
        // SAFETY: all handles are live; the destination is new.
        Self::with_pool("Evaluator_Multiply", |out, pool| unsafe {
            ffi::Evaluator_Multiply(self.object, a.object, b.object, out, pool)
        })
    }

    /// `a * a`, three polynomials.
    pub(crate) fn square(&self, a: &Ciphertext) -> Result<Ciphertext, SealError> {
        // SAFETY: all handles are live; the destination is new.
        Self::with_pool("Evaluator_Square", |out, pool| unsafe {
            ffi::Evaluator_Square(self.object, a.object, out, pool)
        })
    }

    /// Back to two polynomials. They stay where they are, beside the room of the third: to be
    /// rescaled, which makes a new ciphertext.
    pub(crate) fn relinearize(
        &self,
        a: Ciphertext,
        keys: &SwitchKeys,
    ) -> Result<Ciphertext, SealError> {
        let pool = Pool::new()?;
        // SAFETY: all handles are live; SEAL allows the destination to be the operand, which is
        // ours alone.
        check("Evaluator_Relinearize", unsafe {
            ffi::Evaluator_Relinearize(self.object, a.object, keys.object, a.object, pool.object)
        })?;
        Ok(a)
    }

    /// Likewise, in a new ciphertext: so that it can be timed again and again.
    pub(crate) fn relinearized(
        &self,
        a: &Ciphertext,
        keys: &SwitchKeys,
    ) -> Result<Ciphertext, SealError> {
        // SAFETY: all handles are live; the destination is new.
        Self::with_pool("Evaluator_Relinearize", |out, pool| unsafe {
            ffi::Evaluator_Relinearize(self.object, a.object, keys.object, out, pool)
        })
    }

    /// Divides by the level's last prime and drops it.
    pub(crate) fn rescale(&self, a: &Ciphertext) -> Result<Ciphertext, SealError> {
        // SAFETY: all handles are live; the destination is new.
        Self::with_pool("Evaluator_RescaleToNext", |out, pool| unsafe {
            ffi::Evaluator_RescaleToNext(self.object, a.object, out, pool)
        })
    }

    /// Rotates the slots to the left by `steps`.
    pub(crate) fn rotate(
        &self,
        a: &Ciphertext,
        steps: i32,
        keys: &SwitchKeys,
    ) -> Result<Ciphertext, SealError> {
        // SAFETY: all handles are live; the destination is new.
        Self::with_pool("Evaluator_RotateVector", |out, pool| unsafe {
            ffi::Evaluator_RotateVector(self.object, a.object, steps, keys.object, out, pool)
        })
    }

    /// Drops primes down to a level; the scale stays.
    pub(crate) fn switch_to(
        &self,
        a: &Ciphertext,
        level: ParmsId,
    ) -> Result<Ciphertext, SealError> {
        let mut level = level;
        // SAFETY: all handles are live; the destination is new; an identifier has four words.
        Self::with_pool("Evaluator_ModSwitchTo", |out, pool| unsafe {
            ffi::Evaluator_ModSwitchTo1(self.object, a.object, level.as_mut_ptr(), out, pool)
        })
    }
}
