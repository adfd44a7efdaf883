//! What the maximum of four vectors costs under CKKS, and how good it is: time, memory, error,
//! for one list of degrees after the other (`auto` without arguments).
//!
//! `max_cost [length=N] [threads=N[,N...]] [rounds=N] [layout=NAME] [operations] [degrees ...]`, such as
//! `max_cost threads=1,2 rounds=5 7,7,7 7,15,15`.
//!
//! Of several numbers of threads each evaluates in turn, in each of the rounds, under the same keys; medians are
//! told, of wall time, of processor time, and of how much faster each is than the first. With `operations` each
//! operation of the library is timed, too, which takes a minute or two: how many threads have work to do at a time, of
//! products that wait for each other.
#![expect(clippy::unwrap_used, reason = "an example ends by panicking")]

use std::time::Instant;

use hexperiment_program::{
    Column, Input, InputId, Interval, Output, OutputId, Party, Program, ProgramBuilder,
};
use hexperiment_scheme::options::{OptionValue, Options};
use hexperiment_scheme::security::SecurityDemand;
use hexperiment_scheme::{Ciphertexts, CompileRequest, Parties, Scheme, TimedNow};
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

/// What the command line asks for.
struct Asked {
    length: usize,
    /// Evaluations are timed on each of these numbers of threads.
    threads: Vec<usize>,
    rounds: usize,
    layout: String,
    operations: bool,
    degrees: Vec<String>,
}

impl Asked {
    fn read(given: impl Iterator<Item = String>) -> Self {
        let mut asked = Self {
            length: LENGTH,
            threads: vec![2],
            rounds: 1,
            layout: "auto".into(),
            operations: false,
            degrees: vec![],
        };
        for word in given {
            match word.split_once('=') {
                Some(("length", n)) => asked.length = n.parse().unwrap(),
                Some(("threads", list)) => {
                    asked.threads = list.split(',').map(|n| n.parse().unwrap()).collect();
                }
                Some(("rounds", n)) => asked.rounds = n.parse().unwrap(),
                Some(("layout", name)) => asked.layout = name.into(),
                _ if word == "operations" => asked.operations = true,
                _ => asked.degrees.push(word),
            }
        }
        if asked.degrees.is_empty() {
            asked.degrees.push("auto".into());
        }
        asked
    }

    fn most_threads(&self) -> usize {
        self.threads.iter().copied().max().unwrap_or(1)
    }
}

fn median(mut all: Vec<f64>) -> f64 {
    all.sort_by(f64::total_cmp);
    all[all.len() / 2]
}

/// The results of an evaluation, and what it takes on each number of threads, in turn.
fn evaluated(parties: &Parties, sealed: &Ciphertexts, asked: &Asked) -> Vec<Ciphertexts> {
    // The pool of the most is rayon's own, as in a cell.
    let pools: Vec<_> = asked
        .threads
        .iter()
        .map(|n| {
            let pool = || rayon::ThreadPoolBuilder::new().num_threads(*n).build();
            (*n < asked.most_threads()).then(|| pool().unwrap())
        })
        .collect();
    let (mut walls, mut processors) = (vec![vec![]; pools.len()], vec![vec![]; pools.len()]);
    let mut results = None;
    for _ in 0..asked.rounds {
        for (place, pool) in pools.iter().enumerate() {
            let watch = Stopwatch::start();
            let evaluate = || parties.evaluator.evaluate(std::slice::from_ref(sealed));
            let found = match pool {
                Some(pool) => pool.install(evaluate),
                None => evaluate(),
            };
            let time = watch.elapsed();
            walls[place].push(time.wall_ns as f64 / 1e6);
            processors[place].push(time.cpu_ns as f64 / 1e6);
            results = Some(found.unwrap());
        }
    }
    for (place, n) in asked.threads.iter().enumerate() {
        let pairs = walls[0].iter().zip(&walls[place]);
        let faster = median(pairs.map(|(first, this)| first / this).collect());
        let busy = walls[place].iter().zip(&processors[place]);
        let busy = median(busy.map(|(wall, cpu)| cpu / wall).collect());
        let (wall, cpu) = (
            median(walls[place].clone()),
            median(processors[place].clone()),
        );
        let each = wall / asked.length as f64;
        println!(
            "  threads={n}: {wall:.0} ms, {cpu:.0} ms of processors ({busy:.2} of them busy), {each:.4} ms per element; \
             {faster:.2} times as fast as threads={}",
            asked.threads[0]
        );
    }
    results.unwrap()
}

fn run(degrees: &str, asked: &Asked) {
    let (length, threads) = (asked.length, asked.most_threads());
    let given = [
        ("max_degrees".to_owned(), OptionValue::Text(degrees.into())),
        ("layout".to_owned(), OptionValue::Text(asked.layout.clone())),
    ];
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
    let results = evaluated(&keys, &sealed, asked);
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
    println!("  keys {generated:.1?}, encryption {encrypted:.1?}");
    for candidate in &parameters.layouts {
        println!("  {candidate}");
    }
    if !asked.operations {
        return;
    }
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
    let asked = Asked::read(std::env::args().skip(1));
    rayon::ThreadPoolBuilder::new()
        .num_threads(asked.most_threads())
        .build_global()
        .unwrap();
    for list in &asked.degrees {
        run(list, &asked);
    }
}
