//! Noise flooding: noise that a result gets when it is decrypted, so that whoever is told the result learns
//! next to nothing of the noise that encryption and evaluation left in it, and so of the secret key
//! (IND-CPA-D: Li and Micciancio, EUROCRYPT 2021).
//!
//! Gaussian noise of a standard deviation of `sqrt(12 q) 2^(s/2)` times the norm of the error hides that
//! error with `s` bits of statistical security over `q` decryptions (Li, Micciancio, Schultz and Sorrell,
//! *Securing approximate homomorphic encryption using differential privacy*, CRYPTO 2022, ePrint 2022/816).
//! Their norm is taken here over the elements that are told, `sqrt(n)` times what each of them may be off
//! by; that is the tolerance of results, an estimate with a wide margin (see [`crate::noise`]), and not a
//! bound that is proven.

use hexperiment_program::Program;
use hexperiment_scheme::SchemeError;
use hexperiment_scheme::options::Options;
use ndarray::Array2;
use rand::{Rng, SeedableRng as _};
use rand_chacha::ChaCha20Rng;

/// How well errors are hidden.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Flooding {
    /// Bits of statistical security.
    pub(crate) bits: u32,
    /// Decryptions under one key.
    pub(crate) decryptions: u32,
}

impl Flooding {
    /// As the options ask; `None` where they do not.
    pub(crate) fn read(options: &Options) -> Result<Option<Self>, SchemeError> {
        let bits = options.integer("noise_flooding_bits")? as u32;
        let decryptions = options.integer("noise_flooding_decryptions")? as u32;
        Ok((bits > 0).then_some(Self { bits, decryptions }))
    }

    /// The standard deviation of each output's noise, in units of what an element may be off by without.
    pub(crate) fn factors(self, program: &Program) -> Vec<f64> {
        let elements = program.outputs().iter().map(|output| {
            let lengths = output.values.iter().map(|v| program.value(*v).length());
            lengths.sum::<usize>() as f64
        });
        let strength = (f64::from(self.bits) / 2.0).exp2();
        elements
            .map(|n| (12.0 * f64::from(self.decryptions) * n).sqrt() * strength)
            .collect()
    }
}

/// Adds noise of this standard deviation to every number, from randomness of the operating system.
pub(crate) fn flood(table: &mut Array2<f64>, deviation: f64) -> Result<(), SchemeError> {
    let generator = ChaCha20Rng::try_from_os_rng();
    let mut generator = generator.map_err(|e| SchemeError::Library {
        library: "SEAL",
        operation: "noise flooding".into(),
        message: format!("the operating system gives no randomness: {e}"),
    })?;
    for x in table {
        *x += deviation * normal(&mut generator);
    }
    Ok(())
}

/// A standard normal number (Box and Muller 1958), none beyond 8.6: within the deviations that
/// tolerances allow.
fn normal(generator: &mut impl Rng) -> f64 {
    // Between 0, excluded, and 1: the logarithm is finite.
    let u = 1.0 - generator.random::<f64>();
    let angle = std::f64::consts::TAU * generator.random::<f64>();
    (-2.0 * u.ln()).sqrt() * angle.cos()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn noise_has_its_deviation_and_is_new_each_time() {
        let draw = || {
            let mut table = Array2::from_elem((100, 100), 2.0);
            flood(&mut table, 0.5).unwrap();
            table
        };
        let (a, b) = (draw(), draw());
        assert_ne!(a[[0, 0]], b[[0, 0]]);
        let n = a.len() as f64;
        let mean = a.sum() / n;
        let variance = a.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / n;
        // Ten standard deviations of the estimates.
        assert!((mean - 2.0).abs() < 10.0 * 0.5 / n.sqrt(), "{mean}");
        assert!(
            (variance / 0.25 - 1.0).abs() < 10.0 * (2.0 / n).sqrt(),
            "{variance}"
        );
        let mut none = Array2::from_elem((2, 2), 2.0);
        flood(&mut none, 0.0).unwrap();
        assert!(none.iter().all(|x| *x == 2.0));
    }
}
