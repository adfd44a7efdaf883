//! What the roles of the smallest circuits add to SEAL's own calls, and how much of it empty caches are: each phase
//! again and again at once, and with so many MiB touched before each time, beside the sum of the calls alone.
//!
//! `overhead [rows]`: weighted sums of nine columns.
#![expect(clippy::unwrap_used, reason = "an example ends by panicking")]

use std::hint::black_box;
use std::time::{Duration, Instant};

use hexperiment_program::{
    Column, Input, InputId, Interval, Output, OutputId, Party, Program, ProgramBuilder, Public,
};
use hexperiment_scheme::options::Options;
use hexperiment_scheme::security::SecurityDemand;
use hexperiment_scheme::{CompileRequest, Parties, Scheme, TimedNow};
use ndarray::Array2;
use scheme_seal_ckks::SealCkks;

/// Times that a phase is repeated; the median counts.
const TIMES: usize = 301;

fn program(rows: usize) -> Program {
    let mut b = ProgramBuilder::new("logits");
    let column = |i| Column {
        name: format!("x{i}"),
        range: Interval::symmetric(5.0),
    };
    let input = Input {
        name: "x".into(),
        owner: Party::Client(0),
        length: rows,
        columns: (0..9).map(column).collect(),
        precision: 1e-7,
    };
    let (_, x) = b.input(input).unwrap();
    let terms = x.iter().enumerate();
    let terms = terms.map(|(i, v)| (*v, Public::Scalar(0.83 - 0.19 * i as f64)));
    let values = vec![b.weighted_sum(terms.collect(), -0.7).unwrap()];
    let (name, precision) = ("logit".into(), 5e-7);
    b.output(Output {
        name,
        values,
        precision,
    })
    .unwrap();
    b.finish().unwrap()
}

/// The median time of a step, after touching so many bytes each time.
fn median(touched: &mut [u8], mut step: impl FnMut()) -> Duration {
    let mut times: Vec<Duration> = (0..TIMES)
        .map(|_| {
            for byte in touched.iter_mut().step_by(64) {
                *byte = black_box(byte.wrapping_add(1));
            }
            let start = Instant::now();
            step();
            start.elapsed()
        })
        .collect();
    times.sort_unstable();
    times[TIMES / 2]
}

fn main() {
    let rows = std::env::args().nth(1).map(|rows| rows.parse().unwrap());
    let program = program(rows.unwrap_or(334));
    let options = Options::with_defaults(&SealCkks.manifest().options, []);
    let security = SecurityDemand::new(128, false);
    let lowered = SealCkks.lower(&program, &options, security).unwrap();
    let circuit = SealCkks
        .compile(CompileRequest {
            lowered: &lowered,
            options: &options,
            security,
            threads: 2,
            objective: hexperiment_program::layout::Objective::default(),
        })
        .unwrap();
    let length = program.inputs()[0].length;
    let table = Array2::from_shape_fn((length, 9), |(i, j)| ((i * 7 + j) % 11) as f64 / 4.0);
    let keys = Parties::of(circuit.as_ref()).unwrap();
    let (input, output) = (InputId::from_index(0), OutputId::from_index(0));
    let encrypt = || keys.encryptor.encrypt(input, table.view()).unwrap();
    let sealed = circuit.load(&encrypt().to_bytes().unwrap()).unwrap();
    let sealed = [sealed];
    let evaluate = || keys.evaluator.evaluate(&sealed).unwrap();
    let result = evaluate().remove(0);
    let decrypt = || keys.decryptor.decrypt(output, &result).unwrap();
    let costs = circuit.costs(&mut TimedNow::default()).unwrap().unwrap();
    println!(
        "calls alone: encrypt {:.1?}, evaluate {:.1?}, decrypt {:.1?}",
        costs.encrypt[0].total, costs.evaluate.total, costs.decrypt[0].total
    );
    for mib in [0, 1, 4, 32] {
        let mut touched = vec![0_u8; mib << 20];
        let [encrypt, evaluate, decrypt] = [
            median(&mut touched, || drop(encrypt())),
            median(&mut touched, || drop(evaluate())),
            median(&mut touched, || drop(decrypt())),
        ];
        println!(
            "{mib} MiB touched: encrypt {encrypt:.1?}, evaluate {evaluate:.1?}, decrypt {decrypt:.1?}"
        );
    }
}
