//! Programs: registered, looked at, deleted.

use axum::Json;
use axum::extract::{Path, RawQuery, Request, State};
use axum::http::StatusCode;
use sha2::{Digest as _, Sha256};

use super::super::App;
use super::super::auth::Client;
use super::super::config::MAX_PROGRAM;
use super::super::failure::{Failure, failure, internal, invalid, not_found};
use super::super::state::Service;
use super::super::store::{ProgramRow, Table, now_s};
use super::super::upload::read;
use super::{Numbers, audited, blocking, wait_for};
use crate::api::{ProblemCode, ProgramInfo, ProgramRequest, ProgramState};
use crate::token::{fresh_id, hex};

/// A program that a client may use.
pub(super) fn usable(service: &Service, client: &str, id: &str) -> Result<ProgramRow, Failure> {
    let found = service.store.program(id)?;
    found
        .filter(|program| program.serves(client))
        .ok_or_else(|| not_found("program"))
}

pub(super) async fn register(
    State(app): State<App>,
    Client(client): Client,
    request: Request,
) -> Result<(StatusCode, Json<ProgramInfo>), Failure> {
    let (head, body) = request.into_parts();
    let bytes = read(&app, &head.headers, body, "a program", MAX_PROGRAM).await?;
    let owner = client.clone();
    let done = blocking(&app, move |service| registers(service, &owner, &bytes)).await;
    let info = audited(&app, &client, "register-program", done, |info| {
        (info.id.clone(), None)
    })?;
    Ok((StatusCode::ACCEPTED, Json(info)))
}

fn registers(service: &Service, client: &str, bytes: &[u8]) -> Result<ProgramInfo, Failure> {
    let one = service.registering.lock();
    let one = one.unwrap_or_else(std::sync::PoisonError::into_inner);
    let request: ProgramRequest = serde_json::from_slice(bytes)
        .map_err(|e| invalid(format!("found no program in JSON: {e}")))?;
    hexperiment_wire::digest_named(&request.circuit).map_err(|e| invalid(e.to_string()))?;
    let config = &service.config;
    let known = config.schemes.iter().find(|s| s.name == request.scheme);
    let Some(scheme) = known else {
        let names = config.schemes.iter().map(|s| s.name.as_str());
        return Err(invalid(format!(
            "found the scheme {}, expected one of {}",
            hexperiment_diagnostics::printable::quoted(&request.scheme),
            hexperiment_diagnostics::printable::list(names, 20)
        )));
    };
    if scheme.library != request.library {
        let found = hexperiment_diagnostics::printable::quoted(&request.library);
        return Err(failure(
            ProblemCode::Conflict,
            format!("found the library {found}, expected `{}`", scheme.library),
        )
        .help("client and service must have the same version of the library"));
    }
    if !(1..=config.threads).contains(&request.threads) {
        return Err(invalid(format!(
            "found {} threads, expected 1 to {}",
            request.threads, config.threads
        ))
        .help("set `threads` in [run]"));
    }
    // What is kept is what was understood, so that two ways to write the same are the same.
    let kept = serde_json::to_vec(&request).map_err(|e| internal("a program", &e))?;
    drop(one);
    let disk = |e: std::io::Error| internal("writing a program", &e);
    let info = ProgramInfo {
        id: fresh_id("program").map_err(disk)?,
        scheme: request.scheme,
        circuit: request.circuit,
        library: request.library,
        state: ProgramState::Checking,
        reason: None,
        public: request.public,
        created_s: now_s(),
        compile: None,
    };
    let incoming = service.blobs.incoming(&info.id);
    write_synced(&incoming.path, &kept).map_err(disk)?;
    let kept_as = service.blobs.keep(incoming, Table::Programs, &info.id);
    kept_as.map_err(disk)?;
    let sha256 = hex(&Sha256::digest(&kept));
    let known = service.store.add_program(client, &sha256, &info);
    if !matches!(known, Ok(None)) {
        service.blobs.remove(Table::Programs, &info.id);
    }
    if let Some(known) = known? {
        return Ok(known);
    }
    service.queue(client, &info.id, false);
    Ok(info)
}

fn write_synced(path: &std::path::Path, bytes: &[u8]) -> std::io::Result<()> {
    use std::io::Write as _;
    let mut file = std::fs::File::create_new(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}

pub(super) async fn list(
    State(app): State<App>,
    Client(client): Client,
    RawQuery(query): RawQuery,
) -> Result<Json<Vec<ProgramInfo>>, Failure> {
    Numbers::read(query.as_deref(), &[])?;
    let all = blocking(&app, move |service| {
        Ok(service.store.programs_of(&client)?)
    });
    Ok(Json(all.await?))
}

pub(super) async fn program(
    State(app): State<App>,
    Client(client): Client,
    Path(id): Path<String>,
    RawQuery(query): RawQuery,
) -> Result<Json<ProgramInfo>, Failure> {
    let name = id.clone();
    let info = wait_for(&app, id, query.as_deref(), move |service| {
        let info = usable(service, &client, &name)?.info;
        let is_final = info.state != ProgramState::Checking;
        Ok((info, is_final))
    });
    Ok(Json(info.await?))
}

pub(super) async fn source(
    State(app): State<App>,
    Client(client): Client,
    Path(id): Path<String>,
) -> Result<Json<ProgramRequest>, Failure> {
    let source = blocking(&app, move |service| {
        let program = usable(service, &client, &id)?;
        let source = service.source(&program.info.id);
        source.map_err(|e| internal("reading a program", &format!("{e:?}")))
    });
    Ok(Json(source.await?))
}

pub(super) async fn delete(
    State(app): State<App>,
    Client(client): Client,
    Path(id): Path<String>,
) -> Result<StatusCode, Failure> {
    let owner = client.clone();
    let done = blocking(&app, move |service| {
        let program = usable(service, &owner, &id)?;
        if program.owner != owner {
            return Err(not_found("program"));
        }
        if !service.store.delete_program(&id)? {
            return Err(failure(
                ProblemCode::Conflict,
                "found keys for this program, expected none",
            )
            .help("delete them first"));
        }
        service.blobs.remove(Table::Programs, &id);
        Ok(id)
    });
    audited(&app, &client, "delete-program", done.await, |id| {
        (id.clone(), None)
    })?;
    Ok(StatusCode::NO_CONTENT)
}
