//! `[run]`: a far server.

use hexperiment_diagnostics::printable;
use serde::{Deserialize, Serialize};

use super::keys::{Keys, Objection};

/// An evaluating service on a network, in the place of a process of this machine.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServerSettings {
    /// Its address, as `https://host:8443`.
    pub url: String,
    /// The fingerprint of its certificate, if that is pinned.
    pub fingerprint: Option<String>,
    /// The file whose first line is the token.
    pub token_file: Option<String>,
}

impl ServerSettings {
    /// What `[run]` says of it; `None` where the server is a process of this machine.
    pub(crate) fn read(keys: &mut Keys<'_>) -> Option<Self> {
        let url = keys.optional_text(
            "server",
            "An evaluating service, as \"https://host:8443\": every cell's server is there, and no process of \
             this machine. `hexperiment serve` is one. Its token is what `HEXPERIMENT_TOKEN` holds, or the first \
             line of `server_token_file`, with this address behind it: `hxp_… https://host:8443`.",
        );
        let fingerprint = keys.optional_text(
            "server_fingerprint",
            "The fingerprint of the service's certificate, as \"sha256:0b1c…\", which it prints: then that \
             certificate is trusted, and no other. Without, it must be one that browsers would trust.",
        );
        let token_file = keys.optional_text(
            "server_token_file",
            "A file whose first line is the token of the service and its address, `hxp_… https://host:8443`; what \
             `HEXPERIMENT_TOKEN` holds goes before it.",
        );
        let url = keys.checked("server", url, address);
        let fingerprint = keys.checked("server_fingerprint", fingerprint, fingerprinted);
        if url.is_none() {
            for (key, given) in [
                ("server_fingerprint", fingerprint.is_some()),
                ("server_token_file", token_file.is_some()),
            ] {
                if given {
                    let words = "found no `server`, expected one beside it".to_owned();
                    keys.object(key, (words, "add `server`, or leave this out".into()));
                }
            }
        }
        if fingerprint.is_some() && url.as_deref().is_some_and(|u| u.starts_with("http://")) {
            let words = "found it beside an address without TLS, which shows no certificate";
            let help = "write `server` with https://, or leave this out";
            keys.object("server_fingerprint", (words.into(), help.into()));
        }
        Some(Self {
            url: url?,
            fingerprint,
            token_file,
        })
    }
}

/// Whether it looks like an address; the client says more of it.
fn address(url: String) -> Result<String, Objection> {
    let host = url
        .strip_prefix("https://")
        .or_else(|| url.strip_prefix("http://"));
    if host.is_some_and(|host| !host.trim_matches('/').is_empty()) {
        return Ok(url);
    }
    let words = format!("found {}, expected an address", printable::quoted(&url));
    Err((words, "write it as \"https://host:8443\"".into()))
}

/// Whether it looks like a fingerprint.
fn fingerprinted(text: String) -> Result<String, Objection> {
    let digits = text.strip_prefix("sha256:").unwrap_or_default();
    let count = digits.chars().filter(char::is_ascii_hexdigit).count();
    let all = digits.chars().all(|c| c.is_ascii_hexdigit() || c == ':');
    if all && count == 64 {
        return Ok(text);
    }
    let words = format!(
        "found {}, expected `sha256:` and 64 hexadecimal digits",
        printable::quoted(&text)
    );
    Err((words, "`hexperiment serve` prints it when it starts".into()))
}
