//! Programs: whose they are, and how far.

use rusqlite::{OptionalExtension as _, Row, params};

use super::{Store, StoreError, json, now_s, text};
use crate::api::{ProgramInfo, ProgramState};

/// A program.
#[derive(Clone, Debug)]
pub(crate) struct ProgramRow {
    pub(crate) info: ProgramInfo,
    pub(crate) owner: String,
}

impl ProgramRow {
    fn of(row: &Row<'_>) -> rusqlite::Result<Self> {
        Ok(Self {
            info: json(0, &row.get::<_, String>(0)?)?,
            owner: row.get(1)?,
        })
    }

    /// Whether this client may use it.
    pub(crate) fn serves(&self, client: &str) -> bool {
        self.owner == client || self.info.public
    }
}

impl Store {
    /// Adds a program, unless its owner has the same already: then that one, which is checked again if
    /// it was not ready.
    pub(crate) fn add_program(
        &self,
        owner: &str,
        sha256: &str,
        info: &ProgramInfo,
    ) -> Result<Option<ProgramInfo>, StoreError> {
        self.change(|change| {
            let known = change
                .prepare_cached(
                    "SELECT info, owner FROM programs WHERE owner = ?1 AND sha256 = ?2",
                )?
                .query_row([owner, sha256], ProgramRow::of)
                .optional()?;
            if let Some(known) = known {
                change.execute(
                    "UPDATE programs SET used_s = ?2 WHERE id = ?1",
                    params![known.info.id, now_s()],
                )?;
                return Ok(Some(known.info));
            }
            change.execute(
                "INSERT INTO programs (id, owner, info, circuit, sha256, public, state, used_s)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, 'checking', ?7)",
                params![
                    info.id,
                    owner,
                    text(info)?,
                    info.circuit,
                    sha256,
                    info.public,
                    now_s()
                ],
            )?;
            Ok(None)
        })
    }

    pub(crate) fn program(&self, id: &str) -> Result<Option<ProgramRow>, StoreError> {
        let connection = self.connection();
        let mut row =
            connection.prepare_cached("SELECT info, owner FROM programs WHERE id = ?1")?;
        Ok(row.query_row([id], ProgramRow::of).optional()?)
    }

    pub(crate) fn programs_of(&self, owner: &str) -> Result<Vec<ProgramInfo>, StoreError> {
        let connection = self.connection();
        let mut rows = connection
            .prepare_cached("SELECT info, owner FROM programs WHERE owner = ?1 ORDER BY rowid")?;
        let rows = rows.query_map([owner], ProgramRow::of)?;
        let rows = rows.map(|row| row.map(|row| row.info));
        Ok(rows.collect::<rusqlite::Result<_>>()?)
    }

    /// Programs that were not checked to their end.
    pub(crate) fn programs_to_check(&self) -> Result<Vec<ProgramRow>, StoreError> {
        let connection = self.connection();
        let mut rows = connection
            .prepare("SELECT info, owner FROM programs WHERE state = 'checking' ORDER BY rowid")?;
        let rows = rows.query_map([], ProgramRow::of)?;
        Ok(rows.collect::<rusqlite::Result<_>>()?)
    }

    /// Writes down what came of checking a program.
    pub(crate) fn checked(&self, info: &ProgramInfo) -> Result<(), StoreError> {
        let state = match info.state {
            ProgramState::Checking => "checking",
            ProgramState::Ready => "ready",
            ProgramState::Refused | ProgramState::Failed => "ended",
        };
        self.change(|change| {
            change.execute(
                "UPDATE programs SET info = ?2, state = ?3 WHERE id = ?1",
                params![info.id, text(info)?, state],
            )?;
            Ok(())
        })
    }

    /// Deletes a program without keys; whether it had none.
    pub(crate) fn delete_program(&self, id: &str) -> Result<bool, StoreError> {
        self.change(|change| {
            let deleted = change.execute(
                "DELETE FROM programs WHERE id = ?1
                 AND NOT EXISTS (SELECT 1 FROM keys WHERE keys.program = programs.id)",
                [id],
            )?;
            Ok(deleted == 1)
        })
    }

    /// Deletes programs without keys that nobody has used since; their names.
    pub(crate) fn forget_programs(&self, unused_since_s: u64) -> Result<Vec<String>, StoreError> {
        self.change(|change| {
            let mut rows = change.prepare(
                "DELETE FROM programs WHERE used_s < ?1 AND state <> 'checking'
                 AND NOT EXISTS (SELECT 1 FROM keys WHERE keys.program = programs.id) RETURNING id",
            )?;
            let rows = rows.query_map([unused_since_s], |row| row.get(0))?;
            Ok(rows.collect::<rusqlite::Result<_>>()?)
        })
    }
}
