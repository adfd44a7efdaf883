//! Programs through the scheme's traits, against the oracle.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use hexperiment_program::{
    Column, Input, InputId, Interval, Op, Output, OutputId, Party, Polynomial, Program,
    ProgramBuilder, Public, Relation, ValueId,
};
use hexperiment_scheme::options::{OptionValue, Options};
use hexperiment_scheme::security::failure::slot_deviations_each;
use hexperiment_scheme::security::{Encryption, SecurityDemand};
use hexperiment_scheme::{Ciphertexts, Circuit, CompileRequest, Parties, Scheme};
use ndarray::Array2;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use scheme_seal_ckks::SealCkks;

fn input(length: usize, columns: usize, bound: f64) -> Input {
    Input {
        name: "x".into(),
        owner: Party::Client(0),
        length,
        columns: (0..columns)
            .map(|i| Column {
                name: format!("x{i}"),
                range: Interval::symmetric(bound),
            })
            .collect(),
        precision: 1e-6,
    }
}

/// A program of one input and one output of one value.
fn program(
    length: usize,
    columns: usize,
    bound: f64,
    precision: f64,
    body: impl FnOnce(&mut ProgramBuilder, &[ValueId]) -> ValueId,
) -> Program {
    let mut b = ProgramBuilder::new("test");
    let (_, x) = b.input(input(length, columns, bound)).unwrap();
    let y = body(&mut b, &x);
    b.output(Output {
        name: "y".into(),
        values: vec![y],
        precision,
    })
    .unwrap();
    b.finish().unwrap()
}

fn table(program: &Program, seed: u64) -> Array2<f64> {
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    let declared = &program.inputs()[0];
    let range = declared.columns[0].range;
    Array2::from_shape_fn((declared.length, declared.columns.len()), |_| {
        random.random_range(range.low..=range.high)
    })
}

fn options(set: &[(&str, OptionValue)]) -> Options {
    let given = set.iter().map(|(k, v)| ((*k).to_owned(), v.clone()));
    Options::with_defaults(&SealCkks.manifest().options, given)
}

const SECURITY: SecurityDemand = SecurityDemand::new(128, false);

fn compile(program: &Program, options: &Options) -> Box<dyn Circuit> {
    let lowered = SealCkks.lower(program, options, SECURITY).unwrap();
    SealCkks
        .compile(CompileRequest {
            lowered: &lowered,
            options,
            security: SECURITY,
            threads: 2,
            objective: hexperiment_program::layout::Objective::default(),
        })
        .unwrap()
}

fn crossed(circuit: &dyn Circuit, ciphertexts: &Ciphertexts) -> Ciphertexts {
    circuit.load(&ciphertexts.to_bytes().unwrap()).unwrap()
}

fn worst(a: &Array2<f64>, b: &Array2<f64>) -> f64 {
    assert_eq!(a.dim(), b.dim());
    a.iter()
        .zip(b)
        .map(|(x, y)| (x - y).abs())
        .fold(0.0, f64::max)
}

/// What came of a program's run.
struct Ran {
    got: Vec<Array2<f64>>,
    simulated: Vec<Array2<f64>>,
    exact: Vec<Array2<f64>>,
    tolerances: Vec<f64>,
}

impl Ran {
    /// The largest distance of each output to its simulation.
    fn noise(&self) -> Vec<f64> {
        let pairs = self.got.iter().zip(&self.simulated);
        pairs
            .map(|(got, simulated)| worst(got, simulated))
            .collect()
    }
}

