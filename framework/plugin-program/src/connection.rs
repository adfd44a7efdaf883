//! The conversation with a program that is the server.

use std::process::{ChildStdin, ChildStdout};
use std::sync::{Mutex, PoisonError};

use hexperiment_program::OutputId;
use hexperiment_scheme::{EvaluationKeys, SchemeError};
use hexperiment_wire::{Client, Handle, Limits, Ready, Results};

use crate::process::Process;
use crate::shared::Shared;
use crate::talk::{SOFTWARE, Talk, asked, broken, failed, library, told};

/// The conversation with a server.
pub(crate) struct Connection {
    scheme: &'static str,
    talk: Mutex<Talk<Client<Ready, ChildStdout, ChildStdin>>>,
    /// What nobody asks for any more.
    forgotten: Mutex<Vec<Handle>>,
}

impl Connection {
    /// Starts the program as server, lets it compile, and sends the keys.
    pub(crate) fn start(shared: &Shared, keys: EvaluationKeys) -> Result<Self, SchemeError> {
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
        Ok(Self {
            scheme,
            talk: Mutex::new(Talk { process, stage }),
            forgotten: Mutex::default(),
        })
    }

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
    pub(crate) fn evaluate(
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
        discarded.map_err(|e| failed(self.scheme, process, "discard", e))
    }
}
