//! What the maximum of four vectors costs under CKKS, and how good it is: time, memory, error,
//! for one list of degrees after the other (`auto` without arguments); and how many threads have work to do at a
//! time, of products that wait for each other.
//!
//! `max_cost [length=N] [threads=N] [degrees ...]`, such as `max_cost threads=1 7,7,7 7,15,15`.
#![expect(clippy::unwrap_used, reason = "an example ends by panicking")]

use std::time::Instant;

use hexperiment_program::{
    Column, Input, InputId, Interval, Output, OutputId, Party, Program, ProgramBuilder,
};
use hexperiment_scheme::options::{OptionValue, Options};
use hexperiment_scheme::security::SecurityDemand;
use hexperiment_scheme::{CompileRequest, Parties, Scheme, TimedNow};
use hexperiment_task::clock::Stopwatch;
use ndarray::Array2;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use scheme_seal_ckks::SealCkks;

/// Elements of each vector, where nothing is said.
const LENGTH: usize = 16_384;
const SECURITY: SecurityDemand = SecurityDemand::new(128, false);

fn program(length: usize) -> Program {
    let mut b = ProgramBuilder::new("maximum of four");
    let grey = |i| Column {
        name: format!("x{i}"),
        range: Interval::new(0.0, 255.0),
    };
    let input = Input {
        name: "x".into(),
        owner: Party::Client(0),
        length,
        columns: (0..4).map(grey).collect(),
        precision: 0.5,
    };
    let (_, x) = b.input(input).unwrap();
    let (left, right) = (b.max(x[0], x[1]).unwrap(), b.max(x[2], x[3]).unwrap());
    let values = vec![b.max(left, right).unwrap()];
    let (name, precision) = ("max".into(), 0.5);
    b.output(Output {
        name,
        values,
        precision,
    })
    .unwrap();
    b.finish().unwrap()
}

/// Grey levels, a third of them anywhere and the rest near their neighbours, as in images.
fn table(length: usize) -> Array2<f64> {
    let mut random = ChaCha8Rng::seed_from_u64(17);
    let mut table = Array2::zeros((length, 4));
    for (i, mut row) in table.rows_mut().into_iter().enumerate() {
        let base = random.random_range(0..256_i32);
        for x in &mut row {
            let near = base + random.random_range(-8..=8_i32);
            let any = random.random_range(0..256_i32);
            *x = f64::from(if i % 3 == 0 { any } else { near }.clamp(0, 255));
        }
    }
    table
}

/// Prints the resident memory and its peak so far, in MiB, as Linux tells them.
fn memory(after: &str) {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mib = |key: &str| {
        let line = status.lines().find_map(|l| l.strip_prefix(key));
        let kib = line.and_then(|l| l.split_whitespace().next()?.parse::<u64>().ok());
        kib.map_or("unknown".into(), |k| (k / 1024).to_string())
    };
    let (now, peak) = (mib("VmRSS:"), mib("VmHWM:"));
    println!("  memory after {after}: {now} MiB, at most {peak}");
}

fn run(degrees: &str, length: usize, threads: usize) {
    let given = [("max_degrees".to_owned(), OptionValue::Text(degrees.into()))];
    let options = Options::with_defaults(&SealCkks.manifest().options, given);
    let program = program(length);
    let start = Instant::now();
    let compiled = SealCkks
        .lower(&program, &options, SECURITY)
        .and_then(|lowered| {
            let circuit = SealCkks.compile(CompileRequest {
                lowered: &lowered,
                options: &options,
                security: SECURITY,
                threads,
                objective: hexperiment_program::layout::Objective::default(),
            })?;
            Ok((lowered, circuit))
        });
    let (lowered, circuit) = match compiled {
        Ok(compiled) => compiled,
        Err(refusal) => return println!("{degrees}: {refusal}"),
    };
    println!("{degrees}: {}", lowered.notes().join("; "));
    let parameters = circuit.parameters();
    println!(
        "  depth {}, {} products, tolerance {:.2e}, compiled in {:.1?}\n  {:?}",
        parameters.depth,
        parameters.counts.multiplications,
        parameters.noise_tolerance[0],
        start.elapsed(),
        parameters.chosen,
    );
    memory("compiling");
    let table = table(length);
    let start = Instant::now();
    let keys = Parties::of(circuit.as_ref()).unwrap();
    let generated = start.elapsed();
    memory("key generation");
    let start = Instant::now();
    let sealed = keys
        .encryptor
        .encrypt(InputId::from_index(0), table.view())
        .unwrap();
    let encrypted = start.elapsed();
    memory("encryption");
    let watch = Stopwatch::start();
    let results = keys.evaluator.evaluate(&[sealed]).unwrap();
    let evaluated = watch.elapsed();
    memory("evaluation");
    let got = keys
        .decryptor
        .decrypt(OutputId::from_index(0), &results[0])
        .unwrap();
    drop(results);
    memory("decryption");
    let simulated = &circuit.simulate(std::slice::from_ref(&table)).unwrap()[0];
    let exact = &program.interpret(&[table]).unwrap()[0];
    let worst = |a: &Array2<f64>, b: &Array2<f64>| {
        let off = a.iter().zip(b).map(|(x, y)| (x - y).abs());
        off.fold(0.0, f64::max)
    };
    let below = |by: f64| {
        got.iter()
            .zip(exact)
            .filter(|(g, e)| **g < **e - by)
            .count()
    };
    let rounded = got.iter().zip(exact);
    let equal = rounded.filter(|(g, e)| g.round() == **e).count();
    println!(
        "  off by {:.3} (noise {:.2e}); {:.2} % exact once rounded; {} below the maximum by more than 1, {} by \
         more than 0.5",
        worst(&got, exact),
        worst(&got, simulated),
        100.0 * equal as f64 / length as f64,
        below(1.0),
        below(0.5),
    );
    let each = |ns: u64| ns as f64 / 1e6 / length as f64;
    println!(
        "  keys {generated:.1?}, encryption {encrypted:.1?}; evaluation: {:.3} ms per element, {:.3} ms of processor \
         time",
        each(evaluated.wall_ns),
        each(evaluated.cpu_ns),
    );
    let work = circuit.costs(&mut TimedNow::default()).unwrap().unwrap();
    let work = work.evaluate;
    println!(
        "  {:.2} threads have work at a time: {:.1?} of operations, of which {:.1?} wait for each other; on {threads} it \
         takes {:.1?} at least",
        work.total.as_secs_f64() / work.serial.as_secs_f64(),
        work.total,
        work.serial,
        work.wall(threads),
    );
}

fn main() {
    let (mut length, mut threads) = (LENGTH, 2);
    let mut degrees = vec![];
    for given in std::env::args().skip(1) {
        match given.split_once('=') {
            Some(("length", n)) => length = n.parse().unwrap(),
            Some(("threads", n)) => threads = n.parse().unwrap(),
            _ => degrees.push(given),
        }
    }
    rayon::ThreadPoolBuilder::new()
        .num_threads(threads)
        .build_global()
        .unwrap();
    if degrees.is_empty() {
        degrees.push("auto".into());
    }
    for list in degrees {
        run(&list, length, threads);
    }
}