/// Runs a program encrypted, on random numbers, with all that crosses as bytes.
#[track_caller]
fn run(name: &str, program: &Program, set: &[(&str, OptionValue)]) -> Ran {
    let circuit = compile(program, &options(set));
    let table = table(program, 11 + name.len() as u64);
    let keys = Parties::of(circuit.as_ref()).unwrap();
    let sealed = keys
        .encryptor
        .encrypt(InputId::from_index(0), table.view())
        .unwrap();
    let results = keys
        .evaluator
        .evaluate(&[crossed(&*circuit, &sealed)])
        .unwrap();
    let decrypt = |(i, result): (usize, &Ciphertexts)| {
        let output = OutputId::from_index(i);
        let here = keys.decryptor.decrypt(output, result).unwrap();
        let there = keys.decryptor.decrypt(output, &crossed(&*circuit, result));
        assert_eq!(here, there.unwrap(), "{name}: bytes change a result");
        here
    };
    Ran {
        got: results.iter().enumerate().map(decrypt).collect(),
        simulated: circuit.simulate(std::slice::from_ref(&table)).unwrap(),
        exact: program.interpret(&[table]).unwrap(),
        tolerances: circuit.parameters().noise_tolerance.clone(),
    }
}

/// Runs a program of one output, and returns its error against the oracle. The result must be
/// within the tolerance of the simulation, and the tolerance at most `slack` times what was seen.
#[track_caller]
fn check_within(name: &str, program: &Program, set: &[(&str, OptionValue)], slack: f64) -> f64 {
    let ran = run(name, program, set);
    let (noise, tolerance) = (ran.noise()[0], ran.tolerances[0]);
    println!("{name}: noise {noise:.2e}, tolerance {tolerance:.2e}");
    assert!(
        noise <= tolerance,
        "{name}: off by {noise:e}, tolerance {tolerance:e}"
    );
    assert!(
        tolerance <= slack * noise,
        "{name}: tolerance {tolerance:e}, seen {noise:e}"
    );
    worst(&ran.got[0], &ran.exact[0])
}

#[track_caller]
fn check(name: &str, program: &Program, set: &[(&str, OptionValue)]) -> f64 {
    check_within(name, program, set, 1e3)
}

fn weights(count: usize) -> Vec<Public> {
    (0..count)
        .map(|i| Public::Scalar(0.83 - 0.19 * i as f64))
        .collect()
}

fn logit(b: &mut ProgramBuilder, x: &[ValueId]) -> ValueId {
    let terms = x.iter().copied().zip(weights(x.len())).collect();
    b.weighted_sum(terms, -0.7).unwrap()
}

#[test]
fn linear() {
    let p = program(334, 9, 4.0, 1e-4, logit);
    assert!(check("logit", &p, &[]) < 1e-4);
    let p = program(334, 9, 1.0, 1e-8, logit);
    assert!(check("precise logit", &p, &[]) < 1e-8);
    let p = program(334, 3, 1.0, 1e-4, |b, x| {
        let terms = vec![
            (x[0], 2.0.into()),
            (x[1], (-3.0).into()),
            (x[2], 1.0.into()),
        ];
        b.weighted_sum(terms, 0.25).unwrap()
    });
    check("whole weights", &p, &[]);
    let p = program(5000, 2, 1.0, 1e-4, |b, x| {
        let mask: Vec<f64> = (0..5000).map(|i| f64::from(i < 1000)).collect();
        let ramp: Vec<f64> = (0..5000).map(|i| f64::from(i) / 5000.0 - 0.5).collect();
        b.weighted_sum(vec![(x[0], mask.into()), (x[1], ramp.clone().into())], ramp)
            .unwrap()
    });
    check("vector weights, several ciphertexts", &p, &[]);
    let p = program(334, 2, 1.0, 1e-4, |b, x| b.sub(x[0], x[1]).unwrap());
    check("difference", &p, &[]);
}

