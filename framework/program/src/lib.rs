//! Programs over encrypted vectors: what a task computes, before any scheme is chosen.
//!
//! A program is a list of operations on vectors in topological order. The vector axis is the
//! batch (samples, pixels, devices, points in time); a table of `d` features is `d` vectors.
//! Every value knows its length and an interval that holds all its elements, derived from the
//! ranges that the inputs declare; what could overflow or makes no sense is an error when the
//! program is built.

mod builder;
mod display;
mod error;
mod ids;
mod interpret;
mod interval;
mod kind;
pub mod layout;
pub mod lower;
pub mod number;
mod op;
mod polynomial;
mod program;
mod public;
mod ranges;
mod refusal;
mod wire;

pub use builder::ProgramBuilder;
pub use error::ProgramError;
pub use ids::{InputId, OutputId, ValueId};
pub use interpret::apply;
pub use interval::Interval;
pub use kind::OpKind;
pub use op::{LookupTable, Op, Relation};
pub use polynomial::{Fit, Polynomial};
pub use program::{Column, Input, Output, Party, Program, Value};
pub use public::Public;
pub use refusal::Refusal;
