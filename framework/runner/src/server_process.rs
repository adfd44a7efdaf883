//! The process of a cell's server, seen from the cell: started, spoken to by its standard streams,
//! and asked of what it died.

use std::io::{Read, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use hexperiment_experiment::CellPlan;
use hexperiment_program::lower::Lowered;
use hexperiment_scheme::security::SecurityDemand;
use hexperiment_scheme::{CircuitDigest, EvaluationKeys};
use hexperiment_task::session::{KeyTimes, OverWire};
use hexperiment_wire::{Client, Limits, Order, WireError};

use crate::child::{self, Kept};
use crate::plugins;
use crate::protocol::FromCell;
use crate::stop::{Stop, failed};
use crate::traffic::{Direction, Recorder};

/// How long a server that has closed its streams may take to end.
const ENDS_WITHIN: Duration = Duration::from_secs(5);

/// How long the cell waits for its server before the run is told whom it waits for.
const TOLD_AFTER: Duration = Duration::from_secs(1);

/// The server at the other end of two pipes.
pub(crate) type Server = OverWire<Watched<ChildStdout>, Watched<ChildStdin>>;

/// The process of a server. Dropping it ends the process.
pub(crate) struct ServerProcess {
    child: Child,
    errors: Option<Kept>,
}

impl ServerProcess {
    /// Starts the server of a cell, lets it compile, and sends it the keys, which are made when both
    /// parties have the same circuit; what `keys` yields beside them is handed back.
    pub(crate) fn start<T>(
        plan: &CellPlan,
        security: SecurityDemand,
        (lowered, circuit): (&Lowered, CircuitDigest),
        recorder: Option<&Recorder>,
        keys: impl FnOnce() -> Result<(T, EvaluationKeys), Stop>,
    ) -> Result<(Self, Server, KeyTimes, T), Stop> {
        let program = serde_json::to_vec(lowered.program()).map_err(failed)?;
        let (command, scheme) = plugins::server(plan).map_err(failed)?;
        let order = Order {
            scheme,
            options: plan.scheme_options.clone(),
            security,
            threads: plan.threads as u64,
            objective: plan.objective,
            program,
        };
        let (mut process, reader, writer) = Self::spawn(command, recorder)
            .map_err(|e| failed(format!("the server cannot be started: {e}")))?;
        let software = concat!("hexperiment ", env!("CARGO_PKG_VERSION"));
        let agreed = Client::greet(reader, writer, Limits::default(), software)
            .and_then(|client| client.compile(&order, circuit));
        let (client, _) = agreed.map_err(|e| process.stop(e))?;
        drop(order);
        let (kept, keys) = keys()?;
        let (server, times) = OverWire::send_keys(client, keys).map_err(|e| process.stop(e))?;
        Ok((process, server, times, kept))
    }

    /// Starts a server. It gets this process's limit of memory, and the shared library that its
    /// environment names.
    fn spawn(
        mut command: Command,
        recorder: Option<&Recorder>,
    ) -> std::io::Result<(Self, Watched<ChildStdout>, Watched<ChildStdin>)> {
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()?;
        let streams = child.stdout.take().zip(child.stdin.take());
        let errors = Some(Kept::echoed(child.stderr.take()));
        let process = Self { child, errors };
        let (output, input) = streams.ok_or_else(|| std::io::Error::other("it has no streams"))?;
        widen(&output, &input);
        let waits = Waits::watch();
        let watched = |to| {
            (
                waits.clone(),
                recorder.map(|recorder| recorder.direction(to)),
            )
        };
        let reader = Watched::new(output, watched("client"));
        let writer = Watched::new(input, watched("server"));
        Ok((process, reader, writer))
    }

    /// Its number, by which the system knows it.
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Why the cell cannot go on, now that the conversation has ended in this way.
    pub(crate) fn stop(&mut self, error: WireError) -> Stop {
        match error {
            WireError::Refused(reason) => Stop::Refused(reason),
            WireError::Failed(reason) => failed(format!("the server: {reason}")),
            WireError::Io { .. } | WireError::Closed { .. } | WireError::Truncated { .. } => {
                Stop::Crashed(self.autopsy(&error))
            }
            WireError::Version { .. } | WireError::OtherCircuit { .. } => {
                failed(format!("the server: {error}"))
            }
            error => {
                self.end();
                Stop::Crashed(format!(
                    "the server answers what the protocol does not have: {error}"
                ))
            }
        }
    }

    /// Of what the server died, or that it closed its streams and went on.
    fn autopsy(&mut self, error: &WireError) -> String {
        let status = child::within(&mut self.child, ENDS_WITHIN);
        let Some(status) = status else {
            self.end();
            return format!("the server closed its streams: {error}");
        };
        let how = child::describe(status);
        match self.errors.take().and_then(Kept::words) {
            Some(words) => format!("the server {how}: {words}"),
            None => format!("the server {how}"),
        }
    }

    fn end(&mut self) {
        child::end(&mut self.child);
    }
}

impl Drop for ServerProcess {
    fn drop(&mut self) {
        self.end();
    }
}

/// Gives the pipes more room than the usual 64 KiB, so that large frames cross in fewer pieces.
#[cfg(target_os = "linux")]
fn widen(output: &ChildStdout, input: &ChildStdin) {
    use nix::fcntl::{FcntlArg, fcntl};
    const ROOM: i32 = 1 << 20;
    // Refused where the user has too many pipes; the usual room serves as well.
    let _ = fcntl(output, FcntlArg::F_SETPIPE_SZ(ROOM));
    let _ = fcntl(input, FcntlArg::F_SETPIPE_SZ(ROOM));
}

#[cfg(not(target_os = "linux"))]
fn widen(_: &ChildStdout, _: &ChildStdin) {}

/// How many waits for the server have begun and ended: an odd number is a wait that goes on.
#[derive(Clone)]
struct Waits(Arc<AtomicU64>);

impl Waits {
    /// Watches waits by a thread of its own, which tells the run of those that are long.
    fn watch() -> Self {
        let waits = Self(Arc::default());
        let watched = Arc::downgrade(&waits.0);
        std::thread::spawn(move || {
            let (mut before, mut told) = (0, false);
            while let Some(waits) = watched.upgrade() {
                let now = waits.load(Ordering::Relaxed);
                let long = now % 2 == 1 && now == before;
                if long != told {
                    child::tell(&FromCell::Waits { for_server: long });
                    told = long;
                }
                before = now;
                drop(waits);
                std::thread::sleep(TOLD_AFTER);
            }
        });
        waits
    }

    fn during<T>(&self, wait: impl FnOnce() -> T) -> T {
        self.0.fetch_add(1, Ordering::Relaxed);
        let result = wait();
        self.0.fetch_add(1, Ordering::Relaxed);
        result
    }
}

/// A stream whose waits are watched, and what crosses, if that is recorded.
pub(crate) struct Watched<S> {
    stream: S,
    waits: Waits,
    traffic: Option<Direction>,
}

impl<S> Watched<S> {
    fn new(stream: S, (waits, traffic): (Waits, Option<Direction>)) -> Self {
        Self {
            stream,
            waits,
            traffic,
        }
    }

    fn crossed(&mut self, bytes: &[u8]) {
        if let Some(traffic) = &mut self.traffic {
            traffic.crossed(bytes);
        }
    }
}

impl<S: Read> Read for Watched<S> {
    fn read(&mut self, bytes: &mut [u8]) -> std::io::Result<usize> {
        let came = self.waits.during(|| self.stream.read(bytes))?;
        self.crossed(&bytes[..came]);
        Ok(came)
    }
}

impl<S: Write> Write for Watched<S> {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        let went = self.waits.during(|| self.stream.write(bytes))?;
        self.crossed(&bytes[..went]);
        Ok(went)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        self.stream.flush()
    }
}
