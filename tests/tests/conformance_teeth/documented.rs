//! The scheme that `docs/adding-a-scheme.md` shows, to the letter, over a circuit of the plaintext scheme: what is
//! shown compiles, and refuses what it says.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use hexperiment_program::layout::Objective;
use hexperiment_program::lower::Lowered;
use hexperiment_program::{
    Column, Input, Interval, Output, Party, Program, ProgramBuilder, ValueId,
};
use hexperiment_scheme::options::OptionValue;
use hexperiment_scheme::security::{Security, SecurityDemand};
use hexperiment_scheme::{
    Ciphertexts, CircuitDigest, EvaluationKeys, Evaluator, KeySet, Parameters,
};
use ndarray::Array2;

use super::clear;

use hexperiment_program::lower::{Capabilities, LevelModel};
use hexperiment_program::{OpKind, Refusal};
use hexperiment_scheme::options::{OptionSpec, Options};
use hexperiment_scheme::registry::SchemePlugin;
use hexperiment_scheme::{Circuit, CompileRequest, Scheme, SchemeError, SchemeManifest};
use hexperiment_scheme::{inventory, security};

inventory::submit! { SchemePlugin(&Additive) }

/// An additive scheme.
pub struct Additive;

impl Scheme for Additive {
    fn manifest(&self) -> SchemeManifest {
        SchemeManifest {
            name: "additive",
            doc: "The cryptosystem and its papers.",
            library: "library 1.2".into(),
            options: vec![OptionSpec::integer(
                "modulus_bits",
                2048..=8192,
                3072,
                "Bits of n.",
            )],
        }
    }

    // What it has; the framework rewrites the rest, or refuses with these words.
    fn capabilities(&self, _: &Options) -> Result<Capabilities, SchemeError> {
        Ok(Capabilities {
            native: [OpKind::Add, OpKind::Scale, OpKind::WeightedSum].into(),
            vector_factors: false,
            approximation: None,
            levels: LevelModel::None,
            client_finishes: true,
            missing: [(OpKind::Mul, "two ciphertexts cannot be multiplied")].into(),
            missing_otherwise: "it is additive",
        })
    }

    // Parameters for this program: its ranges and wanted precision are proven and stated.
    fn compile(&self, request: CompileRequest<'_>) -> Result<Box<dyn Circuit>, SchemeError> {
        let bits = request.options.integer("modulus_bits")? as u32;
        let security = security::factoring(bits);
        if security.bits() < request.security.bits && !request.security.insecure {
            return Err(Refusal::because("security", "take more `modulus_bits`").into());
        }
        Ok(Box::new(AdditiveCircuit::new(
            request.lowered.clone(),
            security,
        )))
    }
}

/// A circuit that states the level and encrypts nothing.
struct AdditiveCircuit {
    circuit: Box<dyn Circuit>,
    parameters: Parameters,
}

impl AdditiveCircuit {
    fn new(lowered: Lowered, security: Security) -> Self {
        let request = CompileRequest {
            lowered: &lowered,
            options: &Options::default(),
            security: SecurityDemand::new(128, false),
            threads: 1,
            objective: Objective::default(),
        };
        let circuit = clear().compile(request).unwrap();
        let parameters = Parameters {
            security,
            ..circuit.parameters().clone()
        };
        Self {
            circuit,
            parameters,
        }
    }
}

impl Circuit for AdditiveCircuit {
    fn parameters(&self) -> &Parameters {
        &self.parameters
    }

    fn simulate(&self, inputs: &[Array2<f64>]) -> Result<Vec<Array2<f64>>, SchemeError> {
        self.circuit.simulate(inputs)
    }

    fn digest(&self) -> CircuitDigest {
        self.circuit.digest()
    }

    fn generate_keys(&self) -> Result<KeySet, SchemeError> {
        self.circuit.generate_keys()
    }

    fn prepare(&self, keys: EvaluationKeys) -> Result<Box<dyn Evaluator>, SchemeError> {
        self.circuit.prepare(keys)
    }

    fn load(&self, bytes: &[u8]) -> Result<Ciphertexts, SchemeError> {
        self.circuit.load(bytes)
    }
}

/// Of `x` and `y`, both between -1 and 1.
fn program(of: impl FnOnce(&mut ProgramBuilder, &[ValueId]) -> ValueId) -> Program {
    let mut builder = ProgramBuilder::new("of two");
    let column = |name: &str| Column {
        name: name.into(),
        range: Interval::symmetric(1.0),
    };
    let input = Input {
        name: "x".into(),
        owner: Party::Client(0),
        length: 2,
        columns: vec![column("x"), column("y")],
        precision: 1e-6,
    };
    let (_, x) = builder.input(input).unwrap();
    let value = of(&mut builder, &x);
    let output = Output {
        name: "y".into(),
        values: vec![value],
        precision: 1e-3,
    };
    builder.output(output).unwrap();
    builder.finish().unwrap()
}

/// The level that it states for a program, or why it refuses.
fn compiled(program: &Program, modulus_bits: i64) -> Result<u32, String> {
    let options = vec![("modulus_bits".into(), OptionValue::Integer(modulus_bits))];
    let options = Options::with_defaults(&Additive.manifest().options, options);
    let security = SecurityDemand::new(128, false);
    let lowered = Additive.lower(program, &options, security);
    let lowered = lowered.map_err(|e| e.to_string())?;
    let request = CompileRequest {
        lowered: &lowered,
        options: &options,
        security,
        threads: 1,
        objective: Objective::default(),
    };
    let circuit = Additive.compile(request).map_err(|e| e.to_string())?;
    Ok(circuit.parameters().security.bits())
}

#[test]
fn what_the_document_shows_is_a_scheme() {
    let sum = program(|b, x| b.add(x[0], x[1]).unwrap());
    let product = program(|b, x| b.mul(x[0], x[1]).unwrap());
    assert_eq!(compiled(&sum, 3072), Ok(128));
    for (program, modulus_bits, words) in [
        (&sum, 2048, "take more `modulus_bits`"),
        (&product, 3072, "two ciphertexts cannot be multiplied"),
    ] {
        let refusal = compiled(program, modulus_bits).unwrap_err();
        assert!(refusal.contains(words), "{refusal}");
    }
    let registered = hexperiment_scheme::registry::scheme("additive").unwrap();
    assert_eq!(registered.manifest().options.len(), 1);
}
