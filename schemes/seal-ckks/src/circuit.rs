//! Circuits: a program bound to a ring and primes.

use std::sync::Arc;

use hexperiment_program::Refusal;
use hexperiment_program::lower::Lowered;
use hexperiment_program::{Op, OpKind, Program};
use hexperiment_scheme::memory::{hold, left};
use hexperiment_scheme::security::{self, Encryption};
use hexperiment_scheme::{
    Ciphertexts, Circuit, CircuitDigest, CompileRequest, Costs, Encryptor, EvaluationKeys,
    Evaluator, KeyOwner, KeyPart, KeyRole, KeySet, OperationCounts, OperationTimes, Parameters,
    SchemeError, SecretKey, Sizes,
};
use ndarray::Array2;

use crate::client::{CkksDecryptor, CkksEncryptor, EncryptionKey};
use crate::encoded;
use crate::evaluate::{CkksEvaluator, SwitchingKeys, rotation_steps};
use crate::flooding::Flooding;
use crate::layout::SlotLayout;
use crate::memory;
use crate::noise::Noise;
use crate::parameters::{Choice, Needs, choose};
use crate::schedule;
use crate::scheme::LIBRARY;
use crate::seal;
use crate::transparent::Encrypting;
use crate::wire;

/// What every role of one circuit shares: nothing secret.
pub(crate) struct Shared {
    pub(crate) lowered: Lowered,
    pub(crate) context: seal::Context,
    pub(crate) encoder: seal::Encoder,
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
    /// The standard deviation of the noise that floods each output; none without noise flooding.
    pub(crate) flooding_deviations: Vec<f64>,
    /// Who encrypts the inputs.
    pub(crate) encryption: Encryption,
    /// Whether the server may have to encrypt: see [`crate::transparent`].
    pub(crate) server_encrypts: bool,
}

impl Shared {
    /// Whether ciphertexts are multiplied, which takes a relinearization key.
    pub(crate) fn multiplies(&self) -> bool {
        let values = self.lowered.program().values();
        values
            .iter()
            .any(|v| matches!(v.op().kind(), OpKind::Mul | OpKind::Square))
    }

    /// Whether a public key is made: who encrypts has no other, or the server needs it.
    pub(crate) fn has_public_key(&self) -> bool {
        self.encryption == Encryption::Public || self.server_encrypts
    }

    /// The rotations, each of which takes a Galois key.
    pub(crate) fn rotations(&self) -> Vec<i32> {
        rotation_steps(self.lowered.program(), &self.layout)
    }
}

/// A program bound to parameters.
pub(crate) struct CkksCircuit {
    shared: Arc<Shared>,
    parameters: Parameters,
    digest: CircuitDigest,
}

