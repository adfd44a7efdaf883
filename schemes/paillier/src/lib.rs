//! Paillier's additive encryption: packed fixed point, on GMP or on paillier-rs.
//!
//! Paillier, *Public-key cryptosystems based on composite degree residuosity classes*,
//! EUROCRYPT 1999, encrypted the way of Damgård, Jurik and Nielsen, *A generalization of
//! Paillier's public-key system with applications to electronic voting*, International Journal
//! of Information Security 9 (2010): with randomness from the subgroup of `h = -x^2`.
//!
//! Numbers become integers with a power-of-two scale that is tracked value by value
//! (`fixed_point`, `sensitivity`, `arithmetic`); many elements share a ciphertext where every
//! factor is one number for all of them (`layout`); sums of products are multi-exponentiations
//! (`multiexp`).
//!
//! # What is not claimed
//!
//! - *Circuit privacy.* Results are not re-randomised. Only the key owner can decrypt them, but
//!   who made the inputs' randomness can learn about the public weights from a result.
//! - *Constant time.* Decryption raises to powers by GMP's side-channel-silent products (`prime_square`); time and
//!   memory accesses of key generation, of the encryption's table look-ups and of all of
//!   `backend = "paillier-rs"` depend on secrets.
//! - *Wiping.* The primes and what is derived from them are overwritten when a key is
//!   dropped, as is each encryption's randomness; GMP's scratch memory, moved copies and all of
//!   paillier-rs's numbers are not: neither library offers it.
//! - *Integrity.* Whoever holds the public key can add to a ciphertext. A result outside the
//!   range that the program proves is refused when it is decrypted; one inside cannot be told.

mod arithmetic;
mod backend;
mod ciphertexts;
mod circuit;
mod comb;
mod costs;
mod evaluate;
mod fixed_point;
mod key;
mod layout;
mod limbs;
mod memory;
mod multiexp;
mod numbers;
mod prime_square;
mod primes;
mod random;
mod reference;
mod scheme;
mod sensitivity;
#[cfg(test)]
mod tests;

pub use scheme::Paillier;
