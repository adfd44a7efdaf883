//! Evaluation keys on a stream: part by part, so that nothing of them is there twice.

use std::io::{Read, Write};

use hexperiment_scheme::{CircuitDigest, KeyPart};

use crate::ask::unexpected;
use crate::error::{REASON, WireError, shown};
use crate::head::{Head, hex, role_name, role_named};
use crate::link::{Link, at_most, exactly};

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
