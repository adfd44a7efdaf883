//! The client's roles.

use std::sync::Arc;

use hexperiment_program::{InputId, OutputId, Program};
use hexperiment_scheme::{Ciphertexts, CircuitDigest, Decryptor, Encryptor, SchemeError};
use ndarray::{Array2, ArrayView2};
use rayon::prelude::*;

use crate::clear::decode;
use crate::keys::SecretKey;
use crate::plan::{Plan, PlannedOutput};
use crate::wire::{Column, Fresh, Results};

/// Encrypts inputs.
pub(crate) struct TfheEncryptor {
    pub(crate) secret: Arc<SecretKey>,
    pub(crate) plan: Arc<Plan>,
    pub(crate) program: Program,
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
            .map(|phases| self.plan.packing.encrypt(&self.secret, phases))
            .collect();
        Ok(Ciphertexts::new(Fresh {
            input: input.index(),
            columns,
            packing: self.plan.packing,
        }))
    }
}

/// Decrypts results.
pub(crate) struct TfheDecryptor {
    pub(crate) secret: Arc<SecretKey>,
    pub(crate) plan: Arc<Plan>,
    pub(crate) digest: CircuitDigest,
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
        let packing = self.plan.packing;
        let columns: Vec<_> = places.zip(&results.columns).collect();
        let is_other = |column: &Column| column.words.len() != packing.words(length);
        if columns.iter().any(|(_, column)| is_other(column)) {
            return Err(SchemeError::Foreign("a column of another length".into()));
        }
        let numbers = columns.into_par_iter().map(|((place, part), column)| {
            let phases = packing.decrypt(&self.secret, &column.words);
            let numbers: Vec<f64> = phases.into_iter().map(|x| decode(x, part)).collect();
            (place, numbers)
        });
        let numbers: Vec<(usize, Vec<f64>)> = numbers.collect();
        for (place, numbers) in numbers {
            let mut cells = rows.column_mut(place);
            cells += &ndarray::ArrayView1::from(&numbers);
        }
        Ok(rows)
    }
    fn secret_key(&self) -> Result<hexperiment_scheme::SecretKey, SchemeError> {
        let bits = self.secret.bits();
        Ok(hexperiment_scheme::SecretKey::new(self.digest, bits))
    }
}
