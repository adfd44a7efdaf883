//! Plans and ciphertexts against the oracle.

use hexperiment_program::lower::lower;
use hexperiment_program::{
    Column, Input, InputId, Interval, LookupTable, Op, Output, OutputId, Party, Program,
    ProgramBuilder, Public, ValueId,
};
use hexperiment_scheme::options::{OptionValue, Options};
use hexperiment_scheme::security::SecurityDemand;
use hexperiment_scheme::{Circuit, CompileRequest, Parties, Scheme};
use ndarray::Array2;

use crate::Tfhe;
use crate::keys::SeededServerKey;
use crate::parameters::{N, ParameterSet, SETS, SIZE};
use crate::table::{Cells, HALF_CELL};

mod algebra;
mod conjunctions;
mod costs;
mod failure;
mod limbs;
mod noise;
mod random;
mod refusals;
mod sharing;
mod whole;

/// Of results that the key owner keeps: all sets meet it. Cascades of comparisons, whose levels have room for
/// 2^-128 each, keep no more than that of a whole run.
const DEMAND: SecurityDemand = SecurityDemand {
    failure_log2: SecurityDemand::FAILURE_KEPT,
    ..SecurityDemand::new(128, false)
};

fn options(bits: i64) -> Options {
    let spec = Tfhe.manifest().options;
    let given = [("comparison_bits".to_owned(), OptionValue::Integer(bits))];
    Options::with_defaults(&spec, given)
}

fn program(
    length: usize,
    ranges: &[(f64, f64)],
    precision: f64,
    build: impl FnOnce(&mut ProgramBuilder, &[ValueId]) -> Vec<ValueId>,
) -> Program {
    let mut builder = ProgramBuilder::new("test");
    let columns = ranges.iter().map(|(low, high)| Column {
        name: "x".into(),
        range: Interval::new(*low, *high),
    });
    let (_, values) = builder
        .input(Input {
            name: "x".into(),
            owner: Party::Client(0),
            length,
            columns: columns.collect(),
            precision,
        })
        .unwrap();
    let values = build(&mut builder, &values);
    let name = "y".into();
    builder
        .output(Output {
            name,
            values,
            precision,
        })
        .unwrap();
    builder.finish().unwrap()
}

fn compile(program: &Program, bits: i64) -> Box<dyn Circuit> {
    let options = options(bits);
    let lowered = lower(program, &Tfhe.capabilities(&options).unwrap()).unwrap();
    Tfhe.compile(CompileRequest {
        lowered: &lowered,
        options: &options,
        security: DEMAND,
        threads: 2,
        objective: hexperiment_program::layout::Objective::default(),
    })
    .unwrap()
}

/// Numbers that look random, spread over the range.
fn table(length: usize, ranges: &[(f64, f64)]) -> Array2<f64> {
    Array2::from_shape_fn((length, ranges.len()), |(i, j)| {
        let (low, high) = ranges[j];
        let share = ((i * 7919 + j * 104_729 + 13) % 1009) as f64 / 1008.0;
        low + share * (high - low)
    })
}

/// Runs encrypted; checks against the simulation; yields the largest error against the oracle.
#[track_caller]
fn check(program: &Program, bits: i64, inputs: &Array2<f64>) -> (Box<dyn Circuit>, f64) {
    let circuit = compile(program, bits);
    let keys = Parties::of(circuit.as_ref()).unwrap();
    let sealed = keys
        .encryptor
        .encrypt(InputId::from_index(0), inputs.view())
        .unwrap();
    let sealed = circuit.load(&sealed.to_bytes().unwrap()).unwrap();
    let results = keys.evaluator.evaluate(&[sealed]).unwrap();
    let bytes = results[0].to_bytes().unwrap();
    let results = circuit.load(&bytes).unwrap();
    let found = keys
        .decryptor
        .decrypt(OutputId::from_index(0), &results)
        .unwrap();
    let simulated = &circuit.simulate(std::slice::from_ref(inputs)).unwrap()[0];
    let exact = &program.interpret(std::slice::from_ref(inputs)).unwrap()[0];
    let tolerance = circuit.parameters().noise_tolerance[0];
    let mut worst: f64 = 0.0;
    for ((x, y), z) in found.iter().zip(simulated).zip(exact) {
        assert!(
            (x - y).abs() <= tolerance,
            "decrypted {x}, simulated {y}, tolerance {tolerance}"
        );
        worst = worst.max((x - z).abs());
    }
    (circuit, worst)
}

const WEIGHTS: [f64; 9] = [0.41, -0.32, 0.07, 1.13, -0.55, 0.23, -0.011, 0.62, 0.3];

