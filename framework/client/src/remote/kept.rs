//! What a service keeps of a client: evaluation keys with all that is under them, listed and deleted.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use hexperiment_service::api::{KeysInfo, ProblemCode};
use hexperiment_service::client::{ServiceClient, ServiceError};

use super::{Reached, Remote};
use crate::circuit::BoundCircuit;
use crate::error::ClientError;
use crate::folder::Folder;
use crate::held::Held;
use crate::keys::PublicKeys;
use crate::passphrase::Passphrases;

/// How the service's names of keys begin.
const NAMES: &str = "keys_";

/// Evaluation keys that a service keeps.
#[derive(Clone, Debug)]
pub struct KeptKeys {
    /// Their name at the service.
    pub id: String,
    /// The digest of their circuit.
    pub circuit: String,
    /// Their bytes.
    pub bytes: u64,
    /// When they were uploaded.
    pub uploaded: SystemTime,
    /// When the service deletes them.
    pub expires: SystemTime,
    /// The inputs and results that the service keeps under them, a thousand at most: also those that no job has taken, of a
    /// `send` that was given up.
    pub ciphertexts: usize,
    /// The bytes of these.
    pub ciphertexts_bytes: u64,
    /// The key of this folder that they were last sent for, if they are those.
    pub key: Option<String>,
}

impl Remote {
    /// Whether this is the service's name of keys, and not a folder's.
    pub fn names_keys(name: &str) -> bool {
        name.starts_with(NAMES)
    }

    /// All keys that the service keeps of this client, whichever folder they came from.
    ///
    /// # Errors
    /// The service is not there, or refuses.
    pub fn kept_keys(&self, folder: &Folder) -> Result<Vec<KeptKeys>, ClientError> {
        let noted = Self::noted(folder)?;
        let Reached {
            service,
            server,
            is_own,
            ..
        } = self.service(folder, noted.as_ref())?;
        let noted = noted.filter(|n| is_own && n.server == server);
        let kept = |info: KeysInfo| -> Result<KeptKeys, ClientError> {
            let under = match service.ciphertexts_under(&info.id) {
                // They were deleted, or have expired, since they were listed.
                Err(error) if is_gone(&error) => vec![],
                under => under?,
            };
            Ok(KeptKeys {
                key: noted
                    .as_ref()
                    .filter(|n| n.keys == info.id)
                    .map(|n| n.key.clone()),
                id: info.id,
                circuit: info.circuit,
                bytes: info.bytes,
                uploaded: time(info.created_s),
                expires: time(info.expires_s),
                ciphertexts: under.len(),
                ciphertexts_bytes: under.iter().map(|info| info.bytes).sum(),
            })
        };
        service.keys()?.into_iter().map(kept).collect()
    }

    /// Deletes keys at the service by its own name of them, with ciphertexts, results and jobs under them.
    ///
    /// # Errors
    /// The service has no such keys, is not there, or refuses.
    pub fn delete_named(&self, folder: &Folder, keys: &str) -> Result<(), ClientError> {
        let noted = Self::noted(folder)?;
        let Reached { service, .. } = self.service(folder, noted.as_ref())?;
        if !service.keys()?.iter().any(|info| info.id == keys) {
            return Err(ClientError::file(
                "--server",
                format!("the service has no keys `{keys}` of this client"),
                "`client keys list --server URL` shows what it has",
            ));
        }
        deletes(&service, keys)
    }

    /// Deletes the evaluation keys of a key of this folder, in use or retired, at the service, with ciphertexts, results
    /// and jobs under them; tells how many sets there were. They are known by their SHA-256, or from `remote.json`.
    ///
    /// # Errors
    /// The key's files cannot be read, or a part of them is secret and cannot be opened; the service is not there, or
    /// refuses.
    pub fn delete_keys(
        &self,
        folder: &Held,
        bound: &BoundCircuit,
        key: &str,
        passphrases: &Passphrases,
    ) -> Result<usize, ClientError> {
        let noted = Self::noted(folder)?;
        let Reached {
            service,
            server,
            token,
            is_own,
            ..
        } = self.service(folder, noted.as_ref())?;
        let mut noted = noted.filter(|n| is_own && n.server == server && n.key == key);
        let mut found = Vec::new();
        if let Some(public) = PublicKeys::of_key(folder, bound, key)? {
            let evaluation = public.evaluation(folder, bound, passphrases)?;
            let own = service.all_keys_of(&evaluation)?;
            found.extend(own.into_iter().map(|info| info.id));
        }
        if let Some(noted) = &noted
            && !found.contains(&noted.keys)
            && service.keys()?.iter().any(|info| info.id == noted.keys)
        {
            found.push(noted.keys.clone());
        }
        for keys in &found {
            deletes(&service, keys)?;
        }
        // Their jobs are gone, too.
        if let Some(noted) = &mut noted {
            noted.query = None;
            noted.jobs.clear();
            noted.write(folder, &token)?;
        }
        Ok(found.len())
    }
}

/// Deletes keys; that they have expired or were deleted meanwhile is as well.
fn deletes(service: &ServiceClient, keys: &str) -> Result<(), ClientError> {
    match service.delete_keys(keys) {
        Err(error) if !is_gone(&error) => Err(error.into()),
        _ => Ok(()),
    }
}

fn is_gone(error: &ServiceError) -> bool {
    matches!(
        error.code(),
        Some(ProblemCode::NotFound | ProblemCode::Gone)
    )
}

fn time(seconds: u64) -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(seconds.min(u64::from(u32::MAX)))
}
