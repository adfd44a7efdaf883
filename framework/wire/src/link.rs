//! Frames on a stream: written whole, read with every length checked.

use std::io::{ErrorKind, Read, Write};

use crate::error::{WireError, shown};
use crate::head::Head;
use crate::limits::Limits;

/// During what a source fails of which a frame is made.
pub(crate) const READING: &str = "reading what is to be sent";

/// What each frame begins with.
pub const MAGIC: [u8; 4] = *b"HEXW";

/// The bytes before a head: [`MAGIC`], the head's length in 4 bytes, the body's in 8, both with the
/// least byte first.
pub const PRELUDE_BYTES: usize = 16;

/// The least that a body's memory grows by, in bytes.
pub(crate) const CHUNK: usize = 1 << 20;

/// Two streams, of one party.
pub(crate) struct Link<R, W> {
    reader: R,
    writer: W,
    limits: Limits,
    /// Whether an error has ended the conversation.
    over: bool,
}

impl<R: Read, W: Write> Link<R, W> {
    pub(crate) fn new(reader: R, writer: W, limits: Limits) -> Self {
        Self {
            reader,
            writer,
            limits,
            over: false,
        }
    }

    pub(crate) fn limits(&self) -> &Limits {
        &self.limits
    }

    /// Does one step, unless an earlier one has failed.
    pub(crate) fn step<T>(
        &mut self,
        step: impl FnOnce(&mut Self) -> Result<T, WireError>,
    ) -> Result<T, WireError> {
        if self.over {
            return Err(WireError::Over);
        }
        let result = step(self);
        self.over = result.is_err();
        result
    }

    /// Writes a frame.
    pub(crate) fn send(&mut self, head: &Head, body: &[u8]) -> Result<(), WireError> {
        let start = start(head, body.len() as u64, &self.limits)?;
        [&start, body]
            .into_iter()
            .try_for_each(|bytes| self.writer.write_all(bytes))
            .and_then(|()| self.writer.flush())
            .map_err(io("writing a frame"))
    }

    /// Writes a frame whose body comes from elsewhere, a piece at a time; `passed` is told of each.
    pub(crate) fn send_from(
        &mut self,
        head: &Head,
        body: &mut impl Read,
        length: u64,
        passed: &mut dyn FnMut(u64),
    ) -> Result<(), WireError> {
        let start = start(head, length, &self.limits)?;
        let write =
            |writer: &mut W, bytes: &[u8]| writer.write_all(bytes).map_err(io("writing a frame"));
        write(&mut self.writer, &start)?;
        let mut piece = vec![0; length.min(CHUNK as u64) as usize];
        let mut left = length;
        while left > 0 {
            let now = left.min(CHUNK as u64) as usize;
            body.read_exact(&mut piece[..now]).map_err(io(READING))?;
            write(&mut self.writer, &piece[..now])?;
            left -= now as u64;
            passed(now as u64);
        }
        self.writer.flush().map_err(io("writing a frame"))
    }

    /// Reads a body, whose length was held against a limit, a piece at a time.
    pub(crate) fn receive_into(
        &mut self,
        length: u64,
        sink: &mut impl Write,
    ) -> Result<(), WireError> {
        let mut piece = vec![0; length.min(CHUNK as u64) as usize];
        let mut left = length;
        while left > 0 {
            let now = left.min(CHUNK as u64) as usize;
            let came = self.fill(&mut piece[..now])?;
            if came < now {
                let arrived = length - left + came as u64;
                return Err(truncated("body", arrived, length));
            }
            sink.write_all(&piece[..now])
                .map_err(io("keeping what arrived"))?;
            left -= now as u64;
        }
        Ok(())
    }

