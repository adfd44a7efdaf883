//! The core of Hexperiment: what a task, a scheme and an experiment *are*.
//!
//! A [`task`] states what is computed as a [`program`] over encrypted vectors; a
//! [`scheme`] says how one is evaluated under a cryptosystem; a
//! [`session`] lets the two act for the parties of a protocol and meters all they do.
//! Nothing in this crate names a scheme or a task.

pub mod clock;
pub mod dataset;
pub mod experiment;
pub mod linear_model;
pub mod measure;
pub mod metrics;
mod number;
pub mod options;
pub mod program;
pub mod record;
pub mod registry;
pub mod scheme;
pub mod security;
pub mod session;
pub mod source;
pub mod summary;
pub mod task;

// Plugins register through these, so that they need no version of their own.
pub use inventory;