#[test]
fn weights_that_vanish() {
    for (name, weights) in [
        ("all zero", [0.0, 0.0]),
        ("one zero", [0.0, 0.5]),
        ("below the scale's resolution", [1e-30, 0.5]),
        ("all below it", [1e-30, -1e-31]),
    ] {
        let p = program(50, 2, 1.0, 1e-4, |b, x| {
            let terms = vec![(x[0], weights[0].into()), (x[1], weights[1].into())];
            b.weighted_sum(terms, 0.25).unwrap()
        });
        check(name, &p, &[]);
    }
    let p = program(50_000, 1, 1.0, 1e-4, |b, x| {
        let mask: Vec<f64> = (0..50_000).map(|i| f64::from(i < 7)).collect();
        b.scale(x[0], mask).unwrap()
    });
    check("a mask that leaves ciphertexts empty", &p, &[]);
    let p = program(50, 1, 1.0, 1e-4, |b, x| {
        let (twice, half) = (b.scale(x[0], 2.0).unwrap(), b.scale(x[0], 2.5).unwrap());
        let half = b.scale(half, 0.8).unwrap();
        b.sub(twice, half).unwrap()
    });
    check("a difference that is 0", &p, &[]);
    let p = program(50, 1, 1.0, 1e-4, |b, x| {
        b.weighted_sum(vec![(x[0], 3.0.into()), (x[0], (-3.0).into())], 0.5)
            .unwrap()
    });
    check("whole weights that cancel", &p, &[]);
    let p = program(50, 1, 1.0, 1e-4, |b, x| b.sub(x[0], x[0]).unwrap());
    check("a value less itself", &p, &[]);
}

#[test]
fn sigmoids() {
    for degree in [1, 3, 5, 7, 15, 27] {
        let p = program(334, 9, 1.0, 1e-3, |b, x| {
            let z = logit(b, x);
            b.sigmoid(z).unwrap()
        });
        let error = check(
            &format!("sigmoid {degree}"),
            &p,
            &[("sigmoid_degree", OptionValue::Integer(degree))],
        );
        let bound = [
            (1, 0.2),
            (3, 0.08),
            (5, 0.03),
            (7, 0.015),
            (15, 1.5e-3),
            (27, 1e-3),
        ];
        let bound = bound.iter().find(|(d, _)| *d == degree).unwrap().1;
        assert!(error < bound, "degree {degree}: {error:e}");
    }
}

#[test]
fn products_and_depth() {
    let p = program(334, 2, 2.0, 1e-4, |b, x| b.mul(x[0], x[1]).unwrap());
    check("mul", &p, &[]);
    let p = program(5000, 2, 1.0, 1e-4, |b, x| {
        let y = b.square(x[0]).unwrap();
        b.add(y, x[1]).unwrap()
    });
    check("square and an operand brought down", &p, &[]);
    let p = program(334, 1, 1.0, 1e-6, |b, x| {
        (0..8).fold(x[0], |y, _| b.square(y).unwrap())
    });
    // Few numbers are so near to 1 that the eighth square keeps their errors.
    assert!(check_within("depth 8", &p, &[], 1e5) < 2.0_f64.powi(-20));
    let p = program(334, 2, 1.0, 1e-4, |b, x| {
        let deep = (0..5).fold(x[0], |y, _| b.mul(y, x[1]).unwrap());
        let terms = vec![(deep, 0.5.into()), (x[0], 0.25.into()), (x[1], 2.0.into())];
        b.weighted_sum(terms, 1.5).unwrap()
    });
    check("levels that differ", &p, &[]);
}

/// Random sums and differences of products, some of them read twice, some that are 0 for all to see, some with
/// what is no product: all are the oracle's.
#[test]
fn sums_of_products() {
    for seed in 0..6 {
        let mut random = ChaCha8Rng::seed_from_u64(seed);
        let p = program(334, 4, 1.0, 1e-3, |b, x| {
            let mut values: Vec<ValueId> = vec![];
            for step in 0..14 {
                let column = |random: &mut ChaCha8Rng| x[random.random_range(0..x.len())];
                let value = match step {
                    0..6 if step % 3 == 2 => b.square(column(&mut random)),
                    0..6 => b.mul(column(&mut random), column(&mut random)),
                    _ => {
                        let early = step < 10 || seed % 2 == 0;
                        let from = if early { 0 } else { 6 };
                        let any = |random: &mut ChaCha8Rng| {
                            values[random.random_range(from..values.len())]
                        };
                        let (one, other) = (any(&mut random), any(&mut random));
                        if random.random() {
                            b.add(one, other)
                        } else {
                            b.sub(one, other)
                        }
                    }
                };
                values.push(value.unwrap());
            }
            let last = values[values.len() - 1];
            let product = b.mul(last, x[0]).unwrap();
            let other = b.mul(values[12], x[1]).unwrap();
            let sum = b.add(product, other).unwrap();
            // One product in two orders, and no more than that.
            let [one, two] = [[0, 1], [1, 0]].map(|[i, j]| b.mul(x[i], x[j]).unwrap());
            let nothing = b.sub(one, two).unwrap();
            let third = b.mul(x[2], x[3]).unwrap();
            let nothing_more = b.add(nothing, third).unwrap();
            b.add(sum, nothing_more).unwrap()
        });
        check(&format!("sums of products {seed}"), &p, &[]);
    }
}

