//! The folder of a run: `runs/<time>-<name>/`, with `runs/latest` pointing to the newest.

use std::fs;
use std::io::{self, BufRead as _, Read as _};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use hexperiment_diagnostics::{Complaint, files};
use hexperiment_experiment::record::file_name;

use crate::latest;

const RECORDS: &str = "records.jsonl";

/// Bytes of the first line of records that are read to see what they are of: ten thousand cells take
/// some megabytes.
const LONGEST_HEADER: u64 = 1 << 28;

/// Where a run writes.
#[derive(Clone, Debug)]
pub(crate) struct RunFolder {
    path: PathBuf,
}

/// Now, in UTC, as in `2026-05-04T09:08:07Z`.
pub(crate) fn now() -> String {
    humantime::format_rfc3339_seconds(SystemTime::now()).to_string()
}

/// Whether a file of records is of the experiment `name`; one that cannot be read may be, so that
/// its trouble is told.
fn is_of(records: &Path, name: &str) -> bool {
    let header = files::open(records, "the records of a run", "").and_then(|file| {
        let mut line = String::new();
        let read = io::BufReader::new(file.take(LONGEST_HEADER)).read_line(&mut line);
        read.map(|_| line)
            .map_err(|e| Complaint::new(records, e.to_string()))
    });
    match header.map(|line| serde_json::from_str::<serde_json::Value>(&line)) {
        Ok(Ok(run)) if run["experiment"].is_string() => run["experiment"] == name,
        _ => true,
    }
}

impl RunFolder {
    /// A new folder below `runs`, with a copy of the experiment.
    pub(crate) fn create(runs: &Path, name: &str, experiment: &str) -> io::Result<Self> {
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
        let folder = Self { path };
        folder.copy(experiment)?;
        latest::point(runs, &folder.path)?;
        Ok(folder)
    }

    /// The folder below `runs` of what began at this time, with a copy of the experiment: one that is there and for which
    /// `is_ours`, else a new one.
    pub(crate) fn of(
        runs: &Path,
        (time, name): (&str, &str),
        experiment: &str,
        is_ours: impl Fn(&Self) -> bool,
    ) -> io::Result<Self> {
        let time = time
            .replace([':', '-'], "")
            .replace('T', "-")
            .replace('Z', "");
        let mut folder = Self::at(&runs.join(format!("{time}-{name}")));
        fs::create_dir_all(runs)?;
        for again in 2.. {
            match fs::create_dir(&folder.path) {
                Ok(()) => break,
                Err(e) if e.kind() != io::ErrorKind::AlreadyExists => return Err(e),
                Err(_) if is_ours(&folder) => break,
                Err(_) => folder.path = runs.join(format!("{time}-{name}-{again}")),
            }
        }
        folder.copy(experiment)?;
        latest::point(runs, &folder.path)?;
        Ok(folder)
    }

    /// Writes the copy of the experiment; it is there whole, or as it was before.
    pub(crate) fn copy(&self, experiment: &str) -> io::Result<()> {
        files::write_whole(&self.path.join("experiment.toml"), experiment.as_bytes())
    }

