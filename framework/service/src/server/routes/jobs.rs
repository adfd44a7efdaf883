//! Jobs: asked for, looked at, cancelled.

use axum::Json;
use axum::extract::{RawQuery, Request, State};
use axum::http::StatusCode;

use super::super::App;
use super::super::auth::Client;
use super::super::config::MAX_JOB;
use super::super::failure::{Failure, failure, internal, invalid, not_found};
use super::super::ledger::Room;
use super::super::state::Service;
use super::super::store::{JobRow, now_s};
use super::super::upload::read;
use super::blobs::{own_ciphertexts, own_keys};
use super::{Id, Numbers, audited, blocking, wait_for};
use crate::api::{JobInfo, JobRequest, JobState, JobTimes, LONGEST_REQUEST, ProblemCode};
use crate::token::fresh_id;

/// Jobs that a list has at most.
const LISTED: u64 = 1000;

/// A client's job.
fn own_job(service: &Service, client: &str, id: &str) -> Result<JobRow, Failure> {
    let job = service.store.job(id)?;
    let job = job.filter(|job| job.owner == client);
    job.ok_or_else(|| not_found("job"))
}

pub(super) async fn submit(
    State(app): State<App>,
    Client(client): Client,
    request: Request,
) -> Result<(StatusCode, Json<JobInfo>), Failure> {
    let (head, body) = request.into_parts();
    let bytes = read(&app, &head.headers, body, "a job", MAX_JOB as u64).await?;
    let owner = client.clone();
    let done = blocking(&app, move |service| submits(service, &owner, &bytes)).await;
    let info = audited(&app, &client, "submit-job", done, |info| {
        (info.id.clone(), None)
    })?;
    Ok((StatusCode::ACCEPTED, Json(info)))
}

fn submits(service: &Service, client: &str, bytes: &[u8]) -> Result<JobInfo, Failure> {
    let request: JobRequest =
        serde_json::from_slice(bytes).map_err(|e| invalid(format!("found no job in JSON: {e}")))?;
    if let Some(name) = &request.request
        && (name.is_empty() || name.chars().count() > LONGEST_REQUEST)
    {
        return Err(invalid(format!(
            "found a name of {} characters in `request`, expected 1 to {LONGEST_REQUEST}",
            name.chars().count()
        )));
    }
    let keys = own_keys(service, client, &request.keys)?.info;
    if request.outputs.is_empty() != request.inputs.is_empty() {
        return Err(invalid(format!(
            "found {} inputs and {} outputs, expected some of both, or none",
            request.inputs.len(),
            request.outputs.len()
        )));
    }
    let mut outputs = request.outputs.clone();
    outputs.sort_unstable();
    outputs.dedup();
    if outputs.len() < request.outputs.len() {
        return Err(invalid(
            "found an output that is wanted twice, expected each once".to_owned(),
        ));
    }
    for input in &request.inputs {
        let input = own_ciphertexts(service, client, input)?.info;
        if input.keys != keys.id {
            return Err(failure(
                ProblemCode::Conflict,
                format!(
                    "found the input {} under the keys {}, expected {}",
                    input.id, input.keys, keys.id
                ),
            ));
        }
    }
    let job = JobRow {
        info: JobInfo {
            id: fresh_id("job").map_err(|e| internal("a job", &e))?,
            keys: keys.id,
            state: JobState::Queued,
            position: None,
            loaded: None,
            reason: None,
            created_s: now_s(),
            times: JobTimes::default(),
            results: vec![],
        },
        owner: client.to_owned(),
        request,
    };
    // Who asks again for what is there takes no room.
    if let Some(name) = &job.request.request
        && let Some(known) = service.store.job_named(client, name)?
    {
        return Ok(service.view(&known));
    }
    service.has_time(client)?;
    let room = Room {
        work: 1,
        ..Room::default()
    };
    let room = service.reserve(client, room)?;
    let known = service.store.add_job(&job)?;
    drop(room);
    if let Some(known) = known {
        return Ok(service.view(&known));
    }
    service.queue(client, &job.info.id, true);
    Ok(service.view(&job))
}

pub(super) async fn list(
    State(app): State<App>,
    Client(client): Client,
    RawQuery(query): RawQuery,
) -> Result<Json<Vec<JobInfo>>, Failure> {
    Numbers::read(query.as_deref(), &[])?;
    let all = blocking(&app, move |service| {
        Ok(service.store.jobs_of(&client, LISTED)?)
    });
    Ok(Json(all.await?))
}

pub(super) async fn job(
    State(app): State<App>,
    Client(client): Client,
    Id(id): Id,
    RawQuery(query): RawQuery,
) -> Result<Json<JobInfo>, Failure> {
    let name = id.clone();
    let info = wait_for(&app, id, query.as_deref(), move |service| {
        let info = service.view(&own_job(service, &client, &name)?);
        let is_final = info.state.is_final();
        Ok((info, is_final))
    });
    Ok(Json(info.await?))
}

pub(super) async fn cancel(
    State(app): State<App>,
    Client(client): Client,
    Id(id): Id,
) -> Result<StatusCode, Failure> {
    let owner = client.clone();
    let done = blocking(&app, move |service| {
        service.cancel(&own_job(service, &owner, &id)?)?;
        Ok(id)
    });
    audited(&app, &client, "cancel-job", done.await, |id| {
        (id.clone(), None)
    })?;
    Ok(StatusCode::NO_CONTENT)
}
