//! A circuit that a program has compiled.

use std::sync::{Arc, Mutex, PoisonError};

use hexperiment_program::ProgramError;
use hexperiment_program::lower::Lowered;
use hexperiment_scheme::{
    Ciphertexts, Circuit, CircuitDigest, EvaluationKeys, Evaluator, KeySet, Parameters, SchemeError,
};
use hexperiment_wire::{Bound, Chosen, Order, WireError};
use ndarray::Array2;

use crate::held::Held;
use crate::origin::{Client, Origin};
use crate::role::Role;
use crate::server::Server;
use crate::shared::{Shared, Stage};
use crate::table;
use crate::talk::{Talk, asked, library};

/// A program's circuit.
pub(crate) struct ProgramCircuit {
    shared: Arc<Shared>,
    parameters: Parameters,
    simulates: bool,
    client: Arc<Mutex<Stage>>,
}

impl ProgramCircuit {
    pub(crate) fn new(
        origin: Arc<Origin>,
        lowered: Lowered,
        parameters: Parameters,
        order: Order,
        client: Client<Bound>,
        chosen: &Chosen,
    ) -> Self {
        Self {
            shared: Arc::new(Shared {
                origin,
                lowered,
                order,
                digest: chosen.circuit,
            }),
            parameters,
            simulates: chosen.simulates,
            client: Arc::new(Mutex::new(Stage::Bound(client))),
        }
    }

    /// A process that has compiled this circuit, and has no keys; and where it is kept once it has.
    fn without_keys(&self) -> Result<(Client<Bound>, Arc<Mutex<Stage>>), SchemeError> {
        let mut own = self.client.lock().unwrap_or_else(PoisonError::into_inner);
        match std::mem::replace(&mut *own, Stage::Over) {
            Stage::Bound(client) => return Ok((client, Arc::clone(&self.client))),
            other => *own = other,
        }
        drop(own);
        // Its keys are in use, so that other keys are those of another process.
        let name = self.shared.origin.name;
        let (client, chosen) = self.shared.origin.compiled(None, &self.shared.order)?;
        if chosen.circuit != self.shared.digest {
            let message = "the program compiled the same twice, to different circuits";
            return Err(library(name, "compile", message));
        }
        Ok((client, Arc::new(Mutex::new(Stage::Over))))
    }
}

impl Circuit for ProgramCircuit {
    fn parameters(&self) -> &Parameters {
        &self.parameters
    }

    fn simulate(&self, inputs: &[Array2<f64>]) -> Result<Vec<Array2<f64>>, SchemeError> {
        let program = self.shared.lowered.program();
        if inputs.len() != program.inputs().len() {
            let (expected, found) = (program.inputs().len(), inputs.len());
            return Err(ProgramError::InputCount { expected, found }.into());
        }
        if !self.simulates {
            return Ok(self.shared.lowered.simulate(inputs)?);
        }
        let (name, what) = (self.shared.origin.name, "simulate");
        let mut bytes = Vec::new();
        for (table, input) in inputs.iter().zip(program.inputs()) {
            if table.dim() != table::of_input(input) {
                let (found, expected) = (table.dim(), table::of_input(input));
                let message = format!("a table of {found:?}, expected {expected:?}");
                return Err(library(name, what, message));
            }
            table::write(table.view(), &mut bytes);
        }
        let mut stage = self.client.lock().unwrap_or_else(PoisonError::into_inner);
        let told = match &mut *stage {
            Stage::Bound(Talk { process, stage }) => asked(name, process, what, || {
                stage
                    .simulate(&bytes)
                    .map(|told| (told.bytes, told.measured))
            }),
            Stage::Keyed(Talk { process, stage }) => asked(name, process, what, || {
                stage
                    .simulate(&bytes)
                    .map(|told| (told.bytes, told.measured))
            }),
            Stage::Over => Err(library(name, what, WireError::Over.to_string())),
        }?;
        let shapes = program.outputs().iter();
        let shapes = shapes.map(|output| table::of_output(program, output));
        table::read(&told, shapes).map_err(|problem| library(name, what, problem))
    }

    fn digest(&self) -> CircuitDigest {
        self.shared.digest
    }

    fn generate_keys(&self) -> Result<KeySet, SchemeError> {
        let (client, place) = self.without_keys()?;
        let Talk { mut process, stage } = client;
        let name = self.shared.origin.name;
        let (stage, evaluation) = asked(name, &mut process, "generate_keys", || {
            let (stage, made) = stage.generate_keys()?;
            Ok(((stage, made.keys), made.measured))
        })?;
        let keyed = Stage::Keyed(Talk { process, stage });
        *place.lock().unwrap_or_else(PoisonError::into_inner) = keyed;
        let role = || Role {
            shared: Arc::clone(&self.shared),
            client: Arc::clone(&place),
        };
        Ok(KeySet {
            encryptor: Box::new(role()),
            decryptor: Box::new(role()),
            evaluation,
        })
    }

    fn prepare(&self, keys: EvaluationKeys) -> Result<Box<dyn Evaluator>, SchemeError> {
        Ok(Box::new(Server::start(Arc::clone(&self.shared), keys)?))
    }

    fn load(&self, bytes: &[u8]) -> Result<Ciphertexts, SchemeError> {
        Ok(Ciphertexts::new(Held::sent(
            self.shared.digest,
            bytes.to_vec(),
        )))
    }
}
