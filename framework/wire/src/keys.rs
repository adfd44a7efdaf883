//! Evaluation keys on a stream: part by part, so that nothing of them is there twice.

use std::collections::BTreeSet;
use std::io::{Read, Seek, SeekFrom, Write};

use hexperiment_scheme::{CircuitDigest, EvaluationKeys, KeyPart, KeyRole};

use crate::ask::unexpected;
use crate::error::{REASON, WireError, shown};
use crate::head::{Head, hex, role_name, role_named, same_circuit};
use crate::limits::Limits;
use crate::link::{Link, at_most, exactly, io, start};

/// Reads so many parts of keys, which have so many bytes together.
pub(crate) fn key_parts<R: Read, W: Write>(
    link: &mut Link<R, W>,
    count: u64,
    bytes: u64,
    expected: &'static [&'static str],
) -> Result<Vec<KeyPart>, WireError> {
    at_most("parts of the keys", count, link.limits().key_parts)?;
    at_most("bytes of all keys", bytes, link.limits().keys_bytes)?;
    let (mut parts, mut left) = (Vec::new(), bytes);
    for _ in 0..count {
        let (head, length) = link.receive_head(expected)?;
        let role = match head {
            Head::Key { role } => role_named(&role)?,
            Head::Refused { reason } => return Err(WireError::Refused(shown(&reason, REASON))),
            Head::Failed { reason } => return Err(WireError::Failed(shown(&reason, REASON))),
            other => return Err(unexpected(&other, expected)),
        };
        at_most("bytes of a key, of those announced", length, left)?;
        parts.push(KeyPart::new(role, link.receive_body(length)?));
        left -= length;
    }
    exactly("bytes of all keys", bytes - left, bytes)?;
    Ok(parts)
}

/// Sends the keys of a circuit. Each part is dropped once it is sent.
pub(crate) fn send_keys<R: Read, W: Write>(
    link: &mut Link<R, W>,
    circuit: CircuitDigest,
    parts: Vec<KeyPart>,
) -> Result<(), WireError> {
    let bytes = parts.iter().map(|part| part.bytes().len() as u64).sum();
    let keys = Head::Keys {
        circuit: hex(circuit),
        parts: parts.len() as u64,
        bytes,
    };
    link.send(&keys, &[])?;
    for part in parts {
        let role = role_name(part.role()).to_owned();
        link.send(&Head::Key { role }, part.bytes())?;
    }
    Ok(())
}

/// The frame `keys` of evaluation keys, as it announces them.
pub(crate) fn announcement(keys: &EvaluationKeys) -> Head {
    Head::Keys {
        circuit: hex(keys.circuit()),
        parts: keys.parts().len() as u64,
        bytes: keys.parts().iter().map(|p| p.bytes().len() as u64).sum(),
    }
}

/// Evaluation keys as they cross, to be read: the frame `keys` and its frames `key`, without a copy of
/// their bytes.
pub struct KeyFrames<'a> {
    /// What comes next, the last first.
    pieces: Vec<Piece<'a>>,
    /// Bytes of the next piece that were read.
    read: usize,
    length: u64,
}

enum Piece<'a> {
    Start(Vec<u8>),
    Body(&'a [u8]),
}

impl Piece<'_> {
    fn bytes(&self) -> &[u8] {
        match self {
            Self::Start(bytes) => bytes,
            Self::Body(bytes) => bytes,
        }
    }
}

impl<'a> KeyFrames<'a> {
    /// Those of these keys.
    ///
    /// # Errors
    /// The keys are larger than the limits.
    pub fn new(keys: &'a EvaluationKeys, limits: &Limits) -> Result<Self, WireError> {
        let mut pieces = vec![Piece::Start(start(&announcement(keys), 0, limits)?)];
        for part in keys.parts() {
            let role = role_name(part.role()).to_owned();
            let bytes = part.bytes();
            let head = start(&Head::Key { role }, bytes.len() as u64, limits)?;
            pieces.extend([Piece::Start(head), Piece::Body(bytes)]);
        }
        let length = pieces.iter().map(|piece| piece.bytes().len() as u64).sum();
        pieces.reverse();
        Ok(Self {
            pieces,
            read: 0,
            length,
        })
    }

    /// The bytes of all frames.
    pub fn length(&self) -> u64 {
        self.length
    }
}

