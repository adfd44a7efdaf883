//! Programs.

use hexperiment_program::layout::Objective;
use serde_json::{Value, json};
use strum::VariantNames as _;

use super::There::{Always, Sometimes};
use super::{choice, count, flag, hexadecimal, object, of, text};

pub(super) fn schemas() -> Vec<(&'static str, Value)> {
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