/// A program of one input and of outputs of several values.
fn outputs(
    length: usize,
    range: Interval,
    body: impl FnOnce(&mut ProgramBuilder, &[ValueId]) -> Vec<Vec<ValueId>>,
) -> Program {
    let mut b = ProgramBuilder::new("test");
    let mut declared = input(length, 4, 1.0);
    declared.columns.iter_mut().for_each(|c| c.range = range);
    let (_, x) = b.input(declared).unwrap();
    for (i, values) in body(&mut b, &x).into_iter().enumerate() {
        b.output(Output {
            name: format!("y{i}"),
            values,
            precision: 1e-4,
        })
        .unwrap();
    }
    b.finish().unwrap()
}

/// Values of different levels, in one output and in several: none is read at another's scale. That
/// of level 0 differs from that of the last by as much as the primes do from powers of two.
#[test]
fn outputs_of_mixed_depth() {
    let sums = outputs(256, Interval::symmetric(1.0), |b, x| {
        let sums: Vec<ValueId> = x.iter().map(|x| b.sum(*x, 256).unwrap()).collect();
        let squares = x.iter().map(|x| {
            let square = b.square(*x).unwrap();
            b.sum(square, 256).unwrap()
        });
        let squares: Vec<ValueId> = squares.collect();
        vec![[sums, squares].concat()]
    });
    let powers = outputs(100, Interval::new(0.5, 1.0), |b, x| {
        let mut powers = vec![x[0]];
        for _ in 0..4 {
            let last = powers[powers.len() - 1];
            powers.push(b.square(last).unwrap());
        }
        let half = b.scale(x[1], 0.5).unwrap();
        let twice = b.scale(half, 2.0).unwrap();
        let moved = b.offset(x[2], 0.25).unwrap();
        powers.extend([half, twice, moved]);
        vec![powers.clone(), vec![x[3]], vec![powers[2], half]]
    });
    for (name, program) in [("sums", &sums), ("powers", &powers)] {
        for scale_bits in [25, 30, 40] {
            let set = [("scale_bits", OptionValue::Integer(scale_bits))];
            let ran = run(name, program, &set);
            let noise = ran.noise();
            for (i, (noise, tolerance)) in noise.iter().zip(&ran.tolerances).enumerate() {
                println!(
                    "{name} at 2^{scale_bits}, {i}: noise {noise:.2e}, tolerance {tolerance:.2e}"
                );
                assert!(
                    noise <= tolerance,
                    "{name} at 2^{scale_bits}: output {i} is off by {noise:e}, tolerance {tolerance:e}"
                );
            }
        }
    }
}

/// A slot beyond the batch holds nothing that leaves a polynomial's domain: from 0, this one would
/// grow to some 10^29, and wrap round every modulus.
#[test]
fn ranges_without_0() {
    for (name, length) in [("one ciphertext", 100), ("two ciphertexts", 5000)] {
        let range = Interval::new(30.0, 31.0);
        let p = outputs(length, range, |b, x| {
            let mut wave = vec![0.0; 16];
            (wave[1], wave[15]) = (0.25, 0.02);
            let wave = Polynomial::from_chebyshev(range, wave).unwrap();
            let by: Vec<f64> = (0..length).map(|i| 1.0 + (i % 3) as f64).collect();
            let y = b.polynomial(x[0], wave).unwrap();
            vec![vec![b.scale(y, by).unwrap()]]
        });
        check(name, &p, &[]);
    }
    // Where elements move, too: 300 of them, 3 to a group.
    let p = outputs(300, Interval::new(0.5, 3.5), |b, x| {
        let z = b.sum(x[0], 3).unwrap();
        let z = b.scale(z, 1.0 / 3.0).unwrap();
        vec![vec![b.sigmoid(z).unwrap()]]
    });
    check("means of groups", &p, &[]);
}

