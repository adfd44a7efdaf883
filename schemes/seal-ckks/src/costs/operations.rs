//! The operations of SEAL that take time, each made ready to be timed when it is asked for.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};

use hexperiment_scheme::{
    CiphertextData as _, Operation, OperationTime, OperationTimes, SchemeError, Step,
};

use crate::circuit::Shared;
use crate::seal::{self, Ciphertext, Plaintext};
use crate::sealed::{Fresh, Sealed};
use crate::wire;

/// An operation of SEAL.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Add,
    AddPlain,
    Decode,
    Decrypt,
    /// The last prime dropped, so that so many are left; the scale stays.
    Drop,
    Encode,
    EncodeScalar,
    /// Under the public key.
    Encrypt,
    /// Under the secret key, with a seed.
    EncryptSeeded,
    /// With its relinearization, as of all products here.
    Multiply,
    MultiplyPlain,
    Negate,
    PublicKey,
    ReadPublicKey,
    ReadSwitchingKey,
    Rescale,
    Rotate,
    SecretKey,
    /// Written by one party and read by the other.
    Send,
    /// Likewise, of an input that the key owner encrypted: the reader expands the seed.
    SendSeeded,
    Square,
    SwitchingKey,
}

impl Kind {
    fn name(self) -> &'static str {
        match self {
            Self::Add => "add",
            Self::AddPlain => "add plaintext",
            Self::Decode => "decode",
            Self::Decrypt => "decrypt",
            Self::Drop => "drop prime",
            Self::Encode => "encode",
            Self::EncodeScalar => "encode scalar",
            Self::Encrypt => "encrypt",
            Self::EncryptSeeded => "encrypt seeded",
            Self::Multiply => "multiply and relinearize",
            Self::MultiplyPlain => "multiply plaintext",
            Self::Negate => "negate",
            Self::PublicKey => "public key",
            Self::ReadPublicKey => "read public key",
            Self::ReadSwitchingKey => "read switching key",
            Self::Rescale => "rescale",
            Self::Rotate => "rotate",
            Self::SecretKey => "secret key",
            Self::Send => "send",
            Self::SendSeeded => "send seeded",
            Self::Square => "square and relinearize",
            Self::SwitchingKey => "switching key",
        }
    }
}

/// What operations are timed with, made when the first one needs it.
pub(super) struct Bench<'c> {
    shared: &'c Arc<Shared>,
    keys: OnceLock<Keys>,
}

/// Keys of one client, and both parties' objects.
struct Keys {
    generator: seal::KeyGenerator,
    public_bytes: Vec<u8>,
    encryptor: seal::Encryptor,
    owner: seal::SymmetricEncryptor,
    decryptor: seal::Decryptor,
    evaluator: seal::Evaluator,
}

/// The rotation that is timed; each takes as long.
const STEPS: i32 = 1;

/// Operands that steps go round in, so that they do not find them in the fastest cache.
const OPERANDS: usize = 4;

impl<'c> Bench<'c> {
    pub(super) fn new(shared: &'c Arc<Shared>) -> Self {
        Self {
            shared,
            keys: OnceLock::new(),
        }
    }

    /// What an operation takes on ciphertexts of so many primes.
    pub(super) fn time(
        &self,
        kind: Kind,
        primes: usize,
        times: &mut dyn OperationTimes,
    ) -> Result<OperationTime, SchemeError> {
        let degree = self.shared.context.degree();
        let operation = Operation::new(kind.name(), format!("N={degree} primes={primes}"));
        times.time(operation, &|| self.step(kind, primes))
    }

