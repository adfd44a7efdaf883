//! Keys: made, sent as seeds and bodies, and expanded.

use hexperiment_scheme::zeroize::Zeroizing;
use hexperiment_scheme::{KeyPart, KeyReader, KeyRole, SchemeError};
use tfhe::core_crypto::commons::math::random::{CompressionSeed, Seed};
use tfhe::core_crypto::prelude::{
    CiphertextModulus, DefaultRandomGenerator, Fft, FourierLweBootstrapKey, LweSecretKeyOwned,
    PolynomialSize, SecretRandomGenerator, SeededLweBootstrapKey, SeededLweKeyswitchKey,
    allocate_and_generate_new_binary_glwe_secret_key,
    allocate_and_generate_new_binary_lwe_secret_key, generate_seeded_lwe_keyswitch_key,
    par_convert_standard_lwe_bootstrap_key_to_fourier, par_generate_seeded_lwe_bootstrap_key,
};
use tfhe::core_crypto::seeders::new_seeder;

use crate::parameters::{N, ParameterSet};
use crate::rotation::ServerKey;

/// Ciphertexts' modulus: 2^64.
pub(crate) fn modulus() -> CiphertextModulus<u64> {
    CiphertextModulus::new_native()
}

/// A secret key, wiped when it is dropped: tfhe-rs does not.
pub(crate) struct SecretKey(LweSecretKeyOwned<u64>);

impl SecretKey {
    /// Bytes of the binary key under which clients encrypt and decrypt, a bit for a bit.
    pub(crate) const BYTES: usize = N / 8;

    /// The bits, packed from the lowest on.
    pub(crate) fn bits(&self) -> Zeroizing<Vec<u8>> {
        let octets = self.0.as_ref().chunks(8);
        let octet = |bits: &[u64]| {
            bits.iter()
                .rev()
                .fold(0, |byte, bit| byte << 1 | *bit as u8)
        };
        Zeroizing::new(octets.map(octet).collect())
    }

    /// The key of these bits; whatever they are, they are one.
    pub(crate) fn of_bits(bits: &[u8]) -> Self {
        let of_byte = |byte: &u8| {
            let byte = *byte;
            (0..8).map(move |place| u64::from(byte >> place & 1))
        };
        let words = bits.iter().flat_map(of_byte).collect();
        Self(LweSecretKeyOwned::from_container(words))
    }

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

/// What a client makes: its secret key, and the server's seeded one, as bytes.
pub(crate) struct Generated {
    pub(crate) secret: SecretKey,
    /// The bootstrapping key and the key-switching key; none where there is nothing to bootstrap.
    pub(crate) server: Vec<KeyPart>,
    /// The dimension between key switch and bootstrap has a secret of its own.
    #[cfg(test)]
    pub(crate) small: Option<SecretKey>,
}

/// Fresh keys, the server's if they are asked for.
pub(crate) fn generate(set: &ParameterSet, with_server: bool) -> Generated {
    let p = &set.parameters;
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
        return Generated {
            secret: SecretKey(ring.into_lwe_secret_key()),
            server: vec![],
            #[cfg(test)]
            small: None,
        };
    }
    let small = SecretKey(allocate_and_generate_new_binary_lwe_secret_key(
        p.lwe_dimension,
        &mut secrets,
    ));
    let seed = seeder.seed();
    let public = seed.0;
    let mut bootstrapping = SeededLweBootstrapKey::new(
        0u64,
        p.glwe_dimension.to_glwe_size(),
        p.polynomial_size,
        p.pbs_base_log,
        p.pbs_level,
        p.lwe_dimension,
        seed.into(),
        modulus(),
    );
    par_generate_seeded_lwe_bootstrap_key(
        small.get(),
        &ring,
        &mut bootstrapping,
        p.glwe_noise_distribution,
        seeder.as_mut(),
    );
    let bootstrapping = part(public, bootstrapping.as_ref());
    let big = SecretKey(ring.into_lwe_secret_key());
    let seed = seeder.seed();
    let public = seed.0;
    let mut key_switching = SeededLweKeyswitchKey::new(
        0u64,
        p.ks_base_log,
        p.ks_level,
        big.get().lwe_dimension(),
        p.lwe_dimension,
        seed.into(),
        modulus(),
    );
    generate_seeded_lwe_keyswitch_key(
        big.get(),
        small.get(),
        &mut key_switching,
        p.lwe_noise_distribution,
        seeder.as_mut(),
    );
    let key_switching = part(public, key_switching.as_ref());
    Generated {
        secret: big,
        server: vec![bootstrapping, key_switching],
        #[cfg(test)]
        small: Some(small),
    }
}

/// Bytes of a seed.
const SEED: usize = 16;

/// Words of the seeded bootstrapping key and of the key-switching key: of each row of a GGSW ciphertext,
/// and of each of a key-switching key's, the body alone.
fn words(set: &ParameterSet) -> [usize; 2] {
    let p = &set.parameters;
    let rows = p.lwe_dimension.0 * p.pbs_level.0 * p.glwe_dimension.to_glwe_size().0;
    [rows * N, N * p.ks_level.0]
}

/// Bytes of the server's keys.
pub(crate) fn server_bytes(set: &ParameterSet) -> u64 {
    words(set)
        .iter()
        .map(|words| (SEED + 8 * words) as u64)
        .sum()
}

