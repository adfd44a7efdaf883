//! Programs of every native operation, packed and unpacked.

use super::*;
use hexperiment_program::{Op, Public};
use hexperiment_scheme::options::OptionValue::{Flag, Text};
use hexperiment_task::session::Session;

fn unpacked() -> Options {
    small(&[("packing", Flag(false))])
}

#[test]
fn scores_agree_packed_and_unpacked() {
    for (samples, features) in [(1, 1), (7, 3), (40, 9), (23, 60)] {
        let program = score(samples, features, 5e-7);
        check(&program, &small(&[]));
        check(&program, &unpacked());
    }
}

#[test]
fn keys_of_full_size_work() {
    check(&score(60, 3, 5e-7), &options(&[]));
}

/// The sum of ten clients' updates, as federated learning has it: 63 parameters and a count, up to
/// 10 in size, to a millionth.
#[test]
fn updates_of_63_parameters_are_one_ciphertext_each() {
    let (clients, length) = (10, 63 + 1);
    let mut builder = ProgramBuilder::new("updates");
    let range = Interval::symmetric(10.0);
    let mut sum = None;
    for client in 0..clients {
        let declared = input(&format!("update {client}"), length, 1, range, 5e-8);
        let update = builder.input(declared).unwrap().1[0];
        sum = Some(sum.map_or(update, |sum| builder.add(sum, update).unwrap()));
    }
    let sum = sum.into_iter().collect();
    builder.output(output("sum", sum, 1e-6)).unwrap();
    let program = builder.finish().unwrap();
    check(&program, &options(&[]));
    let circuit = compile(&program, &options(&[]), INSECURE).unwrap();
    let keys = Parties::of(circuit.as_ref()).unwrap();
    for sealed in encrypt(circuit.as_ref(), &keys, &tables(&program, 3)) {
        assert_eq!(sealed.count(), 1);
        // Two numbers of 3072 bits, and which table it is.
        assert!((768..900).contains(&sealed.to_bytes().unwrap().len()));
    }
}

#[test]
fn the_reference_backend_computes_the_same() {
    let program = score(9, 4, 5e-7);
    check(&program, &small(&[("backend", Text("paillier-rs".into()))]));
    let both = [
        ("backend", Text("paillier-rs".into())),
        ("packing", Flag(false)),
    ];
    check(&program, &small(&both));
}

/// A random program of linear operations, some with factors for each element if `vectors`.
fn random(seed: u64, vectors: bool) -> Program {
    let mut rng = StdRng::seed_from_u64(seed);
    let mut builder = ProgramBuilder::new(format!("random {seed}"));
    let length = rng.random_range(1..12);
    let mut values = vec![];
    for i in 0..rng.random_range(1..4) {
        let range = Interval::new(rng.random_range(-50.0..1.0), rng.random_range(1.0..200.0));
        let declared = input(
            &format!("in{i}"),
            length,
            rng.random_range(1..4),
            range,
            1e-3,
        );
        values.extend(builder.input(declared).unwrap().1);
    }
    for _ in 0..rng.random_range(1..8) {
        let kind = rng.random_range(0..6);
        let mut pick = || values[rng.random_range(0..values.len())];
        let (a, b) = (pick(), pick());
        let mut numbers = |each: bool| -> Public {
            // Among them whole, zero, tiny and awkward ones.
            let mut number = || match rng.random_range(0..5) {
                0 => 0.0,
                1 => f64::from(rng.random_range(-3..4)),
                2 => rng.random_range(-1e-6..1e-6),
                _ => rng.random_range(-3.0..3.0),
            };
            if each {
                (0..length).map(|_| number()).collect::<Vec<_>>().into()
            } else {
                number().into()
            }
        };
        let op = match kind {
            0 => Op::Add(a, b),
            1 => Op::Sub(a, b),
            2 => Op::Neg(a),
            3 => Op::Offset {
                value: a,
                by: numbers(true),
            },
            4 => Op::Scale {
                value: a,
                by: numbers(vectors),
            },
            _ => Op::WeightedSum {
                terms: vec![(a, numbers(vectors)), (b, numbers(false))],
                bias: numbers(true),
            },
        };
        values.push(builder.push(op).unwrap());
    }
    let last = values.len().saturating_sub(3);
    builder
        .output(output("tail", values[last..].to_vec(), 1e-4))
        .unwrap();
    builder
        .output(output("head", vec![values[0]], 1e-2))
        .unwrap();
    builder.finish().unwrap()
}

#[test]
fn random_programs_agree_with_the_oracle() {
    for seed in 0..24 {
        check(&random(seed, false), &options_of(1024, true));
        check(&random(seed, false), &options_of(1024, false));
        check(&random(seed, true), &options_of(1024, true));
    }
}

