//! Every rewriting against the oracle.

mod properties;

use std::collections::BTreeSet;

use ndarray::Array2;

use super::*;
use crate::{Column, Fit, Input, Interval, Op, Output, Party, ProgramBuilder};

fn input(columns: usize, length: usize, bound: f64) -> Input {
    Input {
        name: "x".into(),
        owner: Party::Client(0),
        length,
        columns: (0..columns)
            .map(|i| Column {
                name: format!("c{i}"),
                range: Interval::symmetric(bound),
            })
            .collect(),
        precision: 1e-6,
    }
}

fn output(values: Vec<ValueId>) -> Output {
    Output {
        name: "y".into(),
        values,
        precision: 1e-3,
    }
}

/// What CKKS has.
fn arithmetic() -> Capabilities {
    use OpKind::{Add, Mul, Neg, Offset, Pick, Scale, Shift, Square, Sub, WeightedSum};
    Capabilities {
        native: BTreeSet::from([
            Add,
            Mul,
            Neg,
            Offset,
            Pick,
            Scale,
            Shift,
            Square,
            Sub,
            WeightedSum,
        ]),
        vector_factors: true,
        approximation: Some(Approximation {
            sigmoid_degree: 7,
            fit: Fit::Chebyshev,
            max_degrees: vec![7, 7],
            comparison_degrees: None,
            sign_margin: 0.05,
            sign_error: 1e-3,
        }),
        levels: LevelModel::Multiplicative,
        client_finishes: false,
        missing: [].into(),
        missing_otherwise: "no",
    }
}

/// What Paillier has.
fn additive() -> Capabilities {
    use OpKind::{Add, Neg, Offset, Scale, Sub, WeightedSum};
    Capabilities {
        native: BTreeSet::from([Add, Neg, Offset, Scale, Sub, WeightedSum]),
        vector_factors: false,
        approximation: None,
        levels: LevelModel::None,
        client_finishes: true,
        missing: [(OpKind::Max, "it needs a comparison")].into(),
        missing_otherwise: "it needs products of ciphertexts",
    }
}

fn unary(op: impl Fn(ValueId) -> Op, bound: f64) -> Program {
    let mut b = ProgramBuilder::new("test");
    let (_, x) = b.input(input(1, 64, bound)).unwrap();
    let y = b.push(op(x[0])).unwrap();
    b.output(output(vec![y])).unwrap();
    b.finish().unwrap()
}

fn grid(bound: f64) -> Array2<f64> {
    Array2::from_shape_fn((64, 1), |(i, _)| bound * (2.0 * i as f64 / 63.0 - 1.0))
}

/// No output is further from the exact one than is said of it.
#[track_caller]
fn check_approximations(lowered: &Lowered, expect: &[Array2<f64>], got: &[Array2<f64>]) {
    for (id, (expect, got)) in lowered
        .original()
        .output_ids()
        .into_iter()
        .zip(expect.iter().zip(got))
    {
        let Some(proven) = lowered.approximation(id) else {
            continue;
        };
        for (e, g) in expect.iter().zip(got) {
            let room = proven + 1e-9 * (1.0 + e.abs());
            assert!(
                (e - g).abs() <= room,
                "{e}, got {g}, proven within {proven}"
            );
        }
    }
}

#[track_caller]
fn check(program: &Program, inputs: &[Array2<f64>], tolerance: f64) -> Lowered {
    let lowered = lower(program, &arithmetic()).unwrap();
    for value in lowered.program().values() {
        let kind = value.op().kind();
        assert!(
            kind == OpKind::Input || arithmetic().has(kind),
            "{kind} is left"
        );
    }
    let expect = program.interpret(inputs).unwrap();
    let got = lowered.simulate(inputs).unwrap();
    check_approximations(&lowered, &expect, &got);
    for (expect, got) in expect.iter().zip(&got) {
        for (e, g) in expect.iter().zip(got) {
            assert!(
                (e - g).abs() <= tolerance,
                "expected {e}, got {g}\n{}",
                lowered.program()
            );
        }
    }
    // The ranges hold.
    let values = lowered.program().interpret_values(inputs).unwrap();
    for ((id, value), numbers) in lowered.program().iter().zip(&values) {
        for x in numbers {
            let r = value.range();
            let room = 1e-6 * (1.0 + r.magnitude());
            assert!(
                r.low - room <= *x && *x <= r.high + room,
                "{id}: {x} outside {r}"
            );
        }
    }
    lowered
}

