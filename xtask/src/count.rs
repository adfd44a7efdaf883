//! Counts the tests in what `cargo test` prints.

use std::fmt;
use std::io::{self, BufRead as _, BufReader};
use std::ops::AddAssign;
use std::process::{Command, Stdio};

/// Runs a command, shows what it prints, and counts the tests in it.
pub(crate) fn counted(
    command: &mut Command,
    show: &mut dyn io::Write,
) -> io::Result<(bool, Counts)> {
    let mut child = command.stdout(Stdio::piped()).spawn()?;
    let mut counts = Counts::default();
    if let Some(output) = child.stdout.take() {
        let mut output = BufReader::new(output);
        let mut line = vec![];
        while output.read_until(b'\n', &mut line)? > 0 {
            show.write_all(&line)?;
            if let Some(more) = Counts::of(&String::from_utf8_lossy(&line)) {
                counts += more;
            }
            line.clear();
        }
    }
    Ok((child.wait()?.success(), counts))
}

/// How many tests passed, failed, and were not run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    passed: u64,
    failed: u64,
    ignored: u64,
}

impl Counts {
    /// Reads libtest's last line: `test result: ok. 3 passed; 0 failed; 1 ignored; …`.
    fn of(line: &str) -> Option<Self> {
        let (_, rest) = line.strip_prefix("test result: ")?.split_once(". ")?;
        let mut counts = Self::default();
        for part in rest.split(';') {
            if let Some((number, what)) = part.trim().split_once(' ') {
                let count = match what {
                    "passed" => &mut counts.passed,
                    "failed" => &mut counts.failed,
                    "ignored" => &mut counts.ignored,
                    _ => continue,
                };
                *count = number.parse().ok()?;
            }
        }
        Some(counts)
    }
}

impl AddAssign for Counts {
    fn add_assign(&mut self, more: Self) {
        self.passed += more.passed;
        self.failed += more.failed;
        self.ignored += more.ignored;
    }
}

impl fmt::Display for Counts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} passed, {} failed, {} ignored",
            self.passed, self.failed, self.ignored
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check_counts(line: &str, expected: Option<(u64, u64, u64)>) {
        let expected = expected.map(|(passed, failed, ignored)| Counts {
            passed,
            failed,
            ignored,
        });
        assert_eq!(Counts::of(line), expected, "{line}");
    }

    #[test]
    fn counts_of_lines() {
        check_counts(
            "test result: ok. 12 passed; 0 failed; 3 ignored; 0 measured; 7 filtered out; finished in 0.01s\n",
            Some((12, 0, 3)),
        );
        check_counts(
            "test result: FAILED. 1 passed; 2 failed; 0 ignored",
            Some((1, 2, 0)),
        );
        check_counts("test result: soon", None);
        check_counts("test a::b ... ok", None);
        check_counts("", None);
    }

    #[test]
    fn counting_while_streaming() {
        let script = "echo 'test result: ok. 2 passed; 0 failed; 1 ignored; 0 measured'
            printf 'bytes \\377 that are no text\\n'
            echo 'test result: FAILED. 3 passed; 1 failed; 0 ignored; 0 measured'; exit 101";
        let mut shown = vec![];
        let outcome = counted(Command::new("sh").args(["-c", script]), &mut shown);
        let counts = Counts {
            passed: 5,
            failed: 1,
            ignored: 1,
        };
        assert_eq!(outcome.expect("a shell"), (false, counts));
        assert_eq!(shown.iter().filter(|&&byte| byte == b'\n').count(), 3);
        assert!(shown.contains(&0xff), "bytes pass as they are");
    }
}
