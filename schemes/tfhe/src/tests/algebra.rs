//! The algebra against real arithmetic: what forms stand for, and that they stay in their ranges.

use std::sync::Arc;

use hexperiment_program::lower::lower;
use hexperiment_program::{Interval, LookupTable, Op, Program, Public, apply};
use hexperiment_scheme::Scheme;
use ndarray::Array2;

use super::options;
use super::random::{LENGTH, Random, program, table};
use super::whole::{random_program, whole_ranges, whole_table};
use crate::Tfhe;
use crate::algebra::{Form, Function, LimbOptions, Number, Packings, Source, Sources};
use crate::flatten::{Flattener, InLimbs};

/// The values of all sources, without a torus.
struct Values(Vec<Vec<f64>>);

impl Values {
    fn new(sources: &Sources, inputs: &[Array2<f64>]) -> Self {
        let mut values = Self(vec![]);
        for source in sources.all() {
            let numbers = match source {
                Source::Column { input, column, .. } => inputs[*input].column(*column).to_vec(),
                Source::Limb {
                    input,
                    column,
                    limb,
                } => {
                    let numbers = inputs[*input].column(*column);
                    numbers.iter().map(|x| limb.of(*x)).collect()
                }
                Source::Function {
                    function, operand, ..
                } => looked_up(function, &values.of(operand)),
            };
            values.0.push(numbers);
        }
        values
    }

    fn of(&self, form: &Form) -> Vec<f64> {
        let element = |i: usize| {
            form.terms().iter().fold(form.bias().at(i), |sum, term| {
                let at = term.gather.as_ref().map_or(i, |g| g[i] as usize);
                sum + term.weight.at(i) * self.0[term.source][at]
            })
        };
        (0..form.length()).map(element).collect()
    }

    /// That a form keeps what it says of itself.
    #[track_caller]
    fn check(&self, form: &Form, slack: f64, what: &str) {
        let (range, is_whole) = (form.range().padded(slack), form.is_whole());
        for x in self.of(form) {
            assert!(
                range.contains(x),
                "{what}: {x} is outside {range}: {form:?}"
            );
            assert!(!is_whole || x.fract() == 0.0, "{what}: {x}: {form:?}");
        }
    }
}

fn looked_up(function: &Function, arguments: &[f64]) -> Vec<f64> {
    let each = |f: &dyn Fn(f64) -> f64| arguments.iter().map(|x| f(*x)).collect();
    match function {
        Function::Smooth(op) => apply(op, &[arguments], arguments.len()),
        Function::Step { at_zero } => {
            each(&|x| f64::from(u8::from(x > 0.0 || (*at_zero && x == 0.0))))
        }
        Function::Lookup(table) => each(&|x| table.at(x)),
        Function::Ring {
            entries, offset, ..
        } => each(&|x| {
            let half = entries.len() as i64;
            let at = (x.round() as i64 + i64::from(*offset)).rem_euclid(2 * half);
            let entry = entries[(at % half) as usize];
            if at < half { entry } else { -entry }
        }),
    }
}

/// All values of a program.
fn oracle(program: &Program, inputs: &[Array2<f64>]) -> Vec<Vec<f64>> {
    let mut all: Vec<Vec<f64>> = vec![];
    for value in program.values() {
        all.push(match value.op() {
            Op::Input { input, column } => inputs[input.index()].column(*column).to_vec(),
            op => {
                let operands = op.operands();
                let operands: Vec<&[f64]> =
                    operands.iter().map(|v| all[v.index()].as_slice()).collect();
                apply(op, &operands, value.length())
            }
        });
    }
    all
}

/// Bits of the uppermost limb and halvings before a refreshment, the strictest last.
const LIMB_OPTIONS: [LimbOptions; 3] = [
    LimbOptions {
        bits: 20,
        top: 4,
        most_halvings: u32::MAX,
    },
    LimbOptions {
        bits: 20,
        top: 3,
        most_halvings: 2,
    },
    LimbOptions {
        bits: 20,
        top: 4,
        most_halvings: 1,
    },
];

