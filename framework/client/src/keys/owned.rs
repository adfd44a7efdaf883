//! Secret keys: opened by their owner's steps.

use std::path::Path;

use hexperiment_scheme::{KeyOwner, SecretKey};

use super::manifest::{name_of, read_secret};
use crate::circuit::BoundCircuit;
use crate::error::ClientError;
use crate::folder::Folder;
use crate::passphrase::Passphrases;
use crate::secret::Secrets;

/// The key owner's roles, of the key of this name, current or retired, which a file names.
pub(crate) fn owner(
    folder: &Folder,
    bound: &BoundCircuit,
    (key, named): (&str, &Path),
    passphrases: &Passphrases,
) -> Result<KeyOwner, ClientError> {
    let secret: SecretKey = open_secrets(folder, bound, (key, named), passphrases)?.key;
    let restored = bound.circuit.restore(&secret);
    restored.map_err(ClientError::of("secret key"))
}

pub(super) fn open_secrets(
    folder: &Folder,
    bound: &BoundCircuit,
    (key, named): (&str, &Path),
    passphrases: &Passphrases,
) -> Result<Secrets, ClientError> {
    let current = folder.secret_key();
    // What a manifest calls a key must be a name before it becomes a path.
    let name = name_of(named, key)?;
    let retired = folder.retired_keys().join(key).join("secret_key");
    for place in [current.clone(), retired] {
        let Some(manifest) = read_secret(&place)?.filter(|m| m.key == key) else {
            continue;
        };
        let file = place.join(manifest.protection.file());
        let digest = bound.circuit.digest();
        return Secrets::open(&file, name, key, digest, manifest.protection, passphrases);
    }
    Err(ClientError::file(
        current,
        format!("has no secret key {key}"),
        "the key owner alone has it: this step is theirs, or the key was deleted",
    ))
}
