//! A program with its shared key: client, server, client.

use std::sync::Arc;

use fernet::Fernet;
use hexperiment_program::lower::Lowered;
use hexperiment_program::{InputId, OutputId};
use hexperiment_scheme::{
    Ciphertexts, Circuit, CircuitDigest, Costs, Decryptor, Encryptor, EvaluationKeys, Evaluator,
    KeyOwner, KeyPart, KeyRole, KeySet, OperationTimes, Parameters, SchemeError, SecretKey, Sizes,
};
use ndarray::{Array2, ArrayView2};
use zeroize::Zeroizing;

use crate::costs;
use crate::layout::{Held, Per, TokenShape};
use crate::tokens::Tokens;

pub(crate) struct FernetCircuit {
    pub(crate) lowered: Arc<Lowered>,
    pub(crate) per: Per,
    pub(crate) parameters: Parameters,
    pub(crate) digest: CircuitDigest,
}

/// Characters of the key, as the specification writes it: 32 bytes in URL-safe base64.
const KEY: usize = 44;

impl FernetCircuit {
    /// What whoever holds the key can do: everything.
    fn party(&self, key: &str) -> Result<Arc<Party>, SchemeError> {
        let key = Fernet::new(key).ok_or_else(|| {
            SchemeError::ForeignKeys("the shared key is not 32 bytes in URL-safe base64".into())
        })?;
        Ok(Arc::new(Party {
            key,
            lowered: Arc::clone(&self.lowered),
            per: self.per,
        }))
    }

    fn owner(&self, party: Arc<Party>, key: &str) -> Owner {
        Owner {
            role: Role(party),
            digest: self.digest,
            key: Zeroizing::new(key.as_bytes().to_vec()),
        }
    }
}

impl Circuit for FernetCircuit {
    fn parameters(&self) -> &Parameters {
        &self.parameters
    }

    fn simulate(&self, inputs: &[Array2<f64>]) -> Result<Vec<Array2<f64>>, SchemeError> {
        Ok(self.lowered.simulate(inputs)?)
    }

    fn costs(&self, times: &mut dyn OperationTimes) -> Result<Option<Costs>, SchemeError> {
        costs::costs(self, times)
    }

    fn sizes(&self) -> Option<Sizes> {
        let program = self.lowered.program();
        let bytes = |held| Some(Tokens::bytes(TokenShape::of(program, held, self.per)?));
        let inputs = (0..program.inputs().len()).map(|index| bytes(Held::Input(index)));
        let outputs = (0..program.outputs().len()).map(|index| bytes(Held::Output(index)));
        Some(Sizes {
            keys: KEY as u64,
            inputs: inputs.collect::<Option<_>>()?,
            outputs: outputs.collect::<Option<_>>()?,
        })
    }

    fn digest(&self) -> CircuitDigest {
        self.digest
    }

    /// One key from the operating system's randomness, for all three roles. The server is given
    /// the key itself, which in a real system must never be sent in the clear.
    fn generate_keys(&self) -> Result<KeySet, SchemeError> {
        let text = Zeroizing::new(Fernet::generate_key());
        let party = self.party(&text)?;
        let shared = KeyPart::new(KeyRole::Shared, text.as_bytes().to_vec());
        Ok(KeySet {
            encryptor: Box::new(Role(Arc::clone(&party))),
            decryptor: Box::new(self.owner(party, &text)),
            evaluation: EvaluationKeys::new(self.digest, vec![shared]),
        })
    }

    fn prepare(&self, keys: EvaluationKeys) -> Result<Box<dyn Evaluator>, SchemeError> {
        let mut keys = keys.read_for(self.digest)?;
        let shared = keys.next(KeyRole::Shared, KEY)?;
        keys.finish()?;
        // What is no text is no key either.
        let text = str::from_utf8(shared.bytes()).unwrap_or_default();
        Ok(Box::new(Role(self.party(text)?)))
    }

    fn restore(&self, secret: &SecretKey) -> Result<KeyOwner, SchemeError> {
        let bytes = secret.read_for(self.digest, KEY)?;
        let text = str::from_utf8(bytes).unwrap_or_default();
        let party = self
            .party(text)
            .map_err(|e| SchemeError::ForeignSecret(e.to_string()))?;
        Ok(KeyOwner {
            encryptor: Some(Box::new(Role(Arc::clone(&party)))),
            decryptor: Box::new(self.owner(party, text)),
        })
    }

    fn load(&self, bytes: &[u8]) -> Result<Ciphertexts, SchemeError> {
        let program = self.lowered.program();
        let tokens = Tokens::read(bytes, |held| TokenShape::of(program, held, self.per))?;
        Ok(Ciphertexts::new(tokens))
    }
}

/// What whoever holds the key knows; it is the same on both sides.
struct Party {
    key: Fernet,
    lowered: Arc<Lowered>,
    per: Per,
}

impl Party {
    fn layout(&self, held: Held) -> Result<TokenShape, SchemeError> {
        TokenShape::of(self.lowered.program(), held, self.per)
            .ok_or_else(|| SchemeError::Foreign(format!("the program has no {held}")))
    }

    fn seal(&self, held: Held, table: ArrayView2<'_, f64>) -> Result<Ciphertexts, SchemeError> {
        let tokens = Tokens::seal(&self.key, held, self.layout(held)?, table)?;
        Ok(Ciphertexts::new(tokens))
    }

    fn open(&self, held: Held, ciphertexts: &Ciphertexts) -> Result<Array2<f64>, SchemeError> {
        let tokens = ciphertexts.downcast::<Tokens>()?;
        tokens.open(&self.key, held, self.layout(held)?)
    }
}

/// Encrypts or evaluates: with one shared key roles differ in what they do with it, not in what they
/// could do.
struct Role(Arc<Party>);

/// The key owner's role, with the key as it is written.
struct Owner {
    role: Role,
    digest: CircuitDigest,
    key: Zeroizing<Vec<u8>>,
}

impl Decryptor for Owner {
    fn decrypt(
        &self,
        output: OutputId,
        ciphertexts: &Ciphertexts,
    ) -> Result<Array2<f64>, SchemeError> {
        self.role.0.open(Held::Output(output.index()), ciphertexts)
    }

    fn secret_key(&self) -> Result<SecretKey, SchemeError> {
        Ok(SecretKey::new(self.digest, self.key.clone()))
    }
}

impl Encryptor for Role {
    fn encrypt(
        &self,
        input: InputId,
        table: ArrayView2<'_, f64>,
    ) -> Result<Ciphertexts, SchemeError> {
        self.0.lowered.program().input(input).check(table)?;
        self.0.seal(Held::Input(input.index()), table)
    }
}

impl Evaluator for Role {
    /// Decrypts, computes in the clear, encrypts.
    fn evaluate(&self, inputs: &[Ciphertexts]) -> Result<Vec<Ciphertexts>, SchemeError> {
        self.evaluate_only(inputs, &self.0.lowered.program().output_ids())
    }

    fn evaluate_only(
        &self,
        inputs: &[Ciphertexts],
        wanted: &[OutputId],
    ) -> Result<Vec<Ciphertexts>, SchemeError> {
        let inputs = inputs.iter().enumerate();
        let tables = inputs
            .map(|(i, ciphertexts)| self.0.open(Held::Input(i), ciphertexts))
            .collect::<Result<Vec<_>, _>>()?;
        let results = self.0.lowered.simulate_only(&tables, wanted)?;
        let results = wanted.iter().zip(&results);
        results
            .map(|(output, table)| self.0.seal(Held::Output(output.index()), table.view()))
            .collect()
    }
}
