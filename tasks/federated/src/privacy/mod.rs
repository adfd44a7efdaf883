//! Differential privacy of what is decrypted: whose data a release may not tell, how much noise
//! that takes, and what a run spends.

pub(crate) mod accountant;
pub(crate) mod adversaries;
pub(crate) mod noise;

use hexperiment_scheme::options::{OptionValue, Options};
use hexperiment_task::TaskError;
use strum::{EnumString, IntoStaticStr, VariantNames};

/// Whose contribution is hidden. Neighbouring data differ in one such unit, whose contribution is
/// zeros in one of them (of two that both contribute, a group of two: twice the sensitivity); who
/// takes part, adds noise, and how many samples each has is the same in both, and public.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unit {
    /// All data of one client.
    Client,
    /// One row of one client.
    Record,
}

/// What the option `privacy` asks for.
#[derive(Clone, Copy, PartialEq, Eq, EnumString, IntoStaticStr, VariantNames)]
#[strum(serialize_all = "kebab-case")]
pub(crate) enum Hidden {
    /// Nothing.
    None,
    /// What a [`Unit::Client`] contributes.
    Client,
    /// What a [`Unit::Record`] contributes.
    Record,
}

/// Noise on the aggregate of each round.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Privacy {
    pub(crate) unit: Unit,
    /// Noise on the sum, in units of the most that one unit can contribute.
    pub(crate) multiplier: f64,
    pub(crate) delta: f64,
    /// Clients whose noise may be known to who looks at the aggregate: 1 where a client looks.
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
        let hidden: Hidden = options.choice("privacy")?;
        let unit = match hidden {
            Hidden::Client => Unit::Client,
            Hidden::Record => Unit::Record,
            Hidden::None => {
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
                    <&str>::from(hidden),
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

    /// In words, for the report: after `released` aggregates of `least` updates at least, where
    /// `units` clients or records are to be hidden, of which one adds `sensitivity` at most.
    pub(crate) fn describe(
        self,
        released: usize,
        least: usize,
        units: usize,
        sensitivity: f64,
    ) -> Vec<String> {
        let (unit, units_are, level) = match self.unit {
            Unit::Client => ("all data of one client", "clients", "client-level"),
            Unit::Record => ("one record", "records", "record-level"),
        };
        let whom = match self.colluders {
            0 => "who is no client (a client knows its own noise; for that see `colluders`)".into(),
            1 => "everybody who sees the models, single clients too".into(),
            n => {
                format!("everybody who sees the models, and from {n} clients who pool their noise")
            }
        };
        let mut notes = vec![
            format!(
                "{level} differential privacy of the {released} aggregates of one run: epsilon {:.3} \
                 at delta {:e}, noise multiplier {:.4} of a sensitivity of {sensitivity:.3e}; hides whether {unit} or zeros were added, from \
                 {whom}, but not from who sees single updates (which adversaries do stands below). Each client adds its share of \
                 the noise, of which {least}, less the colluders', make the whole. Noise is of \
                 doubles, then rounded: not safe against an attack on their last bits (Mironov, CCS \
                 2012; a discrete Gaussian, Canonne, Kamath and Steinke, NeurIPS 2020, would be)",
                self.epsilon(released),
                self.delta,
                self.multiplier
            ),
            "epsilon is of one run: every repetition and every row of the table is a new release of \
             the same data, and spends as much again. Numbers of samples, who takes part, means, \
             deviations, filled gaps and choice of features count as public. Quality on the test part, \
             `without_noise`, `centralised`, `local_*`, `clipped`, `one_class_clients` and the copy in \
             the clear are for the researcher and not in the account: a real federation must not tell them"
                .to_owned(),
        ];
        if self.delta * units as f64 >= 1.0 {
            notes.push(format!(
                "delta = {:e} is not below 1 / {units}: telling everything of one in {units} \
                 {units_are} would satisfy it; lower `delta`",
                self.delta
            ));
        }
        notes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn privacy(colluders: usize) -> Privacy {
        Privacy {
            unit: Unit::Client,
            multiplier: 3.0,
            delta: 1e-2,
            colluders,
        }
    }

    /// What any clients but the colluders add makes up the whole.
    #[test]
    fn the_shares_of_the_honest_make_up_the_noise() {
        for (colluders, least) in [(0, 2), (1, 2), (1, 10), (4, 10)] {
            let each = privacy(colluders).deviation_per_client(0.5, least);
            let whole = each * ((least - colluders) as f64).sqrt();
            assert!((whole - 1.5).abs() < 1e-12, "{colluders} {least}: {whole}");
        }
    }

    #[test]
    fn words_tell_from_whom_and_whether_delta_is_too_large() {
        let check = |colluders: usize, units: usize, expect: &str| {
            let notes = privacy(colluders).describe(5, 10, units, 0.1).join("\n");
            assert!(notes.contains(expect), "{notes:?} lacks {expect:?}");
        };
        check(0, 10, "who is no client");
        check(1, 10, "single clients too");
        check(3, 10, "3 clients who pool");
        check(1, 100, "not below 1 / 100");
        check(1, 10, "every repetition and every row");
        assert_eq!(privacy(1).describe(5, 10, 99, 0.1).len(), 2);
    }
}
