//! The OpenAPI description of the service, made of [`Operation::ALL`] and of a schema for each type of
//! [`crate::api`]. `docs/openapi.json` is a copy, which a test keeps current.

mod schemas;

use std::collections::BTreeMap;
use std::sync::OnceLock;

use serde_json::{Map, Value, json};

use crate::api::{LONGEST_REQUEST, LONGEST_WAIT_S, Operation, ProblemCode};

/// The description as text: what the service gives out, and what `docs/openapi.json` is.
pub fn text() -> &'static str {
    static TEXT: OnceLock<String> = OnceLock::new();
    TEXT.get_or_init(|| format!("{:#}\n", description()))
}

/// The description.
pub fn description() -> Value {
    let mut paths: BTreeMap<&str, Map<String, Value>> = BTreeMap::new();
    for operation in Operation::ALL {
        let (method, path) = operation.route();
        let methods = paths.entry(path).or_default();
        methods.insert(method.to_lowercase(), described(operation));
    }
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Hexperiment evaluator",
            "version": env!("CARGO_PKG_VERSION"),
            "description": "Evaluates programs on ciphertexts. The service gets programs, evaluation keys and \
                            ciphertexts; see docs/service.md.",
            "license": {"name": "Apache-2.0 OR MIT"}
        },
        "servers": [{"url": "/"}],
        "paths": paths,
        "components": {
            "securitySchemes": {"token": {
                "type": "http",
                "scheme": "bearer",
                "description": "A client's token, as `hexperiment serve token new NAME` prints it."
            }},
            "schemas": schemas::all()
        }
    })
}

/// What an operation takes and gives.
struct Described {
    id: &'static str,
    summary: &'static str,
    /// What may stand in the query, with what it is: numbers, but for a name and a digest.
    query: &'static [(&'static str, &'static str)],
    request: Content,
    status: &'static str,
    /// Another status of the same answer, with what it says.
    or: Option<(&'static str, &'static str)>,
    response: Content,
    problems: &'static [ProblemCode],
}

