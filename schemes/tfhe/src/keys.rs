//! Keys, and one bootstrap.

use std::cell::RefCell;

use tfhe::core_crypto::prelude::{
    CiphertextModulus, ComputationBuffers, DefaultRandomGenerator, Fft, FourierLweBootstrapKey,
    FourierLweBootstrapKeyOwned, GlweCiphertext, LweCiphertext, LweKeyswitchKeyOwned,
    LweSecretKeyOwned, MonomialDegree, PolynomialSize, SecretRandomGenerator,
    allocate_and_generate_new_binary_glwe_secret_key,
    allocate_and_generate_new_binary_lwe_secret_key,
    allocate_and_generate_new_seeded_lwe_keyswitch_key, blind_rotate_assign_mem_optimized,
    blind_rotate_assign_mem_optimized_requirement, extract_lwe_sample_from_glwe_ciphertext,
    keyswitch_lwe_ciphertext, lwe_ciphertext_centered_binary_modulus_switch,
    par_allocate_and_generate_new_seeded_lwe_bootstrap_key,
    par_convert_standard_lwe_bootstrap_key_to_fourier,
};
use tfhe::core_crypto::seeders::new_seeder;

use crate::parameters::{N, PARAMETERS, SIZE, SWITCHED_LOG};
use crate::table::HALF_CELL;

/// Ciphertexts' modulus: 2^64.
pub(crate) fn modulus() -> CiphertextModulus<u64> {
    CiphertextModulus::new_native()
}

/// A secret key, wiped when it is dropped: tfhe-rs does not.
pub(crate) struct SecretKey(LweSecretKeyOwned<u64>);

impl SecretKey {
    /// For the library.
    pub(crate) fn get(&self) -> &LweSecretKeyOwned<u64> {
        &self.0
    }
}

impl Drop for SecretKey {
    fn drop(&mut self) {
        self.0.as_mut().fill(0);
        // Keeps the fill from being optimised away.
        std::hint::black_box(&self.0);
    }
}

/// What a server needs to bootstrap.
pub(crate) struct ServerKey {
    key_switching: LweKeyswitchKeyOwned<u64>,
    bootstrapping: FourierLweBootstrapKeyOwned,
    fft: Fft,
}

thread_local! {
    static BUFFERS: RefCell<ComputationBuffers> = RefCell::new(ComputationBuffers::new());
}

/// Fresh keys: the secret key, and the server's with the bytes of its seeded form, if asked for.
pub(crate) fn generate(with_server: bool) -> (SecretKey, Option<(ServerKey, u64)>) {
    let p = PARAMETERS;
    // From the processor's or the operating system's entropy.
    let mut seeder = new_seeder();
    let mut secrets = SecretRandomGenerator::<DefaultRandomGenerator>::new(seeder.seed());
    let ring: tfhe::core_crypto::prelude::GlweSecretKeyOwned<u64> =
        allocate_and_generate_new_binary_glwe_secret_key(
            p.glwe_dimension,
            p.polynomial_size,
            &mut secrets,
        );
    if !with_server {
        return (SecretKey(ring.into_lwe_secret_key()), None);
    }
    let small = SecretKey(allocate_and_generate_new_binary_lwe_secret_key(
        p.lwe_dimension,
        &mut secrets,
    ));
    let bootstrapping = par_allocate_and_generate_new_seeded_lwe_bootstrap_key(
        small.get(),
        &ring,
        p.pbs_base_log,
        p.pbs_level,
        p.glwe_noise_distribution,
        modulus(),
        seeder.as_mut(),
    );
    let big = SecretKey(ring.into_lwe_secret_key());
    let key_switching = allocate_and_generate_new_seeded_lwe_keyswitch_key(
        big.get(),
        small.get(),
        p.ks_base_log,
        p.ks_level,
        p.lwe_noise_distribution,
        modulus(),
        seeder.as_mut(),
    );
    let words = bootstrapping.as_ref().len() + key_switching.as_ref().len();
    // 64-bit words, and the two seeds of 128 bits.
    let bytes = 8 * words as u64 + 32;
    let standard = bootstrapping.par_decompress_into_lwe_bootstrap_key();
    let mut fourier = FourierLweBootstrapKey::new(
        p.lwe_dimension,
        p.glwe_dimension.to_glwe_size(),
        p.polynomial_size,
        p.pbs_base_log,
        p.pbs_level,
    );
    par_convert_standard_lwe_bootstrap_key_to_fourier(&standard, &mut fourier);
    let server = ServerKey {
        key_switching: key_switching.par_decompress_into_lwe_keyswitch_key(),
        bootstrapping: fourier,
        fft: Fft::new(PolynomialSize(N)),
    };
    (big, Some((server, bytes)))
}

impl ServerKey {
    /// One programmable bootstrap: key switch, modulus switch, blind rotation, extraction
    /// (Chillotti et al., *TFHE*, J. Cryptology 2020, algorithm 9, the key switch first). Reads
    /// the cell nearest to the phase.
    /// `ciphertext` and the result have [`SIZE`] words; `cells` are the table's [`N`] entries.
    pub(crate) fn bootstrap(&self, ciphertext: &[u64], cells: &[u64]) -> Vec<u64> {
        self.rotate(ciphertext, cells).read(0)
    }

    /// A bootstrap without its extraction.
    pub(crate) fn rotate(&self, ciphertext: &[u64], cells: &[u64]) -> Rotated {
        let ciphertext = LweCiphertext::from_container(ciphertext, modulus());
        let lwe_size = PARAMETERS.lwe_dimension.to_lwe_size();
        let mut small = LweCiphertext::new(0u64, lwe_size, modulus());
        keyswitch_lwe_ciphertext(&self.key_switching, &ciphertext, &mut small);
        // The library takes half a cell off, which suits its own tables.
        let body = small.get_mut_body().data;
        *body = body.wrapping_add(HALF_CELL);
        let switched =
            lwe_ciphertext_centered_binary_modulus_switch::<u64, usize, _>(small, SWITCHED_LOG);
        let mut accumulator = vec![0u64; 2 * N];
        accumulator[N..].copy_from_slice(cells);
        let mut accumulator =
            GlweCiphertext::from_container(accumulator, PolynomialSize(N), modulus());
        let fft = self.fft.as_view();
        BUFFERS.with_borrow_mut(|buffers| {
            let requirement = blind_rotate_assign_mem_optimized_requirement::<u64>(
                accumulator.glwe_size(),
                accumulator.polynomial_size(),
                fft,
            );
            buffers.resize(requirement.unaligned_bytes_required());
            blind_rotate_assign_mem_optimized(
                &switched,
                &mut accumulator,
                &self.bootstrapping,
                fft,
                buffers.stack(),
            );
        });
        Rotated(accumulator)
    }
}

/// A table, rotated by a phase: coefficient `i` is the entry `i` cells after the phase's.
pub(crate) struct Rotated(GlweCiphertext<Vec<u64>>);

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
