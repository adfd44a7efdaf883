//! Keys: made, listed, followed by new ones, deleted; and read again by the steps that need them.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use hexperiment_diagnostics::files;
use hexperiment_scheme::security::Encryption;
use hexperiment_scheme::{
    Encryptor, EvaluationKeys, KeyOwner, KeyPart, KeyRole, KeySet, SecretKey,
};
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use crate::circuit::BoundCircuit;
use crate::error::ClientError;
use crate::exchange::{FileEntry, entry, read_entry};
use crate::folder::{
    FORMAT, Folder, held_format, hex, json, private_file, private_folder, read_json, remove,
};
use crate::passphrase::Passphrases;
use crate::secret::{KeyName, Protection, Secrets};

/// Where new keys are written before they are moved to their places.
const STAGED: &str = "keys.partial";

/// The file there that says that all of them are on the disk.
const COMPLETE: &str = "complete";

const COPY: &str = "copy `public_keys` again from the key owner; a key owner makes new ones by `client keys \
                    rotate`";

/// What becomes of keys that are there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rotation {
    /// None may be there.
    First,
    /// They are retired: what is encrypted under them can be decrypted until they are deleted.
    Rotate,
}

/// `public_keys/keys.json`.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct PublicManifest {
    format: u32,
    circuit: String,
    key: String,
    made_s: u64,
    /// Who encrypts.
    encryption: Encryption,
    parts: Vec<Part>,
}

/// A part of the evaluation keys. Those of role `shared` have no file: they are secret.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Part {
    role: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    file: Option<FileEntry>,
}

impl Part {
    fn role(&self) -> Option<KeyRole> {
        let named = |role: &KeyRole| role.to_string().to_lowercase() == self.role;
        KeyRole::ALL.into_iter().find(named)
    }
}

/// `secret_key/key.json`: what is known of a secret key without its passphrase.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct SecretManifest {
    format: u32,
    circuit: String,
    key: String,
    made_s: u64,
    protection: Protection,
}

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

/// Makes keys.
///
/// # Errors
/// There are keys and `rotation` does not say what becomes of them; there is no passphrase; the scheme fails, or
/// keeps no keys; the folder cannot be written.
pub fn keygen(
    folder: &Folder,
    bound: &BoundCircuit,
    protection: Protection,
    passphrases: &Passphrases,
    rotation: Rotation,
) -> Result<KeyInfo, ClientError> {
    finish_interrupted(folder)?;
    let (public, secret) = (folder.public_keys(), folder.secret_key());
    let there = [&secret, &public].into_iter().find(|place| place.exists());
    if let (Some(place), Rotation::First) = (there, rotation) {
        return Err(ClientError::file(
            place,
            "there are keys already",
            "use them; or make new ones by `client keys rotate` (`client keygen --rotate`), after which these \
             decrypt only",
        ));
    }
    // Before the work: who has none waits for nothing.
    let passphrase = match protection {
        Protection::Passphrase => Some(passphrases.of_new()?),
        Protection::Unprotected => None,
    };
    let failed = ClientError::of("keygen");
    let KeySet {
        decryptor,
        evaluation,
        ..
    } = bound.circuit.generate_keys().map_err(&failed)?;
    let kept = decryptor.secret_key().map_err(&failed)?;
    drop(decryptor);
    let name: KeyName = rand::random();
    let (key, made_s) = (hex(&name), now_s());
    let staged = folder.path().join(STAGED);
    let (to_public, to_secret) = (staged.join("public_keys"), staged.join("secret_key"));
    for place in [&staged, &to_public, &to_secret] {
        private_folder(place)?;
    }
    let parts = write_parts(&to_public, &evaluation)?;
    let manifest = PublicManifest {
        format: FORMAT,
        circuit: bound.digest().into(),
        key: key.clone(),
        made_s,
        encryption: bound.encryption(),
        parts,
    };
    let file = to_public.join("keys.json");
    private_file(&file, &json(&file, &manifest)?)?;
    let shared = evaluation.parts().iter().filter(|p| is_secret(p.role()));
    let secrets = Secrets {
        key: kept,
        shared: shared.map(|p| Zeroizing::new(p.bytes().to_vec())).collect(),
    };
    let sealed = secrets.sealed(name, passphrase)?;
    private_file(&to_secret.join(protection.file()), &sealed)?;
    let manifest = SecretManifest {
        format: FORMAT,
        circuit: bound.digest().into(),
        key: key.clone(),
        made_s,
        protection,
    };
    let file = to_secret.join("key.json");
    private_file(&file, &json(&file, &manifest)?)?;
    private_file(&staged.join(COMPLETE), key.as_bytes())?;
    finish_interrupted(folder)?;
    info(&public, &secret, Place::Current)?.ok_or_else(|| {
        ClientError::file(
            &public,
            "the new keys are gone",
            "make new ones by `client keygen`",
        )
    })
}