#[test]
fn moving_elements() {
    for by in [1, -3, 200, 256] {
        let p = program(512, 1, 1.0, 1e-4, |b, x| {
            let y = b.shift(x[0], by).unwrap();
            b.add(y, x[0]).unwrap()
        });
        check(&format!("shift {by}"), &p, &[]);
    }
    for group in [2, 16, 512] {
        let p = program(512, 1, 1.0, 1e-3, |b, x| b.sum(x[0], group).unwrap());
        // One sum of all is one value, whose error may happen to be tiny.
        let slack = if group == 512 { 1e9 } else { 1e3 };
        check_within(&format!("sum {group}"), &p, &[], slack);
    }
    // No power of two: 300 elements, and as many as leave just the slots that their sums take.
    for (length, group) in [(300, 3), (300, 75), (300, 300), (2049, 2049), (3000, 1000)] {
        let p = program(length, 1, 1.0, 1e-3, |b, x| b.sum(x[0], group).unwrap());
        let slack = if length == group { 1e9 } else { 1e3 };
        check_within(&format!("sum {group} of {length}"), &p, &[], slack);
    }
    for by in [1, -1, 7, 150, -149, 299] {
        let p = program(300, 1, 1.0, 1e-4, |b, x| {
            let y = b.shift(x[0], by).unwrap();
            let y = b.shift(y, -3).unwrap();
            b.sub(y, x[0]).unwrap()
        });
        check(&format!("300 shifted by {by}"), &p, &[]);
    }
    let p = program(512, 1, 1.0, 1e-3, |b, x| {
        let y = b.pick(x[0], 4).unwrap();
        let ramp: Vec<f64> = (0..128).map(|i| f64::from(i) / 64.0).collect();
        let y = b.scale(y, ramp.clone()).unwrap();
        let y = b.offset(y, ramp).unwrap();
        b.square(y).unwrap()
    });
    check("pick, then public vectors", &p, &[]);
}

#[test]
fn comparisons() {
    let coarse = [
        ("sign_margin", OptionValue::Number(0.125)),
        ("sign_error", OptionValue::Number(0.01)),
    ];
    let p = program(334, 2, 1.0, 1e-2, |b, x| {
        b.compare(x[0], Relation::Greater, x[1]).unwrap()
    });
    check_within("compare, coarse", &p, &coarse, 1e4);
    check_within("compare", &p, &[], 1e4);
    for (degrees, bound) in [("7", 0.064), ("7,7", 0.0155), ("15,15", 0.0045)] {
        let set = [("max_degrees", OptionValue::Text(degrees.into()))];
        let p = program(334, 2, 1.0, 1e-3, |b, x| b.max(x[0], x[1]).unwrap());
        assert!(check_within(&format!("max {degrees}"), &p, &set, 1e4) < bound);
        let p = program(334, 1, 2.0, 1e-3, |b, x| b.push(Op::Relu(x[0])).unwrap());
        assert!(check_within(&format!("relu {degrees}"), &p, &set, 1e4) < bound);
    }
}

/// The notes of a lowering of so many rounds of `max` of values up to 255 either way, or its refusal.
fn lowered(rounds: u32, precision: f64, set: &[(&str, OptionValue)]) -> Result<String, String> {
    let p = program(64, 1 << rounds, 255.0, precision, |b, x| {
        let mut x = x.to_vec();
        while x.len() > 1 {
            x = x.chunks(2).map(|p| b.max(p[0], p[1]).unwrap()).collect();
        }
        x[0]
    });
    match SealCkks.lower(&p, &options(set), SECURITY) {
        Ok(lowered) => Ok(format!(
            "{} in {} levels",
            lowered.notes().join("\n"),
            lowered.depth()
        )),
        Err(error) => Err(error.to_string()),
    }
}

