//! `serve`: the evaluator on a network; and how cells reach one.

use std::net::SocketAddr;
use std::num::NonZero;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::thread::available_parallelism;
use std::time::Duration;

use clap::{Args, Subcommand};
use hexperiment_diagnostics::{files, printable, units};
use hexperiment_experiment::ServerSettings;
use hexperiment_scheme::registry;
use hexperiment_service::api::SchemeInfo;
use hexperiment_service::client::{Endpoint, GivenToken, NamedBy};
use hexperiment_service::server::{self, Config, Quotas, Transport};
use hexperiment_service::token::{Fingerprint, Token};

use crate::out::{say, tell};
use crate::plugins;

/// The environment variable that holds the token of a service.
pub(crate) const TOKEN: &str = hexperiment_diagnostics::TOKEN_VARIABLE;

/// What `serve` takes.
#[derive(Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(crate) struct ServeArguments {
    #[command(subcommand)]
    verb: Option<ServeVerb>,
    #[command(flatten)]
    options: ServeOptions,
}

#[derive(Subcommand)]
enum ServeVerb {
    /// Tokens of clients: whoever has one may use the service.
    Token {
        #[command(subcommand)]
        verb: TokenVerb,
    },
}

#[derive(Subcommand)]
enum TokenVerb {
    /// Makes a token for a client, and prints it: it is kept as a hash, and never shown again.
    New {
        /// The client's name: letters, digits, `-`, `_` and `.`.
        name: String,
        #[command(flatten)]
        place: PlaceOption,
    },
    /// Lists clients.
    List {
        #[command(flatten)]
        place: PlaceOption,
    },
    /// Takes a client's token from it.
    Revoke {
        /// The client's name.
        name: String,
        #[command(flatten)]
        place: PlaceOption,
    },
}

#[derive(Args)]
struct PlaceOption {
    /// The folder in which everything of the service lies.
    #[arg(long, value_name = "FOLDER", default_value = "hexperiment-service")]
    state: PathBuf,
}

#[derive(Args)]
struct ServeOptions {
    #[command(flatten)]
    place: PlaceOption,
    /// Where it listens; port 0 takes a free one, which is printed.
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8443")]
    listen: SocketAddr,
    /// A certificate with its chain, in PEM; one of its own is made if left out.
    #[arg(long, value_name = "FILE", requires = "tls_key")]
    tls_cert: Option<PathBuf>,
    /// The certificate's key, in PEM.
    #[arg(long, value_name = "FILE", requires = "tls_cert")]
    tls_key: Option<PathBuf>,
    /// Names in a certificate of its own; may be given more than once.
    #[arg(long = "name", value_name = "NAME")]
    names: Vec<String>,
    /// HTTP without TLS, on a loopback address only.
    #[arg(long, conflicts_with_all = ["tls_cert", "tls_key", "names"])]
    plain: bool,
    /// Jobs at a time, each in a process of its own.
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=1024))]
    workers: u16,
    /// Processes that keep their keys loaded for the next job.
    #[arg(long, value_name = "N", default_value_t = 4)]
    warm: u16,
    /// The most threads that a program may ask for; as many as there are processors if left out.
    #[arg(long, value_name = "N")]
    threads: Option<NonZero<u16>>,
    /// What the process of a job may allocate, as in "8GiB"; if left out, three quarters of the machine's memory, shared by all
    /// such processes.
    #[arg(long, value_name = "SIZE", value_parser = size)]
    worker_memory: Option<u64>,
    /// For one job, loading included.
    #[arg(long, value_name = "TIME", default_value = "10m", value_parser = time)]
    job_time: Duration,
    /// For which keys and ciphertexts are kept, at most.
    #[arg(long, value_name = "TIME", default_value = "168h", value_parser = time)]
    keep: Duration,
    /// Of one upload of keys.
    #[arg(long, value_name = "SIZE", default_value = "4GiB", value_parser = size)]
    max_keys: u64,
    /// Of one upload of ciphertexts.
    #[arg(long, value_name = "SIZE", default_value = "1GiB", value_parser = size)]
    max_ciphertexts: u64,
    /// Programs, keys, ciphertexts and results that are kept of each client.
    #[arg(long, value_name = "SIZE", default_value = "16GiB", value_parser = size)]
    quota_bytes: u64,
    /// Sets of keys that are kept of each client.
    #[arg(long, value_name = "N", default_value_t = 64)]
    quota_keys: u64,
    /// Programs that are kept of each client.
    #[arg(long, value_name = "N", default_value_t = 256)]
    quota_programs: u64,
    /// Jobs, and programs to be compiled, of each client that wait.
    #[arg(long, value_name = "N", default_value_t = 1000)]
    quota_jobs: u64,
    /// Time of each client's jobs, and of compiling its programs, on one day (UTC).
    #[arg(long, value_name = "TIME", default_value = "12h", value_parser = time)]
    quota_time: Duration,
    /// Requests of a client per second; ten times as many at once.
    #[arg(long, value_name = "N", default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..))]
    rate: u32,
    /// Connections at a time: one on which no token was shown gives way to a new one.
    #[arg(long, value_name = "N", default_value_t = 1024, value_parser = clap::value_parser!(u16).range(8..))]
    connections: u16,
    /// For which a client may stand still: amid a request, between two, or without taking anything of an answer.
    #[arg(long, value_name = "TIME", default_value = "30s", value_parser = time)]
    body_idle: Duration,
    /// For running jobs when the service is stopped.
    #[arg(long, value_name = "TIME", default_value = "30s", value_parser = time)]
    grace: Duration,
    /// Takes keys with which the service could decrypt, as those of `fernet`.
    #[arg(long)]
    accept_shared_keys: bool,
}