/// Writes the parts that are not secret, each to a file.
fn write_parts(folder: &Path, keys: &EvaluationKeys) -> Result<Vec<Part>, ClientError> {
    let write = |(number, part): (usize, &KeyPart)| {
        let role = part.role().to_string().to_lowercase();
        if is_secret(part.role()) {
            return Ok(Part { role, file: None });
        }
        private_file(&folder.join(part_file(number, &role)), part.bytes())?;
        let file = Some(entry(part.bytes()));
        Ok(Part { role, file })
    };
    keys.parts().iter().enumerate().map(write).collect()
}

fn part_file(number: usize, role: &str) -> String {
    format!("{number:05}-{role}.key")
}

/// Whether a part is as secret as the secret key.
fn is_secret(role: KeyRole) -> bool {
    role == KeyRole::Shared
}

/// Moves new keys to their places, if all of them are on the disk, and what was there among the retired ones;
/// removes what a step that was killed has left. Whatever of this was done before is not done again.
pub(crate) fn finish_interrupted(folder: &Folder) -> Result<(), ClientError> {
    let staged = folder.path().join(STAGED);
    if !staged.exists() {
        return Ok(());
    }
    if staged.join(COMPLETE).exists() {
        for (place, manifest) in [
            (folder.secret_key(), "key.json"),
            (folder.public_keys(), "keys.json"),
        ] {
            let name = place.file_name().unwrap_or_default();
            let new = staged.join(name);
            if !new.exists() {
                continue;
            }
            if place.exists() {
                let old = key_of(&place.join(manifest))?;
                let retired = folder.retired_keys().join(&old);
                private_folder(&retired)?;
                rename(&place, &retired.join(name))?;
            }
            rename(&new, &place)?;
        }
    }
    remove(&staged)
}

fn rename(from: &Path, to: &Path) -> Result<(), ClientError> {
    fs::rename(from, to).map_err(|e| ClientError::unwritable(to, &e))
}

/// The key that a manifest is of.
fn key_of(manifest: &Path) -> Result<String, ClientError> {
    #[derive(Deserialize)]
    struct Named {
        key: String,
    }
    let Named { key } = read_json(manifest, COPY)?;
    name_of(manifest, &key).map(|_| key)
}

/// A key's name as bytes.
fn name_of(file: &Path, key: &str) -> Result<KeyName, ClientError> {
    let digit = |at: usize| key.get(at..at + 2).map(|d| u8::from_str_radix(d, 16));
    let bytes: Vec<u8> = (0..8).filter_map(|i| digit(2 * i)?.ok()).collect();
    let name = KeyName::try_from(bytes).ok().filter(|n| hex(n) == key);
    name.ok_or_else(|| ClientError::file(file, "found a key without a name of 16 digits", COPY))
}

fn now_s() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(0, |time| time.as_secs())
}