    /// Reads a frame, which must be one of these.
    pub(crate) fn receive(
        &mut self,
        expected: &'static [&'static str],
    ) -> Result<(Head, Vec<u8>), WireError> {
        let (head, length) = self.receive_head(expected)?;
        let (what, limit) = head.body_limit(&self.limits);
        at_most(what, length, limit)?;
        Ok((head, self.receive_body(length)?))
    }

    /// Reads a prelude and a head, which must be one of these, and how long its body is.
    pub(crate) fn receive_head(
        &mut self,
        expected: &'static [&'static str],
    ) -> Result<(Head, u64), WireError> {
        let mut prelude = [0; PRELUDE_BYTES];
        match self.fill(&mut prelude)? {
            0 => return Err(WireError::Closed { expected }),
            PRELUDE_BYTES => {}
            found => return Err(truncated("prelude", found as u64, PRELUDE_BYTES as u64)),
        }
        let [a, b, c, d, e, f, g, h, body @ ..] = prelude;
        if [a, b, c, d] != MAGIC {
            return Err(WireError::NoFrame {
                found: [a, b, c, d],
                expected: MAGIC,
            });
        }
        let length = u32::from_le_bytes([e, f, g, h]).into();
        at_most("bytes of a head", length, self.limits.head_bytes)?;
        let bytes = self.read("head", length)?;
        let text = std::str::from_utf8(&bytes).map_err(|e| WireError::NotUtf8 {
            at: e.valid_up_to(),
        })?;
        let head = |problem: &str| WireError::Head {
            problem: shown(problem, 300),
            expected,
        };
        // A reader of JSON by types would take a list of the values, too.
        if !text.trim_start().starts_with('{') {
            return Err(head("it is no object"));
        }
        let head: Head = serde_json::from_str(text).map_err(|e| head(&e.to_string()))?;
        if !expected.contains(&head.name()) {
            return Err(WireError::OutOfOrder {
                found: head.name(),
                expected,
            });
        }
        Ok((head, u64::from_le_bytes(body)))
    }

    /// Reads a body, whose length was held against a limit.
    pub(crate) fn receive_body(&mut self, length: u64) -> Result<Vec<u8>, WireError> {
        self.read("body", length)
    }

    /// Reads so many bytes. Memory grows with what arrives: it is at most doubled at a time, and
    /// never more than is announced.
    fn read(&mut self, part: &'static str, length: u64) -> Result<Vec<u8>, WireError> {
        let memory = |bytes: u64| WireError::Memory { what: part, bytes };
        let length = usize::try_from(length).map_err(|_| memory(length))?;
        let mut bytes = Vec::new();
        while bytes.len() < length {
            let arrived = bytes.len();
            let more = (length - arrived).min(arrived.max(CHUNK));
            bytes
                .try_reserve_exact(more)
                .map_err(|_| memory((arrived + more) as u64))?;
            bytes.resize(arrived + more, 0);
            let came = self.fill(&mut bytes[arrived..])?;
            if came < more {
                return Err(truncated(part, (arrived + came) as u64, length as u64));
            }
        }
        Ok(bytes)
    }

    /// Reads until the bytes are filled or the stream ends; how many came.
    fn fill(&mut self, bytes: &mut [u8]) -> Result<usize, WireError> {
        let mut came = 0;
        while came < bytes.len() {
            match self.reader.read(&mut bytes[came..]) {
                Ok(0) => break,
                Ok(more) => came += more,
                Err(e) if e.kind() == ErrorKind::Interrupted => {}
                Err(e) => return Err(io("reading a frame")(e)),
            }
        }
        Ok(came)
    }

    /// The stream must end here. What this party writes to is closed first, so that the other one
    /// sees its end, too.
    pub(crate) fn finish(self) -> Result<(), WireError> {
        let Self {
            mut reader, writer, ..
        } = self;
        drop(writer);
        loop {
            return match reader.read(&mut [0]) {
                Ok(0) => Ok(()),
                Ok(_) => Err(WireError::Trailing),
                Err(e) if e.kind() == ErrorKind::Interrupted => continue,
                Err(e) => Err(io("reading the end of the stream")(e)),
            };
        }
    }
}

/// Prelude and head of a frame with a body of so many bytes, both held against the limits.
pub(crate) fn start(head: &Head, body: u64, limits: &Limits) -> Result<Vec<u8>, WireError> {
    let text = serde_json::to_vec(head).map_err(|e| io("writing a head")(e.into()))?;
    let head_bytes = text.len() as u64;
    at_most("bytes of a head", head_bytes, limits.head_bytes)?;
    let short = u32::try_from(head_bytes).map_err(|_| WireError::TooMany {
        what: "bytes of a head",
        found: head_bytes,
        limit: u32::MAX.into(),
    })?;
    let (what, limit) = head.body_limit(limits);
    at_most(what, body, limit)?;
    let mut start = Vec::with_capacity(PRELUDE_BYTES + text.len());
    start.extend(MAGIC);
    start.extend(short.to_le_bytes());
    start.extend(body.to_le_bytes());
    start.extend(text);
    Ok(start)
}

pub(crate) fn io(during: &'static str) -> impl FnOnce(std::io::Error) -> WireError {
    move |source| WireError::Io { during, source }
}

fn truncated(part: &'static str, found: u64, expected: u64) -> WireError {
    WireError::Truncated {
        part,
        found,
        expected,
    }
}

/// Holds a number against its limit.
pub(crate) fn at_most(what: &'static str, found: u64, limit: u64) -> Result<(), WireError> {
    if found > limit {
        return Err(WireError::TooMany { what, found, limit });
    }
    Ok(())
}

/// Holds a number against the one that it must be.
pub(crate) fn exactly(what: &'static str, found: u64, expected: u64) -> Result<(), WireError> {
    if found != expected {
        return Err(WireError::Count {
            what,
            found,
            expected,
        });
    }
    Ok(())
}