#[test]
fn polynomials_have_least_depth() {
    for degree in 1..=31_usize {
        let domain = Interval::new(-1.0, 3.0);
        let f = |x: f64| (1.3 * x).sin() + 0.3 * x;
        let polynomial = crate::Polynomial::fit(domain, degree, Fit::Chebyshev, f).unwrap();
        let mut b = ProgramBuilder::new("p");
        let mut table = input(1, 64, 1.0);
        table.columns[0].range = domain;
        let (_, x) = b.input(table).unwrap();
        // A weighted sum before it takes the change of variable.
        let s = b.weighted_sum(vec![(x[0], 0.9.into())], 0.1).unwrap();
        let y = b.polynomial(s, polynomial.clone()).unwrap();
        b.output(output(vec![y])).unwrap();
        let p = b.finish().unwrap();
        let inputs = [grid(2.0).mapv(|x| x + 1.0)];
        let lowered = check(&p, &inputs, 1e-9);
        let least = (polynomial.degree() + 1).next_power_of_two().ilog2();
        assert_eq!(lowered.depth(), 1 + least, "degree {degree}");
    }
}

#[test]
fn functions_are_near_their_definitions() {
    check(&unary(Op::Sigmoid, 6.0), &[grid(6.0)], 0.03);
    // The grid's value nearest to 0 is 1/63 of the bound, beyond a margin of 1/100.
    let mut fine = arithmetic();
    let approximation = fine.approximation.as_mut().unwrap();
    approximation.sign_margin = 0.01;
    approximation.max_degrees = vec![15, 15, 15];
    for (op, tolerance) in [
        (Op::Sign as fn(ValueId) -> Op, 2e-3),
        (Op::Step, 1e-3),
        (Op::Abs, 1.2e-3),
        (Op::Relu, 6e-4),
    ] {
        let program = unary(op, 3.0);
        let lowered = lower(&program, &fine).unwrap();
        let expect = &program.interpret(&[grid(3.0)]).unwrap()[0];
        let got = &lowered.simulate(&[grid(3.0)]).unwrap()[0];
        for (e, g) in expect.iter().zip(got) {
            assert!(
                (e - g).abs() <= tolerance,
                "{program}: expected {e}, got {g}"
            );
        }
    }
}

#[test]
fn max_min_compare_select_and_sum() {
    let mut b = ProgramBuilder::new("test");
    let (_, x) = b.input(input(3, 64, 2.0)).unwrap();
    let max = b.max(x[0], x[1]).unwrap();
    let min = b.min(x[0], x[1]).unwrap();
    let sum = b.sum(x[2], 8).unwrap();
    let total = b.sum(x[2], 64).unwrap();
    b.output(output(vec![max, min])).unwrap();
    b.output(Output {
        name: "s".into(),
        ..output(vec![sum])
    })
    .unwrap();
    b.output(Output {
        name: "t".into(),
        ..output(vec![total])
    })
    .unwrap();
    let program = b.finish().unwrap();
    let table = Array2::from_shape_fn((64, 3), |(i, j)| {
        2.0 * ((i * 37 + j * 101) % 64) as f64 / 63.0 - 1.0
    });
    let lowered = check(&program, &[table], 0.06);
    let counts = lowered.program().counts();
    assert_eq!(
        counts[&OpKind::Shift],
        6,
        "the sums share their first three rotations"
    );
}

