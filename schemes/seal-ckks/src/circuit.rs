//! Circuits: a program bound to a ring and primes.

use std::ops::Deref;
use std::sync::Arc;

use hexperiment_program::OpKind;
use hexperiment_program::Refusal;
use hexperiment_program::layout::{Candidate, Coding, Expense, Layout, best};
use hexperiment_program::lower::Lowered;
use hexperiment_scheme::memory::{hold, left};
use hexperiment_scheme::security::{self, Encryption};
use hexperiment_scheme::{
    Ciphertexts, Circuit, CircuitDigest, CompileRequest, Costs, Encryptor, EvaluationKeys,
    Evaluator, KeyOwner, KeyPart, KeyRole, KeySet, OperationTimes, Parameters, SchemeError,
    SecretKey, Sizes,
};
use ndarray::Array2;

use crate::arrange;
use crate::bound::{Bound, as_precise, chosen, counts, scales};
use crate::client::{CkksDecryptor, CkksEncryptor, EncryptionKey};
use crate::coefficients::Transform;
use crate::costs::Bench;
use crate::encoded;
use crate::evaluate::{CkksEvaluator, SwitchingKeys, rotation_levels};
use crate::layout::SlotLayout;
use crate::lazy;
use crate::parallel::Threads;
use crate::schedule;
use crate::scheme::LIBRARY;
use crate::seal;
use crate::wire;

/// A program bound to a ring and primes, before the library makes anything for them, whose tables take half a gigabyte of
/// the largest: what each layout costs is known from here.
pub(crate) struct Design {
    /// How vectors lie in plaintexts, and the program as the task's inputs and outputs are.
    pub(crate) arrangement: Layout,
    /// The program that is evaluated.
    pub(crate) lowered: Lowered,
    pub(crate) chain: seal::Chain,
    pub(crate) layout: SlotLayout,
    /// The scale of values by level; every value of a level has the same.
    ///
    /// `S_last` is a power of two and `S_l = sqrt(S_(l+1) q_l)`, so that a product of two values
    /// of level `l`, rescaled by `q_l`, has exactly the scale of level `l + 1`; going back to the
    /// inputs the deviation from a power of two halves with each level, where it would double
    /// the other way.
    pub(crate) scales: Vec<f64>,
    /// The level at which each value of the program is computed. A result keeps the scale of that
    /// level when the primes that are left are dropped.
    pub(crate) levels: Vec<usize>,
    /// Whether each value is left open: see [`crate::lazy`].
    pub(crate) open: Vec<bool>,
    /// The standard deviation of the noise that floods each output; none without noise flooding.
    pub(crate) flooding_deviations: Vec<f64>,
    /// Who encrypts the inputs.
    pub(crate) encryption: Encryption,
    /// Whether the server may have to encrypt: see [`crate::transparent`].
    pub(crate) server_encrypts: bool,
}

/// What every role of one circuit shares: nothing secret.
pub(crate) struct Shared {
    design: Design,
    pub(crate) context: Arc<seal::Context>,
    pub(crate) encoder: seal::Encoder,
    /// Of numbers in coefficients; none where they lie in slots.
    pub(crate) transform: Option<Transform>,
}

/// Roles read the design as a part of what they share.
impl Deref for Shared {
    type Target = Design;

    fn deref(&self) -> &Design {
        &self.design
    }
}

impl Design {
    /// Whether numbers lie in coefficients, not in slots.
    pub(crate) fn in_coefficients(&self) -> bool {
        self.arrangement.coding() == Coding::Coefficients
    }

    /// Whether ciphertexts are multiplied, which takes a relinearization key.
    pub(crate) fn multiplies(&self) -> bool {
        self.relinearized_primes().is_some()
    }

    /// The most primes of a product of ciphertexts; none without products.
    pub(crate) fn relinearized_primes(&self) -> Option<usize> {
        let program = self.lowered.program();
        let product = |kind| matches!(kind, OpKind::Mul | OpKind::Square);
        let products = program.iter().filter(|(_, v)| product(v.op().kind()));
        // A product is taken before its level's prime is dropped.
        let levels = products.map(|(id, _)| self.levels[id.index()] - 1);
        levels
            .min()
            .map(|level| self.chain.level_primes(level).len())
    }

