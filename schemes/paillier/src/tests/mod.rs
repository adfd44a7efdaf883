//! Whole circuits against the oracle.

mod bytes;
mod cost;
mod crosscheck;
mod keys;
mod programs;
mod refusals;

use hexperiment_program::lower::{Lowered, lower};
use hexperiment_program::{
    Column, Input, InputId, Interval, Output, OutputId, Party, Program, ProgramBuilder, ValueId,
};
use hexperiment_scheme::options::{OptionValue, Options};
use hexperiment_scheme::security::SecurityDemand;
use hexperiment_scheme::{Ciphertexts, Circuit, CompileRequest, Parties, Scheme, SchemeError};
use ndarray::Array2;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

use crate::Paillier;

/// The manifest's defaults with these instead.
fn options(given: &[(&str, OptionValue)]) -> Options {
    let specs = Paillier.manifest().options;
    let given = given.iter().map(|(k, v)| ((*k).to_owned(), v.clone()));
    Options::with_defaults(&specs, given)
}

/// A small modulus, so that keys take no time.
fn small(given: &[(&str, OptionValue)]) -> Options {
    let mut options = options(given);
    options.set("modulus_bits", OptionValue::Integer(512));
    options
}

fn lowered(program: &Program, options: &Options) -> Result<Lowered, SchemeError> {
    Ok(lower(program, &Paillier.capabilities(options)?)?)
}

fn compile(
    program: &Program,
    options: &Options,
    security: SecurityDemand,
) -> Result<Box<dyn Circuit>, SchemeError> {
    Paillier.compile(CompileRequest {
        lowered: &lowered(program, options)?,
        options,
        security,
        threads: 2,
        objective: hexperiment_program::layout::Objective::default(),
    })
}

const INSECURE: SecurityDemand = SecurityDemand::new(128, true);

/// An input of columns that all have one range.
fn input(name: &str, length: usize, columns: usize, range: Interval, precision: f64) -> Input {
    Input {
        name: name.into(),
        owner: Party::Client(0),
        length,
        columns: (0..columns)
            .map(|i| Column {
                name: format!("{name} {i}"),
                range,
            })
            .collect(),
        precision,
    }
}

/// One output of some values.
fn output(name: &str, values: Vec<ValueId>, precision: f64) -> Output {
    Output {
        name: name.into(),
        values,
        precision,
    }
}

/// Tables that fit a program's inputs: random, with the ends of every range among them.
fn tables(program: &Program, seed: u64) -> Vec<Array2<f64>> {
    let mut rng = StdRng::seed_from_u64(seed);
    let table = |input: &Input| {
        Array2::from_shape_fn((input.length, input.columns.len()), |(_, column)| {
            let range = input.columns[column].range;
            match rng.random_range(0..5) {
                0 => range.low,
                1 => range.high,
                _ => rng.random_range(range.low..=range.high),
            }
        })
    };
    program.inputs().iter().map(table).collect()
}

/// Encrypts all inputs, through their bytes.
fn encrypt(circuit: &dyn Circuit, keys: &Parties, tables: &[Array2<f64>]) -> Vec<Ciphertexts> {
    let sealed = tables.iter().enumerate().map(|(i, table)| {
        let sealed = keys.encryptor.encrypt(InputId::from_index(i), table.view());
        circuit.load(&sealed.unwrap().to_bytes().unwrap()).unwrap()
    });
    sealed.collect()
}

/// Runs a program: what is decrypted must be what the circuit simulates, exactly, and near
/// enough to the oracle.
#[track_caller]
fn check(program: &Program, options: &Options) {
    let circuit = compile(program, options, INSECURE).unwrap();
    let keys = Parties::of(circuit.as_ref()).unwrap();
    let tables = tables(program, 7);
    let outputs = keys
        .evaluator
        .evaluate(&encrypt(circuit.as_ref(), &keys, &tables))
        .unwrap();
    let server = lowered(program, options).unwrap();
    let exact = server.simulate(&tables).unwrap();
    let simulated = circuit.simulate(&tables).unwrap();
    assert_eq!(outputs.len(), exact.len());
    for (index, ciphertexts) in outputs.iter().enumerate() {
        let id = OutputId::from_index(index);
        let crossed = circuit.load(&ciphertexts.to_bytes().unwrap()).unwrap();
        let decrypted = keys.decryptor.decrypt(id, &crossed).unwrap();
        assert_eq!(decrypted, simulated[index], "output {index}");
        let precision = program.output(id).precision;
        let error = (&decrypted - &exact[index]).mapv(f64::abs);
        let worst = error.iter().copied().fold(0.0, f64::max);
        // The guard bits, and what doubles lose at this magnitude.
        let magnitude = exact[index].iter().fold(1.0_f64, |m, x| m.max(x.abs()));
        let bound = precision / 16.0 + 1e-14 * magnitude;
        assert!(worst <= bound, "output {index}: {worst:e} > {bound:e}");
    }
}

/// A weighted sum of `features` columns with random weights of both signs.
fn score(samples: usize, features: usize, precision: f64) -> Program {
    let mut rng = StdRng::seed_from_u64(features as u64);
    let mut builder = ProgramBuilder::new("score");
    let range = Interval::symmetric(6.0);
    let declared = input(
        "x",
        samples,
        features,
        range,
        precision / (4 * features) as f64,
    );
    let (_, columns) = builder.input(declared).unwrap();
    let terms = columns
        .into_iter()
        .map(|c| (c, rng.random_range(-2.0..2.0).into()))
        .collect();
    let sum = builder.weighted_sum(terms, -0.731).unwrap();
    builder
        .output(output("score", vec![sum], precision))
        .unwrap();
    builder.finish().unwrap()
}
