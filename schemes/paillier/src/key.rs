//! Keys of the GMP backend: encryption after Damgård, Jurik and Nielsen, decryption by CRT.

use hexperiment_scheme::SchemeError;
use rug::Integer;

use crate::backend::{Decrypting, Encrypting, Squared};
use crate::comb::FixedBase;
use crate::primes::Primes;
use crate::random::{self, wipe};

/// Bits of an encryption's random exponent: half of the modulus's, as Damgård, Jurik and Nielsen
/// (2010) take them. Powers of `h^n` with such exponents cannot be told from those with full ones
/// if factoring is hard (Goldreich, Rosen, *On the security of modular exponentiation with
/// application to the construction of pseudorandom generators*, Journal of Cryptology 16, 2003).
pub(crate) fn exponent_bits(modulus_bits: u32) -> u32 {
    modulus_bits.div_ceil(2)
}

/// `n`, and `h^n mod n^2` for `h = -x^2` with a random `x`.
pub(crate) struct PublicKey {
    n: Integer,
    h_n: Integer,
}

impl PublicKey {
    /// With a fresh `h`.
    pub(crate) fn new(n: &Integer) -> Result<Self, SchemeError> {
        let x = loop {
            let x = random::below(n)?;
            if Integer::from(x.gcd_ref(n)) == 1 {
                break x;
            }
        };
        let h = n - x.square() % n;
        let nn = n.clone().square();
        let h_n = h.pow_mod(n, &nn).map_err(|_| library("h^n mod n^2"))?;
        Ok(Self { n: n.clone(), h_n })
    }

    /// Ready to encrypt; takes a table of powers.
    pub(crate) fn encryptor(&self) -> TableEncryptor {
        let squared = Squared::new(self.n.clone());
        let exponent_bits = exponent_bits(self.n.significant_bits());
        TableEncryptor {
            powers: FixedBase::new(&self.h_n, exponent_bits, squared.square()),
            squared,
            exponent_bits,
        }
    }
}

/// A public key with the powers of `h^n`.
pub(crate) struct TableEncryptor {
    squared: Squared,
    powers: FixedBase,
    exponent_bits: u32,
}

impl Encrypting for TableEncryptor {
    /// `(1 + n)^message (h^n)^r mod n^2`, with `r` fresh from the operating system.
    fn encrypt(&self, message: &Integer) -> Result<Integer, SchemeError> {
        let mut exponent = random::bits(self.exponent_bits)?;
        let mask = self.powers.power(&exponent);
        wipe(&mut exponent);
        Ok(self.squared.trivial(message) * mask % self.squared.square())
    }
}

/// The primes, and what decryption by the Chinese remainder theorem needs (Paillier 1999,
/// section 7).
pub(crate) struct SecretKey {
    n: Integer,
    nn: Integer,
    p: Half,
    q: Half,
    /// `q^-1 mod p`
    q_inverse: Integer,
}

/// Decryption modulo one prime.
struct Half {
    prime: Integer,
    square: Integer,
    /// `prime - 1`
    exponent: Integer,
    /// The inverse of `L((1 + n)^(prime - 1) mod prime^2)`.
    factor: Integer,
}

impl Half {
    /// As `(1 + n)^(p - 1) = 1 + (p - 1) n mod p^2`, the inverse is that of `-q mod p`.
    fn new(prime: &Integer, other: &Integer) -> Result<Self, SchemeError> {
        let negated = Integer::from(-other).modulo(prime);
        let factor = negated
            .invert(prime)
            .map_err(|_| library("inverse modulo a prime"))?;
        Ok(Self {
            prime: prime.clone(),
            square: prime.clone().square(),
            exponent: Integer::from(prime - 1),
            factor,
        })
    }

    /// The message modulo this prime. Exponent and modulus are secret: the exponentiation is the
    /// one whose time and memory accesses do not depend on them, at 1.4 times the cost.
    fn decrypt(&self, ciphertext: &Integer) -> Integer {
        let reduced = Integer::from(ciphertext % &self.square);
        let power = reduced.secure_pow_mod(&self.exponent, &self.square) - 1_u32;
        let mut message = power.div_exact(&self.prime);
        message *= &self.factor;
        message % &self.prime
    }
}

impl SecretKey {
    pub(crate) fn new(primes: &Primes) -> Result<Self, SchemeError> {
        let n = primes.modulus();
        let q_inverse = primes.q.clone().invert(&primes.p);
        Ok(Self {
            nn: n.clone().square(),
            n,
            p: Half::new(&primes.p, &primes.q)?,
            q: Half::new(&primes.q, &primes.p)?,
            q_inverse: q_inverse.map_err(|_| library("inverse modulo a prime"))?,
        })
    }
}

impl Drop for SecretKey {
    fn drop(&mut self) {
        for half in [&mut self.p, &mut self.q] {
            wipe(&mut half.prime);
            wipe(&mut half.square);
            wipe(&mut half.exponent);
            wipe(&mut half.factor);
        }
        wipe(&mut self.q_inverse);
    }
}

impl Decrypting for SecretKey {
    fn decrypt(&self, ciphertext: &Integer) -> Result<Integer, SchemeError> {
        // A multiple of a prime has no message: `L` would not be defined.
        let unit = Integer::from(ciphertext.gcd_ref(&self.n)) == 1;
        if !unit || !ciphertext.is_positive() || *ciphertext >= self.nn {
            return Err(SchemeError::Foreign(
                "a number that is no ciphertext under this key".into(),
            ));
        }
        let (p, q) = rayon::join(|| self.p.decrypt(ciphertext), || self.q.decrypt(ciphertext));
        let quotient = (p - &q) * &self.q_inverse;
        let message = quotient.modulo(&self.p.prime) * &self.q.prime + q;
        Ok(centred(message, &self.n))
    }
}

/// The number between `-n/2` and `n/2` that is `message` modulo `n`.
pub(crate) fn centred(message: Integer, n: &Integer) -> Integer {
    if Integer::from(&message << 1_u32) > *n {
        message - n
    } else {
        message
    }
}

fn library(operation: &str) -> SchemeError {
    SchemeError::Library {
        library: "GMP",
        operation: operation.into(),
        message: "does not exist".into(),
    }
}
