//! Evaluation keys: uploaded, looked at, deleted.

use std::fs::File;
use std::io::BufReader;

use axum::Json;
use axum::extract::{RawQuery, Request, State};
use axum::http::StatusCode;
use hexperiment_scheme::KeyRole;
use hexperiment_wire::{check_keys, digest_named};

use super::super::App;
use super::super::auth::Client;
use super::super::failure::{Failure, failure, internal, invalid, not_found};
use super::super::ledger::Room;
use super::super::state::Service;
use super::super::store::{Added, KeysRow, Table, now_s};
use super::super::upload::{Received, announced, receive};
use super::programs::usable;
use super::{Id, Numbers, audited, blocking};
use crate::api::{KeysInfo, ProblemCode, ProgramInfo, ProgramState};
use crate::token::fresh_id;

/// A client's keys.
pub(super) fn own_keys(service: &Service, client: &str, id: &str) -> Result<KeysRow, Failure> {
    let keys = service.store.keys(id)?;
    let keys = keys.filter(|keys| keys.owner == client);
    let keys = keys.ok_or_else(|| not_found("keys"))?;
    if keys.info.expires_s < now_s() {
        return Err(failure(ProblemCode::Gone, "these keys have expired").help("upload them again"));
    }
    Ok(keys)
}

/// When what is uploaded now expires.
pub(super) fn expires(service: &Service, query: Option<&str>) -> Result<u64, Failure> {
    let numbers = Numbers::read(query, &["keep"])?;
    let most = service.config.keep.as_secs();
    match numbers.get("keep") {
        Some(0) => Err(invalid("found `keep=0`, expected 1 second or more")),
        keep => Ok(now_s().saturating_add(keep.unwrap_or(most).min(most))),
    }
}

pub(super) async fn upload(
    State(app): State<App>,
    Client(client): Client,
    Id(program): Id,
    RawQuery(query): RawQuery,
    request: Request,
) -> Result<(StatusCode, Json<KeysInfo>), Failure> {
    let done = takes_keys(&app, &client, &program, query.as_deref(), request).await;
    let info = audited(&app, &client, "upload-keys", done, |info| {
        (info.id.clone(), Some(info.bytes))
    })?;
    Ok((StatusCode::CREATED, Json(info)))
}

async fn takes_keys(
    app: &App,
    client: &str,
    program: &str,
    query: Option<&str>,
    request: Request,
) -> Result<KeysInfo, Failure> {
    let (head, body) = request.into_parts();
    let length = announced(&head.headers, "keys", app.config.max_keys)?;
    let expires_s = expires(app, query)?;
    let (owner, program) = (client.to_owned(), program.to_owned());
    let (program, room) = blocking(app, move |service| {
        let program = usable(service, &owner, &program)?.info;
        is_ready(&program)?;
        let room = Room {
            bytes: length,
            keys: 1,
            ..Room::default()
        };
        Ok((program, service.reserve(&owner, room)?))
    })
    .await?;
    let id = fresh_id("keys").map_err(|e| internal("keys", &e))?;
    let received = receive(app, body, length, &id).await?;
    let owner = client.to_owned();
    blocking(app, move |service| {
        let info = keeps_keys(service, &owner, program, received, id, expires_s);
        drop(room);
        info
    })
    .await
}

fn is_ready(program: &ProgramInfo) -> Result<(), Failure> {
    let words = match program.state {
        ProgramState::Ready => return Ok(()),
        ProgramState::Checking => "the service has not compiled this program yet".to_owned(),
        ProgramState::Refused | ProgramState::Failed => format!(
            "this program cannot be used: {}",
            program.reason.as_deref().unwrap_or_default()
        ),
    };
    Err(failure(ProblemCode::Conflict, words).help("`GET` it with `?wait=30` until it is `ready`"))
}

/// Looks at the frames of keys that have arrived, and keeps them.
fn keeps_keys(
    service: &Service,
    owner: &str,
    program: ProgramInfo,
    received: Received,
    id: String,
    expires_s: u64,
) -> Result<KeysInfo, Failure> {
    let disk = |e: std::io::Error| internal("writing keys", &e);
    let file = File::open(&received.incoming.path).map_err(disk)?;
    let circuit = digest_named(&program.circuit).map_err(|e| internal("a program", &e))?;
    let limits = service.config.wire_limits();
    let found = check_keys(&mut BufReader::new(file), circuit, limits);
    let found = found.map_err(|e| invalid(format!("these are no keys for this program: {e}")))?;
    if found.roles.contains(&KeyRole::Shared) && !service.config.accept_shared_keys {
        return Err(failure(
            ProblemCode::Refused,
            "found a shared key, with which this service could decrypt; it takes none",
        )
        .help("choose a scheme that encrypts, or start the service with `--accept-shared-keys`"));
    }
    let info = KeysInfo {
        id: id.clone(),
        program: program.id,
        circuit: program.circuit,
        parts: found.parts,
        bytes: found.bytes,
        sha256: received.sha256,
        created_s: now_s(),
        expires_s,
        received_ns: 0,
        ciphertexts: 0,
        ciphertexts_bytes: 0,
    };
    let kept = service.blobs.keep(received.incoming, Table::Keys, &id);
    kept.map_err(disk)?;
    let row = KeysRow {
        info: KeysInfo {
            received_ns: received.began.elapsed().as_nanos() as u64,
            ..info
        },
        owner: owner.to_owned(),
        stored: received.bytes,
    };
    let added = service.store.add_keys(&row);
    if !matches!(added, Ok(Added::Yes)) {
        service.blobs.remove(Table::Keys, &id);
    }
    match added? {
        Added::Yes => Ok(row.info),
        Added::ProgramIsGone => {
            let words = "the program of these keys was deleted while they were uploaded";
            Err(failure(ProblemCode::Gone, words)
                .help("register it again, then upload keys for it"))
        }
    }
}

pub(super) async fn list(
    State(app): State<App>,
    Client(client): Client,
) -> Result<Json<Vec<KeysInfo>>, Failure> {
    let all = blocking(&app, move |service| Ok(service.store.keys_of(&client)?));
    Ok(Json(all.await?))
}

pub(super) async fn keys(
    State(app): State<App>,
    Client(client): Client,
    Id(id): Id,
) -> Result<Json<KeysInfo>, Failure> {
    let keys = blocking(&app, move |service| {
        let keys = own_keys(service, &client, &id)?;
        Ok(service.store.with_counts(keys.info)?)
    });
    Ok(Json(keys.await?))
}

pub(super) async fn delete(
    State(app): State<App>,
    Client(client): Client,
    Id(id): Id,
) -> Result<StatusCode, Failure> {
    let owner = client.clone();
    let done = blocking(&app, move |service| {
        own_keys(service, &owner, &id)?;
        let jobs = service.store.jobs_under(&id)?;
        let deleted = service.store.delete_keys(&id)?;
        // Before their files go, which a job may be reading.
        for job in &jobs {
            service.keys_are_gone(job)?;
        }
        service.forget(&deleted);
        Ok(id)
    });
    audited(&app, &client, "delete-keys", done.await, |id| {
        (id.clone(), None)
    })?;
    Ok(StatusCode::NO_CONTENT)
}
