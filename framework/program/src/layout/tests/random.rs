//! Random programs.

use super::{input, output};
use crate::{Input, Program, ProgramBuilder, Public, ValueId};

/// Random affine programs of two inputs: sums of sums, differences, scalings, offsets for each row.
pub(super) fn program(rows: usize, columns: usize, steps: &[(u8, usize, usize, i8)]) -> Program {
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
pub(super) fn step(
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
pub(super) fn alike(
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
pub(super) fn summed(
    rows: usize,
    columns: usize,
    sums: usize,
    steps: &[(u8, usize, usize, i8)],
) -> Program {
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
pub(super) fn classes(
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
