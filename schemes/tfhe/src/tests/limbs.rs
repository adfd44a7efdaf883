//! Maxima, choices and magnitudes of whole numbers: exact in the clear for programs of all kinds, and
//! encrypted at the ends of ranges.

use hexperiment_program::lower::lower;
use hexperiment_program::{Op, Program, ProgramBuilder, Relation, ValueId};
use hexperiment_scheme::{Circuit, CompileRequest, Scheme, SchemeError};
use ndarray::Array2;

use super::{DEMAND, check, compile, options, program};
use crate::Tfhe;

const RELATIONS: [Relation; 5] = [
    Relation::Less,
    Relation::LessOrEqual,
    Relation::Greater,
    Relation::GreaterOrEqual,
    Relation::Equal,
];

fn compare(b: &mut ProgramBuilder, left: ValueId, relation: Relation, right: ValueId) -> ValueId {
    let op = Op::Compare {
        left,
        relation,
        right,
    };
    b.push(op).unwrap()
}

/// Whole numbers of the ranges, the ends among them, equal ones among them.
fn wholes(length: usize, ranges: &[(f64, f64)], seed: usize) -> Array2<f64> {
    Array2::from_shape_fn((length, ranges.len()), |(i, j)| {
        let (low, high) = ranges[j];
        let count = (high - low) as usize + 1;
        let k = match i {
            0 => 0,
            1 => count - 1,
            2 => (count - 1) * (j % 2),
            3 => (count - 1) * (1 - j % 2),
            // As columns of one range have it: the same, or one more.
            4 => seed % count,
            5 => (seed + j) % count,
            _ => (i * 7919 + (j + seed) * 104_729 + i * j * 31) % count,
        };
        low + k as f64
    })
}

/// In the clear, against the oracle: equal, and not touched by noise.
#[track_caller]
fn exact(
    name: &str,
    ranges: &[(f64, f64)],
    build: impl Fn(&mut ProgramBuilder, &[ValueId]) -> Vec<ValueId>,
) {
    let length = 64;
    let program = program(length, ranges, 0.5, build);
    let circuit = planned(&program).unwrap_or_else(|e| panic!("{name}, {ranges:?}: {e}"));
    for seed in 0..5 {
        let inputs = [wholes(length, ranges, seed * 37)];
        let exact = program.interpret(&inputs).unwrap();
        assert_eq!(
            circuit.simulate(&inputs).unwrap(),
            exact,
            "{name}, {ranges:?}"
        );
    }
    // Public numbers are sent, too, and rounded as little as doubles are.
    let tolerance = circuit.parameters().noise_tolerance[0];
    assert!(tolerance < 1e-12, "{name}, {ranges:?}: {tolerance}");
}

type Build = fn(&mut ProgramBuilder, [ValueId; 3], f64) -> Vec<ValueId>;

/// Of three columns and the middle of their range.
const OPERATIONS: [(&str, Build); 9] = [
    ("extremes", |b, [x, y, z], _| {
        let (max, min) = (b.max(x, y).unwrap(), b.min(x, z).unwrap());
        vec![max, min, b.sub(max, min).unwrap()]
    }),
    ("extremes of extremes", |b, [x, y, z], _| {
        let (max, min) = (b.max(x, y).unwrap(), b.min(x, z).unwrap());
        vec![b.max(max, min).unwrap(), b.min(max, z).unwrap()]
    }),
    ("a public operand", |b, [x, y, _], middle| {
        let constant = b.constant(vec![middle; 64]).unwrap();
        let max = b.max(x, constant).unwrap();
        vec![
            max,
            b.min(constant, y).unwrap(),
            b.min(constant, max).unwrap(),
        ]
    }),
    ("relu and abs", |b, [x, _, z], middle| {
        let difference = b.sub(x, z).unwrap();
        let moved = b.offset(x, -middle).unwrap();
        let ops = [
            Op::Relu(difference),
            Op::Abs(difference),
            Op::Relu(moved),
            Op::Abs(moved),
        ];
        ops.map(|op| b.push(op).unwrap()).to_vec()
    }),
    ("sums", |b, [x, y, z], _| {
        let (max, min) = (b.max(x, y).unwrap(), b.min(x, z).unwrap());
        let terms = vec![(max, 2.0.into()), (min, (-1.0).into()), (z, 3.0.into())];
        vec![
            b.scale(max, -2.0).unwrap(),
            b.weighted_sum(terms, 7.0).unwrap(),
        ]
    }),
    ("comparisons", |b, [x, y, _], _| {
        let mut all = RELATIONS.map(|r| compare(b, x, r, y)).to_vec();
        // In limbs.
        all.push(b.max(x, y).unwrap());
        all
    }),
    ("comparisons of extremes", |b, [x, y, z], _| {
        let max = b.max(x, y).unwrap();
        RELATIONS.map(|r| compare(b, max, r, z)).to_vec()
    }),
    ("signs", |b, [x, y, z], _| {
        let max = b.max(x, y).unwrap();
        let difference = b.sub(max, z).unwrap();
        vec![
            b.step(difference).unwrap(),
            b.push(Op::Sign(difference)).unwrap(),
        ]
    }),
    ("choices", |b, [x, y, z], middle| {
        let constant = b.constant(vec![middle; 64]).unwrap();
        let bit = compare(b, x, Relation::Less, y);
        let equal = compare(b, x, Relation::Equal, y);
        let chosen = b.select(bit, z, x).unwrap();
        vec![
            chosen,
            b.select(equal, y, constant).unwrap(),
            b.max(chosen, y).unwrap(),
        ]
    }),
];

