//! Jobs: asked for, looked at, cancelled.

use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, RawQuery, Request, State};
use axum::http::StatusCode;
use serde::Deserialize;

use super::super::App;
use super::super::auth::Client;
use super::super::config::MAX_JOB;
use super::super::failure::{Failure, failure, internal, invalid, not_found};
use super::super::ledger::Room;
use super::super::state::Service;
use super::super::store::{JobRow, Shape, job_bytes, now_s};
use super::super::upload::{object, read};
use super::ciphertexts::own_ciphertexts;
use super::keys::own_keys;
use super::{Id, LISTED, Waiting, Work as _, audited, blocking};
use crate::api::{JobInfo, JobRequest, JobState, JobTimes, LONGEST_REQUEST, ProblemCode};
use crate::token::fresh_id;

/// A client's job.
fn own_job(service: &Service, client: &str, id: &str) -> Result<JobRow, Failure> {
    let job = service.store.job(id)?;
    let job = job.filter(|job| job.owner == client);
    job.ok_or_else(|| not_found("job"))
}

pub(super) async fn submit(
    State(app): State<App>,
    Client(client): Client,
    RawQuery(query): RawQuery,
    request: Request,
) -> Result<(StatusCode, Json<JobInfo>), Failure> {
    let waiting = Waiting::begin(&app, query.as_deref())?;
    let (head, body) = request.into_parts();
    let bytes = read(&app, &head.headers, body, "a job", MAX_JOB as u64).await?;
    let owner = client.clone();
    let info = blocking(&app, move |service| submits(service, &owner, &bytes)).await?;
    let look = looks_at(client, info.id.clone());
    let info = waiting.until_ended(&app, info, look).await?;
    let status = if info.has_ended() {
        StatusCode::OK
    } else {
        StatusCode::ACCEPTED
    };
    Ok((status, Json(info)))
}

/// Looks at a client's job.
fn looks_at(
    client: String,
    id: String,
) -> impl Fn(&Service) -> Result<JobInfo, Failure> + Clone + Send + 'static {
    move |service| Ok(service.view(&own_job(service, &client, &id)?))
}

/// Takes a job. It is queued last: from then on the job has the processors, and who asked for it only waits.
fn submits(service: &Service, client: &str, bytes: &[u8]) -> Result<JobInfo, Failure> {
    let entered = enters(service, client, bytes);
    let Entered { job, is_new } = audited(service, client, "submit-job", entered, |entered| {
        (entered.job.info.id.clone(), None)
    })?;
    if is_new {
        service.queue(client, &job.info.id, true);
    }
    Ok(service.view(&job))
}

/// A job that is in the tables, and waits for its turn unless it was there before.
struct Entered {
    job: JobRow,
    is_new: bool,
}

fn enters(service: &Service, client: &str, bytes: &[u8]) -> Result<Entered, Failure> {
    let request: JobRequest = object(bytes, "job")?;
    if let Some(name) = &request.request {
        is_name(name)?;
    }
    let keys = own_keys(service, client, &request.keys)?.info;
    let shape = service.store.shape(&keys.program)?;
    suits(&request, shape.ok_or_else(|| not_found("program"))?)?;
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
    };
    // Who asks again for what is there takes no room.
    if let Some(name) = &request.request
        && let Some(known) = service.store.job_named(client, name)?
    {
        return Ok(Entered {
            job: known,
            is_new: false,
        });
    }
    service.has_time(client)?;
    let room = Room {
        bytes: job_bytes(&job, &request)?,
        work: 1,
        ..Room::default()
    };
    let room = service.reserve(client, room)?;
    let known = service.store.add_job(&job, &request)?;
    drop(room);
    Ok(match known {
        Some(job) => Entered { job, is_new: false },
        None => Entered { job, is_new: true },
    })
}

/// Holds the name that a client gives to a job to its length.
fn is_name(name: &str) -> Result<(), Failure> {
    match name.chars().count() {
        1..=LONGEST_REQUEST => Ok(()),
        found => Err(invalid(format!(
            "found a name of {found} characters in `request`, expected 1 to {LONGEST_REQUEST}"
        ))),
    }
}

/// Holds a job to its program: as many inputs as that has, and outputs that it has, each once; or neither, to load keys.
fn suits(request: &JobRequest, program: Shape) -> Result<(), Failure> {
    let (inputs, outputs) = (request.inputs.len(), request.outputs.len());
    if inputs == 0 && outputs == 0 {
        return Ok(());
    }
    if inputs as u64 != program.inputs {
        return Err(invalid(format!(
            "found {inputs} inputs, expected {}, as many as the program has",
            program.inputs
        )));
    }
    if outputs == 0 || outputs as u64 > program.outputs {
        return Err(invalid(format!(
            "found {outputs} outputs, expected 1 to {}, as many as the program has",
            program.outputs
        )));
    }
    if let Some(output) = request
        .outputs
        .iter()
        .find(|o| u64::from(**o) >= program.outputs)
    {
        return Err(invalid(format!(
            "found output {output}, expected 0 to {}, one that the program has",
            program.outputs - 1
        )));
    }
    let mut sorted = request.outputs.clone();
    sorted.sort_unstable();
    if sorted.windows(2).any(|two| two[0] == two[1]) {
        return Err(invalid(
            "found an output that is wanted twice, expected each once",
        ));
    }
    Ok(())
}

/// Which jobs are listed.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Wanted {
    /// The one that asking by this name would yield, if it is there.
    request: Option<String>,
}

pub(super) async fn list(
    State(app): State<App>,
    Client(client): Client,
    query: Result<Query<Wanted>, QueryRejection>,
) -> Result<Json<Vec<JobInfo>>, Failure> {
    let Query(Wanted { request }) = query.map_err(|e| {
        invalid(format!(
            "found a query that cannot be read ({}), expected none, or `request=NAME`",
            e.body_text()
        ))
    })?;
    let all = blocking(&app, move |service| {
        let Some(name) = request else {
            return Ok(service.store.jobs_of(&client, LISTED)?);
        };
        is_name(&name)?;
        let known = service.store.job_named(&client, &name)?;
        Ok(known.iter().map(|job| service.view(job)).collect())
    });
    Ok(Json(all.await?))
}

pub(super) async fn job(
    State(app): State<App>,
    Client(client): Client,
    Id(id): Id,
    RawQuery(query): RawQuery,
) -> Result<Json<JobInfo>, Failure> {
    let waiting = Waiting::begin(&app, query.as_deref())?;
    let look = looks_at(client, id);
    let first = blocking(&app, look.clone()).await?;
    Ok(Json(waiting.until_ended(&app, first, look).await?))
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