/// The masks' public seed, and a seeded key's words, little-endian.
fn part(seed: u128, words: &[u64]) -> KeyPart {
    let mut bytes = Vec::with_capacity(SEED + 8 * words.len());
    bytes.extend(seed.to_le_bytes());
    bytes.extend(words.iter().flat_map(|word| word.to_le_bytes()));
    KeyPart::new(KeyRole::Bootstrapping, bytes)
}

/// The seed and the words of the next part, which must hold `count` of these.
fn seeded(keys: &mut KeyReader, count: usize) -> Result<(CompressionSeed, Vec<u64>), SchemeError> {
    let part = keys.next(KeyRole::Bootstrapping, SEED + 8 * count)?;
    let (seed, words) = part.bytes().split_at(SEED);
    let seed = seed
        .iter()
        .rev()
        .fold(0, |seed, byte| seed << 8 | u128::from(*byte));
    let words = words.as_chunks::<8>().0;
    let words = words.iter().map(|word| u64::from_le_bytes(*word)).collect();
    Ok((Seed(seed).into(), words))
}

/// What a server needs to bootstrap, as it was sent: seeds, and bodies without masks.
pub(crate) struct SeededServerKey {
    set: &'static ParameterSet,
    bootstrapping: (CompressionSeed, Vec<u64>),
    key_switching: (CompressionSeed, Vec<u64>),
}

impl SeededServerKey {
    /// Reads what [`generate`] made. Nothing is expanded until all parts are known to be of the right form.
    pub(crate) fn read(
        set: &'static ParameterSet,
        keys: &mut KeyReader,
    ) -> Result<Self, SchemeError> {
        let [bootstrapping, key_switching] = words(set);
        Ok(Self {
            set,
            bootstrapping: seeded(keys, bootstrapping)?,
            key_switching: seeded(keys, key_switching)?,
        })
    }

    /// Expands the masks, and transforms the bootstrapping key.
    pub(crate) fn expand(self) -> ServerKey {
        let p = &self.set.parameters;
        let glwe_size = p.glwe_dimension.to_glwe_size();
        let (seed, words) = self.bootstrapping;
        let bootstrapping = SeededLweBootstrapKey::from_container(
            words,
            glwe_size,
            p.polynomial_size,
            p.pbs_base_log,
            p.pbs_level,
            seed,
            modulus(),
        );
        let standard = bootstrapping.par_decompress_into_lwe_bootstrap_key();
        let mut fourier = FourierLweBootstrapKey::new(
            p.lwe_dimension,
            glwe_size,
            p.polynomial_size,
            p.pbs_base_log,
            p.pbs_level,
        );
        par_convert_standard_lwe_bootstrap_key_to_fourier(&standard, &mut fourier);
        drop(standard);
        let (seed, words) = self.key_switching;
        let key_switching = SeededLweKeyswitchKey::from_container(
            words,
            p.ks_base_log,
            p.ks_level,
            p.lwe_dimension.to_lwe_size(),
            seed,
            modulus(),
        );
        ServerKey {
            key_switching: key_switching.par_decompress_into_lwe_keyswitch_key(),
            bootstrapping: fourier,
            fft: Fft::new(PolynomialSize(N)),
        }
    }
}

/// A client's and a server's key.
#[cfg(test)]
pub(crate) fn pair(set: &'static ParameterSet) -> (SecretKey, ServerKey) {
    let Generated { secret, server, .. } = generate(set, true);
    let digest = hexperiment_scheme::CircuitDigest::from_bytes([0; 32]);
    let keys = hexperiment_scheme::EvaluationKeys::new(digest, server);
    let mut keys = keys.read_for(digest).unwrap();
    (
        secret,
        SeededServerKey::read(set, &mut keys).unwrap().expand(),
    )
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;
    use crate::parameters::SETS;

    /// Bits of a binary key from the lowest place of a word on, and from the highest.
    fn packed(bits: &[u64]) -> [u64; 2] {
        let low_first = bits.iter().rev().fold(0, |word, bit| word << 1 | bit);
        [low_first, low_first.reverse_bits()]
    }

    /// The bits of either secret lie nowhere in what the server is given: not a word to a bit, as
    /// the library keeps them, nor packed, from whatever bit on.
    #[test]
    fn no_secret_is_sent() {
        let keys = generate(&SETS[0], true);
        let words = |key: &SecretKey| key.get().as_ref().to_vec();
        let secrets = [words(&keys.secret), words(keys.small.as_ref().unwrap())];
        assert_eq!(
            secrets.each_ref().map(Vec::len),
            [N, SETS[0].parameters.lwe_dimension.0]
        );
        let mut known = HashSet::new();
        for secret in &secrets {
            assert!(secret.iter().all(|bit| *bit < 2));
            known.extend(secret.windows(64).flat_map(packed));
        }
        let shows = |bytes: &[u8]| {
            // Two words of a binary key, whatever they are, hold 14 bytes that are 0.
            let plain = bytes
                .windows(16)
                .any(|w| w.iter().filter(|b| **b > 1).count() == 0);
            let packed = bytes.windows(8).any(|w| {
                let word = w.iter().rev().fold(0, |word, b| word << 8 | u64::from(*b));
                known.contains(&word)
            });
            (plain, packed)
        };
        for part in &keys.server {
            assert_eq!(shows(part.bytes()), (false, false));
        }
        // The search finds what is there.
        let plain: Vec<u8> = secrets[0].iter().flat_map(|w| w.to_le_bytes()).collect();
        assert!(shows(&plain).0);
        let bits = &secrets[1][3..];
        let packed: Vec<u8> = bits.chunks_exact(8).map(|b| packed(b)[0] as u8).collect();
        assert!(shows(&packed).1);
    }
}
