//! Folders that are written beside their place, and take it when all of them is on the disk.

use std::path::{Path, PathBuf};

use crate::error::ClientError;
use crate::folder::{private_file, private_folder, remove, rename};

/// A folder that is written beside its place, by a step that holds the client's folder.
pub(crate) struct Stage {
    place: PathBuf,
    staged: PathBuf,
}

impl Stage {
    /// Begins anew, whatever a step that was killed has left.
    pub(crate) fn begin(place: PathBuf) -> Result<Self, ClientError> {
        settle(&place)?;
        let staged = staged(&place);
        private_folder(&staged)?;
        Ok(Self { place, staged })
    }

    /// Writes a file.
    pub(crate) fn write(&self, name: &str, bytes: &[u8]) -> Result<(), ClientError> {
        private_file(&self.staged.join(name), bytes)
    }

    /// Moves all of it to its place. What was there is moved aside first, and goes last: a kill in between leaves both, and
    /// [`settle`] goes on.
    pub(crate) fn finish(self) -> Result<(), ClientError> {
        if self.place.exists() {
            rename(&self.place, &replaced(&self.place))?;
        }
        rename(&self.staged, &self.place)?;
        remove(&replaced(&self.place))
    }
}

/// Where a folder is written.
fn staged(place: &Path) -> PathBuf {
    beside(place, ".partial")
}

/// Where what it replaces is meanwhile.
fn replaced(place: &Path) -> PathBuf {
    beside(place, ".replaced")
}

fn beside(place: &Path, end: &str) -> PathBuf {
    let mut beside = place.to_owned().into_os_string();
    beside.push(end);
    PathBuf::from(beside)
}

/// Ends what a step that was killed had begun at this place: what is whole takes the place, what is not is removed.
pub(crate) fn settle(place: &Path) -> Result<(), ClientError> {
    let (staged, replaced) = (staged(place), replaced(place));
    if replaced.exists() && !place.exists() {
        // Cut off between two moves: the old folder was moved aside when the new one was whole.
        let next = if staged.exists() { &staged } else { &replaced };
        rename(next, place)?;
    }
    remove(&replaced)?;
    remove(&staged)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    /// What is at a place after a kill that left these folders, each with a file of its own name.
    #[track_caller]
    fn check(left: &[&str], expected: Option<&str>) {
        let folder = tempfile::tempdir().unwrap();
        for name in left {
            fs::create_dir(folder.path().join(name)).unwrap();
            fs::write(folder.path().join(name).join("from"), name).unwrap();
        }
        settle(&folder.path().join("place")).unwrap();
        let found = fs::read_to_string(folder.path().join("place/from")).ok();
        assert_eq!(found.as_deref(), expected);
        let count = fs::read_dir(folder.path()).unwrap().count();
        assert_eq!(count, usize::from(expected.is_some()));
    }

    #[test]
    fn a_kill_at_any_point_leaves_the_old_folder_or_the_new() {
        check(&[], None);
        check(&["place"], Some("place"));
        check(&["place.partial"], None);
        check(&["place", "place.partial"], Some("place"));
        check(&["place.replaced", "place.partial"], Some("place.partial"));
        check(&["place", "place.replaced"], Some("place"));
        check(&["place.replaced"], Some("place.replaced"));
    }

    #[test]
    fn a_folder_takes_the_place_of_another() {
        let folder = tempfile::tempdir().unwrap();
        let place = folder.path().join("place");
        for text in ["first", "second"] {
            let stage = Stage::begin(place.clone()).unwrap();
            stage.write("file", text.as_bytes()).unwrap();
            stage.finish().unwrap();
            assert_eq!(fs::read_to_string(place.join("file")).unwrap(), text);
            assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
        }
    }
}
