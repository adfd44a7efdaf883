//! Threads that do what is queued: programs are checked, jobs are done, each in a process of its own.

mod evaluation;

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, PoisonError};
use std::thread::{Builder, JoinHandle};
use std::time::{Duration, Instant};

use hexperiment_scheme::CircuitDigest;
use hexperiment_wire::{Order, digest_named};

use super::failure::Failure;
use super::state::{Cut, KEYS_ARE_GONE, Service, Task, Unwritten};
use super::store::{JobRow, Outcome, Table};
use super::worker::{Stopped, Worker};
use crate::api::{JobInfo, JobState, JobTimes, Problem, ProgramInfo, ProgramRequest, ProgramState};
use evaluation::Evaluated;

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