fn size(text: &str) -> Result<u64, String> {
    let wrong = || {
        format!(
            "found {}, expected a size as \"512MiB\" or \"8GiB\"",
            printable::quoted(text)
        )
    };
    units::bytes(text).ok_or_else(wrong)
}

fn time(text: &str) -> Result<Duration, String> {
    let wrong = || {
        format!(
            "found {}, expected a time as \"90s\", \"5m\" or \"1h\"",
            printable::quoted(text)
        )
    };
    units::duration(text).ok_or_else(wrong)
}

/// Serves until the process is told to stop, or does what a verb says.
pub(crate) fn serve(arguments: ServeArguments) -> ExitCode {
    let done = match arguments.verb {
        None => serves(arguments.options),
        Some(ServeVerb::Token { verb }) => token(verb),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(problem) => crate::bad_input(problem),
    }
}

fn serves(options: ServeOptions) -> Result<(), String> {
    raise_open_files();
    let memory = WorkerMemory::of(&options);
    let config = config(options, memory.bytes())?;
    server::serve(config, |address, fingerprint| {
        say!("listening on {address}");
        if let Some(fingerprint) = fingerprint {
            say!("fingerprint {fingerprint}");
        }
        tell!("{memory}");
    })
}

/// Raises what this process may open at a time to what the system allows: connections, keys and processes of jobs are
/// files, too.
#[cfg(unix)]
fn raise_open_files() {
    use nix::sys::resource::{Resource, getrlimit, setrlimit};
    /// More than all connections and jobs take.
    const ENOUGH: u64 = 1 << 16;
    let Ok((soft, hard)) = getrlimit(Resource::RLIMIT_NOFILE) else {
        return;
    };
    let wanted = hard.min(ENOUGH);
    if soft < wanted {
        // Where it is refused, fewer connections are taken at a time.
        let _ = setrlimit(Resource::RLIMIT_NOFILE, wanted, hard);
    }
}

#[cfg(not(unix))]
fn raise_open_files() {}

/// What the process of a job may allocate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum WorkerMemory {
    Given(u64),
    /// The share of the machine's memory, for so many processes.
    Share {
        bytes: u64,
        processes: u64,
    },
    /// The system does not say what it has.
    Unknown,
}

impl WorkerMemory {
    fn of(options: &ServeOptions) -> Self {
        match options.worker_memory {
            Some(bytes) => Self::Given(bytes),
            None => Self::share(
                machine_memory(),
                u64::from(options.workers) + u64::from(options.warm),
            ),
        }
    }