impl Read for KeyFrames<'_> {
    fn read(&mut self, bytes: &mut [u8]) -> std::io::Result<usize> {
        while let Some(piece) = self.pieces.last() {
            let rest = &piece.bytes()[self.read..];
            if rest.is_empty() {
                self.pieces.pop();
                self.read = 0;
                continue;
            }
            let count = rest.len().min(bytes.len());
            bytes[..count].copy_from_slice(&rest[..count]);
            self.read += count;
            return Ok(count);
        }
        Ok(0)
    }
}

/// What keys in a file are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeysFound {
    /// Their parts.
    pub parts: u64,
    /// The bytes of all parts.
    pub bytes: u64,
    /// The roles that they have.
    pub roles: BTreeSet<KeyRole>,
}

/// Reads the frames of evaluation keys, from the beginning of a file to its end, and passes over their
/// bytes: whether they are keys of the circuit, and what of.
///
/// # Errors
/// They are not: another circuit, other lengths or roles than announced, bytes behind them.
pub fn check_keys<R: Read + Seek>(
    source: &mut R,
    circuit: CircuitDigest,
    limits: Limits,
) -> Result<KeysFound, WireError> {
    const EXPECTED: &[&str] = &["keys"];
    const PART: &[&str] = &["key"];
    let seek = |source: &mut R, to| source.seek(to).map_err(io("reading keys"));
    let end = seek(source, SeekFrom::End(0))?;
    seek(source, SeekFrom::Start(0))?;
    let (found, parts, bytes) = announced(&mut quiet(source, limits), EXPECTED)?;
    same_circuit(&found, circuit, "the keys'")?;
    let (mut roles, mut left) = (BTreeSet::new(), bytes);
    for _ in 0..parts {
        let (role, length) = part(&mut quiet(source, limits), PART)?;
        at_most("bytes of a key, of those announced", length, left)?;
        roles.insert(role);
        let body = seek(source, SeekFrom::Current(0))?;
        if end - body < length {
            return Err(WireError::Truncated {
                part: "body",
                found: end - body,
                expected: length,
            });
        }
        seek(source, SeekFrom::Start(body + length))?;
        left -= length;
    }
    exactly("bytes of all keys", bytes - left, bytes)?;
    if seek(source, SeekFrom::Current(0))? != end {
        return Err(WireError::Trailing);
    }
    Ok(KeysFound {
        parts,
        bytes,
        roles,
    })
}

/// A link that is only read from.
fn quiet<R: Read>(source: &mut R, limits: Limits) -> Link<&mut R, std::io::Sink> {
    Link::new(source, std::io::sink(), limits)
}

/// Reads a frame `keys`: circuit, parts and bytes that it announces, within the limits.
fn announced<R: Read, W: Write>(
    link: &mut Link<R, W>,
    expected: &'static [&'static str],
) -> Result<(String, u64, u64), WireError> {
    let (head, _) = link.receive(expected)?;
    let Head::Keys {
        circuit,
        parts,
        bytes,
    } = head
    else {
        return Err(unexpected(&head, expected));
    };
    at_most("parts of the keys", parts, link.limits().key_parts)?;
    at_most("bytes of all keys", bytes, link.limits().keys_bytes)?;
    Ok((circuit, parts, bytes))
}

/// Reads the head of a frame `key`: the role, and the bytes of its body.
fn part<R: Read, W: Write>(
    link: &mut Link<R, W>,
    expected: &'static [&'static str],
) -> Result<(KeyRole, u64), WireError> {
    match link.receive_head(expected)? {
        (Head::Key { role }, length) => Ok((role_named(&role)?, length)),
        (other, _) => Err(unexpected(&other, expected)),
    }
}

/// Sends the frames of evaluation keys from a stream of them, a piece at a time.
pub(crate) fn forward_keys<R: Read, W: Write>(
    link: &mut Link<R, W>,
    source: &mut impl Read,
    circuit: CircuitDigest,
    passed: &mut dyn FnMut(u64),
) -> Result<(), WireError> {
    const EXPECTED: &[&str] = &["keys"];
    const PART: &[&str] = &["key"];
    let limits = *link.limits();
    let (found, parts, bytes) = announced(&mut quiet(source, limits), EXPECTED)?;
    same_circuit(&found, circuit, "the keys'")?;
    let keys = Head::Keys {
        circuit: found,
        parts,
        bytes,
    };
    link.send(&keys, &[])?;
    let mut left = bytes;
    for _ in 0..parts {
        let (role, length) = part(&mut quiet(source, limits), PART)?;
        at_most("bytes of a key, of those announced", length, left)?;
        let role = role_name(role).to_owned();
        link.send_from(&Head::Key { role }, source, length, passed)?;
        left -= length;
    }
    exactly("bytes of all keys", bytes - left, bytes)
}
