//! The service: its tables and files, the queue, and what is worked on.

mod ends;

use std::collections::{HashMap, HashSet};
use std::path::Path;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use hexperiment_program::Program;
use hexperiment_wire::Ready;
use serde::Deserialize as _;
use tokio::sync::broadcast;

use super::audit::Audit;
use super::auth::Rates;
use super::blobs::Blobs;
use super::config::Config;
use super::ledger::Taken;
use super::metrics::{Gauges, Metrics};
use super::queue::FairQueue;
use super::store::{Deleted, JobRow, Shape, Store, Table, now_s};
use super::worker::{Ender, Worker};
use crate::api::{JobInfo, JobState, Loaded, ProgramInfo, ProgramRequest};

/// How long a process may keep keys loaded that nobody asks for.
const WARM_FOR: Duration = Duration::from_mins(10);

/// Why a job fails whose keys were deleted.
pub(super) const KEYS_ARE_GONE: &str = "its keys were deleted before it ended";

/// Names of ended work that a slow listener may be behind with.
const ENDED_AT_ONCE: usize = 4096;

/// Work that waits: a program to be checked, or a job.
#[derive(Clone, Debug)]
pub(crate) struct Task {
    pub(crate) id: String,
    /// The client whose time it takes.
    pub(crate) client: String,
    pub(crate) is_job: bool,
    pub(crate) since: Instant,
}

impl PartialEq for Task {
    fn eq(&self, other: &Self) -> bool {
        self.id == other.id
    }
}

/// Why work is cut short.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Cut {
    /// The client wants no more of it.
    Cancelled,
    /// It was deleted, or the keys that it is under.
    Deleted,
    /// Its time is over.
    Late,
    /// The time of its client on this day is.
    DayIsOver,
    /// The service is being stopped: it is done again later.
    Stopping,
}

/// Work that is done at the moment.
pub(crate) struct Running {
    client: String,
    began: Instant,
    pub(crate) state: JobState,
    pub(crate) loaded: Loaded,
    ender: Option<Ender>,
    pub(crate) cut: Option<Cut>,
    deadline: Instant,
}

/// A process that keeps keys loaded.
struct Warm {
    keys: String,
    worker: Worker<Ready>,
    since: Instant,
}

/// What waits, and what is worked on.
#[derive(Default)]
struct Work {
    queue: FairQueue<Task>,
    running: HashMap<String, Running>,
    warm: Vec<Warm>,
    stopping: bool,
}

/// The service.
pub(crate) struct Service {
    pub(crate) config: Config,
    pub(crate) store: Store,
    pub(crate) blobs: Blobs,
    pub(crate) audit: Audit,
    pub(crate) metrics: Metrics,
    pub(crate) rates: Rates,
    /// Room of clients for what is on its way.
    pub(super) taken: Taken,
    /// Names of work that has come to its end; an empty one when the service is being stopped.
    pub(crate) ended: broadcast::Sender<String>,
    /// Ends of jobs and programs that the tables do not have yet.
    pub(super) unwritten: Mutex<Vec<Unwritten>>,
    /// Held while a program is read: it takes many times its bytes in memory.
    pub(super) registering: Mutex<()>,
    work: Mutex<Work>,
    wake: Condvar,
}

/// The end of something that could not be written yet.
pub(super) enum Unwritten {
    /// A job, its owner, and the milliseconds that it took.
    Job(Box<JobInfo>, String, u64),
    /// A program, likewise.
    Program(Box<ProgramInfo>, String, u64),
}

