//! Laid-out programs give what the interpreter gives.

use ndarray::Array2;
use proptest::prelude::*;

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

/// Random affine programs of two inputs: sums of sums, differences, scalings, offsets for each row.
fn program(rows: usize, columns: usize, steps: &[(u8, usize, usize, i8)]) -> Program {
    let mut b = ProgramBuilder::new("affine");
    let (_, mut values) = b.input(input("x", rows, columns)).unwrap();
    values.extend(b.input(input("z", rows, 2)).unwrap().1);
    // Nothing cancels: each result has a share of its own of every column.
    let all = values.clone().into_iter().enumerate();
    let all = all.map(|(i, v)| (v, Public::Scalar(0.5 + 0.37 * i as f64)));
    let every = b.weighted_sum(all.collect(), 0.25).unwrap();
    for (kind, left, right, by) in steps {
        let (x, y) = (values[left % values.len()], values[right % values.len()]);
        let by = f64::from(*by) / 16.0 + 0.01;
        let ramp: Vec<f64> = (0..rows).map(|i| by * i as f64).collect();
        let value = match kind % 5 {
            0 => b.add(x, y),
            1 => b.sub(x, y),
            2 => b.scale(x, by),
            3 => b.offset(x, ramp),
            _ => b.weighted_sum(vec![(x, by.into()), (y, 0.5.into())], by),
        };
        values.push(value.unwrap());
    }
    let last = values[values.len() - 1];
    let first = b.add(every, last).unwrap();
    output(&mut b, vec![every, first]);
    output(&mut b, vec![every]);
    b.finish().unwrap()
}

/// One more value of these, if it stays small; steps are chosen by numbers.
fn step(
    b: &mut ProgramBuilder,
    values: &[ValueId],
    (kind, left, right, by): (u8, usize, usize, i8),
) -> Option<ValueId> {
    let (x, y) = (values[left % values.len()], values[right % values.len()]);
    let by = f64::from(by) / 64.0 + 0.01;
    let ramp: Vec<f64> = (0..b.length(x)).map(|i| by * i as f64).collect();
    let value = match kind % 8 {
        0 | 1 => b.mul(x, y),
        2 => b.square(x),
        3 => b.add(x, y),
        4 => b.sub(x, y),
        5 => b.offset(x, ramp),
        6 => b.scale(x, by),
        _ => b.weighted_sum(vec![(x, ramp.into()), (y, 0.5.into())], by),
    };
    let value = value.ok()?;
    (b.range(value).magnitude() < 50.0).then_some(value)
}

/// The same steps on each of several groups of columns, and others on what they yield. It may be stated
/// or proven of one result of each group that it keeps to its range.
fn alike(
    groups: usize,
    columns: usize,
    steps: [&[(u8, usize, usize, i8)]; 2],
    said: u8,
) -> Program {
    let mut b = ProgramBuilder::new("alike");
    let like = input("x", 3, 1).columns[0].clone();
    let (_, x) = b
        .input(Input {
            columns: vec![like; groups * columns],
            ..input("x", 3, groups * columns)
        })
        .unwrap();
    let (_, mut all) = b.input(input("z", 3, 2)).unwrap();
    for group in x.chunks(columns) {
        let mut values = group.to_vec();
        for choice in steps[0] {
            values.extend(step(&mut b, &values, *choice));
        }
        let last = values[values.len() - 1];
        // Of a difference, which is known to be what it was before, and not derived.
        let more = b.add(last, group[0]).unwrap();
        let back = b.sub(more, group[0]).unwrap();
        let range = b.range(last);
        match said % 4 {
            0 => b.assume(back, range).unwrap(),
            1 => b.narrow(back, range),
            _ => {}
        }
        all.extend([back, values[values.len() / 2]]);
    }
    for choice in steps[1] {
        let value = step(&mut b, &all, *choice);
        all.extend(value);
    }
    output(&mut b, vec![all[all.len() - 1], all[2]]);
    let every = all.iter().map(|v| (*v, Public::Scalar(0.25))).collect();
    let every = b.weighted_sum(every, 0.0).unwrap();
    output(&mut b, vec![every]);
    b.finish().unwrap()
}

/// Weighted sums of the columns of two inputs, and random steps on them.
fn summed(rows: usize, columns: usize, sums: usize, steps: &[(u8, usize, usize, i8)]) -> Program {
    let mut b = ProgramBuilder::new("summed");
    let (_, mut x) = b.input(input("x", rows, columns)).unwrap();
    x.extend(b.input(input("z", rows, 2)).unwrap().1);
    let ramp: Vec<f64> = (0..rows).map(|i| 0.25 * i as f64).collect();
    let mut values = vec![];
    for sum in 0..sums {
        let weight = |i: usize| 0.11 * (1 + (i * 5 + sum * 3) % 7) as f64 - 0.3;
        let terms = x.iter().enumerate().skip(sum % 2);
        let terms = terms.map(|(i, v)| (*v, Public::Scalar(weight(i))));
        let bias = if sum % 3 == 1 {
            Public::from(ramp.clone())
        } else {
            Public::Scalar(0.5 * (sum % 3) as f64)
        };
        values.push(b.weighted_sum(terms.collect(), bias).unwrap());
    }
    let bent = b.square(values[0]).unwrap();
    values.push(bent);
    for choice in steps {
        let value = step(&mut b, &values, *choice);
        values.extend(value);
    }
    output(&mut b, vec![values[values.len() - 1], values[0]]);
    output(&mut b, vec![bent]);
    b.finish().unwrap()
}

/// Several weighted sums of the columns, the same steps on each with numbers of its own, and others on what they yield.
fn classes(
    (rows, columns, classes): (usize, usize, usize),
    steps: [&[(u8, usize, usize, i8)]; 2],
) -> Program {
    let mut b = ProgramBuilder::new("classes");
    let (_, mut x) = b.input(input("x", rows, columns)).unwrap();
    x.extend(b.input(input("z", rows, 2)).unwrap().1);
    let mut all = vec![];
    for class in 0..classes {
        let terms = x.iter().enumerate();
        let terms = terms.map(|(i, v)| {
            (
                *v,
                Public::Scalar(0.07 * ((i * 5 + class * 3) % 7) as f64 - 0.2),
            )
        });
        let sum = b.weighted_sum(terms.collect(), 0.5 * class as f64).unwrap();
        let most = b.range(sum).magnitude();
        let mut values = vec![b.scale(sum, 1.0 / most).unwrap()];
        for (kind, left, right, by) in steps[0] {
            let by = by.saturating_add(class as i8);
            values.extend(step(&mut b, &values, (*kind, *left, *right, by)));
        }
        let last = values[values.len() - 1];
        all.extend([b.mul(last, values[0]).unwrap(), values[0]]);
    }
    for choice in steps[1] {
        let value = step(&mut b, &all, *choice);
        all.extend(value);
    }
    output(&mut b, vec![all[all.len() - 1], all[0]]);
    output(&mut b, vec![all[2 % all.len()]]);
    b.finish().unwrap()
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
