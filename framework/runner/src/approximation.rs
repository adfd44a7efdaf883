//! What approximation costs on the rows that are encrypted, told before a run: a polynomial in the place of a function
//! may be far from it, and a scheme that evaluates it to twelve digits evaluates the wrong thing.

use hexperiment_program::OutputId;
use hexperiment_scheme::SchemeError;
use ndarray::Array2;

use crate::compiled::Compiled;

/// The part of what an output's exact values span from which on an error is told of: then rows that differ by a tenth of
/// all there is to tell apart are not told apart.
const USELESS: f64 = 0.1;

/// Outputs that are useless, in words: their approximation and rounding, without noise, is off by more than a tenth of
/// what their exact values span on these tables, and by more than is demanded. Outputs of two values or one are right or
/// wrong, which a metric tells.
pub(crate) fn warnings(
    compiled: &Compiled,
    tables: &[Array2<f64>],
) -> Result<Vec<String>, SchemeError> {
    let lowered = &compiled.lowered;
    let original = lowered.original();
    if tables.len() != original.inputs().len() {
        return Ok(vec![]);
    }
    let exact = original.interpret_any(tables)?;
    let simulated = compiled.circuit.simulate(tables)?;
    let mut told = vec![];
    for (index, (exact, simulated)) in exact.iter().zip(&simulated).enumerate() {
        let id = OutputId::from_index(index);
        let finished = lowered.finish_one(id, simulated)?;
        let output = original.output(id);
        if let Some(off) = Off::of(&finished, exact)
            && off.is_useless(output.precision)
        {
            told.push(format!(
                "`{}` is off by up to {:.2} by approximation, where its exact values span {:.2} ({:.0} %); raise the degrees \
                 of what is approximated, which `explain` shows",
                output.name,
                off.most,
                off.span,
                100.0 * off.most / off.span
            ));
        }
    }
    Ok(told)
}

/// How far values are from the exact ones.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Off {
    most: f64,
    /// Of the exact values, from the least to the greatest.
    span: f64,
}

impl Off {
    /// `None` where the exact values are two or one.
    fn of(found: &Array2<f64>, exact: &Array2<f64>) -> Option<Self> {
        let values = exact.iter().copied().filter(|x| x.is_finite());
        let least = values.clone().reduce(f64::min)?;
        let greatest = values.clone().reduce(f64::max)?;
        let mut values = values;
        if values.all(|x| x == least || x == greatest) {
            return None;
        }
        let pairs = found.iter().zip(exact).filter(|(_, x)| x.is_finite());
        let most = pairs.map(|(a, b)| (a - b).abs()).fold(0.0, |most: f64, x| {
            // What is no number is the greatest.
            if x.is_nan() {
                f64::INFINITY
            } else {
                most.max(x)
            }
        });
        Some(Self {
            most,
            span: greatest - least,
        })
    }

    fn is_useless(self, demanded: f64) -> bool {
        self.most > USELESS * self.span && self.most > demanded
    }
}

#[cfg(test)]
mod tests {
    use ndarray::array;

    use super::*;

    #[test]
    fn what_is_off_by_a_tenth_of_what_there_is_to_tell() {
        let exact = array![[0.0, 0.5, 1.0, f64::NAN]];
        let off = |found: [f64; 4]| Off::of(&array![found], &exact).unwrap();
        let near = off([0.05, 0.5, 1.0, 7.0]);
        assert_eq!((near.most, near.span), (0.05, 1.0));
        assert!(!near.is_useless(1e-6));
        let far = off([0.0, 0.77, 1.0, 0.0]);
        assert!(far.is_useless(1e-6) && !far.is_useless(0.3));
        assert!(off([f64::NAN, 0.5, 1.0, 0.0]).is_useless(1e-6));
        // Classes are right or wrong.
        assert_eq!(Off::of(&array![[0.4, 0.9]], &array![[0.0, 1.0]]), None);
        assert_eq!(Off::of(&array![[0.4]], &array![[f64::NAN]]), None);
    }
}
