//! What the server's role takes beside tfhe-rs' own calls, on one thread and in its own time, in turns: as many key
//! switches and bootstraps, one after the other, as a circuit of comparisons has, and its evaluation.
//!
//! `tfhe_overhead [rounds]`: 16 rows of four columns, each compared with a threshold.
#![expect(clippy::unwrap_used, reason = "an example ends by panicking")]

use std::hint::black_box;
use std::time::Duration;

use hexperiment_program::{
    Column, Input, InputId, Interval, Output, Party, Program, ProgramBuilder,
};
use hexperiment_scheme::options::Options;
use hexperiment_scheme::security::SecurityDemand;
use hexperiment_scheme::{Circuit, CompileRequest, Parties, Scheme, TimedNow};
use ndarray::Array2;
use scheme_tfhe::Tfhe;
use tfhe::core_crypto::prelude::*;
use tfhe::core_crypto::seeders::new_seeder;
use tfhe::shortint::parameters::ClassicPBSParameters;
use tfhe::shortint::parameters::v1_6::{
    V1_6_PARAM_MESSAGE_2_CARRY_2_KS_PBS_TUNIFORM_2M40 as M40,
    V1_6_PARAM_MESSAGE_2_CARRY_2_KS_PBS_TUNIFORM_2M64 as M64,
};
use tfhe::shortint::parameters::v1_8::V1_8_PARAM_MESSAGE_2_CARRY_2_KS_PBS_TUNIFORM_2M128 as M128;

const ROWS: usize = 16;
const COLUMNS: usize = 4;

fn program() -> Program {
    let mut b = ProgramBuilder::new("thresholds");
    let column = |i| Column {
        name: format!("x{i}"),
        range: Interval::new(0.0, 7.0),
    };
    let input = Input {
        name: "x".into(),
        owner: Party::Client(0),
        length: ROWS,
        columns: (0..COLUMNS).map(column).collect(),
        precision: 0.25,
    };
    let (_, x) = b.input(input).unwrap();
    let above = x.iter().map(|x| {
        let moved = b.offset(*x, -3.5).unwrap();
        b.step(moved).unwrap()
    });
    let values = above.collect();
    let (name, precision) = ("above".into(), 0.25);
    b.output(Output {
        name,
        values,
        precision,
    })
    .unwrap();
    b.finish().unwrap()
}

/// One bootstrap by the library's own calls, on keys of its own.
struct Library {
    key_switching: LweKeyswitchKeyOwned<u64>,
    bootstrapping: FourierLweBootstrapKeyOwned,
    argument: LweCiphertextOwned<u64>,
    table: GlweCiphertextOwned<u64>,
    small: LweCiphertextOwned<u64>,
    result: LweCiphertextOwned<u64>,
}

impl Library {
    fn new(p: &ClassicPBSParameters) -> Self {
        let mut seeder = new_seeder();
        let mut secret = SecretRandomGenerator::<DefaultRandomGenerator>::new(seeder.seed());
        let seed = seeder.seed();
        let mut noise =
            EncryptionRandomGenerator::<DefaultRandomGenerator>::new(seed, seeder.as_mut());
        let modulus = p.ciphertext_modulus;
        let ring: GlweSecretKeyOwned<u64> = allocate_and_generate_new_binary_glwe_secret_key(
            p.glwe_dimension,
            p.polynomial_size,
            &mut secret,
        );
        let small: LweSecretKeyOwned<u64> =
            allocate_and_generate_new_binary_lwe_secret_key(p.lwe_dimension, &mut secret);
        let standard: LweBootstrapKeyOwned<u64> = par_allocate_and_generate_new_lwe_bootstrap_key(
            &small,
            &ring,
            p.pbs_base_log,
            p.pbs_level,
            p.glwe_noise_distribution,
            modulus,
            &mut noise,
        );
        let mut bootstrapping = FourierLweBootstrapKey::new(
            p.lwe_dimension,
            p.glwe_dimension.to_glwe_size(),
            p.polynomial_size,
            p.pbs_base_log,
            p.pbs_level,
        );
        convert_standard_lwe_bootstrap_key_to_fourier(&standard, &mut bootstrapping);
        let big = ring.into_lwe_secret_key();
        let key_switching = allocate_and_generate_new_lwe_keyswitch_key(
            &big,
            &small,
            p.ks_base_log,
            p.ks_level,
            p.lwe_noise_distribution,
            modulus,
            &mut noise,
        );
        let argument = allocate_and_encrypt_new_lwe_ciphertext(
            &big,
            Plaintext(1 << 60),
            p.glwe_noise_distribution,
            modulus,
            &mut noise,
        );
        Self {
            key_switching,
            bootstrapping,
            argument,
            table: GlweCiphertext::new(
                1 << 60,
                p.glwe_dimension.to_glwe_size(),
                p.polynomial_size,
                modulus,
            ),
            small: LweCiphertext::new(0, p.lwe_dimension.to_lwe_size(), modulus),
            result: LweCiphertext::new(0, big.lwe_dimension().to_lwe_size(), modulus),
        }
    }

