//! The evaluating server, as a session reaches it: in the same process, or in another one by the
//! protocol of `docs/wire.md`.
//!
//! Both sides of [`EvaluationServer`] hold the same: ciphertexts stay at the server under
//! handles, and cross as bytes. So a session does the same for either, and counts the same.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::num::NonZero;
use std::thread::available_parallelism;

use hexperiment_program::OutputId;
use hexperiment_scheme::{Ciphertexts, Circuit, EvaluationKeys, Evaluator};
use hexperiment_wire::{Agreed, Client, Handle, Measured, Ready, WireError};

use super::SessionError;
use crate::clock::Stopwatch;
use crate::ledger::Time;

/// What an upload came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Uploaded {
    /// The name of the ciphertexts at the server.
    pub handle: Handle,
    /// The number of the scheme's ciphertexts that the server has read; `None` where it reads them only
    /// when it evaluates.
    pub ciphertexts: Option<u64>,
    /// What their crossing took, with the reading.
    pub transfer: Time,
}

/// What an evaluation came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Evaluated {
    /// One name for each output that was wanted.
    pub results: Vec<Handle>,
    /// What evaluating took, by the server's clock.
    pub evaluate: Time,
    /// What asking for it took beyond that.
    pub transfer: Time,
}

/// What a download came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Downloaded {
    /// The ciphertexts as they crossed.
    pub bytes: Vec<u8>,
    /// The number of the scheme's ciphertexts, as the server says.
    pub ciphertexts: u64,
    /// What their crossing took, with the writing.
    pub transfer: Time,
}

/// An evaluating server that has its keys: what a client may ask of it.
pub trait EvaluationServer {
    /// Takes the ciphertexts of one input to the server.
    ///
    /// # Errors
    /// The server cannot read them, or is not there any more.
    fn upload(&mut self, bytes: Vec<u8>) -> Result<Uploaded, SessionError>;

    /// Evaluates some outputs on what lies at the server, a name for each input of the program.
    ///
    /// # Errors
    /// The inputs are not those of the program, the scheme fails, or the server is not there any
    /// more.
    fn evaluate(
        &mut self,
        inputs: &[Handle],
        outputs: &[OutputId],
    ) -> Result<Evaluated, SessionError>;

    /// Fetches ciphertexts; the server keeps them.
    ///
    /// # Errors
    /// The scheme cannot write them, or the server is not there any more.
    fn download(&mut self, handle: Handle) -> Result<Downloaded, SessionError>;

    /// Lets the server forget ciphertexts.
    ///
    /// # Errors
    /// The server is not there any more.
    fn discard(&mut self, handles: &[Handle]) -> Result<(), SessionError>;
}

impl<S: EvaluationServer + ?Sized> EvaluationServer for &mut S {
    fn upload(&mut self, bytes: Vec<u8>) -> Result<Uploaded, SessionError> {
        (**self).upload(bytes)
    }

    fn evaluate(
        &mut self,
        inputs: &[Handle],
        outputs: &[OutputId],
    ) -> Result<Evaluated, SessionError> {
        (**self).evaluate(inputs, outputs)
    }

    fn download(&mut self, handle: Handle) -> Result<Downloaded, SessionError> {
        (**self).download(handle)
    }

    fn discard(&mut self, handles: &[Handle]) -> Result<(), SessionError> {
        (**self).discard(handles)
    }
}

/// A server in this process: for tests and estimates, where another process would only cost time.
pub struct InProcess<'a> {
    circuit: &'a dyn Circuit,
    evaluator: &'a dyn Evaluator,
    held: BTreeMap<Handle, Ciphertexts>,
    next: u32,
}

impl<'a> InProcess<'a> {
    /// A server that holds no ciphertexts yet.
    pub fn new(circuit: &'a dyn Circuit, evaluator: &'a dyn Evaluator) -> Self {
        Self {
            circuit,
            evaluator,
            held: BTreeMap::new(),
            next: 0,
        }
    }

    fn keep(&mut self, ciphertexts: Ciphertexts) -> Handle {
        let handle = Handle(self.next);
        self.next += 1;
        self.held.insert(handle, ciphertexts);
        handle
    }

    fn held(&self, handle: Handle) -> Result<&Ciphertexts, SessionError> {
        self.held.get(&handle).ok_or_else(|| {
            SessionError::Protocol(format!("handle {} names no ciphertexts", handle.0))
        })
    }
}

