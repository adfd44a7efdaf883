//! Differential privacy of what is decrypted: whose data a release may not tell, how much noise
//! that takes, and what a run spends.

pub(crate) mod accountant;
pub(crate) mod noise;

use hexperiment_core::options::{OptionValue, Options};
use hexperiment_core::task::TaskError;

/// Whose contribution is hidden. Neighbouring data differ in one such unit, whose contribution is
/// replaced by none; who takes part and how many samples each has is the same in both, and public.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unit {
    /// All data of one client.
    Client,
    /// One row of one client.
    Record,
}

/// Noise on the aggregate of each round.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Privacy {
    pub(crate) unit: Unit,
    /// Noise on the sum, in units of the most that one unit can contribute.
    pub(crate) multiplier: f64,
    pub(crate) delta: f64,
    /// Clients whose noise may be known to who looks at the aggregate.
    pub(crate) colluders: usize,
}

impl Privacy {
    /// Reads the options; with a target, solves for the noise that all `rounds` together need.
    pub(crate) fn read(options: &Options, rounds: usize) -> Result<Option<Self>, TaskError> {
        let number = |name: &str| match options.get(name) {
            Some(OptionValue::Number(x)) => Some(*x),
            _ => None,
        };
        let (noise, target) = (number("noise_multiplier"), number("epsilon"));
        let unit = match options.text("privacy")? {
            "client" => Unit::Client,
            "record" => Unit::Record,
            _ => {
                let given = noise.map(|_| "noise_multiplier");
                return match given.or(target.map(|_| "epsilon")) {
                    None => Ok(None),
                    Some(name) => Err(TaskError::Options(format!(
                        "`{name}` is given, but `privacy = \"none\"`; say whose data it protects: \
                         `privacy = \"client\"` or `\"record\"`"
                    ))),
                };
            }
        };
        let delta = options.number("delta")?;
        let multiplier = match (noise, target) {
            (Some(z), None) => z,
            (None, Some(wanted)) => {
                accountant::multiplier(wanted, rounds, delta).ok_or_else(|| {
                    TaskError::Options(format!(
                        "`epsilon = {wanted}` at `delta = {delta}` over {rounds} rounds takes \
                             noise of more than a million times the sensitivity; raise `epsilon` or \
                             `delta`, or lower `rounds`"
                    ))
                })?
            }
            _ => {
                return Err(TaskError::Options(format!(
                    "`privacy = \"{}\"` needs one of `noise_multiplier` and `epsilon`, found {}",
                    options.text("privacy")?,
                    if noise.is_some() { "both" } else { "neither" }
                )));
            }
        };
        Ok(Some(Self {
            unit,
            multiplier,
            delta,
            colluders: options.integer("colluders")? as usize,
        }))
    }

    /// The standard deviation of each client's noise where the most that one unit adds to the sum
    /// has the norm `sensitivity`. The shares of any `least` clients, less the colluders',
    /// make up the whole.
    pub(crate) fn deviation_per_client(self, sensitivity: f64, least: usize) -> f64 {
        let honest = least.saturating_sub(self.colluders).max(1);
        self.multiplier * sensitivity / (honest as f64).sqrt()
    }

    /// What `released` aggregates spend.
    pub(crate) fn epsilon(self, released: usize) -> f64 {
        accountant::epsilon(self.multiplier, released, self.delta)
    }

    /// In words, for the report.
    pub(crate) fn describe(self, released: usize, least: usize) -> String {
        let (unit, level) = match self.unit {
            Unit::Client => ("all data of one client", "client-level"),
            Unit::Record => ("one record", "record-level"),
        };
        let honest = if self.colluders == 0 {
            "no client tells its noise".into()
        } else {
            format!("at most {} clients tell their noise", self.colluders)
        };
        format!(
            "{level} differential privacy of the {released} aggregates: epsilon {:.3} at delta \
             {:e}, noise multiplier {:.4}; hides {unit}, put in place of nothing, from everybody \
             who sees the models; numbers of samples, who takes part, means, deviations and choice \
             of features count as public and are not in the account. Each client adds its share, of \
             which {least} make the whole, as long as {honest}. Noise is of doubles, then rounded: \
             not safe against an attack on their last bits (Mironov, CCS 2012)",
            self.epsilon(released),
            self.delta,
            self.multiplier
        )
    }
}
