//! Files that a user names.
//!
//! Whatever a path leads to, reading it ends: a named pipe would block until somebody writes, a
//! device such as `/dev/zero` has no end, and a file may be larger than the memory.

use std::fs::{File, FileType, Metadata, OpenOptions};
use std::io::{BufReader, Read as _, Take, Write as _};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};

use super::{Complaint, printable, units};

/// The environment variable that raises the limits of all kinds of file, as in `4GiB`.
pub const LIMIT: &str = "HEXPERIMENT_MAX_FILE_SIZE";

/// What a file is to hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Kind {
    /// As complaints call it: "a text file".
    expected: &'static str,
    /// The most bytes, unless [`LIMIT`] says more.
    most_bytes: u64,
}

/// Experiments, manifests.
pub const TEXT: Kind = Kind {
    expected: "a text file",
    most_bytes: 16 << 20,
};

/// A saved model.
pub const MODEL: Kind = Kind {
    expected: "a model.json",
    most_bytes: 16 << 20,
};

/// Tables of data.
pub const VALUES: Kind = Kind {
    expected: "a file of values",
    most_bytes: 1 << 30,
};

/// Records of a run: a million of them have some gibibytes.
pub const RECORDS: Kind = Kind {
    expected: "the records of a run",
    most_bytes: 8 << 30,
};

/// The plan of cells that are run on other machines.
pub const PLAN: Kind = Kind {
    expected: "a plan of cells",
    most_bytes: 1 << 28,
};

/// A table of what operations take.
pub const CALIBRATION: Kind = Kind {
    expected: "a table of `calibrate`",
    most_bytes: 64 << 20,
};

/// Evaluation keys of a client.
pub const KEYS: Kind = Kind {
    expected: "keys",
    most_bytes: 8 << 30,
};

/// Ciphertexts of a client.
pub const CIPHERTEXTS: Kind = Kind {
    expected: "ciphertexts",
    most_bytes: 8 << 30,
};

/// A client's secret key, encrypted or not.
pub const SECRET_KEY: Kind = Kind {
    expected: "a secret key",
    most_bytes: 64 << 20,
};

/// A passphrase, or a token.
pub const PASSPHRASE: Kind = Kind {
    expected: "a passphrase or a token",
    most_bytes: 4096,
};

/// Opens a regular file for reading, and nothing else; `expected` says what it is to hold, `help`
/// what to do where it cannot be opened.
///
/// # Errors
/// There is no file, it may not be opened, or it is a folder, a pipe, a device or a socket.
pub fn open(file: &Path, expected: &str, help: &str) -> Result<File, Complaint> {
    let fail = |found: &dyn std::fmt::Display| {
        let problem = format!("cannot be read: {found}; expected {expected}");
        Complaint::new(file, problem).help(help)
    };
    let regular = |found: std::io::Result<Metadata>| {
        let found = found.map_err(|e| fail(&e))?;
        if found.is_file() {
            return Ok(());
        }
        Err(fail(&format!("found {}", name_of(found.file_type()))))
    };
    // Before it is opened, as opening alone may do something to a device; and after, as there may
    // be another file by now.
    regular(std::fs::metadata(file))?;
    let opened = without_waiting().open(file).map_err(|e| fail(&e))?;
    regular(opened.metadata())?;
    Ok(opened)
}

/// The bytes of a regular file of a size that is allowed.
///
/// # Errors
/// As [`open`]; and where the file is larger than its kind or [`LIMIT`] allows, reading fails,
/// memory does not suffice, or [`LIMIT`] is no size.
pub fn read(file: &Path, kind: Kind, help: &str) -> Result<Vec<u8>, Complaint> {
    let most = most_bytes(kind)?;
    let opened = open(file, kind.expected, help)?;
    let length = opened.metadata().map_or(0, |found| found.len());
    if length > most {
        return Err(too_large(file, &length.to_string(), length, most));
    }
    let mut bytes = Vec::new();
    let room = bytes.try_reserve_exact(length as usize);
    let read = room.map_err(std::io::Error::other).and_then(|()| {
        // One more than allowed tells that there is more.
        opened.take(most.saturating_add(1)).read_to_end(&mut bytes)
    });
    read.map_err(|e| {
        let problem = format!("cannot be read: {e}; expected {}", kind.expected);
        Complaint::new(file, problem).help(help)
    })?;
    // Its length may be unknown before it is read, and it may grow meanwhile.
    if bytes.len() as u64 > most {
        return Err(too_large(file, &format!("more than {most}"), most, most));
    }
    Ok(bytes)
}

