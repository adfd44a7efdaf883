//! `client`: the steps of a data owner and a key owner, each a command, in a folder of files.

mod keys;
mod model;
mod words;

use std::io::IsTerminal as _;
use std::path::PathBuf;
use std::process::{Command, ExitCode};

use clap::{Args, Subcommand, ValueEnum};
use hexperiment_client::{
    BoundCircuit, ClientError, Folder, Gaps, Held, Passphrases, Protection, Remote, Rotation, Rows,
};

use crate::out::tell;
use keys::Keys;
use model::InitArguments;
use words::{
    tell_notes, told_answers, told_circuit, told_encrypted, told_evaluated, told_key, told_sent,
};

/// `client`.
#[derive(Args)]
pub(crate) struct ClientArguments {
    /// The folder of the client: circuit, keys, ciphertexts, results.
    #[arg(long, value_name = "FOLDER", default_value = "io", global = true)]
    folder: PathBuf,
    #[command(subcommand)]
    step: Step,
}

#[derive(Subcommand)]
enum Step {
    /// States what is computed: a model under a scheme, in `circuit.json`.
    Init(InitArguments),
    /// Makes keys: public and evaluation keys as files, the secret key encrypted under a passphrase.
    Keygen {
        /// In place of keys that are there, which are retired.
        #[arg(long)]
        rotate: bool,
        #[command(flatten)]
        protection: ProtectionArguments,
        #[command(flatten)]
        passphrase: PassphraseArguments,
    },
    /// Encrypts rows of a CSV file. Where others than the key owner encrypt, it needs the public keys alone.
    Encrypt {
        #[command(flatten)]
        rows: RowArguments,
        #[command(flatten)]
        passphrase: PassphraseArguments,
    },
    /// Sends what is encrypted to a service on a network, with the evaluation keys if it does not have them.
    Send {
        #[command(flatten)]
        remote: RemoteArguments,
        #[command(flatten)]
        passphrase: PassphraseArguments,
    },
    /// Waits for what was sent, and fetches the results.
    Fetch {
        #[command(flatten)]
        remote: RemoteArguments,
    },
    /// Evaluates what is encrypted by a server on this machine, from files to files, without the secret key; or
    /// sends and fetches, with `--server`.
    Evaluate {
        #[command(flatten)]
        remote: RemoteArguments,
        #[command(flatten)]
        passphrase: PassphraseArguments,
    },
    /// Decrypts what was evaluated into `results.csv`.
    Decrypt {
        #[command(flatten)]
        passphrase: PassphraseArguments,
    },
    /// Encrypts rows, has them evaluated, and decrypts the answers.
    Query {
        #[command(flatten)]
        rows: RowArguments,
        #[command(flatten)]
        remote: RemoteArguments,
        #[command(flatten)]
        passphrase: PassphraseArguments,
    },
    /// Lists keys, makes new ones in their place, deletes them, or what a service keeps under them.
    Keys {
        #[command(subcommand)]
        what: Keys,
    },
}

#[derive(Args)]
struct PassphraseArguments {
    /// A file whose first line is the passphrase of the secret key. Without it, `HEXPERIMENT_PASSPHRASE` counts,
    /// else the terminal is asked.
    #[arg(long, value_name = "FILE")]
    passphrase_file: Option<PathBuf>,
}

impl PassphraseArguments {
    fn passphrases(self) -> Passphrases {
        let passphrases = Passphrases {
            file: self.passphrase_file,
            ..Passphrases::default()
        };
        let mut passphrases = passphrases.from_environment();
        if std::io::stdin().is_terminal() && std::io::stderr().is_terminal() {
            passphrases.ask = Some(Box::new(|words| {
                let terminal = console::Term::stderr();
                terminal.write_str(words)?;
                terminal.read_secure_line()
            }));
        }
        passphrases
    }
}

#[derive(Args)]
struct RemoteArguments {
    /// The service: `https://HOST:PORT`, or `http://` on this machine.
    #[arg(long, value_name = "URL")]
    server: Option<String>,
    /// The fingerprint that `serve` prints, of a certificate of the service's own.
    #[arg(long, value_name = "sha256:DIGITS", requires = "server")]
    fingerprint: Option<String>,
    /// A file whose first line is the token; without it `HEXPERIMENT_TOKEN` counts.
    #[arg(long, value_name = "FILE")]
    token_file: Option<PathBuf>,
}

impl RemoteArguments {
    fn remote(self) -> Remote {
        Remote {
            server: self.server,
            fingerprint: self.fingerprint,
            token_file: self.token_file,
        }
    }
}

#[derive(Args)]
struct ProtectionArguments {
    /// Writes the secret key as it is, into a file that its owner alone may read (0600).
    #[arg(long)]
    unprotected: bool,
}

impl ProtectionArguments {
    fn read(&self) -> Protection {
        if self.unprotected {
            Protection::Unprotected
        } else {
            Protection::Passphrase
        }
    }
}

#[derive(Args)]
struct RowArguments {
    /// A CSV file whose first line names its columns, among them those of the model.
    file: PathBuf,
    /// What becomes of missing values.
    #[arg(long, value_enum, default_value = "refuse")]
    gaps: GapsArgument,
}

