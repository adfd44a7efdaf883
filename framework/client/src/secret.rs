//! The file of a secret key, which is for the key owner's own disk: encrypted under a passphrase in the
//! format of age (<https://c2sp.org/age>), which the program `age` reads, too; or, where its owner asks for
//! that, as it is. Either file is readable by its owner alone.
//!
//! What stands in it, encrypted or not:
//!
//! ```text
//! "HEXPERIMENT SECRET KEY 1\n"
//! 32 bytes  the digest of the circuit
//!  8 bytes  the key's name
//!  then the secret key, and each part of the evaluation keys that is secret, too (role `shared`):
//!  8 bytes  its length, least byte first
//!    bytes  itself
//! ```

use std::fmt;
use std::io::{Read as _, Write as _};
use std::path::Path;

use age::secrecy::SecretString;
use hexperiment_diagnostics::files;
use hexperiment_scheme::{CircuitDigest, SecretKey};
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use crate::error::ClientError;
use crate::folder::held_private;
use crate::passphrase::Passphrases;

const MAGIC: &[u8] = b"HEXPERIMENT SECRET KEY 1\n";

/// The work factor of scrypt, 2^18, as the program `age` has it: about a second and 256 MiB for each try.
const WORK: u8 = 18;

/// The work factor that is accepted: a file that was altered must not take all memory.
const MOST_WORK: u8 = 20;

const RESTORE: &str = "copy the file again from where you keep a second one; without it, what is encrypted under \
                       this key is lost, and `client keys rotate` makes a new one";

/// How a secret key lies on the disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Protection {
    /// Encrypted under a passphrase, by age.
    Passphrase,
    /// As it is, in a file that its owner alone may read.
    Unprotected,
}

impl Protection {
    /// The name of the file.
    pub(crate) fn file(self) -> &'static str {
        match self {
            Self::Passphrase => "secret.age",
            Self::Unprotected => "secret.key",
        }
    }
}

impl fmt::Display for Protection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Passphrase => "under a passphrase",
            Self::Unprotected => "unprotected",
        })
    }
}

/// The name of a key: drawn when it was made.
pub(crate) type KeyName = [u8; 8];

/// A secret key with what belongs to it.
pub(crate) struct Secrets {
    pub(crate) key: SecretKey,
    /// Parts of the evaluation keys with which the server decrypts.
    pub(crate) shared: Vec<Zeroizing<Vec<u8>>>,
}

impl Secrets {
    /// The contents of its file, encrypted if there is a passphrase.
    pub(crate) fn sealed(
        &self,
        name: KeyName,
        passphrase: Option<SecretString>,
    ) -> Result<Zeroizing<Vec<u8>>, ClientError> {
        let plain = self.plain(name);
        let Some(passphrase) = passphrase else {
            return Ok(plain);
        };
        let place = Path::new(Protection::Passphrase.file());
        let sealed = encrypted(&plain, passphrase);
        let sealed = sealed.map_err(|e| ClientError::unwritable(place, &e))?;
        Ok(Zeroizing::new(sealed))
    }

    fn plain(&self, name: KeyName) -> Zeroizing<Vec<u8>> {
        let parts = || std::iter::once(self.key.expose()).chain(self.shared.iter().map(|p| &p[..]));
        let length: usize = parts().map(|part| 8 + part.len()).sum();
        // Of its full size at once: what is left behind by growing is not overwritten.
        let mut plain = Zeroizing::new(Vec::with_capacity(MAGIC.len() + 40 + length));
        plain.extend_from_slice(MAGIC);
        plain.extend_from_slice(self.key.circuit().as_bytes());
        plain.extend_from_slice(&name);
        for part in parts() {
            plain.extend_from_slice(&(part.len() as u64).to_le_bytes());
            plain.extend_from_slice(part);
        }
        plain
    }

