//! The service as the server of a session: whatever runs with a process of its own runs against a far
//! machine, and does and counts the same.

use std::collections::BTreeMap;
use std::time::Duration;

use hexperiment_program::OutputId;
use hexperiment_scheme::{CircuitDigest, EvaluationKeys};
use hexperiment_task::clock::Stopwatch;
use hexperiment_task::ledger::Time;
use hexperiment_task::session::{
    Downloaded, Evaluated, EvaluationServer, KeyTimes, SessionError, Uploaded,
};
use hexperiment_wire::{Handle, Measured, Order, WireError};

use crate::api::{CiphertextsInfo, JobRequest, JobTimes, ProblemCode};
use crate::client::{ServiceClient, ServiceError};

/// What the phases of remote evaluations took, in nanoseconds: by the client's clock and by the
/// service's.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RemoteTimes {
    /// Client: ciphertexts sent, until the service had them on its disk.
    pub upload_ns: u64,
    /// Service: the same.
    pub upload_server_ns: u64,
    /// Client: from asking for evaluations to hearing that they were done.
    pub job_ns: u64,
    /// Service: of that, waiting for other jobs.
    pub queue_ns: u64,
    /// Service: of that, reading keys and ciphertexts.
    pub load_ns: u64,
    /// Service: of that, evaluating.
    pub compute_ns: u64,
    /// Service: of that, writing results.
    pub store_ns: u64,
    /// Client: results fetched.
    pub download_ns: u64,
}

/// How long the service keeps the keys of a session that has not deleted them: one that was killed.
const KEPT: Duration = Duration::from_hours(24);

/// How much longer the service's clock may show than passed here: clocks of two machines differ.
const CLOCKS_DIFFER_NS: u64 = 1_000_000;

/// The service, with a program registered and keys uploaded. Dropping it deletes the keys there.
pub struct RemoteServer {
    client: ServiceClient,
    keys: String,
    held: BTreeMap<Handle, CiphertextsInfo>,
    next: u32,
    times: RemoteTimes,
    peak_rss_bytes: Option<u64>,
}

impl RemoteServer {
    /// Registers a program, and waits until the service has compiled the same circuit.
    ///
    /// # Errors
    /// It has another library or circuit, or takes no such program.
    pub fn register(
        client: &ServiceClient,
        order: &Order,
        circuit: CircuitDigest,
        library: &str,
    ) -> Result<String, ServiceError> {
        let registered = client.register(order, circuit, library, false)?;
        Ok(client.wait_for_program(&registered.id)?.id)
    }

    /// Uploads keys for a program, and lets the service load them.
    ///
    /// # Errors
    /// The service does not take them.
    pub fn start(
        client: ServiceClient,
        program: &str,
        keys: EvaluationKeys,
    ) -> Result<(Self, KeyTimes), ServiceError> {
        let watch = Stopwatch::start();
        let info = client.upload_keys(program, &keys, Some(KEPT))?;
        drop(keys);
        let mut server = Self {
            client,
            keys: info.id,
            held: BTreeMap::new(),
            next: 0,
            times: RemoteTimes::default(),
            peak_rss_bytes: None,
        };
        // Without inputs and outputs: loads the keys.
        let (_, times) = server.job(vec![], vec![])?;
        let passed = watch.elapsed();
        let prepare = times.prepare.map_or(Time::default(), time);
        let transfer = Time {
            wall_ns: passed.wall_ns.saturating_sub(prepare.wall_ns),
            cpu_ns: passed.cpu_ns,
        };
        server.times = RemoteTimes::default();
        Ok((server, KeyTimes { transfer, prepare }))
    }

    /// What the phases took since this was last asked.
    pub fn take_times(&mut self) -> RemoteTimes {
        std::mem::take(&mut self.times)
    }

    /// The most memory that a process of the service has held for these keys, as it says.
    pub fn peak_rss_bytes(&self) -> Option<u64> {
        self.peak_rss_bytes
    }

    /// Has a job done.
    fn job(
        &mut self,
        inputs: Vec<String>,
        outputs: Vec<u32>,
    ) -> Result<(Vec<CiphertextsInfo>, JobTimes), ServiceError> {
        let request = JobRequest {
            keys: self.keys.clone(),
            inputs,
            outputs,
            request: None,
        };
        let wanted = request.outputs.len();
        let done = self.client.run_job(&request)?;
        if done.results.len() != wanted {
            return Err(ServiceError::Answer(format!(
                "found {} results, expected {wanted}",
                done.results.len()
            )));
        }
        let times = done.times;
        for measured in [times.prepare, times.compute].into_iter().flatten() {
            self.peak_rss_bytes = self.peak_rss_bytes.max(measured.peak_rss_bytes);
        }
        self.times.queue_ns = self.times.queue_ns.saturating_add(times.queue_ns);
        self.times.load_ns = self.times.load_ns.saturating_add(times.load_ns);
        let compute_ns = times.compute.map_or(0, |m| m.wall_ns);
        self.times.compute_ns = self.times.compute_ns.saturating_add(compute_ns);
        self.times.store_ns = self.times.store_ns.saturating_add(times.store_ns);
        Ok((done.results, times))
    }

