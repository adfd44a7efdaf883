//! Security levels from published tables and curves. Nothing here is declared by a plugin's author: a
//! scheme reports the parameters it uses, and these functions say what they are worth.

mod demand;
pub mod failure;
mod lattice;

use serde::{Deserialize, Serialize};

pub use demand::{Encryption, SecurityDemand};
pub use lattice::{BinaryLwe, LatticeTable, RingLwe, binary_lwe, rlwe, rlwe_max_log_qp};

/// What kind of protection an evaluation has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Protection {
    /// None: the server sees everything, nothing is encrypted.
    None,
    /// Encrypted on the way; the server decrypts and sees everything.
    TransportOnly,
    /// The server computes on ciphertexts and holds no secret key.
    Encrypted,
}

impl std::fmt::Display for Protection {
    /// As records write it.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::None => "none",
            Self::TransportOnly => "transport-only",
            Self::Encrypted => "encrypted",
        })
    }
}

/// Where a stated level comes from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Origin {
    /// Computed here, from parameters and a published table.
    #[default]
    Computed,
    /// Documented by a library's authors for the parameter set in use: in records of earlier versions
    /// only.
    Documented,
    /// Reported by a plugin from outside; nobody here has looked at its parameters.
    Reported,
}

/// What is left against an attacker with a large quantum computer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Quantum {
    /// No source says; so in records of earlier versions.
    #[default]
    NotStated,
    /// Nothing: Shor's algorithm takes polynomial time.
    Broken,
    /// Less than so many bits, the lowest level of the table.
    Below(u32),
    /// So many bits, or more.
    AtLeast(u32),
}

impl Quantum {
    /// The level that is kept, if one is.
    pub fn bits(self) -> Option<u32> {
        match self {
            Self::AtLeast(bits) => Some(bits),
            Self::NotStated | Self::Broken | Self::Below(_) => None,
        }
    }
}

impl std::fmt::Display for Quantum {
    /// In words, for the basis of a level.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::NotStated => f.write_str("against a quantum computer: not computed"),
            Self::Broken => f.write_str("falls to a quantum computer (Shor 1994)"),
            Self::Below(bits) => write!(f, "against a quantum computer: less than {bits} bits"),
            Self::AtLeast(bits) => write!(f, "against a quantum computer: {bits} bits"),
        }
    }
}

/// The security of one choice of parameters. Only what computes a level makes one: [`rlwe`],
/// [`binary_lwe`], [`factoring`], [`symmetric`], [`none`]; of plugins from outside
/// [`Security::reported`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Security {
    protection: Protection,
    bits: u32,
    basis: String,
    #[serde(default)]
    origin: Origin,
    #[serde(default)]
    quantum: Quantum,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    ring_lwe: Option<RingLwe>,
}

impl Security {
    /// The kind of protection.
    pub fn protection(&self) -> Protection {
        self.protection
    }

    /// Estimated bits against classical attacks; 0 where nothing is encrypted.
    pub fn bits(&self) -> u32 {
        self.bits
    }

    /// Why: the numbers and the published source.
    pub fn basis(&self) -> &str {
        &self.basis
    }

    /// Who says so.
    pub fn origin(&self) -> Origin {
        self.origin
    }

    /// What is left against a quantum computer.
    pub fn quantum(&self) -> Quantum {
        self.quantum
    }

    /// What is wrong with the level, if it rests on ring-LWE and the table has less for these
    /// parameters: what was found, and what the table says.
    pub fn contradiction(&self) -> Option<String> {
        let RingLwe {
            log_n,
            log_qp,
            table,
        } = self.ring_lwe?;
        let worth = rlwe(table, log_n, log_qp);
        (worth.bits < self.bits).then(|| {
            format!(
                "found {} bits, expected at most {}: {}",
                self.bits, worth.bits, worth.basis
            )
        })
    }

    /// The same level as the word of a plugin from outside, which can only be believed.
    #[must_use]
    pub fn reported(self) -> Self {
        Self {
            basis: format!("as the plugin states: {}", self.basis),
            origin: Origin::Reported,
            ..self
        }
    }
}

