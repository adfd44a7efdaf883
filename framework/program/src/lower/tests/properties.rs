//! What holds for every program and every set of capabilities.

use std::collections::BTreeSet;

use ndarray::Array2;
use proptest::prelude::*;

use super::super::{Capabilities, LevelModel, Lowered, lower};
use super::{arithmetic, input, output};
use crate::{
    Fit, Input, Interval, LookupTable, Op, OpKind, OutputId, Polynomial, Program, ProgramBuilder,
    Public, Relation, ValueId,
};

/// Of no power of two, as most batches.
const ROWS: usize = 30;

/// Values of larger magnitude are left out, so that rounding stays far below [`TOLERANCE`].
const LARGEST: f64 = 50.0;
const TOLERANCE: f64 = 1e-6;

/// Which operations a random program has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mix {
    /// What products and sums can express.
    Arithmetic,
    /// Likewise, and functions without a jump, at which rounding would decide the result.
    Continuous,
    /// All.
    Everything,
}

/// One random operation: its kind, its operands, its number.
type Choice = (u8, u8, u8, i8);

struct Random {
    builder: ProgramBuilder,
    values: Vec<ValueId>,
    bits: Vec<ValueId>,
}

impl Random {
    /// One of the values, of length `length` if that is given.
    fn pick(&self, choice: u8, length: Option<usize>) -> ValueId {
        let fits = |v: &&ValueId| length.is_none_or(|n| self.builder.length(**v) == n);
        let all: Vec<&ValueId> = self.values.iter().filter(fits).collect();
        *all[usize::from(choice) % all.len()]
    }

    fn op(&self, mix: Mix, (kind, a, b, k): Choice) -> Op {
        let x = self.pick(a, None);
        let (length, range) = (self.builder.length(x), self.builder.range(x));
        let y = self.pick(b, Some(length));
        let bit = |choice: u8| self.bits[usize::from(choice) % self.bits.len()];
        let number = f64::from(k) / 64.0;
        let vector: Public = (0..length)
            .map(|i| number * (i % 5) as f64 / 4.0 - 0.5)
            .collect::<Vec<f64>>()
            .into();
        let public = |choice: u8| match choice % 3 {
            0 => vector.clone(),
            1 => f64::from(k % 4).into(),
            _ => number.into(),
        };
        let kinds = match mix {
            Mix::Arithmetic => 16,
            Mix::Continuous => 21,
            Mix::Everything => 25,
        };
        match kind % kinds {
            0 => Op::Add(x, y),
            1 => Op::Sub(x, y),
            2 | 3 => Op::Mul(x, y),
            4 => Op::Square(x),
            5 => Op::Neg(x),
            6 => Op::Offset {
                value: x,
                by: public(b),
            },
            7 => Op::Scale {
                value: x,
                by: public(b),
            },
            8 | 9 => Op::WeightedSum {
                terms: vec![
                    (x, public(b)),
                    (y, public(a)),
                    (x, public(kind.wrapping_add(a))),
                ],
                bias: public(a.wrapping_add(b)),
            },
            10 => Op::Shift {
                value: x,
                by: i64::from(k),
            },
            11 => Op::Sum {
                value: x,
                group: [1, 2, 3, 5, 6, length][usize::from(b) % 6],
            },
            12 => Op::Pick {
                value: x,
                stride: [1, 2, 3][usize::from(b) % 3],
            },
            13 => {
                let domain = Interval::new(range.low - 0.25, range.high + 0.5);
                let degree = 1 + usize::from(b) % 9;
                let wave = |x: f64| (number * x).sin() + 0.2 * x;
                let polynomial = Polynomial::fit(domain, degree, Fit::Chebyshev, wave).unwrap();
                Op::Polynomial {
                    value: x,
                    polynomial,
                }
            }
            14 => Op::Constant(vector),
            15 => Op::Select {
                condition: bit(b),
                then: self.pick(a, Some(ROWS)),
                otherwise: self.pick(k.unsigned_abs(), Some(ROWS)),
            },
            16 => Op::Sigmoid(x),
            17 => Op::Relu(x),
            18 => Op::Abs(x),
            19 => Op::Max(x, y),
            20 => Op::Min(x, y),
            21 => Op::Step(x),
            22 => Op::Sign(x),
            23 => Op::Compare {
                left: x,
                relation: [Relation::Less, Relation::GreaterOrEqual, Relation::Equal]
                    [usize::from(k.unsigned_abs()) % 3],
                right: y,
            },
            _ => {
                let first = range.low.floor() as i64;
                let count = (range.high.ceil() as i64 - first + 1) as usize;
                let entries = (0..count).map(|i| number - i as f64 / 8.0).collect();
                Op::Lookup {
                    value: x,
                    table: LookupTable { first, entries },
                }
            }
        }
    }
}

