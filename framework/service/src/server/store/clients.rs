//! Clients: their tokens, and what they use.

use rusqlite::{OptionalExtension as _, Transaction, params};

use super::{Store, StoreError, now_s, today};
use crate::token::TokenHash;

/// What a file takes on a disk at least, in bytes: a block of most file systems.
const BLOCK: u64 = 4096;

/// What ciphertexts of so many bytes count for: their file takes a block, however small they are.
pub(crate) fn on_disk(bytes: u64) -> u64 {
    bytes.max(BLOCK)
}

/// What a client uses.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Used {
    /// Of programs, keys, ciphertexts, results and what is known of jobs.
    pub(crate) bytes: u64,
    pub(crate) keys: u64,
    pub(crate) programs: u64,
    /// Jobs, and programs to be compiled, that are not at their end.
    pub(crate) work: u64,
    /// Time of both on this day.
    pub(crate) today_ms: u64,
}

/// A client, as `serve token list` shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientRow {
    /// Its name.
    pub name: String,
    /// When it got its token, in seconds since 1970.
    pub created_s: u64,
    /// When that was revoked.
    pub revoked_s: Option<u64>,
}

/// Adds what work took to the time of its client on this day.
pub(super) fn takes_time(change: &Transaction<'_>, owner: &str, ms: u64) -> Result<(), StoreError> {
    change.execute(
        "INSERT INTO usage (owner, day, ms) VALUES (?1, ?2, ?3)
         ON CONFLICT (owner, day) DO UPDATE SET ms = ms + ?3",
        params![owner, today(), ms],
    )?;
    Ok(())
}

impl Store {
    /// Adds a client, or gives a new token to one whose old one was revoked; whether there is no other
    /// of this name.
    ///
    /// # Errors
    /// SQLite fails.
    pub fn add_client(&self, name: &str, token: TokenHash) -> Result<bool, StoreError> {
        self.change(|change| {
            let added = change.execute(
                "INSERT INTO clients (name, token_sha256, created_s) VALUES (?1, ?2, ?3)
                 ON CONFLICT (name) DO UPDATE SET token_sha256 = ?2, created_s = ?3, revoked_s = NULL
                 WHERE revoked_s IS NOT NULL",
                params![name, token, now_s()],
            )?;
            Ok(added == 1)
        })
    }

    /// Takes a client's token from it; whether it had one.
    ///
    /// # Errors
    /// SQLite fails.
    pub fn revoke_client(&self, name: &str) -> Result<bool, StoreError> {
        self.change(|change| {
            let revoked = change.execute(
                "UPDATE clients SET revoked_s = ?2 WHERE name = ?1 AND revoked_s IS NULL",
                params![name, now_s()],
            )?;
            Ok(revoked == 1)
        })
    }

    /// All clients, by name.
    ///
    /// # Errors
    /// SQLite fails.
    pub fn clients(&self) -> Result<Vec<ClientRow>, StoreError> {
        let connection = self.connection();
        let mut rows =
            connection.prepare("SELECT name, created_s, revoked_s FROM clients ORDER BY name")?;
        let rows = rows.query_map([], |row| {
            Ok(ClientRow {
                name: row.get(0)?,
                created_s: row.get(1)?,
                revoked_s: row.get(2)?,
            })
        })?;
        Ok(rows.collect::<rusqlite::Result<_>>()?)
    }

    /// The client that has this token. Every token is looked at, to its end, so that the time tells
    /// nothing of them.
    pub(crate) fn client_of(&self, token: &TokenHash) -> Result<Option<String>, StoreError> {
        let connection = self.connection();
        let mut rows = connection
            .prepare_cached("SELECT name, token_sha256 FROM clients WHERE revoked_s IS NULL")?;
        let rows = rows.query_map([], |row| {
            Ok((row.get::<_, String>(0)?, row.get::<_, TokenHash>(1)?))
        })?;
        let mut found = None;
        for row in rows {
            let (name, hash) = row?;
            if hash == *token {
                found = Some(name);
            }
        }
        Ok(found)
    }

    /// What a client uses now.
    pub(crate) fn used(&self, owner: &str) -> Result<Used, StoreError> {
        let connection = self.connection();
        let one = |sql: &str| -> rusqlite::Result<u64> {
            connection
                .prepare_cached(sql)?
                .query_row([owner], |row| row.get(0))
        };
        let today_ms = connection
            .prepare_cached("SELECT ms FROM usage WHERE owner = ?1 AND day = ?2")?
            .query_row(params![owner, today()], |row| row.get(0))
            .optional()?;
        Ok(Used {
            bytes: one(&format!(
                "SELECT (SELECT COALESCE(SUM(stored), 0) FROM keys WHERE owner = ?1)
                      + (SELECT COALESCE(SUM(MAX(bytes, {BLOCK})), 0) FROM ciphertexts WHERE owner = ?1)
                      + (SELECT COALESCE(SUM(bytes), 0) FROM programs WHERE owner = ?1)
                      + (SELECT COALESCE(SUM(bytes), 0) FROM jobs WHERE owner = ?1)",
            ))?,
            keys: one("SELECT COUNT(*) FROM keys WHERE owner = ?1")?,
            programs: one("SELECT COUNT(*) FROM programs WHERE owner = ?1")?,
            work: one(
                "SELECT (SELECT COUNT(*) FROM jobs WHERE owner = ?1 AND final = 0)
                      + (SELECT COUNT(*) FROM programs WHERE owner = ?1 AND state = 'checking')",
            )?,
            today_ms: today_ms.unwrap_or(0),
        })
    }
}