#[test]
fn all_operations_are_exact() {
    for (low, high) in [
        (0.0, 1.0),
        (0.0, 15.0),
        (-4.0, 3.0),
        (0.0, 30.0),
        (-17.0, 40.0),
        (0.0, 255.0),
        (1000.0, 1300.0),
        (-30000.0, 30000.0),
    ] {
        let middle = f64::midpoint(low, high).floor();
        let ranges = [(low, high), (low, high), (low, middle + 1.0)];
        for (name, build) in OPERATIONS {
            exact(name, &ranges, |b, x| build(b, [x[0], x[1], x[2]], middle));
        }
    }
}

#[test]
fn maxima_of_maxima_are_exact_at_any_depth() {
    for rounds in 1..=7 {
        exact("rounds", &[(0.0, 255.0)], |b, x| {
            let mut max = x[0];
            for round in 0..rounds {
                let moved = b.shift(max, 1 + round % 3).unwrap();
                max = b.max(max, moved).unwrap();
            }
            vec![max]
        });
    }
}

#[test]
fn maxima_of_counts_are_exact() {
    // Sums of bits, as the votes of trees.
    exact("votes", &[(0.0, 15.0), (0.0, 15.0)], |b, x| {
        let mut count = |values: [usize; 5], thresholds: [f64; 5]| {
            let bits = values.iter().zip(thresholds).map(|(v, t)| {
                let moved = b.offset(x[*v], -t).unwrap();
                b.step(moved).unwrap()
            });
            let bits: Vec<_> = bits.collect();
            let and = b.and(bits[..4].to_vec()).unwrap();
            let terms = vec![
                (and, 2.0.into()),
                (bits[4], 1.0.into()),
                (bits[0], 1.0.into()),
            ];
            b.weighted_sum(terms, 0.0).unwrap()
        };
        let first = count([0, 1, 0, 1, 0], [2.5, 3.5, 1.5, 0.5, 9.5]);
        let second = count([1, 1, 1, 0, 0], [7.5, 3.5, 12.5, 14.5, 4.5]);
        vec![
            b.max(first, second).unwrap(),
            b.min(first, second).unwrap(),
            compare(b, first, Relation::Greater, second),
            compare(b, first, Relation::Equal, second),
        ]
    });
}

#[test]
fn thresholds_of_a_column_share_a_rotation() {
    for (high, each) in [(15.0, 0), (31.0, 1)] {
        let length = 32;
        let thresholds = high as usize;
        let build = |count: usize| {
            program(length, &[(0.0, high)], 0.5, |b, x| {
                let bits = (0..count).map(|t| {
                    let moved = b.offset(x[0], -(t as f64) - 0.5).unwrap();
                    b.step(moved).unwrap()
                });
                let mut bits: Vec<_> = bits.collect();
                bits.push(b.and(bits[..4].to_vec()).unwrap());
                bits
            })
        };
        let program = build(thresholds);
        let circuit = compile(&program, 20);
        // One threshold of 32 numbers is the rotation's own.
        let counted = 1 + each * (thresholds as u64 - 1) + 1;
        let bootstraps = circuit.parameters().counts.bootstraps;
        assert_eq!(bootstraps, counted * length as u64, "{high}");
        let inputs = [wholes(length, &[(0.0, high)], 3)];
        let exact = program.interpret(&inputs).unwrap();
        assert_eq!(circuit.simulate(&inputs).unwrap(), exact);
    }
}

/// Encrypted; `bootstraps` for each element.
#[track_caller]
fn encrypted(
    ranges: &[(f64, f64)],
    bootstraps: u64,
    inputs: &Array2<f64>,
    build: impl Fn(&mut ProgramBuilder, &[ValueId]) -> Vec<ValueId>,
) {
    let length = inputs.nrows();
    let program = program(length, ranges, 0.5, build);
    let (circuit, error) = check(&program, 20, inputs);
    assert_eq!(error, 0.0);
    let parameters = circuit.parameters();
    assert_eq!(parameters.counts.bootstraps, bootstraps * length as u64);
    assert_eq!(parameters.noise_tolerance, [0.0]);
}

