//! A client that holds neither keys nor ciphertexts in memory: it passes on what others have made, from
//! files and into files.

use std::io::{Read, Write};

use super::{Agreed, Client, Ready};
use crate::ask::{answer, send, unexpected};
use crate::error::{REASON, WireError, shown};
use crate::head::{Handle, Head, Measured};
use crate::keys::forward_keys;
use crate::link::{Link, READING, at_most};
use crate::server::Stored;

/// What a server that stops listening may have said.
const LAST: &[&str] = &["refused", "failed"];

/// What it says of ciphertexts, and of an evaluation.
const STORED: &[&str] = &["stored", "refused", "failed"];
pub(super) const EVALUATED: &[&str] = &["evaluated", "refused", "failed"];

/// Ciphertexts that are sent ahead at most: answers to more would fill the stream from the server, and both sides would wait
/// for each other. Answers of some 128 bytes each; the smallest pipe that Linux gives holds 4 KiB (pipe(7)).
const MOST_AHEAD: usize = 16;

/// Hears what the server says of so many inputs.
fn heard<R: Read, W: Write>(link: &mut Link<R, W>, inputs: usize) -> Result<(), WireError> {
    for _ in 0..inputs {
        match answer(link, STORED)?.0 {
            Head::Stored { .. } => {}
            other => return Err(unexpected(&other, STORED)),
        }
    }
    Ok(())
}

/// Where the server listens no more, the reason may be what it said of one of so many inputs.
fn said_before<R: Read, W: Write>(
    link: &mut Link<R, W>,
    inputs: usize,
    sent: Result<(), WireError>,
) -> Result<(), WireError> {
    if let Err(WireError::Io { during, .. }) = &sent
        && *during != READING
        && let Err(said @ (WireError::Refused(_) | WireError::Failed(_))) = heard(link, inputs)
    {
        return Err(said);
    }
    sent
}

impl<R: Read, W: Write> Client<Agreed, R, W> {
    /// As [`Client::send_keys`], of the frames `keys` and `key` as they stand in a stream; `passed` is
    /// told of bytes as they go.
    ///
    /// # Errors
    ///
    /// The stream does not hold keys of the circuit, or the server fails.
    pub fn forward_keys(
        mut self,
        source: &mut impl Read,
        passed: &mut dyn FnMut(u64),
    ) -> Result<(Client<Ready, R, W>, Measured), WireError> {
        const EXPECTED: &[&str] = &["prepared", "refused", "failed"];
        let circuit = self.stage.circuit;
        let (head, _) = self.link.step(|link| {
            let sent = forward_keys(link, source, circuit, passed);
            if let Err(WireError::Io { .. }) = sent
                && let Err(said @ (WireError::Refused(_) | WireError::Failed(_))) =
                    answer(link, LAST)
            {
                return Err(said);
            }
            sent?;
            answer(link, EXPECTED)
        })?;
        match head {
            Head::Prepared { measured } => {
                let stage = Ready::default();
                let client = Client {
                    link: self.link,
                    stage,
                };
                Ok((client, measured))
            }
            other => Err(unexpected(&other, EXPECTED)),
        }
    }
}

impl<R: Read, W: Write> Client<Ready, R, W> {
    /// As [`Client::upload`], of so many bytes of a stream, whose answer is not waited for: the server goes on with what
    /// comes next as soon as it has read them, without the time that it takes both sides to hear from each other. What it
    /// says of them is heard by whatever is asked next.
    ///
    /// # Errors
    ///
    /// The stream is shorter, or the server could not read what was sent before.
    pub fn forward_ciphertexts(
        &mut self,
        source: &mut impl Read,
        length: u64,
        passed: &mut dyn FnMut(u64),
    ) -> Result<Handle, WireError> {
        if self.stage.ahead == MOST_AHEAD {
            self.settle()?;
        }
        let handle = self.stage.name();
        let head = Head::Ciphertexts { handle };
        let ahead = self.stage.ahead + 1;
        self.link.step(|link| {
            let sent = link.send_from(&head, source, length, passed);
            said_before(link, ahead, sent)
        })?;
        self.stage.ahead = ahead;
        Ok(handle)
    }

    /// Lets the server evaluate, as [`Client::evaluate`] does, right behind ciphertexts that were sent ahead.
    pub(super) fn evaluate_behind(&mut self, head: &Head) -> Result<Head, WireError> {
        let ahead = std::mem::take(&mut self.stage.ahead);
        self.link.step(|link| {
            let sent = link.send(head, &[]);
            said_before(link, ahead, sent)?;
            heard(link, ahead)?;
            Ok(answer(link, EVALUATED)?.0)
        })
    }

    /// Hears what the server says of ciphertexts that were sent ahead.
    pub(super) fn settle(&mut self) -> Result<(), WireError> {
        let ahead = std::mem::take(&mut self.stage.ahead);
        self.link.step(|link| heard(link, ahead))
    }

    /// As [`Client::download`], into a stream; with how many bytes there were.
    ///
    /// # Errors
    ///
    /// The handle was discarded, the server fails, or the stream takes no more.
    pub fn download_into(
        &mut self,
        handle: Handle,
        sink: &mut impl Write,
    ) -> Result<(Stored, u64), WireError> {
        const EXPECTED: &[&str] = &["results", "refused", "failed"];
        self.stage.holds(&[handle])?;
        self.settle()?;
        self.link.step(|link| {
            send(link, &Head::Download { handle }, &[])?;
            let (head, length) = link.receive_head(EXPECTED)?;
            match head {
                Head::Results {
                    ciphertexts,
                    measured,
                } => {
                    let limit = link.limits().ciphertexts_bytes;
                    at_most("bytes of ciphertexts", length, limit)?;
                    link.receive_into(length, sink)?;
                    let stored = Stored {
                        ciphertexts,
                        measured,
                    };
                    Ok((stored, length))
                }
                Head::Refused { reason } => Err(WireError::Refused(shown(&reason, REASON))),
                Head::Failed { reason } => Err(WireError::Failed(shown(&reason, REASON))),
                other => Err(unexpected(&other, EXPECTED)),
            }
        })
    }
}