/// Every number of a program is what the oracle says, if that is asked for; everything lies in its
/// range. `false`: the program is refused.
#[track_caller]
fn check(
    program: &Program,
    options: LimbOptions,
    inputs: &[Array2<f64>],
    (slack, exact): (f64, bool),
    name: &str,
) -> bool {
    let in_limbs = InLimbs::of(program);
    let packings = Packings::default();
    let Ok(flattener) = Flattener::run(program, &in_limbs, options, Some(&packings)) else {
        return false;
    };
    let numbers = program.iter().map(|(id, _)| flattener.number(id));
    let numbers: Vec<&Number> = numbers.collect();
    let sources = &flattener.sources;
    let values = Values::new(sources, inputs);
    for (source, found) in sources.all().iter().zip(&values.0) {
        let range = source.range().padded(slack);
        assert!(
            found.iter().all(|x| range.contains(*x)),
            "{name}: {source:?}"
        );
        if let Source::Function { operand, .. } = source {
            values.check(operand, slack, name);
        }
    }
    for (number, expected) in numbers.into_iter().zip(oracle(program, inputs)) {
        if let Number::Limbs(number) = number {
            for form in number.limbs() {
                // Limbs are of the rounded number, and their ranges too.
                values.check(form, 1e-9, name);
            }
            values.check(number.rest(), slack, name);
        } else {
            values.check(&number.merged(), slack, name);
        }
        let range = number.range().padded(slack);
        assert!(
            expected.iter().all(|x| range.contains(*x)),
            "{name}: {number:?}"
        );
        if exact {
            assert_eq!(values.of(&number.merged()), expected, "{name}: {program:?}");
        }
    }
    true
}

fn lowered(program: &Program) -> Program {
    let lowered = lower(program, &Tfhe.capabilities(&options(20)).unwrap());
    lowered.unwrap().program().clone()
}

#[test]
fn whole_programs_are_exact_and_stay_in_range() {
    let (mut made, mut refused) = (0, 0);
    for seed in 0..3000 {
        let mut random = Random(seed);
        let ranges = whole_ranges(&mut random);
        let steps = 1 + random.below(6);
        let (program, _) = random_program(&mut random, &ranges, 0.5, steps);
        let program = lowered(&program);
        let inputs = [whole_table(&mut random, LENGTH, &ranges)];
        for options in LIMB_OPTIONS {
            let name = format!("seed {seed}, {options:?}");
            if check(&program, options, &inputs, (0.0, true), &name) {
                made += 1;
            } else {
                refused += 1;
            }
        }
    }
    assert!(made > 10 * refused, "{made} made, {refused} refused");
}

#[test]
fn programs_of_reals_stay_in_range() {
    let mut made = 0;
    for seed in 0..1000 {
        let mut random = Random(seed);
        let columns = 1 + random.below(3);
        let ranges = (0..columns).map(|_| Interval::new(4.0 * random.real(), 4.0 * random.real()));
        let ranges: Vec<Interval> = ranges.collect();
        let steps = 1 + random.below(5);
        let (program, _) = random_program(&mut random, &ranges, 0.01, steps);
        let program = lowered(&program);
        let inputs = [table(&mut random, &ranges)];
        for options in LIMB_OPTIONS {
            // What is rounded to multiples of 2^-6 is off by half of that, and so for each summand.
            let name = format!("seed {seed}, {options:?}");
            made += usize::from(check(&program, options, &inputs, (0.5, false), &name));
        }
    }
    assert!(made > 2000, "{made}");
}

#[test]
fn limbs_of_fractions_are_not_refreshed() {
    // A table over whole numbers would round 0.75 times a maximum.
    let ranges = [Interval::new(0.0, 100.0); 2];
    let program = program(&ranges, 0.5, |b, x| {
        let max = b.max(x[0], x[1]).unwrap();
        let part = b.scale(max, 0.75).unwrap();
        let moved = b.offset(part, -30.0).unwrap();
        Some(vec![b.push(Op::Relu(moved)).unwrap()])
    });
    let program = lowered(&program.unwrap());
    for options in LIMB_OPTIONS {
        let inputs = [whole_table(&mut Random(1), LENGTH, &ranges)];
        assert!(check(&program, options, &inputs, (0.0, true), "scaled"));
    }
}

/// A form beside what it should be.
#[derive(Clone)]
struct Pair {
    form: Form,
    expected: Vec<f64>,
}

/// Three columns, two tables and a comparison of them.
fn leaves(random: &mut Random, sources: &mut Sources) -> (Vec<Form>, Array2<f64>) {
    let ranges: Vec<Interval> = (0..3)
        .map(|_| Interval::new((8.0 * random.real()).round(), (8.0 * random.real()).round()))
        .collect();
    let mut forms: Vec<Form> = ranges
        .iter()
        .enumerate()
        .map(|(column, range)| sources.column((0, column), (*range, 0.0), LENGTH))
        .collect();
    for fraction in [0.0, 0.5] {
        let entries: Arc<[f64]> = (0..17).map(|i| f64::from(i * 7 % 5) + fraction).collect();
        let table = LookupTable { first: -8, entries };
        forms.push(sources.lookup(table, forms[0].clone()));
    }
    let numbers = [1, 2].map(|i: usize| Number::from(forms[i].clone()));
    forms.push(sources.above(&numbers[0], &numbers[1], true));
    let rows = Array2::from_shape_fn((LENGTH, 3), |(i, j)| match i {
        0 => ranges[j].low,
        1 => ranges[j].high,
        _ => (ranges[j].low + random.real().abs() * ranges[j].width()).round(),
    });
    (forms, rows)
}

