//! Bodies: streamed to the disk with limits of size and time, or read into memory where they are small.

use std::fmt::Display;
use std::time::{Duration, Instant};

use axum::body::{Body, Bytes};
use axum::http::{HeaderMap, header};
use http_body_util::BodyExt as _;
use serde::de::DeserializeOwned;
use sha2::{Digest as _, Sha256};
use tokio::io::AsyncWriteExt as _;

use super::App;
use super::blobs::Incoming;
use super::failure::{Failure, failure, internal, invalid};
use crate::api::ProblemCode;
use crate::token::hex;

/// Bytes per second that a body must come with.
const SLOWEST: f64 = 1000.0;

/// Time after which that is looked at.
const AT_FIRST: Duration = Duration::from_secs(10);

/// The length that a request announces, held against the limit before anything is read.
pub(crate) fn announced(headers: &HeaderMap, what: &str, limit: u64) -> Result<u64, Failure> {
    let length = headers.get(header::CONTENT_LENGTH);
    let length = length.and_then(|value| value.to_str().ok()?.parse().ok());
    let Some(length) = length else {
        return Err(invalid("found no `Content-Length`, expected one"));
    };
    if length > limit {
        return Err(too_large(what, length, limit));
    }
    Ok(length)
}

fn too_large(what: &str, found: u64, limit: u64) -> Failure {
    failure(
        ProblemCode::TooLarge,
        format!("found {found} bytes of {what}, expected at most {limit}"),
    )
}

/// A body that is read piece by piece, not too slowly.
struct Pieces {
    body: Body,
    began: Instant,
    idle: Duration,
    came: u64,
    length: u64,
}

impl Pieces {
    fn new(body: Body, length: u64, idle: Duration) -> Self {
        Self {
            body,
            began: Instant::now(),
            idle,
            came: 0,
            length,
        }
    }

    /// The next piece; `None` at the end, when as much has come as was announced.
    async fn next(&mut self) -> Result<Option<Bytes>, Failure> {
        loop {
            let frame = tokio::time::timeout(self.idle, self.body.frame()).await;
            let Ok(frame) = frame else {
                return Err(self.too_slow(&format!("no byte for {} s", self.idle.as_secs())));
            };
            let frame = match frame {
                None => return self.end(),
                Some(Ok(frame)) => frame,
                Some(Err(_)) => return Err(self.cut()),
            };
            let Ok(piece) = frame.into_data() else {
                continue; // trailers
            };
            self.came += piece.len() as u64;
            if self.came > self.length {
                return Err(too_large("a body", self.came, self.length));
            }
            let passed = self.began.elapsed();
            let expected = (passed.saturating_sub(AT_FIRST)).as_secs_f64() * SLOWEST;
            if (self.came as f64) < expected {
                return Err(self.too_slow("less than 1 kB/s"));
            }
            return Ok(Some(piece));
        }
    }

    fn end(&self) -> Result<Option<Bytes>, Failure> {
        if self.came < self.length {
            return Err(self.cut());
        }
        Ok(None)
    }

    fn cut(&self) -> Failure {
        invalid(format!(
            "found the end of the body after {} bytes, expected {}",
            self.came, self.length
        ))
    }

    fn too_slow(&self, how: &str) -> Failure {
        failure(
            ProblemCode::TooSlow,
            format!("found {how} after {} of {} bytes", self.came, self.length),
        )
    }
}

/// A body that lies in a file, synced.
pub(crate) struct Received {
    pub(crate) incoming: Incoming,
    pub(crate) sha256: String,
    pub(crate) bytes: u64,
    pub(crate) began: Instant,
}

/// Streams a body of an announced length into a file of this name.
pub(crate) async fn receive(
    app: &App,
    body: Body,
    length: u64,
    id: &str,
) -> Result<Received, Failure> {
    let began = Instant::now();
    let incoming = app.blobs.incoming(id);
    let disk = |e: std::io::Error| internal("writing what arrives", &e);
    let mut file = tokio::fs::File::create_new(&incoming.path)
        .await
        .map_err(disk)?;
    let mut pieces = Pieces::new(body, length, app.config.body_idle);
    let mut hash = Sha256::new();
    while let Some(piece) = pieces.next().await? {
        hash.update(&piece);
        file.write_all(&piece).await.map_err(disk)?;
        app.metrics.received_bytes.add(piece.len() as u64);
    }
    file.flush().await.map_err(disk)?;
    file.sync_all().await.map_err(disk)?;
    Ok(Received {
        incoming,
        sha256: hex(&hash.finalize()),
        bytes: length,
        began,
    })
}

/// A body as an object of JSON. A list is none, although its entries could be taken for the members in their order.
pub(crate) fn object<T: DeserializeOwned>(bytes: &[u8], what: &str) -> Result<T, Failure> {
    let none = |problem: &dyn Display| invalid(format!("found no {what} in JSON: {problem}"));
    match bytes.iter().find(|byte| !byte.is_ascii_whitespace()) {
        Some(b'{') | None => serde_json::from_slice(bytes).map_err(|e| none(&e)),
        Some(b'[') => Err(none(&"found a list, expected an object")),
        Some(_) => Err(none(&"expected an object")),
    }
}

/// Reads a small body into memory.
pub(crate) async fn read(
    app: &App,
    headers: &HeaderMap,
    body: Body,
    what: &str,
    limit: u64,
) -> Result<Vec<u8>, Failure> {
    let length = announced(headers, what, limit)?;
    let mut pieces = Pieces::new(body, length, app.config.body_idle);
    let mut bytes = Vec::new();
    while let Some(piece) = pieces.next().await? {
        bytes.extend_from_slice(&piece);
    }
    Ok(bytes)
}
