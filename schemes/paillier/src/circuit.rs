//! Circuits: an integer program bound to a modulus and a layout; encryption and decryption.

use std::sync::Arc;

use hexperiment_program::lower::Lowered;
use hexperiment_program::{InputId, OutputId, ValueId};
use hexperiment_scheme::security::Encryption;
use hexperiment_scheme::{
    Ciphertexts, Circuit, CircuitDigest, Costs, Decryptor, Encryptor, EvaluationKeys, Evaluator,
    KeyOwner, KeyPart, KeyRole, KeySet, OperationTimes, Parameters, SchemeError, SecretKey, Sizes,
};
use ndarray::{Array2, ArrayView2};
use rayon::prelude::*;
use rug::Integer;
use rug::integer::Order;

use crate::arithmetic::Arithmetic;
use crate::backend::{Backend, Decrypting, Encrypting};
use crate::ciphertexts::{Fingerprint, Held, Sealed};
use crate::evaluate::PaillierEvaluator;
use crate::layout::Lanes;
use crate::numbers::Code;
use crate::primes::Primes;

/// What every role of one circuit shares: nothing secret.
pub(crate) struct Shared {
    pub(crate) lowered: Lowered,
    pub(crate) arithmetic: Arithmetic,
    pub(crate) layout: Lanes,
    pub(crate) modulus_bits: u32,
    /// The nodes that compute, in groups of which each reads inputs and earlier groups only.
    pub(crate) waves: Vec<Vec<usize>>,
}

impl Shared {
    /// The integers of one input's table, by column.
    fn encode(&self, input: usize, table: ArrayView2<'_, f64>) -> Vec<Vec<Integer>> {
        let codes = self.arithmetic.columns[input].iter();
        let columns = codes.zip(table.columns());
        columns
            .map(|(code, column)| column.iter().map(|x| code.encode(*x)).collect())
            .collect()
    }

    /// The rows of an input or output and the codes of its columns, if the program has it.
    fn table(&self, held: Held) -> Option<(usize, Vec<&Code>)> {
        let program = self.lowered.program();
        match held {
            Held::Input(index) => {
                let rows = program.inputs().get(index)?.length;
                Some((rows, self.arithmetic.columns[index].iter().collect()))
            }
            Held::Output(index) => {
                let values = &program.outputs().get(index)?.values;
                let rows = program.value(values[0]).length();
                let code = |v: &ValueId| &self.arithmetic.nodes[v.index()].code;
                Some((rows, values.iter().map(code).collect()))
            }
        }
    }

    /// The ciphertexts of this plugin within, checked to be of this key and fit to be taken for
    /// the table `wanted`: of its shape, with its scales, and within its ranges.
    pub(crate) fn expect<'a>(
        &self,
        ciphertexts: &'a Ciphertexts,
        wanted: Held,
        key: Fingerprint,
        square: &Integer,
    ) -> Result<&'a Sealed, SchemeError> {
        let sealed = ciphertexts.downcast::<Sealed>()?;
        sealed.check(key, square)?;
        let fits = match (self.table(sealed.held), self.table(wanted)) {
            (Some((rows, codes)), Some((wanted_rows, wanted_codes))) => {
                rows == wanted_rows
                    && codes.len() == wanted_codes.len()
                    && wanted_codes.iter().zip(codes).all(|(w, c)| w.admits(c))
            }
            _ => false,
        };
        if fits {
            return Ok(sealed);
        }
        let found = sealed.held;
        Err(SchemeError::Foreign(format!(
            "found {found} where {wanted} is expected, which has another shape, scale or range; a \
             result gets an input's scale by being decrypted and encrypted again"
        )))
    }
}

/// A program bound to parameters.
pub(crate) struct PaillierCircuit {
    pub(crate) shared: Arc<Shared>,
    pub(crate) backend: Backend,
    /// What inputs are encrypted with.
    pub(crate) encryption: Encryption,
    pub(crate) parameters: Parameters,
    pub(crate) digest: CircuitDigest,
}

impl PaillierCircuit {
    /// Bytes of the modulus: all that the server is given. What encryption takes besides it
    /// stays with who encrypts.
    pub(crate) fn modulus_bytes(&self) -> usize {
        self.shared.modulus_bits.div_ceil(8) as usize
    }

    /// The server's role under a modulus.
    fn evaluator(&self, modulus: &Integer) -> PaillierEvaluator {
        PaillierEvaluator {
            shared: Arc::clone(&self.shared),
            combining: self.backend.server(modulus),
            key: Fingerprint::of(modulus),
            square: modulus.clone().square(),
        }
    }

