//! Bounds of lattice problems, from published tables and curves.

use serde::{Deserialize, Serialize};
use strum::{EnumString, IntoStaticStr, VariantNames};

use super::{Origin, Protection, Quantum, Security};

/// The tables of bounds for ring-LWE that an experiment may demand.
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
pub enum LatticeTable {
    /// Bossuat et al., *Security Guidelines for Implementing Homomorphic Encryption*, 2024.
    #[default]
    #[serde(rename = "guidelines-2024")]
    #[strum(serialize = "guidelines-2024")]
    Guidelines2024,
    /// Albrecht et al., *Homomorphic Encryption Standard*, 2018: wider, by attacks known then.
    #[serde(rename = "standard-2018")]
    #[strum(serialize = "standard-2018")]
    Standard2018,
}

/// The levels of the tables, the highest first.
const LEVELS: [u32; 3] = [256, 192, 128];

/// log2 of a ring degree, and the largest log2(QP) at 128, 192 and 256 bits; 0 where there is none.
type Row = (u32, [u32; 3]);

/// A ternary secret against classical attacks.
///
/// Source: Bossuat et al., ePrint 2024/463, table 5.2, as its authors have it in
/// `RNS-CKKS-examples/lattigo/parameters/tables.go` of github.com/gong-cr/FHE-Security-Guidelines,
/// commit a43a593; made by the lattice estimator with the cost model MATZOV for an error of 3.19.
const CLASSICAL_2024: [Row; 8] = [
    (10, [26, 0, 0]),
    (11, [53, 36, 27]),
    (12, [106, 73, 56]),
    (13, [214, 147, 114]),
    (14, [430, 297, 230]),
    (15, [868, 597, 462]),
    (16, [1747, 1199, 929]),
    (17, [3523, 2411, 1866]),
];

/// A ternary secret against quantum attacks.
///
/// Source: made by the same authors' script with its quantum cost model, that of Chailloux and Loyer
/// (ASIACRYPT 2021), and no margin: `Security/README.md` of
/// github.com/HomomorphicEncryption/SparseLWEkit, commit 0c3a562, whose classical columns are those
/// above. It has none for 2^17 at 256 bits. Earlier outputs of the script are up to 28 % wider, by
/// an older cost model.
const QUANTUM_2024: [Row; 8] = [
    (10, [20, 0, 0]),
    (11, [40, 29, 22]),
    (12, [80, 59, 47]),
    (13, [161, 119, 95]),
    (14, [322, 239, 192]),
    (15, [644, 479, 385]),
    (16, [1289, 959, 773]),
    (17, [2578, 1920, 0]),
];

/// A ternary secret against classical attacks.
///
/// Source: Albrecht et al., *Homomorphic Encryption Standard*, 2018, table 1; as in SEAL 4.0,
/// `native/src/seal/util/hestdparms.h`.
const CLASSICAL_2018: [Row; 6] = [
    (10, [27, 19, 14]),
    (11, [54, 37, 29]),
    (12, [109, 75, 58]),
    (13, [218, 152, 118]),
    (14, [438, 305, 237]),
    (15, [881, 611, 476]),
];

/// A ternary secret against quantum attacks.
///
/// Source: the same, table 2; likewise in `hestdparms.h`.
const QUANTUM_2018: [Row; 6] = [
    (10, [25, 17, 13]),
    (11, [51, 35, 27]),
    (12, [101, 70, 54]),
    (13, [202, 141, 109]),
    (14, [411, 284, 220]),
    (15, [827, 571, 443]),
];

/// The attacks that a bound is against.
#[derive(Clone, Copy)]
enum Attacks {
    Classical,
    Quantum,
}

impl LatticeTable {
    fn rows(self, attacks: Attacks) -> &'static [Row] {
        match (self, attacks) {
            (Self::Guidelines2024, Attacks::Classical) => &CLASSICAL_2024,
            (Self::Guidelines2024, Attacks::Quantum) => &QUANTUM_2024,
            (Self::Standard2018, Attacks::Classical) => &CLASSICAL_2018,
            (Self::Standard2018, Attacks::Quantum) => &QUANTUM_2018,
        }
    }

    fn source(self) -> &'static str {
        match self {
            Self::Guidelines2024 => {
                "Bossuat et al., Security Guidelines for Implementing Homomorphic Encryption, 2024, \
                 table 5.2; ternary secret"
            }
            Self::Standard2018 => {
                "Homomorphic Encryption Standard 2018, tables 1 and 2; ternary secret"
            }
        }
    }

    fn bound(self, attacks: Attacks, log_n: u32, level: u32) -> Option<u32> {
        let column = LEVELS.iter().rev().position(|l| *l == level)?;
        let (_, bounds) = self.rows(attacks).iter().find(|(n, _)| *n == log_n)?;
        Some(bounds[column]).filter(|bound| *bound > 0)
    }

    /// The highest level whose bound holds.
    fn level(self, attacks: Attacks, log_n: u32, log_qp: f64) -> Option<u32> {
        let holds = |level: &u32| {
            let bound = self.bound(attacks, log_n, *level);
            bound.is_some_and(|bound| log_qp <= f64::from(bound))
        };
        LEVELS.into_iter().find(holds)
    }

    fn quantum(self, log_n: u32, log_qp: f64) -> Quantum {
        match self.level(Attacks::Quantum, log_n, log_qp) {
            Some(level) => Quantum::AtLeast(level),
            None if self.bound(Attacks::Quantum, log_n, 128).is_some() => Quantum::Below(128),
            None => Quantum::NotStated,
        }
    }
}

