//! How the elements of a column lie in ciphertexts.
//!
//! What is bootstrapped are LWE ciphertexts, one for each element, each with a mask of its own. A program
//! that only sums columns, with the same factors for every element, needs none of that: its columns are
//! encrypted as the coefficients of ring ciphertexts under the same key (the one that the bootstrapping key
//! is of, and whose coefficients are the LWE key), and so are its sums. [`N`] results share one mask then,
//! without a key for packing them.

use rayon::prelude::*;
use tfhe::core_crypto::commons::math::random::Seed;
use tfhe::core_crypto::prelude::{
    GlweCiphertext, GlweCiphertextCount, GlweDimension, GlweSecretKey, LweCiphertext,
    LweCiphertextCount, LweSize, PlaintextCount, PlaintextList, PolynomialSize,
    SeededGlweCiphertextList, SeededLweCiphertextList, decrypt_glwe_ciphertext,
    decrypt_lwe_ciphertext, encrypt_seeded_glwe_ciphertext_list,
    encrypt_seeded_lwe_ciphertext_list,
};
use tfhe::core_crypto::seeders::new_seeder;

use crate::keys::SecretKey;
use crate::parameters::{N, PARAMETERS, SIZE, modulus};
use crate::wire::Seeded;

/// How the elements of a column lie in ciphertexts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Packing {
    /// An LWE ciphertext for each element: its mask, then its body.
    Each,
    /// A ring ciphertext for each [`N`] elements: the coefficients of its mask, then those of its body, of
    /// which the last ciphertext has only as many as there are elements.
    Polynomials,
}

/// Words of a ring ciphertext.
const RING: usize = 2 * N;

impl Packing {
    /// The ciphertexts of so many elements.
    pub(crate) fn ciphertexts(self, length: usize) -> usize {
        match self {
            Self::Each => length,
            Self::Polynomials => length.div_ceil(N),
        }
    }

    /// The words of so many elements, masks included.
    pub(crate) fn words(self, length: usize) -> usize {
        match self {
            Self::Each => length * SIZE,
            Self::Polynomials => length.div_ceil(N) * N + length,
        }
    }

    /// The place of an element's body.
    pub(crate) fn body(self, element: usize) -> usize {
        match self {
            Self::Each => element * SIZE + SIZE - 1,
            Self::Polynomials => element / N * RING + N + element % N,
        }
    }

    /// Encrypts the phases of a column, which are sent as their bodies.
    pub(crate) fn encrypt(self, secret: &SecretKey, mut phases: Vec<u64>) -> Seeded {
        let mut seeder = new_seeder();
        let seed = seeder.seed();
        let public = seed.0;
        let length = phases.len();
        let noise = PARAMETERS.glwe_noise_distribution;
        let bodies = match self {
            Self::Each => {
                let mut list = SeededLweCiphertextList::new(
                    0u64,
                    LweSize(SIZE),
                    LweCiphertextCount(length),
                    seed.into(),
                    modulus(),
                );
                let phases = PlaintextList::from_container(phases);
                let secret = secret.get();
                encrypt_seeded_lwe_ciphertext_list(
                    secret,
                    &mut list,
                    &phases,
                    noise,
                    seeder.as_mut(),
                );
                list.into_container()
            }
            Self::Polynomials => {
                let count = self.ciphertexts(length);
                phases.resize(count * N, 0);
                let mut list = SeededGlweCiphertextList::new(
                    0u64,
                    GlweDimension(1).to_glwe_size(),
                    PolynomialSize(N),
                    GlweCiphertextCount(count),
                    seed.into(),
                    modulus(),
                );
                let phases = PlaintextList::from_container(phases);
                let secret = ring(secret);
                encrypt_seeded_glwe_ciphertext_list(
                    &secret,
                    &mut list,
                    &phases,
                    noise,
                    seeder.as_mut(),
                );
                let mut bodies = list.into_container();
                bodies.truncate(length);
                bodies
            }
        };
        Seeded {
            seed: public,
            bodies,
        }
    }

