//! Our backend and paillier-rs under one key: each reads what the other made.

use rug::Integer;

use crate::backend::{Combining, Decrypting, Encrypting, Squared};
use crate::key::{PublicKey, SecretKey};
use crate::primes::Primes;
use crate::{random, reference};

#[test]
fn each_backend_reads_the_other() {
    let primes = Primes::generate(512).unwrap();
    let n = primes.modulus();
    let ours = PublicKey::new(&n).unwrap().encryptor();
    let theirs = reference::Public::new(&n);
    let encryptors: [&dyn Encrypting; 2] = [&ours, &theirs];
    let squared = Squared::new(n.clone());
    let combiners: [&dyn Combining; 2] = [&squared, &theirs];
    let (our_secret, their_secret) = (
        SecretKey::new(&primes).unwrap(),
        reference::Secret::new(&primes).unwrap(),
    );
    let decryptors: [&dyn Decrypting; 2] = [&our_secret, &their_secret];

    let largest = Integer::from(&n >> 1_u32);
    let messages = [
        Integer::new(),
        Integer::from(1),
        Integer::from(-1),
        largest.clone(),
        -largest,
        random::bits(500).unwrap(),
    ];
    for encryptor in encryptors {
        for message in &messages {
            let c = encryptor.encrypt(message).unwrap();
            assert_ne!(c, encryptor.encrypt(message).unwrap(), "randomness");
            for decryptor in decryptors {
                assert_eq!(decryptor.decrypt(&c).unwrap(), *message);
            }
        }
        let (a, b) = (Integer::from(1234), Integer::from(-77));
        let (ca, cb) = (
            encryptor.encrypt(&a).unwrap(),
            encryptor.encrypt(&b).unwrap(),
        );
        for (j, k, bias) in [
            (3, -5, 7),
            (-1, -1, -9),
            (0, 2, 0),
            (0, 0, 4),
            (0, 0, 0),
            (1, 0, 0),
        ] {
            let (j, k, bias) = (Integer::from(j), Integer::from(k), Integer::from(bias));
            let expect = Integer::from(&a * &j) + Integer::from(&b * &k) + &bias;
            for combiner in combiners {
                let c = combiner.combine(&[(&ca, &j), (&cb, &k)], &bias).unwrap();
                for decryptor in decryptors {
                    assert_eq!(decryptor.decrypt(&c).unwrap(), expect);
                }
            }
        }
    }
}

#[test]
fn numbers_that_are_no_ciphertexts_are_errors() {
    let primes = Primes::generate(512).unwrap();
    let n = primes.modulus();
    let secret = SecretKey::new(&primes).unwrap();
    let square = n.clone().square();
    for bad in [
        Integer::new(),
        Integer::from(-1),
        square,
        n,
        primes.p.clone(),
    ] {
        assert!(secret.decrypt(&bad).is_err());
    }
}