/// A choice of parameters for ring-LWE with a ternary secret, and the table it was held against.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct RingLwe {
    /// log2 of the ring degree.
    pub log_n: u32,
    /// log2 of all primes together, the key-switching prime with them.
    pub log_qp: f64,
    /// The table.
    #[serde(default)]
    pub table: LatticeTable,
}

/// The largest log2(QP) at which ring-LWE with a ternary secret in dimension `2^log_n` has
/// `level` bits of security against classical attacks; `None` outside the table.
pub fn rlwe_max_log_qp(table: LatticeTable, log_n: u32, level: u32) -> Option<u32> {
    table.bound(Attacks::Classical, log_n, level)
}

/// The security of ring-LWE with a ternary secret: the highest level of the table that holds,
/// or 0 bits when even 128 does not. `log_qp` counts the key-switching prime.
pub fn rlwe(table: LatticeTable, log_n: u32, log_qp: f64) -> Security {
    let bits = table.level(Attacks::Classical, log_n, log_qp).unwrap_or(0);
    let shown = |attacks, level: Option<u32>| {
        let bound = table.bound(attacks, log_n, level.unwrap_or(128));
        bound.map_or("no bound in the table".to_owned(), |b| format!("bound {b}"))
    };
    let bound = shown(Attacks::Classical, Some(bits).filter(|bits| *bits > 0));
    let quantum = table.quantum(log_n, log_qp);
    let quantum_bound = shown(Attacks::Quantum, quantum.bits());
    Security {
        protection: Protection::Encrypted,
        bits,
        basis: format!(
            "RLWE, N = 2^{log_n}, log2(QP) = {log_qp:.1}, {bound} ({}); {quantum}, {quantum_bound}",
            table.source()
        ),
        origin: Origin::Computed,
        quantum,
        ring_lwe: Some(RingLwe {
            log_n,
            log_qp,
            table,
        }),
    }
}

/// A choice of parameters for LWE, or for ring-LWE taken as LWE of the same dimension, with a binary
/// secret.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct BinaryLwe {
    /// What is encrypted so, for people: `ciphertexts`.
    pub name: &'static str,
    /// The dimension; of ring-LWE the rank times the ring degree.
    pub dimension: usize,
    /// log2 of the modulus.
    pub log_q: u32,
    /// log2 of the error's standard deviation, over the modulus.
    pub log_deviation: f64,
}

/// A curve: the least error at a level, as log2 of its standard deviation over the modulus, is
/// `slope * dimension + intercept`.
struct Curve {
    level: u32,
    slope: f64,
    intercept: f64,
    source: &'static str,
}

/// Curves for binary secrets and a modulus of 2^64, the highest level first: straight lines through
/// the least errors that the lattice estimator, which is run over many dimensions, accepts.
const CURVES: [Curve; 2] = [
    // `minimal_lwe_variance_for_132_bits_security_gaussian` of tfhe-rs 1.8.2, in
    // `core_crypto/commons/noise_formulas/secure_noise.rs`, has twice these numbers, for a variance.
    Curve {
        level: 132,
        slope: -0.024_891_456_582_633_05,
        intercept: 2.657_345_938_375_34,
        source: "tfhe-rs 1.8.2, secure_noise.rs",
    },
    // `tools/parameter-curves/concrete-security-curves-rust/src/gaussian/curves_gen.rs` of
    // github.com/zama-ai/concrete, commit 0128521; earlier ones there are laxer.
    Curve {
        level: 128,
        slope: -0.025_696_778_711_484_593,
        intercept: 2.675_931_372_549_016,
        source: "Zama's Concrete, parameter curves, commit 0128521",
    },
];

/// The smallest dimension of the curves.
const LEAST_DIMENSION: usize = 450;
/// The modulus of the curves, and the bits of it that the least error covers.
const CURVES_LOG_Q: u32 = 64;
const LEAST_ERROR_BITS: f64 = 2.0;

impl Curve {
    /// log2 of the least standard deviation.
    fn least(&self, dimension: usize) -> f64 {
        let line = self.slope * dimension as f64 + self.intercept;
        line.max(LEAST_ERROR_BITS - f64::from(CURVES_LOG_Q))
    }

    fn holds(&self, lwe: &BinaryLwe) -> bool {
        lwe.log_q <= CURVES_LOG_Q
            && lwe.dimension >= LEAST_DIMENSION
            && lwe.log_deviation >= self.least(lwe.dimension)
    }
}