/// Groups and vectors of any length, by as many rotations as the binary number has digits, and one
/// for each further 1 in it.
#[test]
fn sums_of_any_groups() {
    for (length, group, rotations) in [
        (12, 3, 2),
        (12, 12, 4),
        (28, 7, 4),
        (30, 5, 3),
        (15, 15, 6),
        (334, 334, 12),
        (1000, 125, 11),
        (6, 1, 0),
        (64, 16, 4),
    ] {
        let mut b = ProgramBuilder::new("sums");
        let (_, x) = b.input(input(1, length, 1.0)).unwrap();
        let y = b.sum(x[0], group).unwrap();
        b.output(output(vec![y])).unwrap();
        let program = b.finish().unwrap();
        let table = Array2::from_shape_fn((length, 1), |(i, _)| (i as f64).sin());
        let lowered = check(&program, &[table], 1e-9);
        let counts = lowered.program().counts();
        let found = counts.get(&OpKind::Shift).copied().unwrap_or(0);
        assert_eq!(found, rotations, "groups of {group} in {length}");
    }
}

/// The maximum of `2^rounds` columns of grey levels.
fn tournament(rounds: u32) -> Program {
    let mut b = ProgramBuilder::new("maximum");
    let mut table = input(1 << rounds, 256, 255.0);
    for column in &mut table.columns {
        column.range = Interval::new(0.0, 255.0);
    }
    let (_, mut x) = b.input(table).unwrap();
    while x.len() > 1 {
        x = x.chunks(2).map(|p| b.max(p[0], p[1]).unwrap()).collect();
    }
    b.output(output(x)).unwrap();
    b.finish().unwrap()
}

#[track_caller]
fn check_tournament(degrees: &[usize], rounds: u32) {
    let mut capabilities = arithmetic();
    let approximation = capabilities.approximation.as_mut().unwrap();
    approximation.max_degrees = degrees.to_vec();
    let program = tournament(rounds);
    let lowered = lower(&program, &capabilities).unwrap();
    let composition = SignComposition::for_extremes(degrees).unwrap();
    // One level brings grey levels to [-1, 1], whatever the number of rounds.
    assert_eq!(lowered.depth(), 1 + rounds * (composition.depth() + 1));
    let mut worst = 0.0_f64;
    for step in [1, 7, 96] {
        let table = Array2::from_shape_fn((256, 1 << rounds), |(i, j)| {
            ((i + j * step * (1 + i % 5)) % 256) as f64
        });
        let expect = &program.interpret(std::slice::from_ref(&table)).unwrap()[0];
        let got = &lowered.simulate(&[table]).unwrap()[0];
        let off = expect.iter().zip(got).map(|(e, g)| (e - g).abs());
        worst = off.fold(worst, f64::max);
    }
    // Room for the rounds to come, up to three, rounded up.
    let room = (1.0 + composition.error()).powi(rounds as i32 - 1);
    let claimed = f64::from(rounds) * composition.shortfall() * (255.0 * room).ceil();
    let proven = lowered.approximation(program.output_ids()[0]).unwrap();
    assert!(
        (proven / claimed - 1.0).abs() < 1e-12,
        "{degrees:?}: {proven}, {claimed}"
    );
    // Noise has the rest, where enough of a rest is left.
    let (wanted, left) = (
        program.outputs()[0].precision,
        lowered.program().outputs()[0].precision,
    );
    assert_eq!(lowered.keeps_precision(), proven <= 0.85 * wanted);
    let rest = if lowered.keeps_precision() {
        wanted - proven
    } else {
        wanted
    };
    assert_eq!(left, rest, "{degrees:?}");
    assert!(worst <= claimed, "{degrees:?}: {worst} over {claimed}");
    assert!(worst >= 0.3 * claimed, "{degrees:?}: {worst}, {claimed}");
}

#[test]
fn rounds_of_max_take_no_level_but_their_own() {
    for degrees in [
        &[7][..],
        &[15],
        &[7, 7],
        &[15, 15],
        &[7, 7, 13],
        &[7, 15, 15],
    ] {
        for rounds in [1, 2, 4] {
            check_tournament(degrees, rounds);
        }
    }
}