    /// Whether a public key is made: who encrypts has no other, or the server needs it.
    pub(crate) fn has_public_key(&self) -> bool {
        self.encryption == Encryption::Public || self.server_encrypts
    }

    /// The rotations, each of which takes a Galois key, with the most primes of what it turns.
    pub(crate) fn rotations(&self) -> Vec<(i32, usize)> {
        let all = rotation_levels(self.lowered.program(), &self.layout, &self.levels);
        let primes = |level| self.chain.level_primes(level).len();
        all.into_iter()
            .map(|(steps, level)| (steps, primes(level)))
            .collect()
    }

    /// Bytes of the evaluation keys.
    pub(crate) fn key_bytes(&self) -> usize {
        let public = usize::from(self.has_public_key()) * seal::public_bytes(&self.chain);
        let galois = self.rotations().into_iter().map(|(_, primes)| primes);
        let primes = self.relinearized_primes().into_iter().chain(galois);
        public
            + primes
                .map(|p| seal::switching_bytes(&self.chain, p))
                .sum::<usize>()
    }
}

/// A program bound to parameters.
pub(crate) struct CkksCircuit {
    shared: Arc<Shared>,
    parameters: Parameters,
    digest: CircuitDigest,
}

/// A circuit of one layout, for which the library has made nothing yet.
struct Draft {
    design: Design,
    /// The bits of the primes.
    bits: Vec<u32>,
    parameters: Parameters,
    /// Bytes that both parties hold at most.
    need: u64,
}

impl Draft {
    fn new(arrangement: &Layout, request: &CompileRequest<'_>) -> Result<Self, SchemeError> {
        let Bound {
            choice,
            layout,
            encrypting,
            tolerance,
            failure,
            flooding,
            flooding_deviations,
            shortfalls,
            need,
        } = Bound::new(arrangement, request)?;
        let encryption = request.security.encryption;
        let lowered = arrangement.lowered().clone();
        let bits = choice.prime_bits();
        let chain = seal::Chain::new(1 << choice.log_n, &bits)?;
        let levels = schedule::levels(&lowered);
        let mut chosen = chosen(&chain, &choice, flooding, &flooding_deviations);
        chosen.push(("layout".into(), arrangement.name().to_owned()));
        let parameters = Parameters {
            security: security::rlwe(request.security.table, choice.log_n, chain.log_qp()),
            chosen,
            depth: choice.depth,
            counts: counts(&lowered, &layout),
            server_sees: "the program with its public numbers, sizes; ciphertexts otherwise".into(),
            encryption: Some(encryption),
            quantisation: None,
            noise_tolerance: tolerance,
            failure,
            shortfalls,
            layouts: vec![],
            memory_bytes: Some(need),
        };
        let design = Design {
            encryption,
            server_encrypts: encrypting.by_server(),
            arrangement: arrangement.clone(),
            layout,
            scales: scales(&chain, choice.scale_bits),
            open: lazy::open(lowered.program(), &levels),
            levels,
            lowered,
            chain,
            flooding_deviations,
        };
        Ok(Self {
            design,
            bits,
            parameters,
            need,
        })
    }

    fn expense(&self, request: &CompileRequest<'_>) -> Result<Expense, SchemeError> {
        arrange::expense(&self.design, self.need, request)
    }

    /// Has the library make its tables.
    fn circuit(self, request: &CompileRequest<'_>) -> Result<CkksCircuit, SchemeError> {
        let Self {
            design,
            bits,
            parameters,
            need,
        } = self;
        // SEAL ends the process where it finds no memory, HEXL by a fault.
        hold(need, left())?;
        let degree = design.chain.degree();
        let context = seal::context(degree, &bits, request.security.level())?;
        let shared = Shared {
            encoder: seal::Encoder::new(&context)?,
            transform: design.in_coefficients().then(|| Transform::new(degree)),
            context,
            design,
        };
        Ok(CkksCircuit {
            digest: CircuitDigest::of(LIBRARY, request, &parameters.chosen)?,
            shared: Arc::new(shared),
            parameters,
        })
    }
}

