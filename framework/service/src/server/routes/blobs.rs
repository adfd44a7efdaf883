//! Keys and ciphertexts: uploaded, looked at, fetched, deleted.

use std::fs::File;
use std::io::BufReader;
use std::pin::Pin;
use std::task::{Context, Poll};

use axum::Json;
use axum::body::{Body, Bytes, HttpBody};
use axum::extract::{RawQuery, Request, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use hexperiment_scheme::KeyRole;
use hexperiment_wire::{check_keys, digest_named};
use hyper::body::{Frame, SizeHint};
use tokio::io::AsyncReadExt as _;
use tokio::sync::mpsc;

use super::super::App;
use super::super::auth::Client;
use super::super::failure::{Failure, failure, internal, invalid, not_found};
use super::super::ledger::Room;
use super::super::state::Service;
use super::super::store::{
    Added, CiphertextsRow, Deleted, Inserted, KeysRow, Table, now_s, on_disk,
};
use super::super::upload::{Received, announced, receive};
use super::programs::usable;
use super::{Id, Numbers, audited, blocking};
use crate::api::{CiphertextsInfo, KeysInfo, ProblemCode, ProgramInfo, ProgramState};
use crate::token::fresh_id;

/// Bytes of one piece of what is sent.
const PIECE: usize = 256 << 10;

/// Pieces that are read ahead.
const AHEAD: usize = 4;

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

/// A client's ciphertexts.
pub(super) fn own_ciphertexts(
    service: &Service,
    client: &str,
    id: &str,
) -> Result<CiphertextsRow, Failure> {
    let found = service.store.ciphertexts(id)?;
    let found = found.filter(|found| found.owner == client);
    let found = found.ok_or_else(|| not_found("ciphertexts"))?;
    if found.info.expires_s < now_s() {
        let words = "these ciphertexts have expired";
        return Err(failure(ProblemCode::Gone, words).help("upload them again"));
    }
    Ok(found)
}

/// When what is uploaded now expires.
fn expires(service: &Service, query: Option<&str>) -> Result<u64, Failure> {
    let numbers = Numbers::read(query, &["keep"])?;
    let most = service.config.keep.as_secs();
    match numbers.get("keep") {
        Some(0) => Err(invalid("found `keep=0`, expected 1 second or more")),
        keep => Ok(now_s().saturating_add(keep.unwrap_or(most).min(most))),
    }
}

pub(super) async fn upload_keys(
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

pub(super) async fn list_keys(
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
    let keys = blocking(&app, move |service| own_keys(service, &client, &id));
    Ok(Json(keys.await?.info))
}

pub(super) async fn delete_keys(
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

pub(super) async fn upload_ciphertexts(
    State(app): State<App>,
    Client(client): Client,
    Id(keys): Id,
    RawQuery(query): RawQuery,
    request: Request,
) -> Result<(StatusCode, Json<CiphertextsInfo>), Failure> {
    let done = takes_ciphertexts(&app, &client, keys, query.as_deref(), request).await;
    let info = audited(&app, &client, "upload-ciphertexts", done, |info| {
        (info.id.clone(), Some(info.bytes))
    })?;
    Ok((StatusCode::CREATED, Json(info)))
}

async fn takes_ciphertexts(
    app: &App,
    client: &str,
    keys: String,
    query: Option<&str>,
    request: Request,
) -> Result<CiphertextsInfo, Failure> {
    let (head, body) = request.into_parts();
    let limit = app.config.max_ciphertexts;
    let length = announced(&head.headers, "ciphertexts", limit)?;
    let expires_s = expires(app, query)?;
    let owner = client.to_owned();
    let (keys, room) = blocking(app, move |service| {
        let keys = own_keys(service, &owner, &keys)?.info;
        let room = Room {
            bytes: on_disk(length),
            ..Room::default()
        };
        Ok((keys, service.reserve(&owner, room)?))
    })
    .await?;
    let id = fresh_id("ct").map_err(|e| internal("ciphertexts", &e))?;
    let received = receive(app, body, length, &id).await?;
    let owner = client.to_owned();
    blocking(app, move |service| {
        let kept = service
            .blobs
            .keep(received.incoming, Table::Ciphertexts, &id);
        kept.map_err(|e| internal("writing ciphertexts", &e))?;
        let row = CiphertextsRow {
            info: CiphertextsInfo {
                id,
                keys: keys.id,
                bytes: received.bytes,
                sha256: received.sha256,
                ciphertexts: None,
                created_s: now_s(),
                expires_s: expires_s.min(keys.expires_s),
                received_ns: received.began.elapsed().as_nanos() as u64,
            },
            owner,
        };
        let added = service.store.add_ciphertexts(&row);
        drop(room);
        if !matches!(added, Ok(Inserted::Yes)) {
            service.blobs.remove(Table::Ciphertexts, &row.info.id);
        }
        match added? {
            Inserted::Yes => Ok(row.info),
            Inserted::KeysAreGone => Err(not_found("keys")),
        }
    })
    .await
}

pub(super) async fn ciphertexts(
    State(app): State<App>,
    Client(client): Client,
    Id(id): Id,
) -> Result<Json<CiphertextsInfo>, Failure> {
    let found = blocking(&app, move |service| own_ciphertexts(service, &client, &id));
    Ok(Json(found.await?.info))
}

pub(super) async fn delete_ciphertexts(
    State(app): State<App>,
    Client(client): Client,
    Id(id): Id,
) -> Result<StatusCode, Failure> {
    let owner = client.clone();
    let done = blocking(&app, move |service| {
        own_ciphertexts(service, &owner, &id)?;
        service.store.delete_ciphertexts(&id)?;
        service.forget(&Deleted {
            ciphertexts: vec![id.clone()],
            ..Deleted::default()
        });
        Ok(id)
    });
    audited(&app, &client, "delete-ciphertexts", done.await, |id| {
        (id.clone(), None)
    })?;
    Ok(StatusCode::NO_CONTENT)
}

pub(super) async fn download(
    State(app): State<App>,
    Client(client): Client,
    Id(id): Id,
) -> Result<Response, Failure> {
    let found = blocking(&app, move |service| {
        let row = own_ciphertexts(service, &client, &id)?;
        let path = service.blobs.path(Table::Ciphertexts, &row.info.id);
        let file = File::open(path).map_err(|e| internal("reading ciphertexts", &e))?;
        Ok((row.info, file))
    });
    let (info, file) = found.await?;
    let (sender, pieces) = mpsc::channel(AHEAD);
    tokio::spawn(send(App::clone(&app), file.into(), sender));
    let kind = HeaderValue::from_static("application/octet-stream");
    let body = Body::new(Pieces {
        pieces,
        left: info.bytes,
    });
    Ok(([(header::CONTENT_TYPE, kind)], body).into_response())
}

/// Reads a file, as fast as the client takes it; one that takes nothing for too long gets no more.
async fn send(app: App, mut file: tokio::fs::File, sender: mpsc::Sender<std::io::Result<Bytes>>) {
    loop {
        let mut piece = vec![0; PIECE];
        let piece = match file.read(&mut piece).await {
            Ok(0) => return,
            Ok(count) => {
                piece.truncate(count);
                app.metrics.sent_bytes.add(count as u64);
                Ok(Bytes::from(piece))
            }
            Err(e) => Err(e),
        };
        let is_last = piece.is_err();
        let sent = tokio::time::timeout(app.config.body_idle, sender.send(piece)).await;
        if is_last || !matches!(sent, Ok(Ok(()))) {
            return;
        }
    }
}

/// A body of pieces that come from elsewhere.
struct Pieces {
    pieces: mpsc::Receiver<std::io::Result<Bytes>>,
    left: u64,
}

impl HttpBody for Pieces {
    type Data = Bytes;
    type Error = std::io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, std::io::Error>>> {
        let piece = std::task::ready!(self.pieces.poll_recv(context));
        Poll::Ready(match piece {
            Some(Ok(piece)) => {
                self.left = self.left.saturating_sub(piece.len() as u64);
                Some(Ok(Frame::data(piece)))
            }
            Some(Err(e)) => Some(Err(e)),
            None if self.left > 0 => Some(Err(std::io::ErrorKind::UnexpectedEof.into())),
            None => None,
        })
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.left)
    }
}
