//! Estimating the noise of a circuit: for the choice of the scale, and for the tolerance of
//! results.
//!
//! Independent Gaussian errors in the slots, propagated operation by operation as Costache,
//! Curtis, Hales, Murphy, Ogilvie and Player do (*On the precision loss in approximate
//! homomorphic encryption*, SAC 2023), every value taken at the largest magnitude of its range.
//! An estimate, not a proof: the tolerance is a multiple of it.

use hexperiment_core::program::lower::Lowered;
use hexperiment_core::program::{Interval, Op, OutputId, Public, ValueId};

use crate::parameters::Choice;

/// SEAL's standard deviation of fresh errors.
const SIGMA: f64 = 3.2;
/// A result this many standard deviations off is wrong. A Gaussian gets nowhere near; the rest is
/// for errors that are not independent.
const DEVIATIONS: f64 = 16.0;
/// Relative error of encoding and decoding in double precision (a transform of up to 2^16 points).
const DOUBLE: f64 = 1.0 / (1_u64 << 48) as f64;

/// Standard deviations of the errors in a program's values, in the values' own unit.
pub(crate) struct Noise<'a> {
    lowered: &'a Lowered,
    degree: f64,
    scale: f64,
    special: f64,
    levels: f64,
}

impl<'a> Noise<'a> {
    /// Of a program under a choice of ring and primes.
    pub(crate) fn new(lowered: &'a Lowered, choice: &Choice) -> Self {
        Self {
            lowered,
            degree: f64::from(choice.log_n).exp2(),
            scale: f64::from(choice.scale_bits).exp2(),
            special: f64::from(choice.special_bits).exp2(),
            levels: f64::from(choice.depth),
        }
    }

    /// Of rounding a ciphertext after a division: `(t0 + t1 s) / scale`, uniform `t`.
    fn rounding(&self) -> f64 {
        ((1.0 + 2.0 * self.degree / 3.0) / 12.0).sqrt() * self.degree.sqrt() / self.scale
    }

    /// Of a fresh public-key encryption: `v e0 + e1 + s e2` with ternary `v` and `s`, which SEAL
    /// makes over the key-switching prime too and then divides by it.
    fn fresh(&self) -> f64 {
        let before = SIGMA * (4.0 * self.degree / 3.0 + 1.0).sqrt() * self.degree.sqrt();
        (before / self.special / self.scale).hypot(self.rounding())
    }

    /// Of encoding a vector of public numbers.
    fn encoding(&self) -> f64 {
        (self.degree / 12.0).sqrt() / self.scale
    }

    /// Of switching keys: digits below their primes times key errors, divided by the
    /// key-switching prime, which is as large as the first prime and at least 4 times the others.
    fn key_switch(&self) -> f64 {
        let digits = 1.0 + self.levels / 16.0;
        let errors = SIGMA * (digits * self.degree / 12.0).sqrt() * self.degree.sqrt() / self.scale;
        errors.hypot(self.rounding())
    }

    /// Of a product with public numbers, besides what the value carries.
    fn factor(&self, public: &Public, magnitude: f64) -> f64 {
        match public {
            Public::Scalar(x) if x.fract() == 0.0 => 0.0,
            Public::Scalar(_) => 0.5 * magnitude / self.scale,
            Public::Vector(_) => magnitude * self.encoding(),
        }
    }

    /// The error of each value.
    fn values(&self) -> Vec<f64> {
        let program = self.lowered.program();
        let mut errors: Vec<f64> = Vec::with_capacity(program.values().len());
        for (id, value) in program.iter() {
            let operands = value.op().operands();
            let level = operands.iter().map(|v| self.lowered.level(*v)).max();
            let of = |v: &ValueId| {
                // Bringing an operand down costs a rounding.
                let lowered = Some(self.lowered.level(*v)) < level;
                errors[v.index()].hypot(if lowered { self.rounding() } else { 0.0 })
            };
            let size = |v: &ValueId| program.value(*v).range().magnitude();
            let largest = |p: &Public| p.range().map_or(0.0, Interval::magnitude);
            let product = |v: &ValueId, w: &Public| (largest(w) * of(v)).hypot(self.factor(w, size(v)));
            let rescale = if Some(self.lowered.level(id)) > level {
                self.rounding()
            } else {
                0.0
            };
            let error = match value.op() {
                Op::Input { .. } | Op::Constant(_) => self.fresh().hypot(self.encoding()),
                Op::Add(a, b) | Op::Sub(a, b) => of(a).hypot(of(b)),
                Op::Offset { value, by } => {
                    of(value).hypot(if by.length().is_some() { self.encoding() } else { 0.0 })
                }
                Op::Scale { value, by } => product(value, by),
                Op::WeightedSum { terms, bias } => {
                    let bias = if bias.length().is_some() { self.encoding() } else { 0.0 };
                    terms.iter().map(|(v, w)| product(v, w)).fold(bias, f64::hypot)
                }
                // Keys are switched before the rescaling, which makes that error vanish.
                Op::Mul(a, b) => (size(a) * of(b)).hypot(size(b) * of(a)).hypot(of(a) * of(b)),
                Op::Square(a) => (2.0 * size(a) * of(a)).hypot(of(a) * of(a)),
                Op::Shift { value, .. } => of(value).hypot(self.key_switch()),
                op => op.operands().iter().map(of).fold(0.0, f64::max),
            };
            errors.push(error.hypot(rescale));
        }
        errors
    }

    /// The largest error of each output that is not a failure.
    pub(crate) fn tolerances(&self) -> Vec<f64> {
        let program = self.lowered.program();
        let errors = self.values();
        let of = |v: &ValueId| {
            let rounded = DOUBLE * program.value(*v).range().magnitude();
            DEVIATIONS * errors[v.index()] + rounded
        };
        (0..program.outputs().len())
            .map(|i| {
                let output = program.output(OutputId::from_index(i));
                output.values.iter().map(of).fold(0.0, f64::max)
            })
            .collect()
    }
}
