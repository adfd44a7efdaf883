//! Who may use the workbench: whoever has the token that start-up prints, from pages of the workbench itself.
//!
//! Another page in the same browser can send requests to this machine. So a request must name this host (against
//! names that are made to point here), bear the cookie of a session, which is sent to no request of another site,
//! and, where it changes anything, a second token that only our pages know.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::net::SocketAddr;
use std::sync::{Mutex, PoisonError};

use axum::http::header::{self, HeaderMap, HeaderValue};
use rand::TryRngCore as _;
use rand::rngs::OsRng;
use subtle::ConstantTimeEq as _;

/// Sessions that are kept; a browser that logs in again has another one.
const MOST_SESSIONS: usize = 64;

/// What pages may do: nothing comes from elsewhere, no script or style stands in a page. The hash is of
/// the one style that Observable Plot gives each of its charts.
const POLICY: &str = "default-src 'none'; script-src 'self'; \
    style-src 'self' 'sha256-jSYQUrW7J0b3jPqhZP9C2Xh1PyJKHKXd4s0fpGGKrww='; img-src 'self' data:; connect-src 'self'; form-action 'self'; \
    frame-ancestors 'none'; base-uri 'none'";

/// Who may come in.
pub(crate) struct Guard {
    token: String,
    /// What the header `Host` may say.
    hosts: [String; 2],
    /// The cookie's name: those of all ports of a host lie together.
    cookie: String,
    /// By the cookie's value, the token of each session against forged requests.
    sessions: Mutex<HashMap<String, String>>,
}

/// The session of a request that was let in.
#[derive(Clone)]
pub(crate) struct Session {
    /// What its pages send with every change.
    pub(crate) csrf: String,
}

/// So many random bytes of the operating system, in hexadecimal.
pub(crate) fn random<const BYTES: usize>() -> std::io::Result<String> {
    let mut bytes = [0; BYTES];
    OsRng
        .try_fill_bytes(&mut bytes)
        .map_err(std::io::Error::other)?;
    let mut text = String::with_capacity(2 * BYTES);
    for byte in bytes {
        // Writing to a string does not fail.
        let _ = write!(text, "{byte:02x}");
    }
    Ok(text)
}

pub(crate) fn same(one: &str, other: &str) -> bool {
    one.as_bytes().ct_eq(other.as_bytes()).into()
}

impl Guard {
    pub(crate) fn new(address: SocketAddr) -> std::io::Result<Self> {
        let port = address.port();
        Ok(Self {
            token: random::<16>()?,
            hosts: [format!("127.0.0.1:{port}"), format!("localhost:{port}")],
            cookie: format!("hexperiment-{port}"),
            sessions: Mutex::default(),
        })
    }

    pub(crate) fn token(&self) -> &str {
        &self.token
    }

    pub(crate) fn is_host(&self, headers: &HeaderMap) -> bool {
        let mut hosts = headers.get_all(header::HOST).iter();
        let host = hosts.next().and_then(|host| host.to_str().ok());
        hosts.next().is_none() && host.is_some_and(|host| self.hosts.iter().any(|own| own == host))
    }

    /// Whether a request comes from no page, or from one of ours.
    pub(crate) fn is_own_origin(&self, headers: &HeaderMap) -> bool {
        let own = |origin: &HeaderValue| {
            let origin = origin.to_str().ok().and_then(|o| o.strip_prefix("http://"));
            origin.is_some_and(|origin| self.hosts.iter().any(|own| own == origin))
        };
        let site = headers.get("sec-fetch-site").map(HeaderValue::as_bytes);
        headers.get(header::ORIGIN).is_none_or(own)
            && site.is_none_or(|site| site == b"same-origin" || site == b"none")
    }

