//! A schema for each type of the interface. Tests hold names and required ones against the types.
//!
//! Longer than 400 lines, as it is one table: what stands in it is said once.

#![expect(clippy::too_many_lines, reason = "a table")]

use hexperiment_program::layout::Objective;
use serde_json::{Map, Value, json};
use strum::VariantNames;

use crate::api::{LONGEST_REQUEST, ProblemCode};

/// Whether a property is always there.
#[derive(Clone, Copy, PartialEq, Eq)]
enum There {
    Always,
    Sometimes,
}
use There::{Always, Sometimes};

type Property = (&'static str, There, Value);

fn object(description: &str, properties: Vec<Property>) -> Value {
    let required: Vec<&str> = properties
        .iter()
        .filter(|(_, there, _)| *there == Always)
        .map(|(name, _, _)| *name)
        .collect();
    let properties: Map<String, Value> = properties
        .into_iter()
        .map(|(name, _, schema)| (name.to_owned(), schema))
        .collect();
    json!({
        "type": "object",
        "description": description,
        "properties": properties,
        "required": required,
        "additionalProperties": false
    })
}

fn text(description: &str) -> Value {
    json!({"type": "string", "description": description})
}

fn count(description: &str) -> Value {
    json!({"type": "integer", "minimum": 0, "description": description})
}

fn flag(description: &str) -> Value {
    json!({"type": "boolean", "description": description})
}

fn hexadecimal(description: &str) -> Value {
    json!({"type": "string", "pattern": "^[0-9a-f]{64}$", "description": description})
}

fn of(name: &str) -> Value {
    json!({"$ref": format!("#/components/schemas/{name}")})
}

fn list(items: Value, description: &str) -> Value {
    json!({"type": "array", "items": items, "description": description})
}

/// One of some words.
fn choice(words: &[&str], description: &str) -> Value {
    json!({"type": "string", "enum": words, "description": description})
}

/// All schemas, by name.
pub(super) fn all() -> Value {
    let mut all = Map::new();
    for (name, schema) in service()
        .into_iter()
        .chain(programs())
        .chain(blobs())
        .chain(jobs())
        .chain([problem()])
    {
        all.insert(name.to_owned(), schema);
    }
    all.into()
}

fn service() -> Vec<(&'static str, Value)> {
    vec![
        (
            "ServiceInfo",
            object(
                "What the service is, and what it allows to whoever asks.",
                vec![
                    ("version", Always, count("Of this interface.")),
                    (
                        "software",
                        Always,
                        text("The program that serves, with its version."),
                    ),
                    (
                        "schemes",
                        Always,
                        list(of("SchemeInfo"), "Schemes that it evaluates."),
                    ),
                    ("limits", Always, of("ServiceLimits")),
                    (
                        "accepts_shared_keys",
                        Always,
                        flag(
                            "Whether it takes keys of role `shared`, of schemes that protect in transit only.",
                        ),
                    ),
                    (
                        "client",
                        Always,
                        text("Name of the client that the token belongs to."),
                    ),
                    ("usage", Always, of("Usage")),
                ],
            ),
        ),
        (
            "SchemeInfo",
            object(
                "A scheme of the service.",
                vec![
                    ("name", Always, text("Its name.")),
                    (
                        "library",
                        Always,
                        text("The library that evaluates, with its version."),
                    ),
                ],
            ),
        ),
        (
            "ServiceLimits",
            object(
                "What the service takes at most in one request or job.",
                vec![
                    (
                        "program_bytes",
                        Always,
                        count("Bytes of a program's registration."),
                    ),
                    (
                        "keys_bytes",
                        Always,
                        count("Bytes of evaluation keys, with their frames."),
                    ),
                    (
                        "ciphertexts_bytes",
                        Always,
                        count("Bytes of the ciphertexts of one input."),
                    ),
                    (
                        "program_numbers",
                        Always,
                        count("Numbers that all inputs and values of a program may have together."),
                    ),
                    ("threads", Always, count("Threads of one job.")),
                    (
                        "job_seconds",
                        Always,
                        count("Seconds of one job, loading included."),
                    ),
                    (
                        "kept_seconds",
                        Always,
                        count("Seconds for which anything is kept."),
                    ),
                ],
            ),
        ),
        (
            "Usage",
            object(
                "Quotas of a client, and what it uses of them.",
                vec![
                    (
                        "bytes",
                        Always,
                        count("Bytes of programs, keys, ciphertexts and results that are kept."),
                    ),
                    ("bytes_quota", Always, count("What they may be.")),
                    ("keys", Always, count("Sets of keys that are kept.")),
                    ("keys_quota", Always, count("What they may be.")),
                    ("programs", Always, count("Programs that are kept.")),
                    ("programs_quota", Always, count("What they may be.")),
                    (
                        "jobs",
                        Always,
                        count("Jobs, and programs to be compiled, that are queued or run."),
                    ),
                    ("jobs_quota", Always, count("What they may be.")),
                    (
                        "today_ms",
                        Always,
                        count("Milliseconds that jobs and compiling took today (UTC)."),
                    ),
                    ("today_ms_quota", Always, count("What they may be.")),
                ],
            ),
        ),
        (
            "Measured",
            object(
                "What a step took the service's process, as in docs/wire.md.",
                vec![
                    ("wall_ns", Always, count("Nanoseconds by the clock.")),
                    ("cpu_ns", Always, count("Nanoseconds of all threads.")),
                    (
                        "peak_rss_bytes",
                        Always,
                        json!({"type": ["integer", "null"], "description": "The most memory that it has held."}),
                    ),
                ],
            ),
        ),
    ]
}

fn programs() -> Vec<(&'static str, Value)> {
    let options = json!({
        "type": "object",
        "description": "The scheme's options, defaults filled in, as in `compile` of docs/wire.md."
    });
    let security = json!({
        "type": "object",
        "description": "The security level demanded, as in `compile` of docs/wire.md."
    });
    let program = json!({
        "type": "object",
        "description": "The lowered program, as the body of `compile` in docs/wire.md."
    });
    vec![
        (
            "ProgramRequest",
            object(
                "A program to be registered.",
                vec![
                    ("scheme", Always, text("Name of the scheme.")),
                    ("options", Always, options),
                    ("security", Always, security),
                    ("threads", Always, count("Threads of its jobs.")),
                    (
                        "optimise",
                        Sometimes,
                        json!({
                            "type": "string",
                            "enum": Objective::VARIANTS,
                            "description": "What the layout of vectors is chosen for, where the scheme has several; `latency` if left out."
                        }),
                    ),
                    ("program", Always, program),
                    (
                        "circuit",
                        Always,
                        hexadecimal("Digest of the client's circuit."),
                    ),
                    (
                        "library",
                        Always,
                        text("The client's library, with its version."),
                    ),
                    (
                        "public",
                        Sometimes,
                        flag("Whether other clients may use it, too."),
                    ),
                ],
            ),
        ),
        (
            "ProgramInfo",
            object(
                "A program that is registered.",
                vec![
                    ("id", Always, text("Its name at the service.")),
                    ("scheme", Always, text("Name of the scheme.")),
                    ("circuit", Always, hexadecimal("Digest of its circuit.")),
                    (
                        "library",
                        Always,
                        text("The library that evaluates it, with its version."),
                    ),
                    (
                        "state",
                        Always,
                        choice(
                            &["checking", "ready", "refused", "failed"],
                            "How far it is.",
                        ),
                    ),
                    ("reason", Sometimes, text("Why it was refused, or failed.")),
                    (
                        "public",
                        Always,
                        flag("Whether other clients may use it, too."),
                    ),
                    (
                        "created_s",
                        Always,
                        count("When it was registered, in seconds since 1970."),
                    ),
                    ("compile", Sometimes, of("Measured")),
                ],
            ),
        ),
    ]
}

fn blobs() -> Vec<(&'static str, Value)> {
    let received = count("Nanoseconds until it was safe on the service's disk.");
    let sha256 = hexadecimal("SHA-256 of the bytes.");
    let created = count("When it came to be, in seconds since 1970.");
    let expires = count("When it is deleted, in seconds since 1970.");
    vec![
        (
            "KeysInfo",
            object(
                "Evaluation keys that the service keeps.",
                vec![
                    ("id", Always, text("Their name at the service.")),
                    ("program", Always, text("The program that they are for.")),
                    (
                        "circuit",
                        Always,
                        hexadecimal("Digest of the circuit that they are for."),
                    ),
                    ("parts", Always, count("Their parts.")),
                    ("bytes", Always, count("Bytes of all parts.")),
                    ("sha256", Always, sha256.clone()),
                    ("created_s", Always, created.clone()),
                    ("expires_s", Always, expires.clone()),
                    ("received_ns", Always, received.clone()),
                ],
            ),
        ),
        (
            "CiphertextsInfo",
            object(
                "Ciphertexts that the service keeps: an input, or a result.",
                vec![
                    ("id", Always, text("Their name at the service.")),
                    ("keys", Always, text("The keys that they are under.")),
                    ("bytes", Always, count("Their bytes.")),
                    ("sha256", Always, sha256),
                    (
                        "ciphertexts",
                        Sometimes,
                        count("How many of the scheme's ciphertexts they are; of results."),
                    ),
                    ("created_s", Always, created),
                    ("expires_s", Always, expires),
                    ("received_ns", Always, received),
                ],
            ),
        ),
    ]
}

fn jobs() -> Vec<(&'static str, Value)> {
    let states = [
        "queued",
        "loading",
        "computing",
        "storing",
        "done",
        "refused",
        "failed",
        "cancelled",
    ];
    vec![
        (
            "JobRequest",
            object(
                "An evaluation; without inputs and outputs, the loading of keys alone.",
                vec![
                    ("keys", Always, text("The keys to evaluate under.")),
                    (
                        "inputs",
                        Always,
                        list(
                            text("Ciphertexts."),
                            "One for each input of the program, in order.",
                        ),
                    ),
                    (
                        "outputs",
                        Always,
                        list(
                            count("An output."),
                            "Those wanted, by their place in the program, from 0.",
                        ),
                    ),
                    (
                        "request",
                        Sometimes,
                        json!({
                            "type": "string", "minLength": 1, "maxLength": LONGEST_REQUEST,
                            "description": "A name of the client's choice; the same name is the same job."
                        }),
                    ),
                ],
            ),
        ),
        (
            "JobInfo",
            object(
                "A job, and how far it is.",
                vec![
                    ("id", Always, text("Its name at the service.")),
                    ("keys", Always, text("The keys that it evaluates under.")),
                    ("state", Always, choice(&states, "How far it is.")),
                    (
                        "position",
                        Sometimes,
                        count("Jobs that are done before it, while it is queued."),
                    ),
                    ("loaded", Sometimes, of("Loaded")),
                    ("reason", Sometimes, text("Why it was refused, or failed.")),
                    (
                        "created_s",
                        Always,
                        count("When it was asked for, in seconds since 1970."),
                    ),
                    ("times", Always, of("JobTimes")),
                    (
                        "results",
                        Always,
                        list(
                            of("CiphertextsInfo"),
                            "One for each output wanted, once it is done.",
                        ),
                    ),
                ],
            ),
        ),
        (
            "Loaded",
            object(
                "Progress in bytes, while a job is loading.",
                vec![
                    ("bytes", Always, count("Bytes that were read.")),
                    ("of", Always, count("Bytes of keys and inputs.")),
                ],
            ),
        ),
        (
            "JobTimes",
            object(
                "What a job took the service, by its own clock.",
                vec![
                    (
                        "queue_ns",
                        Always,
                        count("Nanoseconds of waiting for its turn."),
                    ),
                    (
                        "load_ns",
                        Always,
                        count("Nanoseconds of reading keys and inputs."),
                    ),
                    ("prepare", Sometimes, of("Measured")),
                    ("compute", Sometimes, of("Measured")),
                    ("store_ns", Always, count("Nanoseconds of writing results.")),
                ],
            ),
        ),
    ]
}

fn problem() -> (&'static str, Value) {
    let codes: Vec<Value> = ProblemCode::ALL
        .iter()
        .filter_map(|code| serde_json::to_value(code).ok())
        .collect();
    let code =
        json!({"type": "string", "enum": codes, "description": "What kind of problem it is."});
    let schema = object(
        "Why a request was not done.",
        vec![
            ("code", Always, code),
            (
                "message",
                Always,
                text("What was found, and what was expected, for people."),
            ),
            ("help", Sometimes, text("What to do about it, for people.")),
        ],
    );
    ("Problem", schema)
}
