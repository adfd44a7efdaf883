//! Gaussian noise that privacy rests on.
//!
//! It is of doubles, and not discrete (Canonne, Kamath and Steinke, NeurIPS 2020), though libraries have exact
//! samplers of that: `prio` 0.18 (MPL-2.0, in exact rationals, within an implementation of Prio with its fields and
//! protocols) and `opendp` 0.16 (a framework that takes over accounting, too, and compiles OpenSSL unless told
//! otherwise). What keeps them out is not their size. Discrete noise hides what lies on its own lattice: updates would
//! have to be rounded to one before noise is added, the clipping norm to hold after the rounding, and what is released to
//! lie on it again. A sum under CKKS does not: it comes back with noise of its own on every number, so that its last bits
//! would tell what the lattice is to hide. And the noise of several clients together is no discrete Gaussian any more
//! (Kairouz, Liu and Steinke, ICML 2021), which the accountant would have to count. Until the task states its updates on a
//! lattice, a discrete sampler would be a name without the proof; SECURITY.md says what is outside of the one there is.

use hexperiment_task::TaskError;
use rand::{Rng, SeedableRng as _};
use rand_chacha::ChaCha20Rng;

/// Draws noise from randomness of the operating system, new for every run. The experiment's seed
/// never reaches it: who knows the seed, and everybody who has the file does, would take the noise
/// off again.
pub(crate) struct NoiseSource(ChaCha20Rng);

impl NoiseSource {
    pub(crate) fn new() -> Result<Self, TaskError> {
        let generator = ChaCha20Rng::try_from_os_rng().map_err(|e| TaskError::Model {
            model: "differential privacy",
            message: format!("the operating system gives no randomness: {e}"),
        })?;
        Ok(Self(generator))
    }

    /// Adds noise of standard deviation `deviation` to every number, none further than `reach`.
    pub(crate) fn add(&mut self, numbers: &mut [f64], deviation: f64, reach: f64) {
        for x in numbers {
            *x += (deviation * normal(&mut self.0)).clamp(-reach, reach);
        }
    }
}

/// A standard normal number (Box and Muller 1958): written out, and not a library's, because
/// SECURITY.md states how far its tails reach and the clipping bound rests on it.
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
    fn noise_has_its_deviation_and_differs_from_run_to_run() {
        let draw = || {
            let mut numbers = vec![1.0; 20_000];
            NoiseSource::new().unwrap().add(&mut numbers, 3.0, 30.0);
            numbers
        };
        let (a, b) = (draw(), draw());
        assert_ne!(a[..4], b[..4]);
        let n = a.len() as f64;
        let mean = a.iter().sum::<f64>() / n;
        let variance = a.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / n;
        // Ten standard deviations of the estimates: about one failure in 10^23.
        assert!((mean - 1.0).abs() < 10.0 * 3.0 / n.sqrt(), "{mean}");
        assert!(
            (variance / 9.0 - 1.0).abs() < 10.0 * (2.0 / n).sqrt(),
            "{variance}"
        );
        let mut near = vec![0.0; 1000];
        NoiseSource::new().unwrap().add(&mut near, 3.0, 1.0);
        assert!(near.iter().all(|x| x.abs() <= 1.0));
    }
}
