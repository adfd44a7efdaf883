//! The workbench: web pages on loopback for whoever owns data and key. A file is dropped on a page, becomes an
//! experiment, and is run by the program itself, as `hexperiment run` runs one: the client of each cell has
//! the data and the secret key, the evaluator is another process. What crossed between the two is shown, frame by
//! frame.
//!
//! `guard` keeps others out, `uploads` takes files in, `jobs` runs experiments and tells how far they are, `feed`
//! has a fleet monitored and keeps what was told last, `pages` has a module for each page, and a list of them.

mod answer;
mod assets;
mod csv_out;
mod door;
mod estimate;
mod experiment;
mod far;
mod feed;
mod guard;
mod job_page;
mod jobs;
mod known;
mod model;
mod models;
mod pages;
mod plugins;
mod profile;
mod run_files;
mod shell;
mod state;
mod upload;
mod uploads;

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use hexperiment_listen::Bounds;
use tokio::net::TcpListener;
use tokio::sync::watch;
use zeroize::Zeroizing;

use crate::state::Workbench;

/// Connections at a time, of which one without a session gives way to a new one, and how long each may stand still.
const BOUNDS: Bounds = Bounds {
    most: 256,
    idle: Duration::from_secs(30),
};

/// What a workbench is started with.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The port on 127.0.0.1; 0 for one that is free.
    pub port: u16,
    /// This program, which runs experiments.
    pub program: PathBuf,
    /// The folder of runs that are browsed and compared.
    pub runs: PathBuf,
    /// The folder of experiment files that may be opened.
    pub experiments: PathBuf,
    /// The folder in which one is made for uploads and their results, which is removed when the workbench ends.
    pub scratch: PathBuf,
    /// The most bytes of one upload.
    pub most_upload_bytes: u64,
    /// The evaluator, where it is no process of this machine.
    pub evaluator: Option<Evaluator>,
}

/// A service on a network, which evaluates in the place of a process of this machine.
#[derive(Clone)]
pub struct Evaluator {
    /// Its address.
    pub url: String,
    /// Keys of `[run]` by which an experiment is run against it, and their values.
    pub settings: Vec<(&'static str, String)>,
    /// Asks it, before each run, what that needs; or says what is wrong, and what to do.
    pub check: Arc<dyn Fn() -> Result<Access, String> + Send + Sync>,
}

/// What a run needs to be evaluated by a service.
#[derive(Clone)]
pub struct Access {
    /// The threads that the service gives to a job.
    pub threads: u64,
    /// The environment variable that tells the run its token, and the token with the service's address.
    pub variable: (&'static str, Zeroizing<String>),
}

impl std::fmt::Debug for Access {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Access").field(&self.threads).finish()
    }
}

impl std::fmt::Debug for Evaluator {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Evaluator").field(&self.url).finish()
    }
}

/// Where a workbench is, once it can be opened.
#[derive(Clone, Debug)]
pub struct Started {
    /// Its address.
    pub address: SocketAddr,
    /// What the login page asks for.
    pub token: String,
}

/// Serves until the program is told to end, by Ctrl-C or a signal.
///
/// # Errors
/// The scratch folder cannot be made, or the port cannot be had.
pub fn serve(mut settings: Settings, announce: impl FnOnce(&Started)) -> io::Result<()> {
    let name = format!("hexperiment-workbench-{}", guard::random::<8>()?);
    let scratch = settings.scratch.join(name);
    make_for_owner(&scratch)?;
    settings.scratch.clone_from(&scratch);
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()?;
    let served = runtime.block_on(async {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, settings.port)).await?;
        let address = listener.local_addr()?;
        let navigation = pages::PAGES
            .iter()
            .map(|page| (page.path, page.title))
            .collect();
        let workbench = Arc::new(Workbench::new(settings, address, navigation)?);
        let token = workbench.guard.token().to_owned();
        announce(&Started { address, token });
        let ended = Arc::clone(&workbench);
        let (_stop, stops) = watch::channel(false);
        // Streams of events have no end of their own: what still runs is dropped with the runtime.
        tokio::select! {
            () = hexperiment_listen::serve(listener, None, routes(workbench), BOUNDS, stops) => {}
            () = told_to_end() => ended.end(),
        }
        Ok(())
    });
    runtime.shutdown_timeout(Duration::from_secs(1));
    let removed = std::fs::remove_dir_all(scratch);
    served.and(removed)
}

fn routes(workbench: Arc<Workbench>) -> Router {
    let mut router = Router::new()
        .merge(assets::routes())
        .merge(door::routes())
        .merge(uploads::routes())
        .merge(job_page::routes())
        .merge(pages::home());
    for page in &pages::PAGES {
        router = router.merge((page.routes)());
    }
    let guarded = axum::middleware::from_fn_with_state(Arc::clone(&workbench), door::guard);
    router
        .fallback(shell::not_found)
        .layer(guarded)
        .with_state(workbench)
}

#[cfg(unix)]
async fn told_to_end() {
    use tokio::signal::unix::{SignalKind, signal};
    let interrupt = tokio::signal::ctrl_c();
    match signal(SignalKind::terminate()) {
        Ok(mut terminate) => tokio::select! {
            _ = interrupt => {}
            _ = terminate.recv() => {}
        },
        // Ctrl-C alone, then.
        Err(_) => drop(interrupt.await),
    }
}

#[cfg(not(unix))]
async fn told_to_end() {
    // Without it there is nothing to wait for.
    drop(tokio::signal::ctrl_c().await);
}

/// Makes a folder that nobody else may look into; one that is there already is another's.
#[cfg(unix)]
fn make_for_owner(folder: &std::path::Path) -> io::Result<()> {
    use std::os::unix::fs::DirBuilderExt as _;
    std::fs::DirBuilder::new().mode(0o700).create(folder)
}

#[cfg(not(unix))]
fn make_for_owner(folder: &std::path::Path) -> io::Result<()> {
    std::fs::create_dir(folder)
}