/// Two columns in these ranges through `body`: within `rounds` times the error of one `max` at the
/// ranges' width, and in as many levels as said.
#[track_caller]
fn check_extremes(
    ranges: [Interval; 2],
    body: impl FnOnce(&mut ProgramBuilder, ValueId, ValueId) -> ValueId,
    rounds: f64,
    depth: u32,
) {
    let mut b = ProgramBuilder::new("extremes");
    let mut table = input(2, 64, 1.0);
    for (column, range) in table.columns.iter_mut().zip(ranges) {
        column.range = range;
    }
    let (_, x) = b.input(table).unwrap();
    let y = body(&mut b, x[0], x[1]);
    b.output(output(vec![y])).unwrap();
    let program = b.finish().unwrap();
    let mut capabilities = arithmetic();
    let degrees = vec![7, 7];
    let approximation = capabilities.approximation.as_mut().unwrap();
    approximation.max_degrees.clone_from(&degrees);
    let lowered = lower(&program, &capabilities).unwrap();
    assert_eq!(lowered.depth(), depth, "{ranges:?}");
    let composition = SignComposition::for_extremes(&degrees).unwrap();
    let width = ranges[0].union(ranges[1]).width();
    let claimed = 1.3 * rounds * composition.shortfall() * width;
    for step in [1, 5, 13] {
        let table = Array2::from_shape_fn((64, 2), |(i, j)| {
            let at = ((i + i * j * step) % 64) as f64 / 63.0;
            ranges[j].clamp(ranges[j].low + at * ranges[j].width())
        });
        let expect = program.interpret(std::slice::from_ref(&table)).unwrap();
        let got = lowered.simulate(&[table]).unwrap();
        assert!(lowered.approximation(program.output_ids()[0]).is_some());
        check_approximations(&lowered, &expect, &got);
        for (e, g) in expect[0].iter().zip(&got[0]) {
            assert!((e - g).abs() <= claimed, "{g}, expected {e} to {claimed}");
        }
    }
}

#[test]
fn approximations_carry_to_the_outputs() {
    let b = |body: fn(&mut ProgramBuilder, ValueId, ValueId) -> ValueId| {
        let mut b = ProgramBuilder::new("carried");
        let (_, x) = b.input(input(2, 64, 3.0)).unwrap();
        let y = body(&mut b, x[0], x[1]);
        b.output(output(vec![y])).unwrap();
        let lowered = lower(&b.finish().unwrap(), &arithmetic()).unwrap();
        lowered.approximation(lowered.original().output_ids()[0])
    };
    let one = b(|b, x, y| b.max(x, y).unwrap()).unwrap();
    assert!(one > 0.0);
    let near = |found: Option<f64>, expected: f64| {
        assert!(
            (found.unwrap() / expected - 1.0).abs() < 1e-12,
            "{found:?}, expected {expected}"
        );
    };
    near(
        b(|b, x, y| {
            let max = b.max(x, y).unwrap();
            b.weighted_sum(vec![(max, (-4.0).into()), (x, 9.0.into())], 7.0)
                .unwrap()
        }),
        4.0 * one,
    );
    // Both factors are up to 3.
    near(
        b(|b, x, y| {
            let (max, min) = (b.max(x, y).unwrap(), b.min(x, y).unwrap());
            b.mul(max, min).unwrap()
        }),
        6.0 * one + one * one,
    );
    near(
        b(|b, x, y| {
            let max = b.max(x, y).unwrap();
            b.sum(max, 8).unwrap()
        }),
        8.0 * one,
    );
    // Nothing stands in for anything.
    assert_eq!(b(|b, x, y| b.mul(x, y).unwrap()), Some(0.0));
    // Near the jump, all of it is missed.
    assert_eq!(b(|b, x, _| b.push(Op::Step(x)).unwrap()), None);
    assert_eq!(
        b(|b, x, y| {
            let step = b.push(Op::Step(x)).unwrap();
            b.add(step, y).unwrap()
        }),
        None
    );
}

