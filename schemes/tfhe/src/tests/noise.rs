//! What plans say of noise, against noise that is made.

use std::collections::BTreeMap;

use hexperiment_program::{Interval, Op, Program, ProgramBuilder, ValueId};
use ndarray::Array2;

use super::random::{LENGTH, Random, planned, program, table};
use crate::clear::{simulate, simulate_with};
use crate::parameters::Noise;
use crate::plan::{Plan, PlannedKind};

const ROUNDS: usize = 200;

impl Random {
    /// Box, Muller 1958.
    fn normal(&mut self) -> f64 {
        let (radius, angle) = (self.real().abs().max(1e-300), self.real());
        (-2.0 * radius.ln()).sqrt() * (std::f64::consts::PI * angle).cos()
    }
}

/// The plan with noise of the parameter set, as much of it in common as may be: results that are
/// read from one rotation get the same.
fn noisy(plan: &Plan, inputs: &[Array2<f64>], random: &mut Random) -> Vec<Array2<f64>> {
    let noise = Noise::of(plan.set);
    let mut rotations: BTreeMap<usize, Vec<f64>> = BTreeMap::new();
    simulate_with(plan, inputs, |source, phases| {
        let mut normal = |variance: f64| -> Vec<f64> {
            let one = || variance.sqrt() * random.normal();
            std::iter::repeat_with(one).take(phases.len()).collect()
        };
        let added = match source.map(|index| &plan.sources[index].kind) {
            None => normal(noise.before_rotation),
            Some(PlannedKind::Column(_)) => normal(noise.fresh),
            Some(PlannedKind::Result { function, .. }) => {
                let known = rotations.entry(*function);
                known.or_insert_with(|| normal(noise.bootstrapped)).clone()
            }
        };
        let turns = added.iter().map(|x| (x * 64f64.exp2()) as i64);
        let both = phases.iter().zip(turns);
        both.map(|(p, x)| p.wrapping_add(x.cast_unsigned()))
            .collect()
    })
}

/// Errors have a deviation as stated, which is at least `least` of what is stated.
#[track_caller]
fn check(
    ranges: &[Interval],
    least: f64,
    build: impl Fn(&mut ProgramBuilder, &[ValueId]) -> ValueId,
) {
    let program: Program = program(ranges, 1e-3, |b, x| Some(vec![build(b, x)])).unwrap();
    let plan = planned(&program, 20).unwrap();
    let mut random = Random(7);
    let inputs = [table(&mut random, ranges)];
    let clean = simulate(&plan, &inputs);
    let output = &plan.outputs[0][0];
    let mut squares = 0.0;
    for _ in 0..ROUNDS {
        let found = noisy(&plan, &inputs, &mut random);
        let errors = found[0].iter().zip(&clean[0]).map(|(x, y)| x - y);
        squares += errors.map(|e| e * e).sum::<f64>();
    }
    let deviation = (squares / (ROUNDS * LENGTH) as f64).sqrt();
    let stated = output.tolerance() / plan.deviations;
    assert!(
        deviation <= 1.05 * stated,
        "{deviation:e}, stated {stated:e}"
    );
    assert!(
        deviation >= least * stated,
        "{deviation:e}, stated {stated:e}"
    );
    assert_eq!(output.is_exact(), output.tolerance() == 0.0);
}

#[test]
fn sums_are_as_noisy_as_plans_tell() {
    let ranges = [Interval::new(-4.0, 4.0), Interval::new(-3.3, 4.7)];
    // What is rounded away when results are sent is not made here: a quarter of the variance.
    check(&ranges, 0.8, |b, x| {
        let terms = vec![(x[0], 0.37.into()), (x[1], (-1.91).into())];
        b.weighted_sum(terms, 0.25).unwrap()
    });
    check(&ranges, 0.8, |b, x| {
        // Elements meet themselves and others.
        let shifted = b.shift(x[0], 5).unwrap();
        let back = b.shift(shifted, -5).unwrap();
        let sum = b.add(x[0], back).unwrap();
        b.add(sum, shifted).unwrap()
    });
}

#[test]
fn smooth_results_are_as_noisy_as_plans_tell() {
    let ranges = [Interval::new(-4.0, 4.0), Interval::new(-4.0, 4.0)];
    // The bound is that of the steepest place, at 13 deviations.
    check(&ranges, 0.01, |b, x| {
        let sum = b.add(x[0], x[1]).unwrap();
        b.sigmoid(sum).unwrap()
    });
    check(&ranges, 0.01, |b, x| {
        let [a, c] = [x[0], x[1]].map(|v| b.sigmoid(v).unwrap());
        let sum = b.sub(a, c).unwrap();
        b.push(Op::Abs(sum)).unwrap()
    });
}