    /// The client's roles under these primes.
    fn roles_of(
        &self,
        primes: &Primes,
    ) -> Result<(PaillierEncryptor, PaillierDecryptor), SchemeError> {
        let client = self.backend.client(primes, self.encryption)?;
        let modulus = primes.modulus();
        let key = Fingerprint::of(&modulus);
        let encryptor = PaillierEncryptor {
            shared: Arc::clone(&self.shared),
            encrypting: client.encrypting,
            key,
        };
        let decryptor = PaillierDecryptor {
            shared: Arc::clone(&self.shared),
            decrypting: client.decrypting,
            key,
            square: modulus.square(),
            primes: primes.clone(),
            digest: self.digest,
        };
        Ok((encryptor, decryptor))
    }

    /// The modulus of a public key's bytes.
    fn read_modulus(&self, keys: EvaluationKeys) -> Result<Integer, SchemeError> {
        let mut keys = keys.read_for(self.digest)?;
        let public = keys.next(KeyRole::Public, self.modulus_bytes())?;
        keys.finish()?;
        let modulus = Integer::from_digits(public.bytes(), Order::Lsf);
        let (bits, wanted) = (modulus.significant_bits(), self.shared.modulus_bits);
        if bits != wanted || modulus.is_even() {
            return Err(SchemeError::ForeignKeys(format!(
                "the modulus is {} number of {bits} bits, expected an odd one of {wanted}",
                if modulus.is_even() {
                    "an even"
                } else {
                    "an odd"
                },
            )));
        }
        Ok(modulus)
    }

    /// The keys of these primes.
    pub(crate) fn keys_of(&self, primes: &Primes) -> Result<KeySet, SchemeError> {
        let (encryptor, decryptor) = self.roles_of(primes)?;
        let mut bytes = vec![0; self.modulus_bytes()];
        primes.modulus().write_digits(&mut bytes, Order::Lsf);
        Ok(KeySet {
            encryptor: Box::new(encryptor),
            decryptor: Box::new(decryptor),
            evaluation: EvaluationKeys::new(
                self.digest,
                vec![KeyPart::new(KeyRole::Public, bytes)],
            ),
        })
    }
}

impl Circuit for PaillierCircuit {
    fn parameters(&self) -> &Parameters {
        &self.parameters
    }

    fn simulate(&self, inputs: &[Array2<f64>]) -> Result<Vec<Array2<f64>>, SchemeError> {
        let shared = &self.shared;
        let program = shared.lowered.program();
        if inputs.len() != program.inputs().len() {
            return Err(hexperiment_program::ProgramError::InputCount {
                expected: program.inputs().len(),
                found: inputs.len(),
            }
            .into());
        }
        let mut integers = Vec::with_capacity(inputs.len());
        for (index, (input, table)) in program.inputs().iter().zip(inputs).enumerate() {
            input.check(table.view())?;
            integers.push(shared.encode(index, table.view()));
        }
        let values = shared.arithmetic.in_clear(&integers);
        let tables = program.outputs().iter().map(|output| {
            let rows = program.value(output.values[0]).length();
            Array2::from_shape_fn((rows, output.values.len()), |(row, column)| {
                let value = output.values[column].index();
                shared.arithmetic.nodes[value]
                    .code
                    .decode(&values[value][row])
            })
        });
        Ok(tables.collect())
    }

    fn costs(&self, times: &mut dyn OperationTimes) -> Result<Option<Costs>, SchemeError> {
        crate::costs::costs(self, times).map(Some)
    }

    fn sizes(&self) -> Option<Sizes> {
        Some(crate::costs::sizes(self))
    }

    fn digest(&self) -> CircuitDigest {
        self.digest
    }

    fn generate_keys(&self) -> Result<KeySet, SchemeError> {
        self.keys_of(&Primes::generate(self.shared.modulus_bits)?)
    }

    fn prepare(&self, keys: EvaluationKeys) -> Result<Box<dyn Evaluator>, SchemeError> {
        Ok(Box::new(self.evaluator(&self.read_modulus(keys)?)))
    }

    fn restore(&self, secret: &SecretKey) -> Result<KeyOwner, SchemeError> {
        let half = Primes::bytes_of_one(self.shared.modulus_bits);
        let primes = Primes::read(
            secret.read_for(self.digest, 2 * half)?,
            self.shared.modulus_bits,
        )?;
        let (encryptor, decryptor) = self.roles_of(&primes)?;
        let by_owner = self.encryption == Encryption::Owner;
        Ok(KeyOwner {
            encryptor: by_owner.then(|| Box::new(encryptor) as _),
            decryptor: Box::new(decryptor),
        })
    }

