//! Conjunctions that share rotations: the oracle's bits, and fewer bootstraps.

use hexperiment_program::{ProgramBuilder, ValueId};
use ndarray::Array2;

use super::random::Random;
use super::{check, compile, program};

/// Columns of 0 to 7.
const COLUMNS: usize = 4;

/// Every row of the columns.
fn all_rows() -> Array2<f64> {
    Array2::from_shape_fn((8usize.pow(COLUMNS as u32), COLUMNS), |(i, j)| {
        (i >> (3 * j) & 7) as f64
    })
}

/// `x >= at`, or its negation.
fn test(b: &mut ProgramBuilder, x: ValueId, (at, holds): (usize, bool)) -> ValueId {
    let moved = b.offset(x, 0.5 - at as f64).unwrap();
    let step = b.step(moved).unwrap();
    if holds {
        step
    } else {
        b.weighted_sum(vec![(step, (-1.0).into())], 1.0).unwrap()
    }
}

/// A conjunction: columns, thresholds and which way each comes out.
type Tests = Vec<(usize, usize, bool)>;

/// The bootstraps of all conjunctions, beside those of the tests alone; all bits are those of the oracle.
#[track_caller]
fn bootstraps(all: &[Tests]) -> u64 {
    let build = |conjunctions: bool| {
        let rows = all_rows();
        program(rows.nrows(), &[(0.0, 7.0); COLUMNS], 0.25, |b, x| {
            let mut outputs = vec![];
            for tests in all {
                // Above 0 is no question.
                let asked = tests.iter().filter(|(_, at, _)| conjunctions || *at > 0);
                let bits = asked.map(|(c, at, holds)| test(b, x[*c], (*at, *holds)));
                let bits: Vec<ValueId> = bits.collect();
                if conjunctions {
                    outputs.push(b.and(bits).unwrap());
                } else {
                    outputs.extend(bits);
                }
            }
            outputs
        })
    };
    let [tests, whole] = [false, true].map(|conjunctions| {
        let program = build(conjunctions);
        let circuit = compile(&program, 20);
        let inputs = [all_rows()];
        let exact = &program.interpret(&inputs).unwrap()[0];
        let found = &circuit.simulate(&inputs).unwrap()[0];
        for ((row, x), y) in inputs[0]
            .rows()
            .into_iter()
            .zip(exact.rows())
            .zip(found.rows())
        {
            assert_eq!(x, y, "{row}: {all:?}");
        }
        circuit.parameters().counts.bootstraps / all_rows().nrows() as u64
    });
    whole - tests
}

#[test]
fn conjunctions_of_a_tree_share_rotations() {
    // A path and its beginnings: places of 2 x 2 x 2 x 2.
    let path = [(0, 3, true), (1, 4, false), (2, 2, true), (3, 6, true)];
    let beginnings: Vec<Tests> = (2..=4).map(|n| path[..n].to_vec()).collect();
    assert_eq!(bootstraps(&beginnings), 1);
    // Three bits always together are counted: 4 x 4 places.
    let apart = [
        vec![(0, 1, true), (1, 1, true), (2, 1, true)],
        vec![(0, 5, false), (1, 6, true), (3, 2, false)],
    ];
    assert_eq!(bootstraps(&apart), 1);
    // Thresholds of one column are a chain.
    let chain: Vec<Tests> = (1..7)
        .map(|at| vec![(0, at, true), (1, 4, at % 2 == 0)])
        .collect();
    assert_eq!(bootstraps(&chain), 1);
    // Nothing in common and no room.
    let wide = [
        vec![(0, 1, true), (1, 1, true), (2, 1, true), (3, 1, true)],
        vec![(0, 5, false), (1, 6, true), (2, 2, false), (3, 4, true)],
    ];
    assert_eq!(bootstraps(&wide), 2);
}

#[test]
fn contradictions_are_0_and_doubles_are_one() {
    let all = [
        vec![(0, 3, true), (0, 3, false)],
        vec![(0, 3, true), (0, 3, true)],
        vec![(1, 3, true), (1, 5, false)],
        // None is below 0, all are.
        vec![(1, 0, true), (2, 3, true), (3, 3, true)],
        vec![(1, 0, false), (2, 3, true)],
    ];
    assert_eq!(bootstraps(&all), 1);
}

#[test]
fn random_conjunctions_are_the_oracles() {
    for seed in 0..12 {
        let mut random = Random(seed);
        let mut below = |n: usize| random.below(n as u64) as usize;
        let all: Vec<Tests> = (0..2 + below(12))
            .map(|_| {
                let length = 1 + below(5);
                (0..length)
                    .map(|_| (below(COLUMNS), 1 + below(7), below(2) == 0))
                    .collect()
            })
            .collect();
        assert!(bootstraps(&all) <= all.len() as u64);
    }
}

#[test]
fn shared_rotations_decrypt_exactly() {
    let inputs =
        Array2::from_shape_fn((12, COLUMNS), |(i, j)| ((i * 5 + j * 3 + i * j) % 8) as f64);
    let program = program(12, &[(0.0, 7.0); COLUMNS], 0.25, |b, x| {
        let t = [
            test(b, x[0], (3, true)),
            test(b, x[1], (4, false)),
            test(b, x[2], (2, true)),
            test(b, x[3], (6, false)),
        ];
        vec![
            b.and(t[..2].to_vec()).unwrap(),
            b.and(t[..3].to_vec()).unwrap(),
            b.and(t.to_vec()).unwrap(),
        ]
    });
    let (circuit, error) = check(&program, 20, &inputs);
    assert_eq!(error, 0.0);
    // One for each column, and one.
    assert_eq!(circuit.parameters().counts.bootstraps, 5 * 12);
}