impl CkksCircuit {
    pub(crate) fn new(request: CompileRequest<'_>) -> Result<Self, SchemeError> {
        let candidates = arrange::candidates(&request)?;
        if let [only] = candidates.as_slice() {
            return Draft::new(only, &request)?.circuit(&request);
        }
        let (mut refused, mut reference) = (None, None);
        let (mut tried, mut expenses, mut drafts) = (vec![], vec![], vec![]);
        for layout in &candidates {
            let draft = match Draft::new(layout, &request) {
                Ok(draft) => {
                    let stated = &draft.parameters.noise_tolerance;
                    let precise =
                        as_precise(layout, stated, reference.get_or_insert(stated.clone()));
                    precise.then_some(draft)
                }
                Err(error) => {
                    refused.get_or_insert(error);
                    None
                }
            };
            let expense = draft.as_ref().map(|draft| draft.expense(&request));
            expenses.push(expense.transpose()?);
            tried.push(layout.name().to_owned());
            drafts.push(draft);
        }
        let chosen = best(request.objective, &expenses);
        let Some(draft) = chosen.and_then(|place| drafts.swap_remove(place)) else {
            // Of no layout at all there is a reason, that of the first.
            let reason = || Refusal::because("layout", "there is none").into();
            return Err(refused.unwrap_or_else(reason));
        };
        let all = tried.into_iter().zip(expenses).enumerate();
        let all = all.map(|(place, (layout, expense))| Candidate {
            layout,
            expense,
            chosen: chosen == Some(place),
        });
        let mut circuit = draft.circuit(&request)?;
        circuit.parameters.layouts = all.collect();
        Ok(circuit)
    }

    /// The key owner's role.
    fn decryptor(&self, secret: seal::SecretKey) -> Result<CkksDecryptor, SchemeError> {
        Ok(CkksDecryptor {
            seal: seal::Decryptor::new(&self.shared.context, &secret)?,
            shared: Arc::clone(&self.shared),
            secret,
            digest: self.digest,
        })
    }

    /// The role of who encrypts with this key.
    fn encryptor(&self, key: EncryptionKey) -> CkksEncryptor {
        CkksEncryptor {
            key,
            shared: Arc::clone(&self.shared),
        }
    }

    /// The server's role, which keeps at most so many bytes of plaintexts. Each part of the keys is
    /// dropped once it is expanded.
    pub(crate) fn evaluator(
        &self,
        keys: EvaluationKeys,
        budget: u64,
    ) -> Result<CkksEvaluator, SchemeError> {
        let shared = &self.shared;
        let context = &shared.context;
        let mut keys = keys.read_for(self.digest)?;
        let public = if shared.has_public_key() {
            let public = keys.next(KeyRole::Public, seal::public_bytes(context))?;
            Some(seal::PublicKey::read(context, public.bytes()).map_err(foreign)?)
        } else {
            None
        };
        let mut switching = |role, place, primes| {
            let part = keys.next(role, seal::switching_bytes(context, primes))?;
            seal::SwitchKeys::read(context, place, primes, part.bytes()).map_err(foreign)
        };
        let relinearization = shared
            .relinearized_primes()
            .map(|p| switching(KeyRole::Relinearization, seal::Place::RELINEARIZATION, p))
            .transpose()?;
        let galois = shared.rotations().into_iter().map(|(steps, primes)| {
            let place = seal::Place::rotation(context, steps);
            Ok((steps, switching(KeyRole::Galois, place, primes)?))
        });
        let switching = SwitchingKeys {
            relinearization,
            galois: galois.collect::<Result<_, SchemeError>>()?,
        };
        keys.finish()?;
        // Where others encrypt, the key crosses whether the server needs it or not.
        let public = public.filter(|_| shared.server_encrypts);
        let public = public.map(|key| seal::Encryptor::new(context, &key));
        let public = public.transpose()?;
        let threads = if crate::costs::stays_on_its_thread(shared)? {
            Threads::One
        } else {
            Threads::All
        };
        CkksEvaluator::new(Arc::clone(shared), public, switching, threads, budget)
    }
}