    fn keys(&self) -> Result<&Keys, SchemeError> {
        if let Some(keys) = self.keys.get() {
            return Ok(keys);
        }
        let context = &self.shared.context;
        let generator = seal::KeyGenerator::new(context)?;
        let public_bytes = generator.public_key(context)?;
        let public = seal::PublicKey::read(context, &public_bytes)?;
        let secret = generator.secret_key()?;
        let keys = Keys {
            encryptor: seal::Encryptor::new(context, &public)?,
            owner: seal::SymmetricEncryptor::new(context, &secret)?,
            decryptor: seal::Decryptor::new(context, &secret)?,
            evaluator: seal::Evaluator::new(context)?,
            public_bytes,
            generator,
        };
        Ok(self.keys.get_or_init(|| keys))
    }

    /// The level at which so many primes are left.
    fn level(&self, primes: usize) -> usize {
        self.shared.context.level_primes(0).len() - primes
    }

    fn ciphertexts(&self, level: usize) -> Result<Vec<Arc<Ciphertext>>, SchemeError> {
        let (keys, plain) = (self.keys()?, plain(self.shared, level)?);
        (0..OPERANDS)
            .map(|_| Ok(Arc::new(keys.encryptor.encrypt(&plain)?)))
            .collect()
    }

    fn step(&self, kind: Kind, primes: usize) -> Result<Step<'_>, SchemeError> {
        let (shared, context) = (self.shared, &self.shared.context);
        let level = self.level(primes);
        let here = context.levels()[level];
        let evaluator = || Ok::<_, SchemeError>(&self.keys()?.evaluator);
        let operands = || self.ciphertexts(level);
        Ok(match kind {
            Kind::SecretKey => Box::new(move || {
                seal::KeyGenerator::new(context)?;
                Ok(())
            }),
            Kind::PublicKey => {
                let generator = &self.keys()?.generator;
                Box::new(move || {
                    generator.public_key(context)?;
                    Ok(())
                })
            }
            Kind::ReadPublicKey => {
                let bytes = &self.keys()?.public_bytes;
                Box::new(move || {
                    seal::Encryptor::new(context, &seal::PublicKey::read(context, bytes)?)?;
                    Ok(())
                })
            }
            Kind::SwitchingKey => {
                let generator = &self.keys()?.generator;
                Box::new(move || {
                    generator.relinearization_key(context)?;
                    Ok(())
                })
            }
            Kind::ReadSwitchingKey => {
                let bytes = self.keys()?.generator.relinearization_key(context)?;
                Box::new(move || {
                    seal::SwitchKeys::read(context, seal::Place::RELINEARIZATION, &bytes)?;
                    Ok(())
                })
            }
            Kind::Encode => Box::new(move || {
                plain(shared, level)?;
                Ok(())
            }),
            Kind::EncodeScalar => Box::new(move || {
                shared
                    .encoder
                    .encode_scalar(0.75, here, shared.scales[level])?;
                Ok(())
            }),
            Kind::Encrypt => {
                let (encryptor, plain) = (&self.keys()?.encryptor, plain(shared, level)?);
                Box::new(move || {
                    encryptor.encrypt(&plain)?;
                    Ok(())
                })
            }
            Kind::EncryptSeeded => {
                let (encryptor, plain) = (&self.keys()?.owner, plain(shared, level)?);
                Box::new(move || Ok(drop(encryptor.encrypt(&plain)?)))
            }
            Kind::SendSeeded => {
                let (encryptor, plain) = (&self.keys()?.owner, plain(shared, level)?);
                let fresh = (0..OPERANDS).map(|_| Ok(Arc::new(encryptor.encrypt(&plain)?)));
                let fresh = fresh.collect::<Result<Vec<_>, SchemeError>>()?;
                turns(fresh, move |a| {
                    let fresh = Fresh {
                        shared: Arc::clone(shared),
                        columns: vec![vec![Arc::clone(a)]],
                    };
                    let mut bytes = Vec::new();
                    fresh.write(&mut bytes)?;
                    Ok(drop(wire::read(shared, &bytes)?))
                })
            }
            Kind::Decrypt => {
                let decryptor = &self.keys()?.decryptor;
                turns(operands()?, move |a| Ok(drop(decryptor.decrypt(a)?)))
            }
            Kind::Decode => {
                let plain = self.keys()?.decryptor.decrypt(&operands()?[0])?;
                let slots = context.slots();
                Box::new(move || Ok(drop(shared.encoder.decode(&plain, slots)?)))
            }
            Kind::Send => turns(operands()?, move |a| {
                let sealed = Sealed {
                    shared: Arc::clone(shared),
                    level,
                    columns: vec![vec![Arc::clone(a)]],
                };
                let mut bytes = Vec::new();
                sealed.write(&mut bytes)?;
                Ok(drop(wire::read(shared, &bytes)?))
            }),
            Kind::Add => {
                let (seal, other) = (evaluator()?, operands()?.swap_remove(0));
                turns(operands()?, move |a| Ok(drop(seal.add(a, &other)?)))
            }
            Kind::Negate => {
                let seal = evaluator()?;
                turns(operands()?, move |a| Ok(drop(seal.negate(a)?)))
            }
            Kind::AddPlain => {
                let (seal, plain) = (evaluator()?, plain(shared, level)?);
                turns(operands()?, move |a| Ok(drop(seal.add_plain(a, &plain)?)))
            }
            Kind::MultiplyPlain => {
                let (seal, plain) = (evaluator()?, plain(shared, level)?);
                turns(operands()?, move |a| {
                    Ok(drop(seal.multiply_plain(a, &plain)?))
                })
            }
            Kind::Multiply | Kind::Square => {
                let (seal, key) = (evaluator()?, self.relinearization_key()?);
                let other = operands()?.swap_remove(0);
                turns(operands()?, move |a| {
                    let product = if kind == Kind::Multiply {
                        seal.multiply(a, &other)?
                    } else {
                        seal.square(a)?
                    };
                    Ok(drop(seal.relinearize(product, &key)?))
                })
            }
            Kind::Rescale => {
                let seal = evaluator()?;
                turns(operands()?, move |a| Ok(drop(seal.rescale(a)?)))
            }
            Kind::Rotate => {
                let (seal, key) = (evaluator()?, self.galois_key()?);
                turns(operands()?, move |a| Ok(drop(seal.rotate(a, STEPS, &key)?)))
            }
            Kind::Drop => {
                let seal = evaluator()?;
                let from = self.ciphertexts(level.saturating_sub(1))?;
                turns(from, move |a| Ok(drop(seal.switch_to(a, here)?)))
            }
        })
    }

    fn relinearization_key(&self) -> Result<seal::SwitchKeys, SchemeError> {
        let context = &self.shared.context;
        let bytes = self.keys()?.generator.relinearization_key(context)?;
        let place = seal::Place::RELINEARIZATION;
        Ok(seal::SwitchKeys::read(context, place, &bytes)?)
    }

    fn galois_key(&self) -> Result<seal::SwitchKeys, SchemeError> {
        let context = &self.shared.context;
        let bytes = self.keys()?.generator.galois_key(context, STEPS)?;
        let place = seal::Place::rotation(context, STEPS);
        Ok(seal::SwitchKeys::read(context, place, &bytes)?)
    }
}

/// Numbers in all slots.
fn plain(shared: &Shared, level: usize) -> Result<Plaintext, SchemeError> {
    let slots: Vec<f64> = (0..shared.context.slots())
        .map(|i| 0.5 + (i % 7) as f64 / 16.0)
        .collect();
    let at = shared.context.levels()[level];
    Ok(shared.encoder.encode(&slots, at, shared.scales[level])?)
}

/// A step on the first, the second, … of the operands in turn.
fn turns<'s, T: Send + Sync + 's>(
    operands: Vec<T>,
    step: impl Fn(&T) -> Result<(), SchemeError> + Send + Sync + 's,
) -> Step<'s> {
    let turn = AtomicUsize::new(0);
    Box::new(move || {
        let at = turn.fetch_add(1, Ordering::Relaxed);
        step(&operands[at % operands.len()])
    })
}
