//! The client's roles.

use std::sync::{Arc, Mutex, PoisonError};

use hexperiment_program::{InputId, OutputId};
use hexperiment_scheme::{Ciphertexts, Decryptor, Encryptor, SchemeError};
use hexperiment_wire::WireError;
use ndarray::{Array2, ArrayView2};

use crate::held::Held;
use crate::shared::{Shared, Stage};
use crate::table;
use crate::talk::{Talk, asked, library};

/// The role of a key that a process of the program has.
pub(crate) struct Role {
    pub(crate) shared: Arc<Shared>,
    pub(crate) client: Arc<Mutex<Stage>>,
}

impl Encryptor for Role {
    fn encrypt(
        &self,
        input: InputId,
        table: ArrayView2<'_, f64>,
    ) -> Result<Ciphertexts, SchemeError> {
        let (name, what) = (self.shared.origin.name, "encrypt");
        let program = self.shared.lowered.program();
        let Some(declared) = program.inputs().get(input.index()) else {
            let message = format!("the program has no input {}", input.index());
            return Err(library(name, what, message));
        };
        declared.check(table)?;
        let mut bytes = Vec::new();
        table::write(table, &mut bytes);
        let mut stage = self.client.lock().unwrap_or_else(PoisonError::into_inner);
        let Stage::Keyed(Talk { process, stage }) = &mut *stage else {
            return Err(library(name, what, WireError::Over.to_string()));
        };
        let made = asked(name, process, what, || {
            let made = stage.encrypt(input, &bytes)?;
            let measured = made.measured;
            Ok((made, measured))
        })?;
        let circuit = self.shared.digest;
        Held::made(circuit, made.bytes, made.ciphertexts)
            .map_err(|e| library(name, what, e))
            .map(Ciphertexts::new)
    }
}

impl Decryptor for Role {
    fn decrypt(
        &self,
        output: OutputId,
        ciphertexts: &Ciphertexts,
    ) -> Result<Array2<f64>, SchemeError> {
        let (name, what) = (self.shared.origin.name, "decrypt");
        let program = self.shared.lowered.program();
        let Some(declared) = program.outputs().get(output.index()) else {
            let message = format!("the program has no output {}", output.index());
            return Err(library(name, what, message));
        };
        let bytes = Held::of(ciphertexts, self.shared.digest)?.bytes()?;
        let mut stage = self.client.lock().unwrap_or_else(PoisonError::into_inner);
        let Stage::Keyed(Talk { process, stage }) = &mut *stage else {
            return Err(library(name, what, WireError::Over.to_string()));
        };
        let told = asked(name, process, what, || {
            let told = stage.decrypt(output, &bytes)?;
            Ok((told.bytes, told.measured))
        })?;
        let shape = table::of_output(program, declared);
        let tables = table::read(&told, [shape]).map_err(|e| library(name, what, e))?;
        let one = tables.into_iter().next();
        one.ok_or_else(|| library(name, what, "no table"))
    }
}
