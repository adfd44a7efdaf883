//! Answers of the process of a server, on their way to its client.

use std::fs::File;
use std::io::{Result, Write};

/// The most bytes of answers that are kept back.
const MOST_KEPT: usize = 4 << 10;

/// A stream of answers. One to a client that has sent more already goes with the next: such a client does not wait for it, and
/// to be woken by it would take a processor from the very evaluation that the client waits for. Threads that are woken
/// within that moment are put beside each other onto the other processor, where they may stay for milliseconds.
pub(crate) struct Answers {
    requests: File,
    stream: File,
    kept: Vec<u8>,
}

impl Answers {
    /// Answers to what comes by `requests`, which is only looked at.
    pub(crate) fn new(requests: &File, stream: File) -> Result<Self> {
        Ok(Self {
            requests: requests.try_clone()?,
            stream,
            kept: Vec::new(),
        })
    }

    fn write_kept(&mut self) -> Result<()> {
        let kept = std::mem::take(&mut self.kept);
        self.stream.write_all(&kept)
    }
}

/// Whether reading would not wait. Where that cannot be told, it might.
#[cfg(unix)]
fn has_more(requests: &File) -> bool {
    use std::os::fd::AsFd as _;

    use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
    let mut asked = [PollFd::new(requests.as_fd(), PollFlags::POLLIN)];
    let there = poll(&mut asked, PollTimeout::ZERO);
    // A client that has closed its end sends no more.
    let found = asked[0].revents().unwrap_or(PollFlags::empty());
    there.is_ok() && found.contains(PollFlags::POLLIN)
}

#[cfg(not(unix))]
fn has_more(_: &File) -> bool {
    false
}

impl Write for Answers {
    fn write(&mut self, bytes: &[u8]) -> Result<usize> {
        if self.kept.len() + bytes.len() > MOST_KEPT {
            self.write_kept()?;
            return self.stream.write(bytes);
        }
        self.kept.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    /// Ends an answer.
    fn flush(&mut self) -> Result<()> {
        if self.kept.is_empty() || has_more(&self.requests) {
            return Ok(());
        }
        self.write_kept()
    }
}

impl Drop for Answers {
    fn drop(&mut self) {
        // Who does not listen any more is not told.
        let _ = self.write_kept();
    }
}

#[cfg(test)]
#[cfg(unix)]
mod tests {
    use std::io::{PipeReader, Read as _, pipe};
    use std::os::fd::OwnedFd;

    use super::*;

    /// Answers, what they are read by, and what requests are written by.
    fn answers() -> (Answers, PipeReader, std::io::PipeWriter) {
        let (requests, asks) = pipe().unwrap();
        let (hears, stream) = pipe().unwrap();
        let requests = File::from(OwnedFd::from(requests));
        let stream = File::from(OwnedFd::from(stream));
        // The clone is what is looked at.
        (Answers::new(&requests, stream).unwrap(), hears, asks)
    }

    fn answer(answers: &mut Answers, bytes: &[u8]) {
        answers.write_all(bytes).unwrap();
        answers.flush().unwrap();
    }

    #[test]
    fn an_answer_goes_with_the_next_where_more_is_asked_already() {
        let (mut answers, mut hears, mut asks) = answers();
        let mut heard = [0; 4];
        answer(&mut answers, b"one;");
        hears.read_exact(&mut heard).unwrap();
        assert_eq!(&heard, b"one;", "nothing more was asked");
        asks.write_all(b"?").unwrap();
        answer(&mut answers, b"two;");
        assert!(!has_more(&File::from(OwnedFd::from(
            hears.try_clone().unwrap()
        ))));
        answers.requests.read_exact(&mut [0]).unwrap();
        answer(&mut answers, b"three;");
        drop(answers);
        let mut rest = String::new();
        hears.read_to_string(&mut rest).unwrap();
        assert_eq!(rest, "two;three;");
    }

    /// However many answers a client leaves unheard: few bytes are kept, all arrive, and in order.
    #[test]
    fn few_bytes_are_kept_and_none_are_lost() {
        let (mut answers, mut hears, mut asks) = answers();
        asks.write_all(b"?").unwrap();
        let mut all = Vec::new();
        for number in 0..30_u8 {
            let bytes = vec![number; usize::from(number) * 60];
            answer(&mut answers, &bytes);
            assert!(answers.kept.len() <= MOST_KEPT);
            all.extend(bytes);
        }
        drop(answers);
        let mut heard = Vec::new();
        hears.read_to_end(&mut heard).unwrap();
        assert_eq!(heard, all);
    }
}