fn logit(builder: &mut ProgramBuilder, values: &[ValueId]) -> ValueId {
    let terms = values
        .iter()
        .zip(WEIGHTS)
        .map(|(v, w)| (*v, Public::Scalar(w)));
    builder.weighted_sum(terms.collect(), -0.27).unwrap()
}

#[test]
fn weighted_sums_need_no_bootstrap() {
    let ranges = [(-4.0, 4.0); 9];
    let program = program(50, &ranges, 1e-3, |b, x| vec![logit(b, x)]);
    let (circuit, error) = check(&program, 20, &table(50, &ranges));
    assert_eq!(circuit.parameters().counts.bootstraps, 0);
    assert!(error < 2e-4, "{error}");
}

#[test]
fn linear_operations_on_the_axis() {
    let ranges = [(100.0, 700.0), (-1.0, 1.0)];
    let length = 12;
    let program = program(length, &ranges, 1e-3, |b, x| {
        let shifted = b.shift(x[0], 5).unwrap();
        let factors: Vec<f64> = (0..length).map(|i| i as f64 / 7.0 - 0.8).collect();
        let scaled = b.scale(x[1], factors).unwrap();
        let sum = b.add(shifted, scaled).unwrap();
        let sums = b.sum(sum, 3).unwrap();
        let picked = b.pick(x[0], 3).unwrap();
        vec![sums, picked]
    });
    let (_, error) = check(&program, 20, &table(length, &ranges));
    assert!(error < 1e-3, "{error}");
}

#[test]
fn steps_are_exact() {
    for bits in [5, 8, 12, 16, 20] {
        let ranges = [(-8.0, 8.0)];
        let program = program(11, &ranges, 1e-9, |b, x| {
            vec![b.step(x[0]).unwrap(), b.push(Op::Sign(x[0])).unwrap()]
        });
        // Zero twice, the ends, and the nearest numbers of the grid.
        let unit = 8.0 / 0.93 * f64::from(2 - bits as i32).exp2();
        let inputs = Array2::from_shape_fn((11, 1), |(i, _)| match i {
            0 => 0.0,
            1 => 8.0,
            2 => -8.0,
            i => ((i as f64 - 7.0) * unit).clamp(-8.0, 8.0),
        });
        let (circuit, error) = check(&program, bits, &inputs);
        assert!(circuit.parameters().noise_tolerance[0] == 0.0);
        assert!(error == 0.0 || bits < 20, "{bits} bits: {error}");
    }
}

#[test]
fn steps_hold_at_the_ends_of_the_range() {
    // Ranges that fill the phases as far as they are let.
    for (bits, high) in [
        (5, 13.9),
        (6, 13.9),
        (7, 13.9),
        (9, 6.99),
        (10, 13.9),
        (20, 13.9),
    ] {
        let ranges = [(-high, high)];
        let program = program(8, &ranges, 1e-9, |b, x| vec![b.step(x[0]).unwrap()]);
        let shares = [1.0, -1.0, 0.9, -0.9, 0.75, -0.75, 0.6, -0.6];
        let inputs = Array2::from_shape_fn((8, 1), |(i, _)| shares[i] * high);
        let (_, error) = check(&program, bits, &inputs);
        assert!(error == 0.0, "{bits} bits: {error}");
    }
}

#[test]
fn bootstraps_read_the_nearest_cell() {
    let circuit = compile(
        &program(1, &[(-1.0, 1.0)], 1e-2, |b, x| vec![b.step(x[0]).unwrap()]),
        5,
    );
    let keys = circuit.generate_keys().unwrap().evaluation;
    let mut keys = keys.read_for(circuit.digest()).unwrap();
    let chosen = &circuit.parameters().chosen;
    let named = |set: &&ParameterSet| chosen.iter().any(|(_, value)| value == set.name);
    let set = SETS.iter().find(named).unwrap();
    let server = SeededServerKey::read(set, &mut keys).unwrap().expand();
    let cells: Vec<u64> = (1..=N as u64).collect();
    let first = cells[0];
    let cases = [
        (0, first),
        (HALF_CELL - 1, first),
        (HALF_CELL, cells[1]),
        (HALF_CELL.wrapping_neg(), first),
        (HALF_CELL.wrapping_neg() - 1, cells[N - 1].wrapping_neg()),
    ];
    for (phase, expected) in cases {
        // Without a mask there is no noise.
        let mut ciphertext = vec![0; SIZE];
        ciphertext[SIZE - 1] = phase;
        let result = server.bootstrap(&ciphertext, &cells);
        assert_eq!(result[SIZE - 1], expected, "{phase:x}");
    }
}