#[test]
fn extremes_of_any_ranges() {
    let is = Interval::new;
    let unit = is(0.0, 1.0);
    let max = |b: &mut ProgramBuilder, x, y| b.max(x, y).unwrap();
    let min = |b: &mut ProgramBuilder, x, y| b.min(x, y).unwrap();
    // One level to the unit, six for the sign, one for the product.
    for scale in [1.7e-6, 1.0, 300.0, 1e9] {
        let near = is(2.0 * scale, 3.0 * scale);
        let wide = is(-5.0 * scale, 2.5 * scale);
        check_extremes([near, wide], max, 1.0, 8);
        check_extremes([wide, near], min, 1.0, 8);
        check_extremes([wide, wide], max, 1.0, 8);
    }
    // A constant among variables; the factor to the unit is whole.
    check_extremes([is(0.5, 0.5), unit], max, 1.0, 7);
    // What the ranges decide is exact and takes nothing.
    for above in [is(1.0, 2.0), is(3.0, 3.0), is(1.0, 1.0)] {
        check_extremes([above, unit], max, 0.0, 0);
        check_extremes([unit, above], max, 0.0, 0);
        check_extremes([above, unit], min, 0.0, 0);
        check_extremes([unit, above], min, 0.0, 0);
    }
    check_extremes([is(3.0, 3.0), is(3.0, 3.0)], max, 0.0, 0);
    let unary =
        |op: fn(ValueId) -> Op| move |b: &mut ProgramBuilder, x: ValueId, _| b.push(op(x)).unwrap();
    for x in [is(0.0, 4.0), is(-4.0, -1.0), is(0.0, 0.0)] {
        check_extremes([x, unit], unary(Op::Relu), 0.0, 0);
        check_extremes([x, unit], unary(Op::Abs), 0.0, 0);
    }
    check_extremes([is(-1.0, 9.0), unit], unary(Op::Abs), 2.0, 8);
    check_extremes([is(-9.0, 1.0), unit], unary(Op::Relu), 1.0, 8);
}

#[test]
fn results_of_max_go_on_as_any_value() {
    let ranges = [Interval::new(-3.0, 2.0), Interval::new(-1.0, 4.0)];
    // A weighted sum of a maximum and its operand.
    let sum = |b: &mut ProgramBuilder, x, y| {
        let max = b.max(x, y).unwrap();
        b.weighted_sum(vec![(max, 0.5.into()), (x, (-0.25).into())], 1.0)
            .unwrap()
    };
    check_extremes(ranges, sum, 1.0, 9);
    // A maximum of weighted sums.
    let of_sums = |b: &mut ProgramBuilder, x, y| {
        let u = b
            .weighted_sum(vec![(x, 0.5.into()), (y, 0.25.into())], 0.5)
            .unwrap();
        b.max(u, y).unwrap()
    };
    check_extremes(ranges, of_sums, 1.0, 9);
    // A relu, then a maximum, and the other way round.
    let after_relu = |b: &mut ProgramBuilder, x, y| {
        let relu = b.push(Op::Relu(x)).unwrap();
        b.max(relu, y).unwrap()
    };
    check_extremes(ranges, after_relu, 2.0, 16);
    let before_relu = |b: &mut ProgramBuilder, x, y| {
        let max = b.max(x, y).unwrap();
        b.push(Op::Relu(max)).unwrap()
    };
    check_extremes(ranges, before_relu, 2.0, 16);
    // A result twice in its unit, and then beside a value that needs another.
    let mixed = |b: &mut ProgramBuilder, x, y| {
        let max = b.max(x, y).unwrap();
        let min = b.min(x, y).unwrap();
        let most = b.max(max, min).unwrap();
        let double = b.weighted_sum(vec![(max, 2.0.into())], 0.0).unwrap();
        b.min(most, double).unwrap()
    };
    check_extremes(ranges, mixed, 5.0, 23);
}

