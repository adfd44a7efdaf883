//! The checkout, and cargo in it.

use std::env;
use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::{Failure, environment};

/// The checkout that this program was built from.
pub(crate) struct Repository {
    pub(crate) root: PathBuf,
    /// Where the user is.
    pub(crate) here: PathBuf,
}

impl Repository {
    /// Finds it.
    pub(crate) fn find() -> Result<Self, Failure> {
        // Cargo sets the variable at run time too, which is right even if the folder has moved.
        let package = env::var_os("CARGO_MANIFEST_DIR")
            .map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")), PathBuf::from);
        let root = package
            .parent()
            .filter(|root| root.join("Cargo.lock").is_file());
        let root = root.ok_or_else(|| {
            Failure::new(format!("{} is not in the repository", package.display()))
                .help("start it as `cargo xtask`, anywhere in the repository")
        })?;
        let here = env::current_dir()
            .map_err(|e| Failure::new(format!("the current folder cannot be read: {e}")))?;
        Ok(Self {
            root: root.to_owned(),
            here,
        })
    }

    /// A path in the repository as seen from where the user is: short if that is its root.
    pub(crate) fn shown(&self, path: &str) -> PathBuf {
        if self.here == self.root {
            PathBuf::from(path)
        } else {
            self.root.join(path)
        }
    }

    /// Cargo, in the root, with the data folder as children in other folders need it, and
    /// without what the cargo around this program has set.
    pub(crate) fn cargo(&self) -> Command {
        let mut command = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
        environment::restore(&mut command);
        command.current_dir(&self.root);
        self.pass_places(&mut command);
        command
    }

    /// Gives `HEXPERIMENT_DATA` and `HEXPERIMENT_PLUGINS` to a command as absolute paths.
    pub(crate) fn pass_places(&self, command: &mut Command) {
        if let Some(folder) = data_folder() {
            command.env("HEXPERIMENT_DATA", absolute(&self.here, &folder));
        }
        if let Some(list) = env::var_os("HEXPERIMENT_PLUGINS") {
            let plugins = env::split_paths(&list)
                .filter(|path| !path.as_os_str().is_empty())
                .map(|path| self.here.join(path));
            // What cannot be joined again stays as it is, and the runner names it.
            if let Ok(list) = env::join_paths(plugins) {
                command.env("HEXPERIMENT_PLUGINS", list);
            }
        }
    }
}

/// `HEXPERIMENT_DATA`, if set and not empty.
pub(crate) fn data_folder() -> Option<OsString> {
    env::var_os("HEXPERIMENT_DATA").filter(|folder| !folder.is_empty())
}

fn absolute(here: &Path, folder: &OsStr) -> PathBuf {
    here.join(folder)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check_shown(here: &str, expected: &str) {
        let repository = Repository {
            root: "/repo".into(),
            here: here.into(),
        };
        assert_eq!(repository.shown("runs"), Path::new(expected));
    }

    #[test]
    fn paths_are_short_at_the_root() {
        check_shown("/repo", "runs");
        check_shown("/repo/experiments", "/repo/runs");
    }

    #[test]
    fn data_folders_are_absolute() {
        assert_eq!(
            absolute(Path::new("/a"), OsStr::new("b")),
            Path::new("/a/b")
        );
        assert_eq!(absolute(Path::new("/a"), OsStr::new("/b")), Path::new("/b"));
    }
}
