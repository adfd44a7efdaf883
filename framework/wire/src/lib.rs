//! The protocol between two parties: frames, their order, their limits.
//!
//! The client holds the data and the secret key; the server evaluates. What they tell each other is
//! frames: a prelude with two lengths, a small head in JSON, a body of bytes. `docs/wire.md` states
//! all of it, enough to write either side in another language; a test holds its examples to
//! [`Head`].
//!
//! [`serve`] is the server's side: it reads requests in the order of the protocol, lets a [`Service`]
//! do the work, and answers. [`Client`] is the other side, a type for each stage, so that no
//! caller can send a frame out of order. Whatever the other party does against the protocol is a
//! [`WireError`] that names what was found and what was expected. Lengths are held against
//! [`Limits`] before anything is allocated, and memory grows with what has arrived, not with what
//! was announced.
//!
//! A scheme may be a program of its own, which is the client, too. [`Host`] is the framework's side
//! then, which asks, and [`serve_host`] with a [`ClientService`] the program's.
//!
//! Non-goals: time limits, which are those of whoever owns the streams, and secrecy of the streams.

mod ask;
mod client;
mod error;
mod head;
mod host;
mod keys;
mod limits;
mod link;
mod program;
mod server;
#[cfg(test)]
mod tests;

pub use client::{Agreed, Client, Greeted, Ready};
pub use error::WireError;
pub use head::{Handle, Head, Measured, digest_named, hex};
pub use host::{Bound, HasCircuit, Host, Introduced, Keyed};
pub use keys::{KeyFrames, KeysFound, check_keys};
pub use limits::Limits;
pub use link::{MAGIC, PRELUDE_BYTES};
pub use program::{Chosen, ClientService, Made, Told, serve_host};
pub use server::{Compiled, Ending, Order, Results, Service, Stop, Stored, serve};

/// The version of the protocol. Another one is refused by both sides.
pub const VERSION: u32 = 1;
