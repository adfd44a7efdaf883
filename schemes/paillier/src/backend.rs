//! What a library must do for the three roles, and our own on GMP.

use hexperiment_scheme::SchemeError;
use hexperiment_scheme::security::Encryption;
use rug::Integer;
use strum::{EnumString, IntoStaticStr, VariantNames};

use crate::key::{CrtEncryptor, PublicKey, SecretKey};
use crate::multiexp::product_of_powers;
use crate::primes::Primes;
use crate::reference;

/// Which library does the cryptography.
#[derive(Clone, Copy, Debug, PartialEq, Eq, EnumString, IntoStaticStr, VariantNames)]
#[strum(serialize_all = "kebab-case")]
pub(crate) enum Backend {
    /// Ours, on GMP through rug.
    Gmp,
    /// paillier-rs, on num-bigint.
    PaillierRs,
}

/// Encrypts, with the public key or with the primes.
pub(crate) trait Encrypting: Send + Sync {
    /// A fresh ciphertext of a message between `-n/2` and `n/2`.
    fn encrypt(&self, message: &Integer) -> Result<Integer, SchemeError>;
}

/// Computes with the public key.
pub(crate) trait Combining: Send + Sync {
    /// A ciphertext of `sum of coefficient * message, + bias`, from ciphertexts and coefficients.
    /// Without terms it is a trivial one, without randomness: the bias is public anyway.
    fn combine(
        &self,
        terms: &[(&Integer, &Integer)],
        bias: &Integer,
    ) -> Result<Integer, SchemeError>;
}

/// Decrypts with the secret key.
pub(crate) trait Decrypting: Send + Sync {
    /// The message, between `-n/2` and `n/2`.
    fn decrypt(&self, ciphertext: &Integer) -> Result<Integer, SchemeError>;
}

/// The client's keys under one backend.
pub(crate) struct ClientKeys {
    pub(crate) encrypting: Box<dyn Encrypting>,
    pub(crate) decrypting: Box<dyn Decrypting>,
}

impl Backend {
    /// How inputs are encrypted that this party encrypts: paillier-rs has no way but the public key.
    pub(crate) fn encryption(self, demanded: Encryption) -> Encryption {
        match self {
            Self::Gmp => demanded,
            Self::PaillierRs => Encryption::Public,
        }
    }

    /// Encryption under a public key alone, with its tables.
    pub(crate) fn public(self, modulus: &Integer) -> Result<Box<dyn Encrypting>, SchemeError> {
        Ok(match self {
            Self::Gmp => Box::new(PublicKey::new(modulus)?.encryptor()),
            Self::PaillierRs => Box::new(reference::Public::new(modulus)),
        })
    }

    /// The client's keys that follow from these primes, with the tables for encryption.
    pub(crate) fn client(
        self,
        primes: &Primes,
        encryption: Encryption,
    ) -> Result<ClientKeys, SchemeError> {
        let modulus = primes.modulus();
        Ok(match self {
            Self::Gmp => ClientKeys {
                encrypting: match encryption {
                    Encryption::Owner => Box::new(CrtEncryptor::new(primes)?),
                    Encryption::Public => Box::new(PublicKey::new(&modulus)?.encryptor()),
                },
                decrypting: Box::new(SecretKey::new(primes)?),
            },
            Self::PaillierRs => ClientKeys {
                encrypting: Box::new(reference::Public::new(&modulus)),
                decrypting: Box::new(reference::Secret::new(primes)?),
            },
        })
    }

    /// The server's part, of a modulus.
    pub(crate) fn server(self, modulus: &Integer) -> Box<dyn Combining> {
        match self {
            Self::Gmp => Box::new(Squared::new(modulus.clone())),
            Self::PaillierRs => Box::new(reference::Public::new(modulus)),
        }
    }
}

/// `n` and `n^2`: all that evaluation needs.
pub(crate) struct Squared {
    n: Integer,
    nn: Integer,
}

impl Squared {
    pub(crate) fn new(n: Integer) -> Self {
        let nn = n.clone().square();
        Self { n, nn }
    }

    /// `n^2`
    pub(crate) fn square(&self) -> &Integer {
        &self.nn
    }

    /// `(1 + n)^message = 1 + n message mod n^2`
    pub(crate) fn trivial(&self, message: &Integer) -> Integer {
        (Integer::from(&self.n * message) + 1_u32).modulo(&self.nn)
    }
}

impl Combining for Squared {
    /// Terms with negative coefficients are multiplied together with positive ones and inverted
    /// once: an inverse costs as much as a few products, an exponent `n - k` thousands.
    fn combine(
        &self,
        terms: &[(&Integer, &Integer)],
        bias: &Integer,
    ) -> Result<Integer, SchemeError> {
        let negated: Vec<(&Integer, Integer)> = terms
            .iter()
            .filter(|(_, k)| k.is_negative())
            .map(|(c, k)| (*c, Integer::from(-*k)))
            .collect();
        let positive: Vec<(&Integer, &Integer)> = terms
            .iter()
            .filter(|(_, k)| k.is_positive())
            .copied()
            .collect();
        let mut result = product_of_powers(&positive, &self.nn);
        if !negated.is_empty() {
            let negated: Vec<_> = negated.iter().map(|(c, k)| (*c, k)).collect();
            let inverse = product_of_powers(&negated, &self.nn)
                .invert(&self.nn)
                .map_err(|_| {
                    SchemeError::Foreign("a ciphertext shares a factor with the modulus".into())
                })?;
            result *= inverse;
            result %= &self.nn;
        }
        if !bias.is_zero() {
            result *= self.trivial(bias);
            result %= &self.nn;
        }
        Ok(result)
    }
}
