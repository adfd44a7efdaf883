//! `workbench`: web pages for whoever owns data and key, on loopback.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use hexperiment_diagnostics::{Complaint, printable, units};
use hexperiment_workbench::{Settings, serve};

use crate::out::say;

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

/// Serves until it is told to end.
pub(crate) fn workbench(arguments: &WorkbenchArguments) -> ExitCode {
    let absolute =
        |path: &PathBuf| std::path::absolute(path).map_err(|e| Complaint::new(path, e.to_string()));
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
        })
    };
    let settings = match settings() {
        Ok(settings) => settings,
        Err(problem) => return crate::bad_input(problem),
    };
    let port = settings.port;
    let served = serve(settings, |started| {
        let (address, token) = (started.address, &started.token);
        say!("The workbench is at http://{address}/ on this machine alone.");
        say!("Log in with the token {token}");
        say!("or open http://{address}/login#token={token}");
        say!("Ctrl-C ends it, and removes what was uploaded.");
    });
    match served {
        Ok(()) => ExitCode::SUCCESS,
        Err(e) => crate::bad_input(format!(
            "the workbench cannot be served at port {port} of 127.0.0.1: {e}\n  help: name another port by `--port`"
        )),
    }
}
