//! What a run left in its folder, as far as pages show it.

use std::fs;
use std::path::{Path, PathBuf};

use hexperiment_diagnostics::files;
use hexperiment_experiment::Expectation;
use hexperiment_experiment::record::{Run, file_name};
use hexperiment_experiment::summary::{Records, Row, read_records, rows};
use hexperiment_experiment::verdict::{Verdict, evaluate};
use serde_json::Value;

/// Folders of runs below a folder, the newest first.
pub(crate) fn runs(below: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(below)
        .into_iter()
        .flatten()
        .flatten()
        .map(|entry| entry.path());
    let mut found: Vec<PathBuf> = entries
        // `latest` leads to a run that is there anyway.
        .filter(|path| !path.is_symlink() && path.join("records.jsonl").is_file())
        .collect();
    found.sort();
    found.reverse();
    found
}

/// The name of a run's folder.
pub(crate) fn name(run: &Path) -> String {
    run.file_name()
        .unwrap_or_default()
        .to_string_lossy()
        .into_owned()
}

/// Files that tasks left, those of a name that is wanted.
pub(crate) fn artefacts(run: &Path, wanted: impl Fn(&str) -> bool) -> Vec<PathBuf> {
    let inside = |folder: &Path| -> Vec<PathBuf> {
        let mut entries: Vec<PathBuf> = fs::read_dir(folder)
            .into_iter()
            .flatten()
            .flatten()
            .map(|entry| entry.path())
            .collect();
        entries.sort();
        entries
    };
    let cells = inside(&run.join("artefacts"));
    let files = cells.iter().flat_map(|cell| inside(cell));
    files
        .filter(|file| {
            file.file_name()
                .and_then(|name| name.to_str())
                .is_some_and(&wanted)
        })
        .collect()
}

/// The files in which a run recorded what crossed, one for each cell.
pub(crate) fn traffic(run: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(run.join("traffic"))
        .into_iter()
        .flatten()
        .flatten();
    let mut files: Vec<PathBuf> = entries.map(|entry| entry.path()).collect();
    files.sort();
    files
}

/// The folder of a cell's files.
pub(crate) fn artefacts_of(run: &Path, index: usize, cell: &str) -> PathBuf {
    run.join("artefacts").join(file_name(index, cell))
}

/// A run that was read.
pub(crate) struct Read {
    pub(crate) folder: PathBuf,
    pub(crate) records: Records,
    pub(crate) rows: Vec<Row>,
    pub(crate) verdicts: Vec<Verdict>,
}

impl Read {
    /// Reads a run's records; what is wrong with them, in words.
    pub(crate) fn of(folder: &Path) -> Result<Self, String> {
        let records = read_records(&folder.join("records.jsonl")).map_err(|e| e.to_string())?;
        let rows = rows(&records);
        let verdicts = evaluate(&rows, &expectations(&records.run));
        Ok(Self {
            folder: folder.to_owned(),
            records,
            rows,
            verdicts,
        })
    }
}

/// What the run's experiment expected, of cells that it has.
fn expectations(run: &Run) -> Vec<Expectation> {
    let recorded = run.resolved.get("expect").cloned().unwrap_or_default();
    // Records of a version that wrote them otherwise have none to show.
    let mut all: Vec<Expectation> = serde_json::from_value(recorded).unwrap_or_default();
    all.retain(|e| e.label.is_none() || run.cells.iter().any(|cell| e.names(cell)));
    all
}

/// Whole lines of JSON that were added to a file since it was last looked at.
#[derive(Default)]
pub(crate) struct Tail {
    at: u64,
}

/// Bytes that are read at a time.
const MOST_READ: u64 = 1 << 22;

impl Tail {
    /// The lines behind those that were read, none where there is no file yet.
    pub(crate) fn lines(&mut self, file: &Path) -> Vec<Value> {
        use std::io::{Read as _, Seek as _, SeekFrom};
        let read = || -> Option<Vec<u8>> {
            let mut opened = files::open(file, "lines of JSON", "").ok()?;
            opened.seek(SeekFrom::Start(self.at)).ok()?;
            let mut bytes = Vec::new();
            opened.take(MOST_READ).read_to_end(&mut bytes).ok()?;
            Some(bytes)
        };
        let bytes = read().unwrap_or_default();
        let whole = bytes
            .iter()
            .rposition(|byte| *byte == b'\n')
            .map_or(0, |end| end + 1);
        self.at += whole as u64;
        let lines = bytes[..whole]
            .split(|byte| *byte == b'\n')
            .filter(|line| !line.is_empty());
        lines
            .filter_map(|line| serde_json::from_slice(line).ok())
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write as _;

    #[test]
    fn lines_are_told_once_they_are_whole() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("lines");
        let mut tail = Tail::default();
        assert!(tail.lines(&path).is_empty());
        let mut file = fs::File::create(&path).unwrap();
        write!(file, "{{\"a\":1}}\n{{\"a\"").unwrap();
        assert_eq!(tail.lines(&path), [serde_json::json!({ "a": 1 })]);
        assert!(tail.lines(&path).is_empty());
        writeln!(file, ":2}}").unwrap();
        assert_eq!(tail.lines(&path), [serde_json::json!({ "a": 2 })]);
    }
}
