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
//! Inputs that the key owner encrypted are half as long: their second polynomials follow from seeds.
//! They begin with "CKSS", are of level 0, and have in the place of a ciphertext
//!
//! ```text
//! 64 bytes  the seed, for SEAL's Blake2xb generator
//! then for each prime of the level: N residues of the first polynomial, packed
//! ```
//!
//! The scale is not sent: of an input the level says it, of a result the program, as the level at
//! which each of its values is computed.

use std::sync::Arc;

use hexperiment_scheme::SchemeError;
use hexperiment_scheme::security::Encryption;

use crate::circuit::{Design, Shared};
use crate::packing::{self, polynomial_bytes};
use crate::parallel;
use crate::seal::{Chain, Ciphertext, Context, seeded_bytes};
use crate::sealed::{Fresh, Sealed};

const MAGIC: &[u8; 4] = b"CKKS";
const MAGIC_SEEDED: &[u8; 4] = b"CKSS";
const HEADER: usize = 48;

fn foreign(what: impl Into<String>) -> SchemeError {
    SchemeError::Foreign(what.into())
}

/// Bytes of one ciphertext of `level`.
fn ciphertext_bytes(chain: &Chain, level: usize) -> usize {
    2 * polynomial_bytes(chain.degree(), chain.level_primes(level))
}

/// Bytes of so many ciphertexts of one input or output.
pub(crate) fn bytes(chain: &Chain, level: usize, ciphertexts: usize) -> u64 {
    HEADER as u64 + ciphertexts as u64 * ciphertext_bytes(chain, level) as u64
}

/// Bytes of so many ciphertexts of one input, as who encrypts it sends them.
pub(crate) fn input_bytes(design: &Design, ciphertexts: usize) -> u64 {
    match design.encryption {
        Encryption::Owner => {
            HEADER as u64 + ciphertexts as u64 * seeded_bytes(&design.chain) as u64
        }
        Encryption::Public => bytes(&design.chain, 0, ciphertexts),
    }
}

/// Appends `sealed` to `bytes`.
pub(crate) fn write(sealed: &Sealed, bytes: &mut Vec<u8>) -> Result<(), SchemeError> {
    let context = &sealed.shared.context;
    let chunks = sealed.columns.first().map_or(0, Vec::len);
    let sizes = [sealed.level, sealed.columns.len(), chunks];
    write_header(context, *MAGIC, sizes, bytes)?;
    let ciphertexts: Vec<_> = sealed.columns.iter().flatten().collect();
    let packed = parallel::try_map(&ciphertexts, |c| {
        pack(context, sealed.level, &c.residues(context)?)
    })?;
    for ciphertext in packed {
        bytes.extend(ciphertext);
    }
    Ok(())
}

/// Appends inputs that the key owner encrypted to `bytes`.
pub(crate) fn write_seeded(fresh: &Fresh, bytes: &mut Vec<u8>) -> Result<(), SchemeError> {
    let (shared, columns) = (&fresh.shared, &fresh.columns);
    let context = &shared.context;
    let sizes = [0, columns.len(), columns.first().map_or(0, Vec::len)];
    write_header(context, *MAGIC_SEEDED, sizes, bytes)?;
    let ciphertexts: Vec<_> = columns.iter().flatten().collect();
    let packed = parallel::try_map(&ciphertexts, |c| c.packed(context, shared.scales[0]))?;
    for ciphertext in packed {
        bytes.extend(ciphertext);
    }
    Ok(())
}

/// Appends a header: its magic number, then level, columns and ciphertexts to a column.
fn write_header(
    context: &Context,
    magic: [u8; 4],
    sizes: [usize; 3],
    bytes: &mut Vec<u8>,
) -> Result<(), SchemeError> {
    bytes.extend(magic);
    for size in sizes {
        let size = u32::try_from(size).map_err(|_| foreign("more than 2^32 ciphertexts"))?;
        bytes.extend(size.to_le_bytes());
    }
    let parameters = context.levels()[sizes[0]];
    bytes.extend(parameters.iter().flat_map(|word| word.to_le_bytes()));
    Ok(())
}

/// Reads what [`write`] or [`write_seeded`] wrote for a circuit of the same parameters.
pub(crate) fn read(shared: &Arc<Shared>, bytes: &[u8]) -> Result<Sealed, SchemeError> {
    let context = &shared.context;
    let (header, body) = bytes
        .split_first_chunk::<HEADER>()
        .ok_or_else(|| foreign("truncated header"))?;
    let word = |at: usize| {
        u32::from_le_bytes([header[at], header[at + 1], header[at + 2], header[at + 3]]) as usize
    };
    let seeded = &header[..4] == MAGIC_SEEDED;
    if !seeded && &header[..4] != MAGIC {
        return Err(foreign("not CKKS ciphertexts"));
    }
    if seeded && shared.encryption == Encryption::Public {
        return Err(foreign(
            "encrypted under the secret key, where others than the key owner encrypt",
        ));
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
    if seeded && level != 0 {
        return Err(foreign(format!(
            "seeded ciphertexts at level {level}, expected 0"
        )));
    }
    let size = if seeded {
        seeded_bytes(context)
    } else {
        ciphertext_bytes(context, level)
    };
    let expected = columns
        .checked_mul(chunks)
        .and_then(|n| n.checked_mul(size));
    if expected != Some(body.len()) || body.is_empty() {
        let found = body.len();
        return Err(foreign(format!(
            "{found} bytes for {columns} x {chunks} ciphertexts of {size}"
        )));
    }
    let packed: Vec<&[u8]> = body.chunks(size).collect();
    let ciphertexts = parallel::try_map(&packed, |packed| {
        let scale = shared.scales[level];
        let ciphertext = if seeded {
            Ciphertext::from_seeded(context, scale, packed)
        } else {
            let residues = unpack(context, level, packed);
            Ciphertext::from_residues(context, level, scale, &residues)
        };
        ciphertext.map(Arc::new).map_err(|e| foreign(e.to_string()))
    })?;
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
