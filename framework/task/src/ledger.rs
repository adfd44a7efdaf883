//! What a session and a task write down of one run: time, traffic, errors, quality.

use serde::{Deserialize, Serialize};

/// Wall and processor time of a phase, in nanoseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Time {
    /// Wall clock.
    pub wall_ns: u64,
    /// User and system time of all threads.
    pub cpu_ns: u64,
}

impl std::ops::AddAssign for Time {
    fn add_assign(&mut self, other: Self) {
        self.wall_ns += other.wall_ns;
        self.cpu_ns += other.cpu_ns;
    }
}

/// What crossed between the parties, in exact serialized bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Traffic {
    /// Client to server.
    pub upload_bytes: u64,
    /// Server to client.
    pub download_bytes: u64,
    /// Ciphertexts sent by clients.
    pub upload_ciphertexts: u64,
    /// Ciphertexts sent by the server.
    pub download_ciphertexts: u64,
    /// Client-server-client exchanges.
    pub rounds: u32,
    /// Decryptions before the protocol's last round.
    pub decrypted_midway: u32,
    /// Numbers of data that clients sent: without padding, and each once.
    pub clear_values: u64,
}

/// The error of all decrypted values against the oracle.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Errors {
    /// Largest difference to the original program in the clear.
    #[serde(with = "hexperiment_program::number::single")]
    pub max_abs: f64,
    /// Largest difference of the circuit's clear arithmetic to the original program:
    /// polynomials and quantisation.
    #[serde(with = "hexperiment_program::number::single")]
    pub approximation: f64,
    /// Largest difference of the decrypted values to the circuit's clear arithmetic.
    #[serde(with = "hexperiment_program::number::single")]
    pub noise: f64,
    /// `-log2(max_abs / the output's magnitude in the clear)`; at most 53, also for an error of
    /// 0.
    #[serde(with = "hexperiment_program::number::single")]
    pub precision_bits: f64,
    /// How near the output came that is furthest from the precision wanted; `None` where nothing was
    /// decrypted, and in records of versions that did not look.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub precision: Option<Precision>,
    /// The worst value beyond its tolerance, if any: the run has failed.
    pub violation: Option<Violation>,
}

/// The error of one output beside the error that the task bears, as its program states it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Precision {
    /// The output's name.
    pub output: String,
    /// The absolute error that a value may carry.
    #[serde(with = "hexperiment_program::number::single")]
    pub demanded: f64,
    /// The largest that one carries against the original program in the clear, before a task's own
    /// division.
    #[serde(with = "hexperiment_program::number::single")]
    pub observed: f64,
    /// The noise that the circuit states for what it decrypts, at most.
    #[serde(with = "hexperiment_program::number::single")]
    pub claimed: f64,
}

impl Precision {
    /// Whether the error is borne.
    pub fn is_met(&self) -> bool {
        self.observed <= self.demanded
    }

    /// How many times the error that is borne was observed; NaN where that cannot be said.
    pub fn ratio(&self) -> f64 {
        match self.observed {
            0.0 => 0.0,
            observed => observed / self.demanded,
        }
    }

    /// The one of two that is further from its demand; NaN is the furthest.
    #[must_use]
    pub fn further(self, other: Self) -> Self {
        let place = |p: &Self| (p.ratio().is_nan(), p.ratio());
        let ((a_nan, a), (b_nan, b)) = (place(&self), place(&other));
        if (b_nan, b > a) > (a_nan, false) {
            other
        } else {
            self
        }
    }
}

/// A decrypted value that is not what it must be.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Violation {
    /// The output's name.
    pub output: String,
    /// The row.
    pub sample: usize,
    /// The column.
    pub column: usize,
    /// What the circuit's clear arithmetic gives.
    #[serde(with = "hexperiment_program::number::single")]
    pub expected: f64,
    /// What was decrypted.
    #[serde(with = "hexperiment_program::number::single")]
    pub received: f64,
    /// The difference that would have been borne.
    #[serde(with = "hexperiment_program::number::single")]
    pub tolerance: f64,
}

impl std::fmt::Display for Violation {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "result outside its tolerance: output `{}`, sample {}, column {}: expected {}, received \
             {}, tolerance {:.3e}",
            self.output, self.sample, self.column, self.expected, self.received, self.tolerance
        )
    }
}

/// One measure of quality.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Metric {
    /// Its name: `auc`, `mae`.
    pub name: String,
    /// What the encrypted run reached.
    #[serde(with = "hexperiment_program::number::single")]
    pub value: f64,
    /// What the same model reaches in the clear, in double precision.
    #[serde(with = "hexperiment_program::number::maybe", default)]
    pub plaintext: Option<f64>,
}

/// How well a run went. The first metric is the headline.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Quality {
    /// Samples scored; [`Prepared::samples`](crate::Prepared::samples) says how many were encrypted.
    pub samples: usize,
    /// The measures.
    pub metrics: Vec<Metric>,
    /// What a reader must know: clipped values, skipped rows.
    pub notes: Vec<String>,
}

impl Quality {
    /// The metric called `name`.
    pub fn metric(&self, name: &str) -> Option<&Metric> {
        self.metrics.iter().find(|m| m.name == name)
    }
}
