//! Public and evaluation keys: read again by the steps that encrypt under them, and by those that send them.

use std::path::PathBuf;

use hexperiment_diagnostics::files;
use hexperiment_scheme::{Encryptor, EvaluationKeys, KeyPart, KeyRole};
use zeroize::Zeroizing;

use super::manifest::{COPY, PublicManifest, part_file, read_public};
use super::owned::open_secrets;
use super::tidy_if_free;
use crate::circuit::BoundCircuit;
use crate::error::ClientError;
use crate::exchange::read_entry;
use crate::folder::Folder;
use crate::passphrase::Passphrases;

/// The current public and evaluation keys, held against the circuit.
pub(crate) struct PublicKeys {
    folder: PathBuf,
    manifest: PublicManifest,
}

impl PublicKeys {
    pub(crate) fn open(folder: &Folder, bound: &BoundCircuit) -> Result<Self, ClientError> {
        Self::at(folder.public_keys(), bound)
    }

    /// Those of this name, in use or retired, if they are here.
    pub(crate) fn of_key(
        folder: &Folder,
        bound: &BoundCircuit,
        key: &str,
    ) -> Result<Option<Self>, ClientError> {
        let retired = folder.retired_keys();
        for place in [folder.public_keys(), retired.join(key).join("public_keys")] {
            if read_public(&place)?.is_some_and(|manifest| manifest.key == key) {
                return Self::at(place, bound).map(Some);
            }
        }
        Ok(None)
    }

    fn at(place: PathBuf, bound: &BoundCircuit) -> Result<Self, ClientError> {
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
    tidy_if_free(folder);
    PublicKeys::open(folder, bound)?.evaluation(folder, bound, passphrases)
}
