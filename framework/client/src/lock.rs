//! Locks that processes of this program hold against one another, each on a file of its own: whatever ends a process
//! gives them back.

use std::fs::{File, Metadata, OpenOptions, TryLockError};
use std::io::{self, ErrorKind};
use std::path::Path;
use std::process::Stdio;

/// A lock, held until this is dropped.
#[derive(Debug)]
pub struct Lock(
    // `None` on a file system that has no locks.
    Option<File>,
);

fn open(file: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.create(true).truncate(false).write(true);
    // A named pipe in its place would let this process wait for a reader.
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::custom_flags(&mut options, libc::O_NONBLOCK);
    let opened = options.open(file);
    let is_plain = |found: io::Result<Metadata>| found.is_ok_and(|found| found.is_file());
    match opened {
        Ok(opened) if is_plain(opened.metadata()) => Ok(opened),
        Err(e) if !file.exists() || is_plain(file.metadata()) => Err(e),
        _ => Err(io::Error::other(
            "found a folder, a named pipe or a device in the place of a lock, expected a plain file: remove it",
        )),
    }
}

impl Lock {
    /// Takes a lock; `None` where another process has it. A file system without locks, as one over a network may be, lets
    /// everybody have it.
    ///
    /// # Errors
    /// The file cannot be made.
    pub fn try_take(file: &Path) -> io::Result<Option<Self>> {
        Self::try_take_opened(open(file)?)
    }

    /// Likewise, on a file that is open.
    ///
    /// # Errors
    /// The system has no more locks.
    pub fn try_take_opened(opened: File) -> io::Result<Option<Self>> {
        match opened.try_lock() {
            Ok(()) => Ok(Some(Self(Some(opened)))),
            Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(e)) if has_none(&e) => Ok(Some(Self(None))),
            Err(TryLockError::Error(e)) => Err(e),
        }
    }

    /// Takes a lock, and waits for it; `waits` is called before it waits.
    ///
    /// # Errors
    /// The file cannot be made.
    pub fn wait(file: &Path, waits: impl FnOnce()) -> io::Result<Self> {
        if let Some(lock) = Self::try_take(file)? {
            return Ok(lock);
        }
        waits();
        let opened = open(file)?;
        match opened.lock() {
            Ok(()) => Ok(Self(Some(opened))),
            Err(e) if has_none(&e) => Ok(Self(None)),
            Err(e) => Err(e),
        }
    }

    /// The standard input of a program that is not to be outlived by this lock's end: it holds the lock, too, until it
    /// ends, whatever becomes of this process. Nothing can be read from it.
    ///
    /// # Errors
    /// This process may open no more files.
    pub fn as_input(&self) -> io::Result<Stdio> {
        match &self.0 {
            Some(file) => Ok(file.try_clone()?.into()),
            None => Ok(Stdio::null()),
        }
    }
}

/// Whether a file system that has no locks has said so (flock(2): `EOPNOTSUPP`, `ENOLCK`).
fn has_none(error: &io::Error) -> bool {
    #[cfg(unix)]
    if error.raw_os_error() == Some(libc::ENOLCK) {
        return true;
    }
    error.kind() == ErrorKind::Unsupported
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::channel;

    use super::*;

    #[test]
    fn one_has_it_and_the_other_waits() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("lock");
        let first = Lock::try_take(&file).unwrap().unwrap();
        assert!(Lock::try_take(&file).unwrap().is_none());
        let (sender, told) = channel();
        let waiting = {
            let file = file.clone();
            std::thread::spawn(move || Lock::wait(&file, || sender.send(()).unwrap()).map(drop))
        };
        told.recv().unwrap();
        drop(first);
        waiting.join().unwrap().unwrap();
        let again = Lock::wait(&file, || panic!("nobody has it")).unwrap();
        drop(again);
        assert!(Lock::try_take(&folder.path().join("no/lock")).is_err());
    }

    #[cfg(unix)]
    #[test]
    fn a_pipe_in_its_place_is_told_of() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("lock");
        let made = std::process::Command::new("mkfifo").arg(&file).status();
        assert!(made.unwrap().success());
        let error = Lock::try_take(&file).unwrap_err().to_string();
        assert!(error.contains("found a folder, a named pipe"), "{error}");
        assert!(Lock::wait(&file, || ()).is_err());
        assert!(Lock::try_take(folder.path()).is_err());
    }

    #[cfg(unix)]
    #[test]
    fn a_program_holds_it_on() {
        use std::process::Command;

        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("lock");
        let lock = Lock::try_take(&file).unwrap().unwrap();
        let sleeping = Command::new("sleep")
            .arg("600")
            .stdin(lock.as_input().unwrap())
            .spawn();
        let mut sleeping = sleeping.unwrap();
        drop(lock);
        assert!(Lock::try_take(&file).unwrap().is_none());
        sleeping.kill().unwrap();
        sleeping.wait().unwrap();
        assert!(Lock::try_take(&file).unwrap().is_some());
    }
}
