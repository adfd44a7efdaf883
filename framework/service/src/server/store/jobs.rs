//! Jobs: what is to be done, and what came of it. Between its beginning and its end a job is a queued
//! one here, so that a service that is killed does it again. What it is to do is forgotten at its end.

use rusqlite::{Connection, OptionalExtension as _, Row, params};

use super::ciphertexts::{Inserted, insert};
use super::clients::takes_time;
use super::{Store, StoreError, json, now_s, text, today};
use crate::api::{JobInfo, JobRequest, JobState};

/// A job.
#[derive(Clone, Debug)]
pub(crate) struct JobRow {
    pub(crate) info: JobInfo,
    pub(crate) owner: String,
}

impl JobRow {
    fn of(row: &Row<'_>) -> rusqlite::Result<Self> {
        Ok(Self {
            info: json(0, &row.get::<_, String>(0)?)?,
            owner: row.get(1)?,
        })
    }
}

/// What came of the end of a job.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// It is written down.
    Written,
    /// It had ended before, as by being cancelled.
    HadEnded,
    /// It had results, and the keys that they are under are gone.
    KeysAreGone,
}

const COLUMNS: &str = "info, owner";

/// What the row of a job takes beside its texts, with its places in the indices, in bytes: rather more than less.
const ROW: u64 = 1024;

/// Bytes of jobs that a list has at most, beside the first one.
const LISTED_BYTES: usize = 16 << 20;

/// What a job takes in the tables until it ends.
pub(crate) fn job_bytes(job: &JobRow, request: &JobRequest) -> Result<u64, StoreError> {
    Ok(ROW + (text(&job.info)?.len() + text(request)?.len()) as u64)
}

/// Whether a job gives its name to the next one of that name: it has ended without what its client asked for, or what it
/// yielded is there no more, as it has expired or was deleted. What a scheme refuses it refuses again.
fn is_done_again(connection: &Connection, job: &JobRow) -> Result<bool, StoreError> {
    match job.info.state {
        JobState::Failed | JobState::Cancelled => Ok(true),
        JobState::Done => {
            let mut there = connection
                .prepare_cached("SELECT 1 FROM ciphertexts WHERE id = ?1 AND expires_s >= ?2")?;
            for result in &job.info.results {
                if !there.exists(params![result.id, now_s()])? {
                    return Ok(true);
                }
            }
            Ok(false)
        }
        _ => Ok(false),
    }
}

/// A client's job that bears this name.
fn bearer(
    connection: &Connection,
    owner: &str,
    request: &str,
) -> Result<Option<JobRow>, StoreError> {
    let sql = format!("SELECT {COLUMNS} FROM jobs WHERE owner = ?1 AND request = ?2");
    let mut row = connection.prepare_cached(&sql)?;
    Ok(row.query_row([owner, request], JobRow::of).optional()?)
}

impl Store {
    /// Adds a job, unless its owner has one of the same name already that is not done again: then that one.
    pub(crate) fn add_job(
        &self,
        job: &JobRow,
        request: &JobRequest,
    ) -> Result<Option<JobRow>, StoreError> {
        let description = text(request)?;
        let bytes = job_bytes(job, request)?;
        self.change(|change| {
            if let Some(request) = &request.request
                && let Some(known) = bearer(change, &job.owner, request)?
            {
                if !is_done_again(change, &known)? {
                    return Ok(Some(known));
                }
                let sql = "UPDATE jobs SET request = NULL WHERE id = ?1";
                change.prepare_cached(sql)?.execute([&known.info.id])?;
            }
            change.execute(
                "INSERT INTO jobs (id, number, owner, keys, request, info, final, bytes)
                 VALUES (?1, (SELECT COALESCE(MAX(number), 0) + 1 FROM jobs), ?2, ?3, ?4, ?5, 0, ?6)",
                params![
                    job.info.id,
                    job.owner,
                    job.info.keys,
                    request.request,
                    text(&job.info)?,
                    bytes
                ],
            )?;
            change.execute(
                "INSERT INTO descriptions (job, description) VALUES (?1, ?2)",
                params![job.info.id, description],
            )?;
            Ok(None)
        })
    }

    /// A client's job of this name, unless one that is asked for again is done again.
    pub(crate) fn job_named(
        &self,
        owner: &str,
        request: &str,
    ) -> Result<Option<JobRow>, StoreError> {
        let connection = self.connection();
        match bearer(&connection, owner, request)? {
            Some(known) if !is_done_again(&connection, &known)? => Ok(Some(known)),
            _ => Ok(None),
        }
    }

