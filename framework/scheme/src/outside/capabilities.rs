//! Capabilities as JSON.

use std::collections::{BTreeMap, BTreeSet};

use hexperiment_program::lower::{Approximation, Capabilities, LevelModel};
use hexperiment_program::{Fit, OpKind};
use serde::{Deserialize, Serialize};

use super::{keep, text};

/// The operations that a scheme has, not yet checked.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CapabilitiesJson {
    native: BTreeSet<OpKind>,
    vector_factors: bool,
    levels: LevelsJson,
    client_finishes: bool,
    #[serde(default)]
    missing: BTreeMap<OpKind, String>,
    missing_otherwise: String,
    #[serde(default)]
    approximation: Option<ApproximationJson>,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum LevelsJson {
    None,
    Multiplicative,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct ApproximationJson {
    sigmoid_degree: usize,
    fit: Fit,
    sign_margin: f64,
    sign_error: f64,
    #[serde(default = "max_degrees")]
    max_degrees: Vec<usize>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    comparison_degrees: Option<Vec<usize>>,
}

fn max_degrees() -> Vec<usize> {
    Approximation::MAX_DEGREES.to_vec()
}

impl From<&Capabilities> for CapabilitiesJson {
    fn from(c: &Capabilities) -> Self {
        Self {
            native: c.native.clone(),
            vector_factors: c.vector_factors,
            levels: match c.levels {
                LevelModel::None => LevelsJson::None,
                LevelModel::Multiplicative => LevelsJson::Multiplicative,
            },
            client_finishes: c.client_finishes,
            missing: c.missing.iter().map(|(k, v)| (*k, (*v).into())).collect(),
            missing_otherwise: c.missing_otherwise.into(),
            approximation: c.approximation.as_ref().map(|a| ApproximationJson {
                sigmoid_degree: a.sigmoid_degree,
                fit: a.fit,
                sign_margin: a.sign_margin,
                sign_error: a.sign_error,
                max_degrees: a.max_degrees.clone(),
                comparison_degrees: a.comparison_degrees.clone(),
            }),
        }
    }
}

/// The largest degree of a sigmoid that a plugin may ask for: beyond it fitting takes longer than
/// any evaluation would.
const LARGEST_DEGREE: usize = 1023;

impl CapabilitiesJson {
    /// The capabilities, if lowering can work with them. Keeps the reasons for good.
    ///
    /// # Errors
    ///
    /// What was found and what was expected: a number that lowering cannot work with, or a text that
    /// nobody could read.
    pub fn checked(self) -> Result<Capabilities, String> {
        let share = |what: &str, x: f64| {
            if x > 0.0 && x < 1.0 {
                Ok(x)
            } else {
                Err(format!("{what} is {x}, expected a number between 0 and 1"))
            }
        };
        let degrees = |what: &str, list: Vec<usize>| {
            Approximation::check_degrees(&list).map_err(|why| format!("{what}: {why}"))?;
            Ok::<_, String>(list)
        };
        text("missing_otherwise", &self.missing_otherwise)?;
        for (kind, why) in &self.missing {
            text(&format!("missing {kind}"), why)?;
        }
        let approximation = self.approximation.map(|a| {
            if !(1..=LARGEST_DEGREE).contains(&a.sigmoid_degree) {
                return Err(format!(
                    "sigmoid_degree is {}, expected 1 to {LARGEST_DEGREE}",
                    a.sigmoid_degree
                ));
            }
            Ok(Approximation {
                sigmoid_degree: a.sigmoid_degree,
                fit: a.fit,
                sign_margin: share("sign_margin", a.sign_margin)?,
                sign_error: share("sign_error", a.sign_error)?,
                max_degrees: degrees("max_degrees", a.max_degrees)?,
                comparison_degrees: a
                    .comparison_degrees
                    .map(|d| degrees("comparison_degrees", d))
                    .transpose()?,
            })
        });
        Ok(Capabilities {
            native: self.native,
            vector_factors: self.vector_factors,
            approximation: approximation.transpose()?,
            levels: match self.levels {
                LevelsJson::None => LevelModel::None,
                LevelsJson::Multiplicative => LevelModel::Multiplicative,
            },
            client_finishes: self.client_finishes,
            missing: self
                .missing
                .iter()
                .map(|(kind, why)| (*kind, keep(why)))
                .collect(),
            missing_otherwise: keep(&self.missing_otherwise),
        })
    }
}
