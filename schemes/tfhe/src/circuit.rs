//! A planned program, and its roles.

use std::sync::Arc;

use hexperiment_program::{Program, Refusal};
use hexperiment_scheme::security::Encryption;
use hexperiment_scheme::security::failure::{Failure, log2_tail};
use hexperiment_scheme::{
    Ciphertexts, Circuit, CircuitDigest, CompileRequest, Costs, Encryptor, EvaluationKeys,
    Evaluator, KeyOwner, KeySet, OperationCounts, OperationTimes, Parameters, SchemeError, Sizes,
};
use ndarray::Array2;

use crate::clear;
use crate::client::{TfheDecryptor, TfheEncryptor};
use crate::evaluate::TfheEvaluator;
use crate::keys::{self, Generated, SecretKey, SeededServerKey};
use crate::memory;
use crate::packing::Packing;
use crate::parameters::{N, SETS, security};
use crate::plan::{Plan, PlannedKind, PlannedOutput, plan_program};
use crate::wire::{self, Read};

/// Why others than the key owner cannot encrypt.
const NO_PUBLIC_KEY: &str = "others than the key owner encrypt, and need a public key: this scheme makes none, it \
                             encrypts under the secret key; where the key owner encrypts, leave \
                             `encryption = \"public\"` out";

/// A program bound to scales and tables.
pub(crate) struct TfheCircuit {
    program: Program,
    plan: Arc<Plan>,
    parameters: Parameters,
    shapes: Vec<(usize, usize)>,
    digest: CircuitDigest,
}

impl TfheCircuit {
    pub(crate) fn new(request: CompileRequest<'_>) -> Result<Self, SchemeError> {
        let demand = request.security;
        // Not even the best set is worth the level: no plan is needed to refuse it.
        security(&SETS[0], demand)?;
        if demand.encryption == Encryption::Public {
            return Err(Refusal::because("encryption", NO_PUBLIC_KEY).into());
        }
        let program = request.lowered.program().clone();
        let comparison_bits = request.options.integer("comparison_bits")? as u32;
        let plan = plan_program(&program, comparison_bits, demand.failure_log2)?;
        let security = security(plan.set, demand)?;
        let parameters = Parameters {
            security,
            chosen: chosen(&plan),
            depth: 0,
            counts: counts(&plan),
            encryption: Some(Encryption::Owner),
            server_sees: "the program with its weights, and sizes; no value. Encryption is under \
                          the secret key: the server cannot encrypt"
                .into(),
            quantisation: Some(quantisation(&program, &plan)),
            noise_tolerance: plan
                .outputs
                .iter()
                .map(|columns| {
                    columns
                        .iter()
                        .map(PlannedOutput::tolerance)
                        .fold(0.0, f64::max)
                })
                .collect(),
            failure: plan.failure(),
            shortfalls: vec![],
            layouts: vec![],
            memory_bytes: Some(memory::bytes(&plan, request.threads)),
        };
        let inputs = program.inputs().iter();
        Ok(Self {
            digest: CircuitDigest::of(crate::scheme::LIBRARY, &request, &parameters.chosen)?,
            shapes: inputs.map(|i| (i.length, i.columns.len())).collect(),
            program,
            plan: Arc::new(plan),
            parameters,
        })
    }
}

impl TfheCircuit {
    fn bootstraps(&self) -> bool {
        self.plan.bootstraps() > 0
    }

    /// The client's roles under a secret key.
    fn roles_of(&self, secret: SecretKey) -> (TfheEncryptor, TfheDecryptor) {
        let secret = Arc::new(secret);
        let encryptor = TfheEncryptor {
            secret: secret.clone(),
            plan: self.plan.clone(),
            program: self.program.clone(),
        };
        let decryptor = TfheDecryptor {
            secret,
            plan: self.plan.clone(),
            digest: self.digest,
        };
        (encryptor, decryptor)
    }

    /// The roles and the bytes of these keys.
    fn keys_of(&self, generated: Generated) -> KeySet {
        let (encryptor, decryptor) = self.roles_of(generated.secret);
        KeySet {
            encryptor: Box::new(encryptor),
            decryptor: Box::new(decryptor),
            evaluation: EvaluationKeys::new(self.digest, generated.server),
        }
    }
}

fn counts(plan: &Plan) -> OperationCounts {
    let mut counts = OperationCounts {
        bootstraps: plan.bootstraps(),
        ..OperationCounts::default()
    };
    for form in plan.forms() {
        let terms = form.terms.len() as u64;
        let length = form.length as u64;
        counts.plain_multiplications += terms * length;
        counts.additions += terms.saturating_sub(1) * length;
    }
    counts
}

