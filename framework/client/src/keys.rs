//! Keys: made, and moved to their places; what lies there is read by the modules below, by kind.

mod kept;
mod manifest;
mod owned;
mod public;

use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use hexperiment_diagnostics::files;
use hexperiment_scheme::{EvaluationKeys, KeyPart, KeySet};
use zeroize::Zeroizing;

use crate::circuit::BoundCircuit;
use crate::error::ClientError;
use crate::exchange::entry;
use crate::folder::{FORMAT, Folder, hex, json, private_file, private_folder, remove, rename};
use crate::held::Held;
use crate::passphrase::Passphrases;
use crate::secret::{KeyName, Protection, Secrets};
use kept::info;
pub use kept::{KeyInfo, Place, delete, list};
use manifest::{
    Part, PublicManifest, SecretManifest, is_secret, key_of, part_file, read_public, read_secret,
};
pub(crate) use owned::owner;
pub(crate) use public::PublicKeys;
pub use public::evaluation_keys;

/// Where new keys are written before they are moved to their places.
const STAGED: &str = "keys.partial";

/// The file there that says that all of them are on the disk.
const COMPLETE: &str = "complete";

/// What helps where new keys are not as they were when they were complete.
const LACKING: &str = "put back what was taken out of `keys.partial`; or remove that folder, and make new keys by `client \
                       keys rotate`: keys that were in use are still there, or in `retired_keys`";

/// What becomes of keys that are there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rotation {
    /// None may be there.
    First,
    /// They are retired: what is encrypted under them can be decrypted until they are deleted.
    Rotate,
}

/// Makes keys.
///
/// # Errors
/// There are keys and `rotation` does not say what becomes of them; there is no passphrase; the scheme fails, or
/// keeps no keys; the folder cannot be written.
pub fn keygen(
    folder: &Held,
    bound: &BoundCircuit,
    protection: Protection,
    passphrases: &Passphrases,
    rotation: Rotation,
) -> Result<KeyInfo, ClientError> {
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

/// Moves new keys to their places, if all of them are on the disk, and what was there among the retired ones;
/// removes what a step that was killed has left. Whatever of this was done before is not done again.
///
/// # Errors
/// The folder cannot be written; or a file is missing of keys that were complete: nothing is moved or removed then.
pub(crate) fn finish_interrupted(folder: &Held) -> Result<(), ClientError> {
    let staged = folder.path().join(STAGED);
    if !staged.exists() {
        return Ok(());
    }
    if staged.join(COMPLETE).exists() {
        are_whole(folder, &staged)?;
        for (place, manifest) in [
            (folder.secret_key(), "key.json"),
            (folder.public_keys(), "keys.json"),
        ] {
            let name = place.file_name().unwrap_or_default();
            let new = staged.join(name);
            if !new.exists() {
                // It is at its place.
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

/// Whether every file of new keys is there, beside its place or at it, and as long as the manifest says.
fn are_whole(folder: &Folder, staged: &Path) -> Result<(), ClientError> {
    let complete = staged.join(COMPLETE);
    let key = files::read_text(&complete, files::TEXT, LACKING)?;
    let key = key.trim();
    let lacks = |file: &Path, found: &str| {
        let problem =
            format!("{found}, expected a part of the new key {key:.16}, which was complete");
        Err(ClientError::file(file, problem, LACKING))
    };
    // Keys are moved one after the other.
    let of = |place: PathBuf| {
        let new = staged.join(place.file_name().unwrap_or_default());
        if new.exists() { new } else { place }
    };
    let public = of(folder.public_keys());
    let Some(manifest) = read_public(&public)?.filter(|manifest| manifest.key == key) else {
        return lacks(&public, "not found, or another key's");
    };
    for (number, part) in manifest.parts.iter().enumerate() {
        let Some(entry) = &part.file else { continue };
        let file = public.join(part_file(number, &part.role));
        let found = files::length(&file, files::KEYS, LACKING)?;
        if found != entry.bytes {
            return lacks(&file, &format!("found {found} bytes of {}", entry.bytes));
        }
    }
    let secret = of(folder.secret_key());
    let Some(manifest) = read_secret(&secret)?.filter(|manifest| manifest.key == key) else {
        return lacks(&secret, "not found, or another key's");
    };
    let file = secret.join(manifest.protection.file());
    files::length(&file, files::SECRET_KEY, LACKING)?;
    Ok(())
}

/// Does so for who only looks, if there is anything to do and no step is at it. Where it cannot be done, the keys that are
/// in use are looked at all the same: the next step that changes the folder says why.
fn tidy_if_free(folder: &Folder) {
    if folder.path().join(STAGED).exists()
        && let Ok(Some(held)) = Held::try_take(folder)
    {
        let _ = finish_interrupted(&held);
    }
}

fn now_s() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(0, |time| time.as_secs())
}
