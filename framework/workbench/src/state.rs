//! What all requests share.

use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use crate::Settings;
use crate::far::{Evaluated, NotStarted};
use crate::feed::{self, Feed, Monitored};
use crate::guard::{Guard, random};
use crate::jobs::{self, Job, Wanted};
use crate::model::Model;
use crate::upload::Upload;

/// The workbench, as handlers get it.
pub(crate) type Shared = Arc<Workbench>;

/// Settings, who may come in, and what was made so far.
pub(crate) struct Workbench {
    pub(crate) settings: Settings,
    pub(crate) guard: Guard,
    uploads: Kept<Upload>,
    jobs: Kept<Job>,
    models: Kept<Model>,
    /// The fleet that is monitored, or was last.
    feed: Mutex<Option<Arc<Feed>>>,
    /// One run at a time: each uses all processors that it is given.
    turn: Arc<Mutex<()>>,
    /// One estimate at a time.
    pub(crate) estimates: Mutex<()>,
    /// Path and title of each page.
    pub(crate) navigation: Vec<(&'static str, &'static str)>,
}

/// Things by their ids, which nobody guesses.
struct Kept<T>(Mutex<BTreeMap<String, Arc<T>>>);

impl<T> Default for Kept<T> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<T> Kept<T> {
    fn all(&self) -> Vec<Arc<T>> {
        let all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.values().cloned().collect()
    }

    fn get(&self, id: &str) -> Option<Arc<T>> {
        let all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.get(id).cloned()
    }

    fn keep(&self, id: &str, thing: T) -> Arc<T> {
        let thing = Arc::new(thing);
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.insert(id.to_owned(), Arc::clone(&thing));
        thing
    }
}

impl Workbench {
    pub(crate) fn new(
        settings: Settings,
        address: SocketAddr,
        navigation: Vec<(&'static str, &'static str)>,
    ) -> io::Result<Self> {
        Ok(Self {
            settings,
            guard: Guard::new(address)?,
            uploads: Kept::default(),
            jobs: Kept::default(),
            models: Kept::default(),
            feed: Mutex::default(),
            turn: Arc::default(),
            estimates: Mutex::default(),
            navigation,
        })
    }

    /// A new id, and a folder of its own.
    pub(crate) fn new_folder(&self) -> io::Result<(String, PathBuf)> {
        let id = random::<8>()?;
        let folder = self.settings.scratch.join(&id);
        std::fs::create_dir_all(&folder)?;
        Ok((id, folder))
    }

    pub(crate) fn keep_upload(&self, upload: Upload) -> Arc<Upload> {
        let id = upload.id.clone();
        self.uploads.keep(&id, upload)
    }

    pub(crate) fn upload(&self, id: &str) -> Option<Arc<Upload>> {
        self.uploads.get(id)
    }

    /// Starts a job, or lines it up behind another. A service evaluates, if the workbench was started with one.
    pub(crate) fn start(&self, wanted: Wanted, experiment: &str) -> Result<Arc<Job>, NotStarted> {
        let evaluator = self.settings.evaluator.as_ref();
        let evaluated = Evaluated::of(experiment, wanted.runs.is_none(), evaluator)?;
        Ok(self.line_up(wanted, experiment, evaluated)?)
    }

    /// The same, evaluated by a process of this machine in any case.
    pub(crate) fn start_here(&self, wanted: Wanted, experiment: &str) -> io::Result<Arc<Job>> {
        self.line_up(wanted, experiment, Evaluated::default())
    }

    fn line_up(
        &self,
        wanted: Wanted,
        experiment: &str,
        evaluated: Evaluated,
    ) -> io::Result<Arc<Job>> {
        let (id, folder) = self.new_folder()?;
        let file = folder.join("experiment.toml");
        std::fs::write(&file, experiment)?;
        let runs = wanted.runs.clone().unwrap_or_else(|| folder.join("runs"));
        let job = self.jobs.keep(&id, Job::new(id.clone(), wanted, evaluated));
        let (program, turn) = (self.settings.program.clone(), Arc::clone(&self.turn));
        jobs::begin(Arc::clone(&job), program, turn, file, runs);
        Ok(job)
    }

    pub(crate) fn job(&self, id: &str) -> Option<Arc<Job>> {
        self.jobs.get(id)
    }

    /// Jobs, the newest first.
    pub(crate) fn jobs(&self) -> Vec<Arc<Job>> {
        let mut all = self.jobs.all();
        all.sort_by_key(|job| std::cmp::Reverse(job.begun));
        all
    }

    /// Starts to monitor a fleet, in place of the one before: two would be in each other's way.
    pub(crate) fn monitor(&self, wanted: Monitored, experiment: &str) -> io::Result<Arc<Feed>> {
        let (id, folder) = self.new_folder()?;
        let file = folder.join("experiment.toml");
        std::fs::write(&file, experiment)?;
        let started = Arc::new(Feed::new(id, wanted));
        let mut feed = self.feed.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(before) = feed.replace(Arc::clone(&started)) {
            before.stop();
        }
        feed::begin(Arc::clone(&started), self.settings.program.clone(), file);
        Ok(started)
    }

    /// The fleet that is monitored, or was last.
    pub(crate) fn last_feed(&self) -> Option<Arc<Feed>> {
        let feed = self.feed.lock().unwrap_or_else(PoisonError::into_inner);
        feed.clone()
    }

    pub(crate) fn feed(&self, id: &str) -> Option<Arc<Feed>> {
        self.last_feed().filter(|feed| feed.id == id)
    }

    pub(crate) fn keep_model(&self, model: Model) -> Arc<Model> {
        let id = model.id.clone();
        self.models.keep(&id, model)
    }

    pub(crate) fn models(&self) -> Vec<Arc<Model>> {
        self.models.all()
    }

    /// Ends what still runs.
    pub(crate) fn end(&self) {
        for job in self.jobs.all() {
            job.cancel();
        }
        if let Some(feed) = self.last_feed() {
            feed.stop();
        }
    }
}