/// No protection: nothing is encrypted.
pub fn none() -> Security {
    Security {
        protection: Protection::None,
        bits: 0,
        basis: "nothing is encrypted".into(),
        origin: Origin::Computed,
        quantum: Quantum::NotStated,
        ring_lwe: None,
    }
}

/// Authenticated symmetric encryption on the way to a server that decrypts: AES-CBC and HMAC-SHA256,
/// each under a key of `key_bits`.
///
/// Source: NIST SP 800-57 part 1 revision 5, tables 2 and 3.
pub fn symmetric(key_bits: u32) -> Security {
    Security {
        protection: Protection::TransportOnly,
        bits: key_bits,
        basis: format!(
            "transport only: the server decrypts. On the way AES-{key_bits}-CBC and HMAC-SHA256, \
             each under a key of {key_bits} bits (NIST SP 800-57 part 1 rev. 5, tables 2 and 3)"
        ),
        origin: Origin::Computed,
        quantum: Quantum::NotStated,
        ring_lwe: None,
    }
}

/// The security of a modulus that is hard to factor.
///
/// Source: NIST SP 800-57 part 1 revision 5, table 2 (integer-factorisation column).
pub fn factoring(modulus_bits: u32) -> Security {
    let bits = match modulus_bits {
        15360.. => 256,
        7680.. => 192,
        3072.. => 128,
        2048.. => 112,
        1024.. => 80,
        _ => 0,
    };
    Security {
        protection: Protection::Encrypted,
        bits,
        basis: format!(
            "factoring, modulus of {modulus_bits} bits (NIST SP 800-57 part 1 rev. 5, table 2); {}",
            Quantum::Broken
        ),
        origin: Origin::Computed,
        quantum: Quantum::Broken,
        ring_lwe: None,
    }
}

/// The smallest modulus of the table that has `level` bits of security.
pub fn factoring_modulus_bits(level: u32) -> u32 {
    match level {
        ..=80 => 1024,
        81..=112 => 2048,
        113..=128 => 3072,
        129..=192 => 7680,
        _ => 15360,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plugins_word_is_marked_as_such() {
        let reported = rlwe(LatticeTable::default(), 13, 200.0).reported();
        assert_eq!(
            (reported.bits(), reported.origin()),
            (128, Origin::Reported)
        );
        assert!(reported.basis().starts_with("as the plugin states: RLWE"));
        assert_eq!(none().origin(), Origin::Computed);
    }

    #[test]
    fn moduli_follow_the_table() {
        assert_eq!(factoring(3072).bits, 128);
        assert_eq!(factoring(3071).bits, 112);
        assert_eq!(factoring(512).bits, 0);
        assert_eq!(factoring(15360).quantum(), Quantum::Broken);
        for level in [80, 112, 128, 192, 256] {
            assert_eq!(factoring(factoring_modulus_bits(level)).bits, level);
        }
    }

    /// Parameters that are worth less than is stated, by the table that they are held against.
    #[test]
    fn a_level_that_its_parameters_lack_is_caught() {
        let stated = |log_qp: f64, table: &str| -> Security {
            let json = serde_json::json!({
                "protection": "encrypted", "bits": 128, "basis": "trust me",
                "ring_lwe": { "log_n": 13, "log_qp": log_qp, "table": table },
            });
            serde_json::from_value(json).unwrap()
        };
        assert_eq!(stated(214.0, "guidelines-2024").contradiction(), None);
        assert_eq!(stated(218.0, "standard-2018").contradiction(), None);
        let lie = stated(218.0, "guidelines-2024").contradiction().unwrap();
        for words in [
            "found 128 bits, expected at most 0",
            "log2(QP) = 218.0",
            "bound 214",
        ] {
            assert!(lie.contains(words), "{lie}");
        }
    }

    /// Records of earlier versions state neither.
    #[test]
    fn older_levels_are_read() {
        let json = r#"{"protection":"encrypted","bits":128,"basis":"a set","origin":"documented"}"#;
        let old: Security = serde_json::from_str(json).unwrap();
        assert_eq!(
            (old.origin(), old.quantum()),
            (Origin::Documented, Quantum::NotStated)
        );
        assert_eq!(old.contradiction(), None);
    }
}