impl Circuit for CkksCircuit {
    fn parameters(&self) -> &Parameters {
        &self.parameters
    }

    fn simulate(&self, inputs: &[Array2<f64>]) -> Result<Vec<Array2<f64>>, SchemeError> {
        Ok(self.shared.arrangement.original().interpret_any(inputs)?)
    }

    fn costs(&self, times: &mut dyn OperationTimes) -> Result<Option<Costs>, SchemeError> {
        let bench = Bench::here(&self.shared);
        crate::costs::costs(&self.shared, &bench, times).map(Some)
    }

    fn sizes(&self) -> Option<Sizes> {
        Some(crate::costs::sizes(&self.shared))
    }

    fn digest(&self) -> CircuitDigest {
        self.digest
    }

    /// Of the keys that switch, one is held at a time beside the bytes of those before it.
    fn generate_keys(&self) -> Result<KeySet, SchemeError> {
        let shared = &self.shared;
        let context = &shared.context;
        let generator = seal::KeyGenerator::new(context)?;
        let secret = generator.secret_key()?;
        let mut parts = vec![];
        if shared.has_public_key() {
            let public = generator.public_key(context)?;
            parts.push(KeyPart::new(KeyRole::Public, public));
        }
        let key = match (shared.encryption, parts.first()) {
            (Encryption::Public, Some(public)) => {
                let public = seal::PublicKey::read(context, public.bytes())?;
                EncryptionKey::Public(seal::Encryptor::new(context, &public)?)
            }
            _ => EncryptionKey::Secret(seal::SymmetricEncryptor::new(context, &secret)?),
        };
        if let Some(primes) = shared.relinearized_primes() {
            let key = generator.relinearization_key(context, primes)?;
            parts.push(KeyPart::new(KeyRole::Relinearization, key));
        }
        for (steps, primes) in shared.rotations() {
            let key = generator.galois_key(context, steps, primes)?;
            parts.push(KeyPart::new(KeyRole::Galois, key));
        }
        Ok(KeySet {
            encryptor: Box::new(self.encryptor(key)),
            decryptor: Box::new(self.decryptor(secret)?),
            evaluation: EvaluationKeys::new(self.digest, parts),
        })
    }

    fn prepare(&self, keys: EvaluationKeys) -> Result<Box<dyn Evaluator>, SchemeError> {
        Ok(Box::new(self.evaluator(keys, encoded::BUDGET)?))
    }

    fn restore(&self, secret: &SecretKey) -> Result<KeyOwner, SchemeError> {
        let context = &self.shared.context;
        let packed = secret.read_for(self.digest, seal::secret_bytes(context))?;
        let secret = seal::SecretKey::read(context, packed)
            .map_err(|e| SchemeError::ForeignSecret(e.to_string()))?;
        let encryptor: Option<Box<dyn Encryptor>> = match self.shared.encryption {
            Encryption::Public => None,
            Encryption::Owner => {
                let key = seal::SymmetricEncryptor::new(context, &secret)?;
                Some(Box::new(self.encryptor(EncryptionKey::Secret(key))))
            }
        };
        Ok(KeyOwner {
            encryptor,
            decryptor: Box::new(self.decryptor(secret)?),
        })
    }

    fn public_encryptor(&self, public: EvaluationKeys) -> Result<Box<dyn Encryptor>, SchemeError> {
        let context = &self.shared.context;
        let mut public = public.read_for(self.digest)?;
        let key = public.next(KeyRole::Public, seal::public_bytes(context))?;
        public.finish()?;
        let key = seal::PublicKey::read(context, key.bytes()).map_err(foreign)?;
        let key = EncryptionKey::Public(seal::Encryptor::new(context, &key)?);
        Ok(Box::new(self.encryptor(key)))
    }

    fn load(&self, bytes: &[u8]) -> Result<Ciphertexts, SchemeError> {
        Ok(Ciphertexts::new(wire::read(&self.shared, bytes)?))
    }
}

fn foreign(error: seal::SealError) -> SchemeError {
    SchemeError::ForeignKeys(error.to_string())
}
