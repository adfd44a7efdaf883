//! A plugin's circuit.

use std::ptr;
use std::sync::Arc;

use hexperiment_program::lower::Lowered;
use hexperiment_program::{InputId, OutputId, ProgramError};
use hexperiment_scheme::{
    Ciphertexts, Circuit, CircuitDigest, EvaluationKeys, Evaluator, KeyPart, KeySet, Parameters,
    SchemeError,
};
use ndarray::Array2;

use super::handle::{CircuitHandle, Handle, Held};
use super::role::Role;
use super::table::{check_input, output_shape, table_of, table_out, unfilled};
use crate::abi;

fn part_of(part: &KeyPart) -> abi::KeyPart {
    // A role is its own number.
    let role = part.role() as u32;
    abi::KeyPart {
        role,
        reserved: 0,
        bytes: part.bytes().as_ptr(),
        length: part.bytes().len(),
    }
}

/// A plugin's circuit.
pub(super) struct PluginCircuit {
    handle: Arc<CircuitHandle>,
    lowered: Arc<Lowered>,
    parameters: Parameters,
    digest: CircuitDigest,
}

impl PluginCircuit {
    pub(super) fn new(
        handle: Arc<CircuitHandle>,
        lowered: Lowered,
        parameters: Parameters,
        digest: CircuitDigest,
    ) -> Self {
        Self {
            handle,
            lowered: Arc::new(lowered),
            parameters,
            digest,
        }
    }

    fn role<T>(&self, handle: Handle<T>) -> Role<T> {
        Role {
            handle,
            lowered: Arc::clone(&self.lowered),
        }
    }
}

impl Circuit for PluginCircuit {
    fn parameters(&self) -> &Parameters {
        &self.parameters
    }

    fn simulate(&self, inputs: &[Array2<f64>]) -> Result<Vec<Array2<f64>>, SchemeError> {
        let plugin = &self.handle.plugin;
        let program = self.lowered.program();
        if inputs.len() != program.inputs().len() {
            let (expected, found) = (program.inputs().len(), inputs.len());
            return Err(ProgramError::InputCount { expected, found }.into());
        }
        let Some(simulate) = plugin.functions.simulate else {
            return Ok(self.lowered.simulate(inputs)?);
        };
        for (i, table) in inputs.iter().enumerate() {
            check_input(plugin, program, InputId::from_index(i), table.dim())?;
        }
        let inputs: Vec<_> = inputs.iter().map(Array2::as_standard_layout).collect();
        let tables: Vec<_> = inputs.iter().map(|t| table_of(&t.view())).collect();
        let mut outputs: Vec<_> = (0..program.outputs().len())
            .filter_map(|i| output_shape(program, OutputId::from_index(i)))
            .map(|(rows, columns)| unfilled(rows, columns))
            .collect();
        let places: Vec<_> = outputs.iter_mut().map(table_out).collect();
        plugin.call("simulate", |reply| {
            // SAFETY: circuit and reply are alive; the tables point into `inputs` and `outputs`,
            // row by row and of the sizes they state, which outlive the call.
            unsafe {
                simulate(
                    self.handle.pointer(),
                    tables.as_ptr(),
                    tables.len(),
                    places.as_ptr(),
                    places.len(),
                    reply,
                )
            }
        })?;
        Ok(outputs)
    }

    fn digest(&self) -> CircuitDigest {
        self.digest
    }

    fn generate_keys(&self) -> Result<KeySet, SchemeError> {
        let plugin = &self.handle.plugin;
        let mut keys = abi::Keys {
            encryptor: ptr::null_mut(),
            decryptor: ptr::null_mut(),
        };
        let parts = plugin.call_for_keys("generate_keys", |reply| {
            // SAFETY: the circuit, the place for the keys and the reply outlive the call.
            unsafe { (plugin.functions.generate_keys)(self.handle.pointer(), &raw mut keys, reply) }
        })?;
        // Each is owned before any is missed, so that none leaks.
        let f = &plugin.functions;
        let encryptor = Handle::new(&self.handle, keys.encryptor, f.destroy_encryptor);
        let decryptor = Handle::new(&self.handle, keys.decryptor, f.destroy_decryptor);
        let (Some(encryptor), Some(decryptor)) = (encryptor, decryptor) else {
            return Err(plugin.broken("generate_keys", "a key is missing"));
        };
        Ok(KeySet {
            encryptor: Box::new(self.role(encryptor)),
            decryptor: Box::new(self.role(decryptor)),
            evaluation: EvaluationKeys::new(self.digest, parts),
        })
    }

    fn prepare(&self, keys: EvaluationKeys) -> Result<Box<dyn Evaluator>, SchemeError> {
        let plugin = &self.handle.plugin;
        let keys = keys.read_for(self.digest)?.rest();
        let parts: Vec<_> = keys.iter().map(part_of).collect();
        let mut evaluator = ptr::null_mut();
        let prepared = plugin.call("prepare", |reply| {
            // SAFETY: the circuit, the parts with their bytes, the place for the handle and the
            // reply outlive the call.
            unsafe {
                (plugin.functions.prepare)(
                    self.handle.pointer(),
                    parts.as_ptr(),
                    parts.len(),
                    &raw mut evaluator,
                    reply,
                )
            }
        });
        prepared.map_err(|error| match error {
            SchemeError::Foreign(why) => SchemeError::ForeignKeys(why),
            error => error,
        })?;
        let destroy = plugin.functions.destroy_evaluator;
        let evaluator = Handle::new(&self.handle, evaluator, destroy)
            .ok_or_else(|| plugin.broken("prepare", "no evaluator"))?;
        Ok(Box::new(self.role(evaluator)))
    }

    fn load(&self, bytes: &[u8]) -> Result<Ciphertexts, SchemeError> {
        let plugin = &self.handle.plugin;
        let mut ciphertexts = ptr::null_mut();
        plugin.call("load", |reply| {
            // SAFETY: the circuit, the bytes, the place for the handle and the reply outlive the
            // call.
            unsafe {
                (plugin.functions.load)(
                    self.handle.pointer(),
                    bytes.as_ptr(),
                    bytes.len(),
                    &raw mut ciphertexts,
                    reply,
                )
            }
        })?;
        Held::new(&self.handle, ciphertexts, "load").map(Ciphertexts::new)
    }
}
