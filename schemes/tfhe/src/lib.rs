//! TFHE on tfhe-rs: linear work without bootstrapping, functions by programmable bootstrapping.
//!
//! A program is flattened to *sources* (encrypted columns and results of bootstraps) and
//! *linear forms* over them (`flatten`, `form`). A plan (`plan`) gives every source and every form a
//! power-of-two scale on the 64-bit torus, turns weights into whole numbers, and computes the
//! noise that arrives. Functions are evaluated by table (`table`): smooth ones by one
//! programmable bootstrap, whose resolution is that of the modulus switch; comparisons exactly,
//! by a cascade of bootstraps that zoom in on zero. Whole numbers whose maximum, choice or
//! magnitude is asked for go in limbs (`wide`), which keeps them exact however often it is.
//!
//! The same plan runs on clear numbers (`clear`) and on ciphertexts (`evaluate`), so what
//! quantisation does is known exactly and apart from noise.

mod circuit;
mod clear;
mod evaluate;
mod flatten;
mod form;
mod keys;
mod parameters;
mod plan;
mod scheme;
mod table;
#[cfg(test)]
mod tests;
mod wide;
mod wire;

pub use scheme::Tfhe;
