//! Tests across crates: scheme conformance, experiments end to end, golden reports, bad input.