/// The security of all of these together: the highest level whose curve holds for each of them, or
/// 0 bits when even the lowest does not.
///
/// A smaller modulus with the same error over it is no easier, so that the curves for 2^64 hold for
/// it too. There is no published curve for quantum attacks.
pub fn binary_lwe(all: &[BinaryLwe]) -> Security {
    let curve = CURVES
        .iter()
        .find(|curve| all.iter().all(|lwe| curve.holds(lwe)));
    let curve = curve.filter(|_| !all.is_empty());
    let shown = curve.unwrap_or(&CURVES[CURVES.len() - 1]);
    let each = all.iter().map(|lwe| {
        format!(
            "{}: n = {}, q = 2^{}, error 2^{:.1}, least 2^{:.1}",
            lwe.name,
            lwe.dimension,
            lwe.log_q,
            lwe.log_deviation,
            shown.least(lwe.dimension)
        )
    });
    let each: Vec<String> = each.collect();
    Security {
        protection: Protection::Encrypted,
        bits: curve.map_or(0, |curve| curve.level),
        basis: format!(
            "LWE with binary secrets, errors over q; {}; by the curve for {} bits ({}); {}",
            each.join("; "),
            shown.level,
            shown.source,
            Quantum::NotStated
        ),
        origin: Origin::Computed,
        quantum: Quantum::NotStated,
        ring_lwe: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use LatticeTable::{Guidelines2024, Standard2018};

    #[test]
    fn levels_follow_the_tables() {
        #[track_caller]
        fn check(table: LatticeTable, log_n: u32, log_qp: f64, bits: u32, quantum: Quantum) {
            let security = rlwe(table, log_n, log_qp);
            assert_eq!((security.bits, security.quantum), (bits, quantum));
            assert_eq!(security.contradiction(), None);
        }
        check(Guidelines2024, 13, 214.0, 128, Quantum::Below(128));
        check(Guidelines2024, 13, 214.5, 0, Quantum::Below(128));
        check(Guidelines2024, 13, 161.0, 128, Quantum::AtLeast(128));
        check(Guidelines2024, 13, 147.0, 192, Quantum::AtLeast(128));
        check(Guidelines2024, 15, 868.0, 128, Quantum::Below(128));
        check(Guidelines2024, 15, 400.0, 256, Quantum::AtLeast(192));
        check(Guidelines2024, 16, 1747.0, 128, Quantum::Below(128));
        check(Guidelines2024, 17, 1866.0, 256, Quantum::AtLeast(192));
        check(Guidelines2024, 10, 20.0, 128, Quantum::AtLeast(128));
        check(Guidelines2024, 9, 10.0, 0, Quantum::NotStated);
        check(Standard2018, 13, 218.0, 128, Quantum::Below(128));
        check(Standard2018, 13, 218.5, 0, Quantum::Below(128));
        check(Standard2018, 15, 443.0, 256, Quantum::AtLeast(256));
        check(Standard2018, 16, 10.0, 0, Quantum::NotStated);
    }

    /// A wider modulus, a smaller ring, a higher level and a quantum computer make attacks easier.
    #[test]
    fn tables_are_monotonous() {
        for table in [Guidelines2024, Standard2018] {
            for log_n in 10..=17 {
                for (higher, lower) in [(256, 192), (192, 128)] {
                    let of = |attacks, level| table.bound(attacks, log_n, level).unwrap_or(0);
                    for attacks in [Attacks::Classical, Attacks::Quantum] {
                        let (high, low) = (of(attacks, higher), of(attacks, lower));
                        assert!(high < low || high == 0, "2^{log_n}, {higher}");
                        let smaller = table.bound(attacks, log_n - 1, lower).unwrap_or(0);
                        assert!(smaller < low || low == 0, "2^{log_n}, {lower}");
                    }
                    assert!(of(Attacks::Quantum, lower) <= of(Attacks::Classical, lower));
                }
            }
        }
        for (log_n, level) in (11..=15).flat_map(|n| LEVELS.map(|level| (n, level))) {
            let [new, old] =
                [Guidelines2024, Standard2018].map(|t| rlwe_max_log_qp(t, log_n, level));
            assert!(new.unwrap() < old.unwrap(), "the newer bounds are tighter");
        }
    }

    #[test]
    fn binary_secrets_follow_the_curves() {
        #[track_caller]
        fn check(dimension: usize, log_deviation: f64, bits: u32) {
            let lwe = |dimension, log_deviation| BinaryLwe {
                name: "ciphertexts",
                dimension,
                log_q: 64,
                log_deviation,
            };
            let safe = lwe(2048, -40.0);
            // The weakest of several counts.
            let security = binary_lwe(&[safe, lwe(dimension, log_deviation)]);
            assert_eq!(security.bits, bits, "{}", security.basis);
        }
        // The least errors by hand: -20.193 and -20.914 at 918, -62 where the line is lower.
        check(918, -20.19, 132);
        check(918, -20.20, 128);
        check(918, -20.91, 128);
        check(918, -20.92, 0);
        check(4096, -62.0, 132);
        check(4096, -62.1, 0);
        check(449, -1.0, 0);
        assert_eq!(binary_lwe(&[]).bits, 0);
    }
}
