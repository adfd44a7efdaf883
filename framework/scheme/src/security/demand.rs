//! What an experiment demands of every scheme.

use serde::{Deserialize, Serialize};
use strum::{EnumString, IntoStaticStr, VariantNames};

use super::LatticeTable;

/// Who encrypts, and so with which key.
#[derive(
    Clone,
    Copy,
    Debug,
    Default,
    PartialEq,
    Eq,
    Serialize,
    Deserialize,
    EnumString,
    IntoStaticStr,
    VariantNames,
)]
#[serde(rename_all = "kebab-case")]
#[strum(serialize_all = "kebab-case")]
pub enum Encryption {
    /// The key owner, who may use the secret key.
    #[default]
    Owner,
    /// Others, who have a public key only.
    Public,
}

impl std::fmt::Display for Encryption {
    /// As experiments and records write it.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.into())
    }
}

/// What an experiment demands of every scheme: the level, who encrypts, how seldom a run may fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SecurityDemand {
    /// At least so many bits.
    pub bits: u32,
    /// Weaker parameters are allowed, and marked in every table.
    pub insecure: bool,
    /// The table that bounds ring-LWE.
    #[serde(default, skip_serializing_if = "is_default")]
    pub table: LatticeTable,
    /// Who encrypts.
    #[serde(default, skip_serializing_if = "is_default")]
    pub encryption: Encryption,
    /// A bound of log2 of the probability that any result of one run is wrong beyond what its row
    /// states.
    #[serde(
        default = "strictest_failure",
        skip_serializing_if = "is_strictest_failure"
    )]
    pub failure_log2: i32,
}

fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

fn strictest_failure() -> i32 {
    SecurityDemand::FAILURE_SHARED
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde calls it with a reference"
)]
fn is_strictest_failure(failure_log2: &i32) -> bool {
    *failure_log2 == strictest_failure()
}

impl SecurityDemand {
    /// The failure probability of a run whose results reach others than the key owner: a failure
    /// tells of the noise, and noise of the secret key (IND-CPA-D: Li and Micciancio, EUROCRYPT 2021;
    /// Checri et al., CRYPTO 2024, for exact schemes), so that it must be as unlikely as an attack. Also
    /// what a demand means that does not say it.
    pub const FAILURE_SHARED: i32 = -128;

    /// The failure probability of a run whose results the key owner keeps, which is then a matter of
    /// correctness alone.
    pub const FAILURE_KEPT: i32 = -40;

    /// So many bits, by the newest table; the key owner encrypts, and a run fails as seldom as if its
    /// results were shared.
    pub const fn new(bits: u32, insecure: bool) -> Self {
        Self {
            bits,
            insecure,
            table: LatticeTable::Guidelines2024,
            encryption: Encryption::Owner,
            failure_log2: Self::FAILURE_SHARED,
        }
    }

    /// The same, encrypted by this party.
    #[must_use]
    pub const fn encrypted_by(self, encryption: Encryption) -> Self {
        Self { encryption, ..self }
    }

    /// The level to choose parameters for: the least level of the tables that satisfies it.
    pub fn level(self) -> u32 {
        match self.bits {
            ..=128 => 128,
            129..=192 => 192,
            _ => 256,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What an older party says means the same as before; what is meant without words is not said.
    #[test]
    fn demands_of_older_parties_are_read() {
        let demand: SecurityDemand =
            serde_json::from_str(r#"{"bits":128,"insecure":false}"#).unwrap();
        assert_eq!(demand, SecurityDemand::new(128, false));
        let told = serde_json::to_string(&demand).unwrap();
        assert_eq!(told, r#"{"bits":128,"insecure":false}"#);
        let public = SecurityDemand {
            failure_log2: SecurityDemand::FAILURE_KEPT,
            ..demand.encrypted_by(Encryption::Public)
        };
        let told = serde_json::to_string(&public).unwrap();
        assert_eq!(
            told,
            r#"{"bits":128,"insecure":false,"encryption":"public","failure_log2":-40}"#
        );
        assert_eq!(
            serde_json::from_str::<SecurityDemand>(&told).unwrap(),
            public
        );
    }
}
