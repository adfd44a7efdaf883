//! Random programs of maxima, choices, magnitudes and comparisons of whole numbers: many in the clear,
//! a few encrypted, all against the oracle.

use std::collections::BTreeMap;

use hexperiment_program::Refusal;
use hexperiment_program::{Interval, Op, Program, ProgramBuilder, Relation, ValueId};
use ndarray::Array2;

use super::random::{FAILURE_LOG2, LENGTH, Random, planned, program};
use crate::clear::simulate;

/// A value with what a random operation must know of it.
#[derive(Clone, Copy)]
struct Known {
    id: ValueId,
    /// Whether a comparison or a choice was on the way: an error of rounding may be of any size.
    decided: bool,
}

struct Generator<'a> {
    random: &'a mut Random,
    builder: &'a mut ProgramBuilder,
    numbers: Vec<Known>,
    bits: Vec<ValueId>,
    /// What public numbers are multiples of.
    unit: f64,
}

impl Generator<'_> {
    fn number(&mut self) -> Known {
        let all = self.numbers.len() as u64;
        // Rather the last ones, so that programs get deep.
        let at = self.random.below(all).max(self.random.below(all));
        self.numbers[at as usize]
    }

    fn public(&mut self, of: ValueId) -> f64 {
        let range = self.builder.range(of);
        let share = self.random.real().abs();
        ((range.low + share * range.width()) / self.unit).round() * self.unit
    }

    /// Another operand for `a`: a number, itself, or a public one.
    fn other(&mut self, a: Known) -> Known {
        match self.random.below(8) {
            0 => a,
            1 => {
                let public = self.public(a.id);
                let length = self.builder.length(a.id);
                let numbers: Vec<f64> = match self.random.below(2) {
                    0 => vec![public; length],
                    _ => (0..length).map(|_| self.public(a.id)).collect(),
                };
                let id = self.builder.constant(numbers).unwrap();
                Known { id, decided: false }
            }
            _ => self.number(),
        }
    }

    fn bit(&mut self) -> ValueId {
        if !self.bits.is_empty() && self.random.below(2) == 0 {
            let at = self.random.below(self.bits.len() as u64);
            return self.bits[at as usize];
        }
        let left = self.number();
        let right = self.other(left);
        let relation = [
            Relation::Less,
            Relation::LessOrEqual,
            Relation::Greater,
            Relation::GreaterOrEqual,
            Relation::Equal,
        ][self.random.below(5) as usize];
        let op = Op::Compare {
            left: left.id,
            relation,
            right: right.id,
        };
        let bit = self.builder.push(op).unwrap();
        self.bits.push(bit);
        bit
    }

    /// One more value.
    fn step(&mut self) {
        let a = self.number();
        let b = self.other(a);
        let mut decided = a.decided || b.decided;
        let op = match self.random.below(12) {
            0..=2 => Op::Max(a.id, b.id),
            3..=4 => Op::Min(a.id, b.id),
            5 | 6 => {
                decided = true;
                let condition = self.bit();
                Op::Select {
                    condition,
                    then: a.id,
                    otherwise: b.id,
                }
            }
            7 | 8 => {
                let difference = self.builder.sub(a.id, b.id).unwrap();
                match self.random.below(3) {
                    0 => Op::Relu(difference),
                    1 => Op::Abs(difference),
                    _ => Op::Sub(a.id, b.id),
                }
            }
            9 => {
                decided = a.decided;
                let by = -self.public(a.id);
                let moved = self.builder.offset(a.id, by).unwrap();
                match self.random.below(3) {
                    0 => Op::Relu(moved),
                    1 => Op::Abs(moved),
                    _ => Op::Offset {
                        value: a.id,
                        by: by.into(),
                    },
                }
            }
            10 => {
                decided = a.decided;
                let by = self.random.below(5).cast_signed();
                Op::Shift { value: a.id, by }
            }
            _ => {
                decided = a.decided;
                Op::Neg(a.id)
            }
        };
        let id = self.builder.push(op).unwrap();
        self.numbers.push(Known { id, decided });
    }
}

