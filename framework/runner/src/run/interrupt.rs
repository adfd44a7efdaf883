//! Ctrl-C: a run ends of it, as any program does, and says how to go on.

/// What is said on standard error.
#[cfg(unix)]
const WORDS: &str = "\ninterrupted; what was measured is kept: the same command with `--resume` \
                     goes on";

/// From now on. Where the signal is ignored already, as in the background of a script, it stays so.
#[cfg(unix)]
#[expect(unsafe_code, reason = "a call of the system's C library")]
pub(super) fn say_how_to_go_on() {
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
pub(super) fn say_how_to_go_on() {}
