//! The client's roles.

use std::sync::Arc;

use hexperiment_program::{InputId, OutputId};
use hexperiment_scheme::{
    Ciphertexts, CircuitDigest, Decryptor, Encryptor, SchemeError, SecretKey,
};
use ndarray::{Array1, Array2, ArrayView2};

use crate::circuit::Shared;
use crate::flooding::flood;
use crate::parallel;
use crate::seal;
use crate::sealed::{Fresh, Sealed};

/// What inputs are encrypted with.
pub(crate) enum EncryptionKey {
    Public(seal::Encryptor),
    Secret(seal::SymmetricEncryptor),
}

/// Encrypts inputs.
pub(crate) struct CkksEncryptor {
    pub(crate) shared: Arc<Shared>,
    pub(crate) key: EncryptionKey,
}

impl CkksEncryptor {
    /// Encrypts the chunks of all columns, and puts them into columns again.
    fn columns<T: Send>(
        &self,
        table: ArrayView2<'_, f64>,
        encrypt: impl Fn(&seal::Plaintext) -> Result<T, seal::SealError> + Sync,
    ) -> Result<Vec<Vec<Arc<T>>>, SchemeError>
    where
        Arc<T>: Send,
    {
        let shared = &self.shared;
        let chunks = shared.layout.chunks(table.nrows());
        let vectors: Vec<Vec<f64>> = table.columns().into_iter().map(|c| c.to_vec()).collect();
        let places: Vec<(usize, usize)> = (0..vectors.len())
            .flat_map(|c| (0..chunks).map(move |k| (c, k)))
            .collect();
        let ciphertexts = parallel::try_map(&places, |(column, chunk)| {
            let slots = shared.layout.place(&vectors[*column], *chunk);
            let level = shared.context.levels()[0];
            let plain = shared.encode_all(&slots, level, shared.scales[0])?;
            encrypt(&plain).map(Arc::new)
        })?;
        Ok(ciphertexts.chunks(chunks).map(<[_]>::to_vec).collect())
    }
}

impl Encryptor for CkksEncryptor {
    fn encrypt(
        &self,
        input: InputId,
        table: ArrayView2<'_, f64>,
    ) -> Result<Ciphertexts, SchemeError> {
        let shared = Arc::clone(&self.shared);
        shared.arrangement.original().input(input).check(table)?;
        let table = shared.arrangement.pack(input, table);
        let table = table.view();
        Ok(match &self.key {
            EncryptionKey::Public(key) => Ciphertexts::new(Sealed {
                columns: self.columns(table, |plain| key.encrypt(plain))?,
                level: 0,
                shared,
            }),
            EncryptionKey::Secret(key) => Ciphertexts::new(Fresh {
                columns: self.columns(table, |plain| key.encrypt(plain))?,
                shared,
            }),
        })
    }
}

/// Decrypts outputs.
pub(crate) struct CkksDecryptor {
    pub(crate) shared: Arc<Shared>,
    pub(crate) seal: seal::Decryptor,
    /// What `seal` was made of, as the key owner keeps it.
    pub(crate) secret: seal::SecretKey,
    pub(crate) digest: CircuitDigest,
}

impl Decryptor for CkksDecryptor {
    fn decrypt(
        &self,
        output: OutputId,
        ciphertexts: &Ciphertexts,
    ) -> Result<Array2<f64>, SchemeError> {
        let shared = &self.shared;
        let sealed = Sealed::of(ciphertexts)?;
        let program = shared.lowered.program();
        let values = &program.output(output).values;
        let length = program.value(values[0]).length();
        if sealed.level + 1 != shared.context.levels().len() {
            let found = sealed.level;
            return Err(SchemeError::Foreign(format!(
                "no result: it is at level {found}, results at the last"
            )));
        }
        if sealed.columns.len() != values.len() {
            let found = sealed.columns.len();
            return Err(SchemeError::Foreign(format!(
                "{found} columns, expected {}",
                values.len()
            )));
        }
        let mut pieces = vec![];
        for (chunks, value) in sealed.columns.iter().zip(values) {
            let stride = shared.layout.stride(value.index());
            if chunks.len() != shared.layout.chunks(length * stride) {
                return Err(SchemeError::Foreign(format!(
                    "{} ciphertexts to a column",
                    chunks.len()
                )));
            }
            // What crossed has no scale of its own: the program tells it.
            let scale = shared.scales[shared.levels[value.index()]];
            pieces.extend(chunks.iter().map(|chunk| (chunk, scale)));
        }
        let decoded = parallel::try_map(&pieces, |(chunk, scale)| {
            let mut plain = self.seal.decrypt(chunk)?;
            plain.set_scale(*scale)?;
            shared.decode(&plain)
        })?;
        let mut table = Array2::zeros((length, values.len()));
        let mut rest = decoded.as_slice();
        for (column, (chunks, value)) in sealed.columns.iter().zip(values).enumerate() {
            let (decoded, others) = rest.split_at(chunks.len());
            rest = others;
            let elements = shared.layout.collect(decoded, value.index(), length);
            table.column_mut(column).assign(&Array1::from(elements));
        }
        let mut table = shared.arrangement.unpack(table);
        if let Some(deviation) = shared.flooding_deviations.get(output.index()) {
            flood(&mut table, *deviation)?;
        }
        Ok(table)
    }
    fn secret_key(&self) -> Result<SecretKey, SchemeError> {
        let packed = self.secret.packed(&self.shared.context)?;
        Ok(SecretKey::new(self.digest, packed))
    }
}