    /// Three quarters of the memory, shared by processes that work and those that keep keys loaded.
    fn share(machine: Option<u64>, processes: u64) -> Self {
        match machine {
            Some(machine) => Self::Share {
                bytes: machine / 4 * 3 / processes.max(1),
                processes,
            },
            None => Self::Unknown,
        }
    }

    fn bytes(self) -> Option<u64> {
        match self {
            Self::Given(bytes) | Self::Share { bytes, .. } => Some(bytes),
            Self::Unknown => None,
        }
    }
}

impl std::fmt::Display for WorkerMemory {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let size = |bytes: u64| format!("{} MiB", bytes >> 20);
        match self {
            Self::Given(bytes) => write!(f, "a job may allocate {}", size(*bytes)),
            Self::Share { bytes, processes } => write!(
                f,
                "a job may allocate {}: three quarters of this machine's memory, by {processes} processes; \
                 `--worker-memory` says otherwise",
                size(*bytes)
            ),
            Self::Unknown => f.write_str(
                "a job may allocate what it wants: this machine does not say what memory it has; `--worker-memory` \
                 bounds it",
            ),
        }
    }
}

/// The memory of this machine, or of the group of processes that this one may use, if that is less.
fn machine_memory() -> Option<u64> {
    let all = hexperiment_experiment::measure::memory_bytes();
    let of_group = std::fs::read_to_string("/sys/fs/cgroup/memory.max").ok();
    let of_group = of_group.and_then(|text| text.trim().parse().ok());
    [all, of_group].into_iter().flatten().min()
}

/// Numbers that a program may have where nobody bounds the memory of a job.
const MOST_NUMBERS: u64 = 1 << 32;

fn config(options: ServeOptions, memory: Option<u64>) -> Result<Config, String> {
    let program = std::env::current_exe().map_err(|e| e.to_string())?;
    let worker = move |scheme: &str| {
        let mut command = Command::new(&program);
        if let Some(bytes) = memory {
            command.arg("launch").arg(format!("--memory={bytes}"));
            command.arg("--").arg(&program);
        }
        let (name, library) = plugins::environment(scheme);
        command.arg("server").env(name, library).env_remove(TOKEN);
        command
    };
    let transport = match (options.tls_cert, options.tls_key) {
        _ if options.plain => Transport::Plain,
        (Some(certificate), Some(key)) => Transport::Given { certificate, key },
        _ => Transport::SelfSigned {
            names: if options.names.is_empty() {
                vec!["localhost".into(), "127.0.0.1".into(), "::1".into()]
            } else {
                options.names
            },
        },
    };
    let schemes = registry::schemes().into_iter().map(|scheme| {
        let manifest = scheme.manifest();
        SchemeInfo {
            name: manifest.name.to_owned(),
            library: manifest.library,
        }
    });
    let processors = available_parallelism().map_or(1, NonZero::get) as u64;
    Ok(Config {
        state: options.place.state,
        listen: options.listen,
        transport,
        schemes: schemes.collect(),
        worker: Box::new(worker),
        workers: options.workers.into(),
        warm: options.warm.into(),
        threads: options.threads.map_or(processors, |n| n.get().into()),
        program_numbers: memory.map_or(MOST_NUMBERS, |bytes| bytes / size_of::<f64>() as u64),
        job_time: options.job_time,
        keep: options.keep,
        max_keys: options.max_keys,
        max_ciphertexts: options.max_ciphertexts,
        quotas: Quotas {
            bytes: options.quota_bytes,
            keys: options.quota_keys,
            programs: options.quota_programs,
            jobs: options.quota_jobs,
            time: options.quota_time,
        },
        rate: options.rate,
        connections: options.connections,
        body_idle: options.body_idle,
        grace: options.grace,
        accept_shared_keys: options.accept_shared_keys,
    })
}

/// The longest name of a client, in characters.
const LONGEST_NAME: usize = 60;

