//! The conformance suite fails where it must: schemes with one fault each, which the check for it
//! has to find.

mod documented;
mod kept;
mod lies;

use hexperiment_program::lower::Capabilities;
use hexperiment_program::{InputId, OpKind, OutputId};
use hexperiment_scheme::inventory;
use hexperiment_scheme::options::Options;
use hexperiment_scheme::registry::SchemePlugin;
use hexperiment_scheme::security::failure::Failure;
use hexperiment_scheme::security::{self, Encryption};
use hexperiment_scheme::{
    Ciphertexts, Circuit, CircuitDigest, CompileRequest, Decryptor, Encryptor, EvaluationKeys,
    Evaluator, KeySet, Parameters, Scheme, SchemeError, SchemeManifest,
};
use hexperiment_tests::conformance::{self, Profile, Subject};
use ndarray::{Array2, ArrayView2};

/// What is wrong with a scheme that is otherwise the plaintext one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fault {
    /// Results are a little off.
    Inexact,
    /// Values out of range are encrypted.
    Lax,
    /// Claims to encrypt, and does not.
    Open,
    /// Claims to encrypt, at fewer bits than demanded.
    Weak,
    /// States 128 bits for a modulus that is too wide for its ring.
    Lying,
    /// Encrypts under the secret key, where others than its owner encrypt.
    Secretive,
    /// Any error is within its tolerance.
    Tolerant,
    /// States for its failure probability a tolerance that results are a little beyond.
    Optimistic,
    /// States a failure probability above what is demanded.
    Failing,
    /// Reads the rest of truncated bytes as zeros.
    Trusting,
    /// Takes any evaluation keys for its own.
    Careless,
    /// Says that it has an operation, and refuses it.
    Boastful,
    /// Yields the outputs that are wanted in the program's order.
    Disordered,
}

struct Faulty(&'static str, Fault);

/// The tolerance that those state which do not keep it.
const STATED: f64 = 1e-3;

macro_rules! faulty {
    ($($name:literal: $fault:ident),*) => {$(
        inventory::submit! { SchemePlugin(&Faulty($name, Fault::$fault)) }
    )*};
}
faulty!("inexact": Inexact, "lax": Lax, "open": Open, "weak": Weak, "lying": Lying, "secretive": Secretive,
    "tolerant": Tolerant, "optimistic": Optimistic, "failing": Failing,
    "trusting": Trusting, "careless": Careless, "boastful": Boastful, "disordered": Disordered);

fn clear() -> &'static dyn Scheme {
    &scheme_plaintext::Plaintext
}

impl Scheme for Faulty {
    fn manifest(&self) -> SchemeManifest {
        SchemeManifest {
            name: self.0,
            ..clear().manifest()
        }
    }

    fn capabilities(&self, options: &Options) -> Result<Capabilities, SchemeError> {
        clear().capabilities(options)
    }

    fn compile(&self, request: CompileRequest<'_>) -> Result<Box<dyn Circuit>, SchemeError> {
        let counts = request.lowered.program().counts();
        if self.1 == Fault::Boastful && counts.contains_key(&OpKind::Lookup) {
            return Err(
                hexperiment_program::Refusal::of(OpKind::Lookup, "not today, thanks").into(),
            );
        }
        let demanded = f64::from(request.security.failure_log2);
        let circuit = clear().compile(request)?;
        let mut parameters = circuit.parameters().clone();
        match self.1 {
            Fault::Secretive => {
                parameters.security = security::factoring(15360);
                parameters.encryption = Some(Encryption::Owner);
            }
            Fault::Open | Fault::Weak => {
                let modulus = if self.1 == Fault::Weak { 2048 } else { 15360 };
                parameters.security = security::factoring(modulus);
            }
            // Only a file or a plugin can say so: our own levels are computed.
            Fault::Lying => {
                let stated = serde_json::json!({
                    "protection": "encrypted", "bits": 128, "basis": "N = 2^13",
                    "ring_lwe": { "log_n": 13, "log_qp": 230.0 },
                });
                parameters.security =
                    serde_json::from_value(stated).unwrap_or_else(|e| unreachable!("{e}"));
            }
            Fault::Tolerant => parameters.noise_tolerance.fill(1e9),
            Fault::Optimistic => {
                parameters.noise_tolerance.fill(STATED);
                parameters.failure = Failure::AtMost(demanded);
            }
            Fault::Failing => {
                parameters.noise_tolerance.fill(STATED);
                parameters.failure = Failure::AtMost(demanded + 1.0);
            }
            _ => {}
        }
        Ok(Box::new(FaultyCircuit {
            circuit,
            parameters,
            fault: self.1,
        }))
    }
}

