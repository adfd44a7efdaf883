//! The audit log: a line of JSON for everything that changes something. It names who, what and how much;
//! no value, no token and nothing of a blob's content.

use std::fs::{File, OpenOptions};
use std::io::{self, Write as _};
use std::path::Path;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use serde::Serialize;

/// The log.
pub(crate) struct Audit {
    file: Mutex<File>,
    refusals: Mutex<Refusals>,
}

/// Refusals are written so often in a second, at most: whoever is not let in does not fill the disk.
const REFUSALS: u32 = 10;

/// Refusals of the second that began then.
struct Refusals {
    since: Instant,
    written: u32,
    untold: u64,
}

impl Refusals {
    /// Whether one more is written, and how many were not since the last that was.
    fn next(&mut self) -> Option<u64> {
        if self.since.elapsed() >= Duration::from_secs(1) {
            self.since = Instant::now();
            self.written = 0;
        }
        if self.written >= REFUSALS {
            self.untold += 1;
            return None;
        }
        self.written += 1;
        Some(std::mem::take(&mut self.untold))
    }
}

/// One line.
#[derive(Serialize)]
pub(crate) struct Entry<'a> {
    /// The client; none where nobody was recognised.
    pub(crate) client: Option<&'a str>,
    /// What was done.
    pub(crate) action: &'a str,
    /// Name of what it was done to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) id: Option<&'a str>,
    /// Its bytes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) bytes: Option<u64>,
    /// How it ended: `ok`, or the code of the problem.
    pub(crate) end: &'a str,
}

#[derive(Serialize)]
struct Line<'a> {
    at: String,
    #[serde(flatten)]
    entry: &'a Entry<'a>,
}

impl Audit {
    /// Appends to this file.
    pub(crate) fn open(file: &Path) -> io::Result<Self> {
        let mut options = OpenOptions::new();
        options.create(true).append(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        Ok(Self {
            file: Mutex::new(options.open(file)?),
            refusals: Mutex::new(Refusals {
                since: Instant::now(),
                written: 0,
                untold: 0,
            }),
        })
    }

    /// Writes that somebody was not let in, with how many refusals before it were not written.
    pub(crate) fn refused(&self, end: &str) {
        let next = {
            let mut refusals = self.refusals.lock().unwrap_or_else(PoisonError::into_inner);
            refusals.next()
        };
        let Some(untold) = next else {
            return;
        };
        let more = format!("{untold} more before");
        self.write(&Entry {
            client: None,
            action: "request",
            id: (untold > 0).then_some(more.as_str()),
            bytes: None,
            end,
        });
    }

    /// Writes a line. A log that cannot be written is told on standard error, and stops nothing.
    pub(crate) fn write(&self, entry: &Entry<'_>) {
        let line = Line {
            at: humantime::format_rfc3339_millis(SystemTime::now()).to_string(),
            entry,
        };
        let written = serde_json::to_string(&line)
            .map_err(io::Error::other)
            .and_then(|line| {
                let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
                file.write_all(format!("{line}\n").as_bytes())
            });
        if let Err(e) = written {
            super::log(&format!("the audit log cannot be written: {e}"));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_appended() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("audit.jsonl");
        for client in [Some("alice"), None] {
            let audit = Audit::open(&file).unwrap();
            audit.write(&Entry {
                client,
                action: "upload-keys",
                id: client.map(|_| "keys_1"),
                bytes: client.map(|_| 7),
                end: "ok",
            });
        }
        let text = std::fs::read_to_string(file).unwrap();
        let lines: Vec<serde_json::Value> = text
            .lines()
            .map(|l| serde_json::from_str(l).unwrap())
            .collect();
        assert_eq!(lines.len(), 2);
        assert_eq!(
            (lines[0]["client"].as_str(), lines[0]["bytes"].as_u64()),
            (Some("alice"), Some(7))
        );
        assert!(lines[1]["client"].is_null() && lines[1].get("id").is_none());
    }

    #[test]
    fn a_flood_of_refusals_is_counted() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("audit.jsonl");
        let audit = Audit::open(&file).unwrap();
        let lines = || std::fs::read_to_string(&file).unwrap().lines().count();
        for _ in 0..1000 {
            audit.refused("unauthorized");
        }
        // However slow the machine is: a second has so many.
        assert!(
            lines() < 1000 && lines() >= REFUSALS as usize,
            "{}",
            lines()
        );
        let untold = audit.refusals.lock().unwrap().untold;
        assert!(untold > 0);
        audit.refusals.lock().unwrap().written = 0;
        audit.refused("unauthorized");
        let text = std::fs::read_to_string(&file).unwrap();
        assert!(
            text.contains(&format!("\"{untold} more before\"")),
            "{text}"
        );
    }
}
