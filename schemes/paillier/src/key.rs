//! Keys of the GMP backend: encryption after Damgård, Jurik and Nielsen, by the key owner and decryption
//! by the Chinese remainder theorem.

use hexperiment_scheme::SchemeError;
use rug::Integer;

use crate::backend::{Decrypting, Encrypting, Squared};
use crate::comb::FixedBase;
use crate::prime_square::PrimeSquare;
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

/// Encrypts for the key owner: powers of `h^n` modulo `p^2` and `q^2`, joined by the Chinese remainder
/// theorem.
///
/// The numbers are half as long as those of [`TableEncryptor`], and exponents need not be short to be
/// fast: modulo `p^2` that of an `n`-th power counts modulo `p - 1`, so that what is drawn are powers
/// `(h^n)^r` with `r` uniform below `lcm(p - 1, q - 1)`. The exponents are secret, and so are the moduli.
/// How long products and lookups take may tell of them to who can time the client, as exponents do in
/// [`TableEncryptor`].
pub(crate) struct CrtEncryptor {
    squared: Squared,
    p: Powers,
    q: Powers,
    /// `q^-2 mod p^2`
    q_inverse: Integer,
}

/// Powers of `h^n` modulo the square of one prime.
struct Powers {
    square: Integer,
    /// `prime - 1`
    order: Integer,
    table: FixedBase,
}

impl Powers {
    fn new(prime: &Integer, h_n: &Integer) -> Self {
        let square = prime.clone().square();
        let mut base = Integer::from(h_n % &square);
        let table = FixedBase::new(&base, prime.significant_bits(), &square);
        wipe(&mut base);
        Self {
            order: Integer::from(prime - 1),
            square,
            table,
        }
    }
}

impl CrtEncryptor {
    /// With a fresh `h`; takes two tables of powers.
    pub(crate) fn new(primes: &Primes) -> Result<Self, SchemeError> {
        let public = PublicKey::new(&primes.modulus())?;
        let (p, q) = rayon::join(
            || Powers::new(&primes.p, &public.h_n),
            || Powers::new(&primes.q, &public.h_n),
        );
        let q_inverse = q.square.clone().invert(&p.square);
        Ok(Self {
            squared: Squared::new(public.n),
            q_inverse: q_inverse.map_err(|_| library("inverse modulo a prime's square"))?,
            p,
            q,
        })
    }

    /// `(h^n)^r mod n^2`, with `r` fresh from the operating system.
    fn mask(&self) -> Result<Integer, SchemeError> {
        let mut of_p = random::below(&self.p.order)?;
        let mut of_q = random::below(&self.q.order)?;
        // One exponent has one parity; both orders are even, and have nothing else in common.
        of_q.set_bit(0, of_p.get_bit(0));
        let (mut p, mut q) = (self.p.table.power(&of_p), self.q.table.power(&of_q));
        let mut quotient = (Integer::from(&p - &q) * &self.q_inverse).modulo(&self.p.square);
        let mask = Integer::from(&quotient * &self.q.square) + &q;
        for secret in [&mut of_p, &mut of_q, &mut p, &mut q, &mut quotient] {
            wipe(secret);
        }
        Ok(mask)
    }
}

impl Encrypting for CrtEncryptor {
    fn encrypt(&self, message: &Integer) -> Result<Integer, SchemeError> {
        Ok(self.squared.trivial(message) * self.mask()? % self.squared.square())
    }
}

impl Drop for CrtEncryptor {
    fn drop(&mut self) {
        for powers in [&mut self.p, &mut self.q] {
            wipe(&mut powers.square);
            wipe(&mut powers.order);
            powers.table.wipe();
        }
        wipe(&mut self.q_inverse);
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
    square: PrimeSquare,
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
            square: PrimeSquare::new(prime),
            exponent: Integer::from(prime - 1),
            factor,
        })
    }

    /// The message modulo this prime. Exponent and modulus are secret: neither the time nor the memory
    /// accesses of the exponentiation depend on them.
    fn decrypt(&self, ciphertext: &Integer) -> Integer {
        let power = self
            .square
            .upper_of_power(ciphertext, &self.exponent, &self.prime);
        power * &self.factor % &self.prime
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

#[cfg(test)]
mod tests {
    use super::*;

    /// What the key owner encrypts is a ciphertext as any other: it decrypts, by another way than its own,
    /// to its message, and its mask is an `n`-th power modulo both squares.
    #[test]
    fn the_key_owner_encrypts_the_same() {
        let primes = Primes::generate(256).unwrap();
        let (n, secret) = (primes.modulus(), SecretKey::new(&primes).unwrap());
        let encryptor = CrtEncryptor::new(&primes).unwrap();
        let by_public_key = PublicKey::new(&n).unwrap().encryptor();
        for message in [0_i64, 1, -1, i64::MAX, i64::MIN] {
            let message = Integer::from(message);
            let [one, other] = [(); 2].map(|()| encryptor.encrypt(&message).unwrap());
            assert_ne!(one, other);
            assert!(one.is_positive() && one < *encryptor.squared.square());
            assert_eq!(secret.decrypt(&one).unwrap(), message);
            let sum = one * by_public_key.encrypt(&message).unwrap() % encryptor.squared.square();
            assert_eq!(secret.decrypt(&sum).unwrap(), message * 2_u32);
        }
        for _ in 0..20 {
            let mask = encryptor.mask().unwrap();
            for prime in [&primes.p, &primes.q] {
                let square = prime.clone().square();
                let power = mask.clone().pow_mod(&Integer::from(prime - 1), &square);
                assert_eq!(power.unwrap(), 1);
            }
            // As a power of `h`, whose symbol is 1 for any exponent.
            assert_eq!(mask.jacobi(&n), 1);
        }
    }
}
