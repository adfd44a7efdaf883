//! The server of a cell: a process of this machine, or a service on a network.

use hexperiment_experiment::CellPlan;
use hexperiment_experiment::record::Remote;
use hexperiment_program::lower::Lowered;
use hexperiment_scheme::security::SecurityDemand;
use hexperiment_scheme::{CircuitDigest, EvaluationKeys};
use hexperiment_service::client::{ServiceClient, ServiceError};
use hexperiment_service::remote::{RemoteServer, RemoteTimes};
use hexperiment_task::session::{EvaluationServer, KeyTimes};
use hexperiment_wire::{Order, WireError};

use crate::plugins;
use crate::server_process::{Server, ServerProcess};
use crate::service;
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
    /// Starts the server of a cell, lets it compile, and sends it the keys, which are made when both
    /// parties have the same circuit; what `keys` yields beside them is handed back. The recorder writes
    /// down the frames of a process of this machine; a service has requests, which are none.
    pub(crate) fn start<T>(
        plan: &CellPlan,
        security: SecurityDemand,
        (lowered, circuit): (&Lowered, CircuitDigest),
        recorder: Option<&Recorder>,
        keys: impl FnOnce() -> Result<(T, EvaluationKeys), Stop>,
    ) -> Result<(Self, KeyTimes, T), Stop> {
        let Some(settings) = &plan.server else {
            let (process, server, times, kept) =
                ServerProcess::start(plan, security, (lowered, circuit), recorder, keys)?;
            let server = Box::new(server);
            return Ok((Self::Near { process, server }, times, kept));
        };
        if plan.program.is_some() {
            return Err(failed(
                "the scheme is a program of its own, which a far server does not have; leave `server` in [run] out",
            ));
        }
        let endpoint = service::endpoint(settings).map_err(failed)?;
        let client = ServiceClient::new(&endpoint).map_err(stop)?;
        let order = Order {
            scheme: plan.cell.scheme.clone(),
            options: plan.scheme_options.clone(),
            security,
            threads: plan.threads as u64,
            objective: plan.objective,
            program: serde_json::to_vec(lowered.program()).map_err(failed)?,
        };
        let library = plugins::scheme(plan).map_err(failed)?.manifest().library;
        let program = RemoteServer::register(&client, &order, circuit, &library).map_err(stop)?;
        drop(order);
        let (kept, keys) = keys()?;
        let (server, times) = RemoteServer::start(client, &program, keys).map_err(stop)?;
        Ok((Self::Far(Box::new(server)), times, kept))
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

/// A refusal is a result, all else a failure.
fn stop(error: ServiceError) -> Stop {
    match error {
        ServiceError::Refused(reason) => Stop::Refused(reason),
        error => failed(error),
    }
}
