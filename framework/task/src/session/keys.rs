//! Keys: made by the client, taken to the server, prepared there.

use hexperiment_scheme::{Circuit, Parties, SchemeError};

use crate::clock::Stopwatch;
use crate::ledger::Time;

/// What it takes until the first query can be sent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct KeyTimes {
    /// Key generation: the client's keys and tables, the evaluation keys as bytes.
    pub keygen: Time,
    /// The crossing of these bytes.
    pub key_transfer: Time,
    /// What the server makes of them, once: keys expanded, weights encoded.
    pub prepare: Time,
}

/// As [`Parties::of`], each step timed.
///
/// # Errors
///
/// The scheme's.
pub fn exchange_keys(circuit: &dyn Circuit) -> Result<(Parties, KeyTimes), SchemeError> {
    let watch = Stopwatch::start();
    let keys = circuit.generate_keys()?;
    let keygen = watch.elapsed();
    let sizes = keys.evaluation.sizes();
    let watch = Stopwatch::start();
    let crossed = keys.evaluation.cross();
    let key_transfer = watch.elapsed();
    let watch = Stopwatch::start();
    let evaluator = circuit.prepare(crossed)?;
    let prepare = watch.elapsed();
    let parties = Parties {
        encryptor: keys.encryptor,
        decryptor: keys.decryptor,
        evaluator,
        sizes,
    };
    let times = KeyTimes {
        keygen,
        key_transfer,
        prepare,
    };
    Ok((parties, times))
}