impl EvaluationServer for InProcess<'_> {
    fn upload(&mut self, bytes: Vec<u8>) -> Result<Uploaded, SessionError> {
        let watch = Stopwatch::start();
        let read = self.circuit.load(&bytes)?;
        let transfer = watch.elapsed();
        Ok(Uploaded {
            ciphertexts: Some(read.count() as u64),
            handle: self.keep(read),
            transfer,
        })
    }

    fn evaluate(
        &mut self,
        inputs: &[Handle],
        outputs: &[OutputId],
    ) -> Result<Evaluated, SessionError> {
        let inputs = inputs.iter().map(|handle| self.held(*handle).cloned());
        let inputs = inputs.collect::<Result<Vec<_>, _>>()?;
        let watch = Stopwatch::start();
        let evaluated = self.evaluator.evaluate_only(&inputs, outputs)?;
        let evaluate = watch.elapsed();
        if evaluated.len() != outputs.len() {
            return Err(SessionError::Protocol(format!(
                "the scheme yields {} outputs, expected {}",
                evaluated.len(),
                outputs.len()
            )));
        }
        Ok(Evaluated {
            results: evaluated.into_iter().map(|c| self.keep(c)).collect(),
            evaluate,
            transfer: Time::default(),
        })
    }

    fn download(&mut self, handle: Handle) -> Result<Downloaded, SessionError> {
        let ciphertexts = self.held(handle)?;
        let watch = Stopwatch::start();
        let bytes = ciphertexts.to_bytes()?;
        Ok(Downloaded {
            bytes,
            ciphertexts: ciphertexts.count() as u64,
            transfer: watch.elapsed(),
        })
    }

    fn discard(&mut self, handles: &[Handle]) -> Result<(), SessionError> {
        for handle in handles {
            self.held.remove(handle);
        }
        Ok(())
    }
}

/// What it takes until the first query can be sent, beside key generation.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct KeyTimes {
    /// The crossing of the evaluation keys.
    pub transfer: Time,
    /// What the server makes of them, once: keys expanded, weights encoded.
    pub prepare: Time,
}

/// A server in another process, or on another machine, by the protocol of `docs/wire.md`.
pub struct OverWire<R, W> {
    client: Client<Ready, R, W>,
    peak_rss_bytes: Option<u64>,
}

impl<R: Read, W: Write> OverWire<R, W> {
    /// Sends the evaluation keys, and waits until the server has prepared them.
    ///
    /// # Errors
    /// Those of [`Client::send_keys`]; the server's clock shows more than passed here.
    pub fn send_keys(
        client: Client<Agreed, R, W>,
        keys: EvaluationKeys,
    ) -> Result<(Self, KeyTimes), WireError> {
        let watch = Stopwatch::start();
        let (client, measured) = client.send_keys(keys)?;
        let (prepare, transfer) = shares(measured, watch.elapsed())?;
        let server = Self {
            client,
            peak_rss_bytes: measured.peak_rss_bytes,
        };
        Ok((server, KeyTimes { transfer, prepare }))
    }

    /// The most memory that the server's process has held so far, as it says.
    pub fn peak_rss_bytes(&self) -> Option<u64> {
        self.peak_rss_bytes
    }

    /// Ends the conversation.
    ///
    /// # Errors
    /// Those of [`Client::bye`].
    pub fn bye(self) -> Result<Measured, WireError> {
        self.client.bye()
    }

    /// What a step took both parties, the waiting in between included.
    fn crossing(&mut self, measured: Measured, passed: Time) -> Result<Time, SessionError> {
        let (server, between) = self.split(measured, passed)?;
        Ok(Time {
            wall_ns: passed.wall_ns,
            cpu_ns: between.cpu_ns + server.cpu_ns,
        })
    }

    /// What a step took the server, and what it took beyond that.
    fn split(&mut self, measured: Measured, passed: Time) -> Result<(Time, Time), SessionError> {
        self.peak_rss_bytes = self.peak_rss_bytes.max(measured.peak_rss_bytes);
        Ok(shares(measured, passed)?)
    }
}

/// How much longer a server's clock may show, in nanoseconds: clocks of two machines differ.
const CLOCKS_DIFFER_NS: u64 = 1_000_000;