/// The values of so many random operations on columns, and for each whether a comparison decides
/// it.
fn random_values(
    random: &mut Random,
    builder: &mut ProgramBuilder,
    columns: &[ValueId],
    (unit, steps): (f64, u64),
) -> Vec<Known> {
    let column = |id: &ValueId| Known {
        id: *id,
        decided: false,
    };
    let mut generator = Generator {
        random,
        builder,
        numbers: columns.iter().map(column).collect(),
        bits: vec![],
        unit,
    };
    for _ in 0..steps {
        generator.step();
    }
    let bits = generator.bits.iter().map(|id| Known {
        id: *id,
        decided: true,
    });
    let numbers = generator.numbers[columns.len()..].iter().copied();
    numbers.chain(bits).collect()
}

/// An output for each value; and whether a comparison decides it.
pub(super) fn random_program(
    random: &mut Random,
    ranges: &[Interval],
    precision: f64,
    steps: u64,
) -> (Program, Vec<bool>) {
    let mut decided = vec![];
    let unit = (2.0 * precision).log2().floor().exp2();
    let program = program(ranges, precision, |builder, columns| {
        let values = random_values(random, builder, columns, (unit, steps));
        decided.extend(values.iter().map(|v| v.decided));
        Some(values.iter().map(|v| v.id).collect())
    });
    (program.unwrap(), decided)
}

pub(super) fn whole_ranges(random: &mut Random) -> Vec<Interval> {
    let most = [1, 3, 14, 15, 16, 40, 255, 1000, 60_000][random.below(9) as usize];
    let low = [0.0, 0.0, -1.0, -17.0, 1000.0, -(most as f64)][random.below(6) as usize];
    let columns = 1 + random.below(4);
    (0..columns)
        .map(|_| {
            let (a, b) = (random.below(most + 1), random.below(most + 1));
            match random.below(4) {
                0 => Interval::new(low + a.min(b) as f64, low + a.max(b) as f64),
                _ => Interval::new(low, low + most as f64),
            }
        })
        .collect()
}

/// The ends, equal numbers, neighbours, and others.
pub(super) fn whole_table(random: &mut Random, length: usize, ranges: &[Interval]) -> Array2<f64> {
    let mut last = 0.0;
    Array2::from_shape_fn((length, ranges.len()), |(i, j)| {
        let Interval { low, high } = ranges[j];
        let x = match (i, random.below(4)) {
            (0, _) => low,
            (1, _) => high,
            (2, _) => [low, high][j % 2],
            (_, 0) if j > 0 => last,
            (_, 1) if j > 0 => last + random.real().signum(),
            _ => (low + random.real().abs() * (high - low)).round(),
        };
        last = x.clamp(low, high);
        last
    })
}

#[test]
fn programs_of_whole_numbers_are_exact() {
    let (mut made, mut compared, mut approximate) = (0, 0, 0);
    let mut refused = BTreeMap::<String, u32>::new();
    for seed in 0..6000 {
        let mut random = Random(seed);
        let ranges = whole_ranges(&mut random);
        let steps = 1 + random.below(6);
        let (program, _) = random_program(&mut random, &ranges, 0.5, steps);
        let plan = match planned(&program, 20) {
            Ok(plan) => plan,
            Err(refusal) => {
                let mut why = Refusal::from(refusal).to_string();
                why.retain(|c| !c.is_ascii_digit());
                *refused.entry(why).or_default() += 1;
                continue;
            }
        };
        made += 1;
        assert_eq!(plan.failure().hold(FAILURE_LOG2), Ok(()), "seed {seed}");
        for _ in 0..3 {
            let inputs = [whole_table(&mut random, LENGTH, &ranges)];
            let exact = program.interpret(&inputs).unwrap();
            let found = simulate(&plan, &inputs);
            let pairs = exact.iter().zip(&found).enumerate();
            for (output, (exact, found)) in pairs {
                // Magnitudes that no exact way is known for go by a table of reals.
                if plan.outputs[output][0].tolerance() > 1e-9 {
                    approximate += 1;
                    continue;
                }
                compared += 1;
                assert_eq!(exact, found, "seed {seed}, y{output} of {program:?}");
            }
        }
    }
    let all: u32 = refused.values().sum();
    println!("{made} made, {compared} compared, {approximate} not, {all} refused: {refused:#?}");
    assert!(made >= 20 * all, "{made} made, refused: {refused:?}");
}

