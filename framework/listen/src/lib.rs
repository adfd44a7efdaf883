//! Connections of an HTTP server: TLS, and limits of number and time for whoever says nothing, or reads nothing. The
//! service on a network and the workbench listen by it.

mod connections;
mod progress;

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::{Extension, Router};
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use rustls::ServerConfig;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio_rustls::TlsAcceptor;

pub use connections::Connection;
use connections::Connections;
use progress::Progress;

/// For the greeting of TLS.
const GREETS_WITHIN: Duration = Duration::from_secs(10);

/// How long to wait where the system has no connection to give, and for one that was closed to be gone.
const PAUSE: Duration = Duration::from_millis(100);

/// Bytes that are read ahead of a connection: no head is longer.
const AHEAD: usize = 64 << 10;

/// How many connections there are at a time, and how long each may stand still.
#[derive(Clone, Copy, Debug)]
pub struct Bounds {
    /// Connections at a time.
    pub most: u16,
    /// Time for which a client may say nothing, amid the head of a request and between two, or take nothing of an
    /// answer.
    pub idle: Duration,
}

/// Where a request comes from: an extension of each.
#[derive(Clone)]
pub struct Peer {
    /// The client's address.
    pub address: SocketAddr,
    /// The connection on which it came.
    pub connection: Arc<Connection>,
}

/// Serves connections until `stop` is true; those that are open then end with the request that they have begun.
pub async fn serve(
    listener: TcpListener,
    tls: Option<Arc<ServerConfig>>,
    router: Router,
    bounds: Bounds,
    mut stop: watch::Receiver<bool>,
) {
    let tls = tls.map(TlsAcceptor::from);
    let free = Arc::new(Semaphore::new(bounds.most.into()));
    let connections = Arc::new(Connections::default());
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            _ = stop.changed() => break,
        };
        let Ok((stream, address)) = accepted else {
            // Mostly the system has no more files to give.
            connections.make_room();
            tokio::time::sleep(PAUSE).await;
            continue;
        };
        let Some(permit) = room(&free, &connections).await else {
            return; // nobody closes it
        };
        let (tls, router, stop) = (tls.clone(), router.clone(), stop.clone());
        connections.begin(|connection| async move {
            let peer = Peer {
                address,
                connection,
            };
            // Whatever goes wrong with one connection is the affair of its client.
            let _ = serve_one(stream, peer, tls, (router, bounds.idle), stop).await;
            drop(permit);
        });
    }
    drop(listener);
    // Every connection has a permit until it is closed.
    let _ = free.acquire_many(bounds.most.into()).await;
}

/// Room for one more connection: where there is none, one on which nobody has shown a token is closed.
async fn room(free: &Arc<Semaphore>, connections: &Connections) -> Option<OwnedSemaphorePermit> {
    loop {
        if let Ok(permit) = Arc::clone(free).try_acquire_owned() {
            return Some(permit);
        }
        let soon = Arc::clone(free).acquire_owned();
        if !connections.make_room() {
            return soon.await.ok();
        }
        if let Ok(permit) = tokio::time::timeout(PAUSE, soon).await {
            return permit.ok();
        }
    }
}

async fn serve_one(
    stream: TcpStream,
    peer: Peer,
    tls: Option<TlsAcceptor>,
    served: (Router, Duration),
    stop: watch::Receiver<bool>,
) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let stream = Progress::new(stream, served.1);
    match tls {
        None => requests(stream, peer, served, stop).await,
        Some(tls) => {
            let greeted = tokio::time::timeout(GREETS_WITHIN, tls.accept(stream)).await;
            let stream = greeted.map_err(io::Error::other)??;
            requests(stream, peer, served, stop).await
        }
    }
}

async fn requests(
    stream: impl AsyncRead + AsyncWrite + Unpin,
    peer: Peer,
    (router, idle): (Router, Duration),
    mut stop: watch::Receiver<bool>,
) -> io::Result<()> {
    let service = TowerToHyperService::new(router.layer(Extension(peer)));
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(idle)
        .max_buf_size(AHEAD)
        .serve_connection(TokioIo::new(stream), service);
    tokio::pin!(connection);
    loop {
        tokio::select! {
            ended = connection.as_mut() => return ended.map_err(io::Error::other),
            changed = stop.changed() => {
                connection.as_mut().graceful_shutdown();
                if changed.is_err() {
                    return connection.await.map_err(io::Error::other);
                }
            }
        }
    }
}