#[test]
fn boxes_lie_around_their_numbers() {
    let entries: Vec<f64> = (0..16).map(f64::from).collect();
    let table = LookupTable {
        first: 0,
        entries: entries.clone().into(),
    };
    // What is planned for: as much noise to either side.
    for half in [8, 16] {
        let scale = 63 - usize::ilog2(half);
        let half_box = 1u64 << (scale - 1);
        for table in [
            Cells::ring(&entries[..half], 50),
            Cells::lookup(&table, 0.0, scale, 50),
        ] {
            for (x, entry) in entries[..half].iter().enumerate() {
                let phase = (x as u64) << scale;
                let expected = (*entry as u64) << 50;
                assert_eq!(table.at(phase + half_box - 1), expected, "{half}, {x}");
                let below = table.at(phase.wrapping_sub(half_box));
                assert_eq!(below, expected, "{half}, {x}");
            }
        }
    }
}

#[test]
fn classes_follow_the_quantised_logit() {
    let ranges = [(-4.0, 4.0); 9];
    let program = program(24, &ranges, 0.25, |b, x| {
        let z = logit(b, x);
        vec![b.step(z).unwrap()]
    });
    let (circuit, error) = check(&program, 20, &table(24, &ranges));
    assert_eq!(circuit.parameters().counts.bootstraps, 6 * 24);
    assert!(error == 0.0, "{error}");
}

#[test]
fn sigmoid_by_one_table() {
    let ranges = [(-4.0, 4.0); 9];
    let program = program(24, &ranges, 0.01, |b, x| {
        let z = logit(b, x);
        vec![b.sigmoid(z).unwrap()]
    });
    let (_, error) = check(&program, 20, &table(24, &ranges));
    assert!(error < 0.1, "{error}");
}

#[test]
fn tables_and_conjunctions_are_exact() {
    let ranges = [(0.0, 12.0), (0.0, 12.0)];
    let length = 13;
    let squares: Vec<f64> = (0..13).map(|i| f64::from(i * i % 7) - 2.0).collect();
    let program = program(length, &ranges, 0.25, |b, x| {
        let table = LookupTable {
            first: 0,
            entries: squares.into(),
        };
        let looked = b.push(Op::Lookup { value: x[0], table }).unwrap();
        let first = b.offset(x[0], -4.5).unwrap();
        let second = b.offset(x[1], -7.5).unwrap();
        let bits = vec![b.step(first).unwrap(), b.step(second).unwrap()];
        vec![looked, b.and(bits).unwrap()]
    });
    let inputs = Array2::from_shape_fn((length, 2), |(i, j)| ((i * (1 + 4 * j)) % 13) as f64);
    let (_, error) = check(&program, 20, &inputs);
    assert!(error == 0.0, "{error}");
}

#[test]
fn bytes_that_are_not_ours_are_refused() {
    let ranges = [(-1.0, 1.0); 2];
    let program = program(3, &ranges, 1e-3, |b, x| vec![b.add(x[0], x[1]).unwrap()]);
    let circuit = compile(&program, 20);
    let keys = Parties::of(circuit.as_ref()).unwrap();
    let inputs = table(3, &ranges);
    let sealed = keys
        .encryptor
        .encrypt(InputId::from_index(0), inputs.view())
        .unwrap();
    let bytes = sealed.to_bytes().unwrap();
    assert_eq!(bytes.len(), 9 + 2 * (16 + 3 * 8));
    for length in [0, 4, 8, 9, bytes.len() - 1] {
        assert!(circuit.load(&bytes[..length]).is_err(), "{length}");
    }
    for (at, value) in [(0, 0), (4, 7), (5, 1), (8, 255)] {
        let mut wrong = bytes.clone();
        wrong[at] = value;
        assert!(circuit.load(&wrong).is_err(), "{at}");
    }
    assert!(
        keys.decryptor
            .decrypt(OutputId::from_index(0), &sealed)
            .is_err()
    );
}

#[test]
fn more_than_128_bits_are_refused() {
    let program = program(1, &[(0.0, 1.0)], 1e-3, |_, x| vec![x[0]]);
    let options = options(20);
    let lowered = lower(&program, &Tfhe.capabilities(&options).unwrap()).unwrap();
    let refused = Tfhe.compile(CompileRequest {
        lowered: &lowered,
        options: &options,
        security: SecurityDemand::new(192, false),
        threads: 1,
        objective: hexperiment_program::layout::Objective::default(),
    });
    assert!(refused.is_err_and(|e| e.to_string().contains("128")));
}

#[test]
fn equal_whole_numbers_are_not_less() {
    let ranges = [(0.0, 255.0), (0.0, 255.0)];
    let program = program(24, &ranges, 0.5, |b, x| {
        vec![
            b.compare(x[0], hexperiment_program::Relation::Less, x[1])
                .unwrap(),
        ]
    });
    let inputs = Array2::from_shape_fn((24, 2), |(i, j)| {
        ((i * 11) as f64 + if i % 2 == 1 { j as f64 } else { 0.0 }).min(255.0)
    });
    check(&program, 20, &inputs);
}
