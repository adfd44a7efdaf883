//! Experiments that pages start: run one after the other by the program itself, each in a process of its own,
//! and watched through what it writes.

mod watch;

use std::any::Any;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use hexperiment_diagnostics::printable;
use serde::Serialize;
use serde_json::Value;

use crate::far::Evaluated;
use crate::run_files;
use crate::upload::Upload;
pub(crate) use watch::Watch;

/// Lines of a run that are kept.
const MOST_LINES: usize = 1000;

/// What the line begins with that tells where a run writes.
const WRITING: &str = "writing to ";

/// An experiment that a page has started.
pub(crate) struct Job {
    pub(crate) id: String,
    /// The path of the page that started it.
    pub(crate) page: &'static str,
    pub(crate) title: String,
    /// What was dropped for it.
    pub(crate) upload: Option<Arc<Upload>>,
    /// What the page chose, for its results.
    pub(crate) chosen: Value,
    pub(crate) begun: Instant,
    /// Who evaluates.
    pub(crate) evaluated: Evaluated,
    training: Option<Training>,
    now: Mutex<Now>,
    /// What its page has read of its results.
    kept: OnceLock<Result<Arc<dyn Any + Send + Sync>, String>>,
}

/// How far it is.
struct Now {
    status: Status,
    child: Option<Child>,
    lines: Vec<String>,
    run: Option<PathBuf>,
}

/// Whether it goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Status {
    /// Another one runs.
    Waiting,
    Running,
    /// It has a result of every scheme, or a reason why not.
    Done,
    /// It has none, and its last lines say why.
    Failed,
    Cancelled,
}

impl Status {
    pub(crate) fn is_over(self) -> bool {
        !matches!(self, Self::Waiting | Self::Running)
    }

    pub(crate) fn words(self) -> &'static str {
        match self {
            Self::Waiting => "waits for another run",
            Self::Running => "running",
            Self::Done => "done",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
        }
    }
}

/// What a page asks for.
pub(crate) struct Wanted {
    pub(crate) page: &'static str,
    pub(crate) title: String,
    pub(crate) upload: Option<Arc<Upload>>,
    pub(crate) chosen: Value,
    /// The folder of runs; without one the job's own.
    pub(crate) runs: Option<PathBuf>,
    /// A model that is trained first.
    pub(crate) training: Option<Training>,
}

/// A model that a job trains in the clear before its run.
#[derive(Clone)]
pub(crate) struct Training {
    pub(crate) experiment: String,
    /// Where the run expects the model.
    pub(crate) model: PathBuf,
}

/// Runs a job's experiment in a thread of its own, by the program, once it is its turn.
pub(crate) fn begin(
    job: Arc<Job>,
    program: PathBuf,
    turn: Arc<Mutex<()>>,
    file: PathBuf,
    runs: PathBuf,
) {
    std::thread::spawn(move || job.work(&program, &turn, &file, &runs));
}

/// This program, started so that it ends when the workbench does, however that ends: nobody would watch it any more.
pub(crate) fn ends_with_us(program: &Path) -> Command {
    let mut command = Command::new(program);
    if cfg!(unix) {
        command.arg("launch").arg("--").arg(program);
    }
    command
}

impl Job {
    /// One that waits for its turn.
    pub(crate) fn new(id: String, wanted: Wanted, evaluated: Evaluated) -> Self {
        Self {
            id,
            page: wanted.page,
            title: wanted.title,
            upload: wanted.upload,
            chosen: wanted.chosen,
            begun: Instant::now(),
            evaluated,
            training: wanted.training,
            kept: OnceLock::new(),
            now: Mutex::new(Now {
                status: Status::Waiting,
                child: None,
                lines: vec![],
                run: None,
            }),
        }
    }

    fn now(&self) -> std::sync::MutexGuard<'_, Now> {
        self.now.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn status(&self) -> Status {
        self.now().status
    }

    /// The folder of its run, once there is one.
    pub(crate) fn run(&self) -> Option<PathBuf> {
        self.now().run.clone()
    }

    /// What it said, behind so many lines.
    fn lines_behind(&self, known: usize) -> Vec<String> {
        self.now().lines.get(known..).unwrap_or_default().to_vec()
    }

    /// What it said last, for who asks why it failed.
    pub(crate) fn last_words(&self) -> Vec<String> {
        let now = self.now();
        let last = now.lines.len().saturating_sub(12);
        now.lines[last..].to_vec()
    }

    /// What a page reads of the results of a run that is done, once.
    pub(crate) fn keep<T: Any + Send + Sync>(
        &self,
        read: impl FnOnce() -> Result<T, String>,
    ) -> Result<Arc<T>, String> {
        let any = || read().map(|read| Arc::new(read) as Arc<dyn Any + Send + Sync>);
        let kept = self.kept.get_or_init(any).clone()?;
        kept.downcast()
            .map_err(|_| "another page has read the results".into())
    }

