//! CKKS on Microsoft SEAL 4.0: approximate arithmetic on vectors of reals.
//!
//! Cheon, Kim, Kim and Song, *Homomorphic encryption for arithmetic of approximate numbers*,
//! ASIACRYPT 2017; the RNS variant of Cheon et al., SAC 2018. Unsafe code lives in `ffi` and
//! `seal` only.

mod arrange;
mod bound;
mod circuit;
mod client;
mod coefficients;
mod costs;
mod encoded;
mod evaluate;
mod ffi;
mod flooding;
mod layout;
mod lazy;
mod memory;
mod noise;
mod packing;
mod parallel;
mod parameters;
mod precision;
mod schedule;
mod scheme;
mod seal;
mod sealed;
mod transparent;
mod trial;
mod wire;

pub use scheme::SealCkks;

use hexperiment_scheme::SchemeError;

impl From<seal::SealError> for SchemeError {
    fn from(error: seal::SealError) -> Self {
        Self::Library {
            library: "SEAL",
            operation: "ckks".into(),
            message: error.to_string(),
        }
    }
}
