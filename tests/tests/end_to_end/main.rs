//! The program run as a user runs it: experiments from file to table, bad input, cells that go
//! wrong, runs that are killed; and what the documents say, held against what is there.
//!
//! The program is `hexperiment-under-test`, this package's own: the runner's `main` and nothing
//! else. Cells with faults come from `examples/faulty_plugin.rs`. `HEXPERIMENT_DATA` names the
//! folder of data files; without it the experiments that need them are passed over, and said to be.

#![expect(
    clippy::expect_used,
    clippy::panic,
    clippy::unwrap_used,
    reason = "clippy knows test functions, but not the functions that they share"
)]

mod bad_input;
mod bench;
mod best_and_export;
mod circles;
mod client;
mod clusters;
mod cmp;
mod columns;
mod conform;
mod documents;
mod expectations;
mod experiments;
mod explain;
mod failures;
mod features;
mod golden;
mod harness;
mod hostile;
mod images;
mod installed;
mod layout;
mod memory;
mod models;
mod overview;
mod parties;
mod plan;
mod plugins;
mod programs;
mod publish;
mod report;
mod reports;
mod resume;
mod secrets;
mod seeds;
mod server;
mod service;
mod settings;
mod shards;
