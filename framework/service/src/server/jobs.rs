//! Threads that do what is queued: programs are checked, jobs are done, each in a process of its own.

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, PoisonError};
use std::thread::{Builder, JoinHandle};
use std::time::{Duration, Instant};

use hexperiment_program::OutputId;
use hexperiment_scheme::CircuitDigest;
use hexperiment_wire::{Handle, Measured, Order, Ready, digest_named};

use super::blobs::Hashed;
use super::failure::Failure;
use super::ledger::{Reservation, Room};
use super::state::{Cut, KEYS_ARE_GONE, Service, Task, Unwritten};
use super::store::{JobRow, KeysRow, Outcome, Table, now_s};
use super::worker::{Stopped, Worker};
use crate::api::{
    CiphertextsInfo, JobInfo, JobState, JobTimes, Loaded, Problem, ProgramInfo, ProgramRequest,
    ProgramState,
};
use crate::token::fresh_id;

/// How often late work is looked for.
const LOOKS_EVERY: Duration = Duration::from_millis(100);

/// How often what has expired is deleted.
const TIDIES_EVERY: Duration = Duration::from_secs(30);

/// Starts the threads; they end when the service is being stopped.
///
/// # Errors
/// The system has no threads.
pub(crate) fn start(service: &Arc<Service>) -> io::Result<Vec<JoinHandle<()>>> {
    let mut threads = Vec::new();
    for number in 0..service.config.workers.max(1) {
        let service = Arc::clone(service);
        let thread = Builder::new().name(format!("jobs {number}"));
        threads.push(thread.spawn(move || {
            while let Some(task) = service.next() {
                let id = task.id.clone();
                let done = catch_unwind(AssertUnwindSafe(|| service.does_task(&task)));
                if done.is_err() {
                    super::log(&format!("{id}: a thread of the service panicked"));
                    service.failed_itself(&task);
                }
                service.done(&id);
            }
        })?);
    }
    let service = Arc::clone(service);
    let thread = Builder::new().name("clock".into());
    threads.push(thread.spawn(move || {
        let mut tidied = Instant::now();
        while !service.is_stopping() || service.is_busy() {
            std::thread::sleep(LOOKS_EVERY);
            service.end_late();
            service.writes_again();
            if tidied.elapsed() > TIDIES_EVERY {
                service.tidy();
                tidied = Instant::now();
            }
        }
    })?);
    Ok(threads)
}

/// What an evaluation has yielded.
struct Evaluated {
    results: Vec<CiphertextsInfo>,
    times: JobTimes,
    /// Room for the results, until the tables have them.
    room: Vec<Reservation>,
}

impl Service {
    fn does_task(&self, task: &Task) {
        if task.is_job {
            self.does_job(task);
        } else {
            self.checks_program(&task.id);
        }
    }

    /// The end of work amid which the service itself failed.
    fn failed_itself(&self, task: &Task) {
        let reason = "the service failed; its log says more".to_owned();
        if !task.is_job {
            if let Ok(Some(row)) = self.store.program(&task.id) {
                let info = ProgramInfo {
                    state: ProgramState::Failed,
                    reason: Some(reason),
                    ..row.info
                };
                self.ends_later(Unwritten::Program(Box::new(info), row.owner, 0));
            }
            return;
        }
        if let Ok(Some(row)) = self.store.job(&task.id) {
            let times = (JobTimes::default(), Duration::ZERO);
            self.ends(&row, JobState::Failed, Some(reason), times);
        }
    }

    /// What a program was registered with.
    pub(super) fn source(&self, program: &str) -> Result<ProgramRequest, Stopped> {
        let bytes = std::fs::read(self.blobs.path(Table::Programs, program))
            .map_err(|e| Stopped::Storage(e.to_string()))?;
        serde_json::from_slice(&bytes).map_err(|e| Stopped::Storage(e.to_string()))
    }

    fn order(&self, program: &str) -> Result<(Order, CircuitDigest), Stopped> {
        let ProgramRequest {
            scheme,
            options,
            security,
            threads,
            optimise: objective,
            program,
            circuit,
            ..
        } = self.source(program)?;
        let program = serde_json::to_vec(&program).map_err(|e| Stopped::Storage(e.to_string()))?;
        let circuit = digest_named(&circuit).map_err(|e| Stopped::Failed(e.to_string()))?;
        let order = Order {
            scheme,
            options,
            security,
            threads,
            objective,
            program,
        };
        Ok((order, circuit))
    }

