//! The process of a cell, seen from the run.

use std::fs::File;
use std::io::{Read as _, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};

use hexperiment_diagnostics::files;
use hexperiment_experiment::record::Status;

use crate::child::{self, Kept};
use crate::interrupt::{self, Ending};
use crate::protocol::{FromCell, ToCell};

/// How a cell ended before its time.
pub(crate) struct End {
    pub(crate) status: Status,
    pub(crate) reason: String,
    /// The signal of a scheduler that ended it.
    pub(crate) signal: Option<Ending>,
}

impl End {
    /// Without a scheduler's doing.
    pub(crate) fn by(status: Status, reason: String) -> Self {
        Self {
            status,
            reason,
            signal: None,
        }
    }

    fn crashed(reason: String) -> Self {
        Self::by(Status::Crashed, reason)
    }

    /// By a scheduler.
    pub(crate) fn of(signal: Ending) -> Self {
        let (status, reason) = match signal {
            Ending::Terminate => (
                Status::Crashed,
                "SIGTERM came: the job was preempted, cancelled or out of time",
            ),
            Ending::NearlyOver => (
                Status::Timeout,
                "SIGUSR1 came: the time of the job was nearly over; give it more, or take a smaller cell",
            ),
        };
        Self {
            status,
            reason: reason.into(),
            signal: Some(signal),
        }
    }
}

/// How often a cell that is waited for is left for a look at signals, where they are watched.
const LOOK: Duration = Duration::from_millis(250);

/// How long a cell may take to end by itself.
const ENDS_WITHIN: Duration = Duration::from_millis(500);

/// A running cell. Dropping it ends the process.
pub(crate) struct CellProcess {
    child: Child,
    input: Option<ChildStdin>,
    messages: Receiver<String>,
    /// Time that it may still be busy.
    left: Duration,
    limit: Duration,
    errors: Errors,
    /// Whether it is its server that it waits for.
    for_server: bool,
}

/// Where its standard error goes.
enum Errors {
    Log(PathBuf),
    Kept(Option<Kept>),
}

impl CellProcess {
    /// Starts a process of this program for cells of a scheme; standard error goes to `log`, or
    /// is kept for its last words.
    pub(crate) fn start(
        scheme: &str,
        limit: Duration,
        log: Option<&Path>,
    ) -> std::io::Result<Self> {
        let (name, plugins) = crate::plugins::environment(scheme);
        let mut child = Command::new(std::env::current_exe()?)
            .arg("cell")
            .env(name, plugins)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(match log {
                Some(log) => File::create(log)?.into(),
                None => Stdio::piped(),
            })
            .spawn()?;
        Ok(Self {
            input: child.stdin.take(),
            messages: child::lines(child.stdout.take()),
            errors: match log {
                Some(log) => Errors::Log(log.to_owned()),
                None => Errors::Kept(Some(Kept::of(child.stderr.take()))),
            },
            child,
            left: limit,
            limit,
            for_server: false,
        })
    }

    /// Tells the cell something and waits for its answer, as long as its time lasts.
    pub(crate) fn ask(&mut self, message: &ToCell) -> Result<FromCell, End> {
        let line = serde_json::to_string(message).map_err(|e| End::crashed(e.to_string()))?;
        let began = Instant::now();
        let sent = self
            .input
            .as_mut()
            .map(|input| writeln!(input, "{line}").and_then(|()| input.flush()));
        if !matches!(sent, Some(Ok(()))) {
            return Err(self.autopsy(self.left));
        }
        loop {
            // What has come counts, also where this process stood still meanwhile.
            let left = self.left.saturating_sub(began.elapsed());
            let wait = if interrupt::is_watched() {
                left.min(LOOK)
            } else {
                left
            };
            match self.messages.recv_timeout(wait) {
                Ok(line) => {
                    // What a library prints is no message; it stays out of the way.
                    match serde_json::from_str::<FromCell>(&line) {
                        Ok(FromCell::Waits { for_server }) => self.for_server = for_server,
                        Ok(answer) => {
                            self.left = self.left.saturating_sub(began.elapsed());
                            return Ok(answer.within_limits());
                        }
                        Err(_) => {}
                    }
                    if left.is_zero() {
                        return Err(self.late()); // also of one that never stops talking
                    }
                }
                Err(RecvTimeoutError::Timeout) => {
                    if let Some(signal) = interrupt::came() {
                        self.end();
                        return Err(End::of(signal));
                    }
                    if wait == left {
                        return Err(self.late());
                    }
                }
                Err(RecvTimeoutError::Disconnected) => {
                    return Err(self.autopsy(self.left.saturating_sub(began.elapsed())));
                }
            }
        }
    }