    /// One that is there.
    pub(crate) fn at(path: &Path) -> Self {
        Self {
            path: path.to_owned(),
        }
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
                // Digits, a hyphen, digits, the name, and maybe a hyphen and a number after it.
                let folder = path
                    .file_name()
                    .and_then(|n| n.to_str())
                    .unwrap_or_default();
                latest::after_time(folder).is_some_and(|rest| {
                    let again = |r: &str| {
                        let number = r.strip_prefix('-').unwrap_or_default();
                        !number.is_empty() && number.chars().all(|c| c.is_ascii_digit())
                    };
                    rest.strip_prefix(suffix.as_str())
                        .is_some_and(|r| r.is_empty() || again(r))
                })
            })
            .collect();
        found.sort();
        // `name-2` may be the second run of `name` in a second, or an experiment of that name.
        found
            .into_iter()
            .rev()
            .find(|path| is_of(&path.join(RECORDS), name))
            .map(|path| Self { path })
    }

    /// The folder.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Its records.
    pub(crate) fn records(&self) -> PathBuf {
        self.path.join(RECORDS)
    }

    /// What a process of a cell wrote to standard error; `index` is the cell's in the run.
    pub(crate) fn log(&self, index: usize, cell: &str, process: u32) -> io::Result<PathBuf> {
        let logs = self.path.join("logs");
        fs::create_dir_all(&logs)?;
        let name = file_name(index, cell);
        Ok(logs.join(match process {
            0 => format!("{name}.log"),
            // No cell's name as that of a file has a comma.
            process => format!("{name},process={process}.log"),
        }))
    }

    /// Where the files go that the task of a cell leaves; not made yet.
    pub(crate) fn artefacts(&self, index: usize, cell: &str) -> PathBuf {
        self.path.join("artefacts").join(file_name(index, cell))
    }

    /// Where what crosses is recorded of a cell; not made yet.
    pub(crate) fn traffic(&self, index: usize, cell: &str) -> PathBuf {
        let name = format!("{}.jsonl", file_name(index, cell));
        self.path.join("traffic").join(name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Makes folders of runs, the experiment's name in each, and looks for the newest of `chd`.
    #[track_caller]
    fn newest(folders: &[(&str, &str)], want: Option<&str>) {
        let runs = tempfile::tempdir().unwrap();
        for (folder, experiment) in folders {
            let path = runs.path().join(folder);
            fs::create_dir(&path).unwrap();
            let header = format!("{{\"kind\":\"run\",\"experiment\":\"{experiment}\"}}\n");
            fs::write(path.join(RECORDS), header).unwrap();
        }
        let found = RunFolder::newest(runs.path(), "chd");
        let found = found.map(|f| f.path.file_name().unwrap().to_string_lossy().into_owned());
        assert_eq!(found.as_deref(), want);
    }

    #[test]
    fn a_run_is_found_by_its_experiment() {
        newest(&[], None);
        newest(
            &[
                ("20260101-000000-chd", "chd"),
                ("20260102-000000-chd", "chd"),
            ],
            Some("20260102-000000-chd"),
        );
        newest(
            &[
                ("20260101-000000-chd", "chd"),
                ("20260101-000000-chd-2", "chd"),
            ],
            Some("20260101-000000-chd-2"),
        );
        // Neighbours in name.
        newest(
            &[
                ("20260101-000000-chd", "chd"),
                ("20260102-000000-chd2", "chd2"),
            ],
            Some("20260101-000000-chd"),
        );
        newest(
            &[
                ("20260101-000000-chd", "chd"),
                ("20260102-000000-chd-2", "chd-2"),
            ],
            Some("20260101-000000-chd"),
        );
        newest(
            &[
                ("20260102-000000-chdé", "x"),
                ("20260102-000000-my-chd", "my-chd"),
            ],
            None,
        );
    }

    #[test]
    fn logs_of_different_cells_are_different_files() {
        let runs = tempfile::tempdir().unwrap();
        let folder = RunFolder {
            path: runs.path().to_owned(),
        };
        let name = |index, cell: &str| {
            let path = folder.log(index, cell, 0).unwrap();
            fs::write(&path, "").unwrap();
            path.file_name().unwrap().to_string_lossy().into_owned()
        };
        assert_eq!(name(0, "paillier"), "paillier.log");
        let artefacts = folder.artefacts(1, "paillier/features=3");
        assert!(artefacts.ends_with("artefacts/paillier_features=3"));
        assert_eq!(name(1, "paillier/features=3"), "paillier_features=3.log");
        assert_ne!(name(2, "a b"), name(3, "a*b"));
        let second = folder.log(0, "paillier", 1).unwrap();
        assert!(second.ends_with("logs/paillier,process=1.log"));
        assert_ne!(name(4, "paillier,process=1"), "paillier,process=1.log");
        let long = "é".repeat(300);
        assert_ne!(name(4, &(long.clone() + "a")), name(5, &(long + "b")));
    }
}
