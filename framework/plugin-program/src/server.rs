//! A program that is the server.

use std::process::{ChildStdin, ChildStdout};
use std::sync::{Arc, Mutex, PoisonError};

use hexperiment_program::{OutputId, ProgramError};
use hexperiment_scheme::{Ciphertexts, EvaluationKeys, Evaluator, SchemeError};
use hexperiment_wire::{Client, Handle, Limits, Ready, Results};

use crate::circuit::Shared;
use crate::process::Process;
use crate::role::{AtServer, Held};
use crate::talk::{SOFTWARE, Talk, asked, broken, library, told};

/// The evaluator of a circuit: a process of the program that has prepared its keys.
pub(crate) struct Server {
    shared: Arc<Shared>,
    connection: Arc<Connection>,
}

/// The conversation with a server.
pub(crate) struct Connection {
    scheme: &'static str,
    talk: Mutex<Talk<Client<Ready, ChildStdout, ChildStdin>>>,
    /// What nobody asks for any more.
    forgotten: Mutex<Vec<Handle>>,
}

impl Server {
    /// Starts the program as server, lets it compile, and sends the keys.
    pub(crate) fn start(shared: Arc<Shared>, keys: EvaluationKeys) -> Result<Self, SchemeError> {
        let scheme = shared.origin.name;
        let operation = "start as server";
        let started = Process::start(&shared.origin.command, "server", true);
        let (mut process, (output, input)) =
            started.map_err(|e| library(scheme, operation, e.to_string()))?;
        let client = Client::greet(output, input, Limits::default(), SOFTWARE)
            .map_err(|e| broken(scheme, operation, told(&mut process, &e)))?;
        let client = asked(scheme, &mut process, "compile as server", || {
            let (client, compiled) = client.compile(&shared.order, shared.digest)?;
            Ok((client, compiled.measured))
        })?;
        let stage = asked(scheme, &mut process, "prepare", || client.send_keys(keys))?;
        let connection = Connection {
            scheme,
            talk: Mutex::new(Talk { process, stage }),
            forgotten: Mutex::default(),
        };
        Ok(Self {
            shared,
            connection: Arc::new(connection),
        })
    }
}

impl Connection {
    pub(crate) fn scheme(&self) -> &'static str {
        self.scheme
    }

    /// Ciphertexts are not needed any more: the server is told when it is asked next.
    pub(crate) fn forget(&self, handle: Handle) {
        let mut forgotten = self
            .forgotten
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        forgotten.push(handle);
    }

    /// Sends ciphertexts.
    pub(crate) fn upload(&self, bytes: &[u8]) -> Result<Handle, SchemeError> {
        let mut talk = self.talk.lock().unwrap_or_else(PoisonError::into_inner);
        let Talk { process, stage } = &mut *talk;
        self.discard(process, stage)?;
        asked(self.scheme, process, "upload", || {
            let (handle, stored) = stage.upload(bytes)?;
            Ok((handle, stored.measured))
        })
    }

    /// Fetches ciphertexts.
    pub(crate) fn download(&self, handle: Handle) -> Result<Results, SchemeError> {
        let mut talk = self.talk.lock().unwrap_or_else(PoisonError::into_inner);
        let Talk { process, stage } = &mut *talk;
        asked(self.scheme, process, "download", || {
            let results = stage.download(handle)?;
            let measured = results.measured;
            Ok((results, measured))
        })
    }

    /// Lets the server evaluate.
    fn evaluate(
        &self,
        inputs: &[Handle],
        outputs: &[OutputId],
    ) -> Result<Vec<Handle>, SchemeError> {
        let mut talk = self.talk.lock().unwrap_or_else(PoisonError::into_inner);
        let Talk { process, stage } = &mut *talk;
        self.discard(process, stage)?;
        asked(self.scheme, process, "evaluate", || {
            stage.evaluate(inputs, outputs)
        })
    }

    /// Lets the server forget what was dropped.
    fn discard(
        &self,
        process: &mut Process,
        stage: &mut Client<Ready, ChildStdout, ChildStdin>,
    ) -> Result<(), SchemeError> {
        let mut forgotten = self
            .forgotten
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let handles = std::mem::take(&mut *forgotten);
        drop(forgotten);
        if handles.is_empty() {
            return Ok(());
        }
        let discarded = stage.discard(&handles);
        discarded.map_err(|e| crate::talk::failed(self.scheme, process, "discard", e))
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