#[test]
fn maxima_are_as_precise_as_is_wanted_or_there_are_levels() {
    let kept = "the fewest levels that keep the precision wanted, off by at most ";
    let short = "the most precise ones that there is room for, off by at most ";
    for (rounds, precision, degrees, levels, why) in [
        // Of the fewest levels first, then of the fewest products.
        (1, 255.0, "7", 5, kept),
        (1, 9.0, "3, 7", 7, kept),
        (1, 6.0, "31", 7, kept),
        (1, 1.0, "7, 7, 7", 11, kept),
        (1, 0.5, "7, 7, 15", 12, kept),
        (1, 0.12, "15, 15, 15", 14, kept),
        (2, 1.0, "7, 7, 15", 23, kept),
        (2, 0.5, "7, 15, 15", 25, kept),
        // What is wanted takes more levels than there are, or is beyond all compositions.
        (2, 0.25, "7, 15, 15", 25, short),
        (2, 0.1, "7, 15, 15", 25, short),
    ] {
        let note = lowered(rounds, precision, &[]).unwrap();
        assert!(
            note.contains(&format!("degrees {degrees} ")),
            "{precision}: {note}"
        );
        assert!(
            note.ends_with(&format!("in {levels} levels")),
            "{precision}: {note}"
        );
        assert!(note.contains(why), "{precision}: {note}");
    }
    // The finest there is, and it has room.
    let note = lowered(1, 1e-3, &[]).unwrap();
    assert!(note.contains("degrees 15, 15, 15 "), "{note}");
    // Too many rounds: the least that would do, and what there is.
    let refusal = lowered(4, 0.5, &[]).unwrap_err();
    assert!(refusal.contains("37 levels"), "{refusal}");
    assert!(refusal.contains("so many do: 26"), "{refusal}");
    assert!(refusal.contains("max_degrees"), "{refusal}");
    // Coarse enough for what is wanted, they fit.
    let note = lowered(4, 64.0, &[]).unwrap();
    assert!(note.contains(kept), "{note}");
    let text = |degrees: &str| [("max_degrees", OptionValue::Text(degrees.into()))];
    let note = lowered(4, 0.5, &text("15")).unwrap();
    assert!(note.ends_with("in 21 levels"), "{note}");
    for bad in ["7,8", "", "7;7", "1", "7,,7", "99"] {
        let refusal = lowered(1, 0.5, &text(bad)).unwrap_err();
        assert!(refusal.starts_with("max_degrees: "), "{refusal}");
        assert!(refusal.contains("expected"), "{refusal}");
    }
}

#[test]
fn what_ranges_decide_needs_no_polynomial() {
    let p = program(334, 2, 1.0, 1e-4, |b, x| {
        let above = b.offset(x[0], 3.0).unwrap();
        let max = b.max(above, x[1]).unwrap();
        let abs = b.push(Op::Abs(max)).unwrap();
        let below = b.offset(x[1], -2.0).unwrap();
        let nothing = b.push(Op::Relu(below)).unwrap();
        b.add(abs, nothing).unwrap()
    });
    assert!(check("decided by ranges", &p, &[]) < 1e-4);
}

/// Ranges of any size are computed within the tolerance, or refused.
#[test]
fn ranges_of_any_size() {
    let set = [("max_degrees", OptionValue::Text("7".into()))];
    for (bound, fits) in [
        (1e-305, None),
        (1e-200, Some(false)),
        (1e-9, None),
        (1e-3, Some(true)),
        (1e5, Some(true)),
        (1e14, Some(false)),
    ] {
        let p = program(64, 2, bound, 0.1 * bound, |b, x| b.max(x[0], x[1]).unwrap());
        let options = options(&set);
        let compiled = SealCkks.lower(&p, &options, SECURITY).and_then(|lowered| {
            SealCkks.compile(CompileRequest {
                lowered: &lowered,
                options: &options,
                security: SECURITY,
                threads: 2,
                objective: hexperiment_program::layout::Objective::default(),
            })
        });
        match compiled {
            Ok(_) => {
                assert_ne!(fits, Some(false), "{bound:e}");
                assert!(check_within(&format!("max of {bound:e}"), &p, &set, 1e4) < 0.1 * bound);
            }
            Err(refusal) => {
                println!("{bound:e}: {refusal}");
                assert_ne!(fits, Some(true), "{bound:e}: {refusal}");
            }
        }
    }
}