    /// Reads the file of the key of this name and circuit.
    pub(crate) fn open(
        file: &Path,
        name: KeyName,
        key: &str,
        circuit: CircuitDigest,
        protection: Protection,
        passphrases: &Passphrases,
    ) -> Result<Self, ClientError> {
        held_private(file)?;
        let bytes = Zeroizing::new(files::read(file, files::SECRET_KEY, RESTORE)?);
        let plain = match protection {
            Protection::Unprotected => bytes,
            Protection::Passphrase => decrypted(&bytes, passphrases.of(key)?, file)?,
        };
        let bad = |problem: &str| ClientError::file(file, problem, RESTORE);
        let rest = plain.strip_prefix(MAGIC);
        let rest = rest.ok_or_else(|| bad("is no secret key of this program"))?;
        let truncated = || bad("is truncated");
        let (digest, rest) = rest.split_first_chunk::<32>().ok_or_else(truncated)?;
        let (found, mut rest) = rest.split_first_chunk::<8>().ok_or_else(truncated)?;
        if digest != circuit.as_bytes() {
            return Err(bad(
                "is the secret key of another circuit than `circuit.json` states",
            ));
        }
        if *found != name {
            return Err(bad(
                "is another secret key than the `key.json` beside it says",
            ));
        }
        let mut parts = Vec::new();
        while let Some((length, after)) = rest.split_first_chunk::<8>() {
            let length = usize::try_from(u64::from_le_bytes(*length)).unwrap_or(usize::MAX);
            let (part, after) = after.split_at_checked(length).ok_or_else(truncated)?;
            parts.push(Zeroizing::new(part.to_vec()));
            rest = after;
        }
        if !rest.is_empty() || parts.is_empty() {
            return Err(truncated());
        }
        let key = parts.remove(0);
        Ok(Self {
            key: SecretKey::new(circuit, key),
            shared: parts,
        })
    }
}

fn encrypted(plain: &[u8], passphrase: SecretString) -> std::io::Result<Vec<u8>> {
    let mut recipient = age::scrypt::Recipient::new(passphrase);
    recipient.set_work_factor(WORK);
    let recipient: &dyn age::Recipient = &recipient;
    let encryptor = age::Encryptor::with_recipients(std::iter::once(recipient));
    let encryptor = encryptor.map_err(std::io::Error::other)?;
    let mut sealed = Vec::new();
    let mut writer = encryptor.wrap_output(&mut sealed)?;
    writer.write_all(plain)?;
    writer.finish()?;
    Ok(sealed)
}

fn decrypted(
    sealed: &[u8],
    passphrase: SecretString,
    file: &Path,
) -> Result<Zeroizing<Vec<u8>>, ClientError> {
    let bad = |error: age::DecryptError| match error {
        age::DecryptError::DecryptionFailed | age::DecryptError::KeyDecryptionFailed => {
            let help = "type it again; if it is lost, so is what is encrypted under this key";
            ClientError::file(
                file,
                "the passphrase is wrong, or the file was altered",
                help,
            )
        }
        age::DecryptError::ExcessiveWork { required, .. } => ClientError::file(
            file,
            format!("asks for a work factor of 2^{required}, expected 2^{MOST_WORK} at most"),
            RESTORE,
        ),
        error => ClientError::file(
            file,
            format!("is no file of age under a passphrase, or was altered: {error}"),
            RESTORE,
        ),
    };
    let decryptor = age::Decryptor::new(sealed).map_err(bad)?;
    let mut identity = age::scrypt::Identity::new(passphrase);
    identity.set_max_work_factor(MOST_WORK);
    let identity: &dyn age::Identity = &identity;
    let mut reader = decryptor.decrypt(std::iter::once(identity)).map_err(bad)?;
    // It is shorter than what it was made of, so that this never grows.
    let mut plain = Zeroizing::new(Vec::with_capacity(sealed.len()));
    let read = reader.read_to_end(&mut plain);
    read.map_err(|e| {
        ClientError::file(file, format!("was altered, or is truncated: {e}"), RESTORE)
    })?;
    Ok(plain)
}
