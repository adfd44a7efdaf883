//! The oracle as a scheme: programs evaluated in the clear, the zero line of every table.
//!
//! Its "ciphertexts" are little-endian doubles behind a header of three 32-bit words, so that
//! sizes and transfer are those of sending the numbers as they are.

use hexperiment_program::lower::{Capabilities, Lowered};
use hexperiment_program::{InputId, OutputId};
use hexperiment_scheme::inventory;
use hexperiment_scheme::options::Options;
use hexperiment_scheme::registry::SchemePlugin;
use hexperiment_scheme::security;
use hexperiment_scheme::security::failure::Failure;
use hexperiment_scheme::{
    CiphertextData, Ciphertexts, Circuit, CircuitDigest, CompileRequest, Costs, Decryptor,
    Encryptor, EvaluationKeys, Evaluator, KeyOwner, KeySet, OperationCounts, OperationTimes,
    Parameters, Scheme, SchemeError, SchemeManifest, SecretKey, Sizes, zeroize,
};
use ndarray::{Array2, ArrayView2};

inventory::submit! { SchemePlugin(&Plaintext) }

/// No encryption at all.
pub struct Plaintext;

impl Scheme for Plaintext {
    fn manifest(&self) -> SchemeManifest {
        SchemeManifest {
            name: "plaintext",
            doc: "No encryption: the framework's own interpreter in double precision. The zero \
                  line of every comparison.",
            library: format!("none (hexperiment {})", env!("CARGO_PKG_VERSION")),
            options: vec![],
        }
    }

    fn capabilities(&self, _: &Options) -> Result<Capabilities, SchemeError> {
        Ok(Capabilities::everything())
    }

    fn compile(&self, request: CompileRequest<'_>) -> Result<Box<dyn Circuit>, SchemeError> {
        let lowered = request.lowered.clone();
        let parameters = Parameters {
            security: security::none(),
            chosen: vec![("arithmetic".into(), "IEEE 754 double precision".into())],
            depth: 0,
            counts: OperationCounts::default(),
            encryption: None,
            server_sees: "everything: inputs, results and all between".into(),
            quantisation: None,
            noise_tolerance: vec![0.0; lowered.program().outputs().len()],
            failure: Failure::Impossible,
            shortfalls: vec![],
            layouts: vec![],
            memory_bytes: None,
        };
        let library = self.manifest().library;
        Ok(Box::new(ClearCircuit {
            digest: CircuitDigest::of(&library, &request, &parameters.chosen)?,
            lowered,
            parameters,
        }))
    }
}

struct ClearCircuit {
    lowered: Lowered,
    parameters: Parameters,
    digest: CircuitDigest,
}

impl ClearCircuit {
    fn owner(&self) -> Owner {
        Owner {
            role: Clear(self.lowered.clone()),
            digest: self.digest,
        }
    }
}

impl Circuit for ClearCircuit {
    fn parameters(&self) -> &Parameters {
        &self.parameters
    }

    fn simulate(&self, inputs: &[Array2<f64>]) -> Result<Vec<Array2<f64>>, SchemeError> {
        Ok(self.lowered.simulate(inputs)?)
    }

    fn costs(&self, _: &mut dyn OperationTimes) -> Result<Option<Costs>, SchemeError> {
        Costs::of_the_whole(self, self.lowered.program()).map(Some)
    }

    fn sizes(&self) -> Option<Sizes> {
        let program = self.lowered.program();
        let bytes = |rows: usize, columns: usize| (HEADER + 8 * rows * columns) as u64;
        let inputs = program.inputs().iter();
        let outputs = program.outputs().iter().map(|output| {
            let rows = program.value(output.values[0]).length();
            bytes(rows, output.values.len())
        });
        Some(Sizes {
            keys: 0,
            inputs: inputs.map(|i| bytes(i.length, i.columns.len())).collect(),
            outputs: outputs.collect(),
        })
    }

    fn digest(&self) -> CircuitDigest {
        self.digest
    }

    fn generate_keys(&self) -> Result<KeySet, SchemeError> {
        Ok(KeySet {
            encryptor: Box::new(Clear(self.lowered.clone())),
            decryptor: Box::new(self.owner()),
            evaluation: EvaluationKeys::new(self.digest, vec![]),
        })
    }

    fn prepare(&self, keys: EvaluationKeys) -> Result<Box<dyn Evaluator>, SchemeError> {
        keys.read_for(self.digest)?.finish()?;
        Ok(Box::new(Clear(self.lowered.clone())))
    }

    fn restore(&self, secret: &SecretKey) -> Result<KeyOwner, SchemeError> {
        secret.read_for(self.digest, 0)?;
        Ok(KeyOwner {
            encryptor: Some(Box::new(Clear(self.lowered.clone()))),
            decryptor: Box::new(self.owner()),
        })
    }

