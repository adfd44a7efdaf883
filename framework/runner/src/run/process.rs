//! The process of a cell, seen from the run.

use std::fs::File;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::{Duration, Instant};

use hexperiment_core::record::Status;

use crate::protocol::{FromCell, ToCell};

/// How a cell ended before its time.
pub(super) struct End {
    pub(super) status: Status,
    pub(super) reason: String,
}

impl End {
    fn crashed(reason: String) -> Self {
        Self {
            status: Status::Crashed,
            reason,
        }
    }
}

/// A running cell. Dropping it ends the process.
pub(super) struct CellProcess {
    child: Child,
    input: Option<ChildStdin>,
    messages: Receiver<String>,
    /// Time that it may still be busy.
    left: Duration,
    limit: Duration,
    log: PathBuf,
}

impl CellProcess {
    /// Starts a process of this program for a cell; standard error goes to `log`.
    pub(super) fn start(limit: Duration, log: &Path) -> std::io::Result<Self> {
        let (name, plugins) = crate::plugins::environment();
        let mut child = Command::new(std::env::current_exe()?)
            .arg("cell")
            .env(name, plugins)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(File::create(log)?)
            .spawn()?;
        let input = child.stdin.take();
        let (sender, messages) = channel();
        if let Some(output) = child.stdout.take() {
            std::thread::spawn(move || {
                for line in BufReader::new(output).lines().map_while(Result::ok) {
                    if sender.send(line).is_err() {
                        break;
                    }
                }
            });
        }
        Ok(Self {
            child,
            input,
            messages,
            left: limit,
            limit,
            log: log.to_owned(),
        })
    }

    /// Tells the cell something and waits for its answer, as long as its time lasts.
    pub(super) fn ask(&mut self, message: &ToCell) -> Result<FromCell, End> {
        let line = serde_json::to_string(message).map_err(|e| End::crashed(e.to_string()))?;
        let began = Instant::now();
        let sent = self
            .input
            .as_mut()
            .map(|input| writeln!(input, "{line}").and_then(|()| input.flush()));
        if !matches!(sent, Some(Ok(()))) {
            return Err(self.autopsy());
        }
        loop {
            match self
                .messages
                .recv_timeout(self.left.saturating_sub(began.elapsed()))
            {
                Ok(line) => {
                    // What a library prints is no message; it stays out of the way.
                    if let Ok(answer) = serde_json::from_str(&line) {
                        self.left = self.left.saturating_sub(began.elapsed());
                        return Ok(answer);
                    }
                }
                Err(RecvTimeoutError::Timeout) => {
                    self.end();
                    let limit = humantime::format_duration(self.limit);
                    return Err(End {
                        status: Status::Timeout,
                        reason: format!(
                            "the cell was still busy after {limit}; raise `time_limit` in [run]"
                        ),
                    });
                }
                Err(RecvTimeoutError::Disconnected) => return Err(self.autopsy()),
            }
        }
    }

    fn end(&mut self) {
        // It may be gone already; either way it is waited for.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    /// Says of what the process died.
    fn autopsy(&mut self) -> End {
        self.input = None;
        let how = self.child.wait().map_or_else(|e| e.to_string(), describe);
        let words = std::fs::read_to_string(&self.log).unwrap_or_default();
        let last = words
            .lines()
            .find(|l| l.contains("panicked at"))
            .and_then(|l| {
                words
                    .lines()
                    .skip_while(|x| *x != l)
                    .nth(1)
                    .map(|m| format!("{l} {m}"))
            })
            .or_else(|| last_words(&words));
        End::crashed(match last {
            Some(words) => format!("the process {how}: {words}"),
            None => format!("the process {how}"),
        })
    }
}

/// The line of a log that says most of the end: the one about memory, or the last.
fn last_words(log: &str) -> Option<String> {
    // What the language's runtime adds about backtraces comes last, and says nothing.
    let adds = |line: &&str| line.starts_with("note: ") || line.starts_with("skipping backtrace");
    let lines = || log.lines().filter(|l| !l.trim().is_empty() && !adds(l));
    let memory = lines().find(|line| line.starts_with("memory allocation of "));
    memory.or_else(|| lines().next_back()).map(str::to_owned)
}

impl Drop for CellProcess {
    fn drop(&mut self) {
        self.end();
    }
}

#[cfg(unix)]
fn describe(status: ExitStatus) -> String {
    use std::os::unix::process::ExitStatusExt as _;
    match (status.signal(), status.code()) {
        (Some(9), _) => {
            "was killed by signal 9 (by hand, or by the system for want of memory)".into()
        }
        (Some(6), _) => "aborted (signal 6; out of memory, or a failed check in a library)".into(),
        (Some(11), _) => {
            "was killed by signal 11 (a fault of a library, maybe for want of memory)".into()
        }
        (Some(signal), _) => format!("was killed by signal {signal}"),
        (None, Some(code)) => format!("ended with code {code}"),
        (None, None) => "ended".into(),
    }
}

#[cfg(not(unix))]
fn describe(status: ExitStatus) -> String {
    format!("ended: {status}")
}
