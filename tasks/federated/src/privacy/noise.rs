//! Gaussian noise that privacy rests on.

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