    /// Compiles a program, whose circuit must be the one that its owner says.
    fn checks_program(&self, id: &str) {
        let Ok(Some(row)) = self.store.program(id) else {
            return;
        };
        let began = Instant::now();
        let compiled = self.has_time(&row.owner).map_err(without_room);
        let compiled = compiled.and_then(|()| {
            let (order, circuit) = self.order(id)?;
            let started = |ender| self.does(id, ender);
            Worker::start(&self.config, &order, circuit, started)
        });
        let (state, reason, compile) = match (compiled, self.cut_of(id)) {
            (_, Some(Cut::Stopping)) => return,
            (Ok((_, compiled)), _) => (ProgramState::Ready, None, Some(compiled.measured)),
            (Err(_), Some(cut)) => (ProgramState::Failed, self.reason(cut), None),
            (Err(Stopped::Refused(why)), _) => (ProgramState::Refused, Some(why), None),
            (Err(Stopped::Failed(why) | Stopped::Died(why)), _) => {
                (ProgramState::Failed, Some(why), None)
            }
            (Err(Stopped::Storage(why)), _) => {
                super::log(&format!("{id}: {why}"));
                (ProgramState::Failed, Some(OWN.into()), None)
            }
        };
        let info = ProgramInfo {
            state,
            reason,
            compile,
            ..row.info
        };
        let ms = began.elapsed().as_millis() as u64;
        if let Err(e) = self.store.checked(&info, &row.owner, ms) {
            super::log(&format!("{id}: {e}"));
            self.ends_later(Unwritten::Program(Box::new(info), row.owner, ms));
        }
    }

    /// What is told of work that was cut short.
    fn reason(&self, cut: Cut) -> Option<String> {
        match cut {
            Cut::Cancelled | Cut::Stopping => None,
            Cut::Deleted => Some(KEYS_ARE_GONE.into()),
            Cut::Late => Some(self.too_long()),
            Cut::DayIsOver => Some(format!(
                "its client has used up the {} s of work that this service gives to it on a day (UTC)",
                self.config.quotas.time.as_secs()
            )),
        }
    }

    fn too_long(&self) -> String {
        format!(
            "it took longer than the {} s that this service gives to a job",
            self.config.job_time.as_secs()
        )
    }

    fn does_job(&self, task: &Task) {
        let id = &task.id;
        let Ok(Some(row)) = self.store.job(id) else {
            return;
        };
        if row.info.state.is_final() {
            return;
        }
        let queue_ns = task.since.elapsed().as_nanos() as u64;
        self.metrics.queue_ns.add(queue_ns);
        let mut times = JobTimes {
            queue_ns,
            ..JobTimes::default()
        };
        let began = Instant::now();
        let evaluated = self.has_time(&row.owner).map_err(without_room);
        let evaluated = evaluated.and_then(|()| self.evaluates(&row, &mut times));
        let cut = self.cut_of(id);
        let (state, reason) = match (evaluated, cut) {
            // It is queued in the tables, and done when the service is started again.
            (Err(_), Some(Cut::Stopping)) => return,
            (Err(_), Some(Cut::Cancelled)) => (JobState::Cancelled, None),
            (Err(_), Some(cut)) => (JobState::Failed, self.reason(cut)),
            (Ok(evaluated), _) => {
                self.ends_well(&row, evaluated, began);
                return;
            }
            (Err(Stopped::Refused(why)), None) => (JobState::Refused, Some(why)),
            (Err(Stopped::Failed(why) | Stopped::Died(why)), None) => (JobState::Failed, Some(why)),
            (Err(Stopped::Storage(why)), None) => {
                super::log(&format!("{id}: {why}"));
                (JobState::Failed, Some(OWN.into()))
            }
        };
        self.ends(&row, state, reason, (times, began.elapsed()));
    }

