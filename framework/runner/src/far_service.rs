//! The service on a network that a cell's server is. It is asked before anything is computed what it takes.

use std::sync::Arc;

use hexperiment_diagnostics::printable;
use hexperiment_experiment::CellPlan;
use hexperiment_program::lower::Lowered;
use hexperiment_scheme::security::{Protection, SecurityDemand};
use hexperiment_scheme::{Circuit, CircuitDigest, EvaluationKeys};
use hexperiment_service::api::{ProblemCode, ServiceInfo};
use hexperiment_service::client::{ServiceClient, ServiceError};
use hexperiment_service::remote::RemoteServer;
use hexperiment_task::session::KeyTimes;
use hexperiment_wire::Order;

use crate::plugins;
use crate::service::{self, IN_RUN};
use crate::stop::{Stop, failed};
use crate::traffic::Recorder;

/// Schemes that a refusal lists.
const MOST_LISTED: usize = 20;

/// A service that has answered.
pub(crate) struct FarService {
    client: ServiceClient,
    url: String,
    info: ServiceInfo,
}

impl FarService {
    /// The service that `[run]` names, if it names one; the recorder is told what crosses. A scheme that it does not
    /// have is refused.
    pub(crate) fn reach(
        plan: &CellPlan,
        recorder: Option<&Recorder>,
    ) -> Result<Option<Self>, Stop> {
        let Some(settings) = &plan.server else {
            return Ok(None);
        };
        if plan.program.is_some() {
            return Err(Stop::Refused(
                "the scheme is a program of its own, which a far server does not have; leave `server` in [run] out"
                    .into(),
            ));
        }
        let mut endpoint = service::endpoint(settings, &IN_RUN).map_err(failed)?;
        if let Some(recorder) = recorder {
            endpoint = endpoint.observed(Arc::new(recorder.clone()));
        }
        let client = ServiceClient::new(&endpoint).map_err(stop)?;
        let info = client.info().map_err(stop)?;
        let scheme = &plan.cell.scheme;
        if !info.schemes.iter().any(|known| known.name == *scheme) {
            let names = info.schemes.iter().map(|known| known.name.as_str());
            return Err(Stop::Refused(format!(
                "{} does not have the scheme `{scheme}`; it has {}",
                printable::line(&settings.url),
                printable::list(names, MOST_LISTED)
            )));
        }
        Ok(Some(Self {
            client,
            url: settings.url.clone(),
            info,
        }))
    }

    /// Refuses a circuit whose keys the service would not take, before they are made.
    pub(crate) fn takes(&self, circuit: &dyn Circuit) -> Result<(), Stop> {
        let shares = circuit.parameters().security.protection() == Protection::TransportOnly;
        if shares && !self.info.accepts_shared_keys {
            return Err(Stop::Refused(format!(
                "{} takes no shared key, with which it could decrypt; choose a scheme that encrypts, leave `server` in \
                 [run] out, or start the service with `--accept-shared-keys`",
                printable::line(&self.url)
            )));
        }
        Ok(())
    }

    /// Lets the service compile, and sends it the keys, which are made when both parties have the same circuit;
    /// what `keys` yields beside them is handed back.
    pub(crate) fn start<T>(
        self,
        plan: &CellPlan,
        security: SecurityDemand,
        (lowered, circuit): (&Lowered, CircuitDigest),
        keys: impl FnOnce() -> Result<(T, EvaluationKeys), Stop>,
    ) -> Result<(RemoteServer, KeyTimes, T), Stop> {
        let order = Order {
            scheme: plan.cell.scheme.clone(),
            options: plan.scheme_options.clone(),
            security,
            threads: plan.threads as u64,
            objective: plan.objective,
            program: serde_json::to_vec(lowered.program()).map_err(failed)?,
        };
        let library = plugins::scheme(plan).map_err(failed)?.manifest().library;
        let program = RemoteServer::register(&self.client, &order, circuit, &library);
        let program = program.map_err(stop)?;
        drop(order);
        let (kept, keys) = keys()?;
        let started = RemoteServer::start(self.client, &program, keys);
        let (server, times) = started.map_err(stop)?;
        Ok((server, times, kept))
    }
}

/// A refusal, by the scheme or by the service, is a result, all else a failure.
fn stop(error: ServiceError) -> Stop {
    match error {
        ServiceError::Refused(reason) => Stop::Refused(reason),
        error if error.code() == Some(ProblemCode::Refused) => Stop::Refused(error.to_string()),
        error => failed(error),
    }
}
