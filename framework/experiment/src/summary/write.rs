//! Writing records so that a killed run loses none that it has finished.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};

use super::intact;
use crate::record::Line;
use hexperiment_diagnostics::Complaint;

/// Appends to a file of records, each line synced to the disk before the call returns.
#[derive(Debug)]
pub struct RecordWriter {
    file: File,
    path: PathBuf,
    /// Bytes of whole lines.
    length: u64,
    /// What to do where a record cannot be written.
    help: &'static str,
}

impl RecordWriter {
    /// Opens a file of records, or makes one. What a killed run left of a torn last line is cut
    /// off. Fails if the file cannot be written, or another run is writing it.
    ///
    /// # Errors
    /// Besides: what is there cannot be read, a torn line cannot be cut off, or the folder of a new
    /// file cannot be synced.
    pub fn open(path: &Path) -> Result<Self, Complaint> {
        let fail = |e: io::Error| Complaint::new(path, format!("cannot be written: {e}"));
        let is_new = !path.exists();
        let mut file = OpenOptions::new()
            .read(true)
            .append(true)
            .create(true)
            .open(path)
            .map_err(fail)?;
        // A file system without locks is no reason to refuse.
        if let Err(TryLockError::WouldBlock) = file.try_lock() {
            return Err(Complaint::new(path, "another run is writing this file")
                .help("wait for that run to end, or end it"));
        }
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes).map_err(fail)?;
        let whole = intact(&bytes);
        if whole < bytes.len() {
            file.set_len(whole as u64).map_err(fail)?;
        }
        let mut writer = Self {
            file,
            path: path.to_owned(),
            length: whole as u64,
            help: "is the disk full? once it is not, `--resume` goes on from the last record",
        };
        if bytes[..whole].last().is_some_and(|b| *b != b'\n') {
            writer.write(b"\n").map_err(fail)?;
        }
        if is_new {
            sync_folder(path).map_err(fail)?;
        }
        Ok(writer)
    }

    /// The same, with other words on what to do where a record cannot be written.
    #[must_use]
    pub fn with_help(self, help: &'static str) -> Self {
        Self { help, ..self }
    }

    /// Writes one line and waits until it is on the disk.
    ///
    /// # Errors
    /// The line cannot be written or synced; what was written of it is taken back where that is
    /// possible.
    pub fn append(&mut self, line: &Line) -> Result<(), Complaint> {
        let result = serde_json::to_vec(line)
            .map_err(io::Error::other)
            .and_then(|mut bytes| {
                bytes.push(b'\n');
                self.write(&bytes)
            });
        result.map_err(|e| {
            Complaint::new(&self.path, format!("a record cannot be written: {e}")).help(self.help)
        })
    }

    /// Writes and syncs; what was written by half is taken back, so that no torn line is ever
    /// followed by another.
    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        let result = self
            .file
            .write_all(bytes)
            .and_then(|()| self.file.sync_data());
        match result {
            Ok(()) => self.length += bytes.len() as u64,
            // If even this fails, the error that matters is the first.
            Err(_) => drop(self.file.set_len(self.length)),
        }
        result
    }
}

/// Makes a new file's name last, not only its content.
#[cfg(unix)]
fn sync_folder(path: &Path) -> io::Result<()> {
    let folder = path.parent().filter(|p| !p.as_os_str().is_empty());
    File::open(folder.unwrap_or(Path::new(".")))?.sync_all()
}

#[cfg(not(unix))]
fn sync_folder(_: &Path) -> io::Result<()> {
    Ok(())
}