struct FaultyCircuit {
    circuit: Box<dyn Circuit>,
    parameters: Parameters,
    fault: Fault,
}

impl Circuit for FaultyCircuit {
    fn parameters(&self) -> &Parameters {
        &self.parameters
    }

    fn simulate(&self, inputs: &[Array2<f64>]) -> Result<Vec<Array2<f64>>, SchemeError> {
        self.circuit.simulate(inputs)
    }

    fn generate_keys(&self) -> Result<KeySet, SchemeError> {
        let keys = self.circuit.generate_keys()?;
        Ok(KeySet {
            encryptor: Box::new(FaultyRole(keys.encryptor, self.fault)),
            decryptor: Box::new(FaultyRole(keys.decryptor, self.fault)),
            evaluation: keys.evaluation,
        })
    }

    fn digest(&self) -> CircuitDigest {
        self.circuit.digest()
    }

    fn prepare(&self, keys: EvaluationKeys) -> Result<Box<dyn Evaluator>, SchemeError> {
        // One that takes whatever it is given makes its evaluator of nothing, as this scheme can.
        let keys = match self.fault {
            Fault::Careless => EvaluationKeys::new(self.digest(), vec![]),
            _ => keys,
        };
        let evaluator = self.circuit.prepare(keys)?;
        Ok(Box::new(FaultyRole(evaluator, self.fault)))
    }

    fn load(&self, bytes: &[u8]) -> Result<Ciphertexts, SchemeError> {
        let mut bytes = bytes.to_vec();
        if self.fault == Fault::Trusting {
            while self.circuit.load(&bytes).is_err() && bytes.len() < 1000 {
                bytes.push(0);
            }
        }
        self.circuit.load(&bytes)
    }
}

struct FaultyRole<T>(T, Fault);

impl Encryptor for FaultyRole<Box<dyn Encryptor>> {
    fn encrypt(
        &self,
        input: InputId,
        table: ArrayView2<'_, f64>,
    ) -> Result<Ciphertexts, SchemeError> {
        if self.1 == Fault::Lax {
            let held = table.mapv(|x| {
                if x.is_finite() {
                    x.clamp(-4.0, 4.0)
                } else {
                    0.0
                }
            });
            return self.0.encrypt(input, held.view());
        }
        self.0.encrypt(input, table)
    }
}

impl Evaluator for FaultyRole<Box<dyn Evaluator>> {
    fn evaluate(&self, inputs: &[Ciphertexts]) -> Result<Vec<Ciphertexts>, SchemeError> {
        self.0.evaluate(inputs)
    }

    fn evaluate_only(
        &self,
        inputs: &[Ciphertexts],
        wanted: &[OutputId],
    ) -> Result<Vec<Ciphertexts>, SchemeError> {
        let mut wanted = wanted.to_vec();
        if self.1 == Fault::Disordered {
            wanted.sort_unstable();
        }
        self.0.evaluate_only(inputs, &wanted)
    }
}

impl Decryptor for FaultyRole<Box<dyn Decryptor>> {
    fn decrypt(
        &self,
        output: OutputId,
        ciphertexts: &Ciphertexts,
    ) -> Result<Array2<f64>, SchemeError> {
        let table = self.0.decrypt(output, ciphertexts)?;
        Ok(match self.1 {
            Fault::Inexact => table + 1e-6,
            Fault::Optimistic => table + 1.5 * STATED,
            _ => table,
        })
    }
}

