//! Programs: whose they are, and how far.

use hexperiment_program::Program;
use rusqlite::{OptionalExtension as _, Row, Transaction, params};

use super::clients::takes_time;
use super::{Store, StoreError, json, now_s, text};
use crate::api::{ProgramInfo, ProgramState};

/// A program.
#[derive(Clone, Debug)]
pub(crate) struct ProgramRow {
    pub(crate) info: ProgramInfo,
    pub(crate) owner: String,
    /// Whether its owner has deleted it while others had keys for it: it serves these keys alone.
    pub(crate) is_withdrawn: bool,
}

/// How many inputs and outputs a program has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Shape {
    pub(crate) inputs: u64,
    pub(crate) outputs: u64,
}

impl Shape {
    pub(crate) fn of(program: &Program) -> Self {
        Self {
            inputs: program.inputs().len() as u64,
            outputs: program.outputs().len() as u64,
        }
    }
}

/// What a program was registered with, as far as tables have it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Source<'a> {
    /// SHA-256 of the file, in hexadecimal digits.
    pub(crate) sha256: &'a str,
    /// Bytes of the file.
    pub(crate) bytes: u64,
    pub(crate) shape: Shape,
}

/// What came of deleting a program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Removal {
    Deleted,
    /// Others have keys for it: it goes with the last of them.
    Withdrawn,
    /// Its owner has keys for it.
    HasKeys,
}

const COLUMNS: &str = "info, owner, withdrawn";

impl ProgramRow {
    fn of(row: &Row<'_>) -> rusqlite::Result<Self> {
        Ok(Self {
            info: json(0, &row.get::<_, String>(0)?)?,
            owner: row.get(1)?,
            is_withdrawn: row.get(2)?,
        })
    }

    /// Whether this client may use it.
    pub(crate) fn serves(&self, client: &str) -> bool {
        (self.owner == client || self.info.public) && !self.is_withdrawn
    }
}

impl Store {
    /// The program of this owner that is the same, if there is one; one that was withdrawn serves again.
    pub(crate) fn known_program(
        &self,
        owner: &str,
        sha256: &str,
    ) -> Result<Option<ProgramInfo>, StoreError> {
        self.change(|change| known(change, owner, sha256))
    }

