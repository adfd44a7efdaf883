//! Signals that end a run: Ctrl-C, of which it ends as any program does, and says how to go on; those of a
//! scheduler, after which the cells of a plan are recorded as ended by it; and that of a file which may not get longer, of
//! which nothing ends.

/// What is said on standard error.
#[cfg(unix)]
const WORDS: &str = "\ninterrupted; what was measured is kept: the same command with `--resume` \
                     goes on";

/// From now on. Where the signal is ignored already, as in the background of a script, it stays so.
#[cfg(unix)]
#[expect(unsafe_code, reason = "a call of the system's C library")]
pub(crate) fn say_how_to_go_on() {
    // An error means that the signal is ignored, or that an earlier experiment of this command has
    // set the same handler: either is as it should be.
    let _ = ctrlc::try_set_handler(|| {
        use std::io::Write as _;

        use nix::sys::signal::{SigHandler, Signal, raise, signal};

        // Where it cannot be written, there is nobody to tell.
        let _ = writeln!(std::io::stderr(), "{WORDS}");
        // A shell goes on with its script if a program exits in its own way after Ctrl-C, and stops
        // if it was ended by the signal.
        // SAFETY: the default action is no function of ours.
        unsafe {
            let _ = signal(Signal::SIGINT, SigHandler::SigDfl);
        }
        let _ = raise(Signal::SIGINT);
        std::process::exit(130); // 128 + SIGINT, should the signal be blocked
    });
}

#[cfg(not(unix))]
pub(crate) fn say_how_to_go_on() {}

/// From now on a file that would get longer than the limit of this process (`ulimit -f`) fails to be written, with an error
/// that is told as that of a full disk. Without, the system ends the process without a word (setrlimit(2): SIGXFSZ).
#[cfg(unix)]
#[expect(unsafe_code, reason = "a call of the system's C library")]
pub(crate) fn limits_of_files_are_errors() {
    use nix::sys::signal::{SigHandler, Signal, signal};
    // It fails of no valid signal.
    // SAFETY: to ignore a signal calls no function of ours.
    let _ = unsafe { signal(Signal::SIGXFSZ, SigHandler::SigIgn) };
}

#[cfg(not(unix))]
pub(crate) fn limits_of_files_are_errors() {}

/// A signal by which a scheduler ends a job, or tells that it will.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ending {
    /// SIGTERM: preempted, cancelled, or out of time.
    Terminate,
    /// SIGUSR1, which a job is sent before its time is over where it asks for that.
    NearlyOver,
}

impl Ending {
    /// Its name.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Terminate => "SIGTERM",
            Self::NearlyOver => "SIGUSR1",
        }
    }
}

#[cfg(unix)]
mod scheduler {
    use std::sync::atomic::{AtomicI32, Ordering};

    use nix::sys::signal::{SigHandler, Signal, signal};

    use super::Ending;

    /// What came: a signal's number, or one of these.
    static CAME: AtomicI32 = AtomicI32::new(UNWATCHED);
    const UNWATCHED: i32 = -1;
    const NOTHING: i32 = 0;

    extern "C" fn note(number: i32) {
        // The first counts.
        let _ = CAME.compare_exchange(NOTHING, number, Ordering::SeqCst, Ordering::SeqCst);
    }

    /// From now on these signals do not end this process.
    #[expect(unsafe_code, reason = "a call of the system's C library")]
    pub(crate) fn watch() {
        let _ = CAME.compare_exchange(UNWATCHED, NOTHING, Ordering::SeqCst, Ordering::SeqCst);
        for which in [Signal::SIGTERM, Signal::SIGUSR1] {
            // It fails of no valid signal.
            // SAFETY: the handler does nothing but exchange an atomic number.
            let _ = unsafe { signal(which, SigHandler::Handler(note)) };
        }
    }

    pub(crate) fn is_watched() -> bool {
        CAME.load(Ordering::SeqCst) != UNWATCHED
    }

    pub(crate) fn came() -> Option<Ending> {
        ending(CAME.load(Ordering::SeqCst))
    }

    pub(crate) fn ending(number: i32) -> Option<Ending> {
        match number {
            n if n == Signal::SIGTERM as i32 => Some(Ending::Terminate),
            n if n == Signal::SIGUSR1 as i32 => Some(Ending::NearlyOver),
            _ => None,
        }
    }

    /// The signal that a process of a cell died of, where a scheduler sends it to all processes of a job.
    pub(crate) fn died_of(status: std::process::ExitStatus) -> Option<Ending> {
        use std::os::unix::process::ExitStatusExt as _;
        ending(status.signal()?).filter(|_| is_watched())
    }
}

#[cfg(unix)]
pub(crate) use scheduler::{came, died_of, is_watched, watch};

#[cfg(not(unix))]
pub(crate) fn watch() {}

#[cfg(not(unix))]
pub(crate) fn is_watched() -> bool {
    false
}

#[cfg(not(unix))]
pub(crate) fn came() -> Option<Ending> {
    None
}

#[cfg(not(unix))]
pub(crate) fn died_of(_: std::process::ExitStatus) -> Option<Ending> {
    None
}