#[test]
fn steps_take_the_levels_of_their_polynomials() {
    // Features of 5 bits against thresholds half-way between two of them.
    let mut b = ProgramBuilder::new("threshold");
    let mut table = input(1, 64, 1.0);
    table.columns[0].range = Interval::new(0.0, 31.0);
    let (_, x) = b.input(table).unwrap();
    let above = b.offset(x[0], -15.5).unwrap();
    let bit = b.push(Op::Step(above)).unwrap();
    b.output(output(vec![bit])).unwrap();
    let program = b.finish().unwrap();
    let mut capabilities = arithmetic();
    let approximation = capabilities.approximation.as_mut().unwrap();
    (approximation.sign_margin, approximation.sign_error) = (0.5 / 15.5, 0.04);
    let table = Array2::from_shape_fn((64, 1), |(i, _)| (i % 32) as f64);
    let lowered = lower(&program, &capabilities).unwrap();
    let composition = SignComposition::for_comparison(0.5 / 15.5, 0.04).unwrap();
    assert_eq!(lowered.depth(), 1 + composition.depth());
    assert!(composition.depth() <= 7, "{:?}", composition.degrees());
    let expect = &program.interpret(std::slice::from_ref(&table)).unwrap()[0];
    let got = &lowered.simulate(&[table]).unwrap()[0];
    for (e, g) in expect.iter().zip(got) {
        assert!((e - g).abs() <= 0.02, "expected {e}, got {g}");
    }
}

#[test]
fn equal_work_is_done_once() {
    let mut b = ProgramBuilder::new("test");
    let (_, x) = b.input(input(2, 8, 1.0)).unwrap();
    let p = b.mul(x[0], x[1]).unwrap();
    let q = b.mul(x[0], x[1]).unwrap();
    let r = b.square(x[0]).unwrap();
    let _dead = b.push(Op::Max(x[0], r)).unwrap();
    let y = b.add(p, q).unwrap();
    b.output(output(vec![y])).unwrap();
    let lowered = lower(&b.finish().unwrap(), &arithmetic()).unwrap();
    let counts = lowered.program().counts();
    assert_eq!(counts.get(&OpKind::Mul), Some(&1));
    assert_eq!(counts.get(&OpKind::Square), None);
    assert_eq!(lowered.depth(), 1);
}

#[test]
fn constants_are_folded() {
    let mut b = ProgramBuilder::new("test");
    let (_, x) = b.input(input(1, 4, 1.0)).unwrap();
    let c = b.constant(vec![1.0, 2.0, 3.0, 4.0]).unwrap();
    let d = b.square(c).unwrap();
    let y = b.mul(x[0], d).unwrap();
    let z = b.sub(c, y).unwrap();
    b.output(output(vec![z])).unwrap();
    let program = b.finish().unwrap();
    let lowered = lower(&program, &arithmetic()).unwrap();
    let table = Array2::from_shape_vec((4, 1), vec![0.5, -0.5, 0.25, 1.0]).unwrap();
    let got = &lowered.simulate(&[table]).unwrap()[0];
    assert_eq!(got.column(0).to_vec(), vec![0.5, 4.0, 0.75, -12.0]);
    assert!(!lowered.program().counts().contains_key(&OpKind::Mul));
}

#[test]
fn the_client_finishes_what_a_scheme_lacks() {
    let mut b = ProgramBuilder::new("test");
    let (_, x) = b.input(input(2, 4, 1.0)).unwrap();
    let s = b
        .weighted_sum(vec![(x[0], 2.0.into()), (x[1], (-1.0).into())], 0.5)
        .unwrap();
    let p = b.sigmoid(s).unwrap();
    b.output(output(vec![p])).unwrap();
    let program = b.finish().unwrap();
    let lowered = lower(&program, &additive()).unwrap();
    assert_eq!(lowered.client_computes(), ["sigmoid"]);
    let table = Array2::from_shape_fn((4, 2), |(i, j)| (i as f64 - j as f64) / 4.0);
    let server = lowered.simulate(std::slice::from_ref(&table)).unwrap();
    let got = lowered
        .finish_one(OutputId::from_index(0), &server[0])
        .unwrap();
    assert_eq!(got, program.interpret(&[table]).unwrap()[0]);
}