#[test]
fn programs_of_reals_are_rounded_as_stated() {
    let (mut made, mut compared) = (0, 0);
    for seed in 0..2000 {
        let mut random = Random(seed);
        let centre = 4.0 * random.real();
        let columns = 1 + random.below(3);
        let ranges = (0..columns).map(|_| {
            let (low, high) = (centre - random.real().abs(), centre + random.real().abs());
            Interval::new(low, high)
        });
        let ranges: Vec<Interval> = ranges.collect();
        let steps = 1 + random.below(5);
        let (program, decided) = random_program(&mut random, &ranges, 0.01, steps);
        let Ok(plan) = planned(&program, 20) else {
            continue;
        };
        made += 1;
        let inputs = [Array2::from_shape_fn((LENGTH, ranges.len()), |(i, j)| {
            let share = [0.0, 1.0, random.real().abs()][i.min(2)];
            ranges[j].low + share * ranges[j].width()
        })];
        let exact = program.interpret(&inputs).unwrap();
        let found = simulate(&plan, &inputs);
        let pairs = exact.iter().zip(&found).enumerate();
        for (output, (exact, found)) in pairs.filter(|(i, _)| !decided[*i]) {
            let output = &plan.outputs[output][0];
            if output.tolerance() > 1e-9 {
                continue;
            }
            compared += 1;
            let bound = output.rounding() + 1e-9;
            let error = exact.iter().zip(found).map(|(x, y)| (x - y).abs());
            let error = error.fold(0.0, f64::max);
            assert!(error <= bound, "seed {seed}: {error}, {bound}: {program:?}");
        }
    }
    assert!(made > 500 && compared > 1000, "{made}, {compared}");
}

#[test]
fn programs_of_whole_numbers_are_exact_encrypted() {
    for seed in [11, 12, 13] {
        let mut random = Random(seed);
        let ranges = [(0.0, 100.0), (-20.0, 60.0), (0.0, 100.0)];
        let intervals = ranges.map(|(low, high)| Interval::new(low, high));
        let program = super::program(4, &ranges, 0.5, |builder, columns| {
            let values = random_values(&mut random, builder, columns, (1.0, 4));
            values.iter().map(|v| v.id).collect()
        });
        let inputs = whole_table(&mut random, 4, &intervals);
        let (circuit, error) = super::check(&program, 20, &inputs);
        assert_eq!(error, 0.0, "seed {seed}");
        assert!(circuit.parameters().counts.bootstraps > 0, "seed {seed}");
    }
}

fn sums(b: &mut ProgramBuilder, x: &[ValueId]) -> Vec<ValueId> {
    let sum = b.add(x[0], x[1]).unwrap();
    let other = b.add(x[2], x[3]).unwrap();
    let moved = b.offset(x[1], 5.0).unwrap();
    let numbers: Vec<f64> = (0..b.length(x[0])).map(|i| (i % 8) as f64 * 3.0).collect();
    let moved_apart = b.offset(x[3], numbers).unwrap();
    let max = b.max(sum, other).unwrap();
    let moved_max = b.max(x[0], moved).unwrap();
    vec![
        max,
        moved_max,
        b.min(x[2], moved_apart).unwrap(),
        b.compare(sum, Relation::Less, other).unwrap(),
        b.max(moved_max, x[2]).unwrap(),
    ]
}

