//! Estimating the noise of a circuit: for the choice of the scale, and for the tolerance of
//! results.
//!
//! Independent errors in the slots, their mean squares propagated operation by operation as Costache,
//! Curtis, Hales, Murphy, Ogilvie and Player do (*On the precision loss in approximate
//! homomorphic encryption*, SAC 2023), every value taken at the largest magnitude of its range.
//! An estimate of the root mean square, not a proof: the tolerance is as many times that as the
//! demanded failure probability asks for, over all results. The errors are not normal: what is rounded is
//! multiplied by the secret key, whose size differs from slot to slot, so that their tail is that of
//! [`log2_slot_tail`]. What is read of a coefficient is a sum of many small independent errors instead, with
//! a tail that is lighter from 4.4 deviations on, where every demand is: the same number of deviations is
//! allowed for. In deep circuits those magnitudes
//! multiply to far too much; there, [`crate::trial`] tries errors out.

use hexperiment_program::layout::{Coding, Layout};
use hexperiment_program::lower::Lowered;
use hexperiment_program::{Interval, Op, Program, Public, Value, ValueId};
use hexperiment_scheme::security::Encryption;
use hexperiment_scheme::security::failure::{Failure, log2_slot_tail, slot_deviations_each, union};

use crate::flooding::Flooding;
use crate::parameters::Choice;
use crate::transparent::Encrypting;
use crate::trial;

/// Standard deviations of flooding noise that no result is off by: it is drawn with none beyond 8.6.
const FLOODING_DEVIATIONS: f64 = 9.0;
/// SEAL's standard deviation of fresh errors.
const SIGMA: f64 = 3.2;
/// Circuits deeper than this are tried out.
const SHALLOW: u32 = 4;
/// Standard deviations that the largest of a trial's errors is at least, where results are the least
/// certain: two thirds of its thousands of elements are drawn near there, more than a hundred to each
/// halving of the distance, of which it is beyond 2 with a probability of 0.998.
const TRIED: f64 = 2.0;
/// Relative error of encoding and decoding in double precision (a transform of up to 2^16 points).
const DOUBLE: f64 = 1.0 / (1_u64 << 48) as f64;

/// Standard deviations of the errors in a program's values, in the values' own unit.
pub(crate) struct Noise<'a> {
    pub(crate) lowered: &'a Lowered,
    /// The program as its results are read.
    read: &'a Program,
    coding: Coding,
    /// Whether elements move within their rows alone.
    pub(crate) keeps_rows: bool,
    degree: f64,
    /// Errors that are read, in units of those of coefficients: a slot is a sum of all coefficients, each
    /// times a root of unity.
    spread: f64,
    scale: f64,
    /// The key-switching prime, in units of the first prime.
    special: f64,
    first: f64,
    levels: f64,
    encrypting: &'a Encrypting,
    flooding: Option<Flooding>,
    /// Standard deviations of the error that a result may be off by.
    deviations: f64,
}

/// The slots that are read of all outputs, each of which may be off by too much.
fn results(program: &Program) -> u64 {
    let values = program.outputs().iter().flat_map(|output| &output.values);
    values.map(|v| program.value(*v).length() as u64).sum()
}

impl<'a> Noise<'a> {
    /// Of a program under a choice of ring and primes; any result is off by more than its tolerance
    /// with a probability of at most `2^failure_log2`.
    pub(crate) fn new(
        layout: &'a Layout,
        choice: &Choice,
        encrypting: &'a Encrypting,
        failure_log2: i32,
        flooding: Option<Flooding>,
    ) -> Self {
        let first = f64::from(choice.first_bits).exp2();
        let degree = f64::from(choice.log_n).exp2();
        Self {
            lowered: layout.lowered(),
            read: layout.original(),
            coding: layout.coding(),
            keeps_rows: layout.keeps_rows(),
            degree,
            spread: match layout.coding() {
                Coding::Slots => degree.sqrt(),
                Coding::Coefficients => 1.0,
            },
            scale: f64::from(choice.scale_bits).exp2(),
            special: f64::from(choice.special_bits).exp2() / first,
            first,
            levels: f64::from(choice.depth),
            encrypting,
            flooding,
            deviations: slot_deviations_each(failure_log2.into(), results(layout.original())),
        }
    }

