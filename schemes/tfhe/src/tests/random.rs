//! Random programs in the clear: what plans say of their rounding against the oracle.

use hexperiment_program::lower::lower;
use hexperiment_program::{
    Column, Input, Interval, LookupTable, Op, Output, Party, Program, ProgramBuilder, Public,
    Relation, ValueId,
};
use hexperiment_scheme::Scheme;
use ndarray::Array2;

use super::options;
use crate::Tfhe;
use crate::clear::simulate;
use crate::error::{ExactTable, PlanError};
use crate::plan::Plan;
use crate::plan::plan_program;

pub(super) const LENGTH: usize = 24;

/// What plans are made for.
pub(super) const FAILURE_LOG2: i32 = -128;

/// SplitMix64 (Steele, Lea, Flood 2014).
pub(super) struct Random(pub(super) u64);

impl Random {
    fn word(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    pub(super) fn below(&mut self, n: u64) -> u64 {
        self.word() % n
    }

    /// From -1 to 1.
    pub(super) fn real(&mut self) -> f64 {
        self.word().cast_signed() as f64 / 63f64.exp2()
    }

    /// Of any magnitude between `2^-most` and `2^most`.
    fn wide(&mut self, most: f64) -> f64 {
        (self.real() * most).exp2() * self.real().signum()
    }

    fn public(&mut self, most: f64) -> Public {
        match self.below(4) {
            0 => Public::from((0..LENGTH).map(|_| self.wide(most)).collect::<Vec<_>>()),
            1 => Public::Scalar((self.real() * 9.0).round()),
            _ => Public::Scalar(self.wide(most)),
        }
    }
}

pub(super) fn planned(program: &Program, bits: u32) -> Result<Plan, PlanError> {
    let lowered = lower(
        program,
        &Tfhe.capabilities(&options(i64::from(bits))).unwrap(),
    );
    plan_program(lowered.unwrap().program(), bits, FAILURE_LOG2)
}

/// A program whose columns have these ranges, one output for each value that `build` returns;
/// `None` if its numbers get too large.
pub(super) fn program(
    ranges: &[Interval],
    precision: f64,
    build: impl FnOnce(&mut ProgramBuilder, &[ValueId]) -> Option<Vec<ValueId>>,
) -> Option<Program> {
    let mut builder = ProgramBuilder::new("random");
    let columns = ranges.iter().map(|range| Column {
        name: "x".into(),
        range: *range,
    });
    let (_, values) = builder
        .input(Input {
            name: "x".into(),
            owner: Party::Client(0),
            length: LENGTH,
            columns: columns.collect(),
            precision,
        })
        .unwrap();
    for (index, value) in build(&mut builder, &values)?.into_iter().enumerate() {
        let output = Output {
            name: format!("y{index}"),
            values: vec![value],
            precision,
        };
        builder.output(output).unwrap();
    }
    builder.finish().ok()
}

fn ranges(random: &mut Random, most: f64) -> Vec<Interval> {
    (0..=random.below(4))
        .map(|_| {
            let centre = random.wide(most);
            let half = match random.below(8) {
                0 => 0.0,
                _ => random.wide(most).abs(),
            };
            Interval::new(centre - half, centre + half)
        })
        .collect()
}

pub(super) fn table(random: &mut Random, ranges: &[Interval]) -> Array2<f64> {
    Array2::from_shape_fn((LENGTH, ranges.len()), |(i, j)| match i {
        0 => ranges[j].low,
        1 => ranges[j].high,
        _ => ranges[j].clamp(ranges[j].centre() + 0.5 * random.real() * ranges[j].width()),
    })
}

/// Room for the doubles of the oracle itself.
fn slack(program: &Program) -> f64 {
    let largest = program.values().iter().map(|v| v.range().magnitude());
    1e-12 * largest.fold(0.0, f64::max)
}

#[test]
fn sums_stay_within_the_rounding_that_plans_tell() {
    let (mut wanted, mut made) = (0, 0);
    for seed in 0..600 {
        let mut random = Random(seed);
        let ranges = ranges(&mut random, [3.0, 20.0, 40.0][seed as usize % 3]);
        let program = program(&ranges, 1e-3, |b, x| {
            let terms: Vec<_> = x.iter().map(|v| (*v, random.public(20.0))).collect();
            let sum = b.weighted_sum(terms, random.public(10.0)).ok()?;
            let other = b.scale(x[0], random.wide(30.0)).ok()?;
            Some(vec![sum, other])
        });
        let Some(program) = program else { continue };
        wanted += 1;
        let Ok(plan) = planned(&program, 20) else {
            continue;
        };
        made += 1;
        let inputs = [table(&mut random, &ranges)];
        let exact = program.interpret(&inputs).unwrap();
        let found = simulate(&plan, &inputs);
        for (output, (exact, found)) in exact.iter().zip(&found).enumerate() {
            let bound = plan.outputs[output][0].rounding();
            for (x, y) in exact.iter().zip(found) {
                assert!(
                    (x - y).abs() <= 1.000_001 * bound + slack(&program),
                    "seed {seed}: {x}, {y}: {bound}; {ranges:?}"
                );
            }
        }
    }
    // Refused: outputs that drown beside far larger ones of the same column.
    assert!(10 * made >= 9 * wanted, "{made} of {wanted}");
}

#[test]
fn steps_agree_beyond_the_rounding_that_plans_tell() {
    let (mut wanted, mut made, mut coarse, mut noisy) = (0, 0, 0, 0);
    for seed in 0..900 {
        let mut random = Random(seed);
        let bits = 5 + (seed % 16) as u32;
        let ranges = ranges(&mut random, [2.0, 6.0, 20.0][seed as usize % 3]);
        let most = [1.0, 4.0, 10.0][seed as usize / 3 % 3];
        let program = program(&ranges, 1e-6, |b, x| {
            let terms: Vec<_> = x.iter().map(|v| (*v, random.public(most))).collect();
            let sum = b.weighted_sum(terms, 0.0).ok()?;
            let threshold = random.real() * 2.0;
            let argument = b.offset(sum, -threshold).ok()?;
            let step = b.step(argument).ok()?;
            let sign = b.push(Op::Sign(argument)).ok()?;
            Some(vec![argument, step, sign])
        });
        let Some(program) = program else { continue };
        wanted += 1;
        let plan = match planned(&program, bits) {
            Ok(plan) => plan,
            Err(PlanError::CoarseComparison { .. }) => {
                coarse += 1;
                continue;
            }
            Err(PlanError::NoisyArgument {
                table: ExactTable::Step,
                ..
            }) => {
                noisy += 1;
                continue;
            }
            Err(other) => panic!("seed {seed}: {other}"),
        };
        made += 1;
        let inputs = [table(&mut random, &ranges)];
        let exact = program.interpret(&inputs).unwrap();
        let found = simulate(&plan, &inputs);
        for row in 0..LENGTH {
            if exact[0][[row, 0]].abs()
                <= 1.000_001 * plan.certainty.argument_rounding + slack(&program)
            {
                continue;
            }
            for output in 1..3 {
                assert_eq!(
                    exact[output][[row, 0]],
                    found[output][[row, 0]],
                    "seed {seed}, row {row}: argument {}, rounding {}",
                    exact[0][[row, 0]],
                    plan.certainty.argument_rounding
                );
            }
        }
    }
    // Refused: few bits, many summands.
    assert!(10 * made >= 8 * wanted, "{made} of {wanted}");
    assert!(coarse > 0 && noisy > 0, "{coarse}, {noisy}");
}

#[test]
fn whole_numbers_compare_exactly() {
    let relations = [
        Relation::Less,
        Relation::LessOrEqual,
        Relation::Greater,
        Relation::GreaterOrEqual,
        Relation::Equal,
    ];
    for (low, high) in [(0.0, 23.0), (-17.0, 6.0), (1000.0, 1023.0)] {
        for quarter in -3..=3 {
            let threshold = (low + high + 1.0) / 2.0 + 0.25 * f64::from(quarter);
            let ranges = [Interval::new(low, high)];
            let program = program(&ranges, 0.5, |b, x| {
                let by = b
                    .push(Op::Scale {
                        value: x[0],
                        by: 0.0.into(),
                    })
                    .unwrap();
                let right = b.offset(by, threshold).unwrap();
                let compared = relations.map(|relation| {
                    b.push(Op::Compare {
                        left: x[0],
                        relation,
                        right,
                    })
                    .unwrap()
                });
                let mut all = compared.to_vec();
                let moved = b.offset(x[0], -threshold).unwrap();
                all.push(b.push(Op::Sign(moved)).unwrap());
                // Of a comparison's result.
                let half = b.offset(compared[0], -0.5).unwrap();
                all.push(b.step(half).unwrap());
                Some(all)
            })
            .unwrap();
            let plan = planned(&program, 20).unwrap();
            let inputs = [Array2::from_shape_fn((LENGTH, 1), |(i, _)| low + i as f64)];
            let exact = program.interpret(&inputs).unwrap();
            assert_eq!(simulate(&plan, &inputs), exact, "{threshold}");
        }
    }
}

#[test]
fn tables_are_exact_and_may_be_compared() {
    for seed in 0..60 {
        let mut random = Random(seed);
        let first = random.below(40).cast_signed() - 20;
        let count = 1 + random.below(16) as usize;
        let entries: Vec<f64> = match seed % 3 {
            0 => (0..count).map(|_| (random.real() * 9.0).round()).collect(),
            1 => (0..count)
                .map(|_| (random.real() * 9.0).round() / 4.0)
                .collect(),
            _ => (0..count)
                .map(|_| (random.real() * 9.0).round() * 65536.0)
                .collect(),
        };
        let table = LookupTable {
            first,
            entries: entries.into(),
        };
        let ranges = [Interval::new(
            first as f64,
            first as f64 + count as f64 - 1.0,
        )];
        let threshold = 0.3 * random.real() * [1.0, 1.0, 65536.0][seed as usize % 3];
        let program = program(&ranges, 0.25, |b, x| {
            let looked = b.push(Op::Lookup { value: x[0], table }).unwrap();
            let moved = b.offset(looked, -threshold).unwrap();
            Some(vec![looked, b.step(moved).unwrap()])
        })
        .unwrap();
        let inputs = [Array2::from_shape_fn((LENGTH, 1), |(i, _)| {
            first as f64 + (i % count) as f64
        })];
        let exact = program.interpret(&inputs).unwrap();
        let plan = planned(&program, 20).unwrap();
        let found = simulate(&plan, &inputs);
        assert_eq!(found, exact, "seed {seed}");
        assert_eq!(plan.outputs[0][0].tolerance(), 0.0, "seed {seed}");
    }
}

#[test]
fn large_weights_lose_no_more_than_small_ones() {
    for weight in [1.0, 1e3, 1e6, 1e9, 1e14, 1_234_567.8, 1e-6, 1e-20] {
        let range = Interval::new(-1.0, 1.0);
        let program = program(&[range, range], 1e-3, |b, x| {
            let terms = vec![(x[0], weight.into()), (x[1], (0.37 * weight).into())];
            let sum = b.weighted_sum(terms, 0.1 * weight).unwrap();
            Some(vec![sum])
        })
        .unwrap();
        let output = &planned(&program, 20).unwrap().outputs[0][0];
        let error = (output.rounding() + output.tolerance()) / weight;
        assert!(error < 1e-5, "{weight}: {error}");
        let program = self::program(&[range, range], 1e-3, |b, x| {
            let terms = vec![(x[0], weight.into()), (x[1], (0.37 * weight).into())];
            let sum = b.weighted_sum(terms, 0.1 * weight).unwrap();
            Some(vec![b.step(sum).unwrap()])
        })
        .unwrap();
        let error = planned(&program, 20).unwrap().certainty.argument_rounding / weight;
        assert!(error < 0.01, "{weight}: {error}");
    }
}
