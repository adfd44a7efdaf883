//! Tests across crates: scheme conformance, experiments end to end, golden reports, bad input.
#![expect(
    clippy::panic,
    clippy::missing_panics_doc,
    reason = "a test fails by panicking"
)]

pub mod bounded;
pub mod conformance;
