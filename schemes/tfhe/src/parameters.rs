//! The parameter sets, and the noise that each of them implies.
//!
//! Noise is written as a variance on the torus: 1 is a full turn, `2^64` of a ciphertext's
//! words. The formulas for key switch, bootstrap and modulus switch are the library's own.

use hexperiment_scheme::security::{self, BinaryLwe, Security, SecurityDemand};
use tfhe::core_crypto::commons::noise_formulas::centered_mean_shifted_modulus_switch::centered_binary_shifted_modulus_switch_additive_variance;
use tfhe::core_crypto::commons::noise_formulas::lwe_keyswitch::keyswitch_additive_variance_132_bits_security_tuniform;
use tfhe::core_crypto::commons::noise_formulas::lwe_programmable_bootstrap::pbs_variance_132_bits_security_tuniform_fft_mul;
use tfhe::core_crypto::prelude::{
    CiphertextModulus, CiphertextModulusLog, DynamicDistribution, LweDimension, PolynomialSize,
};
use tfhe::shortint::parameters::ClassicPBSParameters;
use tfhe::shortint::parameters::v1_6::{
    V1_6_PARAM_MESSAGE_2_CARRY_2_KS_PBS_TUNIFORM_2M40,
    V1_6_PARAM_MESSAGE_2_CARRY_2_KS_PBS_TUNIFORM_2M64,
};
use tfhe::shortint::parameters::v1_8::V1_8_PARAM_MESSAGE_2_CARRY_2_KS_PBS_TUNIFORM_2M128;

use crate::error::PlanError;

/// A parameter set of the library for four bits of message and carry, and a padding bit.
#[derive(Debug)]
pub(crate) struct ParameterSet {
    /// Its name in the library, which ends with the failure probability that it was made for: of one
    /// bootstrap, whose argument is a sum of five results.
    pub(crate) name: &'static str,
    /// What it consists of.
    pub(crate) parameters: ClassicPBSParameters,
}

/// The library's sets over one ring and of one level of security, that of the least failure
/// probability first. They differ in the dimension between key switch and bootstrap, by which a
/// bootstrap's time and its key's bytes grow, and in the noise before it. The newest version that has
/// the latter two is 1.6.
pub(crate) static SETS: [ParameterSet; 3] = [
    ParameterSet {
        name: "V1_8_PARAM_MESSAGE_2_CARRY_2_KS_PBS_TUNIFORM_2M128",
        parameters: PARAMETERS,
    },
    ParameterSet {
        name: "V1_6_PARAM_MESSAGE_2_CARRY_2_KS_PBS_TUNIFORM_2M64",
        parameters: V1_6_PARAM_MESSAGE_2_CARRY_2_KS_PBS_TUNIFORM_2M64,
    },
    ParameterSet {
        name: "V1_6_PARAM_MESSAGE_2_CARRY_2_KS_PBS_TUNIFORM_2M40",
        parameters: V1_6_PARAM_MESSAGE_2_CARRY_2_KS_PBS_TUNIFORM_2M40,
    },
];

/// The first of [`SETS`], whose ring all of them have.
pub(crate) const PARAMETERS: ClassicPBSParameters =
    V1_8_PARAM_MESSAGE_2_CARRY_2_KS_PBS_TUNIFORM_2M128;

/// Degree of the ring, entries of a look-up table.
pub(crate) const N: usize = 2048;

/// Dimension of ciphertexts between operations (glwe dimension 1).
pub(crate) const BIG: usize = N;

/// Words of a ciphertext.
pub(crate) const SIZE: usize = BIG + 1;

/// Bits of the modulus that a bootstrap reads: `2 N = 2^12`.
pub(crate) const SWITCHED_LOG: CiphertextModulusLog = CiphertextModulusLog(12);

/// Ciphertexts' modulus: 2^64.
pub(crate) fn modulus() -> CiphertextModulus<u64> {
    CiphertextModulus::new_native()
}

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
    /// The noise of a set. Before every rotation the body is centred, whatever a set was made for, which
    /// takes half of the modulus switch's noise away.
    pub(crate) fn of(set: &ParameterSet) -> Self {
        let p = &set.parameters;
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

/// What a parameter set is worth, or why it is not enough.
pub(crate) fn security(set: &ParameterSet, demand: SecurityDemand) -> Result<Security, PlanError> {
    let p = &set.parameters;
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
    use hexperiment_scheme::security::failure::log2_tail;
    use tfhe::shortint::parameters::ModulusSwitchType;

    use super::*;

    #[test]
    fn the_constants_are_those_of_every_set() {
        for ParameterSet { name, parameters } in &SETS {
            assert_eq!(parameters.polynomial_size.0, N, "{name}");
            assert_eq!(parameters.glwe_dimension.0, 1, "{name}");
            let noise = parameters.glwe_noise_distribution;
            assert_eq!(noise, PARAMETERS.glwe_noise_distribution, "{name}");
        }
        assert_eq!(1 << SWITCHED_LOG.0, 2 * N);
        let dimensions = SETS.each_ref().map(|s| s.parameters.lwe_dimension.0);
        assert_eq!(dimensions, [918, 879, 839]);
    }

    /// By the curves, as its authors say: 132 bits. Errors that are smaller by less than a bit would be
    /// below both.
    #[test]
    fn the_level_is_that_of_the_curves() {
        let demand = SecurityDemand::new(128, false);
        for (set, words) in SETS.iter().zip([
            ["n = 918", "2^-19.8"],
            ["n = 879", "2^-18.8"],
            ["n = 839", "2^-17.8"],
        ]) {
            let security = security(set, demand).unwrap();
            assert_eq!(security.bits(), 132, "{}", security.basis());
            for words in words.into_iter().chain(["n = 2048", "2^-47.8", "132 bits"]) {
                assert!(security.basis().contains(words), "{}", security.basis());
            }
        }
        let refused = security(&SETS[0], SecurityDemand::new(133, false));
        assert!(refused.is_err_and(|e| e.to_string().contains("133 bits demanded")));
    }

    /// Each set allows 5 times a bootstrap's noise at half a box of 2^-5. What its authors say is of
    /// the modulus switch that it was made for, and a bound for ours.
    #[test]
    fn noise_meets_the_documented_failure_probabilities() {
        for set in &SETS {
            let noise = Noise::of(set);
            let total = 25.0 * noise.bootstrapped + noise.before_rotation;
            let log2 = log2_tail(2f64.powi(-6) / total.sqrt());
            let documented = set.parameters.log2_p_fail;
            let switch = set.parameters.modulus_switch_noise_reduction_params;
            let told = format!("{}: computed 2^{log2}, documented 2^{documented}", set.name);
            match switch {
                ModulusSwitchType::CenteredMeanNoiseReduction => {
                    assert!((log2 - documented).abs() < 1.0, "{told}");
                }
                _ => assert!((documented - 60.0..documented).contains(&log2), "{told}"),
            }
            assert!((noise.fresh.sqrt().log2() + 47.8).abs() < 0.1);
        }
    }
}
