//! What a circuit says of itself: the parameters that it chose, and what follows from them.

use std::fmt;

use hexperiment_program::layout::Candidate;
use serde::{Deserialize, Serialize};

use crate::security::failure::Failure;
use crate::security::{Encryption, Protection, Security, SecurityDemand};

/// How often each costly step is taken in one evaluation, over all ciphertexts.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct OperationCounts {
    /// Additions of two ciphertexts.
    pub additions: u64,
    /// Products of a ciphertext and public numbers.
    pub plain_multiplications: u64,
    /// Products of two ciphertexts, each with its relinearization.
    pub multiplications: u64,
    /// Slot rotations.
    pub rotations: u64,
    /// Programmable bootstraps.
    pub bootstraps: u64,
}

/// Those that there are, in words: `8 additions, 1 plaintext multiplication`; nothing where there are none.
impl fmt::Display for OperationCounts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let named = [
            (self.additions, "addition"),
            (self.plain_multiplications, "plaintext multiplication"),
            (self.multiplications, "multiplication"),
            (self.rotations, "rotation"),
            (self.bootstraps, "bootstrap"),
        ];
        let present = named.iter().filter(|(count, _)| *count > 0);
        for (place, (count, name)) in present.enumerate() {
            let between = if place == 0 { "" } else { ", " };
            let many = if *count == 1 { "" } else { "s" };
            write!(f, "{between}{count} {name}{many}")?;
        }
        Ok(())
    }
}

/// The parameters that a circuit chose, and what follows from them.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Parameters {
    /// The level, computed from the parameters.
    pub security: Security,
    /// Names and values in the field's terms: ring degree, moduli, scale, packing.
    pub chosen: Vec<(String, String)>,
    /// Multiplicative levels used; 0 where the scheme has none.
    pub depth: u32,
    /// Steps of one evaluation.
    pub counts: OperationCounts,
    /// Whose key inputs are encrypted with, whatever was demanded: the owner's secret one, or a public
    /// one. `None` where nothing is encrypted or one key does all, and in records of earlier versions. A
    /// scheme that has no public key refuses where one is demanded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub encryption: Option<Encryption>,
    /// What the server learns besides the program and the sizes.
    pub server_sees: String,
    /// How numbers are quantised, if they are; for the report.
    pub quantisation: Option<String>,
    /// The largest error beyond [`Circuit::simulate`](crate::Circuit::simulate) that is not a failure, for each output.
    #[serde(with = "hexperiment_program::number::list")]
    pub noise_tolerance: Vec<f64>,
    /// The probability that noise makes any result of one evaluation wrong by more than that: computed,
    /// over everything in it that may fail. In the record of a run, of all its evaluations.
    #[serde(default, skip_serializing_if = "Failure::is_not_stated")]
    pub failure: Failure,
    /// What the scheme falls short of, in words: what was demanded, what it states in its place, why.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub shortfalls: Vec<String>,
    /// The layouts that were thought of, with what each costs; none where there was no choice.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub layouts: Vec<Candidate>,
    /// Bytes that a process takes to make the keys and evaluate once, both parties' part in it:
    /// tables, keys, all ciphertexts that are held at one time. Rather too many than too few, as
    /// cells with less memory are refused; `None` where the scheme cannot tell.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub memory_bytes: Option<u64>,
}

impl Parameters {
    /// Whether they are what was demanded, whatever the scheme chose: the level of an encrypting scheme, a
    /// public key where others than the key owner encrypt, and the failure probability of a run.
    ///
    /// # Errors
    ///
    /// What was found and what was expected, in words.
    pub fn meets(&self, demanded: SecurityDemand) -> Result<(), String> {
        self.encrypts_as(demanded.encryption)?;
        let security = &self.security;
        let weak = security.bits() < demanded.bits;
        if security.protection() != Protection::None && weak && !demanded.insecure {
            return Err(format!(
                "security: {} bits, {} demanded ({}); choose stronger parameters, or `insecure = true` to \
                 compare them all the same",
                security.bits(),
                demanded.bits,
                security.basis()
            ));
        }
        self.failure.hold(demanded.failure_log2).map_err(|why| {
            format!(
                "failure: {why} of a run; choose parameters of less noise, or demand less by `failure_log2`"
            )
        })
    }

    /// Whether inputs can be encrypted as demanded: a public key serves everybody, the secret one only its
    /// owner. An encrypting scheme that does not say with which it encrypts is not believed to have a
    /// public one.
    ///
    /// # Errors
    ///
    /// What was found and what was expected, in words.
    pub fn encrypts_as(&self, demanded: Encryption) -> Result<(), String> {
        let is_encrypted = self.security.protection() == Protection::Encrypted;
        if !is_encrypted || demanded == Encryption::Owner {
            return Ok(());
        }
        let found = match self.encryption {
            Some(Encryption::Public) => return Ok(()),
            Some(Encryption::Owner) => "the secret key encrypts",
            None => "the scheme does not say which key encrypts",
        };
        Err(format!(
            "encryption: {found}, `encryption = \"public\"` was demanded: others than the key owner encrypt, \
             and have a public key only"
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_are_told_by_their_names_without_those_that_are_none() {
        let counts = OperationCounts {
            additions: 8,
            plain_multiplications: 1,
            rotations: 6,
            ..OperationCounts::default()
        };
        assert_eq!(
            counts.to_string(),
            "8 additions, 1 plaintext multiplication, 6 rotations"
        );
        assert_eq!(OperationCounts::default().to_string(), "");
    }
}
