//! Blind rotations, several at a time.
//!
//! Each of the server's two keys takes some 60 MB, of which a bootstrap reads every word once. One bootstrap
//! after the other waits for memory; those that are at hand together share what is read: each part of a key
//! serves all of them while it lies in the processor's cache.

use std::cell::RefCell;

use tfhe::core_crypto::algorithms::slice_algorithms::slice_wrapping_sub_scalar_mul_assign;
use tfhe::core_crypto::prelude::{
    CiphertextModulusLog, ContiguousEntityContainer, Fft, FourierLweBootstrapKeyOwned,
    GlweCiphertext, LweCiphertext, LweCiphertextOwned, LweDimension, LweKeyswitchKeyOwned,
    ModulusSwitchedLweCiphertext, MonomialDegree, PolynomialSize, SignedDecomposer,
    extract_lwe_sample_from_glwe_ciphertext, lwe_ciphertext_centered_binary_modulus_switch,
};

use crate::blind::{Scratch, zeros};
use crate::parameters::{N, SIZE, SWITCHED_LOG, modulus};
use crate::table::HALF_CELL;

/// Blind rotations that share what they read of the keys: their accumulators, 64 KB each with what is rotated
/// of them, and the part of the key, 64 KB too, lie in a cache of one megabyte.
pub(crate) const MOST_TOGETHER: usize = 8;

/// Words of a ring ciphertext.
pub(crate) const RING: usize = 2 * N;

/// What a server needs to bootstrap.
pub(crate) struct ServerKey {
    pub(crate) key_switching: LweKeyswitchKeyOwned<u64>,
    pub(crate) bootstrapping: FourierLweBootstrapKeyOwned,
    pub(crate) fft: Fft,
}

thread_local! {
    static SCRATCH: RefCell<Scratch> = RefCell::new(Scratch::new());
}

/// What is rotated, and by what.
pub(crate) struct Argument<'a> {
    /// A ciphertext of [`SIZE`] words.
    pub(crate) ciphertext: Vec<u64>,
    /// The [`N`] entries of the table.
    pub(crate) cells: &'a [u64],
}

impl ServerKey {
    /// One programmable bootstrap. Reads the cell nearest to the phase.
    pub(crate) fn bootstrap(&self, ciphertext: &[u64], cells: &[u64]) -> Vec<u64> {
        let argument = Argument {
            ciphertext: ciphertext.to_vec(),
            cells,
        };
        let rotated = self.rotate(&[argument]);
        rotated.iter().flat_map(|rotated| rotated.read(0)).collect()
    }

    /// Programmable bootstraps without their extraction: key switch, modulus switch, blind rotation
    /// (Chillotti et al., *TFHE*, J. Cryptology 2020, algorithm 9, the key switch first).
    pub(crate) fn rotate(&self, arguments: &[Argument<'_>]) -> Vec<Rotated> {
        let groups = arguments.chunks(MOST_TOGETHER);
        groups
            .flat_map(|group| self.rotate_together(group))
            .collect()
    }

    fn rotate_together(&self, arguments: &[Argument<'_>]) -> Vec<Rotated> {
        let switched: Vec<Switched> = self
            .key_switched(arguments)
            .into_iter()
            .map(Switched::new)
            .collect();
        let mut accumulators = zeros(RING * arguments.len());
        for (words, argument) in accumulators.chunks_exact_mut(RING).zip(arguments) {
            words[N..].copy_from_slice(argument.cells);
        }
        SCRATCH.with_borrow_mut(|scratch| {
            scratch.rotate(
                &self.bootstrapping,
                &mut accumulators,
                &switched,
                self.fft.as_view(),
            );
        });
        let rotated = accumulators.chunks_exact(RING);
        let rotated = rotated.map(|words| {
            let words = words.to_vec();
            Rotated(GlweCiphertext::from_container(
                words,
                PolynomialSize(N),
                modulus(),
            ))
        });
        rotated.collect()
    }

    /// The arguments under the small key: the library's `keyswitch_lwe_ciphertext` with its loop over the
    /// key outside that over ciphertexts.
    pub(crate) fn key_switched(&self, arguments: &[Argument<'_>]) -> Vec<LweCiphertextOwned<u64>> {
        let key = &self.key_switching;
        let size = key.output_key_lwe_dimension().to_lwe_size();
        let decomposer = SignedDecomposer::new(
            key.decomposition_base_log(),
            key.decomposition_level_count(),
        );
        let mut results: Vec<_> = arguments
            .iter()
            .map(|argument| {
                let mut result = LweCiphertext::new(0u64, size, modulus());
                *result.get_mut_body().data = argument.ciphertext[SIZE - 1];
                result
            })
            .collect();
        for (index, levels) in key.iter().enumerate() {
            for (result, argument) in results.iter_mut().zip(arguments) {
                let digits = decomposer.decompose(argument.ciphertext[index]);
                for (level, digit) in levels.iter().zip(digits) {
                    slice_wrapping_sub_scalar_mul_assign(
                        result.as_mut(),
                        level.as_ref(),
                        digit.value(),
                    );
                }
            }
        }
        results
    }
}

/// A ciphertext whose words are places of a circle of `2 N`.
pub(crate) struct Switched {
    mask: Vec<usize>,
    body: usize,
}

impl Switched {
    /// Centred: the mean of what rounding the mask does is taken off the body.
    pub(crate) fn new(mut ciphertext: LweCiphertextOwned<u64>) -> Self {
        // The library takes half a cell off, which suits its own tables.
        let body = ciphertext.get_mut_body().data;
        *body = body.wrapping_add(HALF_CELL);
        let switched = lwe_ciphertext_centered_binary_modulus_switch::<u64, usize, _>(
            ciphertext,
            SWITCHED_LOG,
        );
        Self {
            mask: switched.mask().collect(),
            body: switched.body(),
        }
    }
}

impl Switched {
    /// A place of the mask.
    pub(crate) fn at(&self, index: usize) -> usize {
        self.mask[index]
    }
}

impl ModulusSwitchedLweCiphertext<usize> for Switched {
    fn log_modulus(&self) -> CiphertextModulusLog {
        SWITCHED_LOG
    }

    fn lwe_dimension(&self) -> LweDimension {
        LweDimension(self.mask.len())
    }

    fn body(&self) -> usize {
        self.body
    }

    fn mask(&self) -> impl ExactSizeIterator<Item = usize> + '_ {
        self.mask.iter().copied()
    }
}

/// A table, rotated by a phase: coefficient `i` is the entry `i` cells after the phase's.
pub(crate) struct Rotated(pub(crate) GlweCiphertext<Vec<u64>>);

impl Rotated {
    /// The entry so many cells after the phase's: [`SIZE`] words.
    pub(crate) fn read(&self, cells: usize) -> Vec<u64> {
        let (degree, negative) = (cells % N, cells / N % 2 == 1);
        let mut result = vec![0u64; SIZE];
        let mut out = LweCiphertext::from_container(result.as_mut_slice(), modulus());
        extract_lwe_sample_from_glwe_ciphertext(&self.0, &mut out, MonomialDegree(degree));
        if negative {
            for word in &mut result {
                *word = word.wrapping_neg();
            }
        }
        result
    }
}