    fn bootstrap(&mut self) {
        keyswitch_lwe_ciphertext(&self.key_switching, &self.argument, &mut self.small);
        programmable_bootstrap_lwe_ciphertext(
            &self.small,
            &mut self.result,
            &self.table,
            &self.bootstrapping,
        );
        black_box(&self.result);
    }
}

/// What this thread has had of a processor, as Linux counts it.
fn spent() -> Duration {
    let counts = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap();
    let nanoseconds = counts.split(' ').next().unwrap();
    Duration::from_nanos(nanoseconds.parse().unwrap())
}

fn timed(step: impl FnOnce()) -> Duration {
    let start = spent();
    step();
    spent().saturating_sub(start)
}

/// The set that a circuit has.
fn parameters(circuit: &dyn Circuit) -> &'static ClassicPBSParameters {
    let chosen = &circuit.parameters().chosen;
    let set = chosen.iter().find(|(name, _)| name == "parameter set");
    let (_, set) = set.unwrap();
    let sets = [("2M128", &M128), ("2M64", &M64), ("2M40", &M40)];
    let found = sets.into_iter().find(|(end, _)| set.ends_with(end));
    found.unwrap().1
}

fn median(mut all: Vec<f64>) -> f64 {
    all.sort_unstable_by(f64::total_cmp);
    all[all.len() / 2]
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
    let options = Options::with_defaults(&Tfhe.manifest().options, []);
    let mut security = SecurityDemand::new(128, false);
    security.failure_log2 = -40;
    let lowered = Tfhe.lower(&program, &options, security).unwrap();
    let circuit = Tfhe
        .compile(CompileRequest {
            lowered: &lowered,
            options: &options,
            security,
            threads: 1,
            objective: hexperiment_program::layout::Objective::default(),
        })
        .unwrap();
    let bootstraps = circuit.parameters().counts.bootstraps;
    let keys = Parties::of(circuit.as_ref()).unwrap();
    let table = Array2::from_shape_fn((ROWS, COLUMNS), |(i, j)| ((i * 7 + j) % 8) as f64);
    let sealed = keys.encryptor.encrypt(InputId::from_index(0), table.view());
    let sealed = [circuit.load(&sealed.unwrap().to_bytes().unwrap()).unwrap()];
    let mut library = Library::new(parameters(circuit.as_ref()));
    let (mut by_calls, mut by_library) = (vec![], vec![]);
    println!("{bootstraps} bootstraps: our calls, tfhe-rs' calls, the role's evaluation");
    for _ in 0..rounds.unwrap_or(5) {
        let costs = circuit.costs(&mut TimedNow::default()).unwrap().unwrap();
        let calls = costs.evaluate.total;
        let theirs = timed(|| (0..bootstraps).for_each(|_| library.bootstrap()));
        let ours = timed(|| drop(black_box(keys.evaluator.evaluate(&sealed).unwrap())));
        println!("{calls:.1?} {theirs:.1?} {ours:.1?}");
        by_calls.push(ours.as_secs_f64() / calls.as_secs_f64());
        by_library.push(ours.as_secs_f64() / theirs.as_secs_f64());
    }
    println!(
        "medians: {:.3} of our calls alone, {:.3} of tfhe-rs' calls",
        median(by_calls),
        median(by_library)
    );
}
