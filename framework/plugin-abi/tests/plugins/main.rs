//! Plugins in C and in Rust, good and bad, loaded as an experiment would load them.

mod bad_plugins;
mod build;
mod end_to_end;
