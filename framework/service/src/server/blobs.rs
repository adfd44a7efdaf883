//! Programs, keys and ciphertexts as files, each written beside the others first, synced, then renamed:
//! a file with its name is whole. Rows in `store` say whose they are; a file without a row is deleted when the
//! service starts.

use std::collections::HashSet;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use sha2::{Digest as _, Sha256};

use super::store::Table;
use crate::token::hex;

/// Where files are written before they are whole.
const INCOMING: &str = "incoming";

/// The folders of files.
pub(crate) struct Blobs {
    folder: PathBuf,
}

impl Blobs {
    /// Those in this folder; what was written by half is deleted.
    pub(crate) fn open(folder: &Path) -> io::Result<Self> {
        let blobs = Self {
            folder: folder.to_owned(),
        };
        for table in [Table::Programs, Table::Keys, Table::Ciphertexts] {
            private_folder(&blobs.of(table))?;
        }
        let incoming = folder.join(INCOMING);
        private_folder(&incoming)?;
        for entry in fs::read_dir(incoming)? {
            fs::remove_file(entry?.path())?;
        }
        Ok(blobs)
    }

    fn of(&self, table: Table) -> PathBuf {
        self.folder.join(match table {
            Table::Programs => "programs",
            Table::Keys => "keys",
            Table::Ciphertexts => "ciphertexts",
        })
    }

    /// The file of this name.
    pub(crate) fn path(&self, table: Table, id: &str) -> PathBuf {
        self.of(table).join(id)
    }

    /// A file to be written, which is deleted unless it is kept.
    pub(crate) fn incoming(&self, id: &str) -> Incoming {
        Incoming {
            path: self.folder.join(INCOMING).join(id),
        }
    }

    /// Gives a file its place, for good: its bytes were synced.
    pub(crate) fn keep(&self, incoming: Incoming, table: Table, id: &str) -> io::Result<()> {
        fs::rename(&incoming.path, self.path(table, id))?;
        File::open(self.of(table))?.sync_all()
    }

    /// Deletes a file, if it is there.
    pub(crate) fn remove(&self, table: Table, id: &str) {
        // One that stays is deleted when the service starts again.
        let _ = fs::remove_file(self.path(table, id));
    }

    /// Deletes all files but these.
    pub(crate) fn sweep(&self, table: Table, known: &HashSet<String>) -> io::Result<()> {
        for entry in fs::read_dir(self.of(table))? {
            let entry = entry?;
            if !known.contains(entry.file_name().to_string_lossy().as_ref()) {
                fs::remove_file(entry.path())?;
            }
        }
        Ok(())
    }
}

/// A file that is being written. Dropping it deletes what is there.
pub(crate) struct Incoming {
    pub(crate) path: PathBuf,
}

impl Drop for Incoming {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.path);
    }
}

/// A file that is hashed while it is written.
pub(crate) struct Hashed {
    file: File,
    hash: Sha256,
}

impl Hashed {
    /// A new file.
    pub(crate) fn create(path: &Path) -> io::Result<Self> {
        Ok(Self {
            file: File::create_new(path)?,
            hash: Sha256::new(),
        })
    }

    /// Syncs it; SHA-256 of what it holds, in hexadecimal digits.
    pub(crate) fn finish(self) -> io::Result<String> {
        self.file.sync_all()?;
        Ok(hex(&self.hash.finalize()))
    }
}

impl io::Write for Hashed {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let count = self.file.write(bytes)?;
        self.hash.update(&bytes[..count]);
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

/// Makes a folder that only its owner may look into.
pub(crate) fn private_folder(folder: &Path) -> io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.recursive(true).create(folder)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_kept_is_gone() {
        let folder = tempfile::tempdir().unwrap();
        let blobs = Blobs::open(folder.path()).unwrap();
        for id in ["a", "b", "c"] {
            let incoming = blobs.incoming(id);
            fs::write(&incoming.path, id).unwrap();
            if id != "c" {
                blobs.keep(incoming, Table::Keys, id).unwrap();
            }
        }
        let count = |folder: &str| fs::read_dir(blobs.folder.join(folder)).unwrap().count();
        assert_eq!((count("keys"), count(INCOMING)), (2, 0));
        fs::write(blobs.incoming("d").path.clone(), "half").unwrap();
        let blobs = Blobs::open(folder.path()).unwrap();
        assert_eq!(
            fs::read_dir(folder.path().join(INCOMING)).unwrap().count(),
            0
        );
        blobs
            .sweep(Table::Keys, &HashSet::from(["b".to_owned()]))
            .unwrap();
        assert!(!blobs.path(Table::Keys, "a").exists());
        assert_eq!(fs::read(blobs.path(Table::Keys, "b")).unwrap(), b"b");
        blobs.remove(Table::Keys, "b");
        assert!(!blobs.path(Table::Keys, "b").exists());
    }
}