/// A random program over three columns about 0, two of positive numbers, and two of bits. Its
/// outputs are some of its values of one length, from the first, which are hardly computed on, to
/// the last, of any depth; one of its middle; and a conjunction.
fn program(mix: Mix, choices: &[Choice]) -> Program {
    with_statement(mix, choices, None)
}

/// As [`program`], where of the value of one choice it is stated that it is the middle of its range.
fn with_statement(mix: Mix, choices: &[Choice], stated: Option<usize>) -> Program {
    let mut builder = ProgramBuilder::new("random");
    let (_, mut values) = builder.input(input(3, ROWS, 1.0)).unwrap();
    let table = |name: &str, columns, range| {
        let mut table = Input {
            name: name.into(),
            ..input(columns, ROWS, 1.0)
        };
        table.columns.iter_mut().for_each(|c| c.range = range);
        table
    };
    let positive = table("positive", 2, Interval::new(0.5, 3.0));
    values.extend(builder.input(positive).unwrap().1);
    let bits = table("bits", 2, Interval::new(0.0, 1.0));
    let bits = builder.input(bits).unwrap().1;
    values.extend(&bits);
    let mut random = Random {
        builder,
        values,
        bits,
    };
    for (place, choice) in choices.iter().enumerate() {
        let op = random.op(mix, *choice);
        // What grows too large is built but never used, like any dead value.
        if let Ok(value) = random.builder.push(op)
            && random.builder.range(value).magnitude() <= LARGEST
        {
            if stated == Some(place) {
                let middle = Interval::point(random.builder.range(value).centre());
                random.builder.assume(value, middle).unwrap();
            }
            random.values.push(value);
        }
    }
    let (mut b, values) = (random.builder, random.values);
    let both = b.and(random.bits.clone()).unwrap();
    let last = values[values.len() - 1];
    let like_last: Vec<ValueId> = values
        .iter()
        .copied()
        .filter(|v| b.length(*v) == b.length(last))
        .collect();
    let mut mixed: Vec<ValueId> = like_last.iter().copied().step_by(3).collect();
    mixed.push(last);
    b.output(output(mixed)).unwrap();
    for (name, value) in [("middle", values[values.len() / 2]), ("both", both)] {
        b.output(crate::Output {
            name: name.into(),
            ..output(vec![value])
        })
        .unwrap();
    }
    b.finish().unwrap()
}

/// Tables of the inputs of [`program`], from numbers between 0 and 1.
fn tables(numbers: &[f64]) -> Vec<Array2<f64>> {
    let at = |i: usize, j: usize, columns: usize| numbers[(i * columns + j) % numbers.len()];
    vec![
        Array2::from_shape_fn((ROWS, 3), |(i, j)| 2.0 * at(i, j, 3) - 1.0),
        Array2::from_shape_fn((ROWS, 2), |(i, j)| 0.5 + 2.5 * at(i, j, 2)),
        Array2::from_shape_fn((ROWS, 2), |(i, j)| {
            f64::from(u8::from(at(j, i, ROWS) > 0.5))
        }),
    ]
}

fn choices() -> impl Strategy<Value = Vec<Choice>> {
    proptest::collection::vec(any::<Choice>(), 1..28)
}

/// Numbers of which some are the ends of their ranges.
fn numbers() -> impl Strategy<Value = Vec<f64>> {
    let one = prop_oneof![4 => 0.0..1.0_f64, 1 => Just(0.0), 1 => Just(1.0), 1 => Just(0.5)];
    proptest::collection::vec(one, 48)
}

/// All but some operations; no function is approximated.
fn capabilities() -> impl Strategy<Value = Capabilities> {
    let kinds = OpKind::COMPUTING.to_vec();
    let lacking = proptest::sample::subsequence(kinds, 0..8);
    (lacking, any::<bool>(), any::<bool>(), any::<bool>()).prop_map(
        |(lacking, vector_factors, client_finishes, levelled)| {
            let mut all = Capabilities::everything();
            all.native.retain(|kind| !lacking.contains(kind));
            all.missing_otherwise = "the test lacks it";
            all.vector_factors = vector_factors;
            all.client_finishes = client_finishes;
            if levelled {
                all.levels = LevelModel::Multiplicative;
            }
            all
        },
    )
}