/// How much longer a processor's clock may show: some systems count ticks, of 10 ms at most.
const PROCESSORS_DIFFER_NS: u64 = 100_000_000;

/// Splits what passed here between asking and answer: what the server says that it took, and the rest.
fn shares(measured: Measured, passed: Time) -> Result<(Time, Time), WireError> {
    let limit = passed.wall_ns.saturating_add(passed.wall_ns / 100);
    let limit = limit.saturating_add(CLOCKS_DIFFER_NS);
    if measured.wall_ns > limit {
        return Err(WireError::TooMany {
            what: "nanoseconds that the server says its step took",
            found: measured.wall_ns,
            limit,
        });
    }
    let processors = available_parallelism().map_or(1, NonZero::get) as u64;
    // The system counts a processor's time in steps of its own.
    let limit = limit
        .saturating_add(PROCESSORS_DIFFER_NS)
        .saturating_mul(processors);
    if measured.cpu_ns > limit {
        return Err(WireError::TooMany {
            what: "nanoseconds of all processors that the server says its step took",
            found: measured.cpu_ns,
            limit,
        });
    }
    let server = Time {
        wall_ns: measured.wall_ns,
        cpu_ns: measured.cpu_ns,
    };
    let between = Time {
        wall_ns: passed.wall_ns.saturating_sub(measured.wall_ns),
        cpu_ns: passed.cpu_ns,
    };
    Ok((server, between))
}

impl<R: Read, W: Write> EvaluationServer for OverWire<R, W> {
    fn upload(&mut self, bytes: Vec<u8>) -> Result<Uploaded, SessionError> {
        let watch = Stopwatch::start();
        let (handle, stored) = self.client.upload(&bytes)?;
        Ok(Uploaded {
            handle,
            ciphertexts: Some(stored.ciphertexts),
            transfer: self.crossing(stored.measured, watch.elapsed())?,
        })
    }

    fn evaluate(
        &mut self,
        inputs: &[Handle],
        outputs: &[OutputId],
    ) -> Result<Evaluated, SessionError> {
        let watch = Stopwatch::start();
        let (results, measured) = self.client.evaluate(inputs, outputs)?;
        let (evaluate, transfer) = self.split(measured, watch.elapsed())?;
        Ok(Evaluated {
            results,
            evaluate,
            transfer,
        })
    }

    fn download(&mut self, handle: Handle) -> Result<Downloaded, SessionError> {
        let watch = Stopwatch::start();
        let results = self.client.download(handle)?;
        Ok(Downloaded {
            transfer: self.crossing(results.measured, watch.elapsed())?,
            bytes: results.bytes,
            ciphertexts: results.ciphertexts,
        })
    }

    fn discard(&mut self, handles: &[Handle]) -> Result<(), SessionError> {
        Ok(self.client.discard(handles)?)
    }
}

/// Ciphertexts of which the two parties say different numbers.
pub(super) fn same_count(found: u64, expected: u64) -> Result<(), SessionError> {
    if found == expected {
        return Ok(());
    }
    Err(SessionError::Wire(WireError::Count {
        what: "ciphertexts that the server says crossed",
        found,
        expected,
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn measured(wall_ns: u64, cpu_ns: u64) -> Measured {
        Measured {
            wall_ns,
            cpu_ns,
            peak_rss_bytes: None,
        }
    }

    #[test]
    fn a_server_cannot_take_longer_than_passed() {
        let passed = Time {
            wall_ns: 50_000_000,
            cpu_ns: 2_000,
        };
        let (server, between) = shares(measured(30_000_000, 60_000_000), passed).unwrap();
        assert_eq!((server.wall_ns, server.cpu_ns), (30_000_000, 60_000_000));
        assert_eq!((between.wall_ns, between.cpu_ns), (20_000_000, 2_000));
        let (_, between) = shares(measured(51_500_000, 0), passed).unwrap();
        assert_eq!(between.wall_ns, 0);
        let why = shares(measured(1, u64::MAX), passed).unwrap_err();
        assert!(why.to_string().contains("of all processors"), "{why}");
        let why = shares(measured(51_500_001, 0), passed).unwrap_err();
        let why = why.to_string();
        assert!(
            why.contains("found 51500001, expected at most 51500000"),
            "{why}"
        );
    }
}
