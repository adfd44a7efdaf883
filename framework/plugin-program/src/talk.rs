//! One question to a program: its time is taken, its claims are held to what can be, and its end is told.

use std::thread::available_parallelism;
use std::time::{Duration, Instant};

use hexperiment_program::Refusal;
use hexperiment_scheme::{SchemeError, elsewhere};
use hexperiment_wire::{Measured, WireError};

use crate::process::Process;

/// What clocks of two processes may differ by.
const SLACK: Duration = Duration::from_millis(100);

/// The most bytes of memory that a claim may state: as far as doubles count.
const MOST_MEMORY: u64 = 1 << 53;

/// What this program calls itself.
pub(crate) const SOFTWARE: &str = concat!("hexperiment ", env!("CARGO_PKG_VERSION"));

/// A process, and how far the conversation with it is.
pub(crate) struct Talk<Stage> {
    pub(crate) process: Process,
    pub(crate) stage: Stage,
}

/// Asks something of the program of a scheme, and counts what it says that it took.
pub(crate) fn asked<T>(
    scheme: &'static str,
    process: &mut Process,
    operation: &str,
    ask: impl FnOnce() -> Result<(T, Measured), WireError>,
) -> Result<T, SchemeError> {
    let began = Instant::now();
    let (result, measured) = ask().map_err(|error| failed(scheme, process, operation, error))?;
    let claims = check(measured, began.elapsed());
    claims.map_err(|problem| library(scheme, operation, problem))?;
    elsewhere::worked(Duration::from_nanos(measured.cpu_ns));
    elsewhere::held(process.number(), measured.peak_rss_bytes.unwrap_or(0));
    Ok(result)
}

/// Holds what a program says that a step took to what can have passed.
fn check(measured: Measured, passed: Duration) -> Result<(), String> {
    let wall = Duration::from_nanos(measured.wall_ns);
    if wall > passed + SLACK {
        return Err(format!(
            "the program says that it took {wall:?}, and {passed:?} have passed since it was asked"
        ));
    }
    let processors = available_parallelism().map_or(1, std::num::NonZero::get) as u32;
    let cpu = Duration::from_nanos(measured.cpu_ns);
    if cpu > (passed + SLACK) * processors {
        return Err(format!(
            "the program says that it took {cpu:?} of processor time, and {passed:?} have passed on \
             {processors} processors"
        ));
    }
    match measured.peak_rss_bytes {
        Some(bytes) if bytes > MOST_MEMORY => Err(format!(
            "the program says that it held {bytes} bytes, expected at most {MOST_MEMORY} (2^53)"
        )),
        _ => Ok(()),
    }
}

pub(crate) fn library(
    scheme: &'static str,
    operation: &str,
    message: impl Into<String>,
) -> SchemeError {
    SchemeError::Library {
        library: scheme,
        operation: operation.into(),
        message: message.into(),
    }
}

/// The process has ended, or does not keep to the protocol.
pub(crate) fn broken(
    scheme: &'static str,
    operation: &str,
    message: impl Into<String>,
) -> SchemeError {
    SchemeError::Broken {
        scheme,
        operation: operation.into(),
        message: message.into(),
    }
}

/// What an error of the protocol says of the program.
pub(crate) fn failed(
    scheme: &'static str,
    process: &mut Process,
    operation: &str,
    error: WireError,
) -> SchemeError {
    match error {
        WireError::Refused(reason) => Refusal::because(scheme, reason).into(),
        WireError::Failed(reason) => library(scheme, operation, reason),
        error => broken(scheme, operation, told(process, &error)),
    }
}

/// How the conversation ended: by the end of the process, or by what it said.
pub(crate) fn told(process: &mut Process, error: &WireError) -> String {
    let (how, words) = process.end();
    let words = words.map(|words| format!(": {words}")).unwrap_or_default();
    let gone = matches!(
        error,
        WireError::Io { .. } | WireError::Closed { .. } | WireError::Truncated { .. }
    );
    match (how, error) {
        (Some(how), _) if gone => format!("the program {how}{words}"),
        (None, error) if gone => {
            format!("the program closed its output and did not end ({error}){words}")
        }
        (_, WireError::OtherCircuit { .. }) => {
            format!("the program disagrees with itself: {error}{words}")
        }
        _ => format!("the program breaks the protocol: {error}{words}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn claims(measured: Measured, expect: Result<(), &str>) {
        let found = check(measured, Duration::from_secs(1));
        match (&found, expect) {
            (Ok(()), Ok(())) => {}
            (Err(found), Err(expect)) => assert!(found.contains(expect), "{found}"),
            _ => panic!("{found:?}, expected {expect:?}"),
        }
    }

    #[test]
    fn nobody_works_longer_than_time_has_passed() {
        let of = |wall_ms: u64, cpu_ms: u64, peak_rss_bytes| Measured {
            wall_ns: wall_ms * 1_000_000,
            cpu_ns: cpu_ms * 1_000_000,
            peak_rss_bytes,
        };
        claims(of(1000, 1000, None), Ok(()));
        claims(of(1050, 1050, Some(1 << 30)), Ok(()));
        claims(of(1200, 1, None), Err("took 1.2s, and 1s have passed"));
        claims(of(1, 10_000_000, None), Err("of processor time"));
        claims(of(1, 1, Some(u64::MAX)), Err("at most 9007199254740992"));
        let most = Measured {
            wall_ns: u64::MAX,
            cpu_ns: u64::MAX,
            peak_rss_bytes: None,
        };
        claims(most, Err("have passed since it was asked"));
    }
}
