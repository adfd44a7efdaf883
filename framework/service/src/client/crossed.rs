//! What crosses between a client and the service: bytes as the connection takes and gives them, TLS and heads
//! included, by requests.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use ureq::Error;
use ureq::unversioned::transport::{Buffers, ConnectionDetails, Connector, NextTimeout, Transport};

/// Bytes of a ciphertext that an observer is shown.
pub const SAMPLE: usize = 256;

/// One attempt at a request, as it crossed.
#[derive(Clone, Debug)]
pub struct Crossed<'a> {
    /// The request's method.
    pub method: &'static str,
    /// Its path, with its query.
    pub path: &'a str,
    /// The answer's status; none where none came.
    pub status: Option<u16>,
    /// The way to the service.
    pub up: Passed,
    /// The way back.
    pub down: Passed,
}

/// What passed one way during a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Passed {
    /// All bytes: TLS, its greeting where the connection was new, heads and body.
    pub bytes: u64,
    /// Bytes of the body.
    pub body_bytes: u64,
    /// The first bytes of the body where that is a ciphertext; of keys and all else nothing.
    pub first_bytes: Vec<u8>,
    /// When the first byte passed.
    pub began: Instant,
    /// When the last one did.
    pub ended: Instant,
}

/// Whoever is told what crosses. A client that is used by several threads at once tells of all that crossed
/// meanwhile.
pub trait Observer: Send + Sync {
    /// A request has crossed, with its answer if one came.
    fn crossed(&self, crossed: &Crossed<'_>);
}

/// An observer, among settings.
#[derive(Clone)]
pub(super) struct Told(pub(super) Arc<dyn Observer>);

impl fmt::Debug for Told {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Told")
    }
}

/// What has passed since it was last taken.
#[derive(Clone, Debug, Default)]
pub(super) struct Meter(Arc<Mutex<[Count; 2]>>);

#[derive(Clone, Copy, Debug, Default)]
struct Count {
    bytes: u64,
    /// When the first and the last byte passed.
    times: Option<(Instant, Instant)>,
}

/// Which way bytes pass.
#[derive(Clone, Copy)]
enum Way {
    Up,
    Down,
}

impl Meter {
    fn pass(&self, way: Way, bytes: usize) {
        let now = Instant::now();
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let count = &mut counts[way as usize];
        count.bytes += bytes as u64;
        count.times = Some((count.times.map_or(now, |(first, _)| first), now));
    }

    /// What has passed, up and down, since this was last asked; `began` stands for times of what did not.
    pub(super) fn take(&self, began: Instant) -> (Passed, Passed) {
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let [up, down] = std::mem::take(&mut *counts).map(|count| {
            let (first, last) = count.times.unwrap_or((began, began));
            Passed {
                bytes: count.bytes,
                body_bytes: 0,
                first_bytes: vec![],
                began: first,
                ended: last,
            }
        });
        (up, down)
    }
}

/// Counts what connections take and give: of those in TLS what is outside of it.
#[derive(Debug)]
pub(super) struct Metered(pub(super) Meter);

impl<In: Transport> Connector<In> for Metered {
    type Out = Counted<In>;

    fn connect(
        &self,
        _: &ConnectionDetails<'_>,
        chained: Option<In>,
    ) -> Result<Option<Counted<In>>, Error> {
        let meter = self.0.clone();
        Ok(chained.map(|inner| Counted { inner, meter }))
    }
}

/// A connection that is counted.
#[derive(Debug)]
pub(super) struct Counted<T> {
    inner: T,
    meter: Meter,
}

impl<T: Transport> Transport for Counted<T> {
    fn buffers(&mut self) -> &mut dyn Buffers {
        self.inner.buffers()
    }

    fn transmit_output(&mut self, amount: usize, timeout: NextTimeout) -> Result<(), Error> {
        self.inner.transmit_output(amount, timeout)?;
        self.meter.pass(Way::Up, amount);
        Ok(())
    }

    fn await_input(&mut self, timeout: NextTimeout) -> Result<bool, Error> {
        let before = self.inner.buffers().input().len();
        let came = self.inner.await_input(timeout)?;
        let more = self.inner.buffers().input().len().saturating_sub(before);
        if more > 0 {
            self.meter.pass(Way::Down, more);
        }
        Ok(came)
    }

    fn is_open(&mut self) -> bool {
        self.inner.is_open()
    }

    fn is_tls(&self) -> bool {
        self.inner.is_tls()
    }
}
