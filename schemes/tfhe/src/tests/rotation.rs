//! Bootstraps that go together: what each is alone, and what the library makes of it.

use tfhe::core_crypto::prelude::{
    GlweCiphertext, LweCiphertext, PolynomialSize, blind_rotate_assign, keyswitch_lwe_ciphertext,
};

use crate::packing::Packing;
use crate::parameters::{N, SETS, SIZE, modulus};
use crate::rotation::{Argument, MOST_TOGETHER, RING, Rotated, Switched};

/// As many as share what they read, and one more, are what each is alone, to the bit.
#[test]
fn together_as_alone() {
    let set = &SETS[2];
    let (secret, key) = crate::keys::pair(set);
    let count = MOST_TOGETHER + 1;
    let phases = (0..count as u64).map(|i| i << 58).collect();
    let words = Packing::Each.expand(&Packing::Each.encrypt(&secret, phases));
    let cells: Vec<Vec<u64>> = (0..count as u64)
        .map(|i| (0..N as u64).map(|x| (x * (i + 1)) << 40).collect())
        .collect();
    let arguments: Vec<Argument<'_>> = words
        .chunks_exact(SIZE)
        .zip(&cells)
        .map(|(words, cells)| Argument {
            ciphertext: words.to_vec(),
            cells,
        })
        .collect();
    let together = key.rotate(&arguments);
    assert_eq!(together.len(), count);
    for (argument, together) in arguments.iter().zip(&together) {
        let alone = key.bootstrap(&argument.ciphertext, argument.cells);
        assert_eq!(together.read(0), alone);
    }
}

/// Key switch and blind rotation are the library's own.
#[test]
fn the_librarys_own_does_the_same() {
    let set = &SETS[0];
    let (secret, key) = crate::keys::pair(set);
    let words = Packing::Each.expand(&Packing::Each.encrypt(&secret, vec![1 << 60]));
    let cells: Vec<u64> = (0..N as u64).map(|x| x << 50).collect();
    let argument = Argument {
        ciphertext: words.clone(),
        cells: &cells,
    };
    let ours = key.key_switched(&[argument]).remove(0);
    let input = LweCiphertext::from_container(words.as_slice(), modulus());
    let mut small = LweCiphertext::new(0u64, ours.lwe_size(), modulus());
    keyswitch_lwe_ciphertext(&key.key_switching, &input, &mut small);
    assert_eq!(ours, small);
    let mut accumulator = vec![0u64; RING];
    accumulator[N..].copy_from_slice(&cells);
    let mut theirs = GlweCiphertext::from_container(accumulator, PolynomialSize(N), modulus());
    let switched = Switched::new(ours);
    blind_rotate_assign(&switched, &mut theirs, &key.bootstrapping);
    assert_eq!(
        Rotated(theirs).read(3),
        key.rotate(&[Argument {
            ciphertext: words,
            cells: &cells
        }])[0]
            .read(3)
    );
}
