//! Who asks, and how often.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use axum::extract::{Extension, FromRequestParts};
use axum::http::header;
use axum::http::request::Parts;

use hexperiment_listen::Peer;

use super::App;
use super::failure::{Failure, failure};
use super::routes::blocking;
use crate::api::ProblemCode;
use crate::token::Token;

/// Requests without a token, or with a wrong one, of one address per second.
const WRONG_PER_S: u32 = 2;

/// Seconds' worth of requests that may come at once.
const BURST_S: f64 = 10.0;

/// Buckets above which those that are full again are forgotten.
const MANY: usize = 4096;

/// The client whose token a request has.
#[derive(Clone, Debug)]
pub(crate) struct Client(pub(crate) String);

/// Whom requests are counted for.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Who {
    Client(String),
    /// Of an address that shows no valid token.
    Unknown(IpAddr),
}

/// Requests that are still free, by whom they are counted for.
#[derive(Default)]
pub(crate) struct Rates {
    buckets: Mutex<HashMap<Who, Bucket>>,
}

#[derive(Clone, Copy, Debug)]
struct Bucket {
    free: f64,
    at: Instant,
}

impl Bucket {
    /// With what has become free since, of so many a second.
    fn filled(self, per_s: f64, now: Instant) -> Self {
        let more = now.saturating_duration_since(self.at).as_secs_f64() * per_s;
        Self {
            free: (self.free + more).min(BURST_S * per_s),
            at: now,
        }
    }
}

impl Rates {
    /// Counts a request; `Err` are the seconds until one is free.
    fn take(&self, who: Who, per_s: u32, now: Instant) -> Result<(), u64> {
        let per_s = f64::from(per_s.max(1));
        let mut buckets = self.buckets.lock().unwrap_or_else(PoisonError::into_inner);
        if buckets.len() > MANY {
            buckets.retain(|_, bucket| {
                now.saturating_duration_since(bucket.at).as_secs_f64() < 2.0 * BURST_S
            });
        }
        let full = Bucket {
            free: BURST_S * per_s,
            at: now,
        };
        let bucket = buckets.entry(who).or_insert(full);
        *bucket = bucket.filled(per_s, now);
        if bucket.free < 1.0 {
            return Err(((1.0 - bucket.free) / per_s).ceil() as u64);
        }
        bucket.free -= 1.0;
        Ok(())
    }
}

fn too_many(seconds: u64) -> Failure {
    let words = "found more requests than this service takes";
    failure(ProblemCode::RateLimited, words).after(seconds)
}

/// What stands behind the name of the scheme, whose letters may be large or small (RFC 9110, section 11.1).
fn bearer(value: &str) -> Option<&str> {
    let (scheme, token) = value.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then_some(token)
}

impl FromRequestParts<App> for Client {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Failure> {
        let peer = Extension::<Peer>::from_request_parts(parts, app).await.ok();
        let address = peer
            .as_ref()
            .map_or(IpAddr::from([0, 0, 0, 0]), |peer| peer.address.ip());
        let token = parts
            .headers
            .get(header::AUTHORIZATION)
            .and_then(|value| value.to_str().ok())
            .and_then(bearer)
            .and_then(|text| Token::parse(text).ok());
        let client = match token {
            Some(token) => {
                let hash = token.hash();
                blocking(app, move |service| Ok(service.store.client_of(&hash)?)).await?
            }
            None => None,
        };
        let now = Instant::now();
        let Some(client) = client else {
            app.rates
                .take(Who::Unknown(address), WRONG_PER_S, now)
                .map_err(too_many)?;
            return Err(failure(
                ProblemCode::Unauthorized,
                "found no valid token, expected `Authorization: Bearer hxp_…`",
            )
            .help("whoever runs the service makes one by `hexperiment serve token new NAME`"));
        };
        app.rates
            .take(Who::Client(client.clone()), app.config.rate, now)
            .map_err(too_many)?;
        if let Some(Extension(peer)) = peer {
            peer.connection.is_of(&client);
        }
        // For the audit log and the numbers.
        parts.extensions.insert(Self(client.clone()));
        Ok(Self(client))
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn the_scheme_has_large_or_small_letters() {
        assert_eq!(bearer("Bearer hxp_1"), Some("hxp_1"));
        assert_eq!(bearer("bearer hxp_1"), Some("hxp_1"));
        assert_eq!(bearer("Basic hxp_1"), None);
        assert_eq!(bearer("hxp_1"), None);
    }

    #[test]
    fn rates_are_of_each_client() {
        let rates = Rates::default();
        let now = Instant::now();
        let client = |name: &str| Who::Client(name.into());
        for _ in 0..20 {
            rates.take(client("a"), 2, now).unwrap();
        }
        assert_eq!(rates.take(client("a"), 2, now), Err(1));
        rates.take(client("b"), 2, now).unwrap();
        let later = now + Duration::from_secs(1);
        rates.take(client("a"), 2, later).unwrap();
        rates.take(client("a"), 2, later).unwrap();
        assert_eq!(rates.take(client("a"), 2, later), Err(1));
    }
}
