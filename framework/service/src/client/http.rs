//! Requests and answers over HTTP: what is lost on the way is sent again, for a while.

use std::fmt::Write as _;
use std::io::Read;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use hexperiment_diagnostics::printable;
use serde::Serialize;
use serde::de::DeserializeOwned;
use ureq::http::{Request, Response};
use ureq::unversioned::resolver::DefaultResolver;
use ureq::unversioned::transport::{Connector as _, TcpConnector};
use ureq::{Agent, Body, SendBody};

use super::crossed::{Crossed, Meter, Metered, SAMPLE, Told};
use super::endpoint::{ADDRESS, Endpoint};
use super::error::ServiceError;
use super::trust::{Secure, Shown};
use crate::api::{Problem, ProblemCode};
use crate::token::{Fingerprint, Token};

/// The longest answer in JSON that is read, in bytes.
const LONGEST_ANSWER: u64 = 256 << 20;

/// How long the service may take to begin an answer, the longest wait included.
const ANSWERS_WITHIN: Duration = Duration::from_mins(2);

/// How long the service is waited for that has never answered: it may be starting.
const FIRST_ANSWER: Duration = Duration::from_secs(10);

/// How long either side may stand still amid a body.
const STANDS_STILL: Duration = Duration::from_mins(1);

/// Above so many bytes, the service is asked before they are sent.
const ASK_ABOVE: u64 = 64 << 10;

/// A body to be sent; made anew for each attempt.
pub(super) enum Content<'a> {
    Nothing,
    Json(Vec<u8>),
    Bytes(&'a [u8]),
    Stream {
        length: u64,
        open: &'a dyn Fn() -> Result<Box<dyn Read + 'a>, ServiceError>,
    },
}

impl Content<'_> {
    pub(super) fn json(value: &impl Serialize) -> Result<Self, ServiceError> {
        let bytes = serde_json::to_vec(value).map_err(|e| ServiceError::Answer(e.to_string()))?;
        Ok(Self::Json(bytes))
    }

    fn length(&self) -> u64 {
        match self {
            Self::Nothing => 0,
            Self::Json(bytes) => bytes.len() as u64,
            Self::Bytes(bytes) => bytes.len() as u64,
            Self::Stream { length, .. } => *length,
        }
    }

    /// What an observer is shown of it: ciphertexts are bytes in memory, keys a stream.
    fn first_bytes(&self) -> Vec<u8> {
        match self {
            Self::Bytes(bytes) => first(bytes),
            _ => vec![],
        }
    }
}

fn first(bytes: &[u8]) -> Vec<u8> {
    bytes[..bytes.len().min(SAMPLE)].to_vec()
}

/// What has come of an answer.
#[derive(Default)]
struct Came {
    status: Option<u16>,
    body_bytes: u64,
    first_bytes: Vec<u8>,
}

/// A body that is being sent.
enum Reader<'a> {
    Bytes(&'a [u8]),
    Stream(Box<dyn Read + 'a>),
}

impl Read for Reader<'_> {
    fn read(&mut self, bytes: &mut [u8]) -> std::io::Result<usize> {
        match self {
            Self::Bytes(given) => given.read(bytes),
            Self::Stream(stream) => stream.read(bytes),
        }
    }
}

/// A request: its method, path and body.
type Asked<'a, 'c> = (&'static str, &'a str, &'a Content<'c>);

/// The service, seen through HTTP.
pub(super) struct Http {
    agent: Agent,
    base: String,
    token: Token,
    patience: Duration,
    /// Whether anything was ever answered.
    has_answered: AtomicBool,
    pin: Option<Fingerprint>,
    shown: Shown,
    meter: Meter,
    observer: Option<Told>,
}

impl Http {
    pub(super) fn new(endpoint: &Endpoint) -> Result<Self, ServiceError> {
        let config = Agent::config_builder()
            .http_status_as_error(false)
            .max_redirects(0)
            .proxy(None)
            .user_agent(concat!("hexperiment/", env!("CARGO_PKG_VERSION")))
            .timeout_connect(Some(Duration::from_secs(10)))
            .timeout_recv_response(Some(ANSWERS_WITHIN))
            .timeout_per_read(Some(ANSWERS_WITHIN))
            .timeout_per_write(Some(STANDS_STILL))
            .build();
        let pin = endpoint.fingerprint;
        let shown = Arc::new(Mutex::new(None));
        let meter = Meter::default();
        let tcp = ().chain(TcpConnector::default()).chain(Metered(meter.clone()));
        let agent = if endpoint.url.starts_with("https://") {
            let secure = Secure::new(pin, &shown).map_err(|e| ServiceError::Unreachable {
                url: endpoint.url.clone(),
                problem: e.to_string(),
            })?;
            Agent::with_parts(config, tcp.chain(secure), DefaultResolver::default())
        } else {
            Agent::with_parts(config, tcp, DefaultResolver::default())
        };
        Ok(Self {
            agent,
            base: endpoint.url.clone(),
            token: endpoint.token.clone(),
            patience: endpoint.patience,
            has_answered: AtomicBool::new(false),
            pin,
            shown,
            meter,
            observer: endpoint.observer.clone(),
        })
    }

