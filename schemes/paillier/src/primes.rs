//! Primes for a modulus.

use hexperiment_scheme::SchemeError;
use hexperiment_scheme::zeroize::Zeroizing;
use rug::Integer;
use rug::integer::{IsPrime, Order};

use crate::random::{self, wipe};

/// GMP runs a Baillie-PSW test and, from 25 on, further Miller-Rabin rounds: 16 of them here.
///
/// For random candidates of 512 bits and more the strong test alone errs with a probability far
/// below 2^-128 at this number (Damgård, Landrock, Pomerance, *Average case error estimates for
/// the strong probable prime test*, Mathematics of Computation 61, 1993).
const ROUNDS: u32 = 40;

/// The two primes of a modulus; the secret. Copies are overwritten as each is.
#[derive(Clone)]
pub(crate) struct Primes {
    pub(crate) p: Integer,
    pub(crate) q: Integer,
}

impl Drop for Primes {
    fn drop(&mut self) {
        wipe(&mut self.p);
        wipe(&mut self.q);
    }
}

impl Primes {
    /// Primes whose product has exactly `modulus_bits` bits, which must be even.
    ///
    /// Each is uniform among the primes of half the length whose two top bits are set and that
    /// are 3 modulo 4; they differ by more than 2^(length - 100) (FIPS 186-5, appendix A.1.3);
    /// `gcd(p - 1, q - 1) = 2`, as Damgård, Jurik and Nielsen want it; `gcd(n, phi(n)) = 1`.
    pub(crate) fn generate(modulus_bits: u32) -> Result<Self, SchemeError> {
        let half = modulus_bits / 2;
        loop {
            let (p, q) = rayon::join(|| prime(half), || prime(half));
            let primes = Self { p: p?, q: q? };
            if primes.fit(half) {
                return Ok(primes);
            }
        }
    }

    fn fit(&self, half: u32) -> bool {
        let Self { p, q } = self;
        let distance = Integer::from(p - q).abs();
        let (p1, q1) = (Integer::from(p - 1), Integer::from(q - 1));
        let phi = Integer::from(&p1 * &q1);
        distance.significant_bits() > half.saturating_sub(100)
            && p1.gcd(&q1) == 2
            && self.modulus().gcd(&phi) == 1
    }

    /// Bytes of one prime of a modulus of so many bits.
    pub(crate) fn bytes_of_one(modulus_bits: u32) -> usize {
        (modulus_bits / 2).div_ceil(8) as usize
    }

    /// Both primes, each from its lowest byte on.
    pub(crate) fn bytes(&self, modulus_bits: u32) -> Zeroizing<Vec<u8>> {
        let half = Self::bytes_of_one(modulus_bits);
        let mut bytes = Zeroizing::new(vec![0; 2 * half]);
        let (p, q) = bytes.split_at_mut(half);
        self.p.write_digits(p, Order::Lsf);
        self.q.write_digits(q, Order::Lsf);
        bytes
    }

    /// What [`Primes::bytes`] wrote, held to what [`Primes::generate`] promises.
    pub(crate) fn read(bytes: &[u8], modulus_bits: u32) -> Result<Self, SchemeError> {
        let (p, q) = bytes.split_at(bytes.len() / 2);
        let primes = Self {
            p: Integer::from_digits(p, Order::Lsf),
            q: Integer::from_digits(q, Order::Lsf),
        };
        let half = modulus_bits / 2;
        let prime = |p: &Integer| {
            p.significant_bits() == half && p.is_probably_prime(ROUNDS) != IsPrime::No
        };
        if prime(&primes.p) && prime(&primes.q) && primes.fit(half) {
            return Ok(primes);
        }
        Err(SchemeError::ForeignSecret(format!(
            "found no two primes of {half} bits whose product can be a modulus"
        )))
    }

    /// `n = p q`
    pub(crate) fn modulus(&self) -> Integer {
        Integer::from(&self.p * &self.q)
    }
}

fn prime(bits: u32) -> Result<Integer, SchemeError> {
    loop {
        let mut candidate = random::bits(bits)?;
        // The top bits give the product its full length, the low ones make it 3 modulo 4.
        for bit in [bits - 1, bits - 2, 0, 1] {
            candidate.set_bit(bit, true);
        }
        if candidate.is_probably_prime(ROUNDS) != IsPrime::No {
            return Ok(candidate);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn primes_are_as_promised() {
        for bits in [256, 512, 528] {
            let primes = Primes::generate(bits).unwrap();
            assert_eq!(primes.modulus().significant_bits(), bits);
            assert_ne!(primes.p, primes.q);
            for prime in [&primes.p, &primes.q] {
                assert_eq!(prime.significant_bits(), bits / 2);
                assert_eq!(prime.mod_u(4), 3);
                assert_ne!(prime.is_probably_prime(30), IsPrime::No);
            }
        }
    }
}
