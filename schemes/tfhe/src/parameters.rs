//! The parameter set, and the noise that it implies.
//!
//! Noise is written as a variance on the torus: 1 is a full turn, `2^64` of a ciphertext's
//! words. The formulas for key switch, bootstrap and modulus switch are the library's own.

use hexperiment_scheme::security::{self, BinaryLwe, Security, SecurityDemand};
use tfhe::core_crypto::commons::noise_formulas::centered_mean_shifted_modulus_switch::centered_binary_shifted_modulus_switch_additive_variance;
use tfhe::core_crypto::commons::noise_formulas::lwe_keyswitch::keyswitch_additive_variance_132_bits_security_tuniform;
use tfhe::core_crypto::commons::noise_formulas::lwe_programmable_bootstrap::pbs_variance_132_bits_security_tuniform_fft_mul;
use tfhe::core_crypto::prelude::{
    CiphertextModulusLog, DynamicDistribution, LweDimension, PolynomialSize,
};
use tfhe::shortint::parameters::ClassicPBSParameters;
use tfhe::shortint::parameters::v1_8::V1_8_PARAM_MESSAGE_2_CARRY_2_KS_PBS_TUNIFORM_2M128;

use crate::error::PlanError;

/// Four bits of message and carry, and a padding bit.
pub(crate) const PARAMETERS: ClassicPBSParameters =
    V1_8_PARAM_MESSAGE_2_CARRY_2_KS_PBS_TUNIFORM_2M128;

/// Its name in the library.
pub(crate) const NAME: &str = "V1_8_PARAM_MESSAGE_2_CARRY_2_KS_PBS_TUNIFORM_2M128";

/// Degree of the ring, entries of a look-up table.
pub(crate) const N: usize = 2048;

/// Dimension of ciphertexts between operations (glwe dimension 1).
pub(crate) const BIG: usize = N;

/// Words of a ciphertext.
pub(crate) const SIZE: usize = BIG + 1;

/// Bits of the modulus that a bootstrap reads: `2 N = 2^12`.
pub(crate) const SWITCHED_LOG: CiphertextModulusLog = CiphertextModulusLog(12);

/// Noise further out than so many standard deviations happens with a probability of at most
/// `2^-128`: `erfc(13.12 / sqrt 2) = 2^-128.1`.
pub(crate) const DEVIATIONS: f64 = 13.12;

/// Bits of the modulus of ciphertexts.
const LOG_Q: u32 = 64;
/// 2^64, a full turn.
const TURN: f64 = 18_446_744_073_709_551_616.0;
/// Bits of a double's mantissa, which the library's transform works with.
const MANTISSA: f64 = 53.0;

/// Variances on the torus.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Noise {
    /// Of a fresh ciphertext.
    pub(crate) fresh: f64,
    /// Of the result of a bootstrap.
    pub(crate) bootstrapped: f64,
    /// Added before the blind rotation, by key switch and modulus switch.
    pub(crate) before_rotation: f64,
}

impl Noise {
    /// The noise of [`PARAMETERS`].
    pub(crate) fn new() -> Self {
        let p = PARAMETERS;
        let small = p.lwe_dimension;
        let key_switch = keyswitch_additive_variance_132_bits_security_tuniform(
            LweDimension(BIG),
            small,
            p.ks_base_log,
            p.ks_level,
            TURN,
            TURN,
        );
        let switch =
            centered_binary_shifted_modulus_switch_additive_variance(small, TURN, (2 * N) as f64);
        let bootstrap = pbs_variance_132_bits_security_tuniform_fft_mul(
            small,
            p.glwe_dimension,
            PolynomialSize(N),
            p.pbs_base_log,
            p.pbs_level,
            MANTISSA,
            TURN,
        );
        Self {
            fresh: variance(p.glwe_noise_distribution),
            bootstrapped: bootstrap.0,
            before_rotation: key_switch.0 + switch.0,
        }
    }
}

/// The variance of an encryption's noise on the torus.
fn variance(distribution: DynamicDistribution<u64>) -> f64 {
    match distribution {
        DynamicDistribution::Gaussian(gaussian) => gaussian.std.powi(2),
        // Uniform on [-2^b, 2^b], the two ends with half the weight.
        DynamicDistribution::TUniform(uniform) => {
            let width = f64::from(uniform.bound_log2() as i32).exp2() / TURN;
            width * width / 3.0
        }
    }
}

/// `log2` of the probability that a normal variable lies further than `deviations` standard
/// deviations from its mean: the first term of erfc's asymptotic series, an upper bound.
pub(crate) fn log2_failure(deviations: f64) -> f64 {
    if deviations < 1.0 {
        return 0.0;
    }
    let exponent = -0.5 * deviations * deviations * std::f64::consts::LOG2_E;
    exponent - (deviations * (std::f64::consts::PI / 2.0).sqrt()).log2()
}

/// What the parameter set is worth, or why it is not enough.
pub(crate) fn security(demand: SecurityDemand) -> Result<Security, PlanError> {
    let p = PARAMETERS;
    let lwe = |name, dimension, distribution| BinaryLwe {
        name,
        dimension,
        log_q: LOG_Q,
        log_deviation: 0.5 * variance(distribution).log2(),
    };
    let security = security::binary_lwe(&[
        // Under the key of dimension N: ciphertexts, and with a ring the bootstrapping key.
        lwe("ring of N, ciphertexts", BIG, p.glwe_noise_distribution),
        // Under the key between key switch and blind rotation.
        lwe("small key", p.lwe_dimension.0, p.lwe_noise_distribution),
    ]);
    if demand.bits > security.bits() && !demand.insecure {
        return Err(PlanError::Security {
            demanded: demand.bits,
            bits: security.bits(),
        });
    }
    Ok(security)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_constants_are_the_parameter_set() {
        assert_eq!(PARAMETERS.polynomial_size.0, N);
        assert_eq!(PARAMETERS.glwe_dimension.0, 1);
        assert_eq!(1 << SWITCHED_LOG.0, 2 * N);
    }

    /// By the curves, as its authors say: 132 bits. Errors that are smaller by less than a bit would be
    /// below both.
    #[test]
    fn the_level_is_that_of_the_curves() {
        let security = security(SecurityDemand::new(128, false)).unwrap();
        assert_eq!(security.bits(), 132, "{}", security.basis());
        for words in ["n = 918", "n = 2048", "2^-19.8", "2^-47.8", "132 bits"] {
            assert!(security.basis().contains(words), "{}", security.basis());
        }
        let refused = super::security(SecurityDemand::new(133, false));
        assert!(refused.is_err_and(|e| e.to_string().contains("133 bits demanded")));
    }

    #[test]
    fn noise_meets_the_documented_failure_probability() {
        // The library's set allows 5 times a bootstrap's noise at half a box of 2^-5.
        let noise = Noise::new();
        let total = 25.0 * noise.bootstrapped + noise.before_rotation;
        let log2 = log2_failure(2f64.powi(-6) / total.sqrt());
        assert!(
            (log2 - PARAMETERS.log2_p_fail).abs() < 1.0,
            "computed 2^{log2}, documented 2^{}",
            PARAMETERS.log2_p_fail
        );
        assert!(log2_failure(DEVIATIONS) < -128.0);
        assert!((noise.fresh.sqrt().log2() + 47.8).abs() < 0.1);
    }
}
