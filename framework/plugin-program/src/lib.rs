//! Schemes that are programs of their own.
//!
//! An experiment names an executable, which is started once as client and once as server, with that word
//! as its last argument, and speaks the protocol of `docs/wire.md` on standard input and output.
//! [`find`] yields it as a [`Scheme`](hexperiment_scheme::Scheme) like any other.
//!
//! Whatever a program says is checked: texts, capabilities and parameters as those of shared libraries,
//! sizes of tables, numbers that are finite, times that can have passed. What it works is counted as if
//! this process had done it. What it writes to standard error is told when it ends before its time.
//!
//! Non-goals: a program is run with the rights of the user who named it; it is not confined. Limits of
//! time are those of whoever runs the cell, but for the first question, what the program is.

mod circuit;
mod command;
mod connection;
mod held;
mod origin;
mod process;
mod register;
mod role;
mod scheme;
mod server;
mod shared;
mod table;
mod talk;

pub use process::{Launcher, launch_by};
pub use register::{find, look, server_command};