fn chosen(plan: &Plan) -> Vec<(String, String)> {
    let p = &plan.set.parameters;
    let mut all = vec![
        ("parameter set".to_owned(), plan.set.name.to_owned()),
        (
            "LWE dimension".into(),
            format!("{} / {N}", p.lwe_dimension.0),
        ),
        ("ciphertext modulus".into(), "2^64".into()),
        (
            "deviations of noise allowed for".into(),
            format!("{:.4}", plan.deviations),
        ),
    ];
    if let Some(deviations) = plan.certainty.deviations {
        let failure = Failure::AtMost(log2_tail(deviations));
        all.push((
            "failure of one exact bootstrap".into(),
            format!("at most {failure}"),
        ));
    }
    if plan.certainty.levels > 0 {
        all.push((
            "levels of a comparison".into(),
            plan.certainty.levels.to_string(),
        ));
    }
    if plan.packing == Packing::Polynomials {
        let packed = format!("up to {N} elements share a mask");
        all.push(("ring ciphertexts of columns and results".into(), packed));
    }
    let sent: Vec<String> = plan
        .outputs
        .iter()
        .flatten()
        .flat_map(|o| &o.parts)
        .map(|p| p.sent_bits.to_string())
        .collect();
    all.push(("bits of each result word sent".into(), sent.join(", ")));
    all
}

/// What rounding does, in words.
fn quantisation(program: &Program, plan: &Plan) -> String {
    let steps = plan.sources.iter().filter_map(|s| match &s.kind {
        PlannedKind::Column(column) => Some(match column.limb {
            Some(limb) => limb.unit.log2() as i32,
            None => column.grid as i32 - s.scale,
        }),
        PlannedKind::Result { .. } => None,
    });
    let mut parts = Vec::new();
    match (steps.clone().min(), steps.max()) {
        (Some(least), Some(most)) if least == most => {
            parts.push(format!("inputs rounded to multiples of 2^{least}"));
        }
        (Some(least), Some(most)) => {
            parts.push(format!(
                "inputs rounded to multiples of 2^{least} to 2^{most}"
            ));
        }
        _ => {}
    }
    if plan.certainty.levels > 0 {
        let rounding = plan.certainty.argument_rounding;
        parts.push(format!(
            "arguments of comparisons within {rounding:.1e} by rounding"
        ));
    }
    for (output, columns) in program.outputs().iter().zip(&plan.outputs) {
        let name = &output.name;
        let rounding = columns
            .iter()
            .map(PlannedOutput::rounding)
            .fold(0.0, f64::max);
        let noise = columns
            .iter()
            .map(PlannedOutput::tolerance)
            .fold(0.0, f64::max);
        let exact = columns.iter().all(PlannedOutput::is_exact);
        parts.push(if exact {
            format!("`{name}` exact under noise")
        } else {
            format!(
                "`{name}` within {rounding:.1e} by rounding, {noise:.1e} by noise ({:.1} \
                 deviations)",
                plan.deviations
            )
        });
    }
    parts.join("; ")
}

impl Circuit for TfheCircuit {
    fn parameters(&self) -> &Parameters {
        &self.parameters
    }

    fn simulate(&self, inputs: &[Array2<f64>]) -> Result<Vec<Array2<f64>>, SchemeError> {
        clear::check_shapes(&self.program, inputs)?;
        Ok(clear::simulate(&self.plan, inputs))
    }

    fn costs(&self, times: &mut dyn OperationTimes) -> Result<Option<Costs>, SchemeError> {
        crate::costs::costs(&self.program, &self.plan, self.digest, times).map(Some)
    }

    fn sizes(&self) -> Option<Sizes> {
        Some(crate::costs::sizes(&self.program, &self.plan))
    }

    fn digest(&self) -> CircuitDigest {
        self.digest
    }

    fn generate_keys(&self) -> Result<KeySet, SchemeError> {
        Ok(self.keys_of(keys::generate(self.plan.set, self.bootstraps())))
    }

    /// The tables are those of the plan, which noise and parameters were computed from.
    fn prepare(&self, keys: EvaluationKeys) -> Result<Box<dyn Evaluator>, SchemeError> {
        let mut keys = keys.read_for(self.digest)?;
        let key = self
            .bootstraps()
            .then(|| SeededServerKey::read(self.plan.set, &mut keys));
        let key = key.transpose()?;
        keys.finish()?;
        Ok(Box::new(TfheEvaluator {
            plan: self.plan.clone(),
            key: key.map(SeededServerKey::expand),
            inputs: self.shapes.clone(),
        }))
    }

    fn restore(&self, secret: &hexperiment_scheme::SecretKey) -> Result<KeyOwner, SchemeError> {
        let bits = secret.read_for(self.digest, SecretKey::BYTES)?;
        let (encryptor, decryptor) = self.roles_of(SecretKey::of_bits(bits));
        Ok(KeyOwner {
            encryptor: Some(Box::new(encryptor)),
            decryptor: Box::new(decryptor),
        })
    }

    fn public_encryptor(&self, _: EvaluationKeys) -> Result<Box<dyn Encryptor>, SchemeError> {
        Err(Refusal::because("encryption", NO_PUBLIC_KEY).into())
    }

    fn load(&self, bytes: &[u8]) -> Result<Ciphertexts, SchemeError> {
        Ok(match wire::read(bytes, &self.plan, &self.shapes)? {
            Read::Fresh(fresh) => Ciphertexts::new(fresh),
            Read::Results(results) => Ciphertexts::new(results),
        })
    }
}
