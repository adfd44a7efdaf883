//! The reference backend: paillier-rs 0.2.3, as its author would use it.
//!
//! What its source shows:
//!
//! - Encryption draws `r` uniformly below `n` from `thread_rng` of rand 0.5: HC-128, seeded and
//!   re-seeded by the operating system, a cryptographic generator. It is used as it is.
//! - Its key generation takes primes from num-primes 0.1.2. Their generator is the same, but no
//!   top bit is set, so that a modulus may fall short of its length by several bits and with it of
//!   its security level; `p = q` and `gcd(n, phi(n))` are not checked; and its key pair cannot be
//!   taken apart. So the primes are ours ([`crate::primes`]), from the operating system.
//! - `sub` inverts by a recursion of thousands of calls at this size, which can exhaust a
//!   thread's stack. Negative coefficients are applied as a power `n - 1` of their product instead.
//! - It has no CRT, no short exponents and no simultaneous powers, and num-bigint is not
//!   constant-time: slow, and simple to follow.

use hexperiment_scheme::SchemeError;
use num_bigint_02::{BigInt, Sign};
use paillier_rs::{PrivKey, PubKey};
use rug::Integer;
use rug::integer::Order;

use crate::backend::{Combining, Decrypting, Encrypting};
use crate::key::centred;
use crate::primes::Primes;

/// A public key.
#[derive(Clone)]
pub(crate) struct Public {
    key: PubKey,
    n: Integer,
}

impl Public {
    pub(crate) fn new(n: &Integer) -> Self {
        Self {
            key: public(n),
            n: n.clone(),
        }
    }

    /// `prod ciphertext^exponent`, for positive exponents; `None` without terms.
    fn product<'a>(
        &self,
        terms: impl Iterator<Item = (&'a Integer, Integer)>,
    ) -> Result<Option<BigInt>, SchemeError> {
        let mut product: Option<BigInt> = None;
        for (ciphertext, exponent) in terms {
            let power = self.power(&to_big(ciphertext), &exponent)?;
            product = Some(match product {
                None => power,
                Some(product) => self.add(&product, &power)?,
            });
        }
        Ok(product)
    }

    fn power(&self, ciphertext: &BigInt, exponent: &Integer) -> Result<BigInt, SchemeError> {
        let power = self.key.mult_plain_text(ciphertext, &to_big(exponent));
        power.ok_or_else(|| refused("mult_plain_text"))
    }

    fn add(&self, a: &BigInt, b: &BigInt) -> Result<BigInt, SchemeError> {
        self.key.add(a, b).ok_or_else(|| refused("add"))
    }
}

impl Encrypting for Public {
    fn encrypt(&self, message: &Integer) -> Result<Integer, SchemeError> {
        let message = Integer::from(message.modulo_ref(&self.n));
        let ciphertext = self.key.encrypt(&to_big(&message));
        ciphertext
            .map(|c| from_big(&c))
            .ok_or_else(|| refused("encrypt"))
    }
}

impl Combining for Public {
    fn combine(
        &self,
        terms: &[(&Integer, &Integer)],
        bias: &Integer,
    ) -> Result<Integer, SchemeError> {
        let of_sign = |negative: bool| {
            terms
                .iter()
                .filter(move |(_, k)| !k.is_zero() && k.is_negative() == negative)
                .map(|(c, k)| (*c, Integer::from(k.abs_ref())))
        };
        let mut result = self.product(of_sign(false))?;
        if let Some(negated) = self.product(of_sign(true))? {
            let inverse = self.power(&negated, &Integer::from(&self.n - 1_u32))?;
            result = Some(match result {
                None => inverse,
                Some(result) => self.add(&result, &inverse)?,
            });
        }
        // 1 is the ciphertext of 0 without randomness.
        let result = result.unwrap_or_else(|| BigInt::from(1));
        if bias.is_zero() {
            return Ok(from_big(&result));
        }
        let bias = Integer::from(bias.modulo_ref(&self.n));
        let shifted = self.key.add_plain_text(&result, &to_big(&bias));
        shifted
            .map(|c| from_big(&c))
            .ok_or_else(|| refused("add_plain_text"))
    }
}

/// A secret key.
pub(crate) struct Secret {
    key: PrivKey,
    n: Integer,
}

impl Secret {
    pub(crate) fn new(primes: &Primes) -> Result<Self, SchemeError> {
        let n = primes.modulus();
        let lambda = Integer::from(&primes.p - 1) * Integer::from(&primes.q - 1);
        let mu = lambda.clone().invert(&n).map_err(|_| refused("mu"))?;
        Ok(Self {
            key: PrivKey {
                lambda: to_big(&lambda),
                mu: to_big(&mu),
                pk: public(&n),
            },
            n,
        })
    }
}

impl Decrypting for Secret {
    fn decrypt(&self, ciphertext: &Integer) -> Result<Integer, SchemeError> {
        let message = self.key.decrypt(&to_big(ciphertext));
        let message = message.ok_or_else(|| refused("decrypt"))?;
        Ok(centred(from_big(&message), &self.n))
    }
}

fn public(n: &Integer) -> PubKey {
    PubKey {
        g: to_big(&Integer::from(n + 1)),
        n: to_big(n),
        nn: to_big(&n.clone().square()),
    }
}

fn refused(operation: &str) -> SchemeError {
    SchemeError::Library {
        library: "paillier-rs",
        operation: operation.into(),
        message: "an operand is outside its range".into(),
    }
}

/// Of a number that is not negative.
fn to_big(number: &Integer) -> BigInt {
    BigInt::from_bytes_le(Sign::Plus, &number.to_digits::<u8>(Order::Lsf))
}

/// Of a number that is not negative.
fn from_big(number: &BigInt) -> Integer {
    Integer::from_digits(&number.to_bytes_le().1, Order::Lsf)
}
