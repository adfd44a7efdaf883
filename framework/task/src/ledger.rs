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

/// The error of all decrypted values against the oracle. Three parts add up to it: clipping, which
/// moves values before they are encrypted; approximation with quantisation; noise.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Errors {
    /// Largest difference to the original program in the clear, on the values that were encrypted:
    /// what clipping does is apart, see [`Errors::clipping`].
    #[serde(with = "hexperiment_program::number::single")]
    pub max_abs: f64,
    /// Largest difference of the circuit's clear arithmetic to the original program:
    /// polynomials and quantisation.
    #[serde(with = "hexperiment_program::number::single")]
    pub approximation: f64,
    /// Largest difference of the decrypted values to the circuit's clear arithmetic.
    #[serde(with = "hexperiment_program::number::single")]
    pub noise: f64,
    /// What was moved into ranges before encryption, and what it did; `None` in records of versions
    /// that did not look.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub clipping: Option<Clipping>,
    /// `-log2(max_abs / the output's magnitude in the clear)`, the least of all outputs, each by its
    /// own error and magnitude; at most 53, also for an error of 0.
    #[serde(with = "hexperiment_program::number::single")]
    pub precision_bits: f64,
    /// The parts of each output, where there is more than one.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub outputs: Vec<OutputErrors>,
    /// How near the output came that is furthest from the precision wanted; `None` where nothing was
    /// decrypted, and in records of versions that did not look.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub precision: Option<Precision>,
    /// The worst value beyond its tolerance, if any: the run has failed.
    pub violation: Option<Violation>,
}

/// Values that were moved into ranges before they were encrypted, and what that did to results.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Clipping {
    /// Numbers of data that were moved, each once.
    pub values: u64,
    /// Columns of data that they are of.
    pub columns: u64,
    /// The largest distance that one was moved, in the unit that it is encrypted in: mostly standard
    /// deviations.
    #[serde(with = "hexperiment_program::number::single")]
    pub largest_move: f64,
    /// Largest difference in the clear between the result for values as they were encrypted and that
    /// for values as they were before; of training, between the weights.
    #[serde(with = "hexperiment_program::number::single")]
    pub error: f64,
}

/// The error of one output.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct OutputErrors {
    /// The output's name.
    pub output: String,
    /// As [`Errors::max_abs`].
    #[serde(with = "hexperiment_program::number::single")]
    pub max_abs: f64,
    /// As [`Errors::approximation`].
    #[serde(with = "hexperiment_program::number::single")]
    pub approximation: f64,
    /// As [`Errors::noise`].
    #[serde(with = "hexperiment_program::number::single")]
    pub noise: f64,
    /// As [`Clipping::error`].
    #[serde(with = "hexperiment_program::number::single")]
    pub clipping: f64,
    /// The largest magnitude of a value in the clear.
    #[serde(with = "hexperiment_program::number::single")]
    pub magnitude: f64,
}

impl OutputErrors {
    /// Bits of agreement: `-log2(max_abs / magnitude)`, between 0 and 53.
    pub fn precision_bits(&self) -> f64 {
        if self.max_abs == 0.0 {
            return 53.0;
        }
        if self.magnitude == 0.0 || !self.max_abs.is_finite() {
            return 0.0;
        }
        (self.magnitude / self.max_abs).log2().clamp(0.0, 53.0)
    }

    /// The worse of each number of two measurements of one output; NaN is the worst.
    #[must_use]
    pub fn worse(self, other: &Self) -> Self {
        Self {
            max_abs: worse(self.max_abs, other.max_abs),
            approximation: worse(self.approximation, other.approximation),
            noise: worse(self.noise, other.noise),
            clipping: worse(self.clipping, other.clipping),
            magnitude: worse(self.magnitude, other.magnitude),
            output: self.output,
        }
    }
}

/// The greater of two magnitudes; NaN is the greatest.
pub(crate) fn worse(a: f64, b: f64) -> f64 {
    match (a.is_nan(), b.is_nan()) {
        (true, _) => a,
        (_, true) => b,
        _ => a.max(b),
    }
}

