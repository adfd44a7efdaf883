//! What the roles of the smallest circuits add to SEAL's own calls: each phase beside the sum of its calls alone, in
//! turn, both again and again at once, and both with 32 MiB of other memory touched before, as other parties do in a
//! run. The first call of each kind in a phase is one with empty caches then.
//!
//! `overhead [rows [rounds]]`: weighted sums of nine columns, on one thread.
#![expect(clippy::unwrap_used, reason = "an example ends by panicking")]

use std::collections::HashMap;
use std::hint::black_box;
use std::time::{Duration, Instant};

use hexperiment_program::{
    Column, Input, InputId, Interval, Output, OutputId, Party, Program, ProgramBuilder, Public,
};
use hexperiment_scheme::options::Options;
use hexperiment_scheme::security::SecurityDemand;
use hexperiment_scheme::{
    CompileRequest, Operation, OperationTime, OperationTimes, Parties, Preparation, Scheme,
    SchemeError,
};
use ndarray::Array2;
use scheme_seal_ckks::SealCkks;

/// Times that a phase, or a call, is done in a round; the median counts.
const TIMES: usize = 9;

/// What is touched, so that caches hold nothing else.
const OTHERS: usize = 32 << 20;

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

/// The median time of a step: after others like it, or after touching so many bytes each time.
fn median(touched: &mut [u8], mut step: impl FnMut()) -> Duration {
    step();
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

/// Times each call when it is first asked for; with empty caches, too, where memory is touched.
struct Calls<'t> {
    touched: &'t mut [u8],
    known: HashMap<String, Duration>,
}

impl Calls<'_> {
    fn once(
        &mut self,
        name: String,
        touches: bool,
        prepare: &Preparation<'_, '_>,
    ) -> Result<Duration, SchemeError> {
        if let Some(known) = self.known.get(&name) {
            return Ok(*known);
        }
        let step = prepare()?;
        let touched: &mut [u8] = if touches { self.touched } else { &mut [] };
        let time = median(touched, || step().unwrap());
        self.known.insert(name, time);
        Ok(time)
    }
}

impl OperationTimes for Calls<'_> {
    fn goes_round(&self) -> bool {
        false
    }

    fn time(
        &mut self,
        operation: Operation,
        prepare: &Preparation<'_, '_>,
    ) -> Result<OperationTime, SchemeError> {
        let time = self.once(operation.to_string(), false, prepare)?;
        Ok(OperationTime::of(time))
    }

    fn cold(
        &mut self,
        operation: Operation,
        prepare: &Preparation<'_, '_>,
    ) -> Result<Duration, SchemeError> {
        if self.touched.is_empty() {
            return Ok(self.time(operation, prepare)?.alone);
        }
        self.once(format!("{operation}, empty caches"), true, prepare)
    }
}

/// The median and the quartiles.
fn quartiles(mut values: Vec<f64>) -> [f64; 3] {
    values.sort_unstable_by(f64::total_cmp);
    [2, 1, 3].map(|quarter| values[(values.len() - 1) * quarter / 4])
}

fn main() {
    rayon::ThreadPoolBuilder::new()
        .num_threads(1)
        .build_global()
        .unwrap();
    let mut given = std::env::args()
        .skip(1)
        .map(|n| n.parse::<usize>().unwrap());
    let program = program(given.next().unwrap_or(334));
    let rounds = given.next().unwrap_or(31);
    let options = Options::with_defaults(&SealCkks.manifest().options, []);
    let security = SecurityDemand::new(128, false);
    let lowered = SealCkks.lower(&program, &options, security).unwrap();
    let circuit = SealCkks
        .compile(CompileRequest {
            lowered: &lowered,
            options: &options,
            security,
            threads: 1,
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
    for (state, bytes) in [("full caches", 0), ("empty caches", OTHERS)] {
        let mut touched = vec![0_u8; bytes];
        let (mut ours, mut theirs) = ([vec![], vec![], vec![]], [vec![], vec![], vec![]]);
        for _ in 0..rounds {
            let phases = [
                median(&mut touched, || drop(encrypt())),
                median(&mut touched, || drop(evaluate())),
                median(&mut touched, || drop(decrypt())),
            ];
            let mut calls = Calls {
                touched: &mut touched,
                known: HashMap::new(),
            };
            let costs = circuit.costs(&mut calls).unwrap().unwrap();
            let alone = [costs.encrypt[0], costs.evaluate, costs.decrypt[0]];
            for (place, (phase, alone)) in phases.into_iter().zip(alone).enumerate() {
                ours[place].push(phase.as_secs_f64() * 1e6);
                theirs[place].push(alone.total.as_secs_f64() * 1e6);
            }
        }
        println!("{state}, {rounds} rounds:");
        for (place, phase) in ["encrypt", "evaluate", "decrypt"].into_iter().enumerate() {
            let ratios = ours[place].iter().zip(&theirs[place]).map(|(a, b)| a / b);
            let [ratio, low, high] = quartiles(ratios.collect());
            let [phase_us, ..] = quartiles(ours[place].clone());
            let [alone_us, ..] = quartiles(theirs[place].clone());
            println!(
                "  {phase}: {phase_us:.0} us, calls alone {alone_us:.0} us; ratio {ratio:.3}, quartiles {low:.3} to \
                 {high:.3}"
            );
        }
    }
}
