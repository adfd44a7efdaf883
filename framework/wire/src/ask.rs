//! What the two sides share that ask: the client of a server, and the host of a client program.

use std::io::{Read, Write};

use crate::VERSION;
use crate::error::{REASON, WireError, shown};
use crate::head::Head;
use crate::link::Link;

/// Sends a frame. A side that has stopped listening may have said why.
pub(crate) fn send<R: Read, W: Write>(
    link: &mut Link<R, W>,
    head: &Head,
    body: &[u8],
) -> Result<(), WireError> {
    let sent = link.send(head, body);
    if let Err(WireError::Io { .. }) = sent
        && let Err(said @ (WireError::Refused(_) | WireError::Failed(_))) = answer(link, LAST)
    {
        return Err(said);
    }
    sent
}

/// The frames that the answering side may end with at any time.
const LAST: &[&str] = &["refused", "failed"];

/// Reads an answer; that the other side stops is an error.
pub(crate) fn answer<R: Read, W: Write>(
    link: &mut Link<R, W>,
    expected: &'static [&'static str],
) -> Result<(Head, Vec<u8>), WireError> {
    match link.receive(expected)? {
        (Head::Refused { reason }, _) => Err(WireError::Refused(shown(&reason, REASON))),
        (Head::Failed { reason }, _) => Err(WireError::Failed(shown(&reason, REASON))),
        frame => Ok(frame),
    }
}

/// Sends a frame, and reads its answer.
pub(crate) fn ask<R: Read, W: Write>(
    link: &mut Link<R, W>,
    head: &Head,
    body: &[u8],
    expected: &'static [&'static str],
) -> Result<(Head, Vec<u8>), WireError> {
    link.step(|link| {
        send(link, head, body)?;
        answer(link, expected)
    })
}

/// Greets the answering side.
pub(crate) fn greet<R: Read, W: Write>(
    link: &mut Link<R, W>,
    software: &str,
) -> Result<(), WireError> {
    const EXPECTED: &[&str] = &["hello", "refused", "failed"];
    let hello = Head::Hello {
        version: VERSION,
        software: software.to_owned(),
    };
    match ask(link, &hello, &[], EXPECTED)?.0 {
        Head::Hello { version, .. } if version == VERSION => Ok(()),
        Head::Hello { version, .. } => Err(WireError::Version {
            found: version,
            expected: VERSION,
        }),
        other => Err(unexpected(&other, EXPECTED)),
    }
}

/// A frame that the link let pass, and that this place does not know.
pub(crate) fn unexpected(head: &Head, expected: &'static [&'static str]) -> WireError {
    WireError::OutOfOrder {
        found: head.name(),
        expected,
    }
}