/// What is known of the keys of two folders, of which one may be missing.
fn info(public: &Path, secret: &Path, place: Place) -> Result<Option<KeyInfo>, ClientError> {
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

fn read_public(folder: &Path) -> Result<Option<PublicManifest>, ClientError> {
    if !folder.exists() {
        return Ok(None);
    }
    let file = folder.join("keys.json");
    let read: PublicManifest = read_json(&file, COPY)?;
    held_format(&file, read.format)?;
    name_of(&file, &read.key)?;
    Ok(Some(read))
}

fn read_secret(folder: &Path) -> Result<Option<SecretManifest>, ClientError> {
    if !folder.exists() {
        return Ok(None);
    }
    let file = folder.join("key.json");
    let read: SecretManifest = read_json(&file, COPY)?;
    held_format(&file, read.format)?;
    name_of(&file, &read.key)?;
    Ok(Some(read))
}

/// The keys of a folder: the current one, then those that are retired, by name.
///
/// # Errors
/// A manifest cannot be read.
pub fn list(folder: &Folder) -> Result<Vec<KeyInfo>, ClientError> {
    finish_interrupted(folder)?;
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
pub fn delete(folder: &Folder, key: &str) -> Result<(), ClientError> {
    let found = list(folder)?;
    let Some(found_key) = found.iter().find(|info| info.key == key) else {
        let known: Vec<&str> = found.iter().map(|info| info.key.as_str()).collect();
        return Err(ClientError::file(
            folder.path(),
            format!("has no key `{key}`"),
            format!("keys: {}", known.join(", ")),
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

/// The current public and evaluation keys, held against the circuit.
pub(crate) struct PublicKeys {
    folder: PathBuf,
    manifest: PublicManifest,
}

impl PublicKeys {
    pub(crate) fn open(folder: &Folder, bound: &BoundCircuit) -> Result<Self, ClientError> {
        finish_interrupted(folder)?;
        let place = folder.public_keys();
        let manifest = read_public(&place)?.ok_or_else(|| {
            ClientError::file(
                &place,
                "there are no keys",
                "make them by `client keygen`, or copy the folder from the key owner",
            )
        })?;
        let file = place.join("keys.json");
        if manifest.circuit != bound.digest() {
            let problem = format!(
                "are keys of circuit {:.16}, expected {:.16}, which `circuit.json` states",
                manifest.circuit,
                bound.digest()
            );
            return Err(ClientError::file(&file, problem, COPY));
        }
        if let Some(part) = manifest.parts.iter().find(|p| p.role().is_none()) {
            let problem = format!("found a part of role `{}`, which is none", part.role);
            return Err(ClientError::file(&file, problem, COPY));
        }
        Ok(Self {
            folder: place,
            manifest,
        })
    }

    /// Where the manifest is.
    pub(crate) fn place(&self) -> PathBuf {
        self.folder.join("keys.json")
    }

    /// The key's name.
    pub(crate) fn key(&self) -> &str {
        &self.manifest.key
    }

    /// The parts of some roles; those that are secret are taken from `shared`.
    fn parts(
        &self,
        bound: &BoundCircuit,
        wanted: impl Fn(KeyRole) -> bool,
        shared: Vec<Zeroizing<Vec<u8>>>,
    ) -> Result<EvaluationKeys, ClientError> {
        let mut shared = shared.into_iter();
        let mut parts = Vec::new();
        for (number, part) in self.manifest.parts.iter().enumerate() {
            let Some(role) = part.role().filter(|role| wanted(*role)) else {
                continue;
            };
            let bytes = match &part.file {
                Some(file) => {
                    let path = self.folder.join(part_file(number, &part.role));
                    read_entry(&path, file, files::KEYS, COPY)?
                }
                None => shared.next().map(|part| part.to_vec()).ok_or_else(|| {
                    let problem = "names a secret part that the secret key does not have";
                    ClientError::file(self.place(), problem, COPY)
                })?,
            };
            parts.push(KeyPart::new(role, bytes));
        }
        Ok(EvaluationKeys::new(bound.circuit.digest(), parts))
    }

    /// The role of a data owner who has these files alone.
    pub(crate) fn encryptor(
        &self,
        bound: &BoundCircuit,
    ) -> Result<Box<dyn Encryptor>, ClientError> {
        let public = self.parts(bound, |role| role == KeyRole::Public, vec![])?;
        let made = bound.circuit.public_encryptor(public);
        made.map_err(ClientError::of("encrypt"))
    }

    /// All that the server gets. Where a part is secret, too, the secret key is opened for it.
    pub(crate) fn evaluation(
        &self,
        folder: &Folder,
        bound: &BoundCircuit,
        passphrases: &Passphrases,
    ) -> Result<EvaluationKeys, ClientError> {
        let secret = self.manifest.parts.iter().any(|part| part.file.is_none());
        let shared = if secret {
            open_secrets(folder, bound, (self.key(), &self.place()), passphrases)?.shared
        } else {
            vec![]
        };
        self.parts(bound, |_| true, shared)
    }
}

/// The current evaluation keys of a folder, as they go to a server.
///
/// # Errors
/// They are not there, were altered, or are of another circuit; or a part of them is secret and cannot be
/// opened.
pub fn evaluation_keys(
    folder: &Folder,
    bound: &BoundCircuit,
    passphrases: &Passphrases,
) -> Result<EvaluationKeys, ClientError> {
    PublicKeys::open(folder, bound)?.evaluation(folder, bound, passphrases)
}

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

fn open_secrets(
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