#[derive(Clone, Copy, ValueEnum)]
enum GapsArgument {
    /// They are errors.
    Refuse,
    /// They become the mean of the rows that the model was trained on.
    Mean,
}

impl RowArguments {
    fn read(&self, bound: &BoundCircuit) -> Result<Rows, ClientError> {
        let gaps = match self.gaps {
            GapsArgument::Refuse => Gaps::Refuse,
            GapsArgument::Mean => Gaps::Mean,
        };
        Rows::read(&self.file, bound, gaps)
    }
}

/// Does a step.
pub(crate) fn client(arguments: ClientArguments) -> ExitCode {
    let folder = Folder::new(arguments.folder);
    match step(&folder, arguments.step) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tell!("error: {error}");
            if error.is_input() {
                ExitCode::from(crate::BAD_INPUT)
            } else {
                ExitCode::FAILURE
            }
        }
    }
}

fn step(folder: &Folder, step: Step) -> Result<(), ClientError> {
    match step {
        Step::Init(arguments) => {
            let bound = BoundCircuit::state(folder, arguments.wanted()?)?;
            told_circuit(folder, &bound, bound.accuracy()?);
        }
        Step::Keygen {
            rotate,
            protection,
            passphrase,
        } => {
            let rotation = if rotate {
                Rotation::Rotate
            } else {
                Rotation::First
            };
            keygen(folder, &protection, passphrase, rotation)?;
        }
        Step::Encrypt { rows, passphrase } => {
            let bound = BoundCircuit::open(folder)?;
            encrypt(&folder.hold()?, &bound, &rows, &passphrase.passphrases())?;
        }
        Step::Send { remote, passphrase } => {
            let bound = BoundCircuit::open(folder)?;
            let sent = remote
                .remote()
                .send(&folder.hold()?, &bound, &passphrase.passphrases())?;
            told_sent(sent);
        }
        Step::Fetch { remote } => {
            let bound = BoundCircuit::open(folder)?;
            told_evaluated(folder, &remote.remote().fetch(&folder.hold()?, &bound)?);
        }
        Step::Evaluate { remote, passphrase } => {
            let bound = BoundCircuit::open(folder)?;
            evaluate(
                &folder.hold()?,
                &bound,
                &remote.remote(),
                &passphrase.passphrases(),
            )?;
        }
        Step::Decrypt { passphrase } => {
            let bound = BoundCircuit::open(folder)?;
            decrypt(&folder.hold()?, &bound, &passphrase.passphrases())?;
        }
        Step::Query {
            rows,
            remote,
            passphrase,
        } => {
            let bound = BoundCircuit::open(folder)?;
            let passphrases = passphrase.passphrases();
            // From the rows to their answers, so that nobody else's come between.
            let held = folder.hold()?;
            encrypt(&held, &bound, &rows, &passphrases)?;
            evaluate(&held, &bound, &remote.remote(), &passphrases)?;
            decrypt(&held, &bound, &passphrases)?;
        }
        Step::Keys { what } => keys::keys(folder, what)?,
    }
    Ok(())
}

fn keygen(
    folder: &Folder,
    protection: &ProtectionArguments,
    passphrase: PassphraseArguments,
    rotation: Rotation,
) -> Result<(), ClientError> {
    let bound = BoundCircuit::open(folder)?;
    let protection = protection.read();
    let passphrases = passphrase.passphrases();
    let held = folder.hold()?;
    let key = hexperiment_client::keygen(&held, &bound, protection, &passphrases, rotation)?;
    told_key(&key);
    Ok(())
}

fn encrypt(
    folder: &Held,
    bound: &BoundCircuit,
    rows: &RowArguments,
    passphrases: &Passphrases,
) -> Result<(), ClientError> {
    let rows = rows.read(bound)?;
    let encrypted = hexperiment_client::encrypt(folder, bound, &rows, passphrases)?;
    tell_notes(&encrypted.notes);
    told_encrypted(folder, &encrypted.exchange);
    Ok(())
}

fn evaluate(
    folder: &Held,
    bound: &BoundCircuit,
    remote: &Remote,
    passphrases: &Passphrases,
) -> Result<(), ClientError> {
    if remote.server.is_some() {
        told_sent(remote.send(folder, bound, passphrases)?);
        told_evaluated(folder, &remote.fetch(folder, bound)?);
        return Ok(());
    }
    let program = std::env::current_exe();
    let program = program.map_err(|e| ClientError::Server(format!("cannot be started: {e}")))?;
    let mut server = Command::new(program);
    server.arg("server");
    let evaluated = hexperiment_client::evaluate(folder, bound, passphrases, server)?;
    told_evaluated(folder, &evaluated);
    Ok(())
}

fn decrypt(
    folder: &Held,
    bound: &BoundCircuit,
    passphrases: &Passphrases,
) -> Result<(), ClientError> {
    let decrypted = hexperiment_client::decrypt(folder, bound, passphrases)?;
    told_answers(folder, bound, &decrypted.answers, bound.accuracy()?);
    Ok(())
}
