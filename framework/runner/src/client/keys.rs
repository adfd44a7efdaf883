//! `client keys`: keys in the folder, and what a service keeps of them.

use clap::Subcommand;
use hexperiment_client::{BoundCircuit, ClientError, Folder, Remote, Rotation};

use super::words::{told_cleaned, told_deleted, told_kept, told_key};
use super::{PassphraseArguments, ProtectionArguments, RemoteArguments, keygen};
use crate::out::{say, tell};

#[derive(Subcommand)]
pub(super) enum Keys {
    /// Keys that are here, in use or retired; with `--server`, those that the service keeps.
    List {
        #[command(flatten)]
        remote: RemoteArguments,
    },
    /// Makes new keys; those in use are retired, and decrypt until they are deleted.
    Rotate {
        #[command(flatten)]
        protection: ProtectionArguments,
        #[command(flatten)]
        passphrase: PassphraseArguments,
    },
    /// Deletes a key. What is encrypted under it is lost. With `--server`, the service's evaluation keys of it are deleted
    /// first, with the ciphertexts, results and jobs under them.
    Delete {
        /// Its name, as `list` shows it; or `keys_…`, as `list --server` shows it, which is deleted at the service alone.
        key: String,
        #[command(flatten)]
        remote: RemoteArguments,
        #[command(flatten)]
        passphrase: PassphraseArguments,
    },
    /// Deletes what a service keeps under keys, inputs and results, and keeps the keys: so goes what `send` left there of rows
    /// that were given up. Results of what was sent last from this folder stay.
    Clean {
        /// `keys_…`, as `list --server` shows them; without it, those that this folder last sent for.
        keys: Option<String>,
        #[command(flatten)]
        remote: RemoteArguments,
    },
}

/// Does what is asked for with keys.
pub(super) fn keys(folder: &Folder, what: Keys) -> Result<(), ClientError> {
    match what {
        Keys::List { remote } if remote.server.is_some() => {
            let kept = remote.remote().kept_keys(folder)?;
            if kept.is_empty() {
                tell!("note: the service keeps no keys of this client");
            }
            kept.iter().for_each(told_kept);
        }
        Keys::List { .. } => {
            let keys = hexperiment_client::list(folder)?;
            if keys.is_empty() {
                let place = folder.path().display();
                tell!("note: {place}: there are no keys; `client keygen` makes some");
            }
            for key in keys {
                told_key(&key);
            }
        }
        Keys::Rotate {
            protection,
            passphrase,
        } => keygen(folder, &protection, passphrase, Rotation::Rotate)?,
        Keys::Delete { key, remote, .. } if remote.server.is_some() && Remote::names_keys(&key) => {
            remote.remote().delete_named(folder, &key)?;
            say!("{key}: deleted at the service, with ciphertexts, results and jobs under them");
        }
        Keys::Delete {
            key,
            remote,
            passphrase,
        } => {
            let held = folder.hold()?;
            // At the service first: its keys are found by those that are here.
            if remote.server.is_some() {
                let bound = BoundCircuit::open(folder)?;
                let passphrases = passphrase.passphrases();
                let count = remote
                    .remote()
                    .delete_keys(&held, &bound, &key, &passphrases)?;
                told_deleted(&key, count);
            }
            hexperiment_client::delete(&held, &key)?;
            say!("key {key}: deleted, with its secret key; what is encrypted under it is lost");
        }
        Keys::Clean { keys, remote } => {
            // No step of this folder sends meanwhile.
            let held = folder.hold()?;
            told_cleaned(&remote.remote().clean(&held, keys.as_deref())?);
        }
    }
    Ok(())
}
