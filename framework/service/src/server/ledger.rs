//! What each client uses, all of it in one account: bytes of programs, keys, ciphertexts, results and jobs, how many of them,
//! work that waits, and the time of work on this day. Whatever is kept or done for a client is held against its quotas
//! here.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use super::config::Quotas;
use super::failure::{Failure, failure};
use super::state::Service;
use super::store::Used;
use crate::api::ProblemCode;

/// Room for something of a client's that is on its way into the tables.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Room {
    /// Bytes that are to be kept.
    pub(crate) bytes: u64,
    /// Sets of keys.
    pub(crate) keys: u64,
    /// Programs.
    pub(crate) programs: u64,
    /// Jobs, and programs to be compiled.
    pub(crate) work: u64,
}

impl Room {
    fn and(self, more: Self) -> Self {
        Self {
            bytes: self.bytes.saturating_add(more.bytes),
            keys: self.keys.saturating_add(more.keys),
            programs: self.programs.saturating_add(more.programs),
            work: self.work.saturating_add(more.work),
        }
    }

    fn less(self, other: Self) -> Self {
        Self {
            bytes: self.bytes.saturating_sub(other.bytes),
            keys: self.keys.saturating_sub(other.keys),
            programs: self.programs.saturating_sub(other.programs),
            work: self.work.saturating_sub(other.work),
        }
    }
}

/// Room that is taken and not in the tables yet, of each client.
#[derive(Clone, Default)]
pub(crate) struct Taken(Arc<Mutex<HashMap<String, Room>>>);

/// Room for something on its way. Dropping it gives the room back: by then the tables have it, or it is gone.
pub(crate) struct Reservation {
    taken: Taken,
    client: String,
    room: Room,
}

impl Drop for Reservation {
    fn drop(&mut self) {
        let mut all = self.taken.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(taken) = all.get_mut(&self.client) {
            *taken = taken.less(self.room);
            if *taken == Room::default() {
                all.remove(&self.client);
            }
        }
    }
}

impl Service {
    /// Takes room, if the client's quotas have it.
    pub(crate) fn reserve(&self, client: &str, room: Room) -> Result<Reservation, Failure> {
        let mut all = self.taken.0.lock().unwrap_or_else(PoisonError::into_inner);
        // After the lock: what gives its room back meanwhile is in the tables.
        let used = self.store.used(client)?;
        let taken = all.get(client).copied().unwrap_or_default();
        within(used, taken, room, &self.config.quotas)?;
        all.insert(client.to_owned(), taken.and(room));
        Ok(Reservation {
            taken: self.taken.clone(),
            client: client.to_owned(),
            room,
        })
    }

    /// Whether a client may have more work begun on this day.
    ///
    /// # Errors
    /// Its time is used up.
    pub(crate) fn has_time(&self, client: &str) -> Result<(), Failure> {
        let most = self.config.quotas.time;
        let used = self.store.used(client)?.today_ms;
        if u128::from(used) < most.as_millis() {
            return Ok(());
        }
        Err(failure(
            ProblemCode::Quota,
            format!(
                "found {} s of work today, expected at most {}",
                used / 1000,
                most.as_secs()
            ),
        )
        .help("the day is counted in UTC; wait for the next one"))
    }
}

/// Whether there is room for more beside what is used and taken.
fn within(used: Used, taken: Room, more: Room, quotas: &Quotas) -> Result<(), Failure> {
    let full = |words: String| {
        let help = "delete what is not needed any more (`hexperiment client keys list --server URL` shows keys, `client \
                    keys delete KEY --server URL` deletes them with all that is under them), or wait until it expires";
        Err(failure(ProblemCode::Quota, words).help(help))
    };
    let kept = used.bytes.saturating_add(taken.bytes);
    if kept.saturating_add(more.bytes) > quotas.bytes {
        return full(format!(
            "found {kept} bytes kept and {} more, expected at most {} together",
            more.bytes, quotas.bytes
        ));
    }
    let of = [
        (
            more.keys,
            used.keys + taken.keys,
            quotas.keys,
            "sets of keys",
        ),
        (
            more.programs,
            used.programs + taken.programs,
            quotas.programs,
            "programs",
        ),
    ];
    for (more, kept, most, what) in of {
        if more > 0 && kept + more > most {
            let found = kept + more;
            return full(format!("found {found} {what}, expected at most {most}"));
        }
    }
    let waits = used.work + taken.work + more.work;
    if more.work > 0 && waits > quotas.jobs {
        let words = format!("found {waits} jobs, expected at most {}", quotas.jobs);
        return Err(failure(ProblemCode::Quota, words).help("wait until some have ended"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[track_caller]
    fn check(found: Result<(), Failure>, words: Option<&str>) {
        match (found, words) {
            (Ok(()), None) => {}
            (Err(found), Some(words)) => {
                assert_eq!(found.problem.message, words);
                assert_eq!(found.problem.code, ProblemCode::Quota);
            }
            (found, words) => panic!("{found:?}, expected {words:?}"),
        }
    }

    #[test]
    fn what_is_used_and_what_is_on_its_way_count_together() {
        let quotas = Quotas {
            bytes: 100,
            keys: 2,
            programs: 3,
            jobs: 4,
            time: Duration::from_secs(1),
        };
        let used = Used {
            bytes: 60,
            keys: 1,
            programs: 1,
            work: 2,
            today_ms: 0,
        };
        let room = |bytes, keys, programs, work| Room {
            bytes,
            keys,
            programs,
            work,
        };
        let of = |taken, more| within(used, taken, more, &quotas);
        check(of(room(30, 0, 0, 0), room(10, 1, 2, 2)), None);
        check(
            of(room(30, 0, 0, 0), room(11, 0, 0, 0)),
            Some("found 90 bytes kept and 11 more, expected at most 100 together"),
        );
        check(
            of(room(0, 1, 0, 0), room(0, 1, 0, 0)),
            Some("found 3 sets of keys, expected at most 2"),
        );
        check(
            of(room(0, 0, 2, 0), room(0, 0, 1, 0)),
            Some("found 4 programs, expected at most 3"),
        );
        check(
            of(room(0, 0, 0, 2), room(0, 0, 0, 1)),
            Some("found 5 jobs, expected at most 4"),
        );
        check(
            of(room(u64::MAX, 0, 0, 0), room(1, 0, 0, 0)),
            Some("found 18446744073709551615 bytes kept and 1 more, expected at most 100 together"),
        );
    }
}
