//! Keys and ciphertexts.

use serde_json::Value;

use super::There::{Always, Sometimes};
use super::{count, hexadecimal, object, text};

pub(super) fn schemas() -> Vec<(&'static str, Value)> {
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
                    (
                        "ciphertexts",
                        Always,
                        count("Inputs and results that are kept under them."),
                    ),
                    ("ciphertexts_bytes", Always, count("Bytes of these.")),
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