    /// Ends it.
    pub(crate) fn cancel(&self) {
        let mut now = self.now();
        if now.status.is_over() {
            return;
        }
        now.status = Status::Cancelled;
        if let Some(child) = &mut now.child {
            // It may have ended by itself; its cells end with it.
            let _ = child.kill();
        }
    }

    fn work(&self, program: &Path, turn: &Mutex<()>, file: &Path, runs: &Path) {
        let _turn = turn.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(training) = &self.training
            && !training.model.is_file()
            && let Err(problem) = self.trains(program, training, &file.with_file_name("training"))
        {
            self.fails(&format!("the model was not trained: {problem}"));
            return;
        }
        let mut command = ends_with_us(program);
        if let Some(access) = &self.evaluated.access {
            let (name, token) = &access.variable;
            command.env(name, token.as_str());
        }
        command
            .arg("run")
            .arg("--record-traffic")
            .args(&self.evaluated.arguments)
            .arg("--runs")
            .arg(runs)
            .arg(file);
        match self.watched(command, |line| self.take(line)) {
            Ok(()) => self.finish(),
            Err(e) => self.fails(&format!("the run cannot be started: {e}")),
        }
    }

    /// Trains a model in the clear, on this machine, in a folder of its own.
    fn trains(&self, program: &Path, training: &Training, folder: &Path) -> Result<(), String> {
        let problem = |e: std::io::Error| e.to_string();
        std::fs::create_dir_all(folder).map_err(problem)?;
        let file = folder.join("experiment.toml");
        std::fs::write(&file, &training.experiment).map_err(problem)?;
        let runs = folder.join("runs");
        let mut command = ends_with_us(program);
        command.arg("run").arg("--runs").arg(&runs).arg(&file);
        let mut run = None;
        self.watched(command, |line| {
            if let Some((_, folder)) = line.split_once(WRITING) {
                run.get_or_insert(PathBuf::from(folder.trim_end()));
            }
            self.say(&format!("training: {line}"));
        })
        .map_err(problem)?;
        self.waits();
        let left = run.map(|run| run_files::artefacts(&run, |name| name == "model.json"));
        let model = left.and_then(|left| left.into_iter().next());
        let model = model.ok_or("the training left no model; its last lines say why")?;
        std::fs::copy(model, &training.model).map_err(problem)?;
        Ok(())
    }

    /// Starts a process unless the job is over, and hands on each line that it says.
    fn watched(&self, mut command: Command, mut line: impl FnMut(&str)) -> std::io::Result<()> {
        let errors = {
            let mut now = self.now();
            if now.status.is_over() {
                return Ok(());
            }
            let mut child = command
                .stdin(Stdio::null())
                .stdout(Stdio::null())
                .stderr(Stdio::piped())
                .spawn()?;
            let errors = child.stderr.take();
            now.status = Status::Running;
            now.child = Some(child);
            errors
        };
        let lines = errors
            .into_iter()
            .flat_map(|errors| BufReader::new(errors).split(b'\n'));
        for said in lines.map_while(Result::ok) {
            line(&String::from_utf8_lossy(&said));
        }
        Ok(())
    }

    fn fails(&self, problem: &str) {
        let mut now = self.now();
        now.lines.push(printable::line(problem).into_owned());
        if !now.status.is_over() {
            now.status = Status::Failed;
        }
    }

    fn take(&self, line: &str) {
        let seen = printable::line(line.trim_end());
        if let Some((_, folder)) = seen.split_once(WRITING) {
            self.now().run.get_or_insert(PathBuf::from(folder));
        }
        self.say(line);
    }

    /// Keeps a line of a process. The file that was dropped is called as whoever dropped it calls it.
    fn say(&self, line: &str) {
        let mut line = printable::line(line.trim_end()).into_owned();
        if let Some(upload) = &self.upload {
            let file = printable::line(&upload.file.display().to_string()).into_owned();
            line = line.replace(&file, &upload.name);
        }
        let mut now = self.now();
        if now.lines.len() < MOST_LINES && !line.is_empty() {
            now.lines.push(line);
        }
    }

    /// Waits for the process, whose streams have ended.
    fn waits(&self) {
        loop {
            let mut now = self.now();
            let ended = now.child.as_mut().map(Child::try_wait);
            if matches!(ended, Some(Ok(None))) {
                drop(now);
                std::thread::sleep(Duration::from_millis(20));
                continue;
            }
            now.child = None;
            return;
        }
    }

    /// The end of its run.
    fn finish(&self) {
        self.waits();
        let mut now = self.now();
        if !now.status.is_over() {
            // A cell that refused or failed is a row, and its reason stands there.
            let has_tables = now
                .run
                .as_ref()
                .is_some_and(|run| run.join("report.html").is_file());
            now.status = if has_tables {
                Status::Done
            } else {
                Status::Failed
            };
        }
    }
}
