//! The routes: one for each operation of the interface.

mod ciphertexts;
mod jobs;
mod keys;
mod programs;

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use axum::extract::{FromRequestParts, Path, RawQuery, Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderValue, header};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::{delete, get, post};
use axum::{Json, Router};
use tokio::sync::broadcast;

use super::App;
use super::auth::Client;
use super::failure::{EndedWith, Failure, failure, internal, invalid};
use super::state::Service;
use crate::api::{
    JobInfo, LONGEST_WAIT_S, Operation, ProblemCode, ProgramInfo, ProgramState, ServiceInfo, Usage,
    VERSION,
};
use crate::{SOFTWARE, openapi};

/// Jobs or ciphertexts that a list has at most.
const LISTED: u64 = 1000;

/// The router: every operation, and nothing else.
pub(crate) fn router(app: App) -> Router {
    let mut router = Router::new();
    for operation in Operation::ALL {
        let handler = match operation {
            Operation::Health => get(health),
            Operation::OpenApi => get(description),
            Operation::Metrics => get(metrics),
            Operation::Service => get(info),
            Operation::RegisterProgram => post(programs::register),
            Operation::ListPrograms => get(programs::list),
            Operation::GetProgram => get(programs::program),
            Operation::GetProgramSource => get(programs::source),
            Operation::DeleteProgram => delete(programs::delete),
            Operation::UploadKeys => post(keys::upload),
            Operation::ListKeys => get(keys::list),
            Operation::GetKeys => get(keys::keys),
            Operation::DeleteKeys => delete(keys::delete),
            Operation::UploadCiphertexts => post(ciphertexts::upload),
            Operation::ListCiphertexts => get(ciphertexts::list),
            Operation::GetCiphertexts => get(ciphertexts::ciphertexts),
            Operation::DownloadCiphertexts => get(ciphertexts::download),
            Operation::DeleteCiphertexts => delete(ciphertexts::delete),
            Operation::SubmitJob => post(jobs::submit),
            Operation::ListJobs => get(jobs::list),
            Operation::GetJob => get(jobs::job),
            Operation::CancelJob => delete(jobs::cancel),
        };
        router = router.route(operation.route().1, handler);
    }
    router
        .fallback(|| async {
            failure(
                ProblemCode::NotFound,
                "found no such path; see /openapi.json",
            )
        })
        .method_not_allowed_fallback(|| async {
            failure(
                ProblemCode::Method,
                "found no such method of this path; see /openapi.json",
            )
        })
        .layer(from_fn_with_state(App::clone(&app), counted))
        .with_state(app)
}

/// Counts what is answered, and says what no browser may do with it.
async fn counted(State(app): State<App>, request: Request, next: Next) -> Response {
    let stopping = app.is_stopping() && request.method() != axum::http::Method::GET;
    let mut response = if stopping {
        failure(ProblemCode::Unavailable, "the service is being stopped")
            .after(2)
            .into_response()
    } else {
        next.run(request).await
    };
    app.metrics.answered(response.status().as_u16());
    if let Some(EndedWith(ProblemCode::Unauthorized | ProblemCode::RateLimited)) =
        response.extensions().get::<EndedWith>()
    {
        let end = if response.status() == 401 {
            "unauthorized"
        } else {
            "rate-limited"
        };
        app.audit.refused(end);
    }
    let headers = response.headers_mut();
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    let nosniff = HeaderValue::from_static("nosniff");
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, nosniff);
    response
}

/// Does what waits for tables and files on a thread that may wait.
pub(crate) async fn blocking<T: Send + 'static>(
    app: &App,
    work: impl FnOnce(&Service) -> Result<T, Failure> + Send + 'static,
) -> Result<T, Failure> {
    let app = App::clone(app);
    let done = tokio::task::spawn_blocking(move || work(&app)).await;
    done.map_err(|e| internal("a thread", &e))?
}

/// The name in the path of a request.
struct Id(String);

impl FromRequestParts<App> for Id {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Failure> {
        let name = Path::<String>::from_request_parts(parts, app).await;
        name.map(|Path(name)| Self(name)).map_err(|_| {
            invalid("found a name in the path that is no text, expected one that the service has given out")
        })
    }
}