impl CkksCircuit {
    pub(crate) fn new(request: CompileRequest<'_>) -> Result<Self, SchemeError> {
        let lowered = request.lowered.clone();
        let program = lowered.program();
        let scale_bits = request.options.integer("scale_bits").ok().map(|b| b as u32);
        let flooding = Flooding::read(request.options)?;
        let choice = choose(
            &Needs::of(&lowered, request.security, flooding)?,
            request.security,
            scale_bits,
        )?;
        let layout = SlotLayout::of(program, 1 << (choice.log_n - 1))?;
        let encryption = request.security.encryption;
        let encrypting = Encrypting::of(&lowered, encryption);
        let noise = Noise::new(
            &lowered,
            &choice,
            &encrypting,
            request.security.failure_log2,
            flooding,
        );
        let (tolerance, failure) = (noise.tolerances(), noise.failure());
        let flooding_deviations = noise.flooding_deviations();
        let shortfalls = shortfalls(program, &tolerance, &choice, scale_bits)?;
        // SEAL ends the process where it finds no memory, HEXL by a fault.
        let need = memory::bytes(&lowered, &layout, &choice, request.threads);
        hold(need, left())?;
        let context = seal::Context::new(
            1 << choice.log_n,
            &choice.prime_bits(),
            request.security.level(),
        )?;
        let scales = scales(&context, choice.scale_bits);
        let levels = schedule::levels(&lowered);
        let chosen = chosen(&context, &choice, flooding, &flooding_deviations);
        let parameters = Parameters {
            security: security::rlwe(request.security.table, choice.log_n, context.log_qp()),
            chosen,
            depth: choice.depth,
            counts: counts(&lowered, &layout),
            server_sees: "the program with its public numbers, sizes; ciphertexts otherwise".into(),
            encryption: Some(encryption),
            quantisation: None,
            noise_tolerance: tolerance,
            failure,
            shortfalls,
            memory_bytes: Some(need),
        };
        let encoder = seal::Encoder::new(&context)?;
        Ok(Self {
            digest: CircuitDigest::of(LIBRARY, &request, &parameters.chosen)?,
            shared: Arc::new(Shared {
                encryption,
                server_encrypts: encrypting.by_server(),
                lowered,
                context,
                encoder,
                layout,
                scales,
                levels,
                flooding_deviations,
            }),
            parameters,
        })
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
        let mut switching = |role, place| {
            let part = keys.next(role, seal::switching_bytes(context))?;
            seal::SwitchKeys::read(context, place, part.bytes()).map_err(foreign)
        };
        let relinearization = shared
            .multiplies()
            .then(|| switching(KeyRole::Relinearization, seal::Place::RELINEARIZATION))
            .transpose()?;
        let galois = shared.rotations().into_iter().map(|steps| {
            let place = seal::Place::rotation(context, steps);
            Ok((steps, switching(KeyRole::Galois, place)?))
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
        CkksEvaluator::new(Arc::clone(shared), public, switching, budget)
    }
}

/// What of each output's precision noise leaves unmet, in words.
///
/// # Errors
///
/// A refusal where noise would drown an output.
fn shortfalls(
    program: &Program,
    tolerances: &[f64],
    choice: &Choice,
    scale_bits: Option<u32>,
) -> Result<Vec<String>, Refusal> {
    let mut shortfalls = Vec::new();
    for (tolerance, output) in tolerances.iter().zip(program.outputs()) {
        let magnitudes = output
            .values
            .iter()
            .map(|v| program.value(*v).range().magnitude());
        if *tolerance > magnitudes.fold(0.0, f64::max).max(output.precision) {
            return Err(Refusal::because(
                "precision",
                format!(
                    "noise of up to {tolerance:.1e} would drown output `{}`: {} levels leave a scale of {} \
                     bits; lower a degree, or widen `sign_margin` or `sign_error`",
                    output.name, choice.depth, choice.scale_bits
                ),
            ));
        }
        if *tolerance > output.precision {
            shortfalls.push(format!(
                "`{}`: an error of {:.1e} is demanded, noise of up to {tolerance:.1e} is stated in its \
                 place: {}",
                output.name,
                output.precision,
                choice.why_imprecise(scale_bits)
            ));
        }
    }
    Ok(shortfalls)
}

/// Parameters by name.
fn chosen(
    context: &seal::Context,
    choice: &Choice,
    flooding: Option<Flooding>,
    deviations: &[f64],
) -> Vec<(String, String)> {
    let bits = choice.prime_bits();
    let bits: Vec<String> = bits.iter().map(ToString::to_string).collect();
    let mut chosen = vec![
        ("ring degree N".into(), context.degree().to_string()),
        ("slots".into(), context.slots().to_string()),
        ("prime bits (last: key switching)".into(), bits.join(" ")),
        ("log2(QP)".into(), format!("{:.1}", context.log_qp())),
        ("scale".into(), format!("2^{}", choice.scale_bits)),
    ];
    if let Some(Flooding { bits, decryptions }) = flooding {
        let deviations: Vec<String> = deviations.iter().map(|x| format!("{x:.1e}")).collect();
        chosen.push((
            "noise flooding".into(),
            format!(
                "{bits} bits over {decryptions} decryptions, standard deviation {}",
                deviations.join(", ")
            ),
        ));
    }
    chosen
}

fn scales(context: &seal::Context, bits: u32) -> Vec<f64> {
    let levels = context.levels().len();
    let mut scales = vec![2.0_f64.powi(bits as i32); levels];
    // The primes are listed as first, then those of the levels, the last of which goes first.
    for level in (0..levels - 1).rev() {
        let dropped = context.primes()[levels - 1 - level] as f64;
        scales[level] = (scales[level + 1] * dropped).sqrt();
    }
    scales
}

fn counts(lowered: &Lowered, layout: &SlotLayout) -> OperationCounts {
    let mut counts = OperationCounts::default();
    for (id, value) in lowered.program().iter() {
        let chunks = layout.chunks(value.length() * layout.stride(id.index())) as u64;
        match value.op() {
            Op::Add(..) | Op::Sub(..) => counts.additions += chunks,
            Op::Scale { .. } => counts.plain_multiplications += chunks,
            Op::WeightedSum { terms, .. } => {
                counts.plain_multiplications += chunks * terms.len() as u64;
                counts.additions += chunks * (terms.len() as u64 - 1);
            }
            Op::Mul(..) | Op::Square(_) => counts.multiplications += chunks,
            Op::Shift { .. } => counts.rotations += chunks,
            _ => {}
        }
    }
    counts
}

impl Circuit for CkksCircuit {
    fn parameters(&self) -> &Parameters {
        &self.parameters
    }

    fn simulate(&self, inputs: &[Array2<f64>]) -> Result<Vec<Array2<f64>>, SchemeError> {
        Ok(self.shared.lowered.simulate(inputs)?)
    }

    fn costs(&self, times: &mut dyn OperationTimes) -> Result<Option<Costs>, SchemeError> {
        crate::costs::costs(&self.shared, times).map(Some)
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
        if shared.multiplies() {
            let key = generator.relinearization_key(context)?;
            parts.push(KeyPart::new(KeyRole::Relinearization, key));
        }
        for steps in shared.rotations() {
            let key = generator.galois_key(context, steps)?;
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
