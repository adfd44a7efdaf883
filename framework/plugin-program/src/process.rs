//! The process of a program: started, killed, and what is told of its end.

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::{Child, ChildStdin, ChildStdout, ExitStatus, Stdio};
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use hexperiment_diagnostics::process::{Kept, describe, within};
use hexperiment_scheme::elsewhere;

use crate::command::Command;

/// What programs are started by: a program that limits itself, and then becomes the one that it is told,
/// so that it ends with the process that started it.
#[derive(Clone, Debug)]
pub struct Launcher {
    /// The executable.
    pub program: PathBuf,
    /// Its arguments before the path of the program.
    pub arguments: Vec<OsString>,
}

static LAUNCHER: OnceLock<Launcher> = OnceLock::new();

/// Starts programs by this one from now on. The first call counts.
pub fn launch_by(launcher: Launcher) {
    let _ = LAUNCHER.set(launcher);
}

/// How a program is started in a role; its streams are whoever's who starts it.
pub(crate) fn starts(command: &Command, role: &str) -> std::process::Command {
    let mut starts = match LAUNCHER.get() {
        Some(launcher) => {
            let mut starts = std::process::Command::new(&launcher.program);
            starts.args(&launcher.arguments).arg(&command.executable);
            starts
        }
        None => std::process::Command::new(&command.executable),
    };
    starts
        .args(&command.arguments)
        .arg(role)
        .current_dir(&command.folder);
    for secret in hexperiment_diagnostics::SECRET_VARIABLES {
        starts.env_remove(secret);
    }
    in_a_group(&mut starts);
    starts
}

/// How long the end of a process that closed its output may take.
const ENDING: Duration = Duration::from_millis(500);

/// A process of a program. Dropping it ends the process.
pub(crate) struct Process {
    child: Arc<Mutex<Waited>>,
    errors: Option<Kept>,
    number: u32,
}

/// What a process is written to and read from.
pub(crate) type Streams = (ChildStdout, ChildStdin);

impl Process {
    /// Starts a program in a role, `client` or `server`. What it writes to standard error is kept, and
    /// written to this process's own if that is `echoed`.
    pub(crate) fn start(
        command: &Command,
        role: &str,
        echoed: bool,
    ) -> std::io::Result<(Self, Streams)> {
        let mut starts = starts(command, role);
        starts
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut child = starts.spawn()?;
        let (output, input) = (child.stdout.take(), child.stdin.take());
        let process = Self {
            number: child.id(),
            errors: Some(if echoed {
                Kept::echoed(child.stderr.take())
            } else {
                Kept::of(child.stderr.take())
            }),
            child: Arc::new(Mutex::new(Waited {
                child,
                waited: false,
            })),
        };
        match (output, input) {
            (Some(output), Some(input)) => Ok((process, (output, input))),
            _ => Err(std::io::Error::other("it has no streams")),
        }
    }

    /// Does something with the process that ends in any case, as the process is killed after so long;
    /// whether it was.
    pub(crate) fn limited<T>(&self, limit: Duration, work: impl FnOnce() -> T) -> (T, bool) {
        let (done, waits) = channel::<()>();
        let child = Arc::clone(&self.child);
        let watch = std::thread::spawn(move || {
            let late = waits.recv_timeout(limit) == Err(RecvTimeoutError::Timeout);
            if late {
                child.lock().unwrap_or_else(PoisonError::into_inner).kill();
            }
            late
        });
        let result = work();
        drop(done);
        (result, watch.join().unwrap_or(false))
    }

    /// How it ended, in words, if it has or does so at once; and what it wrote to standard error last.
    pub(crate) fn end(&mut self) -> (Option<String>, Option<String>) {
        let mut child = self.child.lock().unwrap_or_else(PoisonError::into_inner);
        let how = child.ends().map(describe);
        child.kill();
        drop(child);
        (how, self.errors.take().and_then(Kept::words))
    }

    /// Its number, for the ledger of what other processes do.
    pub(crate) fn number(&self) -> u32 {
        self.number
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let mut child = self.child.lock().unwrap_or_else(PoisonError::into_inner);
        child.kill();
        elsewhere::ended(self.number);
    }
}

/// A group of its own, so that what it starts ends with it.
#[cfg(unix)]
fn in_a_group(starts: &mut std::process::Command) {
    use std::os::unix::process::CommandExt as _;
    starts.process_group(0);
}

#[cfg(not(unix))]
fn in_a_group(_: &mut std::process::Command) {}

/// A child, and whether it has been waited for: its number may be another one's then.
struct Waited {
    child: Child,
    waited: bool,
}

impl Waited {
    /// How it ended, if it does so at once.
    fn ends(&mut self) -> Option<ExitStatus> {
        let status = within(&mut self.child, ENDING);
        self.waited |= status.is_some();
        status
    }

    /// Ends it, with those that it started: they hold its streams. It may be gone already; either way it
    /// is waited for.
    fn kill(&mut self) {
        #[cfg(unix)]
        if !self.waited
            && let Ok(group) = i32::try_from(self.child.id())
        {
            use nix::sys::signal::{Signal, killpg};
            let _ = killpg(nix::unistd::Pid::from_raw(group), Signal::SIGKILL);
        }
        let _ = self.child.kill();
        self.waited |= self.child.wait().is_ok();
    }
}