    fn keep(&mut self, info: CiphertextsInfo) -> Handle {
        let handle = Handle(self.next);
        self.next += 1;
        self.held.insert(handle, info);
        handle
    }

    fn held(&self, handle: Handle) -> Result<&CiphertextsInfo, SessionError> {
        let held = self.held.get(&handle);
        held.ok_or_else(|| {
            SessionError::Protocol(format!("handle {} names no ciphertexts", handle.0))
        })
    }
}

impl Drop for RemoteServer {
    fn drop(&mut self) {
        // What cannot be deleted expires.
        let _ = self.client.delete_keys(&self.keys);
    }
}

fn time(measured: Measured) -> Time {
    Time {
        wall_ns: measured.wall_ns,
        cpu_ns: measured.cpu_ns,
    }
}

/// A refusal stays one.
fn session(error: ServiceError) -> SessionError {
    match error {
        ServiceError::Refused(reason) => WireError::Refused(reason).into(),
        error if error.code() == Some(ProblemCode::Refused) => {
            WireError::Refused(error.to_string()).into()
        }
        error => SessionError::Service(error.to_string()),
    }
}

impl EvaluationServer for RemoteServer {
    fn upload(&mut self, bytes: Vec<u8>) -> Result<Uploaded, SessionError> {
        let watch = Stopwatch::start();
        let uploaded = self.client.upload_ciphertexts(&self.keys, &bytes);
        let info = uploaded.map_err(session)?;
        let transfer = watch.elapsed();
        self.times.upload_ns += transfer.wall_ns;
        self.times.upload_server_ns = self.times.upload_server_ns.saturating_add(info.received_ns);
        Ok(Uploaded {
            handle: self.keep(info),
            ciphertexts: None, // they are read when a job needs them
            transfer,
        })
    }

    fn evaluate(
        &mut self,
        inputs: &[Handle],
        outputs: &[OutputId],
    ) -> Result<Evaluated, SessionError> {
        let watch = Stopwatch::start();
        let inputs = inputs
            .iter()
            .map(|handle| Ok(self.held(*handle)?.id.clone()));
        let inputs = inputs.collect::<Result<Vec<_>, SessionError>>()?;
        let wanted = outputs.iter().map(|o| o.index() as u32).collect();
        let (results, times) = self.job(inputs, wanted).map_err(session)?;
        let passed = watch.elapsed();
        self.times.job_ns += passed.wall_ns;
        let evaluate = times.compute.map_or(Time::default(), time);
        let limit = passed.wall_ns + passed.wall_ns / 100 + CLOCKS_DIFFER_NS;
        if evaluate.wall_ns > limit {
            return Err(session(ServiceError::Answer(format!(
                "found an evaluation of {} ns, expected at most {limit}, as long as passed here",
                evaluate.wall_ns
            ))));
        }
        Ok(Evaluated {
            results: results.into_iter().map(|info| self.keep(info)).collect(),
            evaluate,
            transfer: Time {
                wall_ns: passed.wall_ns.saturating_sub(evaluate.wall_ns),
                cpu_ns: passed.cpu_ns,
            },
        })
    }

    fn download(&mut self, handle: Handle) -> Result<Downloaded, SessionError> {
        let watch = Stopwatch::start();
        let info = self.held(handle)?.clone();
        let bytes = self.client.download(&info).map_err(session)?;
        let transfer = watch.elapsed();
        self.times.download_ns += transfer.wall_ns;
        let ciphertexts = info.ciphertexts.ok_or_else(|| {
            SessionError::Protocol("what was uploaded is downloaded, expected a result".into())
        })?;
        Ok(Downloaded {
            bytes,
            ciphertexts,
            transfer,
        })
    }

    fn discard(&mut self, handles: &[Handle]) -> Result<(), SessionError> {
        for handle in handles {
            if let Some(info) = self.held.remove(handle) {
                self.client.delete_ciphertexts(&info.id).map_err(session)?;
            }
        }
        Ok(())
    }
}
