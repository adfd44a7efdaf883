//! Ciphertexts and their bytes.
//!
//! Fresh ciphertexts share one seed for each column and are sent as their bodies: 8 bytes for
//! each number. Results are full, each word rounded to the bits that their noise leaves
//! meaningful. What the ciphertexts of a column are is the plan's ([`Packing`](crate::packing::Packing)).

use hexperiment_scheme::{CiphertextData, SchemeError};

use crate::packing::Packing;
use crate::plan::Plan;

const MAGIC: [u8; 4] = *b"HXT1";
const FRESH: u8 = 0;
const RESULT: u8 = 1;
const HEADER: usize = 4 + 1 + 4;
const SEED: usize = 16;

/// The encrypted columns of an input, or their digits.
pub(crate) struct Fresh {
    /// Which input.
    pub(crate) input: usize,
    /// The columns.
    pub(crate) columns: Vec<Seeded>,
    /// The ciphertexts of a column.
    pub(crate) packing: Packing,
}

/// Ciphertexts whose masks follow from a seed.
pub(crate) struct Seeded {
    /// The masks' public seed.
    pub(crate) seed: u128,
    /// One body for each element.
    pub(crate) bodies: Vec<u64>,
}

/// The columns of an output, or their parts.
pub(crate) struct Results {
    /// Which output.
    pub(crate) output: usize,
    /// The columns.
    pub(crate) columns: Vec<Column>,
    /// Ciphertexts of all columns.
    pub(crate) ciphertexts: usize,
}

/// Full ciphertexts, rounded to `bits` of each word.
pub(crate) struct Column {
    /// A multiple of 8.
    pub(crate) bits: u32,
    /// As many as [`Packing::words`] says.
    pub(crate) words: Vec<u64>,
}

impl Column {
    /// Rounds words to `bits`.
    pub(crate) fn rounded(mut words: Vec<u64>, bits: u32) -> Self {
        let dropped = 64 - bits;
        if dropped > 0 {
            let half = 1u64 << (dropped - 1);
            for word in &mut words {
                *word = word.wrapping_add(half) >> dropped << dropped;
            }
        }
        Self { bits, words }
    }
}

fn header(bytes: &mut Vec<u8>, kind: u8, index: usize) {
    bytes.extend(MAGIC);
    bytes.push(kind);
    bytes.extend((index as u32).to_le_bytes());
}

impl CiphertextData for Fresh {
    fn write(&self, bytes: &mut Vec<u8>) -> Result<(), SchemeError> {
        header(bytes, FRESH, self.input);
        for column in &self.columns {
            bytes.extend(column.seed.to_le_bytes());
            bytes.extend(column.bodies.iter().flat_map(|b| b.to_le_bytes()));
        }
        Ok(())
    }

    fn count(&self) -> usize {
        let columns = self.columns.iter();
        columns
            .map(|c| self.packing.ciphertexts(c.bodies.len()))
            .sum()
    }

    fn as_any(&self) -> &dyn std::any::Any {
        self
    }
}

impl CiphertextData for Results {
    fn write(&self, bytes: &mut Vec<u8>) -> Result<(), SchemeError> {
        header(bytes, RESULT, self.output);
        for column in &self.columns {
            let kept = (column.bits / 8) as usize;
            for word in &column.words {
                bytes.extend(&word.to_be_bytes()[..kept]);
            }
        }
        Ok(())
    }

    fn count(&self) -> usize {
        self.ciphertexts
    }

    fn as_any(&self) -> &dyn std::any::Any {
        self
    }
}

/// Bytes of an input: so many columns, or digits, of so many ciphertexts.
pub(crate) fn input_bytes(length: usize, columns: usize) -> u64 {
    (HEADER + columns * (SEED + 8 * length)) as u64
}

/// Bytes of an output.
pub(crate) fn output_bytes(plan: &Plan, output: usize) -> u64 {
    let parts = plan.parts(output);
    let bytes = parts.map(|p| plan.packing.words(p.form.length) * (p.sent_bits / 8) as usize);
    HEADER as u64 + bytes.sum::<usize>() as u64
}

