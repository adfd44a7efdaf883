//! Tables as tokens, in memory and on the wire.

use std::any::Any;

use fernet::Fernet;
use hexperiment_scheme::{CiphertextData, SchemeError};
use ndarray::{Array2, ArrayView2};
use rayon::prelude::*;

use crate::layout::{Held, PLACE, TokenShape};

/// Magic, which table, how many tokens, how long each.
const HEADER: usize = 4 * 4;
const MAGIC: u32 = u32::from_le_bytes(*b"FER1");

/// Tokens that a thread takes at once: some hundred microseconds of work.
pub(crate) const AT_ONCE: usize = 64;

/// The tokens of one table, one after the other.
pub(crate) struct Tokens {
    held: Held,
    layout: TokenShape,
    text: String,
}

impl Tokens {
    /// Bytes of a table's tokens as they cross.
    pub(crate) fn bytes(layout: TokenShape) -> u64 {
        (HEADER + layout.tokens() * layout.token_bytes()) as u64
    }

    /// As long as a table's tokens, of which none verifies: for timing how they cross.
    pub(crate) fn blank(held: Held, layout: TokenShape) -> Self {
        let text = "A".repeat(layout.tokens() * layout.token_bytes());
        Self { held, layout, text }
    }

    /// Encrypts a table of the layout's shape.
    pub(crate) fn seal(
        key: &Fernet,
        held: Held,
        layout: TokenShape,
        table: ArrayView2<'_, f64>,
    ) -> Result<Self, SchemeError> {
        check_shape(held, layout, table.dim())?;
        let tokens: Vec<String> = (0..layout.tokens())
            .into_par_iter()
            .with_min_len(AT_ONCE)
            .map(|token| {
                let first = token * layout.rows_per_token;
                let mut payload = Vec::with_capacity(layout.payload_bytes());
                payload.extend(place(held, first));
                for row in first..first + layout.rows_per_token {
                    payload.extend(table.row(row).iter().flat_map(|x| x.to_le_bytes()));
                }
                key.encrypt(&payload)
            })
            .collect();
        Ok(Self {
            held,
            layout,
            text: tokens.concat(),
        })
    }

    /// Verifies and decrypts all of a table that must be `held`: rows x columns.
    pub(crate) fn open(
        &self,
        key: &Fernet,
        held: Held,
        layout: TokenShape,
    ) -> Result<Array2<f64>, SchemeError> {
        if (self.held, self.layout) != (held, layout) {
            return foreign(format!("tokens of {}, expected {held}", self.held));
        }
        let mut numbers = vec![0.0; layout.rows * layout.columns];
        let tokens = self.text.as_bytes().par_chunks(layout.token_bytes());
        numbers
            .par_chunks_mut(layout.numbers())
            .zip(tokens)
            .enumerate()
            .with_min_len(AT_ONCE)
            .try_for_each(|(token, (numbers, text))| {
                let payload = std::str::from_utf8(text)
                    .ok()
                    .and_then(|text| key.decrypt(text).ok());
                let Some(payload) = payload else {
                    return foreign(format!(
                        "{held}: token number {token} does not verify: it was changed in transit, \
                         or made with another key"
                    ));
                };
                let place = place(held, token * layout.rows_per_token);
                let Some(bytes) = payload.strip_prefix(&place) else {
                    return foreign(format!(
                        "{held}: token number {token} is genuine, but belongs in another place"
                    ));
                };
                let (doubles, rest) = bytes.as_chunks::<8>();
                if doubles.len() != numbers.len() || !rest.is_empty() {
                    return foreign(format!(
                        "{held}: token number {token} holds {} bytes, expected {} doubles",
                        bytes.len(),
                        numbers.len()
                    ));
                }
                for (number, bytes) in numbers.iter_mut().zip(doubles) {
                    *number = f64::from_le_bytes(*bytes);
                }
                Ok(())
            })?;
        Array2::from_shape_vec((layout.rows, layout.columns), numbers)
            .or_else(|e| foreign(e.to_string()))
    }

    /// Reads what [`CiphertextData::write`] wrote. Without the key it can tell no more of a token
    /// than that it is as long as it must be, and of base64's characters.
    pub(crate) fn read(
        bytes: &[u8],
        layout: impl Fn(Held) -> Option<TokenShape>,
    ) -> Result<Self, SchemeError> {
        let Some((header, text)) = bytes.split_first_chunk::<HEADER>() else {
            return foreign(format!(
                "{} bytes, the header alone has {HEADER}",
                bytes.len()
            ));
        };
        let words = header.as_chunks::<4>().0;
        let [magic, code, tokens, each] = [0, 1, 2, 3].map(|i| u32::from_le_bytes(words[i]));
        if magic != MAGIC {
            return foreign("it does not start as Fernet tokens do here".into());
        }
        let held = Held::of(code);
        let Some(layout) = layout(held) else {
            return foreign(format!("{held} of a program that has none"));
        };
        let expected = (layout.tokens(), layout.token_bytes());
        let found = (tokens as usize, each as usize);
        if found != expected || text.len() != expected.0 * expected.1 {
            return foreign(format!(
                "{held}: {} tokens of {} characters in {} bytes, expected {} of {}",
                found.0,
                found.1,
                text.len(),
                expected.0,
                expected.1
            ));
        }
        let of_base64 = |b: &u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'=');
        if let Some(at) = text.iter().position(|b| !of_base64(b)) {
            return foreign(format!(
                "{held}: token number {} is not base64",
                at / layout.token_bytes()
            ));
        }
        let text = String::from_utf8(text.to_vec()).or_else(|e| foreign(e.to_string()))?;
        Ok(Self { held, layout, text })
    }
}

impl CiphertextData for Tokens {
    /// A header of four 32-bit words, little-endian, then the tokens as the text that they are.
    fn write(&self, bytes: &mut Vec<u8>) -> Result<(), SchemeError> {
        let word = |n: usize| {
            u32::try_from(n).map_err(|_| SchemeError::Foreign(format!("{n} are too many")))
        };
        for word in [
            MAGIC,
            self.held.code(),
            word(self.layout.tokens())?,
            word(self.layout.token_bytes())?,
        ] {
            bytes.extend(word.to_le_bytes());
        }
        bytes.extend(self.text.as_bytes());
        Ok(())
    }

    fn count(&self) -> usize {
        self.layout.tokens()
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}

/// What stands before the numbers of a token: which table, and its first row.
fn place(held: Held, row: usize) -> [u8; PLACE] {
    let mut place = [0; PLACE];
    place[..4].copy_from_slice(&held.code().to_le_bytes());
    place[4..].copy_from_slice(&(row as u32).to_le_bytes());
    place
}

fn check_shape(held: Held, layout: TokenShape, found: (usize, usize)) -> Result<(), SchemeError> {
    let expected = (layout.rows, layout.columns);
    if found == expected {
        return Ok(());
    }
    foreign(format!(
        "{held}: a table of {found:?}, expected {expected:?}"
    ))
}

fn foreign<T>(what: String) -> Result<T, SchemeError> {
    Err(SchemeError::Foreign(what))
}