/// The error of one output beside the error that the task bears, as its program states it: all in the unit of
/// the result. Where the task divides by numbers of its own in the end, they are those of the value that is
/// furthest from what is wanted of it before.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Precision {
    /// The output's name.
    pub output: String,
    /// The absolute error that a value may carry.
    #[serde(with = "hexperiment_program::number::single")]
    pub demanded: f64,
    /// What it carries against the original program in the clear, at most.
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
    /// What the same model reaches in the clear on values as they were before any was moved into a
    /// range; `None` where none was.
    #[serde(
        with = "hexperiment_program::number::maybe",
        default,
        skip_serializing_if = "Option::is_none"
    )]
    pub unclipped: Option<f64>,
    /// The unit of its values, as `grey levels`; empty where it has none, and in records of earlier versions.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub unit: String,
}

impl Metric {
    /// A measure of values none of which was moved into a range.
    pub fn new(name: impl Into<String>, value: f64, plaintext: Option<f64>) -> Self {
        Self {
            name: name.into(),
            value,
            plaintext,
            unclipped: None,
            unit: String::new(),
        }
    }

    /// The same, of values in a unit.
    #[must_use]
    pub fn in_unit(mut self, unit: &str) -> Self {
        unit.clone_into(&mut self.unit);
        self
    }

    /// Notes beside each of some measures what the model in the clear reaches on values as they were
    /// before any was moved: `unclipped` has the measures of that.
    pub fn beside_unclipped(measures: &mut [Self], unclipped: &[Self]) {
        for metric in measures {
            let same = unclipped.iter().find(|other| other.name == metric.name);
            metric.unclipped = same.map(|other| other.value);
        }
    }
}

/// How well a run went. The first metric is the headline.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Quality {
    /// Samples scored; [`Prepared::samples`](crate::Prepared::samples) says how many were encrypted.
    pub samples: usize,
    /// The measures.
    pub metrics: Vec<Metric>,
    /// What a reader must know: skipped rows, columns left out.
    pub notes: Vec<String>,
}

impl Quality {
    /// The metric called `name`.
    pub fn metric(&self, name: &str) -> Option<&Metric> {
        self.metrics.iter().find(|m| m.name == name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn output(max_abs: f64, magnitude: f64) -> OutputErrors {
        OutputErrors {
            output: "y".into(),
            max_abs,
            approximation: 0.0,
            noise: max_abs,
            clipping: 0.5,
            magnitude,
        }
    }

    #[test]
    fn bits_compare_an_error_with_its_outputs_magnitude() {
        for (max_abs, magnitude, expect) in [
            (0.25, 4.0, 4.0),
            (0.0, 4.0, 53.0),
            (0.0, 0.0, 53.0),
            (1.0, 0.0, 0.0),
            (8.0, 4.0, 0.0),
            (1e-300, 1.0, 53.0),
            (f64::NAN, 1.0, 0.0),
            (f64::INFINITY, 1.0, 0.0),
        ] {
            let bits = output(max_abs, magnitude).precision_bits();
            assert_eq!(bits, expect, "{max_abs} {magnitude}");
        }
    }

    #[test]
    fn what_is_no_number_is_the_worst() {
        let worse = |a: f64, b: f64| output(a, 1.0).worse(&output(b, 2.0));
        assert_eq!(worse(1.0, 3.0), output(3.0, 2.0));
        assert_eq!(worse(3.0, 1.0), output(3.0, 2.0));
        assert!(worse(f64::NAN, 1.0).max_abs.is_nan());
        assert!(worse(1.0, f64::NAN).noise.is_nan());
    }

    #[test]
    fn measures_know_those_of_values_as_they_were() {
        let mut measures = ["auc", "f1"].map(|name| Metric::new(name, 0.5, Some(0.5)));
        Metric::beside_unclipped(&mut measures, &[Metric::new("f1", 0.75, None)]);
        assert_eq!(measures.map(|m| m.unclipped), [None, Some(0.75)]);
    }
}
