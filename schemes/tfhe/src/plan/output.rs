//! Outputs: what is rounded away on decryption, and how much of each word is sent.

use super::scales::Use;
use super::{Events, PlannedOutput, PlannedPart, Planner};
use crate::error::PlanError;
use crate::flatten::{FlatOutput, Part};
use crate::parameters::N;

/// Words of a ciphertext, the body included.
const SIZE_AND_BODY: f64 = (N + 1) as f64;

impl Planner<'_> {
    pub(super) fn output(&self, output: &FlatOutput) -> Result<PlannedOutput, PlanError> {
        let parts = output.parts.iter().map(|part| self.part(part));
        Ok(PlannedOutput {
            parts: parts.collect::<Result<_, _>>()?,
            bias: output.bias.clone(),
        })
    }

    fn part(&self, part: &Part) -> Result<PlannedPart, PlanError> {
        let Part { form, multiple, .. } = part;
        let scale = self.given.form_scale(form, Use::by_part(part));
        // Whole numbers take the whole circle.
        let centre = multiple.map_or(0.0, |m| {
            form.range().low + m * f64::from(63 - scale - m.log2() as i32).exp2()
        });
        let (whole, mut arrival) = self.whole(form, scale, centre, None);
        if let Some(multiple) = multiple {
            arrival.grid = (scale + multiple.log2() as i32).clamp(0, 63) as u32;
        }
        let words = 64f64.exp2();
        let sent_noise = |bits: u32| {
            // Each word of a ciphertext rounded: every secret bit may let one through.
            let unit = f64::from(-(bits as i32)).exp2();
            SIZE_AND_BODY * unit * unit / 12.0
        };
        let half_grid = |grid: u32| f64::from(grid as i32 - 65).exp2();
        let enough_of = self.given.deviations;
        let fits = |deviation: f64, grid: u32| enough_of * deviation < half_grid(grid);
        let bias_on_grid = |grid: u32| {
            whole
                .bias
                .values()
                .iter()
                .all(|b| b.trailing_zeros() >= grid)
        };
        let exact_grid = (arrival.blur == 0.0
            && arrival.grid > 0
            && fits(arrival.deviation, arrival.grid)
            && (multiple.is_some() || bias_on_grid(arrival.grid)))
        .then_some(arrival.grid);
        let enough = |bits: &u32| {
            let added = sent_noise(*bits);
            match exact_grid {
                Some(grid) => fits((arrival.deviation.powi(2) + added).sqrt(), grid),
                None => added <= 0.25 * arrival.deviation.powi(2),
            }
        };
        let sent_bits = (2..8).map(|bytes| 8 * bytes).find(enough).unwrap_or(64);
        let deviation = (arrival.deviation.powi(2) + sent_noise(sent_bits)).sqrt();
        let tolerance = match exact_grid {
            Some(_) => 0.0,
            None => enough_of * deviation * words * f64::from(-scale).exp2() + arrival.blur,
        };
        let magnitude = form.range().magnitude();
        let extent = match (multiple, exact_grid) {
            (Some(_), Some(_)) => 0.0,
            (Some(_), None) => f64::NAN,
            _ => magnitude + arrival.rounding + tolerance,
        };
        // Beyond half a turn the result would wrap around.
        if extent.is_nan() || extent * f64::from(scale - 64).exp2() >= 0.5 {
            return Err(PlanError::DrownedOutput {
                rounding: arrival.rounding,
                tolerance,
                magnitude,
            });
        }
        let least = exact_grid.map_or(enough_of, |grid| half_grid(grid) / deviation);
        Ok(PlannedPart {
            decrypted: Events {
                deviations: least,
                count: whole.length as u64,
            },
            form: whole,
            centre,
            exact_grid,
            sent_bits,
            tolerance,
            rounding: part.rounding.unwrap_or(arrival.rounding),
        })
    }
}
