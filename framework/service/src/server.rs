//! The service: registry, queue and store over HTTP. What a scheme makes of keys and ciphertexts happens in
//! the process of a job (`worker`); here nothing of them is held in memory.

mod audit;
mod auth;
mod blobs;
mod config;
mod failure;
mod jobs;
mod ledger;
mod metrics;
mod queue;
mod routes;
mod state;
mod store;
mod tls;
mod upload;
mod worker;

use std::fs::{File, TryLockError};
use std::io::Write as _;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use hexperiment_listen as listen;
use tokio::net::TcpListener;
use tokio::sync::watch;

pub use config::{Config, Quotas, Transport};
use state::Service;
pub use state::{tables, tables_that_are_there};
pub use store::{ClientRow, Store, StoreError};

/// The service, as handlers and threads share it.
type App = Arc<Service>;

/// How long connections may take to end when the service is stopped.
const CLOSES_WITHIN: Duration = Duration::from_secs(5);

/// Serves until the process is told to stop, by `SIGTERM` or Ctrl-C. `started` is told the address, and the
/// fingerprint of the certificate.
///
/// # Errors
/// In words: something of the configuration cannot be used.
pub fn serve(
    config: Config,
    started: impl FnOnce(&str, Option<crate::token::Fingerprint>),
) -> Result<(), String> {
    if matches!(config.transport, Transport::Plain) && !config.listen.ip().is_loopback() {
        return Err(format!(
            "found `--plain` on {}, expected a loopback address as 127.0.0.1: tokens and ciphertexts would cross \
             the network in the open",
            config.listen
        ));
    }
    let folder = config.state.clone();
    let told = blobs::state_folder(&folder)
        .map_err(|e| format!("{}: cannot be made: {e}", folder.display()))?;
    if let Some(told) = told {
        log(&told);
    }
    let _lock = lock(&folder)?;
    let secured = tls::secured(&config.transport, &folder)?;
    let (tls, fingerprint) = secured.unzip();
    let app = Arc::new(Service::open(config)?);
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .map_err(|e| format!("no threads can be started: {e}"))?;
    let served = runtime.block_on(async {
        let listen = app.config.listen;
        let listener = TcpListener::bind(listen)
            .await
            .map_err(|e| format!("{listen}: cannot be listened on: {e}"))?;
        let address = listener.local_addr().map_err(|e| e.to_string())?;
        let stopped = stop_signal().map_err(|e| format!("signals cannot be waited for: {e}"))?;
        let threads = jobs::start(&app).map_err(|e| format!("no threads can be started: {e}"))?;
        let (stop, stops) = watch::channel(false);
        let router = routes::router(Arc::clone(&app));
        let protocol = if tls.is_some() { "https" } else { "http" };
        let connections = tokio::spawn(listen::serve(
            listener,
            tls,
            router,
            listen::Bounds {
                most: app.config.connections,
                idle: app.config.body_idle,
            },
            stops,
        ));
        started(&format!("{protocol}://{address}"), fingerprint);
        stopped.await;
        log("stopping: running jobs are waited for, the others are done after the next start");
        app.stop();
        let began = Instant::now();
        while app.is_busy() && began.elapsed() < app.config.grace {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        let app = Arc::clone(&app);
        let put_off = tokio::task::spawn_blocking(move || {
            app.put_off();
            for thread in threads {
                let _ = thread.join();
            }
        });
        let _ = put_off.await;
        let _ = stop.send(true);
        let _ = tokio::time::timeout(CLOSES_WITHIN, connections).await;
        Ok(())
    });
    runtime.shutdown_timeout(CLOSES_WITHIN);
    served
}

/// One service to a folder: two would do every job twice.
fn lock(folder: &Path) -> Result<File, String> {
    let path = folder.join("lock");
    let problem = |e: &dyn std::fmt::Display| format!("{}: {e}", path.display());
    let file = File::options()
        .create(true)
        .write(true)
        .truncate(false)
        .open(&path)
        .map_err(|e| problem(&e))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(problem(&"another service has this folder")),
        Err(TryLockError::Error(e)) => Err(problem(&e)),
    }
}

/// Waits until the process is told to stop.
#[cfg(unix)]
fn stop_signal() -> std::io::Result<impl Future<Output = ()>> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    })
}

#[cfg(not(unix))]
fn stop_signal() -> std::io::Result<impl Future<Output = ()>> {
    Ok(async {
        // Without it there is nothing to wait for.
        let _ = tokio::signal::ctrl_c().await;
    })
}

/// A line for whoever runs the service, on standard error.
fn log(words: &str) {
    let at = humantime::format_rfc3339_seconds(SystemTime::now());
    // Where it cannot be written, there is nobody to tell.
    let _ = writeln!(
        std::io::stderr(),
        "{at} {}",
        hexperiment_diagnostics::printable::line(words)
    );
}
