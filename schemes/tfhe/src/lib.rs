//! TFHE on tfhe-rs: linear work without bootstrapping, functions by programmable bootstrapping.
//!
//! A program is flattened (`flatten`) to *sources*, which are encrypted columns and results of
//! bootstraps, and *forms*, linear ones over them (`algebra`). A plan (`plan`) gives every source and
//! every form a power-of-two scale on the 64-bit torus, turns weights into whole numbers, and
//! computes the noise that arrives. Functions are evaluated by table (`table`): smooth ones by one
//! programmable bootstrap, whose resolution is that of the modulus switch; comparisons exactly,
//! by a cascade of bootstraps that zoom in on zero. Whole numbers whose maximum, choice or
//! magnitude is asked for go in limbs, which keeps them exact however often it is. What has no plan
//! is an `error`, and a refusal to the user.
//!
//! The same plan runs on clear numbers (`clear`) and on ciphertexts (`evaluate`), so what
//! quantisation does is known exactly and apart from noise.

mod algebra;
mod blind;
mod circuit;
mod clear;
mod client;
mod costs;
mod error;
mod evaluate;
mod flatten;
mod keys;
mod memory;
mod packing;
mod parameters;
mod plan;
mod rotation;
mod scheme;
mod table;
#[cfg(test)]
mod tests;
mod wire;

pub use scheme::Tfhe;
