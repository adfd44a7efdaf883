//! What the program says: lines on standard output and standard error.
//!
//! `println!` panics where nobody reads, as behind `| head`, or where a disk is full. A run must
//! not end of that: its records and tables are in its folder.
//!
//! Much of it is text of files, libraries and records: whatever a terminal would obey is escaped here,
//! once for all.

use std::fmt::Arguments;
use std::io::{ErrorKind, Write as _};
use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, Ordering};

use hexperiment_diagnostics::printable;

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
    let text = line.to_string();
    let written = writeln!(std::io::stdout(), "{}", printable::lines(&text));
    if let Err(e) = written
        && e.kind() != ErrorKind::BrokenPipe
        && !LOST.swap(true, Ordering::Relaxed)
    {
        tell!("error: standard output cannot be written: {e}");
    }
}

/// See [`tell!`].
pub(crate) fn err(line: Arguments<'_>) {
    let text = line.to_string();
    // Where even this cannot be written, there is nobody to tell.
    let _ = writeln!(std::io::stderr(), "{}", printable::lines(&text));
}

/// The exit code, unless what it stands for could not be said.
pub(crate) fn checked(code: ExitCode) -> ExitCode {
    if LOST.load(Ordering::Relaxed) && code == ExitCode::SUCCESS {
        ExitCode::FAILURE
    } else {
        code
    }
}

/// Columns of text where nobody says how many there are: what a log or a page takes.
const USUAL_WIDTH: usize = 100;

/// Columns that standard output has: what `COLUMNS` says, or the terminal.
pub(crate) fn width() -> usize {
    let terminal = || console::Term::stdout().size_checked();
    columns(
        std::env::var("COLUMNS").ok().as_deref(),
        terminal().map(|(_, columns)| columns.into()),
    )
}

/// The first that makes sense of what the environment says and of what the terminal has.
fn columns(told: Option<&str>, terminal: Option<usize>) -> usize {
    let told = told.and_then(|text| text.trim().parse().ok());
    let sensible = |columns: &usize| (20..=10_000).contains(columns);
    told.into_iter()
        .chain(terminal)
        .find(sensible)
        .unwrap_or(USUAL_WIDTH)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_width_is_told_or_the_terminals() {
        #[track_caller]
        fn check(told: Option<&str>, terminal: Option<usize>, expect: usize) {
            assert_eq!(columns(told, terminal), expect, "{told:?} {terminal:?}");
        }
        check(None, None, USUAL_WIDTH);
        check(None, Some(132), 132);
        check(Some("80"), Some(132), 80);
        check(Some("80"), None, 80);
        for nonsense in ["", "wide", "0", "-80", "7", "99999999999999999999"] {
            check(Some(nonsense), Some(132), 132);
            check(Some(nonsense), None, USUAL_WIDTH);
        }
        check(None, Some(0), USUAL_WIDTH);
    }
}