    /// A column with its masks.
    pub(crate) fn expand(self, column: &Seeded) -> Vec<u64> {
        let mut bodies = column.bodies.clone();
        let seed = Seed(column.seed).into();
        match self {
            Self::Each => {
                let list =
                    SeededLweCiphertextList::from_container(bodies, LweSize(SIZE), seed, modulus());
                list.par_decompress_into_lwe_ciphertext_list()
                    .into_container()
            }
            Self::Polynomials => {
                let length = bodies.len();
                bodies.resize(self.ciphertexts(length) * N, 0);
                let list = SeededGlweCiphertextList::from_container(
                    bodies,
                    GlweDimension(1).to_glwe_size(),
                    PolynomialSize(N),
                    seed,
                    modulus(),
                );
                let mut words = list.decompress_into_glwe_ciphertext_list().into_container();
                words.truncate(self.words(length));
                words
            }
        }
    }

    /// The phases of a column.
    pub(crate) fn decrypt(self, secret: &SecretKey, words: &[u64]) -> Vec<u64> {
        match self {
            Self::Each => words
                .par_chunks_exact(SIZE)
                .map(|words| {
                    let ciphertext = LweCiphertext::from_container(words, modulus());
                    decrypt_lwe_ciphertext(secret.get(), &ciphertext).0
                })
                .collect(),
            Self::Polynomials => {
                let secret = ring(secret);
                let phases: Vec<Vec<u64>> = words
                    .par_chunks(RING)
                    .map(|words| {
                        // Of coefficients that were not sent, the phases mean nothing.
                        let mut whole = words.to_vec();
                        whole.resize(RING, 0);
                        let ciphertext =
                            GlweCiphertext::from_container(whole, PolynomialSize(N), modulus());
                        let mut phases = PlaintextList::new(0u64, PlaintextCount(N));
                        decrypt_glwe_ciphertext(&secret, &ciphertext, &mut phases);
                        let mut phases = phases.into_container();
                        phases.truncate(words.len().saturating_sub(N));
                        phases
                    })
                    .collect();
                phases.concat()
            }
        }
    }
}

/// The ring's secret key, whose coefficients the key is.
fn ring(secret: &SecretKey) -> GlweSecretKey<&[u64]> {
    GlweSecretKey::from_container(secret.get().as_ref(), PolynomialSize(N))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keys::generate;
    use crate::parameters::SETS;

    /// Encrypted, expanded and decrypted, alone and as a sum; the last ciphertext is not full.
    #[test]
    fn columns_come_back() {
        let secret = generate(&SETS[0], false).secret;
        let near = |found: &[u64], expected: &[u64]| {
            assert_eq!(found.len(), expected.len());
            let all = found.iter().zip(expected);
            all.for_each(|(found, expected)| {
                let noise = found.wrapping_sub(*expected).cast_signed();
                assert!(noise.unsigned_abs() < 1 << 24, "{noise}");
            });
        };
        for packing in [Packing::Each, Packing::Polynomials] {
            for length in [1, 2, 334, N, N + 1, 2 * N + 7] {
                let phases = |factor: u64| {
                    let phases = 0..length as u64;
                    phases.map(|i| (factor * i) << 48).collect::<Vec<_>>()
                };
                let columns = [3, 5].map(|factor| packing.encrypt(&secret, phases(factor)));
                let [first, second] = columns.each_ref().map(|column| {
                    assert_eq!(column.bodies.len(), length);
                    packing.expand(column)
                });
                assert_eq!(first.len(), packing.words(length));
                near(&packing.decrypt(&secret, &first), &phases(3));
                let mut sum = first;
                crate::evaluate::add(&mut sum, 2, &second);
                sum[packing.body(length - 1)] = sum[packing.body(length - 1)].wrapping_add(1 << 60);
                let mut expected = phases(13);
                expected[length - 1] = expected[length - 1].wrapping_add(1 << 60);
                near(&packing.decrypt(&secret, &sum), &expected);
            }
        }
    }

    /// Neither masks nor bodies of equal columns are alike.
    #[test]
    fn polynomials_are_randomised() {
        let secret = generate(&SETS[0], false).secret;
        let columns = [(); 2].map(|()| Packing::Polynomials.encrypt(&secret, vec![1 << 60; 2 * N]));
        assert_ne!(columns[0].seed, columns[1].seed);
        let [first, second] = columns.each_ref().map(|c| Packing::Polynomials.expand(c));
        let equal = first.iter().zip(&second).filter(|(a, b)| a == b);
        assert_eq!(equal.count(), 0);
        // Two ciphertexts of one column have masks of their own.
        let equal = first[..RING].iter().zip(&first[RING..]);
        assert_eq!(equal.filter(|(a, b)| a == b).count(), 0);
    }
}