/// A reader of a regular file of a size that is allowed, for what need not be in memory as a whole. What is appended
/// meanwhile is not read.
///
/// # Errors
/// As [`open`]; and where the file is larger than its kind or [`LIMIT`] allows, or [`LIMIT`] is no size.
pub fn reader(file: &Path, kind: Kind, help: &str) -> Result<BufReader<Take<File>>, Complaint> {
    let most = most_bytes(kind)?;
    let opened = open(file, kind.expected, help)?;
    let length = opened.metadata().map_or(0, |found| found.len());
    if length > most {
        return Err(too_large(file, &length.to_string(), length, most));
    }
    Ok(BufReader::with_capacity(1 << 20, opened.take(length)))
}

/// The bytes that a regular file has, without reading it.
///
/// # Errors
/// As [`open`].
pub fn length(file: &Path, kind: Kind, help: &str) -> Result<u64, Complaint> {
    let opened = open(file, kind.expected, help)?;
    opened.metadata().map(|found| found.len()).map_err(|e| {
        let problem = format!("cannot be read: {e}; expected {}", kind.expected);
        Complaint::new(file, problem).help(help)
    })
}

/// Likewise, as text.
///
/// # Errors
/// As [`read`]; and where the bytes are not UTF-8, with the line.
pub fn read_text(file: &Path, kind: Kind, help: &str) -> Result<String, Complaint> {
    String::from_utf8(read(file, kind, help)?).map_err(|e| {
        let good = &e.as_bytes()[..e.utf8_error().valid_up_to()];
        let line = 1 + good.iter().filter(|b| **b == b'\n').count();
        Complaint::new(file, "found bytes that are not text, expected UTF-8")
            .at_line(line)
            .help("save the file with the encoding UTF-8")
    })
}

/// The first line of a file that holds a secret, as a token or a passphrase: a file that others than its owner may read
/// is refused.
///
/// # Errors
/// As [`read_text`]; and where its permissions give others any right.
pub fn read_secret_line(file: &Path, help: &str) -> Result<String, Complaint> {
    let opened = open(file, PASSPHRASE.expected, help)?;
    held_private(file, &opened)?;
    let text = read_text(file, PASSPHRASE, help)?;
    Ok(text.lines().next().unwrap_or_default().to_owned())
}

#[cfg(unix)]
fn held_private(file: &Path, opened: &File) -> Result<(), Complaint> {
    use std::os::unix::fs::PermissionsExt as _;
    let mode = opened
        .metadata()
        .map(|found| found.permissions().mode() & 0o777);
    match mode {
        Ok(mode) if mode & 0o077 != 0 => {
            let problem = format!(
                "found permissions {mode:04o}, expected 0600: others may read the secret in it"
            );
            Err(Complaint::new(file, problem).help(
                "take the others' rights away, by `chmod 600`; if others may have read it, replace the secret",
            ))
        }
        _ => Ok(()),
    }
}

#[cfg(not(unix))]
fn held_private(_: &Path, _: &File) -> Result<(), Complaint> {
    Ok(())
}

fn most_bytes(kind: Kind) -> Result<u64, Complaint> {
    let Some(text) = std::env::var_os(LIMIT) else {
        return Ok(kind.most_bytes);
    };
    let raised = text.to_str().and_then(units::bytes).ok_or_else(|| {
        Complaint::new(
            LIMIT,
            format!(
                "found {}, expected a size",
                printable::quoted(&text.to_string_lossy())
            ),
        )
        .help("write it as \"512MiB\" or \"4GiB\", or unset it")
    })?;
    Ok(raised.max(kind.most_bytes))
}

fn too_large(file: &Path, found: &str, length: u64, most: u64) -> Complaint {
    let gibibytes = (length >> 30) + 1;
    Complaint::new(
        file,
        format!("found {found} bytes, expected at most {most}"),
    )
    .help(format!(
        "name a smaller file; or, if there is memory for several times its size, raise the limit by \
         the environment variable, as in {LIMIT}={gibibytes}GiB"
    ))
}

