//! A client that holds neither keys nor ciphertexts in memory: it passes on what others have made, from
//! files and into files.

use std::collections::BTreeSet;
use std::io::{Read, Write};

use super::{Agreed, Client, Ready};
use crate::ask::{answer, send, unexpected};
use crate::error::{REASON, WireError, shown};
use crate::head::{Handle, Head, Measured};
use crate::keys::forward_keys;
use crate::link::at_most;
use crate::server::Stored;

/// What a server that stops listening may have said.
const LAST: &[&str] = &["refused", "failed"];

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
                let stage = Ready {
                    next: 0,
                    taken: BTreeSet::new(),
                };
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
    /// As [`Client::upload`], of so many bytes of a stream.
    ///
    /// # Errors
    ///
    /// The stream is shorter, or the server cannot read them.
    pub fn forward_ciphertexts(
        &mut self,
        source: &mut impl Read,
        length: u64,
        passed: &mut dyn FnMut(u64),
    ) -> Result<(Handle, Stored), WireError> {
        const EXPECTED: &[&str] = &["stored", "refused", "failed"];
        let handle = self.stage.name();
        let head = Head::Ciphertexts { handle };
        let (head, _) = self.link.step(|link| {
            link.send_from(&head, source, length, passed)?;
            answer(link, EXPECTED)
        })?;
        match head {
            Head::Stored {
                ciphertexts,
                measured,
            } => Ok((
                handle,
                Stored {
                    ciphertexts,
                    measured,
                },
            )),
            other => Err(unexpected(&other, EXPECTED)),
        }
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