/// Every value of `program` lies in its range.
fn ranges_hold(program: &Program, inputs: &[Array2<f64>]) -> Result<(), TestCaseError> {
    let values = program.interpret_values(inputs).unwrap();
    for ((id, value), numbers) in program.iter().zip(&values) {
        prop_assert_eq!(numbers.len(), value.length());
        let range = value.range();
        let room = 1e-9 * (1.0 + range.magnitude());
        for x in numbers {
            prop_assert!(
                range.low - room <= *x && *x <= range.high + room,
                "{id}: {x} outside {range}\n{program}"
            );
        }
    }
    Ok(())
}

/// Levels do not fall along operands, and grow by one at products; all that is left is native.
fn levels_hold(lowered: &Lowered, capabilities: &Capabilities) -> Result<(), TestCaseError> {
    for (id, value) in lowered.program().iter() {
        let (level, kind) = (lowered.level(id), value.op().kind());
        prop_assert!(kind == OpKind::Input || capabilities.has(kind), "{kind}");
        let product = matches!(kind, OpKind::Mul | OpKind::Square);
        let cost = u32::from(product && capabilities.levels == LevelModel::Multiplicative);
        for operand in value.op().operands() {
            prop_assert!(operand < id);
            prop_assert!(level >= lowered.level(operand) + cost, "{id} at {level}");
        }
        prop_assert!(level <= lowered.depth());
    }
    Ok(())
}

fn survives_the_wire(program: &Program) -> Result<(), TestCaseError> {
    let text = serde_json::to_string(program).unwrap();
    let back: Program = serde_json::from_str(&text).unwrap();
    prop_assert_eq!(program, &back);
    Ok(())
}

/// What the server computes and the client finishes is what the program says.
fn means_the_same(
    program: &Program,
    lowered: &Lowered,
    inputs: &[Array2<f64>],
) -> Result<(), TestCaseError> {
    let expect = program.interpret(inputs).unwrap();
    let server = lowered.simulate(inputs).unwrap();
    prop_assert_eq!(expect.len(), server.len());
    for (i, (expect, server)) in expect.iter().zip(&server).enumerate() {
        let got = lowered.finish_one(OutputId::from_index(i), server).unwrap();
        prop_assert_eq!(expect.dim(), got.dim());
        for (e, g) in expect.iter().zip(&got) {
            prop_assert!(
                (e - g).abs() <= TOLERANCE,
                "output {i}: expected {e}, got {g}\n{program}\n{}",
                lowered.program()
            );
        }
    }
    Ok(())
}

