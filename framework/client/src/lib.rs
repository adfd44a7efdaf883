//! The client of an evaluator, step by step, in a folder: keys are made once, kept, and used again, and each
//! step leaves files that the next one takes, so that data owner, key owner and evaluator may be different
//! people on different machines.
//!
//! ```text
//! circuit.json           what is computed: the model, the scheme with its options, the circuit's digest
//! public_keys/           evaluation and public keys, and which they are: keys.json
//! secret_key/            the secret key, encrypted under a passphrase, readable by its owner alone
//! ciphertexts_upload/    rows, encrypted: queries.json and a file for each batch
//! ciphertexts_download/  answers, encrypted: results.json and a file for each batch
//! retired_keys/          keys that others have followed, until they are deleted
//! remote.json            what a service on a network has of these
//! results.csv            answers
//! ```
//!
//! | step | needs | makes |
//! | --- | --- | --- |
//! | [`Circuit::state`](BoundCircuit::state) | a model | `circuit.json` |
//! | [`keygen`] | `circuit.json` | `public_keys/`, `secret_key/` |
//! | [`encrypt`] | `circuit.json`, `public_keys/`; the secret key where its owner encrypts | `ciphertexts_upload/` |
//! | [`evaluate`], or [`Remote::send`] and [`Remote::fetch`] | `circuit.json`, `public_keys/`, `ciphertexts_upload/` | `ciphertexts_download/` |
//! | [`decrypt`] | `circuit.json`, `secret_key/`, `ciphertexts_download/` | `results.csv` |
//!
//! A step that changes the folder holds it ([`Folder::hold`]): one at a time, in whichever process. Who looks only holds
//! nothing, and tidies nothing away that a step may be writing.
//!
//! A step writes beside its place and moves what it wrote there when all of it is on the disk: one that is
//! killed leaves what was there before. What a step reads is held against the circuit before anything is
//! made of it: digests, lengths, numbers of rows.

mod accuracy;
mod circuit;
mod decrypt;
mod encrypt;
mod error;
mod evaluate;
mod exchange;
mod folder;
mod held;
mod hold;
mod keys;
mod lock;
mod passphrase;
mod remote;
mod rows;
mod secret;
mod stage;

pub use accuracy::Accuracy;
pub use circuit::{BoundCircuit, Wanted};
pub use decrypt::{Decrypted, decrypt};
pub use encrypt::{Encrypted, encrypt};
pub use error::ClientError;
pub use evaluate::{Evaluated, evaluate};
pub use exchange::{Batch, Exchange, FileEntry};
pub use folder::Folder;
pub use held::Held;
pub use keys::{KeyInfo, Place, Rotation, delete, evaluation_keys, keygen, list};
pub use lock::Lock;
pub use passphrase::{PASSPHRASE, Passphrases};
pub use remote::{Cleaned, KeptKeys, Remote, TOKEN, Uploaded};
pub use rows::{Gaps, Rows};
pub use secret::Protection;
