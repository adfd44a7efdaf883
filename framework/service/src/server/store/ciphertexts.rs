//! Ciphertexts: inputs and results.

use rusqlite::{OptionalExtension as _, Row, Transaction, params};

use super::{Store, StoreError, json, now_s, text};
use crate::api::CiphertextsInfo;

/// Ciphertexts.
#[derive(Clone, Debug)]
pub(crate) struct CiphertextsRow {
    pub(crate) info: CiphertextsInfo,
    pub(crate) owner: String,
}

impl CiphertextsRow {
    fn of(row: &Row<'_>) -> rusqlite::Result<Self> {
        Ok(Self {
            info: json(0, &row.get::<_, String>(0)?)?,
            owner: row.get(1)?,
        })
    }
}

/// Whether ciphertexts were added, or their keys are gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Inserted {
    Yes,
    KeysAreGone,
}

impl Store {
    pub(crate) fn add_ciphertexts(&self, row: &CiphertextsRow) -> Result<Inserted, StoreError> {
        self.change(|change| insert(change, &row.info, &row.owner))
    }

    pub(crate) fn ciphertexts(&self, id: &str) -> Result<Option<CiphertextsRow>, StoreError> {
        let connection = self.connection();
        let mut row =
            connection.prepare_cached("SELECT info, owner FROM ciphertexts WHERE id = ?1")?;
        Ok(row.query_row([id], CiphertextsRow::of).optional()?)
    }

    /// What is under keys and not expired, the newest first: all of it, or what has these bytes by their digest.
    pub(crate) fn ciphertexts_under(
        &self,
        keys: &str,
        sha256: Option<&str>,
        most: u64,
    ) -> Result<Vec<CiphertextsInfo>, StoreError> {
        let connection = self.connection();
        let mut rows = connection.prepare_cached(
            "SELECT info, owner FROM ciphertexts
             WHERE keys = ?1 AND expires_s >= ?2 AND (?3 IS NULL OR info ->> '$.sha256' = ?3)
             ORDER BY rowid DESC LIMIT ?4",
        )?;
        let rows = rows.query_map(params![keys, now_s(), sha256, most], CiphertextsRow::of)?;
        let rows = rows.map(|row| row.map(|row| row.info));
        Ok(rows.collect::<rusqlite::Result<_>>()?)
    }

    /// Whether it was there.
    pub(crate) fn delete_ciphertexts(&self, id: &str) -> Result<bool, StoreError> {
        self.change(|change| {
            let deleted = change.execute("DELETE FROM ciphertexts WHERE id = ?1", [id])?;
            Ok(deleted == 1)
        })
    }

    /// The names of everything that has a file: programs, keys, ciphertexts.
    pub(crate) fn names(&self, table: Table) -> Result<Vec<String>, StoreError> {
        let connection = self.connection();
        let sql = match table {
            Table::Programs => "SELECT id FROM programs",
            Table::Keys => "SELECT id FROM keys",
            Table::Ciphertexts => "SELECT id FROM ciphertexts",
        };
        let mut rows = connection.prepare(sql)?;
        let rows = rows.query_map([], |row| row.get(0))?;
        Ok(rows.collect::<rusqlite::Result<_>>()?)
    }
}

/// Tables whose rows have files.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Table {
    Programs,
    Keys,
    Ciphertexts,
}

pub(super) fn insert(
    change: &Transaction<'_>,
    info: &CiphertextsInfo,
    owner: &str,
) -> Result<Inserted, StoreError> {
    let added = change.execute(
        "INSERT INTO ciphertexts (id, owner, keys, info, bytes, expires_s)
         SELECT ?1, ?2, id, ?4, ?5, ?6 FROM keys WHERE id = ?3",
        params![
            info.id,
            owner,
            info.keys,
            text(info)?,
            info.bytes,
            info.expires_s
        ],
    )?;
    Ok(if added == 1 {
        Inserted::Yes
    } else {
        Inserted::KeysAreGone
    })
}
