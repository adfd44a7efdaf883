//! Programs: registered, looked at, deleted.

use axum::Json;
use axum::extract::{RawQuery, Request, State};
use axum::http::StatusCode;
use hexperiment_program::Program;
use serde::Deserialize as _;
use sha2::{Digest as _, Sha256};

use super::super::App;
use super::super::auth::Client;
use super::super::config::MAX_PROGRAM;
use super::super::failure::{Failure, failure, internal, invalid, not_found};
use super::super::ledger::Room;
use super::super::state::Service;
use super::super::store::{ProgramRow, Removal, Shape, Source, Table, now_s};
use super::super::upload::{object, read};
use super::{Id, Numbers, Waiting, audited, blocking};
use crate::api::{ProblemCode, ProgramInfo, ProgramRequest, ProgramState};
use crate::token::{fresh_id, hex};

/// A program that a client may use.
pub(super) fn usable(service: &Service, client: &str, id: &str) -> Result<ProgramRow, Failure> {
    let program = visible(service, client, id)?;
    if program.serves(client) {
        return Ok(program);
    }
    Err(failure(
        ProblemCode::Gone,
        "the owner of this program has deleted it; it serves the keys that are there, and takes no more",
    )
    .help("register it yourself, or ask its owner to register it again"))
}

/// A program that a client may use, or has keys for.
fn visible(service: &Service, client: &str, id: &str) -> Result<ProgramRow, Failure> {
    let found = service.store.program(id)?;
    let program = found.ok_or_else(|| not_found("program"))?;
    if program.serves(client) || service.store.has_keys(client, id)? {
        return Ok(program);
    }
    Err(not_found("program"))
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
    let request: ProgramRequest = object(bytes, "program")?;
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
    let shape = bounded(&request.program, config.program_numbers)?;
    // What is kept is what was understood, so that two ways to write the same are the same.
    let kept = serde_json::to_vec(&request).map_err(|e| internal("a program", &e))?;
    drop(one);
    let sha256 = hex(&Sha256::digest(&kept));
    if let Some(known) = service.store.known_program(client, &sha256)? {
        return Ok(known);
    }
    service.has_time(client)?;
    let length = kept.len() as u64;
    let room = Room {
        bytes: length,
        programs: 1,
        work: 1,
        ..Room::default()
    };
    let room = service.reserve(client, room)?;
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
    let source = Source {
        sha256: &sha256,
        bytes: length,
        shape,
    };
    let known = service.store.add_program(client, source, &info);
    drop(room);
    if !matches!(known, Ok(None)) {
        service.blobs.remove(Table::Programs, &info.id);
    }
    if let Some(known) = known? {
        return Ok(known);
    }
    service.queue(client, &info.id, false);
    Ok(info)
}

/// Holds a program to the numbers that its values may have, before anything is computed of them: a few bytes can state
/// vectors that no machine has room for. How many inputs and outputs it has.
fn bounded(program: &serde_json::Value, most: u64) -> Result<Shape, Failure> {
    let program = Program::deserialize(program);
    let program = program.map_err(|e| invalid(format!("the program: {e}")))?;
    let lengths = program.values().iter().map(|value| value.length() as u64);
    let inputs = program.inputs().iter().map(|input| {
        let columns = input.columns.len() as u64;
        (input.length as u64).saturating_mul(columns)
    });
    let found = lengths.chain(inputs).fold(0, u64::saturating_add);
    if found <= most {
        return Ok(Shape::of(&program));
    }
    Err(failure(
        ProblemCode::TooLarge,
        format!(
            "found a program whose inputs and values are {found} numbers together, expected at most {most}: more do \
             not go into the memory of a job"
        ),
    )
    .help("evaluate fewer rows at a time, or start the service with a larger `--worker-memory`"))
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
    Id(id): Id,
    RawQuery(query): RawQuery,
) -> Result<Json<ProgramInfo>, Failure> {
    let waiting = Waiting::begin(&app, query.as_deref())?;
    let look = move |service: &Service| Ok(visible(service, &client, &id)?.info);
    let first = blocking(&app, look.clone()).await?;
    Ok(Json(waiting.until_ended(&app, first, look).await?))
}

pub(super) async fn source(
    State(app): State<App>,
    Client(client): Client,
    Id(id): Id,
) -> Result<Json<ProgramRequest>, Failure> {
    let source = blocking(&app, move |service| {
        let program = visible(service, &client, &id)?;
        let source = service.source(&program.info.id);
        source.map_err(|e| internal("reading a program", &format!("{e:?}")))
    });
    Ok(Json(source.await?))
}

pub(super) async fn delete(
    State(app): State<App>,
    Client(client): Client,
    Id(id): Id,
) -> Result<StatusCode, Failure> {
    let owner = client.clone();
    let done = blocking(&app, move |service| {
        let program = service.store.program(&id)?;
        if program.is_none_or(|program| program.owner != owner || program.is_withdrawn) {
            return Err(not_found("program"));
        }
        match service.store.delete_program(&id)? {
            Removal::Deleted => {
                service.program_is_gone(&owner, &id);
                service.blobs.remove(Table::Programs, &id);
            }
            Removal::Withdrawn => {}
            Removal::HasKeys => {
                return Err(failure(
                    ProblemCode::Conflict,
                    "found keys of yours for this program, expected none",
                )
                .help("delete them first"));
            }
        }
        Ok(id)
    });
    audited(&app, &client, "delete-program", done.await, |id| {
        (id.clone(), None)
    })?;
    Ok(StatusCode::NO_CONTENT)
}