    fn ends_well(&self, row: &JobRow, evaluated: Evaluated, began: Instant) {
        let Evaluated {
            results,
            times,
            room,
        } = evaluated;
        self.metrics.load_ns.add(times.load_ns);
        let compute = times.compute.map_or(0, |m| m.wall_ns);
        self.metrics.compute_ns.add(compute);
        let info = JobInfo {
            state: JobState::Done,
            times,
            results,
            ..row.info.clone()
        };
        let ms = began.elapsed().as_millis() as u64;
        let written = self.store.end_job(&info, &row.owner, ms);
        drop(room);
        if !matches!(written, Ok(Outcome::Written)) {
            for result in &info.results {
                self.blobs.remove(Table::Ciphertexts, &result.id);
            }
        }
        match written {
            Ok(Outcome::Written) => self.metrics.ended(JobState::Done),
            Ok(Outcome::HadEnded) => {}
            Ok(Outcome::KeysAreGone) => self.metrics.ended(JobState::Failed),
            Err(e) => {
                super::log(&format!("{}: {e}", info.id));
                let reason = Some(OWN.to_owned());
                self.ends(row, JobState::Failed, reason, (times, began.elapsed()));
            }
        }
    }

    /// The end of a job without results; what it took until then is time of its client's day.
    fn ends(
        &self,
        row: &JobRow,
        state: JobState,
        reason: Option<String>,
        (times, took): (JobTimes, Duration),
    ) {
        let info = JobInfo {
            state,
            reason,
            times,
            ..row.info.clone()
        };
        let ms = took.as_millis() as u64;
        match self.store.end_job(&info, &row.owner, ms) {
            Ok(_) => self.metrics.ended(state),
            Err(e) => {
                super::log(&format!("{}: {e}", info.id));
                self.ends_later(Unwritten::Job(Box::new(info), row.owner.clone(), ms));
            }
        }
    }

    fn ends_later(&self, end: Unwritten) {
        let mut all = self
            .unwritten
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        all.push(end);
    }

    /// Writes what could not be written when it ended, as on a full disk.
    fn writes_again(&self) {
        let mut all = self
            .unwritten
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        all.retain(|end| {
            let written = match end {
                Unwritten::Job(info, owner, ms) => {
                    let written = self.store.end_job(info, owner, *ms);
                    written.map(|_| self.metrics.ended(info.state))
                }
                Unwritten::Program(info, owner, ms) => self.store.checked(info, owner, *ms),
            };
            written.is_err()
        });
    }

    /// Does a job by a process that has its keys loaded, or by a new one. A loaded one may have died since:
    /// then it is done by a new one.
    fn evaluates(&self, row: &JobRow, times: &mut JobTimes) -> Result<Evaluated, Stopped> {
        let gone = || Stopped::Failed("its keys were deleted, or have expired".into());
        let keys = self.store.keys(&row.info.keys).map_err(storage)?;
        let keys = keys.ok_or_else(gone)?;
        if let Some(worker) = self.take_warm(&keys.info.id) {
            self.does(&row.info.id, worker.ender());
            match self.evaluates_in(worker, row, &keys, *times) {
                Err(Stopped::Died(_)) if self.cut_of(&row.info.id).is_none() => {}
                evaluated => {
                    self.metrics.warm_jobs.add(1);
                    return evaluated;
                }
            }
        }
        let began = Instant::now();
        let id = &row.info.id;
        self.update(id, |running| {
            running.loaded = Loaded {
                bytes: 0,
                of: keys.stored,
            };
        });
        let (order, circuit) = self.order(&keys.info.program)?;
        let started = |ender| self.does(id, ender);
        let (worker, _) = Worker::start(&self.config, &order, circuit, started)?;
        let file = self.blobs.path(Table::Keys, &keys.info.id);
        let (worker, prepared) = worker.load_keys(&file, &mut self.told(id))?;
        times.prepare = Some(prepared);
        times.load_ns = began.elapsed().as_nanos() as u64;
        self.evaluates_in(worker, row, &keys, *times)
    }

