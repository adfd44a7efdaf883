//! Laid-out programs give what the interpreter gives.

mod random;

use ndarray::Array2;
use proptest::prelude::*;

use random::{alike, classes, program, summed};

use super::*;
use crate::lower::{Capabilities, lower};
use crate::{Column, Input, Interval, Op, Output, Party, Program, ProgramBuilder, Public, ValueId};

const COEFFICIENTS: usize = 64;

fn capabilities() -> Capabilities {
    Capabilities {
        levels: LevelModel::Multiplicative,
        ..Capabilities::everything()
    }
}

fn lowered(program: &Program) -> Lowered {
    lower(program, &capabilities()).unwrap()
}

/// The layouts at the client, which must be those at the server, too.
fn laid_out(program: &Program) -> Vec<Layout> {
    let abilities = Abilities {
        rotations: true,
        coefficients: COEFFICIENTS,
    };
    let client = lowered(program);
    let text = serde_json::to_string(client.program()).unwrap();
    let crossed: Program = serde_json::from_str(&text).unwrap();
    let server = Lowered::given(crossed, &capabilities()).unwrap();
    let [client, server] =
        [client, server].map(|l| candidates(&l, abilities, LevelModel::Multiplicative));
    let said = |all: &[Layout]| {
        let all = all.iter();
        all.map(|layout| (layout.name.clone(), layout.lowered.program().clone()))
            .collect::<Vec<_>>()
    };
    assert_eq!(said(&client), said(&server));
    client
}

/// A weighted sum of vectors in coefficients: element `k` of the product of each term.
fn products(terms: &[(ValueId, Public)], bias: &Public, stride: usize, x: &[Vec<f64>]) -> Vec<f64> {
    let length = x[0].len();
    let mut sum: Vec<f64> = (0..length)
        .map(|k| match bias {
            Public::Scalar(b) => *b,
            Public::Vector(b) => b[k],
        })
        .collect();
    for ((_, weight), x) in terms.iter().zip(x) {
        for (k, sum) in sum.iter_mut().enumerate() {
            for j in 0..stride {
                let weight = match weight {
                    Public::Scalar(w) if j == 0 => *w,
                    Public::Scalar(_) => 0.0,
                    Public::Vector(w) => w[j],
                };
                *sum += weight * x.get(k + j).copied().unwrap_or(0.0);
            }
        }
    }
    sum
}

/// The outputs of a laid-out program in the clear.
fn interpret(layout: &Layout, tables: &[Array2<f64>]) -> Vec<Array2<f64>> {
    let packed: Vec<Array2<f64>> = tables
        .iter()
        .enumerate()
        .map(|(i, table)| {
            layout
                .pack(InputId::from_index(i), table.view())
                .into_owned()
        })
        .collect();
    let program = layout.lowered().program();
    for (input, table) in program.inputs().iter().zip(&packed) {
        input.check(table.view()).unwrap();
    }
    if layout.coding() == Coding::Slots {
        keeps_to_its_ranges(program, &packed);
        let all = program.interpret(&packed).unwrap();
        return all.into_iter().map(|t| layout.unpack(t)).collect();
    }
    let column = |v: &ValueId| match program.value(*v).op() {
        Op::Input { input, column } => packed[input.index()].column(*column).to_vec(),
        op => panic!("{op:?}"),
    };
    let outputs = program.outputs().iter().map(|output| {
        let columns: Vec<Vec<f64>> = output
            .values
            .iter()
            .map(|v| {
                let value = program.value(*v);
                let Op::WeightedSum { terms, bias } = value.op() else {
                    panic!("{:?}", value.op());
                };
                let x: Vec<_> = terms.iter().map(|(v, _)| column(v)).collect();
                let y = products(terms, bias, layout.stride(), &x);
                let range = value.range().padded(1e-9);
                assert!(y.iter().all(|y| range.contains(*y)), "{range}");
                y
            })
            .collect();
        let shape = (columns[0].len(), columns.len());
        layout.unpack(Array2::from_shape_fn(shape, |(i, j)| columns[j][i]))
    });
    outputs.collect()
}

