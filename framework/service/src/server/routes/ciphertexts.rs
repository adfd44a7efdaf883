//! Ciphertexts: uploaded, found again, looked at, fetched, deleted.

use std::fs::File;
use std::pin::Pin;
use std::task::{Context, Poll};

use axum::Json;
use axum::body::{Body, Bytes, HttpBody};
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, RawQuery, Request, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use hyper::body::{Frame, SizeHint};
use serde::Deserialize;
use tokio::io::AsyncReadExt as _;
use tokio::sync::mpsc;

use super::super::App;
use super::super::auth::Client;
use super::super::failure::{Failure, failure, internal, invalid, not_found};
use super::super::ledger::Room;
use super::super::state::Service;
use super::super::store::{CiphertextsRow, Deleted, Inserted, Table, now_s, on_disk};
use super::super::upload::{announced, receive};
use super::keys::{expires, own_keys};
use super::{Id, LISTED, audited, blocking};
use crate::api::{CiphertextsInfo, ProblemCode};
use crate::token::fresh_id;

/// Bytes of one piece of what is sent.
const PIECE: usize = 256 << 10;

/// Pieces that are read ahead.
const AHEAD: usize = 4;

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

pub(super) async fn upload(
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

/// Which ciphertexts are listed.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Wanted {
    /// Those whose bytes have this digest.
    sha256: Option<String>,
}

pub(super) async fn list(
    State(app): State<App>,
    Client(client): Client,
    Id(keys): Id,
    query: Result<Query<Wanted>, QueryRejection>,
) -> Result<Json<Vec<CiphertextsInfo>>, Failure> {
    let Query(Wanted { sha256 }) = query.map_err(|e| {
        invalid(format!(
            "found a query that cannot be read ({}), expected none, or `sha256=DIGEST`",
            e.body_text()
        ))
    })?;
    if let Some(found) = &sha256 {
        is_digest(found)?;
    }
    let all = blocking(&app, move |service| {
        own_keys(service, &client, &keys)?;
        let found = service
            .store
            .ciphertexts_under(&keys, sha256.as_deref(), LISTED);
        Ok(found?)
    });
    Ok(Json(all.await?))
}

/// Holds a digest to its form: others are of no ciphertexts at all, and whoever asks for one would not be told.
fn is_digest(found: &str) -> Result<(), Failure> {
    let is_digit = |byte: u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
    if found.len() == 64 && found.bytes().all(is_digit) {
        return Ok(());
    }
    Err(invalid(
        "found another `sha256` than 64 hexadecimal digits in lower case",
    ))
}

pub(super) async fn ciphertexts(
    State(app): State<App>,
    Client(client): Client,
    Id(id): Id,
) -> Result<Json<CiphertextsInfo>, Failure> {
    let found = blocking(&app, move |service| own_ciphertexts(service, &client, &id));
    Ok(Json(found.await?.info))
}

pub(super) async fn delete(
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
