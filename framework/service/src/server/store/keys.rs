//! Evaluation keys: whose they are, for which program, until when.

use rusqlite::{Connection, OptionalExtension as _, Row, Transaction, params};

use super::{Store, StoreError, json, now_s, text};
use crate::api::KeysInfo;

/// Evaluation keys.
#[derive(Clone, Debug)]
pub(crate) struct KeysRow {
    pub(crate) info: KeysInfo,
    pub(crate) owner: String,
    /// Bytes of the file that holds them.
    pub(crate) stored: u64,
}

impl KeysRow {
    fn of(row: &Row<'_>) -> rusqlite::Result<Self> {
        Ok(Self {
            info: json(0, &row.get::<_, String>(0)?)?,
            owner: row.get(1)?,
            stored: row.get(2)?,
        })
    }
}

/// What was deleted: the names of keys, of the ciphertexts under them, and of programs that waited for their last keys.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Deleted {
    pub(crate) programs: Vec<String>,
    pub(crate) keys: Vec<String>,
    pub(crate) ciphertexts: Vec<String>,
}

/// Whether keys were added, or the program that they are for is gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Added {
    Yes,
    /// It was deleted, or withdrawn, while they were uploaded.
    ProgramIsGone,
}

const COLUMNS: &str = "info, owner, stored";

impl Store {
    pub(crate) fn add_keys(&self, keys: &KeysRow) -> Result<Added, StoreError> {
        self.change(|change| {
            let added = change.execute(
                "INSERT INTO keys (id, owner, program, info, stored, expires_s)
                 SELECT ?1, ?2, id, ?4, ?5, ?6 FROM programs WHERE id = ?3 AND withdrawn = 0",
                params![
                    keys.info.id,
                    keys.owner,
                    keys.info.program,
                    text(&keys.info)?,
                    keys.stored,
                    keys.info.expires_s
                ],
            )?;
            change.execute(
                "UPDATE programs SET used_s = ?2 WHERE id = ?1",
                params![keys.info.program, now_s()],
            )?;
            Ok(if added == 1 {
                Added::Yes
            } else {
                Added::ProgramIsGone
            })
        })
    }

    pub(crate) fn keys(&self, id: &str) -> Result<Option<KeysRow>, StoreError> {
        let connection = self.connection();
        let sql = format!("SELECT {COLUMNS} FROM keys WHERE id = ?1");
        let mut row = connection.prepare_cached(&sql)?;
        Ok(row.query_row([id], KeysRow::of).optional()?)
    }

    /// A client's keys, with what is kept under them.
    pub(crate) fn keys_of(&self, owner: &str) -> Result<Vec<KeysInfo>, StoreError> {
        let connection = self.connection();
        let sql = format!("SELECT {COLUMNS} FROM keys WHERE owner = ?1 ORDER BY rowid");
        let mut rows = connection.prepare_cached(&sql)?;
        let rows = rows.query_map([owner], KeysRow::of)?;
        rows.map(|row| Ok(counted(&connection, row?.info)?))
            .collect()
    }

    /// Keys, with what is kept under them.
    pub(crate) fn with_counts(&self, info: KeysInfo) -> Result<KeysInfo, StoreError> {
        Ok(counted(&self.connection(), info)?)
    }

    /// Deletes keys, with the ciphertexts under them and the jobs that have ended.
    pub(crate) fn delete_keys(&self, id: &str) -> Result<Deleted, StoreError> {
        self.change(|change| {
            let mut deleted = Deleted::default();
            delete(change, id.to_owned(), &mut deleted)?;
            Ok(deleted)
        })
    }

    /// Deletes keys and ciphertexts whose time is over.
    pub(crate) fn expire(&self) -> Result<Deleted, StoreError> {
        self.change(|change| {
            let names = |sql: &str| -> Result<Vec<String>, StoreError> {
                let mut rows = change.prepare(sql)?;
                let rows = rows.query_map([now_s()], |row| row.get(0))?;
                Ok(rows.collect::<rusqlite::Result<_>>()?)
            };
            let mut deleted = Deleted {
                ciphertexts: names("DELETE FROM ciphertexts WHERE expires_s < ?1 RETURNING id")?,
                ..Deleted::default()
            };
            for id in names("SELECT id FROM keys WHERE expires_s < ?1")? {
                delete(change, id, &mut deleted)?;
            }
            Ok(deleted)
        })
    }
}

/// Counts what is kept under keys and not expired.
fn counted(connection: &Connection, info: KeysInfo) -> rusqlite::Result<KeysInfo> {
    let mut row = connection.prepare_cached(
        "SELECT COUNT(*), COALESCE(SUM(bytes), 0) FROM ciphertexts WHERE keys = ?1 AND expires_s >= ?2",
    )?;
    row.query_row(params![info.id, now_s()], |row| {
        Ok(KeysInfo {
            ciphertexts: row.get(0)?,
            ciphertexts_bytes: row.get(1)?,
            ..info.clone()
        })
    })
}

fn delete(change: &Transaction<'_>, id: String, deleted: &mut Deleted) -> Result<(), StoreError> {
    let mut rows = change.prepare("DELETE FROM ciphertexts WHERE keys = ?1 RETURNING id")?;
    let rows = rows.query_map([&id], |row| row.get(0))?;
    for row in rows {
        deleted.ciphertexts.push(row?);
    }
    // What they yielded is gone. Those that have not ended are told of it.
    change.execute("DELETE FROM jobs WHERE keys = ?1 AND final = 1", [&id])?;
    if change.execute("DELETE FROM keys WHERE id = ?1", [&id])? == 1 {
        deleted.keys.push(id);
    }
    let mut rows = change.prepare(
        "DELETE FROM programs WHERE withdrawn = 1
         AND NOT EXISTS (SELECT 1 FROM keys WHERE keys.program = programs.id) RETURNING id",
    )?;
    for row in rows.query_map([], |row| row.get(0))? {
        deleted.programs.push(row?);
    }
    Ok(())
}
