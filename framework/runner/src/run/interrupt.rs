//! Ctrl-C: a run ends of it, as any program does, and says how to go on.

/// What is said on standard error.
#[cfg(unix)]
const WORDS: &str = "\ninterrupted; what was measured is kept: the same command with `--resume` \
                     goes on\n";

/// From now on. Where the signal is ignored, as behind `nohup`, it stays so.
#[cfg(unix)]
#[expect(unsafe_code, reason = "a call of the system's C library")]
pub(super) fn say_how_to_go_on() {
    let handler = handle as extern "C" fn(libc::c_int);
    // SAFETY: the handler calls nothing that a handler may not call, and reads a constant.
    unsafe {
        let before = libc::signal(libc::SIGINT, handler as libc::sighandler_t);
        if before == libc::SIG_IGN {
            libc::signal(libc::SIGINT, libc::SIG_IGN);
        }
    }
}

#[cfg(not(unix))]
pub(super) fn say_how_to_go_on() {}

/// Says it, and lets the signal do what it does without a handler, once this returns.
#[cfg(unix)]
#[expect(unsafe_code, reason = "calls of the system's C library")]
extern "C" fn handle(signal: libc::c_int) {
    // SAFETY: these three may be called in a handler (POSIX.1-2017, 2.4.3); the bytes are
    // constant. Where they cannot be written, there is nobody to tell.
    unsafe {
        let _ = libc::write(libc::STDERR_FILENO, WORDS.as_ptr().cast(), WORDS.len());
        libc::signal(signal, libc::SIG_DFL);
        libc::raise(signal);
    }
}