    /// The probability that any result is off by more than its tolerance: the sum of those of all slots
    /// that are read.
    pub(crate) fn failure(&self) -> Failure {
        let slots = results(self.read);
        Failure::AtMost(union([(log2_slot_tail(self.deviations), slots)]))
    }

    /// Of rounding a ciphertext after a division: `(t0 + t1 s) / scale`, uniform `t`.
    fn rounding(&self) -> f64 {
        ((1.0 + 2.0 * self.degree / 3.0) / 12.0).sqrt() * self.spread / self.scale
    }

    /// Of a fresh public-key encryption: `v e0 + e1 + s e2` with ternary `v` and `s`, which SEAL
    /// makes over the key-switching prime too and then divides by it.
    fn fresh_public(&self) -> f64 {
        let before = SIGMA * (4.0 * self.degree / 3.0 + 1.0).sqrt() * self.spread;
        (before / (self.special * self.first) / self.scale).hypot(self.rounding())
    }

    /// Of a fresh encryption under the secret key: an error, and nothing else.
    fn fresh_secret(&self) -> f64 {
        SIGMA * self.spread / self.scale
    }

    /// Of a fresh encryption of an input.
    fn fresh(&self) -> f64 {
        match self.encrypting.inputs {
            Encryption::Owner => self.fresh_secret(),
            Encryption::Public => self.fresh_public(),
        }
    }

    /// Of the server's own encryption at a value, if it may have to encrypt there: what it puts in the
    /// place of a result is no more noisy than that where the operands were encrypted likewise.
    fn encrypted_by_server(&self, id: ValueId) -> f64 {
        let by_owner = self.encrypting.inputs == Encryption::Owner;
        if by_owner && self.encrypting.server[id.index()] {
            self.fresh_public()
        } else {
            0.0
        }
    }

    /// Of encoding a vector of public numbers.
    fn encoding(&self) -> f64 {
        self.spread / 12.0_f64.sqrt() / self.scale
    }

    /// Of switching keys: digits below their primes times key errors, divided by the
    /// key-switching prime.
    ///
    /// SEAL's digits lie in `[0, q)`, not about 0. Their mean, `q/2 (1 + X + ... + X^(N-1))`, is
    /// `q / |1 - z|` at a root `z`, up to `q N / pi` for the root nearest to 1: there the error
    /// is largest. The first prime is at least 4 times the others.
    fn key_switch(&self) -> f64 {
        let digits = (1.0 + self.levels / 16.0).sqrt() * self.degree / std::f64::consts::PI;
        let errors = SIGMA * self.degree.sqrt() * digits / self.special / self.scale;
        errors.hypot(self.rounding())
    }

    /// Of encoding the factors of a product.
    fn factor(&self, public: &Public, magnitude: f64) -> f64 {
        match public {
            Public::Scalar(x) if x.fract() == 0.0 => 0.0,
            Public::Scalar(_) => 0.5 * magnitude / self.scale,
            // One for each weight; those of 0 are exact.
            Public::Vector(xs) if self.coding == Coding::Coefficients => {
                let weights = xs.iter().filter(|x| **x != 0.0).count();
                0.5 * magnitude * (weights as f64).sqrt() / self.scale
            }
            Public::Vector(_) => magnitude * self.encoding(),
        }
    }

    /// What a product with public numbers makes of an error: in coefficients it is a sum of independent
    /// errors, each times its weight.
    fn gain(&self, public: &Public) -> f64 {
        match public {
            Public::Vector(xs) if self.coding == Coding::Coefficients => {
                xs.iter().map(|x| x * x).sum::<f64>().sqrt()
            }
            _ => public.range().map_or(0.0, Interval::magnitude),
        }
    }