/// A bit may be off by less than a half; what it is decided from keeps what the inputs give it.
#[test]
fn a_value_decided_on_by_the_client_keeps_its_precision() {
    #[track_caller]
    fn check(decide: impl FnOnce(&mut ProgramBuilder, ValueId) -> ValueId, wanted: f64, kept: f64) {
        let mut b = ProgramBuilder::new("test");
        let (_, x) = b.input(input(2, 4, 1.0)).unwrap();
        let terms = vec![(x[0], 2.0.into()), (x[1], (-3.0).into())];
        let s = b.weighted_sum(terms, 0.5).unwrap();
        let decided = decide(&mut b, s);
        let whole = Output {
            precision: wanted,
            ..output(vec![decided])
        };
        b.output(whole).unwrap();
        let lowered = lower(&b.finish().unwrap(), &additive()).unwrap();
        let server = &lowered.program().outputs()[0];
        assert!(
            (server.precision - kept).abs() < 1e-12,
            "{}",
            server.precision
        );
        assert_eq!(lowered.original().outputs()[0].precision, wanted);
    }
    // Inputs within 1e-6, weights 2 and -3.
    check(|b, s| b.step(s).unwrap(), 0.25, 5e-6);
    check(|b, s| b.step(s).unwrap(), 1e-7, 1e-7);
    check(|b, s| b.sigmoid(s).unwrap(), 1e-3, 1e-3);
}

#[test]
fn refusals_name_the_operation_and_the_place() {
    let mut b = ProgramBuilder::new("pool");
    let (_, x) = b.input(input(2, 4, 1.0)).unwrap();
    let m = b.max(x[0], x[1]).unwrap();
    b.output(output(vec![m])).unwrap();
    let refusal = lower(&b.finish().unwrap(), &additive()).unwrap_err();
    assert_eq!(refusal.operation, "max");
    assert!(
        refusal
            .reason
            .contains("it needs a comparison (at %2 of `pool`)"),
        "{refusal}"
    );

    let mut b = ProgramBuilder::new("masked");
    let (_, x) = b.input(input(1, 2, 1.0)).unwrap();
    let m = b.scale(x[0], vec![1.0, 0.5]).unwrap();
    b.output(output(vec![m])).unwrap();
    let refusal = lower(&b.finish().unwrap(), &additive()).unwrap_err();
    assert!(
        refusal.reason.contains("differ from element to element"),
        "{refusal}"
    );
}

#[test]
fn programs_survive_the_wire() {
    let program = unary(Op::Sigmoid, 6.0);
    let lowered = lower(&program, &arithmetic()).unwrap();
    let text = serde_json::to_string(lowered.program()).unwrap();
    let back: Program = serde_json::from_str(&text).unwrap();
    assert_eq!(lowered.program(), &back);
    let bad = text.replacen("\"Square\":", "\"Square\":9", 1);
    assert!(
        serde_json::from_str::<Program>(&bad).is_err(),
        "a value that does not exist"
    );
}

