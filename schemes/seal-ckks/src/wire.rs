//! Ciphertexts as bytes.
//!
//! A fixed layout of our own in the place of SEAL's streams: every residue takes exactly the bits
//! of its prime, where SEAL writes 64, and the exact length follows from the header, so that
//! nothing is decompressed and nothing is allocated that did not arrive.
//!
//! ```text
//! 4 bytes   "CKKS"
//! 4         level          little-endian, as all below
//! 4         columns
//! 4         ciphertexts to a column
//! 32        the level's parameters, as SEAL's hash
//! then for each ciphertext, column by column: for each of two polynomials, for each prime of the
//! level: N residues, packed from the lowest bit on
//! ```
//!
//! The scale is not sent: of an input the level says it, of a result the program, as the level at
//! which each of its values is computed.

use std::sync::Arc;

use hexperiment_scheme::SchemeError;
use rayon::prelude::*;

use crate::circuit::{Sealed, Shared};
use crate::packing::{self, polynomial_bytes};
use crate::seal::{Ciphertext, Context};

const MAGIC: &[u8; 4] = b"CKKS";
const HEADER: usize = 48;

fn foreign(what: impl Into<String>) -> SchemeError {
    SchemeError::Foreign(what.into())
}

/// Bytes of one ciphertext of `level`.
fn ciphertext_bytes(context: &Context, level: usize) -> usize {
    2 * polynomial_bytes(context.degree(), context.level_primes(level))
}

/// Bytes of so many ciphertexts of one input or output.
pub(crate) fn bytes(context: &Context, level: usize, ciphertexts: usize) -> u64 {
    HEADER as u64 + ciphertexts as u64 * ciphertext_bytes(context, level) as u64
}

/// Appends `sealed` to `bytes`.
pub(crate) fn write(sealed: &Sealed, bytes: &mut Vec<u8>) -> Result<(), SchemeError> {
    let context = &sealed.shared.context;
    let chunks = sealed.columns.first().map_or(0, Vec::len);
    bytes.extend(MAGIC);
    for size in [sealed.level, sealed.columns.len(), chunks] {
        let size = u32::try_from(size).map_err(|_| foreign("more than 2^32 ciphertexts"))?;
        bytes.extend(size.to_le_bytes());
    }
    let parameters = context.levels()[sealed.level];
    bytes.extend(parameters.iter().flat_map(|word| word.to_le_bytes()));
    let ciphertexts: Vec<_> = sealed.columns.iter().flatten().collect();
    let packed = ciphertexts
        .par_iter()
        .map(|c| pack(context, sealed.level, &c.residues(context)?))
        .collect::<Result<Vec<_>, _>>()?;
    for ciphertext in packed {
        bytes.extend(ciphertext);
    }
    Ok(())
}

/// Reads what [`write`] wrote for a circuit of the same parameters.
pub(crate) fn read(shared: &Arc<Shared>, bytes: &[u8]) -> Result<Sealed, SchemeError> {
    let context = &shared.context;
    let (header, body) = bytes
        .split_first_chunk::<HEADER>()
        .ok_or_else(|| foreign("truncated header"))?;
    let word = |at: usize| {
        u32::from_le_bytes([header[at], header[at + 1], header[at + 2], header[at + 3]]) as usize
    };
    if &header[..4] != MAGIC {
        return Err(foreign("not CKKS ciphertexts"));
    }
    let (level, columns, chunks) = (word(4), word(8), word(12));
    let parameters = context.levels().get(level);
    let parameters = parameters.ok_or_else(|| foreign(format!("there is no level {level}")))?;
    if parameters
        .iter()
        .flat_map(|w| w.to_le_bytes())
        .ne(header[16..].iter().copied())
    {
        return Err(foreign("they have other parameters"));
    }
    let size = ciphertext_bytes(context, level);
    let expected = columns
        .checked_mul(chunks)
        .and_then(|n| n.checked_mul(size));
    if expected != Some(body.len()) || body.is_empty() {
        let found = body.len();
        return Err(foreign(format!(
            "{found} bytes for {columns} x {chunks} ciphertexts of {size}"
        )));
    }
    let ciphertexts = body
        .par_chunks(size)
        .map(|packed| {
            let residues = unpack(context, level, packed);
            Ciphertext::from_residues(context, level, shared.scales[level], &residues)
                .map(Arc::new)
                .map_err(|e| foreign(e.to_string()))
        })
        .collect::<Result<Vec<_>, _>>()?;
    Ok(Sealed {
        shared: Arc::clone(shared),
        level,
        columns: ciphertexts.chunks(chunks).map(<[_]>::to_vec).collect(),
    })
}

fn pack(context: &Context, level: usize, residues: &[u64]) -> Result<Vec<u8>, SchemeError> {
    let size = ciphertext_bytes(context, level);
    let mut packed = Vec::with_capacity(size);
    let primes = context.level_primes(level).iter().cycle();
    for (of_prime, prime) in residues.chunks(context.degree()).zip(primes) {
        packing::pack(*prime, of_prime.iter().copied(), &mut packed);
    }
    if packed.len() == size {
        Ok(packed)
    } else {
        Err(foreign("a ciphertext is not of its level"))
    }
}

fn unpack(context: &Context, level: usize, packed: &[u8]) -> Vec<u64> {
    let degree = context.degree();
    let primes = context.level_primes(level);
    let mut residues = Vec::with_capacity(2 * primes.len() * degree);
    let mut rest = packed;
    for prime in primes.iter().chain(primes) {
        let (of_prime, after) = rest.split_at(polynomial_bytes(degree, &[*prime]));
        rest = after;
        residues.extend(packing::unpack(*prime, degree, of_prime));
    }
    residues
}