    fn summand(&self, public: &Public) -> f64 {
        if public.length().is_some() || self.coding == Coding::Coefficients {
            self.encoding()
        } else {
            0.0
        }
    }

    fn size(&self, value: ValueId) -> f64 {
        self.lowered.program().value(value).range().magnitude()
    }

    /// The lowest level of an operation's operands; `None` without operands.
    fn level(&self, op: &Op) -> Option<u32> {
        let operands = op.operands();
        operands.iter().map(|v| self.lowered.level(*v)).max()
    }

    /// What bringing an operand down to its partner's level adds.
    pub(crate) fn descent(&self, op: &Op, operand: ValueId) -> f64 {
        // The weights of a sum bring its operands down by the way.
        let weighted = matches!(op, Op::Scale { .. } | Op::WeightedSum { .. });
        if !weighted && Some(self.lowered.level(operand)) < self.level(op) {
            self.rounding()
        } else {
            0.0
        }
    }

    /// What an operation adds itself.
    pub(crate) fn own(&self, id: ValueId, value: &Value) -> f64 {
        let error = match value.op() {
            Op::Input { .. } => self.fresh().hypot(self.encoding()),
            Op::Constant(_) => self.fresh_public().hypot(self.encoding()),
            Op::Offset { by, .. } => self.summand(by),
            Op::Scale { value, by } => self.factor(by, self.size(*value)),
            Op::WeightedSum { terms, bias } => terms
                .iter()
                .map(|(v, w)| self.factor(w, self.size(*v)))
                .fold(self.summand(bias), f64::hypot),
            Op::Mul(..) | Op::Square(_) => self.key_switch() / self.scale,
            Op::Shift { .. } => self.key_switch(),
            _ => 0.0,
        };
        let rescaled = self
            .level(value.op())
            .is_some_and(|l| self.lowered.level(id) > l);
        error
            .hypot(if rescaled { self.rounding() } else { 0.0 })
            .hypot(self.encrypted_by_server(id))
    }

    /// The error of each value, at the largest magnitudes of the ranges.
    fn values(&self) -> Vec<f64> {
        let program = self.lowered.program();
        let mut errors: Vec<f64> = Vec::with_capacity(program.values().len());
        for (id, value) in program.iter() {
            let of = |v: &ValueId| errors[v.index()].hypot(self.descent(value.op(), *v));
            let size = |v: &ValueId| self.size(*v);
            let carried = match value.op() {
                Op::Add(a, b) | Op::Sub(a, b) => of(a).hypot(of(b)),
                Op::Scale { value, by } => self.gain(by) * of(value),
                Op::WeightedSum { terms, .. } => terms
                    .iter()
                    .map(|(v, w)| self.gain(w) * of(v))
                    .fold(0.0, f64::hypot),
                Op::Mul(a, b) => (size(a) * of(b))
                    .hypot(size(b) * of(a))
                    .hypot(of(a) * of(b)),
                Op::Square(a) => (2.0 * size(a) * of(a)).hypot(of(a) * of(a)),
                op => op.operands().iter().map(of).fold(0.0, f64::max),
            };
            errors.push(carried.hypot(self.own(id, value)));
        }
        errors
    }

    /// The largest error of each output that is not a failure. Where errors are tried out, the largest
    /// in the trial is taken for [`TRIED`] standard deviations where results are the least certain.
    pub(crate) fn tolerances(&self) -> Vec<f64> {
        self.flooded(self.without_flooding())
    }

    /// The standard deviation of the noise that floods each output; none without noise flooding.
    pub(crate) fn flooding_deviations(&self) -> Vec<f64> {
        let factors = self.flooding.map(|flooding| flooding.factors(self.read));
        let factors = factors.unwrap_or_default();
        let errors = self.without_flooding();
        factors
            .iter()
            .zip(errors)
            .map(|(factor, error)| factor * error)
            .collect()
    }