    /// Asks until there is an answer that another attempt would not change, and reads it as JSON.
    pub(super) fn ask<T: DeserializeOwned>(
        &self,
        method: &'static str,
        path: &str,
        content: &Content<'_>,
    ) -> Result<T, ServiceError> {
        self.attempt((method, path, content), |came| {
            let (status, mut body) = self.send((method, path, content), came)?;
            let bytes = self.read(&mut body, came)?;
            success(status, &bytes, None)?;
            serde_json::from_slice(&bytes).map_err(|e| ServiceError::Answer(e.to_string()))
        })
    }

    /// Deletes something. Where an answer was lost on the way, it may be gone already.
    pub(super) fn delete(&self, path: &str) -> Result<(), ServiceError> {
        let asked: Asked<'_, '_> = ("DELETE", path, &Content::Nothing);
        let mut lost = false;
        self.attempt(asked, |came| {
            let told = self.send(asked, came).and_then(|(status, mut body)| {
                let bytes = self.read(&mut body, came)?;
                success(status, &bytes, None)
            });
            match &told {
                Err(error) if lost && error.code() == Some(ProblemCode::NotFound) => return Ok(()),
                Err(ServiceError::Unreachable { .. }) => lost = true,
                _ => {}
            }
            told
        })
    }

    /// Fetches so many bytes.
    pub(super) fn fetch(&self, path: &str, length: u64) -> Result<Vec<u8>, ServiceError> {
        let asked: Asked<'_, '_> = ("GET", path, &Content::Nothing);
        self.attempt(asked, |came| {
            let (status, body) = self.send(asked, came)?;
            let mut bytes = Vec::new();
            let limit = if status == 200 {
                length.saturating_add(1)
            } else {
                LONGEST_ANSWER
            };
            let mut reader = body.into_reader().take(limit);
            let read = reader.read_to_end(&mut bytes);
            came.body_bytes = bytes.len() as u64;
            read.map_err(|e| self.unreachable(&e))?;
            success(status, &bytes, None)?;
            came.first_bytes = first(&bytes);
            match bytes.len() as u64 {
                found if found == length => Ok(bytes),
                found if found < length => Err(self.unreachable(&format!(
                    "found {found} bytes of a result, expected {length}"
                ))),
                _ => Err(ServiceError::Answer(format!(
                    "found more than {length} bytes of a result, expected as many"
                ))),
            }
        })
    }

    /// Tries until patience is at its end.
    fn attempt<T>(
        &self,
        asked: Asked<'_, '_>,
        mut once: impl FnMut(&mut Came) -> Result<T, ServiceError>,
    ) -> Result<T, ServiceError> {
        let began = Instant::now();
        let mut pause = Duration::from_millis(50);
        loop {
            let mut came = Came::default();
            let attempted = Instant::now();
            let done = once(&mut came);
            self.observe(asked, attempted, came);
            let error = match done {
                Ok(done) => return Ok(done),
                Err(error) => error,
            };
            let wanted = match &error {
                ServiceError::Problem {
                    retry_after: Some(after),
                    ..
                } => *after,
                _ => pause,
            };
            let patience = if self.has_answered.load(Ordering::Relaxed) {
                self.patience
            } else {
                self.patience.min(FIRST_ANSWER)
            };
            if !error.passes() || began.elapsed().saturating_add(wanted) > patience {
                return Err(self.given_up(error));
            }
            std::thread::sleep(wanted);
            pause = (pause * 2).min(Duration::from_secs(2));
        }
    }

    /// An error after which nothing is asked any more.
    fn given_up(&self, error: ServiceError) -> ServiceError {
        match error {
            ServiceError::Unreachable { url, problem }
                if !self.has_answered.load(Ordering::Relaxed) =>
            {
                let problem = format!(
                    "nothing has answered ({problem}): is `hexperiment serve` running there, and is the address right?"
                );
                ServiceError::Unreachable { url, problem }
            }
            error => error,
        }
    }

    /// Tells the observer, if there is one, what has crossed since `began`.
    fn observe(&self, (method, path, content): Asked<'_, '_>, began: Instant, came: Came) {
        let Some(Told(observer)) = &self.observer else {
            return;
        };
        let (mut up, mut down) = self.meter.take(began);
        up.body_bytes = content.length().min(up.bytes); // a body that is refused does not cross
        up.first_bytes = content.first_bytes();
        down.body_bytes = came.body_bytes;
        down.first_bytes = came.first_bytes;
        let status = came.status;
        observer.crossed(&Crossed {
            method,
            path,
            status,
            up,
            down,
        });
    }

