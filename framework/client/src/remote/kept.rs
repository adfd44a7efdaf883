//! What a service keeps of a client: evaluation keys with all that is under them, listed and deleted.

use std::collections::HashSet;
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
    /// The inputs and results that the service keeps under them: also those that no job has taken, of a `send` that was
    /// given up.
    pub ciphertexts: u64,
    /// The bytes of these.
    pub ciphertexts_bytes: u64,
    /// The key of this folder that they were last sent for, if they are those.
    pub key: Option<String>,
}

/// What was deleted under keys that a service keeps.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Cleaned {
    /// The service's name of the keys.
    pub keys: String,
    /// Inputs and results that were deleted.
    pub deleted: usize,
    /// Their bytes.
    pub bytes: u64,
    /// Results that were not: of what was sent last.
    pub kept: usize,
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
        let kept = |info: KeysInfo| KeptKeys {
            key: noted
                .as_ref()
                .filter(|n| n.keys == info.id)
                .map(|n| n.key.clone()),
            id: info.id,
            circuit: info.circuit,
            bytes: info.bytes,
            uploaded: time(info.created_s),
            expires: time(info.expires_s),
            ciphertexts: info.ciphertexts,
            ciphertexts_bytes: info.ciphertexts_bytes,
        };
        Ok(service.keys()?.into_iter().map(kept).collect())
    }

    /// Deletes keys at the service by its own name of them, with ciphertexts, results and jobs under them.
    ///
    /// # Errors
    /// The service has no such keys, is not there, or refuses.
    pub fn delete_named(&self, folder: &Folder, keys: &str) -> Result<(), ClientError> {
        let noted = Self::noted(folder)?;
        let Reached { service, .. } = self.service(folder, noted.as_ref())?;
        has(&service, keys)?;
        deletes(&service, keys)
    }

    /// Deletes the inputs and results that the service keeps under keys, and not the keys: those that it knows by this name,
    /// or that were last sent for from this folder. Results of what was sent last stay, as `fetch` may yet want them.
    ///
    /// # Errors
    /// The service has no such keys, jobs under them are not at their end, it is not there, or refuses.
    pub fn clean(&self, folder: &Folder, keys: Option<&str>) -> Result<Cleaned, ClientError> {
        let noted = Self::noted(folder)?;
        let Reached {
            service,
            server,
            is_own,
            ..
        } = self.service(folder, noted.as_ref())?;
        let noted = noted.filter(|n| is_own && n.server == server);
        let keys = keys.or(noted.as_ref().map(|n| n.keys.as_str()));
        let keys = keys.ok_or_else(|| {
            ClientError::file(
                "--server",
                "nothing was sent there from this folder",
                "name the keys, `keys_…`: `client keys list --server URL` shows what the service has",
            )
        })?;
        has(&service, keys)?;
        let jobs = service.jobs()?;
        let at_work = jobs.iter().filter(|job| job.keys == keys);
        let at_work = at_work.filter(|job| !job.state.is_final()).count();
        if at_work > 0 {
            return Err(ClientError::file(
                "--server",
                format!(
                    "{at_work} of the jobs under `{keys}` are not at their end, and read what would be deleted"
                ),
                "wait for them by `client fetch`, or clean later",
            ));
        }
        let mut wanted = HashSet::new();
        for job in noted.iter().flat_map(|n| &n.jobs) {
            match service.job(job, Duration::ZERO) {
                Err(error) if is_gone(&error) => {}
                job => wanted.extend(job?.results.into_iter().map(|result| result.id)),
            }
        }
        let mut cleaned = Cleaned {
            keys: keys.into(),
            ..Cleaned::default()
        };
        // A list has a thousand at most.
        loop {
            let under = service.ciphertexts_under(keys)?;
            let (kept, rest): (Vec<_>, Vec<_>) = under
                .into_iter()
                .partition(|info| wanted.contains(&info.id));
            cleaned.kept = kept.len();
            if rest.is_empty() {
                return Ok(cleaned);
            }
            for info in rest {
                gone(service.delete_ciphertexts(&info.id))?;
                cleaned.deleted += 1;
                cleaned.bytes = cleaned.bytes.saturating_add(info.bytes);
            }
        }
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

/// Holds that the service has keys of this name.
fn has(service: &ServiceClient, keys: &str) -> Result<(), ClientError> {
    if service.keys()?.iter().any(|info| info.id == keys) {
        return Ok(());
    }
    Err(ClientError::file(
        "--server",
        format!("the service has no keys `{keys}` of this client"),
        "`client keys list --server URL` shows what it has",
    ))
}

fn deletes(service: &ServiceClient, keys: &str) -> Result<(), ClientError> {
    gone(service.delete_keys(keys))
}

/// What was deleted is gone; what has expired or was deleted meanwhile, too.
fn gone(deleted: Result<(), ServiceError>) -> Result<(), ClientError> {
    match deleted {
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
