//! The process of a job: it evaluates by the protocol of `docs/wire.md` on its standard streams. Whatever a
//! scheme makes of what clients send happens there.

use std::fs::File;
use std::io::BufReader;
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use hexperiment_diagnostics::process::{Kept, describe, within};
use hexperiment_program::OutputId;
use hexperiment_scheme::CircuitDigest;
use hexperiment_wire::{Agreed, Client, Compiled, Handle, Measured, Order, Ready, WireError};

use super::config::Config;
use crate::SOFTWARE;

/// How long a process that has closed its streams may take to end.
const ENDS_WITHIN: Duration = Duration::from_secs(2);

/// Why a process does no more.
#[derive(Debug)]
pub(crate) enum Stopped {
    /// The scheme refuses.
    Refused(String),
    /// It fails, in words.
    Failed(String),
    /// It died, or speaks no sense.
    Died(String),
    /// A file of the service cannot be read or written.
    Storage(String),
}

/// A handle to end a process with, from any thread.
#[derive(Clone)]
pub(crate) struct Ender(Arc<Mutex<Child>>);

impl Ender {
    /// Ends the process; one that has ended is left alone.
    pub(crate) fn end(&self) {
        let mut child = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let _ = child.kill();
        let _ = child.wait();
    }
}

/// The process of a job, at a stage of its conversation. Dropping it ends the process.
pub(crate) struct Worker<Stage> {
    process: Process,
    client: Client<Stage, ChildStdout, ChildStdin>,
}

struct Process {
    ender: Ender,
    errors: Option<Kept>,
}

impl Drop for Process {
    fn drop(&mut self) {
        self.ender.end();
    }
}

impl Process {
    /// What a conversation that has ended in this way says of the process.
    fn stopped(&mut self, error: WireError) -> Stopped {
        match error {
            WireError::Refused(reason) => Stopped::Refused(reason),
            WireError::Failed(reason) => Stopped::Failed(reason),
            WireError::OtherCircuit { .. } | WireError::Version { .. } => {
                Stopped::Failed(error.to_string())
            }
            WireError::Io {
                during: "reading what is to be sent" | "keeping what arrived",
                source,
            } => Stopped::Storage(source.to_string()),
            error => Stopped::Died(self.autopsy(&error)),
        }
    }

    fn autopsy(&mut self, error: &WireError) -> String {
        let status = {
            let mut child = self.ender.0.lock().unwrap_or_else(PoisonError::into_inner);
            within(&mut child, ENDS_WITHIN)
        };
        let Some(status) = status else {
            self.ender.end();
            return format!("the process of the job went on without answering: {error}");
        };
        let how = describe(status);
        match self.errors.take().and_then(Kept::words) {
            Some(words) => format!("the process of the job {how}: {words}"),
            None => format!("the process of the job {how}"),
        }
    }
}

impl Worker<Agreed> {
    /// Starts a process, tells `started` how to end it, and lets it compile: its circuit is this one.
    pub(crate) fn start(
        config: &Config,
        order: &Order,
        circuit: CircuitDigest,
        started: impl FnOnce(Ender),
    ) -> Result<(Self, Compiled), Stopped> {
        let mut child = (config.worker)(&order.scheme)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(|e| {
                Stopped::Storage(format!("the process of the job cannot be started: {e}"))
            })?;
        let streams = child.stdout.take().zip(child.stdin.take());
        let errors = Some(Kept::of(child.stderr.take()));
        let ender = Ender(Arc::new(Mutex::new(child)));
        started(ender.clone());
        let mut process = Process { ender, errors };
        let Some((output, input)) = streams else {
            return Err(Stopped::Died(
                "the process of the job has no streams".into(),
            ));
        };
        let agreed = Client::greet(output, input, config.wire_limits(), SOFTWARE)
            .and_then(|client| client.compile(order, circuit));
        match agreed {
            Ok((client, compiled)) => Ok((Self { process, client }, compiled)),
            Err(error) => Err(process.stopped(error)),
        }
    }

    /// Hands it the keys in a file, a piece at a time.
    pub(crate) fn load_keys(
        self,
        keys: &Path,
        passed: &mut dyn FnMut(u64),
    ) -> Result<(Worker<Ready>, Measured), Stopped> {
        let Self {
            mut process,
            client,
        } = self;
        let mut file = BufReader::new(open(keys)?);
        match client.forward_keys(&mut file, passed) {
            Ok((client, prepared)) => Ok((Worker { process, client }, prepared)),
            Err(error) => Err(process.stopped(error)),
        }
    }
}

impl Worker<Ready> {
    /// How to end it.
    pub(crate) fn ender(&self) -> Ender {
        self.process.ender.clone()
    }

    /// Hands it the ciphertexts in a file, a piece at a time; what it says of them is heard when it is asked for more.
    pub(crate) fn load_ciphertexts(
        &mut self,
        file: &Path,
        passed: &mut dyn FnMut(u64),
    ) -> Result<Handle, Stopped> {
        let mut file = open(file)?;
        let length = file.metadata().map_err(storage)?.len();
        let loaded = self.client.forward_ciphertexts(&mut file, length, passed);
        loaded.map_err(|e| self.process.stopped(e))
    }

    /// Evaluates.
    pub(crate) fn evaluate(
        &mut self,
        inputs: &[Handle],
        outputs: &[OutputId],
    ) -> Result<(Vec<Handle>, Measured), Stopped> {
        let evaluated = self.client.evaluate(inputs, outputs);
        evaluated.map_err(|e| self.process.stopped(e))
    }

    /// Writes a result into a file; how many ciphertexts it is, and of how many bytes.
    pub(crate) fn store(
        &mut self,
        handle: Handle,
        sink: &mut impl std::io::Write,
    ) -> Result<(u64, u64), Stopped> {
        let stored = self.client.download_into(handle, sink);
        let stored = stored.map_err(|e| self.process.stopped(e))?;
        Ok((stored.0.ciphertexts, stored.1))
    }

    /// Lets it forget ciphertexts.
    pub(crate) fn discard(&mut self, handles: &[Handle]) -> Result<(), Stopped> {
        if handles.is_empty() {
            return Ok(());
        }
        let discarded = self.client.discard(handles);
        discarded.map_err(|e| self.process.stopped(e))
    }
}

fn open(file: &Path) -> Result<File, Stopped> {
    File::open(file).map_err(storage)
}

fn storage(error: std::io::Error) -> Stopped {
    Stopped::Storage(error.to_string())
}
