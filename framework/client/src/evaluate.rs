//! The server's step, from files to files: what a server on this machine does, in a process of its own that is
//! given nothing but what stands in files for it.

use std::process::{Child, Command, Stdio};
use std::time::Duration;

use hexperiment_diagnostics::process::{Kept, describe, within};
use hexperiment_scheme::EvaluationKeys;
use hexperiment_wire::{Client, Limits, Measured, WireError};

use crate::circuit::BoundCircuit;
use crate::error::ClientError;
use crate::exchange::{Exchange, Received, Sent, Way};
use crate::folder::{Folder, json, private_whole};
use crate::held::Held;
use crate::keys::PublicKeys;
use crate::passphrase::{PASSPHRASE, Passphrases};

/// How long a server that was told to end may take.
const ENDS_WITHIN: Duration = Duration::from_secs(5);

/// What the server says that its steps took, in nanoseconds by the clock.
#[derive(Clone, Copy, Debug, Default)]
pub struct Evaluated {
    /// Compiling the circuit.
    pub compile_ns: u64,
    /// Making its role of the keys.
    pub prepare_ns: u64,
    /// All evaluations.
    pub evaluate_ns: u64,
    /// Bytes of the results.
    pub bytes: u64,
}

/// Evaluates `ciphertexts_upload` into `ciphertexts_download`, by a server that `server` starts: a process that
/// speaks the protocol of `docs/wire.md` on its standard streams.
///
/// # Errors
/// There are no keys or no ciphertexts, or they are of another circuit or key; the server cannot be started,
/// refuses or fails; the folder cannot be written.
pub fn evaluate(
    folder: &Held,
    bound: &BoundCircuit,
    passphrases: &Passphrases,
    mut server: Command,
) -> Result<Evaluated, ClientError> {
    let keys = PublicKeys::open(folder, bound)?;
    let queries = Exchange::open(folder.upload(), Way::Up, bound)?;
    under_these_keys(&queries, &keys)?;
    let evaluation = keys.evaluation(folder, bound, passphrases)?;
    // A server is told no secret, and finds none.
    server.env_remove(PASSPHRASE);
    let spawned = server
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn();
    let child = spawned.map_err(|e| ClientError::Server(format!("cannot be started: {e}")))?;
    let mut process = Process::of(child);
    let done = converse(folder, bound, &queries, evaluation, &mut process.child);
    done.map_err(|error| process.explain(error))
}

/// Holds what was encrypted to the keys that are in use.
pub(crate) fn under_these_keys(queries: &Received, keys: &PublicKeys) -> Result<(), ClientError> {
    let found = &queries.manifest.key;
    if found == keys.key() {
        return Ok(());
    }
    Err(ClientError::file(
        queries.place(),
        format!(
            "is encrypted under key {found:.16}, the keys are of {}",
            keys.key()
        ),
        "encrypt the rows again, by `client encrypt`, under the keys that are in use",
    ))
}

/// Ends with the step.
struct Process {
    child: Child,
    errors: Option<Kept>,
}

impl Process {
    fn of(mut child: Child) -> Self {
        let errors = Some(Kept::of(child.stderr.take()));
        Self { child, errors }
    }

    /// The error, or of what the process died.
    fn explain(&mut self, error: Failure) -> ClientError {
        let error = match error {
            Failure::Client(error) => return error,
            Failure::Wire(error) => error,
        };
        let gone = matches!(
            error,
            WireError::Io { .. } | WireError::Closed { .. } | WireError::Truncated { .. }
        );
        let status = gone.then(|| within(&mut self.child, ENDS_WITHIN)).flatten();
        let Some(status) = status else {
            return ClientError::Server(error.to_string());
        };
        let how = describe(status);
        match self.errors.take().and_then(Kept::words) {
            Some(words) => ClientError::Server(format!("{how}: {words}")),
            None => ClientError::Server(how),
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if within(&mut self.child, Duration::ZERO).is_none() {
            // It may have ended meanwhile; either way it is waited for.
            let _ = self.child.kill();
            let _ = self.child.wait();
        }
    }
}

enum Failure {
    Client(ClientError),
    Wire(WireError),
}

impl From<ClientError> for Failure {
    fn from(error: ClientError) -> Self {
        Self::Client(error)
    }
}

impl From<WireError> for Failure {
    fn from(error: WireError) -> Self {
        Self::Wire(error)
    }
}

fn converse(
    folder: &Held,
    bound: &BoundCircuit,
    queries: &Received,
    keys: EvaluationKeys,
    child: &mut Child,
) -> Result<Evaluated, Failure> {
    let streams = child.stdout.take().zip(child.stdin.take());
    let (reader, writer) =
        streams.ok_or_else(|| ClientError::Server("it has no streams".into()))?;
    let software = concat!("hexperiment ", env!("CARGO_PKG_VERSION"));
    let client = Client::greet(reader, writer, Limits::default(), software)?;
    let order = bound.order()?;
    let (client, compiled) = client.compile(&order, bound.circuit.digest())?;
    let (mut client, prepared) = client.send_keys(keys)?;
    let mut evaluated = Evaluated {
        compile_ns: compiled.measured.wall_ns,
        prepare_ns: prepared.wall_ns,
        ..Evaluated::default()
    };
    let asked = &queries.manifest;
    let manifest = Exchange::new(&asked.circuit, &asked.key, &asked.query);
    let mut sent = Sent::begin(folder.download(), Way::Down, manifest)?;
    let outputs = bound.lowered.program().output_ids();
    for (number, batch) in asked.batches.iter().enumerate() {
        let mut handles = Vec::new();
        for index in 0..batch.files.len() {
            handles.push(client.upload(&queries.read(number, index)?)?.0);
        }
        let (results, Measured { wall_ns, .. }) = client.evaluate(&handles, &outputs)?;
        evaluated.evaluate_ns += wall_ns;
        let mut contents = Vec::new();
        for result in &results {
            contents.push(client.download(*result)?.bytes);
        }
        evaluated.bytes += contents.iter().map(|bytes| bytes.len() as u64).sum::<u64>();
        client.discard(&handles)?;
        client.discard(&results)?;
        sent.add(batch.rows, &contents)?;
    }
    client.bye()?;
    sent.finish()?;
    report(folder, evaluated)?;
    Ok(evaluated)
}

/// Writes what the server's steps took, in seconds, as harnesses of fhe-benchmarking read it.
pub(crate) fn report(folder: &Folder, evaluated: Evaluated) -> Result<(), ClientError> {
    let seconds = |ns: u64| (ns as f64 / 1e3).round() / 1e6;
    let steps = std::collections::BTreeMap::from([
        ("Circuit compilation", seconds(evaluated.compile_ns)),
        ("Key preparation", seconds(evaluated.prepare_ns)),
        ("Encrypted computation", seconds(evaluated.evaluate_ns)),
    ]);
    let file = folder.server_steps();
    let text = json(&file, &steps)?;
    private_whole(&file, &text)
}
