//! Estimating the noise of a circuit, for the tolerance of its results.
//!
//! Independent Gaussian errors in the slots, propagated operation by operation as Costache,
//! Curtis, Hales, Murphy, Ogilvie and Player do (*On the precision loss in approximate
//! homomorphic encryption*, SAC 2023). An estimate, not a proof: the tolerance is a wide multiple
//! of it.

use hexperiment_core::program::{Interval, Op, OutputId, Program, Public, ValueId};

/// SEAL's standard deviation of fresh errors.
const SIGMA: f64 = 3.2;
/// A result this many standard deviations off is wrong.
const DEVIATIONS: f64 = 64.0;

/// Standard deviations of the errors in a program's values, in the values' own unit.
pub(crate) struct Noise<'a> {
    program: &'a Program,
    degree: f64,
    scale: f64,
}

impl<'a> Noise<'a> {
    /// For a ring of `degree`, where numbers are encoded at about `scale`.
    pub(crate) fn new(program: &'a Program, degree: usize, scale: f64) -> Self {
        Self {
            program,
            degree: degree as f64,
            scale,
        }
    }

    /// Of a fresh public-key encryption: `v e0 + e1 + s e2` with ternary `v` and `s`.
    fn fresh(&self) -> f64 {
        SIGMA * (4.0 * self.degree / 3.0 + 1.0).sqrt() * self.degree.sqrt() / self.scale
    }

    /// Of rounding a ciphertext: `(t0 + t1 s) / scale`, uniform `t`. Key switching by a prime as
    /// large as the others adds about the same.
    fn rounding(&self) -> f64 {
        ((1.0 + 2.0 * self.degree / 3.0) / 12.0).sqrt() * self.degree.sqrt() / self.scale
    }

    /// Of rounding an encoded vector.
    fn encoding(&self) -> f64 {
        (self.degree / 12.0).sqrt() / self.scale
    }

    fn key_switch(&self) -> f64 {
        // Digit decomposition sums some terms of the size of the special prime.
        4.0 * self.rounding()
    }

    /// The error of each value.
    fn values(&self) -> Vec<f64> {
        let mut errors: Vec<f64> = Vec::new();
        for value in self.program.values() {
            let of = |v: &ValueId| errors[v.index()];
            let size = |v: &ValueId| self.program.value(*v).range().magnitude();
            let largest = |p: &Public| p.range().map_or(0.0, Interval::magnitude);
            let error = match value.op() {
                Op::Input { .. } => self.fresh(),
                Op::Add(a, b) | Op::Sub(a, b) => of(a).hypot(of(b)),
                Op::Scale { value, by } => (largest(by) * of(value))
                    .hypot(size(value) * self.encoding())
                    .hypot(self.rounding()),
                Op::WeightedSum { terms, .. } => terms
                    .iter()
                    .map(|(v, w)| (largest(w) * of(v)).hypot(size(v) * self.encoding()))
                    .fold(self.rounding(), f64::hypot),
                Op::Mul(a, b) => (size(a) * of(b))
                    .hypot(size(b) * of(a))
                    .hypot(of(a) * of(b))
                    .hypot(self.key_switch()),
                Op::Square(a) => (2.0 * size(a) * of(a))
                    .hypot(of(a) * of(a))
                    .hypot(self.key_switch()),
                Op::Shift { value, .. } => of(value).hypot(self.key_switch()),
                Op::Constant(_) => 0.0,
                op => op.operands().iter().map(of).fold(0.0, f64::max),
            };
            // Bringing an operand down a level costs a rounding.
            errors.push(
                error
                    .hypot(self.rounding())
                    .hypot(self.encoding() * value.range().magnitude()),
            );
        }
        errors
    }

    /// The largest error of each output that is not a failure.
    pub(crate) fn tolerances(&self) -> Vec<f64> {
        let errors = self.values();
        (0..self.program.outputs().len())
            .map(|i| {
                let output = self.program.output(OutputId::from_index(i));
                DEVIATIONS
                    * output
                        .values
                        .iter()
                        .map(|v| errors[v.index()])
                        .fold(0.0, f64::max)
            })
            .collect()
    }
}