    /// Gives it its whole time again: it is another cell's now.
    pub(crate) fn renew(&mut self) {
        self.left = self.limit;
    }

    /// Gives it so much time for the next answer.
    pub(crate) fn give(&mut self, time: Duration) {
        self.left = time;
    }

    /// Ends the cell, its server, and what they have started.
    fn end(&mut self) {
        // A cell that waits for orders ends its server and itself when there are no more.
        self.input = None;
        if child::within(&mut self.child, ENDS_WITHIN).is_none() {
            child::end(&mut self.child);
        }
    }

    /// Says of what the process died, or that it does not.
    fn autopsy(&mut self, left: Duration) -> End {
        self.input = None;
        let Some(status) = child::within(&mut self.child, left) else {
            return self.late();
        };
        if let Some(signal) = interrupt::died_of(status) {
            return End::of(signal);
        }
        let words = match &mut self.errors {
            Errors::Log(path) => child::last_words(&tail(path)),
            Errors::Kept(kept) => kept.take().and_then(Kept::words),
        };
        let how = child::describe(status);
        End::crashed(match words {
            Some(words) => format!("the process {how}: {words}"),
            None => format!("the process {how}"),
        })
    }

    fn late(&mut self) -> End {
        self.end();
        let limit = humantime::format_duration(self.limit);
        let who = if self.for_server { "server" } else { "cell" };
        End {
            status: Status::Timeout,
            reason: format!("the {who} was still busy after {limit}; raise `time_limit` in [run]"),
            signal: None,
        }
    }
}

/// The end of a log; all of most.
pub(crate) fn tail(log: &Path) -> String {
    const LENGTH: u64 = 1 << 20;
    let read = || -> std::io::Result<Vec<u8>> {
        // A pipe in its place would have no end, or no beginning.
        let opened = files::open(log, "a log", "");
        let mut file = opened.map_err(|e| std::io::Error::other(e.to_string()))?;
        let length = file.metadata()?.len();
        file.seek(SeekFrom::Start(length.saturating_sub(LENGTH)))?;
        let mut bytes = Vec::new();
        file.take(LENGTH).read_to_end(&mut bytes)?;
        Ok(bytes)
    };
    String::from_utf8_lossy(&read().unwrap_or_default()).into_owned()
}

impl Drop for CellProcess {
    fn drop(&mut self) {
        self.end();
    }
}

#[cfg(test)]
#[cfg(unix)]
mod tests {
    use super::*;

    /// Nobody writes into a pipe that lies where a log was.
    #[test]
    fn the_end_of_a_log_that_is_no_file() {
        let folder = tempfile::tempdir().unwrap();
        let log = folder.path().join("log");
        std::fs::write(&log, "the last words\n").unwrap();
        assert_eq!(tail(&log), "the last words\n");
        let pipe = folder.path().join("pipe");
        let made = Command::new("mkfifo").arg(&pipe).status().unwrap();
        assert!(made.success());
        for nothing in [pipe, folder.path().to_owned(), folder.path().join("absent")] {
            assert_eq!(tail(&nothing), "", "{}", nothing.display());
        }
    }
}
