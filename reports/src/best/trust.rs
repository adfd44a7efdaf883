//! What a user may demand of the protocol, in words; records state all of it.

use hexperiment_diagnostics::{printable, suggest};
use hexperiment_experiment::summary::Row;
use hexperiment_scheme::security::Protection;

use crate::first_table::client_part;

/// A demand on the protocol.
#[derive(Clone, Copy, Debug)]
pub struct Trust {
    /// The word.
    pub word: &'static str,
    about: &'static str,
    violated: fn(&Row) -> Option<String>,
}

/// All of them.
pub static TRUST: [Trust; 4] = [
    Trust {
        word: "server-blind",
        about: "nobody but the owner of the key sees data",
        violated: |row| match row.protection() {
            Some(Protection::Encrypted) => None,
            Some(Protection::TransportOnly) => {
                Some("encrypted in transport only, the server sees all".into())
            }
            Some(Protection::None) => Some("nothing is encrypted".into()),
            None => Some("its protection is not known".into()),
        },
    },
    Trust {
        word: "non-interactive",
        about: "one round, and nothing decrypted before its end",
        violated: |row| {
            let traffic = row.measured.as_ref()?.traffic;
            (traffic.rounds > 1 || traffic.decrypted_midway > 0).then(|| {
                format!(
                    "{} rounds, {} decryptions on the way",
                    traffic.rounds, traffic.decrypted_midway
                )
            })
        },
    },
    Trust {
        word: "server-finishes",
        about: "the client decrypts and computes nothing after it",
        violated: client_part,
    },
    Trust {
        word: "computed-security",
        about: "the level is computed here, not the word of a plugin",
        violated: |row| {
            row.level_is_stated()
                .then(|| "its level is the word of a plugin".into())
        },
    },
];

impl Trust {
    /// The one of this word.
    ///
    /// # Errors
    /// There is none; the words suggest the nearest.
    pub fn find(word: &str) -> Result<&'static Self, String> {
        let words = || TRUST.iter().map(|trust| trust.word);
        TRUST.iter().find(|t| t.word == word).ok_or_else(|| {
            let near = suggest(word, words()).map(|near| format!("did you mean `{near}`? "));
            format!(
                "there is no demand called {}\n  help: {}known: {}, none",
                printable::quoted(word),
                near.unwrap_or_default(),
                words().collect::<Vec<_>>().join(", ")
            )
        })
    }

    /// Why a row does not keep it, if it does not.
    pub(super) fn violated(&self, row: &Row) -> Option<String> {
        (self.violated)(row).map(|found| format!("not {}: {found}", self.word))
    }
}

/// All words with what they mean, a line each, for help texts.
pub fn trust_help() -> String {
    let line = |trust: &Trust| format!("  {:<17} {}", trust.word, trust.about);
    TRUST.iter().map(line).collect::<Vec<_>>().join("\n")
}
