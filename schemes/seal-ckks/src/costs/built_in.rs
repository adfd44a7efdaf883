//! What operations take on a machine of two processors at 2.6 GHz without HEXL, about: for choices to which
//! two parties must come alike, so that no clock may decide.
//!
//! Counted in number-theoretic transforms, which take most of the time, and in passes over all numbers.
//! Held against what was measured: a product with a plaintext and its rescaling at N = 8192 with 4 primes
//! 0.49 ms, a rotation 1.57 ms, a product of ciphertexts with both 2.19 ms, an encryption 2.7 ms.

use std::time::Duration;

use super::operations::Kind;

/// Nanoseconds of a butterfly of a transform.
const BUTTERFLY: f64 = 1.0;
/// Of one of SEAL's Fourier transform in double precision.
const COMPLEX_BUTTERFLY: f64 = 2.5;
/// Of one of ours, which is of half the length.
const OWN_BUTTERFLY: f64 = 1.0;
/// Of a product and a sum of residues.
const PRODUCT: f64 = 1.5;
/// Of a residue that is packed, or read by the library's functions one at a time.
const PACKED: f64 = 6.0;
/// Of a coefficient of noise that is drawn.
const NOISE: f64 = 60.0;
/// Of a residue that is expanded from a seed.
const UNIFORM: f64 = 10.0;

/// The time of an operation on ciphertexts of so many primes.
pub(super) fn time(kind: Kind, degree: usize, primes: usize, coefficients: bool) -> Duration {
    let (n, m) = (degree as f64, primes as f64);
    let butterflies = 0.5 * n * n.log2();
    let transforms = |count: f64| count * butterflies * BUTTERFLY;
    let passes = |count: f64, each: f64| count * n * each;
    // SEAL's transform, and ours before or behind it.
    let own = if coefficients {
        0.25 * n * (n.log2() - 1.0) * OWN_BUTTERFLY
    } else {
        0.0
    };
    let complex = butterflies * COMPLEX_BUTTERFLY + own;
    // Digits taken out, each to all primes, and the key-switching prime dropped again.
    let switching = transforms(m + m * m + 2.0 * (m + 1.0)) + passes(2.0 * m * (m + 1.0), PRODUCT);
    let key = passes(m * (m + 1.0), UNIFORM) + passes(m, NOISE) + transforms(m * (m + 1.0));
    let nanoseconds = match kind {
        Kind::Add | Kind::Negate | Kind::Drop => passes(2.0 * m, 0.5),
        Kind::AddPlain | Kind::EncodeScalar => passes(m, 0.5),
        Kind::Encode => complex + transforms(m) + passes(m, PRODUCT),
        Kind::Decode => complex + transforms(m) + passes(m * m, 5.0),
        Kind::Decrypt => passes(m, PRODUCT),
        Kind::Encrypt => passes(3.0, NOISE) + transforms(5.0 * (m + 1.0)),
        Kind::EncryptSeeded => passes(1.0, NOISE) + passes(m, UNIFORM) + transforms(m),
        Kind::Multiply | Kind::Square => passes(4.0 * m, PRODUCT),
        Kind::MultiplyPlain => passes(2.0 * m, PRODUCT),
        Kind::Rescale => transforms(2.0 * m) + passes(2.0 * m, PRODUCT),
        Kind::Relinearize | Kind::Rotate => switching,
        Kind::Send => passes(4.0 * m, PACKED),
        Kind::SendSeeded => passes(2.0 * m, PACKED) + passes(m, UNIFORM),
        Kind::SecretKey => passes(1.0, NOISE) + transforms(m + 1.0),
        Kind::PublicKey => passes(m + 1.0, UNIFORM) + passes(1.0, NOISE) + transforms(m + 1.0),
        Kind::ReadPublicKey => passes(m + 1.0, UNIFORM + PACKED),
        Kind::SwitchingKey => key,
        Kind::ReadSwitchingKey => passes(m * (m + 1.0), UNIFORM + PACKED),
    };
    Duration::from_nanos(nanoseconds as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Milliseconds, within a factor of two.
    #[test]
    fn times_are_about_those_that_were_measured() {
        // Codings are of coefficients, and take the same with HEXL, which the other times are without.
        let all = |kinds: &[Kind], log_n: u32, primes| -> f64 {
            let times = kinds.iter().map(|kind| {
                let coefficients = matches!(kinds, [Kind::Encode | Kind::Decode]);
                time(*kind, 1 << log_n, primes, coefficients)
            });
            times.sum::<Duration>().as_secs_f64() * 1e3
        };
        for (kinds, log_n, primes, measured) in [
            (vec![Kind::MultiplyPlain, Kind::Rescale], 13, 4, 0.49),
            (vec![Kind::Rotate], 13, 4, 1.57),
            (
                vec![Kind::Multiply, Kind::Relinearize, Kind::Rescale],
                13,
                4,
                2.19,
            ),
            (vec![Kind::Encode, Kind::Encrypt], 13, 4, 2.7),
            (vec![Kind::Encode], 12, 2, 0.104),
            (vec![Kind::Decode], 12, 1, 0.078),
            (vec![Kind::Rotate], 14, 9, 15.7),
            (vec![Kind::MultiplyPlain, Kind::Rescale], 14, 9, 3.3),
            (vec![Kind::Rotate], 15, 19, 171.0),
        ] {
            let found = all(&kinds, log_n, primes);
            let ratio = found / measured;
            assert!(
                (0.5..2.0).contains(&ratio),
                "{kinds:?}: {found} ms, {measured}"
            );
        }
    }
}
