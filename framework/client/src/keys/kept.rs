//! Keys that lie in a folder, in use or retired: listed, and deleted.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::manifest::{PublicManifest, read_public, read_secret};
use super::tidy_if_free;
use crate::error::ClientError;
use crate::folder::{Folder, remove};
use crate::held::Held;
use crate::secret::Protection;

/// Whether keys are in use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// They encrypt.
    Current,
    /// Others have followed; they decrypt only.
    Retired,
}

/// What is known of a key.
#[derive(Clone, Debug)]
pub struct KeyInfo {
    /// The key's name.
    pub key: String,
    /// The digest of its circuit.
    pub circuit: String,
    /// Whether it is in use.
    pub place: Place,
    /// When it was made.
    pub made: SystemTime,
    /// Bytes of the evaluation and public keys; `None` where they are not here.
    pub public_bytes: Option<u64>,
    /// How the secret key lies here; `None` where it is somebody else's.
    pub secret: Option<Protection>,
}

/// What is known of the keys of two folders, of which one may be missing.
pub(super) fn info(
    public: &Path,
    secret: &Path,
    place: Place,
) -> Result<Option<KeyInfo>, ClientError> {
    let public = read_public(public)?;
    let secret = read_secret(secret)?;
    let Some((key, circuit, made_s)) = public
        .as_ref()
        .map(|m| (m.key.clone(), m.circuit.clone(), m.made_s))
        .or_else(|| {
            let m = secret.as_ref()?;
            Some((m.key.clone(), m.circuit.clone(), m.made_s))
        })
    else {
        return Ok(None);
    };
    let bytes = |m: PublicManifest| m.parts.iter().flat_map(|p| &p.file).map(|f| f.bytes).sum();
    Ok(Some(KeyInfo {
        secret: secret.filter(|m| m.key == key).map(|m| m.protection),
        key,
        circuit,
        place,
        made: UNIX_EPOCH + Duration::from_secs(made_s.min(u64::from(u32::MAX))),
        public_bytes: public.map(bytes),
    }))
}

/// The keys of a folder: the current one, then those that are retired, by name.
///
/// # Errors
/// A manifest cannot be read.
pub fn list(folder: &Folder) -> Result<Vec<KeyInfo>, ClientError> {
    tidy_if_free(folder);
    listed(folder)
}

fn listed(folder: &Folder) -> Result<Vec<KeyInfo>, ClientError> {
    let mut found = Vec::new();
    found.extend(info(
        &folder.public_keys(),
        &folder.secret_key(),
        Place::Current,
    )?);
    let retired = fs::read_dir(folder.retired_keys());
    let mut retired: Vec<PathBuf> = retired
        .into_iter()
        .flatten()
        .flatten()
        .map(|e| e.path())
        .collect();
    retired.sort();
    for place in retired {
        let (public, secret) = (place.join("public_keys"), place.join("secret_key"));
        found.extend(info(&public, &secret, Place::Retired)?);
    }
    Ok(found)
}

/// Deletes a key: its secret file is overwritten first. What is encrypted under it is lost.
///
/// # Errors
/// There is no such key, or it cannot be deleted.
pub fn delete(folder: &Held, key: &str) -> Result<(), ClientError> {
    let found = listed(folder)?;
    let Some(found_key) = found.iter().find(|info| info.key == key) else {
        let known: Vec<&str> = found.iter().map(|info| info.key.as_str()).collect();
        let help = match known.as_slice() {
            [] => "there are none: `client keygen` makes some".to_owned(),
            known => format!("keys: {}", known.join(", ")),
        };
        return Err(ClientError::file(
            folder.path(),
            format!("has no key `{key}`"),
            help,
        ));
    };
    let places = match found_key.place {
        Place::Current => vec![folder.secret_key(), folder.public_keys()],
        Place::Retired => {
            let above = folder.retired_keys().join(key);
            vec![above.join("secret_key"), above.join("public_keys"), above]
        }
    };
    for protection in [Protection::Passphrase, Protection::Unprotected] {
        overwrite(&places[0].join(protection.file()))?;
    }
    places.iter().try_for_each(|place| remove(place))
}

/// Overwrites a file in place, if it is there. A file system that copies on write keeps what was there.
fn overwrite(file: &Path) -> Result<(), ClientError> {
    let Ok(found) = fs::metadata(file) else {
        return Ok(());
    };
    let opened = fs::OpenOptions::new().write(true).open(file);
    let zeros = vec![0; usize::try_from(found.len()).unwrap_or(0)];
    let written = opened.and_then(|mut opened| {
        std::io::Write::write_all(&mut opened, &zeros)?;
        opened.sync_all()
    });
    written.map_err(|e| ClientError::unwritable(file, &e))
}