    fn public_encryptor(&self, public: EvaluationKeys) -> Result<Box<dyn Encryptor>, SchemeError> {
        let modulus = self.read_modulus(public)?;
        Ok(Box::new(PaillierEncryptor {
            shared: Arc::clone(&self.shared),
            encrypting: self.backend.public(&modulus)?,
            key: Fingerprint::of(&modulus),
        }))
    }

    fn load(&self, bytes: &[u8]) -> Result<Ciphertexts, SchemeError> {
        let shape = |held| {
            let (rows, codes) = self.shared.table(held)?;
            Some((codes.len(), self.shared.layout.chunks(rows)))
        };
        let sealed = Sealed::read(bytes, self.shared.modulus_bits, shape)?;
        Ok(Ciphertexts::new(sealed))
    }
}

/// Encrypts with the public key, or with the primes.
struct PaillierEncryptor {
    shared: Arc<Shared>,
    encrypting: Box<dyn Encrypting>,
    key: Fingerprint,
}

impl Encryptor for PaillierEncryptor {
    fn encrypt(
        &self,
        input: InputId,
        table: ArrayView2<'_, f64>,
    ) -> Result<Ciphertexts, SchemeError> {
        let (shared, layout) = (&self.shared, self.shared.layout);
        let program = shared.lowered.program();
        program.input(input).check(table)?;
        let columns = shared.encode(input.index(), table);
        let rows = table.nrows();
        let chunks = layout.chunks(rows);
        let places: Vec<(usize, usize)> = (0..columns.len())
            .flat_map(|column| (0..chunks).map(move |chunk| (column, chunk)))
            .collect();
        let made = places
            .par_iter()
            .map(|(column, chunk)| {
                let elements = &columns[*column][layout.elements(*chunk, rows)];
                self.encrypting.encrypt(&layout.pack(elements.iter()))
            })
            .collect::<Result<Vec<_>, _>>()?;
        let mut made = made.into_iter();
        let columns = columns
            .iter()
            .map(|_| Arc::new(made.by_ref().take(chunks).collect()));
        Ok(Ciphertexts::new(Sealed {
            modulus_bits: shared.modulus_bits,
            held: Held::Input(input.index()),
            key: self.key,
            columns: columns.collect(),
        }))
    }
}

/// Decrypts with the secret key.
struct PaillierDecryptor {
    shared: Arc<Shared>,
    decrypting: Box<dyn Decrypting>,
    key: Fingerprint,
    /// `n^2`
    square: Integer,
    /// The secret, as the key owner keeps it.
    primes: Primes,
    digest: CircuitDigest,
}

impl Decryptor for PaillierDecryptor {
    fn decrypt(
        &self,
        output: OutputId,
        ciphertexts: &Ciphertexts,
    ) -> Result<Array2<f64>, SchemeError> {
        let (shared, layout) = (&self.shared, self.shared.layout);
        let program = shared.lowered.program();
        let values = &program.output(output).values;
        let rows = program.value(values[0]).length();
        let chunks = layout.chunks(rows);
        let held = Held::Output(output.index());
        let sealed = shared.expect(ciphertexts, held, self.key, &self.square)?;
        let places: Vec<(usize, usize)> = (0..values.len())
            .flat_map(|column| (0..chunks).map(move |chunk| (column, chunk)))
            .collect();
        let decrypted = places
            .par_iter()
            .map(|(column, chunk)| {
                let code = &shared.arithmetic.nodes[values[*column].index()].code;
                let message = self.decrypting.decrypt(&sealed.columns[*column][*chunk])?;
                let count = layout.elements(*chunk, rows).len();
                let integers = layout.unpack(message, count)?;
                if !integers.iter().all(|x| code.bounds.contains(x)) {
                    return Err(SchemeError::Foreign(
                        "a decrypted number lies outside the range that the program proves: the \
                         ciphertext is of another circuit or was changed"
                            .into(),
                    ));
                }
                Ok(integers.iter().map(|x| code.decode(x)).collect())
            })
            .collect::<Result<Vec<Vec<f64>>, _>>()?;
        let mut table = Array2::zeros((rows, values.len()));
        for ((column, chunk), numbers) in places.into_iter().zip(decrypted) {
            for (row, x) in layout.elements(chunk, rows).zip(numbers) {
                table[[row, column]] = x;
            }
        }
        Ok(table)
    }
    fn secret_key(&self) -> Result<SecretKey, SchemeError> {
        let bytes = self.primes.bytes(self.shared.modulus_bits);
        Ok(SecretKey::new(self.digest, bytes))
    }
}