    pub(crate) fn job(&self, id: &str) -> Result<Option<JobRow>, StoreError> {
        let connection = self.connection();
        let sql = format!("SELECT {COLUMNS} FROM jobs WHERE id = ?1");
        let mut row = connection.prepare_cached(&sql)?;
        Ok(row.query_row([id], JobRow::of).optional()?)
    }

    /// What a job is to do; `None` once it has ended.
    pub(crate) fn job_request(&self, id: &str) -> Result<Option<JobRequest>, StoreError> {
        let connection = self.connection();
        let mut row =
            connection.prepare_cached("SELECT description FROM descriptions WHERE job = ?1")?;
        let read = |row: &Row<'_>| json(0, &row.get::<_, String>(0)?);
        Ok(row.query_row([id], read).optional()?)
    }

    /// A client's jobs, the newest first, so many at most, and no more of them than an answer should hold.
    pub(crate) fn jobs_of(&self, owner: &str, most: u64) -> Result<Vec<JobInfo>, StoreError> {
        let connection = self.connection();
        let mut rows = connection.prepare_cached(
            "SELECT info FROM jobs WHERE owner = ?1 ORDER BY number DESC LIMIT ?2",
        )?;
        let mut rows = rows.query(params![owner, most])?;
        let (mut found, mut bytes) = (vec![], 0);
        while bytes < LISTED_BYTES
            && let Some(row) = rows.next()?
        {
            let info: String = row.get(0)?;
            bytes += info.len();
            found.push(json(0, &info)?);
        }
        Ok(found)
    }

    /// Jobs that are not at their end, in the order in which they were asked for.
    pub(crate) fn jobs_to_do(&self) -> Result<Vec<JobRow>, StoreError> {
        let connection = self.connection();
        let sql = format!("SELECT {COLUMNS} FROM jobs WHERE final = 0 ORDER BY number");
        let mut rows = connection.prepare(&sql)?;
        let rows = rows.query_map([], JobRow::of)?;
        Ok(rows.collect::<rusqlite::Result<_>>()?)
    }

    /// Writes down the end of a job with its results and the time that it took.
    pub(crate) fn end_job(
        &self,
        job: &JobInfo,
        owner: &str,
        ms: u64,
    ) -> Result<Outcome, StoreError> {
        self.change(|change| {
            let info = text(job)?;
            let ended = change.execute(
                "UPDATE jobs SET info = ?2, final = 1, ended_s = ?3, bytes = ?4 WHERE id = ?1 AND final = 0",
                params![job.id, info, now_s(), ROW + info.len() as u64],
            )?;
            if ended == 0 {
                return Ok(Outcome::HadEnded);
            }
            change.execute("DELETE FROM descriptions WHERE job = ?1", [&job.id])?;
            takes_time(change, owner, ms)?;
            let mut results = job.results.iter();
            let all = results.try_fold(true, |all, result| -> Result<bool, StoreError> {
                Ok(all && insert(change, result, owner)? == Inserted::Yes)
            })?;
            if all {
                return Ok(Outcome::Written);
            }
            let gone = JobInfo {
                state: JobState::Failed,
                reason: Some("its keys were deleted before it ended".into()),
                results: vec![],
                ..job.clone()
            };
            change.execute(
                "UPDATE jobs SET info = ?2 WHERE id = ?1",
                params![job.id, text(&gone)?],
            )?;
            Ok(Outcome::KeysAreGone)
        })
    }

    /// Jobs under these keys that are not at their end.
    pub(crate) fn jobs_under(&self, keys: &str) -> Result<Vec<JobRow>, StoreError> {
        let connection = self.connection();
        let sql = format!("SELECT {COLUMNS} FROM jobs WHERE keys = ?1 AND final = 0");
        let mut rows = connection.prepare_cached(&sql)?;
        let rows = rows.query_map([keys], JobRow::of)?;
        Ok(rows.collect::<rusqlite::Result<_>>()?)
    }

    /// Forgets jobs that ended before, and what was used on earlier days.
    pub(crate) fn forget_jobs(&self, ended_before_s: u64) -> Result<(), StoreError> {
        self.change(|change| {
            change.execute(
                "DELETE FROM jobs WHERE final = 1 AND ended_s < ?1",
                [ended_before_s],
            )?;
            change.execute("DELETE FROM usage WHERE day < ?1", [today()])?;
            Ok(())
        })
    }
}
