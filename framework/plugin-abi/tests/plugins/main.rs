//! Plugins in C and in Rust, good and bad, loaded as an experiment would load them.

#![expect(
    clippy::expect_used,
    clippy::panic,
    clippy::unwrap_used,
    reason = "clippy knows test functions, but not the functions that they share"
)]

mod bad_plugins;
mod build;
mod end_to_end;
