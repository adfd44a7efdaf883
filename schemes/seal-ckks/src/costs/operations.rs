//! The operations of SEAL that take time, each made ready to be timed when it is asked for.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use hexperiment_scheme::{
    CiphertextData as _, Operation, OperationTime, OperationTimes, SchemeError, Step, step,
};

use super::built_in;
use crate::circuit::{Design, Shared};
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
    /// Three polynomials, as of [`Kind::Square`].
    Multiply,
    MultiplyPlain,
    Negate,
    PublicKey,
    ReadPublicKey,
    ReadSwitchingKey,
    /// Of three polynomials, of which it leaves two.
    Relinearize,
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
            Self::Multiply => "multiply",
            Self::MultiplyPlain => "multiply plaintext",
            Self::Negate => "negate",
            Self::PublicKey => "public key",
            Self::ReadPublicKey => "read public key",
            Self::ReadSwitchingKey => "read switching key",
            Self::Relinearize => "relinearize",
            Self::Rescale => "rescale",
            Self::Rotate => "rotate",
            Self::SecretKey => "secret key",
            Self::Send => "send",
            Self::SendSeeded => "send seeded",
            Self::Square => "square",
            Self::SwitchingKey => "switching key",
        }
    }
}

/// Where times of operations come from.
pub(crate) enum Bench<'c> {
    /// The table that is built in, the same everywhere.
    BuiltIn(&'c Design),
    /// This machine.
    Here(Here<'c>),
}

/// What operations are timed with, made when the first one needs it.
pub(crate) struct Here<'c> {
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

/// Bytes of the operands that steps go round in, and of the results that are kept meanwhile: more than the cache
/// of a processor holds, as in a program, whose operations each find others.
const AROUND: usize = 8 << 20;

impl<'c> Bench<'c> {
    /// Of this machine.
    pub(crate) fn here(shared: &'c Arc<Shared>) -> Self {
        Self::Here(Here {
            shared,
            keys: OnceLock::new(),
        })
    }

    /// What an operation takes on ciphertexts of so many primes.
    pub(super) fn time(
        &self,
        kind: Kind,
        primes: usize,
        times: &mut dyn OperationTimes,
    ) -> Result<OperationTime, SchemeError> {
        match self {
            Self::BuiltIn(design) => {
                let (degree, coefficients) = (design.chain.degree(), design.in_coefficients());
                let time = built_in::time(kind, degree, primes, coefficients);
                Ok(OperationTime::of(time))
            }
            Self::Here(here) => here.time(kind, primes, times),
        }
    }

    /// What the first operation of a kind in a phase takes more than the others, which find in a cache what
    /// it has brought there.
    pub(super) fn cold(
        &self,
        kind: Kind,
        primes: usize,
        times: &mut dyn OperationTimes,
    ) -> Result<Duration, SchemeError> {
        let Self::Here(here) = self else {
            return Ok(Duration::ZERO);
        };
        let warm = here.time(kind, primes, times)?.alone;
        let operation = here.operation(kind, primes);
        let round = times.goes_round();
        let cold = times.cold(operation, &|| here.step(kind, primes, round))?;
        Ok(cold.saturating_sub(warm))
    }
}

impl Here<'_> {
    fn time(
        &self,
        kind: Kind,
        primes: usize,
        times: &mut dyn OperationTimes,
    ) -> Result<OperationTime, SchemeError> {
        let round = times.goes_round();
        times.time(self.operation(kind, primes), &|| {
            self.step(kind, primes, round)
        })
    }

    fn operation(&self, kind: Kind, primes: usize) -> Operation {
        let coefficients = self.shared.in_coefficients();
        let name = match kind {
            Kind::Encode if coefficients => "encode coefficients",
            Kind::Decode if coefficients => "decode coefficients",
            kind => kind.name(),
        };
        let degree = self.shared.context.degree();
        Operation::new(name, format!("N={degree} primes={primes}"))
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

    /// Operands that steps at a level go round in.
    fn operands(&self, level: usize, round: bool) -> usize {
        if !round {
            return 1;
        }
        let context = &self.shared.context;
        let ciphertext =
            2 * context.level_primes(level).len() * context.degree() * size_of::<u64>();
        (AROUND / ciphertext).clamp(4, 64)
    }

    fn ciphertexts(&self, level: usize, many: usize) -> Result<Vec<Arc<Ciphertext>>, SchemeError> {
        let (keys, plain) = (self.keys()?, plain(self.shared, level)?);
        (0..many)
            .map(|_| Ok(Arc::new(keys.encryptor.encrypt(&plain)?)))
            .collect()
    }

    fn plains(&self, level: usize, many: usize) -> Result<Vec<Plaintext>, SchemeError> {
        let all = (0..many).map(|_| plain(self.shared, level));
        all.collect()
    }

    fn step(&self, kind: Kind, primes: usize, round: bool) -> Result<Step<'_>, SchemeError> {
        let level = self.level(primes);
        let many = self.operands(level, round);
        match kind {
            Kind::SecretKey
            | Kind::PublicKey
            | Kind::ReadPublicKey
            | Kind::SwitchingKey
            | Kind::ReadSwitchingKey => self.key_step(kind),
            Kind::Encode
            | Kind::EncodeScalar
            | Kind::Encrypt
            | Kind::EncryptSeeded
            | Kind::Send
            | Kind::SendSeeded
            | Kind::Decrypt
            | Kind::Decode => self.client_step(kind, level, many),
            Kind::Add
            | Kind::AddPlain
            | Kind::Drop
            | Kind::Multiply
            | Kind::MultiplyPlain
            | Kind::Negate
            | Kind::Relinearize
            | Kind::Rescale
            | Kind::Rotate
            | Kind::Square => self.server_step(kind, level, many),
        }
    }

    /// Making keys and reading them.
    fn key_step(&self, kind: Kind) -> Result<Step<'_>, SchemeError> {
        let context = &self.shared.context;
        let primes = context.levels().len();
        let generator = || Ok::<_, SchemeError>(&self.keys()?.generator);
        Ok(match kind {
            Kind::PublicKey => {
                let generator = generator()?;
                step::again(move || generator.public_key(context))
            }
            Kind::ReadPublicKey => {
                let bytes = &self.keys()?.public_bytes;
                step::again(move || {
                    seal::Encryptor::new(context, &seal::PublicKey::read(context, bytes)?)
                })
            }
            Kind::SwitchingKey => {
                let generator = generator()?;
                step::again(move || generator.relinearization_key(context, primes))
            }
            Kind::ReadSwitchingKey => {
                let bytes = generator()?.relinearization_key(context, primes)?;
                let place = seal::Place::RELINEARIZATION;
                step::again(move || seal::SwitchKeys::read(context, place, primes, &bytes))
            }
            _ => step::again(move || seal::KeyGenerator::new(context)),
        })
    }

    /// What the client does, and the crossing of ciphertexts.
    fn client_step(&self, kind: Kind, level: usize, many: usize) -> Result<Step<'_>, SchemeError> {
        let (shared, context) = (self.shared, &self.shared.context);
        Ok(match kind {
            Kind::EncodeScalar => {
                let here = context.levels()[level];
                let scale = shared.scales[level];
                step::kept(many, move || {
                    shared.encoder.encode_scalar(0.75, here, scale)
                })
            }
            Kind::Encrypt => {
                let key = &self.keys()?.encryptor;
                step::in_turn(self.plains(level, many)?, move |plain| key.encrypt(plain))
            }
            Kind::EncryptSeeded => {
                let key = &self.keys()?.owner;
                step::in_turn(self.plains(level, many)?, move |plain| key.encrypt(plain))
            }
            Kind::Send => step::in_turn(self.ciphertexts(level, many)?, move |a| {
                let sealed = Sealed {
                    shared: Arc::clone(shared),
                    level,
                    columns: vec![vec![Arc::clone(a)]],
                };
                let mut bytes = Vec::new();
                sealed.write(&mut bytes)?;
                wire::read(shared, &bytes)
            }),
            Kind::SendSeeded => {
                let (key, plain) = (&self.keys()?.owner, plain(shared, level)?);
                let fresh = (0..many).map(|_| Ok(Arc::new(key.encrypt(&plain)?)));
                let fresh = fresh.collect::<Result<Vec<_>, SchemeError>>()?;
                step::in_turn(fresh, move |a| {
                    let fresh = Fresh {
                        shared: Arc::clone(shared),
                        columns: vec![vec![Arc::clone(a)]],
                    };
                    let mut bytes = Vec::new();
                    fresh.write(&mut bytes)?;
                    wire::read(shared, &bytes)
                })
            }
            Kind::Decrypt => {
                let decryptor = &self.keys()?.decryptor;
                step::in_turn(self.ciphertexts(level, many)?, move |a| {
                    decryptor.decrypt(a)
                })
            }
            Kind::Decode => {
                let decryptor = &self.keys()?.decryptor;
                let plains = self.ciphertexts(level, many)?;
                let plains = plains.iter().map(|a| decryptor.decrypt(a));
                let plains = plains.collect::<Result<Vec<_>, _>>()?;
                step::in_turn(plains, move |plain| shared.decode(plain))
            }
            _ => step::kept(many, move || plain(shared, level)),
        })
    }

    /// What the server does.
    fn server_step(&self, kind: Kind, level: usize, many: usize) -> Result<Step<'_>, SchemeError> {
        let seal = &self.keys()?.evaluator;
        let operands = self.ciphertexts(level, many)?;
        let here = self.shared.context.levels()[level];
        Ok(match kind {
            Kind::AddPlain => {
                let operands = operands
                    .into_iter()
                    .zip(self.plains(level, many)?)
                    .collect();
                step::in_turn(operands, move |(a, plain)| seal.add_plain(a, plain))
            }
            Kind::Drop => {
                let above = self.ciphertexts(level.saturating_sub(1), many)?;
                step::in_turn(above, move |a| seal.switch_to(a, here))
            }
            Kind::Multiply => step::in_turn(pairs(operands), move |(a, b)| seal.multiply(a, b)),
            Kind::Square => step::in_turn(operands, move |a| seal.square(a)),
            Kind::Relinearize => {
                let key = self.relinearization_key()?;
                let products = operands.iter().map(|a| seal.square(a));
                let products = products.collect::<Result<Vec<_>, _>>()?;
                step::in_turn(products, move |product| seal.relinearized(product, &key))
            }
            Kind::MultiplyPlain => {
                // Of any scale as long; at the last level products have room for factors of scale 1 alone.
                let factors = (0..many).map(|_| numbers(self.shared, level, 1.0));
                let factors = factors.collect::<Result<Vec<_>, _>>()?;
                let operands = operands.into_iter().zip(factors).collect();
                step::in_turn(operands, move |(a, plain)| seal.multiply_plain(a, plain))
            }
            Kind::Negate => step::in_turn(operands, move |a| seal.negate(a)),
            Kind::Rescale => step::in_turn(operands, move |a| seal.rescale(a)),
            Kind::Rotate => {
                let key = self.galois_key()?;
                step::in_turn(operands, move |a| seal.rotate(a, STEPS, &key))
            }
            _ => step::in_turn(pairs(operands), move |(a, b)| seal.add(a, b)),
        })
    }

    fn relinearization_key(&self) -> Result<seal::SwitchKeys, SchemeError> {
        let context = &self.shared.context;
        let primes = context.levels().len();
        let bytes = self
            .keys()?
            .generator
            .relinearization_key(context, primes)?;
        let place = seal::Place::RELINEARIZATION;
        Ok(seal::SwitchKeys::read(context, place, primes, &bytes)?)
    }

    fn galois_key(&self) -> Result<seal::SwitchKeys, SchemeError> {
        let context = &self.shared.context;
        let primes = context.levels().len();
        let bytes = self.keys()?.generator.galois_key(context, STEPS, primes)?;
        let place = seal::Place::rotation(context, STEPS);
        Ok(seal::SwitchKeys::read(context, place, primes, &bytes)?)
    }
}

/// Numbers in all slots, at the level's scale.
fn plain(shared: &Shared, level: usize) -> Result<Plaintext, SchemeError> {
    numbers(shared, level, shared.scales[level])
}

/// Numbers in all slots, at any scale.
fn numbers(shared: &Shared, level: usize, scale: f64) -> Result<Plaintext, SchemeError> {
    let numbers = match shared.transform {
        None => shared.context.slots(),
        Some(_) => shared.context.degree(),
    };
    let numbers: Vec<f64> = (0..numbers).map(|i| 1.5 + (i % 7) as f64 / 16.0).collect();
    let at = shared.context.levels()[level];
    Ok(shared.encode_all(&numbers, at, scale)?)
}

/// Each with the one that comes half a turn later.
fn pairs<T: Clone>(operands: Vec<T>) -> Vec<(T, T)> {
    let half = operands.len() / 2;
    let others = operands.iter().cycle().skip(half).cloned();
    operands.iter().cloned().zip(others).collect()
}
