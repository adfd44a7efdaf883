//! The primes of CKKS parameters, and those that each level has left: what parameters take, before SEAL makes tables
//! for them.

use std::ffi::c_int;

use super::{SealError, check, handle};
use crate::ffi;

handle!(
    /// SEAL's prime.
    Modulus,
    ffi::Modulus_Destroy
);

/// A ring degree and primes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Chain {
    degree: usize,
    primes: Vec<u64>,
}

impl Chain {
    /// Of ring degree `degree` with primes of `bits` bits: the last to stay first, then those that rescaling drops (the
    /// last of them first), then the key-switching prime.
    pub(crate) fn new(degree: usize, bits: &[u32]) -> Result<Self, SealError> {
        Self::of(degree, &moduli(degree, bits)?)
    }

    /// Of these primes.
    pub(super) fn of(degree: usize, moduli: &[Modulus]) -> Result<Self, SealError> {
        let primes = moduli.iter().map(value).collect::<Result<_, _>>()?;
        Ok(Self { degree, primes })
    }

    /// The ring degree.
    pub(crate) fn degree(&self) -> usize {
        self.degree
    }

    /// Slots of a ciphertext.
    pub(crate) fn slots(&self) -> usize {
        self.degree / 2
    }

    /// The primes, in the order of [`Chain::new`].
    pub(crate) fn primes(&self) -> &[u64] {
        &self.primes
    }

    /// log2 of the product of all primes, the key-switching prime included.
    pub(crate) fn log_qp(&self) -> f64 {
        self.primes.iter().map(|p| (*p as f64).log2()).sum()
    }

    /// The levels: one for each prime but that of key switching, and one where there is no other.
    pub(crate) fn level_count(&self) -> usize {
        self.primes.len().saturating_sub(1).max(1)
    }

    /// The primes that a level has left.
    pub(crate) fn level_primes(&self, level: usize) -> &[u64] {
        &self.primes[..self.level_count() - level]
    }
}

/// SEAL's primes of so many bits each.
pub(super) fn moduli(degree: usize, bits: &[u32]) -> Result<Vec<Modulus>, SealError> {
    let mut sizes: Vec<c_int> = bits.iter().map(|b| *b as c_int).collect();
    let mut pointers = vec![std::ptr::null_mut(); bits.len()];
    // SAFETY: `sizes` and `pointers` both have the length given.
    check("CoeffModulus_Create", unsafe {
        ffi::CoeffModulus_Create1(
            degree as u64,
            bits.len() as u64,
            sizes.as_mut_ptr(),
            pointers.as_mut_ptr(),
        )
    })?;
    Ok(pointers.iter().map(|p| Modulus { object: *p }).collect())
}

fn value(modulus: &Modulus) -> Result<u64, SealError> {
    let mut value = 0;
    // SAFETY: the modulus is live, the pointer valid.
    check("Modulus_Value", unsafe {
        ffi::Modulus_Value(modulus.object, &raw mut value)
    })?;
    Ok(value)
}
