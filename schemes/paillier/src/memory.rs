//! What a circuit needs of memory, before any of it is taken.

use crate::arithmetic::{Arithmetic, Step};
use crate::backend::Backend;
use crate::comb::FixedBase;
use crate::key::exponent_bits;
use crate::layout::Lanes;

/// A number's own bytes, and its allocation's.
const HEAD: u64 = 32;
/// GMP's remainders keep the room of the product that they are of.
const ROOM: u64 = 2;
/// Bytes for each thread: its stack, and numbers that it works on.
const THREAD: u64 = 4 << 20;
/// The longest tables of powers in a product of powers: `2^6` numbers to a term, or `2^10`.
const STRAUS: u64 = 1 << 6;
const BUCKETS: u64 = 1 << 10;

/// Bytes for the table of powers, and the ciphertexts of one evaluation: inputs at the client, as
/// bytes and at the server, all values, outputs likewise.
pub(crate) fn bytes(
    arithmetic: &Arithmetic,
    layout: Lanes,
    modulus_bits: u32,
    backend: Backend,
    threads: usize,
) -> u64 {
    let number = ROOM * u64::from(modulus_bits) / 4 + HEAD;
    let exponent = exponent_bits(modulus_bits);
    let table = match backend {
        Backend::Gmp => ROOM * FixedBase::table_bytes(exponent, 2 * modulus_bits),
        Backend::PaillierRs => 0,
    };
    let mut held = 0;
    let mut terms = 0;
    for node in &arithmetic.nodes {
        let chunks = layout.chunks(node.length) as u64;
        held += match &node.step {
            Step::Input { .. } => 4 * chunks,
            _ => 2 * chunks,
        };
        terms = terms.max(match &node.step {
            Step::Linear { terms, .. } => terms.len() as u64,
            Step::Sum { group, .. } => *group as u64,
            Step::Input { .. } | Step::Move { .. } => 0,
        });
    }
    let powers = (terms.saturating_mul(STRAUS)).min(terms.saturating_add(2 * BUCKETS));
    let threads = threads.max(1) as u64;
    let numbers = held.saturating_add(threads.saturating_mul(powers));
    numbers
        .saturating_mul(number)
        .saturating_add(table)
        .saturating_add(threads * THREAD)
}
