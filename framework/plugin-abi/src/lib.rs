//! The C ABI for scheme plugins that live out of tree.
//!
//! A plugin is a shared library in any language that exports `hexperiment_plugin`; the header
//! `include/hexperiment.h` defines what it returns, and who owns what. In Rust a plugin is any
//! [`Scheme`](hexperiment_scheme::Scheme) in a crate of type `cdylib`, and one line:
//!
//! ```
//! use scheme_plaintext::Plaintext; // in the place of your own
//! hexperiment_plugin_abi::export_scheme!(Plaintext);
//! ```
//!
//! Host and plugin share no Rust type and no allocator, so they need not be built by the same
//! compiler, nor against the same version of this crate, as long as [`abi::ABI_VERSION`] is one.
//!
//! The host side: [`load`] yields a plugin as a `Scheme` like any other; [`register`] also adds it
//! to the registry; [`register_from_env`] does so for all that the variable
//! [`ENVIRONMENT`] lists. Whatever comes back over the boundary is checked: text is UTF-8, JSON has
//! the form that the header gives, handles are there, ciphertexts belong to the circuit they meet.
//! What cannot be checked is that a plugin keeps to its own memory, or ends what it begins: it runs
//! in the process that loads it, with all its rights. Load only plugins that you trust as much as
//! a program that you start. A process that must not end with a plugin lets another load it, by
//! [`announcement`], and knows it by its manifest, by [`register_announced`].

#![expect(unsafe_code, reason = "a C ABI, from both sides")]

pub mod abi;
pub mod guest;
mod host;
mod text;

pub use host::announced::{announcement, register_announced};
pub use host::load::{
    ENVIRONMENT, LoadError, TableError, from_env, load, register, register_all, register_from_env,
    to_env,
};
