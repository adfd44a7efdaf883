//! What the server is given: the modulus.

use std::collections::HashSet;

use hexperiment_program::Program;
use hexperiment_scheme::options::{OptionValue, Options};
use hexperiment_scheme::{
    Circuit as _, CompileRequest, EvaluationKeys, KeyPart, KeyRole, SchemeError,
};
use rug::Integer;
use rug::integer::Order;

use super::{INSECURE, lowered, score, small};
use crate::Paillier;
use crate::circuit::PaillierCircuit;
use crate::primes::Primes;

/// Bytes in a row by which a secret number would be known; half of that by chance is unheard of.
const WINDOW: usize = 8;

#[test]
fn no_secret_is_sent() {
    for backend in ["gmp", "paillier-rs"] {
        let options = small(&[("backend", OptionValue::Text(backend.into()))]);
        let circuit = compiled(&score(5, 2, 1e-6), &options);
        let primes = Primes::generate(circuit.shared.modulus_bits).unwrap();
        let keys = circuit.keys_of(&primes).unwrap();
        let sizes = keys.evaluation.sizes();
        let modulus_bytes = u64::from(circuit.shared.modulus_bits / 8);
        assert_eq!(
            (sizes.public, sizes.total()),
            (Some(modulus_bytes), modulus_bytes)
        );
        let sent: HashSet<&[u8]> = keys.evaluation.parts()[0].bytes().windows(WINDOW).collect();
        let (p1, q1) = (Integer::from(&primes.p - 1), Integer::from(&primes.q - 1));
        let lambda = Integer::from(&p1 * &q1);
        for secret in [&primes.p, &primes.q, &p1, &q1, &lambda] {
            // The upper half of lambda is that of the modulus: p + q - 1 is half as long.
            let digits = secret.to_digits::<u8>(Order::Lsf);
            let secret = &digits[..digits.len().min(modulus_bytes as usize / 2)];
            assert!(secret.windows(WINDOW).all(|w| !sent.contains(w)));
        }
        // The search finds what is there.
        let modulus = primes.modulus().to_digits::<u8>(Order::Lsf);
        assert!(modulus.windows(WINDOW).all(|w| sent.contains(w)));
    }
}

fn compiled(program: &Program, options: &Options) -> PaillierCircuit {
    let lowered = lowered(program, options).unwrap();
    let request = CompileRequest {
        lowered: &lowered,
        options,
        security: INSECURE,
        threads: 2,
        objective: hexperiment_program::layout::Objective::default(),
    };
    Paillier.circuit(request).unwrap()
}

#[test]
fn a_modulus_of_another_size_is_refused() {
    let circuit = compiled(&score(5, 2, 1e-6), &small(&[]));
    let length = circuit.shared.modulus_bits as usize / 8;
    let refused = |bytes: Vec<u8>, expect: &str| {
        let part = KeyPart::new(KeyRole::Public, bytes);
        match circuit.prepare(EvaluationKeys::new(circuit.digest, vec![part])) {
            Err(SchemeError::ForeignKeys(why)) => assert!(why.contains(expect), "{why}"),
            Err(other) => panic!("{other}"),
            Ok(_) => panic!("taken for a key"),
        }
    };
    refused(vec![0xFF; length - 1], "expected 64 of a public key");
    refused(vec![0xFF; length + 1], "expected 64 of a public key");
    refused(vec![0; length], "an even number of 0 bits");
    let mut short = vec![0xFF; length];
    short[length - 1] = 0x7F;
    refused(
        short,
        "an odd number of 511 bits, expected an odd one of 512",
    );
    let mut even = vec![0xFF; length];
    even[0] = 0xFE;
    refused(even, "an even number of 512 bits");
}