    fn public_encryptor(&self, public: EvaluationKeys) -> Result<Box<dyn Encryptor>, SchemeError> {
        public.read_for(self.digest)?.finish()?;
        Ok(Box::new(Clear(self.lowered.clone())))
    }

    fn load(&self, bytes: &[u8]) -> Result<Ciphertexts, SchemeError> {
        let (header, numbers) = bytes
            .split_first_chunk::<HEADER>()
            .ok_or_else(|| SchemeError::Foreign("truncated header".into()))?;
        let word =
            |i: usize| u32::from_le_bytes([header[i], header[i + 1], header[i + 2], header[i + 3]]);
        let (magic, rows, columns) = (word(0), word(4) as usize, word(8) as usize);
        if magic != MAGIC {
            return Err(SchemeError::Foreign("not a plaintext table".into()));
        }
        if rows.checked_mul(columns).and_then(|n| n.checked_mul(8)) != Some(numbers.len()) {
            let found = numbers.len();
            return Err(SchemeError::Foreign(format!(
                "{found} bytes for {rows} x {columns} doubles"
            )));
        }
        let numbers = numbers
            .as_chunks::<8>()
            .0
            .iter()
            .map(|b| f64::from_le_bytes(*b))
            .collect();
        Array2::from_shape_vec((rows, columns), numbers)
            .map(|table| Ciphertexts::new(Table(table)))
            .map_err(|e| SchemeError::Foreign(e.to_string()))
    }
}

const HEADER: usize = 12;
const MAGIC: u32 = 0x5052_4C43;

/// A table that pretends to be encrypted.
struct Table(Array2<f64>);

impl CiphertextData for Table {
    fn write(&self, bytes: &mut Vec<u8>) -> Result<(), SchemeError> {
        for word in [MAGIC, self.0.nrows() as u32, self.0.ncols() as u32] {
            bytes.extend(word.to_le_bytes());
        }
        bytes.extend(self.0.iter().flat_map(|x| x.to_le_bytes()));
        Ok(())
    }

    fn count(&self) -> usize {
        self.0.ncols()
    }

    fn as_any(&self) -> &dyn std::any::Any {
        self
    }
}

/// All three roles: nothing is secret.
struct Clear(Lowered);

impl Encryptor for Clear {
    fn encrypt(
        &self,
        input: InputId,
        table: ArrayView2<'_, f64>,
    ) -> Result<Ciphertexts, SchemeError> {
        self.0.program().input(input).check(table)?;
        Ok(Ciphertexts::new(Table(table.to_owned())))
    }
}

/// The key owner's role, whose key is nothing.
struct Owner {
    role: Clear,
    digest: CircuitDigest,
}

impl Decryptor for Owner {
    fn decrypt(
        &self,
        output: OutputId,
        ciphertexts: &Ciphertexts,
    ) -> Result<Array2<f64>, SchemeError> {
        self.role.decrypt(output, ciphertexts)
    }

    fn secret_key(&self) -> Result<SecretKey, SchemeError> {
        let nothing = zeroize::Zeroizing::new(vec![]);
        Ok(SecretKey::new(self.digest, nothing))
    }
}

impl Decryptor for Clear {
    fn decrypt(
        &self,
        output: OutputId,
        ciphertexts: &Ciphertexts,
    ) -> Result<Array2<f64>, SchemeError> {
        let table = &ciphertexts.downcast::<Table>()?.0;
        let program = self.0.program();
        let values = &program.output(output).values;
        let expected = (program.value(values[0]).length(), values.len());
        if table.dim() == expected {
            return Ok(table.clone());
        }
        let found = table.dim();
        Err(SchemeError::Foreign(format!(
            "a table of {found:?}, expected {expected:?}"
        )))
    }
}

impl Evaluator for Clear {
    fn evaluate(&self, inputs: &[Ciphertexts]) -> Result<Vec<Ciphertexts>, SchemeError> {
        self.evaluate_only(inputs, &self.0.program().output_ids())
    }

    fn evaluate_only(
        &self,
        inputs: &[Ciphertexts],
        wanted: &[OutputId],
    ) -> Result<Vec<Ciphertexts>, SchemeError> {
        let tables = inputs
            .iter()
            .map(|c| c.downcast::<Table>().map(|t| t.0.clone()))
            .collect::<Result<Vec<_>, _>>()?;
        let outputs = self.0.simulate_only(&tables, wanted)?;
        Ok(outputs
            .into_iter()
            .map(|t| Ciphertexts::new(Table(t)))
            .collect())
    }
}
