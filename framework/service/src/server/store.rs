//! What the service knows of clients, programs, keys, ciphertexts and jobs: rows of SQLite. Their bytes are files,
//! see `blobs`.
//!
//! Every change is one transaction, and on the disk when it returns (`synchronous = FULL`): what is
//! acknowledged then survives a kill. Programs that run at the same time, as `serve token new`, see each
//! other's changes.

mod ciphertexts;
mod clients;
mod jobs;
mod keys;
mod programs;

use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use rusqlite::types::Type;
use rusqlite::{Connection, TransactionBehavior};

pub(crate) use ciphertexts::{CiphertextsRow, Inserted, Table};
pub use clients::ClientRow;
pub(crate) use clients::{Used, on_disk};
pub(crate) use jobs::{JobRow, Outcome, job_bytes};
pub(crate) use keys::{Added, Deleted, KeysRow};
pub(crate) use programs::{ProgramRow, Removal, Shape, Source};

/// The version of the tables below.
const SCHEMA: i64 = 3;

const TABLES: &str = "
CREATE TABLE clients (
    name TEXT PRIMARY KEY,
    token_sha256 BLOB NOT NULL,
    created_s INTEGER NOT NULL,
    revoked_s INTEGER
) STRICT;
CREATE TABLE programs (
    id TEXT PRIMARY KEY,
    owner TEXT NOT NULL,
    info TEXT NOT NULL,
    circuit TEXT NOT NULL,
    sha256 TEXT NOT NULL,
    public INTEGER NOT NULL,
    state TEXT NOT NULL,
    used_s INTEGER NOT NULL,
    bytes INTEGER NOT NULL DEFAULT 0,
    withdrawn INTEGER NOT NULL DEFAULT 0,
    inputs INTEGER,
    outputs INTEGER
) STRICT;
CREATE UNIQUE INDEX same_program ON programs (owner, sha256);
CREATE TABLE keys (
    id TEXT PRIMARY KEY,
    owner TEXT NOT NULL,
    program TEXT NOT NULL REFERENCES programs (id) ON DELETE CASCADE,
    info TEXT NOT NULL,
    stored INTEGER NOT NULL,
    expires_s INTEGER NOT NULL
) STRICT;
CREATE INDEX keys_of_owner ON keys (owner);
CREATE TABLE ciphertexts (
    id TEXT PRIMARY KEY,
    owner TEXT NOT NULL,
    keys TEXT NOT NULL REFERENCES keys (id) ON DELETE CASCADE,
    info TEXT NOT NULL,
    bytes INTEGER NOT NULL,
    expires_s INTEGER NOT NULL
) STRICT;
CREATE INDEX ciphertexts_of_owner ON ciphertexts (owner);
CREATE INDEX ciphertexts_of_keys ON ciphertexts (keys);
CREATE TABLE jobs (
    id TEXT PRIMARY KEY,
    number INTEGER NOT NULL,
    owner TEXT NOT NULL,
    keys TEXT NOT NULL,
    request TEXT,
    info TEXT NOT NULL,
    final INTEGER NOT NULL,
    ended_s INTEGER,
    bytes INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE UNIQUE INDEX same_request ON jobs (owner, request) WHERE request IS NOT NULL;
CREATE INDEX jobs_to_do ON jobs (final, number);
CREATE INDEX jobs_of_owner ON jobs (owner, number, bytes);
CREATE INDEX jobs_of_keys ON jobs (keys);
CREATE TABLE descriptions (
    job TEXT PRIMARY KEY REFERENCES jobs (id) ON DELETE CASCADE,
    description TEXT NOT NULL
) STRICT;
CREATE TABLE usage (
    owner TEXT NOT NULL,
    day INTEGER NOT NULL,
    ms INTEGER NOT NULL,
    PRIMARY KEY (owner, day)
) STRICT;
";

/// What version 1 lacks: what a program takes, and whether its owner has deleted it while others have keys for it.
const FROM_1: &str = "
ALTER TABLE programs ADD COLUMN bytes INTEGER NOT NULL DEFAULT 0;
ALTER TABLE programs ADD COLUMN withdrawn INTEGER NOT NULL DEFAULT 0;
";

/// What version 2 lacks: how many inputs and outputs a program has, and what a job takes; what a job is to do stands in a
/// table of its own, as long as it is to be done.
const FROM_2: &str = "
ALTER TABLE programs ADD COLUMN inputs INTEGER;
ALTER TABLE programs ADD COLUMN outputs INTEGER;
ALTER TABLE jobs ADD COLUMN bytes INTEGER NOT NULL DEFAULT 0;
CREATE TABLE descriptions (
    job TEXT PRIMARY KEY REFERENCES jobs (id) ON DELETE CASCADE,
    description TEXT NOT NULL
) STRICT;
INSERT INTO descriptions (job, description) SELECT id, job FROM jobs WHERE final = 0;
UPDATE jobs SET bytes = 1024 + LENGTH(info) + CASE final WHEN 0 THEN LENGTH(job) ELSE 0 END;
ALTER TABLE jobs DROP COLUMN job;
CREATE INDEX jobs_of_owner ON jobs (owner, number, bytes);
CREATE INDEX jobs_of_keys ON jobs (keys);
";

/// Why the tables do not say.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// SQLite.
    #[error("the tables of the service: {0}")]
    Sqlite(#[from] rusqlite::Error),
    /// Tables of another version.
    #[error(
        "found tables of version {found}, expected {SCHEMA}: another version of Hexperiment made them"
    )]
    Schema {
        /// Theirs.
        found: i64,
    },
}

