//! Ciphertexts, in memory and on the wire.

use std::any::Any;
use std::sync::Arc;

use hexperiment_scheme::{CiphertextData, SchemeError};
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

/// The table of the program that ciphertexts hold. Its scales and ranges follow from it, so
/// that nobody takes one scale for another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Held {
    Input(usize),
    Output(usize),
}

impl std::fmt::Display for Held {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Input(index) => write!(f, "input number {index}"),
            Self::Output(index) => write!(f, "output number {index}"),
        }
    }
}

/// The encrypted vectors of one input or output: for each column, the ciphertexts of its chunks.
pub(crate) struct Sealed {
    pub(crate) modulus_bits: u32,
    pub(crate) held: Held,
    pub(crate) key: Fingerprint,
    pub(crate) columns: Vec<Arc<Vec<Integer>>>,
}

/// Magic, modulus bits, 0 for an input or 1 for an output, its number, columns, chunks to a
/// column, fingerprint.
const HEADER: usize = 6 * 4 + 16;
const MAGIC: u32 = u32::from_le_bytes(*b"PAI1");

/// Bytes of one ciphertext, a number below `n^2`.
pub(crate) fn width(modulus_bits: u32) -> usize {
    (2 * modulus_bits).div_ceil(8) as usize
}

/// Bytes of so many ciphertexts of one input or output.
pub(crate) fn bytes(modulus_bits: u32, ciphertexts: usize) -> u64 {
    (HEADER + ciphertexts * width(modulus_bits)) as u64
}

impl CiphertextData for Sealed {
    /// A header of six 32-bit words and the key's fingerprint, then every ciphertext in as
    /// many bytes as `n^2` has; all little-endian.
    fn write(&self, bytes: &mut Vec<u8>) -> Result<(), SchemeError> {
        let chunks = self.columns.first().map_or(0, |c| c.len());
        let word = |n: usize| {
            u32::try_from(n).map_err(|_| SchemeError::Foreign(format!("{n} are too many")))
        };
        let (role, number) = match self.held {
            Held::Input(index) => (0, index),
            Held::Output(index) => (1, index),
        };
        for word in [
            MAGIC,
            self.modulus_bits,
            role,
            word(number)?,
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
    /// Reads what [`CiphertextData::write`] wrote, for a modulus of `modulus_bits` and a program
    /// whose tables have the columns and chunks that `shape` tells. Without the key, it cannot
    /// tell more of a number than that it is positive and short enough.
    pub(crate) fn read(
        bytes: &[u8],
        modulus_bits: u32,
        shape: impl Fn(Held) -> Option<(usize, usize)>,
    ) -> Result<Self, SchemeError> {
        let foreign = |what: String| Err(SchemeError::Foreign(what));
        let Some((header, body)) = bytes.split_first_chunk::<HEADER>() else {
            return foreign(format!(
                "{} bytes, the header alone has {HEADER}",
                bytes.len()
            ));
        };
        let (words, key) = header.split_at(HEADER - 16);
        let words = words.as_chunks::<4>().0;
        let word = |i: usize| u32::from_le_bytes(words[i]) as usize;
        if words[0] != MAGIC.to_le_bytes() {
            return foreign("it does not start as Paillier ciphertexts do".into());
        }
        if word(1) != modulus_bits as usize {
            let found = word(1);
            return foreign(format!(
                "for a modulus of {found} bits, expected {modulus_bits}"
            ));
        }
        let held = match (word(2), word(3)) {
            (0, index) => Held::Input(index),
            (1, index) => Held::Output(index),
            (role, _) => return foreign(format!("neither an input nor an output, but {role}")),
        };
        let Some((columns, chunks)) = shape(held) else {
            return foreign(format!("{held} of a program that has none"));
        };
        let width = width(modulus_bits);
        let counts = (word(4), word(5));
        if counts != (columns, chunks) || body.len() != columns * chunks * width {
            return foreign(format!(
                "{held}: {} columns of {} ciphertexts in {} bytes, expected {columns} of {chunks}, \
                 of {width} bytes each",
                counts.0,
                counts.1,
                body.len(),
            ));
        }
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
        let mut fingerprint = [0; 16];
        fingerprint.copy_from_slice(key);
        let mut numbers = numbers.into_iter();
        let columns = (0..columns).map(|_| Arc::new(numbers.by_ref().take(chunks).collect()));
        Ok(Self {
            modulus_bits,
            held,
            key: Fingerprint(fingerprint),
            columns: columns.collect(),
        })
    }

    /// Checks against the key: made with it, and every number between 0 and `n^2`.
    pub(crate) fn check(&self, key: Fingerprint, square: &Integer) -> Result<(), SchemeError> {
        if self.key != key {
            return Err(SchemeError::Foreign("it was made with another key".into()));
        }
        let outside = |c: &Integer| !c.is_positive() || c >= square;
        if self.columns.iter().flat_map(|c| c.iter()).any(outside) {
            return Err(SchemeError::Foreign(
                "a number that is not below the modulus squared".into(),
            ));
        }
        Ok(())
    }
}
