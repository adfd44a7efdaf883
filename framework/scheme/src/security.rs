//! Security levels from published tables. Nothing here is declared by a plugin's author: a
//! scheme reports the parameters it uses, and these functions say what they are worth.

use serde::{Deserialize, Serialize};

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
    /// Documented by the library's authors for the parameter set in use; not computed again.
    Documented,
    /// Reported by a plugin from outside; nobody here has looked at its parameters.
    Reported,
}

/// The security of one choice of parameters. Only what computes or cites a level makes one:
/// [`rlwe`], [`factoring`], [`symmetric`], [`documented`], [`none`]; of plugins from outside
/// [`Security::reported`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Security {
    protection: Protection,
    bits: u32,
    basis: String,
    #[serde(default)]
    origin: Origin,
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
    }
}

/// A parameter set whose authors document its level; `basis` names the parameters and where that
/// is written.
pub fn documented(bits: u32, basis: impl Into<String>) -> Security {
    Security {
        protection: Protection::Encrypted,
        bits,
        basis: basis.into(),
        origin: Origin::Documented,
    }
}

/// The level that an experiment demands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SecurityDemand {
    /// At least so many bits.
    pub bits: u32,
    /// Weaker parameters are allowed, and marked in every table.
    pub insecure: bool,
}

impl SecurityDemand {
    /// The level to choose parameters for: the least level of the tables that satisfies it.
    pub fn level(self) -> u32 {
        match self.bits {
            ..=128 => 128,
            129..=192 => 192,
            _ => 256,
        }
    }
}

/// Where the RLWE bounds come from.
pub const RLWE_SOURCE: &str = "Homomorphic Encryption Standard 2018, table 1 (ternary secret, classical); \
     N >= 65536: Bossuat et al., Security Guidelines for Implementing Homomorphic Encryption, 2024";

/// The largest log2(QP) at which ring-LWE with a ternary secret in dimension `2^log_n` has
/// `level` bits of security against classical attacks; `None` outside the tables.
///
/// Source: Albrecht et al., *Homomorphic Encryption Standard*, 2018, table 1; for 2^16 and 2^17
/// Bossuat et al., *Security Guidelines for Implementing Homomorphic Encryption*, 2024, table
/// 5.2 (at 128 bits only).
pub fn rlwe_max_log_qp(log_n: u32, level: u32) -> Option<u32> {
    let row = match log_n {
        10 => [27, 19, 14],
        11 => [54, 37, 29],
        12 => [109, 75, 58],
        13 => [218, 152, 118],
        14 => [438, 305, 237],
        15 => [881, 611, 476],
        16 if level == 128 => return Some(1747),
        17 if level == 128 => return Some(3523),
        _ => return None,
    };
    match level {
        128 => Some(row[0]),
        192 => Some(row[1]),
        256 => Some(row[2]),
        _ => None,
    }
}

/// The security of ring-LWE with a ternary secret: the highest level of the tables that holds,
/// or 0 bits when even 128 does not. `log_qp` counts the key-switching prime.
pub fn rlwe(log_n: u32, log_qp: f64) -> Security {
    let holds = |level: &u32| {
        rlwe_max_log_qp(log_n, *level).is_some_and(|bound| log_qp <= f64::from(bound))
    };
    let bits = [256, 192, 128].into_iter().find(holds).unwrap_or(0);
    let bound = rlwe_max_log_qp(log_n, if bits == 0 { 128 } else { bits });
    let bound = bound.map_or("no bound in the table".to_owned(), |b| format!("bound {b}"));
    Security {
        protection: Protection::Encrypted,
        bits,
        basis: format!("RLWE, N = 2^{log_n}, log2(QP) = {log_qp:.1}, {bound} ({RLWE_SOURCE})"),
        origin: Origin::Computed,
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
            "factoring, modulus of {modulus_bits} bits (NIST SP 800-57 part 1 rev. 5, table 2)"
        ),
        origin: Origin::Computed,
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
        let reported = rlwe(13, 200.0).reported();
        assert_eq!(
            (reported.bits(), reported.origin()),
            (128, Origin::Reported)
        );
        assert!(reported.basis().starts_with("as the plugin states: RLWE"));
        assert_eq!(none().origin(), Origin::Computed);
        assert_eq!(documented(128, "a set").origin(), Origin::Documented);
    }

    #[test]
    fn levels_follow_the_tables() {
        assert_eq!(rlwe(13, 218.0).bits, 128);
        assert_eq!(rlwe(13, 218.5).bits, 0);
        assert_eq!(rlwe(13, 152.0).bits, 192);
        assert_eq!(rlwe(15, 400.0).bits, 256);
        assert_eq!(rlwe(16, 1747.0).bits, 128);
        assert_eq!(rlwe(9, 10.0).bits, 0);
        assert_eq!(factoring(3072).bits, 128);
        assert_eq!(factoring(3071).bits, 112);
        assert_eq!(factoring(512).bits, 0);
        for level in [80, 112, 128, 192, 256] {
            assert_eq!(factoring(factoring_modulus_bits(level)).bits, level);
        }
    }
}