/// What cannot be shifted says how many slots it takes.
#[test]
fn vectors_too_long_to_move_are_refused() {
    for (length, group) in [(1 << 15, 2), (30_000, 3), (16_000, 16_000)] {
        let p = program(length, 1, 1.0, 1e-3, |b, x| b.sum(x[0], group).unwrap());
        let lowered = SealCkks.lower(&p, &options(&[]), SECURITY).unwrap();
        let compiled = SealCkks.compile(CompileRequest {
            lowered: &lowered,
            options: &options(&[]),
            security: SECURITY,
            threads: 2,
            objective: hexperiment_program::layout::Objective::default(),
        });
        let refusal = compiled.err().unwrap().to_string();
        assert!(refusal.starts_with("length: "), "{refusal}");
        assert!(
            refusal.contains("take 32768 slots, of which N = 2^15 has 16384"),
            "{refusal}"
        );
    }
}

/// Noise that floods a result is new in each decryption and most of its error; a larger scale makes up for
/// it, so that the output's precision is kept.
#[test]
fn flooding_takes_a_larger_scale_and_keeps_the_precision() {
    let program = program(20, 3, 4.0, 1e-5, logit);
    let circuit = |set: &[(&str, OptionValue)]| compile(&program, &options(set));
    let chosen = |circuit: &dyn Circuit, name: &str| {
        let all = &circuit.parameters().chosen;
        all.iter()
            .find(|(n, _)| n == name)
            .map(|(_, value)| value.clone())
    };
    let plain = circuit(&[]);
    assert_eq!(chosen(&*plain, "noise flooding"), None);
    let flooded = circuit(&[
        ("noise_flooding_bits", OptionValue::Integer(20)),
        ("noise_flooding_decryptions", OptionValue::Integer(10)),
    ]);
    let words = chosen(&*flooded, "noise flooding").unwrap();
    assert!(words.starts_with("20 bits over 10 decryptions"), "{words}");
    let bits = |circuit: &dyn Circuit| -> u32 {
        chosen(circuit, "scale")
            .unwrap()
            .strip_prefix("2^")
            .unwrap()
            .parse()
            .unwrap()
    };
    assert!(
        bits(&*flooded) >= bits(&*plain) + 15,
        "{} {}",
        bits(&*flooded),
        bits(&*plain)
    );
    let tolerance = flooded.parameters().noise_tolerance[0];
    assert!(tolerance <= 1e-5, "{tolerance}");

    let table = table(&program, 5);
    let keys = Parties::of(flooded.as_ref()).unwrap();
    let sealed = keys
        .encryptor
        .encrypt(InputId::from_index(0), table.view())
        .unwrap();
    let results = keys
        .evaluator
        .evaluate(&[crossed(&*flooded, &sealed)])
        .unwrap();
    let decrypt = || {
        keys.decryptor
            .decrypt(OutputId::from_index(0), &results[0])
            .unwrap()
    };
    let (once, again) = (decrypt(), decrypt());
    let simulated = &flooded.simulate(&[table]).unwrap()[0];
    let (error, distance) = (worst(&once, simulated), worst(&once, &again));
    println!("flooding: error {error:.2e}, tolerance {tolerance:.2e}");
    assert!(
        error <= tolerance && error > tolerance / 100.0,
        "{error} {tolerance}"
    );
    assert!(distance > error / 10.0, "{distance} {error}");
}

