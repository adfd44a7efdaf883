//! Where passphrases come from: a file, the environment, or who sits at the terminal.

use std::path::PathBuf;

use age::secrecy::{ExposeSecret as _, SecretString};
use hexperiment_diagnostics::files;
use zeroize::Zeroizing;

use crate::error::ClientError;

/// The environment variable that holds a passphrase.
pub const PASSPHRASE: &str = hexperiment_diagnostics::PASSPHRASE_VARIABLE;

const WAYS: &str = "give it at the prompt of a terminal, by `--passphrase-file FILE`, or by the environment \
                    variable HEXPERIMENT_PASSPHRASE";

/// Asks for a line that is not shown, by these words.
type Ask = Box<dyn Fn(&str) -> std::io::Result<String>>;

/// Where passphrases come from.
#[derive(Default)]
pub struct Passphrases {
    /// A file whose first line is the passphrase.
    pub file: Option<PathBuf>,
    /// What [`PASSPHRASE`] holds, where there is no file.
    pub environment: Option<SecretString>,
    /// Asks at a terminal, where there is neither.
    pub ask: Option<Ask>,
}

impl Passphrases {
    /// What the environment holds now.
    #[must_use]
    pub fn from_environment(mut self) -> Self {
        let text = std::env::var(PASSPHRASE).ok().filter(|t| !t.is_empty());
        self.environment = text.map(SecretString::from);
        self
    }

    /// The passphrase of a key that is there.
    pub(crate) fn of(&self, key: &str) -> Result<SecretString, ClientError> {
        self.get(&format!("passphrase of key {key}: "), false)
    }

    /// The passphrase of a key that is made: asked for twice.
    pub(crate) fn of_new(&self) -> Result<SecretString, ClientError> {
        self.get("passphrase of the new key: ", true)
    }

    fn get(&self, words: &str, twice: bool) -> Result<SecretString, ClientError> {
        if let Some(file) = &self.file {
            let line = Zeroizing::new(files::read_secret_line(file, WAYS)?);
            return filled(
                SecretString::from(line.as_str()),
                &file.display().to_string(),
            );
        }
        if let Some(passphrase) = &self.environment {
            return filled(passphrase.clone(), PASSPHRASE);
        }
        let Some(ask) = &self.ask else {
            return Err(ClientError::file(
                "passphrase",
                "found none, and no terminal to ask at",
                WAYS,
            ));
        };
        let line = |words: &str| {
            let line = ask(words).map(SecretString::from);
            line.map_err(|e| ClientError::file("passphrase", format!("cannot be read: {e}"), WAYS))
        };
        let first = filled(line(words)?, "passphrase")?;
        if twice && line("the same again: ")?.expose_secret() != first.expose_secret() {
            return Err(ClientError::file(
                "passphrase",
                "the second one is another than the first",
                "nothing was written; begin again",
            ));
        }
        Ok(first)
    }
}

fn filled(passphrase: SecretString, place: &str) -> Result<SecretString, ClientError> {
    if passphrase.expose_secret().is_empty() {
        return Err(ClientError::file(place, "found an empty passphrase", WAYS));
    }
    Ok(passphrase)
}