    /// Adds to what has been loaded.
    fn told(&self, id: &str) -> impl FnMut(u64) + use<'_> {
        let id = id.to_owned();
        move |bytes| self.update(&id, |running| running.loaded.bytes += bytes)
    }

    fn evaluates_in(
        &self,
        mut worker: Worker<Ready>,
        row: &JobRow,
        keys: &KeysRow,
        mut times: JobTimes,
    ) -> Result<Evaluated, Stopped> {
        let id = &row.info.id;
        let began = Instant::now();
        let mut inputs: Vec<(String, u64)> = Vec::new();
        for input in &row.request.inputs {
            let found = self.store.ciphertexts(input).map_err(storage)?;
            let found = found.ok_or_else(|| {
                Stopped::Failed(format!("its input {input} was deleted, or has expired"))
            })?;
            inputs.push((found.info.id, found.info.bytes));
        }
        let more: u64 = inputs.iter().map(|(_, bytes)| bytes).sum();
        self.update(id, |running| running.loaded.of += more);
        let mut handles: Vec<Handle> = Vec::new();
        let mut loaded: Vec<(&String, Handle)> = Vec::new();
        for (input, _) in &inputs {
            // The same ciphertexts may be two inputs.
            if let Some((_, handle)) = loaded.iter().find(|(known, _)| *known == input) {
                handles.push(*handle);
                continue;
            }
            let file = self.blobs.path(Table::Ciphertexts, input);
            let handle = worker.load_ciphertexts(&file, &mut self.told(id))?;
            loaded.push((input, handle));
            handles.push(handle);
        }
        times.load_ns += began.elapsed().as_nanos() as u64;
        self.update(id, |running| running.state = JobState::Computing);
        let wanted: Vec<OutputId> = row
            .request
            .outputs
            .iter()
            .map(|output| OutputId::from_index(*output as usize))
            .collect();
        let mut found = Vec::new();
        if !wanted.is_empty() {
            let (results, compute): (Vec<Handle>, Measured) = worker.evaluate(&handles, &wanted)?;
            times.compute = Some(compute);
            found = results;
        }
        let began = Instant::now();
        self.update(id, |running| running.state = JobState::Storing);
        let (mut results, mut room) = (Vec::new(), Vec::new());
        for handle in &found {
            match self.stores(&mut worker, *handle, keys) {
                Ok((result, reserved)) => {
                    results.push(result);
                    room.push(reserved);
                }
                Err(stopped) => {
                    let stored = results.iter();
                    stored.for_each(|r: &CiphertextsInfo| {
                        self.blobs.remove(Table::Ciphertexts, &r.id);
                    });
                    return Err(stopped);
                }
            }
        }
        times.store_ns = began.elapsed().as_nanos() as u64;
        let held: Vec<Handle> = loaded.iter().map(|(_, h)| *h).chain(found).collect();
        // What it does not forget ends with it.
        if worker.discard(&held).is_ok() {
            self.keep_warm(&keys.info.id, worker);
        }
        Ok(Evaluated {
            results,
            times,
            room,
        })
    }

    /// Writes a result into a file of its own. One for which its client has no room is not kept.
    fn stores(
        &self,
        worker: &mut Worker<Ready>,
        handle: Handle,
        keys: &KeysRow,
    ) -> Result<(CiphertextsInfo, Reservation), Stopped> {
        let disk = |e: io::Error| Stopped::Storage(e.to_string());
        let began = Instant::now();
        let id = fresh_id("ct").map_err(disk)?;
        let incoming = self.blobs.incoming(&id);
        let mut file = Hashed::create(&incoming.path).map_err(disk)?;
        let (ciphertexts, bytes) = worker.store(handle, &mut file)?;
        let sha256 = file.finish().map_err(disk)?;
        let room = Room {
            bytes,
            ..Room::default()
        };
        let room = self.reserve(&keys.owner, room).map_err(without_room)?;
        let kept = self.blobs.keep(incoming, Table::Ciphertexts, &id);
        kept.map_err(disk)?;
        let info = CiphertextsInfo {
            id,
            keys: keys.info.id.clone(),
            bytes,
            sha256,
            ciphertexts: Some(ciphertexts),
            created_s: now_s(),
            expires_s: keys.info.expires_s,
            received_ns: began.elapsed().as_nanos() as u64,
        };
        Ok((info, room))
    }
}

/// What a client is told when the service's own files fail.
const OWN: &str = "the service cannot read or write its files; its log says more";

/// Work that a quota of its client does not allow: it fails, in the quota's words.
fn without_room(failure: Failure) -> Stopped {
    let Problem { message, help, .. } = failure.problem;
    Stopped::Failed(match help {
        Some(help) => format!("{message}; {help}"),
        None => message,
    })
}

fn storage(error: super::store::StoreError) -> Stopped {
    Stopped::Storage(error.to_string())
}