    /// Errors with the noise that floods them.
    fn flooded(&self, mut errors: Vec<f64>) -> Vec<f64> {
        let factors = self.flooding.map(|flooding| flooding.factors(self.read));
        for (error, factor) in errors.iter_mut().zip(factors.unwrap_or_default()) {
            *error *= 1.0 + FLOODING_DEVIATIONS * factor;
        }
        errors
    }

    /// The largest error of each output that is not a failure, before noise floods it.
    fn without_flooding(&self) -> Vec<f64> {
        let bounds = self.bounds_without_flooding();
        if self.lowered.depth() <= SHALLOW {
            return bounds;
        }
        let tried = trial::largest_errors(self);
        bounds
            .into_iter()
            .zip(tried)
            .map(|(bound, tried)| bound.min(self.deviations / TRIED * tried))
            .collect()
    }

    /// The tolerances at the largest magnitudes of the ranges.
    pub(crate) fn bounds(&self) -> Vec<f64> {
        self.flooded(self.bounds_without_flooding())
    }

    fn bounds_without_flooding(&self) -> Vec<f64> {
        let program = self.lowered.program();
        let errors = self.values();
        let of = |v: &ValueId| self.deviations * errors[v.index()] + DOUBLE * self.size(*v);
        program
            .outputs()
            .iter()
            .map(|output| output.values.iter().map(of).fold(0.0, f64::max))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use rand::{Rng, SeedableRng};
    use rand_chacha::ChaCha8Rng;

    use super::*;

    /// What rounding leaves in a slot, `t0 + t1 s` at a root of unity, over many keys: rarer than is
    /// stated, and far less rare than normal errors of the same mean square would be.
    #[test]
    fn rounding_has_the_tail_that_is_stated() {
        const DEGREE: usize = 256;
        let mut random = ChaCha8Rng::seed_from_u64(0x7A11);
        let at_root = |coefficients: &[f64], root: usize| {
            let angle = std::f64::consts::PI * (2 * root + 1) as f64 / DEGREE as f64;
            coefficients
                .iter()
                .enumerate()
                .fold((0.0, 0.0), |sum, (k, c)| {
                    let (sin, cos) = (angle * k as f64).sin_cos();
                    (sum.0 + c * cos, sum.1 + c * sin)
                })
        };
        // As `Noise::rounding`, at scale 1.
        let degree = DEGREE as f64;
        let sigma = ((1.0 + 2.0 * degree / 3.0) / 12.0).sqrt() * degree.sqrt();
        let (mut all, mut beyond) = (0_u32, [0_u32; 2]);
        for _ in 0..3000 {
            let key: Vec<f64> = (0..DEGREE)
                .map(|_| f64::from(random.random_range(-1_i8..=1)))
                .collect();
            let mut uniform = || -> Vec<f64> {
                let next = || random.random_range(-0.5..0.5);
                std::iter::repeat_with(next).take(DEGREE).collect()
            };
            let (t0, t1) = (uniform(), uniform());
            for root in (0..DEGREE / 2).step_by(16) {
                let [s, a, b] = [&key, &t0, &t1].map(|c| at_root(c, root));
                let error = a.0 + b.0 * s.0 - b.1 * s.1;
                all += 1;
                for (count, z) in beyond.iter_mut().zip([2.0, 3.0]) {
                    *count += u32::from(error.abs() > z * sigma);
                }
            }
        }
        let [two, three] = beyond.map(|count| f64::from(count) / f64::from(all));
        let stated = |z: f64| log2_slot_tail(z).exp2();
        assert!(two < 1.1 * stated(2.0), "{two} {}", stated(2.0));
        assert!(three < 1.2 * stated(3.0), "{three} {}", stated(3.0));
        // A normal error of mean square sigma^2 / 2 is beyond 3 sigma with a probability of 2e-5.
        assert!(three > 4e-4, "{three}");
    }
}
