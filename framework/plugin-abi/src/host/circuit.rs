//! A plugin's circuit.

use std::ptr;
use std::sync::Arc;

use hexperiment_program::lower::Lowered;
use hexperiment_program::{InputId, OutputId, ProgramError};
use hexperiment_scheme::{Ciphertexts, Circuit, KeySet, KeySizes, Parameters, SchemeError};
use ndarray::Array2;

use super::handle::{CircuitHandle, Handle, Held};
use super::role::Role;
use super::table::{check_input, output_shape, table_of, table_out, unfilled};
use crate::abi;

/// Bytes of a key, at most; sums of such numbers cannot overflow.
const MOST_KEY_BYTES: u64 = 1 << 50;

/// A plugin's circuit.
pub(super) struct PluginCircuit {
    handle: Arc<CircuitHandle>,
    lowered: Arc<Lowered>,
    parameters: Parameters,
}

impl PluginCircuit {
    pub(super) fn new(
        handle: Arc<CircuitHandle>,
        lowered: Lowered,
        parameters: Parameters,
    ) -> Self {
        Self {
            handle,
            lowered: Arc::new(lowered),
            parameters,
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

    fn generate_keys(&self) -> Result<KeySet, SchemeError> {
        let plugin = &self.handle.plugin;
        let mut keys = abi::Keys {
            encryptor: ptr::null_mut(),
            evaluator: ptr::null_mut(),
            decryptor: ptr::null_mut(),
            public_bytes: abi::NO_KEY,
            relinearization_bytes: abi::NO_KEY,
            galois_bytes: abi::NO_KEY,
            bootstrapping_bytes: abi::NO_KEY,
        };
        plugin.call("generate_keys", |reply| {
            // SAFETY: the circuit, the place for the keys and the reply outlive the call.
            unsafe { (plugin.functions.generate_keys)(self.handle.pointer(), &raw mut keys, reply) }
        })?;
        // Each is owned before any is missed, so that none leaks.
        let f = &plugin.functions;
        let encryptor = Handle::new(&self.handle, keys.encryptor, f.destroy_encryptor);
        let evaluator = Handle::new(&self.handle, keys.evaluator, f.destroy_evaluator);
        let decryptor = Handle::new(&self.handle, keys.decryptor, f.destroy_decryptor);
        let (Some(encryptor), Some(evaluator), Some(decryptor)) = (encryptor, evaluator, decryptor)
        else {
            return Err(plugin.broken("generate_keys", "a key is missing"));
        };
        let announced = [
            keys.public_bytes,
            keys.relinearization_bytes,
            keys.galois_bytes,
            keys.bootstrapping_bytes,
        ];
        let size = |bytes: u64| Some(bytes).filter(|b| *b != abi::NO_KEY);
        if let Some(bytes) = announced
            .into_iter()
            .find(|b| size(*b) > Some(MOST_KEY_BYTES))
        {
            let problem = format!("a key of {bytes} bytes, expected at most {MOST_KEY_BYTES}");
            return Err(plugin.broken("generate_keys", problem));
        }
        Ok(KeySet {
            encryptor: Box::new(self.role(encryptor)),
            evaluator: Box::new(self.role(evaluator)),
            decryptor: Box::new(self.role(decryptor)),
            sizes: KeySizes {
                public: size(keys.public_bytes),
                relinearization: size(keys.relinearization_bytes),
                galois: size(keys.galois_bytes),
                bootstrapping: size(keys.bootstrapping_bytes),
            },
        })
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
