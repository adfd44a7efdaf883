//! What the program says: lines on standard output and standard error.
//!
//! `println!` panics where nobody reads, as behind `| head`, or where a disk is full. A run must
//! not end of that: its records and tables are in its folder.

use std::fmt::Arguments;
use std::io::{ErrorKind, Write as _};
use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, Ordering};

/// Whether a line of standard output was lost, other than for want of a reader.
static LOST: AtomicBool = AtomicBool::new(false);

/// A line on standard output, as [`println!`] makes it.
macro_rules! say {
    () => { $crate::out::out(format_args!("")) };
    ($($words:tt)*) => { $crate::out::out(format_args!($($words)*)) };
}

/// A line on standard error, as [`eprintln!`] makes it.
macro_rules! tell {
    ($($words:tt)*) => { $crate::out::err(format_args!($($words)*)) };
}

pub(crate) use {say, tell};

/// See [`say!`].
pub(crate) fn out(line: Arguments<'_>) {
    let written = writeln!(std::io::stdout(), "{line}");
    if let Err(e) = written
        && e.kind() != ErrorKind::BrokenPipe
        && !LOST.swap(true, Ordering::Relaxed)
    {
        tell!("error: standard output cannot be written: {e}");
    }
}

/// See [`tell!`].
pub(crate) fn err(line: Arguments<'_>) {
    // Where even this cannot be written, there is nobody to tell.
    let _ = writeln!(std::io::stderr(), "{line}");
}

/// The exit code, unless what it stands for could not be said.
pub(crate) fn checked(code: ExitCode) -> ExitCode {
    if LOST.load(Ordering::Relaxed) && code == ExitCode::SUCCESS {
        ExitCode::FAILURE
    } else {
        code
    }
}
