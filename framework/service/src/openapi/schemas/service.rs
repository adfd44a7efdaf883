//! What the service is and allows.

use serde_json::{Value, json};

use super::There::Always;
use super::{count, flag, list, object, of, text};

#[expect(clippy::too_many_lines, reason = "a table")]
pub(super) fn schemas() -> Vec<(&'static str, Value)> {
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
                        count(
                            "Bytes of programs, keys, ciphertexts, results and jobs that are kept.",
                        ),
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
