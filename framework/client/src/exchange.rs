//! What crosses between client and server, as files: a manifest, and a file for each input or output of each
//! batch. The names of files follow from their places, and are not read from the manifest.

use std::path::{Path, PathBuf};

use hexperiment_diagnostics::files::{self, Kind};
use serde::{Deserialize, Serialize};

use crate::circuit::BoundCircuit;
use crate::error::ClientError;
use crate::folder::{FORMAT, held_format, json, read_json, sha256};
use crate::stage::Stage;

/// Batches at most: a manifest has a line or two for each.
const MOST_BATCHES: usize = 50_000;

/// Which way ciphertexts go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Way {
    Up,
    Down,
}

impl Way {
    pub(crate) fn manifest(self) -> &'static str {
        match self {
            Self::Up => "queries.json",
            Self::Down => "results.json",
        }
    }

    fn file(self, batch: usize, index: usize) -> String {
        let what = match self {
            Self::Up => "input",
            Self::Down => "output",
        };
        format!("{batch:06}-{what}-{index}.bin")
    }

    /// What is wrong where nothing was exchanged yet, and what to do.
    fn first(self) -> (&'static str, &'static str) {
        match self {
            Self::Up => (
                "not found: no rows were encrypted in this folder yet",
                "encrypt some by `client encrypt FILE.csv`, or copy the folder from whoever did",
            ),
            Self::Down => (
                "not found: nothing was evaluated in this folder yet",
                "evaluate by `client evaluate`, or fetch from a service by `client fetch`, or copy the folder from \
                 whoever evaluated",
            ),
        }
    }

    fn help(self) -> &'static str {
        match self {
            Self::Up => "encrypt the rows again, by `client encrypt`",
            Self::Down => {
                "evaluate again, by `client evaluate`, or fetch the results again, by `client fetch`"
            }
        }
    }
}

/// A file of ciphertexts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FileEntry {
    /// Its length.
    pub bytes: u64,
    /// SHA-256 of it.
    pub sha256: String,
}

/// Rows that are answered together.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Batch {
    /// How many there are; what is left of the circuit's rows is padding.
    pub rows: u64,
    /// A file for each input, or output.
    pub files: Vec<FileEntry>,
}

/// The manifest of a folder of ciphertexts: `queries.json` or `results.json`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Exchange {
    pub(crate) format: u32,
    /// The digest of the circuit.
    pub circuit: String,
    /// The key that they are under.
    pub key: String,
    /// A name drawn when the rows were encrypted, by which results are known to be theirs.
    pub query: String,
    /// The batches, in order of the rows.
    pub batches: Vec<Batch>,
}

impl Exchange {
    /// One without batches.
    pub(crate) fn new(circuit: &str, key: &str, query: &str) -> Self {
        Self {
            format: FORMAT,
            circuit: circuit.into(),
            key: key.into(),
            query: query.into(),
            batches: vec![],
        }
    }

    /// Rows of all batches.
    pub fn rows(&self) -> u64 {
        self.batches.iter().map(|batch| batch.rows).sum()
    }

    /// Bytes of all files.
    pub fn bytes(&self) -> u64 {
        let files = self.batches.iter().flat_map(|batch| &batch.files);
        files.map(|file| file.bytes).sum()
    }

