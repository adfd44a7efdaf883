//! The evaluator of a circuit whose server is a process of the program.

use std::sync::Arc;

use hexperiment_program::{OutputId, ProgramError};
use hexperiment_scheme::{Ciphertexts, EvaluationKeys, Evaluator, SchemeError};

use crate::connection::Connection;
use crate::held::{AtServer, Held};
use crate::shared::Shared;

/// The evaluator of a circuit: a process of the program that has prepared its keys.
pub(crate) struct Server {
    shared: Arc<Shared>,
    connection: Arc<Connection>,
}

impl Server {
    /// Starts the program as server, lets it compile, and sends the keys.
    pub(crate) fn start(shared: Arc<Shared>, keys: EvaluationKeys) -> Result<Self, SchemeError> {
        let connection = Connection::start(&shared, keys)?;
        Ok(Self {
            shared,
            connection: Arc::new(connection),
        })
    }
}

impl Evaluator for Server {
    fn evaluate(&self, inputs: &[Ciphertexts]) -> Result<Vec<Ciphertexts>, SchemeError> {
        self.evaluate_only(inputs, &self.shared.lowered.program().output_ids())
    }

    fn evaluate_only(
        &self,
        inputs: &[Ciphertexts],
        wanted: &[OutputId],
    ) -> Result<Vec<Ciphertexts>, SchemeError> {
        let program = self.shared.lowered.program();
        if inputs.len() != program.inputs().len() {
            let (expected, found) = (program.inputs().len(), inputs.len());
            return Err(ProgramError::InputCount { expected, found }.into());
        }
        if let Some(output) = wanted.iter().find(|o| o.index() >= program.outputs().len()) {
            let (output, count) = (output.index(), program.outputs().len());
            return Err(SchemeError::Foreign(format!(
                "output {output} of {count} is wanted"
            )));
        }
        let circuit = self.shared.digest;
        let handles = inputs
            .iter()
            .map(|c| Held::of(c, circuit)?.at(&self.connection));
        let handles = handles.collect::<Result<Vec<_>, _>>()?;
        let results = self.connection.evaluate(&handles, wanted)?;
        let held = results.into_iter().map(|handle| {
            let server = Arc::clone(&self.connection);
            Ciphertexts::new(Held::evaluated(circuit, AtServer { server, handle }))
        });
        Ok(held.collect())
    }
}