/// What a body is.
#[derive(Clone, Copy)]
enum Content {
    Nothing,
    Json(&'static str),
    JsonList(&'static str),
    Bytes(&'static str),
    Text(&'static str),
    AnyJson,
}

impl Content {
    fn described(self) -> Option<Value> {
        let reference = |name: &str| json!({"$ref": format!("#/components/schemas/{name}")});
        Some(match self {
            Self::Nothing => return None,
            Self::Json(name) => json!({"application/json": {"schema": reference(name)}}),
            Self::JsonList(name) => {
                json!({"application/json": {"schema": {"type": "array", "items": reference(name)}}})
            }
            Self::Bytes(what) => {
                json!({"application/octet-stream": {"schema": {"description": what}}})
            }
            Self::Text(what) => {
                json!({"text/plain": {"schema": {"type": "string", "description": what}}})
            }
            Self::AnyJson => json!({"application/json": {"schema": {"type": "object"}}}),
        })
    }
}

const WAIT: &[(&str, &str)] = &[(
    "wait",
    "Seconds after which the answer is given even if the state is not final.",
)];

const KEEP: &[(&str, &str)] = &[(
    "keep",
    "Seconds for which it is kept; as long as the service keeps anything if left out.",
)];

const NAMED: &[(&str, &str)] = &[(
    "request",
    "The name of a job, as its client chose it: the list has the one that asking by this name again would yield, if \
     there is one.",
)];

const OF_BYTES: &[(&str, &str)] = &[(
    "sha256",
    "SHA-256 of the bytes of ciphertexts, in hexadecimal digits: the list has those that are these bytes, so that nothing \
     need be uploaded twice after an answer was lost.",
)];

const FRAMES: &str = "The frames `keys` and `key` of docs/wire.md, one after the other.";

const CIPHERTEXTS: &str = "The ciphertexts of one input or output, as the scheme writes them.";

#[expect(clippy::too_many_lines, reason = "a table")]
fn of(operation: Operation) -> Described {
    use Content::{AnyJson, Bytes, Json, JsonList, Nothing, Text};
    use ProblemCode::{Conflict, Gone, Invalid, NotFound, Quota, Refused, TooLarge, TooSlow};
    let plain = |id, summary, response| Described {
        id,
        summary,
        query: &[],
        request: Nothing,
        status: "200",
        or: None,
        response,
        problems: &[],
    };
    let one = |id, summary, response| Described {
        problems: &[NotFound, Gone],
        ..plain(id, summary, response)
    };
    let deleted = |id, summary| Described {
        status: "204",
        ..one(id, summary, Nothing)
    };
    match operation {
        Operation::Health => plain("health", "Whether the service is there", Text("`ok`")),
        Operation::OpenApi => plain("openApi", "This description", AnyJson),
        Operation::Metrics => plain(
            "metrics",
            "Numbers for Prometheus",
            Text("Prometheus' text format"),
        ),
        Operation::Service => plain(
            "service",
            "What the service is, and what it allows",
            Json("ServiceInfo"),
        ),
        Operation::RegisterProgram => Described {
            request: Json("ProgramRequest"),
            status: "202",
            problems: &[Invalid, Quota, Conflict, TooLarge, TooSlow],
            ..plain(
                "registerProgram",
                "Registers a program; the same one again is the same program",
                Json("ProgramInfo"),
            )
        },
        Operation::ListPrograms => plain(
            "listPrograms",
            "The client's programs",
            JsonList("ProgramInfo"),
        ),
        Operation::GetProgram => Described {
            query: WAIT,
            ..one("getProgram", "A program", Json("ProgramInfo"))
        },
        Operation::GetProgramSource => one(
            "getProgramSource",
            "A program as it was registered",
            Json("ProgramRequest"),
        ),
        Operation::DeleteProgram => Described {
            problems: &[NotFound, Conflict],
            ..deleted(
                "deleteProgram",
                "Deletes a program; where others have keys for it, it takes no more keys and goes with the last of theirs",
            )
        },
        Operation::UploadKeys => Described {
            query: KEEP,
            request: Bytes(FRAMES),
            status: "201",
            problems: &[
                Invalid, Quota, NotFound, TooSlow, Conflict, Gone, TooLarge, Refused,
            ],
            ..plain(
                "uploadKeys",
                "Uploads evaluation keys for a program",
                Json("KeysInfo"),
            )
        },
        Operation::ListKeys => plain("listKeys", "The client's keys", JsonList("KeysInfo")),
        Operation::GetKeys => one("getKeys", "Evaluation keys", Json("KeysInfo")),
        Operation::DeleteKeys => deleted(
            "deleteKeys",
            "Deletes evaluation keys, with the ciphertexts under them and the jobs that have ended",
        ),
        Operation::UploadCiphertexts => Described {
            query: KEEP,
            request: Bytes(CIPHERTEXTS),
            status: "201",
            problems: &[Invalid, Quota, NotFound, TooSlow, Gone, TooLarge],
            ..plain(
                "uploadCiphertexts",
                "Uploads the ciphertexts of one input",
                Json("CiphertextsInfo"),
            )
        },
        Operation::ListCiphertexts => Described {
            query: OF_BYTES,
            ..one(
                "listCiphertexts",
                "What is under keys: inputs and results, the newest first",
                JsonList("CiphertextsInfo"),
            )
        },
        Operation::GetCiphertexts => one(
            "getCiphertexts",
            "What ciphertexts are",
            Json("CiphertextsInfo"),
        ),
        Operation::DownloadCiphertexts => one(
            "downloadCiphertexts",
            "The bytes of ciphertexts",
            Bytes(CIPHERTEXTS),
        ),
        Operation::DeleteCiphertexts => deleted("deleteCiphertexts", "Deletes ciphertexts"),
        Operation::SubmitJob => Described {
            query: WAIT,
            request: Json("JobRequest"),
            status: "202",
            or: Some(("200", "The job is at its end already")),
            problems: &[Invalid, Quota, NotFound, TooSlow, Conflict, Gone, TooLarge],
            ..plain("submitJob", "Asks for an evaluation", Json("JobInfo"))
        },
        Operation::ListJobs => Described {
            query: NAMED,
            ..plain(
                "listJobs",
                "The client's jobs, the newest first",
                JsonList("JobInfo"),
            )
        },
        Operation::GetJob => Described {
            query: WAIT,
            ..one("getJob", "A job, and how far it is", Json("JobInfo"))
        },
        Operation::CancelJob => deleted("cancelJob", "Cancels a job"),
    }
}

fn described(operation: Operation) -> Value {
    let Described {
        id,
        summary,
        query,
        request,
        status,
        or,
        response,
        problems,
    } = of(operation);
    let mut parameters = Vec::new();
    if operation.route().1.contains("{id}") {
        parameters.push(json!({
            "name": "id", "in": "path", "required": true, "schema": {"type": "string"}
        }));
    }
    for (name, what) in query {
        let schema = match *name {
            "request" => json!({"type": "string", "minLength": 1, "maxLength": LONGEST_REQUEST}),
            "sha256" => json!({"type": "string", "pattern": "^[0-9a-f]{64}$"}),
            "wait" => json!({"type": "integer", "minimum": 0, "maximum": LONGEST_WAIT_S}),
            _ => json!({"type": "integer", "minimum": 0}),
        };
        parameters.push(json!({
            "name": name, "in": "query", "required": false, "description": what, "schema": schema
        }));
    }
    let mut answer = json!({"description": summary});
    if let Some(content) = response.described() {
        answer["content"] = content;
    }
    let mut responses = Map::new();
    if let Some((status, what)) = or {
        let mut other = answer.clone();
        other["description"] = what.into();
        responses.insert(status.to_owned(), other);
    }
    responses.insert(status.to_owned(), answer);
    let mut all = problems.to_vec();
    if operation.needs_token() {
        all.extend([
            ProblemCode::Invalid,
            ProblemCode::Unauthorized,
            ProblemCode::RateLimited,
            ProblemCode::Internal,
            ProblemCode::Unavailable,
        ]);
    }
    for code in all {
        let content = Content::Json("Problem").described();
        let name = serde_json::to_value(code).unwrap_or_default();
        let words = format!("Not done: {}", name.as_str().unwrap_or_default());
        responses.insert(
            code.status().to_string(),
            json!({"description": words, "content": content}),
        );
    }
    let mut operation_object = json!({
        "operationId": id,
        "summary": summary,
        "responses": responses,
        "security": if operation.needs_token() { json!([{"token": []}]) } else { json!([]) }
    });
    if !parameters.is_empty() {
        operation_object["parameters"] = parameters.into();
    }
    if let Some(content) = request.described() {
        operation_object["requestBody"] = json!({"required": true, "content": content});
    }
    operation_object
}

#[cfg(test)]
mod tests;