/// As many standard deviations are tolerated as the demanded failure probability asks for over all
/// results, and no constant.
#[test]
fn tolerances_follow_from_the_failure_probability() {
    let set = options(&[("scale_bits", OptionValue::Integer(36))]);
    let stated = |length: usize, failure_log2: i32| {
        let program = program(length, 1, 1.0, 1e-3, |b, x| b.scale(x[0], 0.3).unwrap());
        let security = SecurityDemand {
            failure_log2,
            ..SECURITY
        };
        let lowered = SealCkks.lower(&program, &set, security).unwrap();
        let request = CompileRequest {
            lowered: &lowered,
            options: &set,
            security,
            threads: 2,
            objective: hexperiment_program::layout::Objective::default(),
        };
        let circuit = SealCkks.compile(request).unwrap();
        let parameters = circuit.parameters();
        assert_eq!(parameters.failure.hold(failure_log2), Ok(()));
        let log2 = parameters.failure.log2().unwrap();
        assert!(log2 > f64::from(failure_log2) - 1e-6, "{log2}");
        parameters.noise_tolerance[0]
    };
    let ratio = |a: f64, b: f64| slot_deviations_each(a, 100) / slot_deviations_each(b, 100);
    let found = stated(100, -128) / stated(100, -40);
    // Rounding in double precision is tolerated besides.
    assert!((found - ratio(-128.0, -40.0)).abs() < 1e-3, "{found}");
    assert!(stated(2000, -40) > stated(100, -40));
}

/// Slots beside an output are told of where the data are not those of whoever decrypts: sums of groups, which
/// stand between sums over other neighbours, and vectors that were moved beyond their ends.
#[test]
fn what_stands_beside_an_output_of_others_is_told() {
    let told = |program: &Program, encryption| {
        let security = SECURITY.encrypted_by(encryption);
        let options = options(&[]);
        let lowered = SealCkks.lower(program, &options, security).unwrap();
        let request = CompileRequest {
            lowered: &lowered,
            options: &options,
            security,
            threads: 2,
            objective: hexperiment_program::layout::Objective::default(),
        };
        let circuit = SealCkks.compile(request).unwrap();
        circuit.parameters().shortfalls.clone()
    };
    let sums = program(16, 1, 1.0, 1e-3, |b, x| b.sum(x[0], 4).unwrap());
    let moved = program(10, 1, 1.0, 1e-3, |b, x| b.shift(x[0], 1).unwrap());
    for shows in [sums, moved] {
        let words = told(&shows, Encryption::Public);
        assert_eq!(words.len(), 1, "{words:?}");
        assert!(words[0].starts_with("`y`: others than the key owner encrypt"));
        assert!(words[0].contains("partial sums, which nothing masks"));
        assert_eq!(told(&shows, Encryption::Owner), Vec::<String>::new());
    }
    let alone = program(10, 2, 1.0, 1e-3, |b, x| b.add(x[0], x[1]).unwrap());
    let turned = program(16, 1, 1.0, 1e-3, |b, x| b.shift(x[0], 1).unwrap());
    for shows_nothing in [alone, turned] {
        assert_eq!(
            told(&shows_nothing, Encryption::Public),
            Vec::<String>::new()
        );
    }
}

/// What does not fit is told: what was demanded, what is stated, why.
#[test]
fn a_precision_that_does_not_fit_is_told() {
    let deep = |precision| {
        program(8, 1, 1.0, precision, |b, x| {
            (0..12).fold(x[0], |y, _| b.square(y).unwrap())
        })
    };
    let told = |program: &Program, set: &[(&str, OptionValue)]| {
        let circuit = compile(program, &options(set));
        circuit.parameters().shortfalls.clone()
    };
    assert_eq!(told(&deep(0.1), &[]), Vec::<String>::new());
    let scale = [("scale_bits", OptionValue::Integer(40))];
    for (set, why) in [
        (&[][..], "room for"),
        (&scale[..], "`scale_bits = 40` was asked for"),
    ] {
        let told = told(&deep(1e-13), set);
        let [words] = told.as_slice() else {
            panic!("{told:?}")
        };
        for expected in ["`y`: noise of at most 1.0e-13 is demanded, of up to ", why] {
            assert!(words.contains(expected), "{words}");
        }
    }
}
