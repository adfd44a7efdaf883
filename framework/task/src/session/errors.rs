//! Decrypted values against what they should be.

use ndarray::{Array2, ArrayView2};

use super::Session;
use crate::ledger::{Precision, Violation};
use hexperiment_program::OutputId;

/// One output as it was decrypted, and as it should have been.
pub(super) struct Checked<'a, 'd> {
    /// As the scheme gave it.
    pub(super) decrypted: &'a Array2<f64>,
    /// The same by the circuit's own arithmetic in the clear.
    pub(super) simulated: &'a Array2<f64>,
    /// After the client's last steps.
    pub(super) finished: &'a Array2<f64>,
    /// The same by the circuit's own arithmetic in the clear.
    pub(super) finished_simulation: &'a Array2<f64>,
    /// The same by the original program.
    pub(super) exact: &'a Array2<f64>,
    /// What the task divides by in the end, if it does: what it is off by before is held to the
    /// precision wanted.
    pub(super) divisors: Option<ArrayView2<'d, f64>>,
}

impl Session<'_> {
    /// Compares what was decrypted with what should have been. Tolerances are of what the scheme
    /// gave, errors of what the client has in the end.
    pub(super) fn check(&mut self, output: OutputId, checked: &Checked<'_, '_>) {
        let Checked {
            decrypted,
            simulated,
            finished,
            finished_simulation,
            exact,
            divisors,
        } = checked;
        let tolerance = self
            .circuit
            .parameters()
            .noise_tolerance
            .get(output.index());
        let tolerance = tolerance.copied().unwrap_or(0.0);
        let violation = worst(decrypted, simulated)
            .filter(|(_, difference)| difference.is_nan() || *difference > tolerance)
            .map(|((sample, column), _)| Violation {
                output: self.lowered.original().output(output).name.clone(),
                sample,
                column,
                expected: simulated[[sample, column]],
                received: decrypted[[sample, column]],
                tolerance,
            });
        let declared = self.lowered.original().output(output);
        let observed = match divisors {
            None => difference(finished, exact),
            Some(divisors) => difference(&(*finished * divisors), &(*exact * divisors)),
        };
        let precision = Precision {
            output: declared.name.clone(),
            demanded: declared.precision,
            observed,
            claimed: tolerance,
        };
        let errors = &mut self.report.errors;
        errors.precision = Some(match errors.precision.take() {
            Some(before) => before.further(precision),
            None => precision,
        });
        errors.max_abs = worse(errors.max_abs, difference(finished, exact));
        let approximation = difference(finished_simulation, exact);
        errors.approximation = worse(errors.approximation, approximation);
        errors.noise = worse(errors.noise, difference(finished, finished_simulation));
        errors.violation = errors.violation.take().or(violation);
        self.magnitude = exact.iter().fold(self.magnitude, |m, x| m.max(x.abs()));
    }
}

/// The place of the greatest difference; NaN counts as the greatest.
fn worst(a: &Array2<f64>, b: &Array2<f64>) -> Option<((usize, usize), f64)> {
    a.indexed_iter()
        .map(|(at, x)| (at, (x - b[at]).abs()))
        .max_by(|(_, x), (_, y)| x.total_cmp(y))
}

/// The greater of two; NaN counts as the greatest.
fn worse(a: f64, b: f64) -> f64 {
    if a.total_cmp(&b).is_lt() { b } else { a }
}

fn difference(a: &Array2<f64>, b: &Array2<f64>) -> f64 {
    worst(a, b).map_or(0.0, |(_, d)| d)
}

/// Bits of agreement: `-log2(error / magnitude)`, between 0 and 53.
pub(super) fn precision_bits(error: f64, magnitude: f64) -> f64 {
    if error == 0.0 {
        return 53.0;
    }
    if magnitude == 0.0 || !error.is_finite() {
        return 0.0;
    }
    (magnitude / error).log2().clamp(0.0, 53.0)
}
