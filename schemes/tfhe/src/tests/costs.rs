//! What maxima of whole numbers cost, printed: `cargo test --release -- --ignored costs`, here with
//! `--features library-integers` for the comparison with the library's own.

use std::time::Instant;

use ndarray::Array2;

use super::{check, program};
use crate::packing::Packing;
use crate::parameters::{N, SETS, SIZE};
use crate::rotation::{Argument, MOST_TOGETHER};

/// Bytes that differ from element to element.
fn pixels(length: usize, columns: usize) -> Array2<f64> {
    Array2::from_shape_fn((length, columns), |(i, j)| {
        ((i * 7919 + j * 104_729 + i * j * 31) % 256) as f64
    })
}

#[test]
#[ignore = "takes a minute and prints costs"]
fn costs_of_pooling_an_image() {
    let inputs = pixels(196, 4);
    let program = program(196, &[(0.0, 255.0); 4], 0.5, |b, x| {
        let (left, right) = (b.max(x[0], x[1]).unwrap(), b.max(x[2], x[3]).unwrap());
        vec![b.max(left, right).unwrap()]
    });
    let start = Instant::now();
    let (circuit, error) = check(&program, 20, &inputs);
    assert_eq!(error, 0.0);
    println!(
        "{} bootstraps in {:.1} s, keys included; {:?}",
        circuit.parameters().counts.bootstraps,
        start.elapsed().as_secs_f64(),
        circuit.parameters().chosen,
    );
}

/// Processor time of this thread; Linux only.
fn processor_ms() -> f64 {
    let told = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap();
    told.split(' ').next().unwrap().parse::<f64>().unwrap() / 1e6
}

/// Bootstraps one after the other, and as many as share what they read of the keys, in turn.
#[test]
#[ignore = "takes half a minute and prints costs"]
fn costs_of_bootstraps_together() {
    for set in &SETS {
        let (secret, key) = crate::keys::pair(set);
        let column = Packing::Each.encrypt(&secret, vec![1 << 60; MOST_TOGETHER]);
        let words = Packing::Each.expand(&column);
        let cells = vec![1_u64 << 58; N];
        let arguments = || -> Vec<Argument<'_>> {
            let words = words.chunks_exact(SIZE);
            let arguments = words.map(|words| Argument {
                ciphertext: words.to_vec(),
                cells: &cells,
            });
            arguments.collect()
        };
        let mut took = [f64::INFINITY; 2];
        for _ in 0..5 {
            let start = processor_ms();
            for argument in arguments() {
                std::hint::black_box(key.rotate(&[argument]));
            }
            let alone = processor_ms();
            std::hint::black_box(key.rotate(&arguments()));
            let together = processor_ms();
            took[0] = took[0].min(alone - start);
            took[1] = took[1].min(together - alone);
        }
        let [alone, together] = took.map(|all| all / MOST_TOGETHER as f64);
        println!(
            "{}: {alone:.1} ms alone, {together:.1} ms of {MOST_TOGETHER}",
            set.name
        );
    }
}

/// The same maxima of bytes by this crate and by the library's own integers, in turn.
#[cfg(feature = "library-integers")]
#[test]
#[ignore = "takes a minute and prints costs"]
fn costs_of_maxima_beside_the_library() {
    use hexperiment_program::InputId;
    use hexperiment_scheme::Parties;
    use tfhe::prelude::{FheDecrypt, FheEncrypt, FheMax};
    use tfhe::{ClientKey, ConfigBuilder, FheUint8, generate_keys, set_server_key};

    use super::compile;
    use crate::parameters::PARAMETERS;

    let length = 16;
    let inputs = pixels(length, 2);
    let program = program(length, &[(0.0, 255.0); 2], 0.5, |b, x| {
        vec![b.max(x[0], x[1]).unwrap()]
    });
    let circuit = compile(&program, 20);
    let keys = Parties::of(circuit.as_ref()).unwrap();
    let input = InputId::from_index(0);
    let sealed = keys.encryptor.encrypt(input, inputs.view()).unwrap();

    let config = ConfigBuilder::with_custom_parameters(PARAMETERS).build();
    let (client, server): (ClientKey, _) = generate_keys(config);
    let encrypted = |x: f64| FheUint8::encrypt(x as u8, &client);
    let theirs: Vec<[FheUint8; 2]> = inputs
        .rows()
        .into_iter()
        .map(|row| [encrypted(row[0]), encrypted(row[1])])
        .collect();
    set_server_key(server);
    for _ in 0..3 {
        let start = Instant::now();
        keys.evaluator
            .evaluate(std::slice::from_ref(&sealed))
            .unwrap();
        let ours = start.elapsed().as_secs_f64() / length as f64;
        let start = Instant::now();
        let maxima: Vec<FheUint8> = theirs.iter().map(|[a, b]| a.max(b)).collect();
        let library = start.elapsed().as_secs_f64() / length as f64;
        for (max, row) in maxima.iter().zip(inputs.rows()) {
            let found: u8 = max.decrypt(&client);
            assert_eq!(f64::from(found), row[0].max(row[1]));
        }
        println!(
            "{:.0} ms each here, {:.0} ms by the library",
            1e3 * ours,
            1e3 * library
        );
    }
}
