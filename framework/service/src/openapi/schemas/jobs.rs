//! Jobs.

use serde_json::{Value, json};

use super::There::{Always, Sometimes};
use super::{choice, count, list, object, of, text};
use crate::api::LONGEST_REQUEST;

#[expect(clippy::too_many_lines, reason = "a table")]
pub(super) fn schemas() -> Vec<(&'static str, Value)> {
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
                            "description": "A name of the client's choice; the same name is the same job, unless that failed, was cancelled, or has lost a result."
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