/// The tables.
pub struct Store {
    connection: Mutex<Connection>,
}

impl Store {
    /// Opens the tables in a file, which is made if it is not there.
    ///
    /// # Errors
    /// It cannot be opened, or is of another version.
    pub fn open(file: &Path) -> Result<Self, StoreError> {
        private(file);
        let mut connection = Connection::open(file)?;
        connection.busy_timeout(Duration::from_secs(10))?;
        connection.pragma_update(None, "journal_mode", "WAL")?;
        connection.pragma_update(None, "synchronous", "FULL")?;
        connection.pragma_update(None, "foreign_keys", true)?;
        let change = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let found: i64 = change.pragma_query_value(None, "user_version", |row| row.get(0))?;
        let steps: &[&str] = match found {
            SCHEMA => &[],
            0 => &[TABLES],
            1 => &[FROM_1, FROM_2],
            2 => &[FROM_2],
            found => return Err(StoreError::Schema { found }),
        };
        for step in steps {
            change.execute_batch(step)?;
        }
        change.pragma_update(None, "user_version", SCHEMA)?;
        change.commit()?;
        Ok(Self {
            connection: Mutex::new(connection),
        })
    }

    /// A thread that panicked amid a transaction has rolled it back.
    fn connection(&self) -> MutexGuard<'_, Connection> {
        self.connection
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// Does something that changes tables, as a whole or not at all.
    fn change<T>(
        &self,
        change: impl FnOnce(&rusqlite::Transaction<'_>) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let mut connection = self.connection();
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let done = change(&transaction)?;
        transaction.commit()?;
        Ok(done)
    }
}

/// Makes the file for its owner alone, if it is not there; SQLite gives the files beside it the same permissions.
fn private(file: &Path) {
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    // One that is there is left as it is; where none can be made, SQLite says why.
    drop(options.open(file));
}

/// Seconds since 1970.
pub(crate) fn now_s() -> u64 {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    since.map_or(0, |since| since.as_secs())
}

/// Days since 1970, in UTC.
fn today() -> u64 {
    now_s() / (24 * 60 * 60)
}

/// Text of JSON in a column.
fn json<T: serde::de::DeserializeOwned>(column: usize, text: &str) -> rusqlite::Result<T> {
    serde_json::from_str(text)
        .map_err(|e| rusqlite::Error::FromSqlConversionFailure(column, Type::Text, Box::new(e)))
}

/// A value as JSON, for a column.
fn text(value: &impl serde::Serialize) -> rusqlite::Result<String> {
    serde_json::to_string(value).map_err(|e| rusqlite::Error::ToSqlConversionFailure(Box::new(e)))
}

#[cfg(test)]
mod tests;