#[cfg(unix)]
fn without_waiting() -> OpenOptions {
    use std::os::unix::fs::OpenOptionsExt as _;
    let mut options = OpenOptions::new();
    // Of no meaning for a regular file; a pipe that took its place is opened at once.
    options.read(true).custom_flags(libc::O_NONBLOCK);
    options
}

#[cfg(not(unix))]
fn without_waiting() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.read(true);
    options
}

fn name_of(found: FileType) -> &'static str {
    if found.is_dir() {
        return "a folder";
    }
    #[cfg(unix)]
    {
        use std::os::unix::fs::FileTypeExt as _;
        if found.is_fifo() {
            return "a named pipe";
        }
        if found.is_char_device() || found.is_block_device() {
            return "a device";
        }
        if found.is_socket() {
            return "a socket";
        }
    }
    "something that is no regular file"
}

/// The program's folder of this name in the user's cache: below `XDG_CACHE_HOME`, or `.cache` at home; `None`
/// where neither is set.
pub fn cache_folder(name: &str) -> Option<PathBuf> {
    let set = |variable: &str| std::env::var_os(variable).filter(|value| !value.is_empty());
    let base = set("XDG_CACHE_HOME")
        .map(PathBuf::from)
        .or_else(|| set("HOME").map(|home| PathBuf::from(home).join(".cache")))?;
    Some(base.join("hexperiment").join(name))
}

/// As [`write_whole`], with the folders above the file.
///
/// # Errors
/// As [`write_whole`], and where a folder cannot be made.
pub fn write_with_folders(file: &Path, bytes: &[u8]) -> std::io::Result<()> {
    if let Some(folder) = file.parent() {
        std::fs::create_dir_all(folder)?;
    }
    write_whole(file, bytes)
}

/// Writes a file whole or not at all, also where several threads and processes write it at once. A link is followed; what is there and no
/// regular file, such as a device, is left alone.
///
/// # Errors
/// It cannot be written, synced or moved to its place, or its place is taken by something else.
pub fn write_whole(file: &Path, bytes: &[u8]) -> std::io::Result<()> {
    write_beside(
        file,
        bytes,
        OpenOptions::new().write(true).create(true).truncate(true),
    )
}

/// As [`write_whole`], for its owner alone: 0600 from the moment on when it is there, whatever the umask is and whatever
/// permissions the file had that was there. A link is replaced and not followed: what is for one person goes nowhere else.
///
/// # Errors
/// As [`write_whole`].
pub fn write_whole_private(file: &Path, bytes: &[u8]) -> std::io::Result<()> {
    let mut options = OpenOptions::new();
    // Never one that is there, which would keep its permissions.
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let is_link = std::fs::symlink_metadata(file).is_ok_and(|found| found.is_symlink());
    if is_link {
        return replace(file, bytes, &options);
    }
    write_beside(file, bytes, &options)
}

/// Writes a file beside its place, or that which a link leads to, opened by these options, and moves it there.
fn write_beside(file: &Path, bytes: &[u8], options: &OpenOptions) -> std::io::Result<()> {
    let place = match std::fs::metadata(file) {
        Ok(found) if !found.is_file() => {
            return Err(std::io::Error::other(format!(
                "found {}, expected a file or nothing",
                name_of(found.file_type())
            )));
        }
        Ok(_) => std::fs::canonicalize(file)?,
        Err(_) => file.to_owned(),
    };
    replace(&place, bytes, options)
}

fn replace(place: &Path, bytes: &[u8], options: &OpenOptions) -> std::io::Result<()> {
    static WRITTEN: AtomicUsize = AtomicUsize::new(0);
    let mut beside = place.as_os_str().to_owned();
    let number = WRITTEN.fetch_add(1, Ordering::Relaxed);
    beside.push(format!(".{}-{number}.part", std::process::id()));
    // What a killed process of the same number has left.
    let _ = std::fs::remove_file(&beside);
    let written = options
        .open(&beside)
        .and_then(|mut part| part.write_all(bytes).and_then(|()| part.sync_all()))
        .and_then(|()| std::fs::rename(&beside, place));
    if written.is_err() {
        // What matters is the first error; what is left of the file may stay or go.
        let _ = std::fs::remove_file(&beside);
    }
    written
}

#[cfg(test)]
mod tests;