fn public(random: &mut Random) -> Public {
    let mut number = || (random.real() * 4.0).round() * 0.5;
    let numbers: Vec<f64> = (0..LENGTH).map(|_| number()).collect();
    match numbers[0] {
        x if x < 0.0 => Public::from(numbers),
        x => Public::Scalar(x),
    }
}

fn combined(random: &mut Random, all: &[Pair]) -> Pair {
    let mut any = || all[random.below(all.len() as u64) as usize].clone();
    let (a, b) = (any(), any());
    let each = |f: &dyn Fn(usize) -> f64| (0..LENGTH).map(f).collect::<Vec<f64>>();
    let (x, y) = (&a.expected, &b.expected);
    let (form, expected) = match random.below(7) {
        0 => (a.form.add(&b.form), each(&|i| x[i] + y[i])),
        1 => (a.form.sub(&b.form), each(&|i| x[i] - y[i])),
        2 => {
            let by = public(random);
            (a.form.times(&by), each(&|i| x[i] * by.at(i)))
        }
        3 => {
            let by = public(random);
            (a.form.plus(&by), each(&|i| x[i] + by.at(i)))
        }
        4 => (a.form.complement(), each(&|i| 1.0 - x[i])),
        5 => {
            // Some elements twice, so that different ones become the same.
            let from = |i: usize| (5 * i + 1) % LENGTH / 2;
            (a.form.reindexed(LENGTH, from), each(&|i| x[from(i)]))
        }
        _ => {
            let shifted = |i: usize| (i + 3) % LENGTH;
            (a.form.reindexed(LENGTH, shifted), each(&|i| x[shifted(i)]))
        }
    };
    Pair { form, expected }
}

#[test]
fn linear_operations_are_those_of_numbers() {
    let (mut whole, mut cancelled) = (0, 0);
    for seed in 0..500 {
        let mut random = Random(seed);
        let mut sources = Sources::default();
        let (forms, rows) = leaves(&mut random, &mut sources);
        let values = Values::new(&sources, &[rows]);
        let leaf = |form: &Form| Pair {
            form: form.clone(),
            expected: values.of(form),
        };
        let mut all: Vec<Pair> = forms.iter().map(leaf).collect();
        for _ in 0..30 {
            let pair = combined(&mut random, &all);
            let name = format!("seed {seed}");
            // Numbers are small multiples of powers of two: sums are exact, and so are ranges.
            values.check(&pair.form, 0.0, &name);
            assert_eq!(values.of(&pair.form), pair.expected, "{name}");
            let places = pair.form.terms().iter().map(|t| (t.source, &t.gather));
            assert!(places.is_sorted_by(|a, b| a < b), "{name}: {:?}", pair.form);
            whole += usize::from(pair.form.is_whole());
            cancelled += usize::from(pair.form.terms().is_empty());
            if pair.form.range().magnitude() < 1e6 {
                all.push(pair);
            }
        }
    }
    assert!(whole > 200 && cancelled > 100, "{whole}, {cancelled}");
}

#[test]
fn what_cancels_has_no_width() {
    let mut sources = Sources::default();
    let range = Interval::new(-3.0, 5.0);
    let x = sources.column((0, 0), (range, 0.5), 4);
    let difference = x.clone().moved(2.0).sub(&x);
    assert!(difference.terms().is_empty());
    assert_eq!(difference.range(), Interval::point(2.0));
    let one = x.clone().add(&x.clone().negative()).add(&x);
    assert!(one.is_same_sum(&x));
}

#[test]
fn what_one_knows_of_a_range_holds_for_all_who_ask() {
    let mut sources = Sources::default();
    let x = sources.column((0, 0), (Interval::new(0.0, 15.0), 0.5), 4);
    let table = LookupTable {
        first: 0,
        entries: (0..16).map(f64::from).collect(),
    };
    sources.lookup(table.clone(), x.clone());
    sources.lookup(table, x.within(Interval::new(2.0, 9.0)));
    let [_, Source::Function { operand, .. }] = sources.all() else {
        panic!("{:?}", sources.all());
    };
    assert_eq!(operand.range(), Interval::new(2.0, 9.0));
}
