//! A JSON Schema of experiment files, for editors.

use serde_json::{Map, Value, json};

use super::sections;
use hexperiment_scheme::options::{OptionKind, OptionSpec};
use hexperiment_scheme::registry;

/// The schema, with the options of every registered plugin.
pub fn json_schema() -> Value {
    let plugins = |list: Vec<(&str, &str, Vec<OptionSpec>)>, label: bool| -> Vec<Value> {
        list.into_iter()
            .map(|(name, doc, own)| {
                let specs: Vec<OptionSpec> =
                    sections::plugin(label).into_iter().chain(own).collect();
                let mut schema = object(&specs, doc);
                schema["properties"]["use"] = json!({ "const": name });
                schema
            })
            .collect()
    };
    let tasks = hexperiment_task::registry::tasks()
        .iter()
        .map(|t| t.manifest())
        .map(|m| (m.name, m.doc, m.options))
        .collect();
    let schemes = registry::schemes()
        .iter()
        .map(|s| s.manifest())
        .map(|m| (m.name, m.doc, m.options))
        .collect();
    let mut schemes = plugins(schemes, true);
    // An editor need not refuse what another build of this program has; its options are unknown.
    schemes.extend(registry::left_out_schemes().into_iter().map(|l| {
        json!({
            "type": "object",
            "required": ["use"],
            "properties": { "use": { "const": l.name() } },
        })
    }));
    // The options of a program are its own.
    let mut program = object(
        &sections::program(),
        "A scheme that is a program of its own.",
    );
    program["additionalProperties"] = json!(true);
    program["not"] = json!({ "required": ["use"] });
    schemes.push(program);
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Hexperiment experiment",
        "type": "object",
        "additionalProperties": false,
        "required": ["experiment", "dataset", "task", "scheme"],
        "properties": {
            "experiment": object(&sections::experiment(), "What is asked."),
            "dataset": object(&sections::dataset(), "The data."),
            "task": { "oneOf": plugins(tasks, false) },
            "scheme": { "type": "array", "minItems": 1, "items": { "oneOf": schemes } },
            "matrix": { "type": "object", "additionalProperties": { "type": "array", "minItems": 1 } },
            "run": object(&sections::run(), "How it is run."),
            "links": {
                "type": "object",
                "additionalProperties": object(&sections::link(), "A link between client and server."),
            },
            "expect": { "type": "object" },
        },
    })
}

fn object(specs: &[OptionSpec], doc: &str) -> Value {
    let properties: Map<String, Value> = specs
        .iter()
        .map(|s| (s.name.to_owned(), property(s)))
        .collect();
    let required: Vec<&str> = specs
        .iter()
        .filter(|s| s.required)
        .map(|s| s.name)
        .collect();
    json!({
        "type": "object",
        "description": doc,
        "additionalProperties": false,
        "properties": properties,
        "required": required,
    })
}

fn property(spec: &OptionSpec) -> Value {
    let mut schema = match &spec.kind {
        OptionKind::Flag => json!({ "type": "boolean" }),
        OptionKind::Integer { min, max } => {
            json!({ "type": "integer", "minimum": min, "maximum": max })
        }
        OptionKind::Number { min, max } => {
            let mut schema = json!({ "type": "number", "minimum": min });
            if max.is_finite() {
                schema["maximum"] = json!(max);
            }
            schema
        }
        OptionKind::ZeroOrNumber { min, max } => json!({
            "anyOf": [{ "const": 0 }, { "type": "number", "minimum": min, "maximum": max }]
        }),
        OptionKind::Text => json!({ "type": "string" }),
        OptionKind::Choice(names) => json!({ "enum": names }),
        OptionKind::TextList => json!({ "type": "array", "items": { "type": "string" } }),
        OptionKind::IntegerList => json!({ "type": "array", "items": { "type": "integer" } }),
    };
    schema["description"] = json!(spec.doc);
    if let Some(default) = &spec.default {
        schema["default"] = json!(default);
    }
    schema
}
