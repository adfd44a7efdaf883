//! Holding a client's folder for a step: one at a time, in whichever process, after what a killed one has begun was ended.

use std::time::{Duration, Instant};

use crate::error::ClientError;
use crate::folder::Folder;
use crate::held::Held;
use crate::keys;
use crate::stage::settle;

/// How long a step waits for another one before it refuses.
const WAITS: Duration = Duration::from_secs(2);

/// How often it looks meanwhile.
const LOOKS_AGAIN: Duration = Duration::from_millis(50);

impl Folder {
    /// Holds the folder, and ends what a step that was killed has begun in it. Another step that holds it is waited for, a
    /// short while.
    ///
    /// # Errors
    /// There is no such folder, it cannot be written, another process holds it, or what a killed step has left cannot be
    /// ended.
    pub fn hold(&self) -> Result<Held, ClientError> {
        let began = Instant::now();
        loop {
            if let Some(held) = self.try_hold()? {
                return Ok(held);
            }
            if began.elapsed() >= WAITS {
                let file = Held::file(self);
                return Err(ClientError::file(
                    self.path(),
                    "another `hexperiment client` works in this folder",
                    format!(
                        "wait until it has ended, or end it: the folder is free as soon as its process is gone (`fuser {}` \
                         shows which it is)",
                        file.display()
                    ),
                ));
            }
            std::thread::sleep(LOOKS_AGAIN);
        }
    }

    /// Likewise, at once; `None` where another process holds it.
    pub(crate) fn try_hold(&self) -> Result<Option<Held>, ClientError> {
        let Some(held) = Held::try_take(self)? else {
            return Ok(None);
        };
        keys::finish_interrupted(&held)?;
        settle(&held.upload())?;
        settle(&held.download())?;
        Ok(Some(held))
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn one_holds_a_folder_at_a_time() {
        let place = tempfile::tempdir().unwrap();
        let folder = Folder::new(place.path());
        let held = folder.hold().unwrap();
        assert!(folder.try_hold().unwrap().is_none());
        let refused = folder.hold().unwrap_err().to_string();
        assert!(
            refused.contains("another `hexperiment client` works"),
            "{refused}"
        );
        drop(held);
        assert!(folder.try_hold().unwrap().is_some());
        let none = Folder::new(place.path().join("no")).hold().unwrap_err();
        assert!(none.to_string().contains("there is no such folder"));
    }

    /// Who only looks leaves what a step writes, and ends what a killed one has left.
    #[test]
    fn looking_removes_nothing_that_is_being_written() {
        let place = tempfile::tempdir().unwrap();
        let folder = Folder::new(place.path());
        let partial = place.path().join("keys.partial");
        let held = folder.hold().unwrap();
        fs::create_dir(&partial).unwrap();
        assert!(keys::list(&folder).unwrap().is_empty());
        assert!(partial.exists());
        drop(held);
        assert!(keys::list(&folder).unwrap().is_empty());
        assert!(!partial.exists());
    }
}
