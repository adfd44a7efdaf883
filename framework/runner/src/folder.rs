//! The folder of a run: `runs/<time>-<name>/`, with `runs/latest` pointing to the newest.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

const RECORDS: &str = "records.jsonl";

/// Where a run writes.
#[derive(Clone, Debug)]
pub(crate) struct RunFolder {
    path: PathBuf,
}

/// Now, in UTC, as in `2026-05-04T09:08:07Z`.
pub(crate) fn now() -> String {
    humantime::format_rfc3339_seconds(SystemTime::now()).to_string()
}

impl RunFolder {
    /// A new folder below `runs`, with a copy of the experiment.
    pub(crate) fn create(runs: &Path, name: &str, experiment: &Path) -> io::Result<Self> {
        let time = now()
            .replace([':', '-'], "")
            .replace('T', "-")
            .replace('Z', "");
        let mut path = runs.join(format!("{time}-{name}"));
        for again in 2.. {
            fs::create_dir_all(runs)?;
            match fs::create_dir(&path) {
                Ok(()) => break,
                Err(e) if e.kind() == io::ErrorKind::AlreadyExists => {
                    path = runs.join(format!("{time}-{name}-{again}"));
                }
                Err(e) => return Err(e),
            }
        }
        fs::copy(experiment, path.join("experiment.toml"))?;
        let folder = Self { path };
        folder.point_latest(runs)?;
        Ok(folder)
    }

    /// The newest run of the experiment `name` below `runs` that has records.
    pub(crate) fn newest(runs: &Path, name: &str) -> Option<Self> {
        let suffix = format!("-{name}");
        let mut found: Vec<PathBuf> = fs::read_dir(runs)
            .ok()?
            .flatten()
            .map(|entry| entry.path())
            .filter(|path| !path.is_symlink() && path.join(RECORDS).is_file())
            .filter(|path| {
                // Digits, a hyphen, digits, the name, and maybe a number after it.
                let folder = path
                    .file_name()
                    .and_then(|n| n.to_str())
                    .unwrap_or_default();
                folder.get(15..).is_some_and(|rest| {
                    rest.strip_prefix(suffix.as_str())
                        .is_some_and(|r| r.is_empty() || r[1..].chars().all(|c| c.is_ascii_digit()))
                })
            })
            .collect();
        found.sort();
        found.pop().map(|path| Self { path })
    }

    /// The folder.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Its records.
    pub(crate) fn records(&self) -> PathBuf {
        self.path.join(RECORDS)
    }

    /// What the process of a cell wrote to standard error.
    pub(crate) fn log(&self, cell: &str) -> io::Result<PathBuf> {
        let logs = self.path.join("logs");
        fs::create_dir_all(&logs)?;
        let name: String = cell
            .chars()
            .map(|c| {
                if c.is_alphanumeric() || "-_=.".contains(c) {
                    c
                } else {
                    '_'
                }
            })
            .collect();
        Ok(logs.join(name + ".log"))
    }

    /// Points `runs/latest` here, by a rename, so that it always points somewhere.
    #[cfg(unix)]
    fn point_latest(&self, runs: &Path) -> io::Result<()> {
        let beside = runs.join(format!(".latest-{}", std::process::id()));
        let _ = fs::remove_file(&beside);
        std::os::unix::fs::symlink(self.path.file_name().unwrap_or_default(), &beside)?;
        fs::rename(beside, runs.join("latest"))
    }

    #[cfg(not(unix))]
    fn point_latest(&self, runs: &Path) -> io::Result<()> {
        fs::write(runs.join("latest"), self.path.display().to_string())
    }
}
