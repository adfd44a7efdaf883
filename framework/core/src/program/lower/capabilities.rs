//! What a scheme can do, and how it wants the rest to be rewritten.

use std::collections::{BTreeMap, BTreeSet};

use super::super::{Fit, OpKind};

/// How many multiplicative levels an operation takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LevelModel {
    /// The scheme has no levels.
    None,
    /// Products of ciphertexts take one level; so do products with public numbers, unless the
    /// factor is one whole number for all elements.
    Multiplicative,
}

/// How functions that a scheme lacks become polynomials.
#[derive(Clone, Debug, PartialEq)]
pub struct Approximation {
    /// Degree of the sigmoid's polynomial.
    pub sigmoid_degree: usize,
    /// How it is fitted.
    pub fit: Fit,
    /// The sign function, for comparisons: values nearer to 0 than this share of their
    /// magnitude may come out undecided.
    pub sign_margin: f64,
    /// The sign function's largest error on the values that are decided.
    pub sign_error: f64,
}

/// What a scheme can do.
#[derive(Clone, Debug, PartialEq)]
pub struct Capabilities {
    /// Operations that it evaluates itself. Inputs are always accepted; `constant` only where
    /// the scheme accepts a public vector in the place of an encrypted one.
    pub native: BTreeSet<OpKind>,
    /// Whether public factors may differ from element to element.
    pub vector_factors: bool,
    /// Polynomials in place of functions; `None` where products of ciphertexts are missing.
    pub approximation: Option<Approximation>,
    /// How levels are counted.
    pub levels: LevelModel,
    /// Whether functions of one value at the very end, which the scheme lacks, are left to the
    /// client after decryption. Such a run is marked.
    pub client_finishes: bool,
    /// Why an operation is missing; the reason in a refusal.
    pub missing: BTreeMap<OpKind, &'static str>,
    /// The reason for every other missing operation.
    pub missing_otherwise: &'static str,
}

impl Capabilities {
    /// Everything, natively: what the oracle can.
    pub fn everything() -> Self {
        Self {
            native: OpKind::COMPUTING
                .into_iter()
                .chain([OpKind::Constant])
                .collect(),
            vector_factors: true,
            approximation: None,
            levels: LevelModel::None,
            client_finishes: false,
            missing: BTreeMap::new(),
            missing_otherwise: "",
        }
    }

    /// Whether the scheme evaluates `kind` itself.
    pub fn has(&self, kind: OpKind) -> bool {
        self.native.contains(&kind)
    }

    /// The reason for refusing `kind`.
    pub fn reason(&self, kind: OpKind) -> &'static str {
        self.missing
            .get(&kind)
            .copied()
            .unwrap_or(self.missing_otherwise)
    }
}
