//! The host's side: a plugin's table of functions as a `Scheme`.

pub(crate) mod announced;
mod circuit;
mod handle;
pub(crate) mod load;
mod reply;
mod role;
mod scheme;
mod table;
mod vtable;
