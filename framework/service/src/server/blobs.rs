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

/// Makes the folder of the service, that only its owner may look into. One that was there loses the others' rights where
/// it is empty or of a service; one with other files is left as it is, and what is wrong with it is told.
#[cfg(unix)]
pub(crate) fn state_folder(folder: &Path) -> io::Result<Option<String>> {
    use std::os::unix::fs::PermissionsExt as _;
    private_folder(folder)?;
    let mode = folder.metadata()?.permissions().mode() & 0o777;
    if mode & 0o077 == 0 {
        return Ok(None);
    }
    let is_ours =
        folder.join(super::state::STATE).exists() || fs::read_dir(folder)?.next().is_none();
    if is_ours {
        fs::set_permissions(folder, fs::Permissions::from_mode(0o700))?;
        return Ok(None);
    }
    Ok(Some(format!(
        "{}: found permissions {mode:04o} and files of others, expected a folder of the service's own: take the others' \
         rights away, by `chmod 700`, or name another folder by `--state`",
        folder.display()
    )))
}

#[cfg(not(unix))]
pub(crate) fn state_folder(folder: &Path) -> io::Result<Option<String>> {
    private_folder(folder).map(|()| None)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[cfg(unix)]
    fn a_folder_that_was_there_is_its_owners_alone() {
        use std::os::unix::fs::PermissionsExt as _;
        let folder = tempfile::tempdir().unwrap();
        let mode = |folder: &Path| folder.metadata().unwrap().permissions().mode() & 0o777;
        let open = |name: &str, file: Option<&str>| {
            let path = folder.path().join(name);
            fs::create_dir(&path).unwrap();
            if let Some(file) = file {
                fs::write(path.join(file), "").unwrap();
            }
            fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
            path
        };
        for path in [open("empty", None), open("ours", Some("state.sqlite"))] {
            assert_eq!(state_folder(&path).unwrap(), None);
            assert_eq!(mode(&path), 0o700);
        }
        let others = open("others", Some("letter.txt"));
        let told = state_folder(&others).unwrap().unwrap();
        assert!(
            told.contains("found permissions 0755") && told.contains("chmod 700"),
            "{told}"
        );
        assert_eq!(mode(&others), 0o755);
    }

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
