//! Decrypted values against what they should be.

use ndarray::{Array2, ArrayView2};

use super::Session;
use crate::clipping::Moved;
use crate::ledger::{Clipping, Errors, OutputErrors, Precision, Violation, worse};
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
    /// The same, had no value been moved into its range before encryption; `None` where none was.
    pub(super) unclipped: Option<&'a Array2<f64>>,
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
            unclipped,
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
        let (observed, divisor) = observed(finished, exact, divisors.as_ref());
        // What is wanted of the value before it is divided, in the unit of the result.
        let precision = Precision {
            output: declared.name.clone(),
            demanded: declared.precision / divisor,
            observed,
            claimed: tolerance / divisor,
        };
        let errors = &mut self.report.errors;
        errors.precision = Some(match errors.precision.take() {
            Some(before) => before.further(precision),
            None => precision,
        });
        errors.violation = errors.violation.take().or(violation);
        let found = OutputErrors {
            output: declared.name.clone(),
            max_abs: difference(finished, exact),
            approximation: difference(finished_simulation, exact),
            noise: difference(finished, finished_simulation),
            clipping: unclipped.map_or(0.0, |unclipped| difference(exact, unclipped)),
            magnitude: exact.iter().fold(0.0, |m: f64, x| m.max(x.abs())),
        };
        errors.max_abs = worse(errors.max_abs, found.max_abs);
        errors.approximation = worse(errors.approximation, found.approximation);
        errors.noise = worse(errors.noise, found.noise);
        let of_all = &mut self.outputs;
        let so_far = match of_all.remove(&output) {
            None => found,
            Some(before) => before.worse(&found),
        };
        of_all.insert(output, so_far);
    }

    /// Notes what a task has moved into ranges, and what it did to the results, where no program's
    /// outputs tell it: of training under encryption, how far the final weights are from those that
    /// the same algorithm finds in the clear on values as they were.
    pub fn clipped(&mut self, moved: &Moved, error: f64) {
        self.moved.add(moved);
        self.clipping_stated = worse(self.clipping_stated, error);
    }

    /// The errors of all outputs.
    pub(super) fn errors(&mut self) -> Errors {
        let mut errors = std::mem::take(&mut self.report.errors);
        let outputs = || self.outputs.values();
        let by_outputs = outputs().map(|o| o.clipping);
        errors.clipping = Some(Clipping {
            values: self.moved.values,
            columns: self.moved.columns.len() as u64,
            largest_move: self.moved.largest,
            error: by_outputs.fold(self.clipping_stated, worse),
        });
        let bits = outputs().map(OutputErrors::precision_bits);
        errors.precision_bits = bits.fold(53.0, f64::min);
        if self.outputs.len() > 1 {
            errors.outputs = outputs().cloned().collect();
        }
        errors
    }
}

/// The error of the value that is furthest from what is wanted, and the magnitude of what it was divided by:
/// before that, the same is wanted of all.
fn observed(
    finished: &Array2<f64>,
    exact: &Array2<f64>,
    divisors: Option<&ArrayView2<'_, f64>>,
) -> (f64, f64) {
    let Some(divisors) = divisors else {
        return (difference(finished, exact), 1.0);
    };
    let before = worst(&(finished * divisors), &(exact * divisors));
    let Some((place, _)) = before else {
        return (0.0, 1.0);
    };
    let magnitude = |divisors: ArrayView2<'_, f64>| divisors[place].abs();
    let divisor = divisors.broadcast(finished.dim()).map_or(1.0, magnitude);
    ((finished[place] - exact[place]).abs(), divisor)
}

/// The place of the greatest difference; NaN counts as the greatest.
fn worst(a: &Array2<f64>, b: &Array2<f64>) -> Option<((usize, usize), f64)> {
    a.indexed_iter()
        .map(|(at, x)| (at, (x - b[at]).abs()))
        .max_by(|(_, x), (_, y)| x.total_cmp(y))
}

fn difference(a: &Array2<f64>, b: &Array2<f64>) -> f64 {
    worst(a, b).map_or(0.0, |(_, d)| d)
}
