//! What the roles of a small circuit take beside the sum of their calls, on one thread and in its own time, in turns.
//!
//! `paillier_overhead [rounds]`: weighted sums of four columns of 200 rows.
#![expect(clippy::unwrap_used, reason = "an example ends by panicking")]

use std::hint::black_box;
use std::time::Duration;

use hexperiment_program::{
    Column, Input, InputId, Interval, Output, OutputId, Party, Program, ProgramBuilder, Public,
};
use hexperiment_scheme::options::Options;
use hexperiment_scheme::security::SecurityDemand;
use hexperiment_scheme::{CompileRequest, Parties, Scheme, TimedNow};
use ndarray::Array2;
use scheme_paillier::Paillier;

const ROWS: usize = 200;
const COLUMNS: usize = 4;

fn program() -> Program {
    let mut b = ProgramBuilder::new("sums");
    let column = |i| Column {
        name: format!("x{i}"),
        range: Interval::symmetric(5.0),
    };
    let input = Input {
        name: "x".into(),
        owner: Party::Client(0),
        length: ROWS,
        columns: (0..COLUMNS).map(column).collect(),
        precision: 1e-7,
    };
    let (_, x) = b.input(input).unwrap();
    let terms = x.iter().enumerate();
    let terms = terms.map(|(i, v)| (*v, Public::Scalar(0.83 - 0.39 * i as f64)));
    let values = vec![b.weighted_sum(terms.collect(), -0.7).unwrap()];
    let (name, precision) = ("sum".into(), 5e-7);
    b.output(Output {
        name,
        values,
        precision,
    })
    .unwrap();
    b.finish().unwrap()
}

/// What this thread has had of a processor, as Linux counts it.
fn spent() -> Duration {
    let counts = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap();
    let nanoseconds = counts.split(' ').next().unwrap();
    Duration::from_nanos(nanoseconds.parse().unwrap())
}

fn timed<T>(step: impl FnOnce() -> T) -> (T, Duration) {
    let start = spent();
    let result = black_box(step());
    (result, spent().saturating_sub(start))
}

fn main() {
    let rounds = std::env::args()
        .nth(1)
        .map(|rounds| rounds.parse().unwrap());
    rayon::ThreadPoolBuilder::new()
        .num_threads(1)
        .use_current_thread()
        .build_global()
        .unwrap();
    let program = program();
    let options = Options::with_defaults(&Paillier.manifest().options, []);
    let security = SecurityDemand::new(128, false);
    let lowered = Paillier.lower(&program, &options, security).unwrap();
    let circuit = Paillier
        .compile(CompileRequest {
            lowered: &lowered,
            options: &options,
            security,
            threads: 1,
            objective: hexperiment_program::layout::Objective::default(),
        })
        .unwrap();
    let keys = Parties::of(circuit.as_ref()).unwrap();
    let table = Array2::from_shape_fn((ROWS, COLUMNS), |(i, j)| ((i * 7 + j) % 11) as f64 / 4.0);
    let (input, output) = (InputId::from_index(0), OutputId::from_index(0));
    let mut ratios: [Vec<f64>; 3] = Default::default();
    println!("encrypt, evaluate, decrypt: the calls, the role");
    for _ in 0..rounds.unwrap_or(5) {
        let costs = circuit.costs(&mut TimedNow::default()).unwrap().unwrap();
        let (sealed, encrypt) = timed(|| keys.encryptor.encrypt(input, table.view()).unwrap());
        let sealed = [circuit.load(&sealed.to_bytes().unwrap()).unwrap()];
        let (mut results, evaluate) = timed(|| keys.evaluator.evaluate(&sealed).unwrap());
        let result = results.remove(0);
        let (_, decrypt) = timed(|| keys.decryptor.decrypt(output, &result).unwrap());
        let calls = [costs.encrypt[0], costs.evaluate, costs.decrypt[0]].map(|work| work.total);
        let roles = [encrypt, evaluate, decrypt];
        for ((calls, role), ratios) in calls.iter().zip(&roles).zip(&mut ratios) {
            ratios.push(role.as_secs_f64() / calls.as_secs_f64());
        }
        println!("{calls:.1?} {roles:.1?}");
    }
    let medians = ratios.map(|mut all| {
        all.sort_unstable_by(f64::total_cmp);
        all[all.len() / 2]
    });
    println!("medians: {medians:.3?} of the calls");
}
