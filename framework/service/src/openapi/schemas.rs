//! A schema for each type of the interface. Tests hold names and required ones against the types.

mod blobs;
mod jobs;
mod programs;
mod service;

use serde_json::{Map, Value, json};

use crate::api::ProblemCode;

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
    for (name, schema) in service::schemas()
        .into_iter()
        .chain(programs::schemas())
        .chain(blobs::schemas())
        .chain(jobs::schemas())
        .chain([problem()])
    {
        all.insert(name.to_owned(), schema);
    }
    all.into()
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
