//! What it takes to cross from one party's process to the other's: two pipes, as between client and
//! server of a cell.

use std::io::{PipeReader, PipeWriter, Read as _, Write as _, pipe};
use std::time::{Duration, Instant};

/// Bytes that are sent to find out what a byte takes.
const SENT: usize = 4 << 20;

/// Round trips and crossings that are timed; the median counts.
const TIMES: usize = 21;

/// What crossing takes on this machine, by the clock.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Crossing {
    /// A short message and a short answer.
    round_trip: Duration,
    /// Seconds of a byte.
    byte: f64,
}

impl Crossing {
    /// Times both; without pipes nothing takes any time.
    pub(crate) fn measure() -> Self {
        Self::try_measure().unwrap_or(Self {
            round_trip: Duration::ZERO,
            byte: 0.0,
        })
    }

    fn try_measure() -> std::io::Result<Self> {
        let (to_server, answers) = answering()?;
        let (mut to_server, mut answers) = (to_server, answers);
        let mut trips = Vec::with_capacity(TIMES);
        let mut crossings = Vec::with_capacity(TIMES);
        let bytes = vec![1; SENT];
        for _ in 0..TIMES {
            trips.push(asked(&mut to_server, &mut answers, &[])?);
        }
        for _ in 0..TIMES {
            crossings.push(asked(&mut to_server, &mut answers, &bytes)?);
        }
        let median = |mut times: Vec<Duration>| {
            times.sort();
            times[times.len() / 2]
        };
        let round_trip = median(trips);
        let crossing = median(crossings).saturating_sub(round_trip);
        Ok(Self {
            round_trip,
            byte: crossing.as_secs_f64() / SENT as f64,
        })
    }

    /// So many messages with an answer each, and so many bytes in all.
    pub(crate) fn takes(self, messages: u32, bytes: u64) -> Duration {
        self.round_trip * messages + Duration::from_secs_f64(self.byte * bytes as f64)
    }
}

/// A thread that answers every message, which is its length in eight bytes and as many bytes.
fn answering() -> std::io::Result<(PipeWriter, PipeReader)> {
    let (mut questions, to_server) = pipe()?;
    let (answers, mut from_server) = pipe()?;
    std::thread::spawn(move || {
        let mut body = vec![0; SENT];
        let mut length = [0; 8];
        // The other end is closed when all is timed.
        while questions.read_exact(&mut length).is_ok() {
            let length = (u64::from_le_bytes(length) as usize).min(SENT);
            let read = questions.read_exact(&mut body[..length]);
            if read.and_then(|()| from_server.write_all(&[0])).is_err() {
                break;
            }
        }
    });
    Ok((to_server, answers))
}

fn asked(
    to_server: &mut PipeWriter,
    answers: &mut PipeReader,
    bytes: &[u8],
) -> std::io::Result<Duration> {
    let began = Instant::now();
    to_server.write_all(&(bytes.len() as u64).to_le_bytes())?;
    to_server.write_all(bytes)?;
    answers.read_exact(&mut [0])?;
    Ok(began.elapsed())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn more_takes_longer() {
        let crossing = Crossing::try_measure().unwrap();
        assert!(crossing.round_trip > Duration::ZERO && crossing.byte > 0.0);
        assert!(crossing.takes(1, 1 << 30) > crossing.takes(1, 1 << 20));
        assert_eq!(crossing.takes(0, 0), Duration::ZERO);
        assert_eq!(crossing.takes(3, 0), crossing.round_trip * 3);
    }
}
