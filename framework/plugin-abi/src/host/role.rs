//! A plugin's keys, by role.

use std::ptr;
use std::sync::Arc;

use hexperiment_program::lower::Lowered;
use hexperiment_program::{InputId, OutputId, ProgramError};
use hexperiment_scheme::{Ciphertexts, Decryptor, Encryptor, Evaluator, SchemeError};
use ndarray::{Array2, ArrayView2};

use super::handle::{Handle, Held};
use super::table::{check_input, output_shape, table_of, table_out, unfilled};
use crate::abi;

/// The key of one role, with the program that says what it works on.
pub(super) struct Role<T> {
    pub(super) handle: Handle<T>,
    pub(super) lowered: Arc<Lowered>,
}

impl Encryptor for Role<abi::Encryptor> {
    fn encrypt(
        &self,
        input: InputId,
        table: ArrayView2<'_, f64>,
    ) -> Result<Ciphertexts, SchemeError> {
        let plugin = self.handle.plugin();
        check_input(plugin, self.lowered.program(), input, table.dim())?;
        let table = table.as_standard_layout();
        let wire = table_of(&table.view());
        let mut ciphertexts = ptr::null_mut();
        plugin.call("encrypt", |reply| {
            // SAFETY: the key, the table, the place for the handle and the reply outlive the call.
            unsafe {
                (plugin.functions.encrypt)(
                    self.handle.pointer(),
                    input.index(),
                    &raw const wire,
                    &raw mut ciphertexts,
                    reply,
                )
            }
        })?;
        Held::new(&self.handle.circuit, ciphertexts, "encrypt").map(Ciphertexts::new)
    }
}

impl Evaluator for Role<abi::Evaluator> {
    fn evaluate(&self, inputs: &[Ciphertexts]) -> Result<Vec<Ciphertexts>, SchemeError> {
        let plugin = self.handle.plugin();
        let program = self.lowered.program();
        if inputs.len() != program.inputs().len() {
            let (expected, found) = (program.inputs().len(), inputs.len());
            return Err(ProgramError::InputCount { expected, found }.into());
        }
        let inputs = inputs
            .iter()
            .map(|c| Held::of(c, &self.handle.circuit).map(|held| held.handle.pointer()))
            .collect::<Result<Vec<_>, _>>()?;
        let mut outputs = vec![ptr::null_mut(); program.outputs().len()];
        plugin.call("evaluate", |reply| {
            // SAFETY: the key, the ciphertexts (borrowed by the caller), the places for the
            // handles and the reply outlive the call.
            unsafe {
                (plugin.functions.evaluate)(
                    self.handle.pointer(),
                    inputs.as_ptr(),
                    inputs.len(),
                    outputs.as_mut_ptr(),
                    outputs.len(),
                    reply,
                )
            }
        })?;
        // All are owned before one is missed.
        let held: Vec<_> = outputs
            .into_iter()
            .map(|pointer| Held::new(&self.handle.circuit, pointer, "evaluate"))
            .collect();
        held.into_iter()
            .map(|held| held.map(Ciphertexts::new))
            .collect()
    }
}

impl Decryptor for Role<abi::Decryptor> {
    fn decrypt(
        &self,
        output: OutputId,
        ciphertexts: &Ciphertexts,
    ) -> Result<Array2<f64>, SchemeError> {
        let plugin = self.handle.plugin();
        let Some((rows, columns)) = output_shape(self.lowered.program(), output) else {
            return Err(SchemeError::Library {
                library: plugin.name,
                operation: "decrypt".into(),
                message: format!("the program has no output {}", output.index()),
            });
        };
        let held = Held::of(ciphertexts, &self.handle.circuit)?;
        let mut table = unfilled(rows, columns);
        let place = table_out(&mut table);
        plugin.call("decrypt", |reply| {
            // SAFETY: the key, the ciphertexts, the table that `place` points into and the reply
            // outlive the call.
            unsafe {
                (plugin.functions.decrypt)(
                    self.handle.pointer(),
                    output.index(),
                    held.handle.pointer(),
                    &raw const place,
                    reply,
                )
            }
        })?;
        Ok(table)
    }
}
