//! Evaluation keys: uploaded once, found again by their digest, deleted.

use std::fs::File;
use std::io::Read;
use std::path::Path;
use std::time::Duration;

use hexperiment_scheme::EvaluationKeys;
use hexperiment_wire::{KeyFrames, Limits};
use sha2::{Digest as _, Sha256};

use super::http::Content;
use super::{ServiceClient, ServiceError};
use crate::api::KeysInfo;
use crate::token::hex;

impl ServiceClient {
    /// Uploads evaluation keys for a program; they are kept for so long, or as long as the service
    /// keeps any.
    ///
    /// # Errors
    /// They are too large, or of another circuit, or a quota is used up.
    pub fn upload_keys(
        &self,
        program: &str,
        keys: &EvaluationKeys,
        keep: Option<Duration>,
    ) -> Result<KeysInfo, ServiceError> {
        let length = KeyFrames::new(keys, &Limits::default())?.length();
        let open = || -> Result<Box<dyn Read + '_>, ServiceError> {
            Ok(Box::new(KeyFrames::new(keys, &Limits::default())?))
        };
        self.upload_key_frames(program, length, &open, keep)
    }

    /// As [`ServiceClient::upload_keys`], of a file that holds their frames, as [`KeyFrames`] yields them.
    ///
    /// # Errors
    /// As [`ServiceClient::upload_keys`]; the file cannot be read.
    pub fn upload_keys_file(
        &self,
        program: &str,
        file: &Path,
        keep: Option<Duration>,
    ) -> Result<KeysInfo, ServiceError> {
        let of_file = |source| ServiceError::File {
            path: file.display().to_string(),
            source,
        };
        let length = file.metadata().map_err(of_file)?.len();
        let open = || -> Result<Box<dyn Read + '_>, ServiceError> {
            Ok(Box::new(File::open(file).map_err(of_file)?))
        };
        self.upload_key_frames(program, length, &open, keep)
    }

    #[expect(
        clippy::needless_lifetimes,
        reason = "what is opened borrows what opens it"
    )]
    fn upload_key_frames<'a>(
        &self,
        program: &str,
        length: u64,
        open: &'a dyn Fn() -> Result<Box<dyn Read + 'a>, ServiceError>,
        keep: Option<Duration>,
    ) -> Result<KeysInfo, ServiceError> {
        let path = kept(&format!("/v1/programs/{program}/keys"), keep);
        self.http
            .ask("POST", &path, &Content::Stream { length, open })
    }

    /// The client's keys.
    ///
    /// # Errors
    /// [`ServiceError`]
    pub fn keys(&self) -> Result<Vec<KeysInfo>, ServiceError> {
        self.get("/v1/keys")
    }

    /// The client's keys that are exactly these, if the service has them: those that last longest.
    ///
    /// # Errors
    /// [`ServiceError`]; keys that no frame can hold.
    pub fn keys_of(&self, keys: &EvaluationKeys) -> Result<Option<KeysInfo>, ServiceError> {
        let all = self.all_keys_of(keys)?.into_iter();
        Ok(all.max_by_key(|info| info.expires_s))
    }

    /// All of the client's keys that are exactly these: some may have been uploaded twice.
    ///
    /// # Errors
    /// As [`ServiceClient::keys_of`].
    pub fn all_keys_of(&self, keys: &EvaluationKeys) -> Result<Vec<KeysInfo>, ServiceError> {
        let mut frames = KeyFrames::new(keys, &Limits::default())?;
        let mut digest = Sha256::new();
        std::io::copy(&mut frames, &mut digest).map_err(|source| ServiceError::File {
            path: "the keys".into(),
            source,
        })?;
        let digest = hex(&digest.finalize());
        let mut all = self.keys()?;
        all.retain(|info| info.sha256 == digest);
        Ok(all)
    }

    /// Deletes keys, with what is under them.
    ///
    /// # Errors
    /// [`ServiceError`]
    pub fn delete_keys(&self, keys: &str) -> Result<(), ServiceError> {
        self.http.delete(&format!("/v1/keys/{keys}"))
    }
}

/// A path, with how long what is uploaded there is to be kept.
fn kept(path: &str, keep: Option<Duration>) -> String {
    match keep {
        Some(keep) => format!("{path}?keep={}", keep.as_secs().max(1)),
        None => path.to_owned(),
    }
}