/// Which ranges were stated, and which proven, is the same at both parties, lowered or not.
#[test]
fn what_was_stated_stays_stated() {
    let within = Interval::new(0.0, 1.0);
    let program = |tell: &dyn Fn(&mut ProgramBuilder, ValueId)| {
        let mut b = ProgramBuilder::new("difference");
        let (_, x) = b.input(input(2, 4, 1.0)).unwrap();
        let square = b.square(x[0]).unwrap();
        let sum = b.add(square, x[1]).unwrap();
        let back = b.sub(sum, x[1]).unwrap();
        tell(&mut b, back);
        // Nothing is left of the value that something is said of, but of what is computed from it.
        let same = b.scale(back, 1.0).unwrap();
        let twice = b.scale(same, 2.0).unwrap();
        b.output(output(vec![twice])).unwrap();
        b.finish().unwrap()
    };
    let assumed = |program: &Program| {
        let text = serde_json::to_string(program).unwrap();
        let back: Program = serde_json::from_str(&text).unwrap();
        assert_eq!(*program, back);
        let assumed = back.values().iter().filter(|v| v.is_assumed());
        assumed.map(|v| v.op().kind()).collect::<Vec<_>>()
    };
    let check = |tell: &dyn Fn(&mut ProgramBuilder, ValueId), expect: [&[OpKind]; 2]| {
        let program = program(tell);
        assert_eq!(assumed(&program), expect[0]);
        let lowered = lower(&program, &arithmetic()).unwrap();
        let output = lowered.program().output_named("y").unwrap();
        let twice = lowered.program().output(output).values[0];
        assert_eq!(lowered.program().value(twice).range().high, 2.0);
        assert_eq!(assumed(lowered.program()), expect[1]);
    };
    let stated = |b: &mut ProgramBuilder, value| b.assume(value, within).unwrap();
    check(&stated, [&[OpKind::Sub]; 2]);
    let proven = |b: &mut ProgramBuilder, value| b.narrow(value, within);
    check(&proven, [&[]; 2]);
    // Stated of a value that lowering folds into another: what follows from it cannot be derived again.
    let folded = |b: &mut ProgramBuilder, value| {
        let zero = b.offset(value, 0.0).unwrap();
        b.assume(zero, within).unwrap();
        let more = b.scale(zero, 0.5).unwrap();
        let more = Output {
            name: "half".into(),
            ..output(vec![more])
        };
        b.output(more).unwrap();
        b.narrow(value, within);
    };
    check(&folded, [&[OpKind::Offset], &[]]);
    let folded = |b: &mut ProgramBuilder, value| {
        let zero = b.offset(value, 0.0).unwrap();
        b.assume(zero, Interval::new(0.0, 0.5)).unwrap();
        let more = b.scale(zero, 0.5).unwrap();
        let more = Output {
            name: "half".into(),
            ..output(vec![more])
        };
        b.output(more).unwrap();
        b.narrow(value, within);
    };
    check(&folded, [&[OpKind::Offset], &[OpKind::Scale]]);
}

/// A range that a program says to be proven is one that every interpretation is held to, where it arrives.
#[test]
fn what_a_stranger_proves_is_checked() {
    let mut b = ProgramBuilder::new("square");
    let (_, x) = b.input(input(1, 2, 2.0)).unwrap();
    let y = b.square(x[0]).unwrap();
    b.narrow(y, Interval::new(0.0, 1.0));
    b.output(output(vec![y])).unwrap();
    let text = serde_json::to_string(&b.finish().unwrap()).unwrap();
    assert!(!text.contains("\"assumed\":true"));
    let back: Program = serde_json::from_str(&text).unwrap();
    let table = |most: f64| Array2::from_shape_fn((2, 1), |(i, _)| most * i as f64);
    assert!(back.interpret(&[table(1.0)]).is_ok());
    let error = back.interpret(&[table(1.5)]).unwrap_err();
    assert!(matches!(error, ProgramError::Assumption { .. }), "{error}");
    // None of what is derived is left.
    let beyond = text.replace("\"high\":1.0}", "\"high\":-1.0}");
    assert_ne!(beyond, text);
    assert!(serde_json::from_str::<Program>(&beyond).is_err());
}

#[test]
fn what_was_lowered_elsewhere_is_taken_as_it_is_or_refused() {
    let squares = unary(Op::Square, 2.0);
    let lowered = lower(&squares, &arithmetic()).unwrap();
    let given = Lowered::given(lowered.program().clone(), &arithmetic()).unwrap();
    assert_eq!(given.program(), lowered.program());
    assert_eq!(given.levels(), lowered.levels());
    assert!(given.client_computes().is_empty());
    let refusal = Lowered::given(squares, &additive()).unwrap_err();
    assert_eq!(refusal.operation, "square");
    assert_eq!(refusal.reason, "it needs products of ciphertexts");
}
