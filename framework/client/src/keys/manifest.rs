//! What stands beside keys: manifests of the public and of the secret part, and the names of keys and files.

use std::path::Path;

use hexperiment_scheme::KeyRole;
use hexperiment_scheme::security::Encryption;
use serde::{Deserialize, Serialize};

use crate::error::ClientError;
use crate::exchange::FileEntry;
use crate::folder::{held_format, hex, read_json};
use crate::secret::{KeyName, Protection};

/// What helps where public keys are wrong.
pub(super) const COPY: &str = "copy `public_keys` again from the key owner; a key owner makes new ones by `client keys \
                               rotate`";

/// `public_keys/keys.json`.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct PublicManifest {
    pub(super) format: u32,
    pub(super) circuit: String,
    pub(super) key: String,
    pub(super) made_s: u64,
    /// Who encrypts.
    pub(super) encryption: Encryption,
    pub(super) parts: Vec<Part>,
}

/// A part of the evaluation keys. Those of role `shared` have no file: they are secret.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Part {
    pub(super) role: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) file: Option<FileEntry>,
}

impl Part {
    pub(super) fn role(&self) -> Option<KeyRole> {
        let named = |role: &KeyRole| role.to_string().to_lowercase() == self.role;
        KeyRole::ALL.into_iter().find(named)
    }
}

/// `secret_key/key.json`: what is known of a secret key without its passphrase.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct SecretManifest {
    pub(super) format: u32,
    pub(super) circuit: String,
    pub(super) key: String,
    pub(super) made_s: u64,
    pub(super) protection: Protection,
}

pub(super) fn part_file(number: usize, role: &str) -> String {
    format!("{number:05}-{role}.key")
}

/// Whether a part is as secret as the secret key.
pub(super) fn is_secret(role: KeyRole) -> bool {
    role == KeyRole::Shared
}

/// The key that a manifest is of.
pub(super) fn key_of(manifest: &Path) -> Result<String, ClientError> {
    #[derive(Deserialize)]
    struct Named {
        key: String,
    }
    let Named { key } = read_json(manifest, COPY)?;
    name_of(manifest, &key).map(|_| key)
}

/// A key's name as bytes.
pub(super) fn name_of(file: &Path, key: &str) -> Result<KeyName, ClientError> {
    let digit = |at: usize| key.get(at..at + 2).map(|d| u8::from_str_radix(d, 16));
    let bytes: Vec<u8> = (0..8).filter_map(|i| digit(2 * i)?.ok()).collect();
    let name = KeyName::try_from(bytes).ok().filter(|n| hex(n) == key);
    name.ok_or_else(|| ClientError::file(file, "found a key without a name of 16 digits", COPY))
}

pub(super) fn read_public(folder: &Path) -> Result<Option<PublicManifest>, ClientError> {
    if !folder.exists() {
        return Ok(None);
    }
    let file = folder.join("keys.json");
    let read: PublicManifest = read_json(&file, COPY)?;
    held_format(&file, read.format)?;
    name_of(&file, &read.key)?;
    Ok(Some(read))
}

pub(super) fn read_secret(folder: &Path) -> Result<Option<SecretManifest>, ClientError> {
    if !folder.exists() {
        return Ok(None);
    }
    let file = folder.join("key.json");
    let read: SecretManifest = read_json(&file, COPY)?;
    held_format(&file, read.format)?;
    name_of(&file, &read.key)?;
    Ok(Some(read))
}