#[test]
fn sums_of_two_and_public_numbers_beside_are_exact() {
    let length = 64;
    for (low, high) in [(0.0, 255.0), (-30.0, 12.0), (0.0, 20.0)] {
        let ranges = [Interval::new(low, high); 4];
        let pairs = [(low, high); 4];
        let program = super::program(length, &pairs, 0.5, sums);
        let circuit = super::compile(&program, 20);
        let mut random = Random(3);
        for _ in 0..50 {
            let inputs = [whole_table(&mut random, length, &ranges)];
            let exact = program.interpret(&inputs).unwrap();
            assert_eq!(circuit.simulate(&inputs).unwrap(), exact);
        }
    }
    // Where carries are taken back: 16 + 0 against 4 + 11, as limbs 1, 0 and 1 + 0, 0 + 3 + 3.
    let pairs = [[16.0, 0.0, 4.0, 11.0], [3.0, 3.0, 4.0, 1.0]];
    let inputs = Array2::from_shape_fn((2, 4), |(i, j)| pairs[i][j]);
    let program = super::program(2, &[(0.0, 255.0); 4], 0.5, sums);
    let (_, error) = super::check(&program, 20, &inputs);
    assert_eq!(error, 0.0);
}

#[test]
fn conditions_that_are_no_exact_bits_are_compared_with_a_half() {
    let ranges = [(0.0, 1.0), (0.0, 9.0), (0.0, 9.0)];
    for precision in [0.5, 0.05] {
        let program = super::program(24, &ranges, precision, |b, x| {
            vec![b.select(x[0], x[1], x[2]).unwrap()]
        });
        let circuit = super::compile(&program, 20);
        let inputs = [Array2::from_shape_fn((24, 3), |(i, j)| match j {
            0 if precision < 0.5 => (i % 17) as f64 / 16.0,
            0 => (i % 2) as f64,
            _ => (i * (2 + j) % 10) as f64,
        })];
        let exact = program.interpret(&inputs).unwrap();
        assert_eq!(circuit.simulate(&inputs).unwrap(), exact, "{precision}");
    }
}

#[test]
fn maxima_are_rounded_no_more_than_their_operands() {
    let ranges = [Interval::new(-4.0, 4.0), Interval::new(-3.3, 4.7)];
    for rounds in 0..4 {
        let program = program(&ranges, 0.01, |b, x| {
            let mut max = b.max(x[0], x[1]).unwrap();
            for by in 0..rounds {
                let moved = b.shift(max, 1 + by).unwrap();
                max = b.max(max, moved).unwrap();
            }
            let bit = b.compare(max, Relation::Greater, x[0]).unwrap();
            Some(vec![max, bit])
        });
        let plan = planned(&program.unwrap(), 20).unwrap();
        // Multiples of 2^-6.
        assert_eq!(plan.outputs[0][0].rounding(), 1.0 / 128.0);
        assert_eq!(plan.certainty.argument_rounding, 1.0 / 64.0);
    }
}

#[test]
fn columns_beside_limbs_keep_their_place() {
    // The last column is added to a maximum and compared with none: it goes in one piece, far from
    // 0, beside limbs whose public number takes it back.
    for low in [0.0, 1000.0, -50_000.0] {
        let ranges = [Interval::new(low, low + 16.0); 3];
        let program = program(&ranges, 0.5, |b, x| {
            let max = b.max(x[0], x[1]).unwrap();
            Some(vec![b.sub(x[2], max).unwrap()])
        });
        let program = program.unwrap();
        let inputs = [whole_table(&mut Random(5), LENGTH, &ranges)];
        let exact = program.interpret(&inputs).unwrap();
        let plan = planned(&program, 20).unwrap();
        assert_eq!(simulate(&plan, &inputs), exact, "{low}");
    }
}