/// The ciphertexts of an output.
pub(crate) fn output_ciphertexts(plan: &Plan, output: usize) -> usize {
    let parts = plan.parts(output);
    parts.map(|p| plan.packing.ciphertexts(p.form.length)).sum()
}

/// What bytes hold.
pub(crate) enum Read {
    /// An input.
    Fresh(Fresh),
    /// An output.
    Results(Results),
}

fn foreign(problem: impl Into<String>) -> SchemeError {
    SchemeError::Foreign(problem.into())
}

/// Reads what was written for a circuit of this plan, whose inputs have these
/// `(length, columns)`.
pub(crate) fn read(
    bytes: &[u8],
    plan: &Plan,
    inputs: &[(usize, usize)],
) -> Result<Read, SchemeError> {
    let Some((head, body)) = bytes.split_at_checked(HEADER) else {
        return Err(foreign(format!("{} bytes are no header", bytes.len())));
    };
    if head[..4] != MAGIC {
        return Err(foreign("these bytes are no TFHE ciphertexts"));
    }
    let index = u32::from_le_bytes([head[5], head[6], head[7], head[8]]) as usize;
    match head[4] {
        FRESH => {
            let ((length, _), slots) = inputs
                .get(index)
                .zip(plan.slots.get(index))
                .ok_or_else(|| foreign(format!("the circuit has no input {index}")))?;
            let columns = read_fresh(body, *length, slots.len())?;
            Ok(Read::Fresh(Fresh {
                input: index,
                columns,
                packing: plan.packing,
            }))
        }
        RESULT => {
            if index >= plan.outputs.len() {
                return Err(foreign(format!("the circuit has no output {index}")));
            }
            let parts = plan.parts(index);
            let words = |length| plan.packing.words(length);
            let shapes: Vec<_> = parts.map(|p| (words(p.form.length), p.sent_bits)).collect();
            Ok(Read::Results(Results {
                output: index,
                columns: read_results(body, &shapes)?,
                ciphertexts: output_ciphertexts(plan, index),
            }))
        }
        kind => Err(foreign(format!("unknown kind {kind}"))),
    }
}

fn expect_length(found: usize, expected: usize) -> Result<(), SchemeError> {
    if found == expected {
        return Ok(());
    }
    Err(foreign(format!(
        "{found} bytes of ciphertexts, expected {expected}"
    )))
}

fn read_fresh(body: &[u8], length: usize, count: usize) -> Result<Vec<Seeded>, SchemeError> {
    let column_bytes = SEED + 8 * length;
    expect_length(body.len(), column_bytes * count)?;
    let columns = body.chunks_exact(column_bytes).filter_map(|chunk| {
        let (seed, bodies) = chunk.split_first_chunk::<SEED>()?;
        let bodies = bodies
            .as_chunks::<8>()
            .0
            .iter()
            .map(|b| u64::from_le_bytes(*b));
        Some(Seeded {
            seed: u128::from_le_bytes(*seed),
            bodies: bodies.collect(),
        })
    });
    Ok(columns.collect())
}

/// Columns of so many words and bits of each.
fn read_results(body: &[u8], shapes: &[(usize, u32)]) -> Result<Vec<Column>, SchemeError> {
    let size = |(words, bits): &(usize, u32)| words * (*bits / 8) as usize;
    expect_length(body.len(), shapes.iter().map(size).sum())?;
    let mut rest = body;
    let mut columns = Vec::new();
    for shape in shapes {
        let (these, after) = rest.split_at(size(shape));
        rest = after;
        let words = these.chunks_exact((shape.1 / 8) as usize).map(|kept| {
            let mut word = [0u8; 8];
            word[..kept.len()].copy_from_slice(kept);
            u64::from_be_bytes(word)
        });
        columns.push(Column {
            bits: shape.1,
            words: words.collect(),
        });
    }
    Ok(columns)
}