    /// Sends a request once; status and body of the answer. An answer that may be asked for again is an
    /// error already.
    fn send(
        &self,
        (method, path, content): Asked<'_, '_>,
        came: &mut Came,
    ) -> Result<(u16, Body), ServiceError> {
        let length = content.length();
        let mut request = Request::builder()
            .method(method)
            .uri(format!("{}{path}", self.base))
            .header("authorization", format!("Bearer {}", self.token.reveal()));
        if !matches!(content, Content::Nothing) {
            let kind = match content {
                Content::Json(_) => "application/json",
                _ => "application/octet-stream",
            };
            request = request
                .header("content-type", kind)
                .header("content-length", length);
        }
        if length > ASK_ABOVE {
            request = request.header("expect", "100-continue");
        }
        let mut reader = match content {
            Content::Nothing => None,
            Content::Json(bytes) => Some(Reader::Bytes(bytes)),
            Content::Bytes(bytes) => Some(Reader::Bytes(bytes)),
            Content::Stream { open, .. } => Some(Reader::Stream(open()?)),
        };
        let wrong = |_| ServiceError::Address {
            found: self.base.clone(),
            expected: ADDRESS,
        };
        let response = match &mut reader {
            None => self.agent.run(request.body(()).map_err(wrong)?),
            Some(reader) => {
                let body = SendBody::from_reader(reader);
                self.agent.run(request.body(body).map_err(wrong)?)
            }
        };
        let response = response.map_err(|e| self.failed(&e))?;
        let status = response.status().as_u16();
        came.status = Some(status);
        self.has_answered.store(true, Ordering::Relaxed);
        let retry_after = retry_after(&response);
        let mut body = response.into_body();
        if matches!(status, 429 | 503) {
            let bytes = self.read(&mut body, came)?;
            success(status, &bytes, retry_after)?;
        }
        Ok((status, body))
    }

    fn read(&self, body: &mut Body, came: &mut Came) -> Result<Vec<u8>, ServiceError> {
        let mut bytes = Vec::new();
        let read = body
            .as_reader()
            .take(LONGEST_ANSWER)
            .read_to_end(&mut bytes);
        came.body_bytes = bytes.len() as u64;
        read.map_err(|e| self.unreachable(&e))?;
        Ok(bytes)
    }

    fn unreachable(&self, problem: &impl ToString) -> ServiceError {
        ServiceError::Unreachable {
            url: self.base.clone(),
            problem: problem.to_string(),
        }
    }

    /// Another certificate says more than that the connection failed.
    fn failed(&self, error: &ureq::Error) -> ServiceError {
        let shown = &self.shown;
        let shown = shown.lock().unwrap_or_else(PoisonError::into_inner).take();
        let url = self.base.clone();
        match (shown, self.pin) {
            (None, _) if speaks_other(error) => ServiceError::Language {
                url,
                problem: error.to_string(),
            },
            (None, _) => self.unreachable(error),
            (Some(shown), Some(expected)) => ServiceError::Fingerprint {
                url,
                found: shown.found,
                expected,
            },
            (Some(shown), None) => ServiceError::Untrusted {
                url,
                found: shown.found,
                problem: shown.problem,
            },
        }
    }
}

/// Whether who answers speaks TLS where HTTP was expected, or the other way round: another attempt changes nothing.
fn speaks_other(error: &ureq::Error) -> bool {
    match error {
        // The crate whose error it is has no name here.
        ureq::Error::Protocol(problem) => problem.to_string().starts_with("http parse fail"),
        ureq::Error::Io(problem) => {
            let tls = problem.get_ref().and_then(|e| e.downcast_ref());
            matches!(tls, Some(rustls::Error::InvalidMessage(_)))
        }
        _ => false,
    }
}

/// A value as it stands in the query of an address: what is neither letter, digit nor one of `-._~` as its bytes in
/// hexadecimal digits (RFC 3986, 2.1).
pub(super) fn escaped(value: &str) -> String {
    let mut text = String::with_capacity(value.len());
    for byte in value.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            text.push(char::from(byte));
        } else {
            // Writing to a string does not fail.
            let _ = write!(text, "%{byte:02X}");
        }
    }
    text
}

/// Words of a service, as they are shown: one line, no longer than a person reads.
pub(super) fn shown(words: &str) -> String {
    let line: Vec<&str> = words.split_whitespace().collect();
    printable::cut(&line.join(" "), 1000).into_owned()
}

/// Whether the service did what it was asked for; what it says if not.
fn success(status: u16, body: &[u8], retry_after: Option<Duration>) -> Result<(), ServiceError> {
    if (200..300).contains(&status) {
        return Ok(());
    }
    match serde_json::from_slice::<Problem>(body) {
        Ok(mut problem) => {
            problem.message = shown(&problem.message);
            problem.help = problem.help.as_deref().map(shown);
            Err(ServiceError::Problem {
                problem,
                retry_after,
            })
        }
        Err(_) => Err(ServiceError::Answer(format!(
            "found status {status} without a problem, expected one in JSON; is it this service?"
        ))),
    }
}

fn retry_after(response: &Response<Body>) -> Option<Duration> {
    let value = response.headers().get("retry-after")?.to_str().ok()?;
    value.parse().ok().map(Duration::from_secs)
}

#[cfg(test)]
mod tests;