/// A check of the suite, by name.
type Check = (&'static str, fn(&Subject));

/// The check must fail for the faulty scheme; for the plaintext one it must not.
#[track_caller]
fn check(name: &str, found_by: &[Check]) {
    for (check, run) in found_by {
        run(&Subject::new("plaintext", Profile::default()));
        let found = std::panic::catch_unwind(|| run(&Subject::new(name, Profile::default())));
        assert!(found.is_err(), "{check} passes a scheme that is {name}");
    }
}

macro_rules! finds {
    ($test:ident, $name:literal: $($check:ident),*) => {
        #[test]
        fn $test() {
            check($name, &[$((stringify!($check), conformance::$check)),*]);
        }
    };
}

finds!(inexact_results, "inexact": round_trips, every_native_operation_is_the_oracles,
    random_programs_are_the_oracles, threads_share_keys, encryption_is_randomised);
finds!(lax_inputs, "lax": inputs_are_checked);
finds!(open_ciphertexts, "open": a_public_key_is_used_where_demanded, keys_are_separate, encryption_is_randomised,
    nothing_shows_in_ciphertexts, statements_are_complete);
finds!(weak_parameters, "weak": security_is_what_was_demanded,
    deep_programs_are_refused_or_satisfied);
finds!(tolerant_checks, "tolerant": statements_are_complete);
/// In words, which the level of 128 bits would pass otherwise.
#[test]
fn a_lie_about_a_ring_is_told() {
    let subject = || Subject::new("lying", Profile::default());
    let found = std::panic::catch_unwind(|| conformance::security_is_what_was_demanded(&subject()));
    let found = found.unwrap_err();
    let words = found.downcast_ref::<String>().unwrap();
    for word in [
        "found 128 bits, expected at most 0",
        "log2(QP) = 230.0, bound 214",
    ] {
        assert!(words.contains(word), "{words}");
    }
}

finds!(failures_beyond_the_demand, "failing": failures_are_as_rare_as_demanded);
finds!(tolerances_that_results_are_beyond, "optimistic": round_trips,
    every_native_operation_is_the_oracles, random_programs_are_the_oracles);

/// What a check says of a faulty scheme.
fn words(name: &str, check: fn(&Subject)) -> String {
    let subject = || Subject::new(name, Profile::default());
    let found = std::panic::catch_unwind(|| check(&subject())).err();
    let words = found.and_then(|found| found.downcast_ref::<String>().cloned());
    words.unwrap_or_else(|| format!("{name} is not found"))
}

#[test]
fn a_failure_probability_above_the_demand_is_told() {
    let told = words("failing", conformance::failures_are_as_rare_as_demanded);
    let expected = "a result is wrong with a probability of up to 2^-255, 2^-256 demanded";
    assert!(told.contains(expected), "{told}");
}

#[test]
fn a_result_beyond_the_tolerance_that_is_stated_is_told() {
    let told = words("optimistic", conformance::round_trips);
    for expected in ["its simulation", "which differ by 1.5", "more than 1e-3"] {
        assert!(told.contains(expected), "{told}");
    }
}

/// In words, which the framework takes where it refuses the cell.
#[test]
fn a_secret_key_where_a_public_one_was_demanded_is_told() {
    let subject = || Subject::new("secretive", Profile::default());
    let check = conformance::a_public_key_is_used_where_demanded;
    check(&Subject::new("plaintext", Profile::default()));
    let found = std::panic::catch_unwind(|| check(&subject()));
    let found = found.unwrap_err();
    let words = found.downcast_ref::<String>().unwrap();
    for word in [
        "the secret key encrypts",
        "`encryption = \"public\"` was demanded",
    ] {
        assert!(words.contains(word), "{words}");
    }
}

finds!(trusting_loads, "trusting": garbage_is_refused);
finds!(careless_servers, "careless": foreign_keys_are_refused);
finds!(disordered_outputs, "disordered": outputs_are_computed_alone);
finds!(boasts, "boastful": every_native_operation_is_the_oracles);