/// Numbers in the query of a request; others than those named are an error.
struct Numbers(BTreeMap<&'static str, u64>);

impl Numbers {
    fn read(query: Option<&str>, names: &[&'static str]) -> Result<Self, Failure> {
        let mut numbers = BTreeMap::new();
        for part in query
            .unwrap_or_default()
            .split('&')
            .filter(|p| !p.is_empty())
        {
            let (name, value) = part.split_once('=').unwrap_or((part, ""));
            let known = names.iter().find(|known| **known == name);
            let number = value.parse::<u64>().ok();
            let (Some(name), Some(number)) = (known, number) else {
                let expected = match names {
                    [] => "none".to_owned(),
                    names => format!("`{}=SECONDS`", names.join("=SECONDS` or `")),
                };
                return Err(invalid(format!(
                    "found {} in the query, expected {expected}",
                    hexperiment_diagnostics::printable::quoted(part)
                )));
            };
            numbers.insert(*name, number);
        }
        Ok(Self(numbers))
    }

    fn get(&self, name: &str) -> Option<u64> {
        self.0.get(name).copied()
    }
}

/// A request whose answer waits for the end of some work, for as long as its client says.
struct Waiting {
    until: Instant,
    ended: broadcast::Receiver<String>,
}

impl Waiting {
    /// Listens from now on: so no end after the first look is missed.
    fn begin(app: &App, query: Option<&str>) -> Result<Self, Failure> {
        let numbers = Numbers::read(query, &["wait"])?;
        let seconds = numbers.get("wait").unwrap_or(0).min(LONGEST_WAIT_S);
        Ok(Self {
            until: Instant::now() + Duration::from_secs(seconds),
            ended: app.ended.subscribe(),
        })
    }

    /// Returns when the work of this name has ended, when it may have, or when the time is over.
    async fn for_end_of(&mut self, id: &str) {
        loop {
            match tokio::time::timeout_at(self.until.into(), self.ended.recv()).await {
                Ok(Ok(other)) if other != id && !other.is_empty() => {}
                _ => break,
            }
        }
    }

    /// Looks at some work again whenever it may have ended, until it has, or the time is over. In between it is not looked
    /// at: the machine is the work's.
    async fn until_ended<T: Work>(
        mut self,
        app: &App,
        first: T,
        look: impl Fn(&Service) -> Result<T, Failure> + Clone + Send + 'static,
    ) -> Result<T, Failure> {
        let mut found = first;
        while !found.has_ended() && Instant::now() < self.until && !app.is_stopping() {
            self.for_end_of(found.id()).await;
            found = blocking(app, look.clone()).await?;
        }
        Ok(found)
    }
}

/// Work of the service, as a client is told of it.
trait Work: Send + 'static {
    fn id(&self) -> &str;

    /// Whether its state is final.
    fn has_ended(&self) -> bool;
}

impl Work for ProgramInfo {
    fn id(&self) -> &str {
        &self.id
    }

    fn has_ended(&self) -> bool {
        self.state != ProgramState::Checking
    }
}

impl Work for JobInfo {
    fn id(&self) -> &str {
        &self.id
    }

    fn has_ended(&self) -> bool {
        self.state.is_final()
    }
}

async fn health() -> &'static str {
    "ok\n"
}

async fn description() -> Response {
    let json = HeaderValue::from_static("application/json");
    ([(header::CONTENT_TYPE, json)], openapi::text()).into_response()
}

async fn metrics(State(app): State<App>, _: Client) -> Response {
    let kind = HeaderValue::from_static("text/plain; version=0.0.4");
    let text = app.metrics.text(&app.gauges());
    ([(header::CONTENT_TYPE, kind)], text).into_response()
}

async fn info(
    State(app): State<App>,
    Client(client): Client,
    RawQuery(query): RawQuery,
) -> Result<Json<ServiceInfo>, Failure> {
    Numbers::read(query.as_deref(), &[])?;
    let info = blocking(&app, move |service| {
        let used = service.store.used(&client)?;
        let config = &service.config;
        Ok(ServiceInfo {
            version: VERSION,
            software: SOFTWARE.to_owned(),
            schemes: config.schemes.clone(),
            limits: config.limits(),
            accepts_shared_keys: config.accept_shared_keys,
            client,
            usage: Usage {
                bytes: used.bytes,
                bytes_quota: config.quotas.bytes,
                keys: used.keys,
                keys_quota: config.quotas.keys,
                programs: used.programs,
                programs_quota: config.quotas.programs,
                jobs: used.work,
                jobs_quota: config.quotas.jobs,
                today_ms: used.today_ms,
                today_ms_quota: config.quotas.time.as_millis() as u64,
            },
        })
    });
    Ok(Json(info.await?))
}

/// Writes down what a client has changed, or tried to.
fn audited<T>(
    service: &Service,
    client: &str,
    action: &str,
    result: Result<T, Failure>,
    told: impl FnOnce(&T) -> (String, Option<u64>),
) -> Result<T, Failure> {
    let (id, bytes) = match &result {
        Ok(done) => {
            let (id, bytes) = told(done);
            (Some(id), bytes)
        }
        Err(_) => (None, None),
    };
    let end = match &result {
        Ok(_) => "ok".to_owned(),
        Err(failure) => code_name(failure.problem.code),
    };
    service.audit.write(&super::audit::Entry {
        client: Some(client),
        action,
        id: id.as_deref(),
        bytes,
        end: &end,
    });
    result
}

fn code_name(code: ProblemCode) -> String {
    let name = serde_json::to_value(code).ok();
    let name = name.and_then(|name| name.as_str().map(str::to_owned));
    name.unwrap_or_else(|| format!("{code:?}"))
}
