//! `workbench`: web pages for whoever owns data and key, on loopback.

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use clap::Args;
use hexperiment_diagnostics::{Complaint, printable, units};
use hexperiment_experiment::ServerSettings;
use hexperiment_service::api::ProblemCode;
use hexperiment_service::client::{ServiceClient, ServiceError};
use hexperiment_workbench::{Access, Evaluator, Settings, serve};

use crate::out::{say, tell};
use crate::service::{self, AS_OPTIONS};

/// How long a service is tried before a run: somebody waits for the page.
const PATIENCE: Duration = Duration::from_secs(2);

/// What `workbench` takes.
#[derive(Args)]
pub(crate) struct WorkbenchArguments {
    /// The port on 127.0.0.1; 0 for one that is free.
    #[arg(long, default_value_t = 8484)]
    port: u16,
    /// The folder of runs.
    #[arg(long, default_value = "runs")]
    runs: PathBuf,
    /// The folder of experiment files that may be opened.
    #[arg(long, default_value = "experiments")]
    experiments: PathBuf,
    /// The most bytes of one upload, as in `4GiB`.
    #[arg(long, value_name = "SIZE", default_value = "1GiB", value_parser = size)]
    max_upload: u64,
    /// A service that evaluates in the place of a process of this machine: `https://HOST:PORT`.
    #[arg(long, value_name = "URL")]
    server: Option<String>,
    /// The fingerprint that `serve` prints, of a certificate of the service's own.
    #[arg(
        long,
        value_name = "sha256:DIGITS",
        requires = "server",
        alias = "fingerprint"
    )]
    server_fingerprint: Option<String>,
    /// A file whose first line is the token of the service; without it `HEXPERIMENT_TOKEN` counts.
    #[arg(long, value_name = "FILE", requires = "server")]
    token_file: Option<PathBuf>,
}

fn size(text: &str) -> Result<u64, String> {
    let found = units::bytes(text);
    found.ok_or_else(|| {
        format!(
            "found {}, expected a size as in `512MiB`",
            printable::quoted(text)
        )
    })
}

/// The service that the options name, if they name one; it is not asked yet.
fn evaluator(arguments: &WorkbenchArguments) -> Result<Option<Evaluator>, String> {
    let Some(url) = arguments.server.clone() else {
        return Ok(None);
    };
    let token_file = arguments.token_file.as_ref();
    let settings = ServerSettings {
        url: url.clone(),
        fingerprint: arguments.server_fingerprint.clone(),
        token_file: token_file.map(|file| file.display().to_string()),
    };
    // What is wrong with the options themselves is told at once.
    service::endpoint(&settings, &AS_OPTIONS)?;
    let of_run = [
        ("server", Some(url.clone())),
        ("server_fingerprint", settings.fingerprint.clone()),
    ];
    let of_run = of_run
        .into_iter()
        .filter_map(|(key, value)| Some((key, value?)));
    Ok(Some(Evaluator {
        url,
        settings: of_run.collect(),
        check: Arc::new(move || access(&settings)),
    }))
}

/// Asks a service whether it takes this client: what a run needs for it; what is wrong and what to do, if it does not.
fn access(settings: &ServerSettings) -> Result<Access, String> {
    let mut endpoint = service::endpoint(settings, &AS_OPTIONS)?;
    endpoint.patience = PATIENCE;
    let asked = ServiceClient::new(&endpoint).and_then(|client| client.info());
    let info = asked.map_err(|error| {
        let help = match &error {
            ServiceError::Fingerprint { .. } => {
                "compare it with what `hexperiment serve` prints on its machine; if that is the one that was found, start \
                 the workbench with it as `--server-fingerprint`"
            }
            ServiceError::Untrusted { .. } => {
                "then start the workbench with it as `--server-fingerprint`"
            }
            ServiceError::Unreachable { .. } => {
                "see that `hexperiment serve` runs there, and that `--server` names its address and port"
            }
            error if error.code() == Some(ProblemCode::Unauthorized) => {
                "start the workbench with that token in `--token-file` or in HEXPERIMENT_TOKEN"
            }
            _ => "see that `--server` names an evaluator of this version",
        };
        format!("{error}; {help}")
    })?;
    Ok(Access {
        threads: info.limits.threads,
        variable: (service::TOKEN, endpoint.bound_token()),
    })
}

/// Serves until it is told to end.
pub(crate) fn workbench(arguments: &WorkbenchArguments) -> ExitCode {
    let absolute =
        |path: &PathBuf| std::path::absolute(path).map_err(|e| Complaint::new(path, e.to_string()));
    let evaluator = match evaluator(arguments) {
        Ok(evaluator) => evaluator,
        Err(problem) => return crate::bad_input(problem),
    };
    if let Some(Err(problem)) = evaluator.as_ref().map(|far| (far.check)()) {
        // It may be started later: each run asks again.
        tell!("warning: {problem}");
    }
    let settings = || -> Result<Settings, Complaint> {
        let program =
            std::env::current_exe().map_err(|e| Complaint::new("hexperiment", e.to_string()))?;
        Ok(Settings {
            port: arguments.port,
            program,
            runs: absolute(&arguments.runs)?,
            experiments: absolute(&arguments.experiments)?,
            scratch: std::env::temp_dir(),
            most_upload_bytes: arguments.max_upload,
            evaluator: evaluator.clone(),
        })
    };
    let settings = match settings() {
        Ok(settings) => settings,
        Err(problem) => return crate::bad_input(problem),
    };
    let port = settings.port;
    let server = settings.evaluator.as_ref().map(|far| far.url.clone());
    let served = serve(settings, |started| {
        let (address, token) = (started.address, &started.token);
        say!("The workbench is at http://{address}/ on this machine alone.");
        say!("Log in with the token {token}");
        say!("or open http://{address}/login#token={token}");
        if let Some(server) = server {
            say!(
                "What is encrypted is evaluated by {}.",
                printable::line(&server)
            );
        }
        say!("Ctrl-C ends it, and removes what was uploaded.");
    });
    match served {
        Ok(()) => ExitCode::SUCCESS,
        Err(e) => crate::bad_input(format!(
            "the workbench cannot be served at port {port} of 127.0.0.1: {e}\n  help: name another port by `--port`"
        )),
    }
}