fn options_of(modulus_bits: i64, packing: bool) -> Options {
    let mut options = small(&[("packing", Flag(packing))]);
    options.set("modulus_bits", OptionValue::Integer(modulus_bits));
    options
}

#[test]
fn elements_move_and_are_summed_unpacked() {
    let mut builder = ProgramBuilder::new("moves");
    let declared = input("x", 12, 1, Interval::new(-3.0, 9.0), 1e-6);
    let (_, x) = builder.input(declared).unwrap();
    let left = builder.shift(x[0], 5).unwrap();
    let right = builder.shift(left, -2).unwrap();
    let sums = builder.sum(right, 3).unwrap();
    let picked = builder.pick(x[0], 3).unwrap();
    let mixed = builder.weighted_sum(vec![(sums, 0.3.into()), (picked, (-1.7).into())], 0.01);
    let mixed = mixed.unwrap();
    let total = builder.sum(x[0], 12).unwrap();
    builder
        .output(output("moved", vec![right, left], 1e-6))
        .unwrap();
    builder
        .output(output("mixed", vec![mixed, sums], 1e-6))
        .unwrap();
    builder.output(output("total", vec![total], 1e-6)).unwrap();
    check(&builder.finish().unwrap(), &small(&[]));
}

#[test]
fn inputs_and_constants_may_be_outputs() {
    let mut builder = ProgramBuilder::new("passing on");
    let declared = input("x", 5, 2, Interval::new(0.0, 1.0), 1e-9);
    let (_, x) = builder.input(declared).unwrap();
    let nothing = builder.sub(x[1], x[1]).unwrap();
    let known = builder.constant(vec![-1.25, 0.0, 3.1, 1e-7, 9.0]).unwrap();
    let zeroed = builder.scale(x[0], 0.0).unwrap();
    let values = vec![x[1], nothing, known, zeroed];
    builder.output(output("all", values, 1e-6)).unwrap();
    let program = builder.finish().unwrap();
    check(&program, &small(&[]));
    check(&program, &unpacked());
}

#[test]
fn extreme_ranges_keep_their_precision() {
    for (range, weight, precision) in [
        (Interval::new(0.0, 1e12), 1e-12, 1e-9),
        (Interval::new(-1e-9, 1e-9), 1e9, 1e-6),
        (Interval::new(-1e14, 1e14), -1.0, 1e-3),
        (Interval::new(5.0, 5.0), 3.3, 1e-12),
        (Interval::new(-0.25, 70.0), 1e-30, 1e-6),
    ] {
        let mut builder = ProgramBuilder::new("extreme");
        let declared = input("x", 20, 2, range, f64::MAX);
        let (_, x) = builder.input(declared).unwrap();
        let terms = vec![(x[0], weight.into()), (x[1], (-weight).into())];
        let sum = builder.weighted_sum(terms, weight).unwrap();
        builder.output(output("sum", vec![sum], precision)).unwrap();
        check(&builder.finish().unwrap(), &small(&[]));
    }
}

#[test]
fn the_client_applies_the_last_function() {
    let mut builder = ProgramBuilder::new("probability");
    let declared = input("x", 6, 2, Interval::symmetric(4.0), 1e-7);
    let (_, x) = builder.input(declared).unwrap();
    let terms = vec![(x[0], 0.5.into()), (x[1], (-1.5).into())];
    let score = builder.weighted_sum(terms, 0.1).unwrap();
    let probability = builder.sigmoid(score).unwrap();
    builder
        .output(output("p", vec![probability], 1e-6))
        .unwrap();
    let program = builder.finish().unwrap();
    let options = small(&[]);
    check(&program, &options);

    let lowered = lowered(&program, &options).unwrap();
    assert_eq!(lowered.client_computes(), ["sigmoid"]);
    let circuit = compile(&program, &options, INSECURE).unwrap();
    let keys = Parties::of(circuit.as_ref()).unwrap();
    let mut session = Session::new(circuit.as_ref(), &lowered, &keys);
    let table = &tables(&program, 5)[0];
    let id = InputId::from_index(0);
    let sealed = session.client().encrypt(id, table.view()).unwrap();
    let outputs = session.server().evaluate(&[&sealed]).unwrap();
    let output = OutputId::from_index(0);
    let finished = session.client().decrypt(output, &outputs[0]).unwrap();
    assert!(finished.iter().all(|p| (0.0..=1.0).contains(p)));
    let report = session.finish();
    assert_eq!(report.errors.violation, None);
    assert_eq!(report.errors.noise, 0.0);
    assert!(report.errors.max_abs < 1e-6);
    assert_eq!(report.traffic.rounds, 1);
    assert!(report.errors.precision_bits > 20.0);
}
