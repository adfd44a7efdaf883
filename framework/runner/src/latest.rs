//! `runs/latest`: a link to the newest run. What stands there and is no such link is somebody's
//! own, and stays.

use std::fs;
use std::io;
use std::path::{Component, Path, PathBuf};

/// What a folder of runs calls its newest.
const NAME: &str = "latest";

/// The link in a folder of runs.
pub(crate) fn link(runs: &Path) -> PathBuf {
    runs.join(NAME)
}

/// What follows the time in the name of a run's folder, as in `20260504-090807-chd`; `None` for
/// other names.
pub(crate) fn after_time(folder: &str) -> Option<&str> {
    let (time, rest) = folder.split_at_checked(15)?;
    let is_time = time.bytes().enumerate().all(|(i, b)| match i {
        8 => b == b'-',
        _ => b.is_ascii_digit(),
    });
    is_time.then_some(rest)
}

/// Whether `runs/latest` can be made to point elsewhere: it is a link of ours, or not there.
/// The error names what stands there instead.
pub(crate) fn check(runs: &Path) -> Result<(), String> {
    let latest = link(runs);
    let found = match fs::symlink_metadata(&latest) {
        // Where the folder of runs cannot be read at all, making a run in it says so.
        Err(_) => return Ok(()),
        Ok(_) if is_ours(&latest) => return Ok(()),
        Ok(found) if found.is_dir() => "a folder".to_owned(),
        Ok(found) if found.is_file() => "a file".to_owned(),
        Ok(found) if found.is_symlink() => match fs::read_link(&latest) {
            Ok(target) => format!("a link to {}", target.display()),
            Err(e) => format!("a link that cannot be read ({e})"),
        },
        Ok(_) => "something that is neither file nor folder".to_owned(),
    };
    Err(format!(
        "{}: found {found}, expected a link to the newest run of this folder, or nothing\n  help: \
         it is not of this program's making, and stays as it is: move it away, or name another \
         folder of runs by `--runs`",
        latest.display()
    ))
}

/// Points `runs/latest` to the run in `folder`, by a rename, so that it always points somewhere.
pub(crate) fn point(runs: &Path, folder: &Path) -> io::Result<()> {
    let beside = make_beside(runs, folder)?;
    let moved = check(runs)
        .map_err(io::Error::other)
        .and_then(|()| fs::rename(&beside, link(runs)));
    if moved.is_err() {
        // What matters is the first error.
        let _ = fs::remove_file(&beside);
    }
    moved
}

/// A link of ours leads to a neighbour that has the name of a run.
#[cfg(unix)]
fn is_ours(latest: &Path) -> bool {
    fs::read_link(latest).is_ok_and(|target| {
        let mut components = target.components();
        let one = (components.next(), components.next());
        matches!(one, (Some(Component::Normal(name)), None)
            if name.to_str().is_some_and(|name| after_time(name).is_some()))
    })
}

#[cfg(not(unix))]
fn is_ours(latest: &Path) -> bool {
    let Ok(target) = fs::read_to_string(latest).map(PathBuf::from) else {
        return false;
    };
    let name = target.file_name().and_then(|name| name.to_str());
    matches!(target.components().next_back(), Some(Component::Normal(_)))
        && target.parent() == latest.parent()
        && name.is_some_and(|name| after_time(name).is_some())
}

/// Makes the link under a name that nothing has.
fn make_beside(runs: &Path, folder: &Path) -> io::Result<PathBuf> {
    let process = std::process::id();
    for number in 0_u32.. {
        let beside = runs.join(format!(".{NAME}-{process}-{number}"));
        match make(&beside, folder) {
            Ok(()) => return Ok(beside),
            Err(e) if e.kind() == io::ErrorKind::AlreadyExists => {}
            Err(e) => return Err(e),
        }
    }
    Err(io::ErrorKind::AlreadyExists.into())
}

#[cfg(unix)]
fn make(link: &Path, folder: &Path) -> io::Result<()> {
    std::os::unix::fs::symlink(folder.file_name().unwrap_or_default(), link)
}

#[cfg(not(unix))]
fn make(link: &Path, folder: &Path) -> io::Result<()> {
    use std::io::Write as _;
    let mut file = fs::File::create_new(link)?;
    file.write_all(folder.display().to_string().as_bytes())
}

#[cfg(test)]
#[cfg(unix)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

    const RUN: &str = "20260504-090807-chd";

    /// Puts something at `latest` in a folder of runs; whether it is taken for a link of ours,
    /// replaced then, and left alone otherwise.
    #[track_caller]
    fn check_found(put: impl Fn(&Path), expect: Result<(), &str>) {
        let runs = tempfile::tempdir().unwrap();
        let latest = link(runs.path());
        put(&latest);
        let before =
            fs::symlink_metadata(&latest).map(|m| (m.file_type(), m.len(), m.modified().ok()));
        let pointed = point(runs.path(), &runs.path().join(RUN));
        match (check(runs.path()), expect) {
            (Ok(()), Ok(())) => {
                pointed.unwrap();
                assert_eq!(fs::read_link(&latest).unwrap(), Path::new(RUN));
            }
            (Err(found), Err(want)) => {
                pointed.unwrap_err();
                let named = found.starts_with(&format!("{}: found {want}", latest.display()));
                assert!(named && found.contains("\n  help: "), "{found}");
                let after = fs::symlink_metadata(&latest).unwrap();
                let after = (after.file_type(), after.len(), after.modified().ok());
                assert_eq!(after, before.unwrap(), "it was touched");
            }
            (found, want) => panic!("found {found:?}, want {want:?}"),
        }
        let left = fs::read_dir(runs.path()).unwrap().count();
        assert_eq!(left, 1, "something is left beside");
    }

    #[test]
    fn only_links_of_ours_are_replaced() {
        check_found(|_| {}, Ok(()));
        check_found(|at| symlink("20260101-000000-wine", at).unwrap(), Ok(()));
        check_found(|at| fs::write(at, "my notes").unwrap(), Err("a file"));
        check_found(|at| fs::create_dir(at).unwrap(), Err("a folder"));
        for mine in [
            "/etc",
            "../20260101-000000-wine",
            "notes",
            "20260101-00000-x",
            "..",
        ] {
            let words = format!("a link to {mine}");
            check_found(|at| symlink(mine, at).unwrap(), Err(&words));
        }
    }

    #[test]
    fn a_file_that_is_called_as_the_link_beside_stays() {
        let runs = tempfile::tempdir().unwrap();
        let mine = runs
            .path()
            .join(format!(".{NAME}-{}-0", std::process::id()));
        fs::write(&mine, "mine").unwrap();
        point(runs.path(), &runs.path().join(RUN)).unwrap();
        assert_eq!(fs::read_to_string(mine).unwrap(), "mine");
        assert_eq!(fs::read_link(link(runs.path())).unwrap(), Path::new(RUN));
    }
}
