//! The folder of a client, and how files get into it: whole or not at all, secrets for their owner alone.

use std::fs::{self, File, OpenOptions};
use std::io::Write as _;
use std::path::{Path, PathBuf};

use hexperiment_diagnostics::files;
use serde::Serialize;
use serde::de::DeserializeOwned;
use sha2::{Digest as _, Sha256};

use crate::error::ClientError;

/// The version of all files of the folder.
pub(crate) const FORMAT: u32 = 1;

/// The folder of a client.
#[derive(Clone, Debug)]
pub struct Folder(PathBuf);

impl Folder {
    /// The folder at this path, which need not be there.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self(path.into())
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.0
    }

    /// What is computed.
    pub fn circuit(&self) -> PathBuf {
        self.0.join("circuit.json")
    }

    /// Public and evaluation keys.
    pub fn public_keys(&self) -> PathBuf {
        self.0.join("public_keys")
    }

    /// The secret key.
    pub fn secret_key(&self) -> PathBuf {
        self.0.join("secret_key")
    }

    /// Keys that others have followed.
    pub fn retired_keys(&self) -> PathBuf {
        self.0.join("retired_keys")
    }

    /// What goes to the server.
    pub fn upload(&self) -> PathBuf {
        self.0.join("ciphertexts_upload")
    }

    /// What comes from the server.
    pub fn download(&self) -> PathBuf {
        self.0.join("ciphertexts_download")
    }

    /// What a service on a network has.
    pub fn remote(&self) -> PathBuf {
        self.0.join("remote.json")
    }

    /// The answers.
    pub fn results(&self) -> PathBuf {
        self.0.join("results.csv")
    }

    /// What the server says of its own steps, in seconds.
    pub fn server_steps(&self) -> PathBuf {
        self.0.join("server_reported_steps.json")
    }
}

/// Removes a folder with all that is in it, if it is there.
pub(crate) fn remove(folder: &Path) -> Result<(), ClientError> {
    match fs::remove_dir_all(folder) {
        Err(e) if e.kind() != std::io::ErrorKind::NotFound => {
            Err(ClientError::unwritable(folder, &e))
        }
        _ => Ok(()),
    }
}

/// Moves a file or a folder to another place.
pub(crate) fn rename(from: &Path, to: &Path) -> Result<(), ClientError> {
    fs::rename(from, to).map_err(|e| ClientError::unwritable(to, &e))
}

/// Makes a folder, and those above it that are not there, that its owner alone may enter.
pub(crate) fn private_folder(folder: &Path) -> Result<(), ClientError> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    let made = builder.create(folder);
    made.map_err(|e| ClientError::unwritable(folder, &e))
}

/// Writes a file in place of what was there, whole or not at all, that its owner alone may read: of rows, answers and
/// models none is for others, unless their owner hands it on.
pub(crate) fn private_whole(file: &Path, bytes: &[u8]) -> Result<(), ClientError> {
    let written = files::write_whole_private(file, bytes);
    written.map_err(|e| ClientError::unwritable(file, &e))
}

/// Writes a new file that its owner alone may read, from the moment on when it is there.
pub(crate) fn private_file(file: &Path, bytes: &[u8]) -> Result<(), ClientError> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let write = |mut file: File| file.write_all(bytes).and_then(|()| file.sync_all());
    let written = options.open(file).and_then(write);
    written.map_err(|e| ClientError::unwritable(file, &e))
}

/// Holds a secret file to being its owner's alone.
pub(crate) fn held_private(file: &Path) -> Result<(), ClientError> {
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        let found = fs::metadata(file).map(|found| found.permissions().mode() & 0o777);
        if let Ok(mode) = found
            && mode & 0o077 != 0
        {
            return Err(ClientError::file(
                file,
                format!(
                    "found permissions {mode:04o}, expected 0600: others may read the secret key"
                ),
                "take the others' rights away, by `chmod 600`; if others may have read it, make new keys by \
                 `client keys rotate`",
            ));
        }
    }
    let _ = file;
    Ok(())
}

/// Reads a file of JSON.
pub(crate) fn read_json<T: DeserializeOwned>(file: &Path, help: &str) -> Result<T, ClientError> {
    let text = files::read_text(file, files::TEXT, help)?;
    serde_json::from_str(&text).map_err(|e| {
        let problem = format!("is not what a step of the client writes: {e}");
        ClientError::file(file, problem, help)
    })
}

/// A file of JSON, for people and programs.
pub(crate) fn json(file: &Path, value: &impl Serialize) -> Result<Vec<u8>, ClientError> {
    let mut text = serde_json::to_vec_pretty(value)
        .map_err(|e| ClientError::unwritable(file, &std::io::Error::other(e)))?;
    text.push(b'\n');
    Ok(text)
}

/// Holds the version of a file.
pub(crate) fn held_format(file: &Path, found: u32) -> Result<(), ClientError> {
    if found == FORMAT {
        return Ok(());
    }
    Err(ClientError::file(
        file,
        format!("found format {found}, expected {FORMAT}"),
        "use the version of the program that wrote it, or begin anew in another folder",
    ))
}

/// Bytes as hexadecimal digits.
pub(crate) fn hex(bytes: &[u8]) -> String {
    let mut digits = String::with_capacity(2 * bytes.len());
    for byte in bytes {
        for half in [byte >> 4, byte & 15] {
            digits.extend(char::from_digit(half.into(), 16));
        }
    }
    digits
}

/// SHA-256 as hexadecimal digits.
pub(crate) fn sha256(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes))
}
