//! A planned program, and its roles.

use std::sync::Arc;

use hexperiment_program::{InputId, OutputId, Program, Refusal};
use hexperiment_scheme::security::Encryption;
use hexperiment_scheme::security::failure::{Failure, log2_tail};
use hexperiment_scheme::{
    Ciphertexts, Circuit, CircuitDigest, CompileRequest, Costs, Decryptor, Encryptor,
    EvaluationKeys, Evaluator, KeySet, OperationCounts, OperationTimes, Parameters, SchemeError,
    Sizes,
};
use ndarray::{Array2, ArrayView2};
use rayon::prelude::*;
use tfhe::core_crypto::prelude::{
    LweCiphertext, LweCiphertextCount, LweSize, PlaintextList, SeededLweCiphertextList,
    decrypt_lwe_ciphertext, encrypt_seeded_lwe_ciphertext_list,
};
use tfhe::core_crypto::seeders::new_seeder;

use crate::clear::{self, decode};
use crate::evaluate::TfheEvaluator;
use crate::keys::{self, Generated, SecretKey, SeededServerKey, modulus};
use crate::memory;
use crate::parameters::{N, PARAMETERS, SETS, SIZE, security};
use crate::plan::{Plan, PlannedKind, PlannedOutput, plan_program};
use crate::wire::{self, Fresh, Read, Results, Seeded};

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

    /// The roles and the bytes of these keys.
    fn keys_of(&self, generated: Generated) -> KeySet {
        let secret = Arc::new(generated.secret);
        KeySet {
            encryptor: Box::new(TfheEncryptor {
                secret: secret.clone(),
                plan: self.plan.clone(),
                program: self.program.clone(),
            }),
            decryptor: Box::new(TfheDecryptor {
                secret,
                plan: self.plan.clone(),
            }),
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

    fn load(&self, bytes: &[u8]) -> Result<Ciphertexts, SchemeError> {
        Ok(match wire::read(bytes, &self.plan, &self.shapes)? {
            Read::Fresh(fresh) => Ciphertexts::new(fresh),
            Read::Results(results) => Ciphertexts::new(results),
        })
    }
}

struct TfheEncryptor {
    secret: Arc<SecretKey>,
    plan: Arc<Plan>,
    program: Program,
}

impl Encryptor for TfheEncryptor {
    fn encrypt(
        &self,
        input: InputId,
        rows: ArrayView2<'_, f64>,
    ) -> Result<Ciphertexts, SchemeError> {
        let declared = self.program.inputs().get(input.index()).ok_or_else(|| {
            SchemeError::Foreign(format!("the circuit has no input {}", input.index()))
        })?;
        declared.check(rows)?;
        let phases = |slot: &Option<usize>| -> Vec<u64> {
            let source = slot.and_then(|index| {
                let scale = self.plan.sources[index].scale;
                self.plan.column(index).map(|column| (column, scale))
            });
            match source {
                Some((column, scale)) => {
                    let values = rows.column(column.column);
                    values.iter().map(|x| column.encode(*x, scale)).collect()
                }
                None => vec![0; rows.nrows()],
            }
        };
        let columns: Vec<Vec<u64>> = self.plan.slots[input.index()].iter().map(phases).collect();
        let columns = columns
            .into_par_iter()
            .map(|phases| encrypt_column(&self.secret, phases))
            .collect();
        Ok(Ciphertexts::new(Fresh {
            input: input.index(),
            columns,
        }))
    }
}

pub(crate) fn encrypt_column(secret: &SecretKey, phases: Vec<u64>) -> Seeded {
    let mut seeder = new_seeder();
    let seed = seeder.seed();
    let public = seed.0;
    let mut list = SeededLweCiphertextList::new(
        0u64,
        LweSize(SIZE),
        LweCiphertextCount(phases.len()),
        seed.into(),
        modulus(),
    );
    let plaintexts = PlaintextList::from_container(phases);
    encrypt_seeded_lwe_ciphertext_list(
        secret.get(),
        &mut list,
        &plaintexts,
        PARAMETERS.glwe_noise_distribution,
        seeder.as_mut(),
    );
    Seeded {
        seed: public,
        bodies: list.into_container(),
    }
}

struct TfheDecryptor {
    secret: Arc<SecretKey>,
    plan: Arc<Plan>,
}

impl Decryptor for TfheDecryptor {
    fn decrypt(
        &self,
        output: OutputId,
        ciphertexts: &Ciphertexts,
    ) -> Result<Array2<f64>, SchemeError> {
        let results = ciphertexts.downcast::<Results>()?;
        let planned = self
            .plan
            .outputs
            .get(output.index())
            .filter(|_| {
                let parts = self.plan.parts(output.index()).count();
                results.output == output.index() && parts == results.columns.len()
            })
            .ok_or_else(|| {
                SchemeError::Foreign(format!("these are not output {}", output.index()))
            })?;
        let length = planned.first().map_or(0, PlannedOutput::length);
        let mut rows = Array2::zeros((length, planned.len()));
        for (planned, mut cells) in planned.iter().zip(rows.columns_mut()) {
            for (index, cell) in cells.iter_mut().enumerate() {
                *cell = planned.bias.at(index);
            }
        }
        let places = planned.iter().enumerate();
        let places = places.flat_map(|(i, column)| column.parts.iter().map(move |p| (i, p)));
        for ((place, part), column) in places.zip(&results.columns) {
            if column.words.len() != length * SIZE {
                return Err(SchemeError::Foreign("a column of another length".into()));
            }
            let numbers: Vec<f64> = column
                .words
                .par_chunks_exact(SIZE)
                .map(|words| {
                    let ciphertext = LweCiphertext::from_container(words, modulus());
                    decode(
                        decrypt_lwe_ciphertext(self.secret.get(), &ciphertext).0,
                        part,
                    )
                })
                .collect();
            let mut cells = rows.column_mut(place);
            cells += &ndarray::ArrayView1::from(&numbers);
        }
        Ok(rows)
    }
}
