//! Ciphertexts: inputs sent, results fetched; their bytes are held against what the service says of them.

use sha2::{Digest as _, Sha256};

use super::http::Content;
use super::{ServiceClient, ServiceError};
use crate::api::CiphertextsInfo;
use crate::token::hex;

impl ServiceClient {
    /// The ciphertexts under keys that are exactly these bytes, if the service has them.
    ///
    /// # Errors
    /// The keys are not there.
    pub fn ciphertexts_of(
        &self,
        keys: &str,
        bytes: &[u8],
    ) -> Result<Option<CiphertextsInfo>, ServiceError> {
        let digest = hex(&Sha256::digest(bytes));
        let path = format!("/v1/keys/{keys}/ciphertexts?sha256={digest}");
        let found: Vec<CiphertextsInfo> = self.get(&path)?;
        let newest = found.into_iter().next();
        newest
            .map(|info| same(&info, bytes).map(|()| info))
            .transpose()
    }

    /// What the service keeps under keys, inputs and results: the newest first, a thousand at most.
    ///
    /// # Errors
    /// The keys are not there.
    pub fn ciphertexts_under(&self, keys: &str) -> Result<Vec<CiphertextsInfo>, ServiceError> {
        self.get(&format!("/v1/keys/{keys}/ciphertexts"))
    }

    /// Uploads the ciphertexts of one input.
    ///
    /// # Errors
    /// They are too large, or a quota is used up.
    pub fn upload_ciphertexts(
        &self,
        keys: &str,
        bytes: &[u8],
    ) -> Result<CiphertextsInfo, ServiceError> {
        let path = format!("/v1/keys/{keys}/ciphertexts");
        let info: CiphertextsInfo = self.http.ask("POST", &path, &Content::Bytes(bytes))?;
        same(&info, bytes)?;
        Ok(info)
    }

    /// The bytes of a result, as the service has computed them.
    ///
    /// # Errors
    /// They are not those that the service has announced.
    pub fn download(&self, info: &CiphertextsInfo) -> Result<Vec<u8>, ServiceError> {
        let path = format!("/v1/ciphertexts/{}/bytes", info.id);
        let bytes = self.http.fetch(&path, info.bytes)?;
        same(info, &bytes)?;
        Ok(bytes)
    }

    /// Deletes ciphertexts.
    ///
    /// # Errors
    /// [`ServiceError`]
    pub fn delete_ciphertexts(&self, ciphertexts: &str) -> Result<(), ServiceError> {
        let path = format!("/v1/ciphertexts/{ciphertexts}");
        self.http.delete(&path)
    }
}

/// Holds bytes against what the service says of them.
fn same(info: &CiphertextsInfo, bytes: &[u8]) -> Result<(), ServiceError> {
    let found = hex(&Sha256::digest(bytes));
    if (info.bytes, &info.sha256) == (bytes.len() as u64, &found) {
        return Ok(());
    }
    Err(ServiceError::Answer(format!(
        "found {} bytes of SHA-256 {found}, expected {} of {}: they were changed on the way",
        bytes.len(),
        info.bytes,
        hexperiment_diagnostics::printable::cut(&info.sha256, 64)
    )))
}
