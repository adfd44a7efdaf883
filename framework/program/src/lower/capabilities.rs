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
    /// Odd degrees of the polynomials whose composition stands for the sign within `max`, `min`,
    /// `relu` and `abs`, the first to be applied first; their margin makes the result's error
    /// least. Not empty.
    pub max_degrees: Vec<usize>,
    /// Odd degrees for `sign`, `step` and `compare`; if left out, those of least depth that keep
    /// `sign_error` are found.
    pub comparison_degrees: Option<Vec<usize>>,
    /// The sign function, for comparisons: values nearer to 0 than this share of their
    /// magnitude may come out undecided.
    pub sign_margin: f64,
    /// The sign function's largest error on the values that are decided; not for
    /// `comparison_degrees`, which have the error that they have.
    pub sign_error: f64,
}

impl Approximation {
    /// The polynomials for `max` where nobody says otherwise: 11 levels for an error of 0.09 % of
    /// the operands' range.
    pub const MAX_DEGREES: [usize; 3] = [7, 7, 13];
    /// The largest degree of one of the polynomials that make up a sign.
    pub const LARGEST_SIGN_DEGREE: usize = 63;
    /// The most polynomials that make up a sign.
    pub const LONGEST_SIGN: usize = 12;

    /// Whether these can be the degrees of a sign's polynomials; why not, otherwise.
    ///
    /// # Errors
    /// What was found and what was expected: no degree, more than [`Self::LONGEST_SIGN`], or one
    /// that is even, below 3 or above [`Self::LARGEST_SIGN_DEGREE`].
    pub fn check_degrees(degrees: &[usize]) -> Result<(), String> {
        if degrees.is_empty() || degrees.len() > Self::LONGEST_SIGN {
            let (found, most) = (degrees.len(), Self::LONGEST_SIGN);
            return Err(format!("found {found} degrees, expected 1 to {most}"));
        }
        let fits = |d: &&usize| **d % 2 == 1 && (3..=Self::LARGEST_SIGN_DEGREE).contains(*d);
        match degrees.iter().find(|d| !fits(d)) {
            None => Ok(()),
            Some(degree) => Err(format!(
                "found degree {degree}, expected odd numbers from 3 to {}",
                Self::LARGEST_SIGN_DEGREE
            )),
        }
    }

    /// Degrees as people write them, `7,7,13`.
    ///
    /// # Errors
    /// What was found and what was expected: a part that is no whole number, or degrees that
    /// [`Self::check_degrees`] refuses.
    pub fn parse_degrees(text: &str) -> Result<Vec<usize>, String> {
        let number = |part: &str| {
            let part = part.trim();
            let wrong = |_| format!("found `{part}`, expected degrees such as `7,7,13`");
            part.parse().map_err(wrong)
        };
        let degrees = text.split(',').map(number).collect::<Result<Vec<_>, _>>()?;
        Self::check_degrees(&degrees)?;
        Ok(degrees)
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn degrees_are_read_or_the_reason_is_told() {
        let read = |text| Approximation::parse_degrees(text);
        assert_eq!(read("7"), Ok(vec![7]));
        assert_eq!(read(" 7, 15 ,63"), Ok(vec![7, 15, 63]));
        for (text, found) in [
            ("", "found ``"),
            ("7,,7", "found ``"),
            ("7;7", "found `7;7`"),
            ("-7", "found `-7`"),
            ("7.0", "found `7.0`"),
            ("99999999999999999999", "found `99999999999999999999`"),
            ("0", "found degree 0"),
            ("1", "found degree 1"),
            ("7,2", "found degree 2"),
            ("64", "found degree 64"),
            ("65", "found degree 65"),
            ("3,3,3,3,3,3,3,3,3,3,3,3,3", "found 13 degrees"),
        ] {
            let why = read(text).unwrap_err();
            assert!(why.starts_with(found), "{why}");
            assert!(why.contains("expected"), "{why}");
        }
    }
}