/// Every element of every value, whatever place nobody reads it is at.
#[track_caller]
fn keeps_to_its_ranges(program: &Program, packed: &[Array2<f64>]) {
    let mut every = program.clone();
    every.outputs = program
        .iter()
        .map(|(id, _)| Output {
            name: id.to_string(),
            values: vec![id],
            precision: 1e-3,
        })
        .collect();
    let all = every.interpret(packed).unwrap();
    for ((id, value), elements) in program.iter().zip(&all) {
        let range = value.range();
        let range = range.padded(1e-9 * (1.0 + range.magnitude()));
        let outside = elements.iter().find(|x| !range.contains(**x));
        assert_eq!(outside, None, "{id} of {range}: {:?}", value.op());
    }
}

fn table(input: &Input, seed: u64) -> Array2<f64> {
    let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    Array2::from_shape_fn((input.length, input.columns.len()), |(_, column)| {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        let share = (state >> 11) as f64 / (1_u64 << 53) as f64;
        let range = input.columns[column].range;
        range.low + share * range.width()
    })
}

#[track_caller]
fn check(program: &Program, least: usize) {
    let all = laid_out(program);
    assert!(all.len() >= least, "{} layouts", all.len());
    let tables: Vec<_> = program.inputs().iter().map(|i| table(i, 7)).collect();
    let expected = program.interpret(&tables).unwrap();
    for layout in &all {
        let got = interpret(layout, &tables);
        for (got, expected) in got.iter().zip(&expected) {
            assert_eq!(got.dim(), expected.dim(), "{}", layout.name());
            for (x, y) in got.iter().zip(expected) {
                assert!((x - y).abs() < 1e-9, "{}: {x}, {y}", layout.name());
            }
        }
    }
}

fn input(name: &str, length: usize, columns: usize) -> Input {
    let column = |i: usize| Column {
        name: format!("{name} {i}"),
        range: Interval::new(-1.0, 1.0 + i as f64),
    };
    Input {
        name: name.into(),
        owner: Party::Client(0),
        length,
        columns: (0..columns).map(column).collect(),
        precision: 1e-6,
    }
}

fn output(builder: &mut ProgramBuilder, values: Vec<ValueId>) {
    let output = Output {
        name: "y".into(),
        values,
        precision: 1e-3,
    };
    builder.output(output).unwrap();
}

