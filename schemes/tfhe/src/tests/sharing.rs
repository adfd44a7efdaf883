//! The same function of the same argument is bootstrapped once.

use hexperiment_program::{Op, ProgramBuilder, Relation, ValueId};
use ndarray::Array2;

use super::{compile, program};

const LENGTH: usize = 24;

/// Both against the oracle; `shared` tells whether the second function costs no bootstrap.
#[track_caller]
fn check(shared: bool, build: impl Fn(&mut ProgramBuilder, &[ValueId]) -> [ValueId; 2]) {
    // Whole numbers, equal ones among them.
    let ranges = [(-3.0, 8.0), (-3.0, 8.0)];
    let inputs = [Array2::from_shape_fn((LENGTH, 2), |(i, j)| {
        ((i * (1 + 4 * j)) % 12) as f64 - 3.0
    })];
    let bootstraps = |outputs: &[usize]| {
        let program = program(LENGTH, &ranges, 0.25, |b, x| {
            let built = build(b, x);
            outputs.iter().map(|i| built[*i]).collect()
        });
        let circuit = compile(&program, 20);
        let exact = program.interpret(&inputs).unwrap();
        let found = circuit.simulate(&inputs).unwrap();
        for (x, y) in exact[0].iter().zip(&found[0]) {
            assert!((x - y).abs() < 0.1, "{x}, {y}");
        }
        circuit.parameters().counts.bootstraps
    };
    let [first, second] = [bootstraps(&[0]), bootstraps(&[1])];
    assert!(first > 0 && second > 0, "{first}, {second}");
    let both = if shared { first } else { first + second };
    assert_eq!(bootstraps(&[0, 1]), both);
}

fn compare(b: &mut ProgramBuilder, left: ValueId, relation: Relation, right: ValueId) -> ValueId {
    let op = Op::Compare {
        left,
        relation,
        right,
    };
    b.push(op).unwrap()
}

#[test]
fn comparisons_either_way_round_share_their_step() {
    use Relation::{Greater, GreaterOrEqual, Less, LessOrEqual};
    let cases = [
        (Greater, Less, true),
        (GreaterOrEqual, LessOrEqual, true),
        (Greater, GreaterOrEqual, true),
        (Less, LessOrEqual, true),
        (Greater, LessOrEqual, false),
        (GreaterOrEqual, Less, false),
    ];
    for (first, second, shared) in cases {
        check(shared, |b, x| {
            [
                compare(b, x[0], first, x[1]),
                compare(b, x[1], second, x[0]),
            ]
        });
    }
    // Negated: strictness tells them apart.
    check(true, |b, x| {
        [
            compare(b, x[0], Greater, x[1]),
            compare(b, x[0], LessOrEqual, x[1]),
        ]
    });
    check(false, |b, x| {
        [
            compare(b, x[0], Greater, x[1]),
            compare(b, x[0], Less, x[1]),
        ]
    });
}

#[test]
fn signs_share_the_steps_of_equality() {
    check(true, |b, x| {
        let difference = b.sub(x[1], x[0]).unwrap();
        let equal = compare(b, x[0], Relation::Equal, x[1]);
        [equal, b.push(Op::Sign(difference)).unwrap()]
    });
}

#[test]
fn smooth_functions_share_what_they_compute_alike() {
    check(true, |b, x| {
        let [sum, other] = [b.add(x[0], x[1]).unwrap(), b.add(x[1], x[0]).unwrap()];
        [b.sigmoid(sum).unwrap(), b.sigmoid(other).unwrap()]
    });
    check(false, |b, x| {
        let moved = b.offset(x[0], 1.0).unwrap();
        [b.sigmoid(x[0]).unwrap(), b.sigmoid(moved).unwrap()]
    });
    check(false, |b, x| {
        [b.sigmoid(x[0]).unwrap(), b.push(Op::Abs(x[0])).unwrap()]
    });
}

#[test]
fn equal_bits_are_counted_once() {
    // Both comparisons are one step; nothing is left to conjoin.
    check(true, |b, x| {
        let [above, below] = [
            compare(b, x[0], Relation::Greater, x[1]),
            compare(b, x[1], Relation::Less, x[0]),
        ];
        [above, b.and(vec![above, below]).unwrap()]
    });
}
