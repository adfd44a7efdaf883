//! Work that is ended before it has come to its end: cancelled, deleted, or late.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use super::{Cut, KEYS_ARE_GONE, Service, Task};
use crate::api::{JobInfo, JobState};
use crate::server::failure::Failure;
use crate::server::store::JobRow;

impl Service {
    /// Cuts running work short.
    pub(super) fn cut(&self, id: &str, why: Cut) {
        let ender = self.work().running.get_mut(id).and_then(|running| {
            running.cut.get_or_insert(why);
            running.ender.clone()
        });
        if let Some(ender) = ender {
            ender.end();
        }
    }

    /// Ends work of a client that waits or runs; whether it waited, and so is at its end now.
    fn ends_work(&self, client: &str, id: &str, why: Cut) -> bool {
        let task = Task {
            id: id.to_owned(),
            client: client.to_owned(),
            is_job: true,
            since: Instant::now(),
        };
        let waited = self.work().queue.remove(&task);
        if !waited {
            self.cut(id, why);
        }
        waited
    }

    /// Cancels a job: one that waits is at its end now, one that runs very soon.
    pub(crate) fn cancel(&self, row: &JobRow) -> Result<(), Failure> {
        self.ends_job(row, Cut::Cancelled, (JobState::Cancelled, None))
    }

    /// Ends a job whose keys were deleted, likewise.
    pub(crate) fn keys_are_gone(&self, row: &JobRow) -> Result<(), Failure> {
        let end = (JobState::Failed, Some(KEYS_ARE_GONE.to_owned()));
        self.ends_job(row, Cut::Deleted, end)
    }

    fn ends_job(
        &self,
        row: &JobRow,
        why: Cut,
        (state, reason): (JobState, Option<String>),
    ) -> Result<(), Failure> {
        let id = &row.info.id;
        if !self.ends_work(&row.owner, id, why) {
            return Ok(());
        }
        let info = JobInfo {
            state,
            reason,
            ..row.info.clone()
        };
        self.store.end_job(&info, &row.owner, 0)?;
        self.metrics.ended(state);
        self.done(id);
        Ok(())
    }

    /// A program was deleted: it is not compiled any more.
    pub(crate) fn program_is_gone(&self, client: &str, id: &str) {
        if self.ends_work(client, id, Cut::Deleted) {
            self.done(id);
        }
    }

    /// Ends work whose time is over, or that of its client on this day.
    pub(crate) fn end_late(&self) {
        let now = Instant::now();
        let mut late: Vec<(String, Cut)> = Vec::new();
        let mut clients: HashMap<String, (Duration, Vec<String>)> = HashMap::new();
        for (id, running) in &self.work().running {
            if running.deadline < now {
                late.push((id.clone(), Cut::Late));
            }
            let (took, ids) = clients.entry(running.client.clone()).or_default();
            *took += running.began.elapsed();
            ids.push(id.clone());
        }
        for (client, (took, ids)) in clients {
            // Where the tables do not say, the work goes on.
            let used = self.store.used(&client).map_or(0, |used| used.today_ms);
            if u128::from(used) + took.as_millis() > self.config.quotas.time.as_millis() {
                late.extend(ids.into_iter().map(|id| (id, Cut::DayIsOver)));
            }
        }
        for (id, why) in late {
            self.cut(&id, why);
        }
    }
}
