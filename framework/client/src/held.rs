//! A folder of a client that one step alone may change.

use std::fs::OpenOptions;
use std::io;
use std::ops::Deref;
use std::path::{Path, PathBuf};

use crate::error::ClientError;
use crate::folder::Folder;
use crate::lock::Lock;

/// The file that is locked. It stays: one that was removed while another process opens it would be two.
const LOCK: &str = ".lock";

/// A folder that this value alone may change, until it is dropped or its process ends, whatever ends it.
#[derive(Debug)]
pub struct Held {
    folder: Folder,
    _lock: Lock,
}

impl Deref for Held {
    type Target = Folder;

    fn deref(&self) -> &Folder {
        &self.folder
    }
}

impl Held {
    /// The file that is locked while a folder is held.
    pub(crate) fn file(folder: &Folder) -> PathBuf {
        folder.path().join(LOCK)
    }

    /// Holds a folder as it is; `None` where another process holds it.
    pub(crate) fn try_take(folder: &Folder) -> Result<Option<Self>, ClientError> {
        let file = Self::file(folder);
        let lock = try_take(&file).map_err(|e| match e.kind() {
            io::ErrorKind::NotFound => ClientError::file(
                folder.path(),
                "not found: there is no such folder of a client",
                "begin one by `client init`, or name another by `--folder`",
            ),
            _ => ClientError::unwritable(&file, &e),
        })?;
        Ok(lock.map(|lock| Self {
            folder: folder.clone(),
            _lock: lock,
        }))
    }
}

/// Takes the lock on a file of the owner's alone.
fn try_take(file: &Path) -> io::Result<Option<Lock>> {
    let mut options = OpenOptions::new();
    // For reading, too: a pipe that stands there does not block then.
    options.create(true).truncate(false).read(true).write(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    Lock::try_take_opened(options.open(file)?)
}
