//! Connections: TLS, and limits of time for whoever says nothing.

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
use tokio::sync::{Semaphore, watch};
use tokio_rustls::TlsAcceptor;

use super::auth::Peer;

/// Connections at a time; more wait until one is closed.
const MOST: usize = 1024;

/// For the greeting of TLS.
const GREETS_WITHIN: Duration = Duration::from_secs(10);

/// How long to wait where the system has no connection to give.
const PAUSE: Duration = Duration::from_millis(100);

/// Serves connections, each of which may stand still for `idle`, amid the head of a request and between two,
/// until `stop` is true; those that are open then end with the request that they
/// have begun.
pub(crate) async fn serve(
    listener: TcpListener,
    tls: Option<Arc<ServerConfig>>,
    router: Router,
    idle: Duration,
    mut stop: watch::Receiver<bool>,
) {
    let tls = tls.map(TlsAcceptor::from);
    let free = Arc::new(Semaphore::new(MOST));
    loop {
        let Ok(permit) = Arc::clone(&free).acquire_owned().await else {
            return; // nobody closes it
        };
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            _ = stop.changed() => break,
        };
        let Ok((stream, peer)) = accepted else {
            tokio::time::sleep(PAUSE).await;
            continue;
        };
        let (tls, router, stop) = (tls.clone(), router.clone(), stop.clone());
        tokio::spawn(async move {
            // Whatever goes wrong with one connection is the affair of its client.
            let _ = connection(stream, peer, tls, (router, idle), stop).await;
            drop(permit);
        });
    }
    drop(listener);
    // Every connection has a permit until it is closed.
    let _ = free.acquire_many(MOST as u32).await;
}

async fn connection(
    stream: TcpStream,
    peer: SocketAddr,
    tls: Option<TlsAcceptor>,
    served: (Router, Duration),
    stop: watch::Receiver<bool>,
) -> io::Result<()> {
    stream.set_nodelay(true)?;
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
    peer: SocketAddr,
    (router, idle): (Router, Duration),
    mut stop: watch::Receiver<bool>,
) -> io::Result<()> {
    let service = TowerToHyperService::new(router.layer(Extension(Peer(peer))));
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(idle)
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