    /// Reads the manifest of a folder, and holds it against the circuit.
    pub(crate) fn open(
        folder: PathBuf,
        way: Way,
        bound: &BoundCircuit,
    ) -> Result<Received, ClientError> {
        let file = folder.join(way.manifest());
        if !file.exists() {
            let (problem, help) = way.first();
            return Err(ClientError::file(&file, problem, help));
        }
        let read: Self = read_json(&file, way.help())?;
        held_format(&file, read.format)?;
        let bad = |problem: String| Err(ClientError::file(&file, problem, way.help()));
        if read.circuit != bound.digest() {
            return bad(format!(
                "is of circuit {:.16}, expected {:.16}, which `circuit.json` states",
                read.circuit,
                bound.digest()
            ));
        }
        let count = read.batches.len();
        if !(1..=MOST_BATCHES).contains(&count) {
            return bad(format!(
                "found {count} batches, expected 1 to {MOST_BATCHES}"
            ));
        }
        let program = bound.lowered.program();
        let sizes = bound.circuit.sizes();
        let (expected, sizes) = match way {
            Way::Up => (program.inputs().len(), sizes.map(|s| s.inputs)),
            Way::Down => (program.outputs().len(), sizes.map(|s| s.outputs)),
        };
        for (number, batch) in read.batches.iter().enumerate() {
            let last = number + 1 == count;
            let rows = bound.rows() as u64;
            if batch.rows == 0 || batch.rows > rows || (!last && batch.rows < rows) {
                let found = batch.rows;
                return bad(format!(
                    "batch {number}: found {found} rows, expected {rows}, or fewer in the last batch"
                ));
            }
            let found = batch.files.len();
            if found != expected {
                return bad(format!(
                    "batch {number}: found {found} files, expected {expected}"
                ));
            }
            for (index, file) in batch.files.iter().enumerate() {
                if let Some(sizes) = &sizes
                    && sizes.get(index) != Some(&file.bytes)
                {
                    return bad(format!(
                        "batch {number}, file {index}: found {} bytes, expected {} for this circuit",
                        file.bytes,
                        sizes.get(index).copied().unwrap_or_default()
                    ));
                }
            }
        }
        Ok(Received {
            folder,
            way,
            manifest: read,
        })
    }
}

/// A folder of ciphertexts whose manifest was read.
pub(crate) struct Received {
    folder: PathBuf,
    way: Way,
    pub(crate) manifest: Exchange,
}

impl Received {
    /// The file of one input or output of a batch, held against the manifest.
    pub(crate) fn read(&self, batch: usize, index: usize) -> Result<Vec<u8>, ClientError> {
        let path = self.folder.join(self.way.file(batch, index));
        let entry = &self.manifest.batches[batch].files[index];
        read_entry(&path, entry, files::CIPHERTEXTS, self.way.help())
    }

    /// Where the manifest is.
    pub(crate) fn place(&self) -> PathBuf {
        self.folder.join(self.way.manifest())
    }
}

/// A folder of ciphertexts that is written.
pub(crate) struct Sent {
    stage: Stage,
    way: Way,
    manifest: Exchange,
}

impl Sent {
    pub(crate) fn begin(
        folder: PathBuf,
        way: Way,
        manifest: Exchange,
    ) -> Result<Self, ClientError> {
        Ok(Self {
            stage: Stage::begin(folder)?,
            way,
            manifest,
        })
    }

    /// Writes the next batch.
    pub(crate) fn add(&mut self, rows: u64, contents: &[Vec<u8>]) -> Result<(), ClientError> {
        let batch = self.manifest.batches.len();
        for (index, bytes) in contents.iter().enumerate() {
            self.stage.write(&self.way.file(batch, index), bytes)?;
        }
        let files = contents.iter().map(|bytes| entry(bytes)).collect();
        self.manifest.batches.push(Batch { rows, files });
        Ok(())
    }

    /// Writes the manifest, and moves everything to its place.
    pub(crate) fn finish(self) -> Result<Exchange, ClientError> {
        let name = self.way.manifest();
        let text = json(Path::new(name), &self.manifest)?;
        self.stage.write(name, &text)?;
        self.stage.finish()?;
        Ok(self.manifest)
    }
}

/// How many rows there may be, so that manifests stay readable.
pub(crate) fn most_rows(of_a_batch: usize) -> usize {
    MOST_BATCHES.saturating_mul(of_a_batch)
}

/// What a manifest says of a file.
pub(crate) fn entry(bytes: &[u8]) -> FileEntry {
    FileEntry {
        bytes: bytes.len() as u64,
        sha256: sha256(bytes),
    }
}

/// Reads a file of a known length and digest.
pub(crate) fn read_entry(
    path: &Path,
    entry: &FileEntry,
    kind: Kind,
    help: &str,
) -> Result<Vec<u8>, ClientError> {
    let length = files::length(path, kind, help)?;
    if length != entry.bytes {
        let expected = entry.bytes;
        let problem = format!("found {length} bytes, expected {expected}");
        return Err(ClientError::file(path, problem, help));
    }
    let bytes = files::read(path, kind, help)?;
    if sha256(&bytes) != entry.sha256 {
        return Err(ClientError::file(
            path,
            "has another SHA-256 than its manifest says: it was altered",
            help,
        ));
    }
    Ok(bytes)
}