    pub(crate) fn session(&self, headers: &HeaderMap) -> Option<Session> {
        let cookies = headers.get_all(header::COOKIE).iter();
        let pairs = cookies
            .filter_map(|all| all.to_str().ok())
            .flat_map(|all| all.split(';'));
        let mut named = pairs.filter_map(|pair| {
            let (name, value) = pair.trim().split_once('=')?;
            (name == self.cookie).then_some(value)
        });
        let value = named.next()?;
        let sessions = self.sessions.lock().unwrap_or_else(PoisonError::into_inner);
        let csrf = sessions.get(value)?.clone();
        Some(Session { csrf })
    }

    /// Begins a session: the value of its cookie.
    pub(crate) fn begin(&self) -> std::io::Result<String> {
        let (value, csrf) = (random::<32>()?, random::<32>()?);
        let mut sessions = self.sessions.lock().unwrap_or_else(PoisonError::into_inner);
        if sessions.len() >= MOST_SESSIONS {
            sessions.clear();
        }
        sessions.insert(value.clone(), csrf);
        Ok(value)
    }

    pub(crate) fn set_cookie(&self, value: &str) -> String {
        format!("{}={value}; HttpOnly; SameSite=Strict; Path=/", self.cookie)
    }
}

/// What is said with every answer that says nothing else.
pub(crate) const HEADERS: [(&str, &str); 8] = [
    ("content-security-policy", POLICY),
    ("x-content-type-options", "nosniff"),
    ("x-frame-options", "DENY"),
    ("referrer-policy", "same-origin"),
    ("cross-origin-opener-policy", "same-origin"),
    ("cross-origin-resource-policy", "same-origin"),
    (
        "permissions-policy",
        "camera=(), geolocation=(), microphone=()",
    ),
    ("cache-control", "no-store"),
];

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::header::HeaderName;

    fn guard() -> Guard {
        Guard::new(SocketAddr::from(([127, 0, 0, 1], 7000))).unwrap()
    }

    fn headers(all: &[(&'static str, &str)]) -> HeaderMap {
        let pair = |(name, value): &(&'static str, &str)| {
            (
                HeaderName::from_static(name),
                HeaderValue::from_str(value).unwrap(),
            )
        };
        all.iter().map(pair).collect()
    }

    #[test]
    fn hosts_that_merely_point_here_are_refused() {
        for (host, expect) in [
            ("127.0.0.1:7000", true),
            ("localhost:7000", true),
            ("127.0.0.1", false),
            ("127.0.0.1:7001", false),
            ("evil.example:7000", false),
            ("127.0.0.1:7000.evil.example", false),
            ("", false),
        ] {
            assert_eq!(
                guard().is_host(&headers(&[("host", host)])),
                expect,
                "{host}"
            );
        }
        assert!(!guard().is_host(&HeaderMap::new()));
    }

    #[test]
    fn requests_of_other_pages_are_refused() {
        for (all, expect) in [
            (vec![], true),
            (vec![("origin", "http://127.0.0.1:7000")], true),
            (vec![("origin", "http://evil.example")], false),
            (vec![("origin", "https://127.0.0.1:7000")], false),
            (vec![("origin", "null")], false),
            (vec![("sec-fetch-site", "same-origin")], true),
            (vec![("sec-fetch-site", "cross-site")], false),
            (vec![("sec-fetch-site", "same-site")], false),
        ] {
            assert_eq!(guard().is_own_origin(&headers(&all)), expect, "{all:?}");
        }
    }

    #[test]
    fn a_session_is_found_by_its_cookie_alone() {
        let guard = guard();
        let value = guard.begin().unwrap();
        let with = |cookie: &str| guard.session(&headers(&[("cookie", cookie)])).is_some();
        assert!(with(&format!("a=b; hexperiment-7000={value}")));
        for wrong in [
            String::new(),
            "hexperiment-7000=".into(),
            format!("hexperiment-7001={value}"),
            format!("hexperiment-7000={value}x"),
        ] {
            assert!(!with(&wrong), "{wrong}");
        }
        let set = guard.set_cookie(&value);
        assert!(
            set.contains("HttpOnly") && set.contains("SameSite=Strict"),
            "{set}"
        );
        assert_ne!(guard.token(), self::guard().token());
    }
}