impl Service {
    /// Opens what lies in the folder, and queues what was not done to its end.
    pub(crate) fn open(config: Config) -> Result<Self, String> {
        let folder = config.state.clone();
        let problem = |e: &dyn std::fmt::Display| format!("{}: {e}", folder.display());
        let store = Store::open(&folder.join(STATE)).map_err(|e| problem(&e))?;
        let blobs = Blobs::open(&folder).map_err(|e| problem(&e))?;
        let audit = Audit::open(&folder.join("audit.jsonl")).map_err(|e| problem(&e))?;
        for table in [Table::Programs, Table::Keys, Table::Ciphertexts] {
            let names = store.names(table).map_err(|e| problem(&e))?;
            let known: HashSet<String> = names.into_iter().collect();
            blobs.sweep(table, &known).map_err(|e| problem(&e))?;
        }
        let measured = |id: &str| {
            let file = blobs.path(Table::Programs, id);
            let bytes = file.metadata().map_or(0, |file| file.len());
            (bytes, shape_of(&file))
        };
        store.measure_programs(measured).map_err(|e| problem(&e))?;
        let service = Self {
            config,
            store,
            blobs,
            audit,
            metrics: Metrics::default(),
            rates: Rates::default(),
            taken: Taken::default(),
            ended: broadcast::channel(ENDED_AT_ONCE).0,
            unwritten: Mutex::default(),
            registering: Mutex::default(),
            work: Mutex::default(),
            wake: Condvar::new(),
        };
        for program in service.store.programs_to_check().map_err(|e| problem(&e))? {
            service.queue(&program.owner, &program.info.id, false);
        }
        for job in service.store.jobs_to_do().map_err(|e| problem(&e))? {
            service.queue(&job.owner, &job.info.id, true);
        }
        Ok(service)
    }

    fn work(&self) -> MutexGuard<'_, Work> {
        self.work.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Queues work of a client.
    pub(crate) fn queue(&self, client: &str, id: &str, is_job: bool) {
        let task = Task {
            id: id.to_owned(),
            client: client.to_owned(),
            is_job,
            since: Instant::now(),
        };
        self.work().queue.push(client, task);
        self.wake.notify_one();
    }

