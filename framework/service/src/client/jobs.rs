//! Jobs: asked for, waited for, cancelled.

use std::time::{Duration, Instant};

use super::http::{self, Content};
use super::{ServiceClient, ServiceError};
use crate::api::{JobInfo, JobRequest, JobState, LONGEST_WAIT_S};
use crate::token::fresh_id;

/// How seldom a service is asked how far a job is.
const ASKS_AGAIN: Duration = Duration::from_millis(200);

impl ServiceClient {
    /// Asks for a job. One without a name gets a random one, so that it is done once however often the
    /// question is lost.
    ///
    /// # Errors
    /// What it names is not there, or a quota is used up.
    pub fn submit(&self, job: &JobRequest) -> Result<JobInfo, ServiceError> {
        self.submit_to("/v1/jobs", job)
    }

    /// As [`ServiceClient::submit`], and waits until the job is done: the service answers then, so that neither it nor
    /// this client takes time of the processors meanwhile.
    ///
    /// # Errors
    /// As of [`ServiceClient::submit`] and [`ServiceClient::wait_for_job`].
    pub fn run_job(&self, job: &JobRequest) -> Result<JobInfo, ServiceError> {
        let found = self.submit_to(&format!("/v1/jobs?wait={LONGEST_WAIT_S}"), job)?;
        match ended(&found) {
            Some(end) => end.map(|()| found),
            None => self.wait_for_job(&found.id),
        }
    }

    fn submit_to(&self, path: &str, job: &JobRequest) -> Result<JobInfo, ServiceError> {
        let mut job = job.clone();
        if job.request.is_none() {
            let name = fresh_id("request").map_err(|source| ServiceError::File {
                path: "random numbers".into(),
                source,
            })?;
            job.request = Some(name);
        }
        self.http.ask("POST", path, &Content::json(&job)?)
    }

    /// The client's jobs.
    ///
    /// # Errors
    /// [`ServiceError`]
    pub fn jobs(&self) -> Result<Vec<JobInfo>, ServiceError> {
        self.get("/v1/jobs")
    }

    /// The job that asking by this name would yield, if it is there: one that failed, was cancelled, or has lost its
    /// results is done again, and not told of.
    ///
    /// # Errors
    /// [`ServiceError`]
    pub fn job_named(&self, request: &str) -> Result<Option<JobInfo>, ServiceError> {
        let path = format!("/v1/jobs?request={}", http::escaped(request));
        let mut found: Vec<JobInfo> = self.get(&path)?;
        match found.len() {
            0 | 1 => Ok(found.pop()),
            more => Err(ServiceError::Answer(format!(
                "found {more} jobs of one name, expected one at most"
            ))),
        }
    }

    /// How far a job is; told at once, or when it is at its end and `wait` is over.
    ///
    /// # Errors
    /// [`ServiceError`]
    pub fn job(&self, job: &str, wait: Duration) -> Result<JobInfo, ServiceError> {
        let seconds = wait.as_secs().min(LONGEST_WAIT_S);
        self.get(&format!("/v1/jobs/{job}?wait={seconds}"))
    }

    /// Waits until a job is done.
    ///
    /// # Errors
    /// It was refused or cancelled, or it failed.
    pub fn wait_for_job(&self, job: &str) -> Result<JobInfo, ServiceError> {
        loop {
            let asked = Instant::now();
            let found = self.job(job, Duration::from_secs(LONGEST_WAIT_S))?;
            if let Some(end) = ended(&found) {
                return end.map(|()| found);
            }
            // A service waits before it says so; one that does not is not asked all the time.
            std::thread::sleep(ASKS_AGAIN.saturating_sub(asked.elapsed()));
        }
    }

    /// Cancels a job; one that is at its end stays as it is.
    ///
    /// # Errors
    /// [`ServiceError`]
    pub fn cancel(&self, job: &str) -> Result<(), ServiceError> {
        self.http.delete(&format!("/v1/jobs/{job}"))
    }
}

/// How a job has ended, if it has.
fn ended(job: &JobInfo) -> Option<Result<(), ServiceError>> {
    let reason = || http::shown(job.reason.as_deref().unwrap_or_default());
    Some(match job.state {
        JobState::Queued | JobState::Loading | JobState::Computing | JobState::Storing => {
            return None;
        }
        JobState::Done => Ok(()),
        JobState::Refused => Err(ServiceError::Refused(reason())),
        JobState::Failed => Err(ServiceError::Failed(reason())),
        JobState::Cancelled => Err(ServiceError::Failed("cancelled".into())),
    })
}