fn token(verb: TokenVerb) -> Result<(), String> {
    match verb {
        TokenVerb::New { name, place } => {
            let plain = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
            if name.is_empty() || name.len() > LONGEST_NAME || !name.chars().all(plain) {
                return Err(format!(
                    "found the name {}, expected 1 to {LONGEST_NAME} letters, digits, `-`, `_` and `.`",
                    printable::quoted(&name)
                ));
            }
            let token = Token::fresh().map_err(|e| format!("random numbers: {e}"))?;
            let store = server::tables(&place.state)?;
            let added = store.add_client(&name, token.hash());
            if !added.map_err(|e| e.to_string())? {
                return Err(format!(
                    "found a client `{name}` that has a token, expected none\n  help: `hexperiment serve token \
                     revoke {name}` takes it, then make a new one"
                ));
            }
            tell!("the token of `{name}`, which is not shown again:");
            say!("{}", token.reveal());
        }
        TokenVerb::List { place } => {
            let store = server::tables_that_are_there(&place.state)?;
            for client in store.clients().map_err(|e| e.to_string())? {
                let day = |s: u64| {
                    let at = std::time::UNIX_EPOCH + Duration::from_secs(s);
                    humantime::format_rfc3339_seconds(at)
                };
                match client.revoked_s {
                    None => say!("{}: since {}", client.name, day(client.created_s)),
                    Some(s) => say!("{}: revoked {}", client.name, day(s)),
                }
            }
        }
        TokenVerb::Revoke { name, place } => {
            let store = server::tables_that_are_there(&place.state)?;
            if !store.revoke_client(&name).map_err(|e| e.to_string())? {
                return Err(format!(
                    "found no client {} with a token; `hexperiment serve token list` shows them",
                    printable::quoted(&name)
                ));
            }
            say!("{name}: revoked");
        }
    }
    Ok(())
}

/// What the settings of a far server are called where they were given.
pub(crate) struct Names {
    server: &'static str,
    fingerprint: &'static str,
    token_file: &'static str,
    /// Whether a file of a token counts before the environment.
    is_file_first: bool,
    /// Who names the server.
    named_by: NamedBy,
}

/// In an experiment.
pub(crate) const IN_RUN: Names = Names {
    server: "`server` in [run]",
    fingerprint: "`server_fingerprint` in [run]",
    token_file: "`server_token_file` in [run]",
    is_file_first: false,
    named_by: NamedBy::File,
};

/// On the command line of the workbench.
pub(crate) const AS_OPTIONS: Names = Names {
    server: "`--server`",
    fingerprint: "`--server-fingerprint`",
    token_file: "`--token-file`",
    is_file_first: true,
    named_by: NamedBy::Owner,
};

/// Where a far server is, and as whom it is asked.
pub(crate) fn endpoint(settings: &ServerSettings, names: &Names) -> Result<Endpoint, String> {
    let fingerprint = settings.fingerprint.as_deref();
    let fingerprint = fingerprint.map(Fingerprint::parse).transpose();
    let fingerprint = fingerprint.map_err(|e| format!("{}: {e}", names.fingerprint))?;
    let from_environment = std::env::var(TOKEN).ok();
    let from_environment =
        from_environment.filter(|_| !names.is_file_first || settings.token_file.is_none());
    let (place, text) = match (from_environment, &settings.token_file) {
        (Some(text), _) => (TOKEN, text),
        (None, Some(file)) => {
            let help = "its first line is what `hexperiment serve token new NAME` printed";
            let line = files::read_secret_line(Path::new(file), help);
            (file.as_str(), line.map_err(|e| e.to_string())?)
        }
        (None, None) => {
            return Err(format!(
                "found no token for {}, expected one in {TOKEN} or in the file that {} names; whoever runs the \
                 service makes one by `hexperiment serve token new NAME`",
                printable::line(&settings.url),
                names.token_file
            ));
        }
    };
    let token = GivenToken::parse(&text);
    let token = token.and_then(|given| given.for_service(&settings.url, names.named_by));
    let token = token.map_err(|e| format!("{place}: {e}"))?;
    Endpoint::new(&settings.url, fingerprint, token).map_err(|e| format!("{}: {e}", names.server))
}