    /// Waits for work; `None` when the service is being stopped.
    pub(crate) fn next(&self) -> Option<Task> {
        let mut work = self.work();
        loop {
            if work.stopping {
                return None;
            }
            if let Some(task) = work.queue.pop() {
                let running = Running {
                    client: task.client.clone(),
                    began: Instant::now(),
                    state: JobState::Loading,
                    loaded: Loaded { bytes: 0, of: 0 },
                    ender: None,
                    cut: None,
                    deadline: Instant::now() + self.config.job_time,
                };
                work.running.insert(task.id.clone(), running);
                return Some(task);
            }
            work = self.wake.wait(work).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Changes what is told of running work.
    pub(crate) fn update(&self, id: &str, change: impl FnOnce(&mut Running)) {
        if let Some(running) = self.work().running.get_mut(id) {
            change(running);
        }
    }

    /// Says which process does the work; one that is cut short already is ended at once.
    pub(crate) fn does(&self, id: &str, ender: Ender) {
        let cut = match self.work().running.get_mut(id) {
            Some(running) => {
                running.ender = Some(ender.clone());
                running.cut.is_some()
            }
            None => false,
        };
        if cut {
            ender.end();
        }
    }

    /// Why running work is cut short, if it is.
    pub(crate) fn cut_of(&self, id: &str) -> Option<Cut> {
        self.work().running.get(id).and_then(|running| running.cut)
    }

    /// The work is at its end, and whoever waits for it is told.
    pub(crate) fn done(&self, id: &str) {
        self.work().running.remove(id);
        // Nobody may be waiting.
        let _ = self.ended.send(id.to_owned());
    }

    /// A job as it is now.
    pub(crate) fn view(&self, row: &JobRow) -> JobInfo {
        let mut info = row.info.clone();
        if info.state.is_final() {
            return info;
        }
        let task = Task {
            id: info.id.clone(),
            client: row.owner.clone(),
            is_job: true,
            since: Instant::now(),
        };
        let work = self.work();
        if let Some(running) = work.running.get(&info.id) {
            info.state = running.state;
            info.loaded = (running.state == JobState::Loading).then_some(running.loaded);
        } else {
            info.position = work.queue.position(&task);
        }
        info
    }

    /// A process that has these keys loaded.
    pub(crate) fn take_warm(&self, keys: &str) -> Option<Worker<Ready>> {
        let mut work = self.work();
        let place = work.warm.iter().position(|warm| warm.keys == keys)?;
        Some(work.warm.remove(place).worker)
    }

    /// Keeps a process for the next job, and ends the one that has waited longest, if there are too many.
    pub(crate) fn keep_warm(&self, keys: &str, worker: Worker<Ready>) {
        let mut work = self.work();
        let mut ended = Vec::new();
        let warm = Warm {
            keys: keys.to_owned(),
            worker,
            since: Instant::now(),
        };
        if work.stopping {
            ended.push(warm);
        } else {
            work.warm.push(warm);
            while work.warm.len() > self.config.warm {
                ended.push(work.warm.remove(0));
            }
        }
        drop(work);
        drop(ended); // waits for processes
    }

    /// Deletes the files of what is not in the tables any more, and ends processes that have such keys.
    pub(crate) fn forget(&self, deleted: &Deleted) {
        for keys in &deleted.keys {
            self.blobs.remove(Table::Keys, keys);
        }
        for ciphertexts in &deleted.ciphertexts {
            self.blobs.remove(Table::Ciphertexts, ciphertexts);
        }
        for program in &deleted.programs {
            self.blobs.remove(Table::Programs, program);
        }
        let gone = |warm: &mut Warm| deleted.keys.contains(&warm.keys);
        let ended: Vec<Warm> = self.work().warm.extract_if(.., gone).collect();
        drop(ended);
    }

    /// What is so at the moment.
    pub(crate) fn gauges(&self) -> Gauges {
        let work = self.work();
        Gauges {
            queued: work.queue.len() as u64,
            running: work.running.len() as u64,
            warm: work.warm.len() as u64,
        }
    }

    /// Deletes what has expired, and ends processes that nobody asks for.
    pub(crate) fn tidy(&self) {
        let old = |warm: &mut Warm| warm.since.elapsed() > WARM_FOR;
        let ended: Vec<Warm> = self.work().warm.extract_if(.., old).collect();
        drop(ended);
        let since = now_s().saturating_sub(self.config.keep.as_secs());
        let tidied = self.store.expire().and_then(|deleted| {
            self.forget(&deleted);
            for program in self.store.forget_programs(since)? {
                self.blobs.remove(Table::Programs, &program);
            }
            self.store.forget_jobs(since)
        });
        if let Err(e) = tidied {
            super::log(&format!("what has expired cannot be deleted: {e}"));
        }
    }

    pub(crate) fn is_stopping(&self) -> bool {
        self.work().stopping
    }

    /// Takes no more work, and tells whoever waits.
    pub(crate) fn stop(&self) {
        self.work().stopping = true;
        self.wake.notify_all();
        // Nobody may be waiting.
        let _ = self.ended.send(String::new());
    }

    /// Whether work is done at the moment.
    pub(crate) fn is_busy(&self) -> bool {
        !self.work().running.is_empty()
    }

    /// Cuts short what runs, to be done when the service is started again.
    pub(crate) fn put_off(&self) {
        let running: Vec<String> = self.work().running.keys().cloned().collect();
        for id in running {
            self.cut(&id, Cut::Stopping);
        }
        let warm = std::mem::take(&mut self.work().warm);
        drop(warm);
    }
}

/// The shape of a program that lies in a file as it was registered.
fn shape_of(file: &Path) -> Option<Shape> {
    let bytes = std::fs::read(file).ok()?;
    let request: ProgramRequest = serde_json::from_slice(&bytes).ok()?;
    Program::deserialize(&request.program)
        .ok()
        .map(|program| Shape::of(&program))
}

/// The file of the tables.
pub(crate) const STATE: &str = "state.sqlite";

/// The tables in a folder, for commands beside the service.
///
/// # Errors
/// They cannot be opened, or made.
pub fn tables(folder: &Path) -> Result<Store, String> {
    super::blobs::state_folder(folder)
        .map_err(|e| format!("{}: cannot be made: {e}", folder.display()))?;
    Store::open(&folder.join(STATE)).map_err(|e| format!("{}: {e}", folder.display()))
}

/// The tables in a folder where a service has made some.
///
/// # Errors
/// There are none, or they cannot be opened.
pub fn tables_that_are_there(folder: &Path) -> Result<Store, String> {
    let place = folder.join(STATE);
    if place.is_file() {
        return tables(folder);
    }
    Err(format!(
        "{}: not found: no service has its state in this folder\n  help: name the folder of the service by `--state`",
        place.display()
    ))
}
