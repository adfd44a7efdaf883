//! Where the service is, and as whom it is asked.

use std::sync::Arc;
use std::time::Duration;

use zeroize::Zeroizing;

use super::crossed::{Observer, Told};
use super::error::ServiceError;
use crate::token::{Fingerprint, Token};

/// What an address is, for messages.
pub(super) const ADDRESS: &str = "`https://HOST:PORT`, or `http://` on this machine";

/// Where the service is, and as whom it is asked.
#[derive(Clone, Debug)]
pub struct Endpoint {
    pub(super) url: String,
    pub(super) fingerprint: Option<Fingerprint>,
    pub(super) token: Token,
    /// How long what is lost is sent again.
    pub patience: Duration,
    pub(super) observer: Option<Told>,
}

impl Endpoint {
    /// The service at an address, as `https://host:8443`. Without a fingerprint its certificate must be
    /// one that browsers would trust; with one, it must be that certificate.
    ///
    /// # Errors
    /// It is no such address: a token is told to nobody but in TLS, or within this machine. Or a certificate is pinned
    /// where none is shown.
    pub fn new(
        url: &str,
        fingerprint: Option<Fingerprint>,
        token: Token,
    ) -> Result<Self, ServiceError> {
        let url = address(url)?;
        if fingerprint.is_some() && url.starts_with("http://") {
            return Err(ServiceError::NoCertificate { url });
        }
        Ok(Self {
            url,
            fingerprint,
            token,
            patience: Duration::from_mins(1),
            observer: None,
        })
    }

    /// The token with this address behind it, as [`super::GivenToken`] reads it: it goes nowhere else.
    pub fn bound_token(&self) -> Zeroizing<String> {
        Zeroizing::new(format!("{} {}", self.token.reveal(), self.url))
    }

    /// The same, of whom somebody is told what crosses.
    #[must_use]
    pub fn observed(self, observer: Arc<dyn Observer>) -> Self {
        Self {
            observer: Some(Told(observer)),
            ..self
        }
    }
}

/// An address without a path.
///
/// # Errors
/// It is none, or one without TLS that is not of this machine.
pub fn address(url: &str) -> Result<String, ServiceError> {
    let wrong = || ServiceError::Address {
        found: hexperiment_diagnostics::printable::quoted(url),
        expected: ADDRESS,
    };
    let url = url.trim_end_matches('/');
    let (scheme, rest) = url.split_once("://").ok_or_else(wrong)?;
    let host = match rest.strip_prefix('[') {
        Some(rest) => rest.split(']').next().unwrap_or_default(),
        None => rest.split(':').next().unwrap_or_default(),
    };
    let plain = rest
        .chars()
        .all(|c| c.is_ascii_alphanumeric() || ".-_:[]".contains(c));
    let loopback = ["localhost", "127.0.0.1", "::1"].contains(&host);
    match scheme {
        _ if host.is_empty() || !plain => Err(wrong()),
        "https" => Ok(url.to_owned()),
        "http" if loopback => Ok(url.to_owned()),
        _ => Err(wrong()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_pinned_where_nothing_is_shown() {
        let pinned = || Some(Fingerprint::of(b"certificate"));
        let token = || Token::fresh().unwrap();
        let refused = Endpoint::new("http://127.0.0.1:80", pinned(), token()).unwrap_err();
        for words in ["http://127.0.0.1:80", "shows no certificate", "`https://`"] {
            assert!(refused.to_string().contains(words), "{refused}");
        }
        Endpoint::new("https://127.0.0.1:80", pinned(), token()).unwrap();
        Endpoint::new("http://127.0.0.1:80", None, token()).unwrap();
    }

    #[test]
    fn tokens_go_in_tls_or_stay_on_this_machine() {
        for url in [
            "https://evaluator.example.org:8443",
            "https://evaluator.example.org/",
            "http://127.0.0.1:80",
            "http://[::1]:80",
            "http://localhost",
        ] {
            assert_eq!(address(url).unwrap(), url.trim_end_matches('/'));
        }
        for url in [
            "",
            "evaluator.example.org",
            "http://evaluator.example.org",
            "http://127.0.0.1.example.org",
            "http://localhost@example.org",
            "https://",
            "https://host/path",
            "ftp://localhost",
        ] {
            let problem = address(url).unwrap_err().to_string();
            assert!(
                problem.contains("expected `https://HOST:PORT`"),
                "{problem}"
            );
        }
    }
}
