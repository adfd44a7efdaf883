//! The evaluator on a network: an HTTP service that evaluates on ciphertexts for clients on other
//! machines, and its client. `docs/service.md` says what it does.
//!
//! [`server::serve`] is the service: registry, queue and store. It computes nothing itself: each job is
//! done by a process that speaks the protocol of `hexperiment-wire`, so that a scheme which crashes
//! ends a job and nothing else. [`client::ServiceClient`] calls it, and [`remote::RemoteServer`] is the
//! server of a session on it.

pub mod api;
pub mod client;
pub mod openapi;
pub mod remote;
pub mod server;
pub mod token;

/// This program, with its version.
pub(crate) const SOFTWARE: &str = concat!("hexperiment ", env!("CARGO_PKG_VERSION"));
