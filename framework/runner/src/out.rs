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

use anstream::{AutoStream, ColorChoice};
use hexperiment_diagnostics::printable;
use hexperiment_reports::Screen;

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

/// So many cells, in words: `1 cell`, `12 cells`.
pub(crate) fn counted_cells(count: usize) -> String {
    hexperiment_reports::counted(count, "cell", "cells")
}

/// See [`say!`].
pub(crate) fn out(line: Arguments<'_>) {
    write(&printable::lines(&line.to_string()));
}

/// A report made for [`screen`], with its colours: of what a terminal obeys they alone are let through.
pub(crate) fn report(text: &str) {
    write(&safe(text));
}

/// The text with everything escaped that a terminal would obey, but for colours and line feeds.
fn safe(text: &str) -> String {
    let mut parts = text.split("\u{1b}[");
    let first = parts.next().unwrap_or_default();
    let mut out = printable::lines(first).into_owned();
    for part in parts {
        let digits = part.trim_start_matches(|c: char| c.is_ascii_digit() || c == ';');
        match digits.strip_prefix('m') {
            Some(rest) => {
                out += "\u{1b}[";
                out += &part[..part.len() - rest.len()];
                out += &printable::lines(rest);
            }
            None => out += &printable::lines(&format!("\u{1b}[{part}")),
        }
    }
    out
}

fn write(text: &str) {
    let written = writeln!(std::io::stdout(), "{text}");
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

/// Standard output: as wide as it is, with colours where they are wanted (`NO_COLOR`, `CLICOLOR`,
/// `CLICOLOR_FORCE`, `TERM`; none into a pipe), with blocks where the locale has them.
pub(crate) fn screen(verbose: bool) -> Screen {
    let locale = ["LC_ALL", "LC_CTYPE", "LANG"].map(|name| std::env::var(name).ok());
    Screen {
        width: width(),
        unicode: is_utf8(locale.iter().flatten().map(String::as_str)),
        colour: AutoStream::choice(&std::io::stdout()) != ColorChoice::Never,
        verbose,
    }
}

/// Whether a locale is of UTF-8: the first variable counts that is not empty (POSIX.1, chapter 8.2).
/// Where nothing is said, it is the language of nobody, as in most containers, and UTF-8 is taken.
fn is_utf8<'a>(mut variables: impl Iterator<Item = &'a str>) -> bool {
    variables
        .find(|value| !value.is_empty())
        .is_none_or(|value| {
            let value = value.to_lowercase();
            value.contains("utf-8") || value.contains("utf8")
        })
}

/// Columns of text where nobody says how many there are: what every terminal and every log has.
const USUAL_WIDTH: usize = 80;

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
    fn colours_alone_reach_the_terminal() {
        assert_eq!(
            safe("a\n\u{1b}[1;31mb\u{1b}[0m c"),
            "a\n\u{1b}[1;31mb\u{1b}[0m c"
        );
        for bad in [
            "\u{1b}[2J",
            "\u{1b}]0;t\u{7}",
            "\u{1b}[1",
            "\u{1b}[m\u{9b}2J",
            "\u{202e}",
            "\u{1b}",
        ] {
            let shown = safe(bad);
            let obeyed = shown.replace("\u{1b}[m", "");
            assert!(
                !obeyed.contains(|c: char| c.is_control() || c == '\u{202e}'),
                "{shown:?}"
            );
        }
    }

    #[test]
    fn a_locale_has_blocks_or_not() {
        #[track_caller]
        fn check(variables: [&str; 3], expect: bool) {
            assert_eq!(is_utf8(variables.into_iter()), expect, "{variables:?}");
        }
        check(["", "", ""], true);
        check(["", "", "en_US.UTF-8"], true);
        check(["", "de_DE.utf8", "C"], true);
        check(["C", "", "en_US.UTF-8"], false);
        check(["", "", "POSIX"], false);
        check(["", "", "de_DE.ISO-8859-1"], false);
    }

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