fn steps(most: usize) -> impl Strategy<Value = Vec<(u8, usize, usize, i8)>> {
    proptest::collection::vec(
        (any::<u8>(), 0..40_usize, 0..40_usize, any::<i8>()),
        0..most,
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn equal_operations_are_the_same_in_every_layout(
        groups in 2..6_usize,
        columns in 1..4_usize,
        each in steps(6),
        last in steps(6),
        said in any::<u8>(),
    ) {
        check(&alike(groups, columns, [&each, &last], said), 1);
    }

    #[test]
    fn classes_are_the_same_in_every_layout(
        rows in 1..9_usize,
        columns in 1..7_usize,
        count in 2..6_usize,
        each in steps(6),
        last in steps(6),
    ) {
        check(&classes((rows, columns, count), [&each, &last]), 1);
    }

    #[test]
    fn sums_are_the_same_in_every_layout(
        rows in 1..9_usize,
        columns in 1..12_usize,
        sums in 1..4_usize,
        steps in steps(8),
    ) {
        let program = summed(rows, columns, sums, &steps);
        check(&program, 1);
        let found = laid_out(&program);
        let found = found.iter().filter(|layout| layout.name().contains("rotated and summed"));
        // Random differences of equal sums with other biases are constants, which are no sums.
        if steps.is_empty() {
            prop_assert_eq!(found.count(), 1);
        }
    }

    #[test]
    fn affine_programs_are_the_same_in_every_layout(
        rows in 1..9_usize,
        columns in 1..12_usize,
        steps in steps(8),
    ) {
        let program = program(rows, columns, &steps);
        let cancelled = affine::outputs(lowered(&program).program()).is_none();
        check(&program, if cancelled { 1 } else { 2 });
    }
}

#[test]
fn rows_lie_side_by_side() {
    let program = program(3, 9, &[]);
    let strides = |all: &[Layout]| all.iter().map(Layout::stride).collect::<Vec<_>>();
    let all = laid_out(&program);
    assert_eq!(strides(&all), [1, 1, 2, 3, 5, 9]);
    let rows = &all[5];
    let inputs = rows.lowered().program().inputs();
    assert_eq!(inputs[0].columns.len(), 1);
    assert_eq!((inputs[0].length, inputs[1].length), (27, 27));
    assert_eq!(
        rows.name(),
        "rows of 9 columns side by side, in coefficients"
    );
    // 4096 rows would hold more than a ciphertext has, and take several.
    assert_eq!(rows.lowered().depth(), 1);
}

#[test]
fn whole_sums_take_no_level_with_a_column_to_a_vector() {
    let mut b = ProgramBuilder::new("sum");
    let (_, x) = b.input(input("x", 5, 3)).unwrap();
    let terms = x.iter().map(|v| (*v, Public::Scalar(2.0))).collect();
    let sum = b.weighted_sum(terms, 0.5).unwrap();
    output(&mut b, vec![sum]);
    let program = b.finish().unwrap();
    check(&program, 4);
    let depths: Vec<_> = laid_out(&program)
        .iter()
        .map(|layout| (layout.stride(), layout.lowered().depth()))
        .collect();
    assert_eq!(depths, [(1, 0), (1, 0), (2, 1), (3, 1)]);
}

/// What is not affine, or differs from row to row, keeps a vector for each column.
#[test]
fn other_programs_keep_their_columns() {
    let only_columns = |state: &dyn Fn(&mut ProgramBuilder, &[ValueId]) -> ValueId| {
        let mut b = ProgramBuilder::new("other");
        let (_, x) = b.input(input("x", 4, 3)).unwrap();
        let y = state(&mut b, &x);
        output(&mut b, vec![y]);
        check(&b.finish().unwrap(), 1);
        let mut b = ProgramBuilder::new("other");
        let (_, x) = b.input(input("x", 4, 3)).unwrap();
        let y = state(&mut b, &x);
        output(&mut b, vec![y]);
        laid_out(&b.finish().unwrap()).len() == 1
    };
    assert!(only_columns(&|b, x| b.mul(x[0], x[1]).unwrap()));
    assert!(only_columns(&|b, x| b.shift(x[0], 1).unwrap()));
    assert!(only_columns(&|b, x| {
        let ramp = Public::from(vec![0.25, 0.5, 0.75, 1.0]);
        b.weighted_sum(vec![(x[0], ramp), (x[1], 0.5.into())], 0.0)
            .unwrap()
    }));
    assert!(!only_columns(&|b, x| b.add(x[0], x[1]).unwrap()));
}

/// Nine columns of each of five rows in one vector: one product, four rotations, and what follows.
#[test]
fn sums_are_rotated_where_a_program_goes_on() {
    let mut b = ProgramBuilder::new("probability");
    let (_, x) = b.input(input("x", 5, 9)).unwrap();
    let terms = x.iter().enumerate();
    let terms = terms.map(|(i, v)| (*v, Public::Scalar(0.1 + 0.05 * i as f64)));
    let sum = b.weighted_sum(terms.collect(), -0.5).unwrap();
    let square = b.square(sum).unwrap();
    output(&mut b, vec![square]);
    let program = b.finish().unwrap();
    check(&program, 2);
    let all = laid_out(&program);
    let rows = all.last().unwrap();
    assert_eq!(
        rows.name(),
        "rows of 9 columns side by side, rotated and summed, in slots"
    );
    assert_eq!(
        (rows.stride(), rows.shows_more(), rows.family()),
        (16, true, Family::Sums)
    );
    assert_eq!(rows.lowered().depth(), lowered(&program).depth());
    let inputs = rows.lowered().program().inputs();
    assert_eq!((inputs[0].columns.len(), inputs[0].length), (1, 80));
    let values = rows.lowered().program().values().iter();
    assert_eq!(
        values
            .filter(|v| matches!(v.op(), Op::Shift { .. }))
            .count(),
        4
    );
    // A stated range need not hold of columns of two rows.
    let mut b = ProgramBuilder::new("stated");
    let (_, x) = b.input(input("x", 5, 3)).unwrap();
    let terms = x.iter().map(|v| (*v, Public::Scalar(0.5)));
    let sum = b.weighted_sum(terms.collect(), 0.0).unwrap();
    b.assume(sum, Interval::symmetric(0.25)).unwrap();
    let square = b.square(sum).unwrap();
    output(&mut b, vec![square]);
    assert_eq!(laid_out(&b.finish().unwrap()).len(), 1);
}

/// Two maxima of four columns each, by products and sums alone: what is computed alike is computed once.
#[test]
fn equal_operations_lie_side_by_side() {
    let mut b = ProgramBuilder::new("two rounds");
    let like = input("x", 3, 1).columns[0].clone();
    let declared = Input {
        columns: vec![like; 5],
        ..input("x", 3, 5)
    };
    let (_, x) = b.input(declared).unwrap();
    let ramp = Public::from(vec![0.5, -0.25, 0.75]);
    let round = |b: &mut ProgramBuilder, x: ValueId, y: ValueId| {
        let distance = b.sub(x, y).unwrap();
        let square = b.square(distance).unwrap();
        let bent = b.weighted_sum(vec![(square, ramp.clone()), (y, 0.5.into())], ramp.clone());
        let bent = bent.unwrap();
        (b.add(bent, x).unwrap(), distance)
    };
    let (first, distance) = round(&mut b, x[0], x[1]);
    let (second, other) = round(&mut b, x[2], x[3]);
    let (last, _) = round(&mut b, first, second);
    // Members of classes are read alone, too, and so is a column.
    let mixed = b.mul(distance, x[4]).unwrap();
    let mixed = b.add(mixed, second).unwrap();
    output(&mut b, vec![last, other]);
    output(&mut b, vec![mixed, x[4]]);
    let program = b.finish().unwrap();
    check(&program, 2);
    let all = laid_out(&program);
    let lanes = all.last().unwrap();
    assert_eq!((lanes.stride(), all.len()), (2, 2), "{}", lanes.name());
    let products = |program: &Program| {
        let values = program.values().iter();
        let kinds = values.filter(|v| matches!(v.op(), Op::Square(_) | Op::Mul(..)));
        kinds.count()
    };
    assert_eq!(products(&program), 4);
    assert_eq!(products(lanes.lowered().program()), 3);
    assert_eq!(lanes.lowered().depth(), lowered(&program).depth());
}

/// The largest of three sums by three comparisons, as of a multinomial model: one comparison of three blocks, whose
/// columns are repeated, or lie side by side.
#[test]
fn classes_are_compared_at_once() {
    let program = classes(
        (5, 6, 3),
        [&[(2, 0, 0, 0), (6, 1, 0, 9)], &[(0, 0, 2, 0), (3, 6, 4, 0)]],
    );
    check(&program, 4);
    let all = laid_out(&program);
    let found: Vec<_> = all.iter().rev().take(2).collect();
    let names: Vec<_> = found.iter().map(|layout| layout.name()).collect();
    assert_eq!(
        names,
        [
            "rows of 6 columns side by side, 3 sums of each by diagonals, in slots",
            "3 operations with numbers of their own side by side, in slots",
        ]
    );
    let before = lowered(&program);
    assert_eq!(blocks::products(before.program()), 7);
    for (layout, stride, vectors, shifts) in [(found[1], 4, 8, 2), (found[0], 8, 2, 7)] {
        let program = layout.lowered().program();
        assert_eq!((layout.stride(), blocks::products(program)), (stride, 3));
        let inputs = program.inputs().iter();
        assert_eq!(
            inputs.map(|input| input.columns.len()).sum::<usize>(),
            vectors
        );
        let values = program.values().iter();
        let found = values.filter(|v| matches!(v.op(), Op::Shift { .. }));
        assert_eq!(found.count(), shifts, "{program}");
    }
}

/// Where a range is stated, no lane but the first need keep to it; where it is proven, all do.
#[test]
fn statements_keep_columns_apart() {
    let each = [(2, 0, 0, 0)];
    let last = [(0, 2, 4, 0)];
    let [stated, proven] = [0, 1].map(|said| laid_out(&alike(2, 1, [&each, &last], said)).len());
    assert_eq!((stated, proven), (1, 2));
}

/// A column that is read in one lane and for itself: the lanes' other blocks would hold what no columns give, but
/// blocks have ranges of their own.
#[test]
fn columns_of_two_roles_lie_in_blocks() {
    let mut b = ProgramBuilder::new("roles");
    let like = input("x", 3, 1).columns[0].clone();
    let declared = Input {
        columns: vec![like; 2],
        ..input("x", 3, 2)
    };
    let (_, x) = b.input(declared).unwrap();
    let squares = [b.square(x[0]).unwrap(), b.square(x[1]).unwrap()];
    let product = b.mul(squares[0], squares[1]).unwrap();
    let product = b.mul(product, x[0]).unwrap();
    output(&mut b, vec![product]);
    let program = b.finish().unwrap();
    let all = laid_out(&program);
    let names: Vec<_> = all.iter().skip(1).map(Layout::name).collect();
    assert_eq!(
        names,
        ["2 operations with numbers of their own side by side, in slots"]
    );
    check(&program, 2);
}

#[test]
fn the_least_by_the_objective_is_chosen() {
    let expense = |latency_ns, processor_ns, upload_bytes, memory_bytes| {
        Some(Expense {
            latency_ns,
            processor_ns,
            upload_bytes,
            memory_bytes,
            ..Expense::default()
        })
    };
    let all = [
        expense(5, 1, 9, 9),
        None,
        expense(1, 9, 9, 5),
        expense(9, 9, 1, 4),
        expense(1, 9, 9, 5),
    ];
    let by = |objective| best(objective, &all);
    assert_eq!(by(Objective::Latency), Some(2));
    assert_eq!(by(Objective::Throughput), Some(0));
    assert_eq!(by(Objective::Upload), Some(3));
    assert_eq!(by(Objective::Memory), Some(3));
    assert_eq!(best(Objective::Latency, &[None]), None);
    // As fast within a twentieth: fewer bytes, both ways, decide; beyond it they do not.
    let timed = |time, download_bytes| {
        let (latency_ns, processor_ns) = (time, time);
        Some(Expense {
            latency_ns,
            processor_ns,
            download_bytes,
            upload_bytes: 50,
            ..Expense::default()
        })
    };
    let near = [timed(1000, 80), timed(1050, 40), timed(1051, 10), None];
    for objective in [Objective::Latency, Objective::Throughput] {
        assert_eq!(best(objective, &near), Some(1));
        assert_eq!(best(objective, &near[..1]), Some(0));
        assert_eq!(best(objective, &near[1..]), Some(1));
    }
    assert_eq!(best(Objective::Upload, &near), Some(2));
    let shown = Candidate {
        layout: "columns".into(),
        expense: all[0],
        chosen: true,
    };
    assert!(
        shown.to_string().starts_with("* columns: 0.00 ms"),
        "{shown}"
    );
}
