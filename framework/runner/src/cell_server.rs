//! The server of a cell: a process of this machine, or a service on a network.

use hexperiment_experiment::CellPlan;
use hexperiment_experiment::record::Remote;
use hexperiment_program::lower::Lowered;
use hexperiment_scheme::security::SecurityDemand;
use hexperiment_scheme::{CircuitDigest, EvaluationKeys};
use hexperiment_service::remote::{RemoteServer, RemoteTimes};
use hexperiment_task::session::{EvaluationServer, KeyTimes};
use hexperiment_wire::WireError;

use crate::far_service::FarService;
use crate::server_process::{Server, ServerProcess};
use crate::stop::{Stop, failed};
use crate::traffic::Recorder;

/// The server of a cell.
pub(crate) enum CellServer {
    /// A process that this one has started.
    Near {
        process: ServerProcess,
        server: Box<Server>,
    },
    /// A service.
    Far(Box<RemoteServer>),
}

impl CellServer {
    /// Starts the server of a cell, or takes the service that was reached, lets it compile, and sends it the keys,
    /// which are made when both parties have the same circuit; what `keys` yields beside them is handed back. The
    /// recorder is told of the frames of a process of this machine.
    pub(crate) fn start<T>(
        plan: &CellPlan,
        security: SecurityDemand,
        agreed: (&Lowered, CircuitDigest),
        (far, recorder): (Option<FarService>, Option<&Recorder>),
        keys: impl FnOnce() -> Result<(T, EvaluationKeys), Stop>,
    ) -> Result<(Self, KeyTimes, T), Stop> {
        if let Some(far) = far {
            let (server, times, kept) = far.start(plan, security, agreed, keys)?;
            return Ok((Self::Far(Box::new(server)), times, kept));
        }
        let (process, server, times, kept) =
            ServerProcess::start(plan, security, agreed, recorder, keys)?;
        let server = Box::new(server);
        Ok((Self::Near { process, server }, times, kept))
    }

    /// What a session asks.
    pub(crate) fn session(&mut self) -> &mut dyn EvaluationServer {
        match self {
            Self::Near { server, .. } => server.as_mut(),
            Self::Far(server) => server.as_mut(),
        }
    }

    /// Processes of this machine that belong to it.
    pub(crate) fn processes(&self) -> Vec<u32> {
        match self {
            Self::Near { process, .. } => vec![process.id()],
            Self::Far(_) => vec![],
        }
    }

    /// Why the cell cannot go on, now that the conversation has ended in this way.
    pub(crate) fn stop(&mut self, error: WireError) -> Stop {
        match (self, error) {
            (Self::Near { process, .. }, error) => process.stop(error),
            (Self::Far(_), WireError::Refused(reason)) => Stop::Refused(reason),
            (Self::Far(_), error) => failed(error),
        }
    }

    /// The most memory that the server's process has held so far, as it says.
    pub(crate) fn peak_rss_bytes(&self) -> Option<u64> {
        match self {
            Self::Near { server, .. } => server.peak_rss_bytes(),
            Self::Far(server) => server.peak_rss_bytes(),
        }
    }

    /// What the phases took since this was last asked, of a service.
    pub(crate) fn take_times(&mut self) -> Option<Remote> {
        let Self::Far(server) = self else {
            return None;
        };
        let RemoteTimes {
            upload_ns,
            upload_server_ns,
            job_ns,
            queue_ns,
            load_ns,
            compute_ns,
            store_ns,
            download_ns,
        } = server.take_times();
        Some(Remote {
            upload_ns,
            upload_server_ns,
            job_ns,
            queue_ns,
            load_ns,
            compute_ns,
            store_ns,
            download_ns,
        })
    }
}