    /// Adds a program, unless its owner has the same already: then that one.
    pub(crate) fn add_program(
        &self,
        owner: &str,
        source: Source<'_>,
        info: &ProgramInfo,
    ) -> Result<Option<ProgramInfo>, StoreError> {
        self.change(|change| {
            if let Some(known) = known(change, owner, source.sha256)? {
                return Ok(Some(known));
            }
            change.execute(
                "INSERT INTO programs
                     (id, owner, info, circuit, sha256, public, state, used_s, bytes, inputs, outputs)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, 'checking', ?7, ?8, ?9, ?10)",
                params![
                    info.id,
                    owner,
                    text(info)?,
                    info.circuit,
                    source.sha256,
                    info.public,
                    now_s(),
                    source.bytes,
                    source.shape.inputs,
                    source.shape.outputs
                ],
            )?;
            Ok(None)
        })
    }

    /// Writes down bytes and shape of programs of which they are not known: of tables of older versions. One that cannot be
    /// read has no inputs, and does nothing.
    pub(crate) fn measure_programs(
        &self,
        measured: impl Fn(&str) -> (u64, Option<Shape>),
    ) -> Result<(), StoreError> {
        self.change(|change| {
            let mut rows = change.prepare("SELECT id FROM programs WHERE inputs IS NULL")?;
            let rows = rows.query_map([], |row| row.get(0))?;
            let names: Vec<String> = rows.collect::<rusqlite::Result<_>>()?;
            for id in names {
                let (bytes, shape) = measured(&id);
                let (inputs, outputs) = shape.map_or((0, 0), |s| (s.inputs, s.outputs));
                change.execute(
                    "UPDATE programs SET bytes = ?2, inputs = ?3, outputs = ?4 WHERE id = ?1",
                    params![id, bytes, inputs, outputs],
                )?;
            }
            Ok(())
        })
    }

    /// How many inputs and outputs a program has; `None` where it is gone.
    pub(crate) fn shape(&self, program: &str) -> Result<Option<Shape>, StoreError> {
        let connection = self.connection();
        let mut row = connection.prepare_cached(
            "SELECT COALESCE(inputs, 0), COALESCE(outputs, 0) FROM programs WHERE id = ?1",
        )?;
        let read = |row: &Row<'_>| {
            Ok(Shape {
                inputs: row.get(0)?,
                outputs: row.get(1)?,
            })
        };
        Ok(row.query_row([program], read).optional()?)
    }

    /// Whether a client has keys for a program.
    pub(crate) fn has_keys(&self, client: &str, program: &str) -> Result<bool, StoreError> {
        let connection = self.connection();
        let mut row = connection.prepare_cached(
            "SELECT EXISTS (SELECT 1 FROM keys WHERE owner = ?1 AND program = ?2)",
        )?;
        Ok(row.query_row([client, program], |row| row.get(0))?)
    }

    pub(crate) fn program(&self, id: &str) -> Result<Option<ProgramRow>, StoreError> {
        let connection = self.connection();
        let sql = format!("SELECT {COLUMNS} FROM programs WHERE id = ?1");
        let mut row = connection.prepare_cached(&sql)?;
        Ok(row.query_row([id], ProgramRow::of).optional()?)
    }

    pub(crate) fn programs_of(&self, owner: &str) -> Result<Vec<ProgramInfo>, StoreError> {
        let connection = self.connection();
        let sql = format!(
            "SELECT {COLUMNS} FROM programs WHERE owner = ?1 AND withdrawn = 0 ORDER BY rowid"
        );
        let mut rows = connection.prepare_cached(&sql)?;
        let rows = rows.query_map([owner], ProgramRow::of)?;
        let rows = rows.map(|row| row.map(|row| row.info));
        Ok(rows.collect::<rusqlite::Result<_>>()?)
    }

    /// Programs that were not checked to their end.
    pub(crate) fn programs_to_check(&self) -> Result<Vec<ProgramRow>, StoreError> {
        let connection = self.connection();
        let sql = format!("SELECT {COLUMNS} FROM programs WHERE state = 'checking' ORDER BY rowid");
        let mut rows = connection.prepare(&sql)?;
        let rows = rows.query_map([], ProgramRow::of)?;
        Ok(rows.collect::<rusqlite::Result<_>>()?)
    }

    /// Writes down what came of checking a program, and the time that it took.
    pub(crate) fn checked(
        &self,
        info: &ProgramInfo,
        owner: &str,
        ms: u64,
    ) -> Result<(), StoreError> {
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
            takes_time(change, owner, ms)
        })
    }

    /// Deletes a program of which its owner has no keys.
    pub(crate) fn delete_program(&self, id: &str) -> Result<Removal, StoreError> {
        self.change(|change| {
            let has_keys = |of: &str| -> Result<bool, StoreError> {
                let sql = format!(
                    "SELECT EXISTS (SELECT 1 FROM keys JOIN programs ON keys.program = programs.id
                     WHERE programs.id = ?1 AND keys.owner {of} programs.owner)"
                );
                Ok(change.query_row(&sql, [id], |row| row.get(0))?)
            };
            if has_keys("=")? {
                return Ok(Removal::HasKeys);
            }
            if has_keys("<>")? {
                change.execute("UPDATE programs SET withdrawn = 1 WHERE id = ?1", [id])?;
                return Ok(Removal::Withdrawn);
            }
            change.execute("DELETE FROM programs WHERE id = ?1", [id])?;
            Ok(Removal::Deleted)
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

fn known(
    change: &Transaction<'_>,
    owner: &str,
    sha256: &str,
) -> Result<Option<ProgramInfo>, StoreError> {
    let sql = format!("SELECT {COLUMNS} FROM programs WHERE owner = ?1 AND sha256 = ?2");
    let known = change
        .prepare_cached(&sql)?
        .query_row([owner, sha256], ProgramRow::of)
        .optional()?;
    let Some(known) = known else {
        return Ok(None);
    };
    change.execute(
        "UPDATE programs SET used_s = ?2, withdrawn = 0 WHERE id = ?1",
        params![known.info.id, now_s()],
    )?;
    Ok(Some(known.info))
}