#[test]
fn pixels_at_the_ends_of_their_range() {
    let pixels = [
        [0.0, 255.0, 0.0, 255.0],
        [255.0, 0.0, 255.0, 255.0],
        [16.0, 15.0, 17.0, 31.0],
        [240.0, 239.0, 127.0, 128.0],
        [60.0, 63.0, 64.0, 3.0],
    ];
    let inputs = Array2::from_shape_fn((5, 4), |(i, j)| pixels[i][j]);
    // A limb of 4 bits and two of 2: 3 for each maximum.
    encrypted(&[(0.0, 255.0); 4], 9, &inputs, |b, x| {
        let (left, right) = (b.max(x[0], x[1]).unwrap(), b.max(x[2], x[3]).unwrap());
        vec![b.max(left, right).unwrap()]
    });
}

#[test]
fn choices_and_magnitudes_encrypted() {
    let ranges = [(-100.0, 100.0), (-100.0, 100.0)];
    let pairs = [
        [-100.0, 100.0],
        [100.0, -100.0],
        [-1.0, 0.0],
        [0.0, 0.0],
        [64.0, 63.0],
    ];
    let inputs = Array2::from_shape_fn((5, 2), |(i, j)| pairs[i][j]);
    // Three limbs: a rotation for each serves both magnitudes and the comparisons, whose signs take
    // one more; the choice takes one for each limb, and another for the uppermost, which is wide.
    encrypted(&ranges, 8, &inputs, |b, x| {
        let difference = b.sub(x[0], x[1]).unwrap();
        let above = compare(b, x[0], Relation::Greater, x[1]);
        vec![
            b.push(Op::Relu(difference)).unwrap(),
            b.push(Op::Abs(difference)).unwrap(),
            compare(b, x[0], Relation::Equal, x[1]),
            b.select(above, x[0], x[1]).unwrap(),
        ]
    });
}

#[test]
fn deep_maxima_encrypted() {
    let inputs = wholes(6, &[(0.0, 255.0)], 5);
    let program = program(6, &[(0.0, 255.0)], 0.5, |b, x| {
        let mut max = x[0];
        for by in [1, 1, 2, 3] {
            let moved = b.shift(max, by).unwrap();
            max = b.max(max, moved).unwrap();
        }
        vec![max]
    });
    let (_, error) = check(&program, 20, &inputs);
    assert_eq!(error, 0.0);
}

#[test]
fn reals_are_rounded_as_stated() {
    let ranges = [(-4.0, 4.0), (-3.3, 4.7)];
    let program = program(64, &ranges, 1e-2, |b, x| {
        let difference = b.sub(x[0], x[1]).unwrap();
        vec![
            b.max(x[0], x[1]).unwrap(),
            b.push(Op::Abs(difference)).unwrap(),
        ]
    });
    let circuit = compile(&program, 20);
    let inputs = [super::table(64, &ranges)];
    let exact = program.interpret(&inputs).unwrap();
    let found = circuit.simulate(&inputs).unwrap();
    // Multiples of 2^-6: half of that for each operand, and no more for the greater of them.
    for (x, y) in exact[0].rows().into_iter().zip(found[0].rows()) {
        for (output, bound) in [1.0 / 128.0, 1.0 / 64.0].into_iter().enumerate() {
            assert!((x[output] - y[output]).abs() <= bound, "{x}, {y}");
        }
    }
    let quantisation = circuit.parameters().quantisation.clone().unwrap();
    assert!(quantisation.contains("exact under noise"), "{quantisation}");
}

fn planned(program: &Program) -> Result<Box<dyn Circuit>, SchemeError> {
    let options = options(20);
    let lowered = lower(program, &Tfhe.capabilities(&options)?)?;
    Tfhe.compile(CompileRequest {
        lowered: &lowered,
        options: &options,
        security: DEMAND,
        threads: 2,
        objective: hexperiment_program::layout::Objective::default(),
    })
}

#[track_caller]
fn refused(program: &Program, operation: &str, reason: &str) {
    let refusal = match planned(program) {
        Err(SchemeError::Refused(refusal)) => refusal,
        Err(other) => panic!("{other}"),
        Ok(_) => panic!("not refused"),
    };
    assert_eq!(refusal.operation, operation);
    assert!(refusal.reason.contains(reason), "{refusal}");
}

#[test]
fn what_has_no_limbs_is_refused() {
    let ranges = [(0.0, 255.0); 3];
    let of = |build: fn(&mut ProgramBuilder, &[ValueId]) -> ValueId| {
        program(4, &ranges, 0.5, |b, x| vec![build(b, x)])
    };
    let weighted = of(|b, x| {
        let scaled = b.scale(x[0], 0.7).unwrap();
        b.max(scaled, x[1]).unwrap()
    });
    refused(&weighted, "max", "not whole");
    let summed = of(|b, x| {
        let sum = b.add(x[0], x[1]).unwrap();
        let more = b.add(sum, x[2]).unwrap();
        b.min(more, x[2]).unwrap()
    });
    refused(&summed, "min", "sums of too many");
    refused(&of(|b, x| b.mul(x[0], x[1]).unwrap()), "mul", "select");
}