proptest! {
    #[test]
    fn every_program_keeps_its_ranges_and_survives_the_wire(
        choices in choices(),
        numbers in numbers(),
    ) {
        let program = program(Mix::Everything, &choices);
        ranges_hold(&program, &tables(&numbers))?;
        survives_the_wire(&program)?;
    }

    /// Whatever a scheme lacks, a program that is not refused means the same, and a refusal is
    /// of something that the scheme lacks.
    #[test]
    fn lowering_keeps_the_meaning(
        choices in choices(),
        numbers in numbers(),
        capabilities in capabilities(),
    ) {
        let program = program(Mix::Continuous, &choices);
        let inputs = tables(&numbers);
        match lower(&program, &capabilities) {
            Ok(lowered) => {
                means_the_same(&program, &lowered, &inputs)?;
                ranges_hold(lowered.program(), &inputs)?;
                levels_hold(&lowered, &capabilities)?;
                survives_the_wire(lowered.program())?;
            }
            Err(refusal) => {
                let by_vectors = !capabilities.vector_factors
                    && ["scale", "weighted-sum"].contains(&refusal.operation.as_str());
                let lacking: BTreeSet<&str> = OpKind::COMPUTING
                    .into_iter()
                    .filter(|kind| !capabilities.has(*kind))
                    .map(OpKind::name)
                    .collect();
                prop_assert!(
                    by_vectors || lacking.contains(refusal.operation.as_str()),
                    "{refusal}\n{program}"
                );
            }
        }
    }

    #[test]
    fn who_can_do_everything_refuses_nothing(choices in choices(), numbers in numbers()) {
        let program = program(Mix::Continuous, &choices);
        let all = Capabilities::everything();
        let lowered = lower(&program, &all).map_err(|e| TestCaseError::fail(e.to_string()))?;
        means_the_same(&program, &lowered, &tables(&numbers))?;
        levels_hold(&lowered, &all)?;
    }

    /// With products and sums alone; only what is public has no place to stand.
    #[test]
    fn arithmetic_is_enough_for_arithmetic(choices in choices(), numbers in numbers()) {
        let program = program(Mix::Arithmetic, &choices);
        let inputs = tables(&numbers);
        match lower(&program, &arithmetic()) {
            Err(refusal) => prop_assert_eq!(refusal.operation, "constant"),
            Ok(lowered) => {
                means_the_same(&program, &lowered, &inputs)?;
                ranges_hold(lowered.program(), &inputs)?;
                levels_hold(&lowered, &arithmetic())?;
            }
        }
    }

    /// A statement that does not hold makes nothing wrong but what is marked as relying on it.
    #[test]
    fn what_does_not_rely_on_statements_holds_without(
        choices in choices(),
        numbers in numbers(),
        place in any::<prop::sample::Index>(),
        native in any::<bool>(),
    ) {
        let program = with_statement(Mix::Continuous, &choices, Some(place.index(choices.len())));
        let capabilities = if native { Capabilities::everything() } else { arithmetic() };
        survives_the_wire(&program)?;
        if let Ok(lowered) = lower(&program, &capabilities) {
            let lowered = lowered.program();
            survives_the_wire(lowered)?;
            let values = lowered.interpret_values(&tables(&numbers)).unwrap();
            let relies = lowered.relies_on_statements();
            for (((id, value), numbers), relies) in lowered.iter().zip(&values).zip(relies) {
                let range = value.range();
                let range = range.padded(1e-9 * (1.0 + range.magnitude()));
                prop_assert!(
                    relies || numbers.iter().all(|x| range.contains(*x)),
                    "{id}: {numbers:?} outside {range}\n{program}\n{lowered}"
                );
            }
        }
    }

    /// Where polynomials stand in for functions, the derived ranges hold all the same.
    #[test]
    fn approximations_keep_their_ranges(choices in choices(), numbers in numbers()) {
        let program = program(Mix::Everything, &choices);
        if let Ok(lowered) = lower(&program, &arithmetic()) {
            ranges_hold(lowered.program(), &tables(&numbers))?;
            levels_hold(&lowered, &arithmetic())?;
            survives_the_wire(lowered.program())?;
        }
    }
}

/// What the client computes last may rest on values that the server no longer needs.
#[test]
fn a_tail_of_two_functions_is_left_to_the_client() {
    let mut b = ProgramBuilder::new("tail");
    let (_, x) = b.input(input(1, 4, 1.0)).unwrap();
    let s = b.scale(x[0], 2.0).unwrap();
    let p = b.sigmoid(s).unwrap();
    let percent = b.scale(p, 100.0).unwrap();
    b.output(output(vec![percent])).unwrap();
    let program = b.finish().unwrap();
    let lowered = lower(&program, &super::additive()).unwrap();
    assert_eq!(lowered.client_computes(), ["scale", "sigmoid"]);
    let table = Array2::from_shape_fn((4, 1), |(i, _)| i as f64 / 4.0);
    means_the_same(&program, &lowered, &[table]).unwrap();
}

/// Wire forms that would panic later, were they taken.
#[test]
fn unsound_programs_are_refused_on_arrival() {
    let mut b = ProgramBuilder::new("p");
    let (_, x) = b.input(input(1, 4, 1.0)).unwrap();
    let domain = Interval::symmetric(1.0);
    let cube = Polynomial::from_powers(domain, &[0.0, 0.0, 0.0, 1.0]).unwrap();
    let y = b.polynomial(x[0], cube).unwrap();
    let y = b.shift(y, i64::MAX).unwrap();
    b.output(output(vec![y])).unwrap();
    let program = b.finish().unwrap();
    let text = serde_json::to_string(&program).unwrap();
    assert_eq!(serde_json::from_str::<Program>(&text).unwrap(), program);
    let start = text.find("\"chebyshev\":[").unwrap() + "\"chebyshev\":[".len();
    let end = start + text[start..].find(']').unwrap();
    let empty = format!("{}{}", &text[..start], &text[end..]);
    let problem = serde_json::from_str::<Program>(&empty).unwrap_err();
    assert!(problem.to_string().contains("coefficients"), "{problem}");
    // A shift by any number is one within the vector.
    let table = Array2::from_shape_fn((4, 1), |(i, _)| i as f64 / 4.0);
    let got = &program.interpret(&[table]).unwrap()[0];
    assert!((got[[0, 0]] - 0.75_f64.powi(3)).abs() < 1e-12, "{got}");
    assert!(
        program.interpret_any(&[]).is_err(),
        "no table for the input"
    );
}
