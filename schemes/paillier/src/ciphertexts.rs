//! Ciphertexts, in memory and on the wire.

use std::any::Any;
use std::sync::Arc;

use hexperiment_core::scheme::{CiphertextData, Ciphertexts, SchemeError};
use rug::Integer;
use rug::integer::Order;
use sha2::{Digest, Sha256};

/// Which key a ciphertext belongs to: the first half of SHA-256 of the modulus.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Fingerprint([u8; 16]);

impl Fingerprint {
    pub(crate) fn of(modulus: &Integer) -> Self {
        let digest = Sha256::digest(modulus.to_digits::<u8>(Order::Lsf));
        let mut half = [0; 16];
        half.copy_from_slice(&digest[..16]);
        Self(half)
    }
}

/// The encrypted vectors of one input or output: for each column, the ciphertexts of its chunks.
pub(crate) struct Sealed {
    pub(crate) modulus_bits: u32,
    pub(crate) key: Fingerprint,
    pub(crate) columns: Vec<Arc<Vec<Integer>>>,
}

/// Magic, modulus bits, columns, chunks to a column, fingerprint.
const HEADER: usize = 4 * 4 + 16;
const MAGIC: u32 = u32::from_le_bytes(*b"PAI1");

/// Bytes of one ciphertext, a number below `n^2`.
pub(crate) fn width(modulus_bits: u32) -> usize {
    (2 * modulus_bits).div_ceil(8) as usize
}

impl CiphertextData for Sealed {
    /// A header of four 32-bit words and the key's fingerprint, then every ciphertext in as
    /// many bytes as `n^2` has; all little-endian.
    fn write(&self, bytes: &mut Vec<u8>) -> Result<(), SchemeError> {
        let chunks = self.columns.first().map_or(0, |c| c.len());
        let word = |n: usize| {
            u32::try_from(n).map_err(|_| SchemeError::Foreign(format!("{n} are too many")))
        };
        for word in [
            MAGIC,
            self.modulus_bits,
            word(self.columns.len())?,
            word(chunks)?,
        ] {
            bytes.extend(word.to_le_bytes());
        }
        bytes.extend(self.key.0);
        let width = width(self.modulus_bits);
        bytes.reserve(width * self.count());
        for ciphertext in self.columns.iter().flat_map(|c| c.iter()) {
            let start = bytes.len();
            bytes.resize(start + width, 0);
            ciphertext.write_digits(&mut bytes[start..], Order::Lsf);
        }
        Ok(())
    }

    fn count(&self) -> usize {
        self.columns.iter().map(|c| c.len()).sum()
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}

impl Sealed {
    /// Reads what [`CiphertextData::write`] wrote, for a modulus of `modulus_bits`. Without the
    /// key, it cannot tell more than that numbers are positive and short enough.
    pub(crate) fn read(bytes: &[u8], modulus_bits: u32) -> Result<Self, SchemeError> {
        let foreign = |what: String| Err(SchemeError::Foreign(what));
        let Some((header, body)) = bytes.split_first_chunk::<HEADER>() else {
            return foreign(format!(
                "{} bytes, the header alone has {HEADER}",
                bytes.len()
            ));
        };
        let word =
            |i: usize| u32::from_le_bytes([header[i], header[i + 1], header[i + 2], header[i + 3]]);
        if word(0) != MAGIC {
            return foreign("it does not start as Paillier ciphertexts do".into());
        }
        if word(4) != modulus_bits {
            let found = word(4);
            return foreign(format!(
                "for a modulus of {found} bits, expected {modulus_bits}"
            ));
        }
        let (columns, chunks) = (word(8) as usize, word(12) as usize);
        let width = width(modulus_bits);
        let expected = columns
            .checked_mul(chunks)
            .and_then(|n| n.checked_mul(width));
        if columns == 0 || chunks == 0 || expected != Some(body.len()) {
            let found = body.len();
            return foreign(format!(
                "{found} bytes for {columns} columns of {chunks} ciphertexts of {width} bytes"
            ));
        }
        let mut key = [0; 16];
        key.copy_from_slice(&header[16..]);
        let numbers: Vec<Integer> = body
            .chunks_exact(width)
            .map(|digits| Integer::from_digits(digits, Order::Lsf))
            .collect();
        let long = |c: &Integer| c.is_zero() || c.significant_bits() > 2 * modulus_bits;
        if let Some(place) = numbers.iter().position(long) {
            return foreign(format!(
                "ciphertext number {place} is 0 or longer than the modulus squared"
            ));
        }
        let mut numbers = numbers.into_iter();
        let columns = (0..columns).map(|_| Arc::new(numbers.by_ref().take(chunks).collect()));
        Ok(Self {
            modulus_bits,
            key: Fingerprint(key),
            columns: columns.collect(),
        })
    }
}

/// The ciphertexts of this plugin within, checked against the key: made with it, of `columns`
/// columns of `chunks`, and between 0 and `n^2`.
pub(crate) fn expect<'a>(
    ciphertexts: &'a Ciphertexts,
    key: Fingerprint,
    square: &Integer,
    columns: usize,
    chunks: usize,
) -> Result<&'a Sealed, SchemeError> {
    let sealed = ciphertexts.downcast::<Sealed>()?;
    if sealed.key != key {
        return Err(SchemeError::Foreign("it was made with another key".into()));
    }
    if sealed.columns.len() != columns || sealed.columns.iter().any(|c| c.len() != chunks) {
        return Err(SchemeError::Foreign(format!(
            "{} columns of {:?} ciphertexts, expected {columns} of {chunks}",
            sealed.columns.len(),
            sealed.columns.first().map(|c| c.len())
        )));
    }
    let outside = |c: &Integer| !c.is_positive() || c >= square;
    if sealed.columns.iter().flat_map(|c| c.iter()).any(outside) {
        return Err(SchemeError::Foreign(
            "a number that is not below the modulus squared".into(),
        ));
    }
    Ok(sealed)
}
