//! Parameters that a scheme from outside chose.

use crate::Parameters;
use crate::security::failure::Failure;

/// The highest level of security that is believed: that of the strongest symmetric keys.
const MOST_BITS: u32 = 256;

/// Names and values of parameters, at most, and characters of one and of its value.
const MOST_CHOSEN: usize = 256;

impl Parameters {
    /// The same as the word of a plugin from outside, whose program has so many outputs: ours compute
    /// the level of security from tables, this one can only be believed, and readers are told so.
    ///
    /// # Errors
    ///
    /// What was found and what was expected: a tolerance that is missing or none, a level that nothing
    /// has, a probability that is none, a text that nobody could read.
    pub fn from_outside(self, outputs: usize) -> Result<Self, String> {
        let tolerances = &self.noise_tolerance;
        if tolerances.len() != outputs || tolerances.iter().any(|t| !t.is_finite() || *t < 0.0) {
            return Err(format!(
                "noise_tolerance must hold a number from 0 on for each of the {outputs} outputs, found \
                 {tolerances:?}"
            ));
        }
        let bits = self.security.bits();
        if bits > MOST_BITS {
            return Err(format!(
                "security: found {bits} bits, expected at most {MOST_BITS}: nothing claims more"
            ));
        }
        if let Some(problem) = self.security.contradiction() {
            return Err(format!("security: {problem}"));
        }
        if self.chosen.len() > MOST_CHOSEN {
            return Err(format!(
                "chosen: found {} parameters, expected at most {MOST_CHOSEN}",
                self.chosen.len()
            ));
        }
        for (name, value) in &self.chosen {
            super::text("chosen", name)?;
            super::text("chosen", value)?;
        }
        super::text("security: basis", self.security.basis())?;
        if let Failure::AtMost(log2) = self.failure
            && !(log2.is_finite() && log2 <= 0.0)
        {
            return Err(format!(
                "failure: found {log2} for log2 of a probability, expected a number of at most 0, or \
                 \"impossible\""
            ));
        }
        for shortfall in &self.shortfalls {
            super::text("shortfalls", shortfall)?;
        }
        for candidate in &self.layouts {
            super::text("layouts", &candidate.layout)?;
        }
        super::text("server_sees", &self.server_sees)?;
        super::text(
            "quantisation",
            self.quantisation.as_deref().unwrap_or_default(),
        )?;
        Ok(Self {
            security: self.security.clone().reported(),
            ..self
        })
    }
}
